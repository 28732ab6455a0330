// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swap readahead: which private pages come in beside one that a fault reads from swap. What comes
 * in so is in RAM, mapped nowhere, with its slot as a clean copy, and FRAME_AHEAD until a fault
 * finds it (a hit) or it is evicted (wasted).
 *
 *   none      the page alone
 *   cluster   the block of 8 slots that its own lies in, whoever's pages those are
 *   adaptive  pages around it in its region, 1 to 8 together, as many as hits made worth while
 */
#ifndef KERNEL_READAHEAD_H
#define KERNEL_READAHEAD_H

#include "kernel/anon.h"

enum {
    READAHEAD_MAX = 8 /* pages, the one that faults among them; Linux's vm.page-cluster is 3 */
};

struct region;
struct space;

/* Pages to be read, by slot. */
struct readahead {
    unsigned count;
    struct anon *anons[READAHEAD_MAX];
};

/* Chooses what goes with the private page at `vpn`. Effect: the region's window is the one for
 * this fault. => the page is in swap */
void readahead_choose(struct kernel *kernel, const struct space *space, struct region *region,
                      uint64_t vpn, struct readahead *out);

/* Brings them in; what cannot be read stays where it is, for whoever needs it to find out.
 * => as many frames are reserved; none of them came in since they were chosen */
void readahead_read(struct kernel *kernel, const struct readahead *ahead);

/* A fault found a page of the region that was read ahead. */
void readahead_hit(struct kernel *kernel, struct region *region, uint64_t vpn, struct frame *frame);

#endif
