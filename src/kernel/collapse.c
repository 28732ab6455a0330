// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See collapse.h. What is collapsed: an aligned 2 MiB in a region that may have large pages, of
 * which no page is in swap, shared with another space, locked or in use, and at least one was used
 * since it was last asked for. (Linux also reads up to 64 pages back from swap for it, and copies
 * shared ones.) RAM is compacted for it, but nothing is evicted.
 */
#include "kernel/collapse.h"

#include "kernel/large.h"
#include "machine/pte.h"

/* May the private page go to another frame, without anybody else's knowing? */
static bool is_free_to_move(const struct kernel *kernel, const struct anon *anon)
{
    if (anon->refs > 1 || anon->poisoned || !anon_is_resident(anon))
        return false;
    const struct frame *frame = frame_get(&kernel->frames, slot_pfn(anon->slot));
    return frame->wired == 0 && !frame_is_busy(frame);
}

static bool has_the_pages(const struct space *space, vaddr_t start)
{
    uint64_t vpn = vaddr_vpn(start), end = vpn + FRAME_BLOCK;
    unsigned present = 0;
    struct anon *anon;
    for (; amap_next(&space->amap, &vpn, end, &anon); vpn++, present++)
        if (!is_free_to_move(space->kernel, anon))
            return false;
    return present + COLLAPSE_PTES_NONE_MAX >= FRAME_BLOCK;
}

static bool was_used(const struct space *space, vaddr_t start)
{
    uint64_t entry;
    vaddr_t at = start, end = vaddr(start.v + LARGE_LEN);
    for (; pagetable_next(space->kernel, &space->table, at, end, &at, &entry); at.v += PAGE_SIZE)
        if (entry & PTE_A)
            return true;
    return false;
}

/* The next place for a large page at or above `from` in the space, with its region; NULL: none. */
static const struct region *next_place(const struct space *space, uint64_t from, vaddr_t *out)
{
    const struct region *region = space_region_from(space, vaddr(from));
    for (; region; region = region_next(region)) {
        uint64_t start = region->range.start > from ? region->range.start : from;
        start = (start + LARGE_LEN - 1) & ~(LARGE_LEN - 1);
        if (region->prot && start < region->range.end && region->range.end - start >= LARGE_LEN &&
            large_is_allowed(space, region)) {
            *out = vaddr(start);
            return region;
        }
    }
    return NULL;
}

/* Looks at one place. */
static void look(struct space *space, const struct region *region, vaddr_t start)
{
    struct kernel *kernel = space->kernel;
    if (!pagetable_is_large(&space->table, start) && has_the_pages(space, start) &&
        was_used(space, start))
        kernel->collapse.ncollapsed += large_collapse(space, region, start);
}

/* On to the next space. Result: NULL: that was the last, and the next scan begins anew. */
static struct space *next_space(struct kernel *kernel)
{
    struct collapse_state *state = &kernel->collapse;
    while (++state->space < kernel->spaces_end) {
        state->address = 0;
        if (kernel->spaces[state->space])
            return kernel->spaces[state->space];
    }
    state->space = 0;
    state->nscans++;
    return NULL;
}

static void scan(struct kernel *kernel)
{
    struct collapse_state *state = &kernel->collapse;
    struct space *space = state->space < kernel->spaces_end ? kernel->spaces[state->space] : NULL;
    for (unsigned left = COLLAPSE_SCAN_PAGES / FRAME_BLOCK; left > 0;) {
        vaddr_t start;
        const struct region *region = space ? next_place(space, state->address, &start) : NULL;
        if (!region) {
            space = next_space(kernel);
            if (!space)
                return;
            continue;
        }
        look(space, region, start);
        state->address = start.v + LARGE_LEN;
        left--;
    }
}

void collapse_tick(struct kernel *kernel, uint64_t instructions)
{
    struct collapse_state *state = &kernel->collapse;
    if (kernel->large == LARGE_NEVER)
        return;
    state->ran += instructions;
    if (state->ran < COLLAPSE_PERIOD)
        return;
    state->ran = 0;
    scan(kernel);
}
