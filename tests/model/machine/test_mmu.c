// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walker against the naive walk, on two copies of tables that hold random entries of every
 * kind: what is returned, which error, how many reads, and afterwards every bit of every table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "naive.h"

enum {
    FRAMES = 1 << 19, /* 2 GiB: there is an aligned 1 GiB leaf besides the first */
    TABLES = 24,
    ROUNDS = 300,
    WALKS = 10000, /* a round */
};

static uint64_t random_state = 88172645463325252;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static unsigned below(unsigned n)
{
    return (unsigned)(random64() >> 33) % n;
}

/* An entry that often leads on, and now and then holds any flaw that an entry can have. */
static uint64_t random_entry(void)
{
    uint64_t entry = pte_make(1 + below(TABLES), PTE_P | PTE_W | PTE_U);
    switch (below(8)) {
    case 0: /* a large leaf, possibly too large for its level */
        entry = pte_make((1 + below(1)) << 18, PTE_P | PTE_W | PTE_U | PTE_PS);
        break;
    case 1:
        entry = pte_make(below(1 << 9) << 9, PTE_P | PTE_W | PTE_U | PTE_PS | PTE_PAT_LARGE);
        break;
    default:
        break;
    }
    if (below(8) == 0)
        entry ^= (uint64_t)1 << below(9);
    if (below(8) == 0)
        entry ^= PTE_NX;
    if (below(32) == 0)
        entry ^= (uint64_t)1 << (40 + below(12));
    if (below(16) == 0)
        entry ^= (uint64_t)1 << (52 + below(11));
    return entry;
}

static uint64_t *table(struct ram *ram, pfn_t pfn)
{
    return (uint64_t *)(void *)ram_frame(ram, pfn);
}

/* The same random tables in both; only the first 8 entries of each are used. */
static void fill_tables(struct ram *a, struct ram *b)
{
    for (pfn_t pfn = 1; pfn <= TABLES; pfn++) {
        for (unsigned i = 0; i < 8; i++)
            table(a, pfn)[i] = table(b, pfn)[i] = random_entry();
    }
}

static uint64_t random_address(unsigned levels)
{
    uint64_t va = random64() & PAGE_MASK;
    for (unsigned level = 1; level <= levels; level++)
        va |= (uint64_t)below(8) << pte_level_shift(level);
    return va;
}

static void compare_walks(struct ram *a, struct ram *b, unsigned levels)
{
    struct mmu_root root = {.table = 1 + below(TABLES), .levels = (uint8_t)levels};
    uint64_t va = random_address(levels);
    enum mmu_access access = (enum mmu_access)below(3);
    struct mmu_leaf leaf;
    bool ok = mmu_translate(a, root, vaddr(va), access, &leaf);
    struct naive_walk naive = naive_walk(b, root, va, access);
    assert_int_equal(ok, naive.error == 0);
    assert_int_equal(leaf.reads, naive.reads);
    assert_int_equal(leaf.error, naive.error);
    if (!ok)
        return;
    assert_int_equal(leaf.pa.v, naive.page.pa);
    assert_int_equal(leaf.page_shift, naive.page.shift);
    assert_int_equal((leaf.flags & PTE_W) != 0, naive.page.writable);
    assert_int_equal((leaf.flags & PTE_NX) == 0, naive.page.executable);
    assert_int_equal((leaf.flags & PTE_D) != 0, naive.page.dirty);
    assert_true(leaf.flags & PTE_A);
}

static void test_walks(void **state)
{
    unsigned levels = *(unsigned *)*state;
    struct ram *a = NULL, *b = NULL;
    assert_int_equal(ram_create(FRAMES, &a), 0);
    assert_int_equal(ram_create(FRAMES, &b), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        fill_tables(a, b);
        for (unsigned i = 0; i < WALKS; i++)
            compare_walks(a, b, levels);
        assert_memory_equal(ram_frame(a, 1), ram_frame(b, 1), TABLES * PAGE_SIZE);
    }
    ram_destroy(a);
    ram_destroy(b);
}

int main(void)
{
    static unsigned four = 4, five = 5;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_walks, &four),
        cmocka_unit_test_prestate(test_walks, &five),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
