// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hierarchy: what a lookup does when translated code's own check has failed, what invalidations
 * do, and the bond between the first levels and the front arrays.
 *
 * An entry is "in front" while the front slot of its page number names its page in the current
 * space; the slot then holds its true stamp, and the level's own may be older. Whatever takes an
 * entry out of the front brings the level's stamp up to date; whatever takes an entry out of the
 * first level takes it out of the front as well.
 */
#include "machine/tlb.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "machine/pte.h"
#include "machine/tlb_level.h"

struct tlb {
    uint64_t *clock;
    uint64_t space; /* TLB_KEY_VALID and the tag of the current space */
    struct mmu_root root;
    struct tlb_level l1d, l1i, l2;
    struct tlb_front *front;
    struct tlb_ifront *ifront;
    struct ram *ram;
    struct counters *const *now;
    struct tlb_served served;
    uint64_t own_clock;
    bool has_pieces;        /* pieces of large pages may be in the levels */
    uint64_t *frame_stamps; /* NULL: not asked for */
    uint64_t gone_fetch;    /* newest stamp of the code pages that left the first level */
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
    tlb->space = TLB_KEY_VALID;
    int error = tlb_level_create(spec->l1d, &tlb->l1d);
    if (!error)
        error = tlb_level_create(spec->l1i, &tlb->l1i);
    if (!error)
        error = tlb_level_create(spec->l2, &tlb->l2);
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
    tlb_level_destroy(&tlb->l1d);
    tlb_level_destroy(&tlb->l1i);
    tlb_level_destroy(&tlb->l2);
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

static struct counters *counters(const struct tlb *tlb)
{
    return *tlb->now;
}

/* ---- the front arrays ---- */

static bool is_current(const struct tlb *tlb, uint64_t key)
{
    return (key & TLB_KEY_SPACE) == tlb->space;
}

/* The front slot of an entry in front, or NULL. */
static struct tlb_front *front_of(const struct tlb *tlb, uint64_t key)
{
    struct tlb_front *slot = &tlb->front[(key >> TLB_KEY_SHIFT) & (TLB_FRONT_SLOTS - 1)];
    return is_current(tlb, key) && slot->rtag == tlb_key_page(key).v ? slot : NULL;
}

static struct tlb_ifront *ifront_of(const struct tlb *tlb, uint64_t key)
{
    struct tlb_ifront *slot = &tlb->ifront[(key >> TLB_KEY_SHIFT) & (TLB_IFRONT_SLOTS - 1)];
    bool names_it = (slot->tag & ~PAGE_MASK) == tlb_key_page(key).v && slot->tag != TLB_TAG_NONE;
    return is_current(tlb, key) && names_it ? slot : NULL;
}

/* Brings the stamps of n entries up to date. */
static void renew_data(void *owner, unsigned first, unsigned n)
{
    struct tlb *tlb = owner;
    for (unsigned i = first; i < first + n; i++) {
        const struct tlb_front *slot = front_of(tlb, tlb->l1d.keys[i]);
        if (slot)
            tlb->l1d.stamps[i] = slot->stamp;
    }
}

static void renew_fetch(void *owner, unsigned first, unsigned n)
{
    struct tlb *tlb = owner;
    for (unsigned i = first; i < first + n; i++) {
        const struct tlb_ifront *slot = ifront_of(tlb, tlb->l1i.keys[i]);
        if (slot)
            tlb->l1i.stamps[i] = slot->stamp;
    }
}

static void renew_nothing(void *owner, unsigned first, unsigned n)
{
}

static void empty_slot(struct tlb_front *slot)
{
    slot->rtag = TLB_TAG_NONE;
    slot->wtag = TLB_TAG_NONE;
}

/* ---- stamps of frames ---- */

static void stamp_frame(struct tlb *tlb, uint64_t value, uint64_t stamp)
{
    uint64_t *frame = &tlb->frame_stamps[value >> PAGE_SHIFT];
    if (*frame < stamp)
        *frame = stamp;
}

/* When the CPU left the code page it entered at `entered`: it was then that it entered another. */
static uint64_t left_at(const struct tlb *tlb, uint64_t entered)
{
    uint64_t left = tlb->gone_fetch > entered ? tlb->gone_fetch : *tlb->clock;
    for (unsigned i = 0; i < tlb->l1i.entries; i++) {
        uint64_t stamp = tlb->l1i.stamps[i];
        if (stamp > entered && stamp < left)
            left = stamp;
    }
    return left;
}

static void stamp_code_frame(struct tlb *tlb, unsigned at)
{
    renew_fetch(tlb, 0, tlb->l1i.entries);
    uint64_t stamp = tlb->l1i.stamps[at];
    stamp_frame(tlb, tlb->l1i.values[at], left_at(tlb, stamp));
    if (tlb->gone_fetch < stamp)
        tlb->gone_fetch = stamp;
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
    renew_data(tlb, 0, tlb->l1d.entries);
    renew_fetch(tlb, 0, tlb->l1i.entries);
    for (unsigned i = 0; i < tlb->l1d.entries; i++) {
        if (tlb->l1d.keys[i])
            stamp_frame(tlb, tlb->l1d.values[i], tlb->l1d.stamps[i]);
    }
    for (unsigned i = 0; i < tlb->l1i.entries; i++) {
        if (tlb->l1i.keys[i])
            stamp_frame(tlb, tlb->l1i.values[i], left_at(tlb, tlb->l1i.stamps[i]));
    }
}

/* ---- taking entries out ---- */

/* What leaves the first level leaves the front. Result: its stamp; 0 if the way is empty. */
static uint64_t retire_data(struct tlb *tlb, unsigned at)
{
    uint64_t key = tlb->l1d.keys[at];
    if (!key)
        return 0;
    struct tlb_front *slot = front_of(tlb, key);
    if (slot) {
        tlb->l1d.stamps[at] = slot->stamp;
        empty_slot(slot);
    }
    if (tlb->frame_stamps)
        stamp_frame(tlb, tlb->l1d.values[at], tlb->l1d.stamps[at]);
    return tlb->l1d.stamps[at];
}

static uint64_t retire_fetch(struct tlb *tlb, unsigned at)
{
    uint64_t key = tlb->l1i.keys[at];
    if (!key)
        return 0;
    if (tlb->frame_stamps)
        stamp_code_frame(tlb, at);
    struct tlb_ifront *slot = ifront_of(tlb, key);
    if (slot) {
        tlb->l1i.stamps[at] = slot->stamp;
        slot->tag = TLB_TAG_NONE;
    }
    return tlb->l1i.stamps[at];
}

static void drop_data(struct tlb *tlb, unsigned at)
{
    retire_data(tlb, at);
    tlb_level_drop(&tlb->l1d, at);
}

static void drop_fetch(struct tlb *tlb, unsigned at)
{
    retire_fetch(tlb, at);
    tlb_level_drop(&tlb->l1i, at);
}

static void drop_key(struct tlb *tlb, uint64_t key)
{
    unsigned at = tlb_level_find(&tlb->l1d, key);
    if (at != TLB_LEVEL_NONE)
        drop_data(tlb, at);
    at = tlb_level_find(&tlb->l1i, key);
    if (at != TLB_LEVEL_NONE)
        drop_fetch(tlb, at);
    at = tlb->l2.entries ? tlb_level_find(&tlb->l2, key) : TLB_LEVEL_NONE;
    if (at != TLB_LEVEL_NONE)
        tlb_level_drop(&tlb->l2, at);
}

/* Whether an entry is, or is a piece of, the page that holds the page of `key`. */
static bool is_of_page(uint64_t entry, uint64_t value, uint64_t key)
{
    unsigned below = value & TLB_VALUE_1G ? 18 : value & TLB_VALUE_2M ? 9 : 0;
    uint64_t differ = entry ^ key;
    return !(differ & TLB_KEY_SPACE) && !((differ & TLB_KEY_VPN) >> (TLB_KEY_SHIFT + below));
}

static void drop_pieces(struct tlb *tlb, uint64_t key)
{
    for (unsigned i = 0; i < tlb->l1d.entries; i++) {
        if (is_of_page(tlb->l1d.keys[i], tlb->l1d.values[i], key))
            drop_data(tlb, i);
    }
    for (unsigned i = 0; i < tlb->l1i.entries; i++) {
        if (is_of_page(tlb->l1i.keys[i], tlb->l1i.values[i], key))
            drop_fetch(tlb, i);
    }
    for (unsigned i = 0; i < tlb->l2.entries; i++) {
        if (is_of_page(tlb->l2.keys[i], tlb->l2.values[i], key))
            tlb_level_drop(&tlb->l2, i);
    }
}

static void drop_page(struct tlb *tlb, uint64_t key)
{
    if (tlb->has_pieces)
        drop_pieces(tlb, key);
    else
        drop_key(tlb, key);
}

/* Drops every entry whose space is `space`, or all if that is 0. */
static void drop_space(struct tlb *tlb, uint64_t space)
{
    uint64_t mask = space ? TLB_KEY_SPACE : 0;
    for (unsigned i = 0; i < tlb->l1d.entries; i++) {
        if (tlb->l1d.keys[i] && (tlb->l1d.keys[i] & mask) == space)
            drop_data(tlb, i);
    }
    for (unsigned i = 0; i < tlb->l1i.entries; i++) {
        if (tlb->l1i.keys[i] && (tlb->l1i.keys[i] & mask) == space)
            drop_fetch(tlb, i);
    }
    for (unsigned i = 0; i < tlb->l2.entries; i++) {
        if (tlb->l2.keys[i] && (tlb->l2.keys[i] & mask) == space)
            tlb_level_drop(&tlb->l2, i);
    }
}

void tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va)
{
    drop_page(tlb, tlb_key(TLB_KEY_VALID | asid, va));
    counters(tlb)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

void tlb_flush_space(struct tlb *tlb, uint16_t asid)
{
    drop_space(tlb, TLB_KEY_VALID | asid);
    counters(tlb)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

void tlb_flush_all(struct tlb *tlb)
{
    drop_space(tlb, 0);
    tlb->has_pieces = false;
    counters(tlb)->tlb_flushes++;
    XCHECK(tlb_is_valid(tlb));
}

static void empty_front(struct tlb *tlb)
{
    renew_data(tlb, 0, tlb->l1d.entries);
    for (unsigned i = 0; i < tlb->l1d.entries; i++) {
        struct tlb_front *slot = front_of(tlb, tlb->l1d.keys[i]);
        if (slot)
            empty_slot(slot);
    }
}

void tlb_ifront_clear(struct tlb *tlb)
{
    renew_fetch(tlb, 0, tlb->l1i.entries);
    for (unsigned i = 0; i < tlb->l1i.entries; i++) {
        struct tlb_ifront *slot = ifront_of(tlb, tlb->l1i.keys[i]);
        if (slot)
            slot->tag = TLB_TAG_NONE;
    }
}

void tlb_front_protect(struct tlb *tlb, pfn_t pfn)
{
    for (unsigned i = 0; i < tlb->l1d.entries; i++) {
        if (tlb->l1d.values[i] >> PAGE_SHIFT != pfn)
            continue;
        struct tlb_front *slot = front_of(tlb, tlb->l1d.keys[i]);
        if (slot)
            slot->wtag = TLB_TAG_NONE;
    }
}

void tlb_switch(struct tlb *tlb, struct mmu_root root)
{
    if (root.table == tlb->root.table && root.asid == tlb->root.asid &&
        root.levels == tlb->root.levels)
        return;
    empty_front(tlb);
    tlb_ifront_clear(tlb);
    tlb->root = root;
    tlb->space = TLB_KEY_VALID | root.asid;
    XCHECK(tlb_is_valid(tlb));
}

/* ---- lookups ---- */

static bool suffices(uint64_t value, enum mmu_access access)
{
    switch (access) {
    case MMU_STORE:
        return (value & (TLB_VALUE_W | TLB_VALUE_D)) == (TLB_VALUE_W | TLB_VALUE_D);
    case MMU_FETCH:
        return value & TLB_VALUE_X;
    default:
        return true;
    }
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

/* A page fault forgets the address in all levels, whatever they said of it (Intel SDM vol. 3A,
 * "Operations that Invalidate TLBs and Paging-Structure Caches"). */
static bool walk(struct tlb *tlb, vaddr_t va, enum mmu_access access, uint64_t *value,
                 struct tlb_hit *out)
{
    struct mmu_leaf leaf;
    bool found = mmu_translate(tlb->ram, tlb->root, va, access, &leaf);
    counters(tlb)->walks++;
    counters(tlb)->walk_reads += leaf.reads;
    if (!found) {
        out->error = leaf.error;
        drop_page(tlb, tlb_key(tlb->space, va));
        return false;
    }
    tlb->has_pieces |= leaf.page_shift != PAGE_SHIFT;
    *value = value_of(&leaf);
    return true;
}

/* A first level has missed: the second level, then the walk. */
static bool second_level(struct tlb *tlb, vaddr_t va, enum mmu_access access, uint64_t *value,
                         struct tlb_hit *out)
{
    struct tlb_level *l2 = &tlb->l2;
    if (!l2->entries)
        return walk(tlb, va, access, value, out);
    uint64_t key = tlb_key(tlb->space, va);
    unsigned at = tlb_level_find(l2, key);
    if (at != TLB_LEVEL_NONE) {
        counters(tlb)->tlb_l2_hits++;
        l2->stamps[at] = *tlb->clock;
        if (!suffices(l2->values[at], access) && !walk(tlb, va, access, &l2->values[at], out))
            return false;
        *value = l2->values[at];
        return true;
    }
    counters(tlb)->tlb_l2_misses++;
    if (!walk(tlb, va, access, value, out))
        return false;
    at = tlb_level_victim(l2, key, renew_nothing, NULL);
    tlb_level_put(l2, at, key, *value, *tlb->clock);
    return true;
}

/* An entry of a first level forbids the access, or its dirty bit is still to be set: the processor
 * walks, and takes over what it finds. The second level's copy follows; its age does not. */
static bool refresh(struct tlb *tlb, vaddr_t va, enum mmu_access access, uint64_t *value,
                    struct tlb_hit *out)
{
    if (!walk(tlb, va, access, value, out))
        return false;
    uint64_t key = tlb_key(tlb->space, va);
    unsigned at = tlb->l2.entries ? tlb_level_find(&tlb->l2, key) : TLB_LEVEL_NONE;
    if (at != TLB_LEVEL_NONE)
        tlb->l2.values[at] = *value;
    return true;
}

static uint64_t newer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Puts an entry of L1D into its front slot. Result: the stamp of whom it displaced there, or 0. */
static uint64_t fill_front(struct tlb *tlb, unsigned at)
{
    uint64_t key = tlb->l1d.keys[at], value = tlb->l1d.values[at], displaced = 0;
    uint64_t page = tlb_key_page(key).v, frame = value & ~PAGE_MASK;
    struct tlb_front *slot = &tlb->front[(key >> TLB_KEY_SHIFT) & (TLB_FRONT_SLOTS - 1)];
    if (slot->rtag != page && slot->rtag != TLB_TAG_NONE) {
        unsigned other = tlb_level_find(&tlb->l1d, tlb_key(tlb->space, vaddr(slot->rtag)));
        CHECK(other != TLB_LEVEL_NONE);
        displaced = tlb->l1d.stamps[other] = slot->stamp;
    }
    bool writable = suffices(value, MMU_STORE) && !ram_has_code(tlb->ram, paddr_pfn(paddr(frame)));
    slot->rtag = page;
    slot->wtag = writable ? page : TLB_TAG_NONE;
    slot->addend = (uint64_t)(uintptr_t)ram_at(tlb->ram, paddr(frame)) - page;
    slot->stamp = *tlb->clock;
    return displaced;
}

/* Readies the instruction front slot for the CPU to write its tag. Result as fill_front(). */
static uint64_t ready_ifront(struct tlb *tlb, unsigned at)
{
    uint64_t key = tlb->l1i.keys[at], displaced = 0;
    struct tlb_ifront *slot = &tlb->ifront[(key >> TLB_KEY_SHIFT) & (TLB_IFRONT_SLOTS - 1)];
    if (slot->tag != TLB_TAG_NONE && !ifront_of(tlb, key)) {
        unsigned other = tlb_level_find(&tlb->l1i, tlb_key(tlb->space, vaddr(slot->tag)));
        CHECK(other != TLB_LEVEL_NONE);
        displaced = tlb->l1i.stamps[other] = slot->stamp;
        slot->tag = TLB_TAG_NONE;
    }
    slot->stamp = *tlb->clock;
    return displaced;
}

static bool not_canonical(struct tlb_hit *out)
{
    out->error = 0;
    return false;
}

static bool hit(const struct tlb *tlb, uint64_t value, vaddr_t va, struct tlb_hit *out)
{
    out->host = ram_at(tlb->ram, paddr((value & ~PAGE_MASK) | (va.v & PAGE_MASK)));
    out->pfn = paddr_pfn(paddr(value));
    out->error = 0;
    return true;
}

static bool data_fault(struct tlb *tlb)
{
    tlb->served.data_faults++;
    return false;
}

bool tlb_data(struct tlb *tlb, vaddr_t va, enum mmu_access access, struct tlb_hit *out)
{
    out->victim_stamp = 0;
    if (!mmu_is_canonical(tlb->root.levels, va))
        return not_canonical(out);
    uint64_t now = ++*tlb->clock, key = tlb_key(tlb->space, va), value;
    tlb->served.data++;
    unsigned at = tlb_level_find(&tlb->l1d, key);
    if (at != TLB_LEVEL_NONE) {
        value = tlb->l1d.values[at];
        if (!suffices(value, access)) {
            if (!refresh(tlb, va, access, &value, out))
                return data_fault(tlb);
            tlb->l1d.values[at] = value;
        }
        tlb->l1d.stamps[at] = now;
    } else {
        counters(tlb)->tlb_l1d_misses++;
        if (!second_level(tlb, va, access, &value, out))
            return data_fault(tlb);
        at = tlb_level_victim(&tlb->l1d, key, renew_data, tlb);
        out->victim_stamp = retire_data(tlb, at);
        tlb_level_put(&tlb->l1d, at, key, value, now);
    }
    out->victim_stamp = newer(out->victim_stamp, fill_front(tlb, at));
    return hit(tlb, value, va, out);
}

void tlb_data_again(struct tlb *tlb, vaddr_t va, uint64_t count)
{
    *tlb->clock += count;
    struct tlb_front *slot = front_of(tlb, tlb_key(tlb->space, va));
    CHECK(slot);
    slot->stamp = *tlb->clock;
}

static bool fetch_fault(struct tlb *tlb)
{
    tlb->served.fetch_faults++;
    return false;
}

bool tlb_fetch(struct tlb *tlb, vaddr_t va, struct tlb_hit *out)
{
    out->victim_stamp = 0;
    if (!mmu_is_canonical(tlb->root.levels, va))
        return not_canonical(out);
    uint64_t now = ++*tlb->clock, key = tlb_key(tlb->space, va), value;
    tlb->served.fetch++;
    unsigned at = tlb_level_find(&tlb->l1i, key);
    if (at != TLB_LEVEL_NONE) {
        value = tlb->l1i.values[at];
        tlb->l1i.stamps[at] = now;
    } else {
        counters(tlb)->tlb_l1i_misses++;
        if (!second_level(tlb, va, MMU_FETCH, &value, out))
            return fetch_fault(tlb);
        at = tlb_level_victim(&tlb->l1i, key, renew_fetch, tlb);
        out->victim_stamp = retire_fetch(tlb, at);
        tlb_level_put(&tlb->l1i, at, key, value, now);
    }
    out->victim_stamp = newer(out->victim_stamp, ready_ifront(tlb, at));
    return hit(tlb, value, va, out);
}

/* ---- invariants and inspection ---- */

static bool front_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_front *slot = &tlb->front[i];
    if (slot->rtag == TLB_TAG_NONE)
        return slot->wtag == TLB_TAG_NONE;
    vaddr_t page = vaddr(slot->rtag);
    unsigned at = tlb_level_find(&tlb->l1d, tlb_key(tlb->space, page));
    if (page.v & PAGE_MASK || (vaddr_vpn(page) & (TLB_FRONT_SLOTS - 1)) != i)
        return false;
    if (at == TLB_LEVEL_NONE || slot->stamp < tlb->l1d.stamps[at] || slot->stamp > *tlb->clock)
        return false;
    uint64_t value = tlb->l1d.values[at], frame = value & ~PAGE_MASK;
    if (slot->addend + page.v != (uint64_t)(uintptr_t)ram_at(tlb->ram, paddr(frame)))
        return false;
    if (slot->wtag == TLB_TAG_NONE)
        return true;
    return slot->wtag == page.v && suffices(value, MMU_STORE) &&
           !ram_has_code(tlb->ram, paddr_pfn(paddr(frame)));
}

static bool ifront_slot_is_valid(const struct tlb *tlb, unsigned i)
{
    const struct tlb_ifront *slot = &tlb->ifront[i];
    if (slot->tag == TLB_TAG_NONE)
        return true;
    unsigned at = tlb_level_find(&tlb->l1i, tlb_key(tlb->space, vaddr(slot->tag)));
    return at != TLB_LEVEL_NONE && (vaddr_vpn(vaddr(slot->tag)) & (TLB_IFRONT_SLOTS - 1)) == i &&
           slot->stamp >= tlb->l1i.stamps[at] && slot->stamp <= *tlb->clock;
}

bool tlb_is_valid(const struct tlb *tlb)
{
    for (unsigned i = 0; i < TLB_FRONT_SLOTS; i++) {
        if (!front_slot_is_valid(tlb, i))
            return false;
    }
    for (unsigned i = 0; i < TLB_IFRONT_SLOTS; i++) {
        if (!ifront_slot_is_valid(tlb, i))
            return false;
    }
    return tlb_level_is_valid(&tlb->l1d) && tlb_level_is_valid(&tlb->l1i) &&
           tlb_level_is_valid(&tlb->l2);
}

static int newest_first(const void *a, const void *b)
{
    const struct tlb_entry *x = a, *y = b;
    return x->stamp < y->stamp ? 1 : x->stamp > y->stamp ? -1 : 0;
}

static const struct tlb_level *level_of(struct tlb *tlb, enum tlb_level_kind kind)
{
    switch (kind) {
    case TLB_L1D:
        renew_data(tlb, 0, tlb->l1d.entries);
        return &tlb->l1d;
    case TLB_L1I:
        renew_fetch(tlb, 0, tlb->l1i.entries);
        return &tlb->l1i;
    default:
        return &tlb->l2;
    }
}

size_t tlb_list(struct tlb *tlb, enum tlb_level_kind kind, struct tlb_entry *out, size_t max)
{
    const struct tlb_level *level = level_of(tlb, kind);
    size_t n = 0;
    for (unsigned i = 0; i < level->entries && n < max; i++) {
        uint64_t key = level->keys[i], value = level->values[i];
        if (key)
            out[n++] = (struct tlb_entry){.page = tlb_key_page(key),
                                          .asid = (uint16_t)key,
                                          .pfn = paddr_pfn(paddr(value)),
                                          .writable = value & TLB_VALUE_W,
                                          .dirty = value & TLB_VALUE_D,
                                          .executable = value & TLB_VALUE_X,
                                          .stamp = level->stamps[i]};
    }
    qsort(out, n, sizeof(*out), newest_first);
    return n;
}
