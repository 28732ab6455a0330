// SPDX-License-Identifier: GPL-2.0-or-later
/* See hugetlb.h. The page comes first: only when there is one is anything changed. */
#include "kernel/hugetlb.h"

#include <string.h>

#include "base/check.h"
#include "kernel/kernel.h"
#include "kernel/space_pages.h"

enum { HUGE_SHIFT = 21 };
#define HUGE_LEN ((uint64_t)1 << HUGE_SHIFT)

/* ---- what is promised ---- */

bool hugetlb_can_reserve(const struct kernel *kernel, uint64_t len)
{
    const struct hugetlb_pool *pool = &kernel->hugetlb;
    return len >> HUGE_SHIFT <= pool->nfree - pool->nreserved;
}

static enum hugetlb_note note_at(const struct space *space, uint64_t place)
{
    return (enum hugetlb_note)radix_get(&space->hugetlb, place);
}

static void set_note(struct space *space, uint64_t place, enum hugetlb_note note)
{
    struct hugetlb_pool *pool = &space->kernel->hugetlb;
    pool->nreserved -= note_at(space, place) == HUGETLB_RESERVED;
    pool->nreserved += note == HUGETLB_RESERVED;
    radix_set(&space->hugetlb, place, note);
}

void hugetlb_reserve(struct space *space, uint64_t start, uint64_t end)
{
    for (uint64_t place = start >> HUGE_SHIFT; place < end >> HUGE_SHIFT; place++)
        set_note(space, place, HUGETLB_RESERVED);
}

void hugetlb_forget(struct space *space, uint64_t start, uint64_t end)
{
    uint64_t note, place = start >> HUGE_SHIFT;
    for (; radix_next(&space->hugetlb, &place, end >> HUGE_SHIFT, &note); place++)
        set_note(space, place, HUGETLB_NONE);
}

void hugetlb_move(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
    uint64_t note, place = from >> HUGE_SHIFT, end = (from + len) >> HUGE_SHIFT;
    for (; radix_next(&space->hugetlb, &place, end, &note); place++) {
        set_note(space, place, HUGETLB_NONE);
        set_note(space, place - (from >> HUGE_SHIFT) + (to >> HUGE_SHIFT), (enum hugetlb_note)note);
    }
}

static bool cuts(const struct space *space, uint64_t at)
{
    const struct region *region = at & (HUGE_LEN - 1) ? space_region_at(space, vaddr(at)) : NULL;
    return region && region->flags & REGION_HUGETLB;
}

bool hugetlb_is_cut(const struct space *space, uint64_t start, uint64_t end)
{
    return cuts(space, start) || cuts(space, end);
}

/* ---- the fault ---- */

static uint64_t first_page(uint64_t place)
{
    return place << (HUGE_SHIFT - PAGE_SHIFT);
}

static struct anon *first_anon(const struct space *space, uint64_t place)
{
    return amap_find(&space->amap, first_page(place));
}

static uint8_t *bytes_of(const struct kernel *kernel, const struct frame *first)
{
    return ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, first));
}

/* The page that is promised to the place, or one that is promised to nobody; NULL: there is none.
 */
static struct frame *take(struct space *space, uint64_t place)
{
    struct kernel *kernel = space->kernel;
    if (note_at(space, place) == HUGETLB_RESERVED)
        set_note(space, place, HUGETLB_NONE);
    else if (!hugetlb_can_reserve(kernel, HUGE_LEN))
        return NULL;
    return hugetlb_pool_take(kernel);
}

static void insert(struct space *space, uint64_t place, struct frame *first)
{
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        amap_insert(&space->amap, first_page(place) + i, anon_create(space->kernel, first + i));
}

static void drop(struct space *space, uint64_t place)
{
    space_pages_drop(space, place << HUGE_SHIFT, (place + 1) << HUGE_SHIFT);
}

/* Everybody else that has the page at the place loses it: they are children, or children's. */
static void take_from_others(struct space *space, uint64_t place)
{
    struct kernel *kernel = space->kernel;
    const struct anon *anon = first_anon(space, place);
    for (unsigned i = 1; i < kernel->spaces_end && anon->refs > 1; i++) {
        struct space *other = kernel->spaces[i];
        if (!other || other == space || first_anon(other, place) != anon)
            continue;
        drop(other, place);
        set_note(other, place, HUGETLB_LOST);
    }
}

static enum fault_result make_zeros(struct space *space, uint64_t place)
{
    struct frame *first = take(space, place);
    if (!first)
        return FAULT_BUS_ADRERR;
    memset(bytes_of(space->kernel, first), 0, HUGE_LEN);
    insert(space, place, first);
    return FAULT_DONE;
}

/* A store to a page that others have too. */
static enum fault_result copy(struct space *space, const struct region *region, uint64_t place,
                              bool *was_copied)
{
    struct kernel *kernel = space->kernel;
    const struct anon *anon = first_anon(space, place);
    const struct frame *source = frame_get(&kernel->frames, slot_pfn(anon->slot));
    struct frame *first = take(space, place);
    if (first) {
        memcpy(bytes_of(kernel, first), bytes_of(kernel, source), HUGE_LEN);
        drop(space, place); /* not the last that has it */
        insert(space, place, first);
        *was_copied = true;
        return FAULT_DONE;
    }
    if (!(region->flags & REGION_HUGETLB_OWNER))
        return FAULT_BUS_ADRERR;
    take_from_others(space, place);
    return anon->refs == 1 ? FAULT_DONE : FAULT_BUS_ADRERR;
}

static void map(struct space *space, uint64_t place, struct frame *first, unsigned prot)
{
    struct kernel *kernel = space->kernel;
    vaddr_t start = vaddr(place << HUGE_SHIFT), end = vaddr((place + 1) << HUGE_SHIFT);
    pagetable_unmap_range(kernel, &space->table, start, end);
    pagetable_map_large(kernel, &space->table, start, first, prot);
    kernel->machine->now->hugetlb_faults++;
}

static enum fault_result fault_shared(struct space *space, const struct region *region,
                                      uint64_t place, unsigned prot)
{
    uint64_t index = region_object_index(region, place << HUGE_SHIFT);
    struct frame *first = object_huge_page(space->kernel, region->object, index);
    if (!first)
        return FAULT_BUS_ADRERR;
    map(space, place, first, prot);
    return FAULT_DONE;
}

static void map_private(struct space *space, uint64_t place, unsigned prot)
{
    const struct anon *anon = first_anon(space, place);
    if (anon->refs > 1)
        prot &= ~(unsigned)PROT_MASK_W;
    map(space, place, frame_get(&space->kernel->frames, slot_pfn(anon->slot)), prot);
}

enum fault_result hugetlb_fault(struct space *space, const struct region *region, vaddr_t va,
                                enum mmu_access access, unsigned prot, bool *was_copied)
{
    uint64_t place = va.v >> HUGE_SHIFT;
    const struct anon *anon = first_anon(space, place);
    enum fault_result result = FAULT_DONE;
    if (region->object)
        return fault_shared(space, region, place, prot);
    if (note_at(space, place) == HUGETLB_LOST)
        return FAULT_BUS_ADRERR;
    if (!anon)
        result = make_zeros(space, place);
    else if (access == MMU_STORE && anon->refs > 1)
        result = copy(space, region, place, was_copied);
    if (result != FAULT_DONE)
        return result;
    map_private(space, place, prot);
    return FAULT_DONE;
}
