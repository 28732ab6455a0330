// SPDX-License-Identifier: GPL-2.0-or-later
/* The TLB in small, by known answers: reach, LRU, what is counted when, dirty bits, code marks,
 * spaces, invalidations, stamps. The model test does the rest. */
#include "machine/tlb.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tables.h"

#define RWU (PTE_P | PTE_W | PTE_U)
#define RU (PTE_P | PTE_U)

enum { FRAMES = 4096, DATA = 1000 }; /* page i is mapped to frame DATA + i */

struct fixture {
    struct tables tables;
    struct mmu_root root;
    struct tlb *tlb;
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    struct counters counters, *now;
    struct tlb_hit hit;
};

static void make_tlb(struct fixture *f, const char *text)
{
    struct tlb_spec spec;
    const char *why;
    tlb_destroy(f->tlb);
    memset(&f->counters, 0, sizeof(f->counters));
    assert_int_equal(tlb_spec_parse(text, &spec, &why), 0);
    assert_int_equal(
        tlb_create(&spec, f->tables.ram, f->front, f->ifront, (void *)&f->now, &f->tlb), 0);
    tlb_switch(f->tlb, f->root);
}

static void map(struct fixture *f, unsigned page, pfn_t pfn, uint64_t flags)
{
    *tables_entry(&f->tables, f->root, vaddr((uint64_t)page * PAGE_SIZE), 1) = pte_make(pfn, flags);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f || ram_create(FRAMES, &f->tables.ram))
        return -1;
    f->now = &f->counters;
    f->tables.next = 1;
    f->root = tables_root(&f->tables, 4, 1);
    for (unsigned i = 0; i < 2048; i++)
        map(f, i, DATA + i, RWU);
    make_tlb(f, "tiny");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tlb_destroy(f->tlb);
    ram_destroy(f->tables.ram);
    free(f);
    return 0;
}

static unsigned slot_of(unsigned page)
{
    return tlb_front_slot(vaddr((uint64_t)page * PAGE_SIZE));
}

/* A data access of the page as translated code makes it. */
static bool touch(struct fixture *f, unsigned page, enum mmu_access access)
{
    struct tlb_front *slot = &f->front[slot_of(page)];
    uint64_t va = (uint64_t)page * PAGE_SIZE;
    if ((access == MMU_STORE ? slot->wtag : slot->rtag) == va) {
        uint64_t clock = tlb_clock(f->tlb);
        tlb_data_again(f->tlb, vaddr(va), 1); /* stands for the inline stamp */
        assert_int_equal(tlb_clock(f->tlb), clock + 1);
        return true;
    }
    return tlb_data(f->tlb, vaddr(va + 5), access, &f->hit);
}

static bool enter(struct fixture *f, unsigned page)
{
    struct tlb_ifront *slot = &f->ifront[slot_of(page)];
    bool found = tlb_fetch(f->tlb, vaddr((uint64_t)page * PAGE_SIZE), &f->hit);
    if (found)
        slot->tag = (uint64_t)page * PAGE_SIZE;
    assert_true(tlb_is_valid(f->tlb));
    return found;
}

static void test_create(void **state)
{
    struct fixture *f = *state;
    struct tlb_spec spec = {.level[TLB_L1I] = {2, 2, TLB_LRU}};
    struct tlb *tlb = NULL;
    struct counters *const *now = (void *)&f->now;
    spec.level[TLB_L1D] = (struct tlb_geometry){0, 0, TLB_LRU};
    assert_int_equal(tlb_create(&spec, f->tables.ram, f->front, f->ifront, now, &tlb), -EINVAL);
    spec.level[TLB_L1D] = (struct tlb_geometry){4, 3, TLB_LRU};
    assert_int_equal(tlb_create(&spec, f->tables.ram, f->front, f->ifront, now, &tlb), -EINVAL);
    spec.level[TLB_L1D] = (struct tlb_geometry){4, 4, TLB_LRU};
    spec.level[TLB_L2] = (struct tlb_geometry){5, 2, TLB_LRU};
    assert_int_equal(tlb_create(&spec, f->tables.ram, f->front, f->ifront, now, &tlb), -EINVAL);
    assert_null(tlb);
    tlb_destroy(NULL);
}

static void test_hit_names_the_byte(void **state)
{
    struct fixture *f = *state;
    assert_true(touch(f, 3, MMU_LOAD));
    assert_ptr_equal(f->hit.host, ram_frame(f->tables.ram, DATA + 3) + 5);
    assert_int_equal(f->hit.pfn, DATA + 3);
    assert_int_equal(f->hit.error, 0);
    const struct tlb_front *slot = &f->front[3];
    assert_int_equal(slot->rtag, 3 * PAGE_SIZE);
    assert_int_equal(slot->wtag, TLB_TAG_NONE); /* not dirty yet */
    assert_ptr_equal((uint8_t *)(uintptr_t)(slot->addend + 3 * PAGE_SIZE + 7),
                     ram_frame(f->tables.ram, DATA + 3) + 7);
    assert_true(enter(f, 4));
    assert_ptr_equal(f->hit.host, ram_frame(f->tables.ram, DATA + 4));
}

/* Cyclic access over n pages: no warm miss while they fit, one an access beyond. */
static uint64_t cyclic_misses(struct fixture *f, unsigned n)
{
    for (unsigned i = 0; i < 3 * n; i++)
        assert_true(touch(f, i % n, MMU_LOAD));
    uint64_t warm = f->counters.tlb_l1d_misses;
    for (unsigned i = 0; i < 10 * n; i++)
        assert_true(touch(f, i % n, MMU_LOAD));
    assert_true(tlb_is_valid(f->tlb));
    return f->counters.tlb_l1d_misses - warm;
}

static void test_reach(void **state)
{
    struct fixture *f = *state;
    static const unsigned entries[] = {1, 2, 3, 8, 16, 17, 64, 100};
    for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        char spec[64];
        snprintf(spec, sizeof(spec), "l1d=%u:%u,l1i=1:1", entries[i], entries[i]);
        make_tlb(f, spec);
        assert_int_equal(cyclic_misses(f, entries[i]), 0);
        make_tlb(f, spec);
        assert_int_equal(cyclic_misses(f, entries[i] + 1), 10 * (entries[i] + 1));
    }
    make_tlb(f, "skylake");
    assert_int_equal(cyclic_misses(f, 64), 0);
    assert_int_equal(f->counters.tlb_l2_misses, 64);
    make_tlb(f, "skylake");
    assert_int_equal(cyclic_misses(f, 80), 800);
    assert_int_equal(f->counters.walks, 80); /* the second level holds them all */
}

static void test_counts_of_one_miss(void **state)
{
    struct fixture *f = *state;
    make_tlb(f, "l1d=1:1,l1i=1:1,l2=2:2");
    const struct counters *c = &f->counters;
    touch(f, 0, MMU_LOAD); /* L1 miss, L2 miss, walk of 4 reads */
    touch(f, 1, MMU_LOAD);
    touch(f, 0, MMU_LOAD); /* L1 miss, L2 hit */
    touch(f, 0, MMU_LOAD); /* hit */
    assert_int_equal(c->tlb_l1d_misses, 3);
    assert_int_equal(c->tlb_l2_misses, 2);
    assert_int_equal(c->tlb_l2_hits, 1);
    assert_int_equal(c->walks, 2);
    assert_int_equal(c->walk_reads, 8);
    touch(f, 2, MMU_LOAD); /* L2 evicts page 1, used before page 0 */
    touch(f, 1, MMU_LOAD); /* ... and now page 0 */
    assert_int_equal(c->walks, 4);
    touch(f, 2, MMU_LOAD);
    assert_int_equal(c->walks, 4);
    touch(f, 0, MMU_LOAD);
    assert_int_equal(c->walks, 5);
    assert_true(enter(f, 0)); /* the second level is shared */
    assert_int_equal(c->tlb_l1i_misses, 1);
    assert_int_equal(c->walks, 5);
    assert_int_equal(c->tlb_l1d_hits + c->tlb_l1i_hits, 0); /* for the CPU to count */
    assert_int_equal(tlb_clock(f->tlb), 1 + 9);
}

/* How many entries the walk for a page reads. */
static uint64_t reads_of(struct fixture *f, unsigned page)
{
    uint64_t before = f->counters.walk_reads;
    assert_true(touch(f, page, MMU_LOAD));
    return f->counters.walk_reads - before;
}

/* Pages a multiple of 512 apart have page tables of their own, those of 2^18 page directories. */
static void test_walk_caches(void **state)
{
    struct fixture *f = *state;
    enum { APART = 512, FAR = 1 << 18 };
    map(f, FAR, 700, RWU);
    map(f, FAR + APART, 701, RWU);
    make_tlb(f, "l1d=1:1,l1i=1:1,pwc=pd:2:2/pdpt:1:1/pml4:1:1");
    assert_int_equal(reads_of(f, 0), 4);
    assert_int_equal(reads_of(f, 1), 1); /* its PDE is cached */
    assert_int_equal(reads_of(f, APART), 2);
    assert_int_equal(reads_of(f, 0), 1);
    assert_int_equal(reads_of(f, 2 * APART), 2); /* displaces the PDE of APART */
    assert_int_equal(reads_of(f, 1), 1);
    assert_int_equal(reads_of(f, APART), 2);
    assert_int_equal(reads_of(f, FAR), 3); /* displaces the only PDPTE */
    assert_int_equal(reads_of(f, FAR + APART), 2);
    assert_int_equal(reads_of(f, 0), 3);
    assert_int_equal(f->counters.walks, 10);
    assert_int_equal(f->counters.pwc_pd_hits, 3);
    assert_int_equal(f->counters.pwc_pdpt_hits, 4);
    assert_int_equal(f->counters.pwc_pml4_hits, 2);
    assert_int_equal(f->counters.pwc_pml5_hits, 0);
    assert_true(tlb_is_valid(f->tlb));
}

/* INVLPG of any page forgets the whole space's; a fault only what its address would use. */
static void test_walk_caches_forget(void **state)
{
    struct fixture *f = *state;
    enum { APART = 512 };
    make_tlb(f, "l1d=1:1,l1i=1:1,pwc=pd:8:8/pdpt:1:1");
    reads_of(f, 0);
    reads_of(f, APART);
    tlb_flush_page(f->tlb, f->root.asid, vaddr((uint64_t)2047 * PAGE_SIZE));
    assert_int_equal(reads_of(f, 0), 4);
    assert_int_equal(reads_of(f, APART), 2);
    tlb_flush_page(f->tlb, f->root.asid + 1, vaddr(0));
    assert_int_equal(reads_of(f, 0), 1);
    map(f, APART + 1, 0, 0);
    assert_false(touch(f, APART + 1, MMU_LOAD));
    assert_int_equal(reads_of(f, 1), 1);
    assert_int_equal(reads_of(f, APART), 4); /* the fault took the PDPTE as well */
    tlb_flush_space(f->tlb, f->root.asid);
    assert_int_equal(reads_of(f, 0), 4);
    tlb_flush_all(f->tlb);
    assert_int_equal(reads_of(f, 1), 4);
    assert_true(tlb_is_valid(f->tlb));
}

static void test_fault(void **state)
{
    struct fixture *f = *state;
    map(f, 5, 0, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_false(touch(f, 5, MMU_STORE));
        assert_int_equal(f->hit.error, PF_USER | PF_WRITE);
        assert_int_equal(f->hit.victim_stamp, 0);
        assert_int_equal(f->counters.tlb_l1d_misses, i); /* each try counts */
        assert_int_equal(f->counters.walks, i);
        assert_int_equal(f->counters.walk_reads, 4 * i);
        assert_int_equal(tlb_served(f->tlb)->data_faults, i);
    }
    assert_int_equal(tlb_served(f->tlb)->data, 3);
    map(f, 6, 7, RU | PTE_NX);
    assert_false(enter(f, 6));
    assert_int_equal(f->hit.error, PF_PRESENT | PF_USER | PF_FETCH);
    assert_int_equal(tlb_served(f->tlb)->fetch_faults, 1);
    struct tlb_entry entries[4];
    assert_int_equal(tlb_list(f->tlb, TLB_L1D, entries, 4), 0);
}

/* A fault on an entry that is there forgets it, so the repaired page needs no invalidation. */
static void test_fault_forgets(void **state)
{
    struct fixture *f = *state;
    make_tlb(f, "skylake");
    map(f, 5, 700, RU);
    assert_true(touch(f, 5, MMU_LOAD));
    assert_true(enter(f, 5));
    assert_false(touch(f, 5, MMU_STORE));
    assert_int_equal(f->hit.error, PF_PRESENT | PF_USER | PF_WRITE);
    assert_int_equal(f->counters.tlb_l1d_misses, 1); /* the entry was found */
    map(f, 5, 701, RWU);
    assert_true(touch(f, 5, MMU_LOAD));
    assert_int_equal(f->hit.pfn, 701);
    assert_int_equal(f->counters.tlb_l1d_misses, 2);
    assert_int_equal(f->counters.tlb_l2_misses, 2);
    assert_int_equal(f->ifront[5].tag, TLB_TAG_NONE);
}

static void test_dirty_bit(void **state)
{
    struct fixture *f = *state;
    make_tlb(f, "l1d=2:2,l1i=2:2,l2=8:8");
    const uint64_t *pte = tables_entry(&f->tables, f->root, vaddr(0), 1);
    touch(f, 0, MMU_LOAD);
    assert_false(*pte & PTE_D);
    assert_true(touch(f, 0, MMU_STORE)); /* walks, and is a hit all the same */
    assert_true(*pte & PTE_D);
    assert_int_equal(f->counters.tlb_l1d_misses, 1);
    assert_int_equal(f->counters.walks, 2);
    assert_int_equal(f->front[0].wtag, 0);
    touch(f, 1, MMU_LOAD);
    touch(f, 2, MMU_LOAD); /* page 0 is only in the second level, which knows that it is dirty */
    assert_int_equal(f->front[0].rtag, TLB_TAG_NONE);
    assert_true(touch(f, 0, MMU_STORE));
    assert_int_equal(f->counters.walks, 4);
}

static void test_more_rights_need_no_flush(void **state)
{
    struct fixture *f = *state;
    map(f, 0, 700, RU);
    assert_true(touch(f, 0, MMU_LOAD));
    map(f, 0, 700, RWU);
    assert_true(touch(f, 0, MMU_STORE));
    assert_int_equal(f->counters.tlb_l1d_misses, 1);
    assert_int_equal(f->counters.walks, 2);
}

static void test_code_marks(void **state)
{
    struct fixture *f = *state;
    map(f, 1, DATA, RWU); /* pages 0 and 1 are the same frame */
    make_tlb(f, "skylake");
    touch(f, 0, MMU_STORE);
    touch(f, 1, MMU_STORE);
    assert_int_equal(f->front[1].wtag, PAGE_SIZE);
    ram_mark_code(f->tables.ram, DATA);
    tlb_front_protect(f->tlb, DATA);
    assert_int_equal(f->front[0].wtag, TLB_TAG_NONE);
    assert_int_equal(f->front[1].wtag, TLB_TAG_NONE);
    assert_int_equal(f->front[1].rtag, PAGE_SIZE); /* loads go on inline */
    assert_true(touch(f, 1, MMU_STORE));
    assert_int_equal(f->front[1].wtag, TLB_TAG_NONE);
    ram_changed(f->tables.ram, DATA);
    assert_true(touch(f, 1, MMU_STORE));
    assert_int_equal(f->front[1].wtag, PAGE_SIZE);
    assert_int_equal(f->counters.tlb_flushes, 0);
}

/* Two pages of one front slot: both stay in the first level, only the view changes. */
static void test_front_conflict(void **state)
{
    struct fixture *f = *state;
    unsigned other = 6 + TLB_FRONT_SLOTS;
    assert_int_equal(slot_of(7), slot_of(other));
    for (unsigned i = 0; i < 10; i++) {
        assert_true(touch(f, 7, MMU_LOAD));
        uint64_t stamp = f->front[7].stamp;
        assert_true(touch(f, other, MMU_LOAD));
        assert_int_equal(f->hit.victim_stamp, stamp);
    }
    assert_int_equal(f->counters.tlb_l1d_misses, 2);
    assert_true(touch(f, 8, MMU_LOAD)); /* evicts page 7, not the page in the slot */
    assert_int_equal(f->front[7].rtag, (uint64_t)other * PAGE_SIZE);
}

static void test_spaces(void **state)
{
    struct fixture *f = *state;
    struct mmu_root other = tables_root(&f->tables, 4, 2);
    *tables_entry(&f->tables, other, vaddr(0), 1) = pte_make(700, RWU);
    make_tlb(f, "skylake");
    touch(f, 0, MMU_LOAD);
    enter(f, 0);
    tlb_switch(f->tlb, other);
    assert_int_equal(f->front[0].rtag, TLB_TAG_NONE);
    assert_int_equal(f->ifront[0].tag, TLB_TAG_NONE);
    assert_true(touch(f, 0, MMU_LOAD));
    assert_int_equal(f->hit.pfn, 700);
    tlb_switch(f->tlb, f->root);
    assert_true(touch(f, 0, MMU_LOAD)); /* its entry survived */
    assert_int_equal(f->hit.pfn, DATA);
    assert_int_equal(f->counters.tlb_l1d_misses, 2);
    tlb_flush_space(f->tlb, other.asid);
    touch(f, 0, MMU_LOAD);
    assert_int_equal(f->counters.tlb_l1d_misses, 2);
    tlb_flush_page(f->tlb, f->root.asid, vaddr(0xfff));
    touch(f, 0, MMU_LOAD);
    assert_int_equal(f->counters.tlb_l1d_misses, 3);
    tlb_flush_all(f->tlb);
    touch(f, 0, MMU_LOAD);
    assert_int_equal(f->counters.tlb_l1d_misses, 4);
    assert_int_equal(f->counters.tlb_l2_misses, 4);
    assert_int_equal(f->counters.tlb_flushes, 3);
}

/* The switch to a space that is current already keeps the front arrays. */
static void test_same_space(void **state)
{
    struct fixture *f = *state;
    touch(f, 0, MMU_LOAD);
    tlb_switch(f->tlb, f->root);
    assert_int_equal(f->front[0].rtag, 0);
    tlb_ifront_clear(f->tlb);
    assert_int_equal(f->front[0].rtag, 0);
}

static void test_not_canonical(void **state)
{
    struct fixture *f = *state;
    uint64_t clock = tlb_clock(f->tlb);
    touch(f, 0, MMU_LOAD);
    struct counters was = f->counters;
    static const uint64_t addresses[] = {0x0000800000000000, 0xffff7ffffffff000, 0x1000000000000000,
                                         0x8000000000000000};
    for (unsigned i = 0; i < 4; i++) {
        f->hit.error = 77;
        assert_false(tlb_data(f->tlb, vaddr(addresses[i]), MMU_LOAD, &f->hit));
        assert_int_equal(f->hit.error, 0);
        assert_false(tlb_fetch(f->tlb, vaddr(addresses[i]), &f->hit));
    }
    assert_memory_equal(&was, &f->counters, sizeof(was));
    assert_int_equal(tlb_clock(f->tlb), clock + 1);
}

/* Before the first switch there is no space, and nothing is found. */
static void test_no_space_yet(void **state)
{
    struct fixture *f = *state;
    f->root = (struct mmu_root){0};
    make_tlb(f, "tiny");
    assert_false(tlb_data(f->tlb, vaddr(0), MMU_LOAD, &f->hit));
    assert_false(tlb_fetch(f->tlb, vaddr(0), &f->hit));
}

static void test_clock_moves(void **state)
{
    struct fixture *f = *state;
    uint64_t outside = 0;
    touch(f, 0, MMU_LOAD);
    uint64_t clock = tlb_clock(f->tlb);
    assert_true(clock > 0);
    tlb_set_clock(f->tlb, &outside);
    assert_int_equal(outside, clock);
    touch(f, 1, MMU_LOAD);
    tlb_data_again(f->tlb, vaddr(PAGE_SIZE), 9);
    assert_int_equal(outside, clock + 10);
    assert_int_equal(f->front[1].stamp, clock + 10);
    tlb_set_clock(f->tlb, NULL);
    touch(f, 2, MMU_LOAD);
    assert_int_equal(outside, clock + 10);
    assert_int_equal(tlb_clock(f->tlb), clock + 11);
}

static void test_stamps_of_data(void **state)
{
    struct fixture *f = *state;
    static uint64_t stamps[FRAMES];
    memset(stamps, 0, sizeof(stamps));
    tlb_track_stamps(f->tlb, stamps);
    uint64_t start = tlb_clock(f->tlb);
    touch(f, 0, MMU_LOAD);
    touch(f, 1, MMU_LOAD);
    touch(f, 1, MMU_LOAD);
    touch(f, 0, MMU_LOAD);
    touch(f, 2, MMU_LOAD); /* page 1 leaves, with its own stamp */
    assert_int_equal(stamps[DATA + 1], start + 3);
    tlb_sync_stamps(f->tlb);
    assert_int_equal(stamps[DATA], start + 4);
    assert_int_equal(stamps[DATA + 2], start + 5);
    tlb_flush_page(f->tlb, f->root.asid, vaddr(0));
    touch(f, 2, MMU_LOAD);
    tlb_track_stamps(f->tlb, NULL);
    tlb_sync_stamps(f->tlb);
    assert_int_equal(stamps[DATA + 2], start + 5);
}

/* A code page is in use until the next one is entered, whether or not it stays in the TLB. */
static void test_stamps_of_code(void **state)
{
    struct fixture *f = *state;
    static uint64_t stamps[FRAMES];
    memset(stamps, 0, sizeof(stamps));
    make_tlb(f, "l1d=2:2,l1i=3:3");
    tlb_track_stamps(f->tlb, stamps);
    uint64_t start = tlb_clock(f->tlb);
    enter(f, 0);
    touch(f, 100, MMU_LOAD);
    touch(f, 101, MMU_LOAD);
    enter(f, 1); /* 4 */
    touch(f, 100, MMU_LOAD);
    enter(f, 2); /* 6 */
    touch(f, 100, MMU_LOAD);
    tlb_sync_stamps(f->tlb);
    assert_int_equal(stamps[DATA + 0], start + 4);
    assert_int_equal(stamps[DATA + 1], start + 6);
    assert_int_equal(stamps[DATA + 2], start + 7); /* the CPU is in it */
    enter(f, 3);                                   /* 8: page 0 leaves the TLB */
    assert_int_equal(stamps[DATA + 0], start + 4);
    tlb_flush_page(f->tlb, f->root.asid, vaddr(3 * PAGE_SIZE)); /* the page that ends page 2's */
    touch(f, 100, MMU_LOAD);
    tlb_sync_stamps(f->tlb);
    assert_int_equal(stamps[DATA + 3], start + 8);
    assert_int_equal(stamps[DATA + 2], start + 8);
}

static void test_list(void **state)
{
    struct fixture *f = *state;
    make_tlb(f, "skylake");
    map(f, 2, 702, RU | PTE_NX);
    touch(f, 0, MMU_STORE);
    touch(f, 1, MMU_LOAD);
    touch(f, 2, MMU_LOAD);
    touch(f, 0, MMU_STORE);
    struct tlb_entry entries[8];
    assert_int_equal(tlb_list(f->tlb, TLB_L1D, entries, 8), 3);
    assert_int_equal(entries[0].page.v, 0);
    assert_int_equal(entries[0].asid, 1);
    assert_true(entries[0].dirty && entries[0].writable && entries[0].executable);
    assert_int_equal(entries[0].stamp, tlb_clock(f->tlb));
    assert_int_equal(entries[1].pfn, 702);
    assert_false(entries[1].dirty || entries[1].writable || entries[1].executable);
    assert_int_equal(entries[2].page.v, PAGE_SIZE);
    assert_int_equal(tlb_list(f->tlb, TLB_L1D, entries, 2), 2);
    assert_int_equal(tlb_list(f->tlb, TLB_L1I, entries, 8), 0);
    assert_int_equal(tlb_list(f->tlb, TLB_L2, entries, 8), 3);
    assert_int_equal(entries[0].page.v, 2 * PAGE_SIZE); /* hits in L1 do not rejuvenate */
}

/* The invariants notice what they are for. */
static void test_validity_is_checked(void **state)
{
    struct fixture *f = *state;
    touch(f, 0, MMU_STORE);
    enter(f, 1);
    assert_true(tlb_is_valid(f->tlb));
    f->front[0].wtag = PAGE_SIZE;
    assert_false(tlb_is_valid(f->tlb));
    f->front[0].wtag = 0;
    f->front[3].rtag = 3 * PAGE_SIZE; /* T1: not in the first level */
    assert_false(tlb_is_valid(f->tlb));
    f->front[3].rtag = TLB_TAG_NONE;
    f->ifront[3].tag = 3 * PAGE_SIZE;
    assert_false(tlb_is_valid(f->tlb));
    f->ifront[3].tag = TLB_TAG_NONE;
    ram_mark_code(f->tables.ram, DATA); /* T2: wtag of a frame with code */
    assert_false(tlb_is_valid(f->tlb));
    ram_changed(f->tables.ram, DATA);
    f->front[0].stamp = tlb_clock(f->tlb) + 1;
    assert_false(tlb_is_valid(f->tlb));
    f->front[0].stamp = 2;
    f->front[0].addend++;
    assert_false(tlb_is_valid(f->tlb));
    f->front[0].addend--;
    assert_true(tlb_is_valid(f->tlb));
}

/* The pages used last, the newest first, as a watcher is to be told of them. */
struct watched {
    unsigned count, entered, left;
    unsigned pages[TLB_RECENT + 1];
    bool was_there;
};

static void page_enters(void *context, uint16_t space, vaddr_t page, enum mmu_access access)
{
    struct watched *watched = context;
    assert_int_equal(space, 1);
    assert_false(watched->was_there);
    assert_int_equal(page.v, (uint64_t)watched->pages[0] * PAGE_SIZE);
    watched->entered++;
}

static void page_leaves(void *context, uint16_t space, vaddr_t page)
{
    struct watched *watched = context;
    assert_int_equal(page.v, (uint64_t)watched->pages[TLB_RECENT] * PAGE_SIZE);
    watched->left++;
}

static void watched_use(struct watched *watched, unsigned page)
{
    unsigned at = 0;
    while (at < watched->count && watched->pages[at] != page)
        at++;
    watched->was_there = at < watched->count;
    if (!watched->was_there && watched->count < TLB_RECENT)
        watched->count++;
    memmove(&watched->pages[1], &watched->pages[0], at * sizeof(watched->pages[0]));
    watched->pages[0] = page;
}

static void watched_drop(struct watched *watched, unsigned first, unsigned npages)
{
    unsigned left = 0;
    for (unsigned at = 0; at < watched->count; at++)
        if (watched->pages[at] - first >= npages)
            watched->pages[left++] = watched->pages[at];
    watched->count = left;
}

/* Data accesses, most of them answered by the front array, the kernel's, and pages that go. */
static void test_watched(void **state)
{
    struct fixture *f = *state;
    struct watched watched = {0};
    const struct tlb_watch watch = {page_enters, page_leaves, &watched};
    unsigned uses = 0;
    srand(3);
    make_tlb(f, "skylake");
    tlb_watch(f->tlb, &watch);
    for (unsigned step = 0; step < 60000; step++) {
        unsigned span = step / 1000 % 2 ? 100 : 2000, page = (unsigned)rand() % span;
        unsigned entered = watched.entered;
        if (step % 500 == 499) {
            unsigned before = watched.count;
            watched_drop(&watched, page, 30);
            assert_int_equal(tlb_watch_gone(f->tlb, 1, vaddr((uint64_t)page * PAGE_SIZE), 30),
                             before - watched.count);
            continue;
        }
        watched_use(&watched, page);
        if (rand() % 16 == 0)
            tlb_watch_use(f->tlb, 1, vaddr((uint64_t)page * PAGE_SIZE), MMU_LOAD);
        else
            assert_true(touch(f, page, rand() % 2 ? MMU_LOAD : MMU_STORE));
        uses++;
        assert_int_equal(watched.entered - entered, !watched.was_there);
        if (step % 64 == 0)
            assert_true(tlb_is_valid(f->tlb));
    }
    assert_in_range(watched.left, 1000, watched.entered);
    assert_in_range(watched.entered, 1000, uses - 1000);
    tlb_watch(f->tlb, NULL);
    assert_true(touch(f, 1, MMU_LOAD));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create),
        TEST(test_hit_names_the_byte),
        TEST(test_reach),
        TEST(test_counts_of_one_miss),
        TEST(test_walk_caches),
        TEST(test_walk_caches_forget),
        TEST(test_fault),
        TEST(test_fault_forgets),
        TEST(test_dirty_bit),
        TEST(test_more_rights_need_no_flush),
        TEST(test_code_marks),
        TEST(test_front_conflict),
        TEST(test_spaces),
        TEST(test_same_space),
        TEST(test_not_canonical),
        TEST(test_no_space_yet),
        TEST(test_clock_moves),
        TEST(test_stamps_of_data),
        TEST(test_stamps_of_code),
        TEST(test_list),
        TEST(test_validity_is_checked),
        TEST(test_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
