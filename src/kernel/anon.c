// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Anonymous pages and the array of them. An anon moves between a frame and a swap slot: anon_load()
 * brings it in, reclaim takes it out and says so with anon_evicted(). A page that was read back and
 * not written since keeps its swap slot (frame->index), so that evicting it again costs no write.
 * Never maps, unmaps or reclaims.
 */
#include "kernel/anon.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/swap.h"

struct anon *anon_create(struct kernel *kernel, struct frame *frame)
{
    DCHECK(frame->kind == FRAME_ANON);
    struct anon *anon = x_calloc(1, sizeof(*anon));
    anon->refs = 1;
    anon->number = ++kernel->anons_made;
    anon->slot = slot_frame(frame_pfn(&kernel->frames, frame));
    frame->owner = (uint64_t)(uintptr_t)anon;
    frame->index = SWAP_NONE;
    frame->flags |= FRAME_DIRTY;
    kernel_pages_born(kernel, 1);
    frame_activate(kernel, frame);
    return anon;
}

struct anon *anon_get(struct anon *anon)
{
    anon->refs++;
    return anon;
}

void anon_put(struct kernel *kernel, struct anon *anon)
{
    CHECK(anon->refs > 0);
    if (--anon->refs > 0)
        return;
    if (anon_is_resident(anon)) {
        struct frame *frame = frame_get(&kernel->frames, slot_pfn(anon->slot));
        if (frame->index != SWAP_NONE)
            swap_give(kernel, (swap_slot_t)frame->index);
        frame->index = SWAP_NONE;
        frame_give(kernel, frame);
    } else {
        swap_set_owner(kernel, slot_swap_slot(anon->slot), NULL);
        swap_give(kernel, slot_swap_slot(anon->slot));
    }
    kernel_pages_dead(kernel, 1);
    free(anon);
}

bool anon_is_resident(const struct anon *anon)
{
    return slot_kind(anon->slot) == SLOT_FRAME;
}

void anon_loaded(struct kernel *kernel, struct anon *anon, struct frame *frame)
{
    swap_slot_t slot = slot_swap_slot(anon->slot);
    frame->owner = (uint64_t)(uintptr_t)anon;
    frame->index = slot;
    anon->slot = slot_frame(frame_pfn(&kernel->frames, frame));
    swap_set_owner(kernel, slot, NULL);
    frame_activate(kernel, frame);
}

int anon_load_into(struct kernel *kernel, struct anon *anon, struct frame *frame)
{
    swap_slot_t slot = slot_swap_slot(anon->slot);
    pfn_t pfn = frame_pfn(&kernel->frames, frame);
    int error = swap_read(kernel, slot, ram_frame(kernel->machine->ram, pfn));
    if (error) {
        anon->poisoned = true;
        return error;
    }
    anon_loaded(kernel, anon, frame);
    return 0;
}

static int load_from_swap(struct kernel *kernel, struct anon *anon, struct frame **out)
{
    struct frame *frame = frame_take(kernel, FRAME_ANON);
    int error = anon_load_into(kernel, anon, frame);
    if (error)
        frame_give(kernel, frame);
    else
        *out = frame;
    return error;
}

int anon_load(struct kernel *kernel, struct anon *anon, struct frame **out)
{
    if (anon->poisoned)
        return -EIO;
    if (!anon_is_resident(anon))
        return load_from_swap(kernel, anon, out);
    *out = frame_get(&kernel->frames, slot_pfn(anon->slot));
    return 0;
}

void anon_evicted(struct kernel *kernel, struct anon *anon, swap_slot_t swap)
{
    CHECK(anon_is_resident(anon) && swap != SWAP_NONE);
    anon->slot = slot_swap(swap);
    swap_set_owner(kernel, swap, anon);
}

void anon_moved(struct anon *anon, pfn_t pfn)
{
    CHECK(anon_is_resident(anon));
    anon->slot = slot_frame(pfn);
}

void amap_create(struct amap *out)
{
    radix_create(&out->anons);
}

void amap_destroy(struct amap *amap)
{
    CHECK(amap->anons.count == 0);
    radix_destroy(&amap->anons);
}

struct anon *amap_find(const struct amap *amap, uint64_t vpn)
{
    return (struct anon *)(uintptr_t)radix_get(&amap->anons, vpn);
}

void amap_insert(struct amap *amap, uint64_t vpn, struct anon *anon)
{
    DCHECK(!amap_find(amap, vpn));
    radix_set(&amap->anons, vpn, (uint64_t)(uintptr_t)anon);
}

struct anon *amap_remove(struct amap *amap, uint64_t vpn)
{
    struct anon *anon = amap_find(amap, vpn);
    if (anon)
        radix_set(&amap->anons, vpn, 0);
    return anon;
}

bool amap_next(const struct amap *amap, uint64_t *vpn, uint64_t end, struct anon **out)
{
    uint64_t value;
    if (!radix_next(&amap->anons, vpn, end, &value))
        return false;
    *out = (struct anon *)(uintptr_t)value;
    return true;
}

void amap_share(const struct amap *amap, struct amap *other, uint64_t first, uint64_t end)
{
    struct anon *anon;
    for (uint64_t vpn = first; amap_next(amap, &vpn, end, &anon); vpn++)
        amap_insert(other, vpn, anon_get(anon));
}

void amap_drop(struct kernel *kernel, struct amap *amap, uint64_t first, uint64_t end)
{
    struct anon *anon;
    for (uint64_t vpn = first; amap_next(amap, &vpn, end, &anon); vpn++) {
        radix_set(&amap->anons, vpn, 0);
        anon_put(kernel, anon);
    }
}
