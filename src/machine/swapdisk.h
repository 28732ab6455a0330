// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The swap disk: a file divided into page-sized slots, with a bitmap of the slots in use and a
 * checksum (XXH3, 64 bits) of each slot's page, so that a damaged slot is noticed and never
 * returned as data. Slot s lies at byte (s - 1) * PAGE_SIZE; there is no slot 0: SWAP_NONE.
 */
#ifndef MACHINE_SWAPDISK_H
#define MACHINE_SWAPDISK_H

#include <stddef.h>

#include "machine/addr.h"

typedef uint32_t swap_slot_t;
#define SWAP_NONE ((swap_slot_t)0)

struct swapdisk;

/*
 * `path` NULL: a temporary file in $TMPDIR or /var/tmp, unlinked at once. Otherwise the file or
 * block device is created or opened, and a file that was created is removed at the end; an existing
 * file is used in place and never truncated below its size. `len` bytes are rounded down to pages;
 * 16 TiB, the most, gives one slot less.
 * Errors: -EINVAL (len under one page or over 16 TiB), -ENOTBLK (neither a file nor a block
 * device), -EBUSY (another machine swaps there), -ENOSPC (device smaller than len), -EFBIG
 * (RLIMIT_FSIZE), or what open and ftruncate give.
 * => the file is sparse, its descriptor close-on-exec and numbered 1000 or above if limits allow
 */
int swapdisk_create(const char *path, uint64_t len, struct swapdisk **out);
void swapdisk_destroy(struct swapdisk *disk);

const char *swapdisk_name(const struct swapdisk *disk); /* for messages */
uint64_t swapdisk_slots(const struct swapdisk *disk);   /* in all */
uint64_t swapdisk_used(const struct swapdisk *disk);

/* Takes up to `want` neighbouring free slots, as many as lie together, next-fit.
 * Result: how many (0: the device is full), the first in *first. */
unsigned swapdisk_take(struct swapdisk *disk, unsigned want, swap_slot_t *first);
void swapdisk_give(struct swapdisk *disk, swap_slot_t slot);
bool swapdisk_is_used(const struct swapdisk *disk, swap_slot_t slot);
bool swapdisk_is_valid(const struct swapdisk *disk); /* S1, S2 of swapdisk.c; walks the bitmap */

/* Writes `npages` pages from host addresses to neighbouring slots in one request, and remembers
 * their checksums. Errors: -EIO, -ENOSPC and other write errors; the slots' content is then
 * undefined and their checksums do not match. */
int swapdisk_write(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                   const uint8_t *const *pages);

/* Reads one slot. Errors: -EIO and other read errors; -EBADMSG: the bytes are not what was written
 * (*page is then undefined and must not be used). */
int swapdisk_read(struct swapdisk *disk, swap_slot_t slot, uint8_t *page);

/* Reads neighbouring slots in one request; results[i] is 0 or the error of slot first + i. */
void swapdisk_read_cluster(struct swapdisk *disk, swap_slot_t first, unsigned npages,
                           uint8_t *const *pages, int *results);

#endif
