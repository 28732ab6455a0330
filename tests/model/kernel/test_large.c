// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Large pages against a naive model: a few processes share nothing but their ancestry, each with an
 * array that says of each page of four times 2 MiB whether it is mapped, may be stored to, and what
 * byte it holds. Random verbs are done to both; stores come in runs, so that large pages are made,
 * then a verb takes a part of one away, restricts it, forks it, or evicts it. Every access goes
 * through the TLB and must give the model's byte or the model's fault.
 *
 * MODEL_STEPS and MODEL_SEED in the environment change how long and where it starts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../../unit/kernel/rig.h"
#include "kernel/collapse.h"
#include "kernel/compact.h"
#include "kernel/fault.h"
#include "kernel/reclaim.h"
#include "kernel/space.h"

enum {
    ARENA = 4 * FRAME_BLOCK,
    PROCS = 3,
    CHECK_EVERY = 50,
#ifdef PW_XCHECK
    STEPS = 1200, /* everything is checked after every event */
#else
    STEPS = 40000,
#endif
};
#define BASE ((uint64_t)0x7f0000000000)

struct page {
    bool mapped, writable;
    uint8_t byte;
};

struct proc {
    struct space *space; /* NULL: it does not live */
    struct page pages[ARENA];
};

struct model {
    struct rig *rig;
    uint64_t random;
    struct proc *proc; /* whose turn it is */
    struct proc procs[PROCS];
};

static unsigned draw(struct model *m, unsigned below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (unsigned)(m->random >> 33) % below;
}

static uint64_t address(unsigned page)
{
    return BASE + (uint64_t)page * PAGE_SIZE;
}

/* Pages of one, of some, or of whole large pages. */
static void draw_range(struct model *m, unsigned *first, unsigned *n)
{
    switch (draw(m, 4)) {
    case 0:
        *n = FRAME_BLOCK * (1 + draw(m, 2));
        *first = draw(m, 3) * FRAME_BLOCK;
        return;
    case 1:
        *n = 1;
        *first = draw(m, ARENA);
        return;
    default:
        *n = 1 + draw(m, 600);
        *first = draw(m, ARENA - *n);
    }
}

/* ---- accesses ---- */

/* One byte of the page, through the TLB, with the faults that it takes. */
static void access_page(struct model *m, unsigned i, enum mmu_access access)
{
    struct page *page = &m->proc->pages[i];
    bool allowed = page->mapped && (access == MMU_LOAD || page->writable);
    uint8_t *byte;
    while (!(byte = rig_access(m->rig, m->proc->space, address(i) + 77, access))) {
        enum fault_result result = fault_handle(m->proc->space, vaddr(address(i) + 77), access);
        if (!allowed) {
            assert_int_equal(result, page->mapped ? FAULT_SEGV_ACCERR : FAULT_SEGV_MAPERR);
            return;
        }
        assert_int_equal(result, FAULT_DONE);
    }
    assert_true(allowed);
    assert_int_equal(*byte, page->byte);
    if (access == MMU_STORE)
        *byte = page->byte = (uint8_t)draw(m, 256);
}

static void do_accesses(struct model *m)
{
    unsigned first = draw(m, ARENA), n = 1 + draw(m, 64), step = 1 + draw(m, 30);
    enum mmu_access access = draw(m, 3) ? MMU_STORE : MMU_LOAD;
    for (unsigned i = first; n > 0 && i < ARENA; n--, i += step)
        access_page(m, i, access);
}

/* ---- verbs ---- */

static void do_map(struct model *m)
{
    unsigned first, n;
    vaddr_t at;
    draw_range(m, &first, &n);
    struct space_map_request request = {.addr = vaddr(address(first)),
                                        .len = (uint64_t)n * PAGE_SIZE,
                                        .prot = PROT_MASK_R | PROT_MASK_W,
                                        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
                                        .flags = SPACE_MAP_FIXED};
    if (m->rig->kernel->large == LARGE_MADVISE && draw(m, 2))
        request.region_flags = REGION_HUGEPAGE; /* as if advised: few are by chance */
    assert_int_equal(space_map(m->proc->space, &request, &at), 0);
    for (unsigned i = first; i < first + n; i++)
        m->proc->pages[i] = (struct page){.mapped = true, .writable = true};
}

static void do_unmap(struct model *m)
{
    unsigned first, n;
    draw_range(m, &first, &n);
    assert_int_equal(space_unmap(m->proc->space, vaddr(address(first)), (uint64_t)n * PAGE_SIZE),
                     0);
    memset(&m->proc->pages[first], 0, n * sizeof(struct page));
}

/* All pages of the range are mapped? */
static bool is_whole(const struct model *m, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        if (!m->proc->pages[i].mapped)
            return false;
    }
    return true;
}

static void do_protect(struct model *m)
{
    unsigned first, n;
    draw_range(m, &first, &n);
    if (!is_whole(m, first, n))
        return;
    bool writable = draw(m, 2);
    assert_int_equal(space_protect(m->proc->space, vaddr(address(first)), (uint64_t)n * PAGE_SIZE,
                                   PROT_MASK_R | (writable ? PROT_MASK_W : 0)),
                     0);
    for (unsigned i = first; i < first + n; i++)
        m->proc->pages[i].writable = writable;
}

static void do_advise(struct model *m)
{
    static const int advices[] = {MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_PAGEOUT};
    unsigned first, n;
    draw_range(m, &first, &n);
    if (!is_whole(m, first, n))
        return;
    int advice = advices[draw(m, 4)];
    assert_int_equal(
        space_advise(m->proc->space, vaddr(address(first)), (uint64_t)n * PAGE_SIZE, advice), 0);
    for (unsigned i = first; advice == MADV_DONTNEED && i < first + n; i++)
        m->proc->pages[i].byte = 0;
}

static void do_fork(struct model *m)
{
    struct proc *child = &m->procs[draw(m, PROCS)];
    if (child->space)
        return;
    *child = *m->proc;
    assert_int_equal(space_fork(m->proc->space, &child->space), 0);
}

static void do_end(struct model *m)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < PROCS; i++)
        alive += m->procs[i].space != NULL;
    if (alive < 2)
        return;
    space_put(m->proc->space);
    m->proc->space = NULL;
}

static void do_evict(struct model *m)
{
    struct kernel *kernel = m->rig->kernel;
    for (unsigned i = 0; i < 8; i++) {
        pfn_t pfn = 1 + draw(m, (unsigned)kernel->frames.fresh - 1);
        struct frame *frame = frame_get(&kernel->frames, pfn);
        if (frame->kind != FRAME_ANON)
            continue;
        if (draw(m, 3))
            pagetable_test_clear_accessed(kernel, frame);
        else
            reclaim_frame(kernel, frame);
    }
}

static void do_compact(struct model *m)
{
    if (draw(m, 4) == 0)
        compact_block(m->rig->kernel);
}

static void do_collapse(struct model *m)
{
    collapse_tick(m->rig->kernel, COLLAPSE_PERIOD);
}

static void step(struct model *m)
{
    static void (*const verbs[])(struct model *) = {do_map,    do_unmap,   do_protect,
                                                    do_advise, do_fork,    do_end,
                                                    do_evict,  do_compact, do_collapse};
    do
        m->proc = &m->procs[draw(m, PROCS)];
    while (!m->proc->space);
    if (draw(m, 3))
        do_accesses(m);
    else
        verbs[draw(m, sizeof(verbs) / sizeof(verbs[0]))](m);
}

/* ---- runs ---- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

struct config {
    uint64_t nframes;
    const char *policy, *tlb;
    enum large_mode large;
};

static void run(const struct config *config, uint64_t seed, uint64_t steps)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->random = seed * 0x9e3779b97f4a7c15u + 1;
    m->rig = rig_create((struct rig_options){.nframes = config->nframes,
                                             .nslots = PROCS * ARENA,
                                             .policy = config->policy,
                                             .large = config->large,
                                             .tlb = config->tlb});
    assert_int_equal(space_create(m->rig->kernel, &m->procs[0].space), 0);
    for (uint64_t i = 1; i <= steps; i++) {
        step(m);
        if (i % CHECK_EVERY == 0)
            assert_true(kernel_is_valid(m->rig->kernel) && tlb_is_valid(m->rig->machine.tlb));
    }
    const struct counters *c = &m->rig->counters;
    print_message("%" PRIu64 " frames, policy %s, tlb %s: %" PRIu64 " large pages made, %" PRIu64
                  " split, %" PRIu64 " pages reclaimed, %" PRIu64 " moved, %" PRIu64
                  " collapsed, %" PRIu64 " evicted and %" PRIu64 " read whole\n",
                  config->nframes, config->policy, config->tlb, c->large_faults, c->large_splits,
                  c->reclaims, c->compact_moves, c->large_collapses, c->large_evictions,
                  c->large_loads);
    assert_true(c->large_faults + c->large_collapses > steps / 5000 &&
                c->large_splits >= steps / 8000);
    for (unsigned i = 0; i < PROCS; i++) {
        if (m->procs[i].space)
            space_put(m->procs[i].space);
    }
    assert_int_equal(m->rig->kernel->pages_live, 0);
    rig_destroy(m->rig);
    free(m);
}

static void test_against_model(void **state)
{
    static const struct config configs[] = {
        {8192, "clock", "skylake", LARGE_ALWAYS}, {3000, "clock", "tiny", LARGE_ALWAYS},
        {3000, "clock", "skylake", LARGE_WHOLE},  {6000, "lru", "zen4", LARGE_WHOLE},
        {3000, "arc", "tiny", LARGE_WHOLE},       {2000, "random", "skylake", LARGE_WHOLE},
        {3000, "lru", "skylake", LARGE_ALWAYS},   {2000, "fifo", "zen4", LARGE_ALWAYS},
        {1200, "random", "tiny", LARGE_ALWAYS},   {8192, "clock", "zen4", LARGE_MADVISE}};
    uint64_t steps = setting("MODEL_STEPS", STEPS), seed = setting("MODEL_SEED", 1);
    for (unsigned i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        run(&configs[i], seed + i, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
