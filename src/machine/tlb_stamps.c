// SPDX-License-Identifier: GPL-2.0-or-later
/* When the pages in the first levels were used last, told to frames; see tlb_track_stamps(). */
#include "machine/tlb_parts.h"

/* When the CPU left the code page it entered at `entered`: it was then that it entered another. */
static uint64_t left_at(const struct tlb *tlb, uint64_t entered)
{
    const struct tlb_level *level = &tlb->fetch.level;
    uint64_t left = tlb->gone_fetch > entered ? tlb->gone_fetch : *tlb->clock;
    for (unsigned i = 0; i < level->entries; i++) {
        uint64_t stamp = *level->way[i].where;
        if (stamp > entered && stamp < left)
            left = stamp;
    }
    return left;
}

void tlb_stamp_frame(struct tlb *tlb, const struct tlb_side *side, pfn_t pfn, uint64_t stamp)
{
    uint64_t *frame = &tlb->frame_stamps[pfn];
    if (side == &tlb->fetch)
        stamp = left_at(tlb, stamp);
    if (*frame < stamp)
        *frame = stamp;
}

/* Large entries have stamped the frames of slots that they lost. */
static void stamp_frames(struct tlb *tlb, const struct tlb_side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        const struct tlb_way *way = &side->level.way[i];
        if (way->key && !tlb_way_is_large(way))
            tlb_stamp_frame(tlb, side, (pfn_t)(way->value >> PAGE_SHIFT), *way->where);
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS && tlb->is_general; i++) {
        if (side->owner[i] && tlb_way_is_large(side->owner[i]))
            tlb_stamp_frame(tlb, side, side->slots.frame[i], *tlb_slot_stamp(tlb, side, i));
    }
}

static void stamp_last_piece(struct tlb *tlb)
{
    if (tlb->last_piece.frame)
        tlb_stamp_frame(tlb, &tlb->fetch, tlb->last_piece.frame, tlb->last_piece.entered);
}

/* The CPU may go on executing the page of code. */
void tlb_stamp_piece(struct tlb *tlb, const struct tlb_side *side, unsigned slot)
{
    pfn_t frame = side->slots.frame[slot];
    uint64_t stamp = *tlb_slot_stamp(tlb, side, slot);
    tlb_stamp_frame(tlb, side, frame, stamp);
    if (side == &tlb->fetch && stamp >= tlb->last_piece.entered) {
        stamp_last_piece(tlb);
        tlb->last_piece.frame = frame;
        tlb->last_piece.entered = stamp;
    }
}

void tlb_track_stamps(struct tlb *tlb, uint64_t *stamps)
{
    tlb->frame_stamps = stamps;
    tlb->gone_fetch = 0;
    tlb->last_piece.frame = PFN_NONE;
    tlb->last_piece.entered = 0;
    tlb_quick_choose(tlb);
}

void tlb_sync_stamps(struct tlb *tlb)
{
    if (!tlb->frame_stamps)
        return;
    stamp_frames(tlb, &tlb->data);
    stamp_frames(tlb, &tlb->fetch);
    stamp_last_piece(tlb);
}
