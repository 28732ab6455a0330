// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmap(2) and munmap(2). A mapping is checked as a whole first (place, limits, commit); then what
 * it replaces is unmapped and the region inserted, and nothing of that can fail.
 */
#include <errno.h>

#include "base/refstr.h"
#include "kernel/hugetlb.h"
#include "kernel/region_set.h"
#include "kernel/space_limit.h"
#include "kernel/space_pages.h"
#include "kernel/space_place.h"

/* A request, worked out. */
struct mapping {
    uint64_t start, end;
    uint64_t npages;
    unsigned flags;   /* of the region */
    uint64_t charged; /* pages it is charged */
    uint64_t freed;   /* charged pages that it replaces */
};

#define OBJECT_PAGES_MAX ((uint64_t)INT64_MAX >> PAGE_SHIFT)

static int check_request(const struct space *space, const struct space_map_request *request)
{
    if (request->len == 0)
        return -EINVAL;
    if (request->len > SPACE_END || space->regions.count > SPACE_REGIONS_MAX)
        return -ENOMEM;
    return 0;
}

static int check_kind(const struct space_map_request *request, uint64_t npages)
{
    if ((request->region_flags & REGION_GROWSDOWN) &&
        (request->object || (request->region_flags & REGION_SHARED)))
        return -EINVAL;
    uint64_t granule = region_granule(request->region_flags) >> PAGE_SHIFT;
    if (request->object_page & (granule - 1))
        return -EINVAL;
    if (request->object &&
        (npages > OBJECT_PAGES_MAX || request->object_page > OBJECT_PAGES_MAX - npages))
        return -EOVERFLOW;
    return 0;
}

/* Flags of the region: what was asked, mlockall's MCL_FUTURE, and how it is accounted. */
static unsigned region_flags_of(const struct space *space, const struct space_map_request *request)
{
    unsigned flags = request->region_flags & ~(unsigned)REGION_CHARGED;
    if (space->kernel->commit.mode == COMMIT_NEVER)
        flags &= ~(unsigned)REGION_NORESERVE; /* strict accounting knows no exception */
    if (space->lock_future)
        flags |= REGION_LOCKED;
    if (space->lock_future && space->lock_future_on_fault)
        flags |= REGION_LOCK_ON_FAULT;
    if (flags & REGION_HUGETLB) /* never evicted */
        flags &= ~(unsigned)(REGION_LOCKED | REGION_LOCK_ON_FAULT);
    if (region_is_accountable(request->prot, flags))
        flags |= REGION_CHARGED;
    return flags;
}

static int check_limits(const struct space *space, const struct space_map_request *request,
                        struct mapping *m)
{
    if (hugetlb_is_cut(space, m->start, m->end))
        return -EINVAL;
    if ((m->flags & REGION_HUGETLB_OWNER) &&
        !hugetlb_can_reserve(space->kernel, hugetlb_size_of(m->flags), m->end - m->start))
        return -ENOMEM;
    if ((request->region_flags & REGION_LOCKED) && space->limit_memlock == 0)
        return -EPERM;
    if ((m->flags & REGION_LOCKED) && !space_limit_allows_lock(space, m->npages))
        return -EAGAIN;
    uint64_t replaced = region_set_mapped(space, m->start, m->end);
    uint64_t more = m->npages - replaced;
    uint64_t data = region_is_data(request->prot, m->flags) ? more : 0;
    if (!space_limit_allows(space, more, data) ||
        space->regions.count + region_set_unmap_splits(space, m->start, m->end) > SPACE_REGIONS_MAX)
        return -ENOMEM;
    return 0;
}

/* Charges what the new region needs beyond what it replaces. */
static int charge(struct space *space, struct mapping *m)
{
    m->charged = m->flags & REGION_CHARGED ? m->npages : 0;
    m->freed = region_set_charged(space, m->start, m->end);
    if (m->charged <= m->freed)
        return 0;
    return commit_charge(&space->kernel->commit, m->charged - m->freed);
}

static void perform(struct space *space, const struct space_map_request *request,
                    const struct mapping *m)
{
    region_set_unmap(space, m->start, m->end);
    if (m->freed > m->charged)
        commit_release(&space->kernel->commit, m->freed - m->charged);
    struct region *region = region_create(m->start, m->end);
    region->prot = request->prot;
    region->max_prot = request->max_prot;
    region->flags = m->flags;
    region->name = refstr_create(request->name);
    if (request->object) {
        region->object = object_get(request->object);
        region->object_page = request->object_page;
    }
    region_set_insert(space, region);
    if (m->flags & REGION_HUGETLB_OWNER)
        hugetlb_reserve(space, hugetlb_size_of(m->flags), m->start, m->end);
}

int space_map(struct space *space, const struct space_map_request *request, vaddr_t *out)
{
    struct mapping m;
    int error = check_request(space, request);
    if (error)
        return error;
    uint64_t granule = region_granule(request->region_flags);
    uint64_t len = (request->len + granule - 1) & ~(granule - 1);
    m.npages = len >> PAGE_SHIFT;
    error = space_place(space, request->addr.v, len, granule, request->flags, &m.start);
    if (error)
        return error;
    m.end = m.start + len;
    m.flags = region_flags_of(space, request);
    if ((error = check_kind(request, m.npages)) || (error = check_limits(space, request, &m)) ||
        (error = charge(space, &m)))
        return error;
    perform(space, request, &m);
    /* A page that cannot be brought in now faults when it is touched. */
    if ((request->flags & SPACE_MAP_POPULATE) ||
        ((m.flags & REGION_LOCKED) && !(m.flags & REGION_LOCK_ON_FAULT)))
        space_pages_populate(space, m.start, m.end);
    *out = vaddr(m.start);
    return 0;
}

int space_unmap(struct space *space, vaddr_t addr, uint64_t len)
{
    if ((addr.v & PAGE_MASK) || addr.v > SPACE_END || len > SPACE_END - addr.v || len == 0)
        return -EINVAL;
    uint64_t end = addr.v + ((len + PAGE_MASK) & ~PAGE_MASK);
    if (hugetlb_is_cut(space, addr.v, end))
        return -EINVAL;
    if (region_set_unmap_splits(space, addr.v, end) && space->regions.count >= SPACE_REGIONS_MAX)
        return -ENOMEM;
    commit_release(&space->kernel->commit, region_set_unmap(space, addr.v, end));
    return 0;
}
