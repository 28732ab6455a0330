// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reclaim, in batches. One batch:
 *
 *   collect   the policy names victims; those that have nowhere to go are left in place. Where
 *             pages of 2 MiB are a unit (LARGE_WHOLE), all of it goes with the first that is named
 *   unmap     everywhere, so that no store can come after the page is written
 *   drop      the clean ones: their swap slot or file has them
 *   write     the dirty ones: anon pages sorted by where they are mapped, so that neighbours get
 *             neighbouring slots; object pages in runs, with dirty neighbours that stay
 *
 * A victim is busy from collect until its frame is given back, or until it could not be written and
 * is active again, still holding its page.
 *
 * Before any of that idle pages go: they are clean, nobody's, and no loss to anybody who runs.
 *
 * Page tables are not victims: they go when their last page does. The exception is a table full of
 * entries for the frame of zeros, which no eviction would ever empty: those are dropped when tables
 * take more than their share of RAM, or when there is nothing else.
 */
#include "kernel/reclaim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "kernel/anon.h"
#include "kernel/object.h"
#include "kernel/pagetable.h"
#include "kernel/rmap.h"
#include "kernel/space.h"
#include "kernel/swap.h"

enum {
    BATCH_MAX = 32,   /* victims collected before the first is written */
    AROUND_MAX = 16,  /* dirty neighbours written along, on each side of a run */
    TABLES_SHARE = 4, /* tables of zeros may stay while tables take less than 1/4 of RAM */
    /* Watermarks, unless the policy is exact: those are 0. */
    LOW_SHARE = 1024,     /* low watermark: RAM / 1024, */
    LOW_MAX = 64,         /*   at most this many frames */
    STEP_SHARE = 64,      /* high watermark: low + RAM / 64, */
    STEP_MIN = 1,         /*   at least and */
    STEP_MAX = BATCH_MAX, /*   at most one batch above it */
};

struct victim {
    struct frame *frame;
    uint64_t group, place; /* sorted by: space and page, or object and index */
};

/* A large page may come on top of a full batch. */
struct batch {
    struct kernel *kernel;
    unsigned count;
    uint64_t promised; /* swap slots that victims of this batch will need */
    bool squeezed_dry; /* no resident page keeps a slot that it could give up */
    struct victim victims[BATCH_MAX + FRAME_BLOCK];
};

/* For speed not an initializer: that would clear all the victims. */
static void batch_create(struct kernel *kernel, struct batch *out)
{
    out->kernel = kernel;
    out->count = 0;
    out->promised = 0;
    out->squeezed_dry = false;
}

static struct anon *frame_anon(const struct frame *frame)
{
    return (struct anon *)(uintptr_t)frame->owner;
}

static struct object *frame_object(const struct frame *frame)
{
    return (struct object *)(uintptr_t)frame->owner;
}

static const uint8_t *frame_bytes(const struct kernel *kernel, const struct frame *frame)
{
    return ram_frame(kernel->machine->ram, frame_pfn(&kernel->frames, frame));
}

/* ---- what is kept ---- */

static const unsigned kept_max = sizeof(((struct kept *)0)->frames) / sizeof(pfn_t);

void reclaim_keep(struct space *space, vaddr_t va)
{
    struct kept *kept = &space->kernel->kept;
    uint64_t entry = pagetable_entry(space->kernel, &space->table, va);
    kept->frames[kept->next] = pte_is_present(entry) ? pte_pfn(entry) : PFN_NONE;
    kept->next = (kept->next + 1) % kept_max;
    kept->any = true;
}

void reclaim_keep_none(struct kernel *kernel)
{
    kernel->kept = (struct kept){.any = false};
}

/* Is one of the frames kept? */
static bool is_kept(const struct kernel *kernel, pfn_t first, unsigned count)
{
    const struct kept *kept = &kernel->kept;
    for (unsigned i = 0; kept->any && i < kept_max; i++)
        if (kept->frames[i] != PFN_NONE && kept->frames[i] - first < count)
            return true;
    return false;
}

/* ---- collecting ---- */

static bool needs_slot(const struct frame *frame)
{
    if (frame->kind == FRAME_ANON)
        return frame->index == SWAP_NONE;
    return !frame_object(frame)->ops->has_home;
}

/* Is there, or can there be made, a slot for one more victim of this batch? */
static bool has_slot(struct batch *batch)
{
    struct kernel *kernel = batch->kernel;
    if (swap_free(kernel) > batch->promised)
        return true;
    if (!batch->squeezed_dry && swap_squeeze(kernel, BATCH_MAX) == 0)
        batch->squeezed_dry = true; /* searching all of RAM again would find nothing */
    return !batch->squeezed_dry;
}

/* Takes the frame into the batch if its page has somewhere to go. */
static void consider(struct batch *batch, struct frame *frame)
{
    if (needs_slot(frame)) {
        if (!has_slot(batch))
            return;
        batch->promised++;
    }
    frame_deactivate(batch->kernel, frame, POLICY_EVICTED);
    batch->victims[batch->count++] = (struct victim){.frame = frame};
}

/* ---- whole large pages ---- */

/* The large page that the frame is part of, if all of it is its space's alone and may go.
 * Result: its first frame, NULL: there is none; *map: where it is mapped. */
static struct frame *whole_page(struct kernel *kernel, struct frame *frame, struct rmap_entry *map)
{
    if (kernel->large != LARGE_WHOLE || frame->kind != FRAME_ANON || frame->nmaps != 1)
        return NULL;
    *map = rmap_get(frame, 0);
    if (!pagetable_is_large(&kernel->spaces[map->space]->table, map->va))
        return NULL;
    map->va.v &= ~((uint64_t)FRAME_BLOCK * PAGE_SIZE - 1);
    struct frame *first = frame - frame_pfn(&kernel->frames, frame) % FRAME_BLOCK;
    if (is_kept(kernel, frame_pfn(&kernel->frames, first), FRAME_BLOCK))
        return NULL;
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        if (first[i].nmaps != 1 || frame_anon(&first[i])->refs != 1 ||
            !policy_contains(&kernel->policy, frame_pfn(&kernel->frames, &first[i])))
            return NULL;
    return first;
}

/* Are there slots for all of them, or can there be made? Then they are promised. */
static bool promise_slots(struct batch *batch, const struct frame *first)
{
    struct kernel *kernel = batch->kernel;
    uint64_t wanted = batch->promised;
    for (unsigned i = 0; i < FRAME_BLOCK; i++)
        wanted += needs_slot(&first[i]);
    while (swap_free(kernel) < wanted && !batch->squeezed_dry)
        if (swap_squeeze(kernel, (unsigned)(wanted - swap_free(kernel))) == 0)
            batch->squeezed_dry = true;
    if (swap_free(kernel) < wanted)
        return false;
    batch->promised = wanted;
    return true;
}

/* Takes all pages of the large one into the batch that the frame is part of. Result: false: it is
 * part of none that can go as a whole. */
static bool consider_whole(struct batch *batch, struct frame *frame)
{
    struct kernel *kernel = batch->kernel;
    struct rmap_entry map;
    struct frame *first = whole_page(kernel, frame, &map);
    if (!first || batch->count > BATCH_MAX || !promise_slots(batch, first))
        return false;
    pagetable_unmap_range(kernel, &kernel->spaces[map.space]->table, map.va,
                          vaddr(map.va.v + (uint64_t)FRAME_BLOCK * PAGE_SIZE));
    for (unsigned i = 0; i < FRAME_BLOCK; i++) {
        frame_deactivate(kernel, &first[i], POLICY_EVICTED);
        batch->victims[batch->count++] = (struct victim){
            .frame = &first[i], .group = map.space, .place = map.va.v + i * (uint64_t)PAGE_SIZE};
    }
    kernel->machine->now->large_evictions++;
    return true;
}

/* Asks the policy for up to `want` victims; *attempts bounds how often it is asked. */
static void collect(struct batch *batch, unsigned want, uint64_t *attempts)
{
    struct kernel *kernel = batch->kernel;
    for (; batch->count < want && *attempts != 0; --*attempts) {
        pfn_t pfn = policy_victim(&kernel->policy);
        if (pfn == PFN_NONE)
            return;
        struct frame *frame = frame_get(&kernel->frames, pfn);
        if (is_kept(kernel, pfn, 1))
            continue;
        if (!consider_whole(batch, frame))
            consider(batch, frame);
    }
}

/* ---- unmapping and dropping ---- */

/* The number of the first victim that has the same owner: orders by object without depending on
 * host addresses, so that the same run writes in the same order. */
static uint64_t first_of_owner(const struct batch *batch, const struct frame *frame)
{
    unsigned i = 0;
    while (batch->victims[i].frame->owner != frame->owner)
        i++;
    return i;
}

static void locate(const struct batch *batch, struct victim *victim)
{
    const struct frame *frame = victim->frame;
    if (frame->kind == FRAME_OBJECT) {
        victim->group = first_of_owner(batch, frame);
        victim->place = frame->index;
    } else if (frame->nmaps > 0) {
        struct rmap_entry map = rmap_get(frame, 0);
        victim->group = map.space;
        victim->place = map.va.v;
    }
}

static void unmap_all(struct batch *batch)
{
    for (unsigned i = 0; i < batch->count; i++) {
        locate(batch, &batch->victims[i]);
        pagetable_unmap_frame(batch->kernel, batch->victims[i].frame);
    }
}

static void give(struct kernel *kernel, struct frame *frame)
{
    kernel->machine->now->readahead_wasted += (frame->flags & FRAME_AHEAD) != 0;
    frame_give(kernel, frame);
    kernel->machine->now->reclaims++;
}

static bool needs_write(const struct frame *frame)
{
    return (frame->flags & FRAME_DIRTY) || needs_slot(frame);
}

static void drop_clean(struct kernel *kernel, struct frame *frame)
{
    if (frame->kind == FRAME_ANON) {
        anon_evicted(kernel, frame_anon(frame), (swap_slot_t)frame->index);
        frame->index = SWAP_NONE;
    } else {
        object_evicted(kernel, frame_object(frame), frame->index, slot_absent());
    }
    give(kernel, frame);
}

/* Drops the clean victims and keeps the others, anon pages first, each kind in order of place. */
static void drop_all_clean(struct batch *batch)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < batch->count; i++) {
        if (needs_write(batch->victims[i].frame))
            batch->victims[kept++] = batch->victims[i];
        else
            drop_clean(batch->kernel, batch->victims[i].frame);
    }
    batch->count = kept;
}

static int compare_victims(const void *left, const void *right)
{
    const struct victim *a = left, *b = right;
    if (a->frame->kind != b->frame->kind)
        return a->frame->kind < b->frame->kind ? -1 : 1;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return a->frame < b->frame ? -1 : a->frame > b->frame;
}

/* ---- writing anon pages ---- */

/* Writes neighbours in order to slots from `first` on. On an error nothing is changed but that the
 * slots are given back. */
static int write_anons_at(struct kernel *kernel, struct victim *victims, unsigned count,
                          swap_slot_t first)
{
    CHECK(count > 0 && count <= BATCH_MAX);
    const uint8_t *pages[BATCH_MAX] = {NULL};
    for (unsigned i = 0; i < count; i++)
        pages[i] = frame_bytes(kernel, victims[i].frame);
    int error = swap_write(kernel, first, count, pages);
    for (unsigned i = 0; i < count; i++) {
        if (error) {
            swap_give(kernel, first + i);
        } else {
            anon_evicted(kernel, frame_anon(victims[i].frame), first + i);
            give(kernel, victims[i].frame);
        }
    }
    return error;
}

/* A page that no slot takes stays where it is. */
static void write_anon_alone(struct kernel *kernel, struct victim *victim)
{
    swap_slot_t slot;
    if (swap_take(kernel, 1, &slot) == 0 || write_anons_at(kernel, victim, 1, slot))
        frame_activate(kernel, victim->frame);
}

static void write_anons(struct kernel *kernel, struct victim *victims, unsigned count)
{
    swap_slot_t first;
    for (unsigned i = 0; i < count; i++) {
        struct frame *frame = victims[i].frame;
        if (frame->index != SWAP_NONE) /* an outdated copy */
            swap_give(kernel, (swap_slot_t)frame->index);
        frame->index = SWAP_NONE;
        frame->flags |= FRAME_DIRTY;
    }
    for (unsigned done = 0; done < count;) {
        unsigned left = count - done;
        unsigned got = swap_take(kernel, left < BATCH_MAX ? left : BATCH_MAX, &first);
        if (got > 0 && write_anons_at(kernel, victims + done, got, first) == 0) {
            done += got;
            continue;
        }
        unsigned end = done + (got > 0 ? got : 1);
        while (done < end)
            write_anon_alone(kernel, &victims[done++]);
    }
}

/* ---- writing object pages ---- */

/* A run of neighbouring pages of one object: dirty ones that stay, around victims. */
struct run {
    struct object *object;
    uint64_t index; /* of the first page */
    unsigned count;
    struct frame *frames[BATCH_MAX + 2 * AROUND_MAX];
};

/* The page at the index if it may be written along; then no store to it can be missed. */
static struct frame *dirty_neighbour(struct kernel *kernel, const struct object *object,
                                     uint64_t index)
{
    struct frame *frame = object_resident(kernel, object, index);
    if (!frame || frame_is_busy(frame) || !pagetable_frame_is_dirty(kernel, frame))
        return NULL;
    pagetable_clean_frame(kernel, frame);
    return frame;
}

static void widen_down(struct kernel *kernel, struct run *run)
{
    struct frame *found[AROUND_MAX];
    unsigned count = 0;
    while (count < AROUND_MAX && run->index > count) {
        struct frame *frame = dirty_neighbour(kernel, run->object, run->index - count - 1);
        if (!frame)
            break;
        found[count++] = frame;
    }
    for (unsigned i = 0; i < count; i++)
        run->frames[i] = found[count - 1 - i];
    run->count = count;
    run->index -= count;
}

static void widen_up(struct kernel *kernel, struct run *run)
{
    for (unsigned i = 0; i < AROUND_MAX; i++) {
        struct frame *frame = dirty_neighbour(kernel, run->object, run->index + run->count);
        if (!frame)
            return;
        run->frames[run->count++] = frame;
    }
}

/* Neighbours among the victims, and around them. Result: how many victims. */
static unsigned make_run(struct kernel *kernel, const struct victim *victims, unsigned count,
                         struct run *run)
{
    unsigned n = 1;
    while (n < count && victims[n].group == victims[0].group &&
           victims[n].place == victims[0].place + n)
        n++;
    *run = (struct run){.object = frame_object(victims[0].frame), .index = victims[0].place};
    if (run->object->ops->has_home)
        widen_down(kernel, run);
    for (unsigned i = 0; i < n; i++)
        run->frames[run->count++] = victims[i].frame;
    if (run->object->ops->has_home)
        widen_up(kernel, run);
    return n;
}

/* The page is on disk, in `slot`: a victim's frame is free, a neighbour is clean. */
static void finish_object_page(struct kernel *kernel, struct object *object, struct frame *frame,
                               slot_t slot)
{
    frame->flags &= (uint8_t)~FRAME_DIRTY;
    if (!frame_is_busy(frame))
        return;
    object_evicted(kernel, object, frame->index, slot);
    give(kernel, frame);
}

/* Writes as much of the run as the object takes; what it does not take stays dirty and active. */
static void write_run(struct kernel *kernel, struct run *run)
{
    unsigned done = 0;
    while (done < run->count) {
        const uint8_t *pages[BATCH_MAX + 2 * AROUND_MAX];
        for (unsigned i = done; i < run->count; i++)
            pages[i - done] = frame_bytes(kernel, run->frames[i]);
        slot_t slot;
        int written = run->object->ops->page_out(kernel, run->object, run->index + done,
                                                 run->count - done, pages, &slot);
        if (written <= 0)
            break;
        bool swapped = slot_kind(slot) == SLOT_SWAP;
        for (int i = 0; i < written; i++, done++)
            finish_object_page(kernel, run->object, run->frames[done],
                               swapped ? slot_swap(slot_swap_slot(slot) + (unsigned)i) : slot);
    }
    for (; done < run->count; done++) {
        if (frame_is_busy(run->frames[done]))
            frame_activate(kernel, run->frames[done]);
    }
}

static void write_objects(struct kernel *kernel, const struct victim *victims, unsigned count)
{
    struct run run;
    for (unsigned done = 0; done < count;) {
        done += make_run(kernel, victims + done, count - done, &run);
        write_run(kernel, &run);
    }
}

/* ---- the whole ---- */

/* => the batch's victims are busy. Afterwards each is either free or active again. */
static void evict(struct batch *batch)
{
    unsigned nanon = 0;
    unmap_all(batch);
    drop_all_clean(batch);
    qsort(batch->victims, batch->count, sizeof(batch->victims[0]), compare_victims);
    while (nanon < batch->count && batch->victims[nanon].frame->kind == FRAME_ANON)
        nanon++;
    write_anons(batch->kernel, batch->victims, nanon);
    write_objects(batch->kernel, batch->victims + nanon, batch->count - nanon);
    batch->count = 0;
    batch->promised = 0;
}

/* Drops tables of zeros until enough frames are free or there are none left. */
static void drop_tables_of_zeros(struct kernel *kernel, uint64_t target)
{
    struct frame_table *table = &kernel->frames;
    while (table->nzero_tables > 0 && table->nfree < target) {
        if (++kernel->tables_hand >= table->fresh)
            kernel->tables_hand = 1;
        pagetable_drop_zeros(kernel, frame_get(table, kernel->tables_hand));
    }
}

/* Drops pages of files that nobody has, the oldest first. */
static void drop_idle(struct kernel *kernel, uint64_t target)
{
    struct frame_table *table = &kernel->frames;
    while (table->nidle > 0 && table->nfree < target) {
        struct frame *frame = frame_get(table, table->idle_first);
        object_evicted(kernel, frame_object(frame), frame->index, slot_absent());
        frame_give(kernel, frame);
    }
}

static void reclaim(struct kernel *kernel, uint64_t target)
{
    struct frame_table *table = &kernel->frames;
    uint64_t attempts = 2 * kernel->policy.ninserted + BATCH_MAX;
    drop_idle(kernel, target);
    if (table->nfree >= target)
        return;
    if (kernel->policy.stamps)
        tlb_sync_stamps(kernel->machine->tlb);
    if (table->ntables > table->nframes / TABLES_SHARE)
        drop_tables_of_zeros(kernel, target);
    struct batch batch;
    batch_create(kernel, &batch);
    while (table->nfree < target) {
        uint64_t missing = target - table->nfree;
        collect(&batch, missing < BATCH_MAX ? (unsigned)missing : BATCH_MAX, &attempts);
        if (batch.count == 0)
            break;
        evict(&batch);
    }
    drop_tables_of_zeros(kernel, target);
}

static uint64_t low_mark(const struct kernel *kernel)
{
    uint64_t mark = kernel->frames.nframes / LOW_SHARE;
    if (kernel->policy.ops->is_exact)
        return 0;
    return mark < LOW_MAX ? mark : LOW_MAX;
}

static uint64_t high_mark(const struct kernel *kernel)
{
    uint64_t step = kernel->frames.nframes / STEP_SHARE;
    if (kernel->policy.ops->is_exact)
        return 0;
    if (step < STEP_MIN)
        step = STEP_MIN;
    return low_mark(kernel) + (step < STEP_MAX ? step : STEP_MAX);
}

static void explain_exhaustion(struct kernel *kernel)
{
    if (kernel->trouble[0])
        return; /* it says more */
    if (!kernel->swap)
        snprintf(kernel->trouble, sizeof(kernel->trouble),
                 "out of memory: %" PRIu64 " frames of RAM are in use and there is no swap",
                 frame_in_use(&kernel->frames));
    else
        snprintf(kernel->trouble, sizeof(kernel->trouble),
                 "out of memory: %" PRIu64 " frames of RAM and %" PRIu64 " of %" PRIu64
                 " swap slots are in use",
                 frame_in_use(&kernel->frames), swapdisk_used(kernel->swap),
                 swapdisk_slots(kernel->swap));
}

int frame_reserve_for_comfort(struct kernel *kernel, unsigned count)
{
    struct frame_table *table = &kernel->frames;
    table->reserved = 0;
    if (table->nfree < count + low_mark(kernel)) {
        reclaim(kernel, count + high_mark(kernel));
        XCHECK(kernel_is_valid(kernel));
    }
    if (table->nfree < count)
        return -ENOMEM;
    table->reserved = count;
    return 0;
}

int frame_reserve(struct kernel *kernel, unsigned count)
{
    struct frame_table *table = &kernel->frames;
    if (frame_reserve_for_comfort(kernel, count) == 0)
        return 0;
    if (table->nfree < count && swap_retry(kernel))
        reclaim(kernel, count);
    if (table->nfree < count) {
        explain_exhaustion(kernel);
        return -ENOMEM;
    }
    table->reserved = count;
    return 0;
}

bool frame_reserve_more(struct kernel *kernel, unsigned count)
{
    struct frame_table *table = &kernel->frames;
    uint64_t wanted = table->reserved + count;
    if (table->nfree < wanted + low_mark(kernel))
        reclaim(kernel, wanted + high_mark(kernel));
    if (table->nfree < wanted)
        return false;
    table->reserved = wanted;
    return true;
}

bool frame_reserve_spare(struct kernel *kernel, unsigned count)
{
    struct frame_table *table = &kernel->frames;
    if (table->nfree + table->nidle < count + low_mark(kernel))
        return false;
    drop_idle(kernel, count + low_mark(kernel));
    table->reserved = count;
    return true;
}

void frame_unreserve(struct kernel *kernel)
{
    kernel->frames.reserved = 0;
    XCHECK(kernel_is_valid(kernel));
}

bool reclaim_costs_write(const struct kernel *kernel, const struct frame *frame)
{
    return needs_write(frame) || pagetable_frame_is_dirty(kernel, frame);
}

bool reclaim_frame(struct kernel *kernel, struct frame *frame)
{
    struct batch batch;
    batch_create(kernel, &batch);
    if (!policy_contains(&kernel->policy, frame_pfn(&kernel->frames, frame)))
        return false; /* F3: it is none that may go */
    if (!consider_whole(&batch, frame))
        consider(&batch, frame);
    if (batch.count == 0)
        return false;
    evict(&batch);
    return frame->kind == FRAME_FREE;
}
