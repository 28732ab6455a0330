// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions that grow: the heap upward by brk(2), stacks downward on a fault (Linux's
 * expand_downwards). A stack keeps 256 pages free between itself and what lies below, unless that
 * is inaccessible or a stack too.
 */
#include "kernel/space_grow.h"

#include <errno.h>

#include "kernel/region_set.h"
#include "kernel/space_limit.h"
#include "kernel/space_pages.h"

static bool keeps_gap(const struct region *region, uint64_t start)
{
    const struct region *below = region_prev(region);
    if (!below || (below->flags & REGION_GROWSDOWN) || below->prot == 0)
        return true;
    return start - below->range.end >= (uint64_t)SPACE_STACK_GAP_PAGES << PAGE_SHIFT;
}

int space_grow_stack(struct space *space, struct region *region, vaddr_t page)
{
    uint64_t npages = (region->range.start - page.v) >> PAGE_SHIFT;
    if (page.v < SPACE_MMAP_MIN)
        return -EPERM;
    if (!keeps_gap(region, page.v) || region->range.end - page.v > space->limit_stack ||
        !space_limit_allows(space, npages, 0))
        return -ENOMEM;
    if ((region->flags & REGION_LOCKED) && !space_limit_allows_lock(space, npages))
        return -ENOMEM;
    if ((region->flags & REGION_CHARGED) && commit_charge(&space->kernel->commit, npages))
        return -ENOMEM;
    region_set_extend(space, region, page.v, region->range.end);
    return 0;
}

static uint64_t page_up(uint64_t va)
{
    return (va + PAGE_MASK) & ~PAGE_MASK;
}

/* Flags of heap regions. */
static unsigned heap_flags(const struct space *space)
{
    unsigned flags = REGION_HEAP | REGION_CHARGED;
    if (space->lock_future)
        flags |= REGION_LOCKED | (space->lock_future_on_fault ? REGION_LOCK_ON_FAULT : 0);
    return flags;
}

/* Maps [start, end) as heap. Result: false if it may not be. */
static bool grow_heap(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t npages = (end - start) >> PAGE_SHIFT;
    const struct region *above = space_region_from(space, vaddr(start));
    if (end > SPACE_END || (above && end + PAGE_SIZE > region_guarded_start(above)) ||
        (space->lock_future && !space_limit_allows_lock(space, npages)) ||
        !space_limit_allows(space, npages, npages) || space->regions.count > SPACE_REGIONS_MAX ||
        commit_charge(&space->kernel->commit, npages))
        return false;
    struct region *region = region_create(start, end);
    region->prot = PROT_MASK_R | PROT_MASK_W;
    region->max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X;
    region->flags = heap_flags(space);
    region_set_insert(space, region);
    if (space->lock_future && !space->lock_future_on_fault)
        space_pages_populate(space, start, end);
    return true;
}

vaddr_t space_brk(struct space *space, vaddr_t want)
{
    uint64_t start = space->brk_start.v;
    if (want.v < start || want.v > SPACE_END || want.v - start > space->limit_data)
        return space->brk_end;
    uint64_t old_end = page_up(space->brk_end.v), new_end = page_up(want.v);
    if (new_end < old_end && space_unmap(space, vaddr(new_end), old_end - new_end))
        return space->brk_end;
    if (new_end > old_end && !grow_heap(space, old_end, new_end))
        return space->brk_end;
    space->brk_end = want;
    return want;
}
