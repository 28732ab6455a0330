// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Job control as POSIX has it ("General Terminal Interface", "Process Groups"). The user's shell is
 * outside, so what it would see of the first process it must see of pagewalk: when all guests are
 * stopped, pagewalk stops as a whole.
 */
#include "linux/job.h"

#include <signal.h>

#include "linux/family.h"
#include "linux/hostsig.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/tty.h"
#include "linux/wait.h"

void job_stop(struct process *process, int signal)
{
    struct job *job = &process->job;
    if (job->stopped)
        return;
    *job = (struct job){.stopped = signal, .stop_untold = true};
    process->system->nstopped++;
    wait_tell_job(process, CLD_STOPPED);
}

void job_resume(struct process *process, int signal)
{
    struct job *job = &process->job;
    if (!job->stopped)
        return;
    *job = (struct job){.resume_untold = signal == SIGCONT};
    process->system->nstopped--;
    sched_resume(process);
    if (signal == SIGCONT)
        wait_tell_job(process, CLD_CONTINUED);
}

/* The user's shell, which is outside, is the parent of what the user started. */
static bool has_parent_outside(const struct process *process, const struct process *ending)
{
    const struct process *parent = process->parent;
    if (parent && parent == ending)
        parent = family_reaper(ending);
    if (!parent)
        return process->made_by == INIT_PID && process->sid == INIT_PID;
    return parent->pgid != process->pgid && parent->sid == process->sid;
}

bool job_is_orphaned(const struct linux_system *system, int pgid, const struct process *ending)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (p->pgid == pgid && p != ending && !p->exited && has_parent_outside(p, ending))
            return false;
    return true;
}

int job_session_of(const struct linux_system *system, int pgid)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (p->pgid == pgid)
            return p->sid;
    return 0;
}

bool job_group_exists(const struct linux_system *system, int pgid, int sid)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (p->pgid == pgid && p->sid == sid)
            return true;
    return false;
}

void job_signal_group(struct linux_system *system, int pgid, int signal, int code)
{
    for (struct process *p = system->processes; p; p = p->next)
        if (p->pgid == pgid && !p->exited)
            signal_send_process(p, signal, code, 0);
}

static bool has_stopped(const struct linux_system *system, int pgid)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (p->pgid == pgid && !p->exited && p->job.stopped)
            return true;
    return false;
}

static void kill_if_orphaned(struct process *ending, int pgid)
{
    struct linux_system *system = ending->system;
    if (!has_stopped(system, pgid) || !job_is_orphaned(system, pgid, ending))
        return;
    job_signal_group(system, pgid, SIGHUP, SI_KERNEL);
    job_signal_group(system, pgid, SIGCONT, SI_KERNEL);
}

void job_process_ends(struct process *process)
{
    struct linux_system *system = process->system;
    if (process->job.stopped)
        system->nstopped--;
    process->job = (struct job){0};
    tty_process_ends(process);
    if (system->nstopped == 0)
        return;
    kill_if_orphaned(process, process->pgid);
    for (const struct process *child = process->children; child; child = child->sibling_next)
        if (child->pgid != process->pgid && child->sid == process->sid)
            kill_if_orphaned(process, child->pgid);
}

/* ---- all stopped ---- */

static const struct process *users_process(const struct linux_system *system)
{
    const struct process *process = system->processes;
    while (process && (process->exited || process->made_by != INIT_PID))
        process = process->next;
    return process;
}

static void signal_all(struct linux_system *system, int signal)
{
    for (struct process *p = system->processes; p; p = p->next)
        if (!p->exited)
            signal_send_process(p, signal, SI_KERNEL, 0);
}

/* The user's process is gone: nobody is left who could let the others go on. */
static void end_forgotten(struct linux_system *system)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (!p->exited)
            linux_note(system, "process %d (%s) was stopped, and nobody was left to continue it",
                       p->pid, p->tasks ? p->tasks->comm : p->comm);
    signal_all(system, SIGKILL);
}

void job_all_may_be_stopped(struct linux_system *system)
{
    if (system->nstopped == 0 || system->nstopped < system->nlive)
        return;
    const struct process *users = users_process(system);
    if (!users) {
        end_forgotten(system);
        return;
    }
    hostsig_stop_self(system, users->job.stopped);
    hostsig_collect(system);
    if (system->nstopped == system->nlive)
        signal_all(system, SIGCONT); /* the host ignored it, as it does in an orphaned group */
}
