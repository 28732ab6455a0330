// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queues of tasks, the fibers that calls run on, and the one place where pagewalk waits.
 *
 *   sched_wait() --> waiting --(deadline, descriptor, signal, sched_wake())--> ready --> running
 *                                                                 stopped <-- its turn, if SIGSTOP
 *
 * Descriptors are looked at once a turn while others run, and waited for when nobody can. The order
 * of everything follows from the tasks' own doings, so a run can be repeated; only what comes from
 * the host (its descriptors, its signals, its time) can differ.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/fiber.h"
#include "base/xalloc.h"
#include "linux/hostsig.h"
#include "linux/job.h"
#include "linux/schedule.h"
#include "linux/syscall.h"
#include "linux/task.h"
#include "linux/timer.h"
#include "linux/tracee.h"

enum {
    CALL_STACK_LEN = 1 << 20, /* bytes; a call's buffers lie on its stack */
    IDLE_FIBERS_MAX = 16,
};

struct task_queue {
    struct task *first, *last;
};

struct sched {
    struct task_queue ready, waiting, stopped;
    uint64_t next_deadline;
    unsigned nfds;
    struct process *look; /* processes that signals were sent to */
    struct fiber *idle[IDLE_FIBERS_MAX];
    unsigned nidle;
    struct pollfd *polls; /* room for all waiting tasks' descriptors at once */
    unsigned polls_len;
};

/* ---- queues ---- */

static void queue_add(struct task_queue *queue, struct task *task)
{
    CHECK(!task->queue);
    task->queue = queue;
    task->queue_prev = queue->last;
    task->queue_next = NULL;
    if (queue->last)
        queue->last->queue_next = task;
    else
        queue->first = task;
    queue->last = task;
}

static void queue_remove(struct task *task)
{
    struct task_queue *queue = task->queue;
    if (!queue)
        return;
    if (task->queue_prev)
        task->queue_prev->queue_next = task->queue_next;
    else
        queue->first = task->queue_next;
    if (task->queue_next)
        task->queue_next->queue_prev = task->queue_prev;
    else
        queue->last = task->queue_prev;
    task->queue = NULL;
}

static struct sched *sched_of(const struct task *task)
{
    return task->process->system->sched;
}

void sched_create(struct linux_system *system)
{
    system->sched = x_calloc(1, sizeof *system->sched);
    system->sched->next_deadline = TIMER_NEVER;
}

void sched_destroy(struct linux_system *system)
{
    struct sched *sched = system->sched;
    while (sched->nidle > 0)
        fiber_destroy(sched->idle[--sched->nidle]);
    free(sched->polls);
    free(sched);
    system->sched = NULL;
}

void sched_add(struct task *task)
{
    queue_add(&sched_of(task)->ready, task);
}

void sched_remove(struct task *task)
{
    CHECK(!task->wait && !task->fiber);
    queue_remove(task);
}

void sched_put(struct task *task)
{
    if (!task->queue && !task->exiting)
        queue_add(&sched_of(task)->ready, task);
}

void sched_resume_task(struct task *task)
{
    struct sched *sched = sched_of(task);
    if (task->queue != &sched->stopped)
        return;
    queue_remove(task);
    queue_add(&sched->ready, task);
}

void sched_resume(struct process *process)
{
    for (struct task *task = process->tasks; task; task = task->next)
        if (!tracee_is_stopped(task))
            sched_resume_task(task);
}

/* ---- calls ---- */

static void run_call(void *arg)
{
    syscall_dispatch(arg);
}

static void give_fiber(struct sched *sched, struct fiber *fiber)
{
    if (sched->nidle < IDLE_FIBERS_MAX)
        sched->idle[sched->nidle++] = fiber;
    else
        fiber_destroy(fiber);
}

void sched_end_call(struct task *task)
{
    for (unsigned i = 0; i < task->npins; i++)
        fd_unpin(task->process->fds, task->pins[i]);
    free(task->pins);
    task->pins = NULL;
    task->npins = 0;
}

static void start(struct task *task, void (*fn)(void *task))
{
    struct sched *sched = sched_of(task);
    task->fiber = sched->nidle ? sched->idle[--sched->nidle] : fiber_create(CALL_STACK_LEN);
    fiber_start(task->fiber, fn, task);
}

/* Result: whether the fiber's function has returned. */
static bool finish(struct task *task)
{
    if (!fiber_is_idle(task->fiber))
        return false;
    give_fiber(sched_of(task), task->fiber);
    task->fiber = NULL;
    sched_end_call(task);
    return true;
}

bool sched_call(struct task *task)
{
    if (task->fiber)
        fiber_resume(task->fiber);
    else
        start(task, run_call);
    return finish(task);
}

void sched_run(struct task *task, void (*fn)(void *task))
{
    start(task, fn);
    finish(task);
}

/* ---- waking ---- */

static void wake(struct task *task, int result)
{
    struct sched *sched = sched_of(task);
    CHECK(task->queue == &sched->waiting);
    sched->nfds -= task->wait->nfds;
    task->wait->result = result;
    queue_remove(task);
    queue_add(&sched->ready, task);
}

void sched_wake(struct task *task)
{
    if (task->queue == &sched_of(task)->waiting)
        wake(task, 1);
    else
        task->wait->result = 1;
}

void sched_signal(struct process *process)
{
    struct sched *sched = process->system->sched;
    if (process->must_look)
        return;
    process->must_look = true;
    process->look_next = sched->look;
    sched->look = process;
}

void sched_forget(struct process *process)
{
    struct process **at = &process->system->sched->look;
    if (!process->must_look)
        return;
    while (*at != process)
        at = &(*at)->look_next;
    *at = process->look_next;
    process->must_look = false;
}

uint64_t sched_deadline(const struct linux_system *system)
{
    return system->sched->next_deadline;
}

/* Does a signal end this wait? */
static bool is_interrupted(const struct task *task, const struct task_wait *wait)
{
    return wait->is_killable_only ? signal_is_killed(task) : signal_is_pending(task);
}

static void wake_signalled(struct sched *sched)
{
    while (sched->look) {
        struct process *process = sched->look;
        sched->look = process->look_next;
        process->must_look = false;
        for (struct task *task = process->tasks; task; task = task->next)
            if (task->queue == &sched->waiting && is_interrupted(task, task->wait))
                wake(task, -ERESTARTSYS);
    }
}

static void wake_due(struct linux_system *system)
{
    struct sched *sched = system->sched;
    if (sched->next_deadline == TIMER_NEVER)
        return;
    uint64_t now = clock_monotonic(system);
    if (now < sched->next_deadline)
        return;
    sched->next_deadline = TIMER_NEVER;
    for (struct task *task = sched->waiting.first, *next; task; task = next) {
        next = task->queue_next;
        uint64_t deadline = task->wait->deadline_ns;
        if (deadline <= now)
            wake(task, 0);
        else if (deadline < sched->next_deadline)
            sched->next_deadline = deadline;
    }
}

/* ---- the host ---- */

static void gather_fds(struct sched *sched)
{
    unsigned n = 0;
    if (sched->polls_len < sched->nfds) {
        sched->polls_len = 2 * sched->nfds;
        sched->polls = x_realloc(sched->polls, sched->polls_len * sizeof *sched->polls);
    }
    for (const struct task *task = sched->waiting.first; task; task = task->queue_next)
        for (unsigned i = 0; i < task->wait->nfds; i++)
            sched->polls[n++] = task->wait->fds[i];
    CHECK(n == sched->nfds);
}

/* Hands what the host said to those who asked. */
static void scatter_fds(struct sched *sched)
{
    const struct pollfd *from = sched->polls;
    for (struct task *task = sched->waiting.first, *next; task; task = next) {
        next = task->queue_next;
        int ready = 0;
        for (unsigned i = 0; i < task->wait->nfds; i++, from++) {
            task->wait->fds[i].revents = from->revents;
            ready += from->revents != 0;
        }
        if (ready > 0)
            wake(task, ready);
    }
}

/* Asks the host for all descriptors, and waits for at most `timeout_ns` (TIMER_NEVER: for ever).
 * Result: as ppoll(2). */
static int poll_host(struct linux_system *system, uint64_t timeout_ns)
{
    struct sched *sched = system->sched;
    gather_fds(sched);
    int ready = hostsig_ppoll(system, sched->polls, sched->nfds, timeout_ns);
    if (ready > 0)
        scatter_fds(sched);
    return ready;
}

/* Wakes those whose time or event has come, without waiting. */
static void look(struct linux_system *system)
{
    struct sched *sched = system->sched;
    wake_signalled(sched);
    if (sched->nfds > 0)
        poll_host(system, 0);
    wake_due(system);
}

static void refresh_deadline(struct sched *sched)
{
    sched->next_deadline = TIMER_NEVER;
    for (const struct task *task = sched->waiting.first; task; task = task->queue_next)
        if (task->wait->deadline_ns < sched->next_deadline)
            sched->next_deadline = task->wait->deadline_ns;
}

/* Until when nothing can happen but for the host's doing. */
static uint64_t next_event(const struct linux_system *system)
{
    refresh_deadline(system->sched); /* the task with the earliest may not wait any more */
    uint64_t next = system->sched->next_deadline;
    if (system->clock.is_virtual && timers_next(system) < next)
        next = timers_next(system);
    return next;
}

/* Nobody can run: waits in the host for the first thing to happen. Virtual time does not wait, but
 * for descriptors: what they will bring is only known when the time has really passed. */
static void wait_in_host(struct linux_system *system)
{
    uint64_t next = next_event(system), now = clock_monotonic(system);
    uint64_t timeout = next == TIMER_NEVER ? next : next > now ? next - now : 0;
    bool jumps = system->clock.is_virtual && system->sched->nfds == 0 && next != TIMER_NEVER;
    int ready = jumps ? 0 : poll_host(system, timeout);
    if (ready == 0 && next != TIMER_NEVER)
        clock_sleep_until(system, next);
}

static void idle(struct linux_system *system)
{
    hostsig_collect(system);
    wake_signalled(system->sched);
    if (!system->sched->ready.first)
        job_all_may_be_stopped(system);
    if (!system->sched->ready.first)
        wait_in_host(system);
    wake_due(system);
}

struct task *sched_next(struct linux_system *system)
{
    struct sched *sched = system->sched;
    XCHECK(sched_is_valid(system));
    look(system);
    for (;;) {
        while (!sched->ready.first)
            idle(system);
        struct task *task = sched->ready.first;
        queue_remove(task);
        if (!task_is_stopped(task))
            return task;
        queue_add(&sched->stopped, task);
    }
}

/* ---- waiting ---- */

static bool is_pinned(const struct task *task, int host)
{
    for (unsigned i = 0; i < task->npins; i++)
        if (task->pins[i] == host)
            return true;
    return false;
}

void sched_hold(struct task *task, int host)
{
    task->pins = x_realloc(task->pins, (task->npins + 1) * sizeof *task->pins);
    task->pins[task->npins++] = host;
    fd_pin(task->process->fds, host);
}

void sched_keep_open(struct task *task, int host)
{
    bool is_alone = task->process->ntasks < 2 && !fd_table_is_shared(task->process->fds);
    if (!is_alone && host >= 0 && !is_pinned(task, host))
        sched_hold(task, host);
}

static void begin_wait(struct task *task, struct task_wait *wait)
{
    struct sched *sched = sched_of(task);
    queue_remove(task);
    task->wait = wait;
    queue_add(&sched->waiting, task);
    sched->nfds += wait->nfds;
    if (wait->deadline_ns < sched->next_deadline)
        sched->next_deadline = wait->deadline_ns;
    for (unsigned i = 0; i < wait->nfds; i++)
        sched_keep_open(task, wait->fds[i].fd);
}

/* Without a fiber (a call made outside the run loop) nobody else can run. */
static void pause_call(struct task *task)
{
    if (task->fiber)
        fiber_pause(task->fiber);
    else
        while (task->queue == &sched_of(task)->waiting)
            idle(task->process->system);
}

/* A task that ends is not in line for anything any more. */
static void leave_queue(struct task *task)
{
    struct sched *sched = sched_of(task);
    if (task->queue == &sched->waiting)
        sched->nfds -= task->wait->nfds;
    if (task->fiber)
        queue_remove(task);
    task->wait = NULL;
}

int sched_wait(struct task *task, struct task_wait *wait)
{
    struct linux_system *system = task->process->system;
    do {
        hostsig_collect(system);
        if (is_interrupted(task, wait))
            return -ERESTARTSYS;
        wait->result = -ERESTARTSYS;
        begin_wait(task, wait);
        pause_call(task);
        leave_queue(task);
        /* A signal that somebody else took meanwhile was none for this task. */
    } while (wait->result == -ERESTARTSYS);
    return wait->result;
}

bool sched_is_ready(const struct task *task)
{
    return task->queue == &sched_of(task)->ready;
}

bool sched_is_valid(const struct linux_system *system)
{
    const struct sched *sched = system->sched;
    unsigned nfds = 0;
    for (const struct task *task = sched->stopped.first; task; task = task->queue_next)
        if (task->queue != &sched->stopped)
            return false;
    for (const struct task *task = sched->ready.first; task; task = task->queue_next)
        if (task->queue != &sched->ready)
            return false;
    for (const struct task *task = sched->waiting.first; task; task = task->queue_next) {
        if (task->queue != &sched->waiting || !task->wait)
            return false;
        if (task->wait->deadline_ns < sched->next_deadline)
            return false;
        nfds += task->wait->nfds;
    }
    return nfds == sched->nfds;
}
