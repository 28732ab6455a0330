// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiters in lists by the hash of their key, each in order of arrival, and what becomes of locks
 * whose owner ends (Linux, "A description of what robust futexes are", "The robust futex ABI").
 * Nothing here decides whether a wait is right to begin: that compares memory, and is the system
 * call's business (futex.c).
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/futex_table.h"
#include "linux/schedule.h"
#include "linux/user.h"

enum {
    BUCKETS = 256,
    ROBUST_MAX = 2048, /* locks that are looked at, as ROBUST_LIST_LIMIT */
};

/* On the waiting call's stack. */
struct futex_waiter {
    struct futex_waiter *next;
    struct futex_key key;
    struct task *task;
    uint32_t bitset;
    int owner; /* thread id that holds the lock, 0: no priority inheritance */
    bool is_queued;
};

struct futex_table {
    struct futex_waiter *first[BUCKETS];
    unsigned ninheriting; /* waiters with an owner */
};

struct futex_table *futex_table_create(void)
{
    return x_calloc(1, sizeof(struct futex_table));
}

void futex_table_destroy(struct futex_table *table)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        CHECK(!table->first[i]);
    free(table);
}

/* ---- keys ---- */

int futex_key(struct task *task, uint64_t addr, bool is_private, struct futex_key *out)
{
    struct space *space = task->process->space;
    uint32_t word;
    if (addr % sizeof word != 0)
        return -EINVAL;
    if (addr >= SPACE_END)
        return -EFAULT;
    *out = (struct futex_key){
        .scope = is_private ? FUTEX_PRIVATE : FUTEX_SPACE, .owner = space, .offset = addr};
    if (is_private)
        return 0;
    if (user_read(task, &word, addr, sizeof word) < 0)
        return -EFAULT;
    const struct region *region = space_region_at(space, vaddr(addr));
    if (region && (region->flags & REGION_SHARED) && region->object)
        *out = (struct futex_key){.scope = FUTEX_OBJECT,
                                  .owner = region->object,
                                  .offset = (region_object_index(region, addr) << PAGE_SHIFT) |
                                            (addr & PAGE_MASK)};
    return 0;
}

static bool is_same(const struct futex_key *a, const struct futex_key *b)
{
    return a->scope == b->scope && a->owner == b->owner && a->offset == b->offset;
}

/* Of the offset alone: which list a key is in must not depend on where things lie in the host. */
static struct futex_waiter **bucket(struct futex_table *table, const struct futex_key *key)
{
    uint64_t hash = (key->offset / sizeof(uint32_t)) * UINT64_C(0x9e3779b97f4a7c15);
    return &table->first[hash >> 56];
}

/* The first waiter of the key from `at` on, or the list's end. */
static struct futex_waiter **find(struct futex_waiter **at, const struct futex_key *key)
{
    while (*at && !is_same(&(*at)->key, key))
        at = &(*at)->next;
    return at;
}

/* An object lives at least as long as somebody waits in it. */
static void hold(const struct futex_key *key)
{
    if (key->scope == FUTEX_OBJECT)
        object_get((struct object *)key->owner);
}

static void let_go(struct linux_system *system, const struct futex_key *key)
{
    if (key->scope == FUTEX_OBJECT)
        object_put(system->kernel, (struct object *)key->owner);
}

/* ---- waiting and waking ---- */

static void enqueue(struct futex_table *table, struct futex_waiter *waiter)
{
    struct futex_waiter **at = bucket(table, &waiter->key);
    while (*at)
        at = &(*at)->next;
    waiter->next = NULL;
    waiter->is_queued = true;
    *at = waiter;
}

static void dequeue(struct futex_waiter **at)
{
    (*at)->is_queued = false;
    *at = (*at)->next;
}

static void give_up(struct futex_table *table, struct futex_waiter *waiter)
{
    struct futex_waiter **at = bucket(table, &waiter->key);
    while (*at != waiter)
        at = &(*at)->next;
    dequeue(at);
}

int futex_wait(struct task *task, const struct futex_key *key, uint32_t bitset, int owner,
               uint64_t deadline_ns)
{
    struct linux_system *system = task->process->system;
    struct futex_table *table = system->futexes;
    struct futex_waiter waiter = {.key = *key, .task = task, .bitset = bitset, .owner = owner};
    struct task_wait wait = {.deadline_ns = deadline_ns};
    hold(key);
    table->ninheriting += owner != 0;
    enqueue(table, &waiter);
    int rc = sched_wait(task, &wait);
    bool is_woken = !waiter.is_queued;
    if (!is_woken)
        give_up(table, &waiter);
    table->ninheriting -= owner != 0;
    let_go(system, &waiter.key); /* it may have been requeued */
    return is_woken ? 0 : rc == 0 ? -ETIMEDOUT : rc;
}

/* One whose time is just over, but that has not run since, counts as woken. */
static void wake_waiter(struct futex_waiter **at)
{
    struct task *task = (*at)->task;
    dequeue(at);
    sched_wake(task);
}

int futex_wake_key(struct linux_system *system, const struct futex_key *key, int count,
                   uint32_t bitset)
{
    int woken = 0;
    struct futex_waiter **at = find(bucket(system->futexes, key), key);
    while (*at && (woken == 0 || woken < count)) {
        if ((*at)->owner)
            return -EINVAL;
        if ((*at)->bitset & bitset) {
            wake_waiter(at);
            woken++;
        } else {
            at = &(*at)->next;
        }
        at = find(at, key);
    }
    return woken;
}

int futex_requeue_key(struct linux_system *system, const struct futex_key *from,
                      const struct futex_key *to, int wake, int move)
{
    struct futex_table *table = system->futexes;
    struct futex_waiter **at = find(bucket(table, from), from), *moved = NULL, **end = &moved;
    int done = 0;
    for (; *at && done - wake < move; at = find(at, from)) {
        struct futex_waiter *waiter = *at;
        if (waiter->owner)
            return -EINVAL;
        if (++done <= wake) {
            wake_waiter(at);
            continue;
        }
        dequeue(at);
        waiter->next = NULL;
        *end = waiter;
        end = &waiter->next;
    }
    while (moved) {
        struct futex_waiter *waiter = moved;
        moved = waiter->next;
        hold(to);
        let_go(system, &waiter->key);
        waiter->key = *to;
        enqueue(table, waiter);
    }
    return done;
}

int futex_hand_over(struct linux_system *system, const struct futex_key *key)
{
    struct futex_waiter **at = find(bucket(system->futexes, key), key);
    while (*at && !(*at)->owner)
        at = find(&(*at)->next, key);
    if (!*at)
        return 0;
    int heir = (*at)->task->tid;
    wake_waiter(at);
    for (at = find(at, key); *at; at = find(&(*at)->next, key))
        if ((*at)->owner)
            (*at)->owner = heir;
    return heir;
}

void futex_wake(struct task *task, uint64_t addr, int count)
{
    struct futex_key key;
    if (futex_key(task, addr, false, &key) == 0)
        futex_wake_key(task->process->system, &key, count, FUTEX_ANY);
}

/* ---- the end of an owner ---- */

static void give_to_heir(struct task *task, const struct futex_key *key, uint64_t addr)
{
    int heir = futex_hand_over(task->process->system, key);
    uint32_t word = (uint32_t)heir | FUTEX_OWNER_DIED | (heir ? FUTEX_WAITERS : 0);
    user_write(task, addr, &word, sizeof word);
}

/* One lock of the list. `is_pending`: the task was about to take it or to let it go. */
static void lock_owner_ends(struct task *task, uint64_t addr, bool is_inheriting, bool is_pending)
{
    struct futex_key key;
    uint32_t word;
    if (addr % sizeof word != 0 || user_read(task, &word, addr, sizeof word) < 0)
        return;
    if (is_pending && !is_inheriting && word == 0)
        futex_wake(task, addr, 1);
    if ((word & FUTEX_TID_MASK) != (uint32_t)task->tid)
        return;
    uint32_t waiters = word & FUTEX_WAITERS;
    word = waiters | FUTEX_OWNER_DIED;
    if (user_write(task, addr, &word, sizeof word) < 0 || !waiters)
        return;
    if (!is_inheriting)
        futex_wake(task, addr, 1);
    else if (futex_key(task, addr, false, &key) == 0)
        give_to_heir(task, &key, addr);
}

/* An entry's lowest bit says that the lock passes priority on. */
static void entry_owner_ends(struct task *task, uint64_t entry, uint64_t offset, bool is_pending)
{
    lock_owner_ends(task, (entry & ~(uint64_t)1) + offset, entry & 1, is_pending);
}

static void robust_list_ends(struct task *task)
{
    struct {
        uint64_t next, offset, pending;
    } head;
    uint64_t start = task->robust_list.v;
    if (start == 0 || user_read(task, &head, start, sizeof head) < 0)
        return;
    uint64_t entry = head.next;
    for (int i = 0; i < ROBUST_MAX && (entry & ~(uint64_t)1) != start; i++) {
        uint64_t next;
        int rc = user_read(task, &next, entry & ~(uint64_t)1, sizeof next);
        if (entry != head.pending)
            entry_owner_ends(task, entry, head.offset, false);
        if (rc < 0)
            break;
        entry = next;
    }
    if (head.pending)
        entry_owner_ends(task, head.pending, head.offset, true);
}

/* Locks with priority inheritance that were not on the list, of the task's own space. */
static void inheriting_locks_end(struct task *task)
{
    struct futex_table *table = task->process->system->futexes;
    for (unsigned i = 0; i < BUCKETS && table->ninheriting > 0; i++)
        for (struct futex_waiter *at = table->first[i]; at;) {
            bool is_mine = at->owner == task->tid && at->key.owner == task->process->space;
            if (is_mine)
                give_to_heir(task,
                             &(struct futex_key){at->key.scope, at->key.owner, at->key.offset},
                             at->key.offset);
            at = is_mine ? table->first[i] : at->next;
        }
}

void futex_task_ends(struct task *task)
{
    robust_list_ends(task);
    task->robust_list = vaddr(0);
    inheriting_locks_end(task);
}
