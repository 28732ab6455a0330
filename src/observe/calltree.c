// SPDX-License-Identifier: GPL-2.0-or-later
/* See calltree.h. */
#include "observe/calltree.h"

#include <stdlib.h>

#include "base/xalloc.h"

void calltree_create(struct calltree *out)
{
    *out = (struct calltree){0};
    hashmap_create(&out->places);
}

void calltree_destroy(struct calltree *tree)
{
    free(tree->stacks);
    hashmap_destroy(&tree->places);
}

static uint64_t hash_of(const struct calltree_stack *stack)
{
    uint64_t hash = (stack->address ^ (uint64_t)stack->object << 48) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 32 ^ stack->outer) * 0xd6e8feb86659fd93u;
    return (hash ^ hash >> 32) >> 1; /* and is not HASHMAP_NONE */
}

static uint32_t add(struct calltree *tree, const struct calltree_stack *stack)
{
    if (tree->count == tree->room) {
        tree->room = tree->room ? 2 * tree->room : 256;
        tree->stacks = x_realloc(tree->stacks, tree->room * sizeof(*tree->stacks));
    }
    tree->stacks[tree->count++] = *stack;
    return tree->count;
}

uint32_t calltree_get(struct calltree *tree, uint32_t outer, uint32_t object, uint64_t address)
{
    const struct calltree_stack stack = {outer, object, address};
    for (uint64_t key = hash_of(&stack);; key++) {
        uint64_t *number = hashmap_find(&tree->places, key);
        if (!number && tree->count == CALLTREE_MAX)
            return outer;
        if (!number)
            return (uint32_t)(*hashmap_at(&tree->places, key) = add(tree, &stack));
        const struct calltree_stack *known = &tree->stacks[*number - 1];
        if (known->outer == outer && known->object == object && known->address == address)
            return (uint32_t)*number;
    }
}
