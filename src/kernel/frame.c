// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The frame table: who has which frame, and whether it may be evicted. Which frames are free, and
 * in what pieces, is buddy.c; frames from `fresh` up were never used, so neither they nor their
 * metadata cost host memory, and they are zero already.
 * Idle frames are a list both ways through frame->rmap, which they do not need.
 *
 * Chooses no victim and reclaims nothing: reclaim.c.
 */
#include "kernel/frame.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/lazy.h"
#include "kernel/anon.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/rmap.h"

int frame_table_create(uint64_t nframes, struct frame_table *out)
{
    CHECK(nframes >= RAM_FRAMES_MIN && nframes <= RAM_FRAMES_MAX);
    struct frame *frames = lazy_create(nframes * sizeof(*frames));
    if (!frames)
        return -ENOMEM;
    *out = (struct frame_table){
        .frames = frames, .nframes = nframes, .nfree = nframes - 1, .fresh = 1};
    buddy_create(nframes, &out->buddy);
    return 0;
}

void frame_table_destroy(struct frame_table *table)
{
    lazy_destroy(table->frames, table->nframes * sizeof(*table->frames));
    buddy_destroy(&table->buddy);
    *table = (struct frame_table){0};
}

static bool is_pageable_kind(const struct frame *frame)
{
    return frame->kind == FRAME_ANON || frame->kind == FRAME_OBJECT;
}

/* F3. => owner is set if it is not busy */
static bool belongs_in_policy(const struct kernel *kernel, const struct frame *frame)
{
    if (!is_pageable_kind(frame) || frame->wired > 0 || frame_is_busy(frame) ||
        frame_is_idle(frame))
        return false;
    const struct object *object = (const struct object *)(uintptr_t)frame->owner;
    return kernel->swap || (frame->kind == FRAME_OBJECT && object->ops->has_home);
}

static void count_taken(struct kernel *kernel, enum frame_kind kind, uint64_t count)
{
    struct frame_table *table = &kernel->frames;
    struct system_counters *gauges = &kernel->gauges;
    table->reserved -= count;
    table->nfree -= count;
    if (frame_in_use(table) > gauges->frames_peak)
        gauges->frames_peak = frame_in_use(table);
    if (kind == FRAME_TABLE && ++table->ntables > gauges->tables_peak)
        gauges->tables_peak = table->ntables;
}

/* ---- idle frames ---- */

static pfn_t idle_next(const struct frame *frame)
{
    return (pfn_t)frame->rmap;
}

static pfn_t idle_previous(const struct frame *frame)
{
    return (pfn_t)(frame->rmap >> 32);
}

static void idle_link(struct frame_table *table, pfn_t previous, pfn_t next)
{
    if (previous != PFN_NONE)
        frame_get(table, previous)->rmap =
            (uint64_t)idle_previous(frame_get(table, previous)) << 32 | next;
    else
        table->idle_first = next;
    if (next != PFN_NONE)
        frame_get(table, next)->rmap = (uint64_t)previous << 32 | idle_next(frame_get(table, next));
    else
        table->idle_last = previous;
}

static void idle_add(struct frame_table *table, struct frame *frame)
{
    pfn_t last = table->idle_last, pfn = frame_pfn(table, frame);
    frame->flags |= FRAME_IDLE;
    idle_link(table, last, pfn);
    idle_link(table, pfn, PFN_NONE);
    frame->rmap = (uint64_t)last << 32 | PFN_NONE;
    table->nidle++;
}

static void idle_remove(struct frame_table *table, struct frame *frame)
{
    idle_link(table, idle_previous(frame), idle_next(frame));
    frame->rmap = 0;
    frame->flags &= (uint8_t)~FRAME_IDLE;
    table->nidle--;
}

/* The frame is nobody's now and becomes somebody's. */
static struct frame *begin_use(struct kernel *kernel, enum frame_kind kind, pfn_t pfn)
{
    struct frame *frame = frame_get(&kernel->frames, pfn);
    DCHECK(frame->kind == FRAME_FREE && frame->nmaps == 0 && frame->wired == 0);
    *frame = (struct frame){.kind = (uint8_t)kind};
    ram_changed(kernel->machine->ram, pfn);
    return frame;
}

/* *zero: are its bytes known to be zero? */
static struct frame *take(struct kernel *kernel, enum frame_kind kind, bool *zero)
{
    struct frame_table *table = &kernel->frames;
    CHECK(table->reserved > 0 && table->nfree > 0);
    pfn_t pfn = buddy_take(table, 0, zero);
    CHECK(pfn != PFN_NONE);
    count_taken(kernel, kind, 1);
    return begin_use(kernel, kind, pfn);
}

struct frame *frame_take_block(struct kernel *kernel, enum frame_kind kind, unsigned order,
                               bool *zero)
{
    struct frame_table *table = &kernel->frames;
    uint64_t count = (uint64_t)1 << order;
    CHECK(kind != FRAME_TABLE && table->reserved >= count && table->nfree >= count);
    pfn_t pfn = buddy_take(table, order, zero);
    if (pfn == PFN_NONE)
        return NULL;
    count_taken(kernel, kind, count);
    for (pfn_t i = 0; i < count; i++)
        begin_use(kernel, kind, pfn + i);
    return frame_get(table, pfn);
}

/* ---- taking and giving ---- */

struct frame *frame_take(struct kernel *kernel, enum frame_kind kind)
{
    bool zero;
    return take(kernel, kind, &zero);
}

struct frame *frame_take_zeroed(struct kernel *kernel, enum frame_kind kind)
{
    bool zero;
    struct frame *frame = take(kernel, kind, &zero);
    if (!zero)
        memset(ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, frame)), 0, PAGE_SIZE);
    return frame;
}

void frame_give(struct kernel *kernel, struct frame *frame)
{
    struct frame_table *table = &kernel->frames;
    CHECK(frame->kind != FRAME_FREE && frame->kind != FRAME_ZERO);
    CHECK(frame->nmaps == 0 && frame->wired == 0);
    if (!frame_is_busy(frame))
        frame_deactivate(kernel, frame, POLICY_GONE);
    if (frame_is_idle(frame))
        idle_remove(table, frame);
    if (frame->kind == FRAME_TABLE)
        table->ntables--;
#ifdef PW_XCHECK
    /* Whoever still reads it must notice. */
    memset(ram_frame(kernel->machine->ram, frame_pfn(table, frame)), 0xdb, PAGE_SIZE);
#endif
    buddy_give(table, frame_pfn(table, frame), 0);
    table->nfree++;
}

void frame_touch(struct kernel *kernel, pfn_t pfn)
{
    if (kernel->policy.stamps)
        kernel->policy.stamps[pfn] = tlb_clock(kernel->machine->tlb);
}

/* The identity of the page that the frame holds, the same when it comes back. Pages of an object
 * lie in a row; that numbers of objects wrap could at worst mislead a policy. */
static uint64_t page_identity(const struct frame *frame)
{
    const uint64_t is_object = (uint64_t)1 << 62;
    if (frame->kind == FRAME_ANON)
        return ((const struct anon *)(uintptr_t)frame->owner)->number;
    uint64_t number = ((const struct object *)(uintptr_t)frame->owner)->number;
    return (is_object | (number << 40 & (is_object - 1))) + frame->index;
}

/* After a change of what decides it (F3): `was` says whether the frame belonged in before; if it
 * does no longer, `why` says why. */
static void update_policy(struct kernel *kernel, struct frame *frame, bool was,
                          enum policy_reason why)
{
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    bool is = belongs_in_policy(kernel, frame);
    if (is && !was) {
        frame_touch(kernel, pfn);
        policy_insert(&kernel->policy, pfn, page_identity(frame));
    } else if (was && !is) {
        policy_remove(&kernel->policy, pfn, why);
    }
}

void frame_activate(struct kernel *kernel, struct frame *frame)
{
    CHECK(is_pageable_kind(frame) && frame_is_busy(frame));
    frame->flags |= FRAME_ACTIVE;
    update_policy(kernel, frame, false, POLICY_GONE);
}

void frame_deactivate(struct kernel *kernel, struct frame *frame, enum policy_reason why)
{
    CHECK(!frame_is_busy(frame));
    bool was = belongs_in_policy(kernel, frame);
    frame->flags &= (uint8_t)~FRAME_ACTIVE;
    update_policy(kernel, frame, was, why);
}

void frame_set_idle(struct kernel *kernel, struct frame *frame)
{
    CHECK(frame->kind == FRAME_OBJECT && !frame_is_busy(frame) && !frame_is_idle(frame));
    CHECK(frame->nmaps == 0 && frame->wired == 0 && !(frame->flags & FRAME_DIRTY));
    bool was = belongs_in_policy(kernel, frame);
    idle_add(&kernel->frames, frame);
    update_policy(kernel, frame, was, POLICY_GONE);
}

void frame_end_idle(struct kernel *kernel, struct frame *frame)
{
    CHECK(frame_is_idle(frame));
    idle_remove(&kernel->frames, frame);
    update_policy(kernel, frame, false, POLICY_GONE);
}

struct frame *frame_move(struct kernel *kernel, struct frame *from, pfn_t to)
{
    struct policy *policy = &kernel->policy;
    struct ram *ram = kernel->machine->ram;
    pfn_t old = frame_pfn(&kernel->frames, from);
    struct frame *frame = frame_get(&kernel->frames, to);
    bool is_pageable = belongs_in_policy(kernel, from);
    CHECK(from->wired == 0 && from->kind != FRAME_ZERO);
    if (is_pageable)
        policy_remove(policy, old, POLICY_GONE);
    ram_changed(ram, to);
    memcpy(ram_frame(ram, to), ram_frame(ram, old), PAGE_SIZE);
    *frame = *from;
    *from = (struct frame){.kind = FRAME_FREE};
    if (frame_is_idle(frame)) { /* in its place in the list */
        idle_link(&kernel->frames, idle_previous(frame), to);
        idle_link(&kernel->frames, to, idle_next(frame));
    }
    if (policy->stamps)
        policy->stamps[to] = policy->stamps[old];
    if (is_pageable)
        policy_insert(policy, to, page_identity(frame));
    return frame;
}

void frame_moved_out(struct kernel *kernel, const struct frame *from)
{
    CHECK(from->kind == FRAME_FREE);
    buddy_give(&kernel->frames, frame_pfn(&kernel->frames, from), 0);
    kernel->frames.nfree++;
}

void frame_wire(struct kernel *kernel, struct frame *frame)
{
    CHECK(frame->kind != FRAME_FREE && !frame_is_idle(frame) && frame->wired < UINT16_MAX);
    bool was = belongs_in_policy(kernel, frame);
    frame->wired++;
    update_policy(kernel, frame, was, POLICY_GONE);
}

void frame_unwire(struct kernel *kernel, struct frame *frame)
{
    CHECK(frame->wired > 0);
    bool was = belongs_in_policy(kernel, frame);
    frame->wired--;
    update_policy(kernel, frame, was, POLICY_GONE);
}

/* F2 */
static bool free_is_valid(const struct frame_table *table)
{
    uint64_t free_below = 0;
    for (uint64_t pfn = 1; pfn < table->fresh; pfn++)
        free_below += frame_get(table, (pfn_t)pfn)->kind == FRAME_FREE;
    return table->nfree == free_below + (table->nframes - table->fresh) &&
           table->reserved <= table->nfree;
}

/* F5, but for what the policy has (F3). */
static bool idle_is_valid(const struct frame_table *table)
{
    uint64_t count = 0;
    pfn_t previous = PFN_NONE;
    for (pfn_t pfn = table->idle_first; pfn != PFN_NONE; count++) {
        const struct frame *frame = frame_get(table, pfn);
        if (count == table->nidle || frame->kind != FRAME_OBJECT || !frame_is_idle(frame) ||
            frame_is_busy(frame) || (frame->flags & FRAME_DIRTY) || frame->nmaps > 0 ||
            frame->wired > 0 || idle_previous(frame) != previous)
            return false;
        previous = pfn;
        pfn = idle_next(frame);
    }
    return count == table->nidle && table->idle_last == previous;
}

static bool one_is_valid(const struct kernel *kernel, pfn_t pfn)
{
    const struct frame *frame = frame_get(&kernel->frames, pfn);
    bool in_policy = policy_contains(&kernel->policy, pfn);
    if (frame->kind == FRAME_FREE && (frame->nmaps || frame->wired || frame->flags)) /* F1 */
        return false;
    if (in_policy != belongs_in_policy(kernel, frame)) /* F3 */
        return false;
    return (frame->kind == FRAME_ZERO) == (pfn == kernel->zero_pfn) &&
           (frame->kind == FRAME_FREE || frame_is_idle(frame) || rmap_is_valid(frame)); /* F4 */
}

bool frame_is_valid(const struct kernel *kernel)
{
    const struct frame_table *table = &kernel->frames;
    uint64_t ntables = 0, in_policy = 0, nidle = 0;
    if (!free_is_valid(table) || !buddy_is_valid(table) || !idle_is_valid(table))
        return false;
    for (uint64_t pfn = 1; pfn < table->fresh; pfn++) {
        if (!one_is_valid(kernel, (pfn_t)pfn))
            return false;
        ntables += frame_get(table, (pfn_t)pfn)->kind == FRAME_TABLE;
        in_policy += policy_contains(&kernel->policy, (pfn_t)pfn);
        nidle += frame_is_idle(frame_get(table, (pfn_t)pfn));
    }
    return ntables == table->ntables && in_policy == kernel->policy.ninserted &&
           nidle == table->nidle;
}
