// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swap slots, taken, given, read and written on behalf of pages. Knows no anons and no objects:
 * whose page lies in a slot is theirs to remember.
 */
#include "kernel/swap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "kernel/trouble.h"

enum {
    SQUEEZE_BATCH = 64, /* slots at once, so that the scan is paid for once in as many pages */
    FAILURES_MAX = 16,  /* writes in a row that fail before the device counts as full */
    READAHEAD_PAGES_MAX = 32,
};

uint64_t swap_free(const struct kernel *kernel)
{
    if (!kernel->swap)
        return 0;
    uint64_t there = swapdisk_slots(kernel->swap) - kernel->swap_lost;
    uint64_t used = swapdisk_used(kernel->swap);
    return used < there ? there - used : 0;
}

void swap_give(struct kernel *kernel, swap_slot_t slot)
{
    swapdisk_give(kernel->swap, slot);
}

unsigned swap_squeeze(struct kernel *kernel, unsigned want)
{
    struct frame_table *table = &kernel->frames;
    unsigned got = 0;
    for (uint64_t left = table->fresh; left > 0 && got < want; left--) {
        if (++kernel->squeeze_hand >= table->fresh)
            kernel->squeeze_hand = 1;
        struct frame *frame = frame_get(table, kernel->squeeze_hand);
        if (frame->kind != FRAME_ANON || frame_is_busy(frame) || frame->index == SWAP_NONE)
            continue;
        swap_give(kernel, (swap_slot_t)frame->index);
        frame->index = SWAP_NONE;
        got++;
    }
    return got;
}

unsigned swap_take(struct kernel *kernel, unsigned want, swap_slot_t *first)
{
    if (!kernel->swap)
        return 0;
    if (swap_free(kernel) == 0)
        swap_squeeze(kernel, want > SQUEEZE_BATCH ? want : SQUEEZE_BATCH);
    uint64_t available = swap_free(kernel);
    if (available == 0)
        return 0;
    unsigned got =
        swapdisk_take(kernel->swap, want < available ? want : (unsigned)available, first);
    if (swapdisk_used(kernel->swap) > kernel->gauges.swap_peak)
        kernel->gauges.swap_peak = swapdisk_used(kernel->swap);
    return got;
}

/*
 * A write of `npages` taken slots failed. If that goes on (the disk below a sparse file is full, or
 * the device is broken), it is taken to hold no more than it holds already: else each fault would
 * try to write all of memory once more.
 */
static void note_failure(struct kernel *kernel, unsigned npages, int error)
{
    snprintf(kernel->trouble, sizeof(kernel->trouble), "swap device %s cannot be written: %s",
             swapdisk_name(kernel->swap), strerror(-error));
    if (++kernel->swap_failures < FAILURES_MAX)
        return;
    uint64_t holds = swapdisk_used(kernel->swap) - npages;
    uint64_t lost = swapdisk_slots(kernel->swap) - holds;
    if (lost > kernel->swap_lost)
        kernel->swap_lost = lost;
}

int swap_write(struct kernel *kernel, swap_slot_t first, unsigned npages,
               const uint8_t *const *pages)
{
    int error = swapdisk_write(kernel->swap, first, npages, pages);
    if (error) {
        note_failure(kernel, npages, error);
        return error;
    }
    kernel->swap_failures = 0;
    kernel->machine->now->pages_out += npages;
    kernel->machine->now->swap_pages_out += npages;
    return 0;
}

bool swap_retry(struct kernel *kernel)
{
    bool was_lost = kernel->swap_lost > 0;
    kernel->swap_lost = 0;
    kernel->swap_failures = 0;
    return was_lost;
}

int swap_read(struct kernel *kernel, swap_slot_t slot, uint8_t *page)
{
    int error = swapdisk_read(kernel->swap, slot, page);
    if (error) {
        trouble_swap(kernel, slot, error);
        return error;
    }
    kernel->machine->now->pages_in++;
    kernel->machine->now->swap_pages_in++;
    return 0;
}

void swap_read_ahead(struct kernel *kernel, swap_slot_t first, unsigned npages,
                     uint8_t *const *pages, bool *good)
{
    int results[READAHEAD_PAGES_MAX];
    struct counters *now = kernel->machine->now;
    CHECK(npages <= READAHEAD_PAGES_MAX);
    swapdisk_read_cluster(kernel->swap, first, npages, pages, results);
    for (unsigned i = 0; i < npages; i++) {
        good[i] = results[i] == 0;
        now->pages_in += good[i];
        now->swap_pages_in += good[i];
        now->readahead_pages += good[i];
    }
}

struct anon *swap_owner(const struct kernel *kernel, uint64_t slot)
{
    return kernel->swap_owners && slot <= swapdisk_slots(kernel->swap) ? kernel->swap_owners[slot]
                                                                       : NULL;
}

void swap_set_owner(struct kernel *kernel, swap_slot_t slot, struct anon *owner)
{
    if (kernel->swap_owners)
        kernel->swap_owners[slot] = owner;
}
