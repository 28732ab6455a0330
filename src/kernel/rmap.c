// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reverse maps. What frame->rmap holds, told apart by its lowest bit:
 *
 *   0                                   no pair
 *   vpn:45 | space:16 | 1               the only pair
 *   address of a struct chain | 0       two pairs or more, packed as above, in no order
 *
 * Private pages, nearly all of them, therefore cost no host memory here.
 */
#include "kernel/rmap.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"

enum { PAIR_TAG = 1, SPACE_SHIFT = 1, VPN_SHIFT = 17, CHAIN_MIN = 4 };

struct chain {
    uint32_t capacity;
    uint64_t pairs[];
};

static uint64_t pair_make(uint16_t space, vaddr_t va)
{
    DCHECK(space != 0 && vaddr_vpn(va) >> 45 == 0);
    return vaddr_vpn(va) << VPN_SHIFT | (uint64_t)space << SPACE_SHIFT | PAIR_TAG;
}

static struct rmap_entry pair_entry(uint64_t pair)
{
    return (struct rmap_entry){.space = (uint16_t)(pair >> SPACE_SHIFT),
                               .va = vaddr(pair >> VPN_SHIFT << PAGE_SHIFT)};
}

static struct chain *chain_of(const struct frame *frame)
{
    DCHECK(frame->rmap != 0 && !(frame->rmap & PAIR_TAG));
    return (struct chain *)(uintptr_t)frame->rmap;
}

static void chain_resize(struct frame *frame, struct chain *chain, uint32_t capacity)
{
    chain = x_realloc(chain, sizeof(*chain) + capacity * sizeof(chain->pairs[0]));
    chain->capacity = capacity;
    frame->rmap = (uintptr_t)chain;
}

void rmap_add(struct frame *frame, uint16_t space, vaddr_t va)
{
    uint64_t pair = pair_make(space, va);
    CHECK(frame->nmaps < UINT32_MAX);
    if (frame->kind == FRAME_ZERO) {
        frame->nmaps++;
        return;
    }
    if (frame->nmaps == 0) {
        frame->rmap = pair;
    } else {
        if (frame->nmaps == 1) {
            uint64_t only = frame->rmap;
            chain_resize(frame, NULL, CHAIN_MIN);
            chain_of(frame)->pairs[0] = only;
        }
        struct chain *chain = chain_of(frame);
        if (frame->nmaps == chain->capacity)
            chain_resize(frame, chain, 2 * chain->capacity);
        chain_of(frame)->pairs[frame->nmaps] = pair;
    }
    frame->nmaps++;
}

static void chain_remove(struct frame *frame, uint64_t pair)
{
    struct chain *chain = chain_of(frame);
    uint32_t last = frame->nmaps - 1, i = last;
    while (chain->pairs[i] != pair) {
        CHECK(i > 0);
        i--;
    }
    chain->pairs[i] = chain->pairs[last];
    if (last == 1) {
        frame->rmap = chain->pairs[0];
        free(chain);
    } else if (last <= chain->capacity / 4 && chain->capacity > CHAIN_MIN) {
        chain_resize(frame, chain, chain->capacity / 2);
    }
}

void rmap_remove(struct frame *frame, uint16_t space, vaddr_t va)
{
    uint64_t pair = pair_make(space, va);
    CHECK(frame->nmaps > 0);
    if (frame->kind != FRAME_ZERO) {
        if (frame->nmaps > 1) {
            chain_remove(frame, pair);
        } else {
            CHECK(frame->rmap == pair);
            frame->rmap = 0;
        }
    }
    frame->nmaps--;
}

struct rmap_entry rmap_get(const struct frame *frame, uint32_t i)
{
    CHECK(i < frame->nmaps && frame->kind != FRAME_ZERO);
    return pair_entry(frame->nmaps == 1 ? frame->rmap : chain_of(frame)->pairs[i]);
}

bool rmap_is_valid(const struct frame *frame)
{
    if (frame->kind == FRAME_ZERO || frame->nmaps == 0)
        return frame->rmap == 0;
    if (frame->nmaps == 1)
        return frame->rmap & PAIR_TAG;
    if (frame->rmap == 0 || frame->rmap & PAIR_TAG || chain_of(frame)->capacity < frame->nmaps)
        return false;
    for (uint32_t i = 0; i < frame->nmaps; i++) {
        if (!(chain_of(frame)->pairs[i] & PAIR_TAG))
            return false;
    }
    return true;
}
