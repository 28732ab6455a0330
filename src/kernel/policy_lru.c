// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Least recently used, exactly: the page whose last access lies furthest back goes. The clock of
 * each page's last access comes from outside (the TLB keeps it); nothing happens here on a hit.
 *
 * The pages are a min-heap by the stamp each had when last looked at. Stamps only grow, so the page
 * at the top is the true minimum as soon as its recorded stamp is its true one; if it is not, it is
 * recorded anew, sinks, and the next one is looked at.
 *
 * Invariants: H1  places[heap[i].pfn] == i + 1 for i < count, and 0 for every page that is not in
 *             H2  no entry is older than its parent in the heap
 */
#include "base/check.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
    uint64_t stamp; /* recorded; never newer than the true one unless the page was named */
    pfn_t pfn;
};

struct lru {
    struct policy_env env;
    struct entry *heap;
    uint32_t *places; /* by pfn */
    uint32_t count;
    uint64_t newest; /* largest stamp recorded */
    pfn_t named;     /* the last victim, if it was not removed since */
};

static void lru_destroy(void *self)
{
    struct lru *lru = self;
    lazy_destroy(lru->heap, lru->env.nframes * sizeof(*lru->heap));
    lazy_destroy(lru->places, lru->env.nframes * sizeof(*lru->places));
    free(lru);
}

static int lru_create(const struct policy_env *env, void **self)
{
    CHECK(env->last_access);
    struct lru *lru = x_calloc(1, sizeof(*lru));
    lru->env = *env;
    lru->heap = lazy_create(env->nframes * sizeof(*lru->heap));
    lru->places = lazy_create(env->nframes * sizeof(*lru->places));
    if (!lru->heap || !lru->places) {
        lru_destroy(lru);
        return -ENOMEM;
    }
    *self = lru;
    return 0;
}

static void put_at(struct lru *lru, uint32_t place, struct entry entry)
{
    lru->heap[place] = entry;
    lru->places[entry.pfn] = place + 1;
}

static void sift_up(struct lru *lru, uint32_t place, struct entry entry)
{
    while (place > 0 && lru->heap[(place - 1) / 2].stamp > entry.stamp) {
        put_at(lru, place, lru->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(lru, place, entry);
}

static void sift_down(struct lru *lru, uint32_t place, struct entry entry)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= lru->count)
            break;
        if (child + 1 < lru->count && lru->heap[child + 1].stamp < lru->heap[child].stamp)
            child++;
        if (lru->heap[child].stamp >= entry.stamp)
            break;
        put_at(lru, place, lru->heap[child]);
        place = child;
    }
    put_at(lru, place, entry);
}

/* Records a new, larger stamp for the page at the top. */
static void rekey_top(struct lru *lru, uint64_t stamp)
{
    if (stamp > lru->newest)
        lru->newest = stamp;
    sift_down(lru, 0, (struct entry){.stamp = stamp, .pfn = lru->heap[0].pfn});
}

static void lru_insert(void *self, pfn_t pfn)
{
    struct lru *lru = self;
    struct entry entry = {.stamp = lru->env.last_access(lru->env.ctx, pfn), .pfn = pfn};
    if (entry.stamp > lru->newest)
        lru->newest = entry.stamp;
    sift_up(lru, lru->count++, entry);
}

static void lru_remove(void *self, pfn_t pfn)
{
    struct lru *lru = self;
    uint32_t hole = lru->places[pfn] - 1;
    lru->places[pfn] = 0;
    lru->count--;
    if (pfn == lru->named)
        lru->named = PFN_NONE;
    if (hole == lru->count)
        return;
    struct entry last = lru->heap[lru->count];
    if (hole > 0 && lru->heap[(hole - 1) / 2].stamp > last.stamp)
        sift_up(lru, hole, last);
    else
        sift_down(lru, hole, last);
}

/* A page that is named and stays counts as just used: it is behind all others for the next call. */
static pfn_t lru_victim(void *self)
{
    struct lru *lru = self;
    if (lru->count == 0)
        return PFN_NONE;
    if (lru->heap[0].pfn == lru->named)
        rekey_top(lru, lru->newest + 1);
    for (;;) {
        struct entry top = lru->heap[0];
        uint64_t stamp = lru->env.last_access(lru->env.ctx, top.pfn);
        if (stamp <= top.stamp) {
            lru->named = top.pfn;
            return top.pfn;
        }
        rekey_top(lru, stamp);
    }
}

static bool lru_contains(const void *self, pfn_t pfn)
{
    const struct lru *lru = self;
    return lru->places[pfn] != 0;
}

static bool lru_is_valid(const void *self)
{
    const struct lru *lru = self;
    for (uint32_t i = 0; i < lru->count; i++) {
        if (lru->places[lru->heap[i].pfn] != i + 1)
            return false; /* H1 */
        if (i > 0 && lru->heap[(i - 1) / 2].stamp > lru->heap[i].stamp)
            return false; /* H2 */
    }
    return true;
}

const struct policy_ops policy_lru = {
    .name = "lru",
    .summary = "evicts the page whose last access lies furthest back, exactly",
    .wants_stamps = true,
    .create = lru_create,
    .destroy = lru_destroy,
    .insert = lru_insert,
    .remove = lru_remove,
    .victim = lru_victim,
    .contains = lru_contains,
    .is_valid = lru_is_valid,
};
