// SPDX-License-Identifier: GPL-2.0-or-later
/* Large pages by known answers: where one is made, what it costs to take it away, what is left when
 * a part of it changes. The model test does the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/collapse.h"
#include "kernel/fault.h"
#include "kernel/reclaim.h"
#include "kernel/space.h"
#include "rig.h"

#define LARGE ((uint64_t)FRAME_BLOCK * PAGE_SIZE)
#define AT ((uint64_t)0x7f0000000000)

struct fixture {
    struct rig *rig;
    struct kernel *kernel;
    struct space *space;
    struct counters *c;
    int disk; /* the swap device */
};

static int setup(void **state)
{
    static struct fixture f;
    char path[] = "/tmp/test_large_XXXXXX";
    f.disk = mkstemp(path);
    f.rig = rig_create((struct rig_options){.nframes = 6 * FRAME_BLOCK,
                                            .nslots = 4096,
                                            .large = LARGE_ALWAYS,
                                            .path = path,
                                            .tlb = "skylake"});
    unlink(path);
    f.kernel = f.rig->kernel;
    f.c = &f.rig->counters;
    *state = &f;
    return space_create(f.kernel, &f.space);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_true(kernel_is_valid(f->kernel) && tlb_is_valid(f->rig->machine.tlb));
    space_put(f->space);
    rig_destroy(f->rig);
    close(f->disk);
    return 0;
}

static void map(struct fixture *f, uint64_t va, uint64_t len, unsigned flags)
{
    vaddr_t at;
    struct space_map_request request = {.addr = vaddr(va),
                                        .len = len,
                                        .prot = PROT_MASK_R | PROT_MASK_W,
                                        .max_prot = 7,
                                        .flags = SPACE_MAP_FIXED,
                                        .region_flags = flags};
    assert_int_equal(space_map(f->space, &request, &at), 0);
}

static uint8_t *touch(struct fixture *f, uint64_t va, enum mmu_access access)
{
    uint8_t *byte;
    while (!(byte = rig_access(f->rig, f->space, va, access)))
        assert_int_equal(fault_handle(f->space, vaddr(va), access), FAULT_DONE);
    return byte;
}

/* The size of the page that the processor sees. */
static unsigned page_shift(struct fixture *f, uint64_t va)
{
    return mmu_page_shift(f->rig->machine.ram, f->space->table.root, vaddr(va));
}

static void test_first_store_makes_one(void **state)
{
    struct fixture *f = *state;
    map(f, AT - PAGE_SIZE, 2 * LARGE, 0);
    touch(f, AT + 3 * PAGE_SIZE, MMU_LOAD); /* the page of zeros */
    assert_int_equal(f->c->large_faults, 0);
    *touch(f, AT + 5 * PAGE_SIZE + 1, MMU_STORE) = 42;
    assert_int_equal(f->c->large_faults, 1);
    assert_int_equal(page_shift(f, AT), 21);
    assert_int_equal(space_resident(f->space), FRAME_BLOCK);
    uint64_t faults = f->c->faults;
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        assert_int_equal(*touch(f, AT + i * PAGE_SIZE + 1, MMU_LOAD), i == 5 ? 42 : 0);
    assert_int_equal(f->c->faults, faults);
    touch(f, AT + LARGE, MMU_STORE); /* the region ends before its 2 MiB do */
    touch(f, AT - PAGE_SIZE, MMU_STORE);
    assert_int_equal(f->c->large_faults, 1);
    assert_int_equal(page_shift(f, AT + LARGE), PAGE_SHIFT);
}

static void test_not_where_it_must_not_be(void **state)
{
    struct fixture *f = *state;
    map(f, AT, LARGE, REGION_NOHUGEPAGE);
    map(f, AT + LARGE, LARGE, REGION_GROWSDOWN);
    map(f, AT + 2 * LARGE, LARGE, 0);
    assert_int_equal(space_lock(f->space, vaddr(AT + 2 * LARGE), PAGE_SIZE, true), 0);
    for (unsigned i = 0; i < 3; i++)
        touch(f, AT + i * LARGE + 7 * PAGE_SIZE, MMU_STORE);
    assert_int_equal(f->c->large_faults, 0);
    assert_int_equal(space_unlock(f->space, vaddr(AT + 2 * LARGE), PAGE_SIZE), 0);
    touch(f, AT + 2 * LARGE, MMU_STORE); /* it has pages already */
    assert_int_equal(f->c->large_faults, 0);
    f->kernel->large = LARGE_NEVER;
    map(f, AT + 3 * LARGE, LARGE, 0);
    touch(f, AT + 3 * LARGE, MMU_STORE);
    assert_int_equal(f->c->large_faults, 0);
}

/* Taken away or restricted whole, it costs one invalidation and is not split. */
static void test_whole(void **state)
{
    struct fixture *f = *state;
    map(f, AT, LARGE, 0);
    touch(f, AT, MMU_STORE);
    uint64_t flushes = f->c->tlb_flushes;
    assert_int_equal(space_protect(f->space, vaddr(AT), LARGE, PROT_MASK_R), 0);
    assert_int_equal(f->c->tlb_flushes, flushes + 1);
    assert_int_equal(page_shift(f, AT), 21);
    assert_null(rig_access(f->rig, f->space, AT, MMU_STORE));
    assert_int_equal(fault_handle(f->space, vaddr(AT), MMU_STORE), FAULT_SEGV_ACCERR);
    touch(f, AT + PAGE_SIZE, MMU_LOAD);
    flushes = f->c->tlb_flushes;
    assert_int_equal(space_unmap(f->space, vaddr(AT), LARGE), 0);
    assert_int_equal(f->c->tlb_flushes, flushes + 1);
    assert_int_equal(f->c->large_splits, 0);
    assert_int_equal(f->kernel->pages_live, 0);
}

static void test_part(void **state)
{
    struct fixture *f = *state;
    map(f, AT, LARGE, 0);
    *touch(f, AT + 9 * PAGE_SIZE, MMU_STORE) = 9;
    assert_int_equal(space_unmap(f->space, vaddr(AT + 4 * PAGE_SIZE), PAGE_SIZE), 0);
    assert_int_equal(f->c->large_splits, 1);
    assert_int_equal(page_shift(f, AT), PAGE_SHIFT);
    assert_int_equal(space_resident(f->space), FRAME_BLOCK - 1);
    assert_int_equal(*touch(f, AT + 9 * PAGE_SIZE, MMU_LOAD), 9);
    assert_int_equal(fault_handle(f->space, vaddr(AT + 4 * PAGE_SIZE), MMU_LOAD),
                     FAULT_SEGV_MAPERR);
}

/* One accessed bit for all pages, but each is asked for itself. */
static void test_ageing(void **state)
{
    struct fixture *f = *state;
    map(f, AT, LARGE, 0);
    touch(f, AT, MMU_STORE);
    uint64_t pte = pagetable_entry(f->kernel, &f->space->table, vaddr(AT + 6 * PAGE_SIZE));
    assert_true((pte & PTE_A) && (pte & PTE_D));
    struct frame *six = frame_get(&f->kernel->frames, pte_pfn(pte));
    uint64_t flushes = f->c->tlb_flushes;
    assert_true(pagetable_test_clear_accessed(f->kernel, six));
    assert_false(pagetable_test_clear_accessed(f->kernel, six));
    assert_true(pagetable_test_clear_accessed(f->kernel, six + 1));
    assert_int_equal(f->c->tlb_flushes, flushes + 1);
    touch(f, AT + 100 * PAGE_SIZE, MMU_LOAD);
    assert_true(pagetable_test_clear_accessed(f->kernel, six));
    assert_int_equal(page_shift(f, AT), 21);
    assert_true(reclaim_frame(f->kernel, six));
    assert_int_equal(f->c->large_splits, 1);
    assert_int_equal(space_resident(f->space), FRAME_BLOCK - 1);
}

static void test_fork(void **state)
{
    struct fixture *f = *state;
    struct space *child;
    map(f, AT, LARGE, 0);
    *touch(f, AT + PAGE_SIZE, MMU_STORE) = 1;
    assert_int_equal(space_fork(f->space, &child), 0);
    assert_int_equal(page_shift(f, AT), 21); /* read-only, in one piece */
    *touch(f, AT + PAGE_SIZE, MMU_STORE) = 2;
    assert_int_equal(f->c->faults_cow, 1);
    assert_int_equal(page_shift(f, AT), PAGE_SHIFT);
    uint8_t *theirs;
    while (!(theirs = rig_access(f->rig, child, AT + PAGE_SIZE, MMU_LOAD)))
        assert_int_equal(fault_handle(child, vaddr(AT + PAGE_SIZE), MMU_LOAD), FAULT_DONE);
    assert_int_equal(*theirs, 1);
    assert_true(kernel_is_valid(f->kernel));
    space_put(child);
}

/* RAM without 2 MiB in one piece, or without as much to spare, gives small pages. */
static void test_little_ram(void **state)
{
    struct fixture *f = *state;
    map(f, AT, 8 * LARGE, 0);
    for (unsigned i = 0; i < 8; i++)
        touch(f, AT + i * LARGE, MMU_STORE);
    assert_in_range(f->c->large_faults, 3, 5);
    assert_int_equal(f->c->reclaims, 0);
    assert_int_equal(page_shift(f, AT + 7 * LARGE), PAGE_SHIFT);
}

/* ---- collapse ---- */

/* Small pages, each `step`-th of 2 MiB. */
static void touch_small(struct fixture *f, uint64_t va, unsigned step)
{
    f->kernel->large = LARGE_NEVER;
    for (unsigned i = 0; i < FRAME_BLOCK; i += step)
        *touch(f, va + i * PAGE_SIZE + 2, MMU_STORE) = (uint8_t)(i + i / 256 + 1);
    f->kernel->large = LARGE_ALWAYS;
    assert_int_equal(page_shift(f, va), PAGE_SHIFT);
}

static void assert_content(struct fixture *f, uint64_t va, unsigned step)
{
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        assert_int_equal(*touch(f, va + i * PAGE_SIZE + 2, MMU_LOAD),
                         i % step ? 0 : (uint8_t)(i + i / 256 + 1));
}

static void test_collapse(void **state)
{
    struct fixture *f = *state;
    map(f, AT, 2 * LARGE, 0);
    touch_small(f, AT, 3);
    touch(f, AT + 4 * PAGE_SIZE, MMU_LOAD); /* the page of zeros */
    uint64_t flushes = f->c->tlb_flushes, pages = f->kernel->pages_live;
    collapse_tick(f->kernel, COLLAPSE_PERIOD - 1);
    assert_int_equal(f->c->large_collapses, 0);
    collapse_tick(f->kernel, 1);
    assert_int_equal(f->c->large_collapses, 1); /* the second 2 MiB has no page */
    assert_int_equal(page_shift(f, AT), 21);
    assert_int_equal(f->c->tlb_flushes, flushes + 1);
    assert_int_equal(f->kernel->pages_live, pages + FRAME_BLOCK - (FRAME_BLOCK + 2) / 3);
    assert_true(kernel_is_valid(f->kernel));
    uint64_t faults = f->c->faults;
    assert_content(f, AT, 3);
    assert_int_equal(f->c->faults, faults);
    collapse_tick(f->kernel, COLLAPSE_PERIOD);
    assert_int_equal(f->c->large_collapses, 1);
}

/* Of another space than the one that runs: a shootdown. */
static void test_collapse_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct space *other;
    assert_int_equal(space_create(f->kernel, &other), 0);
    map(f, AT, LARGE, 0);
    touch_small(f, AT, 1);
    tlb_switch(f->rig->machine.tlb, other->table.root);
    uint64_t shootdowns = f->c->tlb_shootdowns;
    collapse_tick(f->kernel, COLLAPSE_PERIOD);
    assert_int_equal(f->c->large_collapses, 1);
    assert_int_equal(f->c->tlb_shootdowns, shootdowns + 1);
    assert_content(f, AT, 1);
    space_put(other);
}

static void assert_not_collapsed(struct fixture *f)
{
    for (unsigned i = 0; i < 4; i++)
        collapse_tick(f->kernel, COLLAPSE_PERIOD);
    assert_int_equal(f->c->large_collapses, 0);
}

static void test_no_collapse(void **state)
{
    struct fixture *f = *state;
    struct space *child;
    map(f, AT, LARGE, 0);
    touch_small(f, AT, 1);
    f->kernel->large = LARGE_MADVISE; /* nobody asked */
    assert_not_collapsed(f);
    f->kernel->large = LARGE_ALWAYS;
    assert_int_equal(space_fork(f->space, &child), 0); /* shared */
    assert_not_collapsed(f);
    space_put(child);
    touch(f, AT, MMU_LOAD);
    vaddr_t six = vaddr(AT + 6 * PAGE_SIZE);
    uint64_t pte = pagetable_entry(f->kernel, &f->space->table, six);
    assert_true(reclaim_frame(f->kernel, frame_get(&f->kernel->frames, pte_pfn(pte))));
    assert_not_collapsed(f); /* one is in swap */
    touch(f, six.v, MMU_LOAD);
    assert_int_equal(space_advise(f->space, vaddr(AT), LARGE, MADV_COLD), 0);
    assert_not_collapsed(f); /* not used since */
    assert_int_equal(space_lock(f->space, vaddr(AT), LARGE, false), 0);
    assert_not_collapsed(f);
    assert_int_equal(space_unlock(f->space, vaddr(AT), LARGE), 0);
    touch(f, AT, MMU_LOAD);
    collapse_tick(f->kernel, COLLAPSE_PERIOD);
    assert_int_equal(f->c->large_collapses, 1);
    assert_content(f, AT, 1);
}

/* RAM without room for one in a piece, until pages are moved out of its way. */
static void test_collapse_compacts(void **state)
{
    struct fixture *f = *state;
    map(f, AT, 8 * LARGE, 0);
    for (unsigned i = 0; i < 5; i++)
        touch_small(f, AT + i * LARGE, 1);
    for (unsigned i = 0; i < 5 * FRAME_BLOCK; i++)
        if (i % 3)
            assert_int_equal(
                space_advise(f->space, vaddr(AT + i * PAGE_SIZE), PAGE_SIZE, MADV_DONTNEED), 0);
    uint64_t moves = f->c->compact_moves;
    collapse_tick(f->kernel, COLLAPSE_PERIOD);
    assert_true(f->c->large_collapses > 0 && f->c->compact_moves > moves);
    assert_true(kernel_is_valid(f->kernel));
    for (unsigned i = 0; i < 5 * FRAME_BLOCK; i++) {
        unsigned k = i % FRAME_BLOCK;
        assert_int_equal(*touch(f, AT + i * PAGE_SIZE + 2, MMU_LOAD),
                         i % 3 ? 0 : (uint8_t)(k + k / 256 + 1));
    }
}

/* ---- 2 MiB as a unit ---- */

static struct frame *frame_at(struct fixture *f, uint64_t va)
{
    uint64_t pte = pagetable_entry(f->kernel, &f->space->table, vaddr(va));
    return frame_get(&f->kernel->frames, pte_pfn(pte));
}

static void test_unit(void **state)
{
    struct fixture *f = *state;
    f->kernel->large = LARGE_WHOLE;
    map(f, AT, LARGE, 0);
    touch(f, AT + 3 * PAGE_SIZE, MMU_LOAD);
    assert_int_equal(f->c->large_faults, 1);
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        *touch(f, AT + i * PAGE_SIZE + 9, MMU_STORE) = (uint8_t)(i + i / 256 + 1);
    assert_int_equal(f->c->faults, 1);
    uint64_t flushes = f->c->tlb_flushes;
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT + 5 * PAGE_SIZE)));
    assert_int_equal(space_resident(f->space), 0);
    assert_int_equal(f->c->swap_pages_out, FRAME_BLOCK);
    assert_int_equal(swapdisk_used(f->kernel->swap), FRAME_BLOCK);
    assert_int_equal(f->c->tlb_flushes, flushes + 1);
    assert_int_equal(f->c->large_evictions, 1);
    assert_int_equal(f->c->large_splits, 0);
    assert_true(kernel_is_valid(f->kernel));
    touch(f, AT + 7 * PAGE_SIZE, MMU_LOAD);
    assert_int_equal(f->c->faults_major, 1);
    assert_int_equal(f->c->swap_pages_in, FRAME_BLOCK);
    assert_int_equal(f->c->large_loads, 1);
    assert_int_equal(page_shift(f, AT), 21);
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        assert_int_equal(*touch(f, AT + i * PAGE_SIZE + 9, MMU_LOAD), (uint8_t)(i + i / 256 + 1));
    assert_int_equal(f->c->faults, 2);
    /* It is clean: nothing is written. One store, and all of it is. */
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT)));
    assert_int_equal(f->c->swap_pages_out, FRAME_BLOCK);
    touch(f, AT, MMU_STORE);
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT)));
    assert_int_equal(f->c->swap_pages_out, 2 * FRAME_BLOCK);
}

/* What others have too, or part of which stays, goes page by page. */
static void test_no_unit(void **state)
{
    struct fixture *f = *state;
    struct space *child;
    f->kernel->large = LARGE_WHOLE;
    map(f, AT, 2 * LARGE, 0);
    touch(f, AT, MMU_STORE);
    touch(f, AT + LARGE, MMU_STORE);
    assert_int_equal(space_fork(f->space, &child), 0);
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT + PAGE_SIZE)));
    assert_int_equal(f->c->swap_pages_out, 1);
    assert_int_equal(f->c->large_splits, 1);
    space_put(child);
    struct frame *one = frame_at(f, AT + LARGE + PAGE_SIZE);
    frame_wire(f->kernel, one);
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT + LARGE)));
    assert_int_equal(f->c->swap_pages_out, 2);
    assert_int_equal(f->c->large_splits, 2);
    frame_unwire(f->kernel, one);
}

/* Where swap has no room for all of it, what there is room for goes. */
static void test_little_swap(void **state)
{
    struct fixture *f = *state;
    swap_slot_t first, all = (swap_slot_t)swapdisk_slots(f->kernel->swap) - 100;
    f->kernel->large = LARGE_WHOLE;
    map(f, AT, LARGE, 0);
    touch(f, AT, MMU_STORE);
    assert_int_equal(swapdisk_take(f->kernel->swap, all, &first), all);
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT)));
    assert_int_equal(f->c->swap_pages_out, 1);
    assert_int_equal(f->c->large_splits, 1);
    for (swap_slot_t i = 0; i < all; i++)
        swapdisk_give(f->kernel->swap, first + i);
}

/* Turns a bit of the page's swap slot. */
static void damage(struct fixture *f, uint64_t va)
{
    struct anon *anon = amap_find(&f->space->amap, va >> PAGE_SHIFT);
    off_t at = (off_t)(slot_swap_slot(anon->slot) - 1) * PAGE_SIZE;
    uint8_t byte;
    assert_int_equal(pread(f->disk, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(f->disk, &byte, 1, at), 1);
}

/* One page of it cannot be read: the others are there all the same. */
static void test_damaged_unit(void **state)
{
    struct fixture *f = *state;
    f->kernel->large = LARGE_WHOLE;
    map(f, AT, LARGE, 0);
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        *touch(f, AT + i * PAGE_SIZE, MMU_STORE) = (uint8_t)(i | 1);
    assert_true(reclaim_frame(f->kernel, frame_at(f, AT)));
    damage(f, AT + 100 * PAGE_SIZE);
    for (unsigned i = 0; i < FRAME_BLOCK; i++) {
        if (i == 100)
            assert_int_equal(fault_handle(f->space, vaddr(AT + i * PAGE_SIZE), MMU_LOAD),
                             FAULT_BUS_OBJERR);
        else
            assert_int_equal(*touch(f, AT + i * PAGE_SIZE, MMU_LOAD), (uint8_t)(i | 1));
    }
    assert_int_equal(f->c->large_loads, 0);
}

/* In RAM for three of them ten are used in turn. */
static void test_units_take_turns(void **state)
{
    struct fixture *f = *state;
    f->kernel->large = LARGE_WHOLE;
    map(f, AT, 7 * LARGE, 0);
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < 7; i++) {
            uint8_t *byte = touch(f, AT + i * LARGE + i * PAGE_SIZE, MMU_STORE);
            assert_int_equal(*byte, round ? (uint8_t)(i + round) : 0);
            *byte = (uint8_t)(i + round + 1);
        }
    assert_true(f->c->large_evictions >= 10 && f->c->large_loads >= 7);
    assert_int_equal(f->c->large_splits, 0);
    assert_int_equal(f->c->swap_pages_out, f->c->large_evictions * FRAME_BLOCK);
    assert_int_equal(f->c->swap_pages_in, f->c->large_loads * FRAME_BLOCK);
}

/* Zeros in a large page that ends are counted: by a split, by unmapping. */
static void test_waste(void **state)
{
    struct fixture *f = *state;
    map(f, AT, 2 * LARGE, 0);
    for (unsigned i = 0; i < 5; i++)
        *touch(f, AT + i * PAGE_SIZE + 4090, MMU_STORE) = 1;
    touch(f, AT + 9 * PAGE_SIZE, MMU_STORE); /* used, and zero still */
    *touch(f, AT + LARGE, MMU_STORE) = 1;
    assert_int_equal(space_unmap(f->space, vaddr(AT), PAGE_SIZE), 0);
    assert_int_equal(f->c->large_waste, FRAME_BLOCK - 5);
    assert_int_equal(space_unmap(f->space, vaddr(AT), 2 * LARGE), 0);
    assert_int_equal(f->c->large_waste, 2 * FRAME_BLOCK - 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_first_store_makes_one),
        TEST(test_not_where_it_must_not_be),
        TEST(test_whole),
        TEST(test_part),
        TEST(test_ageing),
        TEST(test_fork),
        TEST(test_little_ram),
        TEST(test_collapse),
        TEST(test_collapse_elsewhere),
        TEST(test_no_collapse),
        TEST(test_collapse_compacts),
        TEST(test_unit),
        TEST(test_no_unit),
        TEST(test_little_swap),
        TEST(test_damaged_unit),
        TEST(test_units_take_turns),
        TEST(test_waste),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
