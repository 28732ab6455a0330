// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The most common of all lookups that translated code does not answer itself: of data, in a TLB for
 * 4 KiB pages, missed by the first level and found in the second. A program that works on more than
 * its first level holds takes it every few dozen instructions, so it is done here in one go: look
 * at all that decides, then change all that tlb_data() would, or nothing.
 */
#include "machine/tlb_parts.h"

static bool has_rows(const struct tlb_level *level)
{
    return level->tags && level->sets_are_pow2;
}

void tlb_quick_choose(struct tlb *tlb)
{
    tlb->is_quick = !tlb->is_general && !tlb->recent && !tlb->frame_stamps && !tlb->listener.tell &&
                    tlb->data.level.is_plain && has_rows(&tlb->data.level) &&
                    has_rows(&tlb->l2.level);
}

/* The entry of the second level, if it is the only one with its tag; else NULL. */
static inline struct tlb_way *find_second(const struct tlb_level *level, uint64_t key, uint16_t tag)
{
    unsigned set = (unsigned)(key >> TLB_KEY_SHIFT) & (level->sets - 1);
    unsigned ways = tlb_level_tagged(level, set, tag);
    if (!ways)
        return NULL;
    struct tlb_way *way = level->way + (size_t)set * level->ways + __builtin_ctz(ways);
    return way->key == key ? way : NULL;
}

static inline void leave_front(struct tlb *tlb, const struct tlb_way *way)
{
    unsigned slot = tlb_slot_of(way->key);
    tlb->front[slot].rtag = tlb->front[slot].wtag = TLB_TAG_NONE;
    tlb->data.owner[slot] = NULL;
}

bool tlb_data_quick(struct tlb *tlb, vaddr_t va, bool writes, uint64_t now, uint64_t limit)
{
    if (!tlb->is_quick || !tlb_is_canonical(tlb, va))
        return false;
    struct tlb_level *level = &tlb->data.level;
    uint64_t key = tlb_key(tlb->space, va);
    uint16_t tag = tlb_key_tag(key);
    unsigned set = (unsigned)(key >> TLB_KEY_SHIFT) & (level->sets - 1);
    if (tlb_level_tagged(level, set, tag))
        return false;
    struct tlb_way *found = find_second(&tlb->l2.level, key, tag);
    if (!found)
        return false;
    uint64_t value = found->value;
    pfn_t pfn = (pfn_t)(value >> PAGE_SHIFT);
    bool writable = tlb_suffices(value, MMU_STORE) && !ram_has_code(tlb->ram, pfn);
    if (writes && !writable)
        return false;
    struct tlb_way *way = tlb_level_oldest(level->way + (size_t)set * level->ways, level->ways);
    unsigned at = tlb_front_slot(va);
    struct tlb_front *slot = &tlb->front[at];
    struct tlb_way **owner = &tlb->data.owner[at], *displaced = *owner;
    if (*way->where > limit || (displaced && slot->stamp > limit))
        return false;

    tlb->served.data++;
    (*tlb->now)->tlb_l1d_misses++;
    (*tlb->now)->tlb_l2_hits++;
    found->stamp = now;
    if (tlb_way_is_in_front(way))
        leave_front(tlb, way);
    if (displaced && displaced != way) {
        displaced->stamp = slot->stamp;
        displaced->where = &displaced->stamp;
    }
    tlb_level_set_tag(level, set, way, tag);
    *way = (struct tlb_way){.key = key, .value = value, .stamp = now, .where = &slot->stamp};
    *owner = way;
    uint64_t page = va.v & ~PAGE_MASK;
    *slot = (struct tlb_front){.rtag = page,
                               .wtag = writable ? page : TLB_TAG_NONE,
                               .addend = (uint64_t)(uintptr_t)ram_frame(tlb->ram, pfn) - page,
                               .stamp = now};
    return true;
}
