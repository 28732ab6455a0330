// SPDX-License-Identifier: GPL-2.0-or-later
/* See pagetree.h. */
#include "kernel/pagetree.h"

#include "base/check.h"

/* ---- tables and their counts ---- */

static vaddr_t covered_from(vaddr_t va, unsigned level)
{
    return vaddr(va.v & ~(pte_level_len(level + 1) - 1));
}

uint64_t pagetree_owner_make(uint16_t space, unsigned level, vaddr_t va)
{
    return covered_from(va, level).v >> PAGETREE_TABLE_SHIFT << PAGETREE_ADDR_SHIFT |
           (uint64_t)level << PAGETREE_LEVEL_SHIFT | space;
}

bool pagetree_is_table_of_zeros(const struct frame *frame)
{
    return pagetree_count_zeros(frame) > 0 &&
           pagetree_count_zeros(frame) == pagetree_count_present(frame);
}

void pagetree_count_entry(struct kernel *kernel, pfn_t table, int change, bool zero)
{
    struct frame *frame = frame_get(&kernel->frames, table);
    bool before = pagetree_is_table_of_zeros(frame);
    frame->index += (uint64_t)(int64_t)change;
    if (zero)
        frame->index += (uint64_t)((int64_t)change * (1 << PAGETREE_ZEROS_SHIFT));
    DCHECK(pagetree_count_present(frame) <= PTE_PER_TABLE &&
           pagetree_count_zeros(frame) <= pagetree_count_present(frame));
    kernel->frames.nzero_tables += (uint64_t)(pagetree_is_table_of_zeros(frame) - before);
}

void pagetree_count_leaf(struct kernel *kernel, struct pagetable *table, pfn_t leaf_table,
                         int change, const struct frame *frame)
{
    uint64_t by = (uint64_t)(int64_t)change;
    bool zero = frame->kind == FRAME_ZERO;
    table->npresent += by;
    table->nzeros += zero ? by : 0;
    table->nobjects += frame->kind == FRAME_OBJECT ? by : 0;
    pagetree_count_entry(kernel, leaf_table, change, zero);
}

static pfn_t take_table(struct kernel *kernel, struct pagetable *table, vaddr_t va, unsigned level)
{
    struct frame *frame = frame_take_zeroed(kernel, FRAME_TABLE);
    frame->owner = pagetree_owner_make(table->root.asid, level, va);
    table->ntables++;
    return frame_pfn(&kernel->frames, frame);
}

void pagetree_give_table(struct kernel *kernel, struct pagetable *table, pfn_t pfn)
{
    frame_give(kernel, frame_get(&kernel->frames, pfn));
    table->ntables--;
}

/* ---- large pages ---- */

/* ---- ways down ---- */

bool pagetree_descend_to(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                         unsigned last, struct pagetree_path *path)
{
    pfn_t pfn = table->root.table;
    for (unsigned level = table->root.levels; pfn != PFN_NONE; level--) {
        path->table[level] = pfn;
        if (level == last)
            return true;
        uint64_t pte = *pagetree_entry_at(kernel, pfn, va, level);
        bool is_way = pte_is_present(pte) && pagetree_leads_down(pte, level);
        pfn = is_way ? pagetree_table_below(table, pte, va, level) : PFN_NONE;
    }
    return false;
}

bool pagetree_descend(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                      struct pagetree_path *path)
{
    return pagetree_descend_to(kernel, table, va, PTE_LEVEL_4K, path);
}

pfn_t pagetree_descend_make(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                            unsigned last)
{
    unsigned level = table->root.levels;
    if (table->root.table == PFN_NONE)
        table->root.table = take_table(kernel, table, va, level);
    pfn_t pfn = table->root.table;
    for (; level > last; level--) {
        uint64_t *entry = pagetree_entry_at(kernel, pfn, va, level);
        if (!pte_is_present(*entry)) {
            *entry = pte_make(take_table(kernel, table, va, level - 1), PTE_P | PTE_W | PTE_U);
            pagetree_count_entry(kernel, pfn, 1, false);
        }
        pfn = pte_pfn(*entry);
    }
    return pfn;
}

/* Moves *va past entries of this table that are absent, the one it is at included. */
static void skip_absent(const struct kernel *kernel, pfn_t table, unsigned level, uint64_t end,
                        uint64_t *va)
{
    uint64_t len = pte_level_len(level);
    do {
        *va = (*va & ~(len - 1)) + len;
    } while (*va < end && pte_index(vaddr(*va), level) != 0 &&
             !pte_is_present(*pagetree_entry_at(kernel, table, vaddr(*va), level)));
}

uint64_t *pagetree_next_leaf(const struct kernel *kernel, const struct pagetable *table,
                             uint64_t *va, uint64_t end, pfn_t *leaf_table)
{
    while (table->root.table != PFN_NONE && *va < end) {
        pfn_t pfn = table->root.table;
        unsigned level = table->root.levels;
        uint64_t *entry = pagetree_entry_at(kernel, pfn, vaddr(*va), level);
        while (pte_is_present(*entry) && pagetree_leads_down(*entry, level)) {
            pfn = pagetree_table_below(table, *entry, vaddr(*va), level);
            entry = pagetree_entry_at(kernel, pfn, vaddr(*va), --level);
        }
        if (pte_is_present(*entry)) {
            *leaf_table = pfn;
            return entry;
        }
        skip_absent(kernel, pfn, level, end, va);
    }
    return NULL;
}

uint64_t *pagetree_find_huge(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                             unsigned *level)
{
    struct pagetree_path path;
    for (*level = PTE_LEVEL_1G; table->nhuge && *level >= PTE_LEVEL_2M; --*level) {
        if (!pagetree_descend_to(kernel, table, va, *level, &path))
            return NULL;
        uint64_t *entry = pagetree_entry_at(kernel, path.table[*level], va, *level);
        if (pte_is_present(*entry) && *entry & PTE_HUGE)
            return entry;
    }
    return NULL;
}

uint64_t pagetree_part_of_huge(uint64_t pte, unsigned level, vaddr_t va)
{
    return pte + (va.v & (pte_level_len(level) - 1) & ~PAGE_MASK);
}

uint64_t *pagetree_find_large(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va)
{
    struct pagetree_path path;
    if (!pagetable_is_large(table, va))
        return NULL;
    CHECK(pagetree_descend(kernel, table, va, &path));
    return pagetree_entry_at(kernel, path.table[PTE_LEVEL_2M], va, PTE_LEVEL_2M);
}

uint64_t pagetree_large_marks(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va)
{
    const uint64_t *entry = pagetree_find_large(kernel, table, va);
    return entry ? *entry & (PTE_A | PTE_D | PTE_PS) : 0;
}

uint64_t *pagetree_find_entry(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va)
{
    struct pagetree_path path;
    if (!pagetree_descend(kernel, table, va, &path))
        return NULL;
    uint64_t *entry = pagetree_entry_at(kernel, path.table[1], va, 1);
    return pte_is_present(*entry) ? entry : NULL;
}
