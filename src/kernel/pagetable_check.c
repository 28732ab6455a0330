// SPDX-License-Identifier: GPL-2.0-or-later
/* pagetable_is_valid(): the whole tree is walked and counted. */
#include "kernel/kernel.h"
#include "kernel/pagetree.h"
#include "kernel/rmap.h"

struct census {
    const struct kernel *kernel;
    const struct pagetable *table;
    uint64_t npresent, nzeros, nobjects, nhuge, ntables;
};

static bool has_rmap(const struct frame *frame, uint16_t space, vaddr_t va)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct rmap_entry map = rmap_get(frame, i);
        if (map.space == space && map.va.v == va.v)
            return true;
    }
    return false;
}

static bool leaf_is_valid(struct census *census, vaddr_t va, uint64_t pte)
{
    const struct frame *frame = frame_get(&census->kernel->frames, pte_pfn(pte));
    census->npresent++;
    census->nzeros += frame->kind == FRAME_ZERO;
    census->nobjects += frame->kind == FRAME_OBJECT;
    if (!(pte & PTE_U) || pte_pfn(pte) >= census->kernel->frames.fresh)
        return false;
    if (frame->kind == FRAME_ZERO)
        return !(pte & PTE_W) && frame->nmaps > 0;
    return (frame->kind == FRAME_ANON || frame->kind == FRAME_OBJECT) &&
           has_rmap(frame, census->table->root.asid, va);
}

/* G4, but for what it shares with all tables. */
static bool large_is_valid(const struct census *census, uint64_t pte, pfn_t leaf_table)
{
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        uint64_t small =
            *pagetree_entry_at(census->kernel, leaf_table, vaddr((uint64_t)i << PAGE_SHIFT), 1);
        if (small >> PAGE_SHIFT != (pte >> PAGE_SHIFT) + i || ((small ^ pte) & (PTE_P | PTE_W)) ||
            frame_get(&census->kernel->frames, pte_pfn(small))->kind != FRAME_ANON)
            return false;
    }
    return true;
}

/* G5 */
static bool huge_is_valid(struct census *census, uint64_t pte, unsigned level)
{
    const struct hugetlb_page *page = hugetlb_page(census->kernel, pte_pfn(pte));
    census->nhuge += pte_level_len(level) >> PAGE_SHIFT;
    return (pte & PTE_U) && (pte & PTE_PS) && level > 1 && page->refs > 0 && page->maps > 0;
}

static bool subtree_is_valid(struct census *census, pfn_t pfn, vaddr_t va, unsigned level)
{
    const struct kernel *kernel = census->kernel;
    const struct frame *frame = frame_get(&kernel->frames, pfn);
    unsigned present = 0, zeros = 0;
    census->ntables++;
    if (frame->kind != FRAME_TABLE || pagetree_owner_level(frame) != level ||
        frame->owner != pagetree_owner_make(census->table->root.asid, level, va))
        return false; /* G2 */
    for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
        vaddr_t at = vaddr(va.v + i * pte_level_len(level));
        uint64_t pte = *pagetree_entry_at(kernel, pfn, at, level);
        if (!pte_is_present(pte))
            continue;
        present++;
        if (pte & PTE_HUGE) {
            if (!huge_is_valid(census, pte, level))
                return false;
            continue;
        }
        zeros += level == 1 && pte_pfn(pte) == kernel->zero_pfn;
        pfn_t below = level == 1 ? PFN_NONE : pagetree_table_below(census->table, pte, at, level);
        if (pagetree_is_large(pte, level) && !large_is_valid(census, pte, below))
            return false;
        if (level == 1 ? !leaf_is_valid(census, at, pte)
                       : !subtree_is_valid(census, below, at, level - 1))
            return false;
    }
    return present > 0 && present == pagetree_count_present(frame) &&
           zeros == pagetree_count_zeros(frame);
}

bool pagetable_is_valid(const struct kernel *kernel, const struct pagetable *table)
{
    struct census census = {.kernel = kernel, .table = table};
    if (table->root.table != PFN_NONE &&
        !subtree_is_valid(&census, table->root.table, vaddr(0), table->root.levels))
        return false;
    return census.npresent == table->npresent && census.nzeros == table->nzeros &&
           census.nobjects == table->nobjects && census.nhuge == table->nhuge &&
           census.ntables == table->ntables;
}
