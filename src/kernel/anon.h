// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous memory. An anon is one private page, wherever it is; an amap is the sparse array of a
 * region's anons. After fork (later) two amaps share anons, and refs > 1 means copy on write.
 *
 * Invariants: A1  slot is FRAME or SWAP, never EMPTY or ABSENT
 *             A2  slot FRAME: the frame's kind is FRAME_ANON and its owner this anon
 */
#ifndef KERNEL_ANON_H
#define KERNEL_ANON_H

#include "kernel/kernel.h"
#include "kernel/slot.h"

struct anon {
    slot_t slot;
    uint32_t refs;
    bool poisoned; /* its swap copy is damaged: every use is SIGBUS */
};

/* A new anon that owns the frame. */
struct anon *anon_create(struct kernel *kernel, struct frame *frame);
struct anon *anon_get(struct anon *anon); /* a reference */
/* Drops a reference; the last one gives frame and swap slot back. => unmapped if it is the last */
void anon_put(struct kernel *kernel, struct anon *anon);

/* Brings the page into RAM. => one frame reserved
 * Result: 0 and the frame; -EIO or -EBADMSG (kernel->trouble says which slot), anon poisoned. */
int anon_load(struct kernel *kernel, struct anon *anon, struct frame **out);

/* Reclaim's half: after the page was written to `swap` (or was clean there), forget the frame. */
void anon_evicted(struct kernel *kernel, struct anon *anon, swap_slot_t swap);

struct amap;

struct amap *amap_create(void);
struct amap *amap_get(struct amap *amap);
void amap_put(struct kernel *kernel, struct amap *amap);
/* Index is in pages. NULL: no anon there. */
struct anon *amap_find(const struct amap *amap, uint64_t index);
/* Takes over the caller's reference. => the place is empty */
void amap_insert(struct amap *amap, uint64_t index, struct anon *anon);
/* Gives the reference to the caller; NULL if there was none. */
struct anon *amap_remove(struct amap *amap, uint64_t index);
/* The first anon at or after *index and before end; false if none. */
bool amap_next(const struct amap *amap, uint64_t *index, uint64_t end, struct anon **out);
uint64_t amap_count(const struct amap *amap);

#endif
