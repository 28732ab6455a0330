// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What several spaces share is in RAM once: pages of a file, shared memory, private pages after a
 * fork. Frames in use are what the proportional sizes add up to, and an eviction takes a page from
 * everybody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

enum { SPACES = 8, PAGES = 40, TABLES = 4 /* of each space */ };

/* The first of the spaces is the fixture's. */
struct family {
    struct fixture f[SPACES];
    unsigned n;
};

static struct family make(uint64_t nframes, unsigned n)
{
    struct family family = {.n = n};
    family.f[0] = fixture_create((struct rig_options){.nframes = nframes, .nslots = 2000});
    for (unsigned i = 1; i < n; i++) {
        family.f[i] = family.f[0];
        assert_int_equal(space_create(family.f[0].kernel, &family.f[i].space), 0);
    }
    return family;
}

static void check(const struct family *family)
{
    for (unsigned i = 0; i < family->n; i++)
        fixture_check(&family->f[i]);
}

static void destroy(struct family *family)
{
    check(family);
    for (unsigned i = 1; i < family->n; i++)
        space_put(family->f[i].space);
    fixture_destroy(&family->f[0]);
}

static struct region_usage measure(const struct fixture *f)
{
    struct region_usage usage;
    region_measure(f->space, space_region_at(f->space, vaddr(P(0))), &usage);
    return usage;
}

struct sums {
    uint64_t rss, pss; /* pages */
};

static struct sums sum_of(const struct family *family)
{
    struct sums sums = {0};
    for (unsigned i = 0; i < family->n; i++) {
        struct region_usage usage = measure(&family->f[i]);
        sums.rss += usage.rss;
        sums.pss += usage.pss_4096;
    }
    sums.pss /= 4096;
    return sums;
}

static void map_everywhere(struct family *family, struct object *object, unsigned prot,
                           unsigned region_flags)
{
    for (unsigned i = 0; i < family->n; i++)
        assert_int_equal(map_object(&family->f[i], P(0), PAGES, prot, region_flags, object, 0), 0);
}

static void test_a_page_of_a_file_is_in_ram_once(void **state)
{
    struct family family = make(1024, SPACES);
    struct kernel *kernel = family.f[0].kernel;
    int fd = make_file(BYTES(PAGES));
    struct object *file = open_object(&family.f[0], fd, false);
    (void)state;
    map_everywhere(&family, file, R | X, 0);
    uint64_t before = frame_in_use(&kernel->frames);
    for (unsigned i = 0; i < SPACES; i++)
        for (unsigned page = 0; page < PAGES; page++)
            assert_int_equal(peek(&family.f[i], P(page)), file_byte(BYTES(page)));
    struct sums sums = sum_of(&family);
    uint64_t used = frame_in_use(&kernel->frames) - before;
    print_message("%u spaces map a file of %u pages: resident %lu, proportional %lu, frames %lu, "
                  "%u of them tables\n",
                  SPACES, PAGES, (unsigned long)sums.rss, (unsigned long)sums.pss,
                  (unsigned long)used, SPACES * TABLES);
    assert_int_equal(sums.rss, SPACES * PAGES);
    assert_int_equal(sums.pss, PAGES);
    assert_int_equal(used, PAGES + SPACES * TABLES);
    assert_int_equal(family.f[0].rig->counters.pages_in, PAGES);
    object_put(kernel, file);
    destroy(&family);
    close(fd);
}

static void test_a_private_page_counts_for_its_owner_alone(void **state)
{
    struct family family = make(1024, SPACES);
    int fd = make_file(BYTES(PAGES));
    struct object *file = open_object(&family.f[0], fd, false);
    (void)state;
    map_everywhere(&family, file, RW, 0);
    for (unsigned i = 0; i < SPACES; i++)
        for (unsigned page = 0; page < PAGES; page++)
            peek(&family.f[i], P(page));
    assert_int_equal(poke(&family.f[3], P(5), 1), 0);
    struct region_usage one = measure(&family.f[3]), other = measure(&family.f[4]);
    assert_int_equal(one.private_dirty, 1);
    assert_int_equal(one.anonymous, 1);
    assert_int_equal(one.pss_anonymous_4096, 4096);
    assert_int_equal(one.pss_dirty_4096, 4096);
    assert_int_equal(one.pss_4096, 4096 + (PAGES - 1) * 512);
    assert_int_equal(other.pss_4096, (PAGES - 1) * 512 + 4096 / 7);
    assert_int_equal(other.shared_clean, PAGES);
    assert_int_equal(other.private_dirty, 0);
    object_put(family.f[0].kernel, file);
    destroy(&family);
    close(fd);
}

/* Four spaces read a file that is larger than the RAM they have left. */
static void test_eviction_takes_a_file_page_from_every_space(void **state)
{
    struct family family = make(0, 4);
    struct kernel *kernel = family.f[0].kernel;
    int fd = make_file(BYTES(PAGES));
    struct object *file = open_object(&family.f[0], fd, false);
    (void)state;
    map_everywhere(&family, file, R, REGION_SHARED);
    for (unsigned round = 0; round < 5; round++)
        for (unsigned page = 0; page < PAGES; page++)
            for (unsigned i = 0; i < family.n; i++)
                assert_int_equal(peek(&family.f[(i + page) % family.n], P(page)),
                                 file_byte(BYTES(page)));
    struct frame *frame = frame_at(&family.f[0], P(PAGES - 1));
    assert_int_equal(frame->nmaps, family.n);
    evict(&family.f[2], P(PAGES - 1));
    for (unsigned i = 0; i < family.n; i++)
        assert_null(frame_at(&family.f[i], P(PAGES - 1)));
    assert_int_equal(family.f[0].rig->counters.swap_pages_out, 0);
    assert_true(frame_in_use(&kernel->frames) <= PAGES + family.n * TABLES + 1);
    object_put(kernel, file);
    destroy(&family);
    close(fd);
}

/* Each writes its own byte of each page, in RAM for a quarter of the pages. */
static void test_shared_memory_goes_to_swap_and_comes_back_for_all(void **state)
{
    enum { MEMORY = 160 };
    struct family family = make(0, 4);
    struct object *memory;
    (void)state;
    assert_int_equal(object_shared(family.f[0].kernel, MEMORY, true, &memory), 0);
    for (unsigned i = 0; i < family.n; i++)
        assert_int_equal(map_object(&family.f[i], P(0), MEMORY, RW, REGION_SHARED, memory, 0), 0);
    for (unsigned i = 0; i < family.n; i++)
        for (unsigned page = 0; page < MEMORY; page++)
            assert_int_equal(poke(&family.f[i], P(page) + i, (uint8_t)(page + i)), 0);
    for (unsigned i = 0; i < family.n; i++)
        for (unsigned page = 0; page < MEMORY; page++)
            assert_int_equal(peek(&family.f[i], P(page) + (i + 1) % family.n),
                             (uint8_t)(page + (i + 1) % family.n));
    struct region_usage usage = measure(&family.f[0]);
    assert_true(family.f[0].rig->counters.swap_pages_in > MEMORY);
    unsigned resident = 0;
    for (unsigned page = 0; page < MEMORY; page++)
        resident += object_resident(family.f[0].kernel, memory, page) != NULL;
    assert_int_equal(usage.swap + resident, MEMORY);
    object_put(family.f[0].kernel, memory);
    destroy(&family);
}

static void test_forked_pages_are_shared_in_ram_and_in_swap(void **state)
{
    struct family family = make(1024, 1);
    (void)state;
    assert_int_equal(map_at(&family.f[0], P(0), PAGES, RW, 0), 0);
    for (unsigned page = 0; page < PAGES; page++)
        assert_int_equal(poke(&family.f[0], P(page), (uint8_t)page), 0);
    for (unsigned i = 1; i < 4; i++, family.n++) {
        family.f[i] = family.f[0];
        assert_int_equal(space_fork(family.f[0].space, &family.f[i].space), 0);
        for (unsigned page = 0; page < PAGES; page++)
            assert_int_equal(peek(&family.f[i], P(page)), (uint8_t)page);
    }
    family.n = 4;
    struct sums sums = sum_of(&family);
    assert_int_equal(sums.rss, 4 * PAGES);
    assert_int_equal(sums.pss, PAGES);
    assert_int_equal(space_footprint(family.f[1].space), PAGES + TABLES);
    for (unsigned page = 0; page < PAGES; page++)
        evict(&family.f[page % 4], P(page));
    for (unsigned i = 0; i < 4; i++) {
        struct region_usage usage = measure(&family.f[i]);
        assert_int_equal(usage.rss, 0);
        assert_int_equal(usage.swap, PAGES);
        assert_int_equal(usage.swap_pss_4096, PAGES * 1024);
        assert_int_equal(space_footprint(family.f[i].space), PAGES); /* tables have gone */
    }
    assert_int_equal(swapdisk_used(family.f[0].kernel->swap), PAGES);
    destroy(&family);
}

static void test_a_lock_of_one_space_keeps_the_page_for_all(void **state)
{
    struct family family = make(0, 2);
    struct object *memory;
    (void)state;
    assert_int_equal(object_shared(family.f[0].kernel, PAGES, true, &memory), 0);
    map_everywhere(&family, memory, RW, REGION_SHARED);
    assert_int_equal(poke(&family.f[0], P(0), 9), 0);
    assert_int_equal(peek(&family.f[1], P(0)), 9);
    assert_int_equal(space_lock(family.f[1].space, vaddr(P(0)), BYTES(1), false), 0);
    struct frame *frame = frame_at(&family.f[0], P(0));
    assert_int_equal(map_at(&family.f[0], P(100), 200, RW, 0), 0);
    for (unsigned page = 0; page < 200; page++)
        assert_int_equal(poke(&family.f[0], P(100 + page), 1), 0);
    assert_ptr_equal(frame_at(&family.f[0], P(0)), frame);
    assert_int_equal(space_unlock(family.f[1].space, vaddr(P(0)), BYTES(1)), 0);
    for (unsigned page = 0; page < 200; page++)
        assert_int_equal(poke(&family.f[0], P(100 + page), 2), 0);
    assert_null(frame_at(&family.f[0], P(0)));
    assert_int_equal(peek(&family.f[1], P(0)), 9);
    object_put(family.f[0].kernel, memory);
    destroy(&family);
}

static void fill_and_press(struct fixture *f)
{
    assert_int_equal(map_at(f, P(100), 200, RW, 0), 0);
    for (unsigned page = 0; page < 200; page++)
        assert_int_equal(poke(f, P(100 + page), 1), 0);
}

static void test_a_locked_object_stays_in_ram_mapped_or_not(void **state)
{
    struct family family = make(0, 2);
    struct kernel *kernel = family.f[0].kernel;
    struct object *memory;
    (void)state;
    assert_int_equal(object_shared(kernel, PAGES, true, &memory), 0);
    map_everywhere(&family, memory, RW, REGION_SHARED);
    assert_int_equal(poke(&family.f[0], P(0), 5), 0);
    object_set_locked(kernel, memory, true);
    object_set_locked(kernel, memory, true);          /* once is enough */
    assert_int_equal(poke(&family.f[1], P(1), 6), 0); /* it came later */
    assert_int_equal(space_unmap(family.f[0].space, vaddr(P(0)), BYTES(PAGES)), 0);
    fill_and_press(&family.f[0]);
    check(&family);
    assert_non_null(object_resident(kernel, memory, 0));
    assert_non_null(object_resident(kernel, memory, 1));
    object_set_locked(kernel, memory, false);
    fill_and_press(&family.f[0]);
    assert_int_equal(object_swapped(memory, 0, PAGES), 2);
    assert_int_equal(peek(&family.f[1], P(0)), 5);
    object_set_locked(kernel, memory, true); /* and ends locked */
    object_put(kernel, memory);
    destroy(&family);
}

struct watcher {
    struct object_watcher watcher; /* first */
    unsigned ended;
};

static void note_end(struct object_watcher *watcher)
{
    ((struct watcher *)watcher)->ended++;
}

static void test_the_end_of_an_object_is_told_once_nobody_maps_it(void **state)
{
    struct family family = make(0, 2);
    struct watcher watcher = {.watcher.ended = note_end};
    struct object *memory;
    (void)state;
    assert_int_equal(object_shared(family.f[0].kernel, PAGES, true, &memory), 0);
    memory->watcher = &watcher.watcher;
    map_everywhere(&family, memory, RW, REGION_SHARED);
    object_put(family.f[0].kernel, memory);
    assert_int_equal(poke(&family.f[0], P(0), 5), 0);
    assert_int_equal(space_unmap(family.f[0].space, vaddr(P(0)), BYTES(PAGES)), 0);
    assert_int_equal(watcher.ended, 0);
    assert_int_equal(peek(&family.f[1], P(0)), 5);
    space_clear(family.f[1].space);
    assert_int_equal(watcher.ended, 1);
    destroy(&family);
}

static void test_a_removed_page_is_zeros_for_all(void **state)
{
    struct family family = make(0, 3);
    struct object *memory;
    (void)state;
    assert_int_equal(object_shared(family.f[0].kernel, PAGES, true, &memory), 0);
    map_everywhere(&family, memory, RW, REGION_SHARED);
    for (unsigned i = 0; i < family.n; i++)
        assert_int_equal(poke(&family.f[i], P(3) + i, 7), 0);
    /* To drop one's own mapping changes nothing. */
    assert_int_equal(space_advise(family.f[0].space, vaddr(P(3)), BYTES(1), MADV_DONTNEED), 0);
    assert_int_equal(peek(&family.f[0], P(3) + 2), 7);
    assert_int_equal(space_advise(family.f[0].space, vaddr(P(3)), BYTES(1), MADV_REMOVE), 0);
    for (unsigned i = 0; i < family.n; i++)
        assert_int_equal(peek(&family.f[i], P(3) + i), 0);
    object_put(family.f[0].kernel, memory);
    destroy(&family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_of_a_file_is_in_ram_once),
        cmocka_unit_test(test_a_private_page_counts_for_its_owner_alone),
        cmocka_unit_test(test_eviction_takes_a_file_page_from_every_space),
        cmocka_unit_test(test_shared_memory_goes_to_swap_and_comes_back_for_all),
        cmocka_unit_test(test_forked_pages_are_shared_in_ram_and_in_swap),
        cmocka_unit_test(test_a_locked_object_stays_in_ram_mapped_or_not),
        cmocka_unit_test(test_the_end_of_an_object_is_told_once_nobody_maps_it),
        cmocka_unit_test(test_a_removed_page_is_zeros_for_all),
        cmocka_unit_test(test_a_lock_of_one_space_keeps_the_page_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
