// SPDX-License-Identifier: GPL-2.0-or-later
/* From bytes to pages. */
#ifndef OBSERVE_TRACE_PAGES_H
#define OBSERVE_TRACE_PAGES_H

#include "observe/trace.h"

/* The references of one access: one, or two if it lies on two pages. Result: how many. */
static inline size_t trace_pages(uint64_t va, uint64_t len, enum trace_kind kind,
                                 struct trace_ref refs[2])
{
    uint64_t page = (uint64_t)((int64_t)va >> TRACE_PAGE_SHIFT);
    uint64_t last = (uint64_t)((int64_t)(va + (len ? len - 1 : 0)) >> TRACE_PAGE_SHIFT);
    refs[0] = (struct trace_ref){.page = page, .count = 1, .kind = (uint8_t)kind};
    if (last == page)
        return 1;
    refs[1] = refs[0];
    refs[1].page = last;
    refs[1].flags = TRACE_REST;
    return 2;
}

#endif
