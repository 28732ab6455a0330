// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous shared memory in huge pages of a pool (hugetlb.h). What is promised belongs to the
 * object: whoever touches a page first takes it, and it stays until the object ends. Its pages are
 * in a list of their own, not in object->pages.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/object.h"

struct huge {
    enum hugetlb_size size;
    uint64_t npromised; /* huge pages that it may still take */
    uint64_t npages;    /* huge pages that it is long */
    struct radix pages; /* number -> first frame, of those that were taken */
};

static int huge_page_in(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                        uint8_t *page, bool *was_read)
{
    return -ERANGE; /* they come whole: object_huge_page() */
}

static int huge_page_out(struct kernel *kernel, struct object *object, uint64_t index,
                         unsigned npages, const uint8_t *const *pages, slot_t *slot)
{
    return -ENOSPC; /* never evicted */
}

static void huge_destroy(struct kernel *kernel, struct object *object)
{
    struct huge *huge = object->backing;
    uint64_t pfn;
    kernel->hugetlb[huge->size].nreserved -= huge->npromised;
    for (uint64_t i = 0; radix_next(&huge->pages, &i, UINT64_MAX, &pfn); i++)
        hugetlb_put(kernel, (pfn_t)pfn);
    radix_destroy(&huge->pages);
    free(huge);
}

static const struct object_ops huge_ops = {
    .kind = "huge",
    .has_home = false,
    .page_in = huge_page_in,
    .page_out = huge_page_out,
    .destroy = huge_destroy,
};

int object_huge(struct kernel *kernel, enum hugetlb_size size, uint64_t len, bool reserve,
                struct object **out)
{
    struct hugetlb_pool *pool = &kernel->hugetlb[size];
    uint64_t npages = len / hugetlb_len(size) + (len % hugetlb_len(size) != 0);
    if (reserve && npages > pool->nfree - pool->nreserved)
        return -ENOMEM;
    struct huge *huge = x_calloc(1, sizeof(*huge));
    *huge = (struct huge){.size = size, .npromised = reserve ? npages : 0, .npages = npages};
    radix_create(&huge->pages);
    pool->nreserved += huge->npromised;
    struct object *object = object_create(kernel, &huge_ops, huge);
    object->npages = npages * hugetlb_frames(size);
    *out = object;
    return 0;
}

bool object_is_huge(const struct object *object, enum hugetlb_size *size)
{
    if (object->ops != &huge_ops)
        return false;
    *size = ((const struct huge *)object->backing)->size;
    return true;
}

/* The number of the huge page that begins at page `index`. */
static uint64_t number_of(const struct object *object, uint64_t index)
{
    const struct huge *huge = object->backing;
    CHECK(object->ops == &huge_ops && index % hugetlb_frames(huge->size) == 0);
    return index / hugetlb_frames(huge->size);
}

pfn_t object_huge_resident(const struct object *object, uint64_t index)
{
    const struct huge *huge = object->backing;
    return (pfn_t)radix_get(&huge->pages, number_of(object, index));
}

uint64_t object_huge_pages(const struct object *object)
{
    const struct huge *huge = object->backing;
    return huge->pages.count * hugetlb_frames(huge->size);
}

/* One of those promised to the object, or one promised to nobody. */
static pfn_t take(struct kernel *kernel, struct huge *huge)
{
    struct hugetlb_pool *pool = &kernel->hugetlb[huge->size];
    if (huge->npromised > 0) {
        huge->npromised--;
        pool->nreserved--;
    } else if (pool->nfree == pool->nreserved) {
        return PFN_NONE;
    }
    return hugetlb_take(kernel, huge->size);
}

pfn_t object_huge_page(struct kernel *kernel, struct object *object, uint64_t index)
{
    struct huge *huge = object->backing;
    uint64_t number = number_of(object, index);
    pfn_t pfn = object_huge_resident(object, index);
    if (pfn == PFN_NONE && number < huge->npages && (pfn = take(kernel, huge)) != PFN_NONE)
        radix_set(&huge->pages, number, pfn);
    return pfn;
}

void object_huge_list(const struct object *object,
                      void (*note)(void *context, enum hugetlb_size size, pfn_t pfn),
                      uint64_t npromised[HUGETLB_SIZES], void *context)
{
    const struct huge *huge = object->backing;
    if (object->ops != &huge_ops)
        return;
    uint64_t pfn;
    npromised[huge->size] += huge->npromised;
    for (uint64_t i = 0; radix_next(&huge->pages, &i, UINT64_MAX, &pfn); i++)
        note(context, huge->size, (pfn_t)pfn);
}
