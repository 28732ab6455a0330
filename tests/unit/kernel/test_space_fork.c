// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>

#include "machine/pte.h"
#include "space_rig.h"

/* The fixture as the child of its space. */
static struct fixture fork_of(const struct fixture *f)
{
    struct fixture child = *f;
    assert_int_equal(space_fork(f->space, &child.space), 0);
    fixture_check(f);
    fixture_check(&child);
    return child;
}

static void end_child(struct fixture *child)
{
    fixture_check(child);
    space_put(child->space);
    assert_true(kernel_is_valid(child->kernel));
}

/* Six private pages, each holding its number and ten. */
static struct fixture make(struct rig_options options)
{
    struct fixture f = fixture_create(options);
    assert_int_equal(map_at(&f, P(0), 6, RW, 0), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)(10 + i)), 0);
    return f;
}

static struct fixture make_roomy(void)
{
    return make((struct rig_options){.nframes = 1024, .nslots = 300});
}

static bool is_writable(struct fixture *f, uint64_t addr)
{
    return pagetable_entry(f->kernel, &f->space->table, vaddr(addr)) & PTE_W;
}

static void test_the_child_reads_what_the_parent_had_and_each_writes_its_own(void **state)
{
    struct fixture f = make_roomy(), child = fork_of(&f);
    (void)state;
    assert_int_equal(peek(&child, P(0)), 10);
    assert_int_equal(poke(&child, P(0), 77), 0);
    assert_int_equal(peek(&f, P(0)), 10);
    assert_int_equal(poke(&f, P(1), 88), 0);
    assert_int_equal(peek(&child, P(1)), 11);
    assert_int_equal(peek(&child, P(0)), 77);
    assert_ptr_not_equal(frame_at(&f, P(0)), frame_at(&child, P(0)));
    end_child(&child);
    assert_int_equal(peek(&f, P(1)), 88);
    fixture_destroy(&f);
}

static void test_nothing_is_taken_or_copied_before_a_store(void **state)
{
    struct fixture f = make_roomy();
    uint64_t frames = frame_in_use(&f.kernel->frames), pages = f.kernel->pages_live;
    (void)state;
    struct fixture child = fork_of(&f);
    assert_int_equal(frame_in_use(&f.kernel->frames), frames);
    assert_int_equal(f.kernel->pages_live, pages);
    for (int i = 0; i < 6; i++)
        assert_int_equal(peek(&child, P(i)), 10 + i);
    assert_int_equal(frame_in_use(&f.kernel->frames), frames + 4); /* its tables */
    assert_int_equal(f.rig->counters.faults_cow, 0);
    assert_ptr_equal(frame_at(&f, P(3)), frame_at(&child, P(3)));
    assert_int_equal(frame_at(&f, P(3))->nmaps, 2);
    end_child(&child);
    fixture_destroy(&f);
}

static void test_a_store_copies_and_the_last_owner_takes_the_page_over(void **state)
{
    struct fixture f = make_roomy(), child = fork_of(&f);
    (void)state;
    assert_false(is_writable(&f, P(0)));
    struct frame *frame = frame_at(&f, P(0));
    assert_int_equal(poke(&child, P(0), 1), 0);
    assert_int_equal(f.rig->counters.faults_cow, 1);
    assert_true(is_writable(&child, P(0)));
    assert_int_equal(poke(&f, P(0), 2), 0);
    assert_int_equal(f.rig->counters.faults_cow, 1);
    assert_ptr_equal(frame_at(&f, P(0)), frame);
    /* Likewise when the other simply ends. */
    frame = frame_at(&f, P(1));
    end_child(&child);
    assert_false(is_writable(&f, P(1)));
    assert_int_equal(poke(&f, P(1), 3), 0);
    assert_int_equal(f.rig->counters.faults_cow, 1);
    assert_ptr_equal(frame_at(&f, P(1)), frame);
    assert_int_equal(f.kernel->pages_live, 6);
    fixture_destroy(&f);
}

static void test_the_tlb_forgets_that_the_parent_may_write(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    uint8_t *host = rig_access(f.rig, f.space, P(0), MMU_STORE);
    assert_non_null(host);
    uint64_t flushes = f.rig->counters.tlb_flushes;
    struct fixture child = fork_of(&f);
    assert_int_equal(f.rig->counters.tlb_flushes, flushes + 1);
    assert_null(rig_access(f.rig, f.space, P(0), MMU_STORE));
    assert_non_null(rig_access(f.rig, f.space, P(0), MMU_LOAD));
    end_child(&child);
    fixture_destroy(&f);
}

static void test_what_is_unmapped_in_another_space_is_a_shootdown(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    assert_non_null(rig_access(f.rig, f.space, P(0), MMU_LOAD)); /* it runs */
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, P(0)), 10);
    assert_non_null(rig_access(f.rig, child.space, P(0), MMU_LOAD));
    assert_non_null(rig_access(f.rig, f.space, P(0), MMU_LOAD)); /* and again */
    struct counters *counters = &f.rig->counters;
    assert_int_equal(counters->tlb_shootdowns, 0);
    evict(&f, P(0));
    assert_int_equal(counters->tlb_flushes, 2 + 1); /* one by the fork */
    assert_int_equal(counters->tlb_shootdowns, 1);
    assert_int_equal(peek(&child, P(1)), 11);
    end_child(&child); /* one for all that the child used */
    assert_int_equal(counters->tlb_shootdowns, 2);
    fixture_destroy(&f);
}

static void test_regions_sums_and_settings_are_the_parents(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    f.space->limit_as = BYTES(500);
    f.space->limit_stack = BYTES(9);
    f.space->brk_start = vaddr(P(100));
    f.space->brk_end = vaddr(P(100));
    assert_int_equal(space_brk(f.space, vaddr(P(102))).v, P(102));
    assert_int_equal(map_at(&f, P(20), 3, R | X, REGION_DONTDUMP), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(child.space->regions.count, f.space->regions.count);
    assert_int_equal(child.space->npages, f.space->npages);
    assert_int_equal(child.space->ndata, f.space->ndata);
    assert_int_equal(child.space->committed, f.space->committed);
    assert_int_equal(child.space->limit_as, BYTES(500));
    assert_int_equal(child.space->limit_stack, BYTES(9));
    assert_int_equal(space_region_at(child.space, vaddr(P(20)))->flags, REGION_DONTDUMP);
    assert_int_equal(space_brk(child.space, vaddr(P(101))).v, P(101));
    assert_int_equal(f.space->brk_end.v, P(102));
    assert_true(child.space->number != f.space->number);
    end_child(&child);
    fixture_destroy(&f);
}

static void test_dontfork_and_wipeonfork(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    assert_int_equal(space_advise(f.space, vaddr(P(1)), BYTES(1), MADV_DONTFORK), 0);
    assert_int_equal(space_advise(f.space, vaddr(P(2)), BYTES(1), MADV_WIPEONFORK), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, P(0)), 10);
    assert_int_equal(peek(&child, P(1)), -EFAULT);
    assert_int_equal(peek(&child, P(2)), 0);
    assert_true(is_writable(&f, P(1))); /* they were not shared */
    assert_true(is_writable(&f, P(2)));
    assert_int_equal(child.space->npages, 5);
    assert_int_equal(child.space->committed, 5);
    assert_int_equal(f.kernel->commit.used, 11);
    /* The child's own child is wiped again. */
    assert_int_equal(poke(&child, P(2), 5), 0);
    struct fixture grandchild = fork_of(&child);
    assert_int_equal(peek(&grandchild, P(2)), 0);
    end_child(&grandchild);
    end_child(&child);
    fixture_destroy(&f);
}

static void test_locks_stay_with_the_parent(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(2), false), 0);
    assert_int_equal(space_lock(f.space, vaddr(P(3)), BYTES(1), true), 0);
    assert_int_equal(space_lock_all(f.space, MCL_FUTURE), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(child.space->nlocked, 0);
    assert_int_equal(child.space->regions.count, 1); /* what only locks had kept apart */
    assert_int_equal(map_at(&child, P(50), 1, RW, 0), 0);
    assert_int_equal(child.space->nlocked, 0);
    /* The wire follows the parent's copy. */
    struct frame *shared = frame_at(&f, P(0));
    assert_int_equal(peek(&child, P(0)), 10);
    assert_int_equal(shared->wired, 1);
    assert_int_equal(poke(&f, P(0), 1), 0);
    assert_int_equal(shared->wired, 0);
    assert_int_equal(frame_at(&f, P(0))->wired, 1);
    assert_true(reclaim_frame(f.kernel, shared));
    assert_int_equal(peek(&child, P(0)), 10);
    end_child(&child);
    fixture_destroy(&f);
}

static void test_a_locked_page_outlives_the_space_that_locked_it(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    assert_int_equal(space_lock(f.space, vaddr(P(0)), BYTES(1), false), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, P(0)), 10);
    space_put(f.space);
    assert_int_equal(frame_at(&child, P(0))->wired, 0);
    evict(&child, P(0));
    assert_int_equal(peek(&child, P(0)), 10);
    fixture_destroy(&child);
}

static void test_swapped_pages_are_shared(void **state)
{
    struct fixture f = make_roomy();
    (void)state;
    evict(&f, P(0));
    evict(&f, P(1));
    struct fixture child = fork_of(&f);
    assert_int_equal(swapdisk_used(f.kernel->swap), 2);
    assert_int_equal(poke(&child, P(0), 5), 0); /* read from swap, and copied */
    assert_int_equal(f.rig->counters.faults_cow, 1);
    assert_int_equal(f.rig->counters.swap_pages_in, 1);
    assert_int_equal(peek(&f, P(0)), 10);
    assert_int_equal(f.rig->counters.swap_pages_in, 1); /* the child's fault brought it in */
    assert_int_equal(peek(&f, P(1)), 11);
    assert_int_equal(peek(&child, P(1)), 11);
    assert_ptr_equal(frame_at(&f, P(1)), frame_at(&child, P(1)));
    /* Eviction unmaps it from both. */
    evict(&f, P(1));
    assert_null(frame_at(&f, P(1)));
    assert_null(frame_at(&child, P(1)));
    assert_int_equal(peek(&child, P(1)), 11);
    end_child(&child);
    assert_int_equal(peek(&f, P(1)), 11);
    fixture_destroy(&f);
}

static void test_a_damaged_page_is_damaged_for_both(void **state)
{
    char path[] = "/tmp/pagewalk-test-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    struct fixture f = make((struct rig_options){.nframes = 1024, .nslots = 8, .path = path});
    evict(&f, P(0));
    struct fixture child = fork_of(&f);
    flip_swap(fd, 8);
    assert_int_equal(fault_handle(child.space, vaddr(P(0)), MMU_STORE), FAULT_BUS_OBJERR);
    flip_swap(fd, 8);
    assert_int_equal(fault_handle(f.space, vaddr(P(0)), MMU_LOAD), FAULT_BUS_OBJERR);
    assert_int_equal(peek(&f, P(1)), 11);
    end_child(&child);
    fixture_destroy(&f);
    close(fd);
    unlink(path);
}

static void test_shared_memory_and_files_stay_shared(void **state)
{
    struct fixture f = make_roomy();
    int fd = make_file(BYTES(2));
    struct object *file = open_object(&f, fd, true), *memory;
    (void)state;
    assert_int_equal(object_shared(f.kernel, 2, true, &memory), 0);
    assert_int_equal(map_object(&f, P(20), 2, RW, REGION_SHARED, memory, 0), 0);
    assert_int_equal(map_object(&f, P(30), 2, RW, REGION_SHARED, file, 0), 0);
    assert_int_equal(map_object(&f, P(40), 2, RW, 0, file, 0), 0);
    assert_int_equal(poke(&f, P(20), 1), 0);
    assert_int_equal(poke(&f, P(40), 4), 0);
    struct fixture child = fork_of(&f);
    assert_int_equal(peek(&child, P(20)), 1);
    assert_int_equal(poke(&child, P(20), 2), 0);
    assert_int_equal(peek(&f, P(20)), 2);
    assert_int_equal(poke(&f, P(30) + 5, 3), 0);
    assert_int_equal(peek(&child, P(30) + 5), 3);
    assert_int_equal(peek(&child, P(40)), 4);
    assert_int_equal(poke(&child, P(40), 6), 0);
    assert_int_equal(peek(&f, P(40)), 4);
    assert_int_equal(peek(&child, P(41)), file_byte(BYTES(1)));
    assert_ptr_equal(frame_at(&f, P(20)), frame_at(&child, P(20)));
    assert_int_equal(f.rig->counters.faults_cow, 2); /* one before the fork */
    end_child(&child);
    object_put(f.kernel, memory);
    object_put(f.kernel, file);
    fixture_destroy(&f);
    close(fd);
}

static void test_commit_forbids_a_fork_and_nothing_has_changed(void **state)
{
    struct fixture f = make_roomy();
    struct space *child = NULL;
    (void)state;
    struct commit *commit = &f.kernel->commit;
    commit->mode = COMMIT_NEVER;
    assert_int_equal(map_at(&f, P(100), 100, RW, 0), 0);
    commit->limit = commit->used + 105;
    assert_int_equal(space_fork(f.space, &child), -ENOMEM);
    assert_null(child);
    assert_int_equal(commit->used, 106);
    assert_true(is_writable(&f, P(0)));
    fixture_check(&f);
    assert_int_equal(f.kernel->spaces_end, 2);
    commit->limit++;
    struct fixture other = fork_of(&f);
    assert_int_equal(commit->used, 212);
    end_child(&other);
    assert_int_equal(commit->used, 106);
    fixture_destroy(&f);
}

/* Each region is a request of its own. */
static void test_the_heuristic_forbids_only_a_single_region_too_large(void **state)
{
    struct fixture f = make_roomy();
    struct space *child = NULL;
    (void)state;
    uint64_t most = f.kernel->commit.total;
    assert_int_equal(map_at(&f, P(100), most, RW, 0), 0);
    assert_int_equal(map_at(&f, P(200 + most), most, RW, 0), 0);
    struct fixture other = fork_of(&f);
    end_child(&other);
    f.kernel->commit.total--;
    assert_int_equal(space_fork(f.space, &child), -ENOMEM);
    assert_int_equal(f.kernel->commit.used, 6 + 2 * most);
    fixture_destroy(&f);
}

/* A family in less RAM than one of them uses. */
static void test_many_generations_under_pressure(void **state)
{
    enum { PAGES = 100, FAMILY = 5 };
    struct fixture f = fixture_create((struct rig_options){.nslots = 2000}), family[FAMILY];
    (void)state;
    assert_int_equal(map_at(&f, P(0), PAGES, RW, 0), 0);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)i), 0);
    family[0] = f;
    for (int k = 1; k < FAMILY; k++) {
        family[k] = fork_of(&family[k - 1]);
        for (int i = k; i < PAGES; i += FAMILY)
            assert_int_equal(poke(&family[k], P(i), (uint8_t)(i + 100 * k)), 0);
    }
    for (int k = 0; k < FAMILY; k++) {
        for (int i = 0; i < PAGES; i++) {
            int writer = i % FAMILY <= k ? i % FAMILY : 0;
            assert_int_equal(peek(&family[k], P(i)), (uint8_t)(i + 100 * writer));
        }
        fixture_check(&family[k]);
    }
    assert_true(f.rig->counters.reclaims > 0);
    for (int k = 0; k < FAMILY - 1; k++)
        space_put(family[k].space);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(peek(&family[FAMILY - 1], P(i)), (uint8_t)(i + 100 * (i % FAMILY)));
    fixture_destroy(&family[FAMILY - 1]);
}

enum { SPACES = 1000 };

static size_t host_memory(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void test_ten_thousand_forks_leave_nothing(void **state)
{
    struct fixture f = make_roomy(), child = f;
    size_t memory = 0;
    uint64_t frames = 0;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(space_fork(f.space, &child.space), 0);
        assert_int_equal(peek(&child, P(i % 6)), 10 + i % 6);
        assert_int_equal(poke(&child, P(0), 1), 0);
        space_put(child.space);
        assert_int_equal(poke(&f, P(0), 10), 0);
        if (i == 0) {
            memory = host_memory();
            frames = frame_in_use(&f.kernel->frames);
        }
    }
    assert_true(host_memory() < memory + SPACES * 16);
    assert_int_equal(frame_in_use(&f.kernel->frames), frames);
    assert_int_equal(f.kernel->spaces_end, 2); /* numbers are used again */
    assert_int_equal(f.kernel->pages_live, 6);
    fixture_destroy(&f);
}

static void live_and_end(const struct fixture *f)
{
    struct fixture child = *f;
    struct space *spaces[SPACES];
    for (int i = 0; i < SPACES; i++) {
        assert_int_equal(space_fork(f->space, &spaces[i]), 0);
        child.space = spaces[i];
        assert_int_equal(poke(&child, P(i % 6), (uint8_t)i), 0);
    }
    assert_int_equal(f->kernel->pages_live, 6 + SPACES);
    for (int i = 0; i < SPACES; i++) {
        int k = i * 7 % SPACES;
        child.space = spaces[k];
        assert_int_equal(peek(&child, P(k % 6)), (uint8_t)k);
        assert_int_equal(peek(&child, P((k + 1) % 6)), 10 + (k + 1) % 6);
    }
    assert_true(kernel_is_valid(f->kernel));
    for (int i = 0; i < SPACES; i++)
        space_put(spaces[i * 7 % SPACES]);
    assert_int_equal(f->kernel->pages_live, 6);
}

static void test_a_thousand_spaces_live_at_once(void **state)
{
    struct fixture f = make((struct rig_options){.nframes = 8192, .nslots = 300});
    (void)state;
    live_and_end(&f);
    size_t memory = host_memory();
    live_and_end(&f);
    /* Less than the smallest thing for each space; the allocator keeps a few freed pieces. */
    assert_true(host_memory() < memory + SPACES * 16);
    fixture_destroy(&f);
}

static void test_numbers_run_out_and_come_back(void **state)
{
    struct fixture f = make_roomy();
    struct space **spaces = calloc(KERNEL_SPACES_MAX, sizeof(struct space *)), *more = NULL;
    (void)state;
    assert_non_null(spaces);
    int n = 0;
    while (space_fork(f.space, &spaces[n]) == 0)
        n++;
    assert_int_equal(n, KERNEL_SPACES_MAX - 2); /* 0 is none, and the parent has one */
    assert_int_equal(space_fork(f.space, &more), -EAGAIN);
    assert_null(more);
    assert_int_equal(f.kernel->commit.used, 6 * (n + 1));
    space_put(spaces[1234]);
    assert_int_equal(space_fork(f.space, &spaces[1234]), 0);
    for (int i = 0; i < n; i++)
        space_put(spaces[i]);
    free(spaces);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_child_reads_what_the_parent_had_and_each_writes_its_own),
        cmocka_unit_test(test_nothing_is_taken_or_copied_before_a_store),
        cmocka_unit_test(test_a_store_copies_and_the_last_owner_takes_the_page_over),
        cmocka_unit_test(test_the_tlb_forgets_that_the_parent_may_write),
        cmocka_unit_test(test_what_is_unmapped_in_another_space_is_a_shootdown),
        cmocka_unit_test(test_regions_sums_and_settings_are_the_parents),
        cmocka_unit_test(test_dontfork_and_wipeonfork),
        cmocka_unit_test(test_locks_stay_with_the_parent),
        cmocka_unit_test(test_a_locked_page_outlives_the_space_that_locked_it),
        cmocka_unit_test(test_swapped_pages_are_shared),
        cmocka_unit_test(test_a_damaged_page_is_damaged_for_both),
        cmocka_unit_test(test_shared_memory_and_files_stay_shared),
        cmocka_unit_test(test_commit_forbids_a_fork_and_nothing_has_changed),
        cmocka_unit_test(test_the_heuristic_forbids_only_a_single_region_too_large),
        cmocka_unit_test(test_ten_thousand_forks_leave_nothing),
        cmocka_unit_test(test_a_thousand_spaces_live_at_once),
        cmocka_unit_test(test_numbers_run_out_and_come_back),
        cmocka_unit_test(test_many_generations_under_pressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
