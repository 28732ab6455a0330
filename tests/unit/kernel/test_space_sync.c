// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

static struct fixture make(void)
{
    return fixture_create((struct rig_options){.nslots = 64});
}

static int sync_pages(struct fixture *f, uint64_t addr, uint64_t npages, int flags)
{
    return space_sync(f->space, vaddr(addr), BYTES(npages), flags);
}

static void test_msync_writes_shared_pages(void **state)
{
    struct fixture f = make();
    int fd = make_file(2 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    uint8_t byte;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 2, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(map_object(&f, P(2), 1, RW, 0, object, 0), 0);
    assert_int_equal(poke(&f, P(0), 0x11), 0);
    assert_int_equal(poke(&f, P(1), 0x12), 0);
    assert_int_equal(poke(&f, P(2) + 1, 0x13), 0);
    assert_int_equal(sync_pages(&f, P(1), 2, MS_SYNC), 0);
    assert_int_equal(f.rig->counters.pages_out, 1); /* neither the other page nor the copy */
    assert_int_equal(pread(fd, &byte, 1, PAGE_SIZE), 1);
    assert_int_equal(byte, 0x12);
    assert_int_equal(sync_pages(&f, P(0), 1, MS_ASYNC), 0); /* later, as in Linux */
    assert_int_equal(f.rig->counters.pages_out, 1);
    assert_int_equal(sync_pages(&f, P(0), 3, MS_SYNC | MS_INVALIDATE), 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, 0x11);
    assert_int_equal(pread(fd, &byte, 1, 1), 1);
    assert_int_equal(byte, file_byte(1));
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_msync_errors(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(0), 2, RW, 0), 0);
    assert_int_equal(map_at(&f, P(3), 1, RW, REGION_LOCKED), 0);
    assert_int_equal(sync_pages(&f, P(0), 1, MS_SYNC | MS_ASYNC), -EINVAL);
    assert_int_equal(sync_pages(&f, P(0), 1, 64), -EINVAL);
    assert_int_equal(sync_pages(&f, P(0) + 1, 1, MS_SYNC), -EINVAL);
    assert_int_equal(sync_pages(&f, P(0), 0, MS_SYNC), 0);
    assert_int_equal(sync_pages(&f, P(0), 2, 0), 0);
    assert_int_equal(sync_pages(&f, P(0), 4, MS_SYNC), -ENOMEM);
    assert_int_equal(sync_pages(&f, P(0), 4, MS_SYNC | MS_INVALIDATE), -EBUSY);
    assert_int_equal(sync_pages(&f, P(10), 1, MS_ASYNC), -ENOMEM);
    assert_int_equal(sync_pages(&f, UINT64_MAX & ~PAGE_MASK, 2, MS_SYNC), -ENOMEM);
    fixture_destroy(&f);
}

static void test_mincore_says_what_is_in_ram(void **state)
{
    struct fixture f = make();
    int fd = make_file(2 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    uint8_t in[8] = {0};
    (void)state;
    assert_int_equal(map_at(&f, P(0), 4, RW, 0), 0);
    assert_int_equal(map_object(&f, P(4), 2, R, 0, object, 0), 0);
    assert_int_equal(map_object(&f, P(20), 2, R, 0, object, 0), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(poke(&f, P(1), 1), 0);
    assert_int_equal(peek(&f, P(2)), 0);
    evict(&f, P(1));
    assert_true(peek(&f, P(21)) >= 0); /* in the page cache: for the other mapping too */
    assert_int_equal(space_incore(f.space, vaddr(P(0)), BYTES(5) + 1, in), 0);
    static const uint8_t wanted[6] = {1, 0, 1, 0, 0, 1};
    assert_memory_equal(in, wanted, 6);
    assert_int_equal(space_protect(f.space, vaddr(P(0)), 1, 0), 0);
    assert_int_equal(space_incore(f.space, vaddr(P(0)), 1, in), 0);
    assert_int_equal(in[0], 1); /* in RAM, if out of reach */
    assert_int_equal(space_incore(f.space, vaddr(P(0) + 1), 1, in), -EINVAL);
    assert_int_equal(space_incore(f.space, vaddr(P(5)), BYTES(2), in), -ENOMEM);
    assert_int_equal(space_incore(f.space, vaddr(P(0)), UINT64_MAX, in), -ENOMEM);
    assert_int_equal(space_incore(f.space, vaddr(P(100)), 0, in), 0);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_measure_counts_shares(void **state)
{
    struct fixture f = make(), g = f;
    int fd = make_file(4 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    struct region_usage u;
    (void)state;
    assert_int_equal(space_create(f.kernel, &g.space), 0);
    assert_int_equal(map_object(&f, P(0), 4, RW, 0, object, 0), 0);
    assert_int_equal(map_object(&g, P(0), 4, RW, 0, object, 0), 0);
    assert_true(peek(&f, P(0)) >= 0);
    assert_true(peek(&g, P(0)) >= 0);
    assert_true(peek(&f, P(1)) >= 0);
    assert_int_equal(poke(&f, P(2), 1), 0);
    assert_int_equal(poke(&f, P(3), 1), 0);
    evict(&f, P(3));
    region_measure(f.space, space_region_at(f.space, vaddr(P(0))), &u);
    assert_int_equal(u.rss, 3);
    assert_int_equal(u.pss_4096, 2048 + 4096 + 4096);
    assert_int_equal(u.shared_clean, 1);
    assert_int_equal(u.private_clean, 1);
    assert_int_equal(u.private_dirty, 1);
    assert_int_equal(u.shared_dirty, 0);
    assert_int_equal(u.anonymous, 1);
    assert_int_equal(u.swap, 1);
    assert_int_equal(u.referenced, 3);
    assert_int_equal(u.locked, 0);
    assert_int_equal(space_lock(f.space, vaddr(P(2)), 1, false), 0);
    region_measure(f.space, space_region_at(f.space, vaddr(P(2))), &u);
    assert_int_equal(u.locked, 1);
    object_put(f.kernel, object);
    close(fd);
    space_put(g.space);
    fixture_destroy(&f);
}

static void test_brk_moves_the_break(void **state)
{
    struct fixture f = make();
    (void)state;
    f.space->brk_start = f.space->brk_end = vaddr(P(0) + 16);
    assert_int_equal(space_brk(f.space, vaddr(0)).v, P(0) + 16);
    assert_int_equal(space_brk(f.space, vaddr(P(0) + 15)).v, P(0) + 16);
    assert_int_equal(space_brk(f.space, vaddr(P(0) + 100)).v, P(0) + 100);
    assert_int_equal(f.space->npages, 0); /* the page that the break lies in is not the heap's */
    assert_int_equal(space_brk(f.space, vaddr(P(3) + 1)).v, P(3) + 1);
    assert_int_equal(f.space->npages, 3);
    assert_int_equal(poke(&f, P(3) + 4000, 8), 0);
    assert_true(space_region_at(f.space, vaddr(P(1)))->flags & REGION_HEAP);
    assert_int_equal(space_brk(f.space, vaddr(P(5))).v, P(5));
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(space_brk(f.space, vaddr(P(2))).v, P(2));
    assert_int_equal(f.space->npages, 1);
    assert_int_equal(f.kernel->commit.used, 1);
    assert_int_equal(space_brk(f.space, vaddr(P(4))).v, P(4));
    assert_int_equal(peek(&f, P(3) + 4000), 0); /* what was given up is gone */
    fixture_destroy(&f);
}

static void test_brk_stops_at_limits_and_neighbours(void **state)
{
    struct fixture f = make();
    uint64_t end = P(2);
    (void)state;
    f.space->brk_start = vaddr(P(0));
    f.space->brk_end = vaddr(P(0));
    assert_int_equal(space_brk(f.space, vaddr(end)).v, end);
    assert_int_equal(map_at(&f, P(10), 1, R, 0), 0);
    assert_int_equal(space_brk(f.space, vaddr(P(10))).v, end); /* a page stays free */
    assert_int_equal(space_brk(f.space, vaddr(P(11))).v, end);
    f.space->limit_data = BYTES(4);
    assert_int_equal(space_brk(f.space, vaddr(P(4) + 1)).v, end);
    assert_int_equal(space_brk(f.space, vaddr(P(4))).v, P(4));
    end = P(4);
    f.space->limit_data = UINT64_MAX;
    f.space->limit_as = BYTES(6);
    assert_int_equal(space_brk(f.space, vaddr(P(6))).v, end);
    f.space->limit_as = UINT64_MAX;
    assert_int_equal(space_brk(f.space, vaddr(SPACE_END + 1)).v, end);
    assert_int_equal(space_brk(f.space, vaddr(UINT64_MAX)).v, end);
    assert_int_equal(space_unmap(f.space, vaddr(P(10)), PAGE_SIZE), 0);
    assert_int_equal(space_brk(f.space, vaddr(P(4000))).v, end); /* commit */
    assert_int_equal(map_at(&f, P(400), 1, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(space_brk(f.space, vaddr(P(9))).v, P(9));
    assert_int_equal(space_brk(f.space, vaddr(P(200))).v, P(9)); /* in a stack's gap */
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msync_writes_shared_pages),
        cmocka_unit_test(test_msync_errors),
        cmocka_unit_test(test_mincore_says_what_is_in_ram),
        cmocka_unit_test(test_measure_counts_shares),
        cmocka_unit_test(test_brk_moves_the_break),
        cmocka_unit_test(test_brk_stops_at_limits_and_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
