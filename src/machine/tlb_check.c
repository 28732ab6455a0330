// SPDX-License-Identifier: GPL-2.0-or-later
/* The invariants of the TLB, and lists of what is in it. */
#include <stdlib.h>

#include "machine/tlb_parts.h"

static bool is_way_of(const struct tlb_level *level, const struct tlb_way *way)
{
    return way >= level->way && way < level->way + level->entries;
}

/* Whether owner and slot know each other, and the owner is of the current space. */
static bool owner_is_valid(const struct tlb *tlb, const struct tlb_side *side, unsigned slot,
                           const uint64_t *stamp)
{
    const struct tlb_way *way = side->owner[slot];
    bool is_ours = is_way_of(&side->level, way) || is_way_of(&side->large.own[TLB_2M], way) ||
                   is_way_of(&side->large.own[TLB_1G], way);
    if (!is_ours || *stamp > *tlb->clock || (way->key & TLB_KEY_SPACE) != tlb->space)
        return false;
    return tlb_way_is_large(way) || (way->where == stamp && tlb_slot_of(way->key) == slot);
}

/* Whether a page is where its owner says, in the frame that it says. */
static bool page_is_valid(const struct tlb_side *side, unsigned slot, uint64_t page, pfn_t *frame)
{
    const struct tlb_way *way = side->owner[slot];
    unsigned shift = tlb_size_shift(tlb_key_size(way->key));
    *frame = (pfn_t)(tlb_way_value(way, vaddr(page)) >> PAGE_SHIFT);
    return page >> shift == tlb_key_page(way->key).v >> shift &&
           (!tlb_way_is_large(way) || side->slots.frame[slot] == *frame);
}

static bool front_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_front *slot = &tlb->front[i];
    const struct tlb_way *way = tlb->data.owner[i];
    if (!way)
        return slot->rtag == TLB_TAG_NONE && slot->wtag == TLB_TAG_NONE;
    if (!owner_is_valid(tlb, &tlb->data, i, &slot->stamp))
        return false;
    pfn_t pfn;
    if (!page_is_valid(&tlb->data, i, slot->rtag, &pfn) ||
        slot->addend + slot->rtag != (uint64_t)(uintptr_t)ram_frame(tlb->ram, pfn))
        return false;
    if (slot->wtag == TLB_TAG_NONE)
        return true;
    return slot->wtag == slot->rtag && tlb_suffices(way->value, MMU_STORE) &&
           !ram_has_code(tlb->ram, pfn);
}

static bool ifront_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_ifront *slot = &tlb->ifront[i];
    const struct tlb_way *way = tlb->fetch.owner[i];
    pfn_t pfn;
    if (!way)
        return slot->tag == TLB_TAG_NONE;
    return owner_is_valid(tlb, &tlb->fetch, i, &slot->stamp) &&
           (slot->tag == TLB_TAG_NONE ||
            page_is_valid(&tlb->fetch, i, slot->tag & ~PAGE_MASK, &pfn));
}

static bool side_is_valid(const struct tlb_side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        const struct tlb_way *way = &side->level.way[i];
        if (tlb_way_is_in_front(way) && side->owner[tlb_slot_of(way->key)] != way)
            return false;
    }
    return tlb_level_is_valid(&side->level) && tlb_large_is_valid(&side->large) &&
           tlb_slots_are_valid(side);
}

static bool second_is_valid(const struct tlb_second *second)
{
    return tlb_level_is_valid(&second->level) && tlb_large_is_valid(&second->large);
}

bool tlb_is_valid(const struct tlb *tlb)
{
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++) {
        if (!front_slot_is_valid(tlb, i) || !ifront_slot_is_valid(tlb, i))
            return false;
    }
    return side_is_valid(&tlb->data) && side_is_valid(&tlb->fetch) && second_is_valid(&tlb->l2) &&
           second_is_valid(&tlb->l2i) && walkcache_is_valid(&tlb->walkcache) &&
           (!tlb->recent || tlb_recent_is_valid(tlb->recent));
}

static int newest_first(const void *a, const void *b)
{
    const struct tlb_entry *x = a, *y = b;
    return x->stamp < y->stamp ? 1 : x->stamp > y->stamp ? -1 : 0;
}

/* Result: how many of `out` are in use. */
static size_t list_level(const struct tlb *tlb, const struct tlb_side *side,
                         const struct tlb_level *level, struct tlb_entry *out, size_t n, size_t max)
{
    for (unsigned i = 0; i < level->entries && n < max; i++) {
        const struct tlb_way *way = &level->way[i];
        if (way->key)
            out[n++] =
                (struct tlb_entry){.page = tlb_key_page(way->key),
                                   .size = tlb_key_size(way->key),
                                   .asid = (uint16_t)way->key,
                                   .pfn = (pfn_t)(way->value >> PAGE_SHIFT),
                                   .writable = way->value & TLB_VALUE_W,
                                   .dirty = way->value & TLB_VALUE_D,
                                   .executable = way->value & TLB_VALUE_X,
                                   .stamp = side ? tlb_large_stamp(tlb, side, way) : way->stamp};
    }
    return n;
}

size_t tlb_list(const struct tlb *tlb, enum tlb_level_kind kind, struct tlb_entry *out, size_t max)
{
    const struct tlb_side *sides[TLB_KINDS] = {&tlb->data, &tlb->fetch, NULL, NULL};
    const struct tlb_level *levels[] = {&tlb->data.level, &tlb->fetch.level, &tlb->l2.level,
                                        &tlb->l2i.level};
    const struct tlb_large *larges[] = {&tlb->data.large, &tlb->fetch.large, &tlb->l2.large,
                                        &tlb->l2i.large};
    size_t n = list_level(tlb, sides[kind], levels[kind], out, 0, max);
    n = list_level(tlb, sides[kind], &larges[kind]->own[TLB_2M], out, n, max);
    n = list_level(tlb, sides[kind], &larges[kind]->own[TLB_1G], out, n, max);
    qsort(out, n, sizeof(*out), newest_first);
    return n;
}
