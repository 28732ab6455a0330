// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers of processes and tasks; process_find() and task_find() are declared in task.h. */
#ifndef LINUX_PID_H
#define LINUX_PID_H

#include "linux/task.h"

/* A number that nothing has. There are more numbers than processes and threads can be. */
int pid_take(struct linux_system *system);

/* Makes the process or task findable by its number; and no longer. */
void pid_add_process(struct process *process);
void pid_remove_process(struct process *process);
void pid_add_task(struct task *task);
void pid_remove_task(struct task *task);
/* Gives the task another number: a thread that calls execve(2) becomes the first. */
void pid_change_task(struct task *task, int tid);

#endif
