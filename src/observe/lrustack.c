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
 * A page that ceases to exist leaves a hole at its depth, for the frame that it frees in every RAM
 * that held it. The next page that is not found above the hole fills it: in those RAMs it needs no
 * other frame. So the pages above the hole move down by one and those below it stay; and the place
 * that the page left itself becomes a hole, for RAMs so large that they had it keep their free
 * frame. The stack is as high as there were most pages at once.
 *
 * Invariants: D1  the places of all pages and holes in the row are those taken
 *             D2  no hole in the row lies at or beyond holes_end; their bits and number are right
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
#define HOLE HASHMAP_NONE  /* instead of a key */
#define NOWHERE UINT64_MAX /* instead of a place: the page is new */

struct lrustack {
    unsigned ntop, most_top;
    bool is_below;     /* its user keeps those on top: `top` is not used */
    uint64_t top[TOP]; /* keys */
    struct hashmap places;
    uint64_t nplaces, room; /* used so far, holes included, and there are; a multiple of WORD */
    uint64_t ntaken, nholes;
    uint64_t holes_end; /* beyond the newest hole of the row, or further */
    uint64_t *keys;     /* by place */
    uint64_t *taken;    /* bit by place */
    uint64_t *holes;    /* the same, of places that are taken by holes */
    uint64_t *tree;     /* [1 .. room / WORD]: Fenwick tree of taken places by word */
    unsigned top_holes;
    uint64_t depths; /* room of counts */
    uint64_t *counts[LRUSTACK_KINDS];
};

static void make_row(struct lrustack *stack, uint64_t room)
{
    stack->room = room;
    stack->keys = x_malloc(room * sizeof(*stack->keys));
    stack->taken = x_calloc(room / WORD, sizeof(*stack->taken));
    stack->holes = x_calloc(room / WORD, sizeof(*stack->holes));
    stack->tree = x_calloc(room / WORD + 1, sizeof(*stack->tree));
    stack->nplaces = stack->ntaken = stack->nholes = stack->holes_end = 0;
}

struct lrustack *lrustack_create(void)
{
    struct lrustack *stack = x_calloc(1, sizeof(*stack));
    stack->most_top = TOP;
    hashmap_create(&stack->places);
    make_row(stack, PLACES_MIN);
    stack->depths = PLACES_MIN;
    for (unsigned kind = 0; kind < LRUSTACK_KINDS; kind++)
        stack->counts[kind] = x_calloc(stack->depths, sizeof(uint64_t));
    return stack;
}

struct lrustack *lrustack_create_below(unsigned ntop)
{
    struct lrustack *stack = lrustack_create();
    stack->most_top = ntop;
    stack->is_below = true;
    return stack;
}

static void free_row(const struct lrustack *stack)
{
    free(stack->keys);
    free(stack->taken);
    free(stack->holes);
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

static void make_hole(struct lrustack *stack, uint64_t place)
{
    stack->keys[place] = HOLE;
    stack->holes[place / WORD] |= (uint64_t)1 << place % WORD;
    stack->nholes++;
    if (place >= stack->holes_end)
        stack->holes_end = place + 1;
}

static void append(struct lrustack *stack, uint64_t key)
{
    uint64_t place = stack->nplaces++;
    stack->keys[place] = key;
    stack->taken[place / WORD] |= (uint64_t)1 << place % WORD;
    tree_add(stack, place / WORD, 1);
    stack->ntaken++;
    if (key == HOLE)
        make_hole(stack, place);
    else
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

/* How deep a place lies in the row, 1 for the newest. */
static uint64_t depth_of(const struct lrustack *stack, uint64_t place)
{
    uint64_t word = place / WORD, bit = (uint64_t)1 << place % WORD;
    uint64_t older =
        tree_sum(stack, word) + (uint64_t)__builtin_popcountll(stack->taken[word] & (bit - 1));
    return stack->ntaken - older;
}

static void free_place(struct lrustack *stack, uint64_t place)
{
    stack->taken[place / WORD] &= ~((uint64_t)1 << place % WORD);
    tree_add(stack, place / WORD, (uint64_t)-1);
    stack->ntaken--;
}

/* Takes the newest hole behind `place` out of the row. Result: was there one? */
static bool fill_hole_behind(struct lrustack *stack, uint64_t place)
{
    if (stack->nholes == 0)
        return false;
    while (!(stack->holes[(stack->holes_end - 1) / WORD] >> (stack->holes_end - 1) % WORD & 1))
        stack->holes_end--;
    uint64_t hole = stack->holes_end - 1;
    if (hole <= place && place != NOWHERE)
        return false;
    stack->holes[hole / WORD] &= ~((uint64_t)1 << hole % WORD);
    stack->nholes--;
    free_place(stack, hole);
    return true;
}

/* ---- references ---- */

static void count(struct lrustack *stack, enum trace_kind kind, uint64_t depth, uint64_t times)
{
    if (depth >= stack->depths) {
        uint64_t old = stack->depths;
        while (depth >= stack->depths)
            stack->depths *= 2;
        for (unsigned k = 0; k < LRUSTACK_KINDS; k++) {
            stack->counts[k] =
                x_realloc(stack->counts[k], stack->depths * sizeof(*stack->counts[k]));
            memset(stack->counts[k] + old, 0, (stack->depths - old) * sizeof(*stack->counts[k]));
        }
    }
    stack->counts[kind][depth] += times;
}

static void shift_top(struct lrustack *stack, uint64_t key, unsigned end)
{
    memmove(&stack->top[1], &stack->top[0], end * sizeof(stack->top[0]));
    stack->top[0] = key;
}

/* The first hole among those on top, or `end`. */
static unsigned top_hole(const struct lrustack *stack, unsigned end)
{
    unsigned at = 0;
    while (at < end && stack->top[at] != HOLE)
        at++;
    return at;
}

/* A page found on top moves to the front. */
static void use_top(struct lrustack *stack, uint64_t key, unsigned found)
{
    unsigned hole = stack->top_holes ? top_hole(stack, found) : found;
    if (hole < found)
        stack->top[found] = HOLE;
    shift_top(stack, key, hole);
}

/* What was last on top goes to the row. */
static void overflow(struct lrustack *stack, uint64_t key)
{
    if (stack->nplaces == stack->room)
        move_together(stack);
    append(stack, key);
}

/* A page that was not on top, but at a place of the row or nowhere, will be: fills a hole, or
 * there is one more on top, or the last of those has to leave. */
static void take_from_row(struct lrustack *stack, uint64_t key, uint64_t place)
{
    bool was_filled = stack->top_holes > 0;
    if (was_filled)
        stack->top_holes--;
    else if (stack->ntop < stack->most_top)
        stack->ntop++;
    else
        was_filled = fill_hole_behind(stack, place);
    if (place == NOWHERE)
        return;
    hashmap_remove(&stack->places, key);
    if (was_filled)
        make_hole(stack, place);
    else
        free_place(stack, place);
}

/* A page comes to the front that was not on top: it was at a place of the row, or nowhere. */
static void bring_to_top(struct lrustack *stack, uint64_t key, uint64_t place)
{
    unsigned hole = stack->top_holes ? top_hole(stack, stack->ntop) : stack->ntop;
    take_from_row(stack, key, place);
    if (hole == TOP)
        overflow(stack, stack->top[--hole]);
    shift_top(stack, key, hole);
}

/* Where the page of a reference that was not found on top is in the row, and how deep; counts it.
 */
static uint64_t find_in_row(struct lrustack *stack, const struct trace_ref *ref, uint64_t key,
                            uint64_t *depth)
{
    const uint64_t *found = hashmap_find(&stack->places, key);
    uint64_t place = found ? *found : NOWHERE;
    *depth = found ? stack->ntop + depth_of(stack, place) : 0;
    count(stack, ref->kind, *depth, 1);
    return place;
}

static void leave_hole(void *context, uint64_t place)
{
    make_hole(context, place);
}

static void drop(struct lrustack *stack, const struct trace_ref *ref)
{
    uint64_t first = pagekey(ref);
    for (unsigned at = 0; at < stack->ntop; at++) {
        if (stack->top[at] != HOLE && stack->top[at] - first < ref->count) {
            stack->top[at] = HOLE;
            stack->top_holes++;
        }
    }
    pagekey_remove_range(&stack->places, first, ref->count, leave_hole, stack);
}

uint64_t lrustack_use(struct lrustack *stack, const struct trace_ref *ref)
{
    if (ref->kind == TRACE_GONE) {
        drop(stack, ref);
        return 0;
    }
    uint64_t key = pagekey(ref), depth;
    unsigned found = 0;
    while (found < stack->ntop && stack->top[found] != key)
        found++;
    if (found == stack->ntop) {
        uint64_t place = find_in_row(stack, ref, key, &depth);
        bring_to_top(stack, key, place);
    } else {
        depth = found + 1;
        count(stack, ref->kind, depth, 1);
        if (found > 0)
            use_top(stack, key, found);
    }
    if (ref->count > 1)
        count(stack, ref->kind, 1, ref->count - 1);
    return depth;
}

/* ---- without those on top ---- */

void lrustack_enter(struct lrustack *stack, const struct trace_ref *ref)
{
    DCHECK(stack->is_below);
    uint64_t key = pagekey(ref), depth;
    take_from_row(stack, key, find_in_row(stack, ref, key, &depth));
}

void lrustack_leave(struct lrustack *stack, const struct trace_ref *ref)
{
    CHECK(stack->ntop == stack->most_top && stack->top_holes == 0);
    overflow(stack, pagekey(ref));
}

void lrustack_gone(struct lrustack *stack, const struct trace_ref *ref, unsigned on_top)
{
    stack->top_holes += on_top;
    CHECK(stack->top_holes <= stack->ntop);
    pagekey_remove_range(&stack->places, pagekey(ref), ref->count, leave_hole, stack);
}

/* ---- results ---- */

uint64_t lrustack_pages(const struct lrustack *stack)
{
    return stack->ntop + stack->ntaken;
}

uint64_t lrustack_count(const struct lrustack *stack, enum trace_kind kind, uint64_t depth)
{
    return depth < stack->depths ? stack->counts[kind][depth] : 0;
}

static bool place_is_valid(const struct lrustack *stack, uint64_t place)
{
    bool is_hole = stack->holes[place / WORD] >> place % WORD & 1;
    if (is_hole)
        return place < stack->holes_end && stack->keys[place] == HOLE; /* D2 */
    const uint64_t *found = hashmap_find(&stack->places, stack->keys[place]);
    return found && *found == place;
}

bool lrustack_is_valid(const struct lrustack *stack)
{
    uint64_t ntaken = 0, nholes = 0, top_holes = 0;
    for (uint64_t place = 0; place < stack->nplaces; place++) {
        if (!(stack->taken[place / WORD] >> place % WORD & 1))
            continue;
        if (!place_is_valid(stack, place))
            return false;
        ntaken++;
        nholes += stack->keys[place] == HOLE;
    }
    for (unsigned at = 0; at < stack->ntop && !stack->is_below; at++)
        top_holes += stack->top[at] == HOLE;
    return ntaken == stack->ntaken && nholes == stack->nholes &&
           (stack->is_below || top_holes == stack->top_holes) &&
           ntaken - nholes == stack->places.count && /* D1 */ hashmap_is_valid(&stack->places);
}
