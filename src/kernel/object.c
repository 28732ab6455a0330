// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects, whatever their kind: the array of their pages' places, bringing a page in, writing pages
 * out, dropping them. How a page is read or written is the kind's operations table (object_file.c,
 * object_shared.c).
 *
 * Dirtiness: a page is dirty if its frame says so (FRAME_DIRTY) or any page-table entry that maps
 * it has its dirty bit set; pagetable_clean_frame() gathers the bits into the frame and takes write
 * permission away, so that the next store faults and is seen.
 */
#include "kernel/object.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/pagetable.h"
#include "kernel/space_pages.h"
#include "kernel/swap.h"

enum { SYNC_CLUSTER = 32 /* pages written by one request */ };

static slot_t slot_at(const struct object *object, uint64_t index)
{
    return (slot_t){radix_get(&object->pages, index)};
}

static struct frame *slot_resident(const struct kernel *kernel, slot_t slot)
{
    return slot_kind(slot) == SLOT_FRAME ? frame_get(&kernel->frames, slot_pfn(slot)) : NULL;
}

struct object *object_create(struct kernel *kernel, const struct object_ops *ops, void *backing)
{
    struct object *object = x_calloc(1, sizeof(*object));
    *object = (struct object){.ops = ops,
                              .refs = 1,
                              .number = ++kernel->objects_made,
                              .backing = backing,
                              .next = kernel->all_objects};
    radix_create(&object->pages);
    if (object->next)
        object->next->prev = object;
    kernel->all_objects = object;
    return object;
}

static void unlink_object(struct kernel *kernel, struct object *object)
{
    if (object->next)
        object->next->prev = object->prev;
    if (object->prev)
        object->prev->next = object->next;
    else
        kernel->all_objects = object->next;
}

struct object *object_get(struct object *object)
{
    object->refs++;
    return object;
}

/* What is resident stays, for nobody; what is not is forgotten. => it is clean */
static void make_pages_idle(struct kernel *kernel, struct object *object)
{
    uint64_t value;
    for (uint64_t index = 0; radix_next(&object->pages, &index, UINT64_MAX, &value); index++) {
        struct frame *frame = slot_resident(kernel, (slot_t){value});
        if (frame) {
            object_page_unmapped(kernel, frame);
            CHECK(frame_is_idle(frame));
        } else {
            radix_set(&object->pages, index, 0);
            kernel_pages_dead(kernel, 1);
        }
    }
}

void object_put(struct kernel *kernel, struct object *object)
{
    CHECK(object->refs > 0);
    int error = 0;
    if (object->refs == 1)
        error = object_sync(kernel, object, 0, UINT64_MAX); /* it is in kernel->trouble */
    if (--object->refs > 0)
        return;
    if (!error && object->ops->rest && object->ops->rest(kernel, object))
        make_pages_idle(kernel, object);
    else
        object_end(kernel, object);
}

void object_end(struct kernel *kernel, struct object *object)
{
    CHECK(object->refs == 0);
    object_drop(kernel, object, 0, UINT64_MAX);
    if (object->watcher)
        object->watcher->ended(object->watcher);
    object->ops->destroy(kernel, object);
    commit_release(&kernel->commit, object->committed);
    radix_destroy(&object->pages);
    unlink_object(kernel, object);
    free(object);
}

void object_insert(struct kernel *kernel, struct object *object, uint64_t index,
                   struct frame *frame)
{
    if (slot_kind(slot_at(object, index)) == SLOT_EMPTY)
        kernel_pages_born(kernel, 1);
    frame->kind = FRAME_OBJECT;
    frame->owner = (uint64_t)(uintptr_t)object;
    frame->index = index;
    if (!object->ops->has_home)
        frame->flags |= FRAME_DIRTY;
    radix_set(&object->pages, index, slot_frame(frame_pfn(&kernel->frames, frame)).bits);
    if (object->is_locked)
        frame_wire(kernel, frame);
    frame_activate(kernel, frame);
}

/* Reads the page into a new frame, which becomes its place. */
static int bring_in(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot,
                    struct frame **out, bool *was_read)
{
    struct frame *frame = frame_take(kernel, FRAME_OBJECT);
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    uint8_t *page = ram_frame(kernel->machine->ram, pfn);
    *was_read = false;
    int error = object->ops->page_in(kernel, object, index, slot, page, was_read);
    if (error) {
        frame_give(kernel, frame);
        return error;
    }
    object_insert(kernel, object, index, frame);
    *out = frame;
    return 0;
}

void object_page_unmapped(struct kernel *kernel, struct frame *frame)
{
    const struct object *object = (const struct object *)(uintptr_t)frame->owner;
    CHECK(frame->kind == FRAME_OBJECT && frame->nmaps == 0);
    if (frame_is_busy(frame) || frame_is_idle(frame) || frame->wired > 0 ||
        (frame->flags & FRAME_DIRTY) || !object->ops->has_home)
        return;
    frame_set_idle(kernel, frame);
    kernel_pages_dead(kernel, 1);
}

static void drop_page(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot);

/* Somebody uses an idle page. Whatever became of the file meanwhile, it is read to be the same. */
static int wake(struct kernel *kernel, struct object *object, uint64_t index, struct frame *frame)
{
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    int error = object->ops->refresh(kernel, object, index, pfn);
    if (error) {
        drop_page(kernel, object, index, slot_frame(pfn));
        return error;
    }
    frame_end_idle(kernel, frame);
    kernel_pages_born(kernel, 1);
    return 0;
}

int object_page(struct kernel *kernel, struct object *object, uint64_t index, struct frame **out,
                bool *was_read)
{
    slot_t slot = slot_at(object, index);
    struct frame *frame = slot_resident(kernel, slot);
    if (!frame)
        return bring_in(kernel, object, index, slot, out, was_read);
    int error = frame_is_idle(frame) ? wake(kernel, object, index, frame) : 0;
    *was_read = false;
    if (!error)
        *out = frame;
    return error;
}

struct frame *object_resident(const struct kernel *kernel, const struct object *object,
                              uint64_t index)
{
    return slot_resident(kernel, slot_at(object, index));
}

bool object_is_out(const struct object *object, uint64_t index)
{
    slot_t slot = slot_at(object, index);
    return slot_kind(slot) != SLOT_EMPTY && slot_kind(slot) != SLOT_FRAME;
}

void object_set_locked(struct kernel *kernel, struct object *object, bool locked)
{
    uint64_t value;
    if (object->is_locked == locked)
        return;
    object->is_locked = locked;
    for (uint64_t index = 0; radix_next(&object->pages, &index, UINT64_MAX, &value); index++) {
        struct frame *frame = slot_resident(kernel, (slot_t){value});
        if (frame && locked)
            frame_wire(kernel, frame);
        else if (frame)
            frame_unwire(kernel, frame);
    }
}

uint64_t object_swapped(const struct object *object, uint64_t first, uint64_t last)
{
    uint64_t count = 0, value;
    if (object->ops->has_home)
        return 0;
    for (uint64_t index = first; radix_next(&object->pages, &index, last, &value); index++)
        count += slot_kind((slot_t){value}) == SLOT_SWAP;
    return count;
}

uint64_t object_resident_pages(const struct object *object)
{
    enum hugetlb_size size;
    if (object_is_huge(object, &size))
        return object_huge_pages(object);
    return object->pages.count - object_swapped(object, 0, UINT64_MAX);
}

/* Is the page dirty? If so, afterwards no entry allows a store without a fault. */
static bool gather_dirty(struct kernel *kernel, struct frame *frame)
{
    if (!pagetable_frame_is_dirty(kernel, frame))
        return false;
    pagetable_clean_frame(kernel, frame);
    return true;
}

/* Collects dirty resident pages that follow each other, at most SYNC_CLUSTER, from index on. */
static unsigned collect_run(struct kernel *kernel, const struct object *object, uint64_t index,
                            uint64_t last, struct frame **frames, const uint8_t **pages)
{
    unsigned count = 0;
    for (; count < SYNC_CLUSTER && index + count < last; count++) {
        struct frame *frame = object_resident(kernel, object, index + count);
        if (!frame || !gather_dirty(kernel, frame))
            break;
        frames[count] = frame;
        pages[count] = ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, frame));
    }
    return count;
}

/* Writes one run. Result: pages written, or -errno. */
static int write_run(struct kernel *kernel, struct object *object, uint64_t index, uint64_t last)
{
    struct frame *frames[SYNC_CLUSTER];
    const uint8_t *pages[SYNC_CLUSTER];
    unsigned count = collect_run(kernel, object, index, last, frames, pages);
    slot_t slot;
    if (count == 0)
        return 0;
    int written = object->ops->page_out(kernel, object, index, count, pages, &slot);
    for (int i = 0; i < written; i++)
        frames[i]->flags &= (uint8_t)~FRAME_DIRTY;
    return written;
}

int object_sync(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last)
{
    int result = 0;
    uint64_t index = first, value;
    if (!object->ops->has_home)
        return 0;
    while (radix_next(&object->pages, &index, last, &value)) {
        int written = write_run(kernel, object, index, last);
        if (written < 0 && result == 0)
            result = written;
        index += written > 0 ? (unsigned)written : 1;
    }
    return result;
}

/* Ends one page, wherever it is. */
static void drop_page(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot)
{
    struct frame *frame = slot_resident(kernel, slot);
    bool is_idle = false;
    if (frame) {
        if (object->is_locked)
            frame_unwire(kernel, frame);
        if (frame->wired > 0)
            space_pages_unwire_frame(kernel, frame);
        if (frame->nmaps > 0)
            pagetable_unmap_frame(kernel, frame);
        is_idle = frame_is_idle(frame);
        frame_give(kernel, frame);
    } else if (slot_kind(slot) == SLOT_SWAP) {
        swap_give(kernel, slot_swap_slot(slot));
    }
    radix_set(&object->pages, index, 0);
    if (!is_idle)
        kernel_pages_dead(kernel, 1);
}

void object_drop(struct kernel *kernel, struct object *object, uint64_t first, uint64_t last)
{
    uint64_t value;
    for (uint64_t index = first; radix_next(&object->pages, &index, last, &value); index++)
        drop_page(kernel, object, index, (slot_t){value});
}

void object_evicted(struct kernel *kernel, struct object *object, uint64_t index, slot_t slot)
{
    const struct frame *frame = object_resident(kernel, object, index);
    CHECK(frame);
    CHECK(slot_kind(slot) == (object->ops->has_home ? SLOT_ABSENT : SLOT_SWAP));
    radix_set(&object->pages, index, frame_is_idle(frame) ? 0 : slot.bits);
}

void object_moved(struct object *object, uint64_t index, pfn_t pfn)
{
    CHECK(slot_kind(slot_at(object, index)) == SLOT_FRAME);
    radix_set(&object->pages, index, slot_frame(pfn).bits);
}
