// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TLB_RECENT pages used last, of all address spaces, by data accesses and fetches together. For
 * a watcher (tlb_watch()) who wants to know the order in which pages were used, but not each time
 * that one of the newest is used again: only pages of the set are in the front arrays, so all that
 * translated code does on its own is within the set.
 *
 * A page's stamp is its front slot's while it is in front (of either side), else kept here. The
 * last use of a code page is when the CPU entered the next one.
 *
 *   R1  a page of a space is in the set at most once
 *   R2  a slot that names a page of the set is that page's, and the page knows that it is in front
 *   R3  a page with a valid front slot is in the set
 *   R4  every page of the set is found
 */
#ifndef MACHINE_TLB_RECENT_H
#define MACHINE_TLB_RECENT_H

#include "machine/tlb.h"

struct tlb;

enum tlb_recent_side { TLB_RECENT_DATA, TLB_RECENT_CODE, TLB_RECENT_SIDES };

struct tlb_recent_page {
    vaddr_t page;
    uint16_t space;
    bool in_front[TLB_RECENT_SIDES];
    uint8_t next;                     /* in its chain: number + 1; 0: none */
    uint64_t stamp[TLB_RECENT_SIDES]; /* where it is not in front; 0: never used so */
};

enum { TLB_RECENT_QUEUE = 16, TLB_RECENT_CHAINS = 256 };

struct tlb_recent_queued {
    uint64_t stamp;
    uint8_t number;
};

struct tlb_recent {
    struct tlb_watch watch;
    unsigned count;
    struct tlb_recent_page pages[TLB_RECENT];
    uint8_t chains[TLB_RECENT_CHAINS];                  /* pages by hash: number + 1; 0: none */
    uint8_t in_slot[TLB_RECENT_SIDES][TLB_FRONT_SLOTS]; /* its number + 1; 0: none */
    struct tlb_recent_queued queue[TLB_RECENT_QUEUE];   /* the next victims, as of some time ago */
    unsigned queued;                                    /* how many of them are left */
    const struct tlb_front *front;
    const struct tlb_ifront *ifront;
};

struct tlb_recent *tlb_recent_create(const struct tlb_watch *watch, const struct tlb_front *front,
                                     const struct tlb_ifront *ifront);
void tlb_recent_destroy(struct tlb_recent *recent);

/* The page of the set, or NULL. */
struct tlb_recent_page *tlb_recent_find(struct tlb_recent *recent, uint16_t space, vaddr_t page);
/* The page that the set loses if another joins it now; NULL: there is room. */
struct tlb_recent_page *tlb_recent_victim(struct tlb_recent *recent, uint64_t now);
/* When a page was last used. */
uint64_t tlb_recent_stamp(const struct tlb_recent *recent, const struct tlb_recent_page *page,
                          uint64_t now);
/* Puts a page that is not in the set in the place of `victim`, which is in front no more, or of
 * nobody (NULL), and tells the watcher. */
struct tlb_recent_page *tlb_recent_replace(struct tlb_recent *recent,
                                           struct tlb_recent_page *victim, uint16_t space,
                                           vaddr_t page, enum mmu_access access);
/* The page has its front slot now; a slot is about to be given up. */
void tlb_recent_enter(struct tlb_recent *recent, struct tlb_recent_page *page,
                      enum tlb_recent_side side);
void tlb_recent_leave(struct tlb_recent *recent, enum tlb_recent_side side, unsigned slot);

/* Takes a page out of the set, of which the watcher knows. => it is not in front */
void tlb_recent_remove(struct tlb_recent *recent, struct tlb_recent_page *page);

bool tlb_recent_is_valid(struct tlb_recent *recent);

#endif
