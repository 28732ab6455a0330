// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An AVL tree of ranges in order of address. Each node carries the free space just below it, and
 * the largest such gap in its subtree, so that the search for a free range goes straight to a gap
 * that is large enough:
 *
 *      0        a.start  a.end      b.start  b.end
 *      |<-gap of a->|=====|<- gap of b ->|=====|  ... above the last range: free, kept nowhere
 *
 * Invariants, checked by rangemap_is_valid():
 *   M1  ranges are not empty, in order, and do not overlap
 *   M2  gap is the distance from the end of the range before (or from 0) to start
 *   M3  max_gap is the largest gap, height the height, of the subtree; an empty one has 0 and 0
 *   M4  the heights of two siblings differ by at most 1
 *   M5  parent links agree with child links; count is the number of nodes
 */
#include "base/rangemap.h"

#include "base/check.h"

static int height_of(const struct rangemap_node *node)
{
    return node ? node->height : 0;
}

static uint64_t max_gap_of(const struct rangemap_node *node)
{
    return node ? node->max_gap : 0;
}

/* Computes what a node knows of its subtree from its children. */
static void update(struct rangemap_node *node)
{
    int left = height_of(node->left), right = height_of(node->right);
    uint64_t gap = node->gap;

    if (gap < max_gap_of(node->left))
        gap = max_gap_of(node->left);
    if (gap < max_gap_of(node->right))
        gap = max_gap_of(node->right);
    node->max_gap = gap;
    node->height = 1 + (left > right ? left : right);
}

/* Lets the parent of `old` (or the root) point to `new`, which may be NULL. */
static void replace_child(struct rangemap *map, struct rangemap_node *old,
                          struct rangemap_node *new)
{
    struct rangemap_node *parent = old->parent;

    if (!parent)
        map->root = new;
    else if (parent->left == old)
        parent->left = new;
    else
        parent->right = new;
    if (new)
        new->parent = parent;
}

/* Lifts the right child above the node. Result: the child. */
static struct rangemap_node *rotate_left(struct rangemap *map, struct rangemap_node *node)
{
    struct rangemap_node *top = node->right;

    replace_child(map, node, top);
    node->right = top->left;
    if (node->right)
        node->right->parent = node;
    top->left = node;
    node->parent = top;
    update(node);
    update(top);
    return top;
}

/* Lifts the left child above the node. Result: the child. */
static struct rangemap_node *rotate_right(struct rangemap *map, struct rangemap_node *node)
{
    struct rangemap_node *top = node->left;

    replace_child(map, node, top);
    node->left = top->right;
    if (node->left)
        node->left->parent = node;
    top->right = node;
    node->parent = top;
    update(node);
    update(top);
    return top;
}

static struct rangemap_node *balance(struct rangemap *map, struct rangemap_node *node)
{
    int lean = height_of(node->right) - height_of(node->left);

    if (lean > 1) {
        if (height_of(node->right->left) > height_of(node->right->right))
            rotate_right(map, node->right);
        return rotate_left(map, node);
    }
    if (lean < -1) {
        if (height_of(node->left->right) > height_of(node->left->left))
            rotate_left(map, node->left);
        return rotate_right(map, node);
    }
    update(node);
    return node;
}

/* Restores M3 and M4 from a changed node (may be NULL) up to the root. */
static void repair(struct rangemap *map, struct rangemap_node *node)
{
    for (; node; node = node->parent)
        node = balance(map, node);
}

/* Computes the gap below a node (may be NULL) anew, and what depends on it. */
static void refresh_gap(struct rangemap *map, struct rangemap_node *node)
{
    if (!node)
        return;

    const struct rangemap_node *prev = rangemap_prev(node);

    node->gap = node->start - (prev ? prev->end : 0);
    repair(map, node);
}

void rangemap_create(struct rangemap *out)
{
    *out = (struct rangemap){0};
}

/* Hangs the node below the leaf where its start belongs. */
static void attach(struct rangemap *map, struct rangemap_node *node)
{
    struct rangemap_node **link = &map->root;

    node->parent = node->left = node->right = NULL;
    while (*link) {
        node->parent = *link;
        CHECK(node->end <= (*link)->start || node->start >= (*link)->end);
        link = node->start < (*link)->start ? &(*link)->left : &(*link)->right;
    }
    *link = node;
}

void rangemap_insert(struct rangemap *map, struct rangemap_node *node)
{
    CHECK(node->start < node->end);
    attach(map, node);
    map->count++;
    refresh_gap(map, node);
    refresh_gap(map, rangemap_next(node));
}

/* Takes a node with two children out by putting its successor in its place. Result: the lowest node
 * whose subtree changed. */
static struct rangemap_node *replace_by_next(struct rangemap *map, struct rangemap_node *node,
                                             struct rangemap_node *next)
{
    struct rangemap_node *changed = next;

    if (next != node->right) {
        changed = next->parent;
        replace_child(map, next, next->right);
        next->right = node->right;
        next->right->parent = next;
    }
    replace_child(map, node, next);
    next->left = node->left;
    next->left->parent = next;
    return changed;
}

void rangemap_remove(struct rangemap *map, struct rangemap_node *node)
{
    struct rangemap_node *next = rangemap_next(node), *changed;

    CHECK(map->count > 0);
    if (node->left && node->right) {
        changed = replace_by_next(map, node, next);
    } else {
        changed = node->parent;
        replace_child(map, node, node->left ? node->left : node->right);
    }
    map->count--;
    repair(map, changed);
    refresh_gap(map, next);
    node->parent = node->left = node->right = NULL;
}

void rangemap_resize(struct rangemap *map, struct rangemap_node *node, uint64_t start, uint64_t end)
{
    const struct rangemap_node *prev = rangemap_prev(node);
    struct rangemap_node *next = rangemap_next(node);

    CHECK(start < end);
    CHECK(!prev || prev->end <= start);
    CHECK(!next || end <= next->start);
    node->start = start;
    node->end = end;
    refresh_gap(map, node);
    refresh_gap(map, next);
}

struct rangemap_node *rangemap_find(const struct rangemap *map, uint64_t key)
{
    struct rangemap_node *node = map->root;

    while (node && (key < node->start || key >= node->end))
        node = key < node->start ? node->left : node->right;
    return node;
}

struct rangemap_node *rangemap_from(const struct rangemap *map, uint64_t key)
{
    struct rangemap_node *node = map->root, *best = NULL;

    while (node) {
        if (node->end > key) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}

struct rangemap_node *rangemap_next(const struct rangemap_node *node)
{
    if (node->right) {
        struct rangemap_node *next = node->right;

        while (next->left)
            next = next->left;
        return next;
    }
    while (node->parent && node->parent->right == node)
        node = node->parent;
    return node->parent;
}

struct rangemap_node *rangemap_prev(const struct rangemap_node *node)
{
    if (node->left) {
        struct rangemap_node *prev = node->left;

        while (prev->right)
            prev = prev->right;
        return prev;
    }
    while (node->parent && node->parent->left == node)
        node = node->parent;
    return node->parent;
}

/* What rangemap_gap_down() looks for. */
struct wish {
    uint64_t low, high, len, align;
};

/* The highest place for the wish in the free range [from, to). */
static bool fits(const struct wish *wish, uint64_t from, uint64_t to, uint64_t *start)
{
    if (from < wish->low)
        from = wish->low;
    if (to > wish->high)
        to = wish->high;
    if (to < from || to - from < wish->len)
        return false;

    uint64_t place = (to - wish->len) & ~(wish->align - 1);

    if (place < from)
        return false;
    *start = place;
    return true;
}

/*
 * The highest place in the gaps of a subtree. Gaps that are not cut off by low or high and are
 * large enough always fit (for align up to the alignment of the ranges), so at most the two paths
 * along low and high are walked in vain.
 */
static bool search(const struct rangemap_node *node, const struct wish *wish, uint64_t *start)
{
    while (node && node->max_gap >= wish->len) {
        if (node->end < wish->high && search(node->right, wish, start))
            return true;
        if (node->start <= wish->low)
            return false;
        if (fits(wish, node->start - node->gap, node->start, start))
            return true;
        node = node->left;
    }
    return false;
}

static const struct rangemap_node *last(const struct rangemap *map)
{
    const struct rangemap_node *node = map->root;

    while (node && node->right)
        node = node->right;
    return node;
}

bool rangemap_gap_down(const struct rangemap *map, uint64_t low, uint64_t high, uint64_t len,
                       uint64_t align, uint64_t *start)
{
    const struct wish wish = {.low = low, .high = high, .len = len, .align = align};
    const struct rangemap_node *top = last(map);

    CHECK(len > 0 && align > 0 && (align & (align - 1)) == 0);
    if (fits(&wish, top ? top->end : 0, high, start))
        return true;
    return search(map->root, &wish, start);
}

/* Checks a subtree in order; *end is where the range before it ends. */
static bool subtree_is_valid(const struct rangemap_node *node, const struct rangemap_node *parent,
                             uint64_t *end, size_t *count)
{
    if (!node)
        return true;
    if (node->parent != parent || !subtree_is_valid(node->left, node, end, count))
        return false;
    if (node->start >= node->end || node->start < *end || node->gap != node->start - *end)
        return false;
    *end = node->end;
    ++*count;
    if (!subtree_is_valid(node->right, node, end, count))
        return false;

    struct rangemap_node copy = *node;
    int lean = height_of(node->right) - height_of(node->left);

    update(&copy);
    return copy.height == node->height && copy.max_gap == node->max_gap && lean >= -1 && lean <= 1;
}

bool rangemap_is_valid(const struct rangemap *map)
{
    uint64_t end = 0;
    size_t count = 0;

    return subtree_is_valid(map->root, NULL, &end, &count) && count == map->count;
}
