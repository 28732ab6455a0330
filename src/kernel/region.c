// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One region: making, copying and comparing them. Two neighbours that agree in everything, and
 * whose object's pages follow each other, describe the same memory as one region would; the set of
 * regions joins them, so that the number of regions says how many different kinds of memory there
 * are, not how they came about.
 */
#include "kernel/region.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/refstr.h"
#include "base/xalloc.h"
#include "kernel/hugetlb.h"
#include "kernel/space.h"
#include "machine/pte.h"

struct region *region_create(uint64_t start, uint64_t end)
{
    struct region *region = x_calloc(1, sizeof(*region));
    region->range.start = start;
    region->range.end = end;
    return region;
}

struct region *region_copy(const struct region *region, uint64_t start, uint64_t end)
{
    DCHECK(region->range.start <= start && start < end && end <= region->range.end);
    struct region *copy = region_create(start, end);
    copy->prot = region->prot;
    copy->max_prot = region->max_prot;
    copy->flags = region->flags;
    copy->name = refstr_get(region->name);
    if (region->object) {
        copy->object = object_get(region->object);
        copy->object_page = region_object_index(region, start);
    }
    return copy;
}

void region_destroy(struct kernel *kernel, struct region *region)
{
    if (region->object)
        object_put(kernel, region->object);
    refstr_put(region->name);
    free(region);
}

static bool names_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool region_can_join(const struct region *low, const struct region *high)
{
    if (low->range.end != high->range.start || low->prot != high->prot ||
        low->max_prot != high->max_prot || low->flags != high->flags ||
        low->object != high->object || !names_equal(low->name, high->name))
        return false;
    return !low->object || low->object_page + region_npages(low) == high->object_page;
}

bool region_allows(const struct region *region, enum mmu_access access)
{
    switch (access) {
    case MMU_STORE:
        return region->prot & PROT_MASK_W;
    case MMU_FETCH:
        return region->prot & PROT_MASK_X;
    case MMU_LOAD:
        break;
    }
    return region->prot != 0;
}

bool region_is_data(unsigned prot, unsigned flags)
{
    return (prot & PROT_MASK_W) && !(flags & (REGION_SHARED | REGION_GROWSDOWN));
}

bool region_is_accountable(unsigned prot, unsigned flags)
{
    return (prot & PROT_MASK_W) && !(flags & (REGION_SHARED | REGION_NORESERVE | REGION_HUGETLB));
}

uint64_t region_granule(unsigned flags)
{
    return flags & REGION_HUGETLB ? hugetlb_len(hugetlb_size_of(flags)) : PAGE_SIZE;
}

uint64_t region_guarded_start(const struct region *region)
{
    uint64_t gap = (uint64_t)SPACE_STACK_GAP_PAGES << PAGE_SHIFT;
    if (!(region->flags & REGION_GROWSDOWN))
        return region->range.start;
    return region->range.start > gap ? region->range.start - gap : 0;
}

struct region *region_next(const struct region *region)
{
    return (struct region *)rangemap_next(&region->range);
}

struct region *region_prev(const struct region *region)
{
    return (struct region *)rangemap_prev(&region->range);
}

/* One resident page, as the page table and the frame have it. */
static void measure_present(struct space *space, uint64_t entry, struct region_usage *out)
{
    const struct frame *frame = frame_get(&space->kernel->frames, pte_pfn(entry));
    if (frame->kind == FRAME_ZERO)
        return;
    bool is_dirty = (entry & PTE_D) || (frame->flags & FRAME_DIRTY);
    bool is_shared = frame->nmaps > 1;
    uint64_t *kind = is_shared ? (is_dirty ? &out->shared_dirty : &out->shared_clean)
                               : (is_dirty ? &out->private_dirty : &out->private_clean);
    uint64_t part = 4096 / frame->nmaps;
    ++*kind;
    out->rss++;
    out->pss_4096 += part;
    out->pss_dirty_4096 += is_dirty ? part : 0;
    out->large += (entry & PTE_PS) != 0;
    out->referenced += (entry & PTE_A) != 0;
    if (frame->kind == FRAME_ANON) {
        out->anonymous++;
        out->pss_anonymous_4096 += part;
    }
}

static void measure_anons(const struct space *space, const struct region *region,
                          struct region_usage *out)
{
    uint64_t vpn = region->range.start >> PAGE_SHIFT, end = region->range.end >> PAGE_SHIFT;
    struct anon *anon;
    for (; amap_next(&space->amap, &vpn, end, &anon); vpn++) {
        if (anon_is_resident(anon))
            continue;
        out->swap++;
        out->swap_pss_4096 += 4096 / anon->refs;
    }
}

/* Huge pages are not part of the resident set. */
static void measure_huge(const struct space *space, const struct region *region,
                         struct region_usage *out)
{
    const struct kernel *kernel = space->kernel;
    enum hugetlb_size size = hugetlb_size_of(region->flags);
    for (uint64_t va = region->range.start; va < region->range.end; va += hugetlb_len(size)) {
        uint64_t entry = pagetable_entry(kernel, &space->table, vaddr(va));
        if (!pte_is_present(entry))
            continue;
        bool is_shared = hugetlb_page(kernel, pte_pfn(entry))->maps > 1;
        *(is_shared ? &out->shared_huge : &out->private_huge) += hugetlb_frames(size);
    }
}

void region_measure(struct space *space, const struct region *region, struct region_usage *out)
{
    struct region_usage usage = {0};
    vaddr_t at = vaddr(region->range.start), end = vaddr(region->range.end);
    uint64_t entry;
    if (region->flags & REGION_HUGETLB) {
        measure_huge(space, region, &usage);
        *out = usage;
        return;
    }
    for (; pagetable_next(space->kernel, &space->table, at, end, &at, &entry); at.v += PAGE_SIZE)
        measure_present(space, entry, &usage);
    measure_anons(space, region, &usage);
    if (region->flags & REGION_SHARED && region->object)
        usage.swap += object_swapped(region->object, region->object_page,
                                     region->object_page + region_npages(region));
    if (region->flags & REGION_LOCKED)
        usage.locked = usage.pss_4096 / 4096;
    *out = usage;
}
