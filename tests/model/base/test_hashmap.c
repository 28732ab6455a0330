// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random operations on a hash map and on a naive table indexed by key. The keys are multiples of
 * large powers of two as well as neighbours, so that chains of every length come up and are torn.
 */
#include "base/hashmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KEYS = 3000, STEPS = 300000 };

static uint64_t key_of(unsigned i)
{
    return i % 3 == 0 ? i : i % 3 == 1 ? (uint64_t)i << 40 : UINT64_MAX - i;
}

static void check_all(const struct hashmap *map, const uint64_t *naive)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        const uint64_t *value = hashmap_find(map, key_of(i));
        assert_int_equal(value != NULL, naive[i] != 0);
        if (value)
            assert_int_equal(*value, naive[i]);
        count += naive[i] != 0;
    }
    assert_int_equal(map->count, count);
    assert_true(hashmap_is_valid(map));
}

static void equals_a_table(void **state)
{
    static uint64_t naive[KEYS]; /* 0: not in */
    struct hashmap map;
    srand(3);
    hashmap_create(&map);
    for (unsigned step = 1; step <= STEPS; step++) {
        /* By turns few and many, so that it grows and chains get holes. */
        unsigned i = (unsigned)rand() % (step / 5000 % 2 ? KEYS : 40);
        if (rand() % 2) {
            assert_int_equal(hashmap_remove(&map, key_of(i)), naive[i] != 0);
            naive[i] = 0;
        } else {
            uint64_t *value = hashmap_at(&map, key_of(i));
            assert_int_equal(*value, naive[i]);
            *value = naive[i] = step;
        }
        if (step % 5000 == 0)
            check_all(&map, naive);
    }
    hashmap_destroy(&map);
}

static void empty_map_has_nothing(void **state)
{
    struct hashmap map;
    hashmap_create(&map);
    assert_null(hashmap_find(&map, 0));
    assert_false(hashmap_remove(&map, 0));
    assert_true(hashmap_is_valid(&map));
    hashmap_destroy(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_table),
        cmocka_unit_test(empty_map_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
