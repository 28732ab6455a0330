// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes as the rest of the room makes and ends them; what others may do is in task.h. */
#ifndef LINUX_PROCESS_H
#define LINUX_PROCESS_H

#include "linux/task.h"

enum { INIT_PID = 1 /* what is outside: the parent, and session, of what the user starts */ };

/* ---- process.c ---- */

/* A process without anything but a number and a place in the system's lists. */
struct process *process_make(struct linux_system *system, int pid);

/* A task of the process, at the end of the run queue, with fresh registers. Errors: -ENOMEM. */
int task_create(struct process *process, int tid, struct task **out);
/* The same with a copy of a task's registers, mask and name. It begins where that task's call
 * returns. Errors: -ENOMEM. */
int task_create_copy(struct process *process, struct task *of, int tid, struct task **out);
/* A thread beside the task. Errors: -EAGAIN too many, -ENOMEM. */
int task_create_thread(struct task *task, struct task **out);

/* Bytes of memory that it may lock: RLIMIT_MEMLOCK, and at most three quarters of RAM. */
uint64_t process_lock_limit(const struct process *process);

/* ---- fork.c ---- */

/*
 * A child of the task's process, or with CLONE_PARENT a sibling, with one task that is a copy of
 * this one. `flags` as clone(2) has them, checked: what they do not share is copied. Errors:
 * -EAGAIN too many processes, -ENOMEM.
 */
int process_fork(struct task *task, uint64_t flags, int exit_signal, struct process **out);

/* Gives the process a descriptor table of its own, if it shares one. Errors: -ENOMEM. */
int process_unshare_fds(struct process *process);

/* ---- exit.c ---- */

/* Ends all other tasks of the task's process at once, as execve(2) does. => the task runs */
void task_exit_others(struct task *task);
/* The task lets go of the memory it was in, by execve(2) or at its end: locks it holds there pass
 * on, and whoever waits for its end is told. */
void task_leave_memory(struct task *task);
/* The process has let go of the space that it borrowed by vfork(2): its parent goes on. */
void process_end_vfork(struct process *process);
/* Takes a process that never ran off the lists. */
void process_undo(struct process *process);
/* A zombie was waited for, or nobody will: it is only a record from now on. */
void process_forget(struct process *process);
void process_add_counters(struct counters *sum, const struct counters *more);
/* Forgets a record, or at the system's end anything. => it has no tasks and holds nothing */
void process_destroy(struct process *process);

#endif
