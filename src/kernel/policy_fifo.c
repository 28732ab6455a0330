// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * First in, first out: the page that has been resident longest goes, used or not. The baseline of
 * every textbook, and the one with Belady's anomaly.
 */
#include "base/xalloc.h"
#include "kernel/policy_list.h"
#include "kernel/policy_table.h"

#include <stdlib.h>

static int fifo_create(const struct policy_env *env, void **self)
{
    struct policy_list *list = x_malloc(sizeof(*list));
    int error = policy_list_create(env->nframes, list);
    if (error)
        free(list);
    else
        *self = list;
    return error;
}

static void fifo_destroy(void *self)
{
    policy_list_destroy(self);
    free(self);
}

static void fifo_insert(void *self, pfn_t pfn, uint64_t page)
{
    policy_list_push_back(self, pfn);
}

static void fifo_remove(void *self, pfn_t pfn, enum policy_reason why)
{
    policy_list_remove(self, pfn);
}

/* A page that is named and stays goes to the back. */
static pfn_t fifo_victim(void *self)
{
    struct policy_list *list = self;
    return list->count ? policy_list_rotate(list) : PFN_NONE;
}

static bool fifo_contains(const void *self, pfn_t pfn)
{
    return policy_list_contains(self, pfn);
}

static bool fifo_is_valid(const void *self)
{
    return policy_list_is_valid(self);
}

const struct policy_ops policy_fifo = {
    .name = "fifo",
    .summary = "evicts the page that was loaded first",
    .create = fifo_create,
    .destroy = fifo_destroy,
    .insert = fifo_insert,
    .remove = fifo_remove,
    .victim = fifo_victim,
    .contains = fifo_contains,
    .is_valid = fifo_is_valid,
};
