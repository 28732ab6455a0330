// SPDX-License-Identifier: GPL-2.0-or-later
/* Regions whose missing pages a program supplies. A page exists if it has an anon, in RAM or in
 * swap; one that is only read as zeros does not. */
#include "kernel/space_supply.h"

#include <errno.h>

#include "kernel/fault.h"
#include "kernel/region_set.h"
#include "kernel/uaccess.h"

static bool is_fit(const struct region *region)
{
    return !region->object && !(region->flags & (REGION_SHARED | REGION_GROWSDOWN));
}

int space_supply_begin(struct space *space, uint64_t start, uint64_t end)
{
    const struct region_change change = {.set_flags = REGION_SUPPLIED};
    struct region_change_cost cost;
    if (!region_set_covers(space, start, end))
        return -EINVAL;
    const struct region *region = region_set_overlap(space, start, end);
    for (; region && region->range.start < end; region = region_next(region))
        if (!is_fit(region))
            return -EINVAL;
    region_set_change_cost(space, start, end, &change, &cost);
    if (cost.splits > 0 && space->regions.count + cost.splits > SPACE_REGIONS_MAX)
        return -ENOMEM;
    region_set_change(space, start, end, &change);
    return 0;
}

void space_supply_end(struct space *space, uint64_t start, uint64_t end)
{
    const struct region_change change = {.clear_flags = REGION_SUPPLIED};
    region_set_change(space, start, end, &change);
}

bool space_is_supplied(const struct space *space, vaddr_t va)
{
    const struct region *region = space_region_at(space, va);
    return region && region->flags & REGION_SUPPLIED;
}

bool space_has_supplied(const struct space *space, uint64_t start, uint64_t end)
{
    const struct region *region = start < end ? region_set_overlap(space, start, end) : NULL;
    while (region && region->range.start < end && !(region->flags & REGION_SUPPLIED))
        region = region_next(region);
    return region && region->range.start < end;
}

bool space_wants_page(const struct space *space, vaddr_t va)
{
    return space_is_supplied(space, va) && !amap_find(&space->amap, vaddr_vpn(va));
}

int space_supply(struct space *space, vaddr_t va, const void *bytes)
{
    if (!space_is_supplied(space, va))
        return -ENOENT;
    if (!space_wants_page(space, va))
        return -EEXIST;
    if (fault_supply(space, va) != FAULT_DONE)
        return -ENOMEM;
    return bytes ? uaccess_force_write(space, va, bytes, PAGE_SIZE) : 0;
}
