// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous memory. An anon is one private page, wherever it is: in a frame or in a swap slot. An
 * amap is a space's sparse array of anons; its index is the virtual page number, so splitting and
 * merging regions costs it nothing, and a region's private pages are its window [start, end). After
 * fork two amaps share anons, and refs > 1 means copy on write.
 *
 * A resident anon's frame may still have a clean copy on the swap disk: frame->index names its slot
 * (SWAP_NONE: no copy). While the page is out, the anon's own slot names it. Either way the swap
 * slot belongs to the anon and goes back to the disk with it.
 *
 * Invariants: A1  slot is FRAME or SWAP, never EMPTY or ABSENT
 *             A2  slot FRAME: the frame's kind is FRAME_ANON and its owner this anon
 *             A3  refs is the number of amap places that hold it
 */
#ifndef KERNEL_ANON_H
#define KERNEL_ANON_H

#include "base/radix.h"
#include "kernel/kernel.h"
#include "kernel/slot.h"

struct anon {
    slot_t slot;
    uint64_t number; /* its identity: no other ever has it */
    uint32_t refs;
    bool poisoned; /* its swap copy is damaged: every use is SIGBUS */
};

/*
 * A new anon, with one reference, that owns the frame: its content is there and counts as dirty.
 * Effect: sets the frame's owner and index, activates it, counts a page as born.
 * => the frame was just taken with kind FRAME_ANON
 */
struct anon *anon_create(struct kernel *kernel, struct frame *frame);
struct anon *anon_get(struct anon *anon); /* a reference */
/* Drops a reference; the last one gives frame and swap slot back and counts a page as dead.
 * => its frame is mapped and wired nowhere if it is the last */
void anon_put(struct kernel *kernel, struct anon *anon);

/*
 * Brings the page into RAM. Effect: counts pages_in and swap_pages_in if a disk was read; the swap
 * slot stays as the frame's clean copy. => one frame is reserved if it is not resident
 * Result: 0 and the frame, activated; -EBADMSG, -EIO or another read error (kernel->trouble says
 * which slot of which device), and the anon is poisoned: later calls fail at once with -EIO.
 */
int anon_load(struct kernel *kernel, struct anon *anon, struct frame **out);
/* As anon_load() of a page that is in swap, into a frame of kind ANON that was taken for it. An
 * error leaves the frame as it was. */
int anon_load_into(struct kernel *kernel, struct anon *anon, struct frame *frame);
bool anon_is_resident(const struct anon *anon);
/* The page was read from its slot into the frame, which keeps the slot as its clean copy and is
 * activated. => it was taken with kind FRAME_ANON */
void anon_loaded(struct kernel *kernel, struct anon *anon, struct frame *frame);

/*
 * Reclaim's half: the page is in swap slot `swap` now (just written, or frame->index when it was
 * clean), so the anon lets go of its frame. Reclaim, which owns frame->index while it evicts, gives
 * back an outdated slot that was there and then the frame.
 * => the frame is unmapped
 */
void anon_evicted(struct kernel *kernel, struct anon *anon, swap_slot_t swap);

/* The page lies in another frame now, whose owner it is. */
void anon_moved(struct anon *anon, pfn_t pfn);

struct amap {
    struct radix anons; /* virtual page number -> struct anon * */
};

void amap_create(struct amap *out);
void amap_destroy(struct amap *amap); /* => empty */
/* NULL: no anon there. */
struct anon *amap_find(const struct amap *amap, uint64_t vpn);
/* Takes over the caller's reference. => the place is empty */
void amap_insert(struct amap *amap, uint64_t vpn, struct anon *anon);
/* Gives the reference to the caller; NULL if there was none. */
struct anon *amap_remove(struct amap *amap, uint64_t vpn);
/* The first anon at or after *vpn and before end; false if none. */
bool amap_next(const struct amap *amap, uint64_t *vpn, uint64_t end, struct anon **out);
/* Puts the anons of [first, end) at the same places of another amap too. => they are empty there */
void amap_share(const struct amap *amap, struct amap *other, uint64_t first, uint64_t end);
/* Puts all anons of [first, end). => none of them is mapped or wired by this space */
void amap_drop(struct kernel *kernel, struct amap *amap, uint64_t first, uint64_t end);

#endif
