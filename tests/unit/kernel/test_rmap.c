// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kernel/rmap.h"

static void a_single_pair_lives_in_the_frame(void **state)
{
    struct frame frame = {.kind = FRAME_ANON};
    rmap_add(&frame, 0xffff, vaddr(0x7fffffffe000));
    assert_int_equal(frame.nmaps, 1);
    assert_true(frame.rmap & 1);
    struct rmap_entry map = rmap_get(&frame, 0);
    assert_int_equal(map.space, 0xffff);
    assert_int_equal(map.va.v, 0x7fffffffe000);
    rmap_remove(&frame, 0xffff, vaddr(0x7fffffffe000));
    assert_int_equal(frame.nmaps, 0);
    assert_int_equal(frame.rmap, 0);
    assert_true(rmap_is_valid(&frame));
}

static void addresses_of_five_levels_fit(void **state)
{
    struct frame frame = {.kind = FRAME_ANON};
    uint64_t highest = ((uint64_t)1 << 56) - PAGE_SIZE;
    rmap_add(&frame, 1, vaddr(highest));
    assert_int_equal(rmap_get(&frame, 0).va.v, highest);
    rmap_remove(&frame, 1, vaddr(highest));
}

static void the_frame_of_zeros_only_counts(void **state)
{
    struct frame frame = {.kind = FRAME_ZERO};
    for (unsigned i = 0; i < 1000; i++)
        rmap_add(&frame, 1, vaddr((uint64_t)i << PAGE_SHIFT));
    assert_int_equal(frame.nmaps, 1000);
    assert_int_equal(frame.rmap, 0);
    assert_true(rmap_is_valid(&frame));
    for (unsigned i = 0; i < 1000; i++)
        rmap_remove(&frame, 1, vaddr((uint64_t)i << PAGE_SHIFT));
    assert_int_equal(frame.nmaps, 0);
}

enum { SPACES = 5, PAGES = 40 };

static void compare(const struct frame *frame, bool there[SPACES + 1][PAGES])
{
    unsigned expected = 0;
    bool found[SPACES + 1][PAGES] = {{false}};
    for (unsigned space = 1; space <= SPACES; space++)
        for (unsigned page = 0; page < PAGES; page++)
            expected += there[space][page];
    assert_int_equal(frame->nmaps, expected);
    assert_true(rmap_is_valid(frame));
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct rmap_entry map = rmap_get(frame, i);
        bool *seen = &found[map.space][vaddr_vpn(map.va)];
        assert_true(there[map.space][vaddr_vpn(map.va)] && !*seen);
        *seen = true;
    }
}

/* Against a table of truth: grows, shrinks and grows again, so that the chain is made, doubled,
 * halved and dissolved. */
static void random_adds_and_removes(void **state)
{
    struct frame frame = {.kind = FRAME_OBJECT};
    bool there[SPACES + 1][PAGES] = {{false}};
    srand(3);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned space = 1 + (unsigned)rand() % SPACES, page = (unsigned)rand() % PAGES;
        bool growing = step / 1000 % 2 == 0, *at = &there[space][page];
        vaddr_t va = vaddr((uint64_t)page << PAGE_SHIFT);
        if (*at && (!growing || rand() % 4 == 0)) {
            rmap_remove(&frame, (uint16_t)space, va);
            *at = false;
        } else if (!*at && (growing || rand() % 40 == 0)) {
            rmap_add(&frame, (uint16_t)space, va);
            *at = true;
        }
        if (step % 16 == 0)
            compare(&frame, there);
    }
    for (unsigned space = 1; space <= SPACES; space++)
        for (unsigned page = 0; page < PAGES; page++)
            if (there[space][page])
                rmap_remove(&frame, (uint16_t)space, vaddr((uint64_t)page << PAGE_SHIFT));
    assert_int_equal(frame.rmap, 0);
}

static void damage_is_noticed(void **state)
{
    struct frame frame = {.kind = FRAME_ANON};
    rmap_add(&frame, 1, vaddr(PAGE_SIZE));
    frame.nmaps = 2;
    assert_false(rmap_is_valid(&frame));
    frame.nmaps = 0;
    assert_false(rmap_is_valid(&frame));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_single_pair_lives_in_the_frame),
        cmocka_unit_test(addresses_of_five_levels_fit),
        cmocka_unit_test(the_frame_of_zeros_only_counts),
        cmocka_unit_test(random_adds_and_removes),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
