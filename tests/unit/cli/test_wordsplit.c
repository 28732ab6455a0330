// SPDX-License-Identifier: GPL-2.0-or-later
/* Words, quotes and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/wordsplit.h"

static void check(const char *line, size_t count, ...)
{
    struct wordsplit split;
    const char *why;
    va_list args;
    assert_int_equal(wordsplit_create(line, &split, &why), 0);
    assert_int_equal(split.count, count);
    va_start(args, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(split.words[i], va_arg(args, const char *));
    va_end(args);
    assert_null(split.words[count]);
    wordsplit_destroy(&split);
}

static void refuse(const char *line, const char *reason)
{
    struct wordsplit split = {NULL, 77, NULL};
    const char *why = NULL;
    assert_int_equal(wordsplit_create(line, &split, &why), -1);
    assert_string_equal(why, reason);
    assert_int_equal(split.count, 77);
}

static void words_and_quotes(void **state)
{
    check("", 0);
    check(" \t\n ", 0);
    check("--ram 16M", 2, "--ram", "16M");
    check("  a\tb\nc ", 3, "a", "b", "c");
    check("'a b' \"c d\"", 2, "a b", "c d");
    check("a'b c'd", 1, "ab cd");
    check("'' \"\" x", 3, "", "", "x");
    check("a\\ b '\\' \"\\\"\" \"it's\"", 4, "a b", "\\", "\"", "it's");
    check("a\\\\", 1, "a\\");
}

static void mistakes(void **state)
{
    refuse("'abc", "a quote is not closed");
    refuse("a \"b", "a quote is not closed");
    refuse("abc\\", "a backslash ends it");
    refuse("\"abc\\", "a backslash ends it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_quotes),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
