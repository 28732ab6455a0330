// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making and unmaking the memory manager, and what it keeps for all its parts: the frame of zeros,
 * the policy with the answers it may ask for, the count of pages. What the parts do is theirs.
 */
#include "kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "kernel/object.h"
#include "kernel/pagetable.h"
#include "kernel/reclaim.h"

static bool env_test_clear_accessed(void *ctx, pfn_t pfn)
{
    struct kernel *kernel = ctx;
    return pagetable_test_clear_accessed(kernel, frame_get(&kernel->frames, pfn));
}

static uint64_t env_last_access(void *ctx, pfn_t pfn)
{
    const struct kernel *kernel = ctx;
    return kernel->policy.stamps[pfn];
}

static bool env_is_dirty(void *ctx, pfn_t pfn)
{
    const struct kernel *kernel = ctx;
    return reclaim_costs_write(kernel, frame_get(&kernel->frames, pfn));
}

static size_t stamps_len(const struct kernel *kernel)
{
    return kernel->machine->ram->nframes * sizeof(*kernel->policy.stamps);
}

/* Result: -ENOMEM and nothing made. */
static int create_policy(struct kernel *kernel, const struct policy_ops *ops, uint64_t seed)
{
    struct policy_env env = {
        .ctx = kernel,
        .nframes = kernel->frames.nframes,
        .seed = seed,
        .test_clear_accessed = env_test_clear_accessed,
        .last_access = env_last_access,
        .is_dirty = env_is_dirty,
    };
    int error = policy_create(ops, &env, &kernel->policy);
    if (error || !ops->wants_stamps)
        return error;
    kernel->policy.stamps = lazy_create(stamps_len(kernel));
    if (!kernel->policy.stamps) {
        policy_destroy(&kernel->policy);
        return -ENOMEM;
    }
    tlb_track_stamps(kernel->machine->tlb, kernel->policy.stamps);
    return 0;
}

static void destroy_policy(struct kernel *kernel)
{
    if (kernel->policy.stamps)
        tlb_track_stamps(kernel->machine->tlb, NULL);
    lazy_destroy(kernel->policy.stamps, stamps_len(kernel));
    policy_destroy(&kernel->policy);
}

/* Of clusters of slots the owners must be known. */
static size_t owners_len(const struct kernel_options *options)
{
    bool is_needed = options->swap && options->readahead == READAHEAD_CLUSTER;
    return is_needed ? (swapdisk_slots(options->swap) + 1) * sizeof(struct anon *) : 0;
}

static int create_frames(struct kernel *kernel, const struct kernel_options *options,
                         uint64_t nframes)
{
    size_t len = owners_len(options);
    if (len && !(kernel->swap_owners = lazy_create(len)))
        return -ENOMEM;
    int error = frame_table_create(nframes, &kernel->frames);
    if (!error && (error = create_policy(kernel, options->policy, options->seed)))
        frame_table_destroy(&kernel->frames);
    if (error)
        lazy_destroy(kernel->swap_owners, len);
    return error;
}

static void create_zero_frame(struct kernel *kernel)
{
    kernel->frames.reserved = 1;
    kernel->zero_pfn = frame_pfn(&kernel->frames, frame_take_zeroed(kernel, FRAME_ZERO));
}

int kernel_create(struct machine *machine, const struct kernel_options *options,
                  struct kernel **out)
{
    if (options->policy->needs_future)
        return -EINVAL;
    struct hugetlb_layout layout;
    uint64_t nframes = options->nframes ? options->nframes : machine->ram->nframes;
    CHECK(hugetlb_layout(nframes, options->hugepages, &layout) &&
          layout.end <= machine->ram->nframes);
    struct kernel *kernel = x_calloc(1, sizeof(*kernel));
    kernel->machine = machine;
    int error = create_frames(kernel, options, layout.nframes);
    if (error) {
        free(kernel);
        return error;
    }
    kernel->swap = options->swap;
    kernel->readahead = options->readahead;
    kernel->large = options->large;
    if (kernel->large != LARGE_NEVER || layout.nframes < nframes)
        tlb_expect_large(machine->tlb);
    if (kernel->large != LARGE_NEVER)
        buddy_want_blocks(&kernel->frames);
    commit_create(options->overcommit, layout.nframes,
                  kernel->swap ? swapdisk_slots(kernel->swap) : 0, &kernel->commit);
    kernel->spaces = x_calloc(KERNEL_SPACES_MAX, sizeof(*kernel->spaces));
    kernel->space_lowest = kernel->spaces_end = 1;
    kernel->gauges.frames_total = nframes;
    hugetlb_pools_create(kernel, &layout, options->hugepages);
    create_zero_frame(kernel);
    *out = kernel;
    return 0;
}

void kernel_destroy(struct kernel *kernel)
{
    if (!kernel)
        return;
    object_end_resting(kernel);
    CHECK(frame_in_use(&kernel->frames) == 1 + kernel->frames.nset_aside); /* the frame of zeros */
    hugetlb_pools_destroy(kernel);
    if (kernel->swap_owners)
        lazy_destroy(kernel->swap_owners,
                     (swapdisk_slots(kernel->swap) + 1) * sizeof(struct anon *));
    if (kernel->swap)
        swapdisk_destroy(kernel->swap);
    destroy_policy(kernel);
    frame_table_destroy(&kernel->frames);
    free(kernel->spaces);
    free(kernel);
}

void kernel_pages_born(struct kernel *kernel, uint64_t npages)
{
    kernel->pages_live += npages;
    if (kernel->pages_live > kernel->gauges.pages_peak)
        kernel->gauges.pages_peak = kernel->pages_live;
}

void kernel_pages_dead(struct kernel *kernel, uint64_t npages)
{
    CHECK(kernel->pages_live >= npages);
    kernel->pages_live -= npages;
}
