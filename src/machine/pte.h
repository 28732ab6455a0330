// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The x86-64 page-table entry, bit for bit (Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging",
 * tables of paging-structure entries). An entry is a plain uint64_t in a RAM frame.
 */
#ifndef MACHINE_PTE_H
#define MACHINE_PTE_H

#include "machine/addr.h"

#define PTE_P ((uint64_t)1 << 0) /* present */
#define PTE_W ((uint64_t)1 << 1) /* writable */
#define PTE_U ((uint64_t)1 << 2) /* user mode may use it */
#define PTE_PWT ((uint64_t)1 << 3)
#define PTE_PCD ((uint64_t)1 << 4)
#define PTE_A ((uint64_t)1 << 5)   /* accessed */
#define PTE_D ((uint64_t)1 << 6)   /* dirty; leaves only */
#define PTE_PS ((uint64_t)1 << 7)  /* leaf above the last level: 2 MiB or 1 GiB */
#define PTE_G ((uint64_t)1 << 8)   /* global; leaves only */
#define PTE_SW0 ((uint64_t)1 << 9) /* three bits for software */
#define PTE_SW1 ((uint64_t)1 << 10)
#define PTE_SW2 ((uint64_t)1 << 11)
#define PTE_NX ((uint64_t)1 << 63) /* no fetch */
#define PTE_ADDR ((uint64_t)0x000ffffffffff000)

/* The machine has 40 physical address bits (RAM_FRAMES_MAX): those above are reserved. */
#define PTE_BEYOND_PHYS ((uint64_t)0x000fff0000000000)
#define PTE_PAT_LARGE ((uint64_t)1 << 12) /* PAT bit of a 2 MiB or 1 GiB leaf */

/* Page-fault error code (Intel SDM vol. 3A, "Page-Fault Exceptions"). */
enum {
    PF_PRESENT = 1 << 0, /* 0: not present; 1: a protection violation */
    PF_WRITE = 1 << 1,
    PF_USER = 1 << 2,
    PF_RESERVED = 1 << 3, /* a reserved bit was set in an entry */
    PF_FETCH = 1 << 4,
};

enum { PTE_PER_TABLE = 512, PTE_LEVELS_4 = 4, PTE_LEVELS_5 = 5 };
enum { PTE_LEVEL_4K = 1, PTE_LEVEL_2M = 2, PTE_LEVEL_1G = 3 }; /* where a leaf may stand */

static inline uint64_t pte_make(pfn_t pfn, uint64_t flags)
{
    return pfn_paddr(pfn).v | flags;
}

static inline pfn_t pte_pfn(uint64_t pte)
{
    return (pfn_t)((pte & PTE_ADDR) >> PAGE_SHIFT);
}

static inline bool pte_is_present(uint64_t pte)
{
    return pte & PTE_P;
}

/* Bit position of the table index for a level: 1 is the last level (4 KiB leaves), 5 the root of
 * 5-level tables. */
static inline unsigned pte_level_shift(unsigned level)
{
    return PAGE_SHIFT + 9 * (level - 1);
}

static inline unsigned pte_index(vaddr_t va, unsigned level)
{
    return (unsigned)(va.v >> pte_level_shift(level)) & (PTE_PER_TABLE - 1);
}

static inline uint64_t pte_level_len(unsigned level)
{
    return (uint64_t)1 << pte_level_shift(level);
}

#endif
