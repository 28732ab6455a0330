// SPDX-License-Identifier: GPL-2.0-or-later
/* One TLB level by itself: keys with equal tags, keys of every canonical address, the oldest way of
 * large sets when stamps are kept elsewhere. */
#include "machine/tlb_level.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct tlb_level create(unsigned entries, unsigned ways)
{
    struct tlb_level level;
    assert_int_equal(tlb_level_create((struct tlb_geometry){entries, ways, TLB_LRU}, 0, &level), 0);
    assert_true(tlb_level_is_valid(&level));
    return level;
}

static struct tlb_way *find(const struct tlb_level *level, uint64_t key)
{
    return tlb_level_find(level, tlb_level_set(level, key), key);
}

static struct tlb_way *put(struct tlb_level *level, uint64_t key, uint64_t stamp)
{
    unsigned set = tlb_level_set(level, key);
    struct tlb_way *way = tlb_level_victim(level, set);
    tlb_level_put(level, set, way, key, stamp << PAGE_SHIFT, stamp);
    assert_ptr_equal(find(level, key), way);
    return way;
}

static uint64_t page_key(uint64_t vpn)
{
    return tlb_key(TLB_KEY_VALID | 3, vaddr(vpn << PAGE_SHIFT));
}

static void test_bad_geometry(void **state)
{
    static const struct tlb_geometry bad[] = {{0, 1, TLB_LRU},
                                              {4, 0, TLB_LRU},
                                              {4, 3, TLB_LRU},
                                              {4, 8, TLB_LRU},
                                              {4, 4, TLB_RANDOM + 1},
                                              {TLB_ENTRIES_MAX + 1, 1, TLB_LRU},
                                              {2 * TLB_ENTRIES_MAX, 2, TLB_LRU}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tlb_level level;
        assert_int_equal(tlb_level_create(bad[i], 0, &level), -EINVAL);
        tlb_level_destroy(&level);
    }
    struct tlb_level none = create(0, 0);
    tlb_level_destroy(&none);
}

static void test_keys(void **state)
{
    static const uint64_t pages[] = {0,
                                     0x1000,
                                     0x00007ffffffff000,
                                     0xffff800000000000,
                                     0xfffffffffffff000,
                                     0x00fffffffffff000,
                                     0xff00000000000000,
                                     0x0000000000400000};
    enum { COUNT = sizeof(pages) / sizeof(pages[0]) };
    for (unsigned i = 0; i < COUNT; i++) {
        for (unsigned k = 0; k < COUNT; k++) {
            uint64_t a = tlb_key(TLB_KEY_VALID | i, vaddr(pages[k] + 0xabc));
            assert_int_equal(tlb_key_page(a).v, pages[k]);
            assert_int_equal(a & UINT16_MAX, i);
            assert_int_equal(a == tlb_key(TLB_KEY_VALID | i, vaddr(pages[i])), i == k);
        }
    }
    uint64_t last_space = tlb_key(TLB_KEY_VALID | UINT16_MAX, vaddr(~(uint64_t)0));
    assert_int_equal(tlb_key_page(last_space).v, ~PAGE_MASK);
}

/* Keys that share set and tag are still told apart, and one may go while the other stays. */
static void test_equal_tags(void **state)
{
    struct tlb_level level = create(8, 8);
    uint64_t first = page_key(1), other = 0;
    for (uint64_t vpn = 2; !other; vpn++) {
        if (tlb_key_tag(page_key(vpn)) == tlb_key_tag(first))
            other = page_key(vpn);
    }
    assert_null(find(&level, first));
    put(&level, first, 1);
    assert_null(find(&level, other));
    put(&level, other, 2);
    assert_ptr_not_equal(find(&level, first), find(&level, other));
    assert_true(tlb_level_is_valid(&level));
    tlb_level_drop(&level, find(&level, first));
    assert_null(find(&level, first));
    assert_non_null(find(&level, other));
    assert_true(tlb_level_is_valid(&level));
    tlb_level_destroy(&level);
}

static void test_empty_ways_go_first(void **state)
{
    static const unsigned sizes[] = {1, 2, 4, 7, 16, 17, 33, 100};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned n = sizes[i];
        struct tlb_level level = create(n, n);
        for (unsigned k = 0; k < n; k++)
            put(&level, page_key(k), 100 + k);
        for (unsigned k = 0; k < n; k++)
            assert_non_null(find(&level, page_key(k)));
        tlb_level_drop(&level, find(&level, page_key(n / 2)));
        put(&level, page_key(1000), 1000);
        for (unsigned k = 0; k < n; k++)
            assert_int_equal(find(&level, page_key(k)) == NULL, k == n / 2);
        put(&level, page_key(1001), 1001); /* full again: the oldest goes */
        assert_null(find(&level, page_key(n == 1 ? 1000 : 0)));
        assert_true(tlb_level_is_valid(&level));
        tlb_level_destroy(&level);
    }
}

/* Stamps that grow outside of the level, unseen, are honoured when the oldest is sought. */
static void test_stamps_elsewhere(void **state)
{
    enum { ENTRIES = 200 };
    struct tlb_level level = create(ENTRIES, ENTRIES);
    static uint64_t outside[ENTRIES];
    uint64_t clock = 0;
    for (unsigned i = 0; i < ENTRIES; i++) {
        struct tlb_way *way = put(&level, page_key(i), ++clock);
        outside[i] = clock;
        way->where = &outside[i];
    }
    for (unsigned i = ENTRIES; i > 0; i--) /* now page 199 is the oldest */
        outside[i - 1] = ++clock;
    for (unsigned i = ENTRIES; i > 0; i--) {
        struct tlb_way *oldest = tlb_level_victim(&level, 0);
        assert_int_equal(oldest->key, page_key(i - 1));
        outside[i - 1] = ++clock;
        assert_true(tlb_level_is_valid(&level));
    }
    tlb_level_destroy(&level);
}

static void test_sets(void **state)
{
    struct tlb_level pow2 = create(12, 3), odd = create(15, 3);
    for (uint64_t vpn = 0; vpn < 100; vpn++) {
        assert_int_equal(tlb_level_set(&pow2, page_key(vpn)), vpn % 4);
        assert_int_equal(tlb_level_set(&odd, page_key(vpn)), vpn % 5);
        put(&pow2, page_key(vpn), vpn + 1);
        put(&odd, page_key(vpn), vpn + 1);
    }
    for (uint64_t vpn = 0; vpn < 100; vpn++) {
        assert_int_equal(find(&pow2, page_key(vpn)) != NULL, vpn >= 100 - 12);
        assert_int_equal(find(&odd, page_key(vpn)) != NULL, vpn >= 100 - 15);
    }
    tlb_level_destroy(&pow2);
    tlb_level_destroy(&odd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_geometry),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_equal_tags),          cmocka_unit_test(test_sets),
        cmocka_unit_test(test_empty_ways_go_first), cmocka_unit_test(test_stamps_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
