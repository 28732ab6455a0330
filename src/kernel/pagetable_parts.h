// SPDX-License-Identifier: GPL-2.0-or-later
/* Changes to entries, for the files that make the page tables. */
#ifndef KERNEL_PAGETABLE_PARTS_H
#define KERNEL_PAGETABLE_PARTS_H

#include "kernel/pagetable.h"

/* The large page that holds va becomes small ones, of which all count as used if it was; with
 * `forget` none does, and the TLB has nothing of them. */
void pagetable_split(struct kernel *kernel, struct pagetable *table, vaddr_t va, bool forget);

/* Hands the large page's accessed bit out to the entries that stand by, if it is set. */
void pagetable_hand_out_accessed(struct kernel *kernel, const struct pagetable *table, vaddr_t va);

/* Gives a present entry another content, and tells who must know. */
void pagetable_change_entry(struct kernel *kernel, const struct pagetable *table, vaddr_t va,
                            uint64_t *entry, uint64_t pte);

#endif
