// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Least recently used, exactly: the page whose last access lies furthest back goes. The clock of
 * each page's last access comes from outside (the TLB keeps it); nothing happens here on a hit.
 *
 * The pages are a min-heap by the stamp each had when last looked at. Stamps only grow, so the page
 * at the top is the true minimum as soon as its recorded stamp is its true one; if it is not, it is
 * recorded anew, sinks, and the next one is looked at.
 */
#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/policy_heap.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

struct lru {
    struct policy_env env;
    struct policy_heap heap; /* keys: never newer than the true stamp unless the page was named */
    uint64_t newest;         /* largest stamp recorded */
    pfn_t named;             /* the last victim, if it was not removed since */
};

static int lru_create(const struct policy_env *env, void **self)
{
    CHECK(env->last_access);
    struct lru *lru = x_calloc(1, sizeof(*lru));
    lru->env = *env;
    int error = policy_heap_create(env->nframes, &lru->heap);
    if (error)
        free(lru);
    else
        *self = lru;
    return error;
}

static void lru_destroy(void *self)
{
    struct lru *lru = self;
    policy_heap_destroy(&lru->heap);
    free(lru);
}

static uint64_t record(struct lru *lru, uint64_t stamp)
{
    if (stamp > lru->newest)
        lru->newest = stamp;
    return stamp;
}

static void lru_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct lru *lru = self;
    policy_heap_insert(&lru->heap, pfn, record(lru, lru->env.last_access(lru->env.ctx, pfn)));
}

static void lru_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct lru *lru = self;
    policy_heap_remove(&lru->heap, pfn);
    if (pfn == lru->named)
        lru->named = PFN_NONE;
}

/* A page that is named and stays counts as just used: it is behind all others for the next call. */
static pfn_t lru_victim(void *self)
{
    struct lru *lru = self;
    const struct policy_heap_entry *top = &lru->heap.entries[0];
    if (lru->heap.count == 0)
        return PFN_NONE;
    if (top->pfn == lru->named)
        policy_heap_set(&lru->heap, top->pfn, record(lru, lru->newest + 1));
    for (;;) {
        uint64_t stamp = lru->env.last_access(lru->env.ctx, top->pfn);
        if (stamp <= top->key)
            return lru->named = top->pfn;
        policy_heap_set(&lru->heap, top->pfn, record(lru, stamp));
    }
}

static bool lru_contains(const void *self, pfn_t pfn)
{
    const struct lru *lru = self;
    return policy_heap_contains(&lru->heap, pfn);
}

static bool lru_is_valid(const void *self)
{
    const struct lru *lru = self;
    return policy_heap_is_valid(&lru->heap);
}

const struct policy_ops policy_lru = {
    .name = "lru",
    .summary = "evicts the page whose last access lies furthest back, exactly",
    .wants_stamps = true,
    .is_exact = true,
    .create = lru_create,
    .destroy = lru_destroy,
    .insert = lru_insert,
    .remove = lru_remove,
    .victim = lru_victim,
    .contains = lru_contains,
    .is_valid = lru_is_valid,
};
