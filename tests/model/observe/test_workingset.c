// SPDX-License-Identifier: GPL-2.0-or-later
/* The working set against its definition: the pages whose last use lies in the last steps. */
#include "observe/workingset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PAGES = 200, STEP = 100, INSNS = 20000 };

static void equals_its_definition(void **state)
{
    static uint64_t last[PAGES], expected[INSNS / STEP]; /* last use + 1; 0: never, or gone */
    struct workingset *set = workingset_create((uint64_t)WORKINGSET_STEPS * STEP);
    /* A fetch that takes no time says that instructions are what is counted. */
    struct trace_ref first = {
        .page = 1 << 20, .count = 1, .kind = TRACE_FETCH, .flags = TRACE_REST};
    workingset_use(set, &first);
    srand(9);
    for (uint64_t now = 0; now < INSNS; now++) {
        unsigned span = now / 5000 % 2 ? PAGES : 20; /* by turns far and near */
        unsigned page = (unsigned)rand() % span;
        struct trace_ref fetch = {.page = 1 << 20, .count = 1, .kind = TRACE_FETCH};
        struct trace_ref load = {.page = page, .count = 1, .kind = TRACE_LOAD};
        if (rand() % 200 == 0) {
            load.kind = TRACE_GONE;
            for (load.count = 0; load.count < 9 && page + load.count < PAGES; load.count++)
                last[page + load.count] = 0;
        } else {
            last[page] = now + 1;
        }
        workingset_use(set, &load); /* the load before the instruction that ends the step */
        workingset_use(set, &fetch);
        if ((now + 1) % STEP == 0) {
            uint64_t begin =
                now + 1 > WORKINGSET_STEPS * STEP ? now + 1 - WORKINGSET_STEPS * STEP : 0;
            expected[now / STEP] = 1; /* the code page */
            for (unsigned i = 0; i < PAGES; i++)
                expected[now / STEP] += last[i] > begin;
        }
    }
    uint64_t when, npages;
    size_t i = 0;
    for (; i < INSNS / STEP; i++) {
        assert_true(workingset_at(set, i, &when, &npages));
        assert_int_equal(when, (i + 1) * STEP);
        assert_int_equal(npages, expected[i]);
    }
    assert_false(workingset_at(set, i + 1, &when, &npages));
    workingset_destroy(set);
}

static void without_instructions_accesses_are_the_time(void **state)
{
    struct workingset *set = workingset_create((uint64_t)WORKINGSET_STEPS * 10);
    uint64_t when, npages;
    assert_false(workingset_at(set, 0, &when, &npages));
    for (unsigned i = 0; i < 25; i++) {
        struct trace_ref ref = {.page = i % 3, .count = 1};
        workingset_use(set, &ref);
    }
    assert_true(workingset_at(set, 2, &when, &npages));
    assert_int_equal(when, 25);
    assert_int_equal(npages, 3);
    assert_false(workingset_at(set, 3, &when, &npages));
    workingset_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_definition),
        cmocka_unit_test(without_instructions_accesses_are_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
