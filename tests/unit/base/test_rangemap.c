// SPDX-License-Identifier: GPL-2.0-or-later
/* The range map at its edges: touching ranges, both ends of the address space, gaps and alignment.
 */
#include "base/rangemap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* [100, 200) [200, 300) [1000, 1100): the second touches the first. */
struct fixture {
    struct rangemap map;
    struct rangemap_node a, b, c;
};

static int setup(void **state)
{
    static struct fixture fixture;

    fixture = (struct fixture){.a = {.start = 100, .end = 200},
                               .b = {.start = 200, .end = 300},
                               .c = {.start = 1000, .end = 1100}};
    rangemap_create(&fixture.map);
    rangemap_insert(&fixture.map, &fixture.b);
    rangemap_insert(&fixture.map, &fixture.c);
    rangemap_insert(&fixture.map, &fixture.a);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    return rangemap_is_valid(&fixture->map) ? 0 : -1;
}

static void test_find_is_half_open(void **state)
{
    struct fixture *f = *state;

    assert_null(rangemap_find(&f->map, 99));
    assert_ptr_equal(rangemap_find(&f->map, 100), &f->a);
    assert_ptr_equal(rangemap_find(&f->map, 199), &f->a);
    assert_ptr_equal(rangemap_find(&f->map, 200), &f->b);
    assert_null(rangemap_find(&f->map, 300));
    assert_null(rangemap_find(&f->map, UINT64_MAX));
}

static void test_from_gives_holder_or_next(void **state)
{
    struct fixture *f = *state;

    assert_ptr_equal(rangemap_from(&f->map, 0), &f->a);
    assert_ptr_equal(rangemap_from(&f->map, 199), &f->a);
    assert_ptr_equal(rangemap_from(&f->map, 200), &f->b);
    assert_ptr_equal(rangemap_from(&f->map, 300), &f->c);
    assert_null(rangemap_from(&f->map, 1100));
}

static void test_neighbours(void **state)
{
    struct fixture *f = *state;

    assert_null(rangemap_prev(&f->a));
    assert_ptr_equal(rangemap_next(&f->a), &f->b);
    assert_ptr_equal(rangemap_next(&f->b), &f->c);
    assert_null(rangemap_next(&f->c));
    assert_ptr_equal(rangemap_prev(&f->c), &f->b);
}

static void test_removed_range_can_return(void **state)
{
    struct fixture *f = *state;

    rangemap_remove(&f->map, &f->b);
    assert_null(rangemap_find(&f->map, 250));
    assert_int_equal(f->map.count, 2);
    f->b.end = 1000;
    rangemap_insert(&f->map, &f->b);
    assert_ptr_equal(rangemap_find(&f->map, 999), &f->b);
}

static void test_resize_moves_gaps(void **state)
{
    struct fixture *f = *state;
    uint64_t start;

    rangemap_resize(&f->map, &f->b, 210, 990);
    assert_true(rangemap_is_valid(&f->map));
    assert_true(rangemap_gap_down(&f->map, 100, 1100, 10, 1, &start));
    assert_int_equal(start, 990);
    assert_false(rangemap_gap_down(&f->map, 100, 1100, 11, 1, &start));
    rangemap_resize(&f->map, &f->b, 210, 1000);
    assert_true(rangemap_gap_down(&f->map, 100, 1100, 10, 1, &start));
    assert_int_equal(start, 200);
}

static void test_gap_above_last_range(void **state)
{
    struct fixture *f = *state;
    uint64_t start;

    assert_true(rangemap_gap_down(&f->map, 0, 2000, 100, 1, &start));
    assert_int_equal(start, 1900);
    assert_true(rangemap_gap_down(&f->map, 0, 2000, 901, 1, &start) == false);
}

static void test_gap_is_cut_at_low_and_high(void **state)
{
    struct fixture *f = *state;
    uint64_t start = 7;

    assert_true(rangemap_gap_down(&f->map, 0, 900, 50, 1, &start));
    assert_int_equal(start, 850);
    assert_true(rangemap_gap_down(&f->map, 0, 320, 50, 1, &start));
    assert_int_equal(start, 50);
    assert_false(rangemap_gap_down(&f->map, 60, 320, 50, 1, &start));
    assert_int_equal(start, 50);
}

static void test_gap_is_aligned(void **state)
{
    struct fixture *f = *state;
    uint64_t start;

    assert_true(rangemap_gap_down(&f->map, 0, 1050, 50, 512, &start));
    assert_int_equal(start, 512);
    assert_true(rangemap_gap_down(&f->map, 0, 512, 50, 512, &start));
    assert_int_equal(start, 0);
}

static void test_gap_in_empty_map(void **state)
{
    struct rangemap map;
    uint64_t start;

    rangemap_create(&map);
    assert_true(rangemap_gap_down(&map, 4096, 8192, 4096, 4096, &start));
    assert_int_equal(start, 4096);
    assert_false(rangemap_gap_down(&map, 4096, 8192, 4097, 1, &start));
    assert_false(rangemap_gap_down(&map, 8192, 4096, 1, 1, &start));
}

static void test_whole_address_space(void **state)
{
    struct rangemap map;
    struct rangemap_node all = {.start = 0, .end = UINT64_MAX};
    uint64_t start;

    rangemap_create(&map);
    rangemap_insert(&map, &all);
    assert_ptr_equal(rangemap_find(&map, 0), &all);
    assert_false(rangemap_gap_down(&map, 0, UINT64_MAX, 1, 1, &start));
    rangemap_remove(&map, &all);
    assert_null(map.root);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_find_is_half_open),
        CASE(test_from_gives_holder_or_next),
        CASE(test_neighbours),
        CASE(test_removed_range_can_return),
        CASE(test_resize_moves_gaps),
        CASE(test_gap_above_last_range),
        CASE(test_gap_is_cut_at_low_and_high),
        CASE(test_gap_is_aligned),
        CASE(test_gap_in_empty_map),
        CASE(test_whole_address_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
