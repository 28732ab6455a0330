// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Futexes: who waits for which word of memory. A word's key is its place in one address space, or,
 * in shared memory, its place in the object, so that processes meet there. Waiters of a key are
 * woken in the order in which they came.
 */
#ifndef LINUX_FUTEX_TABLE_H
#define LINUX_FUTEX_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct futex_table;
struct linux_system;
struct object;
struct task;

#define FUTEX_ANY 0xffffffffu /* bitset: all */

enum futex_scope {
    FUTEX_PRIVATE, /* FUTEX_PRIVATE_FLAG: within the space */
    FUTEX_SPACE,   /* without it, in private memory */
    FUTEX_OBJECT,  /* in shared memory */
};

struct futex_key {
    enum futex_scope scope;
    const void *owner; /* struct space or struct object */
    uint64_t offset;   /* address, or byte of the object */
};

struct futex_table *futex_table_create(void);
void futex_table_destroy(struct futex_table *table); /* => nobody waits */

/* The key of a word. Errors: -EINVAL not aligned, -EFAULT no memory there. */
int futex_key(struct task *task, uint64_t addr, bool is_private, struct futex_key *out);

/*
 * Waits until woken by one of `bitset`, `deadline_ns` (guest's CLOCK_MONOTONIC) or a signal.
 * `owner` not 0: a waiter for a priority-inheriting lock that this thread id holds.
 * Result: 0 woken, -ETIMEDOUT, -ERESTARTSYS.
 */
int futex_wait(struct task *task, const struct futex_key *key, uint32_t bitset, int owner,
               uint64_t deadline_ns);

/* Wakes up to `count`, but at least one if there is one (as Linux does). Result: how many; -EINVAL:
 * the next waits for a priority-inheriting lock. */
int futex_wake_key(struct linux_system *system, const struct futex_key *key, int count,
                   uint32_t bitset);
/* Wakes up to `wake` of `from` and moves up to `move` others to `to`. Result: both together. */
int futex_requeue_key(struct linux_system *system, const struct futex_key *from,
                      const struct futex_key *to, int wake, int move);
/* Gives a priority-inheriting lock to the first who waits for it: wakes it. Result: its thread id,
 * 0 if nobody waits. */
int futex_hand_over(struct linux_system *system, const struct futex_key *key);

/* FUTEX_WAKE of a word of the task's memory as the kernel itself does it; no memory: no effect. */
void futex_wake(struct task *task, uint64_t addr, int count);
/* The task ends, or leaves its memory: marks the locks that it holds (get_robust_list(2)) and gives
 * them to others. => before its memory is gone */
void futex_task_ends(struct task *task);

#endif
