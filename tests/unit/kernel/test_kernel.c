// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"

#define BASE ((uint64_t)0x10000000)

static void policies_that_need_the_future_are_refused(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct kernel *kernel = NULL;
    struct kernel_options options = {.policy = policy_find("opt")};
    assert_int_equal(kernel_create(&rig->machine, &options, &kernel), -EINVAL);
    assert_null(kernel);
    rig_destroy(rig);
}

static void pages_are_counted_at_their_most(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    for (unsigned i = 0; i < 5; i++)
        kernel_pages_born(rig->kernel, 1);
    for (unsigned i = 0; i < 4; i++)
        kernel_pages_dead(rig->kernel, 1);
    kernel_pages_born(rig->kernel, 1);
    assert_int_equal(rig->kernel->pages_live, 2);
    assert_int_equal(rig->kernel->gauges.pages_peak, 5);
    rig_destroy(rig);
}

static void the_frame_of_zeros_is_one_and_zero(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    static const uint8_t zeros[PAGE_SIZE];
    const struct frame *frame = frame_get(&rig->kernel->frames, rig->kernel->zero_pfn);
    assert_int_equal(frame->kind, FRAME_ZERO);
    assert_memory_equal(rig_bytes(rig, frame), zeros, PAGE_SIZE);
    assert_int_equal(frame_in_use(&rig->kernel->frames), 1);
    rig_destroy(rig);
}

static void commit_limits_come_from_ram_and_swap(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nframes = 100, .nslots = 40});
    assert_int_equal(rig->kernel->commit.total, 140);
    assert_int_equal(rig->kernel->commit.limit, 90);
    rig_destroy(rig);
}

/* A kernel with resident, swapped and swap-cached pages. */
static struct rig *busy_rig(struct space **space)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 200});
    uint8_t *byte;
    *space = rig_space(rig, 1);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(rig_touch(rig, *space, BASE + i * PAGE_SIZE, MMU_STORE, &byte), 0);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(rig_touch(rig, *space, BASE + i * PAGE_SIZE, MMU_LOAD, &byte), 0);
    assert_true(kernel_is_valid(rig->kernel));
    return rig;
}

static struct anon *anon_at(const struct space *space, uint64_t i)
{
    struct anon *anon = amap_find(&space->amap, (BASE >> PAGE_SHIFT) + i);
    assert_non_null(anon);
    return anon;
}

static void damage_between_structures_is_noticed(void **state)
{
    struct space *space;
    struct rig *rig = busy_rig(&space);
    struct kernel *kernel = rig->kernel;
    struct anon *resident = anon_at(space, 0), *swapped = NULL, *other = NULL;
    for (uint64_t i = 0; i < 100; i++) {
        if (!anon_is_resident(anon_at(space, i))) {
            other = swapped;
            swapped = anon_at(space, i);
        }
    }
    assert_non_null(other);
    struct frame *frame = frame_get(&kernel->frames, slot_pfn(resident->slot));

    struct space *stranger = rig_space(rig, 2); /* K1: a pair that is no entry */
    uint64_t rmap = frame->rmap;
    frame->rmap = 0;
    frame->nmaps = 0;
    assert_false(kernel_is_valid(kernel));
    frame->rmap = rmap;
    frame->nmaps = 1;
    rig_space_end(rig, stranger);

    frame->owner = (uint64_t)(uintptr_t)swapped; /* K2 */
    assert_false(kernel_is_valid(kernel));
    frame->owner = (uint64_t)(uintptr_t)resident;

    slot_t slot = swapped->slot; /* K3: two owners */
    swapped->slot = other->slot;
    assert_false(kernel_is_valid(kernel));
    swapped->slot = slot;

    uint64_t copy = frame->index; /* K3: a slot that nobody owns */
    assert_int_not_equal(copy, SWAP_NONE);
    frame->index = SWAP_NONE;
    assert_false(kernel_is_valid(kernel));
    frame->index = copy;

    swap_slot_t leaked; /* K3: taken by nobody */
    assert_int_equal(swapdisk_take(kernel->swap, 1, &leaked), 1);
    assert_false(kernel_is_valid(kernel));
    swapdisk_give(kernel->swap, leaked);

    uint64_t peak = kernel->gauges.pages_peak; /* K4 */
    kernel->gauges.pages_peak = 99;
    assert_false(kernel_is_valid(kernel));
    kernel->gauges.pages_peak = peak;

    assert_true(kernel_is_valid(kernel));
    rig_space_end(rig, space);
    rig_destroy(rig);
}

/* The oracle of exact LRU, live: after each access the pages in order of their last use. The victim
 * must be the one used longest ago, although the TLB swallows nearly all accesses. */
static void live_lru_evicts_what_was_used_longest_ago(void **state)
{
    enum { NPAGES = 40 };
    struct rig *rig = rig_create((struct rig_options){.policy = "lru", .nslots = 200});
    struct space *space = rig_space(rig, 1);
    uint64_t last_use[NPAGES], now = 0;
    uint8_t *byte;
    for (uint64_t i = 0; i < NPAGES; i++) {
        assert_int_equal(rig_touch(rig, space, BASE + i * PAGE_SIZE, MMU_STORE, &byte), 0);
        last_use[i] = ++now;
    }
    srand(9);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned n = 0; n < 30; n++) {
            uint64_t i = (uint64_t)rand() % NPAGES;
            assert_non_null(rig_access(rig, space, BASE + i * PAGE_SIZE, MMU_LOAD));
            last_use[i] = ++now;
        }
        uint64_t oldest = 0;
        for (uint64_t i = 0; i < NPAGES; i++)
            if (last_use[i] < last_use[oldest])
                oldest = i;
        tlb_sync_stamps(rig->machine.tlb);
        pfn_t victim = policy_victim(&rig->kernel->policy);
        assert_int_equal(victim, slot_pfn(anon_at(space, oldest)->slot));
        assert_true(reclaim_frame(rig->kernel, frame_get(&rig->kernel->frames, victim)));
        assert_int_equal(rig_touch(rig, space, BASE + oldest * PAGE_SIZE, MMU_LOAD, &byte), 0);
        last_use[oldest] = ++now;
    }
    /* A system call's access counts as a use. */
    uint64_t oldest = 0;
    for (uint64_t i = 0; i < NPAGES; i++)
        if (last_use[i] < last_use[oldest])
            oldest = i;
    frame_touch(rig->kernel, slot_pfn(anon_at(space, oldest)->slot));
    assert_int_not_equal(policy_victim(&rig->kernel->policy),
                         slot_pfn(anon_at(space, oldest)->slot));
    rig_space_end(rig, space);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_that_need_the_future_are_refused),
        cmocka_unit_test(pages_are_counted_at_their_most),
        cmocka_unit_test(the_frame_of_zeros_is_one_and_zero),
        cmocka_unit_test(commit_limits_come_from_ram_and_swap),
        cmocka_unit_test(damage_between_structures_is_noticed),
        cmocka_unit_test(live_lru_evicts_what_was_used_longest_ago),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
