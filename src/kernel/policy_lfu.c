// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Least frequently used: the page with the fewest uses since it came in goes, the oldest of equals
 * first. A use is an accessed bit found set; bits are looked at when a page is about to go, so many
 * accesses between two looks are one use. Nothing is ever forgotten while a page is resident, which
 * is this policy's known weakness: what was hot once stays.
 *
 * Source: E. G. Coffman, P. J. Denning, "Operating Systems Theory", 1973.
 */
#include "base/xalloc.h"
#include "kernel/policy_heap.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

enum { ORDER_BITS = 40 }; /* of a key: uses above, order of coming in below */
#define ONE_USE ((uint64_t)1 << ORDER_BITS)

struct lfu {
    struct policy_env env;
    struct policy_heap heap;
    uint64_t ninserted;
};

static int lfu_create(const struct policy_env *env, void **self)
{
    struct lfu *lfu = x_calloc(1, sizeof(*lfu));
    lfu->env = *env;
    int error = policy_heap_create(env->nframes, &lfu->heap);
    if (error)
        free(lfu);
    else
        *self = lfu;
    return error;
}

static void lfu_destroy(void *self)
{
    struct lfu *lfu = self;
    policy_heap_destroy(&lfu->heap);
    free(lfu);
}

static void lfu_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct lfu *lfu = self;
    policy_heap_insert(&lfu->heap, pfn, lfu->ninserted++ & (ONE_USE - 1));
}

static void lfu_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct lfu *lfu = self;
    policy_heap_remove(&lfu->heap, pfn);
}

static void count_use(struct lfu *lfu, struct policy_heap_entry top)
{
    if (top.key < UINT64_MAX - ONE_USE)
        policy_heap_set(&lfu->heap, top.pfn, top.key + ONE_USE);
}

/* A page that is named and stays counts as used. */
static pfn_t lfu_victim(void *self)
{
    struct lfu *lfu = self;
    struct policy_heap_entry top = lfu->heap.entries[0];
    while (lfu->env.test_clear_accessed(lfu->env.ctx, top.pfn)) {
        count_use(lfu, top);
        top = lfu->heap.entries[0];
    }
    count_use(lfu, top);
    return top.pfn;
}

static bool lfu_contains(const void *self, pfn_t pfn)
{
    const struct lfu *lfu = self;
    return policy_heap_contains(&lfu->heap, pfn);
}

static bool lfu_is_valid(const void *self)
{
    const struct lfu *lfu = self;
    return policy_heap_is_valid(&lfu->heap);
}

const struct policy_ops policy_lfu = {
    .name = "lfu",
    .summary = "evicts the page with the fewest uses, the oldest of equals",
    .ignores_first_use = true,
    .create = lfu_create,
    .destroy = lfu_destroy,
    .insert = lfu_insert,
    .remove = lfu_remove,
    .victim = lfu_victim,
    .contains = lfu_contains,
    .is_valid = lfu_is_valid,
};
