// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making, finding and ending address spaces, and the check that one is sound. A space has a number
 * that nobody else has: it tags its TLB entries and names it in reverse maps.
 */
#include "kernel/space.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/hugetlb.h"
#include "kernel/region_set.h"
#include "kernel/space_pages.h"
#include "machine/pte.h"

/* The lowest number that no space has, so that walks over all spaces stay short; 0: none. */
static uint32_t take_number(struct kernel *kernel, struct space *space)
{
    uint32_t number = kernel->space_lowest;
    while (number < KERNEL_SPACES_MAX && kernel->spaces[number])
        number++;
    kernel->space_lowest = number;
    if (number == KERNEL_SPACES_MAX)
        return 0;
    kernel->spaces[number] = space;
    kernel->space_lowest = number + 1;
    if (kernel->spaces_end <= number)
        kernel->spaces_end = number + 1;
    return number;
}

/* => nothing in the TLB or in a reverse map has it any more */
static void give_number(struct kernel *kernel, uint32_t number)
{
    kernel->spaces[number] = NULL;
    if (kernel->space_lowest > number)
        kernel->space_lowest = number;
    while (kernel->spaces_end > 1 && !kernel->spaces[kernel->spaces_end - 1])
        kernel->spaces_end--;
}

int space_create(struct kernel *kernel, struct space **out)
{
    struct space *space = x_calloc(1, sizeof(*space));
    uint32_t number = take_number(kernel, space);
    if (number == 0) {
        free(space);
        return -EAGAIN;
    }
    space->kernel = kernel;
    space->number = (uint16_t)number;
    space->refs = 1;
    space->limit_as = space->limit_data = UINT64_MAX;
    space->limit_stack = space->limit_memlock = UINT64_MAX;
    rangemap_create(&space->regions);
    amap_create(&space->amap);
    radix_create(&space->wired);
    radix_create(&space->hugetlb);
    pagetable_create(kernel, space->number, &space->table);
    *out = space;
    return 0;
}

struct space *space_get(struct space *space)
{
    space->refs++;
    return space;
}

void space_clear(struct space *space)
{
    struct kernel *kernel = space->kernel;
    space_pages_unwire(space, 0, SPACE_END);
    pagetable_destroy(kernel, &space->table); /* one flush for all its pages */
    commit_release(&kernel->commit, region_set_unmap(space, 0, SPACE_END));
}

void space_put(struct space *space)
{
    struct kernel *kernel = space->kernel;
    CHECK(space->refs > 0);
    if (--space->refs > 0)
        return;
    space_clear(space);
    CHECK(space->regions.count == 0 && space->wired.count == 0 && space->hugetlb.count == 0);
    amap_destroy(&space->amap);
    radix_destroy(&space->wired);
    radix_destroy(&space->hugetlb);
    give_number(kernel, space->number);
    free(space);
}

struct region *space_region_at(const struct space *space, vaddr_t va)
{
    return (struct region *)rangemap_find(&space->regions, va.v);
}

struct region *space_region_from(const struct space *space, vaddr_t va)
{
    return (struct region *)rangemap_from(&space->regions, va.v);
}

uint64_t space_swapped(const struct space *space)
{
    uint64_t count = 0;
    struct anon *anon;
    for (uint64_t vpn = 0; amap_next(&space->amap, &vpn, UINT64_MAX, &anon); vpn++)
        count += !anon_is_resident(anon);
    return count;
}

struct sums {
    uint64_t npages, ndata, nlocked, committed;
};

/* S1, S3, and one region's part of S4. */
static bool region_is_valid(const struct region *region, struct sums *sums)
{
    const struct region *next = region_next(region);
    uint64_t npages = region_npages(region);
    bool is_charged = region->flags & REGION_CHARGED;
    sums->npages += npages;
    sums->ndata += region_is_data(region->prot, region->flags) ? npages : 0;
    sums->nlocked += region->flags & REGION_LOCKED ? npages : 0;
    sums->committed += is_charged ? npages : 0;
    return region->range.start < region->range.end && region->range.end <= SPACE_END &&
           !((region->range.start | region->range.end) & (region_granule(region->flags) - 1)) &&
           !(region->prot & ~region->max_prot) &&
           (!next || (region->range.end <= next->range.start && !region_can_join(region, next))) &&
           (is_charged || !region_is_accountable(region->prot, region->flags));
}

static bool regions_are_valid(const struct space *space)
{
    struct sums sums = {0};
    for (struct region *r = space_region_from(space, vaddr(0)); r; r = region_next(r))
        if (!region_is_valid(r, &sums))
            return false;
    return rangemap_is_valid(&space->regions) && sums.npages == space->npages &&
           sums.ndata == space->ndata && sums.nlocked == space->nlocked &&
           sums.committed == space->committed;
}

/* The frame that the page has by its region, NULL if it is not resident; *prot: the most an entry
 * may grant. */
static const struct frame *frame_by_region(const struct space *space, const struct region *region,
                                           uint64_t va, unsigned *prot)
{
    const struct kernel *kernel = space->kernel;
    struct anon *anon = amap_find(&space->amap, va >> PAGE_SHIFT);
    *prot = region->prot == 0 ? 0 : region->prot | PROT_MASK_R;
    if (anon) {
        if (anon->refs > 1)
            *prot &= ~(unsigned)PROT_MASK_W;
        return anon_is_resident(anon) ? frame_get(&kernel->frames, slot_pfn(anon->slot)) : NULL;
    }
    if (!(region->flags & REGION_SHARED))
        *prot &= ~(unsigned)PROT_MASK_W;
    if (region->object)
        return object_resident(kernel, region->object, region_object_index(region, va));
    return frame_get(&kernel->frames, kernel->zero_pfn);
}

/* The frame that the page has by its region, PFN_NONE if it is not resident; *prot: the most an
 * entry may grant. */
static pfn_t pfn_by_region(const struct space *space, const struct region *region, uint64_t va,
                           unsigned *prot)
{
    if (region->flags & REGION_HUGETLB) {
        bool is_shared;
        pfn_t first = hugetlb_resident(space, region, va, &is_shared);
        uint64_t distance = va & (region_granule(region->flags) - 1);
        *prot = region->prot == 0 ? 0 : region->prot | PROT_MASK_R;
        *prot &= is_shared ? ~(unsigned)PROT_MASK_W : ~0u;
        return first == PFN_NONE ? PFN_NONE : first + (pfn_t)(distance >> PAGE_SHIFT);
    }
    const struct frame *frame = frame_by_region(space, region, va, prot);
    return frame ? frame_pfn(&space->kernel->frames, frame) : PFN_NONE;
}

/* S2 and the page table's part of S5. */
static bool entries_are_valid(const struct space *space)
{
    const struct kernel *kernel = space->kernel;
    uint64_t entry, count = 0;
    vaddr_t va = vaddr(0);
    for (; pagetable_next(kernel, &space->table, va, vaddr(SPACE_END), &va, &entry);
         va.v += PAGE_SIZE, count++) {
        const struct region *region = space_region_at(space, va);
        unsigned prot;
        if (!region || pfn_by_region(space, region, va.v, &prot) != pte_pfn(entry))
            return false;
        if (prot == 0 || ((entry & PTE_W) && !(prot & PROT_MASK_W)) ||
            (!(entry & PTE_NX) && !(prot & PROT_MASK_X)))
            return false;
    }
    return count == space->table.npresent + space->table.nhuge;
}

/* The private pages' part of S5, and A2. */
static bool anons_are_valid(const struct space *space)
{
    struct anon *anon;
    for (uint64_t vpn = 0; amap_next(&space->amap, &vpn, UINT64_MAX, &anon); vpn++) {
        const struct region *region = space_region_at(space, vaddr(vpn << PAGE_SHIFT));
        if (!region || (region->flags & REGION_SHARED) || anon->refs == 0)
            return false;
        if (!anon_is_resident(anon)) {
            if (slot_kind(anon->slot) != SLOT_SWAP)
                return false;
            continue;
        }
        const struct frame *frame = frame_get(&space->kernel->frames, slot_pfn(anon->slot));
        if (frame->kind != FRAME_ANON || frame->owner != (uint64_t)(uintptr_t)anon)
            return false;
    }
    return true;
}

/* S6. */
static bool wires_are_valid(const struct space *space)
{
    uint64_t pfn;
    for (uint64_t vpn = 0; radix_next(&space->wired, &vpn, UINT64_MAX, &pfn); vpn++) {
        const struct region *region = space_region_at(space, vaddr(vpn << PAGE_SHIFT));
        const struct frame *frame = frame_get(&space->kernel->frames, (pfn_t)pfn);
        unsigned prot;
        if (!region || !(region->flags & REGION_LOCKED) || frame->wired == 0 ||
            frame_by_region(space, region, vpn << PAGE_SHIFT, &prot) != frame)
            return false;
    }
    return true;
}

bool space_is_valid(const struct space *space)
{
    return regions_are_valid(space) && entries_are_valid(space) && anons_are_valid(space) &&
           wires_are_valid(space);
}
