// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A machine without a CPU, with a kernel on it, for tests of the memory manager: RAM, the TLB named
 * "tiny", an optional swap disk, and spaces that are made of a page table and private pages only,
 * without regions. rig_touch() is a page fault reduced to anonymous memory.
 */
#ifndef TESTS_UNIT_KERNEL_RIG_H
#define TESTS_UNIT_KERNEL_RIG_H

#include <stdlib.h>
#include <string.h>

#include "kernel/anon.h"
#include "kernel/kernel.h"
#include "kernel/pagetable.h"
#include "kernel/reclaim.h"
#include "kernel/space.h"

struct rig {
    struct machine machine;
    struct counters counters;
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    struct kernel *kernel;
};

struct rig_options {
    uint64_t nframes;   /* 0: the least there can be */
    uint64_t nslots;    /* 0: no swap */
    const char *path;   /* of the swap disk; NULL: temporary */
    const char *policy; /* NULL: clock */
    unsigned levels;    /* 0: 4 */
    enum large_mode large;
    uint64_t hugepages[HUGETLB_SIZES];
    enum readahead_kind readahead;
    const char *tlb; /* NULL: tiny */
};

static inline struct rig *rig_create(struct rig_options options)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct tlb_spec spec;
    struct swapdisk *swap = NULL;
    const char *why;
    assert_non_null(rig);
    rig->machine.now = &rig->counters;
    rig->machine.levels = options.levels ? options.levels : 4;
    uint64_t nframes = options.nframes ? options.nframes : RAM_FRAMES_MIN;
    struct hugetlb_layout layout;
    assert_true(hugetlb_layout(nframes, options.hugepages, &layout));
    assert_int_equal(ram_create(layout.end, &rig->machine.ram), 0);
    assert_int_equal(tlb_spec_parse(options.tlb ? options.tlb : "tiny", &spec, &why), 0);
    assert_int_equal(tlb_create(&spec, rig->machine.ram, rig->front, rig->ifront, &rig->machine.now,
                                &rig->machine.tlb),
                     0);
    if (options.nslots)
        assert_int_equal(swapdisk_create(options.path, options.nslots * PAGE_SIZE, &swap), 0);
    struct kernel_options kernel = {.policy =
                                        policy_find(options.policy ? options.policy : "clock"),
                                    .seed = 1,
                                    .swap = swap,
                                    .readahead = options.readahead,
                                    .large = options.large,
                                    .nframes = nframes};
    memcpy(kernel.hugepages, options.hugepages, sizeof(kernel.hugepages));
    assert_int_equal(kernel_create(&rig->machine, &kernel, &rig->kernel), 0);
    return rig;
}

static inline void rig_destroy(struct rig *rig)
{
    kernel_destroy(rig->kernel);
    tlb_destroy(rig->machine.tlb);
    ram_destroy(rig->machine.ram);
    free(rig);
}

static inline struct space *rig_space(struct rig *rig, uint16_t number)
{
    struct space *space = calloc(1, sizeof(*space));
    assert_non_null(space);
    space->kernel = rig->kernel;
    space->number = number;
    space->refs = 1;
    rangemap_create(&space->regions);
    amap_create(&space->amap);
    pagetable_create(rig->kernel, number, &space->table);
    rig->kernel->spaces[number] = space;
    if (rig->kernel->spaces_end <= number)
        rig->kernel->spaces_end = number + 1u;
    return space;
}

static inline void rig_space_end(struct rig *rig, struct space *space)
{
    pagetable_destroy(rig->kernel, &space->table);
    amap_drop(rig->kernel, &space->amap, 0, UINT64_MAX);
    amap_destroy(&space->amap);
    rig->kernel->spaces[space->number] = NULL;
    free(space);
}

static inline uint8_t *rig_bytes(const struct rig *rig, const struct frame *frame)
{
    return ram_frame(rig->machine.ram, frame_pfn(&rig->kernel->frames, frame));
}

/* One access by the CPU through the TLB. Result: the host address of the byte, NULL: page fault. */
static inline uint8_t *rig_access(struct rig *rig, struct space *space, uint64_t va,
                                  enum mmu_access access)
{
    struct tlb_hit hit;
    tlb_switch(rig->machine.tlb, space->table.root);
    bool found = access == MMU_FETCH ? tlb_fetch(rig->machine.tlb, vaddr(va), &hit)
                                     : tlb_data(rig->machine.tlb, vaddr(va), access, &hit);
    return found ? hit.host : NULL;
}

/* Makes an anonymous page resident. Result: 0, or why not (-ENOMEM, anon_load()'s errors). */
static inline int rig_fault(struct rig *rig, struct space *space, uint64_t va)
{
    struct kernel *kernel = rig->kernel;
    int error = frame_reserve(kernel, PAGETABLE_FRAMES_MAX + 1);
    if (error)
        return error;
    struct anon *anon = amap_find(&space->amap, va >> PAGE_SHIFT);
    struct frame *frame = NULL;
    if (anon) {
        error = anon_load(kernel, anon, &frame);
    } else {
        frame = frame_take_zeroed(kernel, FRAME_ANON);
        amap_insert(&space->amap, va >> PAGE_SHIFT, anon_create(kernel, frame));
    }
    if (!error)
        pagetable_map(kernel, &space->table, vaddr(va & ~PAGE_MASK), frame,
                      PROT_MASK_R | PROT_MASK_W);
    frame_unreserve(kernel);
    return error;
}

/* An access that faults if it must. Result: 0 and the byte's address; or rig_fault()'s error. */
static inline int rig_touch(struct rig *rig, struct space *space, uint64_t va,
                            enum mmu_access access, uint8_t **byte)
{
    int error = 0;
    while (!error && !(*byte = rig_access(rig, space, va, access)))
        error = rig_fault(rig, space, va);
    return error;
}

#endif
