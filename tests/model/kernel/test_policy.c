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

enum { PAGES_MAX = 64, NOWHERE = 0, STEPS = 6000 };

/* One RAM under one policy, and what a policy may ask about it. */
struct ram_model {
    struct policy policy;
    uint64_t now;
    pfn_t frame_of[PAGES_MAX]; /* NOWHERE: not resident */
    unsigned page_in[PAGES_MAX + 1];
    bool used[PAGES_MAX + 1], dirty[PAGES_MAX + 1];
    uint64_t stamp[PAGES_MAX + 1], next_use[PAGES_MAX + 1];
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

static uint64_t next_use(void *ctx, pfn_t pfn)
{
    struct ram_model *ram = ctx;
    return ram->next_use[pfn];
}

static bool is_dirty(void *ctx, pfn_t pfn)
{
    struct ram_model *ram = ctx;
    return ram->dirty[pfn];
}

static void ram_model_create(struct ram_model *ram, const char *policy, unsigned nframes,
                             uint64_t seed)
{
    *ram = (struct ram_model){.nframes = nframes};
    struct policy_env env = {.ctx = ram,
                             .nframes = PAGES_MAX + 1,
                             .seed = seed,
                             .test_clear_accessed = test_clear_accessed,
                             .last_access = last_access,
                             .next_use = next_use,
                             .is_dirty = is_dirty};
    assert_int_equal(policy_create(policy_find(policy), &env, &ram->policy), 0);
}

/* A page and how it is used; `next` is the step of its next use. */
struct reference {
    unsigned page;
    bool is_store;
    uint64_t next;
};

/* Result: the page that lay in the frame. */
static int ram_model_evict(struct ram_model *ram, pfn_t pfn)
{
    int page = (int)ram->page_in[pfn];
    policy_remove(&ram->policy, pfn, POLICY_EVICTED);
    ram->frame_of[page] = NOWHERE;
    return page;
}

/* One reference; the page it displaced, or -1. */
static int ram_model_use(struct ram_model *ram, struct reference ref)
{
    int displaced = -1;
    ram->now++;
    pfn_t pfn = ram->frame_of[ref.page];
    bool is_miss = pfn == NOWHERE;
    if (is_miss) {
        ram->faults++;
        if (ram->nloaded < ram->nframes) {
            pfn = ++ram->nloaded;
        } else {
            pfn = policy_victim(&ram->policy);
            displaced = ram_model_evict(ram, pfn);
        }
        ram->frame_of[ref.page] = pfn;
        ram->page_in[pfn] = ref.page;
        ram->dirty[pfn] = false;
    }
    ram->stamp[pfn] = ram->now;
    ram->next_use[pfn] = ref.next;
    if (is_miss)
        policy_insert(&ram->policy, pfn, 1000 + ref.page);
    else if (ram->policy.ops->needs_future)
        policy_use(&ram->policy, pfn);
    ram->used[pfn] = true;
    ram->dirty[pfn] |= ref.is_store;
    return displaced;
}

static int ram_model_touch(struct ram_model *ram, unsigned page)
{
    return ram_model_use(ram, (struct reference){.page = page});
}

static unsigned count_faults(const char *policy, unsigned nframes, const uint8_t *string,
                             size_t len)
{
    struct ram_model ram;
    ram_model_create(&ram, policy, nframes, 1);
    for (size_t i = 0; i < len; i++) {
        size_t next = i + 1;
        while (next < len && string[next] != string[i])
            next++;
        ram_model_use(
            &ram, (struct reference){.page = string[i], .next = next < len ? next : UINT64_MAX});
    }
    assert_true(policy_is_valid(&ram.policy));
    policy_destroy(&ram.policy);
    return ram.faults;
}

/* ---- the oracles ---- */

/* Pages in order: the one at 0 goes first. */
struct row {
    unsigned count, page[2 * PAGES_MAX];
};

static int row_find(const struct row *row, unsigned page)
{
    for (unsigned i = 0; i < row->count; i++)
        if (row->page[i] == page)
            return (int)i;
    return -1;
}

static unsigned row_take(struct row *row, unsigned i)
{
    unsigned page = row->page[i];
    memmove(&row->page[i], &row->page[i + 1], (--row->count - i) * sizeof(row->page[0]));
    return page;
}

static void row_append(struct row *row, unsigned page)
{
    row->page[row->count++] = page;
}

static bool row_drop(struct row *row, unsigned page)
{
    int i = row_find(row, page);
    if (i >= 0)
        row_take(row, (unsigned)i);
    return i >= 0;
}

/* What a policy in words keeps. Most have one row of resident pages; those with two call the second
 * `main`. */
struct oracle {
    const char *name;
    int (*choose)(struct oracle *oracle); /* a full RAM: takes the page that goes out of its row */
    void (*join)(struct oracle *oracle, unsigned page); /* NULL: the end of `row` */
    bool moves_on_use;                                  /* a page used goes to the end */
    bool ignores_first;                                 /* uses of the newest page are none */
    unsigned nframes;
    struct row row, main, gone, gone_main;
    bool used[PAGES_MAX], dirty[PAGES_MAX], spared[PAGES_MAX];
    unsigned uses[PAGES_MAX];
    uint64_t next[PAGES_MAX];
    unsigned hand, share;    /* sieve, arc */
    unsigned age[PAGES_MAX]; /* mglru: generations that began since it was seen used */
    int newest;
    /* clock-pro, whose `row` holds gone pages as well, the oldest first */
    bool hot[PAGES_MAX], out[PAGES_MAX], in_test[PAGES_MAX];
    int hands[3]; /* the page under it; -1: the oldest */
    unsigned target;
};

static unsigned resident(const struct oracle *o)
{
    return o->row.count + o->main.count;
}

static bool take_used(struct oracle *o, unsigned page)
{
    bool used = o->used[page];
    o->used[page] = false;
    return used;
}

static int choose_first(struct oracle *o)
{
    return (int)row_take(&o->row, 0);
}

/* The first of a row that was not used; those that were go to its end, or to another's. */
static int first_unused(struct oracle *o, struct row *row, struct row *survivors)
{
    unsigned page = row_take(row, 0);
    if (!take_used(o, page))
        return (int)page;
    row_append(survivors, page);
    return -1;
}

static int choose_clock(struct oracle *o)
{
    int page;
    while ((page = first_unused(o, &o->row, &o->row)) < 0)
        ;
    return page;
}

static int choose_second_chance(struct oracle *o)
{
    for (;;) {
        unsigned page = row_take(&o->row, 0);
        bool used = take_used(o, page);
        if (!used && (!o->dirty[page] || o->spared[page]))
            return (int)page;
        o->spared[page] = !used;
        row_append(&o->row, page);
    }
}

/* Every page in the order of its uses so far, one bit of news at a time. */
static int choose_lfu(struct oracle *o)
{
    for (;;) {
        unsigned best = 0;
        for (unsigned i = 1; i < o->row.count; i++)
            if (o->uses[o->row.page[i]] < o->uses[o->row.page[best]])
                best = i;
        if (!take_used(o, o->row.page[best]))
            return (int)row_take(&o->row, best);
        o->uses[o->row.page[best]]++;
    }
}

static int choose_opt(struct oracle *o)
{
    unsigned best = 0;
    for (unsigned i = 1; i < o->row.count; i++)
        if (o->next[o->row.page[i]] > o->next[o->row.page[best]])
            best = i;
    return (int)row_take(&o->row, best);
}

static int choose_sieve(struct oracle *o)
{
    while (take_used(o, o->row.page[o->hand]))
        o->hand = (o->hand + 1) % o->row.count;
    int page = (int)row_take(&o->row, o->hand);
    if (o->hand == o->row.count)
        o->hand = 0; /* behind the newest comes the oldest, not who comes in next */
    return page;
}

static void remember(struct row *gone, unsigned page, unsigned most)
{
    row_append(gone, page);
    while (gone->count > most)
        row_take(gone, 0);
}

static void join_known_or_new(struct oracle *o, unsigned page)
{
    row_append(row_drop(&o->gone, page) ? &o->main : &o->row, page);
}

static int choose_2q(struct oracle *o)
{
    unsigned most = resident(o) / 2;
    int page = -1;
    if (o->main.count == 0 || o->row.count > resident(o) / 4) {
        page = (int)row_take(&o->row, 0);
        remember(&o->gone, (unsigned)page, most);
    }
    while (page < 0)
        page = first_unused(o, &o->main, &o->main);
    return page;
}

static int choose_s3fifo(struct oracle *o)
{
    unsigned most = resident(o) - resident(o) / 10;
    for (;;) {
        bool is_small = !o->main.count || (o->row.count && o->row.count >= resident(o) / 10);
        int page = first_unused(o, is_small ? &o->row : &o->main, &o->main);
        if (page >= 0 && is_small)
            remember(&o->gone, (unsigned)page, most);
        if (page >= 0)
            return page;
    }
}

static int choose_arc(struct oracle *o)
{
    for (;;) {
        bool is_once = !o->main.count || (o->row.count && o->row.count >= o->share);
        int page = first_unused(o, is_once ? &o->row : &o->main, &o->main);
        if (page >= 0) {
            row_append(is_once ? &o->gone : &o->gone_main, (unsigned)page);
            return page;
        }
    }
}

static void join_arc(struct oracle *o, unsigned page)
{
    unsigned c = resident(o) + 1, b1 = o->gone.count, b2 = o->gone_main.count;
    if (row_find(&o->gone, page) >= 0) {
        o->share += b2 > b1 ? b2 / b1 : 1;
        o->share = o->share > c ? c : o->share;
        row_drop(&o->gone, page);
        row_append(&o->main, page);
    } else if (row_find(&o->gone_main, page) >= 0) {
        unsigned step = b1 > b2 ? b1 / b2 : 1;
        o->share = o->share > step ? o->share - step : 0;
        row_drop(&o->gone_main, page);
        row_append(&o->main, page);
    } else {
        row_append(&o->row, page);
        while (o->gone.count && o->row.count + o->gone.count > c)
            row_take(&o->gone, 0);
        while (o->gone_main.count && c + o->gone.count + o->gone_main.count > 2 * c)
            row_take(&o->gone_main, 0);
    }
}

/* ---- clock-pro ---- */

enum { HAND_HOT, HAND_COLD, HAND_TEST };

static unsigned pro_count(const struct oracle *o, bool hot, bool out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < o->row.count; i++)
        count += o->hot[o->row.page[i]] == hot && o->out[o->row.page[i]] == out;
    return count;
}

static unsigned pro_resident(const struct oracle *o)
{
    return pro_count(o, true, false) + pro_count(o, false, false);
}

/* The page under a hand, which moves on. */
static unsigned pro_pass(struct oracle *o, int hand)
{
    unsigned i = o->hands[hand] < 0 ? 0 : (unsigned)row_find(&o->row, (unsigned)o->hands[hand]);
    o->hands[hand] = i + 1 < o->row.count ? (int)o->row.page[i + 1] : -1;
    return o->row.page[i];
}

static void pro_leave(struct oracle *o, unsigned page)
{
    for (int hand = 0; hand < 3; hand++)
        if (o->hands[hand] == (int)page)
            pro_pass(o, hand);
}

static void pro_end_test(struct oracle *o, unsigned page)
{
    o->target -= o->target > 1;
    o->in_test[page] = false;
    if (o->out[page]) {
        pro_leave(o, page);
        row_drop(&o->row, page);
        o->out[page] = false;
    }
}

static void pro_cool(struct oracle *o)
{
    while (pro_count(o, true, false) && pro_count(o, true, false) + o->target > pro_resident(o)) {
        unsigned page = pro_pass(o, HAND_HOT);
        if (o->hot[page])
            o->hot[page] = take_used(o, page);
        else if (o->in_test[page])
            pro_end_test(o, page);
    }
}

static void pro_comes_back(struct oracle *o, unsigned page)
{
    o->target += o->target < pro_resident(o);
    o->in_test[page] = false;
    o->hot[page] = true;
    pro_cool(o);
}

static int choose_clock_pro(struct oracle *o)
{
    for (;;) {
        if (pro_count(o, false, false) == 0)
            pro_cool(o);
        unsigned page = pro_pass(o, HAND_COLD);
        if (o->hot[page] || o->out[page])
            continue;
        if (take_used(o, page)) {
            pro_leave(o, page);
            row_drop(&o->row, page);
            row_append(&o->row, page);
            if (o->in_test[page])
                pro_comes_back(o, page);
            else
                o->in_test[page] = true;
            continue;
        }
        pro_leave(o, page);
        o->out[page] = true;
        if (!o->in_test[page]) {
            row_drop(&o->row, page);
            o->out[page] = false;
        }
        while (pro_count(o, false, true) > pro_resident(o)) {
            unsigned old = pro_pass(o, HAND_TEST);
            if (o->in_test[old])
                pro_end_test(o, old);
        }
        return (int)page;
    }
}

static void join_clock_pro(struct oracle *o, unsigned page)
{
    bool was_out = o->out[page];
    if (was_out) {
        pro_leave(o, page);
        row_drop(&o->row, page);
        o->out[page] = false;
    }
    row_append(&o->row, page);
    o->in_test[page] = true;
    if (was_out)
        pro_comes_back(o, page);
}

/* The pages of the oldest generation go, in order, if there are two younger ones; else a new one
 * begins, of those used. A page used moves into the youngest. */
static int choose_mglru(struct oracle *o)
{
    for (;;) {
        if (o->age[o->row.page[0]] < 2) {
            struct row before = o->row;
            for (unsigned i = 0; i < before.count; i++) {
                unsigned page = before.page[i];
                o->age[page]++;
                if (!take_used(o, page))
                    continue;
                row_drop(&o->row, page);
                row_append(&o->row, page);
                o->age[page] = 0;
            }
            continue;
        }
        unsigned page = row_take(&o->row, 0);
        if (!take_used(o, page))
            return (int)page;
        row_append(&o->row, page);
        o->age[page] = 0;
    }
}

static void join_mglru(struct oracle *o, unsigned page)
{
    row_append(&o->row, page);
    o->age[page] = 0;
}

static const struct oracle oracles[] = {
    {.name = "fifo", .choose = choose_first},
    {.name = "lru", .choose = choose_first, .moves_on_use = true},
    {.name = "clock", .choose = choose_clock},
    {.name = "second-chance", .choose = choose_second_chance},
    {.name = "lfu", .choose = choose_lfu, .ignores_first = true},
    {.name = "opt", .choose = choose_opt},
    {.name = "sieve", .choose = choose_sieve, .ignores_first = true},
    {.name = "2q", .choose = choose_2q, .join = join_known_or_new, .ignores_first = true},
    {.name = "s3-fifo", .choose = choose_s3fifo, .join = join_known_or_new, .ignores_first = true},
    {.name = "clock-pro",
     .choose = choose_clock_pro,
     .join = join_clock_pro,
     .ignores_first = true,
     .hands = {-1, -1, -1},
     .target = 1},
    {.name = "mglru", .choose = choose_mglru, .join = join_mglru},
    {.name = "arc", .choose = choose_arc, .join = join_arc, .ignores_first = true},
};
enum { NORACLES = sizeof(oracles) / sizeof(oracles[0]) };

static void oracle_hit(struct oracle *o, unsigned page)
{
    if (!o->ignores_first || (int)page != o->newest)
        o->used[page] = true;
    if (o->moves_on_use) {
        row_drop(&o->row, page);
        row_append(&o->row, page);
    }
}

static int oracle_use(struct oracle *o, struct reference ref)
{
    int displaced = -1;
    unsigned page = ref.page;
    if ((row_find(&o->row, page) >= 0 && !o->out[page]) || row_find(&o->main, page) >= 0) {
        oracle_hit(o, page);
    } else {
        if (pro_resident(o) + o->main.count == o->nframes)
            displaced = o->choose(o);
        o->used[page] = !o->ignores_first;
        if (o->join)
            o->join(o, page);
        else
            row_append(&o->row, page);
        o->dirty[page] = o->spared[page] = false;
        o->uses[page] = 0;
        o->newest = (int)page;
    }
    o->dirty[page] |= ref.is_store;
    o->next[page] = ref.next;
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

/* References with their future; pages that are never used again differ in when that is, so that the
 * optimum is one only. */
static void make_string(unsigned npages, struct reference *string)
{
    uint64_t next[PAGES_MAX];
    for (unsigned page = 0; page < PAGES_MAX; page++)
        next[page] = 2 * STEPS + page;
    for (unsigned step = 0; step < STEPS; step++)
        string[step] =
            (struct reference){.page = next_page(npages, step), .is_store = rand() % 3 == 0};
    for (unsigned step = STEPS; step-- > 0; next[string[step].page] = step)
        string[step].next = next[string[step].page];
}

static void compare(const struct oracle *blank, unsigned nframes, unsigned npages)
{
    static struct reference string[STEPS];
    struct ram_model ram;
    struct oracle oracle = *blank;
    oracle.nframes = nframes;
    oracle.newest = -1;
    make_string(npages, string);
    ram_model_create(&ram, oracle.name, nframes, 1);
    for (unsigned step = 0; step < STEPS; step++) {
        int victim = ram_model_use(&ram, string[step]);
        int expected = oracle_use(&oracle, string[step]);
        if (victim != expected)
            fail_msg("%s, %u frames, step %u: page %d goes, not %d", oracle.name, nframes, step,
                     victim, expected);
        if (step % 64 == 0)
            assert_true(policy_is_valid(&ram.policy));
    }
    policy_destroy(&ram.policy);
}

static void victims_equal_the_oracles(void **state)
{
    srand(7);
    for (unsigned i = 0; i < NORACLES; i++) {
        for (unsigned nframes = 1; nframes <= 33; nframes += 4) {
            compare(&oracles[i], nframes, nframes + 1);
            compare(&oracles[i], nframes, PAGES_MAX);
        }
    }
}

/* No policy has fewer faults than the optimum. */
static void nobody_beats_the_optimum(void **state)
{
    uint8_t string[3000];
    for (unsigned nframes = 1; nframes <= 48; nframes += 6) {
        for (size_t i = 0; i < sizeof(string); i++)
            string[i] = (uint8_t)next_page(PAGES_MAX, (unsigned)i);
        unsigned least = count_faults("opt", nframes, string, sizeof(string));
        for (const struct policy_ops *const *ops = policy_all(); *ops; ops++)
            assert_true(count_faults((*ops)->name, nframes, string, sizeof(string)) >= least);
    }
}

/* Pages that are used once, among a few that are used all the time: what keeps scans out was made
 * for this. */
static void scans_do_not_drive_out_what_is_used(void **state)
{
    static const char *const names[] = {"2q", "arc", "s3-fifo", "sieve", "lfu", "clock-pro"};
    for (unsigned i = 0; i < 6; i++) {
        struct ram_model ram;
        ram_model_create(&ram, names[i], 20, 1);
        for (unsigned step = 0; step < 20000; step++)
            ram_model_touch(&ram, step % 2 ? step / 2 % 6 : 12 + step / 2 % 52);
        /* Half of the references are a scan that always faults. */
        assert_in_range(ram.faults, 10000, 10100);
        policy_destroy(&ram.policy);
    }
}

/* The textbooks' strings: faults for fifo, lru, opt and clock (second chance, bit set on load). */
static void known_answers(void **state)
{
    static const uint8_t a[] = {0, 1, 2, 0, 1, 3, 0, 3, 1, 2, 1};
    static const uint8_t belady[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5};
    static const uint8_t book[] = {7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1};
    static const uint8_t loop[] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4};
    static const struct {
        const uint8_t *string;
        size_t len;
        unsigned nframes, fifo, lru, opt, clock;
    } cases[] = {
        {a, sizeof(a), 2, 9, 9, 7, 9},
        {a, sizeof(a), 3, 7, 5, 5, 7},
        {a, sizeof(a), 4, 4, 4, 4, 4},
        {belady, sizeof(belady), 3, 9, 10, 7, 9},
        {belady, sizeof(belady), 4, 10, 8, 6, 10},
        {book, sizeof(book), 3, 15, 12, 9, 14},
        {book, sizeof(book), 4, 10, 8, 8, 9},
        {book, sizeof(book), 5, 9, 7, 7, 9},
        {loop, sizeof(loop), 3, 20, 20, 12, 20},
        {loop, sizeof(loop), 4, 20, 20, 8, 20},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t *string = cases[i].string;
        assert_int_equal(count_faults("fifo", cases[i].nframes, string, cases[i].len),
                         cases[i].fifo);
        assert_int_equal(count_faults("lru", cases[i].nframes, string, cases[i].len), cases[i].lru);
        assert_int_equal(count_faults("opt", cases[i].nframes, string, cases[i].len), cases[i].opt);
        assert_int_equal(count_faults("clock", cases[i].nframes, string, cases[i].len),
                         cases[i].clock);
    }
}

/* Uniform references over N pages in C frames fault with probability 1 - C/N, whatever the policy
 * that does not know the future. */
static void uniform_references_have_a_closed_form(void **state)
{
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        struct ram_model ram;
        if ((*ops)->needs_future)
            continue;
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
                policy_remove(&ram.policy, pfn, rand() % 2 ? POLICY_EVICTED : POLICY_GONE);
            else
                policy_insert(&ram.policy, pfn, (uint64_t)rand() % 200);
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
        cmocka_unit_test(nobody_beats_the_optimum),
        cmocka_unit_test(scans_do_not_drive_out_what_is_used),
        cmocka_unit_test(known_answers),
        cmocka_unit_test(uniform_references_have_a_closed_form),
        cmocka_unit_test(random_is_even_and_follows_its_seed),
        cmocka_unit_test(victims_that_stay_are_not_named_for_ever),
        cmocka_unit_test(insert_and_remove_in_any_order),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
