// SPDX-License-Identifier: GPL-2.0-or-later
/* The pages used last. Who is put in front and who is taken out is tlb.c's business. */
#include "machine/tlb_recent.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

struct tlb_recent *tlb_recent_create(const struct tlb_watch *watch, const struct tlb_front *front,
                                     const struct tlb_ifront *ifront)
{
    struct tlb_recent *recent = x_calloc(1, sizeof(*recent));
    recent->watch = *watch;
    recent->front = front;
    recent->ifront = ifront;
    return recent;
}

void tlb_recent_destroy(struct tlb_recent *recent)
{
    free(recent);
}

/* ---- finding a page ---- */

static uint8_t *chain_of(struct tlb_recent *recent, uint16_t space, vaddr_t page)
{
    uint64_t vpn = vaddr_vpn(page);
    return &recent->chains[(vpn ^ vpn >> 9 ^ space) % TLB_RECENT_CHAINS];
}

struct tlb_recent_page *tlb_recent_find(struct tlb_recent *recent, uint16_t space, vaddr_t page)
{
    for (unsigned number = *chain_of(recent, space, page); number;
         number = recent->pages[number - 1].next) {
        struct tlb_recent_page *at = &recent->pages[number - 1];
        if (at->page.v == page.v && at->space == space)
            return at;
    }
    return NULL;
}

static void link_page(struct tlb_recent *recent, struct tlb_recent_page *page)
{
    uint8_t *chain = chain_of(recent, page->space, page->page);
    page->next = *chain;
    *chain = (uint8_t)(page - recent->pages + 1);
}

static void unlink_page(struct tlb_recent *recent, const struct tlb_recent_page *page)
{
    uint8_t *link = chain_of(recent, page->space, page->page);
    while (&recent->pages[*link - 1] != page)
        link = &recent->pages[*link - 1].next;
    *link = page->next;
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

/* The pages used least recently, the oldest first, go to the queue. */
static void fill_queue(struct tlb_recent *recent, uint64_t now)
{
    uint64_t stamps[TLB_RECENT];
    for (unsigned i = 0; i < TLB_RECENT; i++)
        stamps[i] = tlb_recent_stamp(recent, &recent->pages[i], now);
    for (unsigned n = 0; n < TLB_RECENT_QUEUE; n++) {
        unsigned oldest = 0;
        for (unsigned i = 1; i < TLB_RECENT; i++)
            oldest = stamps[i] < stamps[oldest] ? i : oldest;
        recent->queue[n] = (struct tlb_recent_queued){stamps[oldest], (uint8_t)oldest};
        stamps[oldest] = UINT64_MAX;
    }
    recent->queued = TLB_RECENT_QUEUE;
}

/* For speed: pages are only ever used later, so those in the queue that were not used since it was
 * filled are still the oldest. */
struct tlb_recent_page *tlb_recent_victim(struct tlb_recent *recent, uint64_t now)
{
    if (recent->count < TLB_RECENT)
        return NULL;
    for (;;) {
        for (; recent->queued > 0; recent->queued--) {
            const struct tlb_recent_queued *next =
                &recent->queue[TLB_RECENT_QUEUE - recent->queued];
            struct tlb_recent_page *page = &recent->pages[next->number];
            if (tlb_recent_stamp(recent, page, now) == next->stamp)
                return page;
        }
        fill_queue(recent, now);
    }
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
        unlink_page(recent, victim);
    } else {
        CHECK(recent->count < TLB_RECENT);
        victim = &recent->pages[recent->count++];
    }
    *victim = (struct tlb_recent_page){.page = page, .space = space};
    link_page(recent, victim);
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
    const struct tlb_recent_page *last = &recent->pages[--recent->count];
    recent->queued = 0;
    unlink_page(recent, page);
    if (page == last)
        return;
    unlink_page(recent, last);
    *page = *last;
    link_page(recent, page);
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

bool tlb_recent_is_valid(struct tlb_recent *recent)
{
    for (unsigned i = 0; i < recent->count; i++) {
        const struct tlb_recent_page *page = &recent->pages[i];
        if (tlb_recent_find(recent, page->space, page->page) != page)
            return false; /* R1, R4 */
    }
    for (unsigned slot = 0; slot < TLB_FRONT_SLOTS; slot++) {
        if (!slot_is_valid(recent, TLB_RECENT_DATA, slot) ||
            !slot_is_valid(recent, TLB_RECENT_CODE, slot))
            return false;
    }
    return true;
}
