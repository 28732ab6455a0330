// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The buddy allocator against a naive model: an array that says of each frame whether it is free.
 * Random takes of all orders, gives in pieces or whole, and takes of what is free within 2 MiB are
 * done to both. A take must give aligned frames that the model has free, and may only fail if the
 * model has no such run either; what is free must lie in the largest blocks that there can be.
 *
 * MODEL_STEPS and MODEL_SEED in the environment change how long and where it starts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/frame.h"

enum { CHECK_EVERY = 64, TAKEN_MAX = 4096 };

struct taken {
    pfn_t pfn;
    unsigned order;
};

struct model {
    struct frame_table table;
    uint64_t random;
    bool *is_free; /* by frame */
    struct taken taken[TAKEN_MAX];
    unsigned ntaken;
};

static unsigned draw(struct model *m, unsigned below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)(m->random >> 33) % below;
}

/* ---- the naive side ---- */

static bool is_run(const struct model *m, uint64_t pfn, unsigned order)
{
    uint64_t n = (uint64_t)1 << order;
    if (pfn + n > m->table.nframes)
        return false;
    for (uint64_t i = 0; i < n; i++)
        if (!m->is_free[pfn + i])
            return false;
    return true;
}

static bool has_run(const struct model *m, unsigned order)
{
    for (uint64_t pfn = 0; pfn < m->table.nframes; pfn += (uint64_t)1 << order)
        if (is_run(m, pfn, order))
            return true;
    return false;
}

/* Blocks of each order, if all free buddies are one, but for those of which only one was used. */
static void naive_census(const struct model *m, uint64_t out[BUDDY_ORDERS])
{
    memset(out, 0, BUDDY_ORDERS * sizeof(out[0]));
    for (uint64_t pfn = 0; pfn < m->table.nframes;) {
        unsigned order = 0;
        if (!m->is_free[pfn]) {
            pfn++;
            continue;
        }
        while (order < BUDDY_ORDER_1G && pfn % ((uint64_t)2 << order) == 0 &&
               is_run(m, pfn, order + 1) &&
               (pfn >= m->table.fresh || pfn + ((uint64_t)2 << order) <= m->table.fresh))
            order++;
        out[order]++;
        pfn += (uint64_t)1 << order;
    }
}

/* ---- both sides ---- */

static void note_taken(struct model *m, pfn_t pfn, unsigned order)
{
    assert_int_equal(pfn & (((pfn_t)1 << order) - 1), 0);
    assert_true(is_run(m, pfn, order));
    for (pfn_t i = 0; i < (pfn_t)1 << order; i++) {
        m->is_free[pfn + i] = false;
        *frame_get(&m->table, pfn + i) = (struct frame){.kind = FRAME_ANON};
    }
    if (m->ntaken < TAKEN_MAX)
        m->taken[m->ntaken++] = (struct taken){pfn, order};
}

static void do_take(struct model *m)
{
    unsigned order = draw(m, 4) ? draw(m, 3) : draw(m, 13);
    uint64_t fresh = m->table.fresh;
    bool zero;
    if (m->ntaken == TAKEN_MAX)
        return;
    pfn_t pfn = buddy_take(&m->table, order, &zero);
    if (pfn == PFN_NONE) {
        assert_false(has_run(m, order));
        return;
    }
    assert_int_equal(zero, pfn >= fresh);
    note_taken(m, pfn, order);
}

static void give(struct model *m, pfn_t pfn, unsigned order)
{
    for (pfn_t i = 0; i < (pfn_t)1 << order; i++)
        m->is_free[pfn + i] = true;
    buddy_give(&m->table, pfn, order);
}

/* Gives what was taken, in one piece or frame by frame. */
static void do_give(struct model *m)
{
    if (m->ntaken == 0)
        return;
    unsigned i = draw(m, m->ntaken);
    struct taken taken = m->taken[i];
    m->taken[i] = m->taken[--m->ntaken];
    if (draw(m, 2)) {
        give(m, taken.pfn, taken.order);
        return;
    }
    for (pfn_t k = 0; k < (pfn_t)1 << taken.order; k++)
        give(m, taken.pfn + k, 0);
}

static void do_take_within(struct model *m)
{
    unsigned count = 0;
    if (m->table.fresh < FRAME_BLOCK)
        return;
    pfn_t first = draw(m, (unsigned)(m->table.fresh / FRAME_BLOCK)) * FRAME_BLOCK;
    for (pfn_t pfn = first; pfn < first + FRAME_BLOCK; pfn++)
        count += m->is_free[pfn];
    if (count == FRAME_BLOCK || m->ntaken + count > TAKEN_MAX)
        return;
    assert_int_equal(buddy_take_within(&m->table, first), count);
    for (pfn_t pfn = first; pfn < first + FRAME_BLOCK; pfn++)
        if (m->is_free[pfn])
            note_taken(m, pfn, 0);
}

static void check(struct model *m)
{
    uint64_t real[BUDDY_ORDERS], naive[BUDDY_ORDERS];
    assert_true(buddy_is_valid(&m->table));
    if (draw(m, 8))
        return;
    buddy_census(&m->table, real);
    naive_census(m, naive);
    assert_memory_equal(real, naive, sizeof(real));
}

static void run(uint64_t nframes, uint64_t seed, uint64_t steps)
{
    struct model *m = calloc(1, sizeof(*m));
    unsigned fullest = 0;
    assert_int_equal(frame_table_create(nframes, &m->table), 0);
    m->is_free = malloc(nframes * sizeof(bool));
    memset(m->is_free, true, nframes);
    m->is_free[0] = false;
    m->random = seed * 0x9e3779b97f4a7c15u + 1;
    if (seed % 2)
        buddy_want_blocks(&m->table);
    for (uint64_t i = 1; i <= steps; i++) {
        bool grows = i / 2000 % 2 == 0;
        unsigned what = draw(m, 200);
        if (what == 0)
            do_take_within(m);
        else if (what < (grows ? 130 : 70))
            do_take(m);
        else
            do_give(m);
        if (m->ntaken > fullest)
            fullest = m->ntaken;
        if (i % CHECK_EVERY == 0)
            check(m);
    }
    assert_true(fullest > 200);
    while (m->ntaken > 0)
        do_give(m);
    check(m);
    frame_table_destroy(&m->table);
    free(m->is_free);
    free(m);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void test_against_model(void **state)
{
    static const uint64_t sizes[] = {1000, 4096, 9 * FRAME_BLOCK + 77, 40 * FRAME_BLOCK};
    uint64_t steps = setting("MODEL_STEPS", 20000), seed = setting("MODEL_SEED", 1);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        run(sizes[i], seed + i, steps);
}

/* 1 GiB in one piece, taken and given back. */
static void test_largest(void **state)
{
    struct frame_table table;
    uint64_t census[BUDDY_ORDERS], n = (uint64_t)1 << BUDDY_ORDER_1G;
    bool zero;
    assert_int_equal(frame_table_create(2 * n + 5, &table), 0);
    pfn_t pfn = buddy_take(&table, BUDDY_ORDER_1G, &zero);
    assert_int_equal(pfn, n);
    assert_true(zero);
    assert_int_equal(buddy_take(&table, BUDDY_ORDER_1G, &zero), PFN_NONE);
    for (uint64_t i = 0; i < n; i++)
        frame_get(&table, (pfn_t)(pfn + i))->kind = FRAME_ANON;
    buddy_census(&table, census);
    for (unsigned order = 1; order < BUDDY_ORDERS; order++) /* 1, 2, 4, ... below it, 5 above */
        assert_int_equal(census[order], order == 2 ? 2 : order == BUDDY_ORDER_1G ? 0 : 1);
    assert_int_equal(census[0], 2);
    buddy_give(&table, pfn, BUDDY_ORDER_1G);
    assert_true(buddy_is_valid(&table));
    assert_int_equal(buddy_take(&table, BUDDY_ORDER_1G, &zero), pfn);
    assert_false(zero);
    frame_table_destroy(&table);
}

/* The checks can fail: each thing that is kept is bent in turn. */
static void test_damage(void **state)
{
    struct frame_table table;
    bool zero;
    assert_int_equal(frame_table_create(4 * FRAME_BLOCK, &table), 0);
    pfn_t pfn = buddy_take(&table, BUDDY_ORDER_2M, &zero), hot = buddy_take(&table, 0, &zero);
    for (pfn_t i = 0; i < FRAME_BLOCK; i++)
        frame_get(&table, pfn + i)->kind = FRAME_ANON;
    buddy_give(&table, hot, 0);
    assert_true(buddy_is_valid(&table));
#define BEND(what, value)                                                                          \
    do {                                                                                           \
        uint64_t was = (uint64_t)(what);                                                           \
        (what) = (value);                                                                          \
        assert_false(buddy_is_valid(&table));                                                      \
        (what) = (__typeof__(what))was;                                                            \
        assert_true(buddy_is_valid(&table));                                                       \
    } while (0)
    pfn_t head = table.buddy.blocks[8].first;
    BEND(frame_get(&table, hot)->rmap, BUDDY_INSIDE);    /* B1: lost */
    BEND(frame_get(&table, head + 1)->rmap, BUDDY_HEAD); /* B1: twice */
    BEND(frame_get(&table, head)->rmap, BUDDY_HEAD + 7); /* B1: half of it lost */
    BEND(frame_get(&table, head)->index, head);          /* a loop in the list */
    BEND(table.buddy.blocks[8].last, hot);
    BEND(table.buddy.nblocks[8], 2); /* B4 */
    BEND(table.buddy.nhot, 2);
    BEND(table.buddy.nonempty, 0);
    BEND(table.buddy.unused[0], 3);
    frame_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_model),
                                       cmocka_unit_test(test_largest),
                                       cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
