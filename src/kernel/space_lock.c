// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mlock(2) and its family. A locked region's pages are wired (space_pages.h) when they become
 * resident; locking makes them resident at once, unless it is "on fault".
 */
#include <errno.h>
#include <sys/mman.h>

#include "kernel/region_set.h"
#include "kernel/space_limit.h"
#include "kernel/space_pages.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

enum { REGION_LOCKS = REGION_LOCKED | REGION_LOCK_ON_FAULT };

/* The pages that hold any byte of [addr, addr + len). Errors: -EINVAL: it wraps. */
static int round_range(vaddr_t addr, uint64_t len, uint64_t *start, uint64_t *end)
{
    *start = addr.v & ~PAGE_MASK;
    *end = *start + ((len + (addr.v & PAGE_MASK) + PAGE_MASK) & ~PAGE_MASK);
    return *end < *start ? -EINVAL : 0;
}

static struct region_change lock_change(bool on_fault)
{
    return (struct region_change){
        .set_flags = REGION_LOCKED | (on_fault ? REGION_LOCK_ON_FAULT : 0),
        .clear_flags = on_fault ? 0 : REGION_LOCK_ON_FAULT,
    };
}

static int check_change(const struct space *space, uint64_t start, uint64_t end,
                        const struct region_change *change)
{
    struct region_change_cost cost;
    if (!region_set_covers(space, start, end))
        return -ENOMEM;
    region_set_change_cost(space, start, end, change, &cost);
    if (cost.splits > 0 && space->regions.count + cost.splits > SPACE_REGIONS_MAX)
        return -ENOMEM;
    return cost.locked == 0 || space_limit_allows_lock(space, cost.locked) ? 0 : -ENOMEM;
}

/* As Linux reports what a populate ran into: no memory is "try again", the rest "not all of it can
 * be locked". */
static int populate_error(enum fault_result result)
{
    if (result == FAULT_DONE)
        return 0;
    return result == FAULT_OOM ? -EAGAIN : -ENOMEM;
}

int space_lock(struct space *space, vaddr_t addr, uint64_t len, bool on_fault)
{
    struct region_change change = lock_change(on_fault);
    uint64_t start, end;
    if (space->limit_memlock == 0)
        return -EPERM;
    int error = round_range(addr, len, &start, &end);
    if (error || end == start)
        return error;
    if ((error = check_change(space, start, end, &change)))
        return error;
    region_set_change(space, start, end, &change);
    space_pages_wire_present(space, start, end);
    return on_fault ? 0 : populate_error(space_pages_populate(space, start, end));
}

int space_unlock(struct space *space, vaddr_t addr, uint64_t len)
{
    struct region_change change = {.clear_flags = REGION_LOCKS};
    uint64_t start, end;
    int error = round_range(addr, len, &start, &end);
    if (error || end == start)
        return error;
    if ((error = check_change(space, start, end, &change)))
        return error;
    space_pages_unwire(space, start, end);
    region_set_change(space, start, end, &change);
    return 0;
}

/* Makes every region resident as far as it can be. */
static void populate_all(struct space *space)
{
    struct region *region = space_region_from(space, vaddr(0));
    for (; region; region = region_next(region))
        space_pages_populate(space, region->range.start, region->range.end);
}

int space_lock_all(struct space *space, int flags)
{
    bool on_fault = flags & MCL_ONFAULT;
    if (!(flags & (MCL_CURRENT | MCL_FUTURE)) ||
        (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)))
        return -EINVAL;
    if (space->limit_memlock == 0)
        return -EPERM;
    if ((flags & MCL_CURRENT) && space->npages > space->limit_memlock >> PAGE_SHIFT)
        return -ENOMEM;
    space->lock_future = flags & MCL_FUTURE;
    space->lock_future_on_fault = space->lock_future && on_fault;
    if (!(flags & MCL_CURRENT))
        return 0;
    struct region_change change = lock_change(on_fault);
    region_set_change(space, 0, SPACE_END, &change);
    space_pages_wire_present(space, 0, SPACE_END);
    if (!on_fault)
        populate_all(space);
    return 0;
}

int space_unlock_all(struct space *space)
{
    struct region_change change = {.clear_flags = REGION_LOCKS};
    space->lock_future = space->lock_future_on_fault = false;
    space_pages_unwire(space, 0, SPACE_END);
    region_set_change(space, 0, SPACE_END, &change);
    return 0;
}
