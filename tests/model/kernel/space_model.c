// SPDX-License-Identifier: GPL-2.0-or-later
/* What the model of spaces says: which access is allowed and what it gives, which pages are alike,
 * and what the kernel's sums must be. */
#include "space_model.h"

uint64_t model_draw(struct model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % below;
}

bool model_chance(struct model *m, unsigned percent)
{
    return model_draw(m, 100) < percent;
}

vaddr_t model_at(unsigned page)
{
    return vaddr(BASE + (uint64_t)page * PAGE_SIZE);
}

uint64_t model_cell_offset(unsigned cell)
{
    return cell * 512 + 5;
}

bool model_beyond_end(const struct model *m, const struct page *p)
{
    return p->object >= 0 && (uint64_t)p->index * PAGE_SIZE >= m->len[p->object];
}

bool model_may(const struct page *p, enum mmu_access access)
{
    return access == MMU_STORE   ? p->prot & PROT_MASK_W
           : access == MMU_FETCH ? p->prot & PROT_MASK_X
                                 : p->prot != 0;
}

enum fault_result model_expect_access(const struct model *m, const struct page *p,
                                      enum mmu_access access)
{
    if (!p->mapped)
        return FAULT_SEGV_MAPERR;
    if (!model_may(p, access))
        return FAULT_SEGV_ACCERR;
    return !p->has_copy && model_beyond_end(m, p) ? FAULT_BUS_ADRERR : FAULT_DONE;
}

uint8_t *model_cell_of(struct model *m, struct page *p, unsigned cell)
{
    static uint8_t zero;
    zero = 0;
    if (p->has_copy)
        return &p->cells[cell];
    return p->object >= 0 ? &m->data[p->object][p->index][cell] : &zero;
}

void model_make_copy(struct model *m, struct page *p)
{
    uint8_t cells[CELLS];
    if (p->shared || p->has_copy)
        return;
    for (unsigned c = 0; c < CELLS; c++)
        cells[c] = *model_cell_of(m, p, c);
    memcpy(p->cells, cells, sizeof(cells));
    p->has_copy = true;
}

bool model_touch(struct model *m, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        struct page *p = &m->proc->pages[i];
        bool stores = !p->shared && (p->prot & PROT_MASK_W);
        if (model_expect_access(m, p, stores ? MMU_STORE : MMU_LOAD) != FAULT_DONE)
            return false;
        if (stores)
            model_make_copy(m, p);
    }
    return true;
}

static bool alike(const struct page *a, const struct page *b)
{
    return a->mapped && b->mapped && a->shared == b->shared && a->locked == b->locked &&
           a->on_fault == b->on_fault && a->charged == b->charged && a->noreserve == b->noreserve &&
           a->dont_fork == b->dont_fork && a->wiped == b->wiped && a->prot == b->prot &&
           a->max_prot == b->max_prot && a->object == b->object &&
           (a->object < 0 || a->index + 1 == b->index);
}

unsigned model_run_end(const struct model *m, unsigned page)
{
    while (page + 1 < ARENA && alike(&m->proc->pages[page], &m->proc->pages[page + 1]))
        page++;
    return page + 1;
}

bool model_covered(const struct model *m, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        if (!m->proc->pages[i].mapped)
            return false;
    return true;
}

unsigned model_count_locked(const struct model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ARENA; i++)
        n += m->proc->pages[i].mapped && m->proc->pages[i].locked;
    return n;
}

unsigned model_find_gap(const struct model *m, unsigned n)
{
    unsigned run = 0;
    for (unsigned i = ARENA; i-- > 0;) {
        run = m->proc->pages[i].mapped ? 0 : run + 1;
        if (run == n)
            return i;
    }
    return ARENA;
}

void model_check_sums(const struct model *m)
{
    unsigned runs = 0, npages = 0, charged = 0;
    for (unsigned i = 0; i < ARENA; i++) {
        const struct page *p = &m->proc->pages[i];
        npages += p->mapped;
        charged += p->mapped && p->charged;
        runs += p->mapped && (i == 0 || !alike(&m->proc->pages[i - 1], p));
    }
    uint64_t committed = (uint64_t)(OBJECTS - FILES) * OBJECT_PAGES;
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        committed += proc->space ? proc->space->committed : 0;
    assert_int_equal(m->rig->kernel->commit.used, committed);
    assert_int_equal(m->proc->space->npages, npages);
    assert_int_equal(m->proc->space->committed, charged);
    assert_int_equal(m->proc->space->nlocked, model_count_locked(m));
    assert_int_equal(m->proc->space->regions.count, runs);
}

void model_check_whole(const struct model *m)
{
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        assert_true(!proc->space || space_is_valid(proc->space));
    assert_true(kernel_is_valid(m->rig->kernel));
    assert_true(tlb_is_valid(m->rig->machine.tlb));
    model_check_sums(m);
}

void model_random_range(struct model *m, unsigned *first, unsigned *end)
{
    unsigned n = 1 + (unsigned)model_draw(m, model_chance(m, 10) ? ARENA : LEN_MAX);
    *first = (unsigned)model_draw(m, ARENA);
    *end = *first + n < ARENA ? *first + n : ARENA;
}
