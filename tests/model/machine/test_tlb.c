// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TLB against the naive one. Both run on copies of the same page tables and see the same
 * accesses, flushes, switches and changes of the tables. The real one is driven as translated code
 * drives it: a front slot first, the slow path only if that does not match. After every step all
 * counters must agree, and now and then the content of every level in order of age, every bit of
 * the tables, the stamps of frames and the invariants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "naive.h"
#include "../../unit/machine/tables.h"

#define RWU (PTE_P | PTE_W | PTE_U)

enum {
    FRAMES = 1 << 19,
    FIRST_FRAME = 1 << 13, /* tables lie below */
    DATA_FRAMES = 1 << 12,
    LARGE_FRAME = 1 << 18, /* where large pages lie */
    SPACES = 3,
    PAGES_MAX = 4096,
    STEPS = 120000,
    CHECK_EVERY = 5000,
};

struct scenario {
    const char *name;
    const char *spec;
    unsigned levels;
    unsigned pages;  /* in each space */
    unsigned stride; /* pages from one to the next; 1024: all in one front slot */
    unsigned local;  /* of 8 accesses, how many go on from the last one */
    unsigned change; /* of 1024 steps, how many change or flush something */
    bool large;      /* some pages are pieces of 2 MiB and 1 GiB pages */
    bool quick;      /* nobody asks for frames' stamps, so that there is a quick way */
};

struct world {
    const struct scenario *scenario;
    struct tlb *tlb;
    struct naive *naive;
    struct tables tables[2]; /* of the real and of the naive machine */
    struct mmu_root roots[SPACES];
    struct mmu_root root; /* the current one */
    uint64_t page[PAGES_MAX];
    unsigned last; /* page accessed last */
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    struct counters counters, *now;
    uint64_t data_lookups, fetch_lookups;
    uint64_t quick; /* of them, those done by tlb_data_quick() */
    uint64_t clock;
    uint64_t version; /* of translations, as the CPU puts it into instruction tags */
    uint64_t *stamps;
    uint64_t *used;   /* by frame: clock of the last use, of data, and of code when it was left */
    bool *was_code;   /* by frame */
    uint64_t code_va; /* code page the CPU is in, until it enters another or the TLB forgets it */
    uint64_t code_pa; /* its frame; 0: in none */
    uint16_t code_asid;
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

/* ---- the tables, changed in both machines alike ---- */

static void set_entry(struct world *w, struct mmu_root root, uint64_t va, unsigned level,
                      uint64_t clear, uint64_t set)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t *entry = tables_entry(&w->tables[i], root, vaddr(va), level);
        *entry = (*entry & ~clear) | set;
    }
}

static uint64_t get_entry(struct world *w, struct mmu_root root, uint64_t va, unsigned level)
{
    return *tables_entry(&w->tables[0], root, vaddr(va), level);
}

static uint64_t random_flags(void)
{
    uint64_t flags = RWU;
    if (below(8) == 0)
        flags &= ~PTE_P;
    if (below(4) == 0)
        flags &= ~PTE_W;
    if (below(8) == 0)
        flags |= PTE_NX;
    if (below(64) == 0)
        flags &= ~PTE_U;
    if (below(128) == 0)
        flags |= (uint64_t)1 << 51; /* reserved */
    return flags;
}

static void map(struct world *w, struct mmu_root root, uint64_t va)
{
    pfn_t pfn = FIRST_FRAME + below(DATA_FRAMES);
    set_entry(w, root, va, 1, ~(uint64_t)0, pte_make(pfn, random_flags()));
}

static bool is_large(const struct scenario *s, unsigned page)
{
    return s->large && page % 4 == 0;
}

/* Addresses near 0, near the middle and near the top; large pages have a region of their own. */
static uint64_t page_address(const struct scenario *s, unsigned i)
{
    uint64_t far = s->levels == 5 ? (uint64_t)1 << 50 : (uint64_t)1 << 42;
    uint64_t offset = (uint64_t)i * s->stride * PAGE_SIZE;
    if (is_large(s, i))
        return far * 3 + (uint64_t)(i % 8) * ((uint64_t)1 << 30) + (uint64_t)below(512) * PAGE_SIZE;
    switch (i % 16) {
    case 1:
        return ~PAGE_MASK - offset;
    case 2:
        return far + offset;
    default:
        return offset;
    }
}

static void map_large(struct world *w, struct mmu_root root, unsigned i)
{
    uint64_t flags = random_flags() | PTE_PS;
    if (i % 8 == 0)
        set_entry(w, root, w->page[i], 3, ~(uint64_t)0, pte_make(LARGE_FRAME, flags));
    else
        set_entry(w, root, w->page[i], 2, ~(uint64_t)0, pte_make(LARGE_FRAME + 512, flags));
}

static void map_page(struct world *w, struct mmu_root root, unsigned i)
{
    if (is_large(w->scenario, i))
        map_large(w, root, i);
    else
        map(w, root, w->page[i]);
}

/* ---- making and unmaking a world ---- */

static void make_tables(struct world *w)
{
    static const uint16_t asids[SPACES] = {0, 7, UINT16_MAX};
    for (unsigned i = 0; i < 2; i++) {
        w->tables[i].next = 1;
        assert_int_equal(ram_create(FRAMES, &w->tables[i].ram), 0);
        for (unsigned k = 0; k < SPACES; k++)
            w->roots[k] = tables_root(&w->tables[i], w->scenario->levels, asids[k]);
    }
    for (unsigned i = 0; i < w->scenario->pages; i++) {
        w->page[i] = page_address(w->scenario, i);
        for (unsigned k = 0; k < SPACES; k++)
            map_page(w, w->roots[k], i);
    }
    assert_true(w->tables[0].next <= FIRST_FRAME);
}

static void make_naive(struct world *w, const struct tlb_spec *spec)
{
    w->naive = calloc(1, sizeof(*w->naive));
    assert_non_null(w->naive);
    assert_true(naive_fits(spec));
    naive_configure(w->naive, spec);
    w->naive->ram = w->tables[1].ram;
}

static void switch_to(struct world *w, unsigned space)
{
    naive_switch(w->naive, w->roots[space]);
    w->root = w->roots[space];
    tlb_switch(w->tlb, w->root);
}

static struct world *make_world(const struct scenario *scenario)
{
    struct world *w = calloc(1, sizeof(*w));
    struct tlb_spec spec;
    const char *why = NULL;
    assert_non_null(w);
    w->scenario = scenario;
    w->now = &w->counters;
    assert_int_equal(tlb_spec_parse(scenario->spec, &spec, &why), 0);
    make_tables(w);
    make_naive(w, &spec);
    w->stamps = calloc(FRAMES, sizeof(*w->stamps));
    w->used = calloc(FRAMES, sizeof(*w->used));
    w->was_code = calloc(FRAMES, sizeof(*w->was_code));
    assert_true(w->stamps && w->used && w->was_code);
    assert_int_equal(tlb_create(&spec, w->tables[0].ram, w->front, w->ifront, &w->now, &w->tlb), 0);
    tlb_set_clock(w->tlb, &w->clock);
    if (!scenario->quick)
        tlb_track_stamps(w->tlb, w->stamps);
    if (scenario->large)
        tlb_expect_large(w->tlb);
    switch_to(w, 0);
    return w;
}

static void destroy_world(struct world *w)
{
    tlb_destroy(w->tlb);
    for (unsigned i = 0; i < 2; i++)
        ram_destroy(w->tables[i].ram);
    free(w->naive);
    free(w->stamps);
    free(w->used);
    free(w->was_code);
    free(w);
}

/* ---- the code page that the CPU is in ---- */

static void leave_code(struct world *w)
{
    w->used[w->code_pa / PAGE_SIZE] = w->naive->clock;
    w->code_pa = 0;
}

static void check_code_stays(struct world *w)
{
    if (!naive_find(&w->naive->level[TLB_L1I], w->code_va, w->code_asid))
        leave_code(w);
}

/* ---- lookups as translated code makes them ---- */

static uint64_t newer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the naive machine said of this lookup. */
struct expected {
    uint64_t pa; /* 0: fault */
    uint32_t error;
};

static void expect_hit(struct world *w, const struct tlb_hit *hit, bool found,
                       struct expected expected, uint64_t occupant)
{
    assert_int_equal(found, expected.pa != 0);
    assert_int_equal(hit->error, expected.error);
    assert_int_equal(hit->victim_stamp, found ? newer(w->naive->evicted, occupant) : 0);
    if (found) {
        assert_ptr_equal(hit->host, ram_at(w->tables[0].ram, paddr(expected.pa)));
        assert_int_equal(hit->pfn, expected.pa / PAGE_SIZE);
    }
}

/* The quick way, if there is one: all that it changes shows in what follows. */
static bool real_data_quickly(struct world *w, uint64_t va, enum mmu_access access,
                              struct expected expected, uint64_t occupant)
{
    uint64_t foreseen = tlb_data_victim(w->tlb, vaddr(va));
    uint64_t limit = below(2) ? UINT64_MAX : below(2) ? foreseen : foreseen - 1;
    if (!tlb_data_quick(w->tlb, vaddr(va), access == MMU_STORE, w->clock + 1, limit))
        return false;
    const struct tlb_front *slot = &w->front[tlb_front_slot(vaddr(va))];
    w->clock++;
    w->quick++;
    assert_in_range(foreseen, 0, limit);
    assert_int_equal(foreseen, newer(w->naive->evicted, occupant));
    assert_int_equal(access == MMU_STORE ? slot->wtag : slot->rtag, va & ~PAGE_MASK);
    assert_int_equal(slot->stamp, w->clock);
    assert_ptr_equal((const uint8_t *)(uintptr_t)(va + slot->addend),
                     ram_at(w->tables[0].ram, paddr(expected.pa)));
    return true;
}

static void real_data(struct world *w, uint64_t va, enum mmu_access access,
                      struct expected expected)
{
    struct tlb_front *slot = &w->front[tlb_front_slot(vaddr(va))];
    uint64_t page = va & ~PAGE_MASK;
    uint64_t occupant = slot->rtag != TLB_TAG_NONE && slot->rtag != page ? slot->stamp : 0;
    w->data_lookups++;
    if ((access == MMU_STORE ? slot->wtag : slot->rtag) == page) {
        slot->stamp = ++w->clock;
        assert_true(expected.pa != 0);
        assert_ptr_equal((const uint8_t *)(uintptr_t)(va + slot->addend),
                         ram_at(w->tables[0].ram, paddr(expected.pa)));
        return;
    }
    if (below(2) && real_data_quickly(w, va, access, expected, occupant))
        return;
    struct tlb_hit hit;
    uint64_t foreseen = tlb_data_victim(w->tlb, vaddr(va));
    bool found = tlb_data(w->tlb, vaddr(va), access, &hit);
    if (found && w->naive->inclusive)
        assert_in_range(hit.victim_stamp, 0, foreseen);
    else if (found)
        assert_int_equal(hit.victim_stamp, foreseen);
    expect_hit(w, &hit, found, expected, occupant);
    if (!found || below(16))
        return;
    check_code_stays(w);
    unsigned more = below(4); /* a string instruction stays on the page */
    uint32_t error;
    for (unsigned i = 0; i < more; i++)
        assert_int_equal(naive_lookup(w->naive, va, access, &error), expected.pa);
    tlb_data_again(w->tlb, vaddr(va), more);
    w->data_lookups += more;
}

static void real_fetch(struct world *w, uint64_t va, struct expected expected)
{
    struct tlb_ifront *slot = &w->ifront[tlb_front_slot(vaddr(va))];
    uint64_t page = va & ~PAGE_MASK;
    bool is_other = slot->tag != TLB_TAG_NONE && (slot->tag & ~PAGE_MASK) != page;
    uint64_t occupant = is_other ? slot->stamp : 0;
    w->fetch_lookups++;
    if (slot->tag == (page | w->version)) {
        slot->stamp = ++w->clock;
        assert_true(expected.pa != 0);
        return;
    }
    /* A page whose tag the CPU did not set may or may not count as displaced. */
    uint64_t hidden = slot->tag == TLB_TAG_NONE ? slot->stamp : 0;
    struct tlb_hit hit;
    bool found = tlb_fetch(w->tlb, vaddr(va), &hit);
    if (found && hidden && hit.victim_stamp == hidden)
        occupant = hidden;
    expect_hit(w, &hit, found, expected, occupant);
    if (found && below(8)) /* a CPU may leave the slot alone */
        slot->tag = page | w->version;
}

/* ---- steps ---- */

static unsigned leaf_level(const struct scenario *s, unsigned page)
{
    return !is_large(s, page) ? 1 : page % 8 == 0 ? 3 : 2;
}

/* As an operating system serves a fault, without an invalidation: the processor has forgotten the
 * page by itself. */
static void serve_fault(struct world *w, unsigned page)
{
    unsigned level = leaf_level(w->scenario, page);
    set_entry(w, w->root, w->page[page], level, PTE_NX | (uint64_t)1 << 51, RWU);
    if (level == 1)
        set_entry(w, w->root, w->page[page], 2, 0, RWU);
}

static void enter_code(struct world *w, uint64_t va, uint64_t pa)
{
    leave_code(w);
    w->was_code[pa / PAGE_SIZE] = true;
    w->code_va = va;
    w->code_pa = pa;
    w->code_asid = w->root.asid;
}

static unsigned next_page(struct world *w)
{
    if (below(8) < w->scenario->local)
        w->last = (w->last + below(3)) % w->scenario->pages;
    else
        w->last = below(w->scenario->pages);
    return w->last;
}

static void step_access(struct world *w)
{
    enum mmu_access access = (enum mmu_access)below(3);
    uint64_t va = w->page[next_page(w)] + below(PAGE_SIZE);
    struct expected expected;
    expected.pa = naive_lookup(w->naive, va, access, &expected.error);
    if (access == MMU_FETCH)
        real_fetch(w, va, expected);
    else
        real_data(w, va, access, expected);
    if (!expected.pa && below(4))
        serve_fault(w, w->last);
    if (expected.pa && access == MMU_FETCH)
        enter_code(w, va, expected.pa);
    else if (expected.pa)
        w->used[expected.pa / PAGE_SIZE] = w->naive->clock;
}

static void flush_page(struct world *w, uint16_t asid, uint64_t va)
{
    tlb_flush_page(w->tlb, asid, vaddr(va));
    naive_invalidate_page(w->naive, asid, va);
}

static void flush_space(struct world *w, uint16_t asid)
{
    tlb_flush_space(w->tlb, asid);
    naive_invalidate_space(w->naive, asid);
}

static void flush_all(struct world *w)
{
    tlb_flush_all(w->tlb);
    naive_invalidate_all(w->naive);
}

/* A page gets another frame and other rights, or only loses its A and D bits. */
static void step_remap(struct world *w)
{
    struct mmu_root root = w->roots[below(SPACES)];
    unsigned i = next_page(w);
    if (below(2) || is_large(w->scenario, i))
        map_page(w, root, i);
    else
        set_entry(w, root, w->page[i], 1, PTE_A | PTE_D, 0);
    flush_page(w, root.asid, w->page[i]);
}

/* More is allowed than before: the processor finds out by itself. */
static void step_upgrade(struct world *w)
{
    struct mmu_root root = w->roots[below(SPACES)];
    unsigned i = next_page(w);
    uint64_t flawed = (uint64_t)1 << 51;
    if (!is_large(w->scenario, i) && !(get_entry(w, root, w->page[i], 1) & flawed))
        set_entry(w, root, w->page[i], 1, PTE_NX, RWU);
}

static void step_protect_table(struct world *w)
{
    struct mmu_root root = w->roots[below(SPACES)];
    unsigned i = next_page(w);
    if (is_large(w->scenario, i))
        return;
    set_entry(w, root, w->page[i], 2, PTE_W, below(2) ? PTE_W : 0);
    flush_space(w, root.asid);
}

/* The CPU translates code from a frame, or the code there is overwritten. */
static void step_code(struct world *w)
{
    struct ram *ram = w->tables[0].ram;
    pfn_t pfn = pte_pfn(get_entry(w, w->root, w->page[w->last], 1));
    if (is_large(w->scenario, w->last))
        pfn = LARGE_FRAME + below(1024);
    if (below(3)) {
        ram_mark_code(ram, pfn);
        tlb_front_protect(w->tlb, pfn);
    } else {
        ram_changed(ram, pfn);
    }
}

static void step_clock(struct world *w)
{
    tlb_set_clock(w->tlb, NULL);
    w->clock = 0;
    tlb_set_clock(w->tlb, &w->clock);
}

static void step_not_canonical(struct world *w)
{
    uint64_t high = (uint64_t)1 << (60 + below(4));
    struct tlb_hit hit = {.error = 99};
    vaddr_t va = vaddr(w->page[w->last] ^ high);
    bool found = below(3) ? tlb_data(w->tlb, va, (enum mmu_access)below(2), &hit)
                          : tlb_fetch(w->tlb, va, &hit);
    assert_false(found);
    assert_int_equal(hit.error, 0);
}

static void step_change(struct world *w)
{
    switch (below(16)) {
    case 0:
        flush_space(w, w->roots[below(SPACES)].asid);
        break;
    case 1:
        if (below(4) == 0)
            flush_all(w);
        break;
    case 2:
        w->version = (w->version + 1) % (PAGE_MASK + 1);
        tlb_ifront_clear(w->tlb);
        break;
    case 3:
        w->version = (w->version + 1) % (PAGE_MASK + 1); /* old tags stay and do not match */
        break;
    case 4:
        step_protect_table(w);
        break;
    case 5:
        step_clock(w);
        break;
    case 6:
        step_not_canonical(w);
        break;
    case 7:
    case 8:
        step_code(w);
        break;
    case 9:
    case 10:
        switch_to(w, below(SPACES));
        break;
    case 11:
        step_upgrade(w);
        break;
    default:
        step_remap(w);
    }
}

/* ---- comparisons ---- */

static void compare_counters(struct world *w)
{
    struct counters real = w->counters;
    real.tlb_l1d_hits = w->data_lookups - real.tlb_l1d_misses;
    real.tlb_l1i_hits = w->fetch_lookups - real.tlb_l1i_misses;
    if (memcmp(&real, &w->naive->counters, sizeof(real)) == 0 && w->clock == w->naive->clock)
        return;
#define COMPARE(name, unit, meaning)                                                               \
    if (real.name != w->naive->counters.name)                                                      \
        print_error("%s: %lu, expected %lu\n", #name, (unsigned long)real.name,                    \
                    (unsigned long)w->naive->counters.name);
    COUNTERS_PROCESS(COMPARE)
    fail_msg("clock %lu, expected %lu", (unsigned long)w->clock, (unsigned long)w->naive->clock);
}

static int newest_first(const void *a, const void *b)
{
    const struct naive_entry *x = a, *y = b;
    return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

static void compare_level(struct world *w, enum tlb_level_kind kind)
{
    static struct tlb_entry real[TLB_SIZES * NAIVE_ENTRIES_MAX];
    static struct naive_entry naive[TLB_SIZES * NAIVE_ENTRIES_MAX];
    const struct naive_level *level = &w->naive->level[kind];
    size_t n = 0;
    for (unsigned i = 0; i < TLB_SIZES * NAIVE_ENTRIES_MAX; i++) {
        const struct naive_entry *entry =
            &level->array[i / NAIVE_ENTRIES_MAX].entry[i % NAIVE_ENTRIES_MAX];
        if (entry->valid)
            naive[n++] = *entry;
    }
    qsort(naive, n, sizeof(naive[0]), newest_first);
    assert_int_equal(tlb_list(w->tlb, kind, real, TLB_SIZES * NAIVE_ENTRIES_MAX), n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(real[i].stamp, naive[i].used);
        assert_int_equal(real[i].page.v, naive[i].va);
        assert_int_equal(real[i].asid, naive[i].asid);
        assert_int_equal(tlb_size_shift(real[i].size), naive[i].shift);
        uint64_t within = naive[i].va % ((uint64_t)1 << naive[i].page.shift);
        assert_int_equal(real[i].pfn, (naive[i].page.pa + within) / PAGE_SIZE);
        assert_int_equal(real[i].writable, naive[i].page.writable);
        assert_int_equal(real[i].dirty, naive[i].page.dirty);
        assert_int_equal(real[i].executable, naive[i].page.executable);
    }
}

/* Exact for frames of data; a code frame may seem used until later, but never less long. */
static void compare_stamps(struct world *w)
{
    tlb_sync_stamps(w->tlb);
    if (w->code_pa)
        w->used[w->code_pa / PAGE_SIZE] = w->clock;
    for (uint64_t pfn = FIRST_FRAME; pfn < FRAMES; pfn++) {
        if (!w->was_code[pfn])
            assert_int_equal(w->stamps[pfn], w->used[pfn]);
        else
            assert_in_range(w->stamps[pfn], w->used[pfn], w->clock);
    }
}

static void compare_content(struct world *w)
{
    assert_true(tlb_is_valid(w->tlb));
    compare_level(w, TLB_L1D);
    compare_level(w, TLB_L1I);
    compare_level(w, TLB_L2);
    compare_level(w, TLB_L2I);
    assert_memory_equal(ram_frame(w->tables[0].ram, 1), ram_frame(w->tables[1].ram, 1),
                        (size_t)w->tables[0].next * PAGE_SIZE);
}

static uint64_t pwc_hits(const struct counters *c, unsigned level)
{
    const uint64_t hits[] = {
        0, 0, c->pwc_pd_hits, c->pwc_pdpt_hits, c->pwc_pml4_hits, c->pwc_pml5_hits};
    return hits[level];
}

/* Which caches had hits: none that is not there, and that of page-directory entries, if it is
 * there. */
static void check_walk_caches(struct world *w)
{
    for (unsigned level = 2; level <= MMU_LEVELS_MAX; level++) {
        if (!w->naive->cache[level].sets.entries)
            assert_int_equal(pwc_hits(&w->counters, level), 0);
    }
    assert_int_equal(pwc_hits(&w->counters, 2) > 0, w->naive->cache[2].sets.entries > 0);
}

static void test_scenario(void **state)
{
    const struct scenario *scenario = *state;
    struct world *w = make_world(scenario);
    for (unsigned step = 1; step <= STEPS; step++) {
        if (below(1024) < scenario->change)
            step_change(w);
        else
            step_access(w);
        check_code_stays(w);
        compare_counters(w);
        if (step % CHECK_EVERY == 0)
            compare_content(w);
        if (step % (STEPS / 4) == 0 && !scenario->quick)
            compare_stamps(w);
    }
    const struct counters *c = &w->counters;
    assert_true(c->tlb_l1d_misses > 0 && c->tlb_l1d_misses < w->data_lookups);
    assert_int_equal(w->quick > 0, scenario->quick);
    check_walk_caches(w);
    print_message("%s: %lu lookups, %lu served, %lu quickly, %lu L1 misses, %lu walks\n",
                  scenario->name, (unsigned long)(w->data_lookups + w->fetch_lookups),
                  (unsigned long)(tlb_served(w->tlb)->data + tlb_served(w->tlb)->fetch),
                  (unsigned long)w->quick, (unsigned long)(c->tlb_l1d_misses + c->tlb_l1i_misses),
                  (unsigned long)c->walks);
    destroy_world(w);
}

static struct scenario scenarios[] = {
    {"tiny", "tiny", 4, 12, 1, 4, 40, false, false},
    {"one entry", "l1d=1:1,l1i=1:1", 4, 4, 1, 6, 40, false, false},
    {"one entry, small second", "l1d=1:1,l1i=1:1,l2=3:1", 4, 6, 1, 4, 40, false, false},
    {"skylake, near", "skylake", 4, 100, 1, 6, 20, false, false},
    {"skylake, wide", "skylake", 4, 3000, 1, 4, 2, false, false},
    {"skylake, few changes", "skylake", 4, 80, 1, 7, 1, false, false},
    {"skylake, one front slot", "skylake", 4, 40, 1024, 3, 20, false, false},
    {"skylake, two front slots", "skylake", 4, 40, 512, 3, 100, false, false},
    {"quick, near", "skylake", 4, 100, 1, 6, 20, false, true},
    {"quick, wide", "skylake", 4, 1500, 1, 4, 2, false, true},
    {"quick, front slots shared", "skylake", 4, 120, 512, 3, 100, false, true},
    {"quick, 96 entries, 5 levels", "l1d=96:6,l1i=256:8,l2=2048:16", 5, 600, 7, 4, 5, false, true},
    {"quick, direct-mapped", "l1d=16:1,l1i=16:1,l2=64:2,asid=no", 4, 60, 1, 3, 40, false, true},
    {"quick, first larger than second", "l1d=64:16,l1i=8:8,l2=16:16:fifo", 4, 60, 1, 4, 30, false,
     true},
    {"skylake, 5 levels, large pages", "skylake", 5, 400, 3, 4, 30, true, false},
    {"neoverse-n1", "neoverse-n1", 4, 120, 1, 5, 20, false, false},
    {"neoverse-n1, large pages", "neoverse-n1", 4, 500, 1, 4, 30, true, false},
    {"odd sets", "l1d=15:5,l1i=21:3,l2=77:11", 4, 100, 1, 4, 30, false, false},
    {"odd sets, 5 levels", "l1d=15:5,l1i=21:3,l2=77:11", 5, 100, 7, 4, 30, true, false},
    {"first larger than second", "l1d=96:6,l1i=96:6,l2=16:4", 4, 150, 1, 4, 30, false, false},
    {"full, not whole groups", "l1d=50:50,l1i=37:37,l2=210:70", 4, 300, 1, 4, 30, false, false},
    {"full, large", "l1d=1536:1536,l1i=1000:1000", 4, 2000, 1, 5, 10, false, false},
    {"full, one front slot", "l1d=40:40,l1i=40:40,l2=512:512", 4, 60, 1024, 4, 30, false, false},
    {"direct-mapped", "l1d=64:1,l1i=64:1,l2=512:1", 4, 300, 1, 4, 30, true, false},
    {"always flushed", "skylake", 4, 60, 1, 5, 700, true, false},
    {"walk caches", "l1d=4:4,l1i=4:4,pwc=pd:4:2/pdpt:2:2/pml4:1:1", 4, 60, 300, 4, 10, true, false},
    {"walk caches, 5 levels", "l1d=4:4,l1i=4:4,l2=8:4,pwc=pd:6:2/pdpt:3:1/pml4:2:2/pml5:2:1", 5, 60,
     400, 4, 20, true, false},
    {"tree-plru", "l1d=64:4:tree-plru,l1i=64:8:tree-plru,l2=1536:12:tree-plru", 4, 400, 1, 4, 20,
     true, false},
    {"tree-plru, ways not a power of two",
     "l1d=35:7:tree-plru,l1i=5:5:tree-plru,l2=300:100:tree-plru,pwc=pd:11:11:tree-plru", 4, 200,
     300, 4, 30, true, false},
    {"tree-plru, often flushed", "l1d=8:8:tree-plru,l1i=8:8:tree-plru,l2=32:16:tree-plru", 4, 40, 1,
     4, 300, false, false},
    {"fifo", "l1d=64:4:fifo,l1i=40:40:fifo,l2=1536:12:fifo", 4, 300, 1, 5, 20, true, false},
    {"fifo, small", "l1d=2:2:fifo,l1i=3:3:fifo,l2=8:2:fifo,pwc=pd:4:4:fifo/pdpt:2:2:fifo", 4, 30,
     300, 4, 60, true, false},
    {"random", "l1d=64:4:random,l1i=40:40:random,l2=1536:12:random", 4, 300, 1, 5, 20, true, false},
    {"random, small", "l1d=3:3:random,l1i=2:2:random,l2=8:2:random,pwc=pd:8:4:random,seed=7", 4, 30,
     300, 4, 60, true, false},
    {"mixed policies", "l1d=16:4:tree-plru,l1i=16:16:fifo,l2=96:6:random", 5, 100, 512, 4, 40, true,
     false},
    {"own entries",
     "l1d=64:4,l1d-2m=32:4,l1d-1g=4:4,l1i=128:8,l1i-2m=8:8,l1i-1g=split,l2=1536:12,l2-1g=16:4", 4,
     400, 1, 4, 20, true, false},
    {"own entries, small",
     "l1d=4:2,l1d-2m=2:2:fifo,l1d-1g=2:1,l1i=4:4,l1i-2m=2:1,l1i-1g=1:1,l2=8:4,l2-2m=3:3:random,"
     "l2-1g=2:2:tree-plru",
     5, 60, 1, 4, 30, true, false},
    {"shared, full, tree-plru",
     "l1d=72:72:tree-plru,l1i=64:64:tree-plru,l2=300:12,l2-1g=split,pwc=pd:4:4/pdpt:4:4", 4, 300, 1,
     4, 20, true, false},
    {"shared, few", "l1d=5:5,l1i=3:3,l2=12:4", 4, 40, 1, 3, 30, true, false},
    {"shared, in sets", "l1d=12:4:random,l1i=6:2:fifo,l2=60:4", 4, 100, 1, 3, 30, true, false},
    {"split",
     "l1d=64:4,l1d-2m=split,l1d-1g=split,l1i=16:4,l1i-2m=split,l2=96:6,l2-2m=split,l2-1g=8:4", 4,
     200, 1, 4, 20, true, false},
    {"large, one front slot", "l1d=16:16,l1i=16:16,l2=64:8", 4, 60, 1024, 4, 20, true, false},
    {"inclusive", "l1d=16:4,l1i=16:4,l2=32:4,inclusive=yes", 4, 100, 1, 4, 20, false, false},
    {"inclusive, large pages",
     "l1d=16:4,l1d-2m=4:4,l1i=16:4,l1i-1g=split,l2=48:4,l2-1g=split,inclusive=yes", 5, 100, 1, 4,
     20, true, false},
    {"inclusive, less than the first", "l1d=8:8:fifo,l1i=8:8,l2=4:4:random,inclusive=yes", 4, 20, 1,
     5, 20, true, false},
    {"split second level",
     "l1d=8:8,l1i=8:8,l2=48:12,l2-1g=split,l2i=32:8,l2i-1g=2:2,l1i-2m=2:2,pwc=pd:8:8", 4, 100, 1, 4,
     20, true, false},
    {"split second level, inclusive", "l1d=8:8,l1i=8:8,l2=24:12,l2i=16:8:fifo,inclusive=yes", 4, 60,
     1, 4, 20, true, false},
    {"no tags", "l1d=16:4,l1i=16:4,l2=96:6,pwc=pd:8:8/pml4:2:2,asid=no", 4, 100, 1, 4, 20, false,
     false},
    {"no tags, large pages", "l1d=16:4,l1i=16:4,l2=96:6,l2i=32:4,asid=no", 5, 60, 1, 4, 40, true,
     false},
    {"skylake, 5 levels", "skylake", 5, 600, 100, 4, 10, true, false},
    {"golden-cove", "golden-cove", 4, 600, 1, 4, 5, true, false},
    {"zen4", "zen4", 4, 800, 1, 4, 5, true, false},
    {"one walk cache", "l1d=4:4,l1i=4:4,pwc=pdpt:32:32", 4, 200, 700, 4, 10, true, false},
};

int main(void)
{
    enum { COUNT = sizeof(scenarios) / sizeof(scenarios[0]) };
    struct CMUnitTest tests[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){scenarios[i].name, test_scenario, NULL, NULL, &scenarios[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
