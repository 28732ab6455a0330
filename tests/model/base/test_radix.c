// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random operations on a radix tree and on a naive list of (index, value) pairs. The indexes are
 * chosen so that trees of every height come and go.
 */
#include "base/radix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum {
    PAIRS = 64,
    STEPS = 200000,
};

struct world {
    struct radix radix;
    uint64_t index[PAIRS], value[PAIRS]; /* the oracle; value 0: not there */
    uint64_t seed;
};

static uint64_t next_random(struct world *world)
{
    world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return world->seed >> 33;
}

/* Indexes of every magnitude, most of them small, half of them next to another. */
static void choose_indexes(struct world *world)
{
    for (int i = 0; i < PAIRS; i++) {
        uint64_t wide = next_random(world) << 33 ^ next_random(world) << 2;

        world->index[i] = i % 2 ? world->index[i - 1] + 1 : wide >> next_random(world) % 64;
        for (int j = 0; j < i; j++)
            if (world->index[j] == world->index[i]) {
                world->index[i]++;
                j = -1;
            }
    }
}

static bool naive_next(const struct world *world, uint64_t *index, uint64_t end, uint64_t *value)
{
    int best = -1;

    for (int i = 0; i < PAIRS; i++)
        if (world->value[i] && world->index[i] >= *index && world->index[i] < end &&
            (best < 0 || world->index[i] < world->index[best]))
            best = i;
    if (best < 0)
        return false;
    *index = world->index[best];
    *value = world->value[best];
    return true;
}

static void compare(struct world *world)
{
    int i = (int)(next_random(world) % PAIRS), j = (int)(next_random(world) % PAIRS);
    uint64_t real = world->index[i] + next_random(world) % 3 - 1, naive = real;
    uint64_t real_value = 0, naive_value = 0, end = world->index[j];

    assert_int_equal(radix_get(&world->radix, world->index[i]), world->value[i]);
    assert_int_equal(radix_next(&world->radix, &real, end, &real_value),
                     naive_next(world, &naive, end, &naive_value));
    assert_int_equal(real, naive);
    assert_int_equal(real_value, naive_value);
}

static void test_same_as_naive(void **state)
{
    struct world world = {.seed = 7};

    radix_create(&world.radix);
    choose_indexes(&world);
    for (int step = 0; step < STEPS; step++) {
        /* Phases of filling and of emptying, so that the tree gets high and low. */
        bool filling = step / 500 % 2 == 0;
        int i = (int)(next_random(&world) % PAIRS);

        world.value[i] = filling || next_random(&world) % 8 == 0 ? 1 + next_random(&world) : 0;
        radix_set(&world.radix, world.index[i], world.value[i]);
        compare(&world);
        if (step % 16 == 0)
            assert_true(radix_is_valid(&world.radix));
    }
    radix_destroy(&world.radix);
}

static void test_dense_and_large(void **state)
{
    struct radix radix;
    uint64_t index = 0, value, seen = 0;

    radix_create(&radix);
    for (uint64_t i = 0; i < 300000; i++)
        radix_set(&radix, i * 3, i + 1);
    for (; radix_next(&radix, &index, UINT64_MAX, &value); index++, seen++)
        assert_int_equal(index, (value - 1) * 3);
    assert_int_equal(seen, 300000);
    assert_true(radix_is_valid(&radix));
    for (uint64_t i = 0; i < 300000; i++)
        radix_set(&radix, i * 3, 0);
    assert_null(radix.root);
    radix_destroy(&radix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_naive),
        cmocka_unit_test(test_dense_and_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
