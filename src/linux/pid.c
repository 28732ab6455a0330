// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbers of processes and tasks: given out in ascending order, found again by number. A number is
 * free when no process (zombies included), task, group or session has it.
 */
#include "linux/pid.h"

#include "base/check.h"

enum { PID_MAX = 1 << 22, PID_AGAIN = 300 /* where numbers start over, as on Linux */ };

static uint64_t to_value(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

struct process *process_find(const struct linux_system *system, int pid)
{
    return pid > 0 ? (void *)(uintptr_t)radix_get(&system->pids, (uint64_t)pid) : NULL;
}

struct task *task_find(const struct linux_system *system, int tid)
{
    struct task *task = tid > 0 ? (void *)(uintptr_t)radix_get(&system->tids, (uint64_t)tid) : NULL;
    return task && !task->exiting ? task : NULL;
}

static bool is_group(const struct linux_system *system, int number)
{
    for (const struct process *p = system->processes; p; p = p->next)
        if (p->pgid == number || p->sid == number)
            return true;
    return false;
}

static bool is_used(const struct linux_system *system, int number)
{
    return radix_get(&system->pids, (uint64_t)number) != 0 ||
           radix_get(&system->tids, (uint64_t)number) != 0 ||
           (system->pids_wrapped && is_group(system, number));
}

int pid_take(struct linux_system *system)
{
    for (;;) {
        int number = system->next_pid++;
        if (system->next_pid == PID_MAX) {
            system->next_pid = PID_AGAIN;
            system->pids_wrapped = true;
        }
        if (!is_used(system, number))
            return number;
    }
}

void pid_add_process(struct process *process)
{
    CHECK(!process_find(process->system, process->pid));
    radix_set(&process->system->pids, (uint64_t)process->pid, to_value(process));
}

void pid_remove_process(struct process *process)
{
    radix_set(&process->system->pids, (uint64_t)process->pid, 0);
}

void pid_add_task(struct task *task)
{
    radix_set(&task->process->system->tids, (uint64_t)task->tid, to_value(task));
}

void pid_remove_task(struct task *task)
{
    struct radix *tids = &task->process->system->tids;
    if (radix_get(tids, (uint64_t)task->tid) == to_value(task))
        radix_set(tids, (uint64_t)task->tid, 0);
}

void pid_change_task(struct task *task, int tid)
{
    pid_remove_task(task);
    task->tid = tid;
    pid_add_task(task);
}
