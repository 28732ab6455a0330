// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See buddy.h. A frame is taken from the hot ones, else from the smallest block that will do, of
 * which the lower end is split off, else from those never used; so the large blocks, and the frames
 * that cost the host nothing yet, last longest.
 */
#include "kernel/buddy.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/frame.h"

void buddy_create(uint64_t nframes, struct buddy *out)
{
    *out = (struct buddy){.hot_max = UINT32_MAX,
                          .unused = x_calloc(nframes / FRAME_BLOCK + 1, sizeof(*out->unused))};
}

void buddy_destroy(struct buddy *buddy)
{
    free(buddy->unused);
    buddy->unused = NULL;
}

static uint64_t length(unsigned order)
{
    return (uint64_t)1 << order;
}

/* ---- lists ---- */

static void list_add(const struct frame_table *table, struct buddy_list *list, pfn_t pfn,
                     uint64_t place)
{
    struct frame *frame = frame_get(table, pfn);
    frame->owner = PFN_NONE;
    frame->index = list->first;
    frame->rmap = place;
    if (list->first == PFN_NONE)
        list->last = pfn;
    else
        frame_get(table, list->first)->owner = pfn;
    list->first = pfn;
}

static void list_remove(const struct frame_table *table, struct buddy_list *list, pfn_t pfn)
{
    struct frame *frame = frame_get(table, pfn);
    pfn_t next = (pfn_t)frame->index, previous = (pfn_t)frame->owner;
    if (next == PFN_NONE)
        list->last = previous;
    else
        frame_get(table, next)->owner = previous;
    if (previous == PFN_NONE)
        list->first = next;
    else
        frame_get(table, previous)->index = next;
    frame->rmap = BUDDY_INSIDE;
}

static void add_block(struct frame_table *table, pfn_t pfn, unsigned order)
{
    struct buddy *buddy = &table->buddy;
    list_add(table, &buddy->blocks[order], pfn, BUDDY_HEAD + order);
    buddy->nblocks[order]++;
    buddy->nonempty |= 1u << order;
}

static void remove_block(struct frame_table *table, pfn_t pfn, unsigned order)
{
    struct buddy *buddy = &table->buddy;
    list_remove(table, &buddy->blocks[order], pfn);
    if (--buddy->nblocks[order] == 0)
        buddy->nonempty &= ~(1u << order);
}

static void remove_hot(struct frame_table *table, pfn_t pfn)
{
    list_remove(table, &table->buddy.hot, pfn);
    table->buddy.nhot--;
}

/* ---- blocks ---- */

/* 2^order frames below fresh become free (by > 0) or are taken. */
static void count_unused(struct frame_table *table, pfn_t pfn, unsigned order, int by)
{
    uint16_t *unused = table->buddy.unused;
    uint64_t n = order < BUDDY_ORDER_2M ? 1 : length(order - BUDDY_ORDER_2M);
    int each = by * (int)length(order < BUDDY_ORDER_2M ? order : (unsigned)BUDDY_ORDER_2M);
    for (uint64_t i = pfn / FRAME_BLOCK, end = i + n; i < end; i++)
        unused[i] = (uint16_t)(unused[i] + each);
}

/* Is a free block of that order there? => below fresh or beyond RAM */
static bool is_block(const struct frame_table *table, uint64_t pfn, unsigned order)
{
    if (pfn + length(order) > table->fresh)
        return false;
    const struct frame *frame = frame_get(table, (pfn_t)pfn);
    return frame->kind == FRAME_FREE && frame->rmap == BUDDY_HEAD + order;
}

/* Puts a free block in, together with its buddies as far as they are free. */
static void merge_in(struct frame_table *table, pfn_t pfn, unsigned order)
{
    for (; order < BUDDY_ORDER_1G && is_block(table, pfn ^ length(order), order); order++) {
        remove_block(table, (pfn_t)(pfn ^ length(order)), order);
        pfn &= (pfn_t)~length(order);
    }
    add_block(table, pfn, order);
}

/* The frames given longest ago become blocks, until `keep` are left. */
static void cool(struct frame_table *table, unsigned keep)
{
    while (table->buddy.nhot > keep) {
        pfn_t pfn = table->buddy.hot.last;
        remove_hot(table, pfn);
        merge_in(table, pfn, 0);
    }
}

/* Takes the lower end of the smallest block that is large enough; PFN_NONE: none is. */
static pfn_t take_block(struct frame_table *table, unsigned order)
{
    uint32_t enough = table->buddy.nonempty >> order << order;
    if (!enough)
        return PFN_NONE;
    unsigned size = (unsigned)__builtin_ctz(enough);
    pfn_t pfn = table->buddy.blocks[size].first;
    remove_block(table, pfn, size);
    while (size > order) {
        size--;
        add_block(table, (pfn_t)(pfn + length(size)), size);
    }
    count_unused(table, pfn, order, -1);
    return pfn;
}

/* The largest order that a block at the frame can have, and that ends at or below `end`. */
static unsigned order_at(uint64_t pfn, uint64_t end)
{
    unsigned order = 0;
    while (order < BUDDY_ORDER_1G && !(pfn & length(order)) && pfn + length(order + 1) <= end)
        order++;
    return order;
}

/* Takes frames that were never used. Those before the next multiple of the length become blocks. */
static pfn_t take_fresh(struct frame_table *table, unsigned order)
{
    uint64_t start = (table->fresh + length(order) - 1) & ~(length(order) - 1);
    if (start + length(order) > table->nframes)
        return PFN_NONE;
    for (uint64_t pfn = table->fresh, next; pfn < start; pfn = next) {
        unsigned part = order_at(pfn, start);
        next = table->fresh = pfn + length(part);
        count_unused(table, (pfn_t)pfn, part, 1);
        merge_in(table, (pfn_t)pfn, part);
    }
    table->fresh = start + length(order);
    return (pfn_t)start;
}

static pfn_t take_hot(struct frame_table *table)
{
    pfn_t pfn = table->buddy.hot.first;
    remove_hot(table, pfn);
    count_unused(table, pfn, 0, -1);
    return pfn;
}

pfn_t buddy_take(struct frame_table *table, unsigned order, bool *zero)
{
    *zero = false;
    if (order == 0 && table->buddy.nhot > 0)
        return take_hot(table);
    pfn_t pfn = take_block(table, order);
    if (pfn != PFN_NONE)
        return pfn;
    pfn = take_fresh(table, order);
    *zero = pfn != PFN_NONE;
    if (pfn != PFN_NONE || order == 0)
        return pfn;
    cool(table, 0);
    return take_block(table, order);
}

void buddy_give(struct frame_table *table, pfn_t pfn, unsigned order)
{
    for (pfn_t i = 0; i < length(order); i++)
        *frame_get(table, pfn + i) = (struct frame){.kind = FRAME_FREE};
    count_unused(table, pfn, order, 1);
    if (order > 0) {
        merge_in(table, pfn, order);
        return;
    }
    list_add(table, &table->buddy.hot, pfn, BUDDY_HOT);
    if (++table->buddy.nhot > table->buddy.hot_max)
        cool(table, table->buddy.hot_max / 2);
}

unsigned buddy_take_within(struct frame_table *table, pfn_t first)
{
    unsigned taken = 0;
    CHECK(first % FRAME_BLOCK == 0 && first + FRAME_BLOCK <= table->fresh);
    for (pfn_t pfn = first; pfn < first + FRAME_BLOCK; pfn++) {
        const struct frame *frame = frame_get(table, pfn);
        if (frame->kind != FRAME_FREE || frame->rmap == BUDDY_INSIDE)
            continue;
        unsigned order = frame->rmap == BUDDY_HOT ? 0 : (unsigned)(frame->rmap - BUDDY_HEAD);
        CHECK(order < BUDDY_ORDER_2M);
        if (frame->rmap == BUDDY_HOT)
            remove_hot(table, pfn);
        else
            remove_block(table, pfn, order);
        count_unused(table, pfn, order, -1);
        taken += (unsigned)length(order);
    }
    return taken;
}

void buddy_want_blocks(struct frame_table *table)
{
    table->buddy.hot_max = BUDDY_HOT_FEW;
    cool(table, BUDDY_HOT_FEW / 2);
}

void buddy_census(struct frame_table *table, uint64_t out[BUDDY_ORDERS])
{
    cool(table, 0);
    for (unsigned order = 0; order < BUDDY_ORDERS; order++)
        out[order] = table->buddy.nblocks[order];
    for (uint64_t pfn = table->fresh; pfn < table->nframes;) {
        unsigned order = order_at(pfn, table->nframes);
        out[order]++;
        pfn += length(order);
    }
}

uint64_t buddy_scattered(struct frame_table *table)
{
    uint64_t count = 0;
    cool(table, 0);
    for (unsigned order = 0; order < BUDDY_ORDER_2M; order++)
        count += table->buddy.nblocks[order] << order;
    return count;
}

/* ---- checks ---- */

/* What a walk over all frames below fresh finds. */
struct found {
    uint64_t nblocks[BUDDY_ORDERS];
    uint64_t nhot;
};

/* B2, B3 of the block that begins here. */
static bool block_is_valid(const struct frame_table *table, uint64_t pfn, unsigned order)
{
    if (order > BUDDY_ORDER_1G || (pfn & (length(order) - 1)) || pfn + length(order) > table->fresh)
        return false;
    for (uint64_t i = 1; i < length(order); i++) {
        const struct frame *inside = frame_get(table, (pfn_t)(pfn + i));
        if (inside->kind != FRAME_FREE || inside->rmap != BUDDY_INSIDE)
            return false;
    }
    return order == BUDDY_ORDER_1G || !is_block(table, pfn ^ length(order), order);
}

/* B1 to B3: the frames in the order in which they lie. */
static bool frames_are_valid(const struct frame_table *table, struct found *found)
{
    for (uint64_t pfn = 1; pfn < table->fresh;) {
        const struct frame *frame = frame_get(table, (pfn_t)pfn);
        unsigned order = 0;
        if (frame->kind == FRAME_FREE && frame->rmap == BUDDY_HOT) {
            found->nhot++;
        } else if (frame->kind == FRAME_FREE) {
            order = (unsigned)(frame->rmap - BUDDY_HEAD);
            if (frame->rmap < BUDDY_HEAD || !block_is_valid(table, pfn, order))
                return false;
            found->nblocks[order]++;
        }
        pfn += length(order);
    }
    return true;
}

/* As many as `count`, each of that place, and each knows the one before. */
static bool list_is_valid(const struct frame_table *table, const struct buddy_list *list,
                          uint64_t place, uint64_t count)
{
    pfn_t previous = PFN_NONE;
    for (pfn_t pfn = list->first; pfn != PFN_NONE; count--) {
        const struct frame *frame = frame_get(table, pfn);
        if (count == 0 || pfn >= table->fresh || frame->kind != FRAME_FREE ||
            frame->rmap != place || frame->owner != previous)
            return false;
        previous = pfn;
        pfn = (pfn_t)frame->index;
    }
    return count == 0 && list->last == previous;
}

/* The last part of B4. */
static bool unused_is_valid(const struct frame_table *table)
{
    uint64_t count = 0;
    for (uint64_t pfn = 1; pfn < table->fresh; pfn++) {
        count += frame_get(table, (pfn_t)pfn)->kind == FRAME_FREE;
        if (pfn % FRAME_BLOCK != FRAME_BLOCK - 1 && pfn + 1 != table->fresh)
            continue;
        if (table->buddy.unused[pfn / FRAME_BLOCK] != count)
            return false;
        count = 0;
    }
    return true;
}

bool buddy_is_valid(const struct frame_table *table)
{
    const struct buddy *buddy = &table->buddy;
    struct found found = {0};
    if (!frames_are_valid(table, &found) || found.nhot != buddy->nhot ||
        !list_is_valid(table, &buddy->hot, BUDDY_HOT, buddy->nhot))
        return false;
    for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
        if (found.nblocks[order] != buddy->nblocks[order] ||
            (buddy->nonempty >> order & 1) != (buddy->nblocks[order] > 0) ||
            !list_is_valid(table, &buddy->blocks[order], BUDDY_HEAD + order, buddy->nblocks[order]))
            return false;
    }
    return unused_is_valid(table);
}
