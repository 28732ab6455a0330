// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What happens to the pages of a range. Order matters when pages end: first the wires, then the
 * page-table entries, then the private pages, so that a frame is given back only when nobody holds
 * it.
 *
 * Wires: space->wired says which frame each page of a locked region holds in RAM. It does not
 * follow the page table, because mprotect(PROT_NONE) takes the entry away but not the lock.
 */
#include "kernel/space_pages.h"

#include "base/check.h"
#include "kernel/hugetlb.h"
#include "kernel/reclaim.h"
#include "machine/pte.h"

static uint64_t page_number(uint64_t va)
{
    return va >> PAGE_SHIFT;
}

static void tell_gone(const struct space *space, uint64_t start, uint64_t end)
{
    const struct kernel_watch *watch = &space->kernel->watch;
    if (watch->gone)
        watch->gone(watch->context, space->number, vaddr(start), page_number(end - start));
}

void space_pages_drop(struct space *space, uint64_t start, uint64_t end)
{
    tell_gone(space, start, end);
    space_pages_unwire(space, start, end);
    pagetable_unmap_range(space->kernel, &space->table, vaddr(start), vaddr(end));
    amap_drop(space->kernel, &space->amap, page_number(start), page_number(end));
    hugetlb_drop(space, start, end);
}

static void move_anons(struct space *space, uint64_t from, uint64_t to, uint64_t npages)
{
    struct anon *anon;
    for (uint64_t vpn = from; amap_next(&space->amap, &vpn, from + npages, &anon); vpn++) {
        amap_remove(&space->amap, vpn);
        amap_insert(&space->amap, vpn - from + to, anon);
    }
}

static void move_wires(struct space *space, uint64_t from, uint64_t to, uint64_t npages)
{
    uint64_t pfn;
    for (uint64_t vpn = from; radix_next(&space->wired, &vpn, from + npages, &pfn); vpn++) {
        radix_set(&space->wired, vpn, 0);
        radix_set(&space->wired, vpn - from + to, pfn);
    }
}

static unsigned entry_prot(uint64_t entry)
{
    return PROT_MASK_R | (entry & PTE_W ? PROT_MASK_W : 0) | (entry & PTE_NX ? 0 : PROT_MASK_X);
}

/* Moves page-table entries one by one; each may need tables at the new place. */
static void move_entries(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
    struct kernel *kernel = space->kernel;
    vaddr_t at = vaddr(from);
    uint64_t entry;
    for (; pagetable_next(kernel, &space->table, at, vaddr(from + len), &at, &entry);
         at.v += PAGE_SIZE) {
        if (frame_reserve(kernel, PAGETABLE_FRAMES_MAX))
            break;
        /* Reclaim may have taken just this page. */
        entry = pagetable_entry(kernel, &space->table, at);
        if (pte_is_present(entry))
            pagetable_map(kernel, &space->table, vaddr(at.v - from + to),
                          frame_get(&kernel->frames, pte_pfn(entry)), entry_prot(entry));
        pagetable_unmap(kernel, &space->table, at); /* it is never without a map between the two */
        frame_unreserve(kernel);
    }
    pagetable_unmap_range(kernel, &space->table, vaddr(from), vaddr(from + len));
}

void space_pages_move(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
    tell_gone(space, from, from + len); /* and to touch them at their new place is a first touch */
    const struct region *region = space_region_at(space, vaddr(from));
    if (region->flags & REGION_HUGETLB)
        pagetable_unmap_range(space->kernel, &space->table, vaddr(from), vaddr(from + len));
    else
        move_entries(space, from, to, len);
    hugetlb_move(space, from, to, len);
    move_anons(space, page_number(from), page_number(to), page_number(len));
    move_wires(space, page_number(from), page_number(to), page_number(len));
}

static enum mmu_access populate_access(const struct region *region)
{
    if ((region->prot & PROT_MASK_W) && !(region->flags & REGION_SHARED))
        return MMU_STORE;
    return MMU_LOAD;
}

enum fault_result space_pages_populate(struct space *space, uint64_t start, uint64_t end)
{
    enum fault_result result = FAULT_DONE;
    for (uint64_t at = start; at < end && result == FAULT_DONE;) {
        struct region *region = space_region_at(space, vaddr(at));
        if (!region)
            return FAULT_SEGV_MAPERR;
        uint64_t stop = region->range.end < end ? region->range.end : end;
        result = fault_populate(space, vaddr(at), vaddr(stop), populate_access(region));
        at = stop;
    }
    return result;
}

/* Byte range of the region that maps pages of its object from `first` on; empty if none. */
static uint64_t start_beyond(const struct region *region, uint64_t first)
{
    if (first <= region->object_page)
        return region->range.start;
    uint64_t skip = first - region->object_page;
    return skip < region_npages(region) ? region->range.start + (skip << PAGE_SHIFT)
                                        : region->range.end;
}

void space_pages_truncate(struct kernel *kernel, struct object *object, uint64_t npages)
{
    for (unsigned i = 1; i < kernel->spaces_end; i++) {
        struct space *space = kernel->spaces[i];
        struct region *region = space ? space_region_from(space, vaddr(0)) : NULL;
        for (; region; region = region_next(region)) {
            uint64_t start = region->object == object ? start_beyond(region, npages) : UINT64_MAX;
            if (start < region->range.end)
                space_pages_drop(space, start, region->range.end);
        }
    }
}

static void unwire_at(struct space *space, uint64_t vpn, uint64_t pfn)
{
    radix_set(&space->wired, vpn, 0);
    frame_unwire(space->kernel, frame_get(&space->kernel->frames, (pfn_t)pfn));
}

void space_pages_wire(struct space *space, uint64_t vpn, struct frame *frame)
{
    pfn_t pfn = frame_pfn(&space->kernel->frames, frame);
    uint64_t old = radix_get(&space->wired, vpn);
    if (old == pfn)
        return;
    if (old)
        unwire_at(space, vpn, old);
    /* The zero page is never evicted. A count that would overflow means thousands of locks on the
     * page already; this one goes without. The last place is the object's (object_set_locked()). */
    if (frame->kind == FRAME_ZERO || frame->wired >= UINT16_MAX - 1)
        return;
    frame_wire(space->kernel, frame);
    radix_set(&space->wired, vpn, pfn);
}

void space_pages_wire_present(struct space *space, uint64_t start, uint64_t end)
{
    const struct kernel *kernel = space->kernel;
    vaddr_t at = vaddr(start);
    uint64_t entry;
    for (; pagetable_next(kernel, &space->table, at, vaddr(end), &at, &entry); at.v += PAGE_SIZE)
        if (!(entry & PTE_HUGE)) /* these are never evicted */
            space_pages_wire(space, vaddr_vpn(at), frame_get(&kernel->frames, pte_pfn(entry)));
}

void space_pages_unwire(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t pfn;
    for (uint64_t vpn = page_number(start); radix_next(&space->wired, &vpn, page_number(end), &pfn);
         vpn++)
        unwire_at(space, vpn, pfn);
}

void space_pages_unwire_frame(struct kernel *kernel, struct frame *frame)
{
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    for (unsigned i = 1; i < kernel->spaces_end && frame->wired > 0; i++) {
        struct space *space = kernel->spaces[i];
        uint64_t vpn = 0, value;
        for (; space && radix_next(&space->wired, &vpn, UINT64_MAX, &value); vpn++)
            if (value == pfn)
                unwire_at(space, vpn, value);
    }
}
