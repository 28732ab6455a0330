// SPDX-License-Identifier: GPL-2.0-or-later
/* When pages are in use, for timelines of a few pages. tau is 10. */
#include "observe/heat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { TAU = 10, PART = 3 };

static struct heat_sum sum_of(const struct heat *heat, uint32_t part)
{
    struct heat_sum sum;
    heat_sum(heat, part, &sum);
    return sum;
}

static void test_in_use_until_tau_after(void **state)
{
    struct heat *heat = heat_create(TAU);
    heat_enter(heat, 100, PART, 7, 0);
    heat_leave(heat, 100, 5);           /* 0-5, and to 15 */
    heat_enter(heat, 100, PART, 7, 40); /* 40-44, and to 47, where it comes again */
    heat_leave(heat, 100, 44);
    heat_enter(heat, 100, PART, 7, 47);
    heat_leave(heat, 100, 48); /* 47-58 */
    heat_gone(heat, 100, 1, 100);
    heat_end(heat, 200);
    struct heat_sum sum = sum_of(heat, PART);
    assert_int_equal(sum.in_use, 15 + 7 + 11);
    assert_int_equal(sum.life, 100);
    assert_int_equal(sum.idle, 52);
    assert_int_equal(sum.returns, 2);
    assert_int_equal(sum.pages[HEAT_WARM], 1);
    assert_int_equal(sum.pages[HEAT_HOT] + sum.pages[HEAT_COLD], 0);
    heat_destroy(heat);
}

static void test_a_page_among_those_used_last_is_in_use(void **state)
{
    struct heat *heat = heat_create(TAU);
    heat_enter(heat, 1, PART, 0, 20);
    heat_end(heat, 120);
    struct heat_sum sum = sum_of(heat, PART);
    assert_int_equal(sum.in_use, 100);
    assert_int_equal(sum.life, 100);
    assert_int_equal(sum.idle, 0);
    assert_int_equal(sum.pages[HEAT_HOT], 1);
    heat_destroy(heat);
}

static void use_for(struct heat *heat, uint64_t key, uint32_t part, uint64_t index, uint64_t len)
{
    heat_enter(heat, key, part, index, 0);
    if (len < 1000)
        heat_leave(heat, key, len);
}

static void assert_range(const struct heat *heat, uint32_t part, uint64_t from, uint64_t first,
                         uint64_t npages, enum heat_class class)
{
    struct heat_range range;
    assert_true(heat_range(heat, part, from, &range));
    assert_int_equal(range.first, first);
    assert_int_equal(range.npages, npages);
    assert_int_equal(range.class, class);
}

static void test_ranges(void **state)
{
    struct heat *heat = heat_create(TAU);
    struct heat_range range;
    use_for(heat, 1, 1, 5, 1000); /* hot */
    for (uint64_t i = 0; i < 4; i++)
        use_for(heat, 10 + i, 2, 20 + i, 1); /* 11 of 1000: cold */
    use_for(heat, 14, 2, 24, 1000);
    use_for(heat, 15, 2, 25, 1000);
    use_for(heat, 16, 2, 27, 1000); /* one is missing */
    use_for(heat, 17, 2, 28, 200);  /* warm */
    use_for(heat, 18, 3, 0, 1000);
    heat_end(heat, 1000);
    assert_range(heat, 2, 0, 20, 4, HEAT_COLD);
    assert_range(heat, 2, 22, 22, 2, HEAT_COLD);
    assert_range(heat, 2, 24, 24, 2, HEAT_HOT);
    assert_range(heat, 2, 26, 27, 1, HEAT_HOT);
    assert_range(heat, 2, 28, 28, 1, HEAT_WARM);
    assert_false(heat_range(heat, 2, 29, &range));
    assert_false(heat_range(heat, 4, 0, &range));
    struct heat_sum sum = sum_of(heat, 2);
    assert_int_equal(sum.pages[HEAT_COLD], 4);
    assert_int_equal(sum.pages[HEAT_HOT], 3);
    assert_int_equal(sum.pages[HEAT_WARM], 1);
    heat_destroy(heat);
}

/* A page of a file in two spaces, and mapped again: one page, its times added up. */
static void test_pages_with_an_index_are_one(void **state)
{
    struct heat *heat = heat_create(TAU);
    heat_enter(heat, 1, PART, 9, 0);
    heat_enter(heat, 2, PART, 9, 0);
    heat_gone(heat, 1, 1, 30);
    heat_gone(heat, 2, 1, 50);
    heat_enter(heat, 1, PART, 9, 60);
    heat_leave(heat, 7, 60); /* nobody knows it */
    heat_end(heat, 80);
    struct heat_sum sum = sum_of(heat, PART);
    assert_int_equal(sum.life, 30 + 50 + 20);
    assert_int_equal(sum.in_use, sum.life);
    assert_int_equal(sum.pages[HEAT_HOT], 1);
    assert_int_equal(sum.returns, 0);
    heat_destroy(heat);
}

static void test_many_that_end(void **state)
{
    enum { ROUNDS = 50, PAGES = 2000 };
    struct heat *heat = heat_create(TAU);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < PAGES; i++)
            heat_enter(heat, i, PART, i, round * 100 + i % 7);
        heat_gone(heat, 0, PAGES, round * 100 + 50);
    }
    heat_end(heat, ROUNDS * 100);
    struct heat_sum sum = sum_of(heat, PART);
    assert_int_equal(sum.pages[HEAT_HOT], PAGES);
    uint64_t life = 0;
    for (uint64_t i = 0; i < PAGES; i++)
        life += ROUNDS * (50 - i % 7);
    assert_int_equal(sum.life, life);
    heat_destroy(heat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_use_until_tau_after),
        cmocka_unit_test(test_a_page_among_those_used_last_is_in_use),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_pages_with_an_index_are_one),
        cmocka_unit_test(test_many_that_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
