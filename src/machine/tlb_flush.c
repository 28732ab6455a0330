// SPDX-License-Identifier: GPL-2.0-or-later
/* Invalidations of the TLB: the processor's own (INVLPG, INVPCID, writes of CR3), those of a page
 * fault, and those of an inclusive second level. */
#include "base/check.h"
#include "machine/pte.h"
#include "machine/tlb_parts.h"

/* The level of a hierarchy's level that an entry is in. */
static struct tlb_level *home_of(const struct tlb_large *large, const struct tlb_way *way)
{
    return large->home[tlb_key_size(way->key)];
}

/* A selection of entries. */
enum scope {
    SCOPE_ALL,
    SCOPE_SPACE,
    SCOPE_PAGE,  /* that are, or are pieces of, the page that holds an address */
    SCOPE_RANGE, /* that translate an address of a range, which is as long as an entry */
};

struct selection {
    enum scope scope;
    uint64_t space;
    vaddr_t va;
    unsigned shift; /* of the range's length */
};

static bool is_selected(const struct tlb_way *way, const struct selection *which)
{
    if (!way->key || which->scope == SCOPE_ALL)
        return way->key;
    if ((way->key & TLB_KEY_SPACE) != which->space)
        return false;
    unsigned shift = tlb_size_shift(tlb_value_size(way->value)); /* of its page */
    if (which->scope == SCOPE_RANGE) {
        shift = tlb_size_shift(tlb_key_size(way->key));
        shift = shift < which->shift ? which->shift : shift;
    }
    return which->scope == SCOPE_SPACE || !((tlb_key_page(way->key).v ^ which->va.v) >> shift);
}

/* `side` is NULL for the second level. Result: the newest stamp of what was dropped, of a side. */
static uint64_t drop_selected_in(struct tlb *tlb, struct tlb_side *side, struct tlb_level *level,
                                 const struct selection *which)
{
    uint64_t newest = 0;
    for (unsigned i = 0; i < level->entries; i++) {
        struct tlb_way *way = &level->way[i];
        if (!is_selected(way, which))
            continue;
        if (side)
            newest = tlb_newer(newest, tlb_retire(tlb, side, way));
        tlb_level_drop(level, way);
    }
    return newest;
}

static uint64_t drop_selected_of(struct tlb *tlb, struct tlb_side *side, struct tlb_level *level,
                                 struct tlb_large *large, const struct selection *which)
{
    uint64_t newest = drop_selected_in(tlb, side, level, which);
    newest = tlb_newer(newest, drop_selected_in(tlb, side, &large->own[TLB_2M], which));
    return tlb_newer(newest, drop_selected_in(tlb, side, &large->own[TLB_1G], which));
}

static void drop_selected(struct tlb *tlb, struct selection which)
{
    drop_selected_of(tlb, &tlb->data, &tlb->data.level, &tlb->data.large, &which);
    drop_selected_of(tlb, &tlb->fetch, &tlb->fetch.level, &tlb->fetch.large, &which);
    drop_selected_of(tlb, NULL, &tlb->l2.level, &tlb->l2.large, &which);
    drop_selected_of(tlb, NULL, &tlb->l2i.level, &tlb->l2i.large, &which);
}

/* What an entry of the second level translates. */
static struct selection covered_by(const struct tlb_way *way)
{
    return (struct selection){SCOPE_RANGE, way->key & TLB_KEY_SPACE, tlb_key_page(way->key),
                              tlb_size_shift(tlb_key_size(way->key))};
}

uint64_t tlb_drop_covered(struct tlb *tlb, const struct tlb_second *l2, const struct tlb_way *way,
                          bool fetch)
{
    if (!way->key)
        return 0;
    struct selection which = covered_by(way);
    struct tlb_side *data = &tlb->data, *code = &tlb->fetch;
    uint64_t newest_data = 0, newest_code = 0;
    if (l2 == &tlb->l2)
        newest_data = drop_selected_of(tlb, data, &data->level, &data->large, &which);
    if (l2 == tlb->fetch_second)
        newest_code = drop_selected_of(tlb, code, &code->level, &code->large, &which);
    return fetch ? newest_code : newest_data;
}

static void drop_address_in(struct tlb *tlb, struct tlb_second *l2, vaddr_t va, uint64_t key)
{
    struct tlb_way *way;
    while ((way = tlb_find_second(l2, va, key, tlb->is_general)))
        tlb_level_drop(home_of(&l2->large, way), way);
}

static void drop_address_of(struct tlb *tlb, struct tlb_side *side, vaddr_t va, uint64_t key)
{
    struct tlb_way *way;
    unsigned set = tlb_level_set(&side->level, key);
    while ((way = tlb_find_first(side, va, key, set, tlb->is_general))) {
        tlb_retire(tlb, side, way);
        tlb_level_drop(home_of(&side->large, way), way);
    }
}

void tlb_drop_page(struct tlb *tlb, uint64_t space, vaddr_t va)
{
    if (tlb->has_pieces) {
        drop_selected(tlb, (struct selection){SCOPE_PAGE, space, va, 0});
        return;
    }
    uint64_t key = tlb_key(space, va);
    drop_address_of(tlb, &tlb->data, va, key);
    drop_address_of(tlb, &tlb->fetch, va, key);
    drop_address_in(tlb, &tlb->l2, va, key);
    drop_address_in(tlb, &tlb->l2i, va, key);
}

uint64_t tlb_covered_stamp(const struct tlb *tlb, const struct tlb_way *way)
{
    const struct tlb_side *side = &tlb->data;
    const struct tlb_level *levels[] = {&side->level, &side->large.own[TLB_2M],
                                        &side->large.own[TLB_1G]};
    struct selection which = covered_by(way);
    uint64_t newest = 0;
    for (unsigned k = 0; k < TLB_SIZES && way->key; k++) {
        for (unsigned i = 0; i < levels[k]->entries; i++) {
            const struct tlb_way *inner = &levels[k]->way[i];
            if (is_selected(inner, &which))
                newest = tlb_newer(newest, tlb_large_stamp(tlb, side, inner));
        }
    }
    return newest;
}

/* ---- the processor's instructions ---- */

/* Whether entries of the space can be there: without tags, only those of the current one. */
static bool may_hold(const struct tlb *tlb, uint64_t space)
{
    return tlb->has_asids || space == tlb->space;
}

/* `cause` is the counter of the invalidation's kind. */
static void count_flush(struct tlb *tlb, uint64_t *cause)
{
    (*tlb->now)->tlb_flushes++;
    ++*cause;
    XCHECK(tlb_is_valid(tlb));
}

void tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va)
{
    uint64_t space = TLB_KEY_VALID | asid;
    if (!may_hold(tlb, space))
        return;
    tlb_drop_page(tlb, space, va);
    walkcache_drop_space(&tlb->walkcache, space);
    count_flush(tlb, &(*tlb->now)->tlb_flushes_page);
}

void tlb_flush_space(struct tlb *tlb, uint16_t asid)
{
    uint64_t space = TLB_KEY_VALID | asid;
    if (!may_hold(tlb, space))
        return;
    drop_selected(tlb, (struct selection){SCOPE_SPACE, space, vaddr(0), 0});
    walkcache_drop_space(&tlb->walkcache, space);
    count_flush(tlb, &(*tlb->now)->tlb_flushes_space);
}

void tlb_flush_all(struct tlb *tlb)
{
    drop_selected(tlb, (struct selection){SCOPE_ALL, 0, vaddr(0), 0});
    walkcache_drop_space(&tlb->walkcache, 0);
    tlb->has_pieces = false;
    count_flush(tlb, &(*tlb->now)->tlb_flushes_all);
}

void tlb_switch(struct tlb *tlb, struct mmu_root root)
{
    if (root.table == tlb->root.table && root.asid == tlb->root.asid &&
        root.levels == tlb->root.levels)
        return;
    if (!tlb->has_asids && tlb->half)
        tlb_flush_all(tlb);
    tlb_empty_front(tlb, &tlb->data);
    tlb_empty_front(tlb, &tlb->fetch);
    tlb->root = root;
    tlb->space = TLB_KEY_VALID | root.asid;
    tlb->half = pte_level_len(root.levels + 1) / 2;
    XCHECK(tlb_is_valid(tlb));
}
