// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RAM is one anonymous host mapping without reservation: a frame costs host memory from its first
 * touch until it is discarded. The code marks are mapped the same way, so a machine of 1 TiB costs
 * no more at start than one of 256 KiB. Whether the host backs it in larger pieces than frames is
 * left to the host's own setting for transparent huge pages.
 */
#include "machine/ram.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/lazy.h"

static uint64_t marks_len(uint64_t nframes)
{
    return (nframes + 7) / 8;
}

/* The CPU may read 16 bytes where the guest reads fewer (vex_simd.c). */
static size_t bytes_len(uint64_t nframes)
{
    return (nframes + 1) * PAGE_SIZE;
}

int ram_create(uint64_t nframes, struct ram **out)
{
    if (nframes < RAM_FRAMES_MIN || nframes > RAM_FRAMES_MAX)
        return -EINVAL;
    struct ram *ram = calloc(1, sizeof(*ram));
    if (!ram)
        return -ENOMEM;
    ram->nframes = nframes;
    ram->bytes = lazy_create(bytes_len(nframes));
    ram->code_marks = lazy_create(marks_len(nframes));
    if (!ram->bytes || !ram->code_marks) {
        ram_destroy(ram);
        return -ENOMEM;
    }
    /* For speed: the host's own TLB then hides less of the guest's time. It may refuse. */
    (void)madvise(ram->bytes, bytes_len(nframes), MADV_HUGEPAGE);
    *out = ram;
    return 0;
}

void ram_destroy(struct ram *ram)
{
    if (!ram)
        return;
    lazy_destroy(ram->bytes, bytes_len(ram->nframes));
    lazy_destroy(ram->code_marks, marks_len(ram->nframes));
    free(ram);
}

void ram_discard(struct ram *ram, pfn_t first, uint64_t nframes)
{
    CHECK(nframes <= ram->nframes && first <= ram->nframes - nframes);
    if (nframes == 0)
        return;
    for (uint64_t pfn = first; pfn < first + nframes; pfn++)
        ram_changed(ram, (pfn_t)pfn);
    CHECK(madvise(ram_frame(ram, first), nframes * PAGE_SIZE, MADV_DONTNEED) == 0);
}
