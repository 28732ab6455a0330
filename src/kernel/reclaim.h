// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaim: makes free frames out of resident pages. Asks the policy for victims, unmaps them
 * everywhere, writes dirty ones to swap or their file in clusters, frees the frames. Runs only from
 * frame_reserve(); never loses a page: a victim that cannot be written stays.
 */
#ifndef KERNEL_RECLAIM_H
#define KERNEL_RECLAIM_H

#include "kernel/kernel.h"

/*
 * Makes sure that `count` frames can be taken without fail; a later call replaces an earlier
 * promise. Keeps free frames between two watermarks: below the low one it reclaims up to the high
 * one. Result: 0, or -ENOMEM when RAM and swap are exhausted (nothing evictable is left).
 */
int frame_reserve(struct kernel *kernel, unsigned count);

/* Adds `count` frames to what frame_reserve() promised, if they can be had. Result: whether they
 * can. => nothing was looked up since */
bool frame_reserve_more(struct kernel *kernel, unsigned count);

/* As frame_reserve(), if as many are free without reclaiming what is somebody's. Result: whether
 * they are. */
bool frame_reserve_spare(struct kernel *kernel, unsigned count);

/* As frame_reserve(), for what can be done without: that it fails is nobody's trouble. */
int frame_reserve_for_comfort(struct kernel *kernel, unsigned count);

/* Lets what is left of the promise go, at the end of what frame_reserve() began. */
void frame_unreserve(struct kernel *kernel);

/* Evicts one given page if it can be (madvise PAGEOUT, tests). Result: true if its frame is free.
 */
bool reclaim_frame(struct kernel *kernel, struct frame *frame);

/*
 * The frame that va is mapped to is not evicted until reclaim_keep_none(), nor are the 15 that were
 * kept before it. For an instruction that needs a few pages at once: a policy may choose each of
 * them as the victim for another, and it would never be done.
 */
void reclaim_keep(struct space *space, vaddr_t va);
void reclaim_keep_none(struct kernel *kernel);

/* Would evicting the page write it? => it is evictable */
bool reclaim_costs_write(const struct kernel *kernel, const struct frame *frame);

#endif
