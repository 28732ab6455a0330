// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See compact.h. One block at a time: the one with the most free frames among those from which
 * everything can go; first its free frames are set aside, so that nothing moves within it.
 */
#include "kernel/compact.h"

#include "base/check.h"
#include "kernel/anon.h"
#include "kernel/object.h"
#include "kernel/pagetable.h"

enum {
    MOVES_MAX = FRAME_BLOCK * 3 / 4, /* a fuller block is not worth it */
    DEFER_MAX = 6,                   /* 2^6 calls, as Linux's compaction has it */
};

static bool can_move(const struct kernel *kernel, const struct frame *frame)
{
    switch ((enum frame_kind)frame->kind) {
    case FRAME_FREE:
        return true;
    case FRAME_TABLE:
        return pagetable_can_move_table(kernel, frame);
    case FRAME_ANON:
    case FRAME_OBJECT:
        return frame->wired == 0 && !frame_is_busy(frame);
    case FRAME_ZERO:
        break;
    }
    return false;
}

static bool can_clear(const struct kernel *kernel, uint64_t block)
{
    for (uint64_t i = 0; i < FRAME_BLOCK; i++) {
        pfn_t pfn = (pfn_t)(block * FRAME_BLOCK + i);
        if (pfn == PFN_NONE || !can_move(kernel, frame_get(&kernel->frames, pfn)))
            return false;
    }
    return true;
}

/* The first frame of the block to clear, PFN_NONE: there is none. */
static pfn_t find_block(struct kernel *kernel)
{
    struct frame_table *table = &kernel->frames;
    unsigned most = FRAME_BLOCK - MOVES_MAX - 1;
    pfn_t found = PFN_NONE;
    if (buddy_scattered(table) < FRAME_BLOCK)
        return found; /* a block could only be had for another */
    for (uint64_t block = 0; block < table->fresh / FRAME_BLOCK; block++) {
        unsigned unused = table->buddy.unused[block];
        if (unused <= most || unused == FRAME_BLOCK || !can_clear(kernel, block))
            continue;
        most = unused;
        found = (pfn_t)(block * FRAME_BLOCK);
    }
    return found;
}

/* Moves what the frame holds to another; the frame is nobody's then. */
static void move(struct kernel *kernel, struct frame *from)
{
    bool zero;
    pfn_t pfn = buddy_take(&kernel->frames, 0, &zero);
    CHECK(pfn != PFN_NONE);
    if (from->kind == FRAME_TABLE)
        pagetable_move_table(kernel, from, pfn);
    else
        pagetable_move_frame(kernel, from, pfn);
    struct frame *to = frame_move(kernel, from, pfn);
    if (to->kind == FRAME_ANON)
        anon_moved((struct anon *)(uintptr_t)to->owner, pfn);
    else if (to->kind == FRAME_OBJECT)
        object_moved((struct object *)(uintptr_t)to->owner, to->index, pfn);
    kernel->machine->now->compact_moves++;
}

static void clear(struct kernel *kernel, pfn_t first)
{
    buddy_take_within(&kernel->frames, first);
    for (pfn_t pfn = first; pfn < first + FRAME_BLOCK; pfn++) {
        struct frame *frame = frame_get(&kernel->frames, pfn);
        if (frame->kind != FRAME_FREE)
            move(kernel, frame);
    }
    buddy_give(&kernel->frames, first, BUDDY_ORDER_2M);
    kernel->machine->now->compactions++;
}

bool compact_is_deferred(struct kernel *kernel)
{
    if (kernel->compact.skip == 0)
        return false;
    kernel->compact.skip--;
    return true;
}

bool compact_block(struct kernel *kernel)
{
    struct compact_state *state = &kernel->compact;
    if (compact_is_deferred(kernel))
        return false;
    pfn_t first = find_block(kernel);
    if (first == PFN_NONE) {
        state->skip = 1u << state->failures;
        state->failures += state->failures < DEFER_MAX;
        return false;
    }
    state->failures = 0;
    clear(kernel, first);
    return true;
}
