// SPDX-License-Identifier: GPL-2.0-or-later
/* A frame's maps, wherever they are, by its reverse maps; and tables that are found by their frame.
 */
#include "base/check.h"
#include "kernel/kernel.h"
#include "kernel/pagetable_parts.h"
#include "kernel/pagetree.h"
#include "kernel/rmap.h"
#include "kernel/space.h"

static struct pagetable *table_of(const struct kernel *kernel, uint16_t space)
{
    CHECK(kernel->spaces[space]);
    return &kernel->spaces[space]->table;
}

/* The entry behind a reverse map. */
static uint64_t *entry_of(const struct kernel *kernel, struct rmap_entry map,
                          struct pagetable **table)
{
    *table = table_of(kernel, map.space);
    uint64_t *entry = pagetree_find_entry(kernel, *table, map.va);
    CHECK(entry);
    return entry;
}

void pagetable_unmap_frame(struct kernel *kernel, struct frame *frame)
{
    while (frame->nmaps > 0) {
        struct rmap_entry map = rmap_get(frame, frame->nmaps - 1); /* the cheapest to remove */
        CHECK(pagetable_unmap(kernel, table_of(kernel, map.space), map.va) == frame);
    }
}

bool pagetable_test_clear_accessed(struct kernel *kernel, struct frame *frame)
{
    bool accessed = false;
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        pagetable_hand_out_accessed(kernel, table, map.va);
        accessed |= (*entry & PTE_A) != 0;
        if (pagetree_find_large(kernel, table, map.va))
            *entry &= ~PTE_A; /* the TLB has nothing of the large page */
        else
            pagetable_change_entry(kernel, table, map.va, entry, *entry & ~PTE_A);
    }
    return accessed;
}

void pagetable_clean_frame(struct kernel *kernel, struct frame *frame)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        pagetable_split(kernel, table, map.va, false);
        if (*entry & PTE_D)
            frame->flags |= FRAME_DIRTY;
        pagetable_change_entry(kernel, table, map.va, entry, *entry & ~(PTE_D | PTE_W));
    }
}

bool pagetable_frame_is_dirty(const struct kernel *kernel, const struct frame *frame)
{
    bool dirty = frame->flags & FRAME_DIRTY;
    for (uint32_t i = 0; i < frame->nmaps && !dirty; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t pte = *entry_of(kernel, map, &table);
        dirty = (pte | pagetree_large_marks(kernel, table, map.va)) & PTE_D;
    }
    return dirty;
}

void pagetable_move_frame(struct kernel *kernel, const struct frame *frame, pfn_t to)
{
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        struct pagetable *table;
        struct rmap_entry map = rmap_get(frame, i);
        uint64_t *entry = entry_of(kernel, map, &table);
        pagetable_split(kernel, table, map.va, false);
        pagetable_change_entry(kernel, table, map.va, entry, pte_make(to, *entry & ~PTE_ADDR));
    }
}

bool pagetable_can_move_table(const struct kernel *kernel, const struct frame *table_frame)
{
    return pagetree_owner_level(table_frame) !=
           table_of(kernel, (uint16_t)table_frame->owner)->root.levels;
}

/* The entry that leads to the table of a level. => it is there, and not the root */
static uint64_t *entry_above(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                             unsigned level)
{
    pfn_t pfn = table->root.table;
    for (unsigned at = table->root.levels; at > level + 1; at--)
        pfn = pte_pfn(*pagetree_entry_at(kernel, pfn, va, at));
    return pagetree_entry_at(kernel, pfn, va, level + 1);
}

void pagetable_move_table(struct kernel *kernel, const struct frame *table_frame, pfn_t to)
{
    struct pagetable *table = table_of(kernel, (uint16_t)table_frame->owner);
    vaddr_t start = pagetree_owner_start(table_frame);
    unsigned level = pagetree_owner_level(table_frame);
    uint64_t *entry = entry_above(kernel, table, start, level);
    if (pagetree_is_large(*entry, level + 1)) {
        radix_set(&table->large, start.v >> PAGETREE_TABLE_SHIFT,
                  to); /* the processor does not know it */
        return;
    }
    pagetable_change_entry(kernel, table, start, entry, pte_make(to, *entry & ~PTE_ADDR));
}

bool pagetable_drop_zeros(struct kernel *kernel, struct frame *table_frame)
{
    if (table_frame->kind != FRAME_TABLE || !pagetree_is_table_of_zeros(table_frame))
        return false;
    struct pagetable *table = table_of(kernel, (uint16_t)table_frame->owner);
    vaddr_t start = pagetree_owner_start(table_frame);
    pagetable_unmap_range(kernel, table, start, vaddr(start.v + pte_level_len(2)));
    return true;
}
