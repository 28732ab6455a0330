// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the files of a replay share: for replay*.c only.
 *
 * A page of the trace is a thing (base/alias.h) whose names are the places, space and address, at
 * which it is mapped or may be: one of a process alone has one name, one that processes share has
 * several. Its RAM is a frame of the policy's, numbered from 1 on.
 *
 *   pfn   0   frames << unit_shift      first_table ..          first_large ..
 *         -   pages, each 4 KiB (unit   page tables, given      one for each 4 KiB of a large leaf,
 *             shift 0) or what the      back when empty         which says in which frame that is
 *             options say
 *
 * Invariants: Y1  a frame below `fresh` that is not on the free list holds a page and is in the
 *                 policy; the page's own word names the frame, 0: it is evicted
 *             Y2  a name's entry is present and maps its page's frame, or, if it is part of a large
 *                 leaf, is that leaf; no other leaf is present
 */
#ifndef KERNEL_REPLAY_PARTS_H
#define KERNEL_REPLAY_PARTS_H

#include "base/alias.h"
#include "kernel/replay.h"
#include "machine/pte.h"

enum { REPLAY_SPACES = 1 << 16, REPLAY_NAME_BITS = 47 };
#define REPLAY_NO_PAGE TLB_TAG_NONE

/* Of a name: its entry comes back with the page; a store to it is a page fault. */
enum replay_flags { REPLAY_MAPPED = 1, REPLAY_READ_ONLY = 2 };

/* What a frame holds. */
struct tenant {
    uint64_t used;    /* clock of the last use */
    uint64_t cleared; /* clock at which the policy last cleared its accessed bit */
    uint64_t next_use;
    uint32_t thing;  /* 0: nothing */
    pfn_t next_free; /* if so */
};

struct replay {
    uint64_t clock; /* counts references */
    struct tenant *tenants;
    struct tlb *tlb;
    struct ram *ram;
    uint64_t tlb_clock;
    uint64_t code_page; /* the one that is executed, REPLAY_NO_PAGE: none or it was evicted */
    pfn_t code_frame;
    struct mmu_root root;
    unsigned unit_shift, unit_level; /* 4 KiB in a page, as a power of 2; level of its leaf */
    pfn_t first_table, first_large;
    uint64_t nframes;
    uint64_t nresident, most_resident;
    uint64_t most_pages;       /* that existed at once, here or evicted */
    pfn_t fresh, free_head;    /* frames from `fresh` on were never used */
    uint64_t lookups, fetches; /* of data and code pages, those that faulted not included */
    bool is_told;              /* as in the options: is_told_of_flushes */
    pfn_t *roots;              /* by space */
    struct alias pages;        /* names: space, and number of the page */
    struct hashmap read_only;  /* names of pages that are to be so, but do not exist yet */
    uint64_t ntables, most_tables;
    pfn_t fresh_table, free_table; /* as of frames; a free one's first word names the next */
    uint16_t *entries;             /* present in each table, from first_table on */
    struct policy policy;
    struct counters counters;
    struct counters *now; /* points to `counters`: what the TLB wants */
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    pfn_t ifront_frame[TLB_IFRONT_SLOTS];
};

static inline unsigned replay_page_shift(const struct replay *replay)
{
    return PAGE_SHIFT + replay->unit_shift;
}

static inline uint64_t replay_name(const struct replay *replay, uint16_t space, vaddr_t va)
{
    uint64_t page = va.v >> replay_page_shift(replay);
    return (uint64_t)space << REPLAY_NAME_BITS | (page & (((uint64_t)1 << REPLAY_NAME_BITS) - 1));
}

/* ---- replay_tables.c ---- */

/* The entry of a level for the address, its tables made if need be; NULL: there is no room. */
uint64_t *replay_entry_make(struct replay *replay, uint16_t space, vaddr_t va, unsigned level);
/* Root of a space's tables; PFN_NONE: there is no room. */
pfn_t replay_root(struct replay *replay, uint16_t space);
void replay_entry_set(struct replay *replay, uint64_t *entry, uint64_t pte);
/* The entry is taken out, and tables that are empty then are given back. */
void replay_entry_clear(struct replay *replay, uint16_t space, vaddr_t va, uint64_t *entry);

/* ---- replay_pages.c ---- */

vaddr_t replay_name_va(const struct replay *replay, uint64_t name);
uint16_t replay_name_space(uint64_t name);
/* The page's frame, brought in if need be, with all its entries that come back. Result: its frame;
 * PFN_NONE: no room for page tables, and nothing has changed. */
pfn_t replay_bring_in(struct replay *replay, uint32_t number, uint64_t next_use);
/* The name of a new page, or of one that is known by its identity (0: none). */
uint32_t replay_name_page(struct replay *replay, uint64_t name, uint64_t identity);
/* The name ends, and its page if it was the last. */
void replay_forget(struct replay *replay, uint32_t number);
/* Drops what the TLB holds of a page, uncounted. */
void replay_tlb_forget(struct replay *replay, uint16_t space, vaddr_t va);
/* May the page be stored to from now on without a fault? */
void replay_set_read_only(struct replay *replay, uint32_t number, bool is_read_only);

#endif
