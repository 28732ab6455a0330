// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaim of object pages: files, whose pages go home, and shared memory, whose pages go to swap.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/object.h"
#include "machine/pte.h"
#include "rig.h"

#define BASE ((uint64_t)0x10000000)

enum { RW = PROT_MASK_R | PROT_MASK_W };

struct fixture {
    struct rig *rig;
    struct space *space;
    struct object *object;
    unsigned prot;
    int fd; /* of the file */
};

static struct fixture fixture_create(uint64_t nslots)
{
    struct fixture f = {.rig = rig_create((struct rig_options){.nslots = nslots}), .fd = -1};
    f.space = rig_space(f.rig, 1);
    return f;
}

/* A file of npages in which page i holds the number 1000 + i. */
static struct fixture file_fixture(uint64_t npages, unsigned prot)
{
    struct fixture f = fixture_create(0);
    char path[] = "/tmp/pagewalk-test-file-XXXXXX";
    f.prot = prot;
    f.fd = mkstemp(path);
    assert_true(f.fd >= 0);
    unlink(path);
    assert_int_equal(ftruncate(f.fd, (off_t)npages * PAGE_SIZE), 0);
    for (uint64_t i = 0; i < npages; i++) {
        uint64_t value = 1000 + i;
        assert_int_equal(pwrite(f.fd, &value, sizeof(value), (off_t)i * PAGE_SIZE), sizeof(value));
    }
    assert_int_equal(object_file(f.rig->kernel, f.fd, prot & PROT_MASK_W, &f.object), 0);
    return f;
}

static struct fixture shared_fixture(uint64_t npages, uint64_t nslots)
{
    struct fixture f = fixture_create(nslots);
    f.prot = RW;
    assert_int_equal(object_shared(f.rig->kernel, npages, false, &f.object), 0);
    /* What reaches the object from the space, for kernel_is_valid(). */
    struct region *region = region_create(BASE, BASE + npages * PAGE_SIZE);
    region->object = object_get(f.object);
    region->flags = REGION_SHARED;
    rangemap_insert(&f.space->regions, &region->range);
    return f;
}

static void fixture_destroy(struct fixture *f)
{
    struct region *region = space_region_from(f->space, vaddr(0));
    pagetable_destroy(f->rig->kernel, &f->space->table);
    if (region) {
        rangemap_remove(&f->space->regions, &region->range);
        region_destroy(f->rig->kernel, region);
    }
    object_put(f->rig->kernel, f->object);
    rig_space_end(f->rig, f->space);
    if (f->fd >= 0)
        close(f->fd);
    rig_destroy(f->rig);
}

static int fault(struct fixture *f, uint64_t i)
{
    struct kernel *kernel = f->rig->kernel;
    struct frame *frame;
    bool was_read;
    int error = frame_reserve(kernel, PAGETABLE_FRAMES_MAX + 1);
    if (error)
        return error;
    error = object_page(kernel, f->object, i, &frame, &was_read);
    if (!error)
        pagetable_map(kernel, &f->space->table, vaddr(BASE + i * PAGE_SIZE), frame, f->prot);
    frame_unreserve(kernel);
    return error;
}

static uint64_t *touch(struct fixture *f, uint64_t i, enum mmu_access access)
{
    uint8_t *byte;
    while (!(byte = rig_access(f->rig, f->space, BASE + i * PAGE_SIZE, access)))
        assert_int_equal(fault(f, i), 0);
    return (uint64_t *)(void *)byte;
}

static uint64_t in_file(const struct fixture *f, uint64_t i)
{
    uint64_t value;
    assert_int_equal(pread(f->fd, &value, sizeof(value), (off_t)i * PAGE_SIZE), sizeof(value));
    return value;
}

static void clean_file_pages_are_dropped_and_read_again(void **state)
{
    struct fixture f = file_fixture(300, PROT_MASK_R);
    for (unsigned round = 0; round < 2; round++)
        for (uint64_t i = 0; i < 300; i++)
            assert_int_equal(*touch(&f, i, MMU_LOAD), 1000 + i);
    assert_int_equal(f.rig->counters.pages_out, 0);
    assert_int_equal(f.rig->counters.swap_pages_in, 0);
    assert_true(f.rig->counters.reclaims > 500);
    assert_true(f.rig->counters.pages_in > 500);
    assert_int_equal(f.rig->kernel->pages_live, 300); /* the footprint, resident or not */
    assert_true(kernel_is_valid(f.rig->kernel));
    fixture_destroy(&f);
}

static void dirty_file_pages_go_home(void **state)
{
    struct fixture f = file_fixture(300, RW);
    for (uint64_t i = 0; i < 300; i++)
        *touch(&f, i, MMU_STORE) = 5000 + i;
    assert_true(f.rig->counters.pages_out >= 300 - RAM_FRAMES_MIN);
    assert_int_equal(f.rig->counters.swap_pages_out, 0);
    unsigned written = 0;
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t value = in_file(&f, i);
        assert_true(value == 1000 + i || value == 5000 + i);
        written += value == 5000 + i;
    }
    assert_int_equal(written, f.rig->counters.pages_out);
    for (uint64_t i = 0; i < 300; i++)
        assert_int_equal(*touch(&f, i, MMU_LOAD), 5000 + i);
    assert_true(kernel_is_valid(f.rig->kernel));
    fixture_destroy(&f);
}

static void dirty_neighbours_are_written_along_and_stay(void **state)
{
    struct fixture f = file_fixture(40, RW);
    for (uint64_t i = 0; i < 40; i++)
        if (i != 5 && i != 30)
            *touch(&f, i, MMU_STORE) = 5000 + i;
    assert_int_equal(*touch(&f, 30, MMU_LOAD), 1030); /* what is clean ends the run */
    struct frame *victim = object_resident(f.rig->kernel, f.object, 20);
    struct frame *neighbour = object_resident(f.rig->kernel, f.object, 21);
    assert_true(reclaim_frame(f.rig->kernel, victim));
    assert_int_equal(f.rig->counters.reclaims, 1);
    assert_int_equal(f.rig->counters.pages_out, 14 + 1 + 9); /* 6..19, 20, 21..29 */
    for (uint64_t i = 0; i < 40; i++)
        assert_int_equal(in_file(&f, i), i >= 6 && i <= 29 ? 5000 + i : 1000 + i);
    assert_ptr_equal(object_resident(f.rig->kernel, f.object, 21), neighbour);
    assert_false(pagetable_frame_is_dirty(f.rig->kernel, neighbour));
    assert_null(rig_access(f.rig, f.space, BASE + 21 * PAGE_SIZE, MMU_STORE));
    *touch(&f, 21, MMU_STORE) = 7777; /* a store after the write is not lost */
    assert_true(reclaim_frame(f.rig->kernel, neighbour));
    assert_int_equal(in_file(&f, 21), 7777);
    assert_true(kernel_is_valid(f.rig->kernel));
    fixture_destroy(&f);
}

static void limit_writes(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_file_that_cannot_be_written_keeps_its_pages_in_ram(void **state)
{
    struct fixture f = file_fixture(300, RW);
    for (uint64_t i = 0; i < 20; i++)
        *touch(&f, i, MMU_STORE) = 5000 + i;
    limit_writes(0);
    for (uint64_t i = 20; i < 300; i++) /* clean pages still come and go */
        assert_int_equal(*touch(&f, i, MMU_LOAD), 1000 + i);
    for (uint64_t i = 0; i < 20; i++)
        assert_non_null(object_resident(f.rig->kernel, f.object, i));
    assert_int_equal(f.rig->counters.pages_out, 0);
    assert_non_null(strstr(f.rig->kernel->trouble, strerror(EFBIG)));
    assert_true(kernel_is_valid(f.rig->kernel));
    limit_writes(RLIM_INFINITY);
    for (uint64_t i = 0; i < 20; i++) { /* now they can go */
        struct frame *frame = object_resident(f.rig->kernel, f.object, i);
        assert_true(reclaim_frame(f.rig->kernel, frame));
        assert_int_equal(in_file(&f, i), 5000 + i);
    }
    fixture_destroy(&f);
}

static void shared_memory_goes_to_swap_and_back(void **state)
{
    struct fixture f = shared_fixture(300, 400);
    for (uint64_t i = 0; i < 300; i++)
        *touch(&f, i, MMU_STORE) = i;
    srand(4);
    uint64_t values[300];
    for (uint64_t i = 0; i < 300; i++)
        values[i] = i;
    for (unsigned step = 0; step < 3000; step++) {
        uint64_t i = (uint64_t)rand() % 300;
        assert_int_equal(*touch(&f, i, MMU_LOAD), values[i]);
        if (step % 2 == 0)
            *touch(&f, i, MMU_STORE) = values[i] = step;
        if (step % 100 == 0)
            assert_true(kernel_is_valid(f.rig->kernel));
    }
    assert_int_equal(f.rig->counters.swap_pages_out, f.rig->counters.pages_out);
    assert_true(f.rig->kernel->gauges.swap_peak >= 300 - RAM_FRAMES_MIN);
    struct kernel *kernel = f.rig->kernel;
    pagetable_destroy(kernel, &f.space->table);
    object_drop(kernel, f.object, 0, UINT64_MAX);
    assert_int_equal(swapdisk_used(kernel->swap), 0);
    assert_int_equal(kernel->pages_live, 0);
    fixture_destroy(&f);
}

/* When swap is full of shared pages, clean pages of a file still make room. */
static void clean_file_pages_go_when_swap_is_full(void **state)
{
    struct fixture f = shared_fixture(80, 40);
    for (uint64_t i = 0; i < 80; i++)
        *touch(&f, i, MMU_STORE) = i;
    assert_int_equal(swapdisk_used(f.rig->kernel->swap) > 20, true);
    struct fixture file = file_fixture(1, PROT_MASK_R); /* for its file only */
    assert_int_equal(ftruncate(file.fd, 200 * PAGE_SIZE), 0);
    struct object *object;
    assert_int_equal(object_file(f.rig->kernel, file.fd, false, &object), 0);
    for (uint64_t i = 0; i < 200; i++) {
        struct frame *frame;
        bool was_read;
        assert_int_equal(frame_reserve(f.rig->kernel, 1), 0);
        assert_int_equal(object_page(f.rig->kernel, object, i, &frame, &was_read), 0);
        frame_unreserve(f.rig->kernel);
    }
    assert_int_equal(swapdisk_used(f.rig->kernel->swap), 40);
    for (uint64_t i = 0; i < 80; i++)
        assert_int_equal(*touch(&f, i, MMU_LOAD), i);
    assert_true(kernel_is_valid(f.rig->kernel));
    object_put(f.rig->kernel, object);
    fixture_destroy(&file);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_file_pages_are_dropped_and_read_again),
        cmocka_unit_test(dirty_file_pages_go_home),
        cmocka_unit_test(dirty_neighbours_are_written_along_and_stay),
        cmocka_unit_test(a_file_that_cannot_be_written_keeps_its_pages_in_ram),
        cmocka_unit_test(shared_memory_goes_to_swap_and_back),
        cmocka_unit_test(clean_file_pages_go_when_swap_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
