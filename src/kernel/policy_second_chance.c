// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Second chance with a preference for clean pages: a clock whose hand spares a page used since it
 * last passed, and a dirty page one round longer, because evicting it costs a write. A page that
 * was spared for being dirty alone goes at the next passing unless it was used in between.
 *
 * Source: R. W. Carr, J. L. Hennessy, "WSClock: A Simple and Effective Algorithm for Virtual Memory
 * Management", SOSP 1981 (it passes over pages that must be written); without its working-set test.
 */
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

struct second_chance {
    struct policy_env env;
    struct policy_list ring;
    bool *was_spared; /* by pfn: the hand passed it by for being dirty */
};

static void second_chance_destroy(void *self)
{
    struct second_chance *chance = self;
    if (chance->ring.links)
        policy_list_destroy(&chance->ring);
    lazy_destroy(chance->was_spared, chance->env.nframes * sizeof(*chance->was_spared));
    free(chance);
}

static int second_chance_create(const struct policy_env *env, void **self)
{
    struct second_chance *chance = x_calloc(1, sizeof(*chance));
    chance->env = *env;
    chance->was_spared = lazy_create(env->nframes * sizeof(*chance->was_spared));
    if (!chance->was_spared || policy_list_create(env->nframes, &chance->ring) < 0) {
        second_chance_destroy(chance);
        return -ENOMEM;
    }
    *self = chance;
    return 0;
}

static void second_chance_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct second_chance *chance = self;
    chance->was_spared[pfn] = false;
    policy_list_push_back(&chance->ring, pfn);
}

static void second_chance_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct second_chance *chance = self;
    policy_list_remove(&chance->ring, pfn);
}

/* What the hand does with a page. Result: it goes. */
static bool pass(struct second_chance *chance, pfn_t pfn)
{
    if (chance->env.test_clear_accessed(chance->env.ctx, pfn)) {
        chance->was_spared[pfn] = false;
        return false;
    }
    if (chance->was_spared[pfn] || !chance->env.is_dirty(chance->env.ctx, pfn))
        return true;
    chance->was_spared[pfn] = true;
    return false;
}

/* A first round may clear every bit, a second spare every page; the third finds one. */
static pfn_t second_chance_victim(void *self)
{
    struct second_chance *chance = self;
    pfn_t pfn;
    do {
        pfn = policy_list_rotate(&chance->ring);
    } while (!pass(chance, pfn));
    return pfn;
}

static bool second_chance_contains(const void *self, pfn_t pfn)
{
    const struct second_chance *chance = self;
    return policy_list_contains(&chance->ring, pfn);
}

static bool second_chance_is_valid(const void *self)
{
    const struct second_chance *chance = self;
    return policy_list_is_valid(&chance->ring);
}

const struct policy_ops policy_second_chance = {
    .name = "second-chance",
    .summary = "a clock that passes a dirty page by once more than a clean one",
    .create = second_chance_create,
    .destroy = second_chance_destroy,
    .insert = second_chance_insert,
    .remove = second_chance_remove,
    .victim = second_chance_victim,
    .contains = second_chance_contains,
    .is_valid = second_chance_is_valid,
};
