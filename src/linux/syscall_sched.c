// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls about scheduling, priorities, limits and usage. There is one CPU, and the run loop
 * knows no priorities: what a guest sets is checked and remembered, not obeyed.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <unistd.h>

#include "linux/syscall_calls.h"
#include "linux/timespec.h"
#include "linux/usage.h"
#include "linux/user.h"

enum {
    NICE_MIN = -20,
    NICE_MAX = 19,
    RT_PRIORITY_MIN = 1,
    RT_PRIORITY_MAX = 99,
    NS_PER_TICK = 10000000, /* of times(2): 100 a second */
    SCHED_DEADLINE_POLICY = 6,
    NR_OPEN = 1 << 20, /* highest RLIMIT_NOFILE */
};
#define RR_INTERVAL_NS ((uint64_t)100000000)

/* ---- CPUs ---- */

static int check_tid(struct task *task, int tid)
{
    if (tid < 0)
        return -EINVAL;
    return tid == 0 || task_find(task->process->system, tid) ? 0 : -ESRCH;
}

int64_t sys_sched_yield(struct task *task, const uint64_t args[6])
{
    task->yields = true;
    return 0;
}

int64_t sys_sched_getaffinity(struct task *task, const uint64_t args[6])
{
    uint64_t cpus = 1;
    int rc = check_tid(task, (int)args[0]);
    if (rc < 0)
        return rc == -EINVAL ? -ESRCH : rc;
    if (args[1] < sizeof cpus || args[1] % sizeof cpus != 0)
        return -EINVAL;
    rc = user_write(task, args[2], &cpus, sizeof cpus);
    return rc < 0 ? rc : (int64_t)sizeof cpus;
}

int64_t sys_sched_setaffinity(struct task *task, const uint64_t args[6])
{
    uint64_t cpus = 0;
    size_t len = args[1] < sizeof cpus ? args[1] : sizeof cpus;
    int rc = check_tid(task, (int)args[0]);
    if (rc < 0)
        return rc == -EINVAL ? -ESRCH : rc;
    if (user_read(task, &cpus, args[2], len) < 0)
        return -EFAULT;
    return cpus & 1 ? 0 : -EINVAL;
}

int64_t sys_getcpu(struct task *task, const uint64_t args[6])
{
    uint32_t zero = 0;
    for (int i = 0; i < 2; i++)
        if (args[i] != 0 && user_write(task, args[i], &zero, sizeof zero) < 0)
            return -EFAULT;
    return 0;
}

/* ---- policies ---- */

static bool is_realtime(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy)
{
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
           is_realtime(policy);
}

int64_t sys_sched_get_priority_max(struct task *task, const uint64_t args[6])
{
    int policy = (int)args[0];
    if (policy == SCHED_DEADLINE_POLICY)
        return 0;
    if (!is_policy(policy))
        return -EINVAL;
    return is_realtime(policy) ? RT_PRIORITY_MAX : 0;
}

int64_t sys_sched_get_priority_min(struct task *task, const uint64_t args[6])
{
    int policy = (int)args[0];
    if (policy == SCHED_DEADLINE_POLICY)
        return 0;
    if (!is_policy(policy))
        return -EINVAL;
    return is_realtime(policy) ? RT_PRIORITY_MIN : 0;
}

int64_t sys_sched_getscheduler(struct task *task, const uint64_t args[6])
{
    int rc = check_tid(task, (int)args[0]);
    return rc < 0 ? rc : SCHED_OTHER;
}

int64_t sys_sched_getparam(struct task *task, const uint64_t args[6])
{
    int priority = 0;
    int rc = args[1] == 0 ? -EINVAL : check_tid(task, (int)args[0]);
    return rc < 0 ? rc : user_write(task, args[1], &priority, sizeof priority);
}

/* Real-time policies need a right that guests do not have. */
static int64_t set_policy(struct task *task, int tid, int policy, uint64_t param)
{
    int priority;
    if (param == 0)
        return -EINVAL;
    if (user_read(task, &priority, param, sizeof priority) < 0)
        return -EFAULT;
    int rc = check_tid(task, tid);
    if (rc < 0)
        return rc;
    policy &= ~SCHED_RESET_ON_FORK;
    if (!is_policy(policy))
        return -EINVAL;
    if (is_realtime(policy))
        return priority < RT_PRIORITY_MIN || priority > RT_PRIORITY_MAX ? -EINVAL : -EPERM;
    return priority == 0 ? 0 : -EINVAL;
}

int64_t sys_sched_setparam(struct task *task, const uint64_t args[6])
{
    return set_policy(task, (int)args[0], SCHED_OTHER, args[1]);
}

int64_t sys_sched_setscheduler(struct task *task, const uint64_t args[6])
{
    if ((int)args[1] < 0)
        return -EINVAL;
    return set_policy(task, (int)args[0], (int)args[1], args[2]);
}

int64_t sys_sched_rr_get_interval(struct task *task, const uint64_t args[6])
{
    int rc = check_tid(task, (int)args[0]);
    return rc < 0 ? rc : timespec_write(task, args[1], RR_INTERVAL_NS);
}

/* ---- nice values ---- */

/* Does getpriority's or setpriority's (which, who) mean this process? */
static bool is_meant(const struct task *task, const struct process *process, int which, int who)
{
    if (process->exited)
        return false;
    if (which == PRIO_PROCESS) {
        const struct task *named = task_find(process->system, who);
        return who == 0 ? process == task->process : named && named->process == process;
    }
    if (which == PRIO_PGRP)
        return process->pgid == (who ? who : task->process->pgid);
    return who == 0 || (unsigned)who == getuid();
}

int64_t sys_getpriority(struct task *task, const uint64_t args[6])
{
    int which = (int)args[0], lowest = NICE_MAX + 1;
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    const struct process *process = task->process->system->processes;
    for (; process; process = process->next)
        if (is_meant(task, process, which, (int)args[1]) && process->nice < lowest)
            lowest = process->nice;
    return lowest > NICE_MAX ? -ESRCH : 20 - lowest; /* the system call's form: 40..1 */
}

int64_t sys_setpriority(struct task *task, const uint64_t args[6])
{
    int which = (int)args[0], nice = (int)args[2], found = 0;
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
    struct process *process = task->process->system->processes;
    for (; process; process = process->next) {
        if (!is_meant(task, process, which, (int)args[1]))
            continue;
        if (nice < process->nice && !caps_has(&task->caps, CAP_SYS_NICE))
            return -EACCES;
        process->nice = nice;
        found = 1;
    }
    return found ? 0 : -ESRCH;
}

int64_t sys_ioprio_get(struct task *task, const uint64_t args[6])
{
    return 0; /* none set: it follows the nice value */
}

int64_t sys_ioprio_set(struct task *task, const uint64_t args[6])
{
    return 0;
}

/* ---- limits ---- */

static int check_limit(const struct task *task, const struct process *process, unsigned resource,
                       const struct rlimit64_pair *new)
{
    if (new->cur > new->max)
        return -EINVAL;
    if (resource == RLIMIT_NOFILE && new->max > NR_OPEN)
        return -EPERM;
    if (new->max > process->limits[resource].max && !caps_has(&task->caps, CAP_SYS_RESOURCE))
        return -EPERM;
    return 0;
}

static int64_t change_limit(struct task *task, struct process *process, unsigned resource,
                            uint64_t new_addr, uint64_t old_addr)
{
    struct rlimit64_pair new, old;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (new_addr != 0 && user_read(task, &new, new_addr, sizeof new) < 0)
        return -EFAULT;
    old = process->limits[resource];
    int rc = new_addr ? check_limit(task, process, resource, &new) : 0;
    if (rc < 0)
        return rc;
    if (new_addr != 0)
        process_set_limit(process, resource, new.cur, new.max);
    return old_addr != 0 ? user_write(task, old_addr, &old, sizeof old) : 0;
}

int64_t sys_prlimit64(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0];
    struct task *of = pid ? task_find(task->process->system, pid) : task;
    if (!of)
        return -ESRCH;
    return change_limit(task, of->process, (unsigned)args[1], args[2], args[3]);
}

int64_t sys_getrlimit(struct task *task, const uint64_t args[6])
{
    if (args[1] == 0)
        return -EFAULT;
    return change_limit(task, task->process, (unsigned)args[0], 0, args[1]);
}

int64_t sys_setrlimit(struct task *task, const uint64_t args[6])
{
    if (args[1] == 0)
        return -EFAULT;
    return change_limit(task, task->process, (unsigned)args[0], args[1], 0);
}

/* ---- usage ---- */

static struct usage own_usage(const struct task *task, bool of_thread)
{
    const struct process *process = task->process;
    struct usage usage = {.minflt = process->counters.faults_minor,
                          .majflt = process->counters.faults_major,
                          .rss_peak = process_rss_peak(process)};
    if (of_thread)
        clock_task_time(process->system, task, &usage.utime_ns, &usage.stime_ns);
    else
        clock_cpu_time(process->system, process, &usage.utime_ns, &usage.stime_ns);
    return usage;
}

int64_t sys_getrusage(struct task *task, const uint64_t args[6])
{
    const struct process *process = task->process;
    struct rusage usage;
    int who = (int)args[0];
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return -EINVAL;
    struct usage from = process->children_usage;
    if (who != RUSAGE_CHILDREN)
        from = own_usage(task, who == RUSAGE_THREAD);
    usage_tell(&from, &usage);
    return user_write(task, args[1], &usage, sizeof usage);
}

int64_t sys_times(struct task *task, const uint64_t args[6])
{
    const struct process *process = task->process;
    uint64_t utime, stime;
    clock_cpu_time(process->system, process, &utime, &stime);
    struct tms tms = {.tms_utime = (clock_t)(utime / NS_PER_TICK),
                      .tms_stime = (clock_t)(stime / NS_PER_TICK),
                      .tms_cutime = (clock_t)(process->children_usage.utime_ns / NS_PER_TICK),
                      .tms_cstime = (clock_t)(process->children_usage.stime_ns / NS_PER_TICK)};
    if (args[0] != 0 && user_write(task, args[0], &tms, sizeof tms) < 0)
        return -EFAULT;
    return (int64_t)(clock_monotonic(process->system) / NS_PER_TICK);
}
