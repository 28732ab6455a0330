// SPDX-License-Identifier: GPL-2.0-or-later
/* See hugetlb.h. The page comes first: only when there is one is anything changed. */
#include "kernel/hugetlb.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/space_pages.h"

enum { PLACE_SHIFT = 21 };

/* ---- places ---- */

enum note {
    NOTE_NONE,
    NOTE_RESERVED, /* a page of the pool is promised, and not taken yet */
    NOTE_LOST,     /* its owner took the page away */
    NOTE_PAGE,     /* `pfn` is there */
};

/* One of space->hugetlb, as note | size << 2 | pfn << 3. */
struct hugetlb_place {
    enum note note;
    enum hugetlb_size size;
    pfn_t pfn;
};

static struct hugetlb_place decode(uint64_t value)
{
    return (struct hugetlb_place){.note = (enum note)(value & 3),
                                  .size = (enum hugetlb_size)(value >> 2 & 1),
                                  .pfn = (pfn_t)(value >> 3)};
}

static struct hugetlb_place place_at(const struct space *space, uint64_t start)
{
    return decode(radix_get(&space->hugetlb, start >> PLACE_SHIFT));
}

static void set_place(struct space *space, uint64_t start, struct hugetlb_place place)
{
    uint64_t value =
        place.note ? (uint64_t)place.note | (uint64_t)place.size << 2 | (uint64_t)place.pfn << 3
                   : 0;
    radix_set(&space->hugetlb, start >> PLACE_SHIFT, value);
}

/* The first place at or after *start and before end where there is something. */
static bool next_place(const struct space *space, uint64_t *start, uint64_t end,
                       struct hugetlb_place *out)
{
    uint64_t value, at = *start >> PLACE_SHIFT;
    if (!radix_next(&space->hugetlb, &at, end >> PLACE_SHIFT, &value))
        return false;
    *start = at << PLACE_SHIFT;
    *out = decode(value);
    return true;
}

#define FOR_PLACES(space, at, start, end, place)                                                   \
    for (uint64_t at = (start); next_place(space, &at, end, &(place));                             \
         at += hugetlb_len((place).size))

/* ---- what is promised, and what is there ---- */

bool hugetlb_can_reserve(const struct kernel *kernel, enum hugetlb_size size, uint64_t len)
{
    const struct hugetlb_pool *pool = &kernel->hugetlb[size];
    return len / hugetlb_len(size) <= pool->nfree - pool->nreserved;
}

void hugetlb_reserve(struct space *space, enum hugetlb_size size, uint64_t start, uint64_t end)
{
    struct hugetlb_place promise = {.note = NOTE_RESERVED, .size = size};
    for (uint64_t at = start; at < end; at += hugetlb_len(size))
        set_place(space, at, promise);
    space->kernel->hugetlb[size].nreserved += (end - start) / hugetlb_len(size);
}

void hugetlb_drop(struct space *space, uint64_t start, uint64_t end)
{
    struct hugetlb_place place;
    FOR_PLACES(space, at, start, end, place)
    {
        if (place.note != NOTE_PAGE)
            continue;
        set_place(space, at, (struct hugetlb_place){0});
        hugetlb_put(space->kernel, place.pfn);
    }
}

void hugetlb_forget(struct space *space, uint64_t start, uint64_t end)
{
    struct hugetlb_place place;
    FOR_PLACES(space, at, start, end, place)
    {
        CHECK(place.note != NOTE_PAGE);
        space->kernel->hugetlb[place.size].nreserved -= place.note == NOTE_RESERVED;
        set_place(space, at, (struct hugetlb_place){0});
    }
}

void hugetlb_move(struct space *space, uint64_t from, uint64_t to, uint64_t len)
{
    struct hugetlb_place place;
    FOR_PLACES(space, at, from, from + len, place)
    {
        set_place(space, at, (struct hugetlb_place){0});
        set_place(space, at - from + to, place);
    }
}

void hugetlb_share(const struct space *space, struct space *child, uint64_t start, uint64_t end)
{
    struct hugetlb_place place;
    FOR_PLACES(space, at, start, end, place)
    {
        if (place.note != NOTE_PAGE)
            continue;
        hugetlb_page(space->kernel, place.pfn)->refs++;
        set_place(child, at, place);
    }
}

static bool cuts(const struct space *space, uint64_t at)
{
    const struct region *region = space_region_at(space, vaddr(at));
    return region && region->flags & REGION_HUGETLB && at & (region_granule(region->flags) - 1);
}

bool hugetlb_is_cut(const struct space *space, uint64_t start, uint64_t end)
{
    return cuts(space, start) || cuts(space, end);
}

pfn_t hugetlb_resident(const struct space *space, const struct region *region, uint64_t va,
                       bool *is_shared)
{
    uint64_t start = va & ~(hugetlb_len(hugetlb_size_of(region->flags)) - 1);
    *is_shared = false;
    if (region->object)
        return object_huge_resident(region->object, region_object_index(region, start));
    struct hugetlb_place place = place_at(space, start);
    if (place.note != NOTE_PAGE)
        return PFN_NONE;
    *is_shared = hugetlb_page(space->kernel, place.pfn)->refs > 1;
    return place.pfn;
}

/* ---- the fault ---- */

/* A fault in a private region; `start` is that of the huge page. */
struct huge_fault {
    struct space *space;
    const struct region *region;
    uint64_t start;
    enum hugetlb_size size;
};

/* The page that is promised to the place, or one that is promised to nobody; PFN_NONE: there is
 * none. */
static pfn_t take(const struct huge_fault *f)
{
    struct kernel *kernel = f->space->kernel;
    if (place_at(f->space, f->start).note == NOTE_RESERVED)
        hugetlb_forget(f->space, f->start, f->start + hugetlb_len(f->size));
    else if (!hugetlb_can_reserve(kernel, f->size, hugetlb_len(f->size)))
        return PFN_NONE;
    return hugetlb_take(kernel, f->size);
}

static void insert(const struct huge_fault *f, pfn_t pfn)
{
    set_place(f->space, f->start,
              (struct hugetlb_place){.note = NOTE_PAGE, .size = f->size, .pfn = pfn});
}

static void drop_at(struct space *space, const struct huge_fault *f)
{
    space_pages_drop(space, f->start, f->start + hugetlb_len(f->size));
}

/* Everybody else that has the page at the place loses it: they are children, or children's. */
static void take_from_others(const struct huge_fault *f, pfn_t pfn)
{
    struct kernel *kernel = f->space->kernel;
    const struct hugetlb_page *page = hugetlb_page(kernel, pfn);
    for (unsigned i = 1; i < kernel->spaces_end && page->refs > 1; i++) {
        struct space *other = kernel->spaces[i];
        if (!other || other == f->space)
            continue;
        struct hugetlb_place place = place_at(other, f->start);
        if (place.note != NOTE_PAGE || place.pfn != pfn)
            continue;
        drop_at(other, f);
        set_place(other, f->start, (struct hugetlb_place){.note = NOTE_LOST, .size = f->size});
    }
}

/* To a page of zeros: what is zero is not touched, which would cost the host memory. */
static void copy_bytes(struct kernel *kernel, pfn_t from, pfn_t to, uint64_t nframes)
{
    struct ram *ram = kernel->machine->ram;
    for (pfn_t i = 0; i < nframes; i++) {
        const uint8_t *bytes = ram_frame(ram, from + i);
        if (bytes[0] == 0 && memcmp(bytes, bytes + 1, PAGE_SIZE - 1) == 0)
            continue;
        ram_changed(ram, to + i);
        memcpy(ram_frame(ram, to + i), bytes, PAGE_SIZE);
    }
}

/* A store to a page that others have too. Result: the page to be mapped, or PFN_NONE. */
static pfn_t copy(const struct huge_fault *f, pfn_t shared, bool *was_copied)
{
    struct kernel *kernel = f->space->kernel;
    pfn_t pfn = take(f);
    if (pfn != PFN_NONE) {
        copy_bytes(kernel, shared, pfn, hugetlb_frames(f->size));
        drop_at(f->space, f); /* not the last that has it */
        insert(f, pfn);
        *was_copied = true;
        return pfn;
    }
    if (f->region->flags & REGION_HUGETLB_OWNER)
        take_from_others(f, shared);
    return hugetlb_page(kernel, shared)->refs == 1 ? shared : PFN_NONE;
}

static void map(struct space *space, uint64_t start, enum hugetlb_size size, pfn_t pfn,
                unsigned prot)
{
    struct kernel *kernel = space->kernel;
    pagetable_unmap_range(kernel, &space->table, vaddr(start), vaddr(start + hugetlb_len(size)));
    pagetable_map_huge(kernel, &space->table, vaddr(start), pfn, size, prot);
    kernel->machine->now->hugetlb_faults++;
}

static pfn_t find_private(const struct huge_fault *f, enum mmu_access access, bool *was_copied)
{
    struct hugetlb_place place = place_at(f->space, f->start);
    if (place.note == NOTE_LOST)
        return PFN_NONE;
    if (place.note != NOTE_PAGE) {
        pfn_t pfn = take(f);
        if (pfn != PFN_NONE)
            insert(f, pfn);
        return pfn;
    }
    bool is_copied = access == MMU_STORE && hugetlb_page(f->space->kernel, place.pfn)->refs > 1;
    return is_copied ? copy(f, place.pfn, was_copied) : place.pfn;
}

enum fault_result hugetlb_fault(struct space *space, const struct region *region, vaddr_t va,
                                enum mmu_access access, unsigned prot, bool *was_copied)
{
    enum hugetlb_size size = hugetlb_size_of(region->flags);
    struct huge_fault f = {space, region, va.v & ~(hugetlb_len(size) - 1), size};
    pfn_t pfn = region->object ? object_huge_page(space->kernel, region->object,
                                                  region_object_index(region, f.start))
                               : find_private(&f, access, was_copied);
    if (pfn == PFN_NONE)
        return FAULT_BUS_ADRERR;
    if (!region->object && hugetlb_page(space->kernel, pfn)->refs > 1)
        prot &= ~(unsigned)PROT_MASK_W;
    map(space, f.start, size, pfn, prot);
    return FAULT_DONE;
}

/* ---- checks ---- */

struct census {
    const struct kernel *kernel;
    uint64_t npromised[HUGETLB_SIZES];
    uint32_t *refs[HUGETLB_SIZES]; /* by number of the page */
};

static void note_ref(void *context, enum hugetlb_size size, pfn_t pfn)
{
    struct census *census = context;
    const struct hugetlb_pool *pool = &census->kernel->hugetlb[size];
    census->refs[size][(pfn - pool->start) / hugetlb_frames(size)]++;
}

static void note_space(struct census *census, const struct space *space)
{
    struct hugetlb_place place;
    FOR_PLACES(space, at, 0, SPACE_END, place)
    {
        census->npromised[place.size] += place.note == NOTE_RESERVED;
        if (place.note == NOTE_PAGE)
            note_ref(census, place.size, place.pfn);
    }
}

static bool agrees(const struct census *census, enum hugetlb_size size)
{
    const struct hugetlb_pool *pool = &census->kernel->hugetlb[size];
    for (uint64_t i = 0; i < pool->npages; i++)
        if (pool->pages[i].refs != census->refs[size][i])
            return false;
    return pool->nreserved == census->npromised[size];
}

bool hugetlb_is_valid(const struct kernel *kernel)
{
    struct census census = {.kernel = kernel};
    bool valid = hugetlb_pools_are_valid(kernel);
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        census.refs[size] = x_calloc(kernel->hugetlb[size].npages + 1, sizeof(uint32_t));
    for (unsigned i = 1; i < kernel->spaces_end; i++)
        if (kernel->spaces[i])
            note_space(&census, kernel->spaces[i]);
    for (const struct object *object = kernel->all_objects; object; object = object->next)
        object_huge_list(object, note_ref, census.npromised, &census);
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++) {
        valid &= agrees(&census, size);
        free(census.refs[size]);
    }
    return valid;
}
