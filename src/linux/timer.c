// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Timers. Each counts on one of three clocks: real time, the process's user time, its CPU time. An
 * expiry moves the deadline on by whole intervals, so that a late look loses no period; what was
 * missed is the overrun of a POSIX timer.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/xalloc.h"
#include "linux/hostsig.h"
#include "linux/timer.h"

enum timer_clock { TIMER_REAL, TIMER_USER, TIMER_CPU };

enum { ITIMERS = 3, POSIX_TIMERS_MAX = 4096, OVERRUN_MAX = 0x7fffffff /* DELAYTIMER_MAX */ };

struct timer {
    enum timer_clock clock;
    uint64_t deadline; /* on its clock; TIMER_NEVER: disarmed */
    uint64_t interval; /* ns; 0: once */
};

struct posix_timer {
    bool used;
    clockid_t clock_id;
    struct timer timer;
    struct timer_notify notify;
    uint64_t missed; /* expiries since the pending signal was sent */
    int overrun;     /* of the last signal delivered */
};

struct process_timers {
    struct process *process;
    struct process_timers *next, *prev; /* of the system's */
    struct timer itimers[ITIMERS];
    struct posix_timer *posix;
    int nposix;
};

static struct process_timers *timers_create(struct process *process)
{
    struct process_timers *timers = x_calloc(1, sizeof *timers), **first = &process->system->timers;
    for (int i = 0; i < ITIMERS; i++) {
        timers->itimers[i].clock = (enum timer_clock)i;
        timers->itimers[i].deadline = TIMER_NEVER;
    }
    timers->process = process;
    timers->next = *first;
    if (*first)
        (*first)->prev = timers;
    *first = timers;
    return timers;
}

static void timers_unlink(struct process_timers *timers)
{
    if (timers->prev)
        timers->prev->next = timers->next;
    else
        timers->process->system->timers = timers->next;
    if (timers->next)
        timers->next->prev = timers->prev;
}

static struct process_timers *timers_of(struct process *process)
{
    if (!process->timers)
        process->timers = timers_create(process);
    return process->timers;
}

static uint64_t timer_now(const struct process *process, enum timer_clock clock)
{
    uint64_t utime, stime;
    if (clock == TIMER_REAL)
        return clock_monotonic(process->system);
    clock_cpu_time(process->system, process, &utime, &stime);
    return clock == TIMER_USER ? utime : utime + stime;
}

/* What is left: an armed timer never shows 0. */
static struct timer_setting timer_setting_of(const struct process *process,
                                             const struct timer *timer)
{
    struct timer_setting setting = {.interval = timer->interval};
    if (timer->deadline != TIMER_NEVER) {
        uint64_t now = timer_now(process, timer->clock);
        setting.value = timer->deadline > now ? timer->deadline - now : 1;
    }
    return setting;
}

static void timer_arm(struct timer *timer, uint64_t now, const struct timer_setting *setting)
{
    timer->interval = setting->interval;
    timer->deadline = TIMER_NEVER;
    if (setting->value != 0)
        timer->deadline =
            setting->value > TIMER_NEVER - 1 - now ? TIMER_NEVER - 1 : now + setting->value;
}

/* How often it expired up to now; moves the deadline behind now. */
static uint64_t timer_expire(struct timer *timer, uint64_t now)
{
    if (timer->deadline > now)
        return 0;
    if (timer->interval == 0) {
        timer->deadline = TIMER_NEVER;
        return 1;
    }
    uint64_t count = 1 + (now - timer->deadline) / timer->interval;
    timer->deadline += count * timer->interval;
    return count;
}

/* ---- setitimer ---- */

void timer_get_itimer(struct process *process, int which, struct timer_setting *out)
{
    *out = timer_setting_of(process, &timers_of(process)->itimers[which]);
}

void timer_set_itimer(struct process *process, int which, const struct timer_setting *setting,
                      struct timer_setting *old)
{
    struct timer *timer = &timers_of(process)->itimers[which];
    *old = timer_setting_of(process, timer);
    timer_arm(timer, timer_now(process, timer->clock), setting);
    hostsig_arm(process->system);
}

/* ---- timer_create ---- */

static struct posix_timer *posix_find(struct process *process, int id)
{
    struct process_timers *timers = process->timers;
    if (!timers || id < 0 || id >= timers->nposix || !timers->posix[id].used)
        return NULL;
    return &timers->posix[id];
}

static bool clock_is_timer(clockid_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME ||
           id == CLOCK_TAI || id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID;
}

/* A free place, making room if need be; -1: too many. */
static int posix_place(struct process_timers *timers)
{
    int id = 0;
    while (id < timers->nposix && timers->posix[id].used)
        id++;
    if (id == POSIX_TIMERS_MAX)
        return -1;
    if (id == timers->nposix) {
        timers->posix =
            x_realloc(timers->posix, (size_t)(timers->nposix + 1) * sizeof *timers->posix);
        timers->nposix++;
    }
    return id;
}

int timer_create_posix(struct process *process, clockid_t clock, const struct timer_notify *notify)
{
    if (!clock_is_timer(clock))
        return -EINVAL;
    struct process_timers *timers = timers_of(process);
    int id = posix_place(timers);
    if (id < 0)
        return -EAGAIN;
    enum timer_clock kind = clock_is_cpu_time(clock) ? TIMER_CPU : TIMER_REAL;
    timers->posix[id] = (struct posix_timer){
        .used = true,
        .clock_id = clock,
        .timer = {.clock = kind, .deadline = TIMER_NEVER},
        .notify = *notify,
    };
    if (notify->value_is_id)
        timers->posix[id].notify.value = (uint64_t)id;
    return id;
}

int timer_delete_posix(struct process *process, int id)
{
    struct posix_timer *posix = posix_find(process, id);
    if (!posix)
        return -EINVAL;
    posix->used = false;
    posix->timer.deadline = TIMER_NEVER;
    hostsig_arm(process->system);
    return 0;
}

int timer_set_posix(struct process *process, int id, bool absolute,
                    const struct timer_setting *setting, struct timer_setting *old)
{
    struct posix_timer *posix = posix_find(process, id);
    if (!posix)
        return -EINVAL;
    *old = timer_setting_of(process, &posix->timer);
    uint64_t now = timer_now(process, posix->timer.clock);
    struct timer_setting relative = *setting;
    if (absolute && setting->value != 0) {
        uint64_t at = posix->timer.clock == TIMER_REAL
                          ? clock_to_monotonic(process->system, posix->clock_id, setting->value)
                          : setting->value;
        relative.value = at > now ? at - now : 1;
    }
    timer_arm(&posix->timer, now, &relative);
    posix->missed = 0;
    posix->overrun = 0;
    hostsig_arm(process->system);
    return 0;
}

int timer_get_posix(struct process *process, int id, struct timer_setting *out)
{
    const struct posix_timer *posix = posix_find(process, id);
    if (!posix)
        return -EINVAL;
    *out = timer_setting_of(process, &posix->timer);
    return 0;
}

int timer_overrun_posix(struct process *process, int id)
{
    const struct posix_timer *posix = posix_find(process, id);
    return posix ? posix->overrun : -EINVAL;
}

int timer_take_overrun(struct process *process, int id)
{
    struct posix_timer *posix = posix_find(process, id);
    if (!posix)
        return 0;
    posix->overrun = (int)(posix->missed > OVERRUN_MAX ? OVERRUN_MAX : posix->missed);
    posix->missed = 0;
    return posix->overrun;
}

/* ---- expiry ---- */

static void posix_expired(struct process *process, int id, uint64_t count)
{
    struct posix_timer *posix = &process->timers->posix[id];
    if (posix->notify.method == SIGEV_NONE)
        return;
    if (signal_timer_is_pending(process, id)) {
        posix->missed += count;
        return;
    }
    posix->missed = count - 1;
    struct task *task = NULL;
    if (posix->notify.method == SIGEV_THREAD_ID)
        task = task_find(process->system, posix->notify.tid);
    siginfo_t info = {.si_signo = posix->notify.signal, .si_code = SI_TIMER};
    info.si_timerid = id;
    memcpy(&info.si_value, &posix->notify.value, sizeof info.si_value);
    signal_send_info(process, task, posix->notify.signal, &info);
}

void timers_run(struct process *process)
{
    static const int signals[ITIMERS] = {SIGALRM, SIGVTALRM, SIGPROF};
    struct process_timers *timers = process->timers;
    if (!timers || process->exited)
        return;
    for (int i = 0; i < ITIMERS; i++) {
        struct timer *timer = &timers->itimers[i];
        if (timer->deadline != TIMER_NEVER &&
            timer_expire(timer, timer_now(process, timer->clock)) > 0)
            signal_send_process(process, signals[i], SI_KERNEL, 0);
    }
    for (int id = 0; id < timers->nposix; id++) {
        struct timer *timer = &timers->posix[id].timer;
        if (!timers->posix[id].used || timer->deadline == TIMER_NEVER)
            continue;
        uint64_t count = timer_expire(timer, timer_now(process, timer->clock));
        if (count > 0)
            posix_expired(process, id, count);
    }
}

void timers_run_all(struct linux_system *system)
{
    for (struct process_timers *timers = system->timers; timers; timers = timers->next)
        timers_run(timers->process);
}

static uint64_t process_next(const struct process_timers *timers)
{
    uint64_t next = timers->itimers[ITIMER_REAL].deadline;
    for (int id = 0; id < timers->nposix; id++) {
        const struct posix_timer *posix = &timers->posix[id];
        if (posix->used && posix->timer.clock == TIMER_REAL && posix->timer.deadline < next)
            next = posix->timer.deadline;
    }
    return next;
}

uint64_t timers_next(const struct linux_system *system)
{
    uint64_t next = TIMER_NEVER;
    for (const struct process_timers *timers = system->timers; timers; timers = timers->next) {
        if (timers->process->exited)
            continue;
        uint64_t own = process_next(timers);
        if (own < next)
            next = own;
    }
    return next;
}

void timers_exec(struct process *process)
{
    if (process->timers)
        process->timers->nposix = 0;
    hostsig_arm(process->system);
}

void timers_destroy(struct process *process)
{
    if (!process->timers)
        return;
    timers_unlink(process->timers);
    free(process->timers->posix);
    free(process->timers);
    process->timers = NULL;
    hostsig_arm(process->system);
}
