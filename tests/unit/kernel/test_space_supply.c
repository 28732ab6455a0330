// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages that a program supplies, and stores whatever the protection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/space_supply.h"
#include "space_rig.h"

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 300});
    assert_int_equal(map_at(&f, P(0), 10, RW, 0), 0);
    return f;
}

static int supply(struct fixture *f, uint64_t addr, int byte)
{
    uint8_t page[PAGE_SIZE];
    memset(page, byte, sizeof page);
    return space_supply(f->space, vaddr(addr), page);
}

static void press(struct fixture *f)
{
    assert_int_equal(map_at(f, P(1000), 200, RW, 0), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(poke(f, P(1000 + i), 1), 0);
}

static void test_missing_pages_are_wanted(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(poke(&f, P(3), 33), 0);
    assert_int_equal(space_supply_begin(f.space, P(2), P(6)), 0);
    assert_int_equal(fault_handle(f.space, vaddr(P(2)), MMU_LOAD), FAULT_WANTED);
    assert_int_equal(fault_handle(f.space, vaddr(P(5)), MMU_STORE), FAULT_WANTED);
    assert_int_equal(fault_handle(f.space, vaddr(P(6)), MMU_STORE), FAULT_DONE);
    assert_int_equal(peek(&f, P(3)), 33); /* existed before */
    assert_int_equal(f.space->wanted.v, 0);
    assert_int_equal(peek(&f, P(4) + 5), -EFAULT);
    assert_int_equal(f.space->wanted.v, P(4) + 5);
    assert_false(f.space->wanted_for_store);
    assert_int_equal(supply(&f, P(4), 44), 0);
    assert_int_equal(peek(&f, P(4) + 5), 44);
    assert_int_equal(supply(&f, P(4), 45), -EEXIST);
    assert_int_equal(supply(&f, P(3), 45), -EEXIST);
    assert_int_equal(supply(&f, P(7), 45), -ENOENT);
    assert_int_equal(space_supply(f.space, vaddr(P(5)), NULL), 0);
    assert_int_equal(peek(&f, P(5)), 0);
    fixture_destroy(&f);
}

static void test_supplied_pages_live_on_in_swap(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(space_supply_begin(f.space, P(0), P(10)), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(supply(&f, P(i), 50 + i), 0);
    press(&f);
    assert_null(frame_at(&f, P(0)));
    assert_false(space_wants_page(f.space, vaddr(P(0))));
    for (int i = 0; i < 5; i++)
        assert_int_equal(peek(&f, P(i)), 50 + i);
    assert_int_equal(peek(&f, P(5)), -EFAULT);
    assert_int_equal(space_advise(f.space, vaddr(P(1)), PAGE_SIZE, MADV_DONTNEED), 0);
    assert_true(space_wants_page(f.space, vaddr(P(1))));
    fixture_destroy(&f);
}

static void test_only_private_memory_of_zeros(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(20), 2, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(space_supply_begin(f.space, P(8), P(11)), -EINVAL); /* a hole */
    assert_int_equal(space_supply_begin(f.space, P(20), P(21)), -EINVAL);
    assert_false(space_has_supplied(f.space, 0, SPACE_END));
    assert_int_equal(space_supply_begin(f.space, P(4), P(6)), 0);
    assert_true(space_has_supplied(f.space, P(5), P(9)));
    assert_false(space_has_supplied(f.space, P(6), P(9)));
    space_supply_end(f.space, P(4), P(5));
    assert_int_equal(poke(&f, P(4), 1), 0);
    assert_int_equal(poke(&f, P(5), 1), -EFAULT);
    fixture_destroy(&f);
}

static void test_neither_children_nor_moved_memory_are_watched(void **state)
{
    struct fixture f = make();
    struct space *child;
    vaddr_t where;
    (void)state;
    assert_int_equal(space_supply_begin(f.space, P(0), P(10)), 0);
    assert_int_equal(space_fork(f.space, &child), 0);
    assert_int_equal(fault_handle(child, vaddr(P(2)), MMU_STORE), FAULT_DONE);
    assert_int_equal(fault_handle(f.space, vaddr(P(2)), MMU_STORE), FAULT_WANTED);
    space_put(child);
    assert_int_equal(space_remap(f.space, vaddr(P(0)), BYTES(10), BYTES(12), 0, vaddr(0), &where),
                     0);
    assert_int_equal(poke(&f, P(11), 1), 0); /* the new part */
    assert_int_equal(poke(&f, P(9), 1), -EFAULT);
    assert_int_equal(space_remap(f.space, vaddr(P(4)), PAGE_SIZE, PAGE_SIZE,
                                 MREMAP_MAYMOVE | MREMAP_FIXED, vaddr(P(50)), &where),
                     0);
    assert_int_equal(poke(&f, P(50), 1), 0);
    fixture_destroy(&f);
}

static int force(struct fixture *f, uint64_t addr, uint8_t byte)
{
    return uaccess_force_write(f->space, vaddr(addr), &byte, 1);
}

static void test_forced_stores_are_private_and_kept(void **state)
{
    struct fixture f = make();
    struct space *child;
    (void)state;
    assert_int_equal(poke(&f, P(1), 11), 0);
    assert_int_equal(space_protect(f.space, vaddr(P(0)), BYTES(4), R | X), 0);
    assert_int_equal(space_fork(f.space, &child), 0);
    assert_int_equal(poke(&f, P(1), 12), -EFAULT);
    assert_int_equal(force(&f, P(1), 12), 0);
    assert_int_equal(force(&f, P(2), 22), 0);
    assert_int_equal(poke(&f, P(1), 13), -EFAULT); /* still protected */
    press(&f);
    assert_null(frame_at(&f, P(1)));
    assert_int_equal(peek(&f, P(1)), 12);
    assert_int_equal(force(&f, P(1) + 1, 99), 0); /* its copy in swap is out of date now */
    press(&f);
    assert_null(frame_at(&f, P(1)));
    assert_int_equal(peek(&f, P(1)), 12);
    assert_int_equal(peek(&f, P(1) + 1), 99);
    assert_int_equal(peek(&f, P(2)), 22);
    uint8_t byte = 0;
    assert_int_equal(uaccess_read(child, &byte, vaddr(P(1)), 1), 0);
    assert_int_equal(byte, 11);
    space_put(child);
    fixture_destroy(&f);
}

static void test_forced_stores_that_are_refused(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(20), 1, 0, 0), 0);
    assert_int_equal(map_at(&f, P(30), 1, R, REGION_SHARED), 0);
    assert_int_equal(force(&f, P(20), 1), -EFAULT);
    assert_int_equal(force(&f, P(30), 1), -EFAULT);
    assert_int_equal(force(&f, P(40), 1), -EFAULT);
    assert_int_equal(force(&f, SPACE_END, 1), -EFAULT);
    assert_int_equal(force(&f, P(0), 1), 0); /* as any other store */
    assert_int_equal(peek(&f, P(0)), 1);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_pages_are_wanted),
        cmocka_unit_test(test_supplied_pages_live_on_in_swap),
        cmocka_unit_test(test_only_private_memory_of_zeros),
        cmocka_unit_test(test_neither_children_nor_moved_memory_are_watched),
        cmocka_unit_test(test_forced_stores_are_private_and_kept),
        cmocka_unit_test(test_forced_stores_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
