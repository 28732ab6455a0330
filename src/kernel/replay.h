// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Replay: page tables, TLB and a replacement policy as in a run, driven by references instead of a
 * CPU. Pages have no content here and go nowhere when they are evicted; what is exact is which page
 * is where, and what it costs.
 *
 * RAM has `nframes` frames for the pages of the trace. Page tables lie in the same simulated RAM,
 * above those frames, and are not charged. A page's first touch is a minor fault, its return after
 * an eviction a major one; a page that was stored to since it came in is written when it is
 * evicted. The accessed bit and the time of the last use, which policies ask for, are kept here by
 * reference and exactly; those of the page tables are the walker's.
 *
 * Pages may all be of 2 MiB or 1 GiB instead: then whatever lies in one is one page, which has one
 * entry in the TLB, takes so much RAM, and comes and goes as a whole.
 */
#ifndef KERNEL_REPLAY_H
#define KERNEL_REPLAY_H

#include "base/counters.h"
#include "kernel/policy.h"
#include "machine/mmu.h"
#include "machine/tlb.h"

struct replay_options {
    uint64_t nframes; /* pages of that size, at least 1; REPLAY_FRAMES_MAX of 4 KiB at most */
    struct tlb_spec tlb;
    const struct policy_ops *policy;
    uint64_t seed;           /* of random choices */
    unsigned page_shift;     /* of all pages: 0 or 12, 21, 30 */
    bool is_told_of_flushes; /* pages that end, else, count as flushed */
};

#define REPLAY_FRAMES_MAX (RAM_FRAMES_MAX / 4)

/* `count` references in a row of one kind to one page. */
struct replay_ref {
    vaddr_t va;
    enum mmu_access access;
    uint16_t space;
    bool updates;   /* a load by an instruction that stores to the same place; a fetch of one that
                       faults then */
    bool by_kernel; /* not by the program: no lookup and no access */
    bool rest;      /* the second page of accesses that lie on two: lookups, no accesses */
    uint32_t count; /* at least 1 */
    uint64_t next_use; /* if the policy needs the future: see struct policy_env */
};

struct replay;

/* Errors: -EINVAL (nframes, page_shift, TLB), -ENOMEM. */
int replay_create(const struct replay_options *options, struct replay **out);
void replay_destroy(struct replay *replay);

/* Result: false, and nothing counted, when there is no room left for page tables. => va is
 * canonical */
bool replay_use(struct replay *replay, const struct replay_ref *ref);

/* `npages` pages from va on cease to exist: their frames are free, and to touch them again is a
 * first touch. => they are canonical */
void replay_drop(struct replay *replay, uint16_t space, vaddr_t va, uint64_t npages);

/* The TLB drops a page, or all of a space. => as replay_drop() */
void replay_flush(struct replay *replay, uint16_t space, vaddr_t va);
void replay_flush_space(struct replay *replay, uint16_t space);
/* The next store to the page faults even if the page is there. */
void replay_read_only(struct replay *replay, uint16_t space, vaddr_t va);
/* A store is tried that faults so; the store itself is a reference that follows. If the page may be
 * stored to, no effect. Result: as replay_use(). */
bool replay_denied(struct replay *replay, uint16_t space, vaddr_t va);

/* What was counted so far. */
void replay_count(const struct replay *replay, struct counters *counters,
                  struct system_counters *gauges);

const char *replay_failure(const struct replay *replay); /* of its policy; NULL: none */

bool replay_is_valid(const struct replay *replay);

#endif
