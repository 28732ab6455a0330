// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree of tables itself: which entry is where, and how many there are; pagetable.c changes what
 * they say. All work on the way down is done by two functions: pagetree_descend_to() finds the
 * tables on the way to an address, pagetree_next_leaf() the next entry that is there.
 *
 * A table's frame says where it belongs, so that it can be found without its tree:
 *   owner   address >> 21 : 45 | level : 3 | space : 16
 *   index   entries that map the frame of zeros : 16 | entries present : 16
 */
#ifndef KERNEL_PAGETREE_H
#define KERNEL_PAGETREE_H

#include "kernel/kernel.h"
#include "kernel/pagetable.h"

enum {
    PAGETREE_TABLE_SHIFT = 21, /* a table of the last level covers 2 MiB */
    PAGETREE_LEVEL_SHIFT = 16, /* in a table's owner */
    PAGETREE_ADDR_SHIFT = 19,
    PAGETREE_ZEROS_SHIFT = 16, /* in its index */
};

/* The tables on the way to an address, by level. */
struct pagetree_path {
    pfn_t table[PTE_LEVELS_5 + 1];
};

/* The entry for va in a table of that level. */
static inline uint64_t *pagetree_entry_at(const struct kernel *kernel, pfn_t table, vaddr_t va,
                                          unsigned level)
{
    return (uint64_t *)(void *)ram_frame(kernel->machine->ram, table) + pte_index(va, level);
}

/* ---- what a table's frame says ---- */

static inline unsigned pagetree_owner_level(const struct frame *frame)
{
    return frame->owner >> PAGETREE_LEVEL_SHIFT & 7;
}

/* The first address below the table. */
static inline vaddr_t pagetree_owner_start(const struct frame *frame)
{
    return vaddr(frame->owner >> PAGETREE_ADDR_SHIFT << PAGETREE_TABLE_SHIFT);
}

static inline unsigned pagetree_count_present(const struct frame *frame)
{
    return frame->index & 0xffff;
}

static inline unsigned pagetree_count_zeros(const struct frame *frame)
{
    return (unsigned)(frame->index >> PAGETREE_ZEROS_SHIFT);
}

/* Of the table of a level on the way to va. */
uint64_t pagetree_owner_make(uint16_t space, unsigned level, vaddr_t va);
/* Has it entries, all of which map the frame of zeros? */
bool pagetree_is_table_of_zeros(const struct frame *frame);

/* ---- entries ---- */

static inline bool pagetree_is_large(uint64_t pte, unsigned level)
{
    return level == PTE_LEVEL_2M && (pte & (PTE_PS | PTE_HUGE)) == PTE_PS;
}

/* Is there a table below a present entry? */
static inline bool pagetree_leads_down(uint64_t pte, unsigned level)
{
    return level > 1 && !(pte & PTE_HUGE);
}

/* The table below a present entry: of a large page the one that stands by. */
static inline pfn_t pagetree_table_below(const struct pagetable *table, uint64_t pte, vaddr_t va,
                                         unsigned level)
{
    return pagetree_is_large(pte, level)
               ? (pfn_t)radix_get(&table->large, va.v >> PAGETREE_TABLE_SHIFT)
               : pte_pfn(pte);
}

/* ---- counts ---- */

/* One entry of the table came (+1) or went (-1). */
void pagetree_count_entry(struct kernel *kernel, pfn_t table, int change, bool zero);

/* One leaf entry for the frame came (+1) or went (-1). */
void pagetree_count_leaf(struct kernel *kernel, struct pagetable *table, pfn_t leaf_table,
                         int change, const struct frame *frame);

/* => it is empty, and no entry leads to it */
void pagetree_give_table(struct kernel *kernel, struct pagetable *table, pfn_t pfn);

/* ---- ways down ---- */

/* Down to the table of a level. Result: false if it is absent. */
bool pagetree_descend_to(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                         unsigned last, struct pagetree_path *path);

/* To that of the last level. */
bool pagetree_descend(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                      struct pagetree_path *path);

/* As pagetree_descend_to(), making what is absent. Result: the table of the level. => no large or
 * huge page is there */
pfn_t pagetree_descend_make(struct kernel *kernel, struct pagetable *table, vaddr_t va,
                            unsigned last);

/* The first present leaf entry at or after *va and before end, *va then an address that it maps; or
 * NULL. That of a huge page has PTE_HUGE. */
uint64_t *pagetree_next_leaf(const struct kernel *kernel, const struct pagetable *table,
                             uint64_t *va, uint64_t end, pfn_t *leaf_table);

/* The entry of the huge page that holds va, and its level; NULL: there is none. */
uint64_t *pagetree_find_huge(const struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                             unsigned *level);

/* A huge page's entry as that of its frame at va. */
uint64_t pagetree_part_of_huge(uint64_t pte, unsigned level, vaddr_t va);

/* The entry of the large page that holds va; NULL: there is none. */
uint64_t *pagetree_find_large(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va);

/* What the processor has noted of the large page that holds va, if there is one. */
uint64_t pagetree_large_marks(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va);

/* The entry of a page of 4 KiB, in the table that stands by if it is part of a large one; NULL: it
 * is absent. */
uint64_t *pagetree_find_entry(const struct kernel *kernel, const struct pagetable *table,
                              vaddr_t va);

#endif
