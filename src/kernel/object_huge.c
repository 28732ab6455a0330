// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous shared memory in huge pages of the pool (hugetlb.h). What is promised belongs to the
 * object: whoever touches a page first takes it, and it stays until the object ends.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "kernel/object.h"

static int huge_page_in(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                        uint8_t *page, bool *was_read)
{
    return -ERANGE; /* pages come in 2 MiB at a time: object_huge_page() */
}

static int huge_page_out(struct kernel *kernel, struct object *object, uint64_t index,
                         unsigned npages, const uint8_t *const *pages, slot_t *slot)
{
    return -ENOSPC; /* never evicted */
}

static void huge_destroy(struct kernel *kernel, struct object *object)
{
    kernel->hugetlb.nreserved -= object->npromised;
}

static const struct object_ops huge_ops = {
    .kind = "huge",
    .has_home = false,
    .page_in = huge_page_in,
    .page_out = huge_page_out,
    .destroy = huge_destroy,
};

int object_huge(struct kernel *kernel, uint64_t npages, bool reserve, struct object **out)
{
    struct hugetlb_pool *pool = &kernel->hugetlb;
    uint64_t promised = reserve ? (npages + FRAME_BLOCK - 1) / FRAME_BLOCK : 0;
    if (promised > pool->nfree - pool->nreserved)
        return -ENOMEM;
    struct object *object = object_create(kernel, &huge_ops, NULL);
    object->npages = npages;
    object->npromised = promised;
    pool->nreserved += promised;
    *out = object;
    return 0;
}

/* One of those promised to the object, or one promised to nobody; NULL: there is none. */
static struct frame *take(struct kernel *kernel, struct object *object)
{
    struct hugetlb_pool *pool = &kernel->hugetlb;
    if (object->npromised > 0) {
        object->npromised--;
        pool->nreserved--;
    } else if (pool->nfree == pool->nreserved) {
        return NULL;
    }
    return hugetlb_pool_take(kernel);
}

struct frame *object_huge_page(struct kernel *kernel, struct object *object, uint64_t index)
{
    struct frame *first = object_resident(kernel, object, index);
    CHECK(index % FRAME_BLOCK == 0);
    if (first || index >= object->npages)
        return first;
    first = take(kernel, object);
    if (!first)
        return NULL;
    pfn_t pfn = frame_pfn(&kernel->frames, first);
    memset(ram_frame(kernel->machine->ram, pfn), 0, FRAME_BLOCK * (size_t)PAGE_SIZE);
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        object_insert(kernel, object, index + i, first + i);
    return first;
}
