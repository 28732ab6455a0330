// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A region: a range of a space with one protection, one set of flags and one object below. This
 * file knows a single region and its neighbours' likeness; the set of a space's regions, with its
 * sums, is region_set.c, and what system calls do with it are the space_*.c files.
 */
#ifndef KERNEL_REGION_H
#define KERNEL_REGION_H

#include "base/rangemap.h"
#include "machine/addr.h"

struct kernel;
struct object;
struct space;

enum region_flags {
    REGION_SHARED = 1 << 0,
    REGION_GROWSDOWN = 1 << 1, /* a stack: grows on a fault just below it */
    REGION_LOCKED = 1 << 2,
    REGION_LOCK_ON_FAULT = 1 << 3, /* MLOCK_ONFAULT */
    REGION_NORESERVE = 1 << 4,
    REGION_DONTFORK = 1 << 5,
    REGION_WIPEONFORK = 1 << 6,
    REGION_DONTDUMP = 1 << 7,
    REGION_SEQUENTIAL = 1 << 8,
    REGION_RANDOM = 1 << 9,
    REGION_STACK = 1 << 10, /* the initial stack: named [stack] */
    REGION_HEAP = 1 << 11,  /* made by brk: named [heap] */
    REGION_HUGEPAGE = 1 << 12,
    REGION_NOHUGEPAGE = 1 << 13,
    REGION_CHARGED = 1 << 14,       /* counted in commit accounting */
    REGION_SUPPLIED = 1 << 15,      /* a program makes its missing pages (space_supply.h) */
    REGION_HUGETLB = 1 << 16,       /* its pages come from the pool of huge pages (hugetlb.h), */
    REGION_HUGETLB_OWNER = 1 << 17, /*   which promised them to this space; */
    REGION_HUGETLB_1G = 1 << 18,    /*   of 1 GiB, not 2 MiB */
};

/* How swap readahead fared (readahead.c). */
struct region_ahead {
    uint64_t last;   /* virtual page number of the last fault on a page that was or came in */
    unsigned window; /* pages of the last window */
    unsigned hits;   /* in it */
};

struct region {
    struct rangemap_node range; /* [start, end) in bytes; first, so that a node is its region */
    unsigned prot;              /* PROT_MASK_* */
    unsigned max_prot; /* what mprotect may grant (a file opened read-only, shared: no W) */
    unsigned flags;
    struct object *object; /* below; NULL: zeros */
    uint64_t object_page;  /* page of the object at range.start */
    char *name;            /* path for /proc/PID/maps, or NULL (base/refstr.h) */
    struct region_ahead ahead;
};

/* A region of [start, end) that is in no space; flags, protection, object and name are 0. */
struct region *region_create(uint64_t start, uint64_t end);
/* A copy of [start, end) of the region, with references of its own. => inside the region */
struct region *region_copy(const struct region *region, uint64_t start, uint64_t end);
/* Lets go of object and name. => in no space */
void region_destroy(struct kernel *kernel, struct region *region);

/* Could the two be one region? => low ends where or before high starts */
bool region_can_join(const struct region *low, const struct region *high);
/* Does the protection allow the access? On x86-64 any protection but none allows loads. */
bool region_allows(const struct region *region, enum mmu_access access);
/* Private and writable, not a stack: what RLIMIT_DATA counts. */
bool region_is_data(unsigned prot, unsigned flags);
/* Private, writable, not NORESERVE, not of huge pages: what commit accounting counts. */
bool region_is_accountable(unsigned prot, unsigned flags);
/* What a region with the flags is made of whole multiples of, bytes. */
uint64_t region_granule(unsigned flags);
/* Where the region may not be approached from below: its start, less the gap under a stack. */
uint64_t region_guarded_start(const struct region *region);

static inline uint64_t region_npages(const struct region *region)
{
    return (region->range.end - region->range.start) >> PAGE_SHIFT;
}

/* Page of the object at the address. => in the region */
static inline uint64_t region_object_index(const struct region *region, uint64_t va)
{
    return region->object_page + ((va - region->range.start) >> PAGE_SHIFT);
}

/* The next region upward in the same space, or NULL. */
struct region *region_next(const struct region *region);
struct region *region_prev(const struct region *region);

/* What smaps says of a region, in pages. What n map or hold counts 1/n in the proportional sizes,
 * which are in 1/4096 pages: bytes. */
struct region_usage {
    uint64_t rss, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous,
        large, shared_huge, private_huge, swap, locked;
    uint64_t pss_4096, pss_dirty_4096, pss_anonymous_4096, swap_pss_4096;
};
void region_measure(struct space *space, const struct region *region, struct region_usage *out);

#endif
