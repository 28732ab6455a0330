// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers for people: never a rounding that says something untrue, never a line too wide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/human.h"

static void counts(void **state)
{
    char buf[HUMAN_LEN];
    assert_string_equal(human_count(0, buf), "0");
    assert_string_equal(human_count(999, buf), "999");
    assert_string_equal(human_count(1000, buf), "1,000");
    assert_string_equal(human_count(123456, buf), "123,456");
    assert_string_equal(human_count(UINT64_MAX, buf), "18,446,744,073,709,551,615");
}

static void sizes(void **state)
{
    char buf[HUMAN_LEN];
    assert_string_equal(human_size(0, buf), "0 B");
    assert_string_equal(human_size(4096, buf), "4 KiB");
    assert_string_equal(human_size(1536, buf), "1.5 KiB");
    assert_string_equal(human_size((uint64_t)1 << 30, buf), "1 GiB");
    assert_string_equal(human_size(((uint64_t)1 << 30) - 1, buf), "1.0 GiB");
    assert_string_equal(human_size((uint64_t)41234 << 10, buf), "40.3 MiB");
    assert_string_equal(human_size((uint64_t)500000 << 10, buf), "488 MiB");
    assert_string_equal(human_size(UINT64_MAX, buf), "16 EiB");
}

static void times(void **state)
{
    char buf[HUMAN_LEN];
    assert_string_equal(human_time(0, buf), "0 ns");
    assert_string_equal(human_time(0.4e-9, buf), "0.4 ns");
    assert_string_equal(human_time(9.994e-4, buf), "999 us");
    assert_string_equal(human_time(9.996e-4, buf), "1 ms");
    assert_string_equal(human_time(61.23, buf), "61.2 s");
    assert_string_equal(human_time(12345.6, buf), "12,345 s");
}

static void rates(void **state)
{
    char buf[HUMAN_LEN];
    assert_string_equal(human_rate(0, 0, buf), "-");
    assert_string_equal(human_rate(0, 5, buf), "0 %");
    assert_string_equal(human_rate(5, 5, buf), "100 %");
    assert_string_equal(human_rate(1, 3, buf), "33.33 %");
    assert_string_equal(human_rate(9999, 10000, buf), "99.9900 %");
    assert_string_equal(human_rate(999999999, 1000000000, buf), ">99.9999 %");
    assert_string_equal(human_rate(1, 1000000000, buf), "<0.0001 %");
}

static void long_text_is_wrapped(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    char words[400] = "";
    for (int i = 0; i < 60; i++)
        strcat(words, "abcd ");
    fputs("0123456789", out);
    human_wrap(out, 10, 10, words);
    fclose(out);
    assert_int_equal(strspn(text, "0123456789abcd \n"), len);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= HUMAN_WIDTH);
        assert_true(line[10] == 'a' && line[strlen(line) - 1] == 'd');
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(sizes),
        cmocka_unit_test(times),
        cmocka_unit_test(rates),
        cmocka_unit_test(long_text_is_wrapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
