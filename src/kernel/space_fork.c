// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory half of fork(2). Nothing of a page is copied: the child's regions share the parent's
 * objects, and its private pages are the parent's anons, with one reference more each. So that the
 * next store of either is seen, the parent's entries for private pages lose W, with one flush of
 * its TLB entries; what the child has in its page table comes with its faults. A fork therefore
 * takes no frame of RAM and cannot fail for want of one, and a child that calls execve at once
 * never makes more than a handful of entries.
 *
 * Which pages are copied later, by whom, and who takes a page over without a copy is decided where
 * stores are seen: fault.c, case 1B.
 */
#include <errno.h>

#include "kernel/hugetlb.h"
#include "kernel/region_set.h"
#include "kernel/space.h"

/* mlock(2), NOTES; ioctl_userfaultfd(2) */
enum {
    NOT_INHERITED = REGION_LOCKED | REGION_LOCK_ON_FAULT | REGION_SUPPLIED | REGION_HUGETLB_OWNER
};

static bool is_copied(const struct region *region)
{
    return !(region->flags & REGION_DONTFORK);
}

/* Does the child have the region's private pages? */
static bool shares_pages(const struct region *region)
{
    return is_copied(region) && !(region->flags & (REGION_SHARED | REGION_WIPEONFORK));
}

static uint64_t charge_of(const struct region *region)
{
    return is_copied(region) && (region->flags & REGION_CHARGED) ? region_npages(region) : 0;
}

/* Charges the child's regions one by one, as Linux does: the heuristic refuses single requests.
 * Result: 0, or -ENOMEM and nothing charged. */
static int charge(const struct space *parent)
{
    struct commit *commit = &parent->kernel->commit;
    uint64_t charged = 0;
    struct region *region = space_region_from(parent, vaddr(0));
    for (; region; region = region_next(region)) {
        if (commit_charge(commit, charge_of(region))) {
            commit_release(commit, charged);
            return -ENOMEM;
        }
        charged += charge_of(region);
    }
    return 0;
}

static void copy_region(struct space *child, const struct region *region)
{
    struct region *copy = region_copy(region, region->range.start, region->range.end);
    copy->flags &= ~(unsigned)NOT_INHERITED;
    region_set_insert(child, copy);
}

static void copy_regions(const struct space *parent, struct space *child)
{
    struct region *region = space_region_from(parent, vaddr(0));
    for (; region; region = region_next(region))
        if (is_copied(region))
            copy_region(child, region);
}

static void share_pages(struct space *parent, struct space *child)
{
    struct kernel *kernel = parent->kernel;
    bool used = false;
    struct region *region = space_region_from(parent, vaddr(0));
    for (; region; region = region_next(region)) {
        if (!shares_pages(region))
            continue;
        vaddr_t start = vaddr(region->range.start), end = vaddr(region->range.end);
        amap_share(&parent->amap, &child->amap, vaddr_vpn(start), vaddr_vpn(end));
        if (region->flags & REGION_HUGETLB)
            hugetlb_share(parent, child, start.v, end.v);
        used |= pagetable_write_protect(kernel, &parent->table, start, end);
    }
    if (used)
        pagetable_flush(kernel, &parent->table);
}

/* MCL_FUTURE is not inherited either; a new space has none. */
static void copy_settings(const struct space *parent, struct space *child)
{
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->no_large_pages = parent->no_large_pages;
    child->limit_as = parent->limit_as;
    child->limit_data = parent->limit_data;
    child->limit_stack = parent->limit_stack;
    child->limit_memlock = parent->limit_memlock;
}

int space_fork(struct space *parent, struct space **out)
{
    struct space *child;
    int error = space_create(parent->kernel, &child);
    if (error)
        return error;
    error = charge(parent);
    if (error) {
        space_put(child);
        return error;
    }
    copy_settings(parent, child);
    copy_regions(parent, child);
    share_pages(parent, child);
    *out = child;
    return 0;
}
