// SPDX-License-Identifier: GPL-2.0-or-later
/* What the two files of socket calls share. */
#ifndef LINUX_SYSCALL_SOCKET_H
#define LINUX_SYSCALL_SOCKET_H

#include <sys/socket.h>

#include "linux/fd.h"
#include "linux/task.h"

struct socket_address {
    struct sockaddr_storage bytes;
    socklen_t len;
};

/* A copy of the descriptor's entry, as the table may change while a call waits. Errors: -EBADF,
 * -ENOTSOCK. */
int socket_entry(struct task *task, int fd, struct fd_entry *out);
/* A guest's address, as the host is to see it; `is_new`: to be bound. Errors: -EINVAL, -EFAULT, and
 * of unix_name_to_host(). */
int socket_read_address(struct task *task, uint64_t addr, uint64_t len, bool is_new,
                        struct socket_address *out);
/* Stores an address and its length, cut to the room the guest says there is; nothing if either
 * pointer is 0. Errors: -EINVAL, -EFAULT. */
int socket_write_address(struct task *task, struct socket_address *address, uint64_t addr,
                         uint64_t len_addr);

#endif
