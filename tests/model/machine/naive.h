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
    unsigned entries, ways;
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
    for (unsigned i = 0; i < cache->entries; i++) {
        struct naive_cached *entry = &cache->entry[i];
        if (entry->valid && entry->prefix == prefix && entry->asid == asid)
            return entry;
    }
    return NULL;
}

static inline void naive_keep_step(struct naive_cache *cache, struct naive_cached new)
{
    if (cache->entries == 0)
        return;
    unsigned first = (unsigned)(new.prefix % (cache->entries / cache->ways)) * cache->ways;
    struct naive_cached *oldest = NULL;
    for (unsigned i = first; i < first + cache->ways; i++) {
        struct naive_cached *entry = &cache->entry[i];
        if (!oldest || !entry->valid || (oldest->valid && entry->used < oldest->used))
            oldest = entry;
    }
    *oldest = new;
}

/* ---- the levels ---- */

enum { NAIVE_ENTRIES_MAX = 2048 };

struct naive_entry {
    bool valid;
    uint64_t va; /* of the 4 KiB page */
    uint16_t asid;
    struct naive_page page; /* pa of the 4 KiB page's frame */
    uint64_t used;          /* clock of the last use */
};

struct naive_level {
    unsigned entries, ways;
    struct naive_entry entry[NAIVE_ENTRIES_MAX];
};

struct naive {
    struct ram *ram;
    struct mmu_root root;
    uint64_t clock;
    struct naive_level level[3]; /* by enum tlb_level_kind */
    struct naive_cache cache[6]; /* by level of the cached entries */
    struct counters counters;
    uint64_t evicted; /* last use of what the last lookup evicted from the first level, or 0 */
};

static inline struct naive_entry *naive_find(struct naive_level *level, uint64_t va, uint16_t asid)
{
    for (unsigned i = 0; i < level->entries; i++) {
        struct naive_entry *entry = &level->entry[i];
        if (entry->valid && entry->va == va / PAGE_SIZE * PAGE_SIZE && entry->asid == asid)
            return entry;
    }
    return NULL;
}

/* The set of a page is its number, as far as the widest canonical addresses have one, modulo the
 * number of sets. Result: the last use of what had to go. */
static inline uint64_t naive_fill(struct naive_level *level, struct naive_entry new)
{
    unsigned sets = level->entries / level->ways;
    unsigned set = (unsigned)((new.va >> 12 & (((uint64_t)1 << 45) - 1)) % sets);
    struct naive_entry *oldest = &level->entry[set * level->ways];
    for (unsigned i = set * level->ways; i < (set + 1) * level->ways; i++) {
        struct naive_entry *entry = &level->entry[i];
        if (!entry->valid) {
            *entry = new;
            return 0;
        }
        if (entry->used < oldest->used)
            oldest = entry;
    }
    uint64_t gone = oldest->used;
    *oldest = new;
    return gone;
}

static inline void naive_forget_steps(struct naive *naive, int asid) /* -1: all */
{
    for (unsigned level = 2; level <= 5; level++) {
        for (unsigned i = 0; i < naive->cache[level].entries; i++) {
            if (asid < 0 || naive->cache[level].entry[i].asid == asid)
                naive->cache[level].entry[i].valid = false;
        }
    }
}

/* The page's entries in the levels; those of the walk caches stay. */
static inline void naive_forget_page(struct naive *naive, uint16_t asid, uint64_t va)
{
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < naive->level[k].entries; i++) {
            struct naive_entry *entry = &naive->level[k].entry[i];
            if (entry->valid && entry->asid == asid &&
                entry->va >> entry->page.shift == va >> entry->page.shift)
                entry->valid = false;
        }
    }
}

static inline void naive_flush_page(struct naive *naive, uint16_t asid, uint64_t va)
{
    naive_forget_page(naive, asid, va);
    naive_forget_steps(naive, asid);
}

static inline void naive_flush(struct naive *naive, int asid) /* -1: all */
{
    naive_forget_steps(naive, asid);
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned i = 0; i < naive->level[k].entries; i++) {
            if (asid < 0 || naive->level[k].entry[i].asid == asid)
                naive->level[k].entry[i].valid = false;
        }
    }
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
    page->pa = page->pa / PAGE_SIZE * PAGE_SIZE;
    return true;
}

/* The first level has no entry. */
static inline bool naive_second(struct naive *naive, uint64_t va, enum mmu_access access,
                                struct naive_page *page, uint32_t *error)
{
    struct naive_level *l2 = &naive->level[TLB_L2];
    if (l2->entries == 0)
        return naive_walks(naive, va, access, page, error);
    struct naive_entry *entry = naive_find(l2, va, naive->root.asid);
    if (entry) {
        naive->counters.tlb_l2_hits++;
        entry->used = naive->clock;
        if (!naive_allows(entry->page, access) &&
            !naive_walks(naive, va, access, &entry->page, error))
            return false;
        *page = entry->page;
        return true;
    }
    naive->counters.tlb_l2_misses++;
    if (!naive_walks(naive, va, access, page, error))
        return false;
    naive_fill(l2, (struct naive_entry){true, va / PAGE_SIZE * PAGE_SIZE, naive->root.asid, *page,
                                        naive->clock});
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
            struct naive_entry *copy = naive_find(&naive->level[TLB_L2], va, naive->root.asid);
            if (copy)
                copy->page = page;
        }
        entry->used = naive->clock;
        return entry->page.pa + va % PAGE_SIZE;
    }
    (*(fetch ? &naive->counters.tlb_l1i_misses : &naive->counters.tlb_l1d_misses))++;
    if (!naive_second(naive, va, access, &page, error))
        return 0;
    naive->evicted = naive_fill(l1, (struct naive_entry){true, va / PAGE_SIZE * PAGE_SIZE,
                                                         naive->root.asid, page, naive->clock});
    return page.pa + va % PAGE_SIZE;
}

#endif
