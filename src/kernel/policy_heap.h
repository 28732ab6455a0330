// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages by frame number in a min-heap: the one with the smallest key is at hand, any other can be
 * given a new key or taken out. Lazily backed arrays of 20 bytes a frame.
 *
 * Invariants: H1  places[entries[i].pfn] == i + 1 for i < count, and 0 for every page not in
 *             H2  no entry's key is smaller than its parent's
 */
#ifndef KERNEL_POLICY_HEAP_H
#define KERNEL_POLICY_HEAP_H

#include "machine/addr.h"

struct policy_heap_entry {
    uint64_t key;
    pfn_t pfn;
};

struct policy_heap {
    struct policy_heap_entry *entries; /* [0]: the smallest key */
    uint32_t *places;                  /* by pfn */
    uint64_t nframes;
    uint32_t count;
};

int policy_heap_create(uint64_t nframes, struct policy_heap *out); /* -ENOMEM */
void policy_heap_destroy(struct policy_heap *heap);
void policy_heap_insert(struct policy_heap *heap, pfn_t pfn, uint64_t key); /* => not in */
void policy_heap_remove(struct policy_heap *heap, pfn_t pfn);               /* => in */
void policy_heap_set(struct policy_heap *heap, pfn_t pfn, uint64_t key);    /* => in */
bool policy_heap_is_valid(const struct policy_heap *heap);

static inline bool policy_heap_contains(const struct policy_heap *heap, pfn_t pfn)
{
    return heap->places[pfn] != 0;
}

#endif
