// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A set of half-open ranges that do not overlap, in a balanced tree with the largest gap below each
 * node, so that look-up, neighbours and "a free range of this length" are all O(log n). Nodes are
 * embedded in the caller's structs; the map allocates nothing.
 */
#ifndef BASE_RANGEMAP_H
#define BASE_RANGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rangemap_node {
    uint64_t start, end; /* [start, end), start < end */
    struct rangemap_node *left, *right, *parent;
    uint64_t gap;     /* free space between the previous range's end and start */
    uint64_t max_gap; /* largest gap in this subtree */
    int height;
};

struct rangemap {
    struct rangemap_node *root;
    size_t count;
};

void rangemap_create(struct rangemap *out);
/* => the range overlaps none that is there */
void rangemap_insert(struct rangemap *map, struct rangemap_node *node);
void rangemap_remove(struct rangemap *map, struct rangemap_node *node);
/* Moves one border of a range that is in the map. => still overlaps no neighbour */
void rangemap_resize(struct rangemap *map, struct rangemap_node *node, uint64_t start,
                     uint64_t end);
/* The range that holds the key, or NULL. */
struct rangemap_node *rangemap_find(const struct rangemap *map, uint64_t key);
/* The first range that ends above the key (it holds the key or lies above it), or NULL. */
struct rangemap_node *rangemap_from(const struct rangemap *map, uint64_t key);
struct rangemap_node *rangemap_next(const struct rangemap_node *node);
struct rangemap_node *rangemap_prev(const struct rangemap_node *node);
/* The highest start of a free range of `len` inside [low, high), aligned to `align` (a power of
 * two). Result: false if there is none. O(log n) for align 1 page. */
bool rangemap_gap_down(const struct rangemap *map, uint64_t low, uint64_t high, uint64_t len,
                       uint64_t align, uint64_t *start);
bool rangemap_is_valid(const struct rangemap *map);

#endif
