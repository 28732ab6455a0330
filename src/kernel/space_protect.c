// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mprotect(2). Permissions that are taken away leave the page table at once; those that are given
 * come with the next fault, which knows about copy on write.
 */
#include <errno.h>
#include <sys/mman.h>

#include "kernel/hugetlb.h"
#include "kernel/region_set.h"
#include "kernel/space_limit.h"
#include "kernel/space_pages.h"

enum { PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC, PROT_SEMAPHORE = 8 /* no effect on x86 */ };

/* Every page must be in a region that may have the protection. The first that is not decides the
 * error and becomes *end: as on Linux, what lies before it is changed all the same. */
static int check_regions(const struct space *space, uint64_t start, uint64_t *end, unsigned prot)
{
    for (uint64_t at = start; at < *end;) {
        const struct region *region = space_region_at(space, vaddr(at));
        int error = !region ? -ENOMEM : (prot & ~region->max_prot) ? -EACCES : 0;
        if (error) {
            *end = at;
            return error;
        }
        at = region->range.end;
    }
    return 0;
}

/* PROT_GROWSDOWN: from the start of the stack region that the range touches. */
static int find_stack_start(const struct space *space, uint64_t *start, uint64_t end)
{
    const struct region *region = space_region_from(space, vaddr(*start));
    if (!region || region->range.start >= end)
        return -ENOMEM;
    if (!(region->flags & REGION_GROWSDOWN))
        return -EINVAL;
    *start = region->range.start;
    return 0;
}

/* Private pages that became writable in a locked region are copied now, not when written. */
static void populate_locked(struct space *space, uint64_t start, uint64_t end)
{
    struct region *region = region_set_overlap(space, start, end);
    for (; region && region->range.start < end; region = region_next(region)) {
        bool wants = (region->flags & REGION_LOCKED) && !(region->flags & REGION_LOCK_ON_FAULT) &&
                     (region->prot & PROT_MASK_W) && !(region->flags & REGION_SHARED);
        uint64_t low = region->range.start > start ? region->range.start : start;
        uint64_t high = region->range.end < end ? region->range.end : end;
        if (wants)
            space_pages_populate(space, low, high);
    }
}

static int change(struct space *space, uint64_t start, uint64_t end, unsigned prot)
{
    struct region_change wanted = {.sets_prot = true, .prot = prot};
    struct region_change_cost cost;
    int refused = check_regions(space, start, &end, prot);
    if (start == end)
        return refused;
    if (hugetlb_is_cut(space, start, end))
        return -EINVAL;
    region_set_change_cost(space, start, end, &wanted, &cost);
    if ((cost.splits > 0 && space->regions.count + cost.splits > SPACE_REGIONS_MAX) ||
        !space_limit_allows(space, 0, cost.data) ||
        (cost.charged > 0 && commit_charge(&space->kernel->commit, cost.charged)))
        return -ENOMEM;
    region_set_change(space, start, end, &wanted);
    pagetable_restrict_range(space->kernel, &space->table, vaddr(start), vaddr(end), prot);
    if (prot & PROT_MASK_W)
        populate_locked(space, start, end);
    return refused;
}

int space_protect(struct space *space, vaddr_t addr, uint64_t len, unsigned prot)
{
    unsigned grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    uint64_t start = addr.v, end = start + ((len + PAGE_MASK) & ~PAGE_MASK);
    prot &= ~grows;
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (start & PAGE_MASK))
        return -EINVAL;
    if (len == 0)
        return 0;
    if (end <= start)
        return -ENOMEM;
    if (prot & ~(unsigned)(PROT_ALL | PROT_SEMAPHORE))
        return -EINVAL;
    if (grows & PROT_GROWSUP) /* no region grows upward on x86 */
        return space_region_at(space, addr) ? -EINVAL : -ENOMEM;
    if (grows) {
        int error = find_stack_start(space, &start, end);
        if (error)
            return error;
    }
    return change(space, start, end, prot & PROT_ALL);
}
