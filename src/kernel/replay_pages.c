// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of a replay: which exist, under which names, and which of them have a frame. A page
 * that comes back is there again under all its names, for whoever shares it.
 */
#include "base/check.h"
#include "kernel/replay_parts.h"

vaddr_t replay_name_va(const struct replay *replay, uint64_t name)
{
    const unsigned sign = 64 - REPLAY_NAME_BITS;
    uint64_t page = (uint64_t)((int64_t)(name << sign) >> sign);
    return vaddr(page << replay_page_shift(replay));
}

uint16_t replay_name_space(uint64_t name)
{
    return (uint16_t)(name >> REPLAY_NAME_BITS);
}

void replay_tlb_forget(struct replay *replay, uint16_t space, vaddr_t va)
{
    struct counters before = replay->counters;
    tlb_flush_page(replay->tlb, space, va);
    replay->counters.tlb_flushes = before.tlb_flushes;
    replay->counters.tlb_flushes_page = before.tlb_flushes_page;
}

/* ---- entries ---- */

/* Where the page of a frame lies in simulated RAM. */
static pfn_t place_of(const struct replay *replay, pfn_t frame)
{
    return frame << replay->unit_shift;
}

static uint64_t *make_entry(struct replay *replay, const struct alias_name *name)
{
    return replay_entry_make(replay, replay_name_space(name->name),
                             replay_name_va(replay, name->name), replay->unit_level);
}

/* Maps the frame under the name. Result: false: no room for tables. */
static bool map(struct replay *replay, uint32_t number, pfn_t frame)
{
    struct alias_name *name = alias_name(&replay->pages, number);
    uint64_t *entry = make_entry(replay, name);
    if (!entry)
        return false;
    uint64_t flags = PTE_P | PTE_U | (name->flags & REPLAY_READ_ONLY ? 0 : PTE_W) |
                     (replay->unit_shift ? PTE_PS : 0);
    replay_entry_set(replay, entry, pte_make(place_of(replay, frame), flags));
    name->own = entry;
    name->flags |= REPLAY_MAPPED;
    return true;
}

static void unmap(struct replay *replay, struct alias_name *name)
{
    uint64_t *entry = name->own;
    if (entry)
        replay_entry_clear(replay, replay_name_space(name->name),
                           replay_name_va(replay, name->name), entry);
    name->own = NULL;
}

void replay_set_read_only(struct replay *replay, uint32_t number, bool is_read_only)
{
    struct alias_name *name = alias_name(&replay->pages, number);
    uint64_t *entry = name->own;
    name->flags &= ~(unsigned)REPLAY_READ_ONLY;
    name->flags |= is_read_only ? REPLAY_READ_ONLY : 0;
    if (entry)
        *entry = (*entry & ~PTE_W) | (is_read_only ? 0 : PTE_W);
}

/* ---- frames ---- */

/* Takes the page's entries out of its frame. Result: was one of them stored through? */
static bool unmap_all(struct replay *replay, uint32_t thing, bool is_counted)
{
    struct alias *pages = &replay->pages;
    bool dirty = false;
    for (uint32_t at = pages->things[thing].names; at; at = pages->names[at].next) {
        struct alias_name *name = &pages->names[at];
        const uint64_t *entry = name->own;
        if (!entry)
            continue;
        dirty |= (*entry & PTE_D) != 0;
        unmap(replay, name);
        uint16_t space = replay_name_space(name->name);
        if (is_counted)
            tlb_flush_page(replay->tlb, space, replay_name_va(replay, name->name));
        else
            replay_tlb_forget(replay, space, replay_name_va(replay, name->name));
    }
    return dirty;
}

static void leave_code(struct replay *replay, pfn_t frame)
{
    if (frame == replay->code_frame)
        replay->code_page = REPLAY_NO_PAGE;
}

/* Result: the frame that is free now. */
static pfn_t evict(struct replay *replay)
{
    pfn_t frame = policy_victim(&replay->policy);
    uint32_t thing = replay->tenants[frame].thing;
    policy_remove(&replay->policy, frame, POLICY_EVICTED);
    replay->counters.pages_out += unmap_all(replay, thing, true);
    replay->counters.reclaims++;
    replay->pages.things[thing].own = PFN_NONE;
    leave_code(replay, frame);
    return frame;
}

/* A frame that holds nothing, or no longer. */
static pfn_t take_frame(struct replay *replay)
{
    pfn_t frame = replay->free_head;
    if (replay->nresident == replay->nframes)
        return evict(replay);
    if (++replay->nresident > replay->most_resident)
        replay->most_resident = replay->nresident;
    if (frame == PFN_NONE)
        return replay->fresh++;
    replay->free_head = replay->tenants[frame].next_free;
    return frame;
}

static void give_frame(struct replay *replay, pfn_t frame)
{
    policy_remove(&replay->policy, frame, POLICY_GONE);
    leave_code(replay, frame);
    replay->tenants[frame] = (struct tenant){.next_free = replay->free_head};
    replay->free_head = frame;
    replay->nresident--;
}

/* The policy knows a page by the first name that it has now. */
static uint64_t identity_of(const struct replay *replay, uint32_t thing)
{
    const struct alias *pages = &replay->pages;
    return pages->names[pages->things[thing].names].name;
}

pfn_t replay_bring_in(struct replay *replay, uint32_t number, uint64_t next_use)
{
    struct alias *pages = &replay->pages;
    uint32_t thing = pages->names[number].thing;
    pfn_t frame = pages->things[thing].own;
    if (!make_entry(replay, &pages->names[number]))
        return PFN_NONE;
    if (frame != PFN_NONE)
        return map(replay, number, frame) ? frame : PFN_NONE;
    frame = take_frame(replay);
    pages->things[thing].own = frame;
    pages->names[number].flags |= REPLAY_MAPPED;
    for (uint32_t at = pages->things[thing].names; at; at = pages->names[at].next)
        if (pages->names[at].flags & REPLAY_MAPPED)
            map(replay, at, frame);
    replay->tenants[frame] =
        (struct tenant){.used = replay->clock, .next_use = next_use, .thing = thing};
    policy_insert(&replay->policy, frame, identity_of(replay, thing));
    return pages->names[number].own ? frame : PFN_NONE;
}

/* ---- names ---- */

uint32_t replay_name_page(struct replay *replay, uint64_t name, uint64_t identity)
{
    struct alias *pages = &replay->pages;
    uint32_t thing = identity ? alias_find_identity(pages, identity) : 0;
    uint32_t number = alias_add(pages, name, thing, identity);
    if (replay->read_only.count > 0 && hashmap_remove(&replay->read_only, name))
        pages->names[number].flags |= REPLAY_READ_ONLY;
    if (pages->nthings > replay->most_pages)
        replay->most_pages = pages->nthings;
    return number;
}

void replay_forget(struct replay *replay, uint32_t number)
{
    struct alias_name *name = alias_name(&replay->pages, number);
    pfn_t frame = alias_thing(&replay->pages, number)->own;
    uint16_t space = replay_name_space(name->name);
    vaddr_t va = replay_name_va(replay, name->name);
    bool was_mapped = name->own;
    unmap(replay, name);
    if (was_mapped && replay->is_told)
        replay_tlb_forget(replay, space, va);
    else if (was_mapped)
        tlb_flush_page(replay->tlb, space, va);
    leave_code(replay, frame);
    if (!alias_remove(&replay->pages, number) && frame != PFN_NONE)
        give_frame(replay, frame);
}
