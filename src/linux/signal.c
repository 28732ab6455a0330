// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals: what is queued, and what becomes of it on the way back to the guest. Sending never acts:
 * it queues (or drops what is ignored), and the task acts on itself in signal_deliver(). So a call
 * in progress is never pulled from under a task.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/hostsig.h"
#include "linux/job.h"
#include "linux/schedule.h"
#include "linux/signal.h"
#include "linux/signal_frame.h"
#include "linux/signalfd.h"
#include "linux/syscall.h"
#include "linux/task.h"
#include "linux/timer.h"
#include "linux/tracee.h"

static_assert(sizeof(siginfo_t) == sizeof(struct signal_info), "siginfo is 128 bytes");

#define SYSCALL_RESTART 219       /* restart_syscall(2) */
#define SYSCALL_INSTRUCTION_LEN 2 /* bytes of `syscall` */

struct signal_node {
    struct signal_node *next;
    int signal;
    struct signal_info info;
};

#define NEVER_BLOCKED (sigbit(SIGKILL) | sigbit(SIGSTOP))
#define STOPPING (sigbit(SIGSTOP) | sigbit(SIGTSTP) | sigbit(SIGTTIN) | sigbit(SIGTTOU))
#define IGNORED_BY_DEFAULT (sigbit(SIGCHLD) | sigbit(SIGCONT) | sigbit(SIGURG) | sigbit(SIGWINCH))
#define SYNCHRONOUS                                                                                \
    (sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGILL) | sigbit(SIGTRAP) | sigbit(SIGFPE) |        \
     sigbit(SIGSYS))

/* ---- actions ---- */

struct signal_actions *signal_actions_create(void)
{
    struct signal_actions *actions = x_calloc(1, sizeof *actions);
    actions->refs = 1;
    return actions;
}

struct signal_actions *signal_actions_copy(const struct signal_actions *actions)
{
    struct signal_actions *copy = x_malloc(sizeof *copy);
    *copy = *actions;
    copy->refs = 1;
    return copy;
}

void signal_actions_put(struct signal_actions *actions)
{
    if (--actions->refs == 0)
        free(actions);
}

static bool is_ignoring(const struct signal_action *action)
{
    return action->handler == (uint64_t)(uintptr_t)SIG_IGN;
}

static bool is_default(const struct signal_action *action)
{
    return action->handler == (uint64_t)(uintptr_t)SIG_DFL;
}

void signal_actions_reset(struct signal_actions *actions)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct signal_action *action = &actions->action[i];
        uint64_t handler = is_ignoring(action) ? action->handler : (uint64_t)(uintptr_t)SIG_DFL;
        *action = (struct signal_action){.handler = handler};
    }
}

static struct signal_action *action_of(const struct process *process, int signal)
{
    return &process->actions->action[signal - 1];
}

/* Would the signal have no effect if it were delivered now? */
static bool is_ignored(const struct process *process, int signal)
{
    const struct signal_action *action = action_of(process, signal);
    return is_ignoring(action) || (is_default(action) && (IGNORED_BY_DEFAULT & sigbit(signal)));
}

/* ---- queues ---- */

static void queue_add(struct signal_queue *queue, int signal, const struct signal_info *info)
{
    struct signal_node *node = x_malloc(sizeof *node);
    *node = (struct signal_node){.signal = signal, .info = *info};
    struct signal_node **end = &queue->first;
    while (*end)
        end = &(*end)->next;
    *end = node;
    queue->pending |= sigbit(signal);
}

static unsigned queue_len(const struct signal_queue *queue)
{
    unsigned n = 0;
    for (const struct signal_node *node = queue->first; node; node = node->next)
        n++;
    return n;
}

/* Takes the oldest of this signal. => it is pending */
static void queue_take(struct signal_queue *queue, int signal, struct signal_info *info)
{
    struct signal_node **at = &queue->first;
    while ((*at)->signal != signal)
        at = &(*at)->next;
    struct signal_node *node = *at;
    *at = node->next;
    *info = node->info;
    free(node);
    for (node = queue->first; node && node->signal != signal;)
        node = node->next;
    if (!node)
        queue->pending &= ~sigbit(signal);
}

static void queue_drop(struct signal_queue *queue, sigbits_t set)
{
    struct signal_info info;
    for (int signal = 1; signal <= SIGNALS; signal++)
        while (queue->pending & set & sigbit(signal))
            queue_take(queue, signal, &info);
}

void signal_queue_clear(struct signal_queue *queue)
{
    queue_drop(queue, ~(sigbits_t)0);
}

static void drop_everywhere(struct process *process, sigbits_t set)
{
    queue_drop(&process->pending, set);
    for (struct task *task = process->tasks; task; task = task->next)
        queue_drop(&task->signals.pending, set);
    signalfds_refresh(process);
}

/* ---- masks ---- */

void signal_set_mask(struct task *task, sigbits_t mask)
{
    struct process *process = task->process;
    task->signals.mask = mask & ~NEVER_BLOCKED;
    if (process->pending.pending & task->signals.mask)
        sched_signal(process); /* another must take it now */
}

void signal_set_mask_for_wait(struct task *task, sigbits_t mask)
{
    task->signals.saved_mask = task->signals.mask;
    task->signals.has_saved_mask = true;
    signal_set_mask(task, mask);
}

static bool is_blocked_by_all(const struct process *process, const struct task *only, int signal)
{
    if (only)
        return only->signals.mask & sigbit(signal);
    for (const struct task *task = process->tasks; task; task = task->next)
        if (!task->exiting && !(task->signals.mask & sigbit(signal)))
            return false;
    return true;
}

static sigbits_t wanted_by(const struct task *task)
{
    return ~task->signals.mask | task->signals.wait_set;
}

/* Of the process's signals, those that this task is to take: each is for the oldest task that wants
 * it. */
static sigbits_t shared_for(const struct task *task)
{
    const struct process *process = task->process;
    sigbits_t left = process->pending.pending & wanted_by(task);
    const struct task *other = process->tasks;
    for (; left != 0 && other && other != task; other = other->next)
        if (!other->exiting)
            left &= ~wanted_by(other);
    return left;
}

bool signal_is_pending(const struct task *task)
{
    return (task->signals.pending.pending & wanted_by(task)) != 0 || task->exiting ||
           task->process->exited || shared_for(task) != 0 || tracee_is_wanted(task);
}

bool signal_is_killed(const struct task *task)
{
    sigbits_t pending = task->signals.pending.pending | task->process->pending.pending;
    return task->exiting || task->process->exited || (pending & sigbit(SIGKILL));
}

int signal_take(struct task *task, sigbits_t set, struct signal_info *info)
{
    struct signal_queue *own = &task->signals.pending, *shared = &task->process->pending;
    struct signal_queue *queue = own->pending & set ? own : shared;
    sigbits_t pending = queue->pending & set;
    if (pending == 0)
        return 0;
    if (pending & SYNCHRONOUS)
        pending &= SYNCHRONOUS;
    int signal = __builtin_ctzll(pending) + 1;
    queue_take(queue, signal, info);
    signalfds_refresh(task->process);
    siginfo_t host;
    memcpy(&host, info, sizeof host);
    if (host.si_code == SI_TIMER) {
        host.si_overrun = timer_take_overrun(task->process, host.si_timerid);
        memcpy(info, &host, sizeof *info);
    }
    return signal;
}

/* ---- sending ---- */

static bool is_queued(int signal)
{
    return signal >= 32; /* real-time signals, and the two that glibc keeps for itself */
}

/* Stopping and going on undo each other as soon as they are sent; SIGKILL wakes whoever is stopped.
 */
static void before_sending(struct process *process, int signal)
{
    if (signal == SIGCONT)
        drop_everywhere(process, STOPPING);
    else if (STOPPING & sigbit(signal))
        drop_everywhere(process, sigbit(SIGCONT));
    if (signal == SIGCONT || signal == SIGKILL)
        job_resume(process, signal);
    if (signal == SIGCONT)
        tracee_group_resume(process);
    else if (signal == SIGKILL)
        tracee_kill(process);
}

/* A tracer hears of signals that would have no effect, too. */
static bool is_traced(const struct process *process)
{
    for (const struct task *task = process->tasks; task; task = task->next)
        if (task->tracee)
            return true;
    return false;
}

int signal_send_info(struct process *process, struct task *task, int signal, const siginfo_t *info)
{
    CHECK(signal >= 1 && signal <= SIGNALS);
    if (process->exited)
        return 0;
    before_sending(process, signal);
    if (is_ignored(process, signal) && !is_blocked_by_all(process, task, signal) &&
        !is_traced(process))
        return 0;
    struct signal_queue *queue = task ? &task->signals.pending : &process->pending;
    if (!is_queued(signal) && (queue->pending & sigbit(signal)) && info->si_code != SI_TIMER)
        return 0;
    uint64_t limit = process->limits[RLIMIT_SIGPENDING].cur;
    if (is_queued(signal) && queue_len(queue) >= limit)
        return -EAGAIN;
    struct signal_info bytes = {{0}};
    memcpy(&bytes, info, sizeof bytes);
    queue_add(queue, signal, &bytes);
    signalfds_refresh(process);
    sched_signal(process);
    return 0;
}

static siginfo_t info_from(int signal, int code, int sender_pid)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    if (code == SI_USER || code == SI_TKILL) {
        info.si_pid = sender_pid;
        info.si_uid = getuid();
    }
    return info;
}

void signal_send_process(struct process *process, int signal, int code, int sender_pid)
{
    siginfo_t info = info_from(signal, code, sender_pid);
    signal_send_info(process, NULL, signal, &info);
}

void signal_send_task(struct task *task, int signal, int code, int sender_pid)
{
    siginfo_t info = info_from(signal, code, sender_pid);
    signal_send_info(task->process, task, signal, &info);
}

bool signal_timer_is_pending(const struct process *process, int id)
{
    const struct signal_queue *queue = &process->pending;
    const struct task *task = process->tasks;
    while (queue) {
        for (const struct signal_node *node = queue->first; node; node = node->next) {
            siginfo_t info;
            memcpy(&info, &node->info, sizeof info);
            if (info.si_code == SI_TIMER && info.si_timerid == id)
                return true;
        }
        queue = task ? &task->signals.pending : NULL;
        task = task ? task->next : NULL;
    }
    return false;
}

void signal_change_action(struct task *task, int signal, const struct signal_action *new,
                          struct signal_action *old)
{
    struct process *process = task->process;
    struct signal_action *action = action_of(process, signal);
    *old = *action;
    if (!new)
        return;
    *action = *new;
    action->mask &= ~NEVER_BLOCKED;
    if (is_ignored(process, signal))
        drop_everywhere(process, sigbit(signal));
    hostsig_mirror(process->system, signal, is_ignoring(action));
}

/* ---- faults ---- */

/* A signal that must be taken now: neither a mask nor ignoring it helps. */
static void force(struct task *task, const siginfo_t *info)
{
    struct signal_action *action = action_of(task->process, info->si_signo);
    sigbits_t bit = sigbit(info->si_signo);
    if ((task->signals.mask & bit) || is_ignoring(action))
        *action = (struct signal_action){0};
    task->signals.mask &= ~bit;
    signal_send_info(task->process, task, info->si_signo, info);
}

static void force_from_kernel(struct task *task, int signal)
{
    siginfo_t info = info_from(signal, SI_KERNEL, 0);
    force(task, &info);
}

void signal_force_fault(struct task *task, int signal, int code, uint64_t addr)
{
    siginfo_t info = info_from(signal, code, 0);
    memcpy(&info.si_addr, &addr, sizeof addr);
    force(task, &info);
}

/* si_code of a floating-point exception from its status bits, unmasked ones only (Intel SDM vol. 1,
 * "x87 FPU Status Register", "MXCSR"): IE, DE, ZE, OE, UE, PE from bit 0. */
static int fpe_code(unsigned raised)
{
    if (raised & 0x01)
        return FPE_FLTINV;
    if (raised & 0x04)
        return FPE_FLTDIV;
    if (raised & 0x08)
        return FPE_FLTOVF;
    if (raised & 0x12)
        return FPE_FLTUND;
    return FPE_FLTRES;
}

static int fpe_code_of(struct task *task, enum cpu_vector vector)
{
    uint8_t area[CPU_XSAVE_LEN];
    uint16_t control, status;
    uint32_t mxcsr;
    cpu_get_xsave(task->cpu, area);
    memcpy(&control, area, sizeof control);
    memcpy(&status, area + 2, sizeof status);
    memcpy(&mxcsr, area + 24, sizeof mxcsr);
    return fpe_code(vector == CPU_VECTOR_MF ? status & ~(unsigned)control : mxcsr & ~(mxcsr >> 7));
}

/* si_code of a debug exception; one that nobody asked for is an int1. */
static int debug_code(uint32_t status)
{
    if (status & CPU_DEBUG_STEP)
        return TRAP_TRACE;
    return status ? TRAP_HWBKPT : TRAP_BRKPT;
}

void signal_force_trap(struct task *task, const struct cpu_exit *why)
{
    task->fault.trapno = why->vector;
    task->fault.error = 0;
    switch (why->vector) {
    case CPU_VECTOR_DE:
        signal_force_fault(task, SIGFPE, FPE_INTDIV, why->pc.v);
        break;
    case CPU_VECTOR_DB:
        tracee_note_debug(task, why->error);
        signal_force_fault(task, SIGTRAP, debug_code(why->error), cpu_pc(task->cpu));
        break;
    case CPU_VECTOR_BP:
        force_from_kernel(task, SIGTRAP);
        break;
    case CPU_VECTOR_UD:
        signal_force_fault(task, SIGILL, ILL_ILLOPN, why->pc.v);
        break;
    case CPU_VECTOR_MF:
    case CPU_VECTOR_XM:
        signal_force_fault(task, SIGFPE, fpe_code_of(task, why->vector), why->pc.v);
        break;
    case CPU_VECTOR_AC:
        signal_force_fault(task, SIGBUS, BUS_ADRALN, 0);
        break;
    case CPU_VECTOR_GP:
    default:
        force_from_kernel(task, SIGSEGV);
        break;
    }
}

/* ---- delivery ---- */

static void restart_at(struct task *task, uint64_t number)
{
    cpu_set_result(task->cpu, number);
    cpu_set_pc(task->cpu, cpu_pc(task->cpu) - SYSCALL_INSTRUCTION_LEN);
}

/* The interrupted call, before a handler runs: is it restarted afterwards, or does it fail? */
static void settle_before_handler(struct task *task, const struct signal_action *action)
{
    int64_t result = -task->restart_result;
    task->restart_result = 0;
    if (result == 0)
        return;
    if (result == ERESTARTNOINTR || (result == ERESTARTSYS && (action->flags & SA_RESTART)))
        restart_at(task, task->restart_number);
    else
        cpu_set_result(task->cpu, (uint64_t)-EINTR);
}

static void settle_without_handler(struct task *task)
{
    int64_t result = -task->restart_result;
    task->restart_result = 0;
    if (result == ERESTART_RESTARTBLOCK)
        restart_at(task, SYSCALL_RESTART);
    else if (result != 0)
        restart_at(task, task->restart_number);
}

/* A frame could not be written: SIGSEGV, and for SIGSEGV itself there is no way out. */
static void force_bad_frame(struct task *task, int signal)
{
    if (signal == SIGSEGV)
        *action_of(task->process, SIGSEGV) = (struct signal_action){0};
    force_from_kernel(task, SIGSEGV);
}

static void enter_handler(struct task *task, int signal, const struct signal_info *info)
{
    struct signal_state *state = &task->signals;
    struct signal_action *slot = action_of(task->process, signal);
    struct signal_action action = *slot;
    settle_before_handler(task, &action);
    if (action.flags & SA_RESETHAND)
        slot->handler = (uint64_t)(uintptr_t)SIG_DFL;
    sigbits_t mask = state->has_saved_mask ? state->saved_mask : state->mask;
    if (signal_frame_enter(task, signal, &action, info, mask) < 0) {
        force_bad_frame(task, signal);
        return;
    }
    state->has_saved_mask = false;
    sigbits_t own = action.flags & SA_NODEFER ? 0 : sigbit(signal);
    signal_set_mask(task, state->mask | action.mask | own);
    tracee_enter_handler(task);
}

static void act(struct task *task, int signal, const struct signal_info *info)
{
    struct process *process = task->process;
    const struct signal_action *action = action_of(process, signal);
    if (signal != SIGKILL && signal != SIGSTOP) {
        if (is_ignored(process, signal))
            return;
        if (!is_default(action)) {
            enter_handler(task, signal, info);
            return;
        }
    }
    if (STOPPING & sigbit(signal)) {
        if (signal == SIGSTOP || !job_is_orphaned(process->system, process->pgid, NULL)) {
            job_stop(process, signal);
            tracee_group_stop(process, signal);
        }
    } else
        process_exit(process, (struct process_exit){.signal = signal});
}

/* The next signal to act on; of a traced task its tracer hears first. Result: 0: there is none, or
 * the task has stopped. */
static int next_signal(struct task *task, struct signal_info *info)
{
    int signal = tracee_take_signal(task, info);
    if (signal || tracee_stop_if_asked(task))
        return signal;
    signal = signal_take(task, ~task->signals.mask, info);
    if (signal == 0 || signal == SIGKILL || !task->tracee)
        return signal;
    tracee_stop_for_signal(task, signal, info);
    return 0;
}

void signal_deliver(struct task *task)
{
    struct signal_info info;
    int signal;
    while (!task->exiting && !task_is_stopped(task) && (signal = next_signal(task, &info)) != 0)
        act(task, signal, &info);
    if (task->exiting || task_is_stopped(task))
        return;
    settle_without_handler(task);
    if (task->signals.has_saved_mask) {
        task->signals.has_saved_mask = false;
        signal_set_mask(task, task->signals.saved_mask);
    }
}

int64_t signal_return(struct task *task)
{
    struct signal_stack stack;
    sigbits_t mask;
    if (signal_frame_leave(task, &mask, &stack) < 0) {
        task->fault = (struct cpu_fault_record){0};
        force_from_kernel(task, SIGSEGV);
        return 0;
    }
    signal_set_mask(task, mask);
    /* As Linux: an alternate stack that sigaltstack(2) would refuse is silently not restored. */
    signal_altstack_set(task, cpu_stack_pointer(task->cpu), &stack);
    return SYSCALL_REGS_SET;
}
