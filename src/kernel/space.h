// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Address spaces: a space is a set of regions that do not overlap, kept in a balanced range map,
 * and a page table that caches what they say. The verbs here are what mmap(2) and its family
 * promise, with their errors; each checks everything first and then cannot fail half-way.
 *
 * Invariants, checked by space_is_valid():
 *   S1  regions are aligned to what they are made of (region_granule()), not empty, do not overlap,
 * and lie below SPACE_END S2  a present page-table entry lies in a region and grants no more than
 * the region's prot S3  neighbouring regions that could be one are one S4  npages, ndata, nlocked
 * and committed are the sums over the regions S5  an anon lies in a private region; a present entry
 * maps the page's anon if there is one, else the object's frame (without W if private), else the
 * zero page (without W) S6  a wired page lies in a locked region, and its frame is the one the page
 * has
 */
#ifndef KERNEL_SPACE_H
#define KERNEL_SPACE_H

#include "kernel/anon.h"
#include "kernel/object.h"
#include "kernel/pagetable.h"
#include "kernel/region.h"

#define SPACE_END ((uint64_t)0x7ffffffff000)      /* user addresses end here, as on 4-level Linux */
#define SPACE_MMAP_TOP ((uint64_t)0x7ffff7fff000) /* mappings are placed downward from here */
#define SPACE_MMAP_MIN ((uint64_t)0x10000)        /* vm.mmap_min_addr */

enum {
    SPACE_REGIONS_MAX = 65530,   /* vm.max_map_count */
    SPACE_STACK_GAP_PAGES = 256, /* kept free below a stack (stack_guard_gap) */
};

struct space {
    struct kernel *kernel;
    uint16_t number; /* its asid, never 0 */
    uint32_t refs;
    struct rangemap regions;
    uint64_t map_version; /* of no other space, and another after each change of a region */
    struct amap amap;     /* the private pages of all its regions, by virtual page number */
    struct pagetable table;
    struct radix wired;   /* virtual page number -> pfn of the frame that mlock wires there */
    struct radix hugetlb; /* see hugetlb.h */
    uint64_t npages;      /* mapped, resident or not: total_vm */
    uint64_t ndata;       /* private writable pages: data_vm */
    uint64_t nlocked;     /* pages in locked regions */
    uint64_t committed;   /* pages charged */
    bool lock_future, lock_future_on_fault; /* MCL_FUTURE, MCL_ONFAULT */
    vaddr_t brk_start, brk_end;
    uint64_t rss_peak;   /* pages */
    bool no_large_pages; /* prctl PR_SET_THP_DISABLE */
    vaddr_t wanted;      /* where a call's access ended in FAULT_WANTED; 0: nowhere (uaccess.c) */
    bool wanted_for_store;
    bool ends; /* its processes were killed for its memory: its faults may use the last */
    /* Limits in bytes, UINT64_MAX for none; the owner of the space sets them. */
    uint64_t limit_as, limit_data, limit_stack, limit_memlock;
};

/* Errors: -ENOMEM, -EAGAIN no space number is free. */
int space_create(struct kernel *kernel, struct space **out);
struct space *space_get(struct space *space);
/*
 * fork(2): a space of its own that reads as the parent does, page for page. Effect: charges the
 * copy to commit; private pages are shared until one of the two stores to them, objects for good.
 * Regions with REGION_DONTFORK are left out, those with REGION_WIPEONFORK start as zeros, locks are
 * not inherited. Errors: -ENOMEM overcommit forbids it, -EAGAIN no space number is free; nothing is
 * changed then. => takes no frames: time goes with the number of pages, not with what is in them
 */
int space_fork(struct space *parent, struct space **out);
void space_put(struct space *space); /* the last reference unmaps everything */
/* Unmaps everything while others still refer to it: its processes have ended, and are only waiting
 * to be taken off. */
void space_clear(struct space *space);

enum space_map_flags {
    SPACE_MAP_FIXED = 1 << 0,           /* at addr, unmapping what is there */
    SPACE_MAP_FIXED_NOREPLACE = 1 << 1, /* at addr or -EEXIST */
    SPACE_MAP_POPULATE = 1 << 2,
    SPACE_MAP_32BIT = 1 << 3,
};

struct space_map_request {
    vaddr_t addr;  /* hint, or the place with a FIXED flag */
    uint64_t len;  /* bytes, rounded up to pages, huge ones with REGION_HUGETLB */
    unsigned prot; /* PROT_MASK_* */
    unsigned max_prot;
    unsigned flags; /* SPACE_MAP_* */
    unsigned region_flags;
    struct object *object; /* NULL: anonymous private. The region takes its own reference. */
    uint64_t object_page;
    const char *name; /* copied; may be NULL */
};

/* mmap(2). Errors: -EINVAL, -ENOMEM, -EEXIST, -EPERM, -EAGAIN (locked limit), -EOVERFLOW. */
int space_map(struct space *space, const struct space_map_request *request, vaddr_t *out);
int space_unmap(struct space *space, vaddr_t addr, uint64_t len);                  /* munmap(2) */
int space_protect(struct space *space, vaddr_t addr, uint64_t len, unsigned prot); /* mprotect(2);
   prot may carry the bits PROT_GROWSDOWN and PROT_GROWSUP of <sys/mman.h> */
int space_remap(struct space *space, vaddr_t addr, uint64_t old_len, uint64_t new_len,
                unsigned flags, vaddr_t new_addr, vaddr_t *out); /* mremap(2), its MREMAP_* flags */
vaddr_t space_brk(struct space *space, vaddr_t want);            /* brk(2): the break afterwards */
int space_advise(struct space *space, vaddr_t addr, uint64_t len, int advice); /* madvise(2) */
/* mincore(2): vec[i] bit 0 for page i; len in bytes. */
int space_incore(struct space *space, vaddr_t addr, uint64_t len, uint8_t *vec);
int space_sync(struct space *space, vaddr_t addr, uint64_t len, int flags); /* msync(2) */
int space_lock(struct space *space, vaddr_t addr, uint64_t len, bool on_fault);
int space_unlock(struct space *space, vaddr_t addr, uint64_t len);
int space_lock_all(struct space *space, int flags); /* mlockall(2), its MCL_* flags */
int space_unlock_all(struct space *space);

/* The region that holds the address, or NULL. */
struct region *space_region_at(const struct space *space, vaddr_t va);
/* The first region that ends above va, or NULL; with region_next() walks all. */
struct region *space_region_from(const struct space *space, vaddr_t va);

/* Pages in RAM that its page table maps; the frame of zeros is nobody's page, and huge pages of the
 * pool are not counted here, as on Linux. */
static inline uint64_t space_resident(const struct space *space)
{
    return space->table.npresent - space->table.nzeros;
}

/* Frames and swap slots that it takes its part of: its private pages wherever they are, mapped or
 * not, the pages of objects that it maps, and its page tables; not its huge pages of the pool,
 * which would be of no use to others. */
static inline uint64_t space_footprint(const struct space *space)
{
    return space->amap.anons.count + space->table.nobjects + space->table.ntables;
}

/* Private pages of it that are in swap. => walks over all of them */
uint64_t space_swapped(const struct space *space);

bool space_is_valid(const struct space *space);

#endif
