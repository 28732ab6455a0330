// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

enum { MAY = MREMAP_MAYMOVE, FIX = MREMAP_MAYMOVE | MREMAP_FIXED };

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 64});
    assert_int_equal(map_at(&f, P(0), 4, RW, 0), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)(i + 1)), 0);
    return f;
}

static int remap(struct fixture *f, uint64_t addr, uint64_t old_n, uint64_t new_n, unsigned flags,
                 uint64_t to, uint64_t *where)
{
    vaddr_t va = vaddr(1);
    int result =
        space_remap(f->space, vaddr(addr), BYTES(old_n), BYTES(new_n), flags, vaddr(to), &va);
    *where = va.v;
    return result;
}

static void test_arguments_are_checked(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(remap(&f, P(0), 4, 5, 8, 0, &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 5, MREMAP_FIXED, P(20), &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 4, MREMAP_DONTUNMAP, P(20), &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 5, MAY | MREMAP_DONTUNMAP, P(20), &at), -EINVAL);
    assert_int_equal(remap(&f, P(0) + 1, 4, 5, MAY, 0, &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 0, MAY, 0, &at), -EINVAL);
    assert_int_equal(remap(&f, P(30), 1, 2, MAY, 0, &at), -EFAULT);
    assert_int_equal(remap(&f, P(0), 5, 6, MAY, 0, &at), -EFAULT); /* over the region's end */
    assert_int_equal(remap(&f, P(0), 0, 4, MAY, 0, &at), -EINVAL); /* private */
    assert_int_equal(remap(&f, P(0), 4, 4, FIX, P(20) + 1, &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 4, FIX, P(3), &at), -EINVAL); /* overlap */
    assert_int_equal(remap(&f, P(1), 2, 2, FIX, P(0), &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 4, FIX, SPACE_END - BYTES(3), &at), -EINVAL);
    assert_int_equal(remap(&f, P(0), 4, 4, FIX, 0, &at), -EPERM);
    assert_int_equal(remap(&f, P(0), 4, SPACE_END / PAGE_SIZE + 1, MAY, 0, &at), -ENOMEM);
    assert_int_equal(at, 1);
    fixture_check(&f);
    for (int i = 0; i < 4; i++)
        assert_int_equal(peek(&f, P(i)), i + 1);
    fixture_destroy(&f);
}

static void test_shrinking_unmaps_the_end(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(remap(&f, P(0), 4, 2, 0, 0, &at), 0);
    assert_int_equal(at, P(0));
    assert_int_equal(peek(&f, P(2)), -EFAULT);
    assert_int_equal(peek(&f, P(1)), 2);
    assert_int_equal(f.kernel->commit.used, 2);
    assert_int_equal(remap(&f, P(0), 2, 2, 0, 0, &at), 0);
    assert_int_equal(at, P(0));
    fixture_destroy(&f);
}

static void test_growing_in_place(void **state)
{
    struct fixture f = make();
    uint64_t at, faults = f.rig->counters.faults;
    (void)state;
    assert_int_equal(map_at(&f, P(6), 1, R, 0), 0);
    assert_int_equal(remap(&f, P(2), 2, 4, 0, 0, &at), 0);
    assert_int_equal(at, P(2));
    assert_int_equal(peek(&f, P(3)), 4);
    assert_int_equal(f.rig->counters.faults, faults);
    assert_int_equal(peek(&f, P(5)), 0);
    assert_int_equal(f.space->regions.count, 2);
    assert_int_equal(f.kernel->commit.used, 6);
    assert_int_equal(remap(&f, P(2), 4, 5, 0, 0, &at), -ENOMEM); /* something is behind it */
    assert_int_equal(remap(&f, P(0), 2, 3, 0, 0, &at), -ENOMEM); /* not its region's end */
    fixture_destroy(&f);
}

static void test_moving_takes_pages_and_leaves_nothing(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    evict(&f, P(1));
    struct frame *frame = frame_at(&f, P(3));
    uint64_t faults = f.rig->counters.faults;
    assert_int_equal(map_at(&f, P(4), 1, R, 0), 0);
    assert_int_equal(remap(&f, P(0), 4, 6, MAY, 0, &at), 0);
    assert_int_equal(at, SPACE_MMAP_TOP - BYTES(6));
    fixture_check(&f);
    assert_ptr_equal(frame_at(&f, at + BYTES(3)), frame);
    assert_int_equal(peek(&f, at + BYTES(3)), 4);
    assert_int_equal(f.rig->counters.faults, faults); /* resident pages move without one */
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(peek(&f, at + BYTES(i)), i < 4 ? (int)i + 1 : 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(peek(&f, P(i)), -EFAULT);
    assert_int_equal(f.kernel->pages_live, 4);
    assert_int_equal(f.space->npages, 7);
    assert_int_equal(f.kernel->commit.used, 6);
    fixture_destroy(&f);
}

static void test_moving_to_a_place_replaces_it(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(map_at(&f, P(20), 6, RW, 0), 0);
    assert_int_equal(poke(&f, P(21), 99), 0);
    assert_int_equal(remap(&f, P(0), 4, 2, FIX, P(20), &at), 0); /* and shrinks */
    assert_int_equal(at, P(20));
    assert_int_equal(peek(&f, P(20)), 1);
    assert_int_equal(peek(&f, P(21)), 2);
    assert_int_equal(peek(&f, P(22)), 0);
    assert_int_equal(peek(&f, P(2)), -EFAULT);
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(f.space->npages, 6);
    assert_int_equal(f.kernel->commit.used, 6);
    fixture_destroy(&f);
}

static void test_part_of_a_region_moves(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(remap(&f, P(1), 2, 2, FIX, P(4), &at), 0); /* right behind the region */
    assert_int_equal(peek(&f, P(0)), 1);
    assert_int_equal(peek(&f, P(1)), -EFAULT);
    assert_int_equal(peek(&f, P(3)), 4);
    assert_int_equal(peek(&f, P(4)), 2);
    assert_int_equal(peek(&f, P(5)), 3);
    assert_int_equal(f.space->regions.count, 2);
    /* What comes to the old place is new. */
    assert_int_equal(map_at(&f, P(1), 2, RW, 0), 0);
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(peek(&f, P(1)), 0);
    fixture_destroy(&f);
}

static void test_a_moved_heap_is_no_heap(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    f.space->brk_start = f.space->brk_end = vaddr(P(40));
    assert_int_equal(space_brk(f.space, vaddr(P(42))).v, P(42));
    assert_int_equal(remap(&f, P(40), 2, 2, FIX, P(4), &at), 0);
    assert_int_equal(space_region_at(f.space, vaddr(P(4)))->flags & REGION_HEAP, 0);
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_dontunmap_leaves_an_empty_range(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(4), false), 0);
    assert_int_equal(remap(&f, P(0), 4, 4, MAY | MREMAP_DONTUNMAP, P(20), &at), 0);
    assert_int_equal(at, P(20)); /* the wish was free */
    fixture_check(&f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(peek(&f, P(20 + i)), i + 1);
        assert_int_equal(peek(&f, P(i)), 0);
        assert_int_equal(frame_at(&f, P(20 + i))->wired, 1);
    }
    assert_int_equal(f.space->nlocked, 4);
    assert_int_equal(f.kernel->commit.used, 8);
    fixture_destroy(&f);
}

static void test_file_mappings_keep_their_pages(void **state)
{
    struct fixture f = make();
    int fd = make_file(8 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    uint64_t at;
    (void)state;
    assert_int_equal(map_object(&f, P(10), 4, RW, REGION_SHARED, object, 2), 0);
    assert_int_equal(remap(&f, P(11), 3, 4, MAY | MREMAP_FIXED, P(20), &at), 0);
    assert_int_equal(peek(&f, P(20)), file_byte(3 * PAGE_SIZE));
    assert_int_equal(peek(&f, P(23)), file_byte(6 * PAGE_SIZE));
    /* A second mapping of shared pages. */
    assert_int_equal(remap(&f, P(21), 0, 2, FIX, P(30), &at), 0);
    assert_int_equal(poke(&f, P(30), 0x31), 0);
    assert_int_equal(peek(&f, P(21)), 0x31);
    assert_int_equal(remap(&f, P(21), 0, 2, FIX, P(21), &at), -EFAULT);
    assert_int_equal(remap(&f, P(20), 4, (uint64_t)1 << 51, MAY, 0, &at), -EINVAL);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_locked_regions_grow_within_their_limit(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    f.space->limit_memlock = BYTES(6);
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(4), false), 0);
    assert_int_equal(remap(&f, P(0), 4, 7, MAY, 0, &at), -EAGAIN);
    assert_int_equal(remap(&f, P(0), 4, 6, MAY, 0, &at), 0);
    assert_int_equal(space_resident(f.space), 6);
    assert_int_equal(frame_at(&f, P(5))->wired, 1);
    assert_int_equal(remap(&f, P(0), 6, 6, FIX, P(20), &at), 0);
    assert_int_equal(f.space->nlocked, 6);
    assert_int_equal(frame_at(&f, P(25))->wired, 1);
    assert_int_equal(f.space->wired.count, 6);
    fixture_destroy(&f);
}

static void test_other_limits_hold(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    f.space->limit_as = BYTES(6);
    assert_int_equal(remap(&f, P(0), 4, 7, MAY, 0, &at), -ENOMEM);
    assert_int_equal(remap(&f, P(0), 4, 4, MAY | MREMAP_DONTUNMAP, 0, &at), -ENOMEM);
    f.space->limit_as = UINT64_MAX;
    f.space->limit_data = BYTES(5);
    assert_int_equal(remap(&f, P(0), 4, 6, MAY, 0, &at), -ENOMEM);
    assert_int_equal(remap(&f, P(0), 4, 5, MAY, 0, &at), 0);
    f.space->limit_data = UINT64_MAX;
    assert_int_equal(remap(&f, P(0), 5, 1000, MAY, 0, &at), -ENOMEM); /* commit */
    assert_int_equal(f.kernel->commit.used, 5);
    fixture_destroy(&f);
}

static void test_moving_more_pages_than_fit_in_ram(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 400});
    uint64_t at;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 200, RW, 0), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(poke(&f, P(i) + 1, (uint8_t)i), 0);
    assert_int_equal(remap(&f, P(0), 200, 200, FIX, P(100000), &at), 0);
    fixture_check(&f);
    for (int i = 0; i < 200; i++)
        assert_int_equal(peek(&f, P(100000 + i) + 1), i);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_shrinking_unmaps_the_end),
        cmocka_unit_test(test_growing_in_place),
        cmocka_unit_test(test_moving_takes_pages_and_leaves_nothing),
        cmocka_unit_test(test_moving_to_a_place_replaces_it),
        cmocka_unit_test(test_part_of_a_region_moves),
        cmocka_unit_test(test_a_moved_heap_is_no_heap),
        cmocka_unit_test(test_dontunmap_leaves_an_empty_range),
        cmocka_unit_test(test_file_mappings_keep_their_pages),
        cmocka_unit_test(test_locked_regions_grow_within_their_limit),
        cmocka_unit_test(test_other_limits_hold),
        cmocka_unit_test(test_moving_more_pages_than_fit_in_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
