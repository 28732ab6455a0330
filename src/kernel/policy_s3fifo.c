// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * S3-FIFO: three queues. A page that comes in joins `small`, a tenth of all; from its end it moves
 * to `main` if it was used again and is evicted and remembered if not. In `main` a page used since
 * it was last looked at goes round once more. A page that comes back while it is remembered joins
 * `main` at once. Where the paper counts up to three uses, an accessed bit is one here.
 *
 * Source: J. Yang et al., "FIFO Queues are All You Need for Cache Eviction", SOSP 2023.
 */
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/policy_ghosts.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <errno.h>
#include <stdlib.h>

enum { SMALL_SHARE = 10 }; /* 1/10 of the pages */

struct s3fifo {
    struct policy_env env;
    struct policy_list small;
    struct policy_list main;
    struct policy_ghosts gone; /* evicted from `small` */
    uint64_t *pages;           /* by pfn: who lies there */
};

static size_t pages_len(const struct s3fifo *s3fifo)
{
    return s3fifo->env.nframes * sizeof(*s3fifo->pages);
}

static void s3fifo_destroy(void *self)
{
    struct s3fifo *s3fifo = self;
    if (s3fifo->small.links)
        policy_list_destroy(&s3fifo->small);
    if (s3fifo->main.links)
        policy_list_destroy(&s3fifo->main);
    policy_ghosts_destroy(&s3fifo->gone);
    lazy_destroy(s3fifo->pages, pages_len(s3fifo));
    free(s3fifo);
}

static int s3fifo_create(const struct policy_env *env, void **self)
{
    struct s3fifo *s3fifo = x_calloc(1, sizeof(*s3fifo));
    s3fifo->env = *env;
    policy_ghosts_create(&s3fifo->gone);
    s3fifo->pages = lazy_create(pages_len(s3fifo));
    if (!s3fifo->pages || policy_list_create(env->nframes, &s3fifo->small) < 0 ||
        policy_list_create(env->nframes, &s3fifo->main) < 0) {
        s3fifo_destroy(s3fifo);
        return -ENOMEM;
    }
    *self = s3fifo;
    return 0;
}

static uint64_t count_of(const struct s3fifo *s3fifo)
{
    return s3fifo->small.count + s3fifo->main.count;
}

static bool was_used(const struct s3fifo *s3fifo, pfn_t pfn)
{
    return s3fifo->env.test_clear_accessed(s3fifo->env.ctx, pfn);
}

static void s3fifo_insert(void *self, pfn_t pfn, uint64_t page)
{
    struct s3fifo *s3fifo = self;
    s3fifo->pages[pfn] = page;
    bool is_known = policy_ghosts_take(&s3fifo->gone, page);
    policy_list_push_back(is_known ? &s3fifo->main : &s3fifo->small, pfn);
}

/* As many are remembered as `main` may have. */
static void s3fifo_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    struct s3fifo *s3fifo = self;
    uint64_t most = count_of(s3fifo) - count_of(s3fifo) / SMALL_SHARE;
    if (!policy_list_contains(&s3fifo->small, pfn)) {
        policy_list_remove(&s3fifo->main, pfn);
        return;
    }
    policy_list_remove(&s3fifo->small, pfn);
    if (why == POLICY_EVICTED)
        policy_ghosts_add(&s3fifo->gone, s3fifo->pages[pfn]);
    policy_ghosts_trim(&s3fifo->gone, most);
}

/* The first page of `small`, if it goes; else it moves on and the result is PFN_NONE. */
static pfn_t pass_small(struct s3fifo *s3fifo)
{
    pfn_t pfn = policy_list_rotate(&s3fifo->small);
    if (!was_used(s3fifo, pfn))
        return pfn;
    policy_list_remove(&s3fifo->small, pfn);
    policy_list_push_back(&s3fifo->main, pfn);
    return PFN_NONE;
}

static pfn_t pass_main(struct s3fifo *s3fifo)
{
    pfn_t pfn = policy_list_rotate(&s3fifo->main);
    return was_used(s3fifo, pfn) ? PFN_NONE : pfn;
}

static pfn_t s3fifo_victim(void *self)
{
    struct s3fifo *s3fifo = self;
    pfn_t pfn = PFN_NONE;
    while (pfn == PFN_NONE) {
        uint64_t most = count_of(s3fifo) / SMALL_SHARE;
        bool is_small =
            s3fifo->main.count == 0 || (s3fifo->small.count > 0 && s3fifo->small.count >= most);
        pfn = is_small ? pass_small(s3fifo) : pass_main(s3fifo);
    }
    return pfn;
}

static bool s3fifo_contains(const void *self, pfn_t pfn)
{
    const struct s3fifo *s3fifo = self;
    return policy_list_contains(&s3fifo->small, pfn) || policy_list_contains(&s3fifo->main, pfn);
}

static bool s3fifo_is_valid(const void *self)
{
    const struct s3fifo *s3fifo = self;
    return policy_list_is_valid(&s3fifo->small) && policy_list_is_valid(&s3fifo->main) &&
           policy_ghosts_is_valid(&s3fifo->gone);
}

const struct policy_ops policy_s3fifo = {
    .name = "s3-fifo",
    .summary = "new pages prove themselves in a short queue before they join the main one",
    .ignores_first_use = true,
    .create = s3fifo_create,
    .destroy = s3fifo_destroy,
    .insert = s3fifo_insert,
    .remove = s3fifo_remove,
    .victim = s3fifo_victim,
    .contains = s3fifo_contains,
    .is_valid = s3fifo_is_valid,
};
