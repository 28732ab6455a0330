// SPDX-License-Identifier: GPL-2.0-or-later
/* Counters by site: each key its own, none lost, however many a guest makes. */
#include "observe/attribution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "observe/counters.h"

static void test_events_are_counters(void **state)
{
    for (int i = 0; i < ATTRIBUTION_EVENTS; i++) {
        int counter = counters_find(attribution_event_name((enum attribution_event)i));
        assert_true(counter >= 0);
        assert_true(counters_is_per_process((size_t)counter));
    }
}

static void test_names(void **state)
{
    struct attribution *a = attribution_create();
    struct stat st;
    uint32_t bash = attribution_program(a, "/bin/bash");
    assert_int_equal(attribution_program(a, "/bin/bash"), bash);
    assert_string_equal(names_text(&a->programs, bash), "/bin/bash");
    assert_int_not_equal(attribution_region(a, "[heap]"), attribution_region(a, "[stack]"));

    assert_int_equal(stat("/proc/self/exe", &st), 0);
    uint32_t file = attribution_object(a, "/proc/self/exe", st.st_dev, st.st_ino);
    uint32_t other = attribution_object(a, "/proc/self/exe", st.st_dev, st.st_ino + 1);
    assert_int_not_equal(file, other);
    assert_int_equal(attribution_object(a, "/proc/self/exe", st.st_dev, st.st_ino), file);
    assert_int_equal(a->objects[file - 1].size, st.st_size);
    assert_int_not_equal(a->objects[file - 1].mtime_ns, 0);
    assert_int_equal(a->objects[other - 1].mtime_ns, 0); /* the name is not its own */
    assert_int_equal(a->objects[file - 1].name, a->objects[other - 1].name);
    attribution_destroy(a);
}

/* Keys that differ in one field only, against an array. */
static void test_sites_are_told_apart(void **state)
{
    enum { KEYS = 5000, EVENTS = 100000 };
    struct attribution *a = attribution_create();
    uint64_t expected[KEYS] = {0}, random = 1;
    for (int i = 0; i < EVENTS; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (unsigned)(random >> 33) % KEYS;
        struct attribution_key key = {k / 16 * 16, 1 + (k & 1), 1 + (k >> 1 & 1), 1 + (k >> 2 & 1),
                                      k >> 3 & 1};
        attribution_at(a, &key)->counts[ATTRIBUTION_WALKS]++;
        expected[k]++;
    }
    uint64_t sum = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        struct attribution_key key = {k / 16 * 16, 1 + (k & 1), 1 + (k >> 1 & 1), 1 + (k >> 2 & 1),
                                      k >> 3 & 1};
        assert_int_equal(attribution_at(a, &key)->counts[ATTRIBUTION_WALKS], expected[k]);
    }
    for (uint32_t i = 0; i < a->count; i++)
        sum += a->sites[i].counts[ATTRIBUTION_WALKS];
    assert_int_equal(sum, EVENTS);
    assert_int_equal(a->count, KEYS);
    attribution_destroy(a);
}

static void test_too_many_sites_are_one(void **state)
{
    enum { BEYOND = 1000 };
    struct attribution *a = attribution_create();
    uint64_t sum = 0;
    for (uint64_t i = 0; i < (uint64_t)ATTRIBUTION_SITES_MAX + BEYOND; i++) {
        struct attribution_key key = {i << 12, 2, 3, 4, 0};
        attribution_at(a, &key)->counts[ATTRIBUTION_FAULTS]++;
    }
    assert_true(a->count <= ATTRIBUTION_SITES_MAX + 1);
    for (uint32_t i = 0; i < a->count; i++)
        sum += a->sites[i].counts[ATTRIBUTION_FAULTS];
    assert_int_equal(sum, ATTRIBUTION_SITES_MAX + BEYOND);
    const struct attribution_site *other = &a->sites[a->count - 1];
    assert_int_equal(other->counts[ATTRIBUTION_FAULTS], BEYOND);
    assert_string_equal(names_text(&a->programs, other->key.program), "[other]");
    assert_string_equal(names_text(&a->regions, other->key.region), "[other]");
    attribution_destroy(a);
}

static void test_too_many_names_are_one(void **state)
{
    struct attribution *a = attribution_create();
    char text[32];
    uint32_t last = 0;
    for (int i = 0; i < ATTRIBUTION_NAMES_MAX + 10; i++) {
        snprintf(text, sizeof(text), "/tmp/%d", i);
        last = attribution_object(a, text, 1, (uint64_t)i + 1);
    }
    assert_string_equal(names_text(&a->object_names, a->objects[last - 1].name), "[other]");
    assert_int_equal(a->objects_known.count, ATTRIBUTION_NAMES_MAX);
    attribution_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_counters),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sites_are_told_apart),
        cmocka_unit_test(test_too_many_sites_are_one),
        cmocka_unit_test(test_too_many_names_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
