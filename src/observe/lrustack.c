// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stack has two parts. The pages on top are an array in order: most references find theirs
 * there, and move it to the front. What falls out at its end gets the next place of a long row, and
 * so the row is in order too:
 *
 *   top    [0] newest ... [TOP - 1]
 *   row    place nplaces - 1 newest ... place 0, with holes where pages were used again
 *
 * The depth of a page in the row is TOP plus the taken places from its own on. These are a bitmap,
 * with a Fenwick tree over the words' counts. When the row is full, its pages move together.
 *
 * Invariant: D1  the places of all pages in the row are those taken, and each is some page's
 *
 * Source of the tree: P. M. Fenwick, "A New Data Structure for Cumulative Frequency Tables", 1994.
 */
#include "observe/lrustack.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/pagekey.h"

enum { TOP = 16, WORD = 64, PLACES_MIN = 1 << 12 };

struct lrustack {
    unsigned ntop;
    uint64_t top[TOP]; /* keys */
    struct hashmap places;
    uint64_t nplaces, room; /* used so far, holes included, and there are; a multiple of WORD */
    uint64_t ntaken;
    uint64_t *keys;  /* by place */
    uint64_t *taken; /* bit by place */
    uint64_t *tree;  /* [1 .. room / WORD]: Fenwick tree of taken places by word */
    uint64_t npages;
    uint64_t depths; /* room of counts */
    uint64_t *counts[LRUSTACK_KINDS];
};

static void make_row(struct lrustack *stack, uint64_t room)
{
    stack->room = room;
    stack->keys = x_malloc(room * sizeof(*stack->keys));
    stack->taken = x_calloc(room / WORD, sizeof(*stack->taken));
    stack->tree = x_calloc(room / WORD + 1, sizeof(*stack->tree));
    stack->nplaces = stack->ntaken = 0;
}

struct lrustack *lrustack_create(void)
{
    struct lrustack *stack = x_calloc(1, sizeof(*stack));
    hashmap_create(&stack->places);
    make_row(stack, PLACES_MIN);
    stack->depths = PLACES_MIN;
    for (unsigned kind = 0; kind < LRUSTACK_KINDS; kind++)
        stack->counts[kind] = x_calloc(stack->depths, sizeof(uint64_t));
    return stack;
}

static void free_row(const struct lrustack *stack)
{
    free(stack->keys);
    free(stack->taken);
    free(stack->tree);
}

void lrustack_destroy(struct lrustack *stack)
{
    if (!stack)
        return;
    hashmap_destroy(&stack->places);
    free_row(stack);
    for (unsigned kind = 0; kind < LRUSTACK_KINDS; kind++)
        free(stack->counts[kind]);
    free(stack);
}

/* ---- the row ---- */

static void tree_add(struct lrustack *stack, uint64_t word, uint64_t change)
{
    for (uint64_t i = word + 1; i <= stack->room / WORD; i += i & -i)
        stack->tree[i] += change;
}

/* Taken places in the words before this one. */
static uint64_t tree_sum(const struct lrustack *stack, uint64_t word)
{
    uint64_t sum = 0;
    for (uint64_t i = word; i > 0; i -= i & -i)
        sum += stack->tree[i];
    return sum;
}

static void append(struct lrustack *stack, uint64_t key)
{
    uint64_t place = stack->nplaces++;
    stack->keys[place] = key;
    stack->taken[place / WORD] |= (uint64_t)1 << place % WORD;
    tree_add(stack, place / WORD, 1);
    stack->ntaken++;
    *hashmap_at(&stack->places, key) = place;
}

/* The row is full: its pages move to its beginning, or to a longer one if most of it is taken. */
static void move_together(struct lrustack *stack)
{
    struct lrustack old = *stack;
    make_row(stack, 2 * old.ntaken > old.room ? 2 * old.room : old.room);
    for (uint64_t place = 0; place < old.nplaces; place++)
        if (old.taken[place / WORD] >> place % WORD & 1)
            append(stack, old.keys[place]);
    free_row(&old);
}

/* Takes a page out of the row. Result: its depth there, 1 for the newest. */
static uint64_t take(struct lrustack *stack, uint64_t place)
{
    uint64_t word = place / WORD, bit = (uint64_t)1 << place % WORD;
    uint64_t older =
        tree_sum(stack, word) + (uint64_t)__builtin_popcountll(stack->taken[word] & (bit - 1));
    uint64_t depth = stack->ntaken - older;
    stack->taken[word] &= ~bit;
    tree_add(stack, word, (uint64_t)-1);
    stack->ntaken--;
    return depth;
}

/* ---- references ---- */

static void count(struct lrustack *stack, enum trace_kind kind, uint64_t depth, uint64_t times)
{
    if (depth >= stack->depths) {
        uint64_t old = stack->depths;
        stack->depths *= 2;
        for (unsigned k = 0; k < LRUSTACK_KINDS; k++) {
            stack->counts[k] =
                x_realloc(stack->counts[k], stack->depths * sizeof(*stack->counts[k]));
            memset(stack->counts[k] + old, 0, (stack->depths - old) * sizeof(*stack->counts[k]));
        }
    }
    stack->counts[kind][depth] += times;
}

/* Puts a page on top; `found` is the place in the array that it leaves, or TOP. */
static void put_on_top(struct lrustack *stack, uint64_t key, unsigned found)
{
    if (found == TOP && stack->ntop == TOP) {
        if (stack->nplaces == stack->room)
            move_together(stack);
        append(stack, stack->top[TOP - 1]);
        found = TOP - 1;
    } else if (found == TOP) {
        found = stack->ntop++;
    }
    memmove(&stack->top[1], &stack->top[0], found * sizeof(stack->top[0]));
    stack->top[0] = key;
}

/* A page that is not among those on top. Result: its depth; 0: it is new. */
static uint64_t find_below(struct lrustack *stack, uint64_t key)
{
    const uint64_t *place = hashmap_find(&stack->places, key);
    if (!place) {
        stack->npages++;
        return 0;
    }
    uint64_t depth = TOP + take(stack, *place);
    hashmap_remove(&stack->places, key);
    return depth;
}

void lrustack_use(struct lrustack *stack, const struct trace_ref *ref)
{
    uint64_t key = pagekey(ref);
    unsigned found = 0;
    while (found < stack->ntop && stack->top[found] != key)
        found++;
    if (found < stack->ntop) {
        count(stack, ref->kind, found + 1, 1);
        if (found > 0)
            put_on_top(stack, key, found);
    } else {
        count(stack, ref->kind, find_below(stack, key), 1);
        put_on_top(stack, key, TOP);
    }
    if (ref->count > 1)
        count(stack, ref->kind, 1, ref->count - 1);
}

/* ---- results ---- */

uint64_t lrustack_pages(const struct lrustack *stack)
{
    return stack->npages;
}

uint64_t lrustack_count(const struct lrustack *stack, enum trace_kind kind, uint64_t depth)
{
    return depth < stack->depths ? stack->counts[kind][depth] : 0;
}

bool lrustack_is_valid(const struct lrustack *stack)
{
    uint64_t ntaken = 0;
    for (uint64_t place = 0; place < stack->nplaces; place++) {
        if (!(stack->taken[place / WORD] >> place % WORD & 1))
            continue;
        const uint64_t *found = hashmap_find(&stack->places, stack->keys[place]);
        if (!found || *found != place)
            return false; /* D1 */
        ntaken++;
    }
    return ntaken == stack->ntaken && ntaken == stack->places.count &&
           stack->npages == ntaken + stack->ntop && hashmap_is_valid(&stack->places);
}
