// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps the front arrays within the pages used last, for a watcher: every look-up that the front
 * arrays do not answer comes by here, and a page that is no longer among those used last is taken
 * out of the front.
 */
#include "base/check.h"
#include "machine/tlb_parts.h"

void tlb_watch(struct tlb *tlb, const struct tlb_watch *watch)
{
    tlb_empty_front(tlb, &tlb->data);
    tlb_empty_front(tlb, &tlb->fetch);
    tlb_recent_destroy(tlb->recent);
    tlb->recent = watch ? tlb_recent_create(watch, tlb->front, tlb->ifront) : NULL;
    tlb_quick_choose(tlb);
}

static void leave_front(struct tlb *tlb, const struct tlb_recent_page *page)
{
    if (page->in_front[TLB_RECENT_DATA])
        tlb_leave_slot(tlb, &tlb->data, tlb_front_slot(page->page));
    if (page->in_front[TLB_RECENT_CODE])
        tlb_leave_slot(tlb, &tlb->fetch, tlb_front_slot(page->page));
}

static uint64_t stamp_of(const struct tlb *tlb, const struct tlb_recent_page *page)
{
    return page ? tlb_recent_stamp(tlb->recent, page, *tlb->clock) : 0;
}

/* A page joins those used last; another leaves them. Result: the stamp of that, or 0, in
 * *displaced. */
static struct tlb_recent_page *join(struct tlb *tlb, uint16_t space, vaddr_t page,
                                    enum mmu_access access, uint64_t *displaced)
{
    struct tlb_recent_page *victim = tlb_recent_victim(tlb->recent, *tlb->clock);
    *displaced = stamp_of(tlb, victim);
    if (victim)
        leave_front(tlb, victim);
    return tlb_recent_replace(tlb->recent, victim, space, page, access);
}

void tlb_recent_use(struct tlb *tlb, const struct tlb_side *side, vaddr_t va,
                    enum mmu_access access, struct tlb_hit *out)
{
    vaddr_t at = vaddr_page(va);
    uint64_t displaced = 0;
    struct tlb_recent_page *page = tlb_recent_find(tlb->recent, tlb->root.asid, at);
    if (!page)
        page = join(tlb, tlb->root.asid, at, access, &displaced);
    tlb_recent_enter(tlb->recent, page, tlb_recent_side_of(tlb, side));
    out->victim_stamp = tlb_newer(out->victim_stamp, displaced);
}

uint64_t tlb_recent_victim_stamp(const struct tlb *tlb, vaddr_t va)
{
    if (tlb_recent_find(tlb->recent, tlb->root.asid, vaddr_page(va)))
        return 0;
    return stamp_of(tlb, tlb_recent_victim(tlb->recent, *tlb->clock));
}

void tlb_watch_use(struct tlb *tlb, uint16_t space, vaddr_t va, enum mmu_access access)
{
    uint64_t displaced, now = ++*tlb->clock;
    struct tlb_recent_page *page = tlb_recent_find(tlb->recent, space, vaddr_page(va));
    if (!page)
        page = join(tlb, space, vaddr_page(va), access, &displaced);
    if (page->in_front[TLB_RECENT_DATA])
        tlb->front[tlb_front_slot(va)].stamp = now;
    else
        page->stamp[TLB_RECENT_DATA] = now;
    XCHECK(tlb_is_valid(tlb));
}

unsigned tlb_watch_gone(struct tlb *tlb, uint16_t space, vaddr_t first, uint64_t npages)
{
    struct tlb_recent *recent = tlb->recent;
    unsigned gone = 0;
    for (unsigned i = recent->count; i-- > 0;) {
        struct tlb_recent_page *page = &recent->pages[i];
        if (page->space != space || vaddr_vpn(page->page) - vaddr_vpn(first) >= npages)
            continue;
        leave_front(tlb, page);
        tlb_recent_remove(recent, page);
        gone++;
    }
    XCHECK(tlb_is_valid(tlb));
    return gone;
}
