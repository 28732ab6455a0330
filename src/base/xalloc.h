// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host memory for our own bookkeeping. There is no sensible way to go on without it, so a refusal
 * ends the program with one line and status 125; callers have no error to pass up. Memory of the
 * guest is not taken here: it comes from the RAM that the machine was given.
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>

/*
 * As malloc, calloc, realloc and strdup, but never NULL; given back by free(). Sizes in bytes; a
 * size of 0 gives a pointer that may be freed; count * size that overflows counts as a refusal.
 */
void *x_malloc(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *x_calloc(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull, warn_unused_result));
void *x_realloc(void *block, size_t size) __attribute__((returns_nonnull, warn_unused_result));
char *x_strdup(const char *text) __attribute__((malloc, returns_nonnull, warn_unused_result));

#endif
