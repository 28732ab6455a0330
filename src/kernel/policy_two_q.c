// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 2Q, the full version: a page that comes in waits in a short queue, `in`, and goes from there as
 * it came, used or not, but is remembered. One that comes back while it is remembered has shown
 * that it is used over a longer time and joins `main`, which is a clock here, for all that is seen
 * of uses are accessed bits; the paper's is an LRU list. As there, `in` may have a quarter of the
 * pages and half as many as there are pages are remembered.
 *
 * Source: T. Johnson, D. Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement
 * Algorithm", VLDB 1994.
 */
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_ghosts.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

enum { IN_SHARE = 4, OUT_SHARE = 2 }; /* 1/4 and 1/2 of the pages */

struct two_q {
    struct policy_env env;
    struct policy_list in;
    struct policy_list main;
    struct policy_ghosts out; /* evicted from `in` */
    uint64_t *pages;          /* by pfn: who lies there */
};

static size_t pages_len(const struct two_q *two_q)
{
    return two_q->env.nframes * sizeof(*two_q->pages);
}

static void two_q_destroy(void *self)
{
    struct two_q *two_q = self;
    if (two_q->in.links)
        policy_list_destroy(&two_q->in);
    if (two_q->main.links)
        policy_list_destroy(&two_q->main);
    policy_ghosts_destroy(&two_q->out);
    lazy_destroy(two_q->pages, pages_len(two_q));
    free(two_q);
}

static int two_q_create(const struct policy_env *env, void **self)
{
    struct two_q *two_q = x_calloc(1, sizeof(*two_q));
    two_q->env = *env;
    policy_ghosts_create(&two_q->out);
    two_q->pages = lazy_create(pages_len(two_q));
    if (!two_q->pages || policy_list_create(env->nframes, &two_q->in) < 0 ||
        policy_list_create(env->nframes, &two_q->main) < 0) {
        two_q_destroy(two_q);
        return -ENOMEM;
    }
    *self = two_q;
    return 0;
}

static uint64_t count_of(const struct two_q *two_q)
{
    return two_q->in.count + two_q->main.count;
}

static bool was_used(const struct two_q *two_q, pfn_t pfn)
{
    return two_q->env.test_clear_accessed(two_q->env.ctx, pfn);
}

static void two_q_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct two_q *two_q = self;
    two_q->pages[pfn] = page;
    bool is_known = policy_ghosts_take(&two_q->out, page);
    policy_list_push_back(is_known ? &two_q->main : &two_q->in, pfn);
}

static void two_q_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct two_q *two_q = self;
    uint64_t most = count_of(two_q) / OUT_SHARE;
    if (!policy_list_contains(&two_q->in, pfn)) {
        policy_list_remove(&two_q->main, pfn);
        return;
    }
    policy_list_remove(&two_q->in, pfn);
    if (why == POLICY_EVICTED)
        policy_ghosts_add(&two_q->out, two_q->pages[pfn]);
    policy_ghosts_trim(&two_q->out, most);
}

static pfn_t two_q_victim(void *self)
{
    struct two_q *two_q = self;
    if (two_q->main.count == 0 || two_q->in.count > count_of(two_q) / IN_SHARE)
        return policy_list_rotate(&two_q->in);
    pfn_t pfn = policy_list_rotate(&two_q->main);
    while (was_used(two_q, pfn))
        pfn = policy_list_rotate(&two_q->main);
    return pfn;
}

static bool two_q_contains(const void *self, pfn_t pfn)
{
    const struct two_q *two_q = self;
    return policy_list_contains(&two_q->in, pfn) || policy_list_contains(&two_q->main, pfn);
}

static bool two_q_is_valid(const void *self)
{
    const struct two_q *two_q = self;
    return policy_list_is_valid(&two_q->in) && policy_list_is_valid(&two_q->main) &&
           policy_ghosts_is_valid(&two_q->out);
}

const struct policy_ops policy_two_q = {
    .name = "2q",
    .summary = "new pages queue; those that come back soon after they left join a clock",
    .ignores_first_use = true,
    .create = two_q_create,
    .destroy = two_q_destroy,
    .insert = two_q_insert,
    .remove = two_q_remove,
    .victim = two_q_victim,
    .contains = two_q_contains,
    .is_valid = two_q_is_valid,
};
