// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One reference: the TLB's front array, as translated code checks it; if that fails the TLB; if
 * that faults, the page is given a frame, for which the policy may have to name a victim, and the
 * lookup is made again.
 *
 *   pfn   0    1 .. nframes           nframes + 1 ..
 *         -    pages of the trace     page tables, taken in order and never given back
 *
 * What a run's page tables and TLB went through beyond that comes as events: flushes, and pages
 * that become read-only, so that the next store to them faults although they are there.
 *
 * Invariants: Y1  frames 1 .. fresh - 1 that are not on the free list hold a page each, are in the
 *                 policy, and their entry maps them; no other entry is present
 */
#include "kernel/replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/hashmap.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "machine/pte.h"

enum { SPACES = 1 << 16 };
#define TABLES_MAX ((uint64_t)1 << 24) /* 64 GiB of page tables: 2^33 pages at best */
#define NO_PAGE TLB_TAG_NONE
/* In an entry: its page was evicted; it may not be stored to without a fault. */
#define WAS_EVICTED PTE_SW0
#define IS_READ_ONLY PTE_SW1

/* What a frame holds. */
struct tenant {
    uint64_t used;    /* clock of the last use */
    uint64_t cleared; /* clock at which the policy last cleared its accessed bit */
    uint64_t next_use;
    uint64_t *entry;
    vaddr_t page;
    uint16_t space;
    pfn_t next_free; /* if it holds nothing */
};

struct replay {
    uint64_t clock; /* counts references */
    struct tenant *tenants;
    struct tlb *tlb;
    struct ram *ram;
    uint64_t tlb_clock;
    uint64_t code_page; /* the one that is executed, NO_PAGE: none or it was evicted */
    pfn_t code_pfn;
    struct mmu_root root;
    uint64_t nframes, ntables;
    uint64_t nresident, most_resident;
    uint64_t npages, most_pages; /* that exist, here or evicted */
    pfn_t fresh, free_head;      /* frames from `fresh` on were never used */
    uint64_t lookups, fetches;   /* of data and code pages, those that faulted not included */
    bool is_told;                /* as in the options: is_told_of_flushes */
    pfn_t *roots;                /* by space */
    struct hashmap read_only;    /* identities of pages that are to be so, but have no tables yet */
    struct policy policy;
    struct counters counters;
    struct counters *now; /* points to `counters`: what the TLB wants */
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    pfn_t ifront_pfn[TLB_IFRONT_SLOTS];
};

/* ---- what the policy may ask ---- */

static bool env_test_clear_accessed(void *ctx, pfn_t pfn)
{
    struct replay *replay = ctx;
    struct tenant *tenant = &replay->tenants[pfn];
    bool used = tenant->used > tenant->cleared;
    tenant->cleared = replay->clock;
    return used;
}

static uint64_t env_last_access(void *ctx, pfn_t pfn)
{
    const struct replay *replay = ctx;
    return replay->tenants[pfn].used;
}

static uint64_t env_next_use(void *ctx, pfn_t pfn)
{
    const struct replay *replay = ctx;
    return replay->tenants[pfn].next_use;
}

static bool env_is_dirty(void *ctx, pfn_t pfn)
{
    const struct replay *replay = ctx;
    return *replay->tenants[pfn].entry & PTE_D;
}

/* ---- making and unmaking ---- */

static size_t tenants_len(const struct replay *replay)
{
    return (replay->nframes + 1) * sizeof(*replay->tenants);
}

static int create_policy(struct replay *replay, const struct replay_options *options)
{
    struct policy_env env = {
        .ctx = replay,
        .nframes = replay->nframes + 1,
        .seed = options->seed,
        .test_clear_accessed = env_test_clear_accessed,
        .last_access = env_last_access,
        .next_use = env_next_use,
        .is_dirty = env_is_dirty,
    };
    return policy_create(options->policy, &env, &replay->policy);
}

static uint64_t ram_frames(uint64_t nframes)
{
    uint64_t most = nframes + 1 + TABLES_MAX;
    return most < RAM_FRAMES_MAX ? most : RAM_FRAMES_MAX;
}

static int create_parts(struct replay *replay, const struct replay_options *options)
{
    replay->tenants = lazy_create(tenants_len(replay));
    replay->roots = lazy_create(SPACES * sizeof(*replay->roots));
    if (!replay->tenants || !replay->roots)
        return -ENOMEM;
    int error = ram_create(ram_frames(replay->nframes), &replay->ram);
    if (!error)
        error = tlb_create(&options->tlb, replay->ram, replay->front, replay->ifront, &replay->now,
                           &replay->tlb);
    return error ? error : create_policy(replay, options);
}

int replay_create(const struct replay_options *options, struct replay **out)
{
    if (options->nframes < 1 || options->nframes > REPLAY_FRAMES_MAX)
        return -EINVAL;
    struct replay *replay = x_calloc(1, sizeof(*replay));
    replay->nframes = options->nframes;
    replay->is_told = options->is_told_of_flushes;
    replay->now = &replay->counters;
    replay->code_page = NO_PAGE;
    replay->fresh = 1;
    hashmap_create(&replay->read_only);
    int error = create_parts(replay, options);
    if (error) {
        replay_destroy(replay);
        return error;
    }
    tlb_set_clock(replay->tlb, &replay->tlb_clock);
    *out = replay;
    return 0;
}

void replay_destroy(struct replay *replay)
{
    if (!replay)
        return;
    if (replay->policy.ops)
        policy_destroy(&replay->policy);
    hashmap_destroy(&replay->read_only);
    tlb_destroy(replay->tlb);
    ram_destroy(replay->ram);
    lazy_destroy(replay->tenants, tenants_len(replay));
    lazy_destroy(replay->roots, SPACES * sizeof(*replay->roots));
    free(replay);
}

/* ---- page tables ---- */

static pfn_t take_table(struct replay *replay)
{
    uint64_t pfn = replay->nframes + 1 + replay->ntables;
    if (pfn >= replay->ram->nframes)
        return PFN_NONE;
    replay->ntables++;
    return (pfn_t)pfn;
}

static bool enter_space(struct replay *replay, uint16_t space)
{
    pfn_t *root = &replay->roots[space];
    if (*root == PFN_NONE)
        *root = take_table(replay);
    if (*root == PFN_NONE)
        return false;
    replay->root = (struct mmu_root){.table = *root, .levels = PTE_LEVELS_4, .asid = space};
    replay->code_page = NO_PAGE;
    tlb_switch(replay->tlb, replay->root);
    return true;
}

/* The last-level entry of an address in the current space, its tables made if need be; NULL: there
 * is no room for them. */
static uint64_t *entry_of(struct replay *replay, vaddr_t va)
{
    uint64_t *entry = NULL;
    pfn_t table = replay->root.table;
    for (unsigned level = replay->root.levels;; level--) {
        entry = (uint64_t *)(void *)ram_frame(replay->ram, table) + pte_index(va, level);
        if (level == PTE_LEVEL_4K)
            return entry;
        if (!pte_is_present(*entry)) {
            table = take_table(replay);
            if (table == PFN_NONE)
                return NULL;
            *entry = pte_make(table, PTE_P | PTE_W | PTE_U);
        }
        table = pte_pfn(*entry);
    }
}

/* ---- faults ---- */

/* Result: the frame that is free now. */
static pfn_t evict(struct replay *replay)
{
    pfn_t pfn = policy_victim(&replay->policy);
    policy_remove(&replay->policy, pfn, POLICY_EVICTED);
    struct tenant *tenant = &replay->tenants[pfn];
    if (*tenant->entry & PTE_D)
        replay->counters.pages_out++;
    replay->counters.reclaims++;
    *tenant->entry = WAS_EVICTED | (*tenant->entry & IS_READ_ONLY);
    tlb_flush_page(replay->tlb, tenant->space, tenant->page);
    if (pfn == replay->code_pfn)
        replay->code_page = NO_PAGE;
    return pfn;
}

static void count_fault(struct replay *replay, bool is_major)
{
    replay->counters.faults++;
    if (is_major) {
        replay->counters.faults_major++;
        replay->counters.pages_in++;
    } else {
        replay->counters.faults_minor++;
        if (++replay->npages > replay->most_pages)
            replay->most_pages = replay->npages;
    }
}

/* A frame that holds nothing, or no longer. */
static pfn_t take_frame(struct replay *replay)
{
    pfn_t pfn = replay->free_head;
    if (replay->nresident == replay->nframes)
        return evict(replay);
    if (++replay->nresident > replay->most_resident)
        replay->most_resident = replay->nresident;
    if (pfn == PFN_NONE)
        return replay->fresh++;
    replay->free_head = replay->tenants[pfn].next_free;
    return pfn;
}

static uint64_t page_identity(uint16_t space, vaddr_t va)
{
    const unsigned page_bits = 47; /* a page number of 36 bits, and its sign */
    return (uint64_t)space << page_bits | (vaddr_vpn(va) & (((uint64_t)1 << page_bits) - 1));
}

/* The page is there, but was read-only. Such a fault depends on no RAM size or policy: it is
 * counted apart. */
static void allow_stores(struct replay *replay, uint64_t *entry)
{
    replay->counters.faults_cow++;
    *entry = (*entry | PTE_W) & ~IS_READ_ONLY;
}

/* What the processor asks for: the right to store, of a load whose instruction will. */
static enum mmu_access lookup_of(const struct replay_ref *ref)
{
    return ref->updates ? MMU_STORE : ref->access;
}

/* Whether it was said of a page that had no tables. */
static bool begins_read_only(struct replay *replay, const struct replay_ref *ref)
{
    return replay->read_only.count > 0 &&
           hashmap_remove(&replay->read_only, page_identity(ref->space, ref->va));
}

static bool fault(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t *entry = entry_of(replay, ref->va);
    if (!entry)
        return false;
    if (pte_is_present(*entry)) {
        allow_stores(replay, entry);
        return true;
    }
    count_fault(replay, *entry & WAS_EVICTED);
    bool is_read_only = (*entry & IS_READ_ONLY) | begins_read_only(replay, ref);
    bool stays = is_read_only && lookup_of(ref) != MMU_STORE;
    pfn_t pfn = take_frame(replay);
    *entry = pte_make(pfn, PTE_P | PTE_U | (stays ? IS_READ_ONLY : PTE_W));
    replay->tenants[pfn] = (struct tenant){.used = replay->clock,
                                           .next_use = ref->next_use,
                                           .entry = entry,
                                           .page = vaddr_page(ref->va),
                                           .space = ref->space};
    policy_insert(&replay->policy, pfn, page_identity(ref->space, ref->va));
    return true;
}

/* ---- references ---- */

static void used(struct replay *replay, pfn_t pfn, const struct replay_ref *ref)
{
    struct tenant *tenant = &replay->tenants[pfn];
    tenant->used = replay->clock;
    if (replay->policy.ops->needs_future) {
        tenant->next_use = ref->next_use;
        policy_use(&replay->policy, pfn);
    }
}

/* After a page fault the instruction is executed again, from its fetch on; if the trace has
 * fetches. */
static void fetch_again(struct replay *replay)
{
    if (replay->fetches == 0)
        return;
    replay->fetches++;
    replay->code_page = NO_PAGE;
}

/* The front array has failed. Result: the frame, or PFN_NONE: no room. */
static pfn_t look_up_data(struct replay *replay, const struct replay_ref *ref)
{
    struct tlb_hit hit;
    while (!tlb_data(replay->tlb, ref->va, lookup_of(ref), &hit)) {
        if (!fault(replay, ref))
            return PFN_NONE;
        fetch_again(replay);
    }
    if (ref->count > 1)
        tlb_data_again(replay->tlb, ref->va, ref->count - 1);
    return hit.pfn;
}

static pfn_t use_data(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t page = vaddr_page(ref->va).v;
    struct tlb_front *slot = &replay->front[tlb_front_slot(ref->va)];
    if ((lookup_of(ref) == MMU_STORE ? slot->wtag : slot->rtag) != page)
        return look_up_data(replay, ref);
    replay->tlb_clock += ref->count;
    slot->stamp = replay->tlb_clock;
    return (pfn_t)((slot->addend + page - (uint64_t)(uintptr_t)replay->ram->bytes) >> PAGE_SHIFT);
}

static pfn_t look_up_code(struct replay *replay, const struct replay_ref *ref)
{
    unsigned slot = tlb_front_slot(ref->va);
    struct tlb_hit hit;
    while (!tlb_fetch(replay->tlb, ref->va, &hit)) {
        if (!fault(replay, ref))
            return PFN_NONE;
        replay->fetches += ref->rest; /* the first page is fetched from again */
    }
    replay->ifront[slot].tag = vaddr_page(ref->va).v;
    return replay->ifront_pfn[slot] = hit.pfn;
}

/* A copy by the kernel, which walks the tables itself. */
static pfn_t use_by_kernel(struct replay *replay, const struct replay_ref *ref)
{
    struct mmu_leaf leaf;
    while (!mmu_translate(replay->ram, replay->root, ref->va, ref->access, &leaf)) {
        if (!fault(replay, ref))
            return PFN_NONE;
    }
    return paddr_pfn(leaf.pa);
}

/* The TLB is asked when the CPU enters a page. */
static pfn_t use_code(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t page = vaddr_page(ref->va).v;
    if (replay->code_page == page)
        return replay->code_pfn;
    unsigned slot = tlb_front_slot(ref->va);
    pfn_t pfn = replay->ifront_pfn[slot];
    if (replay->ifront[slot].tag == page)
        replay->ifront[slot].stamp = ++replay->tlb_clock;
    else
        pfn = look_up_code(replay, ref);
    replay->code_page = page;
    return replay->code_pfn = pfn;
}

static void count_accesses(struct counters *counters, const struct replay_ref *ref)
{
    if (ref->rest)
        return;
    if (ref->access == MMU_FETCH)
        counters->instructions += ref->count;
    else if (ref->access == MMU_STORE)
        counters->stores += ref->count;
    else
        counters->loads += ref->count;
}

static bool is_in_space(const struct replay *replay, uint16_t space)
{
    return space == replay->root.asid && replay->root.table != PFN_NONE;
}

bool replay_use(struct replay *replay, const struct replay_ref *ref)
{
    replay->clock++;
    if (!is_in_space(replay, ref->space) && !enter_space(replay, ref->space))
        return false;
    bool is_fetch = ref->access == MMU_FETCH;
    pfn_t pfn = ref->by_kernel ? use_by_kernel(replay, ref)
                : is_fetch     ? use_code(replay, ref)
                               : use_data(replay, ref);
    if (pfn == PFN_NONE)
        return false;
    used(replay, pfn, ref);
    if (ref->by_kernel)
        return true;
    *(is_fetch ? &replay->fetches : &replay->lookups) += ref->count;
    count_accesses(&replay->counters, ref);
    return true;
}

/* ---- pages that end ---- */

/* One who is told of flushes counts only those. */
static void flush_gone(struct replay *replay, const struct tenant *tenant)
{
    struct counters before = replay->counters;
    tlb_flush_page(replay->tlb, tenant->space, tenant->page);
    if (!replay->is_told)
        return;
    replay->counters.tlb_flushes = before.tlb_flushes;
    replay->counters.tlb_flushes_page = before.tlb_flushes_page;
}

static void free_frame(struct replay *replay, pfn_t pfn)
{
    struct tenant *tenant = &replay->tenants[pfn];
    policy_remove(&replay->policy, pfn, POLICY_GONE);
    flush_gone(replay, tenant);
    if (pfn == replay->code_pfn)
        replay->code_page = NO_PAGE;
    *tenant = (struct tenant){.next_free = replay->free_head};
    replay->free_head = pfn;
    replay->nresident--;
}

/* Of one last-level table. */
static void drop_entries(struct replay *replay, uint64_t *entries, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        bool is_here = pte_is_present(entries[i]);
        if (is_here)
            free_frame(replay, pte_pfn(entries[i]));
        replay->npages -= is_here || (entries[i] & WAS_EVICTED);
        entries[i] = 0;
    }
}

/* Below one table, whose first byte is at `base`. */
static void drop_below(struct replay *replay, pfn_t table, unsigned level, uint64_t base,
                       uint64_t start, uint64_t end)
{
    uint64_t *entries = (uint64_t *)(void *)ram_frame(replay->ram, table);
    unsigned shift = pte_level_shift(level);
    unsigned first = start > base ? (unsigned)((start - base) >> shift) : 0;
    uint64_t last = (end - 1 - base) >> shift;
    unsigned limit = last < PTE_PER_TABLE ? (unsigned)last + 1 : PTE_PER_TABLE;
    if (level == PTE_LEVEL_4K) {
        drop_entries(replay, entries, first, limit);
        return;
    }
    for (unsigned i = first; i < limit; i++)
        if (pte_is_present(entries[i]))
            drop_below(replay, pte_pfn(entries[i]), level - 1, base + ((uint64_t)i << shift), start,
                       end);
}

void replay_drop(struct replay *replay, uint16_t space, vaddr_t va, uint64_t npages)
{
    const uint64_t mask = ((uint64_t)1 << pte_level_shift(PTE_LEVELS_4 + 1)) - 1;
    uint64_t start = vaddr_page(va).v & mask; /* as the walker sees it: without the sign */
    replay->clock++;
    if (replay->roots[space] != PFN_NONE)
        drop_below(replay, replay->roots[space], PTE_LEVELS_4, 0, start,
                   start + (npages << PAGE_SHIFT));
}

/* ---- what a run's page tables and TLB went through ---- */

void replay_flush(struct replay *replay, uint16_t space, vaddr_t va)
{
    tlb_flush_page(replay->tlb, space, va);
    replay->counters.tlb_shootdowns += space != replay->root.asid;
    if (space == replay->root.asid && vaddr_page(va).v == replay->code_page)
        replay->code_page = NO_PAGE;
}

void replay_flush_space(struct replay *replay, uint16_t space)
{
    tlb_flush_space(replay->tlb, space);
    replay->counters.tlb_shootdowns += space != replay->root.asid;
    if (space == replay->root.asid)
        replay->code_page = NO_PAGE;
}

/* The last-level entry, if there is one. */
static uint64_t *find_entry(const struct replay *replay, uint16_t space, vaddr_t va)
{
    pfn_t table = replay->roots[space];
    for (unsigned level = PTE_LEVELS_4; table != PFN_NONE; level--) {
        uint64_t *entry = (uint64_t *)(void *)ram_frame(replay->ram, table) + pte_index(va, level);
        if (level == PTE_LEVEL_4K)
            return entry;
        table = pte_is_present(*entry) ? pte_pfn(*entry) : PFN_NONE;
    }
    return NULL;
}

/* Tables are made when the page is used, not before. */
void replay_read_only(struct replay *replay, uint16_t space, vaddr_t va)
{
    uint64_t *entry = find_entry(replay, space, va);
    if (entry)
        *entry = (*entry & ~PTE_W) | IS_READ_ONLY;
    else
        *hashmap_at(&replay->read_only, page_identity(space, va)) = 1;
}

bool replay_denied(struct replay *replay, uint16_t space, vaddr_t va)
{
    struct tlb_hit hit;
    if (!is_in_space(replay, space) && !enter_space(replay, space))
        return false;
    uint64_t *entry = find_entry(replay, space, va);
    if (!entry || !pte_is_present(*entry) || (*entry & PTE_W))
        return true;
    if (tlb_data(replay->tlb, va, MMU_STORE, &hit)) {
        replay->lookups++;
        return true;
    }
    allow_stores(replay, entry);
    fetch_again(replay);
    return true;
}

/* ---- results ---- */

void replay_count(const struct replay *replay, struct counters *counters,
                  struct system_counters *gauges)
{
    const struct tlb_served *served = tlb_served(replay->tlb);
    *counters = replay->counters;
    counters->tlb_l1d_hits = replay->lookups + served->data_faults - counters->tlb_l1d_misses;
    counters->tlb_l1i_hits = replay->fetches + served->fetch_faults - counters->tlb_l1i_misses;
    *gauges = (struct system_counters){.frames_total = replay->nframes,
                                       .frames_peak = replay->most_resident,
                                       .pages_peak = replay->most_pages,
                                       .tables_peak = replay->ntables};
}

const char *replay_failure(const struct replay *replay)
{
    return policy_failure(&replay->policy);
}

static bool tenant_is_valid(const struct replay *replay, pfn_t pfn)
{
    const struct tenant *tenant = &replay->tenants[pfn];
    return policy_contains(&replay->policy, pfn) && pte_is_present(*tenant->entry) &&
           pte_pfn(*tenant->entry) == pfn && tenant->used <= replay->clock;
}

bool replay_is_valid(const struct replay *replay)
{
    uint64_t nresident = 0;
    for (pfn_t pfn = 1; pfn < replay->fresh; pfn++) {
        bool is_free = !replay->tenants[pfn].entry;
        if (!is_free && !tenant_is_valid(replay, pfn))
            return false; /* Y1 */
        nresident += !is_free;
    }
    if (nresident != replay->nresident)
        return false;
    return replay->policy.ninserted == replay->nresident && policy_is_valid(&replay->policy) &&
           tlb_is_valid(replay->tlb);
}
