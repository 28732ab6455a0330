// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A sparse array: 64-bit indexes to 64-bit values, 0 meaning empty. A radix tree of 64-way nodes
 * that is only as tall as its largest index needs. Neighbours of what was changed last are found
 * without a descent.
 */
#ifndef BASE_RADIX_H
#define BASE_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct radix_node;

struct radix {
    struct radix_node *root;
    unsigned height;         /* levels; 0: empty */
    uint64_t count;          /* values that are not 0 */
    struct radix_node *leaf; /* the node of level 0 that was changed last; NULL: it is gone */
    uint64_t leaf_number;    /* which indexes it holds, divided by their number */
};

void radix_create(struct radix *out);
void radix_destroy(struct radix *radix);                       /* forgets what is left */
uint64_t radix_get(const struct radix *radix, uint64_t index); /* 0: empty */
/* Value 0 removes. Memory that cannot be had ends the program (check.h). */
void radix_set(struct radix *radix, uint64_t index, uint64_t value);
/* The first value at or after *index and before end; false if there is none. */
bool radix_next(const struct radix *radix, uint64_t *index, uint64_t end, uint64_t *value);
bool radix_is_valid(const struct radix *radix);

#endif
