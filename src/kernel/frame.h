// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Frames: who owns each frame of RAM. 32 bytes of metadata a frame, lazily backed by the host.
 *
 * Frames are taken only out of a reserve: frame_reserve() (reclaim.h) runs at the top of a fault,
 * an exec or a fork and may reclaim; below it frame_take() cannot fail and never reclaims.
 *
 *   kind          owner                   index
 *   FRAME_FREE    (these and rmap are the buddy allocator's, buddy.h)
 *   FRAME_TABLE   space, level, address   entries present in it (both packed by pagetable.c)
 *   FRAME_ANON    struct anon *           swap slot that still holds a clean copy, or SWAP_NONE
 *   FRAME_OBJECT  struct object *         page index in the object
 *   FRAME_ZERO    -                       - (the one shared frame of zeros)
 *
 * A frame is busy from frame_take() until frame_activate(), and again while it is being evicted:
 * whoever made it busy works on it and nobody else may choose it.
 *
 * Invariants, checked by frame_is_valid():
 *   F1  a free frame has no reverse maps, no pins and is in no policy
 *   F2  nfree counts the free frames; frames never used yet (from `fresh` on) are free too
 *   F3  a frame is in the policy iff its kind is ANON or OBJECT, wired == 0, it is neither busy nor
 *       idle, and its page has somewhere to go: without a swap disk only pages of files have
 *   F4  nmaps is the length of its reverse-map chain; the frame of zeros counts its maps but has no
 *       chain (it is never evicted, and millions of entries may point to it)
 *   F5  an idle frame is an OBJECT frame that is not busy, clean, without reverse maps and pins; it
 *       is in no policy but in the list of idle frames, whose links lie in `rmap`
 */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

#include <assert.h>

#include "base/check.h"
#include "kernel/buddy.h"
#include "kernel/policy.h"
#include "machine/ram.h"

enum { FRAME_BLOCK = 1 << BUDDY_ORDER_2M }; /* frames of 2 MiB */

enum frame_kind { FRAME_FREE, FRAME_TABLE, FRAME_ANON, FRAME_OBJECT, FRAME_ZERO };

enum frame_flags {
    FRAME_DIRTY = 1 << 0,  /* its bytes differ from its copy on disk, seen so far */
    FRAME_ACTIVE = 1 << 1, /* not busy; only set by frame_activate() */
    FRAME_AHEAD = 1 << 2,  /* read from swap before it was asked for, and not found since */
    FRAME_IDLE = 1 << 3,   /* cached for nobody; only set by frame_set_idle() */
};

struct frame {
    uint64_t owner;
    uint64_t index;
    uint64_t rmap;  /* who maps it: rmap.h; of an idle frame, its links in the list */
    uint32_t nmaps; /* page-table entries that point here */
    uint16_t wired; /* mlocked regions and short pins; while > 0 it is not evicted */
    uint8_t kind;   /* enum frame_kind */
    uint8_t flags;
};
static_assert(sizeof(struct frame) <= 32, "frame metadata is at most 32 bytes a frame");

struct frame_table {
    struct frame *frames; /* by pfn */
    uint64_t nframes;
    uint64_t nfree;
    uint64_t nset_aside;   /* frames behind these, of pools of huge pages (hugetlb_pool.h) */
    uint64_t fresh;        /* frames from here up were never used */
    struct buddy buddy;    /* the free frames below `fresh` */
    uint64_t reserved;     /* frames promised by frame_reserve() and not taken yet */
    uint64_t ntables;      /* frames of kind FRAME_TABLE */
    uint64_t nzero_tables; /* those of the last level whose entries all map the frame of zeros */
    pfn_t idle_first;      /* list of idle frames, the one that has been idle longest first */
    pfn_t idle_last;
    uint64_t nidle;
};

struct kernel;

/* Frames 1 .. nframes - 1, all free and never used. Errors: -ENOMEM. */
int frame_table_create(uint64_t nframes, struct frame_table *out);
void frame_table_destroy(struct frame_table *table);

/* Is it one of a pool of huge pages, which this table knows nothing of? */
static inline bool frame_is_set_aside(const struct frame_table *table, pfn_t pfn)
{
    return pfn >= table->nframes;
}

static inline struct frame *frame_get(const struct frame_table *table, pfn_t pfn)
{
    DCHECK(!frame_is_set_aside(table, pfn));
    return &table->frames[pfn];
}

static inline pfn_t frame_pfn(const struct frame_table *table, const struct frame *frame)
{
    return (pfn_t)(frame - table->frames);
}

/* Those set aside included. */
static inline uint64_t frame_in_use(const struct frame_table *table)
{
    return table->nframes - 1 - table->nfree + table->nset_aside;
}

/* Takes a frame out of the reserve; its bytes are whatever they were. It is busy; the caller sets
 * owner and index (0 now: an anon page without a copy in swap).
 * => frame_reserve() was called before; cannot fail, never reclaims */
struct frame *frame_take(struct kernel *kernel, enum frame_kind kind);
/* As frame_take(), all bytes zero. */
struct frame *frame_take_zeroed(struct kernel *kernel, enum frame_kind kind);
/* Takes 2^order frames in one piece, aligned to their length, as frame_take() does each.
 * Result: the first; NULL if no free block is so large, and nothing is taken. *zero: are all bytes
 * known to be zero? => as many are reserved */
struct frame *frame_take_block(struct kernel *kernel, enum frame_kind kind, unsigned order,
                               bool *zero);
/* => no maps, no pins; takes it out of the policy */
void frame_give(struct kernel *kernel, struct frame *frame);

/* A frame of kind ANON or OBJECT has its content and may be evicted from now on: enters the policy
 * (at once, or when it is no longer wired), as just used. => it is busy */
void frame_activate(struct kernel *kernel, struct frame *frame);
/* Makes it busy again: out of the policy, for this reason. => it is not busy */
void frame_deactivate(struct kernel *kernel, struct frame *frame, enum policy_reason why);

/* The page of a file is kept for nobody: it goes before any page that is somebody's, with no policy
 * asked. => it is not busy, clean, not mapped and not wired */
void frame_set_idle(struct kernel *kernel, struct frame *frame);
/* It is somebody's again, as just used. => it is idle */
void frame_end_idle(struct kernel *kernel, struct frame *frame);

static inline bool frame_is_idle(const struct frame *frame)
{
    return frame->flags & FRAME_IDLE;
}

static inline bool frame_is_busy(const struct frame *frame)
{
    return !(frame->flags & FRAME_ACTIVE);
}

/* What the frame holds lies in the free frame `to` from now on, that the buddy allocator has given;
 * `from` is nobody's then. Its maps and its owner's record of it are the caller's. Result: `to`.
 * => not wired, not busy unless it is a table */
struct frame *frame_move(struct kernel *kernel, struct frame *from, pfn_t to);

/* The frame that frame_move() left is free again. */
void frame_moved_out(struct kernel *kernel, const struct frame *from);

/* While wired a frame is not evicted. Pairs nest; any kind that is in use, busy or not. */
void frame_wire(struct kernel *kernel, struct frame *frame);
void frame_unwire(struct kernel *kernel, struct frame *frame);

/* The kernel used the page for the program (a system call's copy), past the TLB: for policies that
 * go by the time of the last access. */
void frame_touch(struct kernel *kernel, pfn_t pfn);

/* Checks F1 to F4 over all frames ever used. */
bool frame_is_valid(const struct kernel *kernel);

#endif
