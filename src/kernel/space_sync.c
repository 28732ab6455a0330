// SPDX-License-Identifier: GPL-2.0-or-later
/* msync(2) and mincore(2): what of a range is on disk, and what is in RAM. */
#include <errno.h>
#include <sys/mman.h>

#include "kernel/region_set.h"
#include "machine/pte.h"

static int sync_region(struct space *space, const struct region *region, uint64_t start,
                       uint64_t end)
{
    uint64_t low = region->range.start > start ? region->range.start : start;
    uint64_t high = region->range.end < end ? region->range.end : end;
    if (!region->object || !(region->flags & REGION_SHARED))
        return 0;
    int error = object_sync(space->kernel, region->object, region_object_index(region, low),
                            region_object_index(region, high));
    return error ? error : object_flush(region->object);
}

int space_sync(struct space *space, vaddr_t addr, uint64_t len, int flags)
{
    uint64_t start = addr.v, end = start + ((len + PAGE_MASK) & ~PAGE_MASK);
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & PAGE_MASK) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC)))
        return -EINVAL;
    if (end < start)
        return -ENOMEM;
    if (end == start)
        return 0;
    bool has_hole = !region_set_covers(space, start, end);
    struct region *region = region_set_overlap(space, start, end);
    for (; region && region->range.start < end; region = region_next(region)) {
        if ((flags & MS_INVALIDATE) && (region->flags & REGION_LOCKED))
            return -EBUSY;
        int error = flags & MS_SYNC ? sync_region(space, region, start, end) : 0;
        if (error)
            return error;
    }
    return has_hole ? -ENOMEM : 0;
}

/* In RAM: by the private page if there is one, else by the object, else by the page table (the
 * page of zeros). */
static bool is_incore(const struct space *space, const struct region *region, uint64_t va)
{
    const struct anon *anon = amap_find(&space->amap, va >> PAGE_SHIFT);
    if (anon)
        return anon_is_resident(anon);
    if (region->object)
        return object_resident(space->kernel, region->object, region_object_index(region, va));
    return pagetable_entry(space->kernel, &space->table, vaddr(va)) & PTE_P;
}

int space_incore(struct space *space, vaddr_t addr, uint64_t len, uint8_t *vec)
{
    uint64_t start = addr.v, end = start + ((len + PAGE_MASK) & ~PAGE_MASK);
    if (start & PAGE_MASK)
        return -EINVAL;
    if (len > SPACE_END || start > SPACE_END - len)
        return -ENOMEM;
    for (uint64_t va = start; va < end;) {
        const struct region *region = space_region_at(space, vaddr(va));
        if (!region)
            return -ENOMEM;
        for (; va < end && va < region->range.end; va += PAGE_SIZE)
            vec[(va - start) >> PAGE_SHIFT] = is_incore(space, region, va);
    }
    return 0;
}
