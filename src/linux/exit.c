// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How tasks and processes end: marked by exit, taken off by the run loop, kept as zombies for those
 * who wait, and at last as records for the summary. Marking and taking off are apart because a call
 * that kills its own process still stands on its memory.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "kernel/uaccess.h"
#include "linux/family.h"
#include "linux/futex_table.h"
#include "linux/job.h"
#include "linux/pid.h"
#include "linux/pidfd.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/sem.h"
#include "linux/signalfd.h"
#include "linux/timer.h"
#include "linux/tracee.h"
#include "linux/userfault.h"
#include "linux/wait.h"
#include "machine/machine.h"

enum {
    RECORDS_MAX = 1000, /* of processes that were waited for */
    COMMAND_MAX = 4096, /* bytes of a record's command */
};

/* ---- marking ---- */

static void mark(struct task *task)
{
    struct linux_system *system = task->process->system;
    if (task->exiting)
        return;
    task->exiting = true;
    task->dying_next = NULL;
    struct task **end = system->dying ? &system->dying_last->dying_next : &system->dying;
    *end = task;
    system->dying_last = task;
}

void process_exit(struct process *process, struct process_exit how)
{
    if (process->exited)
        return;
    process->exited = true;
    process->exit = how;
    for (struct task *task = process->tasks; task; task = task->next)
        mark(task);
}

static bool is_last_task(const struct task *task)
{
    for (const struct task *other = task->process->tasks; other; other = other->next)
        if (other != task && !other->exiting)
            return false;
    return true;
}

/* The process ends with the status of its first task, whoever is the last. */
void task_exit(struct task *task, int status)
{
    struct process *process = task->process;
    if (task->tid == process->pid)
        process->leader_status = status & 0xff;
    if (task->tracee)
        task->tracee->exit_status = status & 0xff;
    mark(task);
    if (is_last_task(task))
        process_exit(process, (struct process_exit){.status = process->leader_status});
}

void task_exit_others(struct task *task)
{
    for (struct task *other = task->process->tasks; other; other = other->next)
        if (other != task)
            mark(other);
    process_reap(task->process->system);
}

/* ---- letting go ---- */

/* Tells a joining thread, which waits for the word to become 0. */
static void clear_child_tid(struct task *task)
{
    uint32_t zero = 0;
    uint64_t addr = task->clear_child_tid.v;
    bool is_seen = !task->process->exited || task->process->space->refs > 1;
    if (addr == 0 || !is_seen)
        return;
    if (uaccess_write(task->process->space, vaddr(addr), &zero, sizeof zero) == 0)
        futex_wake(task, addr, 1);
}

void task_leave_memory(struct task *task)
{
    struct machine *machine = task->process->system->machine;
    struct counters *was = machine->now;
    if (!task->process->space)
        return;
    machine->now = &task->process->counters;
    futex_task_ends(task);
    clear_child_tid(task);
    machine->now = was;
}

/* A call in progress is told that the task ends, and comes to its own end. */
static void finish_call(struct task *task)
{
    struct machine *machine = task->process->system->machine;
    struct counters *was = machine->now;
    machine->now = &task->process->counters;
    while (task->fiber)
        sched_call(task);
    machine->now = was;
}

void process_end_vfork(struct process *process)
{
    struct vfork_wait *wait = process->vfork;
    if (!wait)
        return;
    process->vfork = NULL;
    wait->is_over = true;
    sched_wake(wait->task);
}

/* What it holds, and shares with others, at its end. */
static void measure(struct process *process)
{
    struct space *space = process->space;
    struct region_usage usage;
    for (const struct region *r = space_region_from(space, vaddr(0)); r; r = region_next(r)) {
        region_measure(space, r, &usage);
        process->last.rss += usage.rss;
        process->last.pss_4096 += usage.pss_4096;
    }
}

/* Memory, descriptors and the like; exit, counters and names stay for whoever waits. */
static void release(struct process *process)
{
    struct machine *machine = process->system->machine;
    struct counters *was = machine->now;
    machine->now = &process->counters;
    process->rss_peak = process_rss_peak(process);
    if (process->space) {
        measure(process);
        if (process->space->refs == 1)
            userfaults_forget(process->system, process->space);
        space_put(process->space);
    }
    process->space = NULL;
    process_end_vfork(process);
    fd_table_put(process->fds);
    process->fds = NULL;
    fs_state_put(process->fs);
    process->fs = NULL;
    if (process->actions)
        signal_actions_put(process->actions);
    process->actions = NULL;
    signal_queue_clear(&process->pending);
    timers_destroy(process);
    sem_process_ends(process);
    signalfds_forget(process);
    sched_forget(process);
    machine->now = was;
}

/* ---- taking off ---- */

static void become_zombie(struct process *process)
{
    release(process);
    process->is_zombie = true;
    process->system->nlive--;
    job_process_ends(process);
    pidfds_tell_end(process);
    tracees_let_go(process);
    tracee_zombie(process);
    family_give_children(process);
    wait_tell_end(process);
}

static void unlink_task(struct task *task)
{
    struct process *process = task->process;
    if (task->prev)
        task->prev->next = task->next;
    else
        process->tasks = task->next;
    if (task->next)
        task->next->prev = task->prev;
    else
        process->tasks_last = task->prev;
    process->ntasks--;
    process->system->ntasks--;
}

static void free_task(struct task *task)
{
    unlink_task(task);
    pid_remove_task(task);
    sched_remove(task);
    signal_queue_clear(&task->signals.pending);
    cpu_destroy(task->cpu);
    free(task);
}

static void destroy_task(struct task *task)
{
    struct process *process = task->process;
    struct linux_system *system = process->system;
    family_thread_ends(task);
    tracee_ends(task);
    if (system->current == task)
        system->current = NULL;
    if (task->tid == process->pid || process->ntasks == 1)
        memcpy(process->comm, task->comm, sizeof process->comm);
    free_task(task);
    if (process->exited && process->ntasks == 0)
        become_zombie(process);
    else
        sched_signal(process); /* what it was to take is for another task now */
}

void process_reap(struct linux_system *system)
{
    while (system->dying) {
        struct task *first = system->dying, *next;
        system->dying = NULL;
        for (struct task *task = first; task; task = task->dying_next)
            finish_call(task);
        for (struct task *task = first; task; task = task->dying_next)
            task_leave_memory(task);
        for (struct task *task = first; task; task = next) {
            next = task->dying_next;
            destroy_task(task);
        }
    }
}

/* ---- records ---- */

static void free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

static void drop_program(struct process *process)
{
    free(process->exe);
    free(process->cmdline);
    free(process->environ);
    process->exe = process->cmdline = process->environ = NULL;
}

void process_destroy(struct process *process)
{
    CHECK(process->ntasks == 0 && !process->space && !process->fds);
    drop_program(process);
    free_strings(process->argv);
    free(process);
}

static void unlink_record(struct process *process)
{
    struct linux_system *system = process->system;
    struct process *before = NULL, *at = system->records;
    for (; at != process; at = at->record_next)
        before = at;
    if (before)
        before->record_next = process->record_next;
    else
        system->records = process->record_next;
    if (system->records_last == process)
        system->records_last = before;
}

void process_add_counters(struct counters *sum, const struct counters *more)
{
#define ADD(name, unit, meaning) sum->name += more->name;
    COUNTERS_PROCESS(ADD)
#undef ADD
}

/* The oldest record becomes part of a sum. The first process stays: the user asked for it. */
static void fold_oldest(struct linux_system *system)
{
    struct process *process = system->records->record_next;
    while (!process->is_record)
        process = process->record_next;
    unlink_record(process);
    system->folded.count++;
    process_add_counters(&system->folded.counters, &process->counters);
    system->nended--;
    process_destroy(process);
}

static void unlink_process(struct process *process)
{
    struct linux_system *system = process->system;
    if (process->prev)
        process->prev->next = process->next;
    else
        system->processes = process->next;
    if (process->next)
        process->next->prev = process->prev;
    else
        system->processes_last = process->prev;
}

/* Of a record's command only so much is kept: there are many, and a command may be megabytes. */
static void shorten_command(struct process *process)
{
    size_t left = COMMAND_MAX;
    for (char **word = process->argv; word && *word; word++) {
        size_t len = strlen(*word);
        if (len <= left) {
            left -= len;
            continue;
        }
        memcpy(*word + left, "...", 4);
        for (char **rest = word + 1; *rest; rest++) {
            free(*rest);
            *rest = NULL;
        }
    }
}

void process_forget(struct process *process)
{
    struct linux_system *system = process->system;
    CHECK(process->is_zombie && !process->children);
    family_leave(process);
    unlink_process(process);
    pid_remove_process(process);
    pidfds_let_go(process);
    drop_program(process);
    shorten_command(process);
    system->gone_utime_ns += process->utime_ns;
    system->gone_stime_ns += process->stime_ns;
    process->is_record = true;
    if (++system->nended > RECORDS_MAX)
        fold_oldest(system);
}

void process_undo(struct process *process)
{
    struct linux_system *system = process->system;
    CHECK(process->ntasks <= 1 && !process->children);
    if (process->tasks)
        free_task(process->tasks);
    release(process);
    family_leave(process);
    unlink_process(process);
    unlink_record(process);
    pid_remove_process(process);
    pidfds_let_go(process);
    system->nprocesses--;
    system->nlive--;
    process_destroy(process);
}
