// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The multi-generational LRU: pages are in generations by when they were last seen in use, and the
 * oldest generation goes first. When fewer than three are left a new one begins: all pages are
 * looked at, and those that were used since the last time move into it. So a page that is used now
 * and then outlives two such looks, however many pages come in between.
 *
 *   front                                            back
 *   [ oldest generation | ... | ... | youngest generation ]
 *   victims                     what is used, and what comes in
 *
 * A page joins the youngest generation or stays where it is, so one list in order of joining is in
 * order of generations too. Linux makes new generations ahead of need as well, and weighs pages of
 * files by how often they came back; this does neither.
 *
 * Invariant: G1  generations do not fall from the front to the back, and none is above `youngest`
 *
 * Source: Linux, Documentation/mm/multigen_lru.rst.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

enum { YOUNGER_KEPT = 2 /* generations behind the one that is evicted from */ };

struct mglru {
    struct policy_env env;
    struct policy_list pages;
    uint64_t *generations; /* by pfn, of those that are in */
    uint64_t youngest;
};

static size_t generations_len(const struct mglru *mglru)
{
    return mglru->env.nframes * sizeof(*mglru->generations);
}

static void mglru_destroy(void *self)
{
    struct mglru *mglru = self;
    lazy_destroy(mglru->generations, generations_len(mglru));
    policy_list_destroy(&mglru->pages);
    free(mglru);
}

static int mglru_create(const struct policy_env *env, void **self)
{
    struct mglru *mglru = x_calloc(1, sizeof(*mglru));
    mglru->env = *env;
    int error = policy_list_create(env->nframes, &mglru->pages);
    if (error) {
        free(mglru);
        return error;
    }
    mglru->generations = lazy_create(generations_len(mglru));
    if (!mglru->generations) {
        mglru_destroy(mglru);
        return -ENOMEM;
    }
    *self = mglru;
    return 0;
}

static void mglru_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct mglru *mglru = self;
    policy_list_push_back(&mglru->pages, pfn);
    mglru->generations[pfn] = mglru->youngest;
}

static void mglru_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct mglru *mglru = self;
    policy_list_remove(&mglru->pages, pfn);
}

static void rejuvenate(struct mglru *mglru, pfn_t pfn)
{
    policy_list_remove(&mglru->pages, pfn);
    mglru_insert(mglru, pfn, 0);
}

static bool test_clear_used(const struct mglru *mglru, pfn_t pfn)
{
    return mglru->env.test_clear_accessed(mglru->env.ctx, pfn);
}

static void begin_generation(struct mglru *mglru)
{
    pfn_t pfn = policy_list_front(&mglru->pages);
    mglru->youngest++;
    for (uint64_t left = mglru->pages.count; left > 0; left--) {
        pfn_t next = policy_list_next(&mglru->pages, pfn);
        if (test_clear_used(mglru, pfn))
            rejuvenate(mglru, pfn);
        pfn = next;
    }
}

/* A page that is named and stays counts as used. */
static pfn_t mglru_victim(void *self)
{
    struct mglru *mglru = self;
    for (;;) {
        pfn_t pfn = policy_list_front(&mglru->pages);
        if (pfn == PFN_NONE)
            return PFN_NONE;
        if (mglru->generations[pfn] + YOUNGER_KEPT > mglru->youngest) {
            begin_generation(mglru);
            continue;
        }
        bool was_used = test_clear_used(mglru, pfn);
        rejuvenate(mglru, pfn);
        if (!was_used)
            return pfn;
    }
}

static bool mglru_contains(const void *self, pfn_t pfn)
{
    const struct mglru *mglru = self;
    return policy_list_contains(&mglru->pages, pfn);
}

static bool mglru_is_valid(const void *self)
{
    const struct mglru *mglru = self;
    uint64_t before = 0;
    if (!policy_list_is_valid(&mglru->pages))
        return false;
    for (pfn_t pfn = policy_list_front(&mglru->pages); pfn;
         pfn = policy_list_next(&mglru->pages, pfn)) {
        if (mglru->generations[pfn] < before || mglru->generations[pfn] > mglru->youngest)
            return false; /* G1 */
        before = mglru->generations[pfn];
    }
    return true;
}

const struct policy_ops policy_mglru = {
    .name = "mglru",
    .summary = "generations by last use, told apart by looking at all pages now and then",
    .create = mglru_create,
    .destroy = mglru_destroy,
    .insert = mglru_insert,
    .remove = mglru_remove,
    .victim = mglru_victim,
    .contains = mglru_contains,
    .is_valid = mglru_is_valid,
};
