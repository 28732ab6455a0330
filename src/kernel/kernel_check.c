// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kernel_is_valid(): each structure against the others. What one structure promises by itself is
 * checked by its own foo_is_valid(); here it is that they tell the same story:
 *
 *   K1  reverse maps and page-table entries are the same set of pairs
 *   K2  an ANON frame's owner is an anon that lies in that frame, an OBJECT frame's place in its
 *       object is that frame
 *   K3  no swap slot has two owners, and each that is taken has one; swap_owner() knows it if it is
 *       an anon
 *   K4  gauges are at least what is there now
 *   K5  an anon has a reference for each place that holds it (A3), and each ANON frame such an anon
 *   K6  the TLB grants nothing that the page tables do not
 *   K7  huge pages: hugetlb_is_valid()
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/hugetlb.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/pagetable.h"
#include "kernel/space.h"
#include "kernel/swap.h"
#include "machine/pte.h"

/* Each entry has its pair (pagetable_is_valid) and there are no more pairs than entries. */
static bool maps_are_valid(const struct kernel *kernel)
{
    uint64_t entries = 0, pairs = 0, ntables = 0;
    for (unsigned i = 1; i < kernel->spaces_end; i++) {
        const struct space *space = kernel->spaces[i];
        if (!space)
            continue;
        if (space->number != i || !pagetable_is_valid(kernel, &space->table))
            return false;
        entries += space->table.npresent;
        ntables += space->table.ntables;
    }
    for (uint64_t pfn = 1; pfn < kernel->frames.fresh; pfn++)
        pairs += frame_get(&kernel->frames, (pfn_t)pfn)->nmaps;
    return entries == pairs && ntables == kernel->frames.ntables;
}

static bool owner_is_valid(const struct kernel *kernel, pfn_t pfn)
{
    const struct frame *frame = frame_get(&kernel->frames, pfn);
    if (frame->kind == FRAME_ANON) {
        const struct anon *anon = (const struct anon *)(uintptr_t)frame->owner;
        return anon && anon->refs > 0 && slot_kind(anon->slot) == SLOT_FRAME &&
               slot_pfn(anon->slot) == pfn;
    }
    if (frame->kind == FRAME_OBJECT) {
        const struct object *object = (const struct object *)(uintptr_t)frame->owner;
        return object && object_resident(kernel, object, frame->index) == frame;
    }
    return true;
}

static bool owners_are_valid(const struct kernel *kernel)
{
    for (uint64_t pfn = 1; pfn < kernel->frames.fresh; pfn++) {
        if (!owner_is_valid(kernel, (pfn_t)pfn))
            return false;
    }
    return true;
}

/* Who refers to which swap slot. */
struct slot_census {
    const struct kernel *kernel;
    uint64_t *owners; /* by slot; anything that tells owners apart, 0: none yet */
    uint64_t count;
};

static bool note_slot(struct slot_census *census, swap_slot_t slot, uint64_t owner)
{
    if (!census->kernel->swap || !swapdisk_is_used(census->kernel->swap, slot))
        return false;
    if (census->owners[slot] == owner)
        return true; /* found on two ways: shared by two spaces, or mapped twice */
    if (census->owners[slot] != 0)
        return false;
    census->owners[slot] = owner;
    census->count++;
    return true;
}

static bool note_object(struct slot_census *census, const struct object *object)
{
    uint64_t value;
    for (uint64_t index = 0; radix_next(&object->pages, &index, UINT64_MAX, &value); index++) {
        slot_t slot = {value};
        if (slot_kind(slot) == SLOT_SWAP &&
            !note_slot(census, slot_swap_slot(slot), (uint64_t)(uintptr_t)object * 31 + index))
            return false;
    }
    return true;
}

static bool note_space(struct slot_census *census, const struct space *space)
{
    struct anon *anon;
    for (uint64_t vpn = 0; amap_next(&space->amap, &vpn, UINT64_MAX, &anon); vpn++) {
        if (slot_kind(anon->slot) != SLOT_SWAP)
            continue;
        swap_slot_t slot = slot_swap_slot(anon->slot);
        const struct anon *owner = swap_owner(census->kernel, slot);
        if (!note_slot(census, slot, (uint64_t)(uintptr_t)anon) ||
            (census->kernel->swap_owners && owner != anon))
            return false;
    }
    return true;
}

static bool note_all(struct slot_census *census)
{
    const struct kernel *kernel = census->kernel;
    for (unsigned i = 1; i < kernel->spaces_end; i++) {
        if (kernel->spaces[i] && !note_space(census, kernel->spaces[i]))
            return false;
    }
    for (const struct object *object = kernel->all_objects; object; object = object->next) {
        if (!note_object(census, object))
            return false;
    }
    for (uint64_t pfn = 1; pfn < kernel->frames.fresh; pfn++) {
        const struct frame *frame = frame_get(&kernel->frames, (pfn_t)pfn);
        if (frame->kind == FRAME_ANON && frame->index != SWAP_NONE &&
            !note_slot(census, (swap_slot_t)frame->index, frame->owner))
            return false;
    }
    return true;
}

static bool slots_are_valid(const struct kernel *kernel)
{
    uint64_t nslots = kernel->swap ? swapdisk_slots(kernel->swap) : 0;
    struct slot_census census = {.kernel = kernel,
                                 .owners = x_calloc(nslots + 1, sizeof(uint64_t))};
    bool valid = note_all(&census);
    free(census.owners);
    return valid && census.count == (kernel->swap ? swapdisk_used(kernel->swap) : 0);
}

/* ---- K5 ---- */

static uint64_t count_places(const struct kernel *kernel)
{
    uint64_t count = 0;
    for (unsigned i = 1; i < kernel->spaces_end; i++)
        count += kernel->spaces[i] ? kernel->spaces[i]->amap.anons.count : 0;
    return count;
}

static int compare_anons(const void *left, const void *right)
{
    const struct anon *const *a = left, *const *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* All places' anons, those of the same anon next to each other. */
static void list_places(const struct kernel *kernel, struct anon **out, uint64_t count)
{
    uint64_t n = 0;
    for (unsigned i = 1; i < kernel->spaces_end; i++) {
        uint64_t vpn = 0;
        while (kernel->spaces[i] &&
               amap_next(&kernel->spaces[i]->amap, &vpn, UINT64_MAX, &out[n])) {
            vpn++;
            n++;
        }
    }
    CHECK(n == count);
    qsort(out, n, sizeof(out[0]), compare_anons);
}

static uint64_t count_anon_frames(const struct kernel *kernel)
{
    uint64_t count = 0;
    for (uint64_t pfn = 1; pfn < kernel->frames.fresh; pfn++)
        count += frame_get(&kernel->frames, (pfn_t)pfn)->kind == FRAME_ANON;
    return count;
}

static bool anons_are_valid(const struct kernel *kernel)
{
    uint64_t count = count_places(kernel), resident = 0;
    struct anon **places = x_calloc(count + 1, sizeof(struct anon *));
    bool valid = true;
    list_places(kernel, places, count);
    for (uint64_t first = 0, next; first < count && valid; first = next) {
        for (next = first; next < count && places[next] == places[first];)
            next++;
        valid = places[first]->refs == next - first;
        resident += anon_is_resident(places[first]);
    }
    free(places);
    return valid && resident == count_anon_frames(kernel);
}

/* ---- K6 ---- */

static bool tlb_entry_is_valid(const struct kernel *kernel, const struct tlb_entry *entry)
{
    const struct space *space = kernel->spaces[entry->asid];
    uint64_t pte = space ? pagetable_entry(kernel, &space->table, entry->page) : 0;
    return pte_is_present(pte) && pte_pfn(pte) == entry->pfn && (pte & PTE_A) &&
           (!entry->writable || (pte & PTE_W)) && (!entry->dirty || (pte & PTE_D)) &&
           (!entry->executable || !(pte & PTE_NX));
}

static bool tlb_level_is_valid(const struct kernel *kernel, enum tlb_level_kind kind)
{
    size_t max = 32, n;
    struct tlb_entry *entries = NULL;
    do {
        max *= 2;
        entries = x_realloc(entries, max * sizeof(*entries));
        n = tlb_list(kernel->machine->tlb, kind, entries, max);
    } while (n == max);
    bool valid = true;
    for (size_t i = 0; i < n && valid; i++)
        valid = tlb_entry_is_valid(kernel, &entries[i]);
    free(entries);
    return valid;
}

static bool translations_are_valid(const struct kernel *kernel)
{
    return tlb_level_is_valid(kernel, TLB_L1D) && tlb_level_is_valid(kernel, TLB_L1I) &&
           tlb_level_is_valid(kernel, TLB_L2);
}

/* ---- the whole ---- */

static bool gauges_are_valid(const struct kernel *kernel)
{
    const struct system_counters *gauges = &kernel->gauges;
    return gauges->frames_total == kernel->frames.nframes + kernel->frames.nset_aside &&
           gauges->frames_peak >= frame_in_use(&kernel->frames) &&
           gauges->tables_peak >= kernel->frames.ntables &&
           gauges->pages_peak >= kernel->pages_live;
}

bool kernel_is_valid(const struct kernel *kernel)
{
    if (!frame_is_valid(kernel) || !policy_is_valid(&kernel->policy) || !hugetlb_is_valid(kernel))
        return false;
    bool (*const stories[])(const struct kernel *) = {
        maps_are_valid,   owners_are_valid, slots_are_valid,        /* K1 to K3 */
        gauges_are_valid, anons_are_valid,  translations_are_valid, /* K4 to K6 */
    };
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        if (!stories[i](kernel))
            return false;
    return true;
}
