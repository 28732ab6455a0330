// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A radix tree over 64-bit indexes. A node holds 64 slots, so a level eats 6 bits of the index; the
 * slots of level 0 are values, those above are nodes. Each node knows by a bit mask which of its
 * slots are used, so that walking over a sparse tree skips empty slots without reading them.
 *
 *     height 2:   root (level 1)  [ . n . . ]          index = 6 bits | 6 bits
 *                                     |
 *                          (level 0)  [ v . v . ]
 *
 * Invariants, checked by radix_is_valid():
 *   R1  a slot is not 0 exactly where its bit in `used` is set
 *   R2  no node is empty; height is 0 exactly when root is NULL
 *   R3  the tree is as low as its largest index allows: a root above level 0 uses a slot beyond 0
 *   R4  count is the number of values
 *   R5  leaf is NULL, or the node of level 0 that holds the indexes of leaf_number
 */
#include "base/radix.h"

#include "base/check.h"
#include "base/xalloc.h"

#include <stddef.h>
#include <stdlib.h>

enum {
    BITS = 6,
    SLOTS = 1 << BITS,
    HEIGHT_MAX = (64 + BITS - 1) / BITS,
};

struct radix_node {
    uint64_t used; /* bit i: slot i is not empty */
    union {
        struct radix_node *node; /* above level 0 */
        uint64_t value;          /* at level 0 */
    } slots[SLOTS];
};

static unsigned slot_of(uint64_t index, unsigned level)
{
    return (unsigned)(index >> (level * BITS)) % SLOTS;
}

/* Is the index too large for a tree of this height? */
static bool is_beyond(uint64_t index, unsigned height)
{
    return height < HEIGHT_MAX && index >> (height * BITS) != 0;
}

/* The node of the index if it is the one that was changed last. */
static struct radix_node *near(const struct radix *radix, uint64_t index)
{
    return index / SLOTS == radix->leaf_number ? radix->leaf : NULL;
}

static void remember(struct radix *radix, struct radix_node *node, uint64_t index)
{
    radix->leaf = node;
    radix->leaf_number = index / SLOTS;
}

/* The node of level 0 for the index; NULL: there is none. */
static struct radix_node *find_leaf(const struct radix *radix, uint64_t index)
{
    struct radix_node *node = near(radix, index);

    if (node)
        return node;
    node = is_beyond(index, radix->height) ? NULL : radix->root;
    for (unsigned level = radix->height - 1; node && level > 0; level--)
        node = node->slots[slot_of(index, level)].node;
    return node;
}

void radix_create(struct radix *out)
{
    *out = (struct radix){0};
}

static void free_nodes(struct radix_node *node, unsigned level)
{
    for (uint64_t left = node->used; level > 0 && left; left &= left - 1)
        free_nodes(node->slots[__builtin_ctzll(left)].node, level - 1);
    free(node);
}

void radix_destroy(struct radix *radix)
{
    if (radix->root)
        free_nodes(radix->root, radix->height - 1);
    radix_create(radix);
}

uint64_t radix_get(const struct radix *radix, uint64_t index)
{
    const struct radix_node *node = find_leaf(radix, index);

    return node ? node->slots[slot_of(index, 0)].value : 0;
}

/* Puts new roots on top until the index fits. */
static void grow(struct radix *radix, uint64_t index)
{
    if (!radix->root) {
        radix->root = x_calloc(1, sizeof(*radix->root));
        for (radix->height = 1; is_beyond(index, radix->height);)
            radix->height++;
        return;
    }
    while (is_beyond(index, radix->height)) {
        struct radix_node *root = x_calloc(1, sizeof(*root));

        root->slots[0].node = radix->root;
        root->used = 1;
        radix->root = root;
        radix->height++;
    }
}

/* The node of level 0 for the index, made if need be. */
static struct radix_node *make_leaf(struct radix *radix, uint64_t index)
{
    grow(radix, index);

    struct radix_node *node = radix->root;

    for (unsigned level = radix->height - 1; level > 0; level--) {
        unsigned slot = slot_of(index, level);

        if (!node->slots[slot].node) {
            node->slots[slot].node = x_calloc(1, sizeof(*node));
            node->used |= UINT64_C(1) << slot;
        }
        node = node->slots[slot].node;
    }
    return node;
}

/* Result: whether the index held a value. */
static bool store(struct radix *radix, uint64_t index, uint64_t value)
{
    struct radix_node *node = near(radix, index);
    uint64_t bit = UINT64_C(1) << slot_of(index, 0);

    if (!node)
        node = make_leaf(radix, index);
    remember(radix, node, index);

    bool was = node->used & bit;

    node->used |= bit;
    node->slots[slot_of(index, 0)].value = value;
    return was;
}

/* Takes roots off that lead to nothing but their slot 0 (R3). */
static void shrink(struct radix *radix)
{
    while (radix->height > 1 && radix->root->used == 1) {
        struct radix_node *root = radix->root;

        radix->root = root->slots[0].node;
        radix->height--;
        free(root);
    }
}

/* Takes the slot of each level out, from level 0 up, as long as that leaves a node empty. */
static void take_out(struct radix *radix, uint64_t index)
{
    struct radix_node *path[HEIGHT_MAX];
    unsigned level = radix->height - 1;

    path[level] = radix->root;
    for (; level > 0; level--)
        path[level - 1] = path[level]->slots[slot_of(index, level)].node;

    for (; level < radix->height; level++) {
        unsigned slot = slot_of(index, level);

        if (level > 0)
            path[level]->slots[slot].node = NULL;
        path[level]->used &= ~(UINT64_C(1) << slot);
        if (path[level]->used) {
            shrink(radix);
            return;
        }
        if (path[level] == radix->leaf)
            radix->leaf = NULL;
        free(path[level]);
    }
    radix->root = NULL;
    radix->height = 0;
}

/* Result: whether the index held a value. */
static bool erase(struct radix *radix, uint64_t index)
{
    struct radix_node *node = find_leaf(radix, index);
    uint64_t bit = UINT64_C(1) << slot_of(index, 0);

    if (!node || !(node->used & bit))
        return false;
    node->slots[slot_of(index, 0)].value = 0;
    remember(radix, node, index);
    if (node->used == bit)
        take_out(radix, index);
    else
        node->used &= ~bit;
    return true;
}

void radix_set(struct radix *radix, uint64_t index, uint64_t value)
{
    bool was = value ? store(radix, index, value) : erase(radix, index);

    radix->count += (value != 0);
    radix->count -= was;
}

/* The first value in the subtree whose index is at least *index, which lies in or below it. */
static bool next_below(const struct radix_node *node, unsigned level, uint64_t *index,
                       uint64_t *value)
{
    unsigned first = slot_of(*index, level);
    uint64_t span = UINT64_C(1) << (level * BITS);

    for (uint64_t left = node->used & (~UINT64_C(0) << first); left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(left);

        /* A later slot is searched from its own beginning. */
        if (slot != first)
            *index = (*index & ~(span * SLOTS - 1)) + slot * span;
        if (level == 0) {
            *value = node->slots[slot].value;
            return true;
        }
        if (next_below(node->slots[slot].node, level - 1, index, value))
            return true;
    }
    return false;
}

bool radix_next(const struct radix *radix, uint64_t *index, uint64_t end, uint64_t *value)
{
    const struct radix_node *node = near(radix, *index);
    uint64_t at = *index, found;

    if (at >= end || !radix->root || is_beyond(at, radix->height))
        return false;
    if (!(node && next_below(node, 0, &at, &found)) &&
        !next_below(radix->root, radix->height - 1, &at, &found))
        return false;
    if (at >= end)
        return false;
    *index = at;
    *value = found;
    return true;
}

static bool node_is_valid(const struct radix_node *node, unsigned level, uint64_t *count)
{
    if (!node->used)
        return false;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        bool used = node->used >> slot & 1;

        if (used != (level ? node->slots[slot].node != NULL : node->slots[slot].value != 0))
            return false;
        if (used && level == 0)
            ++*count;
        else if (used && !node_is_valid(node->slots[slot].node, level - 1, count))
            return false;
    }
    return true;
}

/* R5 */
static bool leaf_is_valid(const struct radix *radix)
{
    const struct radix_node *node = radix->root;

    if (!radix->leaf)
        return true;
    for (unsigned level = radix->height - 1; node && level > 0; level--)
        node = node->slots[slot_of(radix->leaf_number * SLOTS, level)].node;
    return node == radix->leaf && !is_beyond(radix->leaf_number * SLOTS, radix->height);
}

bool radix_is_valid(const struct radix *radix)
{
    uint64_t count = 0;

    if (!radix->root)
        return radix->height == 0 && radix->count == 0 && !radix->leaf;
    if (radix->height == 0 || radix->height > HEIGHT_MAX || !leaf_is_valid(radix))
        return false;
    if (radix->height > 1 && radix->root->used == 1)
        return false;
    return node_is_valid(radix->root, radix->height - 1, &count) && count == radix->count;
}
