// SPDX-License-Identifier: GPL-2.0-or-later
/* See hugetlb_pool.h. A page is back when its last frame is. */
#include "kernel/hugetlb_pool.h"

#include "base/check.h"
#include "kernel/kernel.h"

static struct frame *head_of(const struct kernel *kernel, const struct frame *frame)
{
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    return frame_get(&kernel->frames, pfn & ~(pfn_t)(FRAME_BLOCK - 1));
}

void hugetlb_pool_give(struct kernel *kernel, struct frame *frame)
{
    struct hugetlb_pool *pool = &kernel->hugetlb;
    struct frame *head = head_of(kernel, frame);
    CHECK(frame == head || head->kind == FRAME_POOL);
    *frame = (struct frame){.kind = FRAME_POOL, .flags = FRAME_POOLED};
    if (++head->index < FRAME_BLOCK)
        return;
    head->owner = pool->first;
    pool->first = frame_pfn(&kernel->frames, head);
    pool->nfree++;
}

struct frame *hugetlb_pool_take(struct kernel *kernel)
{
    struct hugetlb_pool *pool = &kernel->hugetlb;
    CHECK(pool->nfree > 0);
    struct frame *first = frame_get(&kernel->frames, pool->first);
    pfn_t pfn = pool->first;
    pool->first = (pfn_t)first->owner;
    pool->nfree--;
    for (pfn_t i = 0; i < FRAME_BLOCK; i++) {
        first[i] = (struct frame){.kind = FRAME_ANON, .flags = FRAME_POOLED};
        ram_changed(kernel->machine->ram, pfn + i);
    }
    return first;
}

void hugetlb_pool_create(struct kernel *kernel, uint64_t npages)
{
    kernel->hugetlb = (struct hugetlb_pool){.npages = npages, .first = PFN_NONE};
    for (uint64_t n = 0; n < npages; n++) {
        bool zero;
        kernel->frames.reserved = FRAME_BLOCK;
        struct frame *first = frame_take_block(kernel, FRAME_ANON, BUDDY_ORDER_2M, &zero);
        CHECK(first);
        for (unsigned i = 0; i < FRAME_BLOCK; i++)
            hugetlb_pool_give(kernel, first + i);
    }
}

static uint64_t count_frames(const struct kernel *kernel)
{
    uint64_t count = 0;
    for (pfn_t pfn = 1; pfn < kernel->frames.fresh; pfn++)
        count += frame_get(&kernel->frames, pfn)->kind == FRAME_POOL;
    return count;
}

static bool is_whole(const struct kernel *kernel, pfn_t first)
{
    for (pfn_t i = 0; i < FRAME_BLOCK; i++)
        if (frame_get(&kernel->frames, first + i)->kind != FRAME_POOL)
            return false;
    return frame_get(&kernel->frames, first)->index == FRAME_BLOCK;
}

bool hugetlb_pool_is_valid(const struct kernel *kernel)
{
    const struct hugetlb_pool *pool = &kernel->hugetlb;
    uint64_t count = 0;
    pfn_t pfn = pool->npages ? pool->first : PFN_NONE;
    for (; pfn != PFN_NONE && count < pool->nfree; count++) {
        if (!is_whole(kernel, pfn))
            return false;
        pfn = (pfn_t)frame_get(&kernel->frames, pfn)->owner;
    }
    return pool->nreserved <= pool->nfree && pool->nfree <= pool->npages && pfn == PFN_NONE &&
           count == pool->nfree && count_frames(kernel) == count * FRAME_BLOCK;
}
