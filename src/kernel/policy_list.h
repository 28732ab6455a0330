// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A list of pages in the order that a policy keeps them, linked by frame number in a lazily backed
 * array of 8 bytes a frame. It is a ring in which frame 0, which is never a page, joins the ends;
 * so "move the front to the back" is one step of a clock's hand.
 *
 * Invariant: L1  next and prev mirror each other, and `count` pages are on the ring
 */
#ifndef KERNEL_POLICY_LIST_H
#define KERNEL_POLICY_LIST_H

#include "machine/addr.h"

struct policy_link {
    pfn_t next, prev; /* both 0: not in the list, or the only page in it */
};

struct policy_list {
    struct policy_link *links; /* [0]: next is the front, prev the back */
    uint64_t nframes;
    uint64_t count;
};

int policy_list_create(uint64_t nframes, struct policy_list *out); /* -ENOMEM */
void policy_list_destroy(struct policy_list *list);
void policy_list_push_back(struct policy_list *list, pfn_t pfn); /* => not in the list */
void policy_list_remove(struct policy_list *list, pfn_t pfn);    /* => in the list */
/* The front, which becomes the back. => the list is not empty */
pfn_t policy_list_rotate(struct policy_list *list);
bool policy_list_is_valid(const struct policy_list *list);

static inline pfn_t policy_list_front(const struct policy_list *list) /* PFN_NONE: empty */
{
    return list->links[0].next;
}

/* Who comes behind; 0: nobody. */
static inline pfn_t policy_list_next(const struct policy_list *list, pfn_t pfn)
{
    return list->links[pfn].next;
}

static inline bool policy_list_contains(const struct policy_list *list, pfn_t pfn)
{
    return list->links[pfn].next || list->links[pfn].prev || list->links[0].next == pfn;
}

#endif
