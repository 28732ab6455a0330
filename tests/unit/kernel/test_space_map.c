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

static int map(struct fixture *f, struct space_map_request r, uint64_t *where)
{
    vaddr_t va = vaddr(0);
    int result = space_map(f->space, &r, &va);
    *where = va.v;
    return result;
}

static void test_arguments_are_checked(void **state)
{
    struct fixture f = make();
    const unsigned fixed = SPACE_MAP_FIXED;
    uint64_t at;
    (void)state;
    assert_int_equal(map(&f, request(0, 0, RW, 0, 0), &at), -EINVAL);
    struct space_map_request r = request(0, 1, RW, 0, 0);
    r.len = UINT64_MAX;
    assert_int_equal(map(&f, r, &at), -ENOMEM);
    r.len = SPACE_END + 1;
    assert_int_equal(map(&f, r, &at), -ENOMEM);
    assert_int_equal(map(&f, request(P(0) + 1, 1, RW, fixed, 0), &at), -EINVAL);
    assert_int_equal(map(&f, request(SPACE_END - PAGE_SIZE, 2, RW, fixed, 0), &at), -ENOMEM);
    assert_int_equal(map(&f, request(UINT64_MAX & ~PAGE_MASK, 1, RW, fixed, 0), &at), -ENOMEM);
    assert_int_equal(map(&f, request(SPACE_MMAP_MIN - PAGE_SIZE, 1, RW, fixed, 0), &at), -EPERM);
    assert_int_equal(map(&f, request(0, 1, RW, fixed, 0), &at), -EPERM);
    assert_int_equal(map(&f, request(0, 1, RW, 0, REGION_GROWSDOWN | REGION_SHARED), &at), -EINVAL);
    int fd = make_file(1);
    r = request(0, 1, R, 0, 0);
    r.object = open_object(&f, fd, false);
    r.object_page = (uint64_t)INT64_MAX >> PAGE_SHIFT;
    assert_int_equal(map(&f, r, &at), -EOVERFLOW);
    r.region_flags = REGION_GROWSDOWN;
    assert_int_equal(map(&f, r, &at), -EINVAL);
    object_put(f.kernel, r.object);
    close(fd);
    assert_int_equal(f.space->regions.count, 0);
    assert_int_equal(at, 0);
    fixture_destroy(&f);
}

static void test_places_are_chosen_from_the_top_down(void **state)
{
    struct fixture f = make();
    uint64_t a, b, c, d;
    (void)state;
    assert_int_equal(map(&f, request(0, 4, RW, 0, 0), &a), 0);
    assert_int_equal(a, SPACE_MMAP_TOP - BYTES(4));
    assert_int_equal(map(&f, request(0, 2, R, 0, 0), &b), 0);
    assert_int_equal(b, a - BYTES(2));
    assert_int_equal(map(&f, request(0, 3, RW, 0, 0), &c), 0);
    assert_int_equal(space_unmap(f.space, vaddr(b), BYTES(2)), 0);
    assert_int_equal(map(&f, request(0, 3, R, 0, 0), &d), 0);
    assert_int_equal(d, c - BYTES(3)); /* too long for the gap */
    assert_int_equal(map(&f, request(0, 1, R, 0, 0), &d), 0);
    assert_int_equal(d, b + PAGE_SIZE); /* the top of the gap */
    fixture_destroy(&f);
}

static void test_hints_are_taken_if_free(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(map(&f, request(P(5) + 123, 2, RW, 0, 0), &at), 0);
    assert_int_equal(at, P(5));
    assert_int_equal(map(&f, request(P(4), 2, RW, 0, 0), &at), 0);
    assert_int_equal(at, SPACE_MMAP_TOP - BYTES(2));
    assert_int_equal(map(&f, request(1, 1, RW, 0, 0), &at), 0);
    assert_int_equal(at, SPACE_MMAP_TOP - BYTES(3)); /* rounded down to none */
    assert_int_equal(map(&f, request(PAGE_SIZE, 1, RW, 0, 0), &at), 0);
    assert_int_equal(at, SPACE_MMAP_MIN);
    assert_int_equal(map(&f, request(SPACE_END - PAGE_SIZE, 2, R, 0, 0), &at), 0);
    assert_int_equal(at, SPACE_MMAP_TOP - BYTES(5)); /* beyond the end: no hint */
    fixture_destroy(&f);
}

static void test_32bit_mappings_are_low(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(map(&f, request(0, 16, RW, SPACE_MAP_32BIT, 0), &at), 0);
    assert_true(at >= 0x40000000 && at + BYTES(16) <= 0x80000000);
    assert_int_equal(map(&f, request(0x50000000, 1, R, SPACE_MAP_32BIT, 0), &at), 0);
    assert_int_equal(at, 0x50000000);
    assert_int_equal(map(&f, request(P(0), 1, R, SPACE_MAP_32BIT, 0), &at), 0);
    assert_true(at < 0x80000000);
    assert_int_equal(
        map(&f, request(0, (0x40000000 >> PAGE_SHIFT) + 1, 0, SPACE_MAP_32BIT, 0), &at), -ENOMEM);
    fixture_destroy(&f);
}

static void test_fixed_replaces_and_noreplace_does_not(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 10, RW, 0), 0);
    assert_int_equal(poke(&f, P(4), 7), 0);
    assert_int_equal(map(&f, request(P(9), 2, RW, SPACE_MAP_FIXED_NOREPLACE, 0), &at), -EEXIST);
    assert_int_equal(map(&f, request(P(10), 1, R, SPACE_MAP_FIXED_NOREPLACE, 0), &at), 0);
    assert_int_equal(at, P(10));
    assert_int_equal(map(&f, request(P(4), 1, R, SPACE_MAP_FIXED, 0), &at), 0);
    assert_int_equal(f.space->regions.count, 4);
    assert_int_equal(peek(&f, P(4)), 0);
    assert_int_equal(f.space->npages, 11);
    fixture_destroy(&f);
}

static void test_the_gap_under_a_stack_stays_free(void **state)
{
    struct fixture f = make();
    uint64_t at, stack = SPACE_MMAP_TOP - BYTES(2);
    (void)state;
    assert_int_equal(map_at(&f, stack, 2, RW, REGION_GROWSDOWN), 0);
    assert_int_equal(map(&f, request(0, 1, RW, 0, 0), &at), 0);
    assert_int_equal(at, stack - BYTES(256 + 1));
    assert_int_equal(map(&f, request(stack - BYTES(100), 1, RW, 0, 0), &at), 0);
    assert_int_equal(at, stack - BYTES(256 + 2)); /* the hint is in the gap */
    assert_int_equal(map(&f, request(0, 300, R, 0, 0), &at), 0);
    assert_int_equal(at, stack - BYTES(256 + 302));
    fixture_destroy(&f);
}

static void test_like_neighbours_are_one_region(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(0), 2, RW, 0), 0);
    assert_int_equal(map_at(&f, P(4), 2, RW, 0), 0);
    assert_int_equal(f.space->regions.count, 2);
    assert_int_equal(poke(&f, P(1), 1), 0);
    assert_int_equal(poke(&f, P(4), 2), 0);
    assert_int_equal(map_at(&f, P(2), 2, RW, 0), 0); /* joins both, private pages or not */
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(space_region_at(f.space, vaddr(P(3)))->range.start, P(0));
    assert_int_equal(peek(&f, P(1)), 1);
    assert_int_equal(peek(&f, P(4)), 2);
    assert_int_equal(map_at(&f, P(6), 2, R, 0), 0);
    assert_int_equal(map_at(&f, P(8), 2, R, REGION_NORESERVE), 0);
    assert_int_equal(f.space->regions.count, 3);
    fixture_destroy(&f);
}

static void test_file_regions_join_where_their_pages_do(void **state)
{
    struct fixture f = make();
    int fd = make_file(1);
    struct object *object = open_object(&f, fd, false);
    struct space_map_request r = request(P(4), 2, R, SPACE_MAP_FIXED, 0);
    vaddr_t at;
    (void)state;
    assert_int_equal(map_object(&f, P(0), 2, R, 0, object, 5), 0);
    assert_int_equal(map_object(&f, P(2), 2, R, 0, object, 7), 0);
    assert_int_equal(f.space->regions.count, 1);
    r.object = object;
    r.object_page = 9;
    r.name = "/lib/x";
    assert_int_equal(space_map(f.space, &r, &at), 0); /* has a name, the others do not */
    assert_int_equal(f.space->regions.count, 2);
    r.addr = vaddr(P(6));
    r.object_page = 11;
    assert_int_equal(space_map(f.space, &r, &at), 0);
    assert_int_equal(f.space->regions.count, 2);
    assert_string_equal(space_region_at(f.space, vaddr(P(7)))->name, "/lib/x");
    r.addr = vaddr(P(8));
    assert_int_equal(space_map(f.space, &r, &at), 0); /* the same pages again */
    assert_int_equal(f.space->regions.count, 3);
    assert_int_equal(object->refs, 4);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_limits_of_address_space_and_data(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    f.space->limit_as = BYTES(10) + 4095;
    f.space->limit_data = BYTES(4);
    assert_int_equal(map_at(&f, P(0), 4, RW, 0), 0);
    assert_int_equal(map(&f, request(0, 1, RW, 0, 0), &at), -ENOMEM);
    assert_int_equal(map_at(&f, P(0), 4, RW, REGION_NORESERVE), 0); /* instead of the old ones */
    assert_int_equal(map_at(&f, P(10), 6, R, 0), 0);
    assert_int_equal(map(&f, request(0, 1, R, 0, 0), &at), -ENOMEM);
    assert_int_equal(map_at(&f, P(10), 6, R | X, 0), 0);
    assert_int_equal(space_protect(f.space, vaddr(P(10)), 1, RW), -ENOMEM);
    assert_int_equal(f.space->npages, 10);
    assert_int_equal(f.space->ndata, 4);
    fixture_destroy(&f);
}

static void test_limits_of_locked_memory(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    f.space->limit_memlock = BYTES(3);
    assert_int_equal(map(&f, request(0, 4, RW, 0, REGION_LOCKED), &at), -EAGAIN);
    assert_int_equal(map(&f, request(P(0), 3, RW, 0, REGION_LOCKED), &at), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(frame_at(&f, P(i))->wired, 1);
    f.space->limit_memlock = 0;
    assert_int_equal(map(&f, request(0, 1, RW, 0, REGION_LOCKED), &at), -EPERM);
    fixture_destroy(&f);
}

static void test_commit_is_charged_once_and_given_back(void **state)
{
    struct fixture f = make();
    struct commit *commit = &f.kernel->commit;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 8, RW, 0), 0);
    assert_int_equal(map_at(&f, P(8), 8, RW, REGION_NORESERVE), 0);
    assert_int_equal(map_at(&f, P(16), 8, R, 0), 0);
    assert_int_equal(commit->used, 8);
    assert_int_equal(map_at(&f, P(4), 8, RW, 0), 0); /* replaces four charged and four not */
    assert_int_equal(commit->used, 12);
    assert_int_equal(space_protect(f.space, vaddr(P(16)), BYTES(4), RW), 0);
    assert_int_equal(commit->used, 16);
    assert_int_equal(space_protect(f.space, vaddr(P(16)), BYTES(4), R), 0);
    assert_int_equal(commit->used, 16); /* they may hold data */
    assert_int_equal(space_unmap(f.space, vaddr(P(2)), BYTES(16)), 0);
    assert_int_equal(commit->used, 4);
    assert_int_equal(f.space->committed, 4);
    fixture_destroy(&f);
}

static void test_strict_commit_refuses_and_changes_nothing(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    commit_create(COMMIT_NEVER, 64, 64, &f.kernel->commit);
    uint64_t limit = f.kernel->commit.limit;
    assert_int_equal(map_at(&f, P(0), limit, RW, 0), 0);
    assert_int_equal(map(&f, request(P(0), 1, RW, 0, 0), &at), -ENOMEM);
    assert_int_equal(map(&f, request(P(0), 1, RW, 0, REGION_NORESERVE), &at), -ENOMEM);
    assert_int_equal(map_at(&f, P(1), limit - 1, RW, 0), 0); /* replacing costs nothing */
    assert_int_equal(map_at(&f, P(limit), 1, R, 0), 0);
    assert_int_equal(space_protect(f.space, vaddr(P(limit)), 1, RW), -ENOMEM);
    assert_int_equal(space_region_at(f.space, vaddr(P(limit)))->prot, R);
    fixture_destroy(&f);
}

static void test_populate_makes_resident_at_once(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    assert_int_equal(map(&f, request(P(0), 5, RW, SPACE_MAP_POPULATE, 0), &at), 0);
    assert_int_equal(space_resident(f.space), 5);
    assert_int_equal(f.kernel->pages_live, 5);
    assert_int_equal(map(&f, request(P(10), 5, R, SPACE_MAP_POPULATE, 0), &at), 0);
    assert_int_equal(f.space->table.npresent, 10);
    assert_int_equal(space_resident(f.space), 5); /* the page of zeros is nobody's */
    assert_int_equal(f.kernel->pages_live, 5);
    assert_int_equal(map(&f, request(P(20), 5, 0, SPACE_MAP_POPULATE, 0), &at), 0);
    assert_int_equal(f.space->table.npresent, 10);
    assert_int_equal(f.space->rss_peak, 5);
    fixture_destroy(&f);
}

static void test_unmap_checks_its_range(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(space_unmap(f.space, vaddr(P(0) + 1), PAGE_SIZE), -EINVAL);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), 0), -EINVAL);
    assert_int_equal(space_unmap(f.space, vaddr(SPACE_END), PAGE_SIZE), -EINVAL);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), UINT64_MAX), -EINVAL);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), PAGE_SIZE), 0); /* nothing there */
    fixture_destroy(&f);
}

static void test_unmap_splits_trims_and_spans(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(0), 10, RW, 0), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)(i + 1)), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(4)), PAGE_SIZE + 1), 0);
    assert_int_equal(f.space->regions.count, 2);
    for (int i = 0; i < 10; i++)
        assert_int_equal(peek(&f, P(i)), i == 4 || i == 5 ? -EFAULT : i + 1);
    assert_int_equal(f.kernel->pages_live, 8);
    fixture_check(&f);
    assert_int_equal(space_unmap(f.space, vaddr(P(3)), BYTES(4)), 0);
    assert_int_equal(f.kernel->pages_live, 6);
    assert_int_equal(space_region_at(f.space, vaddr(P(7)))->range.start, P(7));
    /* What is mapped there next is new. */
    assert_int_equal(map_at(&f, P(3), 4, RW, 0), 0);
    assert_int_equal(peek(&f, P(3)), 0);
    assert_int_equal(f.space->regions.count, 1);
    fixture_destroy(&f);
}

static void test_unmapped_pages_in_swap_give_their_slots_back(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(0), 2, RW, 0), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(poke(&f, P(1), 1), 0);
    evict(&f, P(0));
    evict(&f, P(1));
    assert_int_equal(peek(&f, P(1)), 1); /* resident, with a clean copy in swap */
    assert_int_equal(swapdisk_used(f.kernel->swap), 2);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(2)), 0);
    assert_int_equal(swapdisk_used(f.kernel->swap), 0);
    fixture_destroy(&f);
}

static void test_the_number_of_regions_is_limited(void **state)
{
    struct fixture f = make();
    uint64_t at;
    (void)state;
    for (uint64_t i = 0; f.space->regions.count < SPACE_REGIONS_MAX; i++)
        assert_int_equal(map_at(&f, P(3 * i), 2, i % 2 ? R : RW, 0), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), PAGE_SIZE), 0); /* trims only */
    assert_int_equal(map_at(&f, P(0), 3, RW, 0), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(1)), PAGE_SIZE), -ENOMEM);
    assert_int_equal(space_protect(f.space, vaddr(P(1)), PAGE_SIZE, R), -ENOMEM);
    assert_int_equal(space_protect(f.space, vaddr(P(0)), BYTES(3), R | X), 0);
    assert_int_equal(space_advise(f.space, vaddr(P(1)), PAGE_SIZE, MADV_DONTFORK), -EAGAIN);
    assert_int_equal(space_lock(f.space, vaddr(P(1)), PAGE_SIZE, false), -ENOMEM);
    assert_int_equal(map(&f, request(0, 1, RW, 0, 0), &at), 0); /* Linux, too, allows one more */
    assert_int_equal(map(&f, request(0, 1, R, 0, 0), &at), -ENOMEM);
    assert_int_equal(f.space->regions.count, SPACE_REGIONS_MAX + 1);
    fixture_destroy(&f);
}

static void test_spaces_have_numbers_and_are_counted(void **state)
{
    struct fixture f = make();
    struct space *other;
    (void)state;
    assert_int_equal(space_create(f.kernel, &other), 0);
    assert_int_not_equal(other->number, f.space->number);
    assert_ptr_equal(f.kernel->spaces[other->number], other);
    assert_ptr_equal(space_get(other), other);
    space_put(other);
    space_put(other);
    assert_null(f.kernel->spaces[2]);
    fixture_destroy(&f);
}

static void test_two_spaces_do_not_see_each_other(void **state)
{
    struct fixture f = make();
    struct fixture g = f;
    (void)state;
    assert_int_equal(space_create(f.kernel, &g.space), 0);
    assert_int_equal(map_at(&f, P(0), 1, RW, 0), 0);
    assert_int_equal(map_at(&g, P(0), 1, RW, 0), 0);
    assert_int_equal(poke(&f, P(0), 11), 0);
    assert_int_equal(poke(&g, P(0), 22), 0);
    assert_int_equal(peek(&f, P(0)), 11);
    assert_int_equal(peek(&g, P(0)), 22);
    assert_ptr_not_equal(frame_at(&f, P(0)), frame_at(&g, P(0)));
    space_put(g.space);
    assert_int_equal(peek(&f, P(0)), 11);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_places_are_chosen_from_the_top_down),
        cmocka_unit_test(test_hints_are_taken_if_free),
        cmocka_unit_test(test_32bit_mappings_are_low),
        cmocka_unit_test(test_fixed_replaces_and_noreplace_does_not),
        cmocka_unit_test(test_the_gap_under_a_stack_stays_free),
        cmocka_unit_test(test_like_neighbours_are_one_region),
        cmocka_unit_test(test_file_regions_join_where_their_pages_do),
        cmocka_unit_test(test_limits_of_address_space_and_data),
        cmocka_unit_test(test_limits_of_locked_memory),
        cmocka_unit_test(test_commit_is_charged_once_and_given_back),
        cmocka_unit_test(test_strict_commit_refuses_and_changes_nothing),
        cmocka_unit_test(test_populate_makes_resident_at_once),
        cmocka_unit_test(test_unmap_checks_its_range),
        cmocka_unit_test(test_unmap_splits_trims_and_spans),
        cmocka_unit_test(test_unmapped_pages_in_swap_give_their_slots_back),
        cmocka_unit_test(test_the_number_of_regions_is_limited),
        cmocka_unit_test(test_spaces_have_numbers_and_are_counted),
        cmocka_unit_test(test_two_spaces_do_not_see_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
