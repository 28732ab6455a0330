// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Placement, as Linux does it without address-space randomisation: top down from below the stack,
 * each mapping in the highest gap that holds it. Nothing is placed in the gap that is kept free
 * under a stack.
 */
#include "kernel/space_place.h"

#include <errno.h>

#include "kernel/region_set.h"

#define LOW_2G_START ((uint64_t)0x40000000) /* MAP_32BIT: the second GiB, as Linux has it */
#define LOW_2G_END ((uint64_t)0x80000000)

static int place_fixed(const struct space *space, uint64_t addr, uint64_t len, uint64_t align,
                       unsigned flags, uint64_t *start)
{
    if (len > SPACE_END || addr > SPACE_END - len)
        return -ENOMEM;
    if (addr & (align - 1))
        return -EINVAL;
    if (addr < SPACE_MMAP_MIN)
        return -EPERM;
    if ((flags & SPACE_MAP_FIXED_NOREPLACE) && region_set_overlap(space, addr, addr + len))
        return -EEXIST;
    *start = addr;
    return 0;
}

/* Is [addr, addr + len) free, and clear of the gap under a stack above it or of one at its end? */
static bool is_free(const struct space *space, uint64_t addr, uint64_t len)
{
    const struct region *above = space_region_from(space, vaddr(addr));
    return !above || addr + len <= region_guarded_start(above);
}

/* The highest free place in [low, high). */
static bool place_down(const struct space *space, uint64_t low, uint64_t high, uint64_t len,
                       uint64_t align, uint64_t *start)
{
    while (high > low && rangemap_gap_down(&space->regions, low, high, len, align, start)) {
        if (is_free(space, *start, len))
            return true;
        /* It reaches into the gap under the stack above: look below that. */
        high = region_guarded_start(space_region_from(space, vaddr(*start)));
    }
    return false;
}

static uint64_t round_hint(uint64_t hint, uint64_t align)
{
    hint &= ~PAGE_MASK;
    if (hint > 0 && hint < SPACE_MMAP_MIN)
        hint = SPACE_MMAP_MIN;
    return (hint + align - 1) & ~(align - 1);
}

int space_place(const struct space *space, uint64_t addr, uint64_t len, uint64_t align,
                unsigned flags, uint64_t *start)
{
    if (flags & (SPACE_MAP_FIXED | SPACE_MAP_FIXED_NOREPLACE))
        return place_fixed(space, addr, len, align, flags, start);
    bool is_low = flags & SPACE_MAP_32BIT;
    uint64_t end = is_low ? LOW_2G_END : SPACE_END;
    uint64_t hint = round_hint(addr, align);
    if (len > end)
        return -ENOMEM;
    if (hint > 0 && hint <= end - len && is_free(space, hint, len)) {
        *start = hint;
        return 0;
    }
    if (is_low)
        return place_down(space, LOW_2G_START, LOW_2G_END, len, align, start) ? 0 : -ENOMEM;
    if (place_down(space, SPACE_MMAP_MIN, SPACE_MMAP_TOP, len, align, start) ||
        place_down(space, SPACE_MMAP_MIN, SPACE_END, len, align, start))
        return 0;
    return -ENOMEM;
}
