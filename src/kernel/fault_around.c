// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapping around a fault. Only pages whose table is there and which somebody has anyway: no frame
 * is taken, no page begins to exist and none becomes more recently used by this.
 *
 * Source of the 16 pages: Linux, /sys/kernel/debug/fault_around_bytes, 64 KiB by default.
 */
#include "kernel/fault_around.h"

#include "base/check.h"
#include "machine/pte.h"

enum { AROUND_LEN = 16 * PAGE_SIZE, TABLE_LEN = 512 * PAGE_SIZE };

/* [start, end) of the aligned `len` bytes around the page, as far as they lie in the region. */
static vaddr_t clip(const struct region *region, vaddr_t page, uint64_t len, vaddr_t *end)
{
    uint64_t start = page.v & ~(len - 1), stop = start + len;
    *end = vaddr(stop < region->range.end ? stop : region->range.end);
    return vaddr(start > region->range.start ? start : region->range.start);
}

/* A locked page has a wire, and that comes with a fault of its own. */
static bool may_be_mapped(const struct region *region)
{
    return region->prot != 0 && !(region->flags & REGION_LOCKED);
}

static bool is_mapped(const struct space *space, vaddr_t va)
{
    return pte_is_present(pagetable_entry(space->kernel, &space->table, va));
}

static void map(struct space *space, const struct region *region, vaddr_t va, struct frame *frame)
{
    unsigned prot = region->prot | PROT_MASK_R;
    if (!(region->flags & REGION_SHARED))
        prot &= ~(unsigned)PROT_MASK_W;
    pagetable_map(space->kernel, &space->table, va, frame, prot);
}

void fault_around(struct space *space, const struct region *region, vaddr_t page)
{
    struct kernel *kernel = space->kernel;
    vaddr_t end, va = clip(region, page, AROUND_LEN, &end);
    if (!may_be_mapped(region))
        return;
    for (; va.v < end.v; va.v += PAGE_SIZE) {
        struct frame *frame =
            object_resident(kernel, region->object, region_object_index(region, va.v));
        if (frame && !frame_is_idle(frame) && !amap_find(&space->amap, vaddr_vpn(va)) &&
            !is_mapped(space, va))
            map(space, region, va, frame);
    }
}

static void inherit_region(struct space *space, const struct region *region, vaddr_t page)
{
    const struct frame_table *frames = &space->kernel->frames;
    vaddr_t end, start = clip(region, page, TABLE_LEN, &end);
    struct anon *anon;
    for (uint64_t vpn = vaddr_vpn(start); amap_next(&space->amap, &vpn, vaddr_vpn(end), &anon);
         vpn++) {
        vaddr_t va = vaddr(vpn << PAGE_SHIFT);
        if (anon->refs == 1 || !anon_is_resident(anon) || is_mapped(space, va))
            continue;
        struct frame *frame = frame_get(frames, slot_pfn(anon->slot));
        if (!(frame->flags & FRAME_AHEAD)) /* a fault must find out that it is there */
            map(space, region, va, frame);
    }
}

void fault_inherit(struct space *space, vaddr_t page)
{
    vaddr_t start = vaddr(page.v & ~(uint64_t)(TABLE_LEN - 1));
    struct region *region = space_region_from(space, start);
    for (; region && region->range.start < start.v + TABLE_LEN; region = region_next(region))
        if (may_be_mapped(region) && !(region->flags & REGION_SHARED))
            inherit_region(space, region, page);
}
