// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous shared memory: an object whose pages start as zeros and go to the swap disk. A page
 * that is read back gives its swap slot up at once, so a resident page is always dirty; in return
 * an object's frame needs no place to remember a slot in.
 */
#include <errno.h>
#include <string.h>

#include "kernel/object.h"
#include "kernel/swap.h"

static int shared_page_in(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                          uint8_t *page, bool *was_read)
{
    if (index >= object->npages)
        return -ERANGE;
    if (slot_kind(slot) == SLOT_EMPTY) {
        memset(page, 0, PAGE_SIZE);
        return 0;
    }
    swap_slot_t swap = slot_swap_slot(slot);
    int error = swap_read(kernel, swap, page);
    if (error)
        return error;
    swap_give(kernel, swap);
    *was_read = true;
    return 0;
}

static int shared_page_out(struct kernel *kernel, struct object *object, uint64_t index,
                           unsigned npages, const uint8_t *const *pages, slot_t *slot)
{
    swap_slot_t first;
    unsigned count = swap_take(kernel, npages, &first);
    if (count == 0)
        return -ENOSPC;
    int error = swap_write(kernel, first, count, pages);
    if (error) {
        for (unsigned i = 0; i < count; i++)
            swap_give(kernel, first + i);
        return error;
    }
    *slot = slot_swap(first);
    return (int)count;
}

static void shared_destroy(struct kernel *kernel, struct object *object)
{
    (void)kernel, (void)object; /* it has no resources beside its pages */
}

static const struct object_ops shared_ops = {
    .kind = "shared",
    .has_home = false,
    .page_in = shared_page_in,
    .page_out = shared_page_out,
    .destroy = shared_destroy,
};

int object_shared(struct kernel *kernel, uint64_t npages, bool reserve, struct object **out)
{
    int error = reserve ? commit_charge(&kernel->commit, npages) : 0;
    if (error)
        return error;
    struct object *object = object_create(kernel, &shared_ops, NULL);
    object->npages = npages;
    object->committed = reserve ? npages : 0;
    *out = object;
    return 0;
}
