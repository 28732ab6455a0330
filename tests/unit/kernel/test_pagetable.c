// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/rmap.h"
#include "machine/pte.h"
#include "rig.h"

enum { RW = PROT_MASK_R | PROT_MASK_W, RX = PROT_MASK_R | PROT_MASK_X };

#define STACK_TOP ((uint64_t)0x7fffffffe000)
#define HEAP ((uint64_t)0x555555554000)

struct fixture {
    struct rig *rig;
    struct kernel *kernel;
    struct space *space;
    struct pagetable *table;
};

static struct fixture fixture_create(unsigned levels)
{
    struct fixture f = {.rig = rig_create((struct rig_options){.levels = levels, .nframes = 256})};
    f.kernel = f.rig->kernel;
    f.kernel->frames.reserved = 200;
    f.space = rig_space(f.rig, 1);
    f.table = &f.space->table;
    return f;
}

static void fixture_destroy(struct fixture *f)
{
    rig_space_end(f->rig, f->space);
    rig_destroy(f->rig);
}

static struct frame *page(struct fixture *f)
{
    return frame_take(f->kernel, FRAME_OBJECT);
}

static struct frame *zeros(struct fixture *f)
{
    return frame_get(&f->kernel->frames, f->kernel->zero_pfn);
}

static bool walk(struct fixture *f, uint64_t va, enum mmu_access access, struct mmu_leaf *leaf)
{
    return mmu_translate(f->rig->machine.ram, f->table->root, vaddr(va), access, leaf);
}

static void a_mapped_page_is_what_the_processor_walks_to(void **state)
{
    for (unsigned levels = 4; levels <= 5; levels++) {
        struct fixture f = fixture_create(levels);
        struct frame *frame = page(&f);
        struct mmu_leaf leaf;
        assert_int_equal(f.table->root.table, PFN_NONE);
        assert_false(walk(&f, HEAP, MMU_LOAD, &leaf));
        pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, RW);
        assert_int_equal(f.table->npresent, 1);
        assert_int_equal(f.table->ntables, levels);
        assert_int_equal(
            pagetable_entry(f.kernel, f.table, vaddr(HEAP)),
            pte_make(frame_pfn(&f.kernel->frames, frame), PTE_P | PTE_U | PTE_W | PTE_NX));
        assert_true(walk(&f, HEAP + 0x123, MMU_STORE, &leaf));
        assert_ptr_equal(ram_at(f.rig->machine.ram, leaf.pa), rig_bytes(f.rig, frame) + 0x123);
        assert_false(walk(&f, HEAP, MMU_FETCH, &leaf));
        assert_false(walk(&f, HEAP + PAGE_SIZE, MMU_LOAD, &leaf));
        assert_true(pagetable_is_valid(f.kernel, f.table));
        assert_ptr_equal(pagetable_unmap(f.kernel, f.table, vaddr(HEAP)), frame);
        assert_true(frame->flags & FRAME_DIRTY);
        assert_null(pagetable_unmap(f.kernel, f.table, vaddr(HEAP)));
        assert_int_equal(f.table->ntables, 0);
        assert_int_equal(f.table->root.table, PFN_NONE);
        frame_give(f.kernel, frame);
        fixture_destroy(&f);
    }
}

static void protection_becomes_bits(void **state)
{
    struct fixture f = fixture_create(4);
    static const struct {
        unsigned prot;
        uint64_t bits;
    } cases[] = {
        {PROT_MASK_R, PTE_NX},
        {PROT_MASK_W, PTE_W | PTE_NX}, /* on x86-64 what can be written can be read */
        {PROT_MASK_X, 0},
        {RW | PROT_MASK_X, PTE_W},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame *frame = page(&f);
        pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, cases[i].prot);
        assert_int_equal(pagetable_entry(f.kernel, f.table, vaddr(HEAP)) & (PTE_W | PTE_NX | PTE_A),
                         cases[i].bits);
        pagetable_unmap(f.kernel, f.table, vaddr(HEAP));
        assert_false(frame->flags & FRAME_DIRTY);
        frame_give(f.kernel, frame);
    }
    fixture_destroy(&f);
}

static void tables_are_shared_and_go_when_empty(void **state)
{
    struct fixture f = fixture_create(4);
    static const uint64_t places[] = {HEAP, HEAP + PAGE_SIZE, HEAP + 512 * PAGE_SIZE,
                                      HEAP + ((uint64_t)1 << 30), HEAP + ((uint64_t)1 << 39)};
    static const unsigned ntables[] = {4, 4, 5, 7, 10};
    struct frame *frames[5];
    for (unsigned i = 0; i < 5; i++) {
        frames[i] = page(&f);
        pagetable_map(f.kernel, f.table, vaddr(places[i]), frames[i], RW);
        assert_int_equal(f.table->ntables, ntables[i]);
    }
    assert_int_equal(f.kernel->frames.ntables, 10);
    assert_true(pagetable_is_valid(f.kernel, f.table));
    for (unsigned i = 5; i-- > 0;) {
        assert_int_equal(f.table->ntables, ntables[i]);
        pagetable_unmap(f.kernel, f.table, vaddr(places[i]));
        assert_true(pagetable_is_valid(f.kernel, f.table));
        frame_give(f.kernel, frames[i]);
    }
    assert_int_equal(f.kernel->frames.ntables, 0);
    fixture_destroy(&f);
}

static void map_replaces_and_keeps_dirtiness(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *old = page(&f), *new = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), old, RW);
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    assert_int_equal(f.rig->counters.tlb_flushes, 0);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), new, PROT_MASK_R);
    assert_int_equal(f.rig->counters.tlb_flushes, 1);
    assert_int_equal(f.table->npresent, 1);
    assert_int_equal(old->nmaps, 0);
    assert_true(old->flags & FRAME_DIRTY);
    assert_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    assert_ptr_equal(rig_access(f.rig, f.space, HEAP, MMU_LOAD), rig_bytes(f.rig, new));
    assert_true(pagetable_is_valid(f.kernel, f.table));
    pagetable_unmap(f.kernel, f.table, vaddr(HEAP));
    frame_give(f.kernel, old);
    frame_give(f.kernel, new);
    fixture_destroy(&f);
}

static void the_tlb_is_told_only_of_entries_that_were_used(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *used = page(&f), *unused = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), used, RW);
    pagetable_map(f.kernel, f.table, vaddr(HEAP + PAGE_SIZE), unused, RW);
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_LOAD));
    pagetable_unmap_range(f.kernel, f.table, vaddr(0), vaddr(STACK_TOP));
    assert_int_equal(f.rig->counters.tlb_flushes, 1);
    assert_null(rig_access(f.rig, f.space, HEAP, MMU_LOAD));
    assert_false(used->flags & FRAME_DIRTY);
    frame_give(f.kernel, used);
    frame_give(f.kernel, unused);
    fixture_destroy(&f);
}

static void destroy_flushes_the_space_once(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frames[40];
    for (unsigned i = 0; i < 40; i++) {
        frames[i] = page(&f);
        pagetable_map(f.kernel, f.table, vaddr(HEAP + i * ((uint64_t)1 << 21)), frames[i], RW);
        assert_non_null(rig_access(f.rig, f.space, HEAP + i * ((uint64_t)1 << 21), MMU_STORE));
    }
    pagetable_destroy(f.kernel, f.table);
    assert_int_equal(f.rig->counters.tlb_flushes, 1);
    assert_int_equal(f.kernel->frames.ntables, 0);
    for (unsigned i = 0; i < 40; i++) {
        assert_null(rig_access(f.rig, f.space, HEAP + i * ((uint64_t)1 << 21), MMU_LOAD));
        assert_true(frames[i]->flags & FRAME_DIRTY);
        frame_give(f.kernel, frames[i]);
    }
    fixture_destroy(&f);
}

static void ranges_end_where_they_say(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frames[8];
    for (unsigned i = 0; i < 8; i++) {
        frames[i] = page(&f);
        pagetable_map(f.kernel, f.table, vaddr(STACK_TOP - i * PAGE_SIZE), frames[i], RW);
    }
    pagetable_unmap_range(f.kernel, f.table, vaddr(STACK_TOP - 4 * PAGE_SIZE),
                          vaddr(STACK_TOP - PAGE_SIZE));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(frames[i]->nmaps, i < 2 || i > 4);
    pagetable_unmap_range(f.kernel, f.table, vaddr(0), vaddr((uint64_t)1 << 47));
    for (unsigned i = 0; i < 8; i++)
        frame_give(f.kernel, frames[i]);
    fixture_destroy(&f);
}

static void restricting_takes_rights_and_grants_none(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *data = page(&f), *code = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), data, RW);
    pagetable_map(f.kernel, f.table, vaddr(HEAP + PAGE_SIZE), code, RX);
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    pagetable_restrict_range(f.kernel, f.table, vaddr(HEAP), vaddr(HEAP + 2 * PAGE_SIZE), RX);
    assert_int_equal(f.rig->counters.tlb_flushes, 1);
    assert_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    assert_null(rig_access(f.rig, f.space, HEAP, MMU_FETCH)); /* not granted */
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_LOAD));
    assert_non_null(rig_access(f.rig, f.space, HEAP + PAGE_SIZE, MMU_FETCH));
    assert_true(pagetable_frame_is_dirty(f.kernel, data)); /* D stays */
    pagetable_restrict_range(f.kernel, f.table, vaddr(HEAP), vaddr(HEAP + 2 * PAGE_SIZE),
                             PROT_MASK_R);
    assert_null(rig_access(f.rig, f.space, HEAP + PAGE_SIZE, MMU_FETCH));
    pagetable_restrict_range(f.kernel, f.table, vaddr(HEAP), vaddr(HEAP + 2 * PAGE_SIZE), 0);
    assert_int_equal(f.table->npresent, 0);
    assert_true(data->flags & FRAME_DIRTY);
    frame_give(f.kernel, data);
    frame_give(f.kernel, code);
    fixture_destroy(&f);
}

static void next_skips_what_is_absent(void **state)
{
    struct fixture f = fixture_create(4);
    static const uint64_t places[] = {0x10000, HEAP + 511 * PAGE_SIZE, HEAP + 513 * PAGE_SIZE,
                                      STACK_TOP};
    struct frame *frame = page(&f);
    for (unsigned i = 0; i < 4; i++)
        pagetable_map(f.kernel, f.table, vaddr(places[i]), frame, RW);
    vaddr_t found = vaddr(0);
    uint64_t entry;
    unsigned n = 0;
    for (; pagetable_next(f.kernel, f.table, found, vaddr((uint64_t)1 << 47), &found, &entry);
         found.v += PAGE_SIZE) {
        assert_int_equal(found.v, places[n++]);
        assert_int_equal(pte_pfn(entry), frame_pfn(&f.kernel->frames, frame));
    }
    assert_int_equal(n, 4);
    assert_false(pagetable_next(f.kernel, f.table, vaddr(places[0] + PAGE_SIZE), vaddr(places[1]),
                                &found, &entry));
    pagetable_unmap_frame(f.kernel, frame);
    assert_int_equal(f.table->ntables, 0);
    frame_give(f.kernel, frame);
    fixture_destroy(&f);
}

static void a_frame_is_unmapped_everywhere(void **state)
{
    struct fixture f = fixture_create(4);
    struct space *other = rig_space(f.rig, 9);
    struct frame *frame = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, RW);
    pagetable_map(f.kernel, f.table, vaddr(HEAP + PAGE_SIZE), frame, PROT_MASK_R);
    pagetable_map(f.kernel, &other->table, vaddr(STACK_TOP), frame, RW);
    assert_int_equal(frame->nmaps, 3);
    assert_false(pagetable_frame_is_dirty(f.kernel, frame));
    assert_non_null(rig_access(f.rig, other, STACK_TOP, MMU_STORE));
    assert_true(pagetable_frame_is_dirty(f.kernel, frame));
    pagetable_unmap_frame(f.kernel, frame);
    assert_int_equal(frame->nmaps, 0);
    assert_true(frame->flags & FRAME_DIRTY);
    assert_int_equal(f.kernel->frames.ntables, 0);
    frame_give(f.kernel, frame);
    rig_space_end(f.rig, other);
    fixture_destroy(&f);
}

static void accessed_bits_are_gathered_and_set_again(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frame = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, RW);
    pagetable_map(f.kernel, f.table, vaddr(STACK_TOP), frame, RW);
    assert_false(pagetable_test_clear_accessed(f.kernel, frame));
    for (unsigned round = 0; round < 3; round++) {
        assert_non_null(rig_access(f.rig, f.space, STACK_TOP, MMU_LOAD));
        assert_true(pagetable_test_clear_accessed(f.kernel, frame));
        assert_false(pagetable_test_clear_accessed(f.kernel, frame));
    }
    assert_int_equal(f.rig->counters.tlb_flushes, 3);
    pagetable_unmap_frame(f.kernel, frame);
    frame_give(f.kernel, frame);
    fixture_destroy(&f);
}

static void cleaning_makes_the_next_store_fault(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frame = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, RW);
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    pagetable_clean_frame(f.kernel, frame);
    assert_true(frame->flags & FRAME_DIRTY);
    frame->flags &= (uint8_t)~FRAME_DIRTY;
    assert_false(pagetable_frame_is_dirty(f.kernel, frame));
    assert_null(rig_access(f.rig, f.space, HEAP, MMU_STORE));
    assert_non_null(rig_access(f.rig, f.space, HEAP, MMU_LOAD));
    pagetable_unmap_frame(f.kernel, frame);
    assert_false(frame->flags & FRAME_DIRTY);
    frame_give(f.kernel, frame);
    fixture_destroy(&f);
}

static void tables_of_zeros_are_known_and_dropped(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frame = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), zeros(&f), PROT_MASK_R);
    pagetable_map(f.kernel, f.table, vaddr(HEAP + PAGE_SIZE), zeros(&f), PROT_MASK_R);
    struct frame *leaf =
        frame_get(&f.kernel->frames,
                  (pfn_t)(f.kernel->frames.fresh - 1)); /* tables are taken from the root down */
    assert_int_equal(f.kernel->frames.nzero_tables, 1);
    assert_int_equal(zeros(&f)->nmaps, 2);
    pagetable_map(f.kernel, f.table, vaddr(HEAP + 2 * PAGE_SIZE), frame, RW);
    assert_int_equal(f.kernel->frames.nzero_tables, 0);
    assert_false(pagetable_drop_zeros(f.kernel, leaf));
    pagetable_unmap(f.kernel, f.table, vaddr(HEAP + 2 * PAGE_SIZE));
    assert_int_equal(f.kernel->frames.nzero_tables, 1);
    assert_true(pagetable_is_valid(f.kernel, f.table));
    assert_false(pagetable_drop_zeros(f.kernel, frame));
    assert_true(pagetable_drop_zeros(f.kernel, leaf));
    assert_int_equal(f.table->ntables, 0);
    assert_int_equal(f.kernel->frames.nzero_tables, 0);
    assert_int_equal(zeros(&f)->nmaps, 0);
    frame_give(f.kernel, frame);
    fixture_destroy(&f);
}

static void damage_is_noticed(void **state)
{
    struct fixture f = fixture_create(4);
    struct frame *frame = page(&f);
    pagetable_map(f.kernel, f.table, vaddr(HEAP), frame, RW);
    struct frame *root = frame_get(&f.kernel->frames, f.table->root.table);
    uint64_t *entries = (uint64_t *)(void *)rig_bytes(f.rig, root);

    f.table->npresent++; /* G1 */
    assert_false(pagetable_is_valid(f.kernel, f.table));
    f.table->npresent--;
    root->index++; /* G2 */
    assert_false(pagetable_is_valid(f.kernel, f.table));
    root->index--;
    root->owner++; /* G2 */
    assert_false(pagetable_is_valid(f.kernel, f.table));
    root->owner--;
    frame->rmap += 1 << 1; /* G3: another space's */
    assert_false(pagetable_is_valid(f.kernel, f.table));
    frame->rmap -= 1 << 1;
    uint64_t entry = entries[HEAP >> 39];
    entries[HEAP >> 39] = 0; /* the tree below is lost */
    assert_false(pagetable_is_valid(f.kernel, f.table));
    entries[HEAP >> 39] = entry;
    assert_true(pagetable_is_valid(f.kernel, f.table));
    pagetable_unmap_frame(f.kernel, frame);
    frame_give(f.kernel, frame);
    fixture_destroy(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapped_page_is_what_the_processor_walks_to),
        cmocka_unit_test(protection_becomes_bits),
        cmocka_unit_test(tables_are_shared_and_go_when_empty),
        cmocka_unit_test(map_replaces_and_keeps_dirtiness),
        cmocka_unit_test(the_tlb_is_told_only_of_entries_that_were_used),
        cmocka_unit_test(destroy_flushes_the_space_once),
        cmocka_unit_test(ranges_end_where_they_say),
        cmocka_unit_test(restricting_takes_rights_and_grants_none),
        cmocka_unit_test(next_skips_what_is_absent),
        cmocka_unit_test(a_frame_is_unmapped_everywhere),
        cmocka_unit_test(accessed_bits_are_gathered_and_set_again),
        cmocka_unit_test(cleaning_makes_the_next_store_fault),
        cmocka_unit_test(tables_of_zeros_are_known_and_dropped),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
