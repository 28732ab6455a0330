// SPDX-License-Identifier: GPL-2.0-or-later
/* What the calls that move bytes have in common (syscall_io.c). */
#ifndef LINUX_SYSCALL_IO_H
#define LINUX_SYSCALL_IO_H

#include "linux/task.h"
#include "linux/user.h"

struct fd_entry;

/* Bytes that move through a host buffer at once; a multiple of the page size. */
enum { IO_PIECE = 64 * 1024 };

/* May a read or write of this descriptor wait for somebody else? */
bool io_may_block(const struct fd_entry *entry);
/* Is its O_NONBLOCK set? */
bool io_is_nonblocking(int host);

/*
 * Waits until `events` (POLLIN, POLLOUT) are there, with a socket's own timeout. Result: 0, -EAGAIN
 * at the timeout, -ERESTARTSYS.
 */
int io_wait(struct task *task, const struct fd_entry *entry, short events);

/* How much of a write of `len` bytes at `offset` (-1: the position) the process's RLIMIT_FSIZE
 * allows. Result: bytes; -EFBIG, with SIGXFSZ sent, if none. */
int64_t io_within_limit(struct task *task, const struct fd_entry *entry, int64_t offset,
                        uint64_t len);

/* What writing gave, with SIGPIPE sent if it was -EPIPE. */
int64_t io_broken_pipe(struct task *task, int64_t result);

/* A transfer between descriptor and vector. `offset` -1: at the descriptor's position. `flags` are
 * RWF_*. Result: bytes moved, or -errno. */
int64_t io_read(struct task *task, int fd, struct user_vec *vec, int64_t offset, int flags);
int64_t io_write(struct task *task, int fd, struct user_vec *vec, int64_t offset, int flags);

/* Tell mapped files of a transfer that went by without io_read() and io_write(); `offset` -1: it
 * began (read) or ended (write) at the descriptor's position. */
int io_before_read(struct task *task, const struct fd_entry *entry, int64_t offset, uint64_t len);
void io_after_write(struct task *task, const struct fd_entry *entry, int64_t offset, uint64_t len);

#endif
