// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The set of regions: insert, remove, split, join, alter, and the sums over them. A change of a
 * range is: cut at its borders, alter what lies between, join what became alike.
 */
#include "kernel/region_set.h"

#include "base/check.h"
#include "kernel/space_pages.h"

static void note_change(struct space *space)
{
    space->map_version = ++space->kernel->map_versions;
}

/* Adds the pages of a region to the sums, or (sign -1) takes them away. */
static void account(struct space *space, const struct region *region, int sign)
{
    uint64_t npages = region_npages(region) * (uint64_t)(int64_t)sign;
    space->npages += npages;
    if (region_is_data(region->prot, region->flags))
        space->ndata += npages;
    if (region->flags & REGION_LOCKED)
        space->nlocked += npages;
    if (region->flags & REGION_CHARGED)
        space->committed += npages;
}

/* Makes `at` a border if it lies inside a region. */
static void cut(struct space *space, uint64_t at)
{
    struct region *low = space_region_at(space, vaddr(at));
    if (!low || low->range.start == at)
        return;
    struct region *high = region_copy(low, at, low->range.end);
    rangemap_resize(&space->regions, &low->range, low->range.start, at);
    rangemap_insert(&space->regions, &high->range);
}

/* Joins the region with the next one if it can. */
static bool join_next(struct space *space, struct region *low)
{
    struct region *high = region_next(low);
    if (!high || !region_can_join(low, high))
        return false;
    uint64_t end = high->range.end;
    rangemap_remove(&space->regions, &high->range);
    rangemap_resize(&space->regions, &low->range, low->range.start, end);
    region_destroy(space->kernel, high);
    return true;
}

/* Joins at all borders that touch [start, end]. */
static void join(struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = space_region_from(space, vaddr(start > 0 ? start - 1 : 0));
    while (region && region->range.end <= end)
        if (!join_next(space, region))
            region = region_next(region);
}

struct region *region_set_insert(struct space *space, struct region *region)
{
    uint64_t start = region->range.start;
    note_change(space);
    account(space, region, 1);
    rangemap_insert(&space->regions, &region->range);
    join(space, start, region->range.end);
    return space_region_at(space, vaddr(start));
}

uint64_t region_set_remove(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t charged = space->committed;
    note_change(space);
    cut(space, start);
    cut(space, end);
    struct region *region = region_set_overlap(space, start, end);
    while (region && region->range.start < end) {
        struct region *next = region_next(region);
        account(space, region, -1);
        rangemap_remove(&space->regions, &region->range);
        region_destroy(space->kernel, region);
        region = next;
    }
    return charged - space->committed;
}

uint64_t region_set_unmap(struct space *space, uint64_t start, uint64_t end)
{
    space_pages_drop(space, start, end);
    return region_set_remove(space, start, end);
}

void region_set_extend(struct space *space, struct region *region, uint64_t start, uint64_t end)
{
    DCHECK(start <= region->range.start && region->range.end <= end);
    note_change(space);
    account(space, region, -1);
    region->object_page -= region->object ? (region->range.start - start) >> PAGE_SHIFT : 0;
    rangemap_resize(&space->regions, &region->range, start, end);
    account(space, region, 1);
    join(space, start, end);
}

/* What the region would be after the change. Result: does it differ? */
static bool changed(const struct region *region, const struct region_change *change, unsigned *prot,
                    unsigned *flags)
{
    *prot = change->sets_prot ? change->prot : region->prot;
    *flags = (region->flags & ~change->clear_flags) | change->set_flags;
    /* Once charged, pages stay charged when they become read-only: they may hold data. */
    if (region_is_accountable(*prot, *flags))
        *flags |= REGION_CHARGED;
    return *prot != region->prot || *flags != region->flags;
}

static void add_cost(const struct region *region, uint64_t start, uint64_t end,
                     const struct region_change *change, struct region_change_cost *out)
{
    unsigned prot, flags;
    if (!changed(region, change, &prot, &flags))
        return;
    uint64_t low = region->range.start > start ? region->range.start : start;
    uint64_t high = region->range.end < end ? region->range.end : end;
    uint64_t npages = (high - low) >> PAGE_SHIFT;
    out->splits += (region->range.start < start) + (uint64_t)(region->range.end > end);
    if (flags & ~region->flags & REGION_CHARGED)
        out->charged += npages;
    if (flags & ~region->flags & REGION_LOCKED)
        out->locked += npages;
    if (region_is_data(prot, flags) && !region_is_data(region->prot, region->flags))
        out->data += npages;
}

void region_set_change_cost(const struct space *space, uint64_t start, uint64_t end,
                            const struct region_change *change, struct region_change_cost *out)
{
    *out = (struct region_change_cost){0};
    struct region *region = region_set_overlap(space, start, end);
    for (; region && region->range.start < end; region = region_next(region))
        add_cost(region, start, end, change, out);
}

/* Cuts the part of the region that lies in [start, end) out of it. Result: that part. */
static struct region *isolate(struct space *space, struct region *region, uint64_t start,
                              uint64_t end)
{
    if (region->range.start < start) {
        cut(space, start);
        region = region_next(region);
    }
    if (region->range.end > end)
        cut(space, end);
    return region;
}

void region_set_change(struct space *space, uint64_t start, uint64_t end,
                       const struct region_change *change)
{
    struct region *region = region_set_overlap(space, start, end);
    note_change(space);
    for (; region && region->range.start < end; region = region_next(region)) {
        unsigned prot, flags;
        if (!changed(region, change, &prot, &flags))
            continue;
        region = isolate(space, region, start, end);
        account(space, region, -1);
        region->prot = prot;
        region->flags = flags;
        account(space, region, 1);
    }
    join(space, start, end);
}

bool region_set_covers(const struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = space_region_at(space, vaddr(start));
    for (; region && region->range.end < end; region = region_next(region)) {
        struct region *next = region_next(region);
        if (!next || next->range.start != region->range.end)
            return false;
    }
    return region;
}

struct region *region_set_overlap(const struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = space_region_from(space, vaddr(start));
    return region && region->range.start < end ? region : NULL;
}

/* Pages of [start, end) in regions that have any of the flags (0: in any region). */
static uint64_t count_pages(const struct space *space, uint64_t start, uint64_t end, unsigned flags)
{
    uint64_t npages = 0;
    struct region *region = region_set_overlap(space, start, end);
    for (; region && region->range.start < end; region = region_next(region)) {
        uint64_t low = region->range.start > start ? region->range.start : start;
        uint64_t high = region->range.end < end ? region->range.end : end;
        if (flags == 0 || (region->flags & flags))
            npages += (high - low) >> PAGE_SHIFT;
    }
    return npages;
}

uint64_t region_set_mapped(const struct space *space, uint64_t start, uint64_t end)
{
    return count_pages(space, start, end, 0);
}

uint64_t region_set_charged(const struct space *space, uint64_t start, uint64_t end)
{
    return count_pages(space, start, end, REGION_CHARGED);
}

uint64_t region_set_locked(const struct space *space, uint64_t start, uint64_t end)
{
    return count_pages(space, start, end, REGION_LOCKED);
}

unsigned region_set_unmap_splits(const struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = space_region_at(space, vaddr(start));
    return region && region->range.start < start && end < region->range.end;
}
