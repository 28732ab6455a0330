// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The policies against naive oracles: the same references, the same victims. The oracles keep the
 * pages in an array and look at all of them each time; what they do is the textbook's sentence.
 * Random is held to what it promises instead: every page is as likely, and the seed decides.
 *
 * RAM has frames 1 .. nframes; page p of the reference string sits in the frame it was loaded into.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/policy.h"

enum { PAGES_MAX = 64, NOWHERE = 0 };

/* One RAM under one policy, and what a policy may ask about it. */
struct ram_model {
    struct policy policy;
    uint64_t now;
    pfn_t frame_of[PAGES_MAX]; /* NOWHERE: not resident */
    unsigned page_in[PAGES_MAX + 1];
    bool used[PAGES_MAX + 1];
    uint64_t stamp[PAGES_MAX + 1];
    unsigned nframes, nloaded, faults;
};

static bool test_clear_accessed(void *ctx, pfn_t pfn)
{
    struct ram_model *ram = ctx;
    bool used = ram->used[pfn];
    ram->used[pfn] = false;
    return used;
}

static uint64_t last_access(void *ctx, pfn_t pfn)
{
    struct ram_model *ram = ctx;
    return ram->stamp[pfn];
}

static void ram_model_create(struct ram_model *ram, const char *policy, unsigned nframes,
                             uint64_t seed)
{
    *ram = (struct ram_model){.nframes = nframes};
    struct policy_env env = {.ctx = ram,
                             .nframes = PAGES_MAX + 1,
                             .seed = seed,
                             .test_clear_accessed = test_clear_accessed,
                             .last_access = last_access};
    assert_int_equal(policy_create(policy_find(policy), &env, &ram->policy), 0);
}

/* One reference; the page it displaced, or -1. */
static int ram_model_touch(struct ram_model *ram, unsigned page)
{
    int displaced = -1;
    ram->now++;
    pfn_t pfn = ram->frame_of[page];
    if (pfn == NOWHERE) {
        ram->faults++;
        if (ram->nloaded < ram->nframes) {
            pfn = ++ram->nloaded;
        } else {
            pfn = policy_victim(&ram->policy);
            policy_remove(&ram->policy, pfn);
            displaced = (int)ram->page_in[pfn];
            ram->frame_of[displaced] = NOWHERE;
        }
        ram->frame_of[page] = pfn;
        ram->page_in[pfn] = page;
        ram->stamp[pfn] = ram->now;
        policy_insert(&ram->policy, pfn);
    }
    ram->used[pfn] = true;
    ram->stamp[pfn] = ram->now;
    return displaced;
}

static unsigned count_faults(const char *policy, unsigned nframes, const uint8_t *string,
                             size_t len)
{
    struct ram_model ram;
    ram_model_create(&ram, policy, nframes, 1);
    for (size_t i = 0; i < len; i++)
        ram_model_touch(&ram, string[i]);
    assert_true(policy_is_valid(&ram.policy));
    policy_destroy(&ram.policy);
    return ram.faults;
}

/* The oracle's pages, in the order that its policy keeps them: queue[0] goes first. */
struct oracle {
    const char *policy;
    unsigned nframes, count;
    unsigned queue[PAGES_MAX];
    bool used[PAGES_MAX];
};

static unsigned oracle_take(struct oracle *oracle, unsigned i)
{
    unsigned page = oracle->queue[i];
    memmove(&oracle->queue[i], &oracle->queue[i + 1],
            (--oracle->count - i) * sizeof(oracle->queue[0]));
    return page;
}

static void oracle_append(struct oracle *oracle, unsigned page)
{
    oracle->queue[oracle->count++] = page;
}

static int oracle_touch(struct oracle *oracle, unsigned page)
{
    int displaced = -1;
    bool is_lru = strcmp(oracle->policy, "lru") == 0;
    bool is_clock = strcmp(oracle->policy, "clock") == 0;
    for (unsigned i = 0; i < oracle->count; i++) {
        if (oracle->queue[i] == page) {
            oracle->used[page] = true;
            if (is_lru)
                oracle_append(oracle, oracle_take(oracle, i));
            return -1;
        }
    }
    if (oracle->count == oracle->nframes) {
        while (is_clock && oracle->used[oracle->queue[0]]) {
            oracle->used[oracle->queue[0]] = false;
            oracle_append(oracle, oracle_take(oracle, 0));
        }
        displaced = (int)oracle_take(oracle, 0);
    }
    oracle->used[page] = true;
    oracle_append(oracle, page);
    return displaced;
}

/* Uniform, skewed or a loop, by turns, so that each policy's cases all come up. */
static unsigned next_page(unsigned npages, unsigned step)
{
    unsigned page = (unsigned)rand() % npages;
    switch (step / 500 % 3) {
    case 0:
        return page;
    case 1:
        return page * page / npages;
    default:
        return step % npages;
    }
}

static void compare(const char *policy, unsigned nframes, unsigned npages)
{
    struct ram_model ram;
    struct oracle oracle = {.policy = policy, .nframes = nframes};
    ram_model_create(&ram, policy, nframes, 1);
    for (unsigned step = 0; step < 6000; step++) {
        unsigned page = next_page(npages, step);
        assert_int_equal(ram_model_touch(&ram, page), oracle_touch(&oracle, page));
        if (step % 64 == 0)
            assert_true(policy_is_valid(&ram.policy));
    }
    policy_destroy(&ram.policy);
}

static void victims_equal_the_oracles(void **state)
{
    static const char *const names[] = {"fifo", "lru", "clock"};
    srand(7);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned nframes = 1; nframes <= 33; nframes += 4) {
            compare(names[i], nframes, nframes + 1);
            compare(names[i], nframes, PAGES_MAX);
        }
    }
}

/* Issue 4, "Known answers": faults for fifo, lru and clock (second chance, bit set on load). */
static void known_answers(void **state)
{
    static const uint8_t a[] = {0, 1, 2, 0, 1, 3, 0, 3, 1, 2, 1};
    static const uint8_t belady[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
    static const uint8_t book[] = {7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1};
    static const uint8_t loop[] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    static const struct {
        const uint8_t *string;
        size_t len;
        unsigned nframes, fifo, lru, clock;
    } cases[] = {
        {a, sizeof(a), 2, 9, 9, 9},
        {a, sizeof(a), 3, 7, 5, 7},
        {a, sizeof(a), 4, 4, 4, 4},
        {belady, sizeof(belady), 3, 9, 10, 9},
        {belady, sizeof(belady), 4, 10, 8, 10},
        {book, sizeof(book), 3, 15, 12, 14},
        {book, sizeof(book), 4, 10, 8, 9},
        {book, sizeof(book), 5, 9, 7, 9},
        {loop, sizeof(loop), 3, 20, 20, 20},
        {loop, sizeof(loop), 4, 20, 20, 20},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t *string = cases[i].string;
        assert_int_equal(count_faults("fifo", cases[i].nframes, string, cases[i].len),
                         cases[i].fifo);
        assert_int_equal(count_faults("lru", cases[i].nframes, string, cases[i].len), cases[i].lru);
        assert_int_equal(count_faults("clock", cases[i].nframes, string, cases[i].len),
                         cases[i].clock);
    }
}

/* Uniform references over N pages in C frames fault with probability 1 - C/N, whatever the policy.
 */
static void uniform_references_have_a_closed_form(void **state)
{
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        struct ram_model ram;
        ram_model_create(&ram, (*ops)->name, 16, 3);
        srand(11);
        for (unsigned i = 0; i < 40000; i++)
            ram_model_touch(&ram, (unsigned)rand() % PAGES_MAX);
        assert_in_range(ram.faults, 29300, 30700); /* 30,000 +- 8 standard deviations */
        policy_destroy(&ram.policy);
    }
}

static void random_is_even_and_follows_its_seed(void **state)
{
    unsigned hits[PAGES_MAX + 1] = {0}, differ = 0;
    struct ram_model one, same, other;
    ram_model_create(&one, "random", 20, 42);
    ram_model_create(&same, "random", 20, 42);
    ram_model_create(&other, "random", 20, 43);
    for (unsigned i = 0; i < 40000; i++) {
        int victim = ram_model_touch(&one, i % 21); /* 21 pages in 20 frames */
        assert_int_equal(ram_model_touch(&same, i % 21), victim);
        differ += ram_model_touch(&other, i % 21) != victim;
        if (victim >= 0)
            hits[one.frame_of[i % 21]]++;
    }
    assert_true(differ > 1000);
    for (unsigned pfn = 1; pfn <= 20; pfn++)
        assert_in_range(hits[pfn], (one.faults - 20) / 20 * 8 / 10,
                        (one.faults - 20) / 20 * 12 / 10);
    policy_destroy(&one.policy);
    policy_destroy(&same.policy);
    policy_destroy(&other.policy);
}

/* What reclaim relies on when nothing can be written: in two rounds each page was named. */
static void victims_that_stay_are_not_named_for_ever(void **state)
{
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        struct ram_model ram;
        bool named[PAGES_MAX + 1] = {false};
        ram_model_create(&ram, (*ops)->name, 40, 5);
        for (unsigned page = 0; page < 40; page++)
            ram_model_touch(&ram, page);
        for (unsigned pfn = 1; pfn <= 40; pfn++)
            ram.used[pfn] = pfn % 3 == 0;
        for (unsigned i = 0; i < 80; i++)
            named[policy_victim(&ram.policy)] = true;
        for (unsigned pfn = 1; pfn <= 40; pfn++)
            assert_true(named[pfn]);
        assert_true(policy_is_valid(&ram.policy));
        policy_destroy(&ram.policy);
    }
}

static void insert_and_remove_in_any_order(void **state)
{
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        struct ram_model ram;
        bool in[PAGES_MAX + 1] = {false};
        unsigned count = 0;
        ram_model_create(&ram, (*ops)->name, PAGES_MAX, 5);
        assert_int_equal(policy_victim(&ram.policy), PFN_NONE);
        for (unsigned step = 0; step < 5000; step++) {
            pfn_t pfn = 1 + (pfn_t)rand() % PAGES_MAX;
            ram.stamp[pfn] = step;
            if (rand() % 4 == 0 && count)
                assert_true(in[policy_victim(&ram.policy)]);
            if (in[pfn])
                policy_remove(&ram.policy, pfn);
            else
                policy_insert(&ram.policy, pfn);
            in[pfn] = !in[pfn];
            count += in[pfn] ? 1 : -1;
            assert_int_equal(ram.policy.ninserted, count);
            assert_true(policy_is_valid(&ram.policy));
            for (pfn = 1; pfn <= PAGES_MAX; pfn++)
                assert_int_equal(policy_contains(&ram.policy, pfn), in[pfn]);
        }
        policy_destroy(&ram.policy);
    }
}

static void names(void **state)
{
    assert_null(policy_find("lfu?"));
    assert_string_equal(policy_all()[0]->name, "clock");
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++)
        assert_ptr_equal(policy_find((*ops)->name), *ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(victims_equal_the_oracles),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(uniform_references_have_a_closed_form),
        cmocka_unit_test(random_is_even_and_follows_its_seed),
        cmocka_unit_test(victims_that_stay_are_not_named_for_ever),
        cmocka_unit_test(insert_and_remove_in_any_order),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
