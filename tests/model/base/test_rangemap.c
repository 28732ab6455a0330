// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random operations on a range map and on a naive picture of it: an array with one element for each
 * address, that says which range covers it. Every answer must be the same, and the tree must be
 * valid after each step. Then the same map with 100,000 ranges must still be fast.
 */
#include "base/rangemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

enum {
    SPACE = 240, /* addresses of the small world */
    NODES = 40,
    STEPS = 60000,
    MANY = 100000,
};

/* Deterministic: a divergence is found again with the same seed. */
static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

struct world {
    struct rangemap map;
    struct rangemap_node nodes[NODES];
    struct rangemap_node *at[SPACE]; /* the oracle: who covers each address */
    uint64_t seed;
};

static uint64_t pick(struct world *world, uint64_t below)
{
    return next_random(&world->seed) % below;
}

static void paint(struct world *world, const struct rangemap_node *node,
                  struct rangemap_node *colour)
{
    for (uint64_t a = node->start; a < node->end; a++)
        world->at[a] = colour;
}

static bool is_free(const struct world *world, uint64_t from, uint64_t to,
                    const struct rangemap_node *except)
{
    for (; from < to; from++)
        if (world->at[from] && world->at[from] != except)
            return false;
    return true;
}

static struct rangemap_node *naive_from(const struct world *world, uint64_t key)
{
    for (; key < SPACE; key++)
        if (world->at[key])
            return world->at[key];
    return NULL;
}

static bool naive_gap_down(const struct world *world, uint64_t low, uint64_t high, uint64_t len,
                           uint64_t align, uint64_t *start)
{
    for (uint64_t a = high; a-- > low;)
        if (a % align == 0 && a + len <= high && is_free(world, a, a + len, NULL)) {
            *start = a;
            return true;
        }
    return false;
}

/* Inserts a range, removes one, or moves a border; keeps the oracle in step. */
static void change(struct world *world)
{
    struct rangemap_node *node = &world->nodes[pick(world, NODES)];
    uint64_t start = pick(world, SPACE), end = start + 1 + pick(world, 12);
    bool present = node->start < node->end;

    if (end > SPACE)
        return;
    if (present && pick(world, 2)) {
        rangemap_remove(&world->map, node);
        paint(world, node, NULL);
        node->start = node->end = 0;
    } else if (present) {
        start = pick(world, 2) ? node->start : node->start + pick(world, 5) - 2;
        end = start == node->start ? node->end + pick(world, 5) - 2 : node->end;
        if (start >= end || end > SPACE || !is_free(world, start, end, node))
            return;
        paint(world, node, NULL);
        rangemap_resize(&world->map, node, start, end);
        paint(world, node, node);
    } else if (is_free(world, start, end, NULL)) {
        node->start = start;
        node->end = end;
        rangemap_insert(&world->map, node);
        paint(world, node, node);
    }
}

static void compare(struct world *world)
{
    uint64_t key = pick(world, SPACE), align = UINT64_C(1) << pick(world, 5);
    uint64_t low = pick(world, SPACE), high = pick(world, SPACE + 1), len = 1 + pick(world, 20);
    uint64_t found = 0, expected = 0;
    struct rangemap_node *from = naive_from(world, key);
    bool has = naive_gap_down(world, low, high, len, align, &expected);

    assert_true(rangemap_is_valid(&world->map));
    assert_ptr_equal(rangemap_find(&world->map, key), world->at[key]);
    assert_ptr_equal(rangemap_from(&world->map, key), from);
    if (from) {
        assert_ptr_equal(rangemap_next(from), naive_from(world, from->end));
        if (rangemap_next(from))
            assert_ptr_equal(rangemap_prev(rangemap_next(from)), from);
    }
    assert_int_equal(rangemap_gap_down(&world->map, low, high, len, align, &found), has);
    assert_int_equal(found, expected);
}

static void test_same_as_naive(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world world = {.seed = seed};

        rangemap_create(&world.map);
        for (int step = 0; step < STEPS; step++) {
            change(&world);
            compare(&world);
        }
        assert_true(world.map.count > 0);
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 100,000 ranges of 2 pages with holes of 1 page, in random order of insertion. */
static void fill(struct rangemap *map, struct rangemap_node *nodes, uint64_t *seed)
{
    for (uint64_t i = 0; i < MANY; i++)
        nodes[i] = (struct rangemap_node){.start = (3 * i + 1) << 12, .end = (3 * i + 3) << 12};
    for (uint64_t i = MANY - 1; i > 0; i--) {
        uint64_t j = next_random(seed) % (i + 1);
        struct rangemap_node swap = nodes[i];

        nodes[i] = nodes[j];
        nodes[j] = swap;
    }
    for (uint64_t i = 0; i < MANY; i++)
        rangemap_insert(map, &nodes[i]);
}

static void test_many_ranges_stay_fast(void **state)
{
    struct rangemap_node *nodes = malloc(MANY * sizeof(*nodes));
    const uint64_t top = (3 * (uint64_t)MANY) << 12;
    struct rangemap map;
    uint64_t seed = 1, start;
    double begin = now();

    assert_non_null(nodes);
    rangemap_create(&map);
    fill(&map, nodes, &seed);
    assert_true(map.root->height <= 25); /* 1.44 log2(n + 2) */
    for (uint64_t i = 0; i < MANY; i++) {
        uint64_t key = next_random(&seed) % top;
        bool hole = (key >> 12) % 3 == 0;

        assert_int_equal(rangemap_find(&map, key) == NULL, hole);
        assert_true(rangemap_gap_down(&map, 0, (key | 4095) + 1 + 3 * 4096, 4096, 4096, &start));
        assert_false(rangemap_gap_down(&map, 0, top, 2 * 4096, 4096, &start));
    }
    assert_true(rangemap_is_valid(&map));
    for (uint64_t i = 0; i < MANY; i++)
        rangemap_remove(&map, &nodes[i]);
    assert_null(map.root);

    double seconds = now() - begin;

    print_message("100,000 ranges: %.0f ns per operation\n", seconds * 1e9 / (5.0 * MANY));
    assert_true(seconds < 5.0); /* a list would take minutes */
    free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_naive),
        cmocka_unit_test(test_many_ranges_stay_fast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
