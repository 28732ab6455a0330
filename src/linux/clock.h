// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guests' clocks. Normally the host's; in a reproducible system a virtual clock that advances
 * one nanosecond an instruction and jumps ahead when all tasks sleep.
 */
#ifndef LINUX_CLOCK_H
#define LINUX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct linux_system;
struct process;
struct task;

#define CLOCK_NS_PER_S ((uint64_t)1000000000)

struct clock {
    bool is_virtual;
    uint64_t ran_ns;   /* virtual: instructions of all processes so far, one a nanosecond */
    uint64_t slept_ns; /* virtual: added to the instruction count */
    uint64_t boot_ns;  /* host CLOCK_MONOTONIC at creation */
    uint64_t charged_ns,
        charged_stime_ns; /* host CPU time charged to processes, and the system's */
};

void clock_create(bool is_virtual, struct clock *out);

/* Nanoseconds on a clock id. `current` of the system is who CPU-time clocks speak of.
 * Errors: -EINVAL unknown clock. */
int clock_now(const struct linux_system *system, clockid_t id, uint64_t *ns);
/* Resolution in ns. Errors: -EINVAL unknown clock. */
int clock_resolution(clockid_t id, uint64_t *ns);
/* The guest's CLOCK_MONOTONIC. */
uint64_t clock_monotonic(const struct linux_system *system);
/* The moment `ns` of clock `id` (not a CPU-time clock), on the guest's CLOCK_MONOTONIC. */
uint64_t clock_to_monotonic(const struct linux_system *system, clockid_t id, uint64_t ns);
bool clock_is_cpu_time(clockid_t id);

/* The current process ran: `instructions` more. */
void clock_ran(struct linux_system *system, uint64_t instructions);
/* Virtual: jumps ahead to `ns` of CLOCK_MONOTONIC if that is in the future. */
void clock_sleep_until(struct linux_system *system, uint64_t ns);
/* CPU time of a process until now, in ns. */
void clock_cpu_time(const struct linux_system *system, const struct process *process,
                    uint64_t *utime_ns, uint64_t *stime_ns);
/* The same of one task. */
void clock_task_time(const struct linux_system *system, const struct task *task, uint64_t *utime_ns,
                     uint64_t *stime_ns);
/* Charges the CPU time used since the last call to the current task and its process (utime_ns,
 * stime_ns). */
void clock_charge(struct linux_system *system);

#endif
