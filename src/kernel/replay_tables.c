// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Page tables of a replay. They cost no RAM of the trace's, and are made and given back when those
 * of a run are, so that walks find the same; but for the top table, which stays.
 */
#include "base/check.h"
#include "kernel/replay_parts.h"

static uint64_t *entries_of(const struct replay *replay, pfn_t table)
{
    return (uint64_t *)(void *)ram_frame(replay->ram, table);
}

static pfn_t take_table(struct replay *replay)
{
    pfn_t pfn = replay->free_table;
    if (pfn == PFN_NONE && replay->fresh_table == replay->first_large)
        return PFN_NONE;
    if (++replay->ntables > replay->most_tables)
        replay->most_tables = replay->ntables;
    if (pfn == PFN_NONE)
        return replay->fresh_table++;
    uint64_t *next = entries_of(replay, pfn);
    replay->free_table = (pfn_t)*next;
    *next = 0;
    return pfn;
}

static void give_table(struct replay *replay, pfn_t table)
{
    *entries_of(replay, table) = replay->free_table;
    replay->free_table = table;
    replay->ntables--;
}

static uint16_t *count_of(const struct replay *replay, const uint64_t *entry)
{
    uint64_t pfn = (uint64_t)((const uint8_t *)entry - replay->ram->bytes) >> PAGE_SHIFT;
    return &replay->entries[pfn - replay->first_table];
}

void replay_entry_set(struct replay *replay, uint64_t *entry, uint64_t pte)
{
    *count_of(replay, entry) += !pte_is_present(*entry);
    *entry = pte;
}

pfn_t replay_root(struct replay *replay, uint16_t space)
{
    if (replay->roots[space] == PFN_NONE)
        replay->roots[space] = take_table(replay);
    return replay->roots[space];
}

uint64_t *replay_entry_make(struct replay *replay, uint16_t space, vaddr_t va, unsigned level)
{
    pfn_t table = replay_root(replay, space);
    for (unsigned at = PTE_LEVELS_4; table != PFN_NONE; at--) {
        uint64_t *entry = entries_of(replay, table) + pte_index(va, at);
        if (at == level)
            return entry;
        if (!pte_is_present(*entry)) {
            table = take_table(replay);
            if (table == PFN_NONE)
                return NULL;
            replay_entry_set(replay, entry, pte_make(table, PTE_P | PTE_W | PTE_U));
        }
        table = pte_pfn(*entry);
    }
    return NULL;
}

void replay_entry_clear(struct replay *replay, uint16_t space, vaddr_t va, uint64_t *entry)
{
    uint64_t *path[PTE_LEVELS_4 + 1] = {0};
    unsigned level = PTE_LEVELS_4;
    *entry = 0;
    if (--*count_of(replay, entry) > 0)
        return;
    for (pfn_t table = replay->roots[space]; level > 0; level--) {
        path[level] = entries_of(replay, table) + pte_index(va, level);
        if (path[level] == entry)
            break;
        table = pte_pfn(*path[level]);
    }
    CHECK(level > 0);
    for (; level < PTE_LEVELS_4 && *count_of(replay, path[level]) == 0; level++) {
        give_table(replay, pte_pfn(*path[level + 1]));
        *path[level + 1] = 0;
        --*count_of(replay, path[level + 1]);
    }
}
