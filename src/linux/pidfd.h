// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors of processes: pidfd_open(2), CLONE_PIDFD. They become readable when it ends. */
#ifndef LINUX_PIDFD_H
#define LINUX_PIDFD_H

#include "linux/task.h"

/* Installs a pidfd of the process, close-on-exec; `flags` may have O_NONBLOCK. Result: the
 * descriptor, -EMFILE, -ENFILE. */
int pidfd_install(struct task *task, struct process *process, int flags);
/* The pid that a descriptor is of, also of one that was waited for. Errors: -EBADF. */
int pidfd_pid(struct task *task, int fd);
/* The process, or NULL if it was waited for or `fd` is no pidfd. */
struct process *pidfd_process(struct task *task, int fd);
bool pidfd_is_nonblocking(struct task *task, int fd);

/* The process has ended: its pidfds become readable. */
void pidfds_tell_end(struct process *process);
/* The process goes: its pidfds are of nobody any more. */
void pidfds_let_go(struct process *process);

#endif
