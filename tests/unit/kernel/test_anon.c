// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

/* A new anon at that place of the space's amap, which has the reference. */
static struct anon *make(struct fixture *f, uint64_t vpn, uint8_t byte)
{
    assert_int_equal(frame_reserve(f->kernel, 1), 0);
    struct frame *frame = frame_take_zeroed(f->kernel, FRAME_ANON);
    memset(rig_bytes(f->rig, frame), byte, PAGE_SIZE);
    struct anon *anon = anon_create(f->kernel, frame);
    amap_insert(&f->space->amap, vpn, anon);
    frame_unreserve(f->kernel);
    return anon;
}

static struct frame *load(struct fixture *f, struct anon *anon)
{
    struct frame *frame;
    assert_int_equal(frame_reserve(f->kernel, 1), 0);
    assert_int_equal(anon_load(f->kernel, anon, &frame), 0);
    frame_unreserve(f->kernel);
    return frame;
}

static void out(struct fixture *f, struct anon *anon)
{
    assert_true(reclaim_frame(f->kernel, load(f, anon)));
    assert_false(anon_is_resident(anon));
}

static void test_a_new_anon_owns_its_frame_and_counts_as_a_page(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 10});
    uint64_t nfree = f.kernel->frames.nfree;
    struct anon *anon = make(&f, 1, 7);
    struct frame *frame = load(&f, anon);
    (void)state;
    assert_int_equal(f.kernel->pages_live, 1);
    assert_int_equal(frame->owner, (uintptr_t)anon);
    assert_int_equal(frame->index, SWAP_NONE);
    assert_true(frame->flags & FRAME_DIRTY);
    assert_true(policy_contains(&f.kernel->policy, frame_pfn(&f.kernel->frames, frame)));
    assert_int_equal(f.rig->counters.pages_in, 0);
    amap_drop(f.kernel, &f.space->amap, 1, 2);
    assert_int_equal(f.kernel->frames.nfree, nfree);
    fixture_destroy(&f);
}

static void test_a_page_survives_swap_and_keeps_a_clean_copy(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 10});
    struct anon *anon = make(&f, 1, 0x5a);
    (void)state;
    out(&f, anon);
    assert_int_equal(f.rig->counters.swap_pages_out, 1);
    struct frame *frame = load(&f, anon);
    assert_int_equal(rig_bytes(f.rig, frame)[4095], 0x5a);
    assert_int_equal(f.rig->counters.swap_pages_in, 1);
    assert_int_equal(f.rig->counters.pages_in, 1);
    assert_true(frame->index != SWAP_NONE);
    assert_int_equal(swapdisk_used(f.kernel->swap), 1);
    out(&f, anon); /* clean: nothing is written */
    assert_int_equal(f.rig->counters.swap_pages_out, 1);
    assert_int_equal(rig_bytes(f.rig, load(&f, anon))[0], 0x5a);
    amap_drop(f.kernel, &f.space->amap, 1, 2);
    fixture_destroy(&f);
}

static void test_the_last_reference_gives_back_what_it_has(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 10});
    struct anon *resident = make(&f, 1, 1), *swapped = make(&f, 2, 2);
    (void)state;
    out(&f, swapped);
    assert_ptr_equal(anon_get(swapped), swapped);
    anon_put(f.kernel, swapped);
    assert_int_equal(swapdisk_used(f.kernel->swap), 1);
    assert_ptr_equal(amap_remove(&f.space->amap, 2), swapped);
    anon_put(f.kernel, swapped);
    assert_int_equal(swapdisk_used(f.kernel->swap), 0);
    assert_ptr_equal(amap_remove(&f.space->amap, 1), resident);
    anon_put(f.kernel, resident);
    fixture_destroy(&f);
}

static void test_a_damaged_copy_is_never_used(void **state)
{
    char path[] = "/tmp/test_anon_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct fixture f = fixture_create((struct rig_options){.nslots = 10, .path = path});
    struct anon *anon = make(&f, 1, 3);
    struct frame *frame;
    (void)state;
    out(&f, anon);
    flip_swap(fd, 10);
    assert_int_equal(frame_reserve(f.kernel, 1), 0);
    assert_int_equal(anon_load(f.kernel, anon, &frame), -EBADMSG);
    assert_non_null(strstr(f.kernel->trouble, path));
    assert_non_null(strstr(f.kernel->trouble, "damaged"));
    assert_true(anon->poisoned);
    flip_swap(fd, 10); /* even if it is whole again */
    assert_int_equal(anon_load(f.kernel, anon, &frame), -EIO);
    frame_unreserve(f.kernel);
    assert_int_equal(f.rig->counters.pages_in, 0);
    amap_drop(f.kernel, &f.space->amap, 1, 2);
    fixture_destroy(&f);
    close(fd);
    unlink(path);
}

static void test_amap_finds_walks_and_drops(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 10});
    struct amap *amap = &f.space->amap;
    static const uint64_t places[] = {0, 5, 0x7fffffffe};
    struct anon *anons[3], *found;
    (void)state;
    for (int i = 0; i < 3; i++)
        anons[i] = make(&f, places[i], (uint8_t)i);
    assert_ptr_equal(amap_find(amap, 5), anons[1]);
    assert_null(amap_find(amap, 4));
    uint64_t at = 1;
    assert_true(amap_next(amap, &at, UINT64_MAX, &found));
    assert_int_equal(at, 5);
    assert_ptr_equal(found, anons[1]);
    at = 6;
    assert_false(amap_next(amap, &at, 0x7fffffffe, &found));
    assert_ptr_equal(amap_remove(amap, 5), anons[1]);
    assert_null(amap_remove(amap, 5));
    anon_put(f.kernel, anons[1]);
    amap_drop(f.kernel, amap, 0, 5);
    assert_null(amap_find(amap, 0));
    assert_non_null(amap_find(amap, 0x7fffffffe));
    amap_drop(f.kernel, amap, 5, UINT64_MAX);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_anon_owns_its_frame_and_counts_as_a_page),
        cmocka_unit_test(test_a_page_survives_swap_and_keeps_a_clean_copy),
        cmocka_unit_test(test_the_last_reference_gives_back_what_it_has),
        cmocka_unit_test(test_a_damaged_copy_is_never_used),
        cmocka_unit_test(test_amap_finds_walks_and_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
