// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large arrays of zeros that cost host memory only where they are touched: what is kept per frame
 * of a RAM that may be far larger than the host's own.
 */
#ifndef BASE_LAZY_H
#define BASE_LAZY_H

#include <stddef.h>

/* `len` bytes of zeros, page aligned; NULL if the host has no address space left. => len > 0 */
void *lazy_create(size_t len);
/* The same `len`; NULL is fine. */
void lazy_destroy(void *array, size_t len);

#endif
