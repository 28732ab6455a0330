// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process's timers: alarm and setitimer(2)'s three, and those of timer_create(2). Real-time ones
 * are kept on the guest's CLOCK_MONOTONIC; a single host timer for the earliest of all wakes
 * pagewalk (hostsig.c), or, in a reproducible system, the run loop stops at that instruction.
 */
#ifndef LINUX_TIMER_H
#define LINUX_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "linux/task.h"

struct process_timers;

#define TIMER_NEVER UINT64_MAX

/* A timer's setting in ns. value 0: disarmed. */
struct timer_setting {
    uint64_t value, interval;
};

/* itimers: which is ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF. */
void timer_get_itimer(struct process *process, int which, struct timer_setting *out);
void timer_set_itimer(struct process *process, int which, const struct timer_setting *setting,
                      struct timer_setting *old);

/* How a POSIX timer tells of its expiry. */
struct timer_notify {
    int method; /* SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD_ID */
    int signal;
    int tid; /* SIGEV_THREAD_ID */
    uint64_t value;
    bool value_is_id; /* no sigevent was given: the value is the timer's id */
};

/* Errors: -EINVAL no such timer or clock, -EAGAIN too many. */
int timer_create_posix(struct process *process, clockid_t clock, const struct timer_notify *notify);
int timer_delete_posix(struct process *process, int id);
int timer_set_posix(struct process *process, int id, bool absolute,
                    const struct timer_setting *setting, struct timer_setting *old);
int timer_get_posix(struct process *process, int id, struct timer_setting *out);
int timer_overrun_posix(struct process *process, int id);
/* A signal of timer `id` is being delivered: its overrun count until now. */
int timer_take_overrun(struct process *process, int id);

/* Sends the signals of all timers of the process that are due. */
void timers_run(struct process *process);
void timers_run_all(struct linux_system *system);
/* The earliest real-time deadline of all processes, on the guest's CLOCK_MONOTONIC. */
uint64_t timers_next(const struct linux_system *system);

void timers_exec(struct process *process);    /* exec deletes POSIX timers, keeps itimers */
void timers_destroy(struct process *process); /* at exit */

#endif
