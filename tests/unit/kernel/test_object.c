// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "space_rig.h"

static int page_of(struct fixture *f, struct object *object, uint64_t index, struct frame **frame)
{
    bool was_read;
    assert_int_equal(frame_reserve(f->kernel, 1), 0);
    int result = object_page(f->kernel, object, index, frame, &was_read);
    frame_unreserve(f->kernel);
    return result;
}

static int byte_in_file(int fd, uint64_t offset)
{
    uint8_t byte;
    return pread(fd, &byte, 1, (off_t)offset) == 1 ? byte : -1;
}

static int count_fds(int first, int end)
{
    int n = 0;
    for (int fd = first; fd < end; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_all_mappings_of_a_file_are_one_object(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int before = count_fds(0, 1000), fd = make_file(100), copy = dup(fd);
    struct object *a = open_object(&f, fd, false), *b = open_object(&f, copy, true);
    uint64_t dev, ino;
    struct stat st;
    (void)state;
    assert_ptr_equal(a, b);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(object_is_file(a, &dev, &ino));
    assert_int_equal(ino, st.st_ino);
    assert_int_equal(object_file_len(a), 100);
    assert_true(object_any_file(f.kernel));
    assert_int_equal(count_fds(0, 1000), before + 2); /* its own is out of the way */
    assert_int_equal(count_fds(1000, 2000), 1);
    close(fd);
    close(copy);
    object_put(f.kernel, a);
    object_put(f.kernel, b);
    assert_false(object_any_file(f.kernel));
    assert_int_equal(count_fds(0, 2000), before);
    fixture_destroy(&f);
}

static void test_many_files_are_told_apart(void **state)
{
    enum { COUNT = 300 };
    struct fixture f = fixture_create((struct rig_options){0});
    struct object *objects[COUNT];
    int fds[COUNT];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        fds[i] = make_file((uint64_t)i);
        objects[i] = open_object(&f, fds[i], false);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(object_file_len(objects[i]), i);
        assert_ptr_equal(open_object(&f, fds[i], false), objects[i]);
        object_put(f.kernel, objects[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        object_put(f.kernel, objects[i]);
        close(fds[i]);
    }
    fixture_destroy(&f);
}

static void test_what_cannot_be_mapped_is_refused(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    struct object *object = (struct object *)&f;
    int pipes[2], dir = open("/", O_RDONLY), zero = open("/dev/zero", O_RDWR);
    int null = open("/dev/null", O_RDWR);
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(object_file(f.kernel, pipes[0], false, &object), -ENODEV);
    assert_int_equal(object_file(f.kernel, dir, false, &object), -ENODEV);
    assert_int_equal(object_file(f.kernel, null, false, &object), -ENODEV);
    assert_int_equal(object_file(f.kernel, 1999, false, &object), -EBADF);
    assert_ptr_equal(object, &f);
    assert_int_equal(object_file(f.kernel, zero, false, &object), 0);
    assert_null(object);
    int fds[] = {pipes[0], pipes[1], dir, zero, null};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        close(fds[i]);
    fixture_destroy(&f);
}

static void test_the_tail_of_the_last_page_is_zero_and_then_nothing(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int fd = make_file(PAGE_SIZE + 100);
    struct object *object = open_object(&f, fd, false);
    struct frame *frame = NULL, *again;
    (void)state;
    assert_int_equal(page_of(&f, object, 1, &frame), 0);
    assert_int_equal(rig_bytes(f.rig, frame)[99], file_byte(PAGE_SIZE + 99));
    for (int i = 100; i < PAGE_SIZE; i++)
        assert_int_equal(rig_bytes(f.rig, frame)[i], 0);
    assert_int_equal(f.rig->counters.pages_in, 1);
    assert_int_equal(page_of(&f, object, 1, &again), 0);
    assert_ptr_equal(frame, again);
    assert_ptr_equal(object_resident(f.kernel, object, 1), frame);
    assert_null(object_resident(f.kernel, object, 0));
    assert_int_equal(f.rig->counters.pages_in, 1);
    assert_int_equal(page_of(&f, object, 2, &again), -ERANGE);
    assert_int_equal(page_of(&f, object, UINT64_MAX >> PAGE_SHIFT, &again), -ERANGE);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_stores_reach_the_file_and_never_extend_it(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int fd = make_file(2 * PAGE_SIZE + 10);
    struct object *object = open_object(&f, fd, true);
    struct stat st;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 3, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(poke(&f, P(0), 0xa0), 0);
    assert_int_equal(poke(&f, P(1), 0xa1), 0);
    assert_int_equal(poke(&f, P(2) + 9, 0xa2), 0);
    assert_int_equal(poke(&f, P(2) + 10, 0xa3), 0);
    assert_int_equal(object_sync(f.kernel, object, 1, 3), 0);
    assert_int_equal(f.rig->counters.pages_out, 2);
    assert_int_equal(byte_in_file(fd, 0), file_byte(0));
    assert_int_equal(byte_in_file(fd, PAGE_SIZE), 0xa1);
    assert_int_equal(byte_in_file(fd, 2 * PAGE_SIZE + 9), 0xa2);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 2 * PAGE_SIZE + 10);
    /* What is clean is not written again; what is stored after is. */
    assert_int_equal(object_sync(f.kernel, object, 1, 3), 0);
    assert_int_equal(f.rig->counters.pages_out, 2);
    assert_int_equal(poke(&f, P(1), 0xb1), 0);
    object_put(f.kernel, object);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(3)), 0); /* the last one: all of it */
    assert_int_equal(byte_in_file(fd, 0), 0xa0);
    assert_int_equal(byte_in_file(fd, PAGE_SIZE), 0xb1);
    assert_false(object_any_file(f.kernel));
    close(fd);
    fixture_destroy(&f);
}

static void test_an_evicted_page_goes_to_its_file(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0}); /* no swap */
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    (void)state;
    assert_int_equal(map_object(&f, P(0), 1, RW, REGION_SHARED, object, 0), 0);
    object_put(f.kernel, object);
    assert_int_equal(poke(&f, P(0) + 5, 0xee), 0);
    evict(&f, P(0));
    assert_int_equal(byte_in_file(fd, 5), 0xee);
    assert_int_equal(peek(&f, P(0) + 5), 0xee);
    assert_int_equal(f.rig->counters.faults_major, 2);
    assert_int_equal(f.kernel->pages_live, 1);
    close(fd);
    fixture_destroy(&f);
}

static void test_a_descriptor_for_appending_does_not_append(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    char path[] = "/tmp/test_object_XXXXXX";
    int made = mkstemp(path), fd = open(path, O_RDWR | O_APPEND);
    struct stat st;
    (void)state;
    assert_int_equal(ftruncate(made, 2 * PAGE_SIZE), 0);
    struct object *object = open_object(&f, fd, true);
    assert_int_equal(map_object(&f, P(0), 1, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(poke(&f, P(0), 9), 0);
    assert_int_equal(object_sync(f.kernel, object, 0, 1), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 2 * PAGE_SIZE);
    assert_int_equal(byte_in_file(fd, 0), 9);
    object_put(f.kernel, object);
    close(made);
    close(fd);
    unlink(path);
    fixture_destroy(&f);
}

static void test_reads_see_stores_and_mappings_see_writes(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int fd = make_file(3 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    uint8_t bytes[2] = {0xc1, 0xc2};
    (void)state;
    assert_int_equal(map_object(&f, P(0), 3, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(poke(&f, P(1), 0x77), 0);
    assert_int_equal(object_before_read(f.kernel, fd, PAGE_SIZE - 1, 2), 0);
    assert_int_equal(byte_in_file(fd, PAGE_SIZE), 0x77);
    /* A write over a page border, beside a store that is not in the file yet. */
    assert_int_equal(poke(&f, P(0) + 7, 0x78), 0);
    assert_int_equal(pwrite(fd, bytes, 2, PAGE_SIZE - 1), 2);
    object_after_write(f.kernel, fd, PAGE_SIZE - 1, 2);
    assert_int_equal(peek(&f, P(0) + PAGE_SIZE - 1), 0xc1);
    assert_int_equal(peek(&f, P(1)), 0xc2);
    assert_int_equal(peek(&f, P(0) + 7), 0x78);
    assert_int_equal(object_before_read(f.kernel, fd, 0, UINT64_MAX), 0);
    assert_int_equal(byte_in_file(fd, 7), 0x78);
    assert_int_equal(byte_in_file(fd, PAGE_SIZE - 1), 0xc1);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_writes_are_seen_by_code_already_translated(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    struct ram *ram = f.rig->machine.ram;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 1, R | X, 0, object, 0), 0);
    assert_true(peek(&f, P(0)) >= 0);
    ram_mark_code(ram, frame_pfn(&f.kernel->frames, frame_at(&f, P(0))));
    ram->code_changed = false;
    object_after_write(f.kernel, fd, 10, 1);
    assert_true(ram->code_changed);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_truncation_takes_pages_and_private_copies(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 16});
    int fd = make_file(4 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    (void)state;
    assert_int_equal(map_object(&f, P(0), 4, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(map_object(&f, P(10), 4, RW, 0, object, 0), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(poke(&f, P(i) + 200, (uint8_t)(0x50 + i)), 0);
        assert_int_equal(poke(&f, P(10 + i) + 300, (uint8_t)(0x60 + i)), 0);
    }
    evict(&f, P(13));
    assert_int_equal(ftruncate(fd, PAGE_SIZE + 150), 0);
    object_after_truncate(f.kernel, fd, PAGE_SIZE + 150);
    fixture_check(&f);
    assert_int_equal(peek(&f, P(0) + 200), 0x50);
    assert_int_equal(peek(&f, P(1) + 149), file_byte(PAGE_SIZE + 149));
    assert_int_equal(peek(&f, P(1) + 200), 0);     /* the rest of the last page */
    assert_int_equal(peek(&f, P(11) + 300), 0x61); /* a private copy of it stays */
    for (int i = 2; i < 4; i++) {
        assert_int_equal(fault_handle(f.space, vaddr(P(i)), MMU_LOAD), FAULT_BUS_ADRERR);
        assert_int_equal(fault_handle(f.space, vaddr(P(10 + i)), MMU_LOAD), FAULT_BUS_ADRERR);
        assert_int_equal(fault_handle(f.space, vaddr(P(10 + i)), MMU_STORE), FAULT_BUS_ADRERR);
    }
    /* Longer again: zeros, the old content is gone. */
    assert_int_equal(ftruncate(fd, 4 * PAGE_SIZE), 0);
    object_after_truncate(f.kernel, fd, 4 * PAGE_SIZE);
    assert_int_equal(peek(&f, P(2) + 200), 0);
    assert_int_equal(peek(&f, P(12) + 300), 0);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_stores_beyond_the_end_do_not_come_back(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    int fd = make_file(100);
    struct object *object = open_object(&f, fd, true);
    uint8_t byte = 0x33;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 1, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(poke(&f, P(0) + 500, 0xff), 0);
    assert_int_equal(pwrite(fd, &byte, 1, 600), 1); /* the file grows past it */
    object_after_write(f.kernel, fd, 600, 1);
    assert_int_equal(peek(&f, P(0) + 500), 0);
    assert_int_equal(peek(&f, P(0) + 600), 0x33);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_shared_memory_starts_as_zeros_and_goes_to_swap(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 16});
    struct object *object;
    uint64_t dev, ino;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 4, true, &object), 0);
    assert_int_equal(f.kernel->commit.used, 4);
    assert_false(object_is_file(object, &dev, &ino));
    assert_int_equal(object_file_len(object), 0);
    assert_int_equal(map_object(&f, P(0), 5, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(map_object(&f, P(10), 4, RW, REGION_SHARED, object, 0), 0);
    object_put(f.kernel, object);
    assert_int_equal(peek(&f, P(1)), 0);
    assert_int_equal(poke(&f, P(11), 0x42), 0);
    assert_int_equal(peek(&f, P(1)), 0x42);
    assert_ptr_equal(frame_at(&f, P(1)), frame_at(&f, P(11)));
    assert_int_equal(frame_at(&f, P(1))->nmaps, 2);
    evict(&f, P(1));
    assert_null(frame_at(&f, P(11)));
    fixture_check(&f);
    assert_int_equal(swapdisk_used(f.kernel->swap), 1);
    assert_int_equal(f.rig->counters.swap_pages_out, 1);
    assert_int_equal(peek(&f, P(11)), 0x42);
    assert_int_equal(f.rig->counters.swap_pages_in, 1);
    assert_int_equal(swapdisk_used(f.kernel->swap), 0);
    assert_int_equal(fault_handle(f.space, vaddr(P(4)), MMU_LOAD), FAULT_BUS_ADRERR);
    assert_true(frame_at(&f, P(11))->flags & FRAME_DIRTY);
    evict(&f, P(11)); /* still its only copy: written again */
    assert_int_equal(f.rig->counters.swap_pages_out, 2);
    fixture_destroy(&f);
}

static void test_dropping_shared_pages_gives_slots_back(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 16});
    struct object *object;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 4, false, &object), 0);
    assert_int_equal(map_object(&f, P(0), 4, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(poke(&f, P(1), 1), 0);
    assert_int_equal(space_lock(f.space, vaddr(P(1)), 1, false), 0);
    evict(&f, P(0));
    object_drop(f.kernel, object, 0, 2); /* one in swap, one wired */
    assert_int_equal(f.kernel->pages_live, 0);
    assert_int_equal(swapdisk_used(f.kernel->swap), 0);
    fixture_check(&f);
    assert_int_equal(peek(&f, P(0)), 0);
    assert_int_equal(peek(&f, P(1)), 0);
    object_put(f.kernel, object);
    fixture_destroy(&f);
}

static void test_strict_commit_refuses_shared_memory(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 16});
    struct object *object = NULL;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 1 << 20, true, &object), -ENOMEM);
    assert_null(object);
    assert_int_equal(object_shared(f.kernel, 1 << 20, false, &object), 0);
    object_put(f.kernel, object);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_mappings_of_a_file_are_one_object),
        cmocka_unit_test(test_many_files_are_told_apart),
        cmocka_unit_test(test_what_cannot_be_mapped_is_refused),
        cmocka_unit_test(test_the_tail_of_the_last_page_is_zero_and_then_nothing),
        cmocka_unit_test(test_stores_reach_the_file_and_never_extend_it),
        cmocka_unit_test(test_an_evicted_page_goes_to_its_file),
        cmocka_unit_test(test_a_descriptor_for_appending_does_not_append),
        cmocka_unit_test(test_reads_see_stores_and_mappings_see_writes),
        cmocka_unit_test(test_writes_are_seen_by_code_already_translated),
        cmocka_unit_test(test_truncation_takes_pages_and_private_copies),
        cmocka_unit_test(test_stores_beyond_the_end_do_not_come_back),
        cmocka_unit_test(test_shared_memory_starts_as_zeros_and_goes_to_swap),
        cmocka_unit_test(test_dropping_shared_pages_gives_slots_back),
        cmocka_unit_test(test_strict_commit_refuses_shared_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
