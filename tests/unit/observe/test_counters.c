// SPDX-License-Identifier: GPL-2.0-or-later
/* The list of counters as data: each index names the field that the list declares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "observe/counters.h"

static void every_index_reads_its_own_field(void **state)
{
    struct counters counters = {0};
    struct system_counters gauges = {0};
    uint64_t value = 1000;
#define SET_PROCESS(name, unit, meaning) counters.name = value++;
#define SET_SYSTEM(name, unit, meaning) gauges.name = value++;
    COUNTERS_PROCESS(SET_PROCESS)
    COUNTERS_SYSTEM(SET_SYSTEM)
    for (size_t i = 0; i < COUNTERS_COUNT; i++) {
        uint64_t got = counters_is_per_process(i) ? counters_get(&counters, i)
                                                  : counters_get_system(&gauges, i);
        assert_int_equal(got, 1000 + i);
    }
    assert_int_equal(counters_get(&counters, (size_t)counters_find("faults")), counters.faults);
    assert_int_equal(counters_get_system(&gauges, (size_t)counters_find("pages_peak")),
                     gauges.pages_peak);
}

static void names_are_found_and_unique(void **state)
{
    for (int i = 0; i < COUNTERS_COUNT; i++) {
        const struct counters_info *info = counters_info((size_t)i);
        assert_int_equal(counters_find(info->name), i);
        assert_true(info->unit[0] && info->meaning[0]);
    }
    assert_int_equal(counters_find("fault"), -1);
    assert_int_equal(counters_find(""), -1);
}

static void adding_adds_every_counter(void **state)
{
    struct counters sum = {0}, more = {0};
    for (size_t i = 0; i < COUNTERS_NPROCESS; i++) {
        uint64_t value = i + 1;
        memcpy((char *)&more + i * sizeof(value), &value, sizeof(value));
    }
    counters_add(&sum, &more);
    counters_add(&sum, &more);
    for (size_t i = 0; i < COUNTERS_NPROCESS; i++)
        assert_int_equal(counters_get(&sum, i), 2 * (i + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_reads_its_own_field),
        cmocka_unit_test(names_are_found_and_unique),
        cmocka_unit_test(adding_adds_every_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
