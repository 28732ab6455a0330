// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one list of counters. It generates the structs here and the public enumeration, the summary,
 * the JSON and the documentation elsewhere; nothing counts by a name that is not in it.
 *
 * COUNTERS_PROCESS counts events and belongs to a process: whoever causes the event increments
 * `machine->now->NAME`, where `now` is the process on the CPU. System totals are sums over the
 * processes, so an event is counted once. COUNTERS_SYSTEM are gauges of the whole system.
 * X(name, unit, meaning)
 */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include <stdint.h>

#define COUNTERS_PROCESS(X)                                                                        \
    X(instructions, "instructions", "guest instructions retired")                                  \
    X(loads, "accesses", "data loads retired")                                                     \
    X(stores, "accesses", "data stores retired")                                                   \
    X(tlb_l1d_hits, "lookups", "data lookups answered by the first-level data TLB")                \
    X(tlb_l1d_misses, "lookups", "data lookups that missed the first-level data TLB")              \
    X(tlb_l1i_hits, "lookups", "fetch lookups answered by the first-level instruction TLB")        \
    X(tlb_l1i_misses, "lookups", "fetch lookups that missed the first-level instruction TLB")      \
    X(tlb_l2_hits, "lookups", "first-level misses answered by the second-level TLB")               \
    X(tlb_l2_misses, "lookups", "first-level misses that missed the second level too")             \
    X(tlb_flushes, "flushes", "TLB invalidations, whatever they cover")                            \
    X(tlb_flushes_page, "flushes", "TLB invalidations of one page (INVLPG)")                       \
    X(tlb_flushes_space, "flushes", "TLB invalidations of one address space (INVPCID)")            \
    X(tlb_flushes_all, "flushes", "TLB invalidations of all, at switches without tags too")        \
    X(tlb_shootdowns, "flushes", "TLB invalidations in a space other than the running one")        \
    X(walks, "walks", "page walks, those that set a dirty bit or faulted included")                \
    X(walk_reads, "reads", "page-table entries read from RAM by page walks")                       \
    X(pwc_pd_hits, "walks", "page walks that began at a cached page-directory entry")              \
    X(pwc_pdpt_hits, "walks", "page walks that began at a cached page-directory-pointer entry")    \
    X(pwc_pml4_hits, "walks", "page walks that began at a cached PML4 entry")                      \
    X(pwc_pml5_hits, "walks", "page walks that began at a cached PML5 entry")                      \
    X(faults, "faults", "page faults")                                                             \
    X(faults_minor, "faults", "page faults served without reading a disk")                         \
    X(faults_major, "faults", "page faults that read from swap or a file")                         \
    X(faults_cow, "faults", "page faults that copied a shared page on write")                      \
    X(large_faults, "faults", "page faults that made a large page of 2 MiB")                       \
    X(large_splits, "pages", "large pages that became small ones again")                           \
    X(large_collapses, "pages", "large pages that were made of small ones in the background")      \
    X(large_loads, "pages", "large pages read back from swap in one piece (--page-size 2M)")       \
    X(large_evictions, "pages", "large pages evicted in one piece (--page-size 2M)")               \
    X(large_waste, "pages", "small pages all zero when the large page they were part of ended")    \
    X(large_fragmented, "faults",                                                                  \
      "faults without a large page for want of 2 MiB free in one piece")                           \
    X(hugetlb_faults, "faults", "page faults served by a huge page of the pool (MAP_HUGETLB)")     \
    X(compactions, "blocks", "2 MiB of RAM that were made free in one piece by moving pages")      \
    X(compact_moves, "pages", "pages, and page tables, moved to another frame for that")           \
    X(pages_in, "pages", "pages read from swap or files")                                          \
    X(pages_out, "pages", "pages written to swap or files")                                        \
    X(swap_pages_in, "pages", "pages read from swap")                                              \
    X(swap_pages_out, "pages", "pages written to swap")                                            \
    X(readahead_pages, "pages", "pages read from swap before they were asked for")                 \
    X(readahead_hits, "pages", "pages read ahead that a fault then found in RAM")                  \
    X(readahead_wasted, "pages", "pages read ahead that were evicted before they were used")       \
    X(reclaims, "frames", "frames taken back from pages by the replacement policy")                \
    X(syscalls, "calls", "system calls made")

#define COUNTERS_SYSTEM(X)                                                                         \
    X(frames_total, "frames", "frames of RAM")                                                     \
    X(frames_peak, "frames", "most frames in use at once, page tables and cached files included")  \
    X(pages_peak, "pages", "most pages that existed at once, in RAM or on disk: the footprint")    \
    X(tables_peak, "frames", "most frames that held page tables at once")                          \
    X(swap_peak, "pages", "most swap slots in use at once")                                        \
    X(oom_kills, "processes", "processes killed because RAM and swap were exhausted")              \
    X(processes, "processes", "processes that ran")

#define COUNTERS_FIELD(name, unit, meaning) uint64_t name;

struct counters {
    COUNTERS_PROCESS(COUNTERS_FIELD)
};

struct system_counters {
    COUNTERS_SYSTEM(COUNTERS_FIELD)
};

#endif
