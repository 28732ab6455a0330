// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page fault. fault_handle() reads as its table (fault.h): check; hold frames; upper or lower;
 * map; let go.
 *
 * Why no page slips away in the middle: frames are evicted only inside frame_reserve(), which runs
 * once, before anything is looked up. From there to frame_unreserve() what was found stays.
 *
 * What is mapped writable: a page of our own (sole reference) and a page of a shared mapping, on a
 * load too, since the entry's dirty bit tells whether it was stored to; no second fault is needed
 * to learn that. A page that others may share (an anon with more references, a private mapping's
 * object page, the page of zeros) is mapped read-only, and its first store comes here.
 */
#include "kernel/fault.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "kernel/fault_around.h"
#include "kernel/hugetlb.h"
#include "kernel/large.h"
#include "kernel/readahead.h"
#include "kernel/reclaim.h"
#include "kernel/space_grow.h"
#include "kernel/space_pages.h"
#include "kernel/swap.h"
#include "kernel/trouble.h"
#include "machine/pte.h"

enum {
    FRAMES_MAX = 2 + PAGETABLE_FRAMES_MAX, /* a page from disk, its private copy, their tables */
    /* Kept back for those who end because there is nothing else: they must still let go of locks,
     * which may mean to bring pages in. */
    FRAMES_SPARE = FRAMES_MAX,
};

struct fault {
    struct space *space;
    struct kernel *kernel;
    struct region *region;
    vaddr_t page;
    enum mmu_access access;
    bool is_forced;   /* the region's protection does not matter */
    bool is_supplied; /* by a program, which is what would be waited for */
    /* what is to be mapped */
    struct frame *frame;
    unsigned prot;
    struct readahead ahead; /* what comes in with it */
    /* what it took */
    bool was_read, was_copied, is_served;
    bool was_out; /* paged out */
};

static bool may_force(const struct region *region)
{
    return region->prot != 0 && !(region->flags & REGION_SHARED);
}

/* Finds the region, lets a stack grow, checks the access. */
static enum fault_result fault_check(struct fault *fault)
{
    struct region *region = space_region_from(fault->space, fault->page);
    if (!region)
        return FAULT_SEGV_MAPERR;
    if (fault->page.v < region->range.start) {
        if (!(region->flags & REGION_GROWSDOWN) ||
            space_grow_stack(fault->space, region, fault->page))
            return FAULT_SEGV_MAPERR;
        region = space_region_at(fault->space, fault->page); /* it may have met another stack */
    }
    if (fault->is_forced ? !may_force(region) : !region_allows(region, fault->access))
        return FAULT_SEGV_ACCERR;
    if (region->flags & REGION_SUPPLIED && !fault->is_supplied &&
        !amap_find(&fault->space->amap, vaddr_vpn(fault->page)))
        return FAULT_WANTED;
    fault->region = region;
    fault->prot = region->prot | PROT_MASK_R; /* what is mapped can be loaded from */
    return FAULT_DONE;
}

static enum fault_result read_failed(struct fault *fault, int error)
{
    if (error == -ERANGE)
        return FAULT_BUS_ADRERR;
    trouble_add_page(fault->kernel, fault->page);
    return FAULT_BUS_OBJERR;
}

/* A new private page for this place; `source` NULL: zeros. */
static void promote(struct fault *fault, const struct frame *source)
{
    struct kernel *kernel = fault->kernel;
    struct ram *ram = kernel->machine->ram;
    if (source) {
        fault->frame = frame_take(kernel, FRAME_ANON);
        memcpy(ram_frame(ram, frame_pfn(&kernel->frames, fault->frame)),
               ram_frame(ram, frame_pfn(&kernel->frames, source)), PAGE_SIZE);
        fault->was_copied = true;
    } else {
        fault->frame = frame_take_zeroed(kernel, FRAME_ANON);
    }
    amap_insert(&fault->space->amap, vaddr_vpn(fault->page), anon_create(kernel, fault->frame));
}

/* 2B: if the object's page was brought in for this alone, nobody has it any more. */
static void promote_object_page(struct fault *fault)
{
    struct frame *source = fault->frame;
    promote(fault, source);
    if (source->nmaps == 0)
        object_page_unmapped(fault->kernel, source);
}

/* 1B of a page that others have too: this space gets a copy. */
static void copy_anon(struct fault *fault, struct anon *anon, const struct frame *source)
{
    struct space *space = fault->space;
    amap_remove(&space->amap, vaddr_vpn(fault->page));
    promote(fault, source);
    anon_put(fault->kernel, anon); /* not the last reference */
}

/* Cases 1A and 1B: there is a private page. */
static enum fault_result fault_upper(struct fault *fault, struct anon *anon)
{
    fault->was_read = fault->was_out = !anon_is_resident(anon);
    readahead_read(fault->kernel, &fault->ahead); /* first, so that the page itself is the newest */
    int error = anon_load(fault->kernel, anon, &fault->frame);
    if (error)
        return read_failed(fault, error);
    if (fault->frame->flags & FRAME_AHEAD)
        readahead_hit(fault->kernel, fault->region, vaddr_vpn(fault->page), fault->frame);
    if (anon->refs == 1)
        return FAULT_DONE;
    if (fault->access == MMU_STORE)
        copy_anon(fault, anon, fault->frame);
    else
        fault->prot &= ~(unsigned)PROT_MASK_W;
    return FAULT_DONE;
}

/* 2A and 2B without an object: zeros below. */
static void fault_zeros(struct fault *fault)
{
    struct kernel *kernel = fault->kernel;
    if (fault->access == MMU_STORE) {
        promote(fault, NULL);
        return;
    }
    fault->frame = frame_get(&kernel->frames, kernel->zero_pfn);
    fault->prot &= ~(unsigned)PROT_MASK_W;
}

/* Cases 2A and 2B: what the region maps below. */
static enum fault_result fault_lower(struct fault *fault)
{
    const struct region *region = fault->region;
    if (!region->object) {
        fault_zeros(fault);
        return FAULT_DONE;
    }
    uint64_t index = region_object_index(region, fault->page.v);
    fault->was_out = object_is_out(region->object, index);
    int error = object_page(fault->kernel, region->object, index, &fault->frame, &fault->was_read);
    if (error)
        return read_failed(fault, error);
    if (region->flags & REGION_SHARED)
        return FAULT_DONE;
    if (fault->access == MMU_STORE)
        promote_object_page(fault);
    else
        fault->prot &= ~(unsigned)PROT_MASK_W;
    return FAULT_DONE;
}

static void fault_map(struct fault *fault)
{
    struct space *space = fault->space;
    /* Wires follow the page: before the entry moves to another frame, so does the wire. */
    if (fault->region->flags & REGION_LOCKED)
        space_pages_wire(space, vaddr_vpn(fault->page), fault->frame);
    bool has_table = pagetable_missing(fault->kernel, &space->table, fault->page) == 0;
    pagetable_map(fault->kernel, &space->table, fault->page, fault->frame, fault->prot);
    if (!has_table)
        fault_inherit(space, fault->page);
    if (fault->frame->kind == FRAME_OBJECT && fault->access != MMU_STORE)
        fault_around(space, fault->region, fault->page);
    if (space_resident(space) > space->rss_peak)
        space->rss_peak = space_resident(space);
}

static void count_served(struct fault *fault)
{
    fault->is_served = true;
    struct counters *now = fault->kernel->machine->now;
    if (fault->kernel->watch.served && !fault->was_out)
        fault->kernel->watch.served[fault->access]++;
    now->faults_major += fault->was_read;
    now->faults_minor += !fault->was_read;
    now->faults_cow += fault->was_copied;
}

/* Frames for the page: none if it only needs another entry, two to bring one in and copy it. */
static unsigned pages_needed(const struct fault *fault)
{
    const struct region *region = fault->region;
    const struct anon *anon = amap_find(&fault->space->amap, vaddr_vpn(fault->page));
    bool is_store = fault->access == MMU_STORE;
    if (anon)
        return !anon_is_resident(anon) + (is_store && anon->refs > 1);
    if (!region->object)
        return is_store;
    uint64_t index = region_object_index(region, fault->page.v);
    return !object_resident(fault->kernel, region->object, index) +
           (is_store && !(region->flags & REGION_SHARED));
}

static unsigned frames_needed(const struct fault *fault)
{
    if (fault->region->flags & REGION_HUGETLB)
        return PAGETABLE_FRAMES_MAX; /* its page is not taken from the others */
    return pages_needed(fault) +
           pagetable_missing(fault->kernel, &fault->space->table, fault->page);
}

/* What is kept free beyond that: nothing as long as frames can still be had by paging out. */
static unsigned frames_spare(const struct fault *fault)
{
    struct kernel *kernel = fault->kernel;
    const uint64_t enough = 2 * FRAMES_SPARE;
    bool can_page_out =
        kernel->swap && swap_free(kernel) >= enough && kernel->policy.ninserted >= enough;
    return fault->space->ends || can_page_out ? 0 : FRAMES_SPARE;
}

/* What is evicted meanwhile may be what was there, so that more is needed.
 * Result: false: RAM and swap are exhausted, and nobody else makes room. */
static bool hold_frames(const struct fault *fault)
{
    const struct kernel_rescue *rescue = &fault->kernel->rescue;
    unsigned count;
    do {
        count = frames_needed(fault);
        while (frame_reserve(fault->kernel, count + frames_spare(fault)))
            if (!rescue->make_room || !rescue->make_room(rescue->context, fault->space))
                return false;
    } while (frames_needed(fault) > count);
    return true;
}

/* What is read with a page from swap needs frames too; without them the page comes alone.
 * Result: as hold_frames(), whose promise holds on. */
static bool hold_ahead(struct fault *fault)
{
    struct kernel *kernel = fault->kernel;
    uint64_t vpn = vaddr_vpn(fault->page);
    const struct anon *anon = kernel->readahead ? amap_find(&fault->space->amap, vpn) : NULL;
    if (!anon || anon_is_resident(anon) || anon->poisoned)
        return true;
    unsigned count = frames_needed(fault);
    readahead_choose(kernel, fault->space, fault->region, vpn, &fault->ahead);
    if (!frame_reserve_more(kernel, fault->ahead.count))
        fault->ahead.count = 0;
    if (frames_needed(fault) <= count)
        return true;
    fault->ahead.count = 0; /* a table went: all frames for it are needed first */
    return hold_frames(fault);
}

static enum fault_result serve_huge(struct fault *fault)
{
    enum fault_result result = hugetlb_fault(fault->space, fault->region, fault->page,
                                             fault->access, fault->prot, &fault->was_copied);
    if (result == FAULT_DONE)
        count_served(fault);
    frame_unreserve(fault->kernel);
    return result;
}

static enum fault_result serve(struct fault *fault)
{
    struct kernel *kernel = fault->kernel;
    enum fault_result result = fault_check(fault);
    if (result != FAULT_DONE)
        return result;
    if (!fault->is_forced && large_fault(fault->space, fault->region, fault->page, fault->access,
                                         fault->prot, &fault->was_read)) {
        fault->was_out = fault->was_read;
        count_served(fault);
        return FAULT_DONE;
    }
    if (!hold_frames(fault) || !hold_ahead(fault))
        return FAULT_OOM;
    if (fault->region->flags & REGION_HUGETLB)
        return serve_huge(fault);
    struct anon *anon = amap_find(&fault->space->amap, vaddr_vpn(fault->page));
    result = anon ? fault_upper(fault, anon) : fault_lower(fault);
    if (result == FAULT_DONE) {
        fault_map(fault);
        count_served(fault);
    }
    frame_unreserve(kernel);
    return result;
}

static void tell(const struct fault *fault, vaddr_t va)
{
    const struct kernel_listener *listener = &fault->kernel->listener;
    unsigned kinds = 0;
    if (!listener->fault)
        return;
    if (fault->is_served)
        kinds = (fault->was_read ? KERNEL_FAULT_MAJOR : KERNEL_FAULT_MINOR) |
                (fault->was_copied ? KERNEL_FAULT_COW : 0u);
    listener->fault(listener->context, fault->space, va, kinds);
}

static enum fault_result handle(struct fault *fault, vaddr_t va)
{
    fault->kernel->machine->now->faults++;
    enum fault_result result = serve(fault);
    tell(fault, va);
    return result;
}

enum fault_result fault_handle(struct space *space, vaddr_t va, enum mmu_access access)
{
    struct fault fault = {
        .space = space, .kernel = space->kernel, .page = vaddr_page(va), .access = access};
    return handle(&fault, va);
}

enum fault_result fault_force(struct space *space, vaddr_t va)
{
    struct fault fault = {.space = space,
                          .kernel = space->kernel,
                          .page = vaddr_page(va),
                          .access = MMU_STORE,
                          .is_forced = true};
    return handle(&fault, va);
}

enum fault_result fault_supply(struct space *space, vaddr_t va)
{
    struct fault fault = {.space = space,
                          .kernel = space->kernel,
                          .page = vaddr_page(va),
                          .access = MMU_STORE,
                          .is_forced = true,
                          .is_supplied = true};
    return handle(&fault, va);
}

/* Would the access go through without a fault? */
static bool is_mapped_for(const struct space *space, vaddr_t va, enum mmu_access access)
{
    uint64_t entry = pagetable_entry(space->kernel, &space->table, va);
    return pte_is_present(entry) && (access != MMU_STORE || (entry & PTE_W)) &&
           (access != MMU_FETCH || !(entry & PTE_NX));
}

enum fault_result fault_populate(struct space *space, vaddr_t start, vaddr_t end,
                                 enum mmu_access access)
{
    for (vaddr_t va = vaddr_page(start); va.v < end.v; va.v += PAGE_SIZE) {
        if (is_mapped_for(space, va, access))
            continue;
        enum fault_result result = fault_handle(space, va, access);
        if (result != FAULT_DONE)
            return result;
    }
    return FAULT_DONE;
}
