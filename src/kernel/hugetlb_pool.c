// SPDX-License-Identifier: GPL-2.0-or-later
/* See hugetlb_pool.h. */
#include "kernel/hugetlb_pool.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/kernel.h"

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

bool hugetlb_layout(uint64_t nframes, const uint64_t npages[HUGETLB_SIZES],
                    struct hugetlb_layout *out)
{
    struct hugetlb_layout layout = {.nframes = nframes};
    const uint64_t least = hugetlb_frames(HUGETLB_2M);
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++) {
        uint64_t room = layout.nframes > least ? layout.nframes - least : 0;
        if (npages[size] > room / hugetlb_frames(size))
            return false;
        layout.nframes -= npages[size] * hugetlb_frames(size);
    }
    layout.end = layout.nframes;
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++) {
        if (npages[size] == 0)
            continue;
        layout.start[size] = (pfn_t)round_up(layout.end, hugetlb_frames(size));
        layout.end = layout.start[size] + npages[size] * hugetlb_frames(size);
    }
    if (layout.end > RAM_FRAMES_MAX)
        return false;
    *out = layout;
    return true;
}

static void create(struct hugetlb_pool *pool, pfn_t start, uint64_t npages)
{
    *pool = (struct hugetlb_pool){.start = start, .npages = npages, .nfree = npages};
    pool->pages = x_calloc(npages + 1, sizeof(*pool->pages));
    for (uint32_t i = 0; i < npages; i++)
        pool->pages[i].next = i + 1 < npages ? i + 2 : 0;
    pool->first_free = npages > 0;
}

void hugetlb_pools_create(struct kernel *kernel, const struct hugetlb_layout *layout,
                          const uint64_t npages[HUGETLB_SIZES])
{
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        create(&kernel->hugetlb[size], layout->start[size], npages[size]);
    kernel->frames.nset_aside = hugetlb_pools_frames(kernel);
}

void hugetlb_pools_destroy(struct kernel *kernel)
{
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++) {
        const struct hugetlb_pool *pool = &kernel->hugetlb[size];
        CHECK(pool->nfree == pool->npages && pool->nreserved == 0);
        free(pool->pages);
    }
}

uint64_t hugetlb_pools_frames(const struct kernel *kernel)
{
    uint64_t count = 0;
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        count += kernel->hugetlb[size].npages * hugetlb_frames(size);
    return count;
}

/* ---- pages ---- */

static enum hugetlb_size size_of(const struct kernel *kernel, pfn_t pfn)
{
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++) {
        const struct hugetlb_pool *pool = &kernel->hugetlb[size];
        if (pfn >= pool->start && (pfn - pool->start) / hugetlb_frames(size) < pool->npages)
            return size;
    }
    CHECK(!"a frame of a pool");
}

static uint32_t number_of(const struct kernel *kernel, pfn_t pfn, enum hugetlb_size size)
{
    pfn_t distance = pfn - kernel->hugetlb[size].start;
    CHECK(distance % hugetlb_frames(size) == 0);
    return (uint32_t)(distance / hugetlb_frames(size));
}

struct hugetlb_page *hugetlb_page(const struct kernel *kernel, pfn_t pfn)
{
    enum hugetlb_size size = size_of(kernel, pfn);
    return &kernel->hugetlb[size].pages[number_of(kernel, pfn, size)];
}

pfn_t hugetlb_take(struct kernel *kernel, enum hugetlb_size size)
{
    struct hugetlb_pool *pool = &kernel->hugetlb[size];
    CHECK(pool->nfree > 0);
    uint32_t number = pool->first_free - 1;
    struct hugetlb_page *page = &pool->pages[number];
    pool->first_free = page->next;
    pool->nfree--;
    *page = (struct hugetlb_page){.refs = 1};
    kernel_pages_born(kernel, hugetlb_frames(size));
    return pool->start + number * (pfn_t)hugetlb_frames(size);
}

void hugetlb_put(struct kernel *kernel, pfn_t pfn)
{
    enum hugetlb_size size = size_of(kernel, pfn);
    struct hugetlb_pool *pool = &kernel->hugetlb[size];
    uint32_t number = number_of(kernel, pfn, size);
    struct hugetlb_page *page = &pool->pages[number];
    CHECK(page->refs > 0);
    if (--page->refs > 0)
        return;
    CHECK(page->maps == 0);
    ram_discard(kernel->machine->ram, pfn, hugetlb_frames(size));
    page->next = pool->first_free;
    pool->first_free = number + 1;
    pool->nfree++;
    kernel_pages_dead(kernel, hugetlb_frames(size));
}

/* ---- checks ---- */

static bool pool_is_valid(const struct hugetlb_pool *pool)
{
    uint64_t nfree = 0, nused = 0;
    for (uint32_t at = pool->first_free; at != 0 && nfree <= pool->npages; nfree++) {
        const struct hugetlb_page *page = &pool->pages[at - 1];
        if (page->refs > 0 || page->maps > 0)
            return false;
        at = page->next;
    }
    for (uint64_t i = 0; i < pool->npages; i++)
        nused += pool->pages[i].refs > 0;
    return pool->nreserved <= pool->nfree && nfree == pool->nfree && nfree + nused == pool->npages;
}

bool hugetlb_pools_are_valid(const struct kernel *kernel)
{
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        if (!pool_is_valid(&kernel->hugetlb[size]))
            return false;
    return true;
}
