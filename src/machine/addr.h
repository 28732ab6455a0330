// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kinds of address, as types that do not mix: a virtual address (vaddr_t), a physical address
 * (paddr_t), a frame number (pfn_t, 4 KiB units). Frame 0 is never used: PFN_NONE.
 */
#ifndef MACHINE_ADDR_H
#define MACHINE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PAGE_SHIFT = 12,
    PAGE_SIZE = 1 << PAGE_SHIFT, /* bytes */
};
#define PAGE_MASK ((uint64_t)PAGE_SIZE - 1)

typedef struct {
    uint64_t v;
} vaddr_t;

typedef struct {
    uint64_t v;
} paddr_t;

typedef uint32_t pfn_t;
#define PFN_NONE ((pfn_t)0)

static inline vaddr_t vaddr(uint64_t v)
{
    return (vaddr_t){v};
}

static inline paddr_t paddr(uint64_t v)
{
    return (paddr_t){v};
}

static inline vaddr_t vaddr_page(vaddr_t va)
{
    return vaddr(va.v & ~PAGE_MASK);
}

static inline uint64_t vaddr_vpn(vaddr_t va)
{
    return va.v >> PAGE_SHIFT;
}

static inline pfn_t paddr_pfn(paddr_t pa)
{
    return (pfn_t)(pa.v >> PAGE_SHIFT);
}

static inline paddr_t pfn_paddr(pfn_t pfn)
{
    return paddr((uint64_t)pfn << PAGE_SHIFT);
}

/* What an access wants of a page; the order is that of the #PF error code's meaning, not its bits.
 */
enum mmu_access { MMU_LOAD, MMU_STORE, MMU_FETCH };

#endif
