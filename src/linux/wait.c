// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for children. Reports lie with the children themselves (a zombie, a stop or a going-on
 * that nobody has heard of), so a parent that looks late misses none.
 */
#include "linux/wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/timer.h"
#include "linux/tracee.h"

#define NS_PER_TICK (CLOCK_NS_PER_S / 100)

/* ---- telling ---- */

static void wake_waiting(struct process *parent)
{
    for (struct task *task = parent->tasks; task; task = task->next)
        if (task->waits_for_child)
            sched_wake(task);
}

static siginfo_t info_of(const struct process *process, int signal, int code, int status)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    info.si_pid = process->pid;
    info.si_uid = getuid();
    info.si_status = status;
    info.si_utime = (clock_t)(process->utime_ns / NS_PER_TICK);
    info.si_stime = (clock_t)(process->stime_ns / NS_PER_TICK);
    return info;
}

static int end_code(const struct process *process)
{
    return process->exit.signal ? CLD_KILLED : CLD_EXITED;
}

static int end_status(const struct process *process)
{
    return process->exit.signal ? process->exit.signal : process->exit.status;
}

static const struct signal_action *child_action(const struct process *parent)
{
    return &parent->actions->action[SIGCHLD - 1];
}

static bool ignores_children(const struct process *parent)
{
    return child_action(parent)->handler == (uint64_t)(uintptr_t)SIG_IGN;
}

void wait_tell_end(struct process *process)
{
    struct process *parent = process->parent;
    if (!parent || parent->exited) {
        if (!parent)
            process_forget(process);
        return; /* a parent that ends gives it away in a moment */
    }
    int signal = process->exit_signal;
    bool is_usual = signal == SIGCHLD;
    bool is_unwanted =
        is_usual && (ignores_children(parent) || child_action(parent)->flags & SA_NOCLDWAIT);
    if (signal && !(is_usual && ignores_children(parent))) {
        siginfo_t info = info_of(process, signal, end_code(process), end_status(process));
        signal_send_info(parent, NULL, signal, &info);
    }
    if (is_unwanted)
        process_forget(process);
    wake_waiting(parent);
}

void wait_tell_job(struct process *process, int code)
{
    struct process *parent = process->parent;
    if (!parent || parent->exited || tracee_is_parents(process))
        return;
    if (!ignores_children(parent) && !(child_action(parent)->flags & SA_NOCLDSTOP)) {
        int status = code == CLD_CONTINUED ? SIGCONT : process->job.stopped;
        siginfo_t info = info_of(process, SIGCHLD, code, status);
        signal_send_info(parent, NULL, SIGCHLD, &info);
    }
    wake_waiting(parent);
}

/* ---- waiting ---- */

static bool is_meant(const struct task *task, const struct wait_request *request,
                     const struct process *child)
{
    if (request->type == P_PID && child->pid != request->id)
        return false;
    if (request->type == P_PGID && child->pgid != request->id)
        return false;
    bool is_clone = child->exit_signal != SIGCHLD;
    if (!(request->options & __WALL) && is_clone != !!(request->options & __WCLONE))
        return false;
    return !(request->options & __WNOTHREAD) || child->parent_tid == task->tid;
}

static struct usage usage_of(const struct process *process)
{
    struct usage usage = process->children_usage;
    uint64_t rss_peak = process_rss_peak(process), utime, stime;
    clock_cpu_time(process->system, process, &utime, &stime);
    usage.utime_ns += utime;
    usage.stime_ns += stime;
    usage.minflt += process->counters.faults_minor;
    usage.majflt += process->counters.faults_major;
    usage.rss_peak = rss_peak > usage.rss_peak ? rss_peak : usage.rss_peak;
    return usage;
}

static void add_usage(struct usage *sum, const struct usage *more)
{
    sum->utime_ns += more->utime_ns;
    sum->stime_ns += more->stime_ns;
    sum->minflt += more->minflt;
    sum->majflt += more->majflt;
    sum->rss_peak = more->rss_peak > sum->rss_peak ? more->rss_peak : sum->rss_peak;
}

static void report(const struct process *child, int code, int status, struct wait_report *out)
{
    *out = (struct wait_report){child->pid, code, status, usage_of(child)};
}

/* Takes the child's report, if it has one of those asked for. */
static bool take_report(struct process *child, int options, struct wait_report *out)
{
    bool keeps = options & WNOWAIT;
    if (child->is_zombie) {
        if (!(options & WEXITED))
            return false;
        report(child, end_code(child), end_status(child), out);
        if (!keeps) {
            add_usage(&child->parent->children_usage, &out->usage);
            process_forget(child);
        }
        return true;
    }
    if (tracee_is_parents(child))
        return false; /* its stops are those of a tracee */
    if (child->job.stop_untold && options & WSTOPPED) {
        report(child, CLD_STOPPED, child->job.stopped, out);
        child->job.stop_untold = keeps;
        return true;
    }
    if (child->job.resume_untold && options & WCONTINUED) {
        report(child, CLD_CONTINUED, SIGCONT, out);
        child->job.resume_untold = keeps;
        return true;
    }
    return false;
}

/* Result: 1 and *out; 0: there are such children, but nothing to tell; -ECHILD. */
static int look(struct task *task, const struct wait_request *request, struct wait_report *out)
{
    struct process *next;
    int result = tracee_take_report(task->process, request, out);
    if (result > 0)
        return result;
    for (struct process *child = task->process->children; child; child = next) {
        next = child->sibling_next;
        if (!is_meant(task, request, child))
            continue;
        if (take_report(child, request->options, out))
            return 1;
        if (!child->is_zombie || request->options & WEXITED)
            result = 0;
    }
    return result;
}

int wait_for_child(struct task *task, const struct wait_request *request, struct wait_report *out)
{
    for (;;) {
        struct task_wait wait = {.deadline_ns = TIMER_NEVER};
        int result = look(task, request, out);
        if (result != 0 || request->options & WNOHANG)
            return result;
        task->waits_for_child = true;
        result = sched_wait(task, &wait);
        task->waits_for_child = false;
        if (result < 0)
            return result;
    }
}
