// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Swap readahead: which pages come in beside the one that faults, and what is counted. Pages are
 * evicted one by one in order of address, so that page i of the region lies in slot i + 1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "space_rig.h"

enum { PAGES = 64 };

static struct fixture start(enum readahead_kind kind, const char *path)
{
    struct fixture f = fixture_create(
        (struct rig_options){.nframes = 400, .nslots = 200, .path = path, .readahead = kind});
    assert_int_equal(map_at(&f, P(0), PAGES, RW, 0), 0);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(poke(&f, P(i), (uint8_t)(i + 1)), 0);
    for (unsigned i = 0; i < PAGES; i++)
        evict(&f, P(i));
    return f;
}

static bool is_in(struct fixture *f, unsigned page)
{
    const struct anon *anon = amap_find(&f->space->amap, (P(page)) >> PAGE_SHIFT);
    return anon && anon_is_resident(anon);
}

/* Touches a page; exactly those of [first, end) were brought in by that. */
static void brings(struct fixture *f, unsigned page, unsigned first, unsigned end)
{
    bool before[PAGES];
    for (unsigned i = 0; i < PAGES; i++)
        before[i] = is_in(f, i);
    assert_int_equal(peek(f, P(page)), page + 1);
    for (unsigned i = 0; i < PAGES; i++)
        assert_int_equal(is_in(f, i), before[i] || (i >= first && i < end));
    fixture_check(f);
}

static void counted(const struct fixture *f, uint64_t major, uint64_t ahead, uint64_t hits)
{
    const struct counters *counters = &f->rig->counters;
    assert_int_equal(counters->faults_major, major);
    assert_int_equal(counters->readahead_pages, ahead);
    assert_int_equal(counters->readahead_hits, hits);
    assert_int_equal(counters->swap_pages_in, major + ahead);
    assert_int_equal(counters->pages_in, major + ahead);
}

static void none_brings_the_page_alone(void **state)
{
    struct fixture f = start(READAHEAD_NONE, NULL);
    brings(&f, 12, 12, 13);
    brings(&f, 13, 13, 14);
    counted(&f, 2, 0, 0);
    fixture_destroy(&f);
}

static void a_cluster_is_the_block_of_slots(void **state)
{
    struct fixture f = start(READAHEAD_CLUSTER, NULL);
    brings(&f, 12, 8, 16);
    counted(&f, 1, 7, 0);
    brings(&f, 8, 0, 0); /* there already: a minor fault */
    brings(&f, 15, 0, 0);
    brings(&f, 15, 0, 0); /* mapped by now: no fault, and no second hit */
    counted(&f, 1, 7, 2);
    brings(&f, 0, 0, 8);
    brings(&f, 63, 56, 64);
    counted(&f, 3, 21, 2);
    /* What goes without having been used is waste, what was used is not. */
    struct frame *unused =
        frame_get(&f.kernel->frames, slot_pfn(amap_find(&f.space->amap, P(9) >> PAGE_SHIFT)->slot));
    assert_true(reclaim_frame(f.kernel, unused));
    assert_int_equal(f.rig->counters.readahead_wasted, 1);
    evict(&f, P(8));
    assert_int_equal(f.rig->counters.readahead_wasted, 1);
    /* Both kept their slots: nothing had to be written. */
    assert_int_equal(f.rig->counters.swap_pages_out, PAGES);
    brings(&f, 9, 8, 10);
    fixture_destroy(&f);
}

static void a_cluster_has_pages_of_others_and_skips_free_slots(void **state)
{
    struct fixture f = start(READAHEAD_CLUSTER, NULL);
    struct space *child;
    assert_int_equal(space_fork(f.space, &child), 0);
    assert_int_equal(space_unmap(f.space, vaddr(P(18)), BYTES(2)),
                     0); /* the child still has them */
    assert_int_equal(peek(&f, P(16)), 17);
    for (unsigned i = 18; i < 20; i++)
        assert_true(anon_is_resident(amap_find(&child->amap, P(i) >> PAGE_SHIFT)));
    space_put(child);
    assert_int_equal(space_unmap(f.space, vaddr(P(25)), BYTES(2)), 0);
    uint64_t ahead = f.rig->counters.readahead_pages;
    assert_int_equal(peek(&f, P(24)), 25);
    assert_int_equal(f.rig->counters.readahead_pages, ahead + 5);
    fixture_destroy(&f);
}

static void the_adaptive_window_follows_hits(void **state)
{
    struct fixture f = start(READAHEAD_ADAPTIVE, NULL);
    brings(&f, 20, 20, 21);
    brings(&f, 21, 21, 23); /* the next one: two */
    brings(&f, 22, 0, 0);   /* a hit */
    brings(&f, 23, 23, 27); /* four */
    for (unsigned i = 24; i < 27; i++)
        brings(&f, i, 0, 0);
    brings(&f, 27, 27, 35); /* eight, and never more */
    for (unsigned i = 28; i < 35; i++)
        brings(&f, i, 0, 0);
    brings(&f, 35, 35, 43);
    counted(&f, 5, 1 + 3 + 7 + 7, 1 + 3 + 7);
    /* Elsewhere, and no hits since: half as many each time, around the page. */
    brings(&f, 50, 49, 53);
    brings(&f, 60, 60, 62);
    brings(&f, 5, 5, 6);
    /* Downward. */
    brings(&f, 4, 3, 5);
    /* Not beyond the region. */
    brings(&f, 3, 0, 0);
    brings(&f, 2, 0, 3);
    fixture_destroy(&f);
}

static void a_damaged_neighbour_harms_nobody(void **state)
{
    char path[] = "/tmp/test_readahead.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct fixture f = start(READAHEAD_CLUSTER, path);
    uint8_t byte = 0;
    off_t at = (off_t)BYTES(13) + 5;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(peek(&f, P(12)), 13);
    counted(&f, 1, 6, 0);
    assert_false(is_in(&f, 13));
    assert_int_equal(f.kernel->trouble[0], '\0'); /* nobody asked for it */
    assert_int_equal(peek(&f, P(13)), -EFAULT);
    assert_non_null(strstr(f.kernel->trouble, "slot 14 is damaged"));
    assert_int_equal(peek(&f, P(14)), 15);
    fixture_destroy(&f);
    close(fd);
    unlink(path);
}

/* Where frames are short the page comes alone rather than not at all. */
static void without_frames_there_is_no_readahead(void **state)
{
    struct fixture f = start(READAHEAD_CLUSTER, NULL);
    f.space->limit_memlock = UINT64_MAX;
    assert_int_equal(map_at(&f, P(1000), 400, RW, 0), 0);
    uint64_t page = 1000;
    while (f.kernel->frames.nfree > 10 &&
           space_lock(f.space, vaddr(P(page)), PAGE_SIZE, false) == 0)
        page++;
    assert_true(page > 1300);
    assert_int_equal(peek(&f, P(30)), 31);
    assert_int_equal(f.rig->counters.readahead_pages, 0);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_brings_the_page_alone),
        cmocka_unit_test(a_cluster_is_the_block_of_slots),
        cmocka_unit_test(a_cluster_has_pages_of_others_and_skips_free_slots),
        cmocka_unit_test(the_adaptive_window_follows_hits),
        cmocka_unit_test(a_damaged_neighbour_harms_nobody),
        cmocka_unit_test(without_frames_there_is_no_readahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
