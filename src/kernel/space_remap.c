// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mremap(2): shrink, grow in place, or move. A move makes a region like the old one at the new
 * place, carries pages, page-table entries and wires over, and removes the old region (or, with
 * MREMAP_DONTUNMAP, leaves it empty). The order of checks is Linux's (mm/mremap.c), so that the
 * errors are.
 */
#include <errno.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/refstr.h"
#include "kernel/hugetlb.h"
#include "kernel/region_set.h"
#include "kernel/space_limit.h"
#include "kernel/space_pages.h"
#include "kernel/space_place.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { MREMAP_ALL = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP };

struct remap {
    struct space *space;
    uint64_t start;   /* of the old range */
    uint64_t old_len; /* bytes, whole pages; 0: make a second mapping of a shared region */
    uint64_t new_len;
    uint64_t new_start; /* where it goes, or is wanted */
    unsigned flags;     /* MREMAP_* */
};

static uint64_t page_up(uint64_t len)
{
    return (len + PAGE_MASK) & ~PAGE_MASK;
}

static int check_arguments(struct remap *r, vaddr_t addr, uint64_t old_len, uint64_t new_len)
{
    bool may_move = r->flags & MREMAP_MAYMOVE;
    if (r->flags & ~(unsigned)MREMAP_ALL)
        return -EINVAL;
    if ((r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !may_move)
        return -EINVAL;
    if ((r->flags & MREMAP_DONTUNMAP) && old_len != new_len)
        return -EINVAL;
    r->start = addr.v;
    r->old_len = page_up(old_len);
    r->new_len = page_up(new_len);
    if ((addr.v & PAGE_MASK) || r->new_len == 0)
        return -EINVAL;
    return 0;
}

/* Pages that the range gains; a move that keeps the old range gains them all. */
static uint64_t growth(const struct remap *r)
{
    uint64_t kept = r->flags & MREMAP_DONTUNMAP ? 0 : r->old_len;
    return (r->new_len - kept) >> PAGE_SHIFT;
}

/* May the old range become new_len long? `replaced`: pages that go away at the target.
 * => old_len <= new_len */
static int check_resize(const struct remap *r, uint64_t replaced)
{
    const struct space *space = r->space;
    const struct region *region = space_region_at(space, vaddr(r->start));
    if (r->old_len == 0 && !(region->flags & REGION_SHARED))
        return -EINVAL;
    if (r->old_len > region->range.end - r->start)
        return -EFAULT;
    uint64_t more = (r->new_len - r->old_len) >> PAGE_SHIFT;
    if (region->object && region_object_index(region, r->start) + (r->new_len >> PAGE_SHIFT) >
                              (uint64_t)INT64_MAX >> PAGE_SHIFT)
        return -EINVAL;
    if ((region->flags & REGION_LOCKED) && !space_limit_allows_lock(space, more))
        return -EAGAIN;
    uint64_t gained = growth(r) > replaced ? growth(r) - replaced : 0;
    bool is_data = region_is_data(region->prot, region->flags);
    return space_limit_allows(space, gained, is_data ? gained : 0) ? 0 : -ENOMEM;
}

static int charge(const struct remap *r, const struct region *region)
{
    if (!(region->flags & REGION_CHARGED))
        return 0;
    return commit_charge(&r->space->kernel->commit, growth(r));
}

/* Is the range at the end of its region, with room behind it? */
static bool can_extend(const struct remap *r, const struct region *region)
{
    uint64_t end = r->start + r->new_len;
    return r->start + r->old_len == region->range.end && end > r->start && end <= SPACE_END &&
           !region_set_overlap(r->space, region->range.end, end);
}

static void populate_growth(const struct remap *r, uint64_t start, unsigned region_flags)
{
    if ((region_flags & REGION_LOCKED) && !(region_flags & REGION_LOCK_ON_FAULT) &&
        r->new_len > r->old_len)
        space_pages_populate(r->space, start + r->old_len, start + r->new_len);
}

static int extend(const struct remap *r, struct region *region, vaddr_t *out)
{
    int error = charge(r, region);
    if (error)
        return error;
    const struct region_change unwatch = {.clear_flags = REGION_SUPPLIED};
    unsigned flags = region->flags;
    region_set_extend(r->space, region, region->range.start, r->start + r->new_len);
    region_set_change(r->space, r->start + r->old_len, r->start + r->new_len, &unwatch);
    populate_growth(r, r->start, flags);
    *out = vaddr(r->start);
    return 0;
}

/* The region for the new place: as the old one, but no longer the heap or the initial stack, and
 * nobody supplies its pages. */
static struct region *make_target(const struct remap *r, const struct region *region)
{
    struct region *target = region_copy(region, region->range.start, region->range.end);
    target->range.start = r->new_start;
    target->range.end = r->new_start + r->new_len;
    target->flags &= ~(unsigned)(REGION_HEAP | REGION_STACK | REGION_SUPPLIED);
    if (target->object)
        target->object_page = region_object_index(region, r->start);
    return target;
}

/* => everything is checked and charged, the target range is free, old_len <= new_len */
static void move(const struct remap *r)
{
    struct space *space = r->space;
    const struct region *region = space_region_at(space, vaddr(r->start));
    struct region_change unlock = {.clear_flags = REGION_LOCKED | REGION_LOCK_ON_FAULT};
    unsigned flags = region->flags;
    region_set_insert(space, make_target(r, region));
    if (r->old_len > 0)
        space_pages_move(space, r->start, r->new_start, r->old_len);
    if (r->flags & MREMAP_DONTUNMAP)
        region_set_change(space, r->start, r->start + r->old_len, &unlock);
    else if (r->old_len > 0)
        region_set_remove(space, r->start, r->start + r->old_len);
    populate_growth(r, r->new_start, flags);
}

/* Places are checked: moves to new_start. */
static int move_checked(struct remap *r, uint64_t replaced, vaddr_t *out)
{
    struct space *space = r->space;
    int error = check_resize(r, replaced);
    if (error)
        return error;
    if (space->regions.count + 3 > SPACE_REGIONS_MAX)
        return -ENOMEM;
    error = charge(r, space_region_at(space, vaddr(r->start)));
    if (error)
        return error;
    if (r->flags & MREMAP_FIXED)
        commit_release(&space->kernel->commit,
                       region_set_unmap(space, r->new_start, r->new_start + r->new_len));
    move(r);
    *out = vaddr(r->new_start);
    return 0;
}

static bool ranges_overlap(const struct remap *r)
{
    return r->start + r->old_len > r->new_start && r->new_start + r->new_len > r->start;
}

/* MREMAP_FIXED or MREMAP_DONTUNMAP. */
static int move_to(struct remap *r, vaddr_t *out)
{
    struct space *space = r->space;
    unsigned place_flags = r->flags & MREMAP_FIXED ? SPACE_MAP_FIXED : 0;
    if ((r->new_start & PAGE_MASK) || r->new_len > SPACE_END ||
        r->new_start > SPACE_END - r->new_len || ranges_overlap(r))
        return -EINVAL;
    if (r->flags & MREMAP_FIXED && hugetlb_is_cut(space, r->new_start, r->new_start + r->new_len))
        return -EINVAL;
    if ((r->flags & MREMAP_FIXED) && r->new_start == r->start)
        return -EFAULT; /* nothing to move (old_len is 0) and the source would be unmapped */
    uint64_t shrink_start = r->start + r->new_len, shrink_end = r->start + r->old_len;
    bool shrinks = r->old_len > r->new_len;
    if (shrinks)
        r->old_len = r->new_len;
    int error = space_place(space, r->new_start, r->new_len, PAGE_SIZE, place_flags, &r->new_start);
    if (error)
        return error;
    uint64_t replaced = r->flags & MREMAP_FIXED
                            ? region_set_mapped(space, r->new_start, r->new_start + r->new_len)
                            : 0;
    error = move_checked(r, replaced, out);
    if (!error && shrinks)
        error = space_unmap(space, vaddr(shrink_start), shrink_end - shrink_start);
    return error;
}

static int shrink(const struct remap *r, vaddr_t *out)
{
    int error = 0;
    if (r->old_len > r->new_len)
        error = space_unmap(r->space, vaddr(r->start + r->new_len), r->old_len - r->new_len);
    if (!error)
        *out = vaddr(r->start);
    return error;
}

static int grow(struct remap *r, struct region *region, vaddr_t *out)
{
    int error = check_resize(r, 0);
    if (error)
        return error;
    if (can_extend(r, region))
        return extend(r, region, out);
    if (!(r->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    error = space_place(r->space, 0, r->new_len, PAGE_SIZE, 0, &r->new_start);
    return error ? error : move_checked(r, 0, out);
}

/* Huge pages: lengths are rounded to them, and a mapping does not grow. */
static int check_huge(struct remap *r, const struct region *region)
{
    uint64_t mask = region_granule(region->flags) - 1;
    r->old_len = (r->old_len + mask) & ~mask;
    r->new_len = (r->new_len + mask) & ~mask;
    if (r->start & mask || r->new_len > r->old_len || r->flags & MREMAP_DONTUNMAP ||
        (r->flags & MREMAP_FIXED && r->new_start & mask))
        return -EINVAL;
    return 0;
}

int space_remap(struct space *space, vaddr_t addr, uint64_t old_len, uint64_t new_len,
                unsigned flags, vaddr_t new_addr, vaddr_t *out)
{
    struct remap r = {.space = space, .flags = flags, .new_start = new_addr.v};
    int error = check_arguments(&r, addr, old_len, new_len);
    if (error)
        return error;
    struct region *region = space_region_at(space, addr);
    if (!region)
        return -EFAULT;
    if (region->flags & REGION_HUGETLB && (error = check_huge(&r, region)))
        return error;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return move_to(&r, out);
    if (r.old_len >= r.new_len)
        return shrink(&r, out);
    return grow(&r, region, out);
}
