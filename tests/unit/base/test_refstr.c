// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared strings: the text is a copy, lives as long as its last holder, and NULL passes through. */
#include "base/refstr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_text_is_copied(void **state)
{
    char text[] = "/usr/lib/libc.so.6";
    char *shared = refstr_create(text);

    text[0] = '?';
    assert_string_equal(shared, "/usr/lib/libc.so.6");
    refstr_put(shared);
}

static void test_text_lives_until_last_put(void **state)
{
    char *first = refstr_create("[heap]");
    char *second = refstr_get(first);

    assert_ptr_equal(first, second);
    refstr_put(first);
    assert_string_equal(second, "[heap]");
    refstr_put(second);
}

static void test_empty_text(void **state)
{
    char *shared = refstr_create("");

    assert_string_equal(shared, "");
    refstr_put(shared);
}

static void test_null_passes_through(void **state)
{
    assert_null(refstr_create(NULL));
    assert_null(refstr_get(NULL));
    refstr_put(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_copied),
        cmocka_unit_test(test_text_lives_until_last_put),
        cmocka_unit_test(test_empty_text),
        cmocka_unit_test(test_null_passes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
