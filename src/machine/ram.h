// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical memory: `nframes` frames of 4 KiB, backed by the host only once touched, and the marks
 * of frames whose bytes the software CPU has translated. Knows no page tables and no owners.
 *
 * Code marks: the CPU marks a frame when it translates code from it. Whoever changes a frame's
 * bytes other than by a guest store (page-in, zeroing, a system call's copy) calls ram_changed();
 * the CPU sees `code_changed` at its next entry and checks that what it translated still stands
 * there.
 */
#ifndef MACHINE_RAM_H
#define MACHINE_RAM_H

#include <stddef.h>

#include "machine/addr.h"

struct ram {
    uint8_t *bytes;      /* nframes * PAGE_SIZE, page aligned; a spare page follows */
    uint8_t *code_marks; /* one bit a frame */
    uint64_t nframes;
    bool code_changed; /* a marked frame lost its mark since the CPU last cleared this */
};

enum { RAM_FRAMES_MIN = 64 };
#define RAM_FRAMES_MAX ((uint64_t)1 << 28) /* 1 TiB */

/* Reserves address space for nframes frames, all zero, without using host memory yet.
 * Errors: -EINVAL out of RAM_FRAMES_MIN..MAX, -ENOMEM. */
int ram_create(uint64_t nframes, struct ram **out);
void ram_destroy(struct ram *ram);

/* The host address of a physical address. => pa lies in RAM. */
static inline uint8_t *ram_at(const struct ram *ram, paddr_t pa)
{
    return ram->bytes + pa.v;
}

static inline uint8_t *ram_frame(const struct ram *ram, pfn_t pfn)
{
    return ram->bytes + ((uint64_t)pfn << PAGE_SHIFT);
}

static inline bool ram_has_code(const struct ram *ram, pfn_t pfn)
{
    return ram->code_marks[pfn >> 3] >> (pfn & 7) & 1;
}

static inline void ram_mark_code(struct ram *ram, pfn_t pfn)
{
    ram->code_marks[pfn >> 3] |= (uint8_t)(1u << (pfn & 7));
}

/* The bytes of a frame changed, or are about to, behind the CPU's back. */
static inline void ram_changed(struct ram *ram, pfn_t pfn)
{
    if (ram_has_code(ram, pfn)) {
        ram->code_marks[pfn >> 3] &= (uint8_t) ~(1u << (pfn & 7));
        ram->code_changed = true;
    }
}

/* Gives the host memory behind a free frame back; the frame reads as zero afterwards. */
void ram_discard(struct ram *ram, pfn_t first, uint64_t nframes);

#endif
