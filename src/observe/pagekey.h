// SPDX-License-Identifier: GPL-2.0-or-later
/* A page of a trace as one word: address space above, page number below. Pages in a row, of which
 * none is canonical and the next not, have keys in a row. */
#ifndef OBSERVE_PAGEKEY_H
#define OBSERVE_PAGEKEY_H

#include "base/hashmap.h"
#include "observe/trace.h"

enum { PAGEKEY_BITS = 47 }; /* enough for page numbers of 36 bits and one that says their sign */

static inline uint64_t pagekey(const struct trace_ref *ref)
{
    return (uint64_t)ref->space << PAGEKEY_BITS | (ref->page & (((uint64_t)1 << PAGEKEY_BITS) - 1));
}

/* The reference, or TRACE_GONE, becomes one to pages that are 2^shift times as large, of which
 * those end that wholly do. Result: false: none does. */
static inline bool pagekey_enlarge(struct trace_ref *ref, unsigned shift)
{
    uint64_t more = ref->kind == TRACE_GONE ? ((uint64_t)1 << shift) - 1 : 0;
    int64_t first = (int64_t)(ref->page + more) >> shift;
    int64_t end = ref->kind == TRACE_GONE ? (int64_t)(ref->page + ref->count) >> shift : first + 1;
    if (first >= end)
        return false;
    ref->page = (uint64_t)first;
    if (ref->kind == TRACE_GONE)
        ref->count = (uint32_t)(end - first);
    return true;
}

/* Removes the keys first .. first + count - 1, telling of each that was there and its value, in any
 * order. */
void pagekey_remove_range(struct hashmap *map, uint64_t first, uint64_t count,
                          void (*removed)(void *context, uint64_t value), void *context);

#endif
