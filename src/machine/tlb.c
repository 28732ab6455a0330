// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hierarchy: what a lookup does when translated code's own check has failed, what invalidations
 * do, and the bond between the first levels and the front arrays.
 *
 * An entry of a first level is in front while it owns the front slot of its page number: the slot's
 * tags name its page, and its stamp is the slot's. A slot has one owner, of the current space.
 * What takes an entry out of the front copies the stamp back into the level; what takes it out of
 * the first level takes it out of the front as well. (A code page's entry owns its slot from the
 * fetch on, whether or not the CPU then sets the tag.)
 */
#include "machine/tlb.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "machine/pte.h"
#include "machine/tlb_parts.h"

/* Who is on the path of a first-level miss that the second level answers is inlined into it, and
 * who is not stays out: a program may take that path at every access. */
#define ON_PATH inline __attribute__((always_inline))
#define OFF_PATH __attribute__((noinline))

_Static_assert((int)TLB_FRONT_SLOTS == (int)TLB_IFRONT_SLOTS, "both sides have as many owners");

static int create_level(const struct tlb_spec *spec, enum tlb_level_kind kind,
                        struct tlb_level *level, struct tlb_large *large)
{
    int error = tlb_level_create(spec->level[kind], tlb_spec_seed(spec, kind), level);
    return error ? error : tlb_large_create(spec, kind, level, large);
}

static int create_side(const struct tlb_spec *spec, enum tlb_level_kind kind, struct tlb_side *side)
{
    int error = create_level(spec, kind, &side->level, &side->large);
    return error ? error : tlb_slots_create(side);
}

static int create_levels(struct tlb *tlb, const struct tlb_spec *spec)
{
    int error = create_side(spec, TLB_L1D, &tlb->data);
    if (!error)
        error = create_side(spec, TLB_L1I, &tlb->fetch);
    if (!error)
        error = create_level(spec, TLB_L2, &tlb->l2.level, &tlb->l2.large);
    if (!error)
        error = create_level(spec, TLB_L2I, &tlb->l2i.level, &tlb->l2i.large);
    tlb->fetch_second = tlb->l2i.level.entries ? &tlb->l2i : &tlb->l2;
    if (!error)
        error = walkcache_create(spec, TLB_KINDS * TLB_SIZES, &tlb->walkcache);
    return error;
}

int tlb_create(const struct tlb_spec *spec, struct ram *ram, struct tlb_front *front,
               struct tlb_ifront *ifront, struct counters *const *now, struct tlb **out)
{
    if (!spec->level[TLB_L1D].entries || !spec->level[TLB_L1I].entries)
        return -EINVAL;
    struct tlb *tlb = calloc(1, sizeof(*tlb));
    if (!tlb)
        return -ENOMEM;
    tlb->ram = ram;
    tlb->front = front;
    tlb->ifront = ifront;
    tlb->now = now;
    tlb->is_inclusive = tlb->is_general = spec->inclusive;
    tlb->has_asids = !spec->untagged;
    tlb->own_clock = 1;
    tlb->clock = &tlb->own_clock;
    int error = create_levels(tlb, spec);
    if (error) {
        tlb_destroy(tlb);
        return error;
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++)
        front[i] = (struct tlb_front){TLB_TAG_NONE, TLB_TAG_NONE, 0, 0};
    for (unsigned i = 0; i < TLB_IFRONT_SLOTS; i++)
        ifront[i] = (struct tlb_ifront){TLB_TAG_NONE, 0};
    tlb_quick_choose(tlb);
    *out = tlb;
    return 0;
}

static void destroy_side(struct tlb_side *side)
{
    tlb_level_destroy(&side->level);
    tlb_large_destroy(&side->large);
    tlb_slots_destroy(&side->slots);
}

static void destroy_second(struct tlb_second *second)
{
    tlb_level_destroy(&second->level);
    tlb_large_destroy(&second->large);
}

void tlb_destroy(struct tlb *tlb)
{
    if (!tlb)
        return;
    destroy_side(&tlb->data);
    destroy_side(&tlb->fetch);
    destroy_second(&tlb->l2);
    destroy_second(&tlb->l2i);
    walkcache_destroy(&tlb->walkcache);
    tlb_recent_destroy(tlb->recent);
    free(tlb);
}

void tlb_expect_large(struct tlb *tlb)
{
    tlb->is_general = true;
    tlb_quick_choose(tlb);
}

void tlb_set_clock(struct tlb *tlb, uint64_t *clock)
{
    uint64_t *next = clock ? clock : &tlb->own_clock;
    *next = *tlb->clock;
    tlb->clock = next;
}

uint64_t tlb_clock(const struct tlb *tlb)
{
    return *tlb->clock;
}

const struct tlb_served *tlb_served(const struct tlb *tlb)
{
    return &tlb->served;
}

/* ---- the front arrays ---- */

static void empty_slot(struct tlb *tlb, const struct tlb_side *side, unsigned slot)
{
    if (tlb->recent)
        tlb_recent_leave(tlb->recent, tlb_recent_side_of(tlb, side), slot);
    if (side == &tlb->data)
        tlb->front[slot].rtag = tlb->front[slot].wtag = TLB_TAG_NONE;
    else
        tlb->ifront[slot].tag = TLB_TAG_NONE;
}

static void leave_front(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way)
{
    unsigned slot = tlb_slot_of(way->key);
    empty_slot(tlb, side, slot);
    side->owner[slot] = NULL;
    way->stamp = *way->where;
    way->where = &way->stamp;
}

void tlb_leave_slot(struct tlb *tlb, struct tlb_side *side, unsigned slot)
{
    if (!tlb_way_is_large(side->owner[slot])) {
        leave_front(tlb, side, side->owner[slot]);
        return;
    }
    if (tlb->frame_stamps)
        tlb_stamp_piece(tlb, side, slot);
    empty_slot(tlb, side, slot);
    tlb_slot_unlink(tlb, side, slot);
}

/* Makes the entry the owner of its slot, whose stamp is at `stamp`, and stamps it now.
 * Result: the stamp of whom that displaced, or 0. */
static ON_PATH uint64_t enter_front(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way,
                                    unsigned slot, uint64_t *stamp)
{
    struct tlb_way **owner = &side->owner[slot];
    uint64_t displaced = 0;
    if (*owner && *owner != way) {
        displaced = *stamp;
        leave_front(tlb, side, *owner);
    }
    *owner = way;
    way->where = stamp;
    *stamp = *tlb->clock;
    return displaced;
}

/* enter_front() for entries of any size: the slot is the page's, not the key's, and another piece
 * of the same entry may be in it. */
static OFF_PATH uint64_t enter_slot(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way,
                                    unsigned slot, pfn_t frame)
{
    uint64_t *stamp = tlb_slot_stamp(tlb, side, slot), displaced = 0;
    bool is_large = tlb_way_is_large(way);
    bool stays = side->owner[slot] == way && (!is_large || side->slots.frame[slot] == frame);
    if (side->owner[slot] && !stays) {
        displaced = *stamp;
        tlb_leave_slot(tlb, side, slot);
    }
    if (!is_large) {
        side->owner[slot] = way;
        way->where = stamp;
    } else if (!stays) {
        tlb_slot_link(side, slot, way, frame);
    }
    *stamp = *tlb->clock;
    return displaced;
}

void tlb_empty_front(struct tlb *tlb, struct tlb_side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        if (tlb_way_is_in_front(&side->level.way[i]))
            leave_front(tlb, side, &side->level.way[i]);
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS && tlb->is_general; i++) {
        if (side->owner[i])
            tlb_leave_slot(tlb, side, i);
    }
}

void tlb_ifront_clear(struct tlb *tlb)
{
    tlb_empty_front(tlb, &tlb->fetch);
}

void tlb_front_protect(struct tlb *tlb, pfn_t pfn)
{
    for (unsigned i = 0; i < tlb->data.level.entries; i++) {
        const struct tlb_way *way = &tlb->data.level.way[i];
        if (way->value >> PAGE_SHIFT == pfn && tlb_way_is_in_front(way))
            tlb->front[tlb_slot_of(way->key)].wtag = TLB_TAG_NONE;
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS && tlb->is_general; i++) {
        if (tlb->data.owner[i] && tlb_way_is_large(tlb->data.owner[i]) &&
            tlb->data.slots.frame[i] == pfn)
            tlb->front[i].wtag = TLB_TAG_NONE;
    }
}

uint16_t tlb_space(const struct tlb *tlb)
{
    return tlb->root.asid;
}

/* ---- taking entries out ---- */

static OFF_PATH void stamp_retired(struct tlb *tlb, const struct tlb_side *side,
                                   const struct tlb_way *way)
{
    tlb_stamp_frame(tlb, side, (pfn_t)(way->value >> PAGE_SHIFT), *way->where);
    if (side == &tlb->fetch && tlb->gone_fetch < *way->where)
        tlb->gone_fetch = *way->where;
}

/* The last dues of an entry that leaves a first level. Result: its stamp; 0 if the way is empty. */
static ON_PATH uint64_t retire(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way)
{
    if (tlb->frame_stamps && way->key)
        stamp_retired(tlb, side, way);
    if (tlb_way_is_in_front(way))
        leave_front(tlb, side, way);
    return way->stamp;
}

uint64_t tlb_retire(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way)
{
    if (!way->key || !tlb_way_is_large(way))
        return retire(tlb, side, way);
    int slot;
    while ((slot = tlb_slot_first(side, way)) >= 0)
        tlb_leave_slot(tlb, side, (unsigned)slot);
    if (side == &tlb->fetch)
        tlb->gone_fetch = tlb_newer(tlb->gone_fetch, way->stamp);
    return way->stamp;
}

/* ---- lookups ---- */

static uint64_t value_of(const struct mmu_leaf *leaf)
{
    uint64_t value = leaf->pa.v & ~PAGE_MASK;
    if (leaf->flags & PTE_W)
        value |= TLB_VALUE_W;
    if (leaf->flags & PTE_D)
        value |= TLB_VALUE_D;
    if (!(leaf->flags & PTE_NX))
        value |= TLB_VALUE_X;
    return value | (uint64_t)(leaf->page_shift - PAGE_SHIFT) / 9 << TLB_VALUE_SIZE_SHIFT;
}

/* The counter of walks that began at a cached entry of the level. */
static uint64_t *cache_hits(struct counters *now, unsigned level)
{
    switch (level) {
    case 2:
        return &now->pwc_pd_hits;
    case 3:
        return &now->pwc_pdpt_hits;
    case 4:
        return &now->pwc_pml4_hits;
    default:
        return &now->pwc_pml5_hits;
    }
}

static inline void tell(const struct tlb *tlb, enum tlb_event event, vaddr_t va)
{
    if (tlb->listener.tell)
        tlb->listener.tell(tlb->listener.context, event, va);
}

void tlb_listen(struct tlb *tlb, const struct tlb_listener *listener)
{
    tlb->listener = *listener;
    tlb_quick_choose(tlb);
}

static void count_walk(struct counters *now, unsigned cached, unsigned reads)
{
    now->walks++;
    now->walk_reads += reads;
    if (cached)
        ++*cache_hits(now, cached);
}

/* A page fault forgets the address in all levels, whatever they said of it, and the entries that
 * the walk would use (Intel SDM vol. 3A, "Operations that Invalidate TLBs and Paging-Structure
 * Caches"). */
static OFF_PATH bool walk(struct tlb *tlb, vaddr_t va, enum mmu_access access, uint64_t *value,
                          struct tlb_hit *out)
{
    struct mmu_start start;
    struct mmu_leaf leaf;
    unsigned cached =
        walkcache_find(&tlb->walkcache, tlb->root, tlb->space, va, *tlb->clock, &start);
    bool found = mmu_walk(tlb->ram, start, va, access, &leaf);
    count_walk(*tlb->now, cached, leaf.reads);
    tell(tlb, TLB_EVENT_WALK, va);
    if (!found) {
        out->error = leaf.error;
        tlb_drop_page(tlb, tlb->space, va);
        walkcache_drop_address(&tlb->walkcache, tlb->space, va);
        return false;
    }
    walkcache_fill(&tlb->walkcache, start.level, &leaf, tlb->space, va, *tlb->clock);
    CHECK(leaf.page_shift == PAGE_SHIFT || tlb->is_general);
    *value = value_of(&leaf);
    return true;
}

/* Entries for pieces of the page: invalidating it must find all of them. */
static void note_pieces(struct tlb *tlb, const struct tlb_large *large, enum tlb_size page)
{
    tlb->has_pieces |= large->piece[page] != page;
}

static ON_PATH struct tlb_second *second_of(struct tlb *tlb, enum mmu_access access)
{
    return access == MMU_FETCH ? tlb->fetch_second : &tlb->l2;
}

/* The second level has missed, or there is none. */
static OFF_PATH bool walk_and_fill(struct tlb *tlb, vaddr_t va, enum mmu_access access,
                                   uint64_t *value, struct tlb_hit *out)
{
    struct tlb_second *l2 = second_of(tlb, access);
    if (!l2->level.entries)
        return walk(tlb, va, access, value, out);
    (*tlb->now)->tlb_l2_misses++;
    if (!walk(tlb, va, access, value, out))
        return false;
    enum tlb_size page = tlb_value_size(*value);
    struct tlb_place at = tlb_large_place(&l2->large, tlb->space, va, page);
    struct tlb_way *way = tlb_level_victim(at.level, at.set);
    if (tlb->is_inclusive)
        out->victim_stamp = tlb_drop_covered(tlb, l2, way, access == MMU_FETCH);
    tlb_level_put(at.level, at.set, way, at.key, *value, *tlb->clock);
    tlb_way_set_value(way, *value);
    note_pieces(tlb, &l2->large, page);
    return true;
}

/* An entry forbids the access, or its dirty bit is still to be set: the processor walks, and the
 * entry takes over what it finds. */
static OFF_PATH bool walk_for(struct tlb *tlb, struct tlb_way *way, vaddr_t va,
                              enum mmu_access access, struct tlb_hit *out)
{
    uint64_t value;
    if (!walk(tlb, va, access, &value, out))
        return false;
    CHECK(tlb_value_size(value) == tlb_value_size(way->value)); /* else it was not invalidated */
    tlb_way_set_value(way, value);
    return true;
}

/* A first level has missed: the second level, then the walk. *value is what is found of va's 4 KiB
 * page. */
static ON_PATH bool second_level(struct tlb *tlb, vaddr_t va, uint64_t key, enum mmu_access access,
                                 const bool general, uint64_t *value, struct tlb_hit *out)
{
    struct tlb_way *way = tlb_find_second(second_of(tlb, access), va, key, general);
    if (!way)
        return walk_and_fill(tlb, va, access, value, out);
    (*tlb->now)->tlb_l2_hits++;
    way->stamp = *tlb->clock;
    if (!tlb_suffices(way->value, access) && !walk_for(tlb, way, va, access, out))
        return false;
    *value = general ? tlb_way_value(way, va) : way->value;
    return true;
}

/* walk_for() of an entry of a first level. The second level's copy follows; its age does not. */
static OFF_PATH bool refresh(struct tlb *tlb, struct tlb_way *way, vaddr_t va,
                             enum mmu_access access, struct tlb_hit *out)
{
    if (!walk_for(tlb, way, va, access, out))
        return false;
    uint64_t key = tlb_key(tlb->space, va);
    struct tlb_way *copy = tlb_find_second(second_of(tlb, access), va, key, tlb->is_general);
    if (copy)
        tlb_way_set_value(copy, tlb_way_value(way, va));
    return true;
}

/* Fills a first level when large pages are to be expected. */
static OFF_PATH struct tlb_way *fill_sized(struct tlb *tlb, struct tlb_side *side, vaddr_t va,
                                           uint64_t value, struct tlb_hit *out)
{
    enum tlb_size page = tlb_value_size(value);
    struct tlb_place at = tlb_large_place(&side->large, tlb->space, va, page);
    struct tlb_way *way = tlb_large_victim(tlb, side, at);
    out->victim_stamp = tlb_newer(out->victim_stamp, tlb_retire(tlb, side, way));
    tlb_level_put(at.level, at.set, way, at.key, value, *tlb->clock);
    tlb_way_set_value(way, value);
    note_pieces(tlb, &side->large, page);
    return way;
}

/* The entry of a first level for va, found or filled; `misses` is the level's counter.
 * Result: NULL for a page fault. */
static ON_PATH struct tlb_way *first_level(struct tlb *tlb, struct tlb_side *side, vaddr_t va,
                                           enum mmu_access access, uint64_t *misses,
                                           const bool general, struct tlb_hit *out)
{
    struct tlb_level *level = &side->level;
    uint64_t key = tlb_key(tlb->space, va), value;
    unsigned set = tlb_level_set(level, key);
    struct tlb_way *way = tlb_find_first(side, va, key, set, general);
    out->victim_stamp = 0;
    if (way)
        return tlb_suffices(way->value, access) || refresh(tlb, way, va, access, out) ? way : NULL;
    ++*misses;
    tell(tlb, access == MMU_FETCH ? TLB_EVENT_L1I_MISS : TLB_EVENT_L1D_MISS, va);
    if (!second_level(tlb, va, key, access, general, &value, out))
        return NULL;
    if (general)
        return fill_sized(tlb, side, va, value, out);
    way = tlb_level_victim(level, set);
    out->victim_stamp = retire(tlb, side, way);
    tlb_level_put(level, set, way, key, value, *tlb->clock);
    return way;
}

static bool not_canonical(struct tlb_hit *out)
{
    out->error = 0;
    out->victim_stamp = 0;
    return false;
}

/* tlb_data(), for 4 KiB pages only or for all: for speed, two functions. */
static ON_PATH bool look_up_data(struct tlb *tlb, vaddr_t va, enum mmu_access access,
                                 const bool general, struct tlb_hit *out)
{
    ++*tlb->clock;
    tlb->served.data++;
    struct tlb_side *side = &tlb->data;
    uint64_t *misses = &(*tlb->now)->tlb_l1d_misses;
    struct tlb_way *way = first_level(tlb, side, va, access, misses, general, out);
    if (!way) {
        tlb->served.data_faults++;
        return false;
    }
    uint64_t page = va.v & ~PAGE_MASK;
    out->pfn = (pfn_t)((general ? tlb_way_value(way, va) : way->value) >> PAGE_SHIFT);
    uint8_t *frame = ram_frame(tlb->ram, out->pfn);
    bool writable = tlb_suffices(way->value, MMU_STORE) && !ram_has_code(tlb->ram, out->pfn);
    unsigned at = tlb_front_slot(va);
    struct tlb_front *slot = &tlb->front[at];
    uint64_t displaced = general ? enter_slot(tlb, side, way, at, out->pfn)
                                 : enter_front(tlb, side, way, at, &slot->stamp);
    out->victim_stamp = tlb_newer(out->victim_stamp, displaced);
    slot->rtag = page;
    slot->wtag = writable ? page : TLB_TAG_NONE;
    slot->addend = (uint64_t)(uintptr_t)frame - page;
    out->host = frame + (va.v & PAGE_MASK);
    out->error = 0;
    if (tlb->recent)
        tlb_recent_use(tlb, side, va, access, out);
    return true;
}

static OFF_PATH bool look_up_any_data(struct tlb *tlb, vaddr_t va, enum mmu_access access,
                                      struct tlb_hit *out)
{
    return look_up_data(tlb, va, access, true, out);
}

bool tlb_data(struct tlb *tlb, vaddr_t va, enum mmu_access access, struct tlb_hit *out)
{
    if (!tlb_is_canonical(tlb, va))
        return not_canonical(out);
    if (tlb->is_general)
        return look_up_any_data(tlb, va, access, out);
    return look_up_data(tlb, va, access, false, out);
}

static bool keeps_last(const struct tlb_level *level)
{
    bool spares = level->policy == TLB_LRU || level->policy == TLB_TREE_PLRU;
    return !level->entries || (level->ways >= 2 && spares);
}

bool tlb_keeps_last(const struct tlb *tlb)
{
    const struct tlb_side *side = &tlb->data;
    return !tlb->is_inclusive && keeps_last(&side->level) && keeps_last(&side->large.own[TLB_2M]) &&
           keeps_last(&side->large.own[TLB_1G]);
}

/* The size of the page that holds va, whatever of it is in the TLB; of a page that is not there:
 * any. */
static enum tlb_size page_size(const struct tlb *tlb, vaddr_t va)
{
    const struct tlb_way *way = tlb_find_second(&tlb->l2, va, tlb_key(tlb->space, va), true);
    if (way)
        return tlb_value_size(way->value);
    return (enum tlb_size)((mmu_page_shift(tlb->ram, tlb->root, va) - PAGE_SHIFT) / 9);
}

/* The newest stamp of the data entries that an inclusive second level would take with it, were it
 * filled for va. */
static OFF_PATH uint64_t covered_victim(struct tlb *tlb, vaddr_t va)
{
    const struct tlb_second *l2 = &tlb->l2;
    if (!l2->level.entries || tlb_find_second(l2, va, tlb_key(tlb->space, va), tlb->is_general))
        return 0;
    struct tlb_place at = tlb_large_place(&l2->large, tlb->space, va, page_size(tlb, va));
    return tlb_covered_stamp(tlb, tlb_level_victim(at.level, at.set));
}

/* tlb_data_victim() for pages of any size, of a page that is not in the first level. */
static OFF_PATH uint64_t sized_victim(struct tlb *tlb, vaddr_t va)
{
    struct tlb_side *side = &tlb->data;
    struct tlb_place at = tlb_large_place(&side->large, tlb->space, va, page_size(tlb, va));
    return tlb_large_stamp(tlb, side, tlb_large_victim(tlb, side, at));
}

uint64_t tlb_data_victim(struct tlb *tlb, vaddr_t va)
{
    struct tlb_side *side = &tlb->data;
    struct tlb_level *level = &side->level;
    uint64_t key = tlb_key(tlb->space, va), newest = 0;
    const struct tlb_front *slot = &tlb->front[tlb_front_slot(va)];
    if (slot->rtag != TLB_TAG_NONE && slot->rtag != vaddr_page(va).v)
        newest = slot->stamp;
    if (tlb->recent)
        newest = tlb_newer(newest, tlb_recent_victim_stamp(tlb, va));
    unsigned set = tlb_level_set(level, key);
    if (tlb_find_first(side, va, key, set, tlb->is_general))
        return newest;
    if (tlb->is_inclusive)
        newest = tlb_newer(newest, covered_victim(tlb, va));
    if (tlb->is_general)
        return tlb_newer(newest, sized_victim(tlb, va));
    return tlb_newer(newest, *tlb_level_victim(level, set)->where);
}

void tlb_data_again(struct tlb *tlb, vaddr_t va, uint64_t count)
{
    struct tlb_front *slot = &tlb->front[tlb_front_slot(va)];
    CHECK(slot->rtag == vaddr_page(va).v);
    *tlb->clock += count;
    slot->stamp = *tlb->clock;
}

static ON_PATH bool look_up_fetch(struct tlb *tlb, vaddr_t va, const bool general,
                                  struct tlb_hit *out)
{
    ++*tlb->clock;
    tlb->served.fetch++;
    struct tlb_side *side = &tlb->fetch;
    uint64_t *misses = &(*tlb->now)->tlb_l1i_misses;
    struct tlb_way *way = first_level(tlb, side, va, MMU_FETCH, misses, general, out);
    if (!way) {
        tlb->served.fetch_faults++;
        return false;
    }
    out->pfn = (pfn_t)((general ? tlb_way_value(way, va) : way->value) >> PAGE_SHIFT);
    unsigned at = tlb_front_slot(va);
    uint64_t displaced = general ? enter_slot(tlb, side, way, at, out->pfn)
                                 : enter_front(tlb, side, way, at, &tlb->ifront[at].stamp);
    out->victim_stamp = tlb_newer(out->victim_stamp, displaced);
    out->host = ram_frame(tlb->ram, out->pfn) + (va.v & PAGE_MASK);
    out->error = 0;
    if (tlb->recent)
        tlb_recent_use(tlb, side, va, MMU_FETCH, out);
    return true;
}

static OFF_PATH bool look_up_any_fetch(struct tlb *tlb, vaddr_t va, struct tlb_hit *out)
{
    return look_up_fetch(tlb, va, true, out);
}

bool tlb_fetch(struct tlb *tlb, vaddr_t va, struct tlb_hit *out)
{
    if (!tlb_is_canonical(tlb, va))
        return not_canonical(out);
    return tlb->is_general ? look_up_any_fetch(tlb, va, out) : look_up_fetch(tlb, va, false, out);
}
