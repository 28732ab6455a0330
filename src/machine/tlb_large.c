// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large pages in the TLB: where a level keeps their entries, and the front slots that belong to a
 * large entry of a first level.
 *
 * The front arrays hold pieces of 4 KiB, each with its own stamp, so an entry's age is the youngest
 * of its slots' stamps and its own, which is that of the slots it has lost. It is not kept at hand:
 * the stamp in the way is a lower bound, made exact for whoever seems to be the oldest. As stamps
 * only grow, a way that is still the oldest with its exact stamp is so among all.
 */
#include <errno.h>
#include <stdlib.h>

#include "machine/tlb_parts.h"

/* ---- homes ---- */

static int create_own(const struct tlb_spec *spec, enum tlb_level_kind kind, enum tlb_size size,
                      struct tlb_level *level, struct tlb_large *out)
{
    const struct tlb_geometry *own = &spec->own[kind][size];
    bool is_split = spec->split[kind][size];
    if (own->entries && (is_split || !level->entries))
        return -EINVAL;
    out->piece[size] = is_split ? out->piece[size - 1] : size;
    out->home[size] = own->entries ? &out->own[size] : level;
    unsigned number = (unsigned)size * TLB_KINDS + kind;
    return tlb_level_create(*own, tlb_spec_seed(spec, number), &out->own[size]);
}

int tlb_large_create(const struct tlb_spec *spec, enum tlb_level_kind kind, struct tlb_level *level,
                     struct tlb_large *out)
{
    out->home[TLB_4K] = level;
    out->piece[TLB_4K] = TLB_4K;
    int error = create_own(spec, kind, TLB_2M, level, out);
    return error ? error : create_own(spec, kind, TLB_1G, level, out);
}

void tlb_large_destroy(struct tlb_large *large)
{
    tlb_level_destroy(&large->own[TLB_2M]);
    tlb_level_destroy(&large->own[TLB_1G]);
}

static struct tlb_way *find_sized(const struct tlb_large *large, uint64_t space, vaddr_t va,
                                  enum tlb_size size)
{
    const struct tlb_level *home = large->home[size];
    uint64_t key = tlb_key_sized(space, va, size);
    return tlb_level_find(home, tlb_level_set(home, key), key);
}

struct tlb_way *tlb_large_find(const struct tlb_large *large, uint64_t space, vaddr_t va)
{
    struct tlb_way *way = find_sized(large, space, va, TLB_2M);
    return way ? way : find_sized(large, space, va, TLB_1G);
}

struct tlb_place tlb_large_place(const struct tlb_large *large, uint64_t space, vaddr_t va,
                                 enum tlb_size page)
{
    enum tlb_size size = large->piece[page];
    struct tlb_level *level = large->home[size];
    uint64_t key = tlb_key_sized(space, va, size);
    return (struct tlb_place){.level = level, .set = tlb_level_set(level, key), .key = key};
}

/* ---- slots ---- */

int tlb_slots_create(struct tlb_side *side)
{
    const struct tlb_level *levels[TLB_SIZES] = {&side->level, &side->large.own[TLB_2M],
                                                 &side->large.own[TLB_1G]};
    for (unsigned i = 0; i < TLB_SIZES; i++) {
        side->slots.first[i] = calloc(levels[i]->entries + 1, sizeof(*side->slots.first[i]));
        if (!side->slots.first[i])
            return -ENOMEM;
    }
    return 0;
}

void tlb_slots_destroy(struct tlb_slots *slots)
{
    for (unsigned i = 0; i < TLB_SIZES; i++)
        free(slots->first[i]);
}

static uint16_t *first_of(const struct tlb_side *side, const struct tlb_way *way)
{
    enum tlb_size size = tlb_key_size(way->key);
    const struct tlb_level *home = side->large.home[size];
    return &side->slots.first[home == &side->level ? TLB_4K : size][way - home->way];
}

uint64_t *tlb_slot_stamp(const struct tlb *tlb, const struct tlb_side *side, unsigned slot)
{
    return side == &tlb->data ? &tlb->front[slot].stamp : &tlb->ifront[slot].stamp;
}

void tlb_slot_link(struct tlb_side *side, unsigned slot, struct tlb_way *way, pfn_t frame)
{
    struct tlb_slots *slots = &side->slots;
    uint16_t *first = first_of(side, way);
    slots->previous[slot] = 0;
    slots->next[slot] = *first;
    if (*first)
        slots->previous[*first - 1] = (uint16_t)(slot + 1);
    *first = (uint16_t)(slot + 1);
    slots->frame[slot] = frame;
    side->owner[slot] = way;
}

void tlb_slot_unlink(struct tlb *tlb, struct tlb_side *side, unsigned slot)
{
    struct tlb_slots *slots = &side->slots;
    struct tlb_way *way = side->owner[slot];
    uint16_t next = slots->next[slot], previous = slots->previous[slot];
    if (next)
        slots->previous[next - 1] = previous;
    *(previous ? &slots->next[previous - 1] : first_of(side, way)) = next;
    side->owner[slot] = NULL;
    way->stamp = tlb_newer(way->stamp, *tlb_slot_stamp(tlb, side, slot));
}

int tlb_slot_first(const struct tlb_side *side, const struct tlb_way *way)
{
    return *first_of(side, way) - 1;
}

/* ---- ages ---- */

uint64_t tlb_large_stamp(const struct tlb *tlb, const struct tlb_side *side,
                         const struct tlb_way *way)
{
    if (!tlb_way_is_large(way))
        return *way->where;
    uint64_t stamp = way->stamp;
    for (uint16_t slot = *first_of(side, way); slot; slot = side->slots.next[slot - 1])
        stamp = tlb_newer(stamp, *tlb_slot_stamp(tlb, side, slot - 1u));
    return stamp;
}

/* Makes the stamp in the way exact. Result: whether that changed it. */
static bool make_exact(const struct tlb *tlb, const struct tlb_side *side, struct tlb_way *way)
{
    uint64_t stamp = tlb_large_stamp(tlb, side, way);
    if (!tlb_way_is_large(way) || way->stamp == stamp)
        return false;
    way->stamp = stamp;
    return true;
}

struct tlb_way *tlb_large_victim(struct tlb *tlb, struct tlb_side *side, struct tlb_place place)
{
    const struct tlb_level *level = place.level;
    struct tlb_way *first = level->way + (size_t)place.set * level->ways, *way;
    for (unsigned i = 0; level->policy == TLB_TREE_PLRU && i < level->ways; i++)
        make_exact(tlb, side, &first[i]); /* it looks at all of them */
    do {
        way = tlb_level_victim(place.level, place.set);
    } while (make_exact(tlb, side, way));
    return way;
}

/* ---- invariants ---- */

static bool holds_only(const struct tlb_level *level, enum tlb_size size)
{
    for (unsigned i = 0; i < level->entries; i++) {
        if (level->way[i].key && tlb_key_size(level->way[i].key) != size)
            return false;
    }
    return tlb_level_is_valid(level);
}

bool tlb_large_is_valid(const struct tlb_large *large)
{
    return holds_only(&large->own[TLB_2M], TLB_2M) && holds_only(&large->own[TLB_1G], TLB_1G);
}

static bool list_is_valid(const struct tlb_side *side, const struct tlb_way *way, unsigned *linked)
{
    uint16_t previous = 0;
    for (uint16_t slot = *first_of(side, way); slot; slot = side->slots.next[slot - 1]) {
        if (side->owner[slot - 1] != way || side->slots.previous[slot - 1] != previous ||
            ++*linked > TLB_FRONT_SLOTS)
            return false;
        previous = slot;
    }
    return true;
}

bool tlb_slots_are_valid(const struct tlb_side *side)
{
    const struct tlb_level *levels[TLB_SIZES] = {&side->level, &side->large.own[TLB_2M],
                                                 &side->large.own[TLB_1G]};
    unsigned linked = 0, owned = 0;
    for (unsigned k = 0; k < TLB_SIZES; k++) {
        for (unsigned i = 0; i < levels[k]->entries; i++) {
            const struct tlb_way *way = &levels[k]->way[i];
            bool is_large = way->key && tlb_way_is_large(way);
            if (is_large ? way->where != &way->stamp || !list_is_valid(side, way, &linked)
                         : side->slots.first[k][i] != 0)
                return false;
        }
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++)
        owned += side->owner[i] && tlb_way_is_large(side->owner[i]);
    return linked == owned;
}
