// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of semaphores. Those who wait for a set are a queue, first come first served as far as what
 * they want can be done; whoever changes a value does their operations for them, so that nothing
 * comes between. What SEM_UNDO asks for is kept by the process, one list entry a set.
 */
#include "linux/sem.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/schedule.h"

struct sem {
    uint16_t value;
    int pid; /* of who used it last */
};

/* What a call wants; in the set's queue while it waits. */
struct waiter {
    struct waiter *next, *prev;
    struct task *task;
    const struct sembuf *ops;
    unsigned count;
    unsigned blocked_at; /* the operation that cannot be done */
    struct sem_undo *undo;
    bool is_over;
    int result;
};

struct sem_set {
    struct ipc_entry ipc;
    struct sem_table *table;
    struct waiter *first, *last;
    int64_t otime, ctime;
    unsigned count;
    struct sem sems[];
};

struct sem_table {
    struct ipc_table ipc;
    uint64_t total; /* semaphores in all sets */
};

/* What a process's end adds to each semaphore of a set. */
struct sem_undo {
    struct sem_undo *next;
    struct sem_set *set;
    int16_t adjust[];
};

/* ---- sets ---- */

struct sem_table *sem_table_create(void)
{
    struct sem_table *table = x_calloc(1, sizeof *table);
    ipc_table_create(SEM_SETS_MAX, &table->ipc);
    return table;
}

struct ipc_table *sem_entries(struct sem_table *table)
{
    return &table->ipc;
}

struct sem_set *sem_set(struct ipc_entry *entry)
{
    static_assert(offsetof(struct sem_set, ipc) == 0, "a set's entry is the set");
    return (struct sem_set *)entry;
}

struct ipc_entry *sem_entry(struct sem_set *set)
{
    return &set->ipc;
}

unsigned sem_count_of(const struct sem_set *set)
{
    return set->count;
}

uint64_t sem_count_all(const struct sem_table *table)
{
    return table->total;
}

static void destroy_set(struct sem_set *set)
{
    CHECK(!set->first);
    ipc_remove(&set->table->ipc, &set->ipc);
    set->table->total -= set->count;
    free(set);
}

void sem_table_destroy(struct sem_table *table)
{
    for (unsigned i = ipc_end(&table->ipc); i-- > 0;)
        if (ipc_at(&table->ipc, i))
            destroy_set(sem_set(ipc_at(&table->ipc, i)));
    ipc_table_destroy(&table->ipc);
    free(table);
}

int sem_create(struct task *task, key_t key, unsigned count, int flags, struct sem_set **out)
{
    struct linux_system *system = task->process->system;
    struct sem_table *table = system->sem;
    if (count == 0 || count > SEM_PER_SET_MAX)
        return -EINVAL;
    if (table->total + count > SEM_TOTAL_MAX)
        return -ENOSPC;
    struct sem_set *set = x_calloc(1, sizeof *set + count * sizeof set->sems[0]);
    int rc = ipc_add(&table->ipc, &set->ipc, key, flags);
    if (rc < 0) {
        free(set);
        return rc;
    }
    set->table = table;
    set->count = count;
    set->ctime = ipc_seconds(system);
    table->total += count;
    *out = set;
    return 0;
}

/* ---- undoing ---- */

/* The process's entry for the set; made if need be. */
static struct sem_undo *take_undo(struct process *process, struct sem_set *set)
{
    struct sem_undo *undo = process->sem_undos;
    while (undo && undo->set != set)
        undo = undo->next;
    if (undo)
        return undo;
    undo = x_calloc(1, sizeof *undo + set->count * sizeof undo->adjust[0]);
    undo->set = set;
    undo->next = process->sem_undos;
    process->sem_undos = undo;
    return undo;
}

static void drop_undo(struct process *process, const struct sem_set *set)
{
    struct sem_undo **at = &process->sem_undos;
    while (*at && (*at)->set != set)
        at = &(*at)->next;
    struct sem_undo *undo = *at;
    if (!undo)
        return;
    *at = undo->next;
    free(undo);
}

static void forget_undo(struct linux_system *system, const struct sem_set *set, unsigned first,
                        unsigned count)
{
    for (struct process *process = system->processes; process; process = process->next)
        for (struct sem_undo *undo = process->sem_undos; undo; undo = undo->next)
            if (undo->set == set)
                memset(undo->adjust + first, 0, count * sizeof undo->adjust[0]);
}

/* ---- operations ---- */

/* One operation. Result: 0; -EAGAIN it cannot be done yet; -ERANGE. */
static int do_one(struct sem_set *set, const struct sembuf *op, struct sem_undo *undo)
{
    struct sem *sem = &set->sems[op->sem_num];
    int value = sem->value + op->sem_op;
    if (value < 0 || (op->sem_op == 0 && sem->value != 0))
        return -EAGAIN;
    if (value > SEM_VALUE_MAX)
        return -ERANGE;
    if (op->sem_flg & SEM_UNDO) {
        int adjust = undo->adjust[op->sem_num] - op->sem_op;
        if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
            return -ERANGE;
        undo->adjust[op->sem_num] = (int16_t)adjust;
    }
    sem->value = (uint16_t)value;
    return 0;
}

static void take_back(struct sem_set *set, const struct sembuf *op, struct sem_undo *undo)
{
    set->sems[op->sem_num].value = (uint16_t)(set->sems[op->sem_num].value - op->sem_op);
    if (op->sem_flg & SEM_UNDO)
        undo->adjust[op->sem_num] = (int16_t)(undo->adjust[op->sem_num] + op->sem_op);
}

/* All of them, or none. Result: as do_one(), and *at says of which. */
static int do_all(struct sem_set *set, const struct waiter *w, unsigned *at)
{
    const struct process *process = w->task->process;
    int rc = 0;
    unsigned done = 0;
    while (done < w->count && (rc = do_one(set, &w->ops[done], w->undo)) == 0)
        done++;
    *at = done;
    for (unsigned i = done; rc < 0 && i-- > 0;)
        take_back(set, &w->ops[i], w->undo);
    for (unsigned i = 0; rc == 0 && i < w->count; i++)
        set->sems[w->ops[i].sem_num].pid = process->pid;
    if (rc == 0)
        set->otime = ipc_seconds(process->system);
    return rc;
}

static void enqueue(struct sem_set *set, struct waiter *w)
{
    w->prev = set->last;
    w->next = NULL;
    if (set->last)
        set->last->next = w;
    else
        set->first = w;
    set->last = w;
}

static void dequeue(struct sem_set *set, struct waiter *w)
{
    if (w->prev)
        w->prev->next = w->next;
    else
        set->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        set->last = w->prev;
}

static void finish(struct sem_set *set, struct waiter *w, int result)
{
    dequeue(set, w);
    w->is_over = true;
    w->result = result;
    sched_wake(w->task);
}

/* Values have changed: does what those who wait want, until nothing can be done. */
static void serve(struct sem_set *set)
{
    for (struct waiter *w = set->first, *next; w; w = next) {
        int rc = do_all(set, w, &w->blocked_at);
        next = w->next;
        if (rc == -EAGAIN)
            continue;
        finish(set, w, rc);
        if (rc == 0)
            next = set->first; /* that may have been what others waited for */
    }
}

static int wait_for(struct sem_set *set, const struct waiter *wanted, uint64_t deadline)
{
    struct waiter *w = x_malloc(sizeof *w);
    int rc = 1;
    *w = *wanted;
    enqueue(set, w);
    while (!w->is_over && rc > 0) {
        struct task_wait wait = {.deadline_ns = deadline};
        rc = sched_wait(w->task, &wait);
    }
    if (w->is_over) {
        rc = w->result; /* the set may be gone */
    } else {
        dequeue(set, w);
        rc = rc == 0 ? -EAGAIN : -EINTR;
    }
    free(w);
    return rc;
}

int sem_operate(struct task *task, struct sem_set *set, const struct sembuf *ops, unsigned count,
                uint64_t deadline)
{
    struct waiter w = {.task = task, .ops = ops, .count = count};
    for (unsigned i = 0; i < count && !w.undo; i++)
        if (ops[i].sem_flg & SEM_UNDO)
            w.undo = take_undo(task->process, set);
    int rc = do_all(set, &w, &w.blocked_at);
    if (rc == -EAGAIN && !(ops[w.blocked_at].sem_flg & IPC_NOWAIT))
        return wait_for(set, &w, deadline);
    if (rc == 0)
        serve(set);
    return rc;
}

void sem_remove(struct linux_system *system, struct sem_set *set)
{
    while (set->first)
        finish(set, set->first, -EIDRM);
    for (struct process *process = system->processes; process; process = process->next)
        drop_undo(process, set);
    destroy_set(set);
}

void sem_set_values(struct task *task, struct sem_set *set, unsigned first, unsigned count,
                    const uint16_t *values)
{
    struct linux_system *system = task->process->system;
    for (unsigned i = 0; i < count; i++) {
        set->sems[first + i].value = values[i];
        set->sems[first + i].pid = task->process->pid;
    }
    forget_undo(system, set, first, count);
    sem_changed(system, set);
    serve(set);
}

static void undo_set(const struct process *process, const struct sem_undo *undo)
{
    struct sem_set *set = undo->set;
    for (unsigned i = 0; i < set->count; i++) {
        if (undo->adjust[i] == 0)
            continue;
        int value = set->sems[i].value + undo->adjust[i];
        value = value < 0 ? 0 : value > SEM_VALUE_MAX ? SEM_VALUE_MAX : value;
        set->sems[i].value = (uint16_t)value;
        set->sems[i].pid = process->pid;
    }
    set->otime = ipc_seconds(process->system);
    serve(set);
}

void sem_process_ends(struct process *process)
{
    while (process->sem_undos) {
        struct sem_undo *undo = process->sem_undos;
        process->sem_undos = undo->next;
        undo_set(process, undo);
        free(undo);
    }
}

/* ---- telling ---- */

void sem_get_state(const struct sem_set *set, unsigned number, struct sem_state *out)
{
    *out = (struct sem_state){.value = set->sems[number].value, .pid = set->sems[number].pid};
    for (const struct waiter *w = set->first; w; w = w->next) {
        const struct sembuf *op = &w->ops[w->blocked_at];
        if (op->sem_num == number)
            ++*(op->sem_op == 0 ? &out->waiting_zero : &out->waiting);
    }
}

void sem_info(const struct sem_set *set, struct semid_ds *out)
{
    *out = (struct semid_ds){.sem_perm = set->ipc.perm,
                             .sem_otime = set->otime,
                             .sem_ctime = set->ctime,
                             .sem_nsems = set->count};
}

void sem_changed(const struct linux_system *system, struct sem_set *set)
{
    set->ctime = ipc_seconds(system);
}
