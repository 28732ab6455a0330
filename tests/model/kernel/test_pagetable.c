// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables against a naive model: a table of what is mapped where, with its rights, accessed and
 * dirty bits. Random operations on three spaces; accesses go through a TLB of two entries, so a
 * missing invalidation shows as an access that should have faulted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../unit/kernel/rig.h"
#include "kernel/rmap.h"
#include "machine/pte.h"

enum { SPACES = 3, PAGES = 48, FRAMES = 20, ZERO = FRAMES, STEPS = 60000 };

struct cell {
    int frame; /* index, ZERO, or -1: not mapped */
    unsigned prot;
    bool accessed, dirty;
};

struct model {
    struct rig *rig;
    struct kernel *kernel;
    struct space *spaces[SPACES];
    struct frame *frames[FRAMES + 1];
    bool frame_dirty[FRAMES + 1];
    struct cell cells[SPACES][PAGES];
};

/* Neighbours, the ends of tables, and places far from each other, in ascending order. */
static uint64_t address(unsigned page)
{
    static const uint64_t bases[] = {0x10000,      0x3ff000 - 0x3000, 0x40000000,
                                     0x7fc0000000, 0x555555554000,    0x7fffffff0000};
    return bases[page / 8] + (page % 8) * (uint64_t)PAGE_SIZE;
}

static unsigned pick(unsigned n)
{
    return (unsigned)rand() % n;
}

static void model_create(struct model *m, unsigned levels)
{
    *m = (struct model){.rig = rig_create((struct rig_options){.nframes = 1024, .levels = levels})};
    m->kernel = m->rig->kernel;
    m->kernel->frames.reserved = FRAMES;
    for (unsigned s = 0; s < SPACES; s++) {
        m->spaces[s] = rig_space(m->rig, (uint16_t)(s * 5 + 1));
        for (unsigned p = 0; p < PAGES; p++)
            m->cells[s][p].frame = -1;
    }
    for (unsigned i = 0; i < FRAMES; i++)
        m->frames[i] = frame_take(m->kernel, FRAME_OBJECT);
    m->frames[ZERO] = frame_get(&m->kernel->frames, m->kernel->zero_pfn);
}

/* ---- operations on both ---- */

static void cell_drop(struct model *m, struct cell *cell)
{
    if (cell->frame >= 0)
        m->frame_dirty[cell->frame] |= cell->dirty;
    *cell = (struct cell){.frame = -1};
}

static void op_map(struct model *m, unsigned s, unsigned p)
{
    struct cell *cell = &m->cells[s][p];
    unsigned frame = pick(4) == 0 ? ZERO : pick(FRAMES), prot = 1 + pick(7);
    if (frame == ZERO)
        prot = PROT_MASK_R;
    cell_drop(m, cell);
    *cell = (struct cell){.frame = (int)frame, .prot = prot};
    m->kernel->frames.reserved = PAGETABLE_FRAMES_MAX;
    pagetable_map(m->kernel, &m->spaces[s]->table, vaddr(address(p)), m->frames[frame], prot);
}

static void op_unmap(struct model *m, unsigned s, unsigned p)
{
    struct cell *cell = &m->cells[s][p];
    struct frame *frame = pagetable_unmap(m->kernel, &m->spaces[s]->table, vaddr(address(p)));
    assert_ptr_equal(frame, cell->frame < 0 ? NULL : m->frames[cell->frame]);
    cell_drop(m, cell);
}

static void op_unmap_range(struct model *m, unsigned s, unsigned first, unsigned last)
{
    pagetable_unmap_range(m->kernel, &m->spaces[s]->table, vaddr(address(first)),
                          vaddr(address(last) + PAGE_SIZE));
    for (unsigned p = first; p <= last; p++)
        cell_drop(m, &m->cells[s][p]);
}

static void op_restrict(struct model *m, unsigned s, unsigned first, unsigned last)
{
    unsigned prot = pick(8);
    pagetable_restrict_range(m->kernel, &m->spaces[s]->table, vaddr(address(first)),
                             vaddr(address(last) + PAGE_SIZE), prot);
    for (unsigned p = first; p <= last; p++) {
        struct cell *cell = &m->cells[s][p];
        if (cell->frame >= 0 && prot != 0)
            cell->prot &= prot | PROT_MASK_R;
        else
            cell_drop(m, cell);
        if (cell->frame >= 0)
            cell->prot |= PROT_MASK_R; /* an entry that is present can be loaded from */
    }
}

static void op_unmap_frame(struct model *m, unsigned frame)
{
    pagetable_unmap_frame(m->kernel, m->frames[frame]);
    for (unsigned i = 0; i < SPACES * PAGES; i++)
        if (m->cells[i / PAGES][i % PAGES].frame == (int)frame)
            cell_drop(m, &m->cells[i / PAGES][i % PAGES]);
}

static void op_test_clear(struct model *m, unsigned frame)
{
    bool accessed = false;
    for (unsigned i = 0; i < SPACES * PAGES; i++) {
        struct cell *cell = &m->cells[i / PAGES][i % PAGES];
        if (cell->frame == (int)frame) {
            accessed |= cell->accessed;
            cell->accessed = false;
        }
    }
    assert_int_equal(pagetable_test_clear_accessed(m->kernel, m->frames[frame]), accessed);
}

static void op_clean(struct model *m, unsigned frame)
{
    bool dirty = m->frame_dirty[frame];
    for (unsigned i = 0; i < SPACES * PAGES; i++) {
        struct cell *cell = &m->cells[i / PAGES][i % PAGES];
        if (cell->frame == (int)frame) {
            dirty |= cell->dirty;
            cell->dirty = false;
            cell->prot = (cell->prot & ~(unsigned)PROT_MASK_W) | PROT_MASK_R;
        }
    }
    assert_int_equal(pagetable_frame_is_dirty(m->kernel, m->frames[frame]), dirty);
    pagetable_clean_frame(m->kernel, m->frames[frame]);
    assert_int_equal((m->frames[frame]->flags & FRAME_DIRTY) != 0, dirty);
    m->frames[frame]->flags &= (uint8_t)~FRAME_DIRTY; /* as if written */
    m->frame_dirty[frame] = false;
}

static void op_drop_zeros(struct model *m)
{
    for (uint64_t pfn = 1; pfn < m->kernel->frames.fresh; pfn++)
        pagetable_drop_zeros(m->kernel, frame_get(&m->kernel->frames, (pfn_t)pfn));
    assert_int_equal(m->kernel->frames.nzero_tables, 0);
    for (unsigned i = 0; i < SPACES * PAGES; i++) {
        unsigned s = i / PAGES, p = i % PAGES;
        struct cell *cell = &m->cells[s][p];
        bool only_zeros = cell->frame == ZERO;
        for (unsigned q = 0; q < PAGES; q++)
            if (address(q) >> 21 == address(p) >> 21 && m->cells[s][q].frame >= 0)
                only_zeros &= m->cells[s][q].frame == ZERO;
        if (only_zeros)
            assert_int_equal(pagetable_entry(m->kernel, &m->spaces[s]->table, vaddr(address(p))),
                             0);
    }
    /* Afterwards, so that a dropped cell does not change what its neighbours' table held. */
    for (unsigned i = 0; i < SPACES * PAGES; i++) {
        struct cell *cell = &m->cells[i / PAGES][i % PAGES];
        if (cell->frame == ZERO && pagetable_entry(m->kernel, &m->spaces[i / PAGES]->table,
                                                   vaddr(address(i % PAGES))) == 0)
            cell_drop(m, cell);
    }
}

static void op_access(struct model *m, unsigned s, unsigned p)
{
    struct cell *cell = &m->cells[s][p];
    enum mmu_access access = pick(3);
    bool allowed = cell->frame >= 0 && (access != MMU_STORE || (cell->prot & PROT_MASK_W)) &&
                   (access != MMU_FETCH || (cell->prot & PROT_MASK_X));
    uint8_t *byte = rig_access(m->rig, m->spaces[s], address(p) + 7, access);
    assert_ptr_equal(byte, allowed ? rig_bytes(m->rig, m->frames[cell->frame]) + 7 : NULL);
    if (allowed) {
        cell->accessed = true;
        cell->dirty |= access == MMU_STORE;
    }
}

static void op_destroy(struct model *m, unsigned s)
{
    pagetable_destroy(m->kernel, &m->spaces[s]->table);
    for (unsigned p = 0; p < PAGES; p++)
        cell_drop(m, &m->cells[s][p]);
}

/* ---- comparison ---- */

static uint64_t expected_entry(const struct model *m, const struct cell *cell)
{
    if (cell->frame < 0)
        return 0;
    return pte_make(frame_pfn(&m->kernel->frames, m->frames[cell->frame]),
                    PTE_P | PTE_U | (cell->prot & PROT_MASK_W ? PTE_W : 0) |
                        (cell->prot & PROT_MASK_X ? 0 : PTE_NX) | (cell->accessed ? PTE_A : 0) |
                        (cell->dirty ? PTE_D : 0));
}

static void compare_space(const struct model *m, unsigned s)
{
    const struct pagetable *table = &m->spaces[s]->table;
    vaddr_t at = vaddr(0);
    uint64_t entry, present = 0;
    for (unsigned p = 0; p < PAGES; p++) {
        const struct cell *cell = &m->cells[s][p];
        assert_int_equal(pagetable_entry(m->kernel, table, vaddr(address(p))),
                         expected_entry(m, cell));
        if (cell->frame < 0)
            continue;
        present++;
        assert_true(pagetable_next(m->kernel, table, at, vaddr(SPACE_END), &at, &entry));
        assert_int_equal(at.v, address(p));
        assert_int_equal(entry, expected_entry(m, cell));
        at.v += PAGE_SIZE;
    }
    assert_false(pagetable_next(m->kernel, table, at, vaddr(SPACE_END), &at, &entry));
    assert_int_equal(table->npresent, present);
    assert_true(pagetable_is_valid(m->kernel, table));
}

static void compare(const struct model *m)
{
    unsigned nmaps[FRAMES + 1] = {0};
    for (unsigned s = 0; s < SPACES; s++) {
        compare_space(m, s);
        for (unsigned p = 0; p < PAGES; p++)
            if (m->cells[s][p].frame >= 0)
                nmaps[m->cells[s][p].frame]++;
    }
    for (unsigned i = 0; i <= FRAMES; i++) {
        assert_int_equal(m->frames[i]->nmaps, nmaps[i]);
        assert_int_equal((m->frames[i]->flags & FRAME_DIRTY) != 0, m->frame_dirty[i]);
    }
    assert_true(tlb_is_valid(m->rig->machine.tlb));
}

static void step(struct model *m)
{
    unsigned s = pick(SPACES), a = pick(PAGES), b = pick(PAGES), op = pick(1000);
    unsigned first = a < b ? a : b, last = a < b ? b : a;
    if (op < 400)
        op_access(m, s, a);
    else if (op < 800)
        op_map(m, s, a);
    else if (op < 880)
        op_unmap(m, s, a);
    else if (op < 890)
        op_unmap_range(m, s, first, last);
    else if (op < 910)
        op_restrict(m, s, first, last);
    else if (op < 930)
        op_unmap_frame(m, pick(FRAMES));
    else if (op < 965)
        op_test_clear(m, pick(FRAMES));
    else if (op < 985)
        op_clean(m, pick(FRAMES));
    else if (op < 995)
        op_drop_zeros(m);
    else
        op_destroy(m, s);
}

static void run(unsigned levels, unsigned seed)
{
    struct model m;
    srand(seed);
    model_create(&m, levels);
    for (unsigned i = 0; i < STEPS; i++) {
        step(&m);
        if (i % 8 == 0)
            compare(&m);
    }
    for (unsigned s = 0; s < SPACES; s++) {
        op_destroy(&m, s);
        rig_space_end(m.rig, m.spaces[s]);
    }
    assert_int_equal(m.kernel->frames.ntables, 0);
    for (unsigned i = 0; i < FRAMES; i++)
        frame_give(m.kernel, m.frames[i]);
    rig_destroy(m.rig);
}

static void four_levels(void **state)
{
    run(4, 1);
}

static void five_levels(void **state)
{
    run(5, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_levels),
        cmocka_unit_test(five_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
