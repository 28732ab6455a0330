// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/commit.h"

static void heuristic_refuses_only_what_can_never_fit(void **state)
{
    struct commit commit;
    commit_create(COMMIT_HEURISTIC, 1000, 500, &commit);
    assert_int_equal(commit_charge(&commit, 1501), -ENOMEM);
    assert_int_equal(commit.used, 0);
    assert_int_equal(commit_charge(&commit, 1500), 0);
    assert_int_equal(commit_charge(&commit, 1500), 0); /* the sum is not looked at */
    assert_int_equal(commit.used, 3000);
    commit_release(&commit, 3000);
    assert_int_equal(commit.used, 0);
}

static void always_promises_anything(void **state)
{
    struct commit commit;
    commit_create(COMMIT_ALWAYS, 64, 0, &commit);
    assert_int_equal(commit_charge(&commit, (uint64_t)1 << 40), 0);
    assert_int_equal(commit.used, (uint64_t)1 << 40);
}

static void never_keeps_the_sum_within_half_of_ram_and_swap(void **state)
{
    struct commit commit;
    commit_create(COMMIT_NEVER, 1000, 300, &commit);
    assert_int_equal(commit.limit, 800);
    assert_int_equal(commit_charge(&commit, 800), 0);
    assert_int_equal(commit_charge(&commit, 1), -ENOMEM);
    assert_int_equal(commit_charge(&commit, UINT64_MAX), -ENOMEM);
    assert_int_equal(commit.used, 800);
    commit_release(&commit, 1);
    assert_int_equal(commit_charge(&commit, 2), -ENOMEM);
    assert_int_equal(commit_charge(&commit, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heuristic_refuses_only_what_can_never_fit),
        cmocka_unit_test(always_promises_anything),
        cmocka_unit_test(never_keeps_the_sum_within_half_of_ram_and_swap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
