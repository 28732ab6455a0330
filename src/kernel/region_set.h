// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The set of regions of a space, and its sums. Everything that adds, removes or alters a region
 * goes through here, so that npages, ndata, nlocked and committed always are what the regions say,
 * and neighbours that could be one are joined.
 *
 * Commit accounting: these keep space->committed; charging and releasing the kernel's commit is
 * left to the callers, who must know before they change anything whether it will be granted.
 */
#ifndef KERNEL_REGION_SET_H
#define KERNEL_REGION_SET_H

#include "kernel/space.h"

/* Takes the region over and joins it with its neighbours if it can. => overlaps none
 * Result: the region that holds the range now. */
struct region *region_set_insert(struct space *space, struct region *region);

/* Ends everything in [start, end): pages, regions; splits those at the borders.
 * Result: pages that were charged to commit, for the caller to release. */
uint64_t region_set_unmap(struct space *space, uint64_t start, uint64_t end);
/* Takes the regions of [start, end) out without touching pages that are there. Result: as above. */
uint64_t region_set_remove(struct space *space, uint64_t start, uint64_t end);

/* Moves the region's upper or lower border over free space, and joins. => charged by the caller */
void region_set_extend(struct space *space, struct region *region, uint64_t start, uint64_t end);

/* What to change in the regions of a range. */
struct region_change {
    bool sets_prot;
    unsigned prot;
    unsigned set_flags, clear_flags;
};

/* What a change would come to. */
struct region_change_cost {
    uint64_t splits;  /* more regions */
    uint64_t charged; /* more pages to charge to commit */
    uint64_t data;    /* more pages that RLIMIT_DATA counts */
    uint64_t locked;  /* more pages in locked regions */
};

void region_set_change_cost(const struct space *space, uint64_t start, uint64_t end,
                            const struct region_change *change, struct region_change_cost *out);
/* Applies it; regions that are not altered are not split. Pages and page tables are the caller's
 * business. => holes are skipped */
void region_set_change(struct space *space, uint64_t start, uint64_t end,
                       const struct region_change *change);

/* Do regions cover [start, end) without a hole? */
bool region_set_covers(const struct space *space, uint64_t start, uint64_t end);
/* The first region that overlaps [start, end), or NULL. */
struct region *region_set_overlap(const struct space *space, uint64_t start, uint64_t end);
/* Pages of [start, end) that are mapped. */
uint64_t region_set_mapped(const struct space *space, uint64_t start, uint64_t end);
/* Pages of [start, end) that are charged to commit. */
uint64_t region_set_charged(const struct space *space, uint64_t start, uint64_t end);
/* Pages of [start, end) in locked regions. */
uint64_t region_set_locked(const struct space *space, uint64_t start, uint64_t end);
/* How many regions removing [start, end) would add: 1 if it lies inside one, else 0. */
unsigned region_set_unmap_splits(const struct space *space, uint64_t start, uint64_t end);

#endif
