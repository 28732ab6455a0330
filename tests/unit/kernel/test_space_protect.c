// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 64});
    assert_int_equal(map_at(&f, P(0), 10, RW, 0), 0);
    return f;
}

static int protect(struct fixture *f, uint64_t addr, uint64_t npages, unsigned prot)
{
    return space_protect(f->space, vaddr(addr), BYTES(npages), prot);
}

static void test_arguments_are_checked(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(protect(&f, P(0) + 1, 1, R), -EINVAL);
    assert_int_equal(protect(&f, P(0), 1, 0x10), -EINVAL);
    assert_int_equal(protect(&f, P(0), 1, R | PROT_GROWSDOWN | PROT_GROWSUP), -EINVAL);
    assert_int_equal(protect(&f, P(0), 0, R), 0);
    assert_int_equal(space_protect(f.space, vaddr(P(0)), UINT64_MAX, R), -ENOMEM);
    assert_int_equal(protect(&f, P(20), 1, R), -ENOMEM);
    assert_int_equal(protect(&f, P(9), 2, R), -ENOMEM); /* but what is there is changed */
    assert_int_equal(space_region_at(f.space, vaddr(P(9)))->prot, R);
    assert_int_equal(protect(&f, P(9), 1, RW), 0);
    assert_int_equal(protect(&f, P(0), 1, RW | 8), 0); /* PROT_SEM */
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_regions_split_and_join_again(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(protect(&f, P(3), 2, R), 0);
    assert_int_equal(f.space->regions.count, 3);
    assert_int_equal(protect(&f, P(5), 5, R), 0);
    assert_int_equal(f.space->regions.count, 2);
    assert_int_equal(protect(&f, P(0), 10, R), 0);
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(protect(&f, P(9), 1, RW), 0);
    assert_int_equal(protect(&f, P(0), 9, RW), 0);
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(f.space->ndata, 10);
    fixture_destroy(&f);
}

static void test_what_is_taken_away_is_gone_at_once(void **state)
{
    struct fixture f = make();
    uint8_t *host;
    (void)state;
    assert_int_equal(rig_touch(f.rig, f.space, P(0), MMU_LOAD, &host), 0);
    *host = 5;
    fixture_check(&f);
    assert_non_null(rig_access(f.rig, f.space, P(0), MMU_STORE));
    assert_int_equal(protect(&f, P(0), 1, R), 0);
    assert_null(rig_access(f.rig, f.space, P(0), MMU_STORE)); /* not even from the TLB */
    assert_non_null(rig_access(f.rig, f.space, P(0), MMU_LOAD));
    assert_int_equal(fault_handle(f.space, vaddr(P(0)), MMU_STORE), FAULT_SEGV_ACCERR);
    assert_int_equal(protect(&f, P(0), 1, 0), 0);
    assert_null(rig_access(f.rig, f.space, P(0), MMU_LOAD));
    assert_int_equal(protect(&f, P(0), 1, RW), 0);
    assert_int_equal(peek(&f, P(0)), 5);
    fixture_destroy(&f);
}

static void test_what_is_given_comes_with_copy_on_write(void **state)
{
    struct fixture f = make();
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    uint8_t byte;
    (void)state;
    assert_int_equal(map_object(&f, P(20), 1, R, 0, object, 0), 0);
    assert_int_equal(peek(&f, P(20)), file_byte(0));
    assert_int_equal(protect(&f, P(20), 1, RW), 0);
    assert_int_equal(poke(&f, P(20), 0xaa), 0);
    assert_int_equal(peek(&f, P(20)), 0xaa);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(byte, file_byte(0));
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_a_file_opened_for_reading_is_not_made_writable(void **state)
{
    struct fixture f = make();
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    struct space_map_request r = request(P(10), 2, R, SPACE_MAP_FIXED, REGION_SHARED);
    vaddr_t at;
    (void)state;
    r.object = object;
    r.max_prot = R | X;
    assert_int_equal(space_map(f.space, &r, &at), 0);
    assert_int_equal(protect(&f, P(10), 1, RW), -EACCES);
    assert_int_equal(protect(&f, P(8), 3, RW), -EACCES);
    assert_int_equal(protect(&f, P(8), 3, R | X), 0);
    assert_int_equal(protect(&f, P(10), 3, RW), -EACCES); /* before the hole behind it */
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_growsdown_reaches_the_start_of_the_stack(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(600), 10, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(protect(&f, P(608), 1, R | PROT_GROWSDOWN), 0);
    assert_int_equal(space_region_at(f.space, vaddr(P(600)))->prot, R);
    assert_int_equal(space_region_at(f.space, vaddr(P(608)))->prot, R);
    assert_int_equal(space_region_at(f.space, vaddr(P(609)))->prot, RW);
    assert_int_equal(protect(&f, P(5), 1, R | PROT_GROWSDOWN), -EINVAL);
    assert_int_equal(protect(&f, P(5), 1, R | PROT_GROWSUP), -EINVAL);
    assert_int_equal(protect(&f, P(100), 1, R | PROT_GROWSDOWN), -ENOMEM);
    fixture_destroy(&f);
}

static void test_locked_pages_stay_locked_without_permission(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(2), false), 0);
    assert_int_equal(poke(&f, P(0), 4), 0);
    struct frame *frame = frame_at(&f, P(0));
    assert_int_equal(protect(&f, P(0), 2, 0), 0);
    assert_int_equal(frame->wired, 1);
    fixture_check(&f);
    assert_int_equal(protect(&f, P(0), 2, R), 0);
    assert_int_equal(peek(&f, P(0)), 4);
    assert_ptr_equal(frame_at(&f, P(0)), frame);
    assert_int_equal(frame->wired, 1);
    assert_int_equal(protect(&f, P(0), 2, 0), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(2)), 0);
    fixture_destroy(&f);
}

static void test_locked_private_pages_are_copied_when_made_writable(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(20), 2, R, REGION_LOCKED), 0);
    assert_int_equal(f.kernel->pages_live, 0);
    assert_int_equal(protect(&f, P(20), 2, RW), 0);
    assert_int_equal(f.kernel->pages_live, 2);
    assert_int_equal(frame_at(&f, P(21))->wired, 1);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_regions_split_and_join_again),
        cmocka_unit_test(test_what_is_taken_away_is_gone_at_once),
        cmocka_unit_test(test_what_is_given_comes_with_copy_on_write),
        cmocka_unit_test(test_a_file_opened_for_reading_is_not_made_writable),
        cmocka_unit_test(test_growsdown_reaches_the_start_of_the_stack),
        cmocka_unit_test(test_locked_pages_stay_locked_without_permission),
        cmocka_unit_test(test_locked_private_pages_are_copied_when_made_writable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
