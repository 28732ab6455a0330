// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reverse maps: for each frame, the (space, page) pairs whose page-table entries point to it, so
 * that eviction can unmap it everywhere. One pair is kept in the frame's own 64 bits (16 bits of
 * space number, 45 of virtual page number, 1 tag); more go to a chain on the host's heap.
 */
#ifndef KERNEL_RMAP_H
#define KERNEL_RMAP_H

#include "kernel/frame.h"

struct rmap_entry {
    uint16_t space; /* number, never 0 */
    vaddr_t va;
};

/* Both keep frame->nmaps. Adding is O(1), removing O(1) for the newest pair, else O(nmaps). */
void rmap_add(struct frame *frame, uint16_t space, vaddr_t va);
void rmap_remove(struct frame *frame, uint16_t space, vaddr_t va); /* => it is there */
/* The i-th pair, 0 <= i < frame->nmaps; order is unspecified and changes with add and remove. */
struct rmap_entry rmap_get(const struct frame *frame, uint32_t i);

/* Does the frame's chain hold as many pairs as nmaps says (F4)? */
bool rmap_is_valid(const struct frame *frame);

#endif
