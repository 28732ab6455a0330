// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See large.h. Frames come first: only when there are 512 of them in one piece is anything changed.
 */
#include "kernel/large.h"

#include <string.h>

#include "base/check.h"
#include "kernel/compact.h"
#include "kernel/reclaim.h"

enum {
    UNFIT = REGION_SHARED | REGION_GROWSDOWN | REGION_STACK | REGION_LOCKED | REGION_NOHUGEPAGE |
            REGION_HUGETLB
};

bool large_is_allowed(const struct space *space, const struct region *region)
{
    enum large_mode mode = space->kernel->large;
    if (mode == LARGE_NEVER || region->object || (region->flags & UNFIT) || space->no_large_pages)
        return false;
    return mode != LARGE_MADVISE || (region->flags & REGION_HUGEPAGE);
}

/* The aligned 2 MiB around va, if they lie in the region. */
static bool find_place(const struct region *region, vaddr_t va, vaddr_t *out)
{
    vaddr_t start = vaddr(va.v & ~(LARGE_LEN - 1));
    if (start.v < region->range.start || start.v >= region->range.end ||
        region->range.end - start.v < LARGE_LEN)
        return false;
    *out = start;
    return true;
}

static vaddr_t end_of(vaddr_t start)
{
    return vaddr(start.v + LARGE_LEN);
}

/* Has it no private page yet? Those that map the frame of zeros do not count. */
static bool is_empty(const struct space *space, vaddr_t start)
{
    uint64_t vpn = vaddr_vpn(start);
    struct anon *anon;
    return !amap_next(&space->amap, &vpn, vpn + FRAME_BLOCK, &anon);
}

/* Is each of its pages there, in swap, and nobody else's? */
static bool is_all_swapped(const struct space *space, vaddr_t start)
{
    uint64_t first = vaddr_vpn(start), vpn = first, end = first + FRAME_BLOCK;
    struct anon *anon;
    for (; amap_next(&space->amap, &vpn, end, &anon); vpn++)
        if (vpn != first++ || anon->refs > 1 || anon->poisoned || anon_is_resident(anon))
            return false;
    return first == end;
}

/* What may be done to have room for a large page: nothing, pages moved, pages evicted too. */
enum effort { TAKE, COMPACT, RECLAIM };

static enum effort effort_for(const struct kernel *kernel, const struct region *region)
{
    if (kernel->large == LARGE_WHOLE)
        return RECLAIM;
    return region->flags & REGION_HUGEPAGE ? COMPACT : TAKE;
}

/* Room for a large page and the tables that it may take. */
static bool reserve(struct kernel *kernel, enum effort effort)
{
    const unsigned count = FRAME_BLOCK + PAGETABLE_FRAMES_MAX;
    const struct frame_table *frames = &kernel->frames;
    uint64_t within_reach = frames->nfree + frames->nidle + kernel->policy.ninserted;
    if (frame_reserve_spare(kernel, count))
        return true;
    return effort == RECLAIM && within_reach >= 2 * (uint64_t)count &&
           !compact_is_deferred(kernel) && frame_reserve_for_comfort(kernel, count) == 0;
}

/* FRAME_BLOCK frames in one piece, and as many reserved as mapping them may take; or NULL. */
static struct frame *take_block(struct kernel *kernel, enum effort effort, bool *zero)
{
    if (!reserve(kernel, effort))
        return NULL;
    struct frame *first = frame_take_block(kernel, FRAME_ANON, BUDDY_ORDER_2M, zero);
    if (!first && effort != TAKE && compact_block(kernel))
        first = frame_take_block(kernel, FRAME_ANON, BUDDY_ORDER_2M, zero);
    if (first)
        return first;
    kernel->machine->now->large_fragmented++;
    frame_unreserve(kernel);
    return NULL;
}

/* Maps the block, whose frames the private pages of the place have. */
static void map_block(struct space *space, vaddr_t start, struct frame *first, unsigned prot)
{
    struct kernel *kernel = space->kernel;
    pagetable_map_large(kernel, &space->table, start, first, prot);
    if (space_resident(space) > space->rss_peak)
        space->rss_peak = space_resident(space);
    frame_unreserve(kernel);
}

static bool make_zeros(struct space *space, const struct region *region, vaddr_t start,
                       unsigned prot)
{
    struct kernel *kernel = space->kernel;
    bool zero;
    struct frame *first = take_block(kernel, effort_for(kernel, region), &zero);
    if (!first)
        return false;
    if (!zero)
        memset(ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, first)), 0, LARGE_LEN);
    pagetable_unmap_range(kernel, &space->table, start, end_of(start)); /* the frame of zeros */
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        amap_insert(&space->amap, vaddr_vpn(start) + i, anon_create(kernel, first + i));
    map_block(space, start, first, prot);
    return true;
}

/* Reads all of it back. A page that cannot be read leaves the others as small ones, and is found
 * out when it is touched. */
static bool load_swapped(struct space *space, vaddr_t start, unsigned prot)
{
    struct kernel *kernel = space->kernel;
    bool zero;
    unsigned i = 0;
    struct frame *first = take_block(kernel, RECLAIM, &zero);
    if (!first)
        return false;
    while (i < FRAME_BLOCK &&
           anon_load_into(kernel, amap_find(&space->amap, vaddr_vpn(start) + i), first + i) == 0)
        i++;
    if (i == FRAME_BLOCK) {
        map_block(space, start, first, prot);
        kernel->machine->now->large_loads++;
        return true;
    }
    for (; i < FRAME_BLOCK; i++)
        frame_give(kernel, first + i);
    frame_unreserve(kernel);
    return false;
}

bool large_fault(struct space *space, const struct region *region, vaddr_t va,
                 enum mmu_access access, unsigned prot, bool *was_read)
{
    struct kernel *kernel = space->kernel;
    vaddr_t start;
    if (!large_is_allowed(space, region) || !find_place(region, va, &start))
        return false;
    bool is_whole = kernel->large == LARGE_WHOLE, done = false;
    *was_read = is_whole && is_all_swapped(space, start);
    if (*was_read)
        done = load_swapped(space, start, prot);
    else if (is_empty(space, start) && (is_whole || access == MMU_STORE))
        done = make_zeros(space, region, start, prot);
    kernel->machine->now->large_faults += done;
    *was_read &= done;
    return done;
}

/* ---- collapse ---- */

/* The page's bytes, and all that it is, go to a frame that was taken for it. */
static void move_page(struct kernel *kernel, struct anon *anon, struct frame *to)
{
    struct frame *from = frame_get(&kernel->frames, slot_pfn(anon->slot));
    pfn_t pfn = frame_pfn(&kernel->frames, to);
    frame_move(kernel, from, pfn);
    frame_moved_out(kernel, from);
    anon_moved(anon, pfn);
}

static void make_page(struct space *space, uint64_t vpn, struct frame *to, bool zero)
{
    struct kernel *kernel = space->kernel;
    if (!zero)
        memset(ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, to)), 0, PAGE_SIZE);
    amap_insert(&space->amap, vpn, anon_create(kernel, to));
}

bool large_collapse(struct space *space, const struct region *region, vaddr_t start)
{
    struct kernel *kernel = space->kernel;
    bool zero;
    struct frame *first = take_block(kernel, COMPACT, &zero);
    if (!first)
        return false;
    if (pagetable_unmap_silently(kernel, &space->table, start, end_of(start)))
        pagetable_flush(kernel, &space->table);
    for (unsigned i = 0; i < FRAME_BLOCK; i++) {
        uint64_t vpn = vaddr_vpn(start) + i;
        struct anon *anon = amap_find(&space->amap, vpn);
        if (anon)
            move_page(kernel, anon, first + i);
        else
            make_page(space, vpn, first + i, zero);
    }
    map_block(space, start, first, region->prot | PROT_MASK_R);
    kernel->machine->now->large_collapses++;
    return true;
}
