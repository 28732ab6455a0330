// SPDX-License-Identifier: GPL-2.0-or-later
/* Page tables built by hand in the lowest frames of a RAM, for the tests of walker and TLB. */
#ifndef TESTS_MACHINE_TABLES_H
#define TESTS_MACHINE_TABLES_H

#include "base/check.h"
#include "machine/pte.h"
#include "machine/ram.h"

#include "machine/mmu.h"

struct tables {
    struct ram *ram;
    pfn_t next; /* next frame to become a table */
};

static inline uint64_t *tables_entry_in(struct ram *ram, pfn_t table, vaddr_t va, unsigned level)
{
    return (uint64_t *)(void *)ram_frame(ram, table) + pte_index(va, level);
}

static inline struct mmu_root tables_root(struct tables *tables, unsigned levels, uint16_t asid)
{
    return (struct mmu_root){.table = tables->next++, .levels = (uint8_t)levels, .asid = asid};
}

/* The entry for va at `level`; tables above it are made with all permissions if missing. */
static inline uint64_t *tables_entry(struct tables *tables, struct mmu_root root, vaddr_t va,
                                     unsigned level)
{
    pfn_t table = root.table;
    for (unsigned at = root.levels; at > level; at--) {
        uint64_t *entry = tables_entry_in(tables->ram, table, va, at);
        if (!*entry) {
            CHECK(tables->next < tables->ram->nframes);
            *entry = pte_make(tables->next++, PTE_P | PTE_W | PTE_U);
        }
        table = pte_pfn(*entry);
    }
    return tables_entry_in(tables->ram, table, va, level);
}

#endif
