// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The out-of-memory killer. The kernel asks for room in the middle of a page fault, of a program or
 * of a system call; here one process is chosen, killed, and its memory given back at once, so that
 * the fault goes on as if nothing had been. The process itself, which is not running, is taken off
 * by the run loop like any that was killed.
 *
 * The choice is Linux's (proc(5), /proc/PID/oom_score and oom_score_adj): the process with the most
 * pages in RAM and swap, page tables included; each point of oom_score_adj counts as a thousandth
 * of all RAM and swap; of equals the youngest; never one with oom_score_adj -1000. If it is the one
 * that asks, the fault fails, and it ends when it is off the CPU. Nobody is killed while there is
 * memory of processes that have ended and are only not taken off yet.
 */
#include "linux/oom.h"

#include <inttypes.h>
#include <signal.h>

#include "linux/process.h"

static int64_t total_pages(const struct linux_system *system)
{
    const struct kernel *kernel = system->kernel;
    return (int64_t)(kernel->frames.nframes + (kernel->swap ? swapdisk_slots(kernel->swap) : 0));
}

static int64_t badness(const struct process *process)
{
    int64_t share = total_pages(process->system) / OOM_SCORE_ADJ_MAX;
    return (int64_t)space_footprint(process->space) + process->oom_score_adj * share;
}

static bool may_be_killed(const struct process *process)
{
    return !process->exited && process->space && process->oom_score_adj != OOM_SCORE_ADJ_MIN;
}

int64_t oom_score(const struct process *process)
{
    if (!may_be_killed(process))
        return 0;
    int64_t total = total_pages(process->system);
    int64_t score = (1000 + badness(process) * 1000 / total) * 2 / 3;
    return score > 0 ? score : 0;
}

static struct process *choose(const struct linux_system *system)
{
    struct process *worst = NULL;
    for (struct process *process = system->processes; process; process = process->next)
        if (may_be_killed(process) && (!worst || badness(process) >= badness(worst)))
            worst = process;
    return worst;
}

/* What is in use, who ends, and why it. */
static void explain(const struct process *victim)
{
    struct linux_system *system = victim->system;
    const struct space *space = victim->space;
    const struct task *leader = process_leader(victim);
    uint64_t swapped = space_swapped(space);
    if (system->kernel->trouble[0])
        linux_note(system, "%s", system->kernel->trouble);
    system->kernel->trouble[0] = '\0';
    snprintf(system->message, sizeof system->message,
             "process %d (%s) was killed: out of memory, and of %u processes its badness was the "
             "highest, %" PRId64 " of %" PRId64 " pages: %" PRIu64 " its own in RAM, %" PRIu64
             " in swap, %" PRIu64 " of files and shared memory, %" PRIu64
             " page tables, oom_score_adj %d",
             victim->pid, leader ? leader->comm : victim->comm, system->nlive, badness(victim),
             total_pages(system), space->amap.anons.count - swapped, swapped, space->table.nobjects,
             space->table.ntables, victim->oom_score_adj);
    linux_note(system, "%s", system->message);
}

static void kill_users(struct linux_system *system, const struct space *space)
{
    for (struct process *process = system->processes; process; process = process->next) {
        if (process->space != space || process->exited)
            continue;
        process_exit(process, (struct process_exit){.signal = SIGKILL});
        system->kernel->gauges.oom_kills++;
    }
}

/* Gives the memory of processes that have ended back. The locks in it pass on first. */
static void reclaim_from(struct linux_system *system, struct space *space)
{
    space->ends = true;
    for (struct process *process = system->processes; process; process = process->next)
        for (struct task *task = process->tasks; task && process->space == space; task = task->next)
            task_leave_memory(task);
    space_clear(space);
}

/* Have all that use the space ended? They need no memory any more. (A program that is being loaded
 * has a space that nobody uses yet.) */
static bool is_ending(const struct linux_system *system, const struct space *space)
{
    bool ends = false;
    for (const struct process *process = system->processes; process; process = process->next) {
        if (process->space == space && !process->exited)
            return false;
        ends |= process->space == space;
    }
    return ends;
}

/* Those that were sent SIGKILL need not come to run for it. */
static void end_killed(struct linux_system *system)
{
    for (struct process *process = system->processes; process; process = process->next)
        if (process->pending.pending & sigbit(SIGKILL))
            process_exit(process, (struct process_exit){.signal = SIGKILL});
}

/* NULL: none that holds anything. */
static struct space *find_ending(const struct linux_system *system)
{
    for (const struct process *process = system->processes; process; process = process->next)
        if (process->exited && process->space && space_footprint(process->space) > 0 &&
            is_ending(system, process->space))
            return process->space;
    return NULL;
}

static bool make_room(void *context, struct space *asking)
{
    struct linux_system *system = context;
    end_killed(system);
    if (is_ending(system, asking))
        return false;
    struct space *space = find_ending(system);
    if (!space) {
        struct process *victim = choose(system);
        if (!victim)
            return false;
        space = victim->space;
        explain(victim);
        kill_users(system, space);
    }
    if (space == asking)
        return false;
    reclaim_from(system, space);
    return true;
}

void oom_create(struct linux_system *system)
{
    system->kernel->rescue = (struct kernel_rescue){.make_room = make_room, .context = system};
}
