// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * madvise(2). Each advice is a row of a table: flags that it sets and clears in the regions, or a
 * check and an action on each region's part of the range. All regions are checked before the first
 * is acted on; holes are skipped, and reported at the end.
 *
 * MADV_FREE drops the pages at once, as it may: what is stored later is kept. Advice on huge pages
 * is remembered for large.c; advice on merging is accepted and has no effect.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "kernel/reclaim.h"
#include "kernel/region_set.h"
#include "kernel/space_pages.h"
#include "machine/pte.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

/* The part of a region that the advice is about. */
struct part {
    struct space *space;
    const struct region *region;
    uint64_t start, end;
};

struct advice {
    int advice;
    unsigned set_flags, clear_flags;
    int (*check)(const struct region *region);
    int (*act)(const struct part *part);
};

static int check_private_memory(const struct region *region)
{
    return region->object || (region->flags & REGION_SHARED) ? -EINVAL : 0;
}

static int check_unlocked(const struct region *region)
{
    return region->flags & REGION_LOCKED ? -EINVAL : 0;
}

static int check_free(const struct region *region)
{
    return check_unlocked(region) || check_private_memory(region) ? -EINVAL : 0;
}

static int check_remove(const struct region *region)
{
    if (check_unlocked(region) || !region->object)
        return -EINVAL;
    return (region->flags & REGION_SHARED) && (region->prot & PROT_MASK_W) ? 0 : -EACCES;
}

static int drop(const struct part *part)
{
    space_pages_drop(part->space, part->start, part->end);
    return 0;
}

static int remove_pages(const struct part *part)
{
    const struct region *region = part->region;
    uint64_t first = region_object_index(region, part->start);
    return object_punch(part->space->kernel, region->object, first,
                        first + ((part->end - part->start) >> PAGE_SHIFT));
}

/* Pages to read ahead at most: what is free now, so that nothing is evicted for a hint. */
static uint64_t read_budget(const struct kernel *kernel)
{
    return kernel->frames.nfree / 2;
}

/* Reads private pages of the part back from swap. */
static void load_anons(const struct part *part, uint64_t *budget)
{
    struct kernel *kernel = part->space->kernel;
    uint64_t vpn = part->start >> PAGE_SHIFT;
    struct anon *anon;
    struct frame *frame;
    for (; *budget > 0 && amap_next(&part->space->amap, &vpn, part->end >> PAGE_SHIFT, &anon);
         vpn++) {
        if (anon_is_resident(anon))
            continue;
        if (frame_reserve(kernel, 1))
            return;
        /* Reserving may have evicted, never loaded; a page that cannot be read is found out by
         * whoever touches it. */
        anon_load(kernel, anon, &frame);
        frame_unreserve(kernel);
        --*budget;
    }
}

/* Reads pages of the object into its cache. */
static void load_object(const struct part *part, uint64_t *budget)
{
    struct kernel *kernel = part->space->kernel;
    struct object *object = part->region->object;
    uint64_t index = region_object_index(part->region, part->start);
    uint64_t last = index + ((part->end - part->start) >> PAGE_SHIFT);
    int error = 0;
    for (; *budget > 0 && index < last && !error; index++) {
        struct frame *frame;
        bool was_read;
        if (object_resident(kernel, object, index))
            continue;
        if (frame_reserve(kernel, 1))
            return;
        error = object_page(kernel, object, index, &frame, &was_read);
        frame_unreserve(kernel);
        --*budget;
    }
}

static int will_need(const struct part *part)
{
    uint64_t budget = read_budget(part->space->kernel);
    load_anons(part, &budget);
    if (part->region->object)
        load_object(part, &budget);
    return 0;
}

/* Does something to each frame that is mapped in the part and nowhere else. */
static int each_own_frame(const struct part *part,
                          void (*act)(struct kernel *kernel, struct frame *frame))
{
    struct kernel *kernel = part->space->kernel;
    vaddr_t at = vaddr(part->start);
    uint64_t entry;
    for (; pagetable_next(kernel, &part->space->table, at, vaddr(part->end), &at, &entry);
         at.v += PAGE_SIZE) {
        struct frame *frame = frame_get(&kernel->frames, pte_pfn(entry));
        if (frame->kind != FRAME_ZERO && frame->nmaps == 1)
            act(kernel, frame);
    }
    return 0;
}

static void make_old(struct kernel *kernel, struct frame *frame)
{
    pagetable_test_clear_accessed(kernel, frame);
}

static void page_out(struct kernel *kernel, struct frame *frame)
{
    reclaim_frame(kernel, frame);
}

static int cold(const struct part *part)
{
    return each_own_frame(part, make_old);
}

static int page_out_part(const struct part *part)
{
    return each_own_frame(part, page_out);
}

/* The table of what is known; order as in Linux's madvise_behavior_valid(). */
static const struct advice advices[] = {
    {.advice = MADV_NORMAL, .clear_flags = REGION_RANDOM | REGION_SEQUENTIAL},
    {.advice = MADV_RANDOM, .set_flags = REGION_RANDOM, .clear_flags = REGION_SEQUENTIAL},
    {.advice = MADV_SEQUENTIAL, .set_flags = REGION_SEQUENTIAL, .clear_flags = REGION_RANDOM},
    {.advice = MADV_WILLNEED, .act = will_need},
    {.advice = MADV_DONTNEED, .check = check_unlocked, .act = drop},
    {.advice = MADV_DONTNEED_LOCKED, .act = drop},
    {.advice = MADV_FREE, .check = check_free, .act = drop},
    {.advice = MADV_REMOVE, .check = check_remove, .act = remove_pages},
    {.advice = MADV_COLD, .check = check_unlocked, .act = cold},
    {.advice = MADV_PAGEOUT, .check = check_unlocked, .act = page_out_part},
    {.advice = MADV_DONTFORK, .set_flags = REGION_DONTFORK},
    {.advice = MADV_DOFORK, .clear_flags = REGION_DONTFORK},
    {.advice = MADV_WIPEONFORK, .check = check_private_memory, .set_flags = REGION_WIPEONFORK},
    {.advice = MADV_KEEPONFORK, .clear_flags = REGION_WIPEONFORK},
    {.advice = MADV_DONTDUMP, .set_flags = REGION_DONTDUMP},
    {.advice = MADV_DODUMP, .clear_flags = REGION_DONTDUMP},
    {.advice = MADV_HUGEPAGE, .set_flags = REGION_HUGEPAGE, .clear_flags = REGION_NOHUGEPAGE},
    {.advice = MADV_NOHUGEPAGE, .set_flags = REGION_NOHUGEPAGE, .clear_flags = REGION_HUGEPAGE},
    {.advice = MADV_MERGEABLE},
    {.advice = MADV_UNMERGEABLE},
};

static const struct advice *find_advice(int advice)
{
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
        if (advices[i].advice == advice)
            return &advices[i];
    return NULL;
}

static int check_all(const struct space *space, uint64_t start, uint64_t end,
                     const struct advice *advice)
{
    struct region *region = region_set_overlap(space, start, end);
    for (; advice->check && region && region->range.start < end; region = region_next(region)) {
        int error = advice->check(region);
        if (error)
            return error;
    }
    return 0;
}

static int act_on_all(struct space *space, uint64_t start, uint64_t end,
                      const struct advice *advice)
{
    struct region *region = region_set_overlap(space, start, end);
    for (; advice->act && region && region->range.start < end; region = region_next(region)) {
        struct part part = {.space = space, .region = region};
        part.start = region->range.start > start ? region->range.start : start;
        part.end = region->range.end < end ? region->range.end : end;
        int error = advice->act(&part);
        if (error)
            return error;
    }
    return 0;
}

static int apply(struct space *space, uint64_t start, uint64_t end, const struct advice *advice)
{
    struct region_change change = {.set_flags = advice->set_flags,
                                   .clear_flags = advice->clear_flags};
    struct region_change_cost cost;
    bool has_hole = !region_set_covers(space, start, end);
    int error = check_all(space, start, end, advice);
    if (error)
        return error;
    region_set_change_cost(space, start, end, &change, &cost);
    if (cost.splits > 0 && space->regions.count + cost.splits > SPACE_REGIONS_MAX)
        return -EAGAIN;
    region_set_change(space, start, end, &change);
    error = act_on_all(space, start, end, advice);
    return !error && has_hole ? -ENOMEM : error;
}

/* MADV_POPULATE_*: page by page until the first that cannot be. */
static int populate(struct space *space, uint64_t start, uint64_t end, enum mmu_access access)
{
    for (uint64_t at = start; at < end;) {
        const struct region *region = space_region_at(space, vaddr(at));
        if (!region)
            return -ENOMEM;
        unsigned needed = access == MMU_STORE ? PROT_MASK_W : PROT_MASK_R;
        if (!(region->prot & needed))
            return -EINVAL;
        uint64_t stop = region->range.end < end ? region->range.end : end;
        enum fault_result result = fault_populate(space, vaddr(at), vaddr(stop), access);
        if (result != FAULT_DONE)
            return result == FAULT_OOM ? -ENOMEM : -EFAULT;
        at = stop;
    }
    return 0;
}

int space_advise(struct space *space, vaddr_t addr, uint64_t len, int advice)
{
    bool is_populate = advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE;
    const struct advice *row = find_advice(advice);
    uint64_t start = addr.v, end = start + ((len + PAGE_MASK) & ~PAGE_MASK);
    if (advice == MADV_HWPOISON || advice == MADV_SOFT_OFFLINE)
        return -EPERM; /* for the administrator only */
    if ((!row && !is_populate) || (start & PAGE_MASK) || end < start ||
        (len > 0 && len + PAGE_MASK < len))
        return -EINVAL;
    if (end == start)
        return 0;
    if (is_populate)
        return populate(space, start, end, advice == MADV_POPULATE_WRITE ? MMU_STORE : MMU_LOAD);
    return apply(space, start, end, row);
}
