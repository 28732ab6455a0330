// SPDX-License-Identifier: GPL-2.0-or-later
/* RAM: limits, lazy backing measured by mincore(2), code marks, discarding. */
#include "machine/ram.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

static struct ram *create(uint64_t nframes)
{
    struct ram *ram = NULL;
    assert_int_equal(ram_create(nframes, &ram), 0);
    assert_non_null(ram);
    return ram;
}

static size_t host_pages(const void *at, size_t len)
{
    size_t n = len / PAGE_SIZE, resident = 0;
    unsigned char *map = malloc(n);
    assert_non_null(map);
    assert_int_equal(mincore((void *)(uintptr_t)at, len, map), 0);
    for (size_t i = 0; i < n; i++)
        resident += map[i] & 1;
    free(map);
    return resident;
}

static void test_limits(void **state)
{
    struct ram *ram = NULL;
    assert_int_equal(ram_create(0, &ram), -EINVAL);
    assert_int_equal(ram_create(RAM_FRAMES_MIN - 1, &ram), -EINVAL);
    assert_int_equal(ram_create(RAM_FRAMES_MAX + 1, &ram), -EINVAL);
    assert_int_equal(ram_create(UINT64_MAX, &ram), -EINVAL);
    assert_null(ram);
    ram_destroy(create(RAM_FRAMES_MIN));
    ram_destroy(NULL);
}

/* The whole of the largest machine can be addressed, and only what is touched costs anything. */
static void test_largest_is_lazy(void **state)
{
    struct ram *ram = create(RAM_FRAMES_MAX);
    pfn_t last = (pfn_t)(RAM_FRAMES_MAX - 1);
    ram_frame(ram, 1)[0] = 1;
    ram_frame(ram, last)[PAGE_SIZE - 1] = 2;
    ram_mark_code(ram, last);
    assert_int_equal(*ram_at(ram, paddr(PAGE_SIZE)), 1);
    assert_int_equal(*ram_at(ram, paddr(RAM_FRAMES_MAX * PAGE_SIZE - 1)), 2);
    assert_true(ram_has_code(ram, last));
    assert_false(ram_has_code(ram, last - 1));
    ram_destroy(ram);
}

static void test_untouched_frames_cost_nothing(void **state)
{
    enum { FRAMES = 4096 };
    struct ram *ram = create(FRAMES);
    madvise(ram->bytes, FRAMES * PAGE_SIZE, MADV_NOHUGEPAGE);
    assert_int_equal(host_pages(ram->bytes, FRAMES * PAGE_SIZE), 0);
    for (pfn_t pfn = 0; pfn < FRAMES; pfn += 512)
        ram_frame(ram, pfn)[7] = 1;
    assert_int_equal(host_pages(ram->bytes, FRAMES * PAGE_SIZE), FRAMES / 512);
    ram_destroy(ram);
}

static void test_discard(void **state)
{
    struct ram *ram = create(64);
    memset(ram->bytes, 0xaa, 64 * PAGE_SIZE);
    ram_discard(ram, 10, 4);
    ram_discard(ram, 20, 0);
    assert_int_equal(ram_frame(ram, 9)[PAGE_SIZE - 1], 0xaa);
    for (pfn_t pfn = 10; pfn < 14; pfn++)
        assert_int_equal(ram_frame(ram, pfn)[0] | ram_frame(ram, pfn)[PAGE_SIZE - 1], 0);
    assert_int_equal(ram_frame(ram, 14)[0], 0xaa);
    assert_int_equal(ram_frame(ram, 20)[0], 0xaa);
    ram_destroy(ram);
}

static void test_code_marks(void **state)
{
    struct ram *ram = create(64);
    ram_mark_code(ram, 8);
    ram_mark_code(ram, 9);
    ram_changed(ram, 10);
    assert_false(ram->code_changed);
    ram_changed(ram, 9);
    assert_true(ram->code_changed);
    assert_false(ram_has_code(ram, 9));
    assert_true(ram_has_code(ram, 8));
    ram->code_changed = false;
    ram_changed(ram, 9);
    assert_false(ram->code_changed);
    ram_discard(ram, 0, 64); /* what is discarded changes as well */
    assert_true(ram->code_changed);
    assert_false(ram_has_code(ram, 8));
    ram_destroy(ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_largest_is_lazy),
        cmocka_unit_test(test_untouched_frames_cost_nothing),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_code_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
