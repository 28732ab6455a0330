// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The optimum: the page whose next use lies furthest ahead goes. No policy that brings pages in one
 * at a time and on demand has fewer faults. It needs the future, which only a replay knows, and is
 * told of every use.
 *
 * Source: L. A. Belady, "A Study of Replacement Algorithms for a Virtual-Storage Computer", 1966.
 */
#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/policy_heap.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

#define KEPT ((uint64_t)1 << 63)

struct opt {
    struct policy_env env;
    struct policy_heap heap; /* keys: below KEPT from the next use, above it victims that stayed */
    uint64_t nkept;
};

static int opt_create(const struct policy_env *env, void **self)
{
    CHECK(env->next_use);
    struct opt *opt = x_calloc(1, sizeof(*opt));
    opt->env = *env;
    int error = policy_heap_create(env->nframes, &opt->heap);
    if (error)
        free(opt);
    else
        *self = opt;
    return error;
}

static void opt_destroy(void *self)
{
    struct opt *opt = self;
    policy_heap_destroy(&opt->heap);
    free(opt);
}

static uint64_t key_of(const struct opt *opt, pfn_t pfn)
{
    uint64_t next = opt->env.next_use(opt->env.ctx, pfn);
    return next < KEPT ? KEPT - next : 0;
}

static void opt_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct opt *opt = self;
    policy_heap_insert(&opt->heap, pfn, key_of(opt, pfn));
}

static void opt_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct opt *opt = self;
    policy_heap_remove(&opt->heap, pfn);
}

static void opt_use(void *self, pfn_t pfn)
{
    struct opt *opt = self;
    policy_heap_set(&opt->heap, pfn, key_of(opt, pfn));
}

/* A page that is named is behind all others for the next call, if it stays. */
static pfn_t opt_victim(void *self)
{
    struct opt *opt = self;
    if (opt->heap.count == 0)
        return PFN_NONE;
    pfn_t pfn = opt->heap.entries[0].pfn;
    policy_heap_set(&opt->heap, pfn, KEPT + ++opt->nkept);
    return pfn;
}

static bool opt_contains(const void *self, pfn_t pfn)
{
    const struct opt *opt = self;
    return policy_heap_contains(&opt->heap, pfn);
}

static bool opt_is_valid(const void *self)
{
    const struct opt *opt = self;
    return policy_heap_is_valid(&opt->heap);
}

const struct policy_ops policy_opt = {
    .name = "opt",
    .summary = "evicts the page whose next use lies furthest ahead; in replay only",
    .needs_future = true,
    .create = opt_create,
    .destroy = opt_destroy,
    .insert = opt_insert,
    .remove = opt_remove,
    .use = opt_use,
    .victim = opt_victim,
    .contains = opt_contains,
    .is_valid = opt_is_valid,
};
