// SPDX-License-Identifier: GPL-2.0-or-later
/* Stack distances against a stack that is an array, searched from its top. */
#include "observe/lrustack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGES_MAX = 3000, KINDS = LRUSTACK_KINDS };

struct naive {
    unsigned count;
    uint64_t keys[PAGES_MAX]; /* [0] on top */
    uint64_t counts[KINDS][PAGES_MAX + 1];
};

static void naive_use(struct naive *naive, uint64_t key, const struct trace_ref *ref)
{
    unsigned at = 0;
    while (at < naive->count && naive->keys[at] != key)
        at++;
    naive->counts[ref->kind][at < naive->count ? at + 1 : 0]++;
    naive->counts[ref->kind][1] += ref->count - 1;
    if (at == naive->count)
        naive->count++;
    memmove(&naive->keys[1], &naive->keys[0], at * sizeof(naive->keys[0]));
    naive->keys[0] = key;
}

/* Uniform, mostly near, or a loop, by turns. */
static unsigned next_page(unsigned npages, unsigned step)
{
    unsigned page = (unsigned)rand() % npages;
    return step / 3000 % 3 == 0   ? page
           : step / 3000 % 3 == 1 ? page % (1 + page % 40)
                                  : step % npages;
}

static void compare(unsigned npages, unsigned steps)
{
    struct naive *naive = calloc(1, sizeof(*naive));
    struct lrustack *stack = lrustack_create();
    for (unsigned step = 0; step < steps; step++) {
        unsigned page = next_page(npages, step);
        struct trace_ref ref = {.page = page / 3,
                                .space = (uint16_t)(page % 3),
                                .kind = (uint8_t)(rand() % KINDS),
                                .count = 1 + (uint32_t)rand() % 2};
        naive_use(naive, page, &ref);
        lrustack_use(stack, &ref);
        if (step % 4096 == 0)
            assert_true(lrustack_is_valid(stack));
    }
    assert_int_equal(lrustack_pages(stack), naive->count);
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned depth = 0; depth <= PAGES_MAX; depth++)
            assert_int_equal(lrustack_count(stack, kind, depth), naive->counts[kind][depth]);
    assert_true(lrustack_is_valid(stack));
    lrustack_destroy(stack);
    free(naive);
}

static void depths_equal_the_naive_stacks(void **state)
{
    srand(11);
    compare(1, 1000);
    compare(15, 10000);
    compare(17, 10000);
    compare(300, 60000);
    compare(PAGES_MAX, 60000);
}

/* A RAM under LRU in which pages also cease to exist, looked at page by page. */
struct ram {
    unsigned nframes, nresident;
    uint64_t last_use[PAGES_MAX]; /* 0: not resident */
    uint64_t faults;
};

static void ram_use(struct ram *ram, unsigned npages, unsigned page, uint64_t now)
{
    if (ram->last_use[page] == 0) {
        ram->faults++;
        if (ram->nresident == ram->nframes) {
            unsigned oldest = npages;
            for (unsigned i = 0; i < npages; i++)
                if (ram->last_use[i] &&
                    (oldest == npages || ram->last_use[i] < ram->last_use[oldest]))
                    oldest = i;
            ram->last_use[oldest] = 0;
        } else {
            ram->nresident++;
        }
    }
    ram->last_use[page] = now;
}

static void ram_drop(struct ram *ram, unsigned first, unsigned count)
{
    for (unsigned page = first; page < first + count; page++) {
        ram->nresident -= ram->last_use[page] != 0;
        ram->last_use[page] = 0;
    }
}

static uint64_t faults_in(const struct lrustack *stack, uint64_t frames)
{
    uint64_t faults = 0;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        faults += lrustack_count(stack, kind, 0);
        for (uint64_t depth = frames + 1; depth <= PAGES_MAX; depth++)
            faults += lrustack_count(stack, kind, depth);
    }
    return faults;
}

static void run_rams(unsigned npages, unsigned steps, unsigned most_dropped)
{
    static struct ram rams[40];
    struct lrustack *stack = lrustack_create();
    memset(rams, 0, sizeof(rams));
    for (unsigned i = 0; i < 40; i++)
        rams[i].nframes = 1 + i * i / 6;
    for (unsigned step = 1; step <= steps; step++) {
        unsigned page = next_page(npages, step);
        struct trace_ref ref = {.page = page, .count = 1, .kind = (uint8_t)(rand() % KINDS)};
        if (rand() % 50 == 0) {
            ref.kind = TRACE_GONE;
            ref.count = 1 + (uint32_t)rand() % most_dropped;
            ref.count = ref.count < npages - page ? ref.count : npages - page;
        }
        lrustack_use(stack, &ref);
        for (unsigned i = 0; i < 40; i++) {
            if (ref.kind == TRACE_GONE)
                ram_drop(&rams[i], page, ref.count);
            else
                ram_use(&rams[i], npages, page, step);
        }
        if (step % 512 == 0)
            assert_true(lrustack_is_valid(stack));
    }
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(faults_in(stack, rams[i].nframes), rams[i].faults);
    lrustack_destroy(stack);
}

static void pages_that_cease_to_exist_free_their_frames(void **state)
{
    srand(12);
    run_rams(10, 5000, 3);
    run_rams(40, 20000, 5);
    run_rams(300, 20000, 30);
    run_rams(300, 20000, 300);
}

/* Who keeps the pages on top himself: those used last, the newest first. */
struct keeper {
    unsigned most, count;
    unsigned pages[PAGES_MAX];
};

static void keeper_use(struct keeper *keeper, struct lrustack *stack, const struct trace_ref *ref)
{
    unsigned at = 0;
    while (at < keeper->count && keeper->pages[at] != ref->page)
        at++;
    if (at == keeper->count) {
        lrustack_enter(stack, ref);
        if (keeper->count == keeper->most) {
            struct trace_ref last = {.page = keeper->pages[--at], .count = 1};
            lrustack_leave(stack, &last);
        } else {
            keeper->count++;
        }
    }
    memmove(&keeper->pages[1], &keeper->pages[0], at * sizeof(keeper->pages[0]));
    keeper->pages[0] = (unsigned)ref->page;
}

static void keeper_drop(struct keeper *keeper, struct lrustack *stack, const struct trace_ref *ref)
{
    unsigned left = 0;
    for (unsigned at = 0; at < keeper->count; at++)
        if (keeper->pages[at] - ref->page >= ref->count)
            keeper->pages[left++] = keeper->pages[at];
    lrustack_gone(stack, ref, keeper->count - left);
    keeper->count = left;
}

static void run_below(unsigned most, unsigned npages, unsigned steps)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    struct lrustack *whole = lrustack_create(), *below = lrustack_create_below(most);
    keeper->most = most;
    for (unsigned step = 1; step <= steps; step++) {
        unsigned page = next_page(npages, step);
        struct trace_ref ref = {.page = page, .count = 1, .kind = (uint8_t)(rand() % KINDS)};
        if (rand() % 60 == 0) {
            ref.kind = TRACE_GONE;
            ref.count = 1 + (uint32_t)rand() % 20;
        }
        lrustack_use(whole, &ref);
        if (ref.kind == TRACE_GONE)
            keeper_drop(keeper, below, &ref);
        else
            keeper_use(keeper, below, &ref);
        if (step % 512 == 0)
            assert_true(lrustack_is_valid(below));
    }
    for (unsigned frames = most; frames < PAGES_MAX; frames++)
        assert_int_equal(faults_in(below, frames), faults_in(whole, frames));
    assert_int_equal(lrustack_pages(below), lrustack_pages(whole));
    lrustack_destroy(whole);
    lrustack_destroy(below);
    free(keeper);
}

static void what_lies_below_is_known_without_the_top(void **state)
{
    srand(13);
    run_below(1, 20, 5000);
    run_below(16, 40, 20000);
    run_below(128, 300, 30000);
    run_below(128, 100, 5000);
}

/* The first page that is used again may lie deeper than any before by far. */
static void the_first_reuse_may_be_deep(void **state)
{
    enum { PAGES = 100000, TOP = 128 };
    struct lrustack *stack = lrustack_create(), *below = lrustack_create_below(TOP);
    struct trace_ref ref = {.kind = TRACE_STORE, .count = 1};
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned page = 0; page < PAGES; page++) {
            struct trace_ref last = {.page = (page + PAGES - TOP) % PAGES, .count = 1};
            ref.page = page;
            lrustack_use(stack, &ref);
            lrustack_enter(below, &ref);
            if (round > 0 || page >= TOP)
                lrustack_leave(below, &last);
        }
    }
    assert_int_equal(lrustack_count(stack, TRACE_STORE, 0), PAGES);
    assert_int_equal(lrustack_count(stack, TRACE_STORE, PAGES), PAGES);
    assert_int_equal(lrustack_count(stack, TRACE_STORE, PAGES - 1), 0);
    assert_int_equal(lrustack_count(below, TRACE_STORE, PAGES), PAGES);
    lrustack_destroy(stack);
    lrustack_destroy(below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_equal_the_naive_stacks),
        cmocka_unit_test(pages_that_cease_to_exist_free_their_frames),
        cmocka_unit_test(what_lies_below_is_known_without_the_top),
        cmocka_unit_test(the_first_reuse_may_be_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
