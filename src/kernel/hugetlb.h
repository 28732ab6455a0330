// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of huge pages, mmap(2)'s MAP_HUGETLB: memory whose pages come from the pool
 * (hugetlb_pool.h), 2 MiB at a time, and go back to it. They are never split, moved or evicted.
 * Those of shared memory are its object's (object_huge.c); the rest is about private memory.
 *
 * A huge page is FRAME_BLOCK anons in one block of the pool, mapped as a large page (pagetable.h).
 * All that happens to it happens to the whole: regions begin and end at multiples of its length,
 * and fork(2) and copy on write take all of it. So all its anons have as many references.
 *
 * Who maps a region owns it (REGION_HUGETLB_OWNER) and is promised all its pages at once, unless
 * with MAP_NORESERVE; a child of fork(2) is promised nothing. When the pool is empty, an owner that
 * stores to a page that it shares takes it from the others; they get SIGBUS where they touch it
 * next. Source: Linux's Documentation/mm/hugetlbfs_reserv.rst.
 *
 * space->hugetlb says of each 2 MiB what is not in its private pages: enum hugetlb_note.
 */
#ifndef KERNEL_HUGETLB_H
#define KERNEL_HUGETLB_H

#include "kernel/fault.h"
#include "kernel/region.h"

/* By address >> 21. */
enum hugetlb_note {
    HUGETLB_NONE,
    HUGETLB_RESERVED, /* a page of the pool is promised, and not taken yet */
    HUGETLB_LOST,     /* its owner took the page away */
};

/* Are so many bytes of huge pages to be had? */
bool hugetlb_can_reserve(const struct kernel *kernel, uint64_t len);
/* Promises the range its pages. => hugetlb_can_reserve(), no notes there */
void hugetlb_reserve(struct space *space, uint64_t start, uint64_t end);
/* The range is no longer mapped: what was promised and not taken goes back. */
void hugetlb_forget(struct space *space, uint64_t start, uint64_t end);
/* Its notes are those of another place, which has none. */
void hugetlb_move(struct space *space, uint64_t from, uint64_t to, uint64_t len);

/* Does an end of the range lie within a huge page of a region? */
bool hugetlb_is_cut(const struct space *space, uint64_t start, uint64_t end);

/*
 * Serves a page fault in a region with REGION_HUGETLB. Effect: counts hugetlb_faults; *was_copied:
 * it was shared. Result: FAULT_DONE, or FAULT_BUS_ADRERR: the pool is empty.
 * => `access` is allowed, `prot` is to be mapped, PAGETABLE_FRAMES_MAX frames are reserved
 */
enum fault_result hugetlb_fault(struct space *space, const struct region *region, vaddr_t va,
                                enum mmu_access access, unsigned prot, bool *was_copied);

#endif
