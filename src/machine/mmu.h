// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page walker: reads x86-64 page tables from RAM as the processor does, sets accessed and dirty
 * bits, and says which page fault an access would take. It knows the manual, not the operating
 * system: no swap, no regions, no allocation, no TLB.
 */
#ifndef MACHINE_MMU_H
#define MACHINE_MMU_H

#include "machine/addr.h"
#include "machine/ram.h"

enum { MMU_LEVELS_MAX = 5 };

/* A page-table root and its shape: what CR3 and CR4.LA57 hold. */
struct mmu_root {
    pfn_t table;    /* frame of the top table */
    uint8_t levels; /* 4 or 5 */
    uint16_t asid;  /* address-space tag for the TLB (PCID) */
};

/* Where a walk begins: the top table, or one below it whose way down is known from an earlier walk
 * (paging-structure caches, see walkcache.h). */
struct mmu_start {
    uint64_t step; /* the table's address, and W, U, NX combined over the entries that led to it */
    uint8_t level; /* of the table's own entries: 1 is the last */
};

struct mmu_leaf {
    paddr_t pa;         /* of the byte asked for */
    uint64_t flags;     /* W, U, NX combined over all levels; A, D, G, PS of the leaf */
    uint8_t page_shift; /* 12, 21 or 30 */
    uint8_t reads;      /* entries read by this walk */
    uint32_t error;     /* PF_* code when the walk failed */
    uint64_t steps[MMU_LEVELS_MAX + 1]; /* [level of an entry read above the leaf]: the table that
                                           it leads to, as mmu_start's step */
};

/*
 * Walks the tables for a user-mode access.
 * Effect: sets A in each entry used and D in the leaf of a store, only if the access is allowed.
 * Result: true and *out filled; false and out->error, out->reads filled.
 * A non-canonical address fails with error 0 and reads 0 (#GP, not #PF): mmu_is_canonical() tells.
 * => never allocates. Source: Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging".
 */
bool mmu_translate(const struct ram *ram, struct mmu_root root, vaddr_t va, enum mmu_access access,
                   struct mmu_leaf *out);

struct mmu_start mmu_top(struct mmu_root root);
/* mmu_translate(), begun further down: entries above the start are neither read nor changed.
 * => va is canonical, and the start is on its way */
bool mmu_walk(const struct ram *ram, struct mmu_start start, vaddr_t va, enum mmu_access access,
              struct mmu_leaf *out);

/* The page_shift that a walk for va would give. Has no effect; of a page that is not there, some
 * page size. => va is canonical */
unsigned mmu_page_shift(const struct ram *ram, struct mmu_root root, vaddr_t va);

static inline bool mmu_is_canonical(unsigned levels, vaddr_t va)
{
    unsigned top = PAGE_SHIFT + 9 * levels - 1; /* the sign bit */
    int64_t high = (int64_t)va.v >> top;
    return high == 0 || high == -1;
}

#endif
