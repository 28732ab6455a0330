// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 300});
    assert_int_equal(map_at(&f, P(0), 6, RW, 0), 0);
    return f;
}

static int lock(struct fixture *f, uint64_t addr, uint64_t len)
{
    return space_lock(f->space, vaddr(addr), len, false);
}

/* Uses more memory than there is RAM. */
static void press(struct fixture *f)
{
    assert_int_equal(map_at(f, P(1000), 200, RW, 0), 0);
    for (int i = 0; i < 200; i++)
        assert_int_equal(poke(f, P(1000 + i), 1), 0);
}

static void test_locked_pages_are_never_evicted(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(poke(&f, P(0), 7), 0);
    assert_int_equal(lock(&f, P(0) + 100, PAGE_SIZE), 0); /* both pages that it touches */
    assert_int_equal(f.space->nlocked, 2);
    struct frame *frames[2] = {frame_at(&f, P(0)), frame_at(&f, P(1))};
    assert_int_equal(frames[1]->kind, FRAME_ANON); /* as if stored to */
    press(&f);
    uint64_t faults = f.rig->counters.faults;
    assert_int_equal(peek(&f, P(0)), 7);
    assert_int_equal(poke(&f, P(1), 1), 0);
    assert_int_equal(f.rig->counters.faults, faults);
    assert_ptr_equal(frame_at(&f, P(0)), frames[0]);
    assert_false(reclaim_frame(f.kernel, frames[0]));
    assert_int_equal(space_unlock(f.space, vaddr(P(0)), BYTES(2)), 0);
    assert_int_equal(frames[0]->wired, 0);
    press(&f);
    assert_null(frame_at(&f, P(0)));
    fixture_destroy(&f);
}

static void test_errors(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(lock(&f, P(5), BYTES(2)), -ENOMEM);
    assert_int_equal(lock(&f, P(50), 1), -ENOMEM);
    assert_int_equal(lock(&f, P(50), 0), 0);
    assert_int_equal(lock(&f, UINT64_MAX - 5, 3), -EINVAL);
    assert_int_equal(lock(&f, UINT64_MAX & ~PAGE_MASK, PAGE_SIZE - 1), -EINVAL);
    assert_int_equal(space_unlock(f.space, vaddr(P(5)), BYTES(2)), -ENOMEM);
    f.space->limit_memlock = BYTES(2);
    assert_int_equal(lock(&f, P(0), BYTES(3)), -ENOMEM);
    assert_int_equal(lock(&f, P(0), BYTES(2)), 0);
    assert_int_equal(lock(&f, P(0), BYTES(2)), 0); /* counted once */
    assert_int_equal(lock(&f, P(1), BYTES(2)), -ENOMEM);
    f.space->limit_memlock = 0;
    assert_int_equal(lock(&f, P(0), 1), -EPERM);
    assert_int_equal(space_lock_all(f.space, MCL_CURRENT), -EPERM);
    assert_int_equal(space_unlock(f.space, vaddr(P(0)), BYTES(2)), 0);
    fixture_destroy(&f);
}

static void test_what_cannot_be_populated_is_an_error_but_locked(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(20), 1, 0, 0), 0);
    assert_int_equal(lock(&f, P(20), 1), -ENOMEM);
    assert_int_equal(f.space->nlocked, 1);
    assert_int_equal(map_at(&f, P(30), 100, RW, REGION_NORESERVE), 0);
    assert_int_equal(lock(&f, P(30), BYTES(100)), -EAGAIN); /* more than RAM */
    fixture_check(&f);
    assert_int_equal(space_unlock(f.space, vaddr(P(30)), BYTES(100)), 0);
    press(&f);
    fixture_destroy(&f);
}

static void test_on_fault_waits_for_the_touch(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(3), true), 0);
    assert_int_equal(space_resident(f.space), 1);
    assert_int_equal(frame_at(&f, P(0))->wired, 1); /* resident already */
    assert_int_equal(poke(&f, P(1), 1), 0);
    assert_int_equal(frame_at(&f, P(1))->wired, 1);
    assert_int_equal(f.space->regions.count, 2);
    assert_int_equal(lock(&f, P(0), BYTES(3)), 0);
    assert_int_equal(space_resident(f.space), 3);
    assert_int_equal(space_unlock(f.space, vaddr(P(0)), BYTES(3)), 0);
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_zeros_are_not_wired_until_they_are_pages(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(10), 2, R, 0), 0);
    assert_int_equal(lock(&f, P(10), BYTES(2)), 0);
    assert_int_equal(frame_at(&f, P(10))->kind, FRAME_ZERO);
    assert_int_equal(f.space->wired.count, 0);
    fixture_destroy(&f);
}

static void test_a_file_page_locked_twice_needs_two_unlocks(void **state)
{
    struct fixture f = make();
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_object(&f, P(10), 1, R, REGION_LOCKED, object, 0), 0);
    assert_int_equal(map_object(&f, P(20), 1, RW, REGION_LOCKED, object, 0), 0);
    struct frame *frame = frame_at(&f, P(10));
    assert_int_equal(frame->wired, 1); /* the private writable one is a copy */
    assert_int_equal(map_object(&f, P(30), 1, R, REGION_LOCKED, object, 0), 0);
    assert_int_equal(frame->wired, 2);
    assert_int_equal(space_unmap(f.space, vaddr(P(10)), PAGE_SIZE), 0);
    assert_int_equal(frame->wired, 1);
    object_after_truncate(f.kernel, fd, 0); /* takes locked pages as well */
    fixture_check(&f);
    assert_int_equal(f.space->wired.count, 0);
    assert_int_equal(f.kernel->pages_live, 0);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_mlockall(void **state)
{
    struct fixture f = make();
    uint64_t n = 6;
    (void)state;
    assert_int_equal(space_lock_all(f.space, 0), -EINVAL);
    assert_int_equal(space_lock_all(f.space, MCL_ONFAULT), -EINVAL);
    assert_int_equal(space_lock_all(f.space, MCL_CURRENT | 8), -EINVAL);
    f.space->limit_memlock = BYTES(n - 1);
    assert_int_equal(space_lock_all(f.space, MCL_CURRENT), -ENOMEM);
    f.space->limit_memlock = BYTES(n + 4);
    assert_int_equal(space_lock_all(f.space, MCL_CURRENT | MCL_FUTURE), 0);
    assert_int_equal(space_resident(f.space), n);
    assert_int_equal(f.space->nlocked, n);
    assert_int_equal(map_at(&f, P(10), 3, RW, 0), 0);
    assert_int_equal(space_resident(f.space), n + 3);
    assert_int_equal(map_at(&f, P(20), 2, RW, 0), -EAGAIN);
    f.space->brk_start = f.space->brk_end = vaddr(P(40));
    assert_int_equal(space_brk(f.space, vaddr(P(42))).v, P(40)); /* over the limit */
    assert_int_equal(space_brk(f.space, vaddr(P(41))).v, P(41));
    assert_int_equal(frame_at(&f, P(40))->wired, 1);
    assert_int_equal(space_lock_all(f.space, MCL_FUTURE | MCL_ONFAULT), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(10)), BYTES(3)), 0);
    assert_int_equal(map_at(&f, P(10), 3, RW, 0), 0);
    assert_null(frame_at(&f, P(10)));
    assert_int_equal(f.space->nlocked, n + 4);
    assert_int_equal(space_unlock_all(f.space), 0);
    assert_int_equal(f.space->nlocked, 0);
    assert_int_equal(f.space->wired.count, 0);
    assert_int_equal(map_at(&f, P(60), 3, RW, 0), 0);
    assert_null(frame_at(&f, P(60)));
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locked_pages_are_never_evicted),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_what_cannot_be_populated_is_an_error_but_locked),
        cmocka_unit_test(test_on_fault_waits_for_the_touch),
        cmocka_unit_test(test_zeros_are_not_wired_until_they_are_pages),
        cmocka_unit_test(test_a_file_page_locked_twice_needs_two_unlocks),
        cmocka_unit_test(test_mlockall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
