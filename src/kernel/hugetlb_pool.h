// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pool of huge pages: blocks of 2 MiB that are set aside when the kernel is made and are never
 * anything else (MAP_HUGETLB, see hugetlb.h). A page that nobody has consists of frames of kind
 * FRAME_POOL. One in use consists of frames of kind ANON with FRAME_POOLED, which keeps them out of
 * the policy and of compaction, and brings each back here when it is given.
 *
 * Kept in the first frame of a page that nobody has:
 *   owner   the first frame of the next such page       index   how many of its frames are back
 *
 * Invariants, checked by hugetlb_pool_is_valid():
 *   H1  nreserved <= nfree <= npages
 *   H2  the list has nfree pages, all of whose frames are of kind FRAME_POOL; there are no others
 */
#ifndef KERNEL_HUGETLB_POOL_H
#define KERNEL_HUGETLB_POOL_H

#include "kernel/frame.h"

struct hugetlb_pool {
    uint64_t npages, nfree, nreserved; /* huge pages; reserved: promised, and not taken yet */
    pfn_t first;                       /* of those that nobody has; PFN_NONE: none */
};

/* How many huge pages a RAM of so many frames can have: all but 2 MiB for everything else. */
static inline uint64_t hugetlb_pool_max(uint64_t nframes)
{
    return nframes / FRAME_BLOCK > 0 ? nframes / FRAME_BLOCK - 1 : 0;
}

/* Fills the pool. => nothing else has taken frames but the frame of zeros; at most
 * hugetlb_pool_max() pages */
void hugetlb_pool_create(struct kernel *kernel, uint64_t npages);

/* Takes a huge page: FRAME_BLOCK frames as frame_take() gives them. => one is free */
struct frame *hugetlb_pool_take(struct kernel *kernel);

/* frame_give() of a frame with FRAME_POOLED. => those of a page are given from the first one on */
void hugetlb_pool_give(struct kernel *kernel, struct frame *frame);

/* Checks H1 and H2. */
bool hugetlb_pool_is_valid(const struct kernel *kernel);

#endif
