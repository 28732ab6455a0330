// SPDX-License-Identifier: GPL-2.0-or-later
/* The page walker case by case: every bit of the error code, A and D, leaf sizes, 4 and 5 levels,
 * reserved bits, canonical addresses. */
#include "machine/mmu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tables.h"

#define RWU (PTE_P | PTE_W | PTE_U)

enum { FRAMES = 1 << 19 }; /* 2 GiB, so that a 1 GiB leaf fits */

static const vaddr_t there = {0x00007f1234567000};

struct fixture {
    struct tables tables;
    struct mmu_root root;
    struct mmu_leaf leaf;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f || ram_create(FRAMES, &f->tables.ram))
        return -1;
    f->tables.next = 1;
    f->root = tables_root(&f->tables, 4, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ram_destroy(f->tables.ram);
    free(f);
    return 0;
}

static bool translate(struct fixture *f, vaddr_t va, enum mmu_access access)
{
    f->leaf = (struct mmu_leaf){.error = 0xdead};
    return mmu_translate(f->tables.ram, f->root, va, access, &f->leaf);
}

static void map(struct fixture *f, vaddr_t va, pfn_t pfn, uint64_t flags, unsigned level)
{
    *tables_entry(&f->tables, f->root, va, level) = pte_make(pfn, flags);
}

static void test_4k(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, RWU, 1);
    assert_true(translate(f, vaddr(there.v + 0x123), MMU_LOAD));
    assert_int_equal(f->leaf.pa.v, 77 * PAGE_SIZE + 0x123);
    assert_int_equal(f->leaf.page_shift, 12);
    assert_int_equal(f->leaf.reads, 4);
    assert_int_equal(f->leaf.error, 0);
    assert_int_equal(f->leaf.flags, PTE_W | PTE_U | PTE_A);
}

static void test_2m(void **state)
{
    struct fixture *f = *state;
    map(f, there, 1024, RWU | PTE_PS | PTE_G | PTE_PAT_LARGE, 2);
    assert_true(translate(f, vaddr(there.v + 0xfff), MMU_LOAD));
    assert_int_equal(f->leaf.pa.v, 1024 * PAGE_SIZE + (there.v + 0xfff) % (1 << 21));
    assert_int_equal(f->leaf.page_shift, 21);
    assert_int_equal(f->leaf.reads, 3);
    assert_int_equal(f->leaf.flags, PTE_W | PTE_U | PTE_A | PTE_G | PTE_PS);
}

static void test_1g(void **state)
{
    struct fixture *f = *state;
    map(f, there, 1 << 18, RWU | PTE_PS, 3);
    assert_true(translate(f, there, MMU_STORE));
    assert_int_equal(f->leaf.pa.v, (1 << 30) + there.v % (1 << 30));
    assert_int_equal(f->leaf.page_shift, 30);
    assert_int_equal(f->leaf.reads, 2);
    assert_true(f->leaf.flags & PTE_D);
}

static void test_5_levels(void **state)
{
    struct fixture *f = *state;
    vaddr_t high = vaddr(0x00fe123456789000);
    assert_false(translate(f, high, MMU_LOAD)); /* not canonical with 4 levels */
    assert_int_equal(f->leaf.error, 0);
    assert_int_equal(f->leaf.reads, 0);
    f->root = tables_root(&f->tables, 5, 0);
    map(f, high, 55, RWU, 1);
    assert_true(translate(f, high, MMU_LOAD));
    assert_int_equal(f->leaf.pa.v, 55 * PAGE_SIZE);
    assert_int_equal(f->leaf.reads, 5);
    vaddr_t negative = vaddr(0xff00000000000000);
    map(f, negative, 56, RWU, 1);
    assert_true(translate(f, negative, MMU_LOAD));
    assert_int_equal(f->leaf.pa.v, 56 * PAGE_SIZE);
}

static void test_canonical(void **state)
{
    assert_true(mmu_is_canonical(4, vaddr(0x00007fffffffffff)));
    assert_false(mmu_is_canonical(4, vaddr(0x0000800000000000)));
    assert_false(mmu_is_canonical(4, vaddr(0xffff7fffffffffff)));
    assert_true(mmu_is_canonical(4, vaddr(0xffff800000000000)));
    assert_true(mmu_is_canonical(5, vaddr(0x00ffffffffffffff)));
    assert_false(mmu_is_canonical(5, vaddr(0x0100000000000000)));
    assert_false(mmu_is_canonical(5, vaddr(0xfeffffffffffffff)));
    assert_true(mmu_is_canonical(5, vaddr(0xff00000000000000)));
    struct fixture *f = *state;
    assert_false(translate(f, vaddr(0x0000800000000000), MMU_STORE));
    assert_int_equal(f->leaf.error, 0);
    assert_int_equal(f->leaf.reads, 0);
}

/* Whichever level is missing: the reads up to there, and an error without PF_PRESENT. */
static void test_absent_at_each_level(void **state)
{
    struct fixture *f = *state;
    for (unsigned level = 1; level <= 4; level++) {
        map(f, there, 77, RWU, 1);
        uint64_t *entry = tables_entry(&f->tables, f->root, there, level), was = *entry;
        *entry &= ~PTE_P;
        assert_false(translate(f, there, MMU_LOAD));
        assert_int_equal(f->leaf.error, PF_USER);
        assert_int_equal(f->leaf.reads, 5 - level);
        assert_false(translate(f, there, MMU_STORE));
        assert_int_equal(f->leaf.error, PF_USER | PF_WRITE);
        assert_false(translate(f, there, MMU_FETCH));
        assert_int_equal(f->leaf.error, PF_USER | PF_FETCH);
        *entry = was;
    }
}

/* A permission counts only if every level grants it. */
static void test_protection_at_each_level(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, RWU, 1);
    for (unsigned level = 1; level <= 4; level++) {
        uint64_t *entry = tables_entry(&f->tables, f->root, there, level);
        *entry &= ~PTE_W;
        assert_true(translate(f, there, MMU_LOAD));
        assert_false(f->leaf.flags & PTE_W);
        assert_false(translate(f, there, MMU_STORE));
        assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER | PF_WRITE);
        *entry |= PTE_W | PTE_NX;
        assert_true(translate(f, there, MMU_STORE));
        assert_true(f->leaf.flags & PTE_NX);
        assert_false(translate(f, there, MMU_FETCH));
        assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER | PF_FETCH);
        *entry &= ~(PTE_NX | PTE_U);
        assert_false(translate(f, there, MMU_LOAD));
        assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER);
        assert_false(translate(f, there, MMU_FETCH));
        assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER | PF_FETCH);
        *entry |= PTE_U;
        assert_true(translate(f, there, MMU_FETCH));
        assert_int_equal(f->leaf.reads, 4);
    }
}

/* Supervisor-only above, absent below: the processor finds out by reading on. */
static void test_absent_wins_over_protection(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, 0, 1);
    *tables_entry(&f->tables, f->root, there, 4) &= ~PTE_U;
    assert_false(translate(f, there, MMU_STORE));
    assert_int_equal(f->leaf.error, PF_USER | PF_WRITE);
    assert_int_equal(f->leaf.reads, 4);
}

static void expect_reserved(struct fixture *f, unsigned level, uint64_t bit)
{
    uint64_t *entry = tables_entry(&f->tables, f->root, there, level), was = *entry;
    *entry |= bit;
    assert_false(translate(f, there, MMU_LOAD));
    assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER | PF_RESERVED);
    assert_false(translate(f, there, MMU_STORE));
    assert_int_equal(f->leaf.error, PF_PRESENT | PF_USER | PF_RESERVED | PF_WRITE);
    *entry = was;
}

static void test_reserved_bits(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, RWU, 1);
    for (unsigned level = 1; level <= 4; level++) {
        for (unsigned bit = 40; bit < 52; bit++)
            expect_reserved(f, level, (uint64_t)1 << bit);
    }
    expect_reserved(f, 4, PTE_PS);
    *tables_entry(&f->tables, f->root, there, 1) |= PTE_PS; /* there it is the PAT bit */
    assert_true(translate(f, there, MMU_LOAD));
    assert_int_equal(f->leaf.page_shift, 12);

    map(f, there, 1024, RWU | PTE_PS, 2);
    for (unsigned bit = 13; bit < 21; bit++)
        expect_reserved(f, 2, (uint64_t)1 << bit);
    *tables_entry(&f->tables, f->root, there, 3) = pte_make(1 << 18, RWU | PTE_PS);
    for (unsigned bit = 13; bit < 30; bit++)
        expect_reserved(f, 3, (uint64_t)1 << bit);
    assert_true(translate(f, there, MMU_LOAD));
}

static void test_5_level_root_has_no_leaf(void **state)
{
    struct fixture *f = *state;
    f->root = tables_root(&f->tables, 5, 0);
    map(f, there, 77, RWU, 1);
    expect_reserved(f, 5, PTE_PS);
}

/* Bits that software or protection keys own are ignored; an absent entry may hold anything. */
static void test_ignored_bits(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, RWU | PTE_SW0 | PTE_SW1 | PTE_SW2 | PTE_PWT | PTE_PCD, 1);
    *tables_entry(&f->tables, f->root, there, 1) |= (uint64_t)0x7ff << 52;
    assert_true(translate(f, there, MMU_FETCH));
    map(f, there, 77, ~PTE_P & ~PTE_ADDR, 1);
    *tables_entry(&f->tables, f->root, there, 1) |= PTE_BEYOND_PHYS;
    assert_false(translate(f, there, MMU_LOAD));
    assert_int_equal(f->leaf.error, PF_USER);
}

static uint64_t bits_at(struct fixture *f, unsigned level)
{
    return *tables_entry(&f->tables, f->root, there, level) & (PTE_A | PTE_D);
}

static void test_accessed_and_dirty(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, PTE_P | PTE_U, 1);
    assert_false(translate(f, there, MMU_STORE));
    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(bits_at(f, level), 0); /* a refused access leaves no trace */
    assert_true(translate(f, there, MMU_LOAD));
    for (unsigned level = 1; level <= 4; level++)
        assert_int_equal(bits_at(f, level), PTE_A);
    assert_false(f->leaf.flags & PTE_D);
    *tables_entry(&f->tables, f->root, there, 1) = pte_make(77, RWU);
    assert_true(translate(f, there, MMU_FETCH));
    assert_int_equal(bits_at(f, 1), PTE_A);
    assert_true(translate(f, there, MMU_STORE));
    assert_int_equal(bits_at(f, 1), PTE_A | PTE_D);
    assert_true(f->leaf.flags & PTE_D);
    for (unsigned level = 2; level <= 4; level++)
        assert_int_equal(bits_at(f, level), PTE_A); /* D is for leaves only */
    assert_true(translate(f, there, MMU_LOAD));
    assert_true(f->leaf.flags & PTE_D);
}

static void test_neighbours_stay(void **state)
{
    struct fixture *f = *state;
    map(f, there, 77, RWU, 1);
    map(f, vaddr(there.v + PAGE_SIZE), 78, RWU, 1);
    assert_true(translate(f, there, MMU_STORE));
    assert_int_equal(*tables_entry(&f->tables, f->root, vaddr(there.v + PAGE_SIZE), 1),
                     pte_make(78, RWU));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_4k),
        TEST(test_2m),
        TEST(test_1g),
        TEST(test_5_levels),
        TEST(test_canonical),
        TEST(test_absent_at_each_level),
        TEST(test_protection_at_each_level),
        TEST(test_absent_wins_over_protection),
        TEST(test_reserved_bits),
        TEST(test_5_level_root_has_no_leaf),
        TEST(test_ignored_bits),
        TEST(test_accessed_and_dirty),
        TEST(test_neighbours_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
