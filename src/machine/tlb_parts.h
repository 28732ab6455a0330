// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the TLB is made of, for the files that make it: tlb.c, lookups and the bond between the
 * first levels and the front arrays; tlb_quick.c, the most common lookup of all; tlb_large.c, pages
 * larger than 4 KiB; tlb_flush.c, invalidations; tlb_stamps.c, the last uses of frames;
 * tlb_check.c, invariants.
 */
#ifndef MACHINE_TLB_PARTS_H
#define MACHINE_TLB_PARTS_H

#include "machine/tlb_level.h"
#include "machine/tlb_recent.h"
#include "machine/walkcache.h"

/* Where one level of the hierarchy keeps what it holds of large pages. */
struct tlb_large {
    struct tlb_level own[TLB_SIZES]; /* [TLB_2M], [TLB_1G]: entries for that size only, if any */
    struct tlb_level
        *home[TLB_SIZES];           /* who has the entries of a size: one of `own`, or the level */
    enum tlb_size piece[TLB_SIZES]; /* the size of the entries that pages of a size come in */
};

/* Which front slots belong to which large entry: one list an entry, by slot number + 1; 0 ends it.
 */
struct tlb_slots {
    uint16_t next[TLB_FRONT_SLOTS], previous[TLB_FRONT_SLOTS];
    uint16_t *first[TLB_SIZES];   /* lists by way: [TLB_4K] of the level, others of large.own */
    pfn_t frame[TLB_FRONT_SLOTS]; /* whose bytes a slot in a list leads to */
};

/* A first level and who of it is in front. */
struct tlb_side {
    struct tlb_level level;
    struct tlb_way *owner[TLB_FRONT_SLOTS]; /* NULL: the slot is free */
    struct tlb_large large;
    struct tlb_slots slots;
};

/* A second level. */
struct tlb_second {
    struct tlb_level level;
    struct tlb_large large;
};

struct tlb {
    uint64_t *clock;
    uint64_t space;            /* TLB_KEY_VALID and the tag of the current space */
    uint64_t half;             /* addresses from -half to half - 1 are canonical; 0: no space yet */
    struct tlb_front *front;   /* of `data` */
    struct tlb_ifront *ifront; /* of `fetch` */
    struct ram *ram;
    struct counters *const *now;
    uint64_t *frame_stamps; /* NULL: not asked for */
    struct tlb_served served;
    struct tlb_recent *recent; /* NULL: nobody watches */
    struct tlb_listener listener;
    bool is_quick;     /* tlb_data_quick() may do what it can */
    bool is_general;   /* large pages are to be expected, or the second level is inclusive */
    bool is_inclusive; /* as in the specification */
    bool has_asids;
    struct tlb_side data;
    struct tlb_second l2; /* of both sides, or of data only */
    struct tlb_side fetch;
    struct tlb_second l2i;           /* of fetches only, if there is one */
    struct tlb_second *fetch_second; /* &l2i or &l2 */
    struct walkcache walkcache;
    struct mmu_root root;
    uint64_t own_clock;
    bool has_pieces;     /* entries smaller than their pages may be in the levels */
    uint64_t gone_fetch; /* newest stamp of the code pages that left the first level */
    struct {
        pfn_t frame;
        uint64_t entered;
    } last_piece; /* of code in large pages, of those that lost their slots the one entered last */
};

static inline uint64_t tlb_newer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool tlb_way_is_large(const struct tlb_way *way)
{
    return tlb_key_size(way->key) != TLB_4K;
}

/* What an entry says of the 4 KiB page of va, which lies in its page. */
static inline uint64_t tlb_way_value(const struct tlb_way *way, vaddr_t va)
{
    return way->value + (va.v & tlb_size_within(tlb_key_size(way->key)));
}

/* Makes an entry say what `value` says of a 4 KiB page in its page. */
static inline void tlb_way_set_value(struct tlb_way *way, uint64_t value)
{
    way->value = value & ~tlb_size_within(tlb_key_size(way->key));
}

/* The slot of a 4 KiB page, which depends on none of the bits above its number in the key. */
static inline unsigned tlb_slot_of(uint64_t key)
{
    return tlb_front_slot(vaddr(key >> TLB_KEY_SHIFT << PAGE_SHIFT));
}

/* No space yet: no address is. */
static inline bool tlb_is_canonical(const struct tlb *tlb, vaddr_t va)
{
    return va.v + tlb->half < 2 * tlb->half;
}

static inline bool tlb_way_is_in_front(const struct tlb_way *way)
{
    return way->where != &way->stamp;
}

/* Whether an entry answers an access: it must allow it, and a store must find the dirty bit set. */
static inline bool tlb_suffices(uint64_t value, enum mmu_access access)
{
    static const uint64_t needed[] = {
        [MMU_LOAD] = 0, [MMU_STORE] = TLB_VALUE_W | TLB_VALUE_D, [MMU_FETCH] = TLB_VALUE_X};
    return (value & needed[access]) == needed[access];
}

/* ---- tlb.c ---- */

/* The last dues of an entry of a first level, before it is dropped or replaced. Result: its stamp;
 * 0 if the way is empty. */
uint64_t tlb_retire(struct tlb *tlb, struct tlb_side *side, struct tlb_way *way);
/* A slot that has an owner loses it. */
void tlb_leave_slot(struct tlb *tlb, struct tlb_side *side, unsigned slot);
/* All entries of a side leave the front array. */
void tlb_empty_front(struct tlb *tlb, struct tlb_side *side);

/* ---- tlb_quick.c ---- */

/* To be called when something has changed that decides whether there is a quick way. */
void tlb_quick_choose(struct tlb *tlb);

/* ---- tlb_flush.c ---- */

/* Drops all that the levels have of the page that holds va. */
void tlb_drop_page(struct tlb *tlb, uint64_t space, vaddr_t va);
/* An inclusive second level is about to lose an entry. Result: the newest stamp that this took from
 * the side that is being filled. */
uint64_t tlb_drop_covered(struct tlb *tlb, const struct tlb_second *l2, const struct tlb_way *way,
                          bool fetch);
/* What tlb_drop_covered() would say of data. */
uint64_t tlb_covered_stamp(const struct tlb *tlb, const struct tlb_way *way);

/* ---- tlb_stamps.c ---- */

/* The frame was used at `stamp`; of a page of code: it was entered then. => stamps are asked for */
void tlb_stamp_frame(struct tlb *tlb, const struct tlb_side *side, pfn_t pfn, uint64_t stamp);
/* A slot leaves its large entry, which stays. => stamps are asked for */
void tlb_stamp_piece(struct tlb *tlb, const struct tlb_side *side, unsigned slot);

/* ---- tlb_watch.c ---- */

static inline enum tlb_recent_side tlb_recent_side_of(const struct tlb *tlb,
                                                      const struct tlb_side *side)
{
    return side == &tlb->data ? TLB_RECENT_DATA : TLB_RECENT_CODE;
}

/* The page of va has just been put in front. Effect: may take another out, whose stamp counts as
 * displaced in *out. => watched */
void tlb_recent_use(struct tlb *tlb, const struct tlb_side *side, vaddr_t va,
                    enum mmu_access access, struct tlb_hit *out);
/* The newest stamp that tlb_recent_use() would displace now. => watched */
uint64_t tlb_recent_victim_stamp(const struct tlb *tlb, vaddr_t va);

/* ---- tlb_large.c ---- */

/* As `spec` says for levels of that kind; `level` is its level for 4 KiB pages, which stays where
 * it is. Errors: -EINVAL, -ENOMEM. */
int tlb_large_create(const struct tlb_spec *spec, enum tlb_level_kind kind, struct tlb_level *level,
                     struct tlb_large *out);
void tlb_large_destroy(struct tlb_large *large); /* may follow a creation that failed */
int tlb_slots_create(struct tlb_side *side);
void tlb_slots_destroy(struct tlb_slots *slots);

/* The large entry that translates va, or NULL. */
struct tlb_way *tlb_large_find(const struct tlb_large *large, uint64_t space, vaddr_t va);
/* Where an entry for va goes that belongs to a page of that size: level, set and key. */
struct tlb_place {
    struct tlb_level *level;
    unsigned set;
    uint64_t key;
};
struct tlb_place tlb_large_place(const struct tlb_large *large, uint64_t space, vaddr_t va,
                                 enum tlb_size page);

/* tlb_level_victim() of a first level whose large entries are stamped in their front slots. */
struct tlb_way *tlb_large_victim(struct tlb *tlb, struct tlb_side *side, struct tlb_place place);
/* The stamp of an entry of a first level. */
uint64_t tlb_large_stamp(const struct tlb *tlb, const struct tlb_side *side,
                         const struct tlb_way *way);

uint64_t *tlb_slot_stamp(const struct tlb *tlb, const struct tlb_side *side, unsigned slot);
/* Puts a slot into the list of the large entry that has become its owner. */
void tlb_slot_link(struct tlb_side *side, unsigned slot, struct tlb_way *way, pfn_t frame);
/* Takes a slot, whose tags are empty, from its large owner, who keeps its stamp. */
void tlb_slot_unlink(struct tlb *tlb, struct tlb_side *side, unsigned slot);
/* The slot at the head of an entry's list, or -1. */
int tlb_slot_first(const struct tlb_side *side, const struct tlb_way *way);

bool tlb_large_is_valid(const struct tlb_large *large);
/* Whether lists and owners agree. */
bool tlb_slots_are_valid(const struct tlb_side *side);

/* ---- finding an entry ---- */

/* `key` is that of the 4 KiB page, `general` is tlb->is_general. */
static inline __attribute__((always_inline)) struct tlb_way *
tlb_find_second(const struct tlb_second *l2, vaddr_t va, uint64_t key, const bool general)
{
    if (!l2->level.entries)
        return NULL;
    struct tlb_way *way = tlb_level_find(&l2->level, tlb_level_set(&l2->level, key), key);
    return !general || way ? way : tlb_large_find(&l2->large, key & TLB_KEY_SPACE, va);
}

static inline __attribute__((always_inline)) struct tlb_way *
tlb_find_first(const struct tlb_side *side, vaddr_t va, uint64_t key, unsigned set,
               const bool general)
{
    struct tlb_way *way = tlb_level_find(&side->level, set, key);
    return !general || way ? way : tlb_large_find(&side->large, key & TLB_KEY_SPACE, va);
}

#endif
