// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Record locks of fcntl(2), which belong to a process and an inode. All guests are one process to
 * the host, so each descriptor table keeps, for each file it has locked, one open file description
 * of its own and takes open-file-description locks through it. Closing any descriptor of the file
 * drops them, as POSIX says; descriptors that pagewalk itself opens and closes do not.
 */
#ifndef LINUX_FD_LOCK_H
#define LINUX_FD_LOCK_H

#include <stdbool.h>

struct flock;

struct fd_locks {
    struct fd_lock *first;
};

void fd_locks_create(struct fd_locks *out);
void fd_locks_destroy(struct fd_locks *locks);

/* F_GETLK, F_SETLK (`command`) as fcntl(2); never blocks. Result: 0, -EAGAIN if another holds it,
 * -EBADF, -EINVAL ... */
int fd_locks_control(struct fd_locks *locks, int host, int command, struct flock *lock);

/* Is this one of the locks that the table holds on the file of `host`? `lock` as F_GETLK tells it.
 */
bool fd_locks_hold(const struct fd_locks *locks, int host, const struct flock *lock);

/* Called before any descriptor of the table is closed. */
void fd_locks_before_close(struct fd_locks *locks, int host);

#endif
