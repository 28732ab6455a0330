// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Adaptive replacement, in the form that goes by accessed bits: CAR, "clock with adaptive
 * replacement". `once` holds pages used once, `often` those used again, each a clock; of both,
 * evicted pages are remembered. A page that comes back says which of the two was too short, and
 * the share that `once` may have moves that way.
 *
 *   Invariant: C1  the share is at most the number of pages there ever were at once
 *
 * Source: S. Bansal, D. S. Modha, "CAR: Clock with Adaptive Replacement", FAST 2004, figure 2;
 * after N. Megiddo, D. S. Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", FAST 2003.
 */
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_ghosts.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

struct arc {
    struct policy_env env;
    struct policy_list once;         /* T1 */
    struct policy_list often;        /* T2 */
    struct policy_ghosts gone_once;  /* B1 */
    struct policy_ghosts gone_often; /* B2 */
    uint64_t *pages;                 /* by pfn: who lies there */
    uint64_t share;                  /* of `once`, in pages: the paper's p */
    uint64_t most;                   /* pages there ever were at once: the paper's c */
};

static size_t pages_len(const struct arc *arc)
{
    return arc->env.nframes * sizeof(*arc->pages);
}

static void arc_destroy(void *self)
{
    struct arc *arc = self;
    if (arc->once.links)
        policy_list_destroy(&arc->once);
    if (arc->often.links)
        policy_list_destroy(&arc->often);
    policy_ghosts_destroy(&arc->gone_once);
    policy_ghosts_destroy(&arc->gone_often);
    lazy_destroy(arc->pages, pages_len(arc));
    free(arc);
}

static int arc_create(const struct policy_env *env, void **self)
{
    struct arc *arc = x_calloc(1, sizeof(*arc));
    arc->env = *env;
    policy_ghosts_create(&arc->gone_once);
    policy_ghosts_create(&arc->gone_often);
    arc->pages = lazy_create(pages_len(arc));
    if (!arc->pages || policy_list_create(env->nframes, &arc->once) < 0 ||
        policy_list_create(env->nframes, &arc->often) < 0) {
        arc_destroy(arc);
        return -ENOMEM;
    }
    *self = arc;
    return 0;
}

static uint64_t count_of(const struct arc *arc)
{
    return arc->once.count + arc->often.count;
}

static bool was_used(const struct arc *arc, pfn_t pfn)
{
    return arc->env.test_clear_accessed(arc->env.ctx, pfn);
}

static uint64_t ratio(uint64_t a, uint64_t b)
{
    return b > 0 && a > b ? a / b : 1;
}

/* A page comes back that was evicted from `once`. */
static void widen_once(struct arc *arc)
{
    arc->share += ratio(arc->gone_often.count, arc->gone_once.count);
    if (arc->share > arc->most)
        arc->share = arc->most;
}

/* A page comes back that was evicted from `often`. */
static void narrow_once(struct arc *arc)
{
    uint64_t step = ratio(arc->gone_once.count, arc->gone_often.count);
    arc->share = arc->share > step ? arc->share - step : 0;
}

/* A page comes in that nobody remembers. */
static void trim(struct arc *arc, uint64_t most)
{
    policy_ghosts_trim(&arc->gone_once, most > arc->once.count ? most - arc->once.count : 0);
    uint64_t others = count_of(arc) + arc->gone_once.count;
    policy_ghosts_trim(&arc->gone_often, 2 * most > others ? 2 * most - others : 0);
}

static void arc_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct arc *arc = self;
    uint64_t count = count_of(arc) + 1;
    arc->pages[pfn] = page;
    if (count > arc->most)
        arc->most = count;
    if (hashmap_find(&arc->gone_once.places, page)) {
        widen_once(arc);
        policy_ghosts_take(&arc->gone_once, page);
        policy_list_push_back(&arc->often, pfn);
    } else if (hashmap_find(&arc->gone_often.places, page)) {
        narrow_once(arc);
        policy_ghosts_take(&arc->gone_often, page);
        policy_list_push_back(&arc->often, pfn);
    } else {
        policy_list_push_back(&arc->once, pfn);
        trim(arc, count);
    }
}

static void arc_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct arc *arc = self;
    bool is_once = policy_list_contains(&arc->once, pfn);
    policy_list_remove(is_once ? &arc->once : &arc->often, pfn);
    if (why == POLICY_EVICTED)
        policy_ghosts_add(is_once ? &arc->gone_once : &arc->gone_often, arc->pages[pfn]);
}

/* The first page of `once`, if it goes; else it joins `often` and the result is PFN_NONE. */
static pfn_t pass_once(struct arc *arc)
{
    pfn_t pfn = policy_list_rotate(&arc->once);
    if (!was_used(arc, pfn))
        return pfn;
    policy_list_remove(&arc->once, pfn);
    policy_list_push_back(&arc->often, pfn);
    return PFN_NONE;
}

static pfn_t pass_often(struct arc *arc)
{
    pfn_t pfn = policy_list_rotate(&arc->often);
    return was_used(arc, pfn) ? PFN_NONE : pfn;
}

static pfn_t arc_victim(void *self)
{
    struct arc *arc = self;
    pfn_t pfn = PFN_NONE;
    while (pfn == PFN_NONE) {
        bool is_once =
            arc->often.count == 0 || (arc->once.count > 0 && arc->once.count >= arc->share);
        pfn = is_once ? pass_once(arc) : pass_often(arc);
    }
    return pfn;
}

static bool arc_contains(const void *self, pfn_t pfn)
{
    const struct arc *arc = self;
    return policy_list_contains(&arc->once, pfn) || policy_list_contains(&arc->often, pfn);
}

static bool arc_is_valid(const void *self)
{
    const struct arc *arc = self;
    return policy_list_is_valid(&arc->once) && policy_list_is_valid(&arc->often) &&
           policy_ghosts_is_valid(&arc->gone_once) && policy_ghosts_is_valid(&arc->gone_often) &&
           arc->share <= arc->most;
}

const struct policy_ops policy_arc = {
    .name = "arc",
    .summary = "pages used once and used again, in shares that follow what comes back",
    .ignores_first_use = true,
    .create = arc_create,
    .destroy = arc_destroy,
    .insert = arc_insert,
    .remove = arc_remove,
    .victim = arc_victim,
    .contains = arc_contains,
    .is_valid = arc_is_valid,
};
