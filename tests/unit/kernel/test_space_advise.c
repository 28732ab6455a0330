// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

static struct fixture make(void)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 64});
    assert_int_equal(map_at(&f, P(0), 4, RW, 0), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)(i + 1)), 0);
    return f;
}

static int advise(struct fixture *f, uint64_t addr, uint64_t npages, int advice)
{
    return space_advise(f->space, vaddr(addr), BYTES(npages), advice);
}

static void test_arguments_are_checked(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(advise(&f, P(0), 1, 5), -EINVAL);
    assert_int_equal(advise(&f, P(0), 1, -1), -EINVAL);
    assert_int_equal(advise(&f, P(0), 1, 25), -EINVAL);
    assert_int_equal(advise(&f, P(0), 1, MADV_HWPOISON), -EPERM);
    assert_int_equal(advise(&f, P(0) + 1, 1, MADV_NORMAL), -EINVAL);
    assert_int_equal(advise(&f, P(0) + 1, 0, 77), -EINVAL);
    assert_int_equal(space_advise(f.space, vaddr(P(0)), UINT64_MAX, MADV_NORMAL), -EINVAL);
    assert_int_equal(advise(&f, UINT64_MAX & ~PAGE_MASK, 2, MADV_NORMAL), -EINVAL);
    assert_int_equal(advise(&f, P(50), 0, MADV_DONTNEED), 0);
    assert_int_equal(advise(&f, P(50), 1, MADV_DONTNEED), -ENOMEM);
    fixture_destroy(&f);
}

static void test_dontneed_gives_zeros_back(void **state)
{
    struct fixture f = make();
    (void)state;
    evict(&f, P(1));
    assert_int_equal(advise(&f, P(1), 2, MADV_DONTNEED), 0);
    assert_int_equal(f.kernel->pages_live, 2);
    assert_int_equal(swapdisk_used(f.kernel->swap), 0);
    assert_int_equal(peek(&f, P(0)), 1);
    assert_int_equal(peek(&f, P(1)), 0);
    assert_int_equal(peek(&f, P(2)), 0);
    assert_int_equal(peek(&f, P(3)), 4);
    assert_int_equal(advise(&f, P(3), 5, MADV_DONTNEED), -ENOMEM); /* but it is done */
    assert_int_equal(peek(&f, P(3)), 0);
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_dontneed_on_files_forgets_private_copies_only(void **state)
{
    struct fixture f = make();
    int fd = make_file(2 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    (void)state;
    assert_int_equal(map_object(&f, P(10), 1, RW, 0, object, 0), 0);
    assert_int_equal(map_object(&f, P(11), 1, RW, REGION_SHARED, object, 1), 0);
    assert_int_equal(poke(&f, P(10), 0xaa), 0);
    assert_int_equal(poke(&f, P(11), 0xbb), 0);
    assert_int_equal(advise(&f, P(10), 2, MADV_DONTNEED), 0);
    assert_null(frame_at(&f, P(11)));
    assert_int_equal(peek(&f, P(10)), file_byte(0));
    assert_int_equal(peek(&f, P(11)), 0xbb);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_free_is_for_private_memory(void **state)
{
    struct fixture f = make();
    int fd = make_file(1);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_object(&f, P(4), 1, RW, 0, object, 0), 0);
    assert_int_equal(advise(&f, P(3), 2, MADV_FREE), -EINVAL);
    assert_int_equal(peek(&f, P(3)), 4); /* nothing was done */
    assert_int_equal(advise(&f, P(0), 2, MADV_FREE), 0);
    assert_int_equal(poke(&f, P(0), 9), 0);
    assert_int_equal(peek(&f, P(0)), 9); /* a store after it is kept */
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_locked_memory_is_not_dropped(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(space_lock(f.space, vaddr(P(1)), 1, false), 0);
    static const int refused[] = {MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_REMOVE};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(advise(&f, P(0), 4, refused[i]), -EINVAL);
    assert_int_equal(peek(&f, P(0)), 1);
    assert_int_equal(advise(&f, P(0), 4, MADV_DONTNEED_LOCKED), 0);
    assert_int_equal(peek(&f, P(1)), 0);
    fixture_destroy(&f);
}

static void test_hints_are_remembered_in_the_region(void **state)
{
    struct fixture f = make();
    static const struct {
        int on, off;
        unsigned flag;
    } hints[] = {
        {MADV_SEQUENTIAL, MADV_NORMAL, REGION_SEQUENTIAL},
        {MADV_RANDOM, MADV_NORMAL, REGION_RANDOM},
        {MADV_DONTFORK, MADV_DOFORK, REGION_DONTFORK},
        {MADV_WIPEONFORK, MADV_KEEPONFORK, REGION_WIPEONFORK},
        {MADV_DONTDUMP, MADV_DODUMP, REGION_DONTDUMP},
        {MADV_HUGEPAGE, MADV_NOHUGEPAGE, REGION_HUGEPAGE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        assert_int_equal(advise(&f, P(1), 1, hints[i].on), 0);
        assert_true(space_region_at(f.space, vaddr(P(1)))->flags & hints[i].flag);
        assert_false(space_region_at(f.space, vaddr(P(0)))->flags & hints[i].flag);
        assert_int_equal(f.space->regions.count, 3);
        assert_int_equal(advise(&f, P(0), 4, hints[i].off), 0);
        assert_false(space_region_at(f.space, vaddr(P(1)))->flags & hints[i].flag);
        assert_int_equal(f.space->regions.count, 1);
    }
    assert_int_equal(advise(&f, P(0), 4, MADV_MERGEABLE), 0);
    assert_int_equal(advise(&f, P(0), 4, MADV_UNMERGEABLE), 0);
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_wipeonfork_is_for_private_memory(void **state)
{
    struct fixture f = make();
    struct object *object;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 1, true, &object), 0);
    assert_int_equal(map_object(&f, P(4), 1, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(advise(&f, P(4), 1, MADV_WIPEONFORK), -EINVAL);
    assert_int_equal(advise(&f, P(0), 5, MADV_WIPEONFORK), -EINVAL);
    object_put(f.kernel, object);
    fixture_destroy(&f);
}

static void test_populate_errors(void **state)
{
    struct fixture f = make();
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_at(&f, P(10), 2, R, 0), 0);
    assert_int_equal(map_object(&f, P(12), 2, RW, 0, object, 0), 0);
    assert_int_equal(map_at(&f, P(14), 1, X, 0), 0);
    assert_int_equal(advise(&f, P(10), 3, MADV_POPULATE_READ), 0);
    assert_int_equal(f.space->table.npresent, 7);
    assert_int_equal(advise(&f, P(10), 1, MADV_POPULATE_WRITE), -EINVAL);
    assert_int_equal(advise(&f, P(14), 1, MADV_POPULATE_READ), -EINVAL);
    assert_int_equal(advise(&f, P(13), 1, MADV_POPULATE_READ), -EFAULT); /* SIGBUS */
    assert_int_equal(advise(&f, P(12), 1, MADV_POPULATE_WRITE), 0);
    assert_int_equal(frame_at(&f, P(12))->kind, FRAME_ANON);
    assert_int_equal(advise(&f, P(11), 20, MADV_POPULATE_READ), -EFAULT);
    assert_int_equal(advise(&f, P(20), 1, MADV_POPULATE_READ), -ENOMEM);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_populate_does_not_grow_a_stack(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(100), 2, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(advise(&f, P(99), 2, MADV_POPULATE_WRITE), -ENOMEM);
    assert_int_equal(f.space->npages, 6);
    fixture_destroy(&f);
}

static void test_populate_runs_out_of_memory(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    (void)state;
    assert_int_equal(map_at(&f, P(0), 80, RW, REGION_NORESERVE), 0);
    assert_int_equal(advise(&f, P(0), 80, MADV_POPULATE_WRITE), -ENOMEM);
    fixture_destroy(&f);
}

static void test_willneed_reads_ahead(void **state)
{
    struct fixture f = make();
    int fd = make_file(3 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    struct counters *c = &f.rig->counters;
    (void)state;
    assert_int_equal(map_object(&f, P(4), 5, R, 0, object, 1), 0);
    evict(&f, P(0));
    evict(&f, P(2));
    uint64_t faults = c->faults;
    assert_int_equal(advise(&f, P(0), 9, MADV_WILLNEED), 0);
    assert_int_equal(c->pages_in, 4);
    assert_int_equal(c->faults, faults);
    assert_int_equal(peek(&f, P(2)), 3);
    assert_int_equal(peek(&f, P(5)), file_byte(2 * PAGE_SIZE));
    assert_int_equal(c->faults_major, 0);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_pageout_and_cold(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(advise(&f, P(0), 2, MADV_PAGEOUT), 0);
    assert_int_equal(space_resident(f.space), 2);
    assert_int_equal(f.rig->counters.swap_pages_out, 2);
    struct frame *frame = frame_at(&f, P(2));
    assert_int_equal(advise(&f, P(2), 1, MADV_COLD), 0);
    assert_false(pagetable_test_clear_accessed(f.kernel, frame));
    assert_true(pagetable_test_clear_accessed(f.kernel, frame_at(&f, P(3))));
    for (int i = 0; i < 4; i++)
        assert_int_equal(peek(&f, P(i)), i + 1);
    fixture_destroy(&f);
}

static void test_remove_punches_holes(void **state)
{
    struct fixture f = make();
    int fd = make_file(3 * PAGE_SIZE);
    struct object *file = open_object(&f, fd, true), *shared;
    uint8_t byte;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 2, true, &shared), 0);
    assert_int_equal(map_object(&f, P(10), 3, RW, REGION_SHARED, file, 0), 0);
    assert_int_equal(map_object(&f, P(20), 2, RW, REGION_SHARED, shared, 0), 0);
    assert_int_equal(map_object(&f, P(30), 1, RW, 0, file, 0), 0);
    assert_int_equal(map_object(&f, P(31), 1, R, REGION_SHARED, file, 0), 0);
    assert_int_equal(poke(&f, P(11), 5), 0);
    assert_int_equal(poke(&f, P(20), 6), 0);
    assert_int_equal(poke(&f, P(21), 7), 0);
    assert_int_equal(advise(&f, P(11), 1, MADV_REMOVE), 0);
    assert_int_equal(peek(&f, P(11)), 0);
    assert_int_equal(peek(&f, P(12)), file_byte(2 * PAGE_SIZE));
    assert_int_equal(pread(fd, &byte, 1, PAGE_SIZE), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(advise(&f, P(20), 1, MADV_REMOVE), 0);
    assert_int_equal(peek(&f, P(20)), 0);
    assert_int_equal(peek(&f, P(21)), 7);
    assert_int_equal(advise(&f, P(0), 1, MADV_REMOVE), -EINVAL);
    assert_int_equal(advise(&f, P(30), 1, MADV_REMOVE), -EACCES);
    assert_int_equal(advise(&f, P(31), 1, MADV_REMOVE), -EACCES);
    object_put(f.kernel, file);
    object_put(f.kernel, shared);
    close(fd);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_dontneed_gives_zeros_back),
        cmocka_unit_test(test_dontneed_on_files_forgets_private_copies_only),
        cmocka_unit_test(test_free_is_for_private_memory),
        cmocka_unit_test(test_locked_memory_is_not_dropped),
        cmocka_unit_test(test_hints_are_remembered_in_the_region),
        cmocka_unit_test(test_wipeonfork_is_for_private_memory),
        cmocka_unit_test(test_populate_errors),
        cmocka_unit_test(test_populate_does_not_grow_a_stack),
        cmocka_unit_test(test_populate_runs_out_of_memory),
        cmocka_unit_test(test_willneed_reads_ahead),
        cmocka_unit_test(test_pageout_and_cold),
        cmocka_unit_test(test_remove_punches_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
