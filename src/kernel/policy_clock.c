// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The clock, or second chance: a hand goes round the pages in the order they were loaded; a page
 * used since the hand last passed is spared once. The ring is a list whose front is under the hand:
 * moving the front to the back is the hand's step.
 *
 * Source: F. J. Corbato, "A Paging Experiment with the Multics System", 1968.
 */
#include "base/xalloc.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

struct clock {
    struct policy_env env;
    struct policy_list ring;
};

static int clock_create(const struct policy_env *env, void **self)
{
    struct clock *clock = x_malloc(sizeof(*clock));
    clock->env = *env;
    int error = policy_list_create(env->nframes, &clock->ring);
    if (error)
        free(clock);
    else
        *self = clock;
    return error;
}

static void clock_destroy(void *self)
{
    struct clock *clock = self;
    policy_list_destroy(&clock->ring);
    free(clock);
}

static void clock_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct clock *clock = self;
    policy_list_push_back(&clock->ring, pfn);
}

static void clock_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct clock *clock = self;
    policy_list_remove(&clock->ring, pfn);
}

static pfn_t clock_victim(void *self)
{
    struct clock *clock = self;
    /* One round may spare every page; the next begins with the first one again. */
    for (uint64_t left = clock->ring.count; left > 0; left--) {
        pfn_t pfn = policy_list_rotate(&clock->ring);
        if (!clock->env.test_clear_accessed(clock->env.ctx, pfn))
            return pfn;
    }
    return clock->ring.count ? policy_list_rotate(&clock->ring) : PFN_NONE;
}

static bool clock_contains(const void *self, pfn_t pfn)
{
    const struct clock *clock = self;
    return policy_list_contains(&clock->ring, pfn);
}

static bool clock_is_valid(const void *self)
{
    const struct clock *clock = self;
    return policy_list_is_valid(&clock->ring);
}

const struct policy_ops policy_clock = {
    .name = "clock",
    .summary = "second chance: goes round, evicts the first page not used since the last round",
    .create = clock_create,
    .destroy = clock_destroy,
    .insert = clock_insert,
    .remove = clock_remove,
    .victim = clock_victim,
    .contains = clock_contains,
    .is_valid = clock_is_valid,
};
