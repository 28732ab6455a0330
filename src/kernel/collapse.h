// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Background collapse, as Linux's khugepaged: goes round all spaces where large pages are wanted
 * and makes one large page of 2 MiB that small pages have come to lie in. Its clock is the number
 * of instructions that were run, so the same run collapses the same pages.
 */
#ifndef KERNEL_COLLAPSE_H
#define KERNEL_COLLAPSE_H

#include "kernel/kernel.h"

enum {
    COLLAPSE_PERIOD = 10000000,  /* instructions from one look to the next */
    COLLAPSE_SCAN_PAGES = 4096,  /* pages looked at each time (pages_to_scan) */
    COLLAPSE_PTES_NONE_MAX = 511 /* pages that may be absent (max_ptes_none): all but one */
};

/* So many instructions were run. Effect: counts large_collapses, of the process that runs.
 * => between instructions; nobody holds on to a frame that is not wired */
void collapse_tick(struct kernel *kernel, uint64_t instructions);

#endif
