// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guests' clocks. Host clocks are passed through; the virtual clock counts instructions as
 * nanoseconds from a fixed date, so that the same program sees the same times on every run.
 */
#include <errno.h>
#include <sys/resource.h>

#include "linux/task.h"

/* Where virtual time starts: 2025-01-01 00:00:00 UTC, 1000 s after boot. */
#define VIRTUAL_EPOCH_NS (UINT64_C(1735689600) * CLOCK_NS_PER_S)
#define VIRTUAL_UPTIME_NS (UINT64_C(1000) * CLOCK_NS_PER_S)

/* A CPU-time clock of some process as an id (clock_getcpuclockid(3)): ~pid << 3 | flags. */
enum { CPUCLOCK_PERTHREAD = 4, CPUCLOCK_WHICH = 3, CPUCLOCK_VIRT = 1, CPUCLOCK_WHICH_MAX = 2 };

static uint64_t from_timespec(const struct timespec *ts)
{
    return (uint64_t)ts->tv_sec * CLOCK_NS_PER_S + (uint64_t)ts->tv_nsec;
}

static uint64_t from_timeval(const struct timeval *tv)
{
    return (uint64_t)tv->tv_sec * CLOCK_NS_PER_S + (uint64_t)tv->tv_usec * 1000;
}

static uint64_t host_now(clockid_t id)
{
    struct timespec ts = {0};
    clock_gettime(id, &ts);
    return from_timespec(&ts);
}

/* The host's CPU time that is not charged yet. The sum is true to the moment; the system's part is
 * known to the host's last tick only, and never more than the sum. */
static void uncharged(const struct clock *clock, uint64_t *utime_ns, uint64_t *stime_ns)
{
    struct rusage usage = {0};
    uint64_t sum = host_now(CLOCK_THREAD_CPUTIME_ID) - clock->charged_ns;
    getrusage(RUSAGE_THREAD, &usage);
    uint64_t stime = from_timeval(&usage.ru_stime);
    stime = stime > clock->charged_stime_ns ? stime - clock->charged_stime_ns : 0;
    *stime_ns = stime < sum ? stime : sum;
    *utime_ns = sum - *stime_ns;
}

static void charge(struct clock *clock, uint64_t utime_ns, uint64_t stime_ns)
{
    clock->charged_ns += utime_ns + stime_ns;
    clock->charged_stime_ns += stime_ns;
}

void clock_create(bool is_virtual, struct clock *out)
{
    uint64_t utime, stime;
    *out = (struct clock){.is_virtual = is_virtual, .boot_ns = host_now(CLOCK_MONOTONIC)};
    uncharged(out, &utime, &stime);
    charge(out, utime, stime);
}

bool clock_is_cpu_time(clockid_t id)
{
    return id < 0 || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID;
}

static bool is_wall_clock(clockid_t id)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_TAI:
        return true;
    default:
        return false;
    }
}

static bool counts_from_epoch(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_REALTIME_ALARM ||
           id == CLOCK_TAI;
}

static uint64_t wall_now(const struct linux_system *system, clockid_t id)
{
    const struct clock *clock = &system->clock;
    if (!clock->is_virtual)
        return host_now(id);
    uint64_t since = clock->ran_ns + clock->slept_ns;
    return since + (counts_from_epoch(id) ? VIRTUAL_EPOCH_NS : VIRTUAL_UPTIME_NS);
}

/* Whose time a clock tells: a task's, or a whole process's. Errors: -EINVAL. */
static int cpu_clock_of(const struct linux_system *system, clockid_t id, const struct task **task,
                        const struct process **process)
{
    bool is_thread = id < 0 ? id & CPUCLOCK_PERTHREAD : id == CLOCK_THREAD_CPUTIME_ID;
    int pid = id < 0 ? ~(id >> 3) : 0;
    *task = is_thread && pid ? task_find(system, pid) : system->current;
    *process = *task ? (*task)->process : NULL;
    if (is_thread)
        return *task ? 0 : -EINVAL;
    *task = NULL;
    if (pid)
        *process = process_find(system, pid);
    return *process ? 0 : -EINVAL;
}

static int cpu_now(const struct linux_system *system, clockid_t id, uint64_t *ns)
{
    const struct process *process;
    const struct task *task;
    uint64_t utime, stime;
    int which = id < 0 ? id & CPUCLOCK_WHICH : CPUCLOCK_WHICH_MAX;
    int rc = cpu_clock_of(system, id, &task, &process);
    if (rc < 0 || which > CPUCLOCK_WHICH_MAX)
        return -EINVAL;
    if (task)
        clock_task_time(system, task, &utime, &stime);
    else
        clock_cpu_time(system, process, &utime, &stime);
    *ns = which == CPUCLOCK_VIRT ? utime : utime + stime;
    return 0;
}

int clock_now(const struct linux_system *system, clockid_t id, uint64_t *ns)
{
    if (clock_is_cpu_time(id))
        return cpu_now(system, id, ns);
    if (!is_wall_clock(id))
        return -EINVAL;
    *ns = wall_now(system, id);
    return 0;
}

int clock_resolution(clockid_t id, uint64_t *ns)
{
    if (!clock_is_cpu_time(id) && !is_wall_clock(id))
        return -EINVAL;
    *ns = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ? 4000000 : 1;
    return 0;
}

uint64_t clock_monotonic(const struct linux_system *system)
{
    return wall_now(system, CLOCK_MONOTONIC);
}

uint64_t clock_to_monotonic(const struct linux_system *system, clockid_t id, uint64_t ns)
{
    uint64_t now = wall_now(system, id), monotonic = clock_monotonic(system);
    if (ns <= now)
        return monotonic;
    uint64_t ahead = ns - now;
    return ahead > UINT64_MAX - 1 - monotonic ? UINT64_MAX - 1 : monotonic + ahead;
}

void clock_ran(struct linux_system *system, uint64_t instructions)
{
    system->clock.ran_ns += instructions;
}

void clock_sleep_until(struct linux_system *system, uint64_t ns)
{
    uint64_t now = clock_monotonic(system);
    if (system->clock.is_virtual && ns > now)
        system->clock.slept_ns += ns - now;
}

/* Adds what is not charged yet. */
static void add_uncharged(const struct clock *clock, uint64_t *utime_ns, uint64_t *stime_ns)
{
    uint64_t utime, stime;
    uncharged(clock, &utime, &stime);
    *utime_ns += utime;
    *stime_ns += stime;
}

void clock_cpu_time(const struct linux_system *system, const struct process *process,
                    uint64_t *utime_ns, uint64_t *stime_ns)
{
    *utime_ns = process->utime_ns;
    *stime_ns = process->stime_ns;
    if (system->clock.is_virtual)
        *utime_ns = process->counters.instructions;
    else if (system->current && system->current->process == process)
        add_uncharged(&system->clock, utime_ns, stime_ns);
}

void clock_task_time(const struct linux_system *system, const struct task *task, uint64_t *utime_ns,
                     uint64_t *stime_ns)
{
    *utime_ns = task->utime_ns;
    *stime_ns = task->stime_ns;
    if (system->clock.is_virtual)
        *utime_ns = task->instructions;
    else if (system->current == task)
        add_uncharged(&system->clock, utime_ns, stime_ns);
}

void clock_charge(struct linux_system *system)
{
    uint64_t utime, stime;
    struct task *task = system->current;
    struct process *process = task ? task->process : NULL;
    if (system->clock.is_virtual) {
        if (process) {
            process->utime_ns = process->counters.instructions;
            task->utime_ns = task->instructions;
        }
        return;
    }
    uncharged(&system->clock, &utime, &stime);
    charge(&system->clock, utime, stime);
    if (process) {
        process->utime_ns += utime;
        process->stime_ns += stime;
        task->utime_ns += utime;
        task->stime_ns += stime;
    }
}
