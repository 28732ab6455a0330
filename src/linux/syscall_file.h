// SPDX-License-Identifier: GPL-2.0-or-later
/* How calls hand new descriptors to a guest (syscall_file.c). */
#ifndef LINUX_SYSCALL_FILE_H
#define LINUX_SYSCALL_FILE_H

#include "linux/fd.h"
#include "linux/task.h"

/* RLIMIT_NOFILE's soft value. */
uint64_t file_limit(const struct task *task);
/* Gives the guest a host descriptor under the lowest free number. `host` may be an -errno, which is
 * then the result. Errors: -EMFILE, and the descriptor is closed. */
int64_t file_install(struct task *task, int64_t host, bool cloexec);
/* Two at once, whose numbers are stored as two ints at `addr`. Errors: -EMFILE, -EFAULT, and
 * neither is open then. */
int64_t file_install_pair(struct task *task, int host[2], bool cloexec, uint64_t addr);
/* A duplicate at or above `from`. Errors: -EBADF, -EINVAL, -EMFILE. */
int64_t file_dup(struct task *task, int fd, int from, bool cloexec);

#endif
