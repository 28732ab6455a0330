// SPDX-License-Identifier: GPL-2.0-or-later
/* A page of a trace as one word: address space above, page number below. */
#ifndef OBSERVE_PAGEKEY_H
#define OBSERVE_PAGEKEY_H

#include "observe/trace.h"

enum { PAGEKEY_BITS = 47 }; /* enough for page numbers of 36 bits and one that says their sign */

static inline uint64_t pagekey(const struct trace_ref *ref)
{
    return (uint64_t)ref->space << PAGEKEY_BITS | (ref->page & (((uint64_t)1 << PAGEKEY_BITS) - 1));
}

#endif
