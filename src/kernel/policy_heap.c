// SPDX-License-Identifier: GPL-2.0-or-later
/* A heap of pages by frame number: see policy_heap.h. Decides nothing. */
#include "kernel/policy_heap.h"

#include <errno.h>

#include "base/check.h"
#include "base/lazy.h"

int policy_heap_create(uint64_t nframes, struct policy_heap *out)
{
    struct policy_heap heap = {.nframes = nframes};
    heap.entries = lazy_create(nframes * sizeof(*heap.entries));
    heap.places = lazy_create(nframes * sizeof(*heap.places));
    if (!heap.entries || !heap.places) {
        policy_heap_destroy(&heap);
        return -ENOMEM;
    }
    *out = heap;
    return 0;
}

void policy_heap_destroy(struct policy_heap *heap)
{
    lazy_destroy(heap->entries, heap->nframes * sizeof(*heap->entries));
    lazy_destroy(heap->places, heap->nframes * sizeof(*heap->places));
}

static void put_at(struct policy_heap *heap, uint32_t place, struct policy_heap_entry entry)
{
    heap->entries[place] = entry;
    heap->places[entry.pfn] = place + 1;
}

static void sift_up(struct policy_heap *heap, uint32_t place, struct policy_heap_entry entry)
{
    while (place > 0 && heap->entries[(place - 1) / 2].key > entry.key) {
        put_at(heap, place, heap->entries[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(heap, place, entry);
}

static void sift_down(struct policy_heap *heap, uint32_t place, struct policy_heap_entry entry)
{
    const struct policy_heap_entry *entries = heap->entries;
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && entries[child + 1].key < entries[child].key)
            child++;
        if (entries[child].key >= entry.key)
            break;
        put_at(heap, place, entries[child]);
        place = child;
    }
    put_at(heap, place, entry);
}

/* Finds the place of an entry that may go to `place`, up or down. */
static void settle(struct policy_heap *heap, uint32_t place, struct policy_heap_entry entry)
{
    if (place > 0 && heap->entries[(place - 1) / 2].key > entry.key)
        sift_up(heap, place, entry);
    else
        sift_down(heap, place, entry);
}

void policy_heap_insert(struct policy_heap *heap, pfn_t pfn, uint64_t key)
{
    DCHECK(!policy_heap_contains(heap, pfn));
    sift_up(heap, heap->count++, (struct policy_heap_entry){.key = key, .pfn = pfn});
}

void policy_heap_remove(struct policy_heap *heap, pfn_t pfn)
{
    DCHECK(policy_heap_contains(heap, pfn));
    uint32_t hole = heap->places[pfn] - 1;
    heap->places[pfn] = 0;
    heap->count--;
    if (hole != heap->count)
        settle(heap, hole, heap->entries[heap->count]);
}

void policy_heap_set(struct policy_heap *heap, pfn_t pfn, uint64_t key)
{
    DCHECK(policy_heap_contains(heap, pfn));
    settle(heap, heap->places[pfn] - 1, (struct policy_heap_entry){.key = key, .pfn = pfn});
}

bool policy_heap_is_valid(const struct policy_heap *heap)
{
    const struct policy_heap_entry *entries = heap->entries;
    for (uint32_t i = 0; i < heap->count; i++) {
        if (heap->places[entries[i].pfn] != i + 1)
            return false; /* H1 */
        if (i > 0 && entries[(i - 1) / 2].key > entries[i].key)
            return false; /* H2 */
    }
    return true;
}
