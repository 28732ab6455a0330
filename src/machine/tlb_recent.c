// SPDX-License-Identifier: GPL-2.0-or-later
/* The pages used last. Who is put in front and who is taken out is tlb.c's business. */
#include "machine/tlb_recent.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

int tlb_recent_create(const struct tlb_watch *watch, const struct tlb_front *front,
                      const struct tlb_ifront *ifront, struct tlb_recent **out)
{
    struct tlb_recent *recent = calloc(1, sizeof(*recent));
    if (!recent)
        return -ENOMEM;
    recent->watch = *watch;
    recent->front = front;
    recent->ifront = ifront;
    *out = recent;
    return 0;
}

void tlb_recent_destroy(struct tlb_recent *recent)
{
    free(recent);
}

struct tlb_recent_page *tlb_recent_find(struct tlb_recent *recent, uint16_t space, vaddr_t page)
{
    for (unsigned i = 0; i < recent->count; i++) {
        if (recent->pages[i].page.v == page.v && recent->pages[i].space == space)
            return &recent->pages[i];
    }
    return NULL;
}

/* ---- when a page was used ---- */

static uint64_t slot_stamp(const struct tlb_recent *recent, enum tlb_recent_side side,
                           unsigned slot)
{
    return side == TLB_RECENT_DATA ? recent->front[slot].stamp : recent->ifront[slot].stamp;
}

static uint64_t side_stamp(const struct tlb_recent *recent, const struct tlb_recent_page *page,
                           enum tlb_recent_side side)
{
    return page->in_front[side] ? slot_stamp(recent, side, tlb_front_slot(page->page))
                                : page->stamp[side];
}

/* When the CPU left the code page that it entered at `entered`. */
static uint64_t left_at(const struct tlb_recent *recent, uint64_t entered, uint64_t now)
{
    uint64_t left = now;
    for (unsigned i = 0; i < recent->count; i++) {
        uint64_t stamp = side_stamp(recent, &recent->pages[i], TLB_RECENT_CODE);
        if (stamp > entered && stamp < left)
            left = stamp;
    }
    return left;
}

uint64_t tlb_recent_stamp(const struct tlb_recent *recent, const struct tlb_recent_page *page,
                          uint64_t now)
{
    uint64_t data = side_stamp(recent, page, TLB_RECENT_DATA);
    uint64_t code = side_stamp(recent, page, TLB_RECENT_CODE);
    if (code)
        code = left_at(recent, code, now);
    return data > code ? data : code;
}

struct tlb_recent_page *tlb_recent_victim(struct tlb_recent *recent, uint64_t now)
{
    struct tlb_recent_page *victim = NULL;
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < TLB_RECENT && recent->count == TLB_RECENT; i++) {
        struct tlb_recent_page *page = &recent->pages[i];
        /* For speed: what was entered or used later than the oldest is no candidate. */
        if (side_stamp(recent, page, TLB_RECENT_DATA) >= oldest ||
            side_stamp(recent, page, TLB_RECENT_CODE) >= oldest)
            continue;
        uint64_t stamp = tlb_recent_stamp(recent, page, now);
        if (stamp < oldest) {
            oldest = stamp;
            victim = page;
        }
    }
    return victim;
}

/* ---- changes ---- */

struct tlb_recent_page *tlb_recent_replace(struct tlb_recent *recent,
                                           struct tlb_recent_page *victim, uint16_t space,
                                           vaddr_t page, enum mmu_access access)
{
    const struct tlb_watch *watch = &recent->watch;
    watch->enter(watch->context, space, page, access);
    if (victim) {
        DCHECK(!victim->in_front[TLB_RECENT_DATA] && !victim->in_front[TLB_RECENT_CODE]);
        watch->leave(watch->context, victim->space, victim->page);
    } else {
        CHECK(recent->count < TLB_RECENT);
        victim = &recent->pages[recent->count++];
    }
    *victim = (struct tlb_recent_page){.page = page, .space = space};
    return victim;
}

void tlb_recent_enter(struct tlb_recent *recent, struct tlb_recent_page *page,
                      enum tlb_recent_side side)
{
    page->in_front[side] = true;
    recent->in_slot[side][tlb_front_slot(page->page)] = (uint8_t)(page - recent->pages + 1);
}

void tlb_recent_leave(struct tlb_recent *recent, enum tlb_recent_side side, unsigned slot)
{
    unsigned number = recent->in_slot[side][slot];
    if (!number)
        return;
    struct tlb_recent_page *page = &recent->pages[number - 1];
    page->stamp[side] = slot_stamp(recent, side, slot);
    page->in_front[side] = false;
    recent->in_slot[side][slot] = 0;
}

/* The last page of the set takes its place. */
void tlb_recent_remove(struct tlb_recent *recent, struct tlb_recent_page *page)
{
    DCHECK(!page->in_front[TLB_RECENT_DATA] && !page->in_front[TLB_RECENT_CODE]);
    *page = recent->pages[--recent->count];
    unsigned slot = tlb_front_slot(page->page);
    for (unsigned side = 0; side < TLB_RECENT_SIDES; side++) {
        if (page->in_front[side])
            recent->in_slot[side][slot] = (uint8_t)(page - recent->pages + 1);
    }
}

/* ---- invariants ---- */

static bool slot_is_valid(const struct tlb_recent *recent, enum tlb_recent_side side, unsigned slot)
{
    unsigned number = recent->in_slot[side][slot];
    bool is_valid = side == TLB_RECENT_DATA ? recent->front[slot].rtag != TLB_TAG_NONE
                                            : recent->ifront[slot].tag != TLB_TAG_NONE;
    if (!number)
        return !is_valid; /* R3 */
    const struct tlb_recent_page *page = &recent->pages[number - 1];
    return number <= recent->count && page->in_front[side] && tlb_front_slot(page->page) == slot;
}

bool tlb_recent_is_valid(const struct tlb_recent *recent)
{
    for (unsigned i = 0; i < recent->count; i++) {
        const struct tlb_recent_page *page = &recent->pages[i];
        for (unsigned k = 0; k < i; k++) {
            if (recent->pages[k].space == page->space && recent->pages[k].page.v == page->page.v)
                return false; /* R1 */
        }
    }
    for (unsigned slot = 0; slot < TLB_FRONT_SLOTS; slot++) {
        if (!slot_is_valid(recent, TLB_RECENT_DATA, slot) ||
            !slot_is_valid(recent, TLB_RECENT_CODE, slot))
            return false;
    }
    return true;
}
