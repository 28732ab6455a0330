// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stacks of calls, each kept once: a stack is a call and the stack that it was made in. Numbers are
 * given from 1 on, those of a stack after the one it was made in; 0 is the empty stack.
 */
#ifndef OBSERVE_CALLTREE_H
#define OBSERVE_CALLTREE_H

#include <stdint.h>

#include "base/hashmap.h"

struct calltree_stack {
    uint32_t outer; /* the stack that the call was made in */
    uint32_t object;
    uint64_t address; /* of the call, within the object */
};

struct calltree {
    struct calltree_stack *stacks; /* [count], by number - 1 */
    uint32_t count, room;
    struct hashmap places; /* hash of a stack, or the next free one -> its number */
};

enum { CALLTREE_MAX = 1 << 20 };

void calltree_create(struct calltree *out);
void calltree_destroy(struct calltree *tree);

/* The number of a stack. If there are too many: that of the one that the call was made in. */
uint32_t calltree_get(struct calltree *tree, uint32_t outer, uint32_t object, uint64_t address);

#endif
