// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The swap disk as the kernel uses it: with counters, with messages that name device and slot, and
 * with slots squeezed out of resident pages when the device is full, so that RAM and swap together
 * hold as many pages as they have places.
 */
#ifndef KERNEL_SWAP_H
#define KERNEL_SWAP_H

#include "kernel/kernel.h"

/* Slots that can be taken without squeezing; 0 without a swap disk. */
uint64_t swap_free(const struct kernel *kernel);

/*
 * Takes up to `want` neighbouring slots, the first in *first. Result: how many. On a full device it
 * first has resident pages give up the clean copies they keep; 0: there are none, or no swap disk.
 */
unsigned swap_take(struct kernel *kernel, unsigned want, swap_slot_t *first);
void swap_give(struct kernel *kernel, swap_slot_t slot);

/*
 * Has resident anon pages that are not busy give up the slots of their clean copies, `want` of them
 * if there are as many. Result: how many did. The pages must be written again when they are
 * evicted.
 */
unsigned swap_squeeze(struct kernel *kernel, unsigned want);

/* Writes neighbouring slots, as swapdisk_write(). Effect: counts pages_out and swap_pages_out, or
 * sets kernel->trouble. A device that fails again and again counts as full from then on. Errors:
 * the device's; the slots stay taken and hold nothing readable. */
int swap_write(struct kernel *kernel, swap_slot_t first, unsigned npages,
               const uint8_t *const *pages);

/* The last resort before memory is exhausted: has the device tried again if it counts as full only
 * because writes failed. Result: it did. */
bool swap_retry(struct kernel *kernel);

/* Reads one slot into a page. Effect: counts pages_in and swap_pages_in, or sets kernel->trouble.
 * Errors: the device's; -EBADMSG: the slot is damaged, *page must not be used. */
int swap_read(struct kernel *kernel, swap_slot_t slot, uint8_t *page);

/* Reads neighbouring slots in one request; good[i]: page i was read. Nothing is said of those that
 * were not. Effect: counts pages_in, swap_pages_in and readahead_pages. */
void swap_read_ahead(struct kernel *kernel, swap_slot_t first, unsigned npages,
                     uint8_t *const *pages, bool *good);

/* Whose private page lies in the slot, as far as anybody asks: NULL for others, for slots that are
 * free, and for those beyond the device. */
struct anon *swap_owner(const struct kernel *kernel, uint64_t slot);
void swap_set_owner(struct kernel *kernel, swap_slot_t slot, struct anon *owner); /* NULL: none */

#endif
