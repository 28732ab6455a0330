// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who runs next, and who waits for what. Every task is in one of four places: running, in the ready
 * queue (round robin), waiting in the middle of a system call, or stopped by job control or its
 * tracer when its turn came. A call that must wait does
 * so in sched_wait() alone; it runs on a fiber of its own (base/fiber.h), so the others go on
 * meanwhile. The host is waited for only when nobody is ready, for all waiting tasks at once.
 *
 * Invariants, checked by sched_is_valid():
 *   Q1  a task is in at most one queue, and its `queue` says which
 *   Q2  a task in the waiting queue has a `wait`
 *   Q3  nfds is the number of descriptors that waiting tasks wait for
 *   Q4  no waiting task's deadline is before next_deadline
 */
#ifndef LINUX_SCHEDULE_H
#define LINUX_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct linux_system;
struct process;
struct task;
struct pollfd;

/* What a task waits for: any of it ends the wait. */
struct task_wait {
    struct pollfd *fds;    /* host descriptors; revents tell what happened */
    unsigned nfds;         /* 0: none */
    uint64_t deadline_ns;  /* on the guest's CLOCK_MONOTONIC; TIMER_NEVER: none */
    bool is_killable_only; /* of signals only SIGKILL ends the wait */
    int result;            /* schedule.c's */
};

void sched_create(struct linux_system *system);
void sched_destroy(struct linux_system *system);

/* Puts a new task at the end of the ready queue; takes a task that ends off its queue. */
void sched_add(struct task *task);
void sched_remove(struct task *task);

/* The next task to run, taken off the ready queue; waits in the host until there is one. => there
 * is a task */
struct task *sched_next(struct linux_system *system);
/* The task's turn is over: to the end of the ready queue, unless it waits or ends. */
void sched_put(struct task *task);

/* Runs the system call that the task's registers ask for, or goes on with the one it waits in.
 * Result: it is over. => the task is the running one, or ends */
bool sched_call(struct task *task);

/* The task's program cannot go on: runs fn(task), which may wait, on a fiber first. */
void sched_run(struct task *task, void (*fn)(void *task));

/*
 * Waits, while others run. Result: > 0: descriptors that are ready, or 1 if sched_wake() ended the
 * wait; 0 at the deadline; -ERESTARTSYS: a signal is pending for the task, or it ends.
 */
int sched_wait(struct task *task, struct task_wait *wait);
/* Ends the task's wait, or says why it ended if the task has not run since. => it waits */
void sched_wake(struct task *task);
/* The host descriptor, which the task's call uses while it waits, stays open until the call's end,
 * whatever other threads close. sched_wait() does so for those it waits for. */
void sched_keep_open(struct task *task, int host);
/* The task's call takes over a descriptor that is nobody else's: it is closed at the call's end. */
void sched_hold(struct task *task, int host);
/* The descriptors that the task's call kept are given back. sched_call() does so; for calls that
 * are made without it. */
void sched_end_call(struct task *task);
/* Signals were sent, or another task must now take them: waiting tasks look again. */
void sched_signal(struct process *process);
/* The process ends. */
void sched_forget(struct process *process);
/* A stopped process goes on: its tasks are ready. */
void sched_resume(struct process *process);
/* The same for a task that its tracer stopped, wherever it is. */
void sched_resume_task(struct task *task);
/* The earliest deadline of all waiting tasks, or earlier. */
uint64_t sched_deadline(const struct linux_system *system);

/* Does it wait for its turn only? */
bool sched_is_ready(const struct task *task);
bool sched_is_valid(const struct linux_system *system);

#endif
