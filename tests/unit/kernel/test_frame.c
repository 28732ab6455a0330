// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/anon.h"
#include "rig.h"

static struct frame *take(struct rig *rig, enum frame_kind kind)
{
    static struct anon page = {.number = 1};
    rig->kernel->frames.reserved++;
    struct frame *frame = frame_take(rig->kernel, kind);
    if (kind == FRAME_ANON)
        frame->owner = (uint64_t)(uintptr_t)&page;
    return frame;
}

static void free_frames_cost_nothing_until_taken(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nframes = RAM_FRAMES_MAX});
    assert_int_equal(rig->kernel->frames.nfree, RAM_FRAMES_MAX - 2); /* none is 0, one is zeros */
    assert_int_equal(rig->kernel->gauges.frames_total, RAM_FRAMES_MAX);
    assert_int_equal(rig->kernel->frames.fresh, 2);
    assert_true(frame_is_valid(rig->kernel));
    rig_destroy(rig);
}

static void taken_and_given_frames_are_counted(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct frame_table *table = &rig->kernel->frames;
    uint64_t nfree = table->nfree;
    struct frame *anon = take(rig, FRAME_ANON), *leaf = take(rig, FRAME_TABLE);
    assert_int_equal(table->nfree, nfree - 2);
    assert_int_equal(table->ntables, 1);
    assert_int_equal(anon->kind, FRAME_ANON);
    assert_int_equal(anon->index, SWAP_NONE);
    assert_true(anon != leaf && frame_pfn(table, anon) != PFN_NONE);
    assert_int_equal(rig->kernel->gauges.frames_peak, 3);
    assert_int_equal(rig->kernel->gauges.tables_peak, 1);
    frame_give(rig->kernel, anon);
    frame_give(rig->kernel, leaf);
    assert_int_equal(table->nfree, nfree);
    assert_int_equal(table->ntables, 0);
    assert_int_equal(rig->kernel->gauges.frames_peak, 3);
    assert_true(frame_is_valid(rig->kernel));
    rig_destroy(rig);
}

static void every_frame_can_be_taken_once(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    bool taken[RAM_FRAMES_MIN] = {true}; /* frame 0 is none */
    struct frame *frames[RAM_FRAMES_MIN];
    unsigned count = 0;
    taken[rig->kernel->zero_pfn] = true;
    for (; rig->kernel->frames.nfree > 0; count++) {
        frames[count] = take(rig, FRAME_OBJECT);
        pfn_t pfn = frame_pfn(&rig->kernel->frames, frames[count]);
        assert_in_range(pfn, 1, RAM_FRAMES_MIN - 1);
        assert_false(taken[pfn]);
        taken[pfn] = true;
    }
    assert_int_equal(count, RAM_FRAMES_MIN - 2);
    assert_true(frame_is_valid(rig->kernel));
    while (count > 0)
        frame_give(rig->kernel, frames[--count]);
    assert_true(frame_is_valid(rig->kernel));
    rig_destroy(rig);
}

static struct frame *take_block(struct rig *rig, bool *zero)
{
    rig->kernel->frames.reserved = FRAME_BLOCK;
    struct frame *first = frame_take_block(rig->kernel, FRAME_ANON, BUDDY_ORDER_2M, zero);
    rig->kernel->frames.reserved = 0;
    assert_true(frame_is_valid(rig->kernel));
    return first;
}

static void blocks_are_taken_whole(void **state)
{
    enum { FRAMES = 3 * FRAME_BLOCK + 100 };
    struct rig *rig = rig_create((struct rig_options){.nframes = FRAMES});
    struct kernel *kernel = rig->kernel;
    struct frame_table *table = &kernel->frames;
    uint64_t nfree = table->nfree;
    bool zero;
    struct frame *blocks[2], *single = take(rig, FRAME_ANON);
    for (unsigned i = 0; i < 2; i++) {
        blocks[i] = take_block(rig, &zero);
        assert_true(zero);
        assert_ptr_equal(blocks[i],
                         frame_get(table, (i + 1) * FRAME_BLOCK)); /* the first is used */
    }
    assert_int_equal(table->nfree, nfree - 1 - 2 * FRAME_BLOCK);
    assert_null(take_block(rig, &zero)); /* 100 frames are not enough */
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        frame_give(kernel, blocks[0] + i);
    struct frame *other = take(rig, FRAME_TABLE); /* out of the block that was given last */
    assert_null(take_block(rig, &zero));
    frame_give(kernel, other);
    assert_ptr_equal(take_block(rig, &zero), blocks[0]);
    assert_false(zero);
    for (unsigned i = 0; i < 2 * FRAME_BLOCK; i++)
        frame_give(kernel, blocks[i / FRAME_BLOCK] + i % FRAME_BLOCK);
    frame_give(kernel, single);
    assert_int_equal(table->nfree, nfree);
    assert_true(frame_is_valid(kernel));
    rig_destroy(rig);
}

static void zeroed_frames_are_zero_also_when_used_before(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    uint8_t zeros[PAGE_SIZE] = {0};
    struct frame *frame = take(rig, FRAME_ANON);
    memset(rig_bytes(rig, frame), 0xaa, PAGE_SIZE);
    frame_give(rig->kernel, frame);
    rig->kernel->frames.reserved = 2;
    struct frame *again = frame_take_zeroed(rig->kernel, FRAME_ANON);
    struct frame *fresh = frame_take_zeroed(rig->kernel, FRAME_ANON);
    assert_ptr_equal(again, frame);
    assert_memory_equal(rig_bytes(rig, again), zeros, PAGE_SIZE);
    assert_memory_equal(rig_bytes(rig, fresh), zeros, PAGE_SIZE);
    frame_give(rig->kernel, again);
    frame_give(rig->kernel, fresh);
    rig_destroy(rig);
}

static void code_in_a_taken_frame_is_noticed(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct ram *ram = rig->machine.ram;
    struct frame *frame = take(rig, FRAME_ANON);
    pfn_t pfn = frame_pfn(&rig->kernel->frames, frame);
    ram_mark_code(ram, pfn);
    frame_give(rig->kernel, frame);
    ram->code_changed = false;
    assert_ptr_equal(take(rig, FRAME_ANON), frame);
    assert_true(ram->code_changed);
    assert_false(ram_has_code(ram, pfn));
    frame_give(rig->kernel, frame);
    rig_destroy(rig);
}

static void evictable_means_active_and_not_wired(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1});
    struct kernel *kernel = rig->kernel;
    struct frame *frame = take(rig, FRAME_ANON);
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    assert_true(frame_is_busy(frame));
    assert_false(policy_contains(&kernel->policy, pfn));
    frame_wire(kernel, frame);
    frame_activate(kernel, frame);
    assert_false(policy_contains(&kernel->policy, pfn));
    frame_wire(kernel, frame);
    frame_unwire(kernel, frame);
    assert_false(policy_contains(&kernel->policy, pfn));
    assert_true(frame_is_valid(kernel));
    frame_unwire(kernel, frame);
    assert_true(policy_contains(&kernel->policy, pfn));
    frame_wire(kernel, frame);
    assert_false(policy_contains(&kernel->policy, pfn));
    frame_deactivate(kernel, frame, POLICY_GONE);
    frame_unwire(kernel, frame);
    assert_false(policy_contains(&kernel->policy, pfn));
    frame_activate(kernel, frame);
    assert_true(policy_contains(&kernel->policy, pfn));
    assert_true(frame_is_valid(kernel));
    frame_give(kernel, frame);
    assert_false(policy_contains(&kernel->policy, pfn));
    assert_true(frame_is_valid(kernel));
    rig_destroy(rig);
}

static void without_swap_private_pages_are_not_asked_about(void **state)
{
    struct rig *rig = rig_create((struct rig_options){0});
    struct frame *frame = take(rig, FRAME_ANON);
    frame_activate(rig->kernel, frame);
    assert_int_equal(rig->kernel->policy.ninserted, 0);
    frame_wire(rig->kernel, frame);
    frame_unwire(rig->kernel, frame);
    assert_true(frame_is_valid(rig->kernel));
    frame_give(rig->kernel, frame);
    rig_destroy(rig);
}

/* The checks can fail: each field is bent in turn. */
static void damage_is_noticed(void **state)
{
    struct rig *rig = rig_create((struct rig_options){.nslots = 1});
    struct kernel *kernel = rig->kernel;
    struct frame *given = take(rig, FRAME_ANON), *frame = take(rig, FRAME_ANON);
    frame_give(kernel, given);
    frame_activate(kernel, frame);

    kernel->frames.nfree++; /* F2 */
    assert_false(frame_is_valid(kernel));
    kernel->frames.nfree--;
    given->wired = 1; /* F1 */
    assert_false(frame_is_valid(kernel));
    given->wired = 0;
    frame->wired = 1; /* F3 */
    assert_false(frame_is_valid(kernel));
    frame->wired = 0;
    frame->nmaps = 1; /* F4 */
    assert_false(frame_is_valid(kernel));
    frame->nmaps = 0;
    given->index = frame_pfn(&kernel->frames, given); /* F2: a loop in the list */
    assert_false(frame_is_valid(kernel));
    given->index = PFN_NONE;
    assert_true(frame_is_valid(kernel));
    frame_give(kernel, frame);
    rig_destroy(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_frames_cost_nothing_until_taken),
        cmocka_unit_test(taken_and_given_frames_are_counted),
        cmocka_unit_test(every_frame_can_be_taken_once),
        cmocka_unit_test(blocks_are_taken_whole),
        cmocka_unit_test(zeroed_frames_are_zero_also_when_used_before),
        cmocka_unit_test(code_in_a_taken_frame_is_noticed),
        cmocka_unit_test(evictable_means_active_and_not_wired),
        cmocka_unit_test(without_swap_private_pages_are_not_asked_about),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
