// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stops of traced tasks (ptrace(2), "Stopped states"). Ends of tracees that are not children of
 * their tracer are kept as records until it has waited for them; the parent hears of them as ever,
 * and does not wait for the tracer to hear first.
 */
#include "linux/tracee.h"

#include <errno.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/schedule.h"
#include "linux/timer.h"
#include "linux/wait.h"

/* A tracee that ended, for a tracer that is not its parent. */
struct tracee_end {
    struct tracee_end *next; /* of the tracer's */
    struct process *tracer;
    struct process *process; /* it is the first task of this, which has not ended yet; else NULL */
    int tid, pgid;
    struct process_exit exit;
};

enum { CALL_STOP = 0x80 /* in a status, with PTRACE_O_TRACESYSGOOD */ };

/* ---- attaching ---- */

void tracee_attach(struct task *task, struct process *tracer, uint32_t options, bool is_seized)
{
    CHECK(!task->tracee);
    struct tracee *tracee = x_calloc(1, sizeof *tracee);
    *tracee = (struct tracee){.task = task,
                              .tracer = tracer,
                              .next = tracer->tracees,
                              .options = options,
                              .is_seized = is_seized,
                              .call = UINT64_MAX};
    tracer->tracees = tracee;
    task->tracee = tracee;
}

static void free_tracee(struct tracee *tracee)
{
    struct tracee **at = &tracee->tracer->tracees;
    while (*at != tracee)
        at = &(*at)->next;
    *at = tracee->next;
    cpu_set_debug(tracee->task->cpu, &(struct cpu_debug){0});
    tracee->task->tracee = NULL;
    free(tracee);
}

static void send_plain(struct task *task, int signal, int sender_pid)
{
    signal_send_task(task, signal, SI_USER, sender_pid);
}

void tracee_detach(struct tracee *tracee, int signal)
{
    struct task *task = tracee->task;
    if (tracee->stop != TRACEE_RUNS)
        tracee_resume(tracee, 0);
    if (signal)
        send_plain(task, signal, tracee->tracer->pid);
    free_tracee(tracee);
}

bool tracee_is_parents(const struct process *process)
{
    const struct task *leader = task_find(process->system, process->pid);
    return leader && leader->tracee && leader->tracee->tracer == process->parent;
}

/* ---- telling ---- */

static void wake_waiting(struct process *tracer)
{
    for (struct task *task = tracer->tasks; task; task = task->next)
        if (task->waits_for_child)
            sched_wake(task);
}

static void tell(struct process *tracer, int code, int pid, int status)
{
    const struct signal_action *action = &tracer->actions->action[SIGCHLD - 1];
    siginfo_t info;
    bool is_stop = code == CLD_TRAPPED || code == CLD_STOPPED;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGCHLD;
    info.si_code = code;
    info.si_pid = pid;
    info.si_uid = getuid();
    info.si_status = status;
    if (action->handler != (uint64_t)(uintptr_t)SIG_IGN &&
        !(is_stop && action->flags & SA_NOCLDSTOP))
        signal_send_info(tracer, NULL, SIGCHLD, &info);
    wake_waiting(tracer);
}

/* ---- stopping ---- */

static void begin_stop(struct tracee *tracee, enum tracee_stop stop, int status)
{
    tracee->stop = stop;
    tracee->status = status;
    tracee->is_untold = true;
    tracee->is_listening = false;
    int code = stop == TRACEE_AT_GROUP_STOP ? CLD_STOPPED : CLD_TRAPPED;
    tell(tracee->tracer, code, tracee->task->tid, status & 0x7f);
}

static void set_info(struct tracee *tracee, int signal, int code)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    info.si_pid = tracee->task->process->pid;
    info.si_uid = getuid();
    memcpy(&tracee->info, &info, sizeof tracee->info);
}

/* Waits in the middle of a call until the tracer lets it go on. => tracee may be gone afterwards */
static void stop_in_call(struct task *task, enum tracee_stop stop, int status, int code)
{
    int rc = 0;
    set_info(task->tracee, SIGTRAP, code);
    begin_stop(task->tracee, stop, status);
    while (tracee_is_stopped(task) && rc >= 0) {
        struct task_wait wait = {.deadline_ns = TIMER_NEVER, .is_killable_only = true};
        rc = sched_wait(task, &wait);
    }
    if (task->tracee)
        task->tracee->stop = TRACEE_RUNS;
}

void tracee_stop_for_signal(struct task *task, int signal, const struct signal_info *info)
{
    struct tracee *tracee = task->tracee;
    tracee->info = *info;
    begin_stop(tracee, TRACEE_AT_SIGNAL, signal);
}

bool tracee_stop_if_asked(struct task *task)
{
    struct tracee *tracee = task->tracee;
    if (!tracee || !tracee->must_stop)
        return false;
    int signal = tracee->group_signal ? tracee->group_signal : SIGTRAP;
    int event = tracee->is_seized ? PTRACE_EVENT_STOP << 8 : 0;
    tracee->must_stop = false;
    set_info(tracee, signal, event ? signal | event : SI_USER);
    begin_stop(tracee, TRACEE_AT_GROUP_STOP, signal | event);
    tracee->group_signal = 0;
    return true;
}

void tracee_set_debug(struct tracee *tracee)
{
    cpu_set_debug(tracee->task->cpu, &tracee->debug);
}

void tracee_enter_handler(struct task *task)
{
    struct tracee *tracee = task->tracee;
    if (!tracee || !tracee->debug.steps)
        return;
    tracee->debug.steps = false;
    set_info(tracee, SIGTRAP, SIGTRAP);
    begin_stop(tracee, TRACEE_AT_HANDLER, SIGTRAP);
}

static bool is_in_call(const struct tracee *tracee)
{
    return tracee->stop == TRACEE_AT_ENTRY || tracee->stop == TRACEE_AT_EXIT ||
           tracee->stop == TRACEE_AT_EVENT;
}

static void let_run(struct tracee *tracee)
{
    struct task *task = tracee->task;
    bool was_in_call = is_in_call(tracee);
    tracee->stop = TRACEE_RUNS;
    tracee->is_untold = tracee->is_listening = false;
    tracee_set_debug(tracee);
    if (was_in_call)
        sched_wake(task);
    else
        sched_resume_task(task);
}

static void ask_to_stop(struct tracee *tracee, int signal)
{
    tracee->must_stop = true;
    tracee->group_signal = signal;
    sched_signal(tracee->task->process);
}

void tracee_interrupt(struct tracee *tracee)
{
    if (tracee->is_listening)
        let_run(tracee);
    if (tracee->stop == TRACEE_RUNS)
        ask_to_stop(tracee, 0);
}

void tracee_group_stop(struct process *process, int signal)
{
    for (struct task *task = process->tasks; task; task = task->next)
        if (task->tracee && task->tracee->stop == TRACEE_RUNS)
            ask_to_stop(task->tracee, signal);
}

/* ---- going on ---- */

void tracee_resume(struct tracee *tracee, int signal)
{
    siginfo_t info;
    memcpy(&info, &tracee->info, sizeof info);
    if (tracee->stop == TRACEE_AT_SIGNAL && signal) {
        if (info.si_signo != signal)
            set_info(tracee, signal, SI_USER);
        tracee->signal = signal;
    } else if (signal && (tracee->stop == TRACEE_AT_ENTRY || tracee->stop == TRACEE_AT_EXIT)) {
        send_plain(tracee->task, signal, tracee->tracer->pid);
    }
    let_run(tracee);
}

/* One whose signal has been blocked meanwhile waits for its turn as any other. */
int tracee_take_signal(struct task *task, struct signal_info *info)
{
    struct tracee *tracee = task->tracee;
    int signal = tracee ? tracee->signal : 0;
    siginfo_t full;
    if (signal == 0)
        return 0;
    tracee->signal = 0;
    *info = tracee->info;
    if (!(task->signals.mask & sigbit(signal)))
        return signal;
    memcpy(&full, info, sizeof full);
    signal_send_info(task->process, task, signal, &full);
    return 0;
}

void tracee_group_resume(struct process *process)
{
    for (struct task *task = process->tasks; task; task = task->next) {
        struct tracee *tracee = task->tracee;
        if (!tracee || !tracee->is_listening)
            continue;
        let_run(tracee);
        ask_to_stop(tracee, 0);
    }
}

void tracee_kill(struct process *process)
{
    for (struct task *task = process->tasks; task; task = task->next)
        if (tracee_is_stopped(task))
            let_run(task->tracee);
}

static void free_end(struct tracee_end *end)
{
    struct tracee_end **at = &end->tracer->tracee_ends;
    while (*at != end)
        at = &(*at)->next;
    *at = end->next;
    if (end->process)
        end->process->tracee_end = NULL;
    free(end);
}

/* ---- calls and events ---- */

static int call_status(const struct tracee *tracee)
{
    return SIGTRAP | (tracee->options & PTRACE_O_TRACESYSGOOD ? CALL_STOP : 0);
}

bool tracee_enter_call(struct task *task, uint64_t *number)
{
    struct tracee *tracee = task->tracee;
    if (!tracee)
        return true;
    tracee->call = *number;
    if (!tracee->wants_calls)
        return true;
    cpu_set_result(task->cpu, (uint64_t)-ENOSYS);
    stop_in_call(task, TRACEE_AT_ENTRY, call_status(tracee), call_status(tracee));
    if (signal_is_killed(task))
        return false;
    if (task->tracee)
        *number = task->tracee->call;
    return *number != UINT64_MAX;
}

void tracee_leave_call(struct task *task)
{
    const struct tracee *tracee = task->tracee;
    if (!tracee || signal_is_killed(task))
        return;
    if (tracee->debug.steps)
        signal_force_fault(task, SIGTRAP, TRAP_BRKPT, cpu_pc(task->cpu));
    else if (tracee->wants_calls)
        stop_in_call(task, TRACEE_AT_EXIT, call_status(tracee), call_status(tracee));
}

void tracee_event(struct task *task, int event, uint64_t message)
{
    struct tracee *tracee = task->tracee;
    if (!tracee || event == 0 || !(tracee->options & 1u << event))
        return;
    tracee->message = message;
    stop_in_call(task, TRACEE_AT_EVENT, SIGTRAP | event << 8, SIGTRAP | event << 8);
}

static int event_of(uint64_t clone_flags, int exit_signal)
{
    if (clone_flags & CLONE_VFORK)
        return PTRACE_EVENT_VFORK;
    bool is_fork = exit_signal == SIGCHLD && !(clone_flags & CLONE_THREAD);
    return is_fork ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
}

int tracee_new_task(struct task *maker, struct task *made, uint64_t clone_flags, int exit_signal)
{
    const struct tracee *tracee = maker->tracee;
    if (!tracee || clone_flags & CLONE_UNTRACED)
        return 0;
    int event = event_of(clone_flags, exit_signal);
    bool is_wanted = tracee->options & 1u << event;
    if (!is_wanted && !(clone_flags & CLONE_PTRACE))
        return 0;
    tracee_attach(made, tracee->tracer, tracee->options, tracee->is_seized);
    made->tracee->call = tracee->call;
    if (tracee->is_seized)
        ask_to_stop(made->tracee, 0);
    else
        signal_send_task(made, SIGSTOP, SI_USER, 0);
    return is_wanted ? event : 0;
}

/* The task is the first now: that another one was it and has ended is nothing to tell. */
static void forget_end(struct process *process)
{
    if (process->tracee_end)
        free_end(process->tracee_end);
}

void tracee_exec(struct task *task, int old_tid)
{
    struct tracee *tracee = task->tracee;
    forget_end(task->process);
    if (!tracee)
        return;
    tracee->debug = (struct cpu_debug){.steps = tracee->debug.steps};
    tracee_set_debug(tracee);
    if (tracee->options & PTRACE_O_TRACEEXEC)
        tracee_event(task, PTRACE_EVENT_EXEC, (uint64_t)old_tid);
    else if (!tracee->is_seized)
        send_plain(task, SIGTRAP, task->process->pid);
}

/* ---- ends ---- */

static void tell_end(const struct tracee_end *end)
{
    int code = end->exit.signal ? CLD_KILLED : CLD_EXITED;
    tell(end->tracer, code, end->tid, end->exit.signal ? end->exit.signal : end->exit.status);
}

/* The first task's end is told when the whole process has ended. */
void tracee_ends(struct task *task)
{
    struct tracee *tracee = task->tracee;
    struct process *process = task->process, *tracer = tracee ? tracee->tracer : NULL;
    if (!tracee)
        return;
    bool is_leader = task->tid == process->pid;
    struct process_exit exit = {.status = tracee->exit_status};
    free_tracee(tracee);
    if (is_leader && tracer == process->parent)
        return;
    struct tracee_end *end = x_malloc(sizeof *end);
    *end = (struct tracee_end){.next = tracer->tracee_ends,
                               .tracer = tracer,
                               .process = is_leader ? process : NULL,
                               .tid = task->tid,
                               .pgid = process->pgid,
                               .exit = process->exited ? process->exit : exit};
    tracer->tracee_ends = end;
    if (is_leader)
        process->tracee_end = end;
    else
        tell_end(end);
}

void tracee_zombie(struct process *process)
{
    struct tracee_end *end = process->tracee_end;
    if (!end)
        return;
    process->tracee_end = NULL;
    end->process = NULL;
    end->exit = process->exit;
    tell_end(end);
}

void tracees_let_go(struct process *tracer)
{
    while (tracer->tracees) {
        struct tracee *tracee = tracer->tracees;
        struct task *task = tracee->task;
        bool is_killed = tracee->options & PTRACE_O_EXITKILL;
        tracee_detach(tracee, 0);
        if (is_killed)
            signal_send_process(task->process, SIGKILL, SI_KERNEL, 0);
    }
    while (tracer->tracee_ends)
        free_end(tracer->tracee_ends);
}

/* ---- waiting ---- */

static bool is_meant(const struct wait_request *request, int tid, int pgid)
{
    return !(request->type == P_PID && tid != request->id) &&
           !(request->type == P_PGID && pgid != request->id);
}

static bool take_stop(struct tracee *tracee, const struct wait_request *request,
                      struct wait_report *out)
{
    if (!tracee->is_untold || tracee->is_listening)
        return false;
    *out = (struct wait_report){.pid = tracee->task->tid,
                                .code = tracee->stop == TRACEE_AT_GROUP_STOP && !tracee->is_seized
                                            ? CLD_STOPPED
                                            : CLD_TRAPPED,
                                .status = tracee->status};
    tracee->is_untold = request->options & WNOWAIT;
    return true;
}

static void take_end(struct tracee_end *end, int options, struct wait_report *out)
{
    *out = (struct wait_report){.pid = end->tid,
                                .code = end->exit.signal ? CLD_KILLED : CLD_EXITED,
                                .status = end->exit.signal ? end->exit.signal : end->exit.status};
    if (!(options & WNOWAIT))
        free_end(end);
}

static int look_at_ends(struct process *tracer, const struct wait_request *request,
                        struct wait_report *out)
{
    int result = -ECHILD;
    for (struct tracee_end *end = tracer->tracee_ends; end; end = end->next) {
        if (!is_meant(request, end->tid, end->pgid))
            continue;
        if (!end->process && request->options & WEXITED) {
            take_end(end, request->options, out);
            return 1;
        }
        result = 0;
    }
    return result;
}

int tracee_take_report(struct process *tracer, const struct wait_request *request,
                       struct wait_report *out)
{
    int result = look_at_ends(tracer, request, out);
    struct tracee *tracee = tracer->tracees;
    for (; tracee && result <= 0; tracee = tracee->next)
        if (is_meant(request, tracee->task->tid, tracee->task->process->pgid))
            result = take_stop(tracee, request, out);
    return result;
}
