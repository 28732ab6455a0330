// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "machine/pte.h"
#include "space_rig.h"

static struct fixture make(void)
{
    return fixture_create((struct rig_options){.nslots = 64});
}

static enum fault_result touch(struct fixture *f, uint64_t addr, enum mmu_access access)
{
    return fault_handle(f->space, vaddr(addr), access);
}

static bool is_writable(struct fixture *f, uint64_t addr)
{
    return pagetable_entry(f->kernel, &f->space->table, vaddr(addr)) & PTE_W;
}

static void test_accesses_are_checked_against_the_region(void **state)
{
    struct fixture f = make();
    static const struct {
        unsigned prot;
        enum fault_result load, store, fetch;
    } cases[] = {
        {0, FAULT_SEGV_ACCERR, FAULT_SEGV_ACCERR, FAULT_SEGV_ACCERR},
        {R, FAULT_DONE, FAULT_SEGV_ACCERR, FAULT_SEGV_ACCERR},
        {W, FAULT_DONE, FAULT_DONE, FAULT_SEGV_ACCERR},
        {X, FAULT_DONE, FAULT_SEGV_ACCERR, FAULT_DONE},
        {R | W | X, FAULT_DONE, FAULT_DONE, FAULT_DONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(map_at(&f, P(0), 1, cases[i].prot, 0), 0);
        assert_int_equal(touch(&f, P(0), MMU_LOAD), cases[i].load);
        assert_int_equal(touch(&f, P(0), MMU_STORE), cases[i].store);
        assert_int_equal(touch(&f, P(0), MMU_FETCH), cases[i].fetch);
        fixture_check(&f);
    }
    assert_int_equal(touch(&f, P(1), MMU_LOAD), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, P(0) - 1, MMU_LOAD), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, SPACE_END, MMU_LOAD), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, UINT64_MAX, MMU_LOAD), FAULT_SEGV_MAPERR);
    fixture_destroy(&f);
}

static void test_2a_zeros_are_shared_until_written(void **state)
{
    struct fixture f = make();
    struct counters *c = &f.rig->counters;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 3, RW, 0), 0);
    assert_int_equal(touch(&f, P(0), MMU_LOAD), FAULT_DONE);
    assert_int_equal(touch(&f, P(1), MMU_LOAD), FAULT_DONE);
    assert_ptr_equal(frame_at(&f, P(0)), frame_at(&f, P(1)));
    assert_int_equal(frame_at(&f, P(0))->kind, FRAME_ZERO);
    assert_false(is_writable(&f, P(0)));
    assert_int_equal(f.kernel->pages_live, 0);
    assert_int_equal(touch(&f, P(0), MMU_STORE), FAULT_DONE); /* 2B */
    assert_int_equal(frame_at(&f, P(0))->kind, FRAME_ANON);
    assert_true(is_writable(&f, P(0)));
    assert_int_equal(f.kernel->pages_live, 1);
    assert_int_equal(c->faults, 3);
    assert_int_equal(c->faults_minor, 3);
    assert_int_equal(c->faults_major, 0);
    assert_int_equal(c->faults_cow, 0);
    fixture_destroy(&f);
}

static void test_1a_a_swapped_page_comes_back(void **state)
{
    struct fixture f = make();
    struct counters *c = &f.rig->counters;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 1, RW, 0), 0);
    assert_int_equal(poke(&f, P(0) + 8, 0x99), 0);
    evict(&f, P(0));
    assert_int_equal(space_resident(f.space), 0);
    assert_int_equal(touch(&f, P(0), MMU_LOAD), FAULT_DONE);
    assert_int_equal(c->faults_major, 1);
    assert_true(is_writable(&f, P(0))); /* ours alone: the dirty bit tells of stores */
    assert_int_equal(peek(&f, P(0) + 8), 0x99);
    evict(&f, P(0));
    assert_int_equal(c->swap_pages_out, 1); /* it was clean */
    assert_int_equal(poke(&f, P(0) + 8, 0x9a), 0);
    evict(&f, P(0));
    assert_int_equal(c->swap_pages_out, 2);
    assert_int_equal(peek(&f, P(0) + 8), 0x9a);
    assert_int_equal(c->faults_major, 3);
    assert_int_equal(f.kernel->pages_live, 1);
    fixture_destroy(&f);
}

/* What fork will do: the second space has the first one's private page too. */
static void share_page(struct fixture *f, struct fixture *g, uint64_t addr)
{
    *g = *f;
    assert_int_equal(space_create(f->kernel, &g->space), 0);
    assert_int_equal(map_at(g, addr, 1, RW, 0), 0);
    struct anon *anon = amap_find(&f->space->amap, addr >> PAGE_SHIFT);
    amap_insert(&g->space->amap, addr >> PAGE_SHIFT, anon_get(anon));
    pagetable_restrict_range(f->kernel, &f->space->table, vaddr(addr), vaddr(addr + PAGE_SIZE), R);
}

static void test_1b_a_shared_page_is_copied_on_write(void **state)
{
    struct fixture f = make(), g;
    struct counters *c = &f.rig->counters;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 1, RW, 0), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    share_page(&f, &g, P(0));
    assert_int_equal(peek(&g, P(0)), 1);
    assert_ptr_equal(frame_at(&f, P(0)), frame_at(&g, P(0)));
    assert_false(is_writable(&g, P(0)));
    fixture_check(&g);
    assert_int_equal(poke(&g, P(0), 2), 0);
    assert_int_equal(c->faults_cow, 1);
    assert_int_equal(peek(&f, P(0)), 1);
    assert_int_equal(peek(&g, P(0)), 2);
    assert_int_equal(f.kernel->pages_live, 2);
    assert_int_equal(poke(&f, P(0), 3), 0); /* the other is the sole owner now */
    assert_int_equal(c->faults_cow, 1);
    assert_int_equal(peek(&g, P(0)), 2);
    fixture_check(&f);
    space_put(g.space);
    fixture_destroy(&f);
}

static void test_1b_a_shared_page_in_swap_is_copied_too(void **state)
{
    struct fixture f = make(), g;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 1, RW, REGION_LOCKED), 0);
    assert_int_equal(space_unlock(f.space, vaddr(P(0)), 1), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    share_page(&f, &g, P(0));
    assert_int_equal(peek(&g, P(0)), 1);
    evict(&f, P(0));
    assert_null(frame_at(&g, P(0)));
    assert_int_equal(poke(&g, P(0), 2), 0);
    assert_int_equal(peek(&f, P(0)), 1);
    assert_int_equal(peek(&g, P(0)), 2);
    assert_int_equal(f.rig->counters.faults_cow, 1);
    fixture_check(&f);
    space_put(g.space);
    fixture_destroy(&f);
}

static void test_a_copy_on_write_takes_the_lock_along(void **state)
{
    struct fixture f = make(), g;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 1, RW, 0), 0);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(space_lock(f.space, vaddr(P(0)), 1, false), 0);
    share_page(&f, &g, P(0));
    struct frame *shared = frame_at(&f, P(0));
    assert_int_equal(shared->wired, 1);
    assert_int_equal(poke(&f, P(0), 2), 0);
    assert_int_equal(shared->wired, 0);
    assert_int_equal(frame_at(&f, P(0))->wired, 1);
    fixture_check(&f);
    space_put(g.space);
    fixture_destroy(&f);
}

static void test_2_private_file_pages_are_shared_until_written(void **state)
{
    struct fixture f = make();
    struct counters *c = &f.rig->counters;
    int fd = make_file(2 * PAGE_SIZE);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_object(&f, P(0), 2, RW, 0, object, 0), 0);
    assert_int_equal(map_object(&f, P(10), 2, RW, 0, object, 0), 0);
    assert_int_equal(touch(&f, P(0), MMU_LOAD), FAULT_DONE);
    assert_int_equal(touch(&f, P(10), MMU_LOAD), FAULT_DONE);
    assert_ptr_equal(frame_at(&f, P(0)), frame_at(&f, P(10)));
    assert_false(is_writable(&f, P(0)));
    assert_int_equal(c->faults_major, 1);
    assert_int_equal(c->faults_minor, 1);
    assert_int_equal(poke(&f, P(0) + 3, 0xfe), 0);
    assert_int_equal(poke(&f, P(1) + 3, 0xfd), 0); /* at once: read and copied */
    assert_int_equal(c->faults_cow, 2);
    assert_int_equal(c->faults_major, 2);
    assert_int_equal(peek(&f, P(0) + 3), 0xfe);
    assert_int_equal(peek(&f, P(0) + 4), file_byte(4));
    assert_int_equal(peek(&f, P(1) + 3), 0xfd);
    assert_int_equal(peek(&f, P(10) + 3), file_byte(3));
    assert_int_equal(peek(&f, P(11) + 3), file_byte(PAGE_SIZE + 3));
    assert_int_equal(f.kernel->pages_live, 4);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_2b_shared_file_pages_are_writable_at_once(void **state)
{
    struct fixture f = make();
    int fd = make_file(PAGE_SIZE);
    struct object *object = open_object(&f, fd, true);
    (void)state;
    assert_int_equal(map_object(&f, P(0), 1, RW, REGION_SHARED, object, 0), 0);
    assert_int_equal(touch(&f, P(0), MMU_LOAD), FAULT_DONE);
    assert_true(is_writable(&f, P(0)));
    assert_int_equal(object_sync(f.kernel, object, 0, 1), 0);
    assert_int_equal(f.rig->counters.pages_out, 0); /* nobody stored */
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(object_sync(f.kernel, object, 0, 1), 0);
    assert_int_equal(f.rig->counters.pages_out, 1);
    assert_int_equal(f.rig->counters.faults, 1);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_beyond_the_end_of_a_file_is_a_bus_error(void **state)
{
    struct fixture f = make();
    int fd = make_file(10);
    struct object *object = open_object(&f, fd, false);
    (void)state;
    assert_int_equal(map_object(&f, P(0), 3, RW, 0, object, 0), 0);
    assert_int_equal(touch(&f, P(0) + 4095, MMU_LOAD), FAULT_DONE);
    assert_int_equal(peek(&f, P(0) + 10), 0);
    assert_int_equal(touch(&f, P(1), MMU_LOAD), FAULT_BUS_ADRERR);
    assert_int_equal(touch(&f, P(1), MMU_STORE), FAULT_BUS_ADRERR);
    assert_int_equal(f.rig->counters.faults, 3);
    assert_int_equal(f.rig->counters.faults_minor + f.rig->counters.faults_major, 1);
    object_put(f.kernel, object);
    close(fd);
    fixture_destroy(&f);
}

static void test_a_damaged_swap_slot_is_a_bus_error_with_a_message(void **state)
{
    char path[] = "/tmp/test_fault_XXXXXX", page[32];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct fixture f = fixture_create((struct rig_options){.nslots = 16, .path = path});
    struct object *object;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 1, true, &object), 0);
    assert_int_equal(map_at(&f, P(0), 1, RW, 0), 0);
    assert_int_equal(map_object(&f, P(1), 1, RW, REGION_SHARED, object, 0), 0);
    object_put(f.kernel, object);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(poke(&f, P(i), 1), 0);
        evict(&f, P(i));
    }
    flip_swap(fd, 16);
    for (int i = 0; i < 2; i++) {
        f.kernel->trouble[0] = '\0';
        assert_int_equal(touch(&f, P(i), MMU_LOAD), FAULT_BUS_OBJERR);
        snprintf(page, sizeof(page), "0x%llx", (unsigned long long)P(i));
        assert_non_null(strstr(f.kernel->trouble, path));
        assert_non_null(strstr(f.kernel->trouble, page));
        assert_int_equal(touch(&f, P(i), MMU_STORE), FAULT_BUS_OBJERR);
        assert_int_equal(peek(&f, P(i)), -EFAULT);
        fixture_check(&f);
    }
    fixture_destroy(&f);
    close(fd);
    unlink(path);
}

static void test_out_of_memory_is_said_and_nothing_breaks(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0}); /* no swap */
    uint64_t done = 0;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 100, RW, REGION_NORESERVE), 0);
    while (touch(&f, P(done), MMU_STORE) == FAULT_DONE)
        done++;
    assert_int_equal(touch(&f, P(done), MMU_STORE), FAULT_OOM);
    assert_true(done > 40 && done < 64);
    assert_true(f.kernel->trouble[0]);
    fixture_check(&f);
    assert_int_equal(poke(&f, P(0), 1), 0); /* what is resident still works */
    assert_int_equal(space_unmap(f.space, vaddr(P(0)), BYTES(20)), 0);
    assert_int_equal(touch(&f, P(done), MMU_STORE), FAULT_DONE);
    fixture_destroy(&f);
}

/* Gives up one space after another. */
struct rescue {
    struct space *victims[2];
    unsigned left, asked;
    struct space *asking;
};

static bool make_room(void *context, struct space *asking)
{
    struct rescue *rescue = context;
    rescue->asked++;
    rescue->asking = asking;
    if (rescue->left == 0)
        return false;
    space_clear(rescue->victims[--rescue->left]);
    return true;
}

static void test_a_rescue_makes_room_and_the_fault_goes_on(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nframes = 128}), other = f;
    struct rescue rescue = {.left = 2};
    (void)state;
    f.kernel->rescue = (struct kernel_rescue){.make_room = make_room, .context = &rescue};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(space_create(f.kernel, &rescue.victims[i]), 0);
        other.space = rescue.victims[i];
        assert_int_equal(map_at(&other, P(0), 40, RW, 0), 0);
        for (int page = 0; page < 40; page++)
            assert_int_equal(poke(&other, P(page), 1), 0);
    }
    assert_int_equal(map_at(&f, P(0), 200, RW, REGION_NORESERVE), 0);
    uint64_t done = 0;
    for (; touch(&f, P(done), MMU_STORE) == FAULT_DONE; done++) {
        if (done == 60) /* by a system call, too */
            assert_int_equal(poke(&f, P(++done), 1), 0);
        fixture_check(&f);
    }
    assert_int_equal(rescue.asked, 3);
    assert_ptr_equal(rescue.asking, f.space);
    assert_true(done > 100 && done < 128);
    assert_int_equal(poke(&f, P(done), 1), -EFAULT);
    assert_int_equal(rescue.asked, 4);
    for (int i = 0; i < 2; i++) {
        other.space = rescue.victims[i];
        assert_int_equal(touch(&other, P(0), MMU_LOAD), FAULT_SEGV_MAPERR);
        space_put(other.space);
    }
    fixture_destroy(&f);
}

static void test_who_ends_may_use_the_last_frames(void **state)
{
    struct fixture f = fixture_create((struct rig_options){0});
    uint64_t done = 0;
    (void)state;
    assert_int_equal(map_at(&f, P(0), 100, RW, REGION_NORESERVE), 0);
    assert_int_equal(map_at(&f, UINT64_C(0x200000000000), 1, RW, 0), 0);
    while (touch(&f, P(done), MMU_STORE) == FAULT_DONE)
        done++;
    f.space->ends = true;
    /* Far away: it takes three page tables. */
    assert_int_equal(touch(&f, UINT64_C(0x200000000000), MMU_STORE), FAULT_DONE);
    assert_int_equal(touch(&f, P(done), MMU_STORE), FAULT_DONE);
    fixture_destroy(&f);
}

static void test_a_stack_grows_to_its_limit(void **state)
{
    struct fixture f = make();
    uint64_t top = P(2000);
    (void)state;
    f.space->limit_stack = BYTES(20) + 1;
    assert_int_equal(map_at(&f, top - BYTES(2), 2, RW, REGION_GROWSDOWN | REGION_STACK), 0);
    assert_int_equal(poke(&f, top - BYTES(10) + 5, 1), 0);
    assert_int_equal(f.space->npages, 10);
    assert_int_equal(f.space->committed, 10);
    assert_int_equal(f.kernel->commit.used, 10);
    assert_int_equal(f.space->ndata, 0);
    assert_int_equal(f.space->regions.count, 1);
    assert_int_equal(touch(&f, top - BYTES(21), MMU_STORE), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, top - BYTES(20), MMU_STORE), FAULT_DONE);
    assert_int_equal(space_resident(f.space), 2);
    fixture_destroy(&f);
}

static void test_a_stack_keeps_its_distance(void **state)
{
    struct fixture f = make();
    uint64_t top = P(2000);
    (void)state;
    assert_int_equal(map_at(&f, top - BYTES(2), 2, RW, REGION_GROWSDOWN | REGION_NORESERVE), 0);
    assert_int_equal(map_at(&f, top - BYTES(302), 1, RW, 0), 0);
    assert_int_equal(touch(&f, top - BYTES(45), MMU_STORE), FAULT_DONE);
    assert_int_equal(touch(&f, top - BYTES(46), MMU_STORE), FAULT_SEGV_MAPERR);
    assert_int_equal(space_protect(f.space, vaddr(top - BYTES(302)), 1, 0), 0);
    assert_int_equal(touch(&f, top - BYTES(46), MMU_STORE), FAULT_DONE); /* a guard page */
    assert_int_equal(touch(&f, top - BYTES(301), MMU_STORE), FAULT_DONE);
    assert_int_equal(touch(&f, top - BYTES(302), MMU_STORE), FAULT_SEGV_ACCERR);
    fixture_destroy(&f);
}

static void test_a_stack_does_not_grow_past_other_limits(void **state)
{
    struct fixture f = make();
    uint64_t top = P(2000);
    (void)state;
    assert_int_equal(map_at(&f, top - BYTES(2), 2, RW, REGION_GROWSDOWN), 0);
    f.space->limit_as = BYTES(4);
    assert_int_equal(touch(&f, top - BYTES(5), MMU_STORE), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, top - BYTES(4), MMU_STORE), FAULT_DONE);
    f.space->limit_as = UINT64_MAX;
    assert_int_equal(space_lock(f.space, vaddr(top - BYTES(4)), BYTES(4), false), 0);
    f.space->limit_memlock = BYTES(5);
    assert_int_equal(touch(&f, top - BYTES(6), MMU_STORE), FAULT_SEGV_MAPERR);
    assert_int_equal(touch(&f, top - BYTES(5), MMU_STORE), FAULT_DONE);
    assert_int_equal(f.space->nlocked, 5);
    fixture_destroy(&f);
}

static void test_ten_times_the_ram_is_paged(void **state)
{
    struct fixture f = fixture_create((struct rig_options){.nslots = 1000});
    (void)state;
    assert_int_equal(map_at(&f, P(0), 640, RW, 0), 0);
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 640; i++) {
            uint32_t value = 0;
            assert_int_equal(uaccess_read(f.space, &value, vaddr(P(i) + 1000), 4), 0);
            assert_int_equal(value, round == 0 ? 0 : i * 3 + (unsigned)round - 1);
            value = i * 3 + (unsigned)round;
            assert_int_equal(uaccess_write(f.space, vaddr(P(i) + 1000), &value, 4), 0);
        }
        fixture_check(&f);
    }
    assert_true(f.rig->counters.faults_major >= 1000);
    assert_int_equal(f.kernel->gauges.pages_peak, 640);
    fixture_destroy(&f);
}

static void test_populate_stops_where_it_fails(void **state)
{
    struct fixture f = make();
    (void)state;
    assert_int_equal(map_at(&f, P(0), 3, RW, 0), 0);
    assert_int_equal(map_at(&f, P(3), 1, R, 0), 0);
    assert_int_equal(fault_populate(f.space, vaddr(P(0)), vaddr(P(5)), MMU_STORE),
                     FAULT_SEGV_ACCERR);
    assert_int_equal(space_resident(f.space), 3);
    assert_int_equal(fault_populate(f.space, vaddr(P(0)), vaddr(P(5)), MMU_LOAD),
                     FAULT_SEGV_MAPERR);
    assert_int_equal(f.space->table.npresent, 4);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accesses_are_checked_against_the_region),
        cmocka_unit_test(test_2a_zeros_are_shared_until_written),
        cmocka_unit_test(test_1a_a_swapped_page_comes_back),
        cmocka_unit_test(test_1b_a_shared_page_is_copied_on_write),
        cmocka_unit_test(test_1b_a_shared_page_in_swap_is_copied_too),
        cmocka_unit_test(test_a_copy_on_write_takes_the_lock_along),
        cmocka_unit_test(test_2_private_file_pages_are_shared_until_written),
        cmocka_unit_test(test_2b_shared_file_pages_are_writable_at_once),
        cmocka_unit_test(test_beyond_the_end_of_a_file_is_a_bus_error),
        cmocka_unit_test(test_a_damaged_swap_slot_is_a_bus_error_with_a_message),
        cmocka_unit_test(test_out_of_memory_is_said_and_nothing_breaks),
        cmocka_unit_test(test_a_rescue_makes_room_and_the_fault_goes_on),
        cmocka_unit_test(test_who_ends_may_use_the_last_frames),
        cmocka_unit_test(test_a_stack_grows_to_its_limit),
        cmocka_unit_test(test_a_stack_keeps_its_distance),
        cmocka_unit_test(test_a_stack_does_not_grow_past_other_limits),
        cmocka_unit_test(test_ten_times_the_ram_is_paged),
        cmocka_unit_test(test_populate_stops_where_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
