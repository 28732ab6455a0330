// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large pages of private memory: which region may have them, and how one comes to be.
 *
 *   mode            in which regions           at a page fault        reclaim
 *   LARGE_NEVER     none                       -                      -
 *   LARGE_MADVISE   advised MADV_HUGEPAGE      first store            page by page, after a split
 *   LARGE_ALWAYS    all                        first store            page by page, after a split
 *   LARGE_WHOLE     all                        first access, of any   all of the 2 MiB at once, and
 *                                              kind; page-in          back at once
 *
 * Small pages that came to lie in such a place are put together in the background (collapse.h).
 * Never in regions that are shared, have an object below, are stacks or locked, are advised
 * MADV_NOHUGEPAGE, or whose space has no_large_pages set; and only where all of an aligned 2 MiB is
 * in the region. How a large page lies in the page table, and when it is split: pagetable.h.
 */
#ifndef KERNEL_LARGE_H
#define KERNEL_LARGE_H

#include "kernel/space.h"

#define LARGE_LEN ((uint64_t)FRAME_BLOCK * PAGE_SIZE)

/* May it have large pages, where it is long enough? */
bool large_is_allowed(const struct space *space, const struct region *region);

/*
 * Serves a page fault in the region with a large page, if it can be: see the table above. Only
 * LARGE_WHOLE reclaims for one. RAM without 2 MiB in one piece is compacted if large pages are
 * asked for: by advice, or by LARGE_WHOLE. Effect: counts large_faults, or large_fragmented.
 * *was_read: it came from swap. Result: false: nothing has changed but what reclaim and compaction
 * did, and small pages are to serve the fault.
 * => at the top of a fault; `access` is allowed, `prot` what is to be mapped
 */
bool large_fault(struct space *space, const struct region *region, vaddr_t va,
                 enum mmu_access access, unsigned prot, bool *was_read);

/*
 * Makes one large page of the small ones in 2 MiB; pages that are absent there become zeros.
 * Effect: one flush of the space; counts large_collapses. Result: false: RAM has no room, and
 * nothing has changed but by compaction.
 * => all of it in the region, and not large; no private page of it is in swap, shared, wired, busy
 */
bool large_collapse(struct space *space, const struct region *region, vaddr_t start);

#endif
