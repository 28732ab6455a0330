// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parents and children: each process has a list of its children by age. Orphans go to the nearest
 * ancestor that asked for them (prctl(2), PR_SET_CHILD_SUBREAPER), else to pid 1, which is outside
 * and waits for all of them at once.
 */
#include "linux/family.h"

#include "base/check.h"
#include "linux/wait.h"

void family_join(struct process *child, struct process *parent, int parent_tid)
{
    CHECK(!child->parent);
    child->parent = parent;
    child->parent_tid = parent_tid;
    if (!parent)
        return;
    child->sibling_next = NULL;
    child->sibling_prev = parent->children_last;
    if (parent->children_last)
        parent->children_last->sibling_next = child;
    else
        parent->children = child;
    parent->children_last = child;
}

void family_leave(struct process *process)
{
    struct process *parent = process->parent;
    if (!parent)
        return;
    if (process->sibling_prev)
        process->sibling_prev->sibling_next = process->sibling_next;
    else
        parent->children = process->sibling_next;
    if (process->sibling_next)
        process->sibling_next->sibling_prev = process->sibling_prev;
    else
        parent->children_last = process->sibling_prev;
    process->parent = process->sibling_next = process->sibling_prev = NULL;
}

struct process *family_reaper(const struct process *process)
{
    struct process *at = process->parent;
    while (at && (!at->child_subreaper || at->exited))
        at = at->parent;
    return at;
}

void family_give_children(struct process *process)
{
    struct process *reaper = family_reaper(process), *child;
    while ((child = process->children) != NULL) {
        family_leave(child);
        family_join(child, reaper, reaper ? reaper->pid : 0);
        child->exit_signal = SIGCHLD;
        if (child->is_zombie)
            wait_tell_end(child);
    }
}

static void tell_of_parents_death(struct process *child, int sender_pid)
{
    for (struct task *task = child->tasks; task; task = task->next)
        if (task->pdeath_signal)
            signal_send_process(child, task->pdeath_signal, SI_USER, sender_pid);
}

void family_thread_ends(struct task *task)
{
    struct process *process = task->process;
    const struct task *other = process->tasks == task ? task->next : process->tasks;
    for (struct process *child = process->children; child; child = child->sibling_next) {
        if (child->parent_tid != task->tid)
            continue;
        tell_of_parents_death(child, process->pid);
        if (other)
            child->parent_tid = other->tid;
    }
}
