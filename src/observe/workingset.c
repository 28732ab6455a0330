// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each page is known with the step of its last use, and of the last STEPS steps the number of pages
 * whose last use they were. The set is the sum of these.
 *
 * Invariant: W1  recent[s % STEPS] is the number of pages whose last use was in step s, for the
 *                steps from now - STEPS + 1 to now
 */
#include "observe/workingset.h"

#include <stdlib.h>

#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/pagekey.h"

struct workingset {
    uint64_t step_len, now, step; /* in instructions; the step that `now` lies in */
    bool has_code;
    bool has_ended;       /* nothing but the end of pages was told of since the last reference, */
    uint64_t at_end;      /*   when the set had this size */
    struct hashmap pages; /* step of the last use + 1 */
    uint64_t recent[WORKINGSET_STEPS];
    uint64_t *sizes; /* at the end of each step that is over */
    size_t room;
};

struct workingset *workingset_create(uint64_t tau)
{
    struct workingset *set = x_calloc(1, sizeof(*set));
    set->step_len = tau / WORKINGSET_STEPS;
    hashmap_create(&set->pages);
    return set;
}

void workingset_destroy(struct workingset *set)
{
    if (!set)
        return;
    hashmap_destroy(&set->pages);
    free(set->sizes);
    free(set);
}

static uint64_t size_now(const struct workingset *set)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < WORKINGSET_STEPS; i++)
        sum += set->recent[i];
    return sum;
}

static void end_step(struct workingset *set)
{
    if (set->step == set->room) {
        set->room = set->room ? 2 * set->room : 64;
        set->sizes = x_realloc(set->sizes, set->room * sizeof(*set->sizes));
    }
    set->sizes[set->step++] = size_now(set);
    set->recent[set->step % WORKINGSET_STEPS] = 0; /* what was last used then is out */
}

static void pass_time(struct workingset *set, uint64_t count)
{
    set->now += count;
    while (set->now / set->step_len > set->step)
        end_step(set);
}

static bool is_recent(const struct workingset *set, uint64_t step)
{
    return step + WORKINGSET_STEPS > set->step;
}

static void leave(void *context, uint64_t value)
{
    struct workingset *set = context;
    if (is_recent(set, value - 1))
        set->recent[(value - 1) % WORKINGSET_STEPS]--;
}

static void touch(struct workingset *set, uint64_t key)
{
    uint64_t *value = hashmap_at(&set->pages, key);
    if (*value == set->step + 1)
        return;
    if (*value)
        leave(set, *value);
    *value = set->step + 1;
    set->recent[set->step % WORKINGSET_STEPS]++;
}

void workingset_use(struct workingset *set, const struct trace_ref *ref)
{
    if (ref->kind == TRACE_GONE) {
        if (!set->has_ended)
            set->at_end = size_now(set);
        set->has_ended = true;
        pagekey_remove_range(&set->pages, pagekey(ref), ref->count, leave, set);
        return;
    }
    set->has_ended = false;
    touch(set, pagekey(ref));
    set->has_code |= ref->kind == TRACE_FETCH;
    bool counts = !(ref->flags & (TRACE_REST | TRACE_KERNEL));
    if (counts && (ref->kind == TRACE_FETCH || !set->has_code))
        pass_time(set, ref->count);
}

bool workingset_at(const struct workingset *set, size_t i, uint64_t *now, uint64_t *npages)
{
    if (i > set->step || set->now == 0)
        return false;
    *now = i < set->step ? (i + 1) * set->step_len : set->now;
    *npages = i < set->step    ? set->sizes[i]
              : set->has_ended ? set->at_end /* a program's end is not its work */
                               : size_now(set);
    return true;
}
