// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The buddy allocator: which frames are free, in blocks of 2^order frames that begin at a multiple
 * of their length. A block's buddy is the one next to it with which it makes up a block of the next
 * order; when both are free they become one. Knuth, "The Art of Computer Programming" vol. 1, 2.5.
 *
 *   never used            the frames from table->fresh on: zero, and not touched by anyone
 *   free blocks           a list for each order, last given first taken
 *   hot                   the single frames given last, which do not become part of blocks yet:
 * most are taken again soon, and their bytes are in the host's cache
 *
 * What it keeps of a free frame lies in the frame itself:
 *   owner   the previous in its list      index   the next      rmap   enum buddy_place
 *
 * Invariants, checked by buddy_is_valid() (frame_is_valid() has F1 to F4):
 *   B1  each free frame below fresh is in exactly one place: hot, or in one free block
 *   B2  a free block begins at a multiple of its length and ends at or below fresh
 *   B3  no two buddies are both free blocks
 *   B4  nblocks[], nonempty, nhot and unused[] count what is there
 */
#ifndef KERNEL_BUDDY_H
#define KERNEL_BUDDY_H

#include "machine/addr.h"

enum {
    BUDDY_ORDER_2M = 9,
    BUDDY_ORDER_1G = 18,
    BUDDY_ORDERS = BUDDY_ORDER_1G + 1,
    BUDDY_HOT_FEW = 64,
};

/* frame->rmap of a free frame. BUDDY_HEAD + order: a free block begins here. */
enum buddy_place { BUDDY_INSIDE, BUDDY_HOT, BUDDY_HEAD };

struct buddy_list {
    pfn_t first, last;
};

struct buddy {
    struct buddy_list blocks[BUDDY_ORDERS];
    uint64_t nblocks[BUDDY_ORDERS];
    uint32_t nonempty;      /* bit `order`: there is a free block of it */
    uint32_t nhot, hot_max; /* above it half of them become blocks */
    struct buddy_list hot;
    uint16_t *unused; /* by 2 MiB of RAM: how many of its frames below `fresh` are free */
};

struct frame_table;

/* Nobody wants blocks yet: frames stay hot, and become blocks only when one is asked for. */
void buddy_create(uint64_t nframes, struct buddy *out);
void buddy_destroy(struct buddy *buddy);

/* The first of 2^order free frames, which are free no more; PFN_NONE if no block is so large.
 * *zero: are its bytes known to be zero? Blocks that were used before are taken first. */
pfn_t buddy_take(struct frame_table *table, unsigned order, bool *zero);
/* 2^order frames become free; their metadata is the buddy's from now on. => aligned, below fresh */
void buddy_give(struct frame_table *table, pfn_t pfn, unsigned order);
/* Takes those of FRAME_BLOCK frames that are free; the others stay with who has them.
 * Result: how many. => aligned, below fresh, not all of them free */
unsigned buddy_take_within(struct frame_table *table, pfn_t first);

/* Blocks are wanted: all but BUDDY_HOT_FEW frames become blocks when they are given, so that single
 * frames are taken where they break up the least. */
void buddy_want_blocks(struct frame_table *table);

/* How many free blocks of each order there are; the frames that were never used count as the
 * largest blocks that they make up. Effect: no frame is hot any more. */
void buddy_census(struct frame_table *table, uint64_t out[BUDDY_ORDERS]);

/* How many frames below `fresh` are free, but not in 2 MiB of free ones. Effect: as above. */
uint64_t buddy_scattered(struct frame_table *table);

bool buddy_is_valid(const struct frame_table *table);

#endif
