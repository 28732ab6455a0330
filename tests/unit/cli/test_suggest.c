// SPDX-License-Identifier: GPL-2.0-or-later
/* What is offered for a mistyped word, and when nothing is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/suggest.h"

static const char *best_for(const char *typed)
{
    static const char *const words[] = {"ram",       "swap",         "policy",
                                        "page-size", "reproducible", "tlb"};
    struct suggest suggest;
    suggest_start(&suggest, typed);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        suggest_offer(&suggest, words[i]);
    return suggest.best;
}

static void near_words_are_offered(void **state)
{
    assert_string_equal(best_for("rma"), "ram");
    assert_string_equal(best_for("swpa"), "swap");
    assert_string_equal(best_for("polcy"), "policy");
    assert_string_equal(best_for("pagesize"), "page-size");
    assert_string_equal(best_for("reproducable"), "reproducible");
    assert_string_equal(best_for("ram"), "ram");
}

static void far_words_are_not(void **state)
{
    char longest[200];
    assert_null(best_for("memory"));
    assert_null(best_for(""));
    assert_null(best_for("xyz"));
    memset(longest, 'r', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(best_for(longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_words_are_offered),
        cmocka_unit_test(far_words_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
