// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pools of huge pages: memory that is set aside when the kernel is made and is never anything
 * else (MAP_HUGETLB, see hugetlb.h), one pool of pages of 2 MiB and one of 1 GiB. Their frames lie
 * behind those that the frame table has, each pool aligned to its pages:
 *
 *      0 .. nframes - 1   start[2M] ...   start[1G] ...      (frames between them do not exist)
 *
 * A huge page is one thing: its frames have no owners, no reverse maps and no place in a policy. It
 * is known by the number of its first frame. A page that nobody has is all zeros and holds no
 * memory of the host.
 *
 * Invariants, checked by hugetlb_pools_are_valid():
 *   H1  nreserved <= nfree <= npages
 *   H2  the list of free pages has nfree, all without references and maps; all others have
 * references
 */
#ifndef KERNEL_HUGETLB_POOL_H
#define KERNEL_HUGETLB_POOL_H

#include <stdbool.h>

#include "machine/pte.h"

struct kernel;

enum hugetlb_size { HUGETLB_2M, HUGETLB_1G, HUGETLB_SIZES };

/* Bytes of a huge page. */
static inline uint64_t hugetlb_len(enum hugetlb_size size)
{
    return pte_level_len(PTE_LEVEL_2M + (unsigned)size);
}

/* Frames of one. */
static inline uint64_t hugetlb_frames(enum hugetlb_size size)
{
    return hugetlb_len(size) >> PAGE_SHIFT;
}

struct hugetlb_page {
    uint32_t refs; /* the places in spaces that have it, or 1 for its object */
    uint32_t maps; /* page-table entries that point to it */
    uint32_t next; /* number of the next free page, + 1; 0: none */
};

struct hugetlb_pool {
    pfn_t start;
    uint64_t npages, nfree, nreserved; /* huge pages; reserved: promised, and not taken yet */
    uint32_t first_free;               /* its number, + 1; 0: none */
    struct hugetlb_page *pages;        /* [npages] */
};

/* Where the pools of so many pages lie in a RAM of `nframes`. */
struct hugetlb_layout {
    uint64_t nframes; /* for everything else */
    pfn_t start[HUGETLB_SIZES];
    uint64_t end; /* behind the last frame */
};
/* Result: false: they do not fit, with 2 MiB for everything else. */
bool hugetlb_layout(uint64_t nframes, const uint64_t npages[HUGETLB_SIZES],
                    struct hugetlb_layout *out);

/* => RAM has frames up to the layout's end */
void hugetlb_pools_create(struct kernel *kernel, const struct hugetlb_layout *layout,
                          const uint64_t npages[HUGETLB_SIZES]);
void hugetlb_pools_destroy(struct kernel *kernel); /* => all pages are free */

/* Frames of all pools. */
uint64_t hugetlb_pools_frames(const struct kernel *kernel);

/* Takes a page, all zeros, with one reference. => one is free */
pfn_t hugetlb_take(struct kernel *kernel, enum hugetlb_size size);
/* The page that the frame is the first of. */
struct hugetlb_page *hugetlb_page(const struct kernel *kernel, pfn_t pfn);
/* Drops a reference; the last one gives the page back. => it is not mapped then */
void hugetlb_put(struct kernel *kernel, pfn_t pfn);

/* Checks H1 and H2. */
bool hugetlb_pools_are_valid(const struct kernel *kernel);

#endif
