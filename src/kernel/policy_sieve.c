// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SIEVE: pages stay in the order in which they came in; a hand goes from the oldest to the newest
 * and again, spares a page used since it last passed, and evicts the first that was not. Unlike a
 * clock's, its survivors do not move, so new pages that nobody uses again go soon.
 *
 * Source: Y. Zhang et al., "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for
 * Web Caches", NSDI 2024.
 */
#include "base/xalloc.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

struct sieve {
    struct policy_env env;
    struct policy_list pages; /* the oldest in front */
    pfn_t hand;               /* the next to be looked at; 0: the oldest */
};

static int sieve_create(const struct policy_env *env, void **self)
{
    struct sieve *sieve = x_calloc(1, sizeof(*sieve));
    sieve->env = *env;
    int error = policy_list_create(env->nframes, &sieve->pages);
    if (error)
        free(sieve);
    else
        *self = sieve;
    return error;
}

static void sieve_destroy(void *self)
{
    struct sieve *sieve = self;
    policy_list_destroy(&sieve->pages);
    free(sieve);
}

static void sieve_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct sieve *sieve = self;
    policy_list_push_back(&sieve->pages, pfn);
}

static void sieve_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct sieve *sieve = self;
    if (sieve->hand == pfn)
        sieve->hand = policy_list_next(&sieve->pages, pfn);
    policy_list_remove(&sieve->pages, pfn);
}

/* The page under the hand, which moves on. */
static pfn_t step(struct sieve *sieve)
{
    pfn_t pfn = sieve->hand ? sieve->hand : policy_list_front(&sieve->pages);
    sieve->hand = policy_list_next(&sieve->pages, pfn);
    return pfn;
}

static pfn_t sieve_victim(void *self)
{
    struct sieve *sieve = self;
    pfn_t pfn = step(sieve);
    while (sieve->env.test_clear_accessed(sieve->env.ctx, pfn))
        pfn = step(sieve);
    return pfn;
}

static bool sieve_contains(const void *self, pfn_t pfn)
{
    const struct sieve *sieve = self;
    return policy_list_contains(&sieve->pages, pfn);
}

static bool sieve_is_valid(const void *self)
{
    const struct sieve *sieve = self;
    return policy_list_is_valid(&sieve->pages) &&
           (!sieve->hand || policy_list_contains(&sieve->pages, sieve->hand));
}

const struct policy_ops policy_sieve = {
    .name = "sieve",
    .summary = "a clock whose survivors keep their place, so new pages are sifted first",
    .ignores_first_use = true,
    .create = sieve_create,
    .destroy = sieve_destroy,
    .insert = sieve_insert,
    .remove = sieve_remove,
    .victim = sieve_victim,
    .contains = sieve_contains,
    .is_valid = sieve_is_valid,
};
