// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A slot says where a page is, one thing at a time: nowhere yet, in a frame, in a swap slot, or
 * (for a page of a file) only in its file, having been here before. 64 bits, only touched through
 * these.
 */
#ifndef KERNEL_SLOT_H
#define KERNEL_SLOT_H

#include "machine/addr.h"
#include "machine/swapdisk.h"

typedef struct {
    uint64_t bits;
} slot_t;

enum slot_kind { SLOT_EMPTY, SLOT_FRAME, SLOT_SWAP, SLOT_ABSENT };

static inline slot_t slot_empty(void)
{
    return (slot_t){0};
}

static inline slot_t slot_frame(pfn_t pfn)
{
    return (slot_t){(uint64_t)pfn << 2 | SLOT_FRAME};
}

static inline slot_t slot_swap(swap_slot_t swap)
{
    return (slot_t){(uint64_t)swap << 2 | SLOT_SWAP};
}

/* Was resident, is clean on its file. */
static inline slot_t slot_absent(void)
{
    return (slot_t){SLOT_ABSENT};
}

static inline enum slot_kind slot_kind(slot_t slot)
{
    return (enum slot_kind)(slot.bits & 3);
}

static inline pfn_t slot_pfn(slot_t slot)
{
    return (pfn_t)(slot.bits >> 2);
}

static inline swap_slot_t slot_swap_slot(slot_t slot)
{
    return (swap_slot_t)(slot.bits >> 2);
}

#endif
