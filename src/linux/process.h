// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes as the rest of the room makes and ends them; what others may do is in task.h. */
#ifndef LINUX_PROCESS_H
#define LINUX_PROCESS_H

#include "linux/task.h"

/* A task of the process, at the end of the run queue, with fresh registers. Errors: -ENOMEM. */
int task_create(struct process *process, int tid, struct task **out);

/* A thread beside the task: same process, a copy of its registers, mask and name. It begins where
 * the task's call returns. Errors: -EAGAIN too many, -ENOMEM. */
int task_create_thread(struct task *task, struct task **out);

/* Ends all other tasks of the task's process at once, as execve(2) does. => the task runs */
void task_exit_others(struct task *task);

/* Forgets an ended process. => process_reap() took its tasks; it is off the system's list */
void process_destroy(struct process *process);

#endif
