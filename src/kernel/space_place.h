// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a new mapping goes. */
#ifndef KERNEL_SPACE_PLACE_H
#define KERNEL_SPACE_PLACE_H

#include "kernel/space.h"

/*
 * Chooses the place of a mapping of `len` bytes (whole pages, not 0), a multiple of `align`: with a
 * FIXED flag `addr` itself, otherwise `addr` rounded down if it is a hint (not 0) and free,
 * otherwise the highest free place below SPACE_MMAP_TOP. `flags` are SPACE_MAP_*. Errors: -ENOMEM
 * no room or beyond SPACE_END, -EINVAL unaligned, -EPERM below SPACE_MMAP_MIN, -EEXIST with
 * FIXED_NOREPLACE. Source: mmap(2); Linux's get_unmapped_area.
 */
int space_place(const struct space *space, uint64_t addr, uint64_t len, uint64_t align,
                unsigned flags, uint64_t *start);

#endif
