// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page fault, as a table of cases:
 *
 *                      read                         write
 *   upper (anon)   1A  resident or swapped          1B  sole owner: make writable; shared: copy
 *   lower (object) 2A  map the object's or the      2B  shared: map writable;
 *                      zero page read-only              private: promote to an anon (copy or zeros)
 *
 * fault_handle() checks, holds frames, takes one of the cases, maps, and lets go. It is the only
 * way that a page becomes resident, for the CPU and for system calls alike.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include "kernel/space.h"

enum fault_result {
    FAULT_DONE,        /* the access can be tried again */
    FAULT_SEGV_MAPERR, /* no region there */
    FAULT_SEGV_ACCERR, /* the region forbids it */
    FAULT_BUS_ADRERR,  /* beyond the end of the mapped file */
    FAULT_BUS_OBJERR,  /* the page could not be read, or its swap slot is damaged */
    FAULT_WANTED,      /* a program has to supply the page first (space_supply.h) */
    FAULT_OOM, /* RAM and swap are exhausted, and the rescue (kernel.h) found no other way */
};

/* Serves one fault. Counts faults, minor, major and copy-on-write for the running process. */
enum fault_result fault_handle(struct space *space, vaddr_t va, enum mmu_access access);

/* The same for a store to private memory, whatever protection its region has: afterwards the page
 * is the space's own, mapped as the region allows. FAULT_SEGV_ACCERR: it is shared, or not for use.
 */
enum fault_result fault_force(struct space *space, vaddr_t va);

/* The same for a page that a program supplies, there or not. => in a region with REGION_SUPPLIED */
enum fault_result fault_supply(struct space *space, vaddr_t va);

/* Makes a range resident as if touched (MAP_POPULATE, mlock, MADV_POPULATE_*); stops at the first
 * failure and reports it. `access` MMU_STORE breaks copy on write. */
enum fault_result fault_populate(struct space *space, vaddr_t start, vaddr_t end,
                                 enum mmu_access access);

#endif
