// SPDX-License-Identifier: GPL-2.0-or-later
/* Stacks of calls: each has one number, found again, above that of the stack that it is in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "observe/calltree.h"

static void the_same_stack_has_the_same_number(void **state)
{
    struct calltree tree;
    calltree_create(&tree);
    uint32_t main_ = calltree_get(&tree, 0, 1, 100), other = calltree_get(&tree, 0, 2, 100);
    uint32_t inner = calltree_get(&tree, main_, 1, 200);
    assert_int_equal(main_, 1);
    assert_int_equal(other, 2);
    assert_int_equal(inner, 3);
    assert_int_equal(calltree_get(&tree, main_, 1, 200), inner);
    assert_int_equal(calltree_get(&tree, 0, 1, 100), main_);
    assert_int_not_equal(calltree_get(&tree, other, 1, 200), inner);
    assert_int_equal(tree.stacks[inner - 1].outer, main_);
    calltree_destroy(&tree);
}

static void many_stacks_are_told_apart(void **state)
{
    enum { N = 30000 };
    static uint32_t numbers[N];
    struct calltree tree;
    calltree_create(&tree);
    for (uint32_t i = 0; i < N; i++)
        numbers[i] = calltree_get(&tree, i ? numbers[(i - 1) / 3] : 0, i & 7, i % 3 << 4);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t outer = i ? numbers[(i - 1) / 3] : 0;
        assert_int_equal(calltree_get(&tree, outer, i & 7, i % 3 << 4), numbers[i]);
        assert_true(numbers[i] > outer && numbers[i] <= tree.count);
    }
    assert_int_equal(tree.count, N);
    calltree_destroy(&tree);
}

static void too_many_stacks_end_at_the_outer_one(void **state)
{
    struct calltree tree;
    calltree_create(&tree);
    for (uint64_t i = 0; i < CALLTREE_MAX; i++)
        calltree_get(&tree, 0, 1, i);
    assert_int_equal(calltree_get(&tree, 7, 1, 1), 7);
    assert_int_equal(calltree_get(&tree, 0, 1, 9), 10);
    assert_int_equal(tree.count, CALLTREE_MAX);
    calltree_destroy(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_stack_has_the_same_number),
        cmocka_unit_test(many_stacks_are_told_apart),
        cmocka_unit_test(too_many_stacks_end_at_the_outer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
