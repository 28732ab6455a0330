// SPDX-License-Identifier: GPL-2.0-or-later
/* Replay: what references cost, held against closed forms and against counting by hand. */
#include "kernel/replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct replay *create_of(const char *policy, uint64_t nframes, const char *tlb,
                                unsigned page_shift)
{
    struct replay_options options = {
        .nframes = nframes, .policy = policy_find(policy), .seed = 1, .page_shift = page_shift};
    struct replay *replay = NULL;
    const char *why;
    assert_int_equal(tlb_spec_parse(tlb, &options.tlb, &why), 0);
    assert_int_equal(replay_create(&options, &replay), 0);
    return replay;
}

static struct replay *create(const char *policy, uint64_t nframes, const char *tlb)
{
    return create_of(policy, nframes, tlb, 0);
}

static void use(struct replay *replay, uint64_t page, enum mmu_access access, uint32_t count)
{
    struct replay_ref ref = {.va = vaddr(page << PAGE_SHIFT), .access = access, .count = count};
    assert_true(replay_use(replay, &ref));
}

static struct counters count(const struct replay *replay)
{
    struct counters counters;
    struct system_counters gauges;
    assert_true(replay_is_valid(replay));
    replay_count(replay, &counters, &gauges);
    return counters;
}

static void faults_are_told_apart(void **state)
{
    struct replay *replay = create("fifo", 2, "tiny");
    struct counters c;
    struct system_counters gauges;
    use(replay, 1, MMU_LOAD, 5);
    use(replay, 2, MMU_STORE, 7);
    use(replay, 2, MMU_LOAD, 1);
    use(replay, 3, MMU_LOAD, 1); /* drops 1, which is clean */
    use(replay, 4, MMU_LOAD, 1); /* writes 2 */
    use(replay, 2, MMU_LOAD, 1); /* reads it again; drops 3 */
    use(replay, 3, MMU_LOAD, 1);
    c = count(replay);
    assert_int_equal(c.faults, 6);
    assert_int_equal(c.faults_minor, 4);
    assert_int_equal(c.faults_major, 2);
    assert_int_equal(c.pages_in, 2);
    assert_int_equal(c.pages_out, 1);
    assert_int_equal(c.reclaims, 4);
    assert_int_equal(c.loads, 10);
    assert_int_equal(c.stores, 7);
    assert_int_equal(c.instructions, 0);
    /* Each fault looked up twice. */
    assert_int_equal(c.tlb_l1d_hits + c.tlb_l1d_misses, 17 + 6);
    replay_count(replay, &c, &gauges);
    assert_int_equal(gauges.frames_total, 2);
    assert_int_equal(gauges.frames_peak, 2);
    assert_int_equal(gauges.pages_peak, 4);
    assert_int_equal(gauges.tables_peak, 4);
    replay_destroy(replay);
}

static void code_is_looked_up_when_it_is_entered(void **state)
{
    struct replay *replay = create("lru", 3, "l1d=1:1,l1i=1:1");
    use(replay, 1, MMU_FETCH, 10);
    use(replay, 9, MMU_LOAD, 1);
    use(replay, 1, MMU_FETCH, 10);
    use(replay, 2, MMU_FETCH, 3);
    use(replay, 1, MMU_FETCH, 1);
    struct counters c = count(replay);
    assert_int_equal(c.instructions, 24);
    assert_int_equal(c.faults, 3);
    assert_int_equal(c.tlb_l1i_misses, 5); /* 1, 1 again after its fault, 2 twice, 1 */
    /* Two fetches faulted, and the instruction whose load did was fetched again. */
    assert_int_equal(c.tlb_l1i_hits, 24 + 2 + 1 - 5);
    replay_destroy(replay);
}

/* Executed code that is evicted by a data fault comes back. */
static void evicted_code_faults_again(void **state)
{
    struct replay *replay = create("fifo", 1, "skylake");
    for (unsigned i = 0; i < 10; i++) {
        use(replay, 1, MMU_FETCH, 1);
        use(replay, 2, MMU_LOAD, 1);
    }
    assert_int_equal(count(replay).faults, 20);
    replay_destroy(replay);
}

static void spaces_are_apart(void **state)
{
    struct replay *replay = create("lru", 8, "skylake");
    for (uint16_t space = 0; space < 4; space++) {
        struct replay_ref ref = {.va = vaddr(0x1000), .space = space, .count = 1};
        for (unsigned i = 0; i < 3; i++)
            assert_true(replay_use(replay, &ref));
    }
    assert_int_equal(count(replay).faults, 4);
    replay_destroy(replay);
}

static void pages_that_end_free_their_frames(void **state)
{
    struct replay *replay = create("lru", 3, "skylake");
    struct counters c;
    struct system_counters gauges;
    for (uint64_t page = 510; page < 514; page++) /* over two tables; 510 is evicted */
        use(replay, page, MMU_STORE, 1);
    replay_drop(replay, 0, vaddr((uint64_t)511 << PAGE_SHIFT), 2);
    assert_int_equal(count(replay).reclaims, 1);
    use(replay, 511, MMU_LOAD, 1);
    use(replay, 510, MMU_LOAD, 1);
    c = count(replay);
    assert_int_equal(c.reclaims, 1); /* there was room for both */
    assert_int_equal(c.faults_minor, 5);
    assert_int_equal(c.faults_major, 1);
    replay_drop(replay, 0, vaddr(0), (uint64_t)1 << 35);
    replay_drop(replay, 7, vaddr(0), 1); /* a space that was never used */
    replay_count(replay, &c, &gauges);
    assert_int_equal(gauges.pages_peak, 4);
    assert_int_equal(gauges.frames_peak, 3);
    use(replay, 513, MMU_FETCH, 1);
    assert_int_equal(count(replay).faults_minor, 6);
    use(replay, (uint64_t)-3, MMU_LOAD, 1);
    replay_drop(replay, 0, vaddr((uint64_t)-4 << PAGE_SHIFT), 4);
    use(replay, (uint64_t)-3, MMU_LOAD, 1);
    assert_int_equal(count(replay).faults_minor, 8);
    replay_destroy(replay);
}

/* A cycle over more pages than there are frames faults at every access under FIFO and LRU. */
static void cycles_beyond_ram_always_fault(void **state)
{
    static const char *const policies[] = {"fifo", "lru"};
    for (unsigned p = 0; p < 2; p++) {
        for (unsigned npages = 99; npages <= 101; npages++) {
            struct replay *replay = create(policies[p], 100, "skylake");
            for (unsigned i = 0; i < 10 * npages; i++)
                use(replay, i % npages, MMU_STORE, 1);
            assert_int_equal(count(replay).faults, npages > 100 ? 10 * npages : npages);
            replay_destroy(replay);
        }
    }
}

/* Uniform references over N pages: 1 - C/N of them fault in C frames, whatever the policy that
 * does not know the future; 1 - E/N miss a TLB of E entries. */
static void uniform_references_have_closed_forms(void **state)
{
    enum { NPAGES = 256, FRAMES = 64, ENTRIES = 32, STEPS = 200000 };
    for (const struct policy_ops *const *ops = policy_all(); *ops; ops++) {
        if ((*ops)->needs_future)
            continue;
        struct replay *replay = create((*ops)->name, FRAMES, "l1d=32:32,l1i=4:4");
        srand(5);
        for (unsigned i = 0; i < STEPS; i++)
            use(replay, (unsigned)rand() % NPAGES, MMU_LOAD, 1);
        struct counters c = count(replay);
        assert_in_range(c.faults, 0.745 * STEPS, 0.755 * STEPS); /* 5 standard deviations */
        /* A fault looks up once more, and misses once more. */
        assert_in_range(c.tlb_l1d_misses - c.faults, 0.87 * STEPS, 0.88 * STEPS);
        replay_destroy(replay);
    }
}

/* Pages of 2 MiB and 1 GiB: what lies in one is one page, for RAM, TLB and walks. */
static void larger_pages_are_one_page_each(void **state)
{
    static const unsigned shifts[] = {21, 30};
    for (unsigned s = 0; s < 2; s++) {
        struct replay *replay =
            create_of("lru", 2, "l1d=4:4,l1d-2m=2:2,l1d-1g=2:2,l1i=4:4", shifts[s]);
        struct counters c;
        struct system_counters gauges;
        uint64_t unit = (uint64_t)1 << (shifts[s] - PAGE_SHIFT);
        for (uint64_t page = 0; page < 2 * unit; page += unit / 64)
            use(replay, page, MMU_STORE, 1);
        c = count(replay);
        assert_int_equal(c.faults, 2);
        assert_int_equal(c.tlb_l1d_misses, 4); /* each fault twice */
        assert_int_equal(c.walks, 4);
        use(replay, 5 * unit + 3, MMU_LOAD, 1); /* evicts the first, which is written */
        use(replay, unit - 1, MMU_FETCH, 1);    /* and that comes back, and evicts the second */
        c = count(replay);
        assert_int_equal(c.faults_major, 1);
        assert_int_equal(c.pages_out, 2);
        replay_count(replay, &c, &gauges);
        assert_int_equal(gauges.frames_total, 2 * unit);
        assert_int_equal(gauges.pages_peak, 3 * unit);
        assert_int_equal(gauges.tables_peak, shifts[s] == 30 ? 2 : 3);
        replay_drop(replay, 0, vaddr(PAGE_SIZE), unit - 1); /* not all of it */
        use(replay, 0, MMU_LOAD, 1);
        assert_int_equal(count(replay).faults, 4);
        replay_drop(replay, 0, vaddr(0), unit);
        use(replay, 0, MMU_LOAD, 1);
        assert_int_equal(count(replay).faults_minor, 4);
        replay_destroy(replay);
    }
}

/* Tables whose last page is evicted are given back, and made again. */
static void empty_tables_are_given_back(void **state)
{
    struct replay *replay = create("fifo", 1, "tiny");
    struct counters c;
    struct system_counters gauges;
    for (uint64_t i = 0; i < 1000; i++)
        use(replay, i % 10 << 27, MMU_LOAD, 1);
    c = count(replay);
    replay_count(replay, &c, &gauges);
    assert_int_equal(c.faults, 1000);
    assert_in_range(gauges.tables_peak, 4, 7);
    replay_destroy(replay);
}

static void absurd_sizes_are_refused(void **state)
{
    struct replay_options options = {.policy = policy_find("fifo")};
    struct replay *replay;
    const char *why;
    assert_int_equal(tlb_spec_parse("tiny", &options.tlb, &why), 0);
    assert_int_equal(replay_create(&options, &replay), -EINVAL);
    options.nframes = REPLAY_FRAMES_MAX + 1;
    assert_int_equal(replay_create(&options, &replay), -EINVAL);
    options.nframes = 1;
    options.page_shift = 13;
    assert_int_equal(replay_create(&options, &replay), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_told_apart),
        cmocka_unit_test(code_is_looked_up_when_it_is_entered),
        cmocka_unit_test(evicted_code_faults_again),
        cmocka_unit_test(spaces_are_apart),
        cmocka_unit_test(pages_that_end_free_their_frames),
        cmocka_unit_test(cycles_beyond_ram_always_fault),
        cmocka_unit_test(uniform_references_have_closed_forms),
        cmocka_unit_test(larger_pages_are_one_page_each),
        cmocka_unit_test(empty_tables_are_given_back),
        cmocka_unit_test(absurd_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
