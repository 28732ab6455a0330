// SPDX-License-Identifier: GPL-2.0-or-later
/* See places.h. */
#include "api/places.h"

#include "linux/task.h"

static const char *name_of(const struct region *region)
{
    if (region->name)
        return region->name;
    if (region->flags & (REGION_STACK | REGION_GROWSDOWN))
        return "[stack]";
    if (region->flags & REGION_HEAP)
        return "[heap]";
    return region->object ? "[shared]" : "[anon]";
}

struct place *places_find(struct places *places, const struct space *space, vaddr_t va)
{
    uint64_t vpn = vaddr_vpn(va);
    struct place *place = &places->of[(vpn ^ vpn >> 10) % PLACES];
    if (place->version == space->map_version && va.v - place->start < place->len)
        return place;
    const struct region *region = space_region_at(space, va);
    if (!region)
        return NULL;
    *place = (struct place){.version = space->map_version,
                            .start = region->range.start,
                            .len = region->range.end - region->range.start,
                            .name = name_of(region)};
    if (region->object && object_is_file(region->object, &place->dev, &place->ino))
        place->to_file = (region->object_page << PAGE_SHIFT) - region->range.start;
    return place;
}

bool places_is_new_program(struct places *places, const struct process *process)
{
    uint64_t version = process->space ? process->space->map_version : 0;
    if (version && process == places->process && version == places->program_version)
        return false;
    places->process = process;
    places->program_version = version;
    return true;
}

const char *places_program(const struct process *process)
{
    return process->exe ? process->exe : "[exec]";
}
