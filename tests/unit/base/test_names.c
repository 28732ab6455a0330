// SPDX-License-Identifier: GPL-2.0-or-later
/* Strings by number: one number for each text, given in order; texts stay. */
#include "base/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_numbers_count_up(void **state)
{
    struct names names;
    char text[] = "b";
    names_create(&names);
    assert_int_equal(names_get(&names, "a"), 1);
    assert_int_equal(names_get(&names, text), 2);
    text[0] = '?'; /* a copy is kept */
    assert_int_equal(names_get(&names, "b"), 2);
    assert_int_equal(names_get(&names, "a"), 1);
    assert_int_equal(names_get(&names, ""), 3);
    assert_string_equal(names_text(&names, 2), "b");
    assert_string_equal(names_text(&names, 3), "");
    names_destroy(&names);
}

static void test_many(void **state)
{
    enum { MANY = 20000 };
    struct names names;
    char text[32];
    names_create(&names);
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < MANY; i++) {
            snprintf(text, sizeof(text), "/usr/lib/%x", i * 7919);
            assert_int_equal(names_get(&names, text), i + 1);
        }
    }
    snprintf(text, sizeof(text), "/usr/lib/%x", 123 * 7919);
    assert_string_equal(names_text(&names, 124), text);
    assert_int_equal(names.count, MANY);
    names_destroy(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_count_up),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
