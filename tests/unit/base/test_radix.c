// SPDX-License-Identifier: GPL-2.0-or-later
/* The sparse array at its edges: borders of nodes, the largest index, growing and shrinking. */
#include "base/radix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int setup(void **state)
{
    static struct radix radix;

    radix_create(&radix);
    *state = &radix;
    return 0;
}

static int teardown(void **state)
{
    struct radix *radix = *state;

    radix_destroy(radix);
    return radix->root == NULL && radix->count == 0 ? 0 : -1;
}

static void test_empty(void **state)
{
    struct radix *radix = *state;
    uint64_t index = 0, value;

    assert_int_equal(radix_get(radix, 0), 0);
    assert_int_equal(radix_get(radix, UINT64_MAX), 0);
    assert_false(radix_next(radix, &index, UINT64_MAX, &value));
    radix_set(radix, 77, 0);
    assert_int_equal(radix->height, 0);
    assert_true(radix_is_valid(radix));
}

static void test_borders_of_nodes(void **state)
{
    struct radix *radix = *state;
    const uint64_t indexes[] = {0, 63, 64, 4095, 4096, UINT64_C(1) << 60, UINT64_MAX};
    const size_t n = sizeof(indexes) / sizeof(indexes[0]);

    for (size_t i = 0; i < n; i++) {
        radix_set(radix, indexes[i], i + 1);
        assert_true(radix_is_valid(radix));
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(radix_get(radix, indexes[i]), i + 1);
    assert_int_equal(radix_get(radix, 1), 0);
    assert_int_equal(radix_get(radix, UINT64_MAX - 1), 0);
    assert_int_equal(radix->count, n);
}

static void test_height_follows_largest_index(void **state)
{
    struct radix *radix = *state;

    radix_set(radix, 3, 1);
    assert_int_equal(radix->height, 1);
    radix_set(radix, 64, 1);
    assert_int_equal(radix->height, 2);
    radix_set(radix, UINT64_MAX, 1);
    assert_int_equal(radix->height, 11);
    radix_set(radix, UINT64_MAX, 0);
    assert_int_equal(radix->height, 2);
    radix_set(radix, 64, 0);
    assert_int_equal(radix->height, 1);
    radix_set(radix, 3, 0);
    assert_int_equal(radix->height, 0);
}

static void test_set_again_replaces(void **state)
{
    struct radix *radix = *state;

    radix_set(radix, 9, 1);
    radix_set(radix, 9, 2);
    assert_int_equal(radix_get(radix, 9), 2);
    assert_int_equal(radix->count, 1);
}

static void test_next_walks_in_order(void **state)
{
    struct radix *radix = *state;
    uint64_t index = 0, value = 0;

    radix_set(radix, 5, 50);
    radix_set(radix, 64 * 64 + 1, 60);
    radix_set(radix, UINT64_C(1) << 40, 70);
    assert_true(radix_next(radix, &index, UINT64_MAX, &value));
    assert_int_equal(index, 5);
    assert_int_equal(value, 50);
    index++;
    assert_true(radix_next(radix, &index, UINT64_MAX, &value));
    assert_int_equal(index, 64 * 64 + 1);
    index++;
    assert_true(radix_next(radix, &index, UINT64_MAX, &value));
    assert_int_equal(index, UINT64_C(1) << 40);
    index++;
    assert_false(radix_next(radix, &index, UINT64_MAX, &value));
    assert_int_equal(index, (UINT64_C(1) << 40) + 1);
}

static void test_next_stops_before_end(void **state)
{
    struct radix *radix = *state;
    uint64_t index = 0, value = 123;

    radix_set(radix, 100, 1);
    assert_false(radix_next(radix, &index, 100, &value));
    assert_int_equal(index, 0);
    assert_int_equal(value, 123);
    assert_true(radix_next(radix, &index, 101, &value));
    assert_int_equal(index, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_borders_of_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_height_follows_largest_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_again_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_walks_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next_stops_before_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
