// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One reference: the TLB's front array, as translated code checks it; if that fails the TLB; if
 * that faults, the page is given a frame, for which the policy may have to name a victim, and the
 * lookup is made again.
 *
 * What a run's page tables and TLB went through beyond that comes as events: flushes, and pages
 * that become read-only, so that the next store to them faults although they are there.
 */
#include "kernel/replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/replay_parts.h"

#define TABLES_MAX ((uint64_t)1 << 24) /* 64 GiB of page tables: 2^33 pages at best */

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
    const struct alias *pages = &replay->pages;
    uint32_t at = pages->things[replay->tenants[pfn].thing].names;
    bool dirty = false;
    for (; at && !dirty; at = pages->names[at].next) {
        const uint64_t *entry = pages->names[at].own;
        dirty = entry && (*entry & PTE_D);
    }
    return dirty;
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

static size_t entries_len(const struct replay *replay)
{
    return (size_t)(replay->first_large - replay->first_table) * sizeof(*replay->entries);
}

/* See replay_parts.h. */
static int create_ram(struct replay *replay)
{
    uint64_t pages_end = (replay->nframes + 1) << replay->unit_shift;
    if (pages_end + TABLES_MAX > RAM_FRAMES_MAX)
        return -EINVAL;
    replay->first_table = replay->fresh_table = (pfn_t)pages_end;
    replay->first_large = (pfn_t)(pages_end + TABLES_MAX);
    replay->entries = lazy_create(entries_len(replay));
    return replay->entries ? ram_create(replay->first_large, &replay->ram) : -ENOMEM;
}

static int create_parts(struct replay *replay, const struct replay_options *options)
{
    replay->tenants = lazy_create(tenants_len(replay));
    replay->roots = lazy_create(REPLAY_SPACES * sizeof(*replay->roots));
    if (!replay->tenants || !replay->roots)
        return -ENOMEM;
    int error = create_ram(replay);
    if (!error)
        error = tlb_create(&options->tlb, replay->ram, replay->front, replay->ifront, &replay->now,
                           &replay->tlb);
    if (error)
        return error;
    if (replay->unit_shift)
        tlb_expect_large(replay->tlb);
    return create_policy(replay, options);
}

static bool is_page_shift(unsigned shift)
{
    return shift == PAGE_SHIFT || shift == pte_level_shift(PTE_LEVEL_2M) ||
           shift == pte_level_shift(PTE_LEVEL_1G);
}

int replay_create(const struct replay_options *options, struct replay **out)
{
    unsigned shift = options->page_shift ? options->page_shift : PAGE_SHIFT;
    if (!is_page_shift(shift) || options->nframes < 1 ||
        options->nframes > REPLAY_FRAMES_MAX >> (shift - PAGE_SHIFT))
        return -EINVAL;
    struct replay *replay = x_calloc(1, sizeof(*replay));
    replay->nframes = options->nframes;
    replay->unit_shift = shift - PAGE_SHIFT;
    replay->unit_level = PTE_LEVEL_4K + replay->unit_shift / 9;
    replay->is_told = options->is_told_of_flushes;
    replay->now = &replay->counters;
    replay->code_page = REPLAY_NO_PAGE;
    replay->fresh = 1;
    hashmap_create(&replay->read_only);
    alias_create(&replay->pages);
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
    alias_destroy(&replay->pages);
    tlb_destroy(replay->tlb);
    ram_destroy(replay->ram);
    lazy_destroy(replay->tenants, tenants_len(replay));
    lazy_destroy(replay->roots, REPLAY_SPACES * sizeof(*replay->roots));
    lazy_destroy(replay->entries, entries_len(replay));
    free(replay);
}

/* ---- faults ---- */

static bool enter_space(struct replay *replay, uint16_t space)
{
    pfn_t root = replay_root(replay, space);
    if (root == PFN_NONE)
        return false;
    replay->root = (struct mmu_root){.table = root, .levels = PTE_LEVELS_4, .asid = space};
    replay->code_page = REPLAY_NO_PAGE;
    tlb_switch(replay->tlb, replay->root);
    return true;
}

static void count_fault(struct replay *replay, bool is_major)
{
    replay->counters.faults++;
    replay->counters.faults_major += is_major;
    replay->counters.faults_minor += !is_major;
    replay->counters.pages_in += is_major;
}

/* The page is there, but was read-only. Such a fault depends on no RAM size or policy: it is
 * counted apart. */
static void allow_stores(struct replay *replay, uint32_t number)
{
    replay->counters.faults_cow++;
    replay_set_read_only(replay, number, false);
}

/* What the processor asks for: the right to store, of a load whose instruction will. */
static enum mmu_access lookup_of(const struct replay_ref *ref)
{
    return ref->updates && ref->access == MMU_LOAD ? MMU_STORE : ref->access;
}

static bool fault(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t name = replay_name(replay, ref->space, ref->va);
    uint32_t number = alias_find(&replay->pages, name);
    if (number && alias_name(&replay->pages, number)->own) {
        allow_stores(replay, number);
        return true;
    }
    bool was_evicted = number && alias_thing(&replay->pages, number)->own == PFN_NONE;
    if (!number)
        number = replay_name_page(replay, name, 0);
    if (lookup_of(ref) == MMU_STORE)
        replay_set_read_only(replay, number, false);
    count_fault(replay, was_evicted);
    return replay_bring_in(replay, number, ref->next_use) != PFN_NONE;
}

/* ---- references ---- */

/* Of a place in simulated RAM. */
static pfn_t frame_of(const struct replay *replay, pfn_t place)
{
    return place >> replay->unit_shift;
}

static void used(struct replay *replay, pfn_t frame, const struct replay_ref *ref)
{
    struct tenant *tenant = &replay->tenants[frame];
    tenant->used = replay->clock;
    if (replay->policy.ops->needs_future) {
        tenant->next_use = ref->next_use;
        policy_use(&replay->policy, frame);
    }
}

/* After a page fault the instruction is executed again, from its fetch on; if the trace has
 * fetches. */
static void fetch_again(struct replay *replay)
{
    if (replay->fetches == 0)
        return;
    replay->fetches++;
    replay->code_page = REPLAY_NO_PAGE;
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
    return frame_of(replay, hit.pfn);
}

static pfn_t use_data(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t page = vaddr_page(ref->va).v;
    struct tlb_front *slot = &replay->front[tlb_front_slot(ref->va)];
    if ((lookup_of(ref) == MMU_STORE ? slot->wtag : slot->rtag) != page)
        return look_up_data(replay, ref);
    replay->tlb_clock += ref->count;
    slot->stamp = replay->tlb_clock;
    uint64_t place = slot->addend + page - (uint64_t)(uintptr_t)replay->ram->bytes;
    return frame_of(replay, (pfn_t)(place >> PAGE_SHIFT));
}

static pfn_t look_up_code(struct replay *replay, const struct replay_ref *ref)
{
    unsigned slot = tlb_front_slot(ref->va);
    struct tlb_hit hit;
    while (!tlb_fetch(replay->tlb, ref->va, &hit)) {
        if (!fault(replay, ref))
            return PFN_NONE;
        if (ref->rest && !ref->updates)
            replay->fetches++; /* the first page is fetched from again */
    }
    replay->ifront[slot].tag = vaddr_page(ref->va).v;
    return replay->ifront_frame[slot] = frame_of(replay, hit.pfn);
}

/* A copy by the kernel, which walks the tables itself. */
static pfn_t use_by_kernel(struct replay *replay, const struct replay_ref *ref)
{
    struct mmu_leaf leaf;
    while (!mmu_translate(replay->ram, replay->root, ref->va, ref->access, &leaf)) {
        if (!fault(replay, ref))
            return PFN_NONE;
    }
    return frame_of(replay, paddr_pfn(leaf.pa));
}

/* The TLB is asked when the CPU enters a page. */
static pfn_t use_code(struct replay *replay, const struct replay_ref *ref)
{
    uint64_t page = vaddr_page(ref->va).v;
    if (replay->code_page == page)
        return replay->code_frame;
    unsigned slot = tlb_front_slot(ref->va);
    pfn_t frame = replay->ifront_frame[slot];
    if (replay->ifront[slot].tag == page)
        replay->ifront[slot].stamp = ++replay->tlb_clock;
    else
        frame = look_up_code(replay, ref);
    replay->code_page = page;
    return replay->code_frame = frame;
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
    pfn_t frame = ref->by_kernel ? use_by_kernel(replay, ref)
                  : is_fetch     ? use_code(replay, ref)
                                 : use_data(replay, ref);
    if (frame == PFN_NONE)
        return false;
    used(replay, frame, ref);
    if (ref->by_kernel)
        return true;
    if (!is_fetch)
        replay->lookups += ref->count;
    else if (!ref->updates) /* else fetch_again() counts it */
        replay->fetches += ref->count;
    count_accesses(&replay->counters, ref);
    return true;
}

/* ---- pages that end ---- */

static void forget_each(void *context, uint32_t number)
{
    replay_forget(context, number);
}

/* Of larger pages those that end wholly. */
void replay_drop(struct replay *replay, uint16_t space, vaddr_t va, uint64_t npages)
{
    uint64_t unit = (uint64_t)1 << replay->unit_shift;
    uint64_t first = ((va.v >> PAGE_SHIFT) + unit - 1) >> replay->unit_shift;
    uint64_t end = ((va.v >> PAGE_SHIFT) + npages) >> replay->unit_shift;
    replay->clock++;
    if (first < end)
        alias_each(&replay->pages,
                   replay_name(replay, space, vaddr(first << replay_page_shift(replay))),
                   end - first, forget_each, replay);
}

/* ---- what a run's page tables and TLB went through ---- */

void replay_flush(struct replay *replay, uint16_t space, vaddr_t va)
{
    tlb_flush_page(replay->tlb, space, va);
    replay->counters.tlb_shootdowns += space != replay->root.asid;
    if (space == replay->root.asid && vaddr_page(va).v == replay->code_page)
        replay->code_page = REPLAY_NO_PAGE;
}

void replay_flush_space(struct replay *replay, uint16_t space)
{
    tlb_flush_space(replay->tlb, space);
    replay->counters.tlb_shootdowns += space != replay->root.asid;
    if (space == replay->root.asid)
        replay->code_page = REPLAY_NO_PAGE;
}

/* A larger page is not, because a part of it is. */
void replay_read_only(struct replay *replay, uint16_t space, vaddr_t va)
{
    if (replay->unit_shift)
        return;
    uint64_t name = replay_name(replay, space, va);
    uint32_t number = alias_find(&replay->pages, name);
    if (number)
        replay_set_read_only(replay, number, true);
    else
        *hashmap_at(&replay->read_only, name) = 1;
}

bool replay_denied(struct replay *replay, uint16_t space, vaddr_t va)
{
    struct tlb_hit hit;
    if (!is_in_space(replay, space) && !enter_space(replay, space))
        return false;
    uint32_t number = alias_find(&replay->pages, replay_name(replay, space, va));
    const uint64_t *entry = number ? alias_name(&replay->pages, number)->own : NULL;
    if (!entry || (*entry & PTE_W))
        return true;
    if (tlb_data(replay->tlb, va, MMU_STORE, &hit)) {
        replay->lookups++;
        return true;
    }
    allow_stores(replay, number);
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
    *gauges = (struct system_counters){.frames_total = replay->nframes << replay->unit_shift,
                                       .frames_peak = replay->most_resident << replay->unit_shift,
                                       .pages_peak = replay->most_pages << replay->unit_shift,
                                       .tables_peak = replay->most_tables};
}

const char *replay_failure(const struct replay *replay)
{
    return policy_failure(&replay->policy);
}

static bool tenant_is_valid(const struct replay *replay, pfn_t frame)
{
    const struct tenant *tenant = &replay->tenants[frame];
    const struct alias *pages = &replay->pages;
    if (!policy_contains(&replay->policy, frame) || pages->things[tenant->thing].own != frame ||
        tenant->used > replay->clock)
        return false; /* Y1 */
    for (uint32_t at = pages->things[tenant->thing].names; at; at = pages->names[at].next) {
        const uint64_t *entry = pages->names[at].own;
        if (entry && (!pte_is_present(*entry) || frame_of(replay, pte_pfn(*entry)) != frame))
            return false; /* Y2 */
    }
    return true;
}

bool replay_is_valid(const struct replay *replay)
{
    uint64_t nresident = 0;
    for (pfn_t frame = 1; frame < replay->fresh; frame++) {
        bool is_free = !replay->tenants[frame].thing;
        if (!is_free && !tenant_is_valid(replay, frame))
            return false;
        nresident += !is_free;
    }
    return nresident == replay->nresident && alias_is_valid(&replay->pages) &&
           replay->policy.ninserted == replay->nresident && policy_is_valid(&replay->policy) &&
           tlb_is_valid(replay->tlb);
}
