// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls about time: clocks, sleeping, timers. Clocks are clock.c's, timers timer.c's; here
 * is the decoding.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "linux/hostsig.h"
#include "linux/syscall_calls.h"
#include "linux/timer.h"
#include "linux/timespec.h"
#include "linux/user.h"

/* ---- clocks ---- */

int64_t sys_clock_gettime(struct task *task, const uint64_t args[6])
{
    uint64_t ns;
    int rc = clock_now(task->process->system, (clockid_t)args[0], &ns);
    return rc < 0 ? rc : timespec_write(task, args[1], ns);
}

int64_t sys_clock_getres(struct task *task, const uint64_t args[6])
{
    uint64_t ns;
    int rc = clock_resolution((clockid_t)args[0], &ns);
    if (rc < 0 || args[1] == 0)
        return rc;
    return timespec_write(task, args[1], ns);
}

int64_t sys_clock_settime(struct task *task, const uint64_t args[6])
{
    uint64_t ns;
    int rc = clock_resolution((clockid_t)args[0], &ns);
    if (rc == 0)
        rc = timespec_read(task, args[1], &ns);
    return rc < 0 ? rc : -EPERM;
}

static uint64_t realtime(const struct task *task)
{
    uint64_t ns = 0;
    clock_now(task->process->system, CLOCK_REALTIME, &ns);
    return ns;
}

int64_t sys_gettimeofday(struct task *task, const uint64_t args[6])
{
    uint64_t ns = realtime(task);
    struct guest_timeval tv = {(int64_t)(ns / CLOCK_NS_PER_S),
                               (int64_t)(ns % CLOCK_NS_PER_S / 1000)};
    const int zone[2] = {0, 0};
    if (args[0] != 0 && user_write(task, args[0], &tv, sizeof tv) < 0)
        return -EFAULT;
    return args[1] != 0 ? user_write(task, args[1], zone, sizeof zone) : 0;
}

int64_t sys_time(struct task *task, const uint64_t args[6])
{
    int64_t seconds = (int64_t)(realtime(task) / CLOCK_NS_PER_S);
    if (args[0] != 0 && user_write(task, args[0], &seconds, sizeof seconds) < 0)
        return -EFAULT;
    return seconds;
}

/* ---- sleeping ---- */

/* restart_syscall(2)'s half: args are the deadline and where to write what is left. */
static int64_t sleep_relative(struct task *task, const uint64_t args[6])
{
    uint64_t deadline = args[0], left_addr = args[1];
    if (hostsig_sleep(task, deadline) == 0)
        return 0;
    uint64_t now = clock_monotonic(task->process->system);
    if (now >= deadline)
        return 0;
    if (left_addr != 0 && timespec_write(task, left_addr, deadline - now) < 0)
        return -EFAULT;
    task->restart_fn = sleep_relative;
    task->restart_args[0] = deadline;
    task->restart_args[1] = left_addr;
    return -ERESTART_RESTARTBLOCK;
}

static int64_t sleep_for(struct task *task, uint64_t ns, uint64_t left_addr)
{
    uint64_t now = clock_monotonic(task->process->system);
    const uint64_t args[6] = {ns > TIMESPEC_NS_MAX - now ? TIMESPEC_NS_MAX : now + ns, left_addr};
    return sleep_relative(task, args);
}

int64_t sys_nanosleep(struct task *task, const uint64_t args[6])
{
    uint64_t ns;
    int rc = timespec_read(task, args[0], &ns);
    return rc < 0 ? rc : sleep_for(task, ns, args[1]);
}

int64_t sys_clock_nanosleep(struct task *task, const uint64_t args[6])
{
    struct linux_system *system = task->process->system;
    clockid_t id = (clockid_t)args[0];
    uint64_t ns, now;
    int rc = clock_now(system, id, &now);
    if (rc < 0 || id == CLOCK_THREAD_CPUTIME_ID)
        return -EINVAL;
    if (clock_is_cpu_time(id))
        return -EOPNOTSUPP; /* asleep, a process never gets there */
    rc = timespec_read(task, args[2], &ns);
    if (rc < 0)
        return rc;
    if (!(args[1] & TIMER_ABSTIME))
        return sleep_for(task, ns, args[3]);
    rc = hostsig_sleep(task, clock_to_monotonic(system, id, ns));
    return rc == 0 ? 0 : -ERESTARTNOHAND;
}

/* ---- alarm and setitimer ---- */

int64_t sys_alarm(struct task *task, const uint64_t args[6])
{
    struct timer_setting new = {.value = (uint64_t)(uint32_t)args[0] * CLOCK_NS_PER_S}, old;
    timer_set_itimer(task->process, ITIMER_REAL, &new, &old);
    if (old.value == 0)
        return 0;
    uint64_t seconds = (old.value + CLOCK_NS_PER_S / 2) / CLOCK_NS_PER_S;
    return seconds ? (int64_t)seconds : 1;
}

static int write_itimer(struct task *task, uint64_t addr, const struct timer_setting *setting)
{
    struct guest_timeval tv[2] = {timeval_from_ns(setting->interval),
                                  timeval_from_ns(setting->value)};
    return user_write(task, addr, tv, sizeof tv);
}

static bool is_itimer(uint64_t which)
{
    return (int)which == ITIMER_REAL || (int)which == ITIMER_VIRTUAL || (int)which == ITIMER_PROF;
}

int64_t sys_getitimer(struct task *task, const uint64_t args[6])
{
    struct timer_setting setting;
    if (!is_itimer(args[0]))
        return -EINVAL;
    timer_get_itimer(task->process, (int)args[0], &setting);
    return write_itimer(task, args[1], &setting);
}

int64_t sys_setitimer(struct task *task, const uint64_t args[6])
{
    struct guest_timeval tv[2] = {{0, 0}, {0, 0}};
    struct timer_setting new, old;
    if (!is_itimer(args[0]))
        return -EINVAL;
    if (args[1] != 0 && user_read(task, tv, args[1], sizeof tv) < 0)
        return -EFAULT;
    if (timeval_to_ns(&tv[0], &new.interval) < 0 || timeval_to_ns(&tv[1], &new.value) < 0)
        return -EINVAL;
    timer_set_itimer(task->process, (int)args[0], &new, &old);
    return args[2] != 0 ? write_itimer(task, args[2], &old) : 0;
}

/* ---- timer_create ---- */

/* The kernel's struct sigevent: 64 bytes. */
struct guest_sigevent {
    uint64_t value;
    int32_t signal, notify, tid;
    uint8_t padding[44];
};
_Static_assert(sizeof(struct guest_sigevent) == 64, "sigevent");

static int decode_notify(struct task *task, uint64_t addr, struct timer_notify *out)
{
    struct guest_sigevent event;
    *out = (struct timer_notify){.method = SIGEV_SIGNAL, .signal = SIGALRM, .value_is_id = true};
    if (addr == 0)
        return 0;
    if (user_read(task, &event, addr, sizeof event) < 0)
        return -EFAULT;
    *out = (struct timer_notify){
        .method = event.notify, .signal = event.signal, .tid = event.tid, .value = event.value};
    switch (event.notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_THREAD_ID: {
        const struct task *target = task_find(task->process->system, event.tid);
        if (!target || target->process != task->process)
            return -EINVAL;
    } /* fallthrough */
    case SIGEV_SIGNAL:
        return event.signal < 1 || event.signal > SIGNALS ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

int64_t sys_timer_create(struct task *task, const uint64_t args[6])
{
    struct timer_notify notify;
    int rc = decode_notify(task, args[1], &notify);
    if (rc < 0)
        return rc;
    int id = timer_create_posix(task->process, (clockid_t)args[0], &notify);
    if (id < 0)
        return id;
    if (user_write(task, args[2], &id, sizeof id) < 0) {
        timer_delete_posix(task->process, id);
        return -EFAULT;
    }
    return 0;
}

int64_t sys_timer_delete(struct task *task, const uint64_t args[6])
{
    return timer_delete_posix(task->process, (int)args[0]);
}

static int write_posix(struct task *task, uint64_t addr, const struct timer_setting *setting)
{
    struct guest_timespec ts[2] = {timespec_from_ns(setting->interval),
                                   timespec_from_ns(setting->value)};
    return user_write(task, addr, ts, sizeof ts);
}

int64_t sys_timer_gettime(struct task *task, const uint64_t args[6])
{
    struct timer_setting setting;
    int rc = timer_get_posix(task->process, (int)args[0], &setting);
    return rc < 0 ? rc : write_posix(task, args[1], &setting);
}

int64_t sys_timer_settime(struct task *task, const uint64_t args[6])
{
    struct guest_timespec ts[2];
    struct timer_setting new, old;
    if (args[2] == 0)
        return -EINVAL;
    if (user_read(task, ts, args[2], sizeof ts) < 0)
        return -EFAULT;
    if (timespec_to_ns(&ts[0], &new.interval) < 0 || timespec_to_ns(&ts[1], &new.value) < 0)
        return -EINVAL;
    int rc = timer_set_posix(task->process, (int)args[0], args[1] & TIMER_ABSTIME, &new, &old);
    return rc < 0 || args[3] == 0 ? rc : write_posix(task, args[3], &old);
}

int64_t sys_timer_getoverrun(struct task *task, const uint64_t args[6])
{
    return timer_overrun_posix(task->process, (int)args[0]);
}
