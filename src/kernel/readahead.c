// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cluster is fixed: Linux's own shrinks when nothing of it is used. The adaptive window is that
 * of Linux's readahead by virtual address: it doubles with hits, falls to one page without, but by
 * half at a time, and lies in the direction of the last two faults or around the page.
 *
 * Source of the window's rule: Linux, mm/swap_state.c, swap readahead by VMA; "vm.page-cluster" in
 * Documentation/admin-guide/sysctl/vm.rst.
 */
#include "kernel/readahead.h"

#include "base/check.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/swap.h"

enum { WINDOW_GROWN = 4 /* the least window once something was hit */ };

/* ---- choosing ---- */

static swap_slot_t slot_of(const struct anon *anon)
{
    return slot_swap_slot(anon->slot);
}

/* Keeps them in order of slot, so that neighbours are read together. */
static void add(struct readahead *ahead, struct anon *anon)
{
    unsigned i = ahead->count++;
    for (; i > 0 && slot_of(ahead->anons[i - 1]) > slot_of(anon); i--)
        ahead->anons[i] = ahead->anons[i - 1];
    ahead->anons[i] = anon;
}

static void choose_cluster(const struct kernel *kernel, const struct anon *anon,
                           struct readahead *out)
{
    uint64_t first = (slot_of(anon) - 1) / READAHEAD_MAX * READAHEAD_MAX + 1;
    for (uint64_t slot = first; slot < first + READAHEAD_MAX; slot++) {
        struct anon *owner = swap_owner(kernel, slot);
        if (owner && owner != anon && !owner->poisoned)
            add(out, owner);
    }
}

/* Pages for the window, the faulting one included. */
static unsigned window_len(const struct region_ahead *state, uint64_t vpn)
{
    bool is_neighbour = vpn == state->last + 1 || vpn + 1 == state->last;
    unsigned len = is_neighbour ? 2 : 1, wanted = state->hits + 2;
    if (state->hits > 0)
        for (len = WINDOW_GROWN; len < wanted && len < READAHEAD_MAX;)
            len *= 2;
    return len > state->window / 2 ? len : state->window / 2;
}

static uint64_t window_start(const struct region_ahead *state, uint64_t vpn, unsigned len)
{
    uint64_t before = vpn == state->last + 1 ? 0 : vpn + 1 == state->last ? len - 1 : (len - 1) / 2;
    return vpn > before ? vpn - before : 0;
}

static void choose_adaptive(const struct space *space, struct region *region, uint64_t vpn,
                            struct readahead *out)
{
    struct region_ahead *state = &region->ahead;
    unsigned len = window_len(state, vpn);
    uint64_t start = window_start(state, vpn, len), end = start + len;
    *state = (struct region_ahead){.last = vpn, .window = len};
    if (start < region->range.start >> PAGE_SHIFT)
        start = region->range.start >> PAGE_SHIFT;
    if (end > region->range.end >> PAGE_SHIFT)
        end = region->range.end >> PAGE_SHIFT;
    struct anon *anon;
    for (uint64_t at = start; amap_next(&space->amap, &at, end, &anon); at++)
        if (at != vpn && !anon_is_resident(anon) && !anon->poisoned)
            add(out, anon);
}

void readahead_choose(struct kernel *kernel, const struct space *space, struct region *region,
                      uint64_t vpn, struct readahead *out)
{
    const struct anon *anon = amap_find(&space->amap, vpn);
    out->count = 0;
    DCHECK(anon && !anon_is_resident(anon));
    if (kernel->readahead == READAHEAD_CLUSTER)
        choose_cluster(kernel, anon, out);
    else if (kernel->readahead == READAHEAD_ADAPTIVE)
        choose_adaptive(space, region, vpn, out);
}

/* ---- reading ---- */

/* Reads pages in neighbouring slots. */
static void read_run(struct kernel *kernel, struct anon *const *anons, unsigned count)
{
    struct frame *frames[READAHEAD_MAX];
    uint8_t *pages[READAHEAD_MAX];
    bool good[READAHEAD_MAX];
    for (unsigned i = 0; i < count; i++) {
        frames[i] = frame_take(kernel, FRAME_ANON);
        pages[i] = ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, frames[i]));
    }
    swap_read_ahead(kernel, slot_of(anons[0]), count, pages, good);
    for (unsigned i = 0; i < count; i++) {
        if (!good[i]) {
            frame_give(kernel, frames[i]);
            continue;
        }
        anon_loaded(kernel, anons[i], frames[i]);
        frames[i]->flags |= FRAME_AHEAD;
    }
}

void readahead_read(struct kernel *kernel, const struct readahead *ahead)
{
    for (unsigned done = 0; done < ahead->count;) {
        struct anon *const *run = &ahead->anons[done];
        unsigned n = 1;
        while (done + n < ahead->count && slot_of(run[n]) == slot_of(run[0]) + n)
            n++;
        read_run(kernel, run, n);
        done += n;
    }
}

void readahead_hit(struct kernel *kernel, struct region *region, uint64_t vpn, struct frame *frame)
{
    frame->flags &= (uint8_t)~FRAME_AHEAD;
    region->ahead.last = vpn;
    region->ahead.hits++;
    kernel->machine->now->readahead_hits++;
}
