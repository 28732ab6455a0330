// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Lazily backed arrays: anonymous mappings without a reservation, so that the host's overcommit
 * heuristic does not refuse metadata for a terabyte that will never be touched.
 */
#include "base/lazy.h"

#include <sys/mman.h>

#include "base/check.h"

void *lazy_create(size_t len)
{
    void *array =
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return array == MAP_FAILED ? NULL : array;
}

void lazy_destroy(void *array, size_t len)
{
    if (array)
        CHECK(munmap(array, len) == 0);
}
