// SPDX-License-Identifier: GPL-2.0-or-later
/* The pool of huge pages, by known answers: what is promised, taken, copied and given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/hugetlb.h"
#include "space_rig.h"

static enum hugetlb_size size; /* each test is done for all */

#define HUGE hugetlb_len(size)
#define FLAGS (REGION_HUGETLB | (size == HUGETLB_1G ? REGION_HUGETLB_1G : 0u))
#define FRAMES hugetlb_frames(size)
#define H(n) (0x400000000000 + (uint64_t)(n)*HUGE)
enum { POOL = 3 };

static struct fixture make(void)
{
    struct rig_options options = {
        .nframes = POOL * FRAMES + 2 * FRAME_BLOCK, .nslots = 100, .tlb = "skylake"};
    options.hugepages[size] = POOL;
    return fixture_create(options);
}

static int map_huge(struct fixture *f, uint64_t addr, uint64_t n, unsigned flags)
{
    return map_at(f, addr, n * FRAMES, RW, FLAGS | flags);
}

static void assert_pool(const struct fixture *f, uint64_t nfree, uint64_t nreserved)
{
    assert_int_equal(f->kernel->hugetlb[size].nfree, nfree);
    assert_int_equal(f->kernel->hugetlb[size].nreserved, nreserved);
    fixture_check(f);
}

static struct fixture fork_of(const struct fixture *f)
{
    struct fixture child = *f;
    assert_int_equal(space_fork(f->space, &child.space), 0);
    return child;
}

static void test_the_pool_is_set_aside(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(frame_in_use(&f.kernel->frames), 1 + POOL * FRAMES);
    assert_pool(&f, POOL, 0);
    fixture_destroy(&f);
}

static void test_a_promise_is_kept(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_huge(&f, H(0), POOL + 1, REGION_HUGETLB_OWNER), -ENOMEM);
    assert_int_equal(map_huge(&f, H(0), 2, REGION_HUGETLB_OWNER), 0);
    assert_pool(&f, 3, 2);
    assert_int_equal(map_huge(&f, H(8), 2, REGION_HUGETLB_OWNER), -ENOMEM);
    /* One page is promised to nobody: what was promised is not for others. */
    assert_int_equal(map_huge(&f, H(8), 2, 0), 0);
    assert_int_equal(poke(&f, H(8), 1), 0);
    assert_int_equal(fault_handle(f.space, vaddr(H(9)), MMU_STORE), FAULT_BUS_ADRERR);
    assert_pool(&f, 2, 2);
    assert_int_equal(poke(&f, H(1) + 5000, 2), 0);
    assert_int_equal(peek(&f, H(1) + 5000), 2);
    assert_int_equal(peek(&f, H(1) + 5001), 0);
    assert_pool(&f, 1, 1);
    assert_int_equal(f.rig->counters.hugetlb_faults, 2);
    assert_int_equal(mmu_page_shift(f.rig->machine.ram, f.space->table.root, vaddr(H(1))),
                     size == HUGETLB_1G ? 30 : 21);
    assert_int_equal(space_resident(f.space), 0);
    assert_int_equal(space_unmap(f.space, vaddr(H(0)), 2 * HUGE), 0);
    assert_pool(&f, 2, 0);
    fixture_destroy(&f);
}

static void test_what_comes_back_is_zero_for_the_next(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 3, REGION_HUGETLB_OWNER), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(poke(&f, H(i) + HUGE - 1, 9), 0);
    assert_int_equal(space_advise(f.space, vaddr(H(1)), HUGE, MADV_DONTNEED), 0);
    assert_pool(&f, 1, 0);
    assert_int_equal(peek(&f, H(1) + HUGE - 1), 0);
    assert_int_equal(map_huge(&f, H(0), 3, REGION_HUGETLB_OWNER), -ENOMEM); /* promised anew */
    assert_int_equal(space_unmap(f.space, vaddr(H(0)), 3 * HUGE), 0);
    assert_int_equal(map_huge(&f, H(0), 3, REGION_HUGETLB_OWNER), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(peek(&f, H(i) + HUGE - 1), 0);
    fixture_destroy(&f);
}

static void test_a_child_copies_the_whole_page(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 1, REGION_HUGETLB_OWNER), 0);
    assert_int_equal(poke(&f, H(0) + 7777, 5), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, H(0) + 7777), 5);
    assert_pool(&f, 2, 0);
    assert_int_equal(poke(&child, H(0), 6), 0);
    assert_int_equal(f.rig->counters.faults_cow, 1);
    assert_pool(&f, 1, 0);
    assert_int_equal(peek(&child, H(0) + 7777), 5);
    assert_int_equal(peek(&f, H(0)), 0);
    assert_int_equal(poke(&f, H(0), 8), 0); /* its own now: no copy */
    assert_int_equal(f.rig->counters.faults_cow, 1);
    space_put(child.space);
    assert_pool(&f, 2, 0);
    fixture_destroy(&f);
}

static void test_with_an_empty_pool_the_owner_has_it(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 3, REGION_HUGETLB_OWNER), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(poke(&f, H(i), (uint8_t)(i + 1)), 0);
    struct fixture child = fork_of(&f), other = fork_of(&child);
    assert_int_equal(fault_handle(child.space, vaddr(H(0)), MMU_STORE), FAULT_BUS_ADRERR);
    assert_int_equal(peek(&other, H(0)), 1);
    assert_int_equal(poke(&f, H(0), 50), 0);
    assert_int_equal(peek(&f, H(0)), 50);
    assert_int_equal(fault_handle(child.space, vaddr(H(0)), MMU_LOAD), FAULT_BUS_ADRERR);
    assert_int_equal(fault_handle(other.space, vaddr(H(0)), MMU_LOAD), FAULT_BUS_ADRERR);
    assert_int_equal(peek(&child, H(1)), 2);
    fixture_check(&child);
    fixture_check(&other);
    assert_int_equal(space_unmap(f.space, vaddr(H(0)), 3 * HUGE), 0);
    /* Lost is lost, even if there are pages again. */
    assert_int_equal(fault_handle(child.space, vaddr(H(0)), MMU_LOAD), FAULT_BUS_ADRERR);
    space_put(other.space);
    space_put(child.space);
    assert_pool(&f, POOL, 0);
    fixture_destroy(&f);
}

static void test_nothing_cuts_a_page(void **state)
{
    struct fixture f = make();
    vaddr_t out;
    (void)state;
    assert_int_equal(map_huge(&f, H(0) + PAGE_SIZE, 1, REGION_HUGETLB_OWNER), -EINVAL);
    assert_int_equal(map_huge(&f, H(0), 2, REGION_HUGETLB_OWNER), 0);
    assert_int_equal(poke(&f, H(0), 3), 0);
    uint64_t inside = H(1) + PAGE_SIZE;
    assert_int_equal(space_unmap(f.space, vaddr(H(0)), HUGE + PAGE_SIZE), -EINVAL);
    assert_int_equal(space_protect(f.space, vaddr(inside), PAGE_SIZE, R), -EINVAL);
    assert_int_equal(space_advise(f.space, vaddr(inside), PAGE_SIZE, MADV_DONTNEED), -EINVAL);
    assert_int_equal(space_advise(f.space, vaddr(H(0)), HUGE, MADV_COLD), -EINVAL);
    assert_int_equal(map_at(&f, inside, 1, RW, 0), -EINVAL);
    assert_int_equal(
        space_remap(f.space, vaddr(H(0)), HUGE, 2 * HUGE, MREMAP_MAYMOVE, vaddr(0), &out), -EINVAL);
    assert_int_equal(space_protect(f.space, vaddr(H(0)), HUGE, R), 0);
    assert_int_equal(fault_handle(f.space, vaddr(H(0)), MMU_STORE), FAULT_SEGV_ACCERR);
    assert_pool(&f, 2, 1);
    fixture_destroy(&f);
}

static void test_a_move_takes_pages_and_promises_along(void **state)
{
    struct fixture f = make();
    vaddr_t out;
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 2, REGION_HUGETLB_OWNER), 0);
    assert_int_equal(poke(&f, H(0) + 4321, 3), 0);
    assert_int_equal(space_remap(f.space, vaddr(H(0)), 2 * HUGE, 2 * HUGE,
                                 MREMAP_MAYMOVE | MREMAP_FIXED, vaddr(H(10)), &out),
                     0);
    assert_pool(&f, 2, 1);
    assert_int_equal(peek(&f, H(10) + 4321), 3);
    assert_int_equal(space_remap(f.space, vaddr(H(10)), 2 * HUGE, HUGE, 0, vaddr(0), &out), 0);
    assert_pool(&f, 2, 0);
    fixture_destroy(&f);
}

static void test_locks_are_not_for_them(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 1, REGION_HUGETLB_OWNER | REGION_LOCKED), 0);
    assert_int_equal(space_lock(f.space, vaddr(H(0)), PAGE_SIZE, false), 0);
    assert_int_equal(f.space->nlocked, 0);
    assert_pool(&f, 2, 0); /* but it is there */
    assert_int_equal(space_lock_all(f.space, MCL_CURRENT), 0);
    assert_int_equal(space_lock(f.space, vaddr(H(0)), PAGE_SIZE, false), 0); /* and is again */
    assert_int_equal(f.space->wired.count, 0);
    fixture_destroy(&f);
}

/* What a debugger writes to memory that the program may only read. */
static void test_forced_stores_reach_them(void **state)
{
    struct fixture f = make();
    const uint8_t byte = 7;
    (void)state;
    assert_int_equal(map_huge(&f, H(0), 1, REGION_HUGETLB_OWNER), 0);
    assert_int_equal(poke(&f, H(0), 3), 0);
    assert_int_equal(space_protect(f.space, vaddr(H(0)), HUGE, R), 0);
    assert_int_equal(uaccess_force_write(f.space, vaddr(H(0) + 5000), &byte, 1), 0);
    assert_int_equal(peek(&f, H(0) + 5000), 7);
    struct fixture child = fork_of(&f);
    assert_int_equal(uaccess_force_write(child.space, vaddr(H(0) + 5000), &(uint8_t){8}, 1), 0);
    assert_int_equal(peek(&f, H(0) + 5000), 7);
    assert_int_equal(peek(&child, H(0) + 5000), 8);
    space_put(child.space);
    assert_pool(&f, 2, 0);
    fixture_destroy(&f);
}

static void test_shared_pages_are_the_objects(void **state)
{
    struct fixture f = make();
    struct object *object, *none;
    (void)state;
    assert_int_equal(object_huge(f.kernel, size, 4 * HUGE, true, &none), -ENOMEM);
    assert_int_equal(object_huge(f.kernel, size, 2 * HUGE, true, &object), 0);
    unsigned flags = FLAGS | REGION_SHARED;
    assert_int_equal(map_object(&f, H(0), FRAMES, RW, flags, object, 1), -EINVAL);
    assert_int_equal(map_object(&f, H(0), 3 * FRAMES, RW, flags, object, 0), 0);
    assert_pool(&f, 3, 2);
    assert_int_equal(poke(&f, H(1) + 9, 4), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, H(1) + 9), 4);
    assert_int_equal(poke(&child, H(0) + 9, 5), 0);
    assert_int_equal(peek(&f, H(0) + 9), 5);
    assert_pool(&f, 1, 0);
    fixture_check(&child);
    assert_int_equal(f.rig->counters.faults_cow, 0);
    assert_int_equal(fault_handle(f.space, vaddr(H(2)), MMU_LOAD), FAULT_BUS_ADRERR);
    assert_int_equal(space_advise(f.space, vaddr(H(0)), HUGE, MADV_DONTNEED), 0);
    assert_int_equal(space_advise(f.space, vaddr(H(0)), HUGE, MADV_REMOVE), -EINVAL);
    assert_int_equal(peek(&f, H(0) + 9), 5);
    object_put(f.kernel, object);
    assert_int_equal(space_unmap(f.space, vaddr(H(0)), 3 * HUGE), 0);
    assert_pool(&f, 1, 0);
    space_put(child.space);
    assert_pool(&f, POOL, 0);
    fixture_destroy(&f);
}

static void test_what_is_promised_to_an_object_ends_with_it(void **state)
{
    struct fixture f = make();
    struct object *object;
    (void)state;
    assert_int_equal(object_huge(f.kernel, size, HUGE + PAGE_SIZE, true, &object), 0);
    assert_pool(&f, 3, 2);
    object_put(f.kernel, object);
    assert_pool(&f, 3, 0);
    assert_int_equal(object_huge(f.kernel, size, 9 * HUGE, false, &object), 0);
    assert_pool(&f, 3, 0);
    object_put(f.kernel, object);
    fixture_destroy(&f);
}

static void test_pools_lie_behind_the_rest(void **state)
{
    const uint64_t gib = 1 << 18;
    struct hugetlb_layout layout;
    (void)state;
    uint64_t counts[HUGETLB_SIZES] = {3, 2};
    assert_true(hugetlb_layout(2 * gib + 4 * FRAME_BLOCK, counts, &layout));
    assert_int_equal(layout.nframes, FRAME_BLOCK);
    assert_int_equal(layout.start[HUGETLB_2M], FRAME_BLOCK);
    assert_int_equal(layout.start[HUGETLB_1G], gib);
    assert_int_equal(layout.end, 3 * gib);
    assert_false(hugetlb_layout(2 * gib + 4 * FRAME_BLOCK - 1, counts, &layout));
    assert_false(hugetlb_layout(RAM_FRAMES_MIN, counts, &layout));
    counts[HUGETLB_1G] = UINT64_MAX / gib + 2;
    assert_false(hugetlb_layout(2 * gib, counts, &layout));
    uint64_t none[HUGETLB_SIZES] = {0};
    assert_true(hugetlb_layout(100, none, &layout));
    assert_int_equal(layout.nframes, 100);
    assert_int_equal(layout.end, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools_lie_behind_the_rest),
        cmocka_unit_test(test_the_pool_is_set_aside),
        cmocka_unit_test(test_a_promise_is_kept),
        cmocka_unit_test(test_what_comes_back_is_zero_for_the_next),
        cmocka_unit_test(test_a_child_copies_the_whole_page),
        cmocka_unit_test(test_with_an_empty_pool_the_owner_has_it),
        cmocka_unit_test(test_nothing_cuts_a_page),
        cmocka_unit_test(test_a_move_takes_pages_and_promises_along),
        cmocka_unit_test(test_locks_are_not_for_them),
        cmocka_unit_test(test_forced_stores_reach_them),
        cmocka_unit_test(test_shared_pages_are_the_objects),
        cmocka_unit_test(test_what_is_promised_to_an_object_ends_with_it),
    };
    int failed = 0;
    for (size = 0; size < HUGETLB_SIZES; size++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
