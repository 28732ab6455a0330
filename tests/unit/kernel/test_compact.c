// SPDX-License-Identifier: GPL-2.0-or-later
/* Compaction by known answers: RAM is filled with pages of all kinds, every other one is given
 * back, and what is left must move and stay what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include "kernel/compact.h"
#include "kernel/fault.h"
#include "kernel/object.h"
#include "kernel/space.h"
#include "rig.h"

#define AT ((uint64_t)0x7f0000000000)
enum { PAGES = 5 * FRAME_BLOCK };

struct fixture {
    struct rig *rig;
    struct kernel *kernel;
    struct space *space;
    struct counters *c;
};

static void create(struct fixture *f, const char *policy)
{
    f->rig = rig_create((struct rig_options){.nframes = 6 * FRAME_BLOCK,
                                             .nslots = 4096,
                                             .policy = policy,
                                             .large = LARGE_MADVISE,
                                             .tlb = "skylake"});
    f->kernel = f->rig->kernel;
    f->c = &f->rig->counters;
    assert_int_equal(space_create(f->kernel, &f->space), 0);
}

static int setup(void **state)
{
    static struct fixture f;
    create(&f, "clock");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_true(kernel_is_valid(f->kernel) && tlb_is_valid(f->rig->machine.tlb));
    space_put(f->space);
    rig_destroy(f->rig);
    return 0;
}

static void map(struct fixture *f, uint64_t va, uint64_t npages, unsigned flags,
                struct object *object)
{
    vaddr_t at;
    struct space_map_request request = {.addr = vaddr(va),
                                        .len = npages * PAGE_SIZE,
                                        .prot = PROT_MASK_R | PROT_MASK_W,
                                        .max_prot = 7,
                                        .flags = SPACE_MAP_FIXED,
                                        .region_flags = flags,
                                        .object = object};
    assert_int_equal(space_map(f->space, &request, &at), 0);
}

static uint8_t *touch_in(struct fixture *f, struct space *space, uint64_t va,
                         enum mmu_access access)
{
    uint8_t *byte;
    while (!(byte = rig_access(f->rig, space, va, access)))
        assert_int_equal(fault_handle(space, vaddr(va), access), FAULT_DONE);
    return byte;
}

static uint8_t *touch(struct fixture *f, uint64_t va, enum mmu_access access)
{
    return touch_in(f, f->space, va, access);
}

static uint64_t page_at(unsigned i)
{
    return AT + (uint64_t)i * PAGE_SIZE;
}

static uint8_t content(unsigned i)
{
    return (uint8_t)(i * 7 + i / 256);
}

static void fill(struct fixture *f)
{
    for (unsigned i = 0; i < PAGES; i++)
        *touch(f, page_at(i) + 9, MMU_STORE) = content(i);
}

/* Keeps one page of each `step`. */
static void thin_out(struct fixture *f, unsigned step)
{
    for (unsigned i = 0; i < PAGES; i++)
        if (i % step)
            assert_int_equal(space_advise(f->space, vaddr(page_at(i)), PAGE_SIZE, MADV_DONTNEED),
                             0);
}

static bool has_block(struct fixture *f)
{
    uint64_t census[BUDDY_ORDERS];
    buddy_census(&f->kernel->frames, census);
    for (unsigned order = BUDDY_ORDER_2M; order < BUDDY_ORDERS; order++)
        if (census[order])
            return true;
    return false;
}

static void test_pages_and_tables_move(void **state)
{
    struct fixture *f = *state;
    map(f, AT, PAGES, 0, NULL);
    fill(f);
    thin_out(f, 4);
    assert_false(has_block(f));
    uint64_t nfree = f->kernel->frames.nfree, peak = f->kernel->gauges.frames_peak;
    uint64_t flushes = f->c->tlb_flushes, faults = f->c->faults;
    assert_true(compact_block(f->kernel));
    assert_true(has_block(f));
    assert_true(kernel_is_valid(f->kernel));
    assert_int_equal(f->c->compactions, 1);
    assert_in_range(f->c->compact_moves, 100, FRAME_BLOCK / 4 + 2);
    assert_in_range(f->c->tlb_flushes - flushes, 100, f->c->compact_moves);
    assert_int_equal(f->kernel->frames.nfree, nfree);
    assert_int_equal(f->kernel->gauges.frames_peak, peak);
    for (unsigned i = 0; i < PAGES; i += 4)
        assert_int_equal(*touch(f, page_at(i) + 9, MMU_LOAD), content(i));
    assert_int_equal(f->c->faults, faults); /* no entry was lost */
    while (compact_block(f->kernel))        /* all there is, page tables too */
        assert_true(kernel_is_valid(f->kernel));
    for (unsigned i = 0; i < PAGES; i += 4)
        assert_int_equal(*touch(f, page_at(i) + 9, MMU_LOAD), content(i));
    assert_int_equal(f->c->faults, faults);
    uint64_t census[BUDDY_ORDERS];
    buddy_census(&f->kernel->frames, census);
    assert_true(census[9] + 2 * census[10] + 4 * census[11] >= 3);
}

/* A page mapped by two spaces, and one of an object mapped twice. */
static void test_shared_pages_move(void **state)
{
    struct fixture *f = *state;
    struct object *object;
    struct space *child;
    map(f, AT, PAGES, 0, NULL);
    fill(f);
    assert_int_equal(object_shared(f->kernel, 8, false, &object), 0);
    thin_out(f, 3);
    map(f, page_at(PAGES), 8, REGION_SHARED, object);
    map(f, page_at(PAGES) + 8 * PAGE_SIZE, 8, REGION_SHARED, object);
    object_put(f->kernel, object);
    for (unsigned i = 0; i < 8; i++)
        *touch(f, page_at(PAGES + i), MMU_STORE) = (uint8_t)(100 + i);
    assert_int_equal(*touch(f, page_at(PAGES + 8), MMU_LOAD), 100);
    assert_int_equal(space_fork(f->space, &child), 0);
    for (unsigned i = 0; i < PAGES; i += 3)
        assert_int_equal(*touch_in(f, child, page_at(i) + 9, MMU_LOAD), content(i));
    while (compact_block(f->kernel))
        assert_true(kernel_is_valid(f->kernel));
    assert_true(f->c->compactions > 0);
    *touch(f, page_at(PAGES + 8), MMU_STORE) = 200;
    assert_int_equal(*touch(f, page_at(PAGES), MMU_LOAD), 200);
    *touch(f, page_at(3) + 9, MMU_STORE) = 1; /* copy on write */
    assert_int_equal(*touch_in(f, child, page_at(3) + 9, MMU_LOAD), content(3));
    for (unsigned i = 6; i < PAGES; i += 3)
        assert_int_equal(*touch_in(f, child, page_at(i) + 9, MMU_LOAD), content(i));
    space_put(child);
}

/* Wired frames stay; what cannot be done is not tried again at once. */
static void test_wired_frames_stay(void **state)
{
    struct fixture *f = *state;
    map(f, AT, PAGES, 0, NULL);
    fill(f);
    thin_out(f, 4);
    assert_int_equal(space_lock(f->space, vaddr(AT), PAGES * PAGE_SIZE, true), 0);
    for (unsigned i = 0; i < PAGES; i += 4)
        touch(f, page_at(i), MMU_LOAD);
    for (unsigned i = 0; i < 3; i++)
        assert_false(compact_block(f->kernel));
    assert_int_equal(f->c->compact_moves, 0);
    assert_int_equal(space_unlock(f->space, vaddr(AT), PAGES * PAGE_SIZE), 0);
    unsigned refused = 0;
    while (!compact_block(f->kernel))
        assert_true(++refused <= 4);
    assert_true(refused > 0);
}

/* With a policy that goes by the last access a page that moved is as old as it was. */
static void test_age(void **state)
{
    struct fixture *f = *state;
    teardown(state);
    create(f, "lru");
    map(f, AT, PAGES, 0, NULL);
    fill(f);
    thin_out(f, 4);
    for (unsigned i = 0; i < PAGES; i += 4)
        touch(f, page_at(i * 7 % PAGES), MMU_LOAD);
    touch(f, page_at(0), MMU_LOAD);
    while (compact_block(f->kernel))
        ;
    tlb_sync_stamps(f->rig->machine.tlb);
    uint64_t last = 0;
    for (unsigned i = 4; i < PAGES; i += 4) {
        uint64_t va = page_at(i * 7 % PAGES);
        pfn_t pfn = pte_pfn(pagetable_entry(f->kernel, &f->space->table, vaddr(va)));
        if (va == AT)
            continue;
        assert_true(f->kernel->policy.stamps[pfn] > last);
        last = f->kernel->policy.stamps[pfn];
    }
    pfn_t victim = policy_victim(&f->kernel->policy);
    assert_int_equal(victim,
                     pte_pfn(pagetable_entry(f->kernel, &f->space->table, vaddr(page_at(28)))));
}

/* Advice makes a page fault tidy RAM up. */
static void test_advised_fault(void **state)
{
    struct fixture *f = *state;
    map(f, AT, PAGES, 0, NULL);
    fill(f);
    thin_out(f, 4);
    for (unsigned advised = 0; advised < 2; advised++) {
        uint64_t va = AT + (advised + 16) * FRAME_BLOCK * PAGE_SIZE;
        map(f, va, FRAME_BLOCK, 0, NULL);
        f->kernel->large = advised ? LARGE_MADVISE : LARGE_ALWAYS;
        if (advised)
            assert_int_equal(
                space_advise(f->space, vaddr(va), FRAME_BLOCK * PAGE_SIZE, MADV_HUGEPAGE), 0);
        *touch(f, va, MMU_STORE) = 1;
        assert_int_equal(f->c->large_faults, advised);
        assert_int_equal(f->c->large_fragmented, 1);
        assert_int_equal(f->c->compactions, advised);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pages_and_tables_move), TEST(test_shared_pages_move),
        TEST(test_wired_frames_stay),     TEST(test_age),
        TEST(test_advised_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
