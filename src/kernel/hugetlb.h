// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions of huge pages, mmap(2)'s MAP_HUGETLB: memory whose pages come from a pool
 * (hugetlb_pool.h), 2 MiB or 1 GiB at a time, and go back to it. They are never split, moved or
 * evicted. Those of shared memory are its object's (object_huge.c); the rest is about private
 * memory.
 *
 * Who maps a region owns it (REGION_HUGETLB_OWNER) and is promised all its pages at once, unless
 * MAP_NORESERVE; so a touch cannot fail. A child has the pages that were there and no promise: its
 * stores copy whole pages. If its parent then stores and the pool is empty, the parent takes the
 * page from its children, to whom it is lost: they get SIGBUS, as does a touch that finds the pool
 * empty. Source: Linux's Documentation/mm/hugetlbfs_reserv.rst.
 *
 * space->hugetlb says, at the address >> 21 where a page begins, what is there (struct
 * hugetlb_place).
 */
#ifndef KERNEL_HUGETLB_H
#define KERNEL_HUGETLB_H

#include "kernel/fault.h"
#include "kernel/hugetlb_pool.h"
#include "kernel/space.h"

/* What size the pages of a region with the flags have. => REGION_HUGETLB */
static inline enum hugetlb_size hugetlb_size_of(unsigned region_flags)
{
    return region_flags & REGION_HUGETLB_1G ? HUGETLB_1G : HUGETLB_2M;
}

/* Are so many bytes of huge pages to be had? */
bool hugetlb_can_reserve(const struct kernel *kernel, enum hugetlb_size size, uint64_t len);
/* Promises the range its pages. => hugetlb_can_reserve(), nothing there */
void hugetlb_reserve(struct space *space, enum hugetlb_size size, uint64_t start, uint64_t end);
/* The private pages of the range go. => they are not mapped */
void hugetlb_drop(struct space *space, uint64_t start, uint64_t end);
/* The range is no longer of huge pages: gives back what was promised. => after hugetlb_drop() */
void hugetlb_forget(struct space *space, uint64_t start, uint64_t end);
/* The pages, the promises and the losses of [from, from + len) are those of `to`, where nothing is.
 */
void hugetlb_move(struct space *space, uint64_t from, uint64_t to, uint64_t len);
/* A new child has the private pages of the range too. */
void hugetlb_share(const struct space *space, struct space *child, uint64_t start, uint64_t end);

/* Does an end of the range lie within a huge page of a region? */
bool hugetlb_is_cut(const struct space *space, uint64_t start, uint64_t end);

/* The first frame of the region's huge page that holds the address; PFN_NONE: it has none.
 * *is_shared: a store to it copies it. */
pfn_t hugetlb_resident(const struct space *space, const struct region *region, uint64_t va,
                       bool *is_shared);

/*
 * Serves a page fault in a region with REGION_HUGETLB. Effect: counts hugetlb_faults; *was_copied:
 * the page was copied on write. => as pagetable_map()
 * Result: FAULT_DONE, FAULT_BUS_ADRERR.
 */
enum fault_result hugetlb_fault(struct space *space, const struct region *region, vaddr_t va,
                                enum mmu_access access, unsigned prot, bool *was_copied);

/* Does each page have as many references as places have it, and each pool as many promises as were
 * made? */
bool hugetlb_is_valid(const struct kernel *kernel);

#endif
