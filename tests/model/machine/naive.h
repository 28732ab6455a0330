// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The naive machine that walker and TLB are compared with: a walk written down from the manual
 * without thought of speed, and TLB levels that are arrays searched from end to end, with the time
 * of each use in each entry. No front arrays, no stamps kept elsewhere, nothing shared with the
 * real thing but the format of an entry.
 */
#ifndef TESTS_MACHINE_NAIVE_H
#define TESTS_MACHINE_NAIVE_H

#include <string.h>

#include "base/counters.h"
#include "machine/pte.h"
#include "machine/tlb.h"

/* ---- the walk ---- */

struct naive_page {
    bool writable, executable, dirty;
    uint64_t pa;    /* of the byte asked for */
    unsigned shift; /* 12, 21 or 30 */
};

/* A table, and what the entries on the way to it allow. */
struct naive_step {
    uint64_t table;
    bool writable, user, executable;
};

struct naive_walk {
    struct naive_page page;
    uint32_t error; /* 0: allowed */
    unsigned reads;
    struct naive_step steps[6]; /* by level of the entry read: where it leads */
};

static inline bool naive_reserved(uint64_t pte, unsigned level)
{
    for (unsigned bit = 40; bit < 52; bit++) {
        if (pte >> bit & 1)
            return true;
    }
    if (level == 1 || !(pte >> 7 & 1))
        return false;
    if (level > 3)
        return true;
    for (unsigned bit = 13; bit < (level == 3 ? 30 : 21); bit++) {
        if (pte >> bit & 1)
            return true;
    }
    return false;
}

/* From a table of the level on. */
static inline struct naive_walk naive_walk_from(struct ram *ram, struct naive_step from,
                                                unsigned top, uint64_t va, enum mmu_access access)
{
    struct naive_walk walk = {.page = {.writable = from.writable, .executable = from.executable}};
    bool user = from.user, present = true, reserved = false, forbidden = false;
    uint64_t *used[5], base = from.table;
    for (unsigned level = top; level >= 1; level--) {
        uint64_t index = va >> (12 + 9 * (level - 1)) & 511;
        uint64_t *entry = (uint64_t *)(void *)(ram->bytes + base + index * 8);
        used[walk.reads++] = entry;
        present = *entry & 1;
        reserved = present && naive_reserved(*entry, level);
        if (!present || reserved)
            break;
        walk.page.writable &= *entry >> 1 & 1;
        user &= *entry >> 2 & 1;
        walk.page.executable &= !(*entry >> 63);
        base = *entry & 0x000ffffffffff000;
        walk.page.shift = 12 + 9 * (level - 1);
        if (*entry >> 7 & 1)
            break;
        walk.steps[level] =
            (struct naive_step){base, walk.page.writable, user, walk.page.executable};
    }
    forbidden = !user || (access == MMU_STORE && !walk.page.writable) ||
                (access == MMU_FETCH && !walk.page.executable);
    if (!present || reserved || forbidden) {
        walk.error = 4 | (present ? 1 : 0) | (reserved ? 8 : 0) | (access == MMU_STORE ? 2 : 0) |
                     (access == MMU_FETCH ? 16 : 0);
        return walk;
    }
    for (unsigned i = 0; i < walk.reads; i++)
        *used[i] |= 0x20;
    if (access == MMU_STORE)
        *used[walk.reads - 1] |= 0x40;
    walk.page.dirty = *used[walk.reads - 1] >> 6 & 1;
    uint64_t len = (uint64_t)1 << walk.page.shift;
    walk.page.pa = base / len * len + va % len;
    return walk;
}

static inline struct naive_walk naive_walk(struct ram *ram, struct mmu_root root, uint64_t va,
                                           enum mmu_access access)
{
    struct naive_step from = {(uint64_t)root.table << 12, true, true, true};
    return naive_walk_from(ram, from, root.levels, va, access);
}

/* ---- replacement ---- */

enum { NAIVE_ENTRIES_MAX = 3072 };

struct naive_sets {
    unsigned entries, ways;
    enum tlb_policy policy;
    uint64_t seed, draws;
    uint64_t fills, filled[NAIVE_ENTRIES_MAX]; /* when: fills are numbered */
    bool right[4 * NAIVE_ENTRIES_MAX];         /* trees: where a node points; 4 * ways a set */
};

/* The same draws as the real thing, so the same function. */
static inline uint64_t naive_draw(struct naive_sets *sets)
{
    uint64_t x = sets->seed + 0x9e3779b97f4a7c15u * ++sets->draws;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* The nodes above the entry point away from it. */
static inline void naive_touch(struct naive_sets *sets, unsigned i)
{
    unsigned low = i / sets->ways * sets->ways, high = low + sets->ways;
    bool *right = sets->right + (size_t)4 * low;
    for (unsigned node = 1; high - low > 1;) {
        unsigned middle = low + (high - low + 1) / 2;
        right[node] = i < middle;
        node = 2 * node + (i >= middle);
        if (i < middle)
            high = middle;
        else
            low = middle;
    }
}

static inline unsigned naive_follow(struct naive_sets *sets, unsigned low)
{
    const bool *right = sets->right + (size_t)4 * low;
    unsigned high = low + sets->ways;
    for (unsigned node = 1; high - low > 1;) {
        unsigned middle = low + (high - low + 1) / 2;
        if (right[node])
            low = middle;
        else
            high = middle;
        node = 2 * node + right[node];
    }
    return low;
}

/* Whom of the set that begins at `first` a new entry displaces; all are valid, `used` has when each
 * was used last. */
static inline unsigned naive_displaced(struct naive_sets *sets, unsigned first,
                                       const uint64_t *used)
{
    unsigned oldest = 0, earliest = 0;
    for (unsigned i = 1; i < sets->ways; i++) {
        if (used[i] < used[oldest])
            oldest = i;
        if (sets->filled[first + i] < sets->filled[first + earliest])
            earliest = i;
    }
    switch (sets->policy) {
    case TLB_LRU:
        return first + oldest;
    case TLB_FIFO:
        return first + earliest;
    case TLB_TREE_PLRU:
        return naive_follow(sets, first);
    default:
        return first + (unsigned)(naive_draw(sets) % sets->ways);
    }
}

/* Where an entry of the set goes. */
static inline unsigned naive_place(struct naive_sets *sets, unsigned first, const bool *valid,
                                   const uint64_t *used)
{
    unsigned place = first;
    while (place < first + sets->ways && valid[place - first])
        place++;
    if (place == first + sets->ways)
        place = naive_displaced(sets, first, used);
    sets->filled[place] = ++sets->fills;
    naive_touch(sets, place);
    return place;
}

/* ---- the page-walk caches ---- */

enum { NAIVE_STEPS_MAX = 64 };

struct naive_cached {
    bool valid;
    uint64_t prefix; /* of addresses: all bits that choose entries down to this level */
    uint16_t asid;
    struct naive_step step;
    uint64_t used;
};

struct naive_cache {
    struct naive_sets sets;
    struct naive_cached entry[NAIVE_STEPS_MAX];
};

static inline uint64_t naive_prefix(unsigned level, uint64_t va)
{
    uint64_t len = (uint64_t)1 << (12 + 9 * (level - 1));
    return va / len;
}

static inline struct naive_cached *naive_find_step(struct naive_cache *cache, uint64_t prefix,
                                                   uint16_t asid)
{
    for (unsigned i = 0; i < cache->sets.entries; i++) {
        struct naive_cached *entry = &cache->entry[i];
        if (entry->valid && entry->prefix == prefix && entry->asid == asid)
            return entry;
    }
    return NULL;
}

static inline void naive_keep_step(struct naive_cache *cache, struct naive_cached new)
{
    bool valid[NAIVE_STEPS_MAX];
    uint64_t used[NAIVE_STEPS_MAX];
    unsigned ways = cache->sets.ways;
    if (cache->sets.entries == 0)
        return;
    unsigned first = (unsigned)(new.prefix % (cache->sets.entries / ways)) * ways;
    for (unsigned i = 0; i < ways; i++) {
        valid[i] = cache->entry[first + i].valid;
        used[i] = cache->entry[first + i].used;
    }
    cache->entry[naive_place(&cache->sets, first, valid, used)] = new;
}

/* ---- the levels ---- */

struct naive_entry {
    bool valid;
    uint64_t va;    /* first address */
    unsigned shift; /* 12, 21 or 30: how much it translates */
    uint16_t asid;
    struct naive_page page; /* the page it belongs to, which may be larger: pa of its first byte */
    uint64_t used;          /* clock of the last use */
};

struct naive_array {
    struct naive_sets sets;
    struct naive_entry entry[NAIVE_ENTRIES_MAX];
};

struct naive_level {
    struct naive_array array[TLB_SIZES]; /* shared entries; those for 2 MiB only; for 1 GiB only */
    unsigned home[TLB_SIZES];            /* which array has entries of a size */
    enum tlb_size piece[TLB_SIZES];      /* size of the entries that a page of a size comes in */
};

struct naive {
    struct ram *ram;
    struct mmu_root root;
    uint64_t clock;
    struct naive_level level[TLB_KINDS];
    struct naive_cache cache[6]; /* by level of the cached entries */
    bool inclusive, untagged;
    struct counters counters;
    uint64_t evicted; /* newest last use of what the last lookup took from its first level, or 0 */
};

/* ---- what a specification says ---- */

static inline void naive_shape(struct naive_sets *sets, const struct tlb_spec *spec,
                               struct tlb_geometry geometry, unsigned number)
{
    sets->entries = geometry.entries;
    sets->ways = geometry.ways;
    sets->policy = geometry.policy;
    sets->seed = spec->seed + ((uint64_t)number << 32);
}

static inline void naive_configure(struct naive *naive, const struct tlb_spec *spec)
{
    naive->clock = 1;
    naive->inclusive = spec->inclusive;
    naive->untagged = spec->untagged;
    for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
        struct naive_level *level = &naive->level[kind];
        naive_shape(&level->array[0].sets, spec, spec->level[kind], kind);
        for (unsigned size = 1; size < 3; size++) {
            bool has_own = spec->own[kind][size].entries > 0;
            naive_shape(&level->array[size].sets, spec, spec->own[kind][size],
                        TLB_KINDS * size + kind);
            level->home[size] = has_own ? size : 0;
            level->piece[size] =
                spec->split[kind][size] ? level->piece[size - 1] : (enum tlb_size)size;
        }
    }
    for (unsigned level = 2; level <= 5; level++)
        naive_shape(&naive->cache[level].sets, spec, spec->pwc[level], 3 * TLB_KINDS + level - 2);
}

/* Whether there is room for it in a struct naive. */
static inline bool naive_fits(const struct tlb_spec *spec)
{
    for (unsigned kind = 0; kind < TLB_KINDS; kind++) {
        if (spec->level[kind].entries > NAIVE_ENTRIES_MAX ||
            spec->own[kind][1].entries > NAIVE_ENTRIES_MAX ||
            spec->own[kind][2].entries > NAIVE_ENTRIES_MAX)
            return false;
    }
    for (unsigned level = 2; level <= 5; level++) {
        if (spec->pwc[level].entries > NAIVE_STEPS_MAX)
            return false;
    }
    return true;
}

/* ---- finding and filling ---- */

static inline struct naive_entry *naive_find(struct naive_level *level, uint64_t va, uint16_t asid)
{
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < level->array[k].sets.entries; i++) {
            struct naive_entry *entry = &level->array[k].entry[i];
            if (entry->valid && entry->va >> entry->shift == va >> entry->shift &&
                entry->asid == asid)
                return entry;
        }
    }
    return NULL;
}

static inline struct naive_array *naive_array_of(struct naive_level *level,
                                                 const struct naive_entry *entry)
{
    for (unsigned k = 0; k < 3; k++) {
        struct naive_array *array = &level->array[k];
        if (entry >= array->entry && entry < array->entry + array->sets.entries)
            return array;
    }
    return NULL;
}

/* The set of an entry is its number in units of its size, as far as the widest canonical addresses
 * have one, modulo the number of sets. Result: what had to go. */
static inline struct naive_entry naive_fill(struct naive *naive, struct naive_level *level,
                                            uint64_t va, struct naive_page page)
{
    bool valid[NAIVE_ENTRIES_MAX];
    uint64_t used[NAIVE_ENTRIES_MAX];
    enum tlb_size size = level->piece[(page.shift - 12) / 9];
    struct naive_array *array = &level->array[level->home[size]];
    unsigned shift = 12 + 9 * size, ways = array->sets.ways, sets = array->sets.entries / ways;
    unsigned first = (unsigned)((va >> shift & (((uint64_t)1 << 45) - 1)) % sets) * ways;
    for (unsigned i = 0; i < ways; i++) {
        valid[i] = array->entry[first + i].valid;
        used[i] = array->entry[first + i].used;
    }
    struct naive_entry *entry = &array->entry[naive_place(&array->sets, first, valid, used)];
    struct naive_entry gone = *entry;
    *entry = (struct naive_entry){true, va >> shift << shift, shift, naive->root.asid,
                                  page, naive->clock};
    return gone;
}

static inline void naive_use(struct naive *naive, struct naive_level *level,
                             struct naive_entry *entry)
{
    struct naive_array *array = naive_array_of(level, entry);
    entry->used = naive->clock;
    naive_touch(&array->sets, (unsigned)(entry - array->entry));
}

static inline void naive_note_gone(struct naive *naive, struct naive_entry gone)
{
    if (gone.valid && gone.used > naive->evicted)
        naive->evicted = gone.used;
}

/* Of an array of a first level. */
static inline void naive_drag_from(struct naive *naive, struct naive_array *array,
                                   struct naive_entry gone, bool noted)
{
    for (unsigned i = 0; i < array->sets.entries; i++) {
        struct naive_entry *entry = &array->entry[i];
        unsigned shift = entry->shift > gone.shift ? entry->shift : gone.shift;
        if (!entry->valid || entry->asid != gone.asid || entry->va >> shift != gone.va >> shift)
            continue;
        if (noted)
            naive_note_gone(naive, *entry);
        entry->valid = false;
    }
}

/* What left the second level takes with it what the first levels have of the same addresses. */
static inline void naive_drag_out(struct naive *naive, struct naive_entry gone, bool fetch)
{
    bool is_unified = naive->level[TLB_L2I].array[0].sets.entries == 0;
    for (unsigned kind = TLB_L1D; kind <= TLB_L1I; kind++) {
        bool is_filled = (kind == TLB_L1I) == fetch;
        for (unsigned size = 0; size < TLB_SIZES && (is_unified || is_filled); size++)
            naive_drag_from(naive, &naive->level[kind].array[size], gone, is_filled);
    }
}

static inline void naive_forget_steps(struct naive *naive, int asid) /* -1: all */
{
    for (unsigned level = 2; level <= 5; level++) {
        for (unsigned i = 0; i < naive->cache[level].sets.entries; i++) {
            if (asid < 0 || naive->cache[level].entry[i].asid == asid)
                naive->cache[level].entry[i].valid = false;
        }
    }
}

/* The page's entries in an array. */
static inline void naive_forget_in(struct naive_array *array, uint16_t asid, uint64_t va)
{
    for (unsigned i = 0; i < array->sets.entries; i++) {
        struct naive_entry *entry = &array->entry[i];
        if (entry->valid && entry->asid == asid &&
            entry->va >> entry->page.shift == va >> entry->page.shift)
            entry->valid = false;
    }
}

/* The page's entries in the levels; those of the walk caches stay. */
static inline void naive_forget_page(struct naive *naive, uint16_t asid, uint64_t va)
{
    for (unsigned k = 0; k < 3 * TLB_KINDS; k++)
        naive_forget_in(&naive->level[k / 3].array[k % 3], asid, va);
}

static inline void naive_flush_page(struct naive *naive, uint16_t asid, uint64_t va)
{
    naive_forget_page(naive, asid, va);
    naive_forget_steps(naive, asid);
}

static inline void naive_flush(struct naive *naive, int asid) /* -1: all */
{
    naive_forget_steps(naive, asid);
    for (unsigned k = 0; k < 3 * TLB_KINDS; k++) {
        struct naive_array *array = &naive->level[k / 3].array[k % 3];
        for (unsigned i = 0; i < array->sets.entries; i++) {
            if (asid < 0 || array->entry[i].asid == asid)
                array->entry[i].valid = false;
        }
    }
}

/* ---- what an operating system asks for ---- */

static inline void naive_invalidate_page(struct naive *naive, uint16_t asid, uint64_t va)
{
    if (naive->untagged && asid != naive->root.asid)
        return;
    naive_flush_page(naive, asid, va);
    naive->counters.tlb_flushes++;
    naive->counters.tlb_flushes_page++;
}

static inline void naive_invalidate_space(struct naive *naive, uint16_t asid)
{
    if (naive->untagged && asid != naive->root.asid)
        return;
    naive_flush(naive, asid);
    naive->counters.tlb_flushes++;
    naive->counters.tlb_flushes_space++;
}

static inline void naive_invalidate_all(struct naive *naive)
{
    naive_flush(naive, -1);
    naive->counters.tlb_flushes++;
    naive->counters.tlb_flushes_all++;
}

static inline void naive_switch(struct naive *naive, struct mmu_root root)
{
    bool is_other = root.table != naive->root.table || root.asid != naive->root.asid ||
                    root.levels != naive->root.levels;
    if (is_other && naive->untagged && naive->root.levels) /* a space may have no table yet */
        naive_invalidate_all(naive);
    naive->root = root;
}

static inline bool naive_allows(struct naive_page page, enum mmu_access access)
{
    return access == MMU_STORE ? page.writable && page.dirty
                               : access != MMU_FETCH || page.executable;
}

static inline void naive_fault(struct naive *naive, uint64_t va)
{
    naive_forget_page(naive, naive->root.asid, va);
    for (unsigned level = 2; level <= 5; level++) {
        struct naive_cached *entry =
            naive_find_step(&naive->cache[level], naive_prefix(level, va), naive->root.asid);
        if (entry)
            entry->valid = false;
    }
}

/* A walk that begins at the deepest table that is cached, and caches what it reads. */
static inline struct naive_walk naive_walk_cached(struct naive *naive, uint64_t va,
                                                  enum mmu_access access)
{
    uint64_t *hits[] = {[2] = &naive->counters.pwc_pd_hits,
                        [3] = &naive->counters.pwc_pdpt_hits,
                        [4] = &naive->counters.pwc_pml4_hits,
                        [5] = &naive->counters.pwc_pml5_hits};
    struct naive_step from = {(uint64_t)naive->root.table << 12, true, true, true};
    unsigned top = naive->root.levels;
    for (unsigned level = 2; level <= naive->root.levels; level++) {
        struct naive_cached *entry =
            naive_find_step(&naive->cache[level], naive_prefix(level, va), naive->root.asid);
        if (entry) {
            entry->used = naive->clock;
            naive_touch(&naive->cache[level].sets, (unsigned)(entry - naive->cache[level].entry));
            from = entry->step;
            top = level - 1;
            ++*hits[level];
            break;
        }
    }
    struct naive_walk walk = naive_walk_from(naive->ram, from, top, va, access);
    for (unsigned level = top; !walk.error && level > top + 1 - walk.reads; level--)
        naive_keep_step(&naive->cache[level],
                        (struct naive_cached){true, naive_prefix(level, va), naive->root.asid,
                                              walk.steps[level], naive->clock});
    return walk;
}

static inline bool naive_walks(struct naive *naive, uint64_t va, enum mmu_access access,
                               struct naive_page *page, uint32_t *error)
{
    struct naive_walk walk = naive_walk_cached(naive, va, access);
    naive->counters.walks++;
    naive->counters.walk_reads += walk.reads;
    *error = walk.error;
    if (walk.error) {
        naive_fault(naive, va);
        return false;
    }
    *page = walk.page;
    page->pa -= va % ((uint64_t)1 << page->shift);
    return true;
}

static inline struct naive_level *naive_l2(struct naive *naive, enum mmu_access access)
{
    struct naive_level *l2i = &naive->level[TLB_L2I];
    return access == MMU_FETCH && l2i->array[0].sets.entries ? l2i : &naive->level[TLB_L2];
}

/* The first level has no entry. */
static inline bool naive_second(struct naive *naive, uint64_t va, enum mmu_access access,
                                struct naive_page *page, uint32_t *error)
{
    struct naive_level *l2 = naive_l2(naive, access);
    if (l2->array[0].sets.entries == 0)
        return naive_walks(naive, va, access, page, error);
    struct naive_entry *entry = naive_find(l2, va, naive->root.asid);
    if (entry) {
        naive->counters.tlb_l2_hits++;
        naive_use(naive, l2, entry);
        if (!naive_allows(entry->page, access) &&
            !naive_walks(naive, va, access, &entry->page, error))
            return false;
        *page = entry->page;
        return true;
    }
    naive->counters.tlb_l2_misses++;
    if (!naive_walks(naive, va, access, page, error))
        return false;
    struct naive_entry gone = naive_fill(naive, l2, va, *page);
    if (gone.valid && naive->inclusive)
        naive_drag_out(naive, gone, access == MMU_FETCH);
    return true;
}

/* One lookup. Result: the physical address of the byte, or 0 and *error. */
static inline uint64_t naive_lookup(struct naive *naive, uint64_t va, enum mmu_access access,
                                    uint32_t *error)
{
    bool fetch = access == MMU_FETCH;
    struct naive_level *l1 = &naive->level[fetch ? TLB_L1I : TLB_L1D];
    struct naive_entry *entry = naive_find(l1, va, naive->root.asid);
    struct naive_page page;
    naive->clock++;
    naive->evicted = 0;
    *error = 0;
    if (entry) {
        (*(fetch ? &naive->counters.tlb_l1i_hits : &naive->counters.tlb_l1d_hits))++;
        if (!naive_allows(entry->page, access)) {
            if (!naive_walks(naive, va, access, &page, error))
                return 0;
            entry->page = page;
            struct naive_entry *copy = naive_find(naive_l2(naive, access), va, naive->root.asid);
            if (copy)
                copy->page = page;
        }
        naive_use(naive, l1, entry);
        page = entry->page;
    } else {
        (*(fetch ? &naive->counters.tlb_l1i_misses : &naive->counters.tlb_l1d_misses))++;
        if (!naive_second(naive, va, access, &page, error))
            return 0;
        naive_note_gone(naive, naive_fill(naive, l1, va, page));
    }
    return page.pa + va % ((uint64_t)1 << page.shift);
}

#endif
