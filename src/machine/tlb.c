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
#include "machine/tlb_level.h"
#include "machine/walkcache.h"

/* Who is on the path of a first-level miss that the second level answers is inlined into it, and
 * who is not stays out: a program may take that path at every access. */
#define ON_PATH inline __attribute__((always_inline))
#define OFF_PATH __attribute__((noinline))

_Static_assert((int)TLB_FRONT_SLOTS == (int)TLB_IFRONT_SLOTS, "both sides have as many owners");

/* A first level and who of it is in front. */
struct side {
    struct tlb_level level;
    struct tlb_way *owner[TLB_FRONT_SLOTS]; /* NULL: the slot is free */
};

struct tlb {
    uint64_t *clock;
    uint64_t space;            /* TLB_KEY_VALID and the tag of the current space */
    uint64_t half;             /* addresses from -half to half - 1 are canonical; 0: no space yet */
    struct tlb_front *front;   /* of `data` */
    struct tlb_ifront *ifront; /* of `fetch` */
    struct ram *ram;
    struct counters *const *now;
    uint64_t *frame_stamps; /* NULL: not asked for */
    struct tlb_served served;
    struct side data;
    struct tlb_level l2;
    struct side fetch;
    struct walkcache walkcache;
    struct mmu_root root;
    uint64_t own_clock;
    bool has_pieces;     /* pieces of large pages may be in the levels */
    uint64_t gone_fetch; /* newest stamp of the code pages that left the first level */
};

int tlb_create(const struct tlb_spec *spec, struct ram *ram, struct tlb_front *front,
               struct tlb_ifront *ifront, struct counters *const *now, struct tlb **out)
{
    if (!spec->l1d.entries || !spec->l1i.entries)
        return -EINVAL;
    struct tlb *tlb = calloc(1, sizeof(*tlb));
    if (!tlb)
        return -ENOMEM;
    tlb->ram = ram;
    tlb->front = front;
    tlb->ifront = ifront;
    tlb->now = now;
    tlb->own_clock = 1;
    tlb->clock = &tlb->own_clock;
    int error = tlb_level_create(spec->l1d, &tlb->data.level);
    if (!error)
        error = tlb_level_create(spec->l1i, &tlb->fetch.level);
    if (!error)
        error = tlb_level_create(spec->l2, &tlb->l2);
    if (!error)
        error = walkcache_create(spec->pwc, &tlb->walkcache);
    if (error) {
        tlb_destroy(tlb);
        return error;
    }
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++)
        front[i] = (struct tlb_front){TLB_TAG_NONE, TLB_TAG_NONE, 0, 0};
    for (unsigned i = 0; i < TLB_IFRONT_SLOTS; i++)
        ifront[i] = (struct tlb_ifront){TLB_TAG_NONE, 0};
    *out = tlb;
    return 0;
}

void tlb_destroy(struct tlb *tlb)
{
    if (!tlb)
        return;
    tlb_level_destroy(&tlb->data.level);
    tlb_level_destroy(&tlb->fetch.level);
    tlb_level_destroy(&tlb->l2);
    walkcache_destroy(&tlb->walkcache);
    free(tlb);
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

static unsigned slot_of(uint64_t key)
{
    return tlb_front_slot(tlb_key_page(key));
}

static bool is_in_front(const struct tlb_way *way)
{
    return way->where != &way->stamp;
}

static void leave_front(struct tlb *tlb, struct side *side, struct tlb_way *way)
{
    unsigned slot = slot_of(way->key);
    if (side == &tlb->data)
        tlb->front[slot].rtag = tlb->front[slot].wtag = TLB_TAG_NONE;
    else
        tlb->ifront[slot].tag = TLB_TAG_NONE;
    side->owner[slot] = NULL;
    way->stamp = *way->where;
    way->where = &way->stamp;
}

/* Makes the entry the owner of its slot, whose stamp is at `stamp`, and stamps it now.
 * Result: the stamp of whom that displaced, or 0. */
static ON_PATH uint64_t enter_front(struct tlb *tlb, struct side *side, struct tlb_way *way,
                                    uint64_t *stamp)
{
    struct tlb_way **owner = &side->owner[slot_of(way->key)];
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

static void empty_front(struct tlb *tlb, struct side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        if (is_in_front(&side->level.way[i]))
            leave_front(tlb, side, &side->level.way[i]);
    }
}

void tlb_ifront_clear(struct tlb *tlb)
{
    empty_front(tlb, &tlb->fetch);
}

void tlb_front_protect(struct tlb *tlb, pfn_t pfn)
{
    for (unsigned i = 0; i < tlb->data.level.entries; i++) {
        const struct tlb_way *way = &tlb->data.level.way[i];
        if (way->value >> PAGE_SHIFT == pfn && is_in_front(way))
            tlb->front[slot_of(way->key)].wtag = TLB_TAG_NONE;
    }
}

void tlb_switch(struct tlb *tlb, struct mmu_root root)
{
    if (root.table == tlb->root.table && root.asid == tlb->root.asid &&
        root.levels == tlb->root.levels)
        return;
    empty_front(tlb, &tlb->data);
    empty_front(tlb, &tlb->fetch);
    tlb->root = root;
    tlb->space = TLB_KEY_VALID | root.asid;
    tlb->half = pte_level_len(root.levels + 1) / 2;
    XCHECK(tlb_is_valid(tlb));
}

/* ---- stamps of frames ---- */

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

static void stamp_frame(struct tlb *tlb, const struct side *side, const struct tlb_way *way)
{
    uint64_t stamp = *way->where, *frame = &tlb->frame_stamps[way->value >> PAGE_SHIFT];
    if (side == &tlb->fetch)
        stamp = left_at(tlb, stamp);
    if (*frame < stamp)
        *frame = stamp;
}

static void stamp_frames(struct tlb *tlb, const struct side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        if (side->level.way[i].key)
            stamp_frame(tlb, side, &side->level.way[i]);
    }
}

void tlb_track_stamps(struct tlb *tlb, uint64_t *stamps)
{
    tlb->frame_stamps = stamps;
    tlb->gone_fetch = 0;
}

void tlb_sync_stamps(struct tlb *tlb)
{
    if (!tlb->frame_stamps)
        return;
    stamp_frames(tlb, &tlb->data);
    stamp_frames(tlb, &tlb->fetch);
}

/* ---- taking entries out ---- */

static OFF_PATH void stamp_retired(struct tlb *tlb, const struct side *side,
                                   const struct tlb_way *way)
{
    stamp_frame(tlb, side, way);
    if (side == &tlb->fetch && tlb->gone_fetch < *way->where)
        tlb->gone_fetch = *way->where;
}

/* The last dues of an entry that leaves a first level. Result: its stamp; 0 if the way is empty. */
static ON_PATH uint64_t retire(struct tlb *tlb, struct side *side, struct tlb_way *way)
{
    if (tlb->frame_stamps && way->key)
        stamp_retired(tlb, side, way);
    if (is_in_front(way))
        leave_front(tlb, side, way);
    return way->stamp;
}

static void drop(struct tlb *tlb, struct side *side, struct tlb_way *way)
{
    retire(tlb, side, way);
    tlb_level_drop(&side->level, way);
}

static void drop_key_of(struct tlb *tlb, struct side *side, uint64_t key)
{
    struct tlb_way *way = tlb_level_find(&side->level, tlb_level_set(&side->level, key), key);
    if (way)
        drop(tlb, side, way);
}

static ON_PATH struct tlb_way *find_l2(const struct tlb *tlb, uint64_t key)
{
    return tlb->l2.entries ? tlb_level_find(&tlb->l2, tlb_level_set(&tlb->l2, key), key) : NULL;
}

static void drop_key(struct tlb *tlb, uint64_t key)
{
    drop_key_of(tlb, &tlb->data, key);
    drop_key_of(tlb, &tlb->fetch, key);
    struct tlb_way *way = find_l2(tlb, key);
    if (way)
        tlb_level_drop(&tlb->l2, way);
}

/* A selection of entries: those that are, or are pieces of, the page that holds a key's page; or
 * those of a space; or all, if the key is 0. */
enum scope { SCOPE_PAGE, SCOPE_SPACE };

static bool is_selected(const struct tlb_way *way, enum scope scope, uint64_t key)
{
    uint64_t differ = way->key ^ key;
    if (!way->key || !key)
        return way->key;
    if (scope == SCOPE_SPACE)
        return !(differ & TLB_KEY_SPACE);
    unsigned below = way->value & TLB_VALUE_1G ? 18 : way->value & TLB_VALUE_2M ? 9 : 0;
    return !(differ & TLB_KEY_SPACE) && !((differ & TLB_KEY_VPN) >> (TLB_KEY_SHIFT + below));
}

static void drop_selected_of(struct tlb *tlb, struct side *side, enum scope scope, uint64_t key)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        if (is_selected(&side->level.way[i], scope, key))
            drop(tlb, side, &side->level.way[i]);
    }
}

static void drop_selected(struct tlb *tlb, enum scope scope, uint64_t key)
{
    drop_selected_of(tlb, &tlb->data, scope, key);
    drop_selected_of(tlb, &tlb->fetch, scope, key);
    for (unsigned i = 0; i < tlb->l2.entries; i++) {
        if (is_selected(&tlb->l2.way[i], scope, key))
            tlb_level_drop(&tlb->l2, &tlb->l2.way[i]);
    }
}

static void drop_page(struct tlb *tlb, uint64_t key)
{
    if (tlb->has_pieces)
        drop_selected(tlb, SCOPE_PAGE, key);
    else
        drop_key(tlb, key);
}

void tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va)
{
    drop_page(tlb, tlb_key(TLB_KEY_VALID | asid, va));
    walkcache_drop_space(&tlb->walkcache, TLB_KEY_VALID | asid);
    (*tlb->now)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

void tlb_flush_space(struct tlb *tlb, uint16_t asid)
{
    drop_selected(tlb, SCOPE_SPACE, TLB_KEY_VALID | asid);
    walkcache_drop_space(&tlb->walkcache, TLB_KEY_VALID | asid);
    (*tlb->now)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

void tlb_flush_all(struct tlb *tlb)
{
    drop_selected(tlb, SCOPE_SPACE, 0);
    walkcache_drop_space(&tlb->walkcache, 0);
    tlb->has_pieces = false;
    (*tlb->now)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

/* ---- lookups ---- */

/* Whether an entry answers an access: it must allow it, and a store must find the dirty bit set. */
static bool suffices(uint64_t value, enum mmu_access access)
{
    static const uint64_t needed[] = {
        [MMU_LOAD] = 0, [MMU_STORE] = TLB_VALUE_W | TLB_VALUE_D, [MMU_FETCH] = TLB_VALUE_X};
    return (value & needed[access]) == needed[access];
}

static uint64_t value_of(const struct mmu_leaf *leaf)
{
    uint64_t value = leaf->pa.v & ~PAGE_MASK;
    if (leaf->flags & PTE_W)
        value |= TLB_VALUE_W;
    if (leaf->flags & PTE_D)
        value |= TLB_VALUE_D;
    if (!(leaf->flags & PTE_NX))
        value |= TLB_VALUE_X;
    if (leaf->page_shift == pte_level_shift(PTE_LEVEL_2M))
        value |= TLB_VALUE_2M;
    if (leaf->page_shift == pte_level_shift(PTE_LEVEL_1G))
        value |= TLB_VALUE_1G;
    return value;
}

/* What is counted of a walk that began at a cached entry of level `cached`, 0: at the top. */
static void count_walk(struct counters *now, unsigned cached, unsigned reads)
{
    now->walks++;
    now->walk_reads += reads;
    now->pwc_pd_hits += cached == 2;
    now->pwc_pdpt_hits += cached == 3;
    now->pwc_pml4_hits += cached == 4;
    now->pwc_pml5_hits += cached == 5;
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
    if (!found) {
        out->error = leaf.error;
        drop_page(tlb, tlb_key(tlb->space, va));
        walkcache_drop_address(&tlb->walkcache, tlb->space, va);
        return false;
    }
    walkcache_fill(&tlb->walkcache, start.level, &leaf, tlb->space, va, *tlb->clock);
    tlb->has_pieces |= leaf.page_shift != PAGE_SHIFT;
    *value = value_of(&leaf);
    return true;
}

/* The second level has missed, or there is none. */
static OFF_PATH bool walk_and_fill(struct tlb *tlb, vaddr_t va, enum mmu_access access,
                                   uint64_t *value, struct tlb_hit *out)
{
    struct tlb_level *l2 = &tlb->l2;
    if (l2->entries)
        (*tlb->now)->tlb_l2_misses++;
    if (!walk(tlb, va, access, value, out))
        return false;
    if (l2->entries) {
        uint64_t key = tlb_key(tlb->space, va);
        unsigned set = tlb_level_set(l2, key);
        tlb_level_put(l2, set, tlb_level_victim(l2, set), key, *value, *tlb->clock);
    }
    return true;
}

/* A first level has missed: the second level, then the walk. */
static ON_PATH bool second_level(struct tlb *tlb, vaddr_t va, uint64_t key, enum mmu_access access,
                                 uint64_t *value, struct tlb_hit *out)
{
    struct tlb_way *way = find_l2(tlb, key);
    if (!way)
        return walk_and_fill(tlb, va, access, value, out);
    (*tlb->now)->tlb_l2_hits++;
    way->stamp = *tlb->clock;
    if (!suffices(way->value, access) && !walk(tlb, va, access, &way->value, out))
        return false;
    *value = way->value;
    return true;
}

/* An entry of a first level forbids the access, or its dirty bit is still to be set: the processor
 * walks, and takes over what it finds. The second level's copy follows; its age does not. */
static OFF_PATH bool refresh(struct tlb *tlb, vaddr_t va, enum mmu_access access, uint64_t *value,
                             struct tlb_hit *out)
{
    if (!walk(tlb, va, access, value, out))
        return false;
    struct tlb_way *copy = find_l2(tlb, tlb_key(tlb->space, va));
    if (copy)
        copy->value = *value;
    return true;
}

/* The entry of a first level for va, found or filled; `misses` is the level's counter.
 * Result: NULL for a page fault. */
static ON_PATH struct tlb_way *first_level(struct tlb *tlb, struct side *side, vaddr_t va,
                                           enum mmu_access access, uint64_t *misses,
                                           struct tlb_hit *out)
{
    struct tlb_level *level = &side->level;
    uint64_t key = tlb_key(tlb->space, va), value;
    unsigned set = tlb_level_set(level, key);
    struct tlb_way *way = tlb_level_find(level, set, key);
    out->victim_stamp = 0;
    if (way)
        return suffices(way->value, access) || refresh(tlb, va, access, &way->value, out) ? way
                                                                                          : NULL;
    ++*misses;
    if (!second_level(tlb, va, key, access, &value, out))
        return NULL;
    way = tlb_level_victim(level, set);
    out->victim_stamp = retire(tlb, side, way);
    tlb_level_put(level, set, way, key, value, *tlb->clock);
    return way;
}

static uint64_t newer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool is_canonical(const struct tlb *tlb, vaddr_t va)
{
    return va.v + tlb->half < 2 * tlb->half;
}

static bool not_canonical(struct tlb_hit *out)
{
    out->error = 0;
    out->victim_stamp = 0;
    return false;
}

bool tlb_data(struct tlb *tlb, vaddr_t va, enum mmu_access access, struct tlb_hit *out)
{
    if (!is_canonical(tlb, va))
        return not_canonical(out);
    ++*tlb->clock;
    tlb->served.data++;
    struct side *side = &tlb->data;
    struct tlb_way *way = first_level(tlb, side, va, access, &(*tlb->now)->tlb_l1d_misses, out);
    if (!way) {
        tlb->served.data_faults++;
        return false;
    }
    uint64_t page = va.v & ~PAGE_MASK;
    out->pfn = (pfn_t)(way->value >> PAGE_SHIFT);
    uint8_t *frame = ram_frame(tlb->ram, out->pfn);
    bool writable = suffices(way->value, MMU_STORE) && !ram_has_code(tlb->ram, out->pfn);
    struct tlb_front *slot = &tlb->front[slot_of(way->key)];
    out->victim_stamp = newer(out->victim_stamp, enter_front(tlb, side, way, &slot->stamp));
    slot->rtag = page;
    slot->wtag = writable ? page : TLB_TAG_NONE;
    slot->addend = (uint64_t)(uintptr_t)frame - page;
    out->host = frame + (va.v & PAGE_MASK);
    out->error = 0;
    return true;
}

uint64_t tlb_data_victim(struct tlb *tlb, vaddr_t va)
{
    struct side *side = &tlb->data;
    struct tlb_level *level = &side->level;
    uint64_t key = tlb_key(tlb->space, va), newest = 0;
    const struct tlb_front *slot = &tlb->front[slot_of(key)];
    if (slot->rtag != TLB_TAG_NONE && slot->rtag != vaddr_page(va).v)
        newest = slot->stamp;
    unsigned set = tlb_level_set(level, key);
    if (tlb_level_find(level, set, key))
        return newest;
    return newer(newest, *tlb_level_victim(level, set)->where);
}

void tlb_data_again(struct tlb *tlb, vaddr_t va, uint64_t count)
{
    struct tlb_front *slot = &tlb->front[slot_of(tlb_key(tlb->space, va))];
    CHECK(slot->rtag == vaddr_page(va).v);
    *tlb->clock += count;
    slot->stamp = *tlb->clock;
}

bool tlb_fetch(struct tlb *tlb, vaddr_t va, struct tlb_hit *out)
{
    if (!is_canonical(tlb, va))
        return not_canonical(out);
    ++*tlb->clock;
    tlb->served.fetch++;
    struct side *side = &tlb->fetch;
    struct tlb_way *way = first_level(tlb, side, va, MMU_FETCH, &(*tlb->now)->tlb_l1i_misses, out);
    if (!way) {
        tlb->served.fetch_faults++;
        return false;
    }
    uint64_t *stamp = &tlb->ifront[slot_of(way->key)].stamp;
    out->victim_stamp = newer(out->victim_stamp, enter_front(tlb, side, way, stamp));
    out->pfn = (pfn_t)(way->value >> PAGE_SHIFT);
    out->host = ram_frame(tlb->ram, out->pfn) + (va.v & PAGE_MASK);
    out->error = 0;
    return true;
}

/* ---- invariants and inspection ---- */

/* Whether owner and slot know each other, and the owner is of the current space. */
static bool owner_is_valid(const struct tlb *tlb, const struct side *side, unsigned slot,
                           const uint64_t *stamp)
{
    const struct tlb_way *way = side->owner[slot];
    return way >= side->level.way && way < side->level.way + side->level.entries &&
           way->where == stamp && *stamp <= *tlb->clock && slot_of(way->key) == slot &&
           (way->key & TLB_KEY_SPACE) == tlb->space;
}

static bool front_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_front *slot = &tlb->front[i];
    const struct tlb_way *way = tlb->data.owner[i];
    if (!way)
        return slot->rtag == TLB_TAG_NONE && slot->wtag == TLB_TAG_NONE;
    if (!owner_is_valid(tlb, &tlb->data, i, &slot->stamp))
        return false;
    pfn_t pfn = (pfn_t)(way->value >> PAGE_SHIFT);
    if (slot->rtag != tlb_key_page(way->key).v ||
        slot->addend + slot->rtag != (uint64_t)(uintptr_t)ram_frame(tlb->ram, pfn))
        return false;
    if (slot->wtag == TLB_TAG_NONE)
        return true;
    return slot->wtag == slot->rtag && suffices(way->value, MMU_STORE) &&
           !ram_has_code(tlb->ram, pfn);
}

static bool ifront_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_ifront *slot = &tlb->ifront[i];
    const struct tlb_way *way = tlb->fetch.owner[i];
    if (!way)
        return slot->tag == TLB_TAG_NONE;
    return owner_is_valid(tlb, &tlb->fetch, i, &slot->stamp) &&
           (slot->tag == TLB_TAG_NONE || (slot->tag & ~PAGE_MASK) == tlb_key_page(way->key).v);
}

static bool side_is_valid(const struct side *side)
{
    for (unsigned i = 0; i < side->level.entries; i++) {
        const struct tlb_way *way = &side->level.way[i];
        if (is_in_front(way) && side->owner[slot_of(way->key)] != way)
            return false;
    }
    return tlb_level_is_valid(&side->level);
}

bool tlb_is_valid(const struct tlb *tlb)
{
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++) {
        if (!front_slot_is_valid(tlb, i) || !ifront_slot_is_valid(tlb, i))
            return false;
    }
    return side_is_valid(&tlb->data) && side_is_valid(&tlb->fetch) &&
           tlb_level_is_valid(&tlb->l2) && walkcache_is_valid(&tlb->walkcache);
}

static int newest_first(const void *a, const void *b)
{
    const struct tlb_entry *x = a, *y = b;
    return x->stamp < y->stamp ? 1 : x->stamp > y->stamp ? -1 : 0;
}

static const struct tlb_level *level_of(const struct tlb *tlb, enum tlb_level_kind kind)
{
    return kind == TLB_L1D ? &tlb->data.level : kind == TLB_L1I ? &tlb->fetch.level : &tlb->l2;
}

size_t tlb_list(const struct tlb *tlb, enum tlb_level_kind kind, struct tlb_entry *out, size_t max)
{
    const struct tlb_level *level = level_of(tlb, kind);
    size_t n = 0;
    for (unsigned i = 0; i < level->entries && n < max; i++) {
        const struct tlb_way *way = &level->way[i];
        if (way->key)
            out[n++] = (struct tlb_entry){.page = tlb_key_page(way->key),
                                          .asid = (uint16_t)way->key,
                                          .pfn = (pfn_t)(way->value >> PAGE_SHIFT),
                                          .writable = way->value & TLB_VALUE_W,
                                          .dirty = way->value & TLB_VALUE_D,
                                          .executable = way->value & TLB_VALUE_X,
                                          .stamp = *way->where};
    }
    qsort(out, n, sizeof(*out), newest_first);
    return n;
}
