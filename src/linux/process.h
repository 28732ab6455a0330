// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes as the rest of the room makes and ends them; what others may do is in task.h. */
#ifndef LINUX_PROCESS_H
#define LINUX_PROCESS_H

#include "linux/task.h"

/* A task of the process, at the end of the run queue, with fresh registers. Errors: -ENOMEM. */
int task_create(struct process *process, int tid, struct task **out);

/* Forgets an ended process. => process_reap() took its tasks; it is off the system's list */
void process_destroy(struct process *process);

#endif
