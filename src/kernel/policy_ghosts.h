// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that were evicted not long ago, oldest first: what a policy remembers of them is that they
 * were there. By the page's identity, for their frames hold others now.
 *
 * Invariant: G1  list and map hold the same pages, `count` of them
 */
#ifndef KERNEL_POLICY_GHOSTS_H
#define KERNEL_POLICY_GHOSTS_H

#include "base/hashmap.h"
#include "kernel/policy.h"

struct policy_ghost {
    uint64_t page;
    uint32_t next, prev; /* of a free one: `next` is the next free one */
};

struct policy_ghosts {
    struct policy_ghost *ghosts; /* [0]: next is the oldest, prev the newest */
    uint32_t room, used;         /* allocated, and ever used, [0] included */
    uint32_t free_head;          /* 0: none */
    uint32_t count;
    struct hashmap places;
};

void policy_ghosts_create(struct policy_ghosts *out);
void policy_ghosts_destroy(struct policy_ghosts *ghosts);
/* The page becomes the newest, whether it was there or not. */
void policy_ghosts_add(struct policy_ghosts *ghosts, uint64_t page);
/* Forgets the page. Result: was it there? */
bool policy_ghosts_take(struct policy_ghosts *ghosts, uint64_t page);
/* Forgets the oldest until at most `most` are left. */
void policy_ghosts_trim(struct policy_ghosts *ghosts, uint64_t most);
bool policy_ghosts_is_valid(const struct policy_ghosts *ghosts);

#endif
