// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that nobody maps: what stays of them, when it is used again, and when it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>

#include "space_rig.h"

/* A directory for files with names; files without are not found again. */
struct place {
    char dir[32];
    char path[64];
};

static struct place place_create(void)
{
    struct place place = {.dir = "/tmp/pagewalk-rest-XXXXXX"};
    assert_non_null(mkdtemp(place.dir));
    snprintf(place.path, sizeof(place.path), "%s/file", place.dir);
    return place;
}

static void place_destroy(const struct place *place)
{
    unlink(place->path);
    assert_int_equal(rmdir(place->dir), 0);
}

/* A file there, each byte of it `byte`. */
static int make_named(const struct place *place, uint64_t npages, uint8_t byte)
{
    uint8_t page[PAGE_SIZE];
    int fd = open(place->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    memset(page, byte, sizeof(page));
    for (uint64_t i = 0; i < npages; i++)
        assert_int_equal(pwrite(fd, page, sizeof(page), (off_t)BYTES(i)), sizeof(page));
    return fd;
}

/* Maps the file's pages at P(0), loads a byte of each, and unmaps them. Result: the last byte, or
 * -EFAULT. */
static int look(struct fixture *f, int fd, uint64_t npages)
{
    struct object *object = open_object(f, fd, false);
    int byte = 0;
    assert_int_equal(map_object(f, P(0), npages, R, 0, object, 0), 0);
    object_put(f->kernel, object);
    for (uint64_t i = 0; i < npages && byte >= 0; i++)
        byte = peek(f, P(i) + 7);
    assert_int_equal(space_unmap(f->space, vaddr(P(0)), BYTES(npages)), 0);
    fixture_check(f);
    return byte;
}

static void end(struct fixture *f, const struct place *place, int fd)
{
    close(fd);
    object_end_resting(f->kernel);
    fixture_destroy(f);
    place_destroy(place);
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 2000; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void test_pages_stay_and_are_used_again(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 8, 3), fds = count_fds();
    const struct counters *counters = &f.rig->counters;
    (void)state;
    assert_int_equal(look(&f, fd, 8), 3);
    assert_int_equal(counters->faults_major, 8);
    assert_int_equal(f.kernel->frames.nidle, 8);
    assert_int_equal(f.kernel->pages_live, 0);        /* they are nobody's */
    assert_int_equal(f.kernel->gauges.pages_peak, 8); /* as long as they were somebody's */
    assert_int_equal(count_fds(), fds);               /* and cost no descriptor */
    assert_int_equal(look(&f, fd, 8), 3);
    assert_int_equal(look(&f, fd, 8), 3);
    assert_int_equal(counters->faults_major, 8);
    assert_int_equal(counters->faults_minor, 16);
    assert_int_equal(counters->pages_in, 8);
    assert_int_equal(f.kernel->gauges.pages_peak, 8);
    end(&f, &place, fd);
}

static void test_only_what_is_touched_is_somebodys_again(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 8, 3);
    (void)state;
    look(&f, fd, 8);
    struct object *object = open_object(&f, fd, false);
    assert_int_equal(map_object(&f, P(0), 8, R, 0, object, 0), 0);
    assert_int_equal(peek(&f, P(5)), 3);
    assert_int_equal(f.kernel->pages_live, 1);
    assert_int_equal(f.kernel->frames.nidle, 7);
    fixture_check(&f);
    object_put(f.kernel, object);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(8)), 0);
    assert_int_equal(f.kernel->frames.nidle, 8);
    end(&f, &place, fd);
}

static void test_a_changed_file_is_read_again(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 4, 3);
    struct timespec times[2] = {{.tv_sec = 1000000, .tv_nsec = 1}, {.tv_sec = 1000000}};
    (void)state;
    look(&f, fd, 4);
    futimens(fd, times); /* its time of change, to the nanosecond */
    look(&f, fd, 4);
    assert_int_equal(f.rig->counters.faults_major, 8);
    assert_int_equal(ftruncate(fd, (off_t)BYTES(3)), 0); /* its length */
    assert_int_equal(look(&f, fd, 3), 3);
    assert_int_equal(f.rig->counters.faults_major, 11);
    assert_int_equal(look(&f, fd, 4), -EFAULT);
    end(&f, &place, fd);
}

/* Writes by others, so soon that the times of some file systems do not tell of them. */
static void test_old_bytes_never_come_back(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 2, 0);
    (void)state;
    for (int i = 0; i < 200; i++) {
        uint8_t byte = (uint8_t)i;
        assert_int_equal(pwrite(fd, &byte, 1, PAGE_SIZE + 7), 1);
        assert_int_equal(look(&f, fd, 2), byte);
    }
    end(&f, &place, fd);
}

/* What the times do not tell, the page's bytes do: here it changes after they were looked at. */
static void test_an_idle_page_is_compared_with_the_file(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 3, 3);
    uint8_t byte = 9;
    (void)state;
    look(&f, fd, 3);
    struct object *object = open_object(&f, fd, false);
    assert_int_equal(map_object(&f, P(0), 3, R, 0, object, 0), 0);
    object_put(f.kernel, object);
    assert_int_equal(pwrite(fd, &byte, 1, PAGE_SIZE + 7), 1);
    assert_int_equal(ftruncate(fd, (off_t)BYTES(2)), 0);
    assert_int_equal(peek(&f, P(0) + 7), 3);
    assert_int_equal(peek(&f, P(1) + 7), 9);
    assert_int_equal(peek(&f, P(2)), -EFAULT);
    assert_int_equal(f.rig->counters.pages_in, 3);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(3)), 0);
    end(&f, &place, fd);
}

static void test_a_new_file_of_the_same_name_is_another(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    (void)state;
    for (int i = 0; i < 100; i++) { /* with the same inode number, if the file system so likes */
        int fd = make_named(&place, 2, (uint8_t)i);
        assert_int_equal(look(&f, fd, 2), i);
        close(fd);
        unlink(place.path);
    }
    end(&f, &place, make_named(&place, 1, 0));
}

static void test_what_a_guest_writes_ends_it(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 4, 3);
    uint8_t byte = 9;
    (void)state;
    look(&f, fd, 4);
    object_before_read(f.kernel, fd, 0, UINT64_MAX); /* reading does not */
    assert_int_equal(f.kernel->frames.nidle, 4);
    assert_int_equal(pwrite(fd, &byte, 1, PAGE_SIZE * 3 + 7), 1);
    object_after_write(f.kernel, fd, PAGE_SIZE * 3 + 7, 1);
    assert_int_equal(f.kernel->frames.nidle, 0);
    assert_false(object_any_file(f.kernel));
    assert_int_equal(look(&f, fd, 4), 9);
    assert_int_equal(ftruncate(fd, 100), 0);
    object_after_truncate(f.kernel, fd, 100);
    assert_int_equal(f.kernel->frames.nidle, 0);
    assert_int_equal(look(&f, fd, 1), 3);
    end(&f, &place, fd);
}

static void test_stores_are_in_the_file_before_it_rests(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 2, 3);
    struct object *object = open_object(&f, fd, true);
    uint8_t byte;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 2, RW, REGION_SHARED, object, 0), 0);
    object_put(f.kernel, object);
    assert_int_equal(poke(&f, P(1), 77), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(2)), 0);
    assert_int_equal(pread(fd, &byte, 1, PAGE_SIZE), 1);
    assert_int_equal(byte, 77);
    assert_int_equal(f.kernel->frames.nidle, 1);
    object = open_object(&f, fd, true); /* and can be stored to again */
    assert_int_equal(map_object(&f, P(0), 2, RW, REGION_SHARED, object, 0), 0);
    object_put(f.kernel, object);
    assert_int_equal(peek(&f, P(1)), 77);
    assert_int_equal(poke(&f, P(1), 78), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(2)), 0);
    assert_int_equal(pread(fd, &byte, 1, PAGE_SIZE), 1);
    assert_int_equal(byte, 78);
    end(&f, &place, fd);
}

static void test_a_deleted_file_does_not_rest(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    int fd = make_file(PAGE_SIZE);
    (void)state;
    look(&f, fd, 1);
    assert_int_equal(f.kernel->frames.nidle, 0);
    assert_false(object_any_file(f.kernel));
    close(fd);
    fixture_destroy(&f);
}

/* RAM that is full of idle pages is as good as free: nothing is written or refused for want of it,
 * even without swap. */
static void test_idle_pages_go_first(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 128, .policy = "lru"});
    struct place place = place_create();
    int fd = make_named(&place, 100, 3);
    (void)state;
    look(&f, fd, 100);
    uint64_t idle = f.kernel->frames.nidle;
    assert_true(idle > 90);
    assert_int_equal(map_at(&f, P(1000), 80, RW, 0), 0);
    for (unsigned i = 0; i < 80; i++)
        assert_int_equal(poke(&f, P(1000 + i), (uint8_t)i), 0);
    fixture_check(&f);
    assert_true(f.kernel->frames.nidle < idle - 60);
    assert_int_equal(f.rig->counters.reclaims, 0);
    /* The oldest went: what is left is the end of the file. */
    assert_null(object_resident(f.kernel, f.kernel->all_objects, 0));
    assert_non_null(object_resident(f.kernel, f.kernel->all_objects, 99));
    end(&f, &place, fd);
}

/* Compaction moves idle frames too: the list and the object follow. */
static void test_idle_frames_can_be_moved(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 256});
    struct place place = place_create();
    int fd = make_named(&place, 3, 3);
    struct frame_table *table = &f.kernel->frames;
    (void)state;
    look(&f, fd, 3);
    for (uint64_t index = 0; index < 3; index++) { /* the first, one amid and the last */
        bool zero;
        struct frame *from = object_resident(f.kernel, f.kernel->all_objects, index);
        pfn_t to = buddy_take(table, 0, &zero);
        struct frame *moved = frame_move(f.kernel, from, to);
        object_moved(f.kernel->all_objects, index, to);
        table->nfree--; /* for the one that was taken */
        frame_moved_out(f.kernel, from);
        assert_ptr_equal(object_resident(f.kernel, f.kernel->all_objects, index), moved);
        fixture_check(&f);
    }
    assert_int_equal(look(&f, fd, 3), 3);
    assert_int_equal(f.rig->counters.pages_in, 3);
    end(&f, &place, fd);
}

static void test_ten_thousand_files_are_bounded(void **state)
{
    enum { FILES = 10000 };
    struct fixture f = fixture_create((struct rig_options){.nframes = 16384});
    struct place place = place_create();
    int fds = count_fds();
    unsigned objects = 0;
    (void)state;
    for (int i = 0; i < FILES; i++) {
        snprintf(place.path, sizeof(place.path), "%s/%d", place.dir, i);
        int fd = make_named(&place, 1, (uint8_t)i);
        struct object *object = open_object(&f, fd, false);
        struct frame *frame;
        bool was_read;
        assert_int_equal(frame_reserve(f.kernel, 1), 0);
        assert_int_equal(object_page(f.kernel, object, 0, &frame, &was_read), 0);
        frame_unreserve(f.kernel);
        object_put(f.kernel, object);
        close(fd);
    }
    for (const struct object *object = f.kernel->all_objects; object; object = object->next)
        objects++;
    assert_int_equal(objects, 1024);
    assert_int_equal(f.kernel->frames.nidle, 1024);
    assert_int_equal(count_fds(), fds);
    for (int i = 0; i < FILES; i++) {
        snprintf(place.path, sizeof(place.path), "%s/%d", place.dir, i);
        unlink(place.path);
    }
    end(&f, &place, dup(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_stay_and_are_used_again),
        cmocka_unit_test(test_only_what_is_touched_is_somebodys_again),
        cmocka_unit_test(test_a_changed_file_is_read_again),
        cmocka_unit_test(test_old_bytes_never_come_back),
        cmocka_unit_test(test_an_idle_page_is_compared_with_the_file),
        cmocka_unit_test(test_a_new_file_of_the_same_name_is_another),
        cmocka_unit_test(test_what_a_guest_writes_ends_it),
        cmocka_unit_test(test_stores_are_in_the_file_before_it_rests),
        cmocka_unit_test(test_a_deleted_file_does_not_rest),
        cmocka_unit_test(test_idle_pages_go_first),
        cmocka_unit_test(test_idle_frames_can_be_moved),
        cmocka_unit_test(test_ten_thousand_files_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
