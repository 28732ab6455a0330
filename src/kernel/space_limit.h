// SPDX-License-Identifier: GPL-2.0-or-later
/* The limits of a space (RLIMIT_AS, DATA, STACK, MEMLOCK), asked before anything is changed. */
#ifndef KERNEL_SPACE_LIMIT_H
#define KERNEL_SPACE_LIMIT_H

#include "kernel/space.h"

static inline bool space_limit_fits(uint64_t have, uint64_t more, uint64_t limit_len)
{
    uint64_t limit = limit_len >> PAGE_SHIFT;
    return have <= limit && more <= limit - have;
}

/* May it have `npages` more pages mapped, `ndata` of them private and writable? */
static inline bool space_limit_allows(const struct space *space, uint64_t npages, uint64_t ndata)
{
    return (npages == 0 || space_limit_fits(space->npages, npages, space->limit_as)) &&
           (ndata == 0 || space_limit_fits(space->ndata, ndata, space->limit_data));
}

/* May it have `npages` more pages in locked regions? */
static inline bool space_limit_allows_lock(const struct space *space, uint64_t npages)
{
    return npages == 0 || space_limit_fits(space->nlocked, npages, space->limit_memlock);
}

#endif
