// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Spaces against a naive model: for each process an array of pages, each with what mmap, mprotect
 * and the rest have said about it and the bytes it should hold; a fork copies the array. Random
 * verbs are done to both, by a process drawn at random, in RAM so small that pages come and go all
 * the time; every access must give the model's byte or the model's fault, and the regions must be
 * the runs of like pages.
 *
 * MODEL_STEPS and MODEL_SEED in the environment change how long and where it starts, MODEL_CHECK
 * the steps between checks of whole structures; MODEL_TRACE prints each step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../unit/kernel/rig.h"
#include "kernel/fault.h"
#include "kernel/uaccess.h"

enum {
    ARENA = 160, /* pages, just below SPACE_MMAP_TOP */
    CELLS = 8,   /* bytes of a page that are looked at, 512 apart */
    OBJECTS = 4, /* 0, 1: files; 2, 3: shared memory */
    FILES = 2,
    OBJECT_PAGES = 40,
    PROCS = 8,       /* at most */
    LOCK_LIMIT = 12, /* pages */
    LEN_MAX = 24,    /* pages of most ranges */
};
#define BASE (SPACE_MMAP_TOP - (uint64_t)ARENA * PAGE_SIZE)

struct page {
    bool mapped, shared, locked, on_fault, charged, noreserve, dont_fork, wiped, has_copy;
    unsigned prot, max_prot;
    int object; /* -1: none */
    unsigned index;
    uint8_t cells[CELLS]; /* if has_copy */
};

struct proc {
    struct space *space; /* NULL: it does not live */
    bool lock_future;
    struct page pages[ARENA];
};

struct model {
    struct rig *rig;
    uint64_t random;
    struct proc *proc;                 /* whose turn it is */
    unsigned nprocs;                   /* that may live at once */
    uint64_t forks, ends, rests, kept; /* kept: pages that were still cached after a rest */
    struct proc procs[PROCS];
    uint8_t data[OBJECTS][OBJECT_PAGES][CELLS];
    uint64_t len[OBJECTS]; /* bytes */
    int fd[FILES];
    char *path[FILES]; /* only files with a name rest */
    struct object *objects[OBJECTS];
};

static uint64_t draw(struct model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % below;
}

static bool chance(struct model *m, unsigned percent)
{
    return draw(m, 100) < percent;
}

static vaddr_t at(unsigned page)
{
    return vaddr(BASE + (uint64_t)page * PAGE_SIZE);
}

static uint64_t cell_offset(unsigned cell)
{
    return cell * 512 + 5;
}

/* ---- what the model says ---- */

static bool beyond_end(const struct model *m, const struct page *p)
{
    return p->object >= 0 && (uint64_t)p->index * PAGE_SIZE >= m->len[p->object];
}

static bool may(const struct page *p, enum mmu_access access)
{
    return access == MMU_STORE   ? p->prot & PROT_MASK_W
           : access == MMU_FETCH ? p->prot & PROT_MASK_X
                                 : p->prot != 0;
}

static enum fault_result expect_access(const struct model *m, const struct page *p,
                                       enum mmu_access access)
{
    if (!p->mapped)
        return FAULT_SEGV_MAPERR;
    if (!may(p, access))
        return FAULT_SEGV_ACCERR;
    return !p->has_copy && beyond_end(m, p) ? FAULT_BUS_ADRERR : FAULT_DONE;
}

static uint8_t *cell_of(struct model *m, struct page *p, unsigned cell)
{
    static uint8_t zero;
    zero = 0;
    if (p->has_copy)
        return &p->cells[cell];
    return p->object >= 0 ? &m->data[p->object][p->index][cell] : &zero;
}

static void make_copy(struct model *m, struct page *p)
{
    uint8_t cells[CELLS];
    if (p->shared || p->has_copy)
        return;
    for (unsigned c = 0; c < CELLS; c++)
        cells[c] = *cell_of(m, p, c);
    memcpy(p->cells, cells, sizeof(cells));
    p->has_copy = true;
}

/* As a populate would; false at the first page that cannot be. */
static bool populate(struct model *m, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        struct page *p = &m->proc->pages[i];
        bool stores = !p->shared && (p->prot & PROT_MASK_W);
        if (expect_access(m, p, stores ? MMU_STORE : MMU_LOAD) != FAULT_DONE)
            return false;
        if (stores)
            make_copy(m, p);
    }
    return true;
}

static bool alike(const struct page *a, const struct page *b)
{
    return a->mapped && b->mapped && a->shared == b->shared && a->locked == b->locked &&
           a->on_fault == b->on_fault && a->charged == b->charged && a->noreserve == b->noreserve &&
           a->dont_fork == b->dont_fork && a->wiped == b->wiped && a->prot == b->prot &&
           a->max_prot == b->max_prot && a->object == b->object &&
           (a->object < 0 || a->index + 1 == b->index);
}

static unsigned run_end(const struct model *m, unsigned page)
{
    while (page + 1 < ARENA && alike(&m->proc->pages[page], &m->proc->pages[page + 1]))
        page++;
    return page + 1;
}

static bool covered(const struct model *m, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++)
        if (!m->proc->pages[i].mapped)
            return false;
    return true;
}

static unsigned count_locked(const struct model *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ARENA; i++)
        n += m->proc->pages[i].mapped && m->proc->pages[i].locked;
    return n;
}

/* The highest gap of n pages in the arena; ARENA: none. */
static unsigned find_gap(const struct model *m, unsigned n)
{
    unsigned run = 0;
    for (unsigned i = ARENA; i-- > 0;) {
        run = m->proc->pages[i].mapped ? 0 : run + 1;
        if (run == n)
            return i;
    }
    return ARENA;
}

static void check_sums(const struct model *m)
{
    unsigned runs = 0, npages = 0, charged = 0;
    for (unsigned i = 0; i < ARENA; i++) {
        const struct page *p = &m->proc->pages[i];
        npages += p->mapped;
        charged += p->mapped && p->charged;
        runs += p->mapped && (i == 0 || !alike(&m->proc->pages[i - 1], p));
    }
    uint64_t committed = (uint64_t)(OBJECTS - FILES) * OBJECT_PAGES;
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        committed += proc->space ? proc->space->committed : 0;
    assert_int_equal(m->rig->kernel->commit.used, committed);
    assert_int_equal(m->proc->space->npages, npages);
    assert_int_equal(m->proc->space->committed, charged);
    assert_int_equal(m->proc->space->nlocked, count_locked(m));
    assert_int_equal(m->proc->space->regions.count, runs);
}

static void check_whole(const struct model *m)
{
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        assert_true(!proc->space || space_is_valid(proc->space));
    assert_true(kernel_is_valid(m->rig->kernel));
    assert_true(tlb_is_valid(m->rig->machine.tlb));
    check_sums(m);
}

/* ---- verbs done to both ---- */

static void random_range(struct model *m, unsigned *first, unsigned *end)
{
    unsigned n = 1 + (unsigned)draw(m, chance(m, 10) ? ARENA : LEN_MAX);
    *first = (unsigned)draw(m, ARENA);
    *end = *first + n < ARENA ? *first + n : ARENA;
}

static unsigned random_prot(struct model *m)
{
    static const unsigned prots[] = {PROT_MASK_R | PROT_MASK_W,
                                     PROT_MASK_R | PROT_MASK_W,
                                     PROT_MASK_R,
                                     PROT_MASK_R | PROT_MASK_X,
                                     PROT_MASK_W,
                                     PROT_MASK_X,
                                     0};
    return prots[draw(m, sizeof(prots) / sizeof(prots[0]))];
}

static struct page random_kind(struct model *m, unsigned n)
{
    struct page p = {.mapped = true, .object = -1, .max_prot = 7, .prot = random_prot(m)};
    p.noreserve = chance(m, 10);
    p.locked = m->proc->lock_future;
    if (chance(m, 60)) {
        p.object = (int)draw(m, OBJECTS);
        p.shared = p.object >= FILES || chance(m, 50);
        p.index = (unsigned)draw(m, OBJECT_PAGES - n + 1);
        if (p.shared && p.object < FILES && chance(m, 20)) {
            p.max_prot = PROT_MASK_R | PROT_MASK_X; /* the file was opened for reading */
            p.prot &= p.max_prot;
        }
    }
    p.charged = (p.prot & PROT_MASK_W) && !p.shared && !p.noreserve;
    return p;
}

static void fill(struct model *m, unsigned first, unsigned end, struct page p)
{
    for (unsigned i = first; i < end; i++, p.index++)
        m->proc->pages[i] = p;
}

static void do_map(struct model *m)
{
    unsigned first, end;
    random_range(m, &first, &end);
    if (end - first > OBJECT_PAGES)
        end = first + OBJECT_PAGES;
    unsigned n = end - first;
    struct page p = random_kind(m, n);
    struct space_map_request request = {.addr = at(first),
                                        .len = (uint64_t)n * PAGE_SIZE - draw(m, PAGE_SIZE),
                                        .prot = p.prot,
                                        .max_prot = p.max_prot,
                                        .object = p.object < 0 ? NULL : m->objects[p.object],
                                        .object_page = p.index,
                                        .region_flags = (p.shared ? REGION_SHARED : 0) |
                                                        (p.noreserve ? REGION_NORESERVE : 0)};
    bool populates = chance(m, 15);
    int expected = 0;
    if (chance(m, 50)) {
        request.flags = SPACE_MAP_FIXED;
    } else if (chance(m, 40)) {
        request.flags = SPACE_MAP_FIXED_NOREPLACE;
        for (unsigned i = first; i < end; i++)
            expected = m->proc->pages[i].mapped ? -EEXIST : expected;
    } else {
        bool free = true;
        for (unsigned i = first; i < end; i++)
            free = free && !m->proc->pages[i].mapped;
        if (!free || chance(m, 50)) {
            request.addr = free ? vaddr(0) : request.addr;
            first = find_gap(m, n);
            end = first + n;
        }
        if (first == ARENA)
            return;
    }
    request.flags |= populates ? SPACE_MAP_POPULATE : 0;
    if (!expected && p.locked && count_locked(m) + n > LOCK_LIMIT)
        expected = -EAGAIN;
    vaddr_t where = vaddr(1);
    assert_int_equal(space_map(m->proc->space, &request, &where), expected);
    if (expected) {
        assert_int_equal(where.v, 1);
        return;
    }
    assert_int_equal(where.v, at(first).v);
    fill(m, first, end, p);
    if (populates || p.locked)
        populate(m, first, end);
}

static void do_unmap(struct model *m)
{
    unsigned first, end;
    random_range(m, &first, &end);
    assert_int_equal(space_unmap(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE),
                     0);
    for (unsigned i = first; i < end; i++)
        m->proc->pages[i] = (struct page){0};
}

/* The first page that may not have the protection decides the error and becomes *end. */
/* *end becomes the first page that may not be changed: what lies before it is, as on Linux. */
static int expect_protect(const struct model *m, unsigned first, unsigned *end, unsigned prot)
{
    for (unsigned i = first; i < *end; i++) {
        int error = !m->proc->pages[i].mapped            ? -ENOMEM
                    : prot & ~m->proc->pages[i].max_prot ? -EACCES
                                                         : 0;
        if (error) {
            *end = i;
            return error;
        }
    }
    return 0;
}

static void do_protect(struct model *m)
{
    unsigned first, end, prot = random_prot(m);
    random_range(m, &first, &end);
    if (chance(m, 70))
        end = run_end(m, first) < end ? run_end(m, first) : end;
    uint64_t len = (uint64_t)(end - first) * PAGE_SIZE;
    int expected = expect_protect(m, first, &end, prot);
    assert_int_equal(space_protect(m->proc->space, at(first), len, prot), expected);
    for (unsigned i = first; i < end; i++) {
        struct page *p = &m->proc->pages[i];
        p->prot = prot;
        p->charged |= (prot & PROT_MASK_W) && !p->shared && !p->noreserve;
        if (p->locked && !p->on_fault && (prot & PROT_MASK_W) && !p->shared)
            populate(m, i, i + 1);
    }
}

static int expect_lock(struct model *m, unsigned first, unsigned end)
{
    unsigned more = 0;
    if (!covered(m, first, end))
        return -ENOMEM;
    for (unsigned i = first; i < end; i++)
        more += !m->proc->pages[i].locked;
    return more > 0 && count_locked(m) + more > LOCK_LIMIT ? -ENOMEM : 0;
}

static void do_lock(struct model *m)
{
    unsigned first = (unsigned)draw(m, ARENA), end = first + 1 + (unsigned)draw(m, 6);
    bool on_fault = chance(m, 30);
    if (end > ARENA)
        end = ARENA;
    int expected = expect_lock(m, first, end);
    for (unsigned i = first; i < end && !expected; i++) {
        m->proc->pages[i].locked = true;
        m->proc->pages[i].on_fault = on_fault;
    }
    if (!expected && !on_fault && !populate(m, first, end))
        expected = -ENOMEM;
    uint64_t len = (uint64_t)(end - first) * PAGE_SIZE - draw(m, 100);
    assert_int_equal(space_lock(m->proc->space, at(first), len, on_fault), expected);
    for (unsigned i = first; i < end && !expected && !on_fault; i++) {
        uint8_t in;
        assert_int_equal(space_incore(m->proc->space, at(i), PAGE_SIZE, &in), 0);
        assert_int_equal(in & 1, 1);
    }
}

static void do_unlock(struct model *m)
{
    unsigned first, end;
    random_range(m, &first, &end);
    int expected = covered(m, first, end) ? 0 : -ENOMEM;
    assert_int_equal(space_unlock(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE),
                     expected);
    for (unsigned i = first; i < end && !expected; i++)
        m->proc->pages[i].locked = m->proc->pages[i].on_fault = false;
}

static void do_lock_all(struct model *m)
{
    if (chance(m, 30)) {
        assert_int_equal(space_lock_all(m->proc->space, MCL_FUTURE), 0);
        m->proc->lock_future = true;
        return;
    }
    assert_int_equal(space_unlock_all(m->proc->space), 0);
    m->proc->lock_future = false;
    for (unsigned i = 0; i < ARENA; i++)
        m->proc->pages[i].locked = m->proc->pages[i].on_fault = false;
}

static int expect_drop(const struct page *p, int advice)
{
    bool not_private = p->object >= 0 || p->shared;
    return p->locked || (advice == MADV_FREE && not_private) ? -EINVAL : 0;
}

static void do_drop(struct model *m)
{
    unsigned first, end;
    int advice = chance(m, 50) ? MADV_DONTNEED : MADV_FREE, expected = 0;
    random_range(m, &first, &end);
    for (unsigned i = first; i < end && !expected; i++)
        expected = m->proc->pages[i].mapped ? expect_drop(&m->proc->pages[i], advice) : 0;
    for (unsigned i = first; i < end && !expected; i++)
        m->proc->pages[i].has_copy = false;
    if (!expected && !covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}

static void do_hint(struct model *m)
{
    static const int advices[] = {MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE};
    int advice = advices[draw(m, 4)], expected = 0;
    unsigned first, end;
    random_range(m, &first, &end);
    for (unsigned i = first; i < end; i++)
        if (m->proc->pages[i].locked && (advice == MADV_COLD || advice == MADV_PAGEOUT))
            expected = -EINVAL;
    if (!expected && !covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}

static void do_populate(struct model *m)
{
    bool stores = chance(m, 50);
    unsigned first, end;
    int expected = 0;
    random_range(m, &first, &end);
    for (unsigned i = first; i < end && !expected; i++) {
        struct page *p = &m->proc->pages[i];
        if (!p->mapped)
            expected = -ENOMEM;
        else if (!(p->prot & (stores ? PROT_MASK_W : PROT_MASK_R)))
            expected = -EINVAL;
        else if (expect_access(m, p, stores ? MMU_STORE : MMU_LOAD) != FAULT_DONE)
            expected = -EFAULT;
        else if (stores)
            make_copy(m, p);
    }
    assert_int_equal(space_advise(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE,
                                  stores ? MADV_POPULATE_WRITE : MADV_POPULATE_READ),
                     expected);
}

struct move {
    unsigned from, old_n, new_n, to;
    unsigned flags;
};

static void move_pages(struct model *m, const struct move *v)
{
    struct page moved[ARENA], last = m->proc->pages[v->from];
    unsigned kept = v->old_n < v->new_n ? v->old_n : v->new_n;
    last.has_copy = false;
    for (unsigned i = 0; i < v->new_n; i++) {
        moved[i] = i < kept ? m->proc->pages[v->from + i] : last;
        moved[i].index = last.index + i;
    }
    for (unsigned i = 0; i < v->old_n; i++) {
        struct page *p = &m->proc->pages[v->from + i];
        if (v->flags & MREMAP_DONTUNMAP)
            p->has_copy = p->locked = p->on_fault = false;
        else
            *p = (struct page){0};
    }
    memcpy(&m->proc->pages[v->to], moved, v->new_n * sizeof(moved[0]));
    if (last.locked && !last.on_fault)
        populate(m, v->to + kept, v->to + v->new_n);
}

/* What both kinds of move check once places are settled. */
static int expect_resize(const struct model *m, const struct move *v, unsigned old_n)
{
    const struct page *p = &m->proc->pages[v->from];
    if (old_n == 0 && !p->shared)
        return -EINVAL;
    if (old_n > run_end(m, v->from) - v->from)
        return -EFAULT;
    if (p->locked && v->new_n > old_n && count_locked(m) + v->new_n - old_n > LOCK_LIMIT)
        return -EAGAIN;
    return 0;
}

static void call_remap(struct model *m, const struct move *v, int expected)
{
    vaddr_t where = vaddr(1);
    assert_int_equal(space_remap(m->proc->space, at(v->from), (uint64_t)v->old_n * PAGE_SIZE,
                                 (uint64_t)v->new_n * PAGE_SIZE, v->flags,
                                 v->flags & MREMAP_FIXED ? at(v->to) : vaddr(0), &where),
                     expected);
    if (!expected)
        assert_int_equal(where.v, at(v->to).v);
}

static bool object_allows(const struct model *m, const struct move *v)
{
    const struct page *p = &m->proc->pages[v->from];
    return p->object < 0 || p->index + v->new_n <= OBJECT_PAGES;
}

/* MREMAP_FIXED, or DONTUNMAP, or both. */
static void do_move(struct model *m)
{
    struct move v = {.flags = MREMAP_MAYMOVE};
    v.flags |= chance(m, 70) ? MREMAP_FIXED : MREMAP_DONTUNMAP;
    v.flags |= chance(m, 20) ? MREMAP_DONTUNMAP : 0;
    v.from = (unsigned)draw(m, ARENA);
    v.old_n = chance(m, 95) ? 1 + (unsigned)draw(m, 12) : 0;
    v.new_n = v.flags & MREMAP_DONTUNMAP ? v.old_n : 1 + (unsigned)draw(m, 12);
    v.to = v.flags & MREMAP_FIXED ? (unsigned)draw(m, ARENA) : find_gap(m, v.new_n);
    if (v.new_n == 0 || v.from + v.old_n > ARENA || v.to + v.new_n > ARENA || !object_allows(m, &v))
        return;
    bool is_fixed = v.flags & MREMAP_FIXED;
    unsigned kept = v.old_n < v.new_n ? v.old_n : v.new_n;
    int expected = 0;
    if (!m->proc->pages[v.from].mapped)
        expected = -EFAULT;
    else if (is_fixed && v.from + v.old_n > v.to && v.to + v.new_n > v.from)
        expected = -EINVAL;
    else if (is_fixed && v.to == v.from)
        expected = -EFAULT;
    else
        expected = expect_resize(m, &v, kept);
    call_remap(m, &v, expected);
    if (expected)
        return;
    for (unsigned i = v.from + kept; i < v.from + v.old_n; i++)
        m->proc->pages[i] = (struct page){0};
    for (unsigned i = v.to; i < v.to + v.new_n; i++)
        m->proc->pages[i] = (struct page){0};
    v.old_n = kept;
    move_pages(m, &v);
}

/* Without a wish where to. */
static void do_resize(struct model *m)
{
    struct move v = {.flags = chance(m, 70) ? MREMAP_MAYMOVE : 0};
    v.from = (unsigned)draw(m, ARENA);
    v.old_n = 1 + (unsigned)draw(m, 12);
    v.new_n = 1 + (unsigned)draw(m, 16);
    if (v.from + v.old_n > ARENA || v.from + v.new_n > ARENA || !object_allows(m, &v))
        return;
    v.to = v.from;
    if (!m->proc->pages[v.from].mapped) {
        call_remap(m, &v, -EFAULT);
        return;
    }
    if (v.old_n >= v.new_n) {
        call_remap(m, &v, 0);
        for (unsigned i = v.from + v.new_n; i < v.from + v.old_n; i++)
            m->proc->pages[i] = (struct page){0};
        return;
    }
    int expected = expect_resize(m, &v, v.old_n);
    bool fits = v.from + v.old_n == run_end(m, v.from);
    for (unsigned i = v.from + v.old_n; i < v.from + v.new_n; i++)
        fits = fits && !m->proc->pages[i].mapped;
    if (!expected && !fits) {
        v.to = find_gap(m, v.new_n);
        expected = v.flags & MREMAP_MAYMOVE ? 0 : -ENOMEM;
        if (v.to == ARENA && !expected)
            return;
    }
    call_remap(m, &v, expected);
    if (!expected)
        move_pages(m, &v);
}

static void do_sync(struct model *m)
{
    unsigned first, end;
    int flags = chance(m, 50) ? MS_SYNC : MS_ASYNC, expected = 0;
    random_range(m, &first, &end);
    if (chance(m, 20))
        flags |= MS_INVALIDATE;
    for (unsigned i = first; i < end; i++)
        if (m->proc->pages[i].mapped && m->proc->pages[i].locked && (flags & MS_INVALIDATE))
            expected = -EBUSY;
    if (!expected && !covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_sync(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE, flags),
        expected);
}

static void set_fork_advice(struct page *p, int advice)
{
    if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
        p->dont_fork = advice == MADV_DONTFORK;
    else
        p->wiped = advice == MADV_WIPEONFORK;
}

static void do_fork_advice(struct model *m)
{
    static const int advices[] = {MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK};
    int advice = advices[draw(m, 4)], expected = 0;
    unsigned first, end;
    random_range(m, &first, &end);
    for (unsigned i = first; i < end; i++) {
        const struct page *p = &m->proc->pages[i];
        if (advice == MADV_WIPEONFORK && p->mapped && (p->shared || p->object >= 0))
            expected = -EINVAL;
    }
    for (unsigned i = first; i < end && !expected; i++)
        if (m->proc->pages[i].mapped)
            set_fork_advice(&m->proc->pages[i], advice);
    if (!expected && !covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}

/* ---- processes ---- */

static void copy_page(const struct page *p, struct page *child)
{
    *child = p->dont_fork ? (struct page){0} : *p;
    child->locked = child->on_fault = false;
    child->has_copy &= !p->wiped;
}

static unsigned count_charged_in_fork(const struct proc *proc)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ARENA; i++)
        n += proc->pages[i].mapped && proc->pages[i].charged && !proc->pages[i].dont_fork;
    return n;
}

/* Now and then with no page too many left to promise, or one too few. */
static void do_fork(struct model *m)
{
    struct commit *commit = &m->rig->kernel->commit, was = *commit;
    struct proc *child = m->procs;
    while (child < m->procs + m->nprocs && child->space)
        child++;
    if (child == m->procs + m->nprocs)
        return;
    unsigned charged = count_charged_in_fork(m->proc), strict = (unsigned)draw(m, 3);
    bool refused = strict == 1 && charged > 0;
    if (strict > 0) {
        commit->mode = COMMIT_NEVER;
        commit->limit = commit->used + charged - refused;
    }
    struct space *space = NULL;
    assert_int_equal(space_fork(m->proc->space, &space), refused ? -ENOMEM : 0);
    commit->mode = was.mode;
    commit->limit = was.limit;
    if (refused) {
        assert_null(space);
        assert_int_equal(commit->used, was.used);
        return;
    }
    m->forks++;
    child->space = space;
    child->lock_future = false;
    for (unsigned i = 0; i < ARENA; i++)
        copy_page(&m->proc->pages[i], &child->pages[i]);
    m->proc = child; /* its sums are checked next */
}

static void end_proc(struct model *m, struct proc *proc)
{
    space_put(proc->space);
    memset(proc, 0, sizeof(*proc));
    m->ends++;
}

static struct proc *draw_proc(struct model *m)
{
    for (;;) {
        struct proc *proc = &m->procs[draw(m, m->nprocs)];
        if (proc->space)
            return proc;
    }
}

static void do_end(struct model *m)
{
    unsigned live = 0;
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        live += proc->space != NULL;
    if (live == 1)
        return;
    end_proc(m, m->proc);
    m->proc = draw_proc(m);
}

/* ---- the file's other users ---- */

/* The kernel is told of what guests do, not of what others do to a file that no guest has. */
static void truncate_file(struct model *m, int file, bool tell)
{
    uint64_t len = draw(m, OBJECT_PAGES * CELLS + 1) * 512;
    assert_int_equal(ftruncate(m->fd[file], (off_t)len), 0);
    if (tell)
        object_after_truncate(m->rig->kernel, m->fd[file], len);
    m->len[file] = len;
    for (unsigned i = 0; i < OBJECT_PAGES; i++)
        for (unsigned c = 0; c < CELLS; c++)
            if (i * PAGE_SIZE + cell_offset(c) >= len)
                m->data[file][i][c] = 0;
    for (struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        for (unsigned i = 0; i < ARENA; i++)
            if (proc->pages[i].object == file && beyond_end(m, &proc->pages[i]))
                proc->pages[i].has_copy = false;
}

static void do_truncate(struct model *m)
{
    truncate_file(m, (int)draw(m, FILES), true);
}

static void write_file(struct model *m, int file, bool tell)
{
    unsigned index = (unsigned)draw(m, OBJECT_PAGES), cell = (unsigned)draw(m, CELLS);
    uint64_t offset = index * PAGE_SIZE + cell_offset(cell);
    uint8_t byte = (uint8_t)draw(m, 256);
    if (offset >= m->len[file])
        return;
    assert_int_equal(pwrite(m->fd[file], &byte, 1, (off_t)offset), 1);
    if (tell)
        object_after_write(m->rig->kernel, m->fd[file], offset, 1);
    m->data[file][index][cell] = byte;
}

static void do_write_file(struct model *m)
{
    write_file(m, (int)draw(m, FILES), true);
}

static void do_read_file(struct model *m)
{
    int file = (int)draw(m, FILES);
    unsigned index = (unsigned)draw(m, OBJECT_PAGES);
    assert_int_equal(
        object_before_read(m->rig->kernel, m->fd[file], (uint64_t)index * PAGE_SIZE, PAGE_SIZE), 0);
    for (unsigned c = 0; c < CELLS; c++) {
        uint8_t byte;
        uint64_t offset = index * PAGE_SIZE + cell_offset(c);
        if (offset < m->len[file]) {
            assert_int_equal(pread(m->fd[file], &byte, 1, (off_t)offset), 1);
            assert_int_equal(byte, m->data[file][index][c]);
        }
    }
}

static void unmap_object(struct model *m, int object)
{
    for (struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        for (unsigned i = 0; proc->space && i < ARENA; i++) {
            if (!proc->pages[i].mapped || proc->pages[i].object != object)
                continue;
            assert_int_equal(space_unmap(proc->space, at(i), PAGE_SIZE), 0);
            proc->pages[i] = (struct page){0};
        }
}

/* Nobody has a file for a while, in which it may change, and then it is mapped again. */
static void do_rest(struct model *m)
{
    int file = (int)draw(m, FILES);
    unmap_object(m, file);
    object_put(m->rig->kernel, m->objects[file]);
    for (unsigned changes = (unsigned)draw(m, 3); changes > 0; changes--) {
        bool is_guest = chance(m, 50);
        if (chance(m, 20))
            truncate_file(m, file, is_guest);
        else
            write_file(m, file, is_guest);
    }
    assert_int_equal(object_file(m->rig->kernel, m->fd[file], true, &m->objects[file]), 0);
    m->kept += m->objects[file]->pages.count;
    m->rests++;
}

/* ---- accesses ---- */

/* As the CPU accesses a byte: through the TLB, faults served. */
static enum fault_result cpu_access(struct model *m, vaddr_t va, enum mmu_access access,
                                    uint8_t *byte)
{
    for (int tries = 0;; tries++) {
        uint8_t *host = rig_access(m->rig, m->proc->space, va.v, access);
        if (host && access == MMU_STORE)
            *host = *byte;
        else if (host)
            *byte = *host;
        if (host)
            return FAULT_DONE;
        assert_true(tries < 3);
        enum fault_result result = fault_handle(m->proc->space, va, access);
        if (result != FAULT_DONE)
            return result;
    }
}

/* As a system call does. */
static enum fault_result call_access(struct model *m, vaddr_t va, enum mmu_access access,
                                     uint8_t *byte)
{
    int error = access == MMU_STORE ? uaccess_write(m->proc->space, va, byte, 1)
                                    : uaccess_read(m->proc->space, byte, va, 1);
    assert_true(error == 0 || error == -EFAULT);
    return error ? FAULT_SEGV_MAPERR : FAULT_DONE;
}

static void do_access(struct model *m)
{
    static const enum mmu_access kinds[] = {MMU_LOAD, MMU_STORE, MMU_STORE, MMU_FETCH};
    unsigned page = (unsigned)draw(m, ARENA), cell = (unsigned)draw(m, CELLS);
    bool by_cpu = chance(m, 50);
    enum mmu_access access = kinds[draw(m, by_cpu ? 4 : 3)];
    struct page *p = &m->proc->pages[page];
    uint8_t byte = (uint8_t)draw(m, 256), wanted = byte;
    bool in_file = p->object < 0 || p->index * PAGE_SIZE + cell_offset(cell) < m->len[p->object];
    if (access == MMU_STORE && p->shared && !in_file)
        return; /* what becomes of it is unspecified */
    vaddr_t va = vaddr(at(page).v + cell_offset(cell));
    enum fault_result expected = expect_access(m, p, access);
    enum fault_result got =
        by_cpu ? cpu_access(m, va, access, &byte) : call_access(m, va, access, &byte);
    if (by_cpu)
        assert_int_equal(got, expected);
    else
        assert_int_equal(got == FAULT_DONE, expected == FAULT_DONE);
    if (expected != FAULT_DONE)
        return;
    if (access == MMU_STORE)
        make_copy(m, p);
    if (access == MMU_STORE)
        *cell_of(m, p, cell) = wanted;
    else
        assert_int_equal(byte, *cell_of(m, p, cell));
}

static const struct verb {
    const char *name;
    unsigned weight;
    void (*run)(struct model *m);
} verbs[] = {
    {"access", 600, do_access},    {"map", 50, do_map},          {"unmap", 20, do_unmap},
    {"protect", 40, do_protect},   {"lock", 15, do_lock},        {"unlock", 8, do_unlock},
    {"lock_all", 2, do_lock_all},  {"drop", 20, do_drop},        {"hint", 15, do_hint},
    {"populate", 10, do_populate}, {"move", 30, do_move},        {"resize", 30, do_resize},
    {"sync", 10, do_sync},         {"truncate", 6, do_truncate}, {"write", 20, do_write_file},
    {"read", 20, do_read_file},    {"rest", 8, do_rest},         {"advise", 15, do_fork_advice},
    {"fork", 30, do_fork},         {"end", 27, do_end},
};

static const struct verb *draw_verb(struct model *m)
{
    unsigned total = 0, i = 0;
    for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++)
        total += verbs[v].weight;
    for (unsigned left = (unsigned)draw(m, total); left >= verbs[i].weight; i++)
        left -= verbs[i].weight;
    return &verbs[i];
}

/* ---- a run ---- */

static void open_objects(struct model *m)
{
    struct kernel *kernel = m->rig->kernel;
    for (int i = 0; i < FILES; i++) {
        m->path[i] = strdup("/tmp/pagewalk-model-XXXXXX");
        m->fd[i] = mkstemp(m->path[i]);
        assert_true(m->fd[i] >= 0);
        m->len[i] = (uint64_t)OBJECT_PAGES * PAGE_SIZE / (1 + (unsigned)i);
        assert_int_equal(ftruncate(m->fd[i], (off_t)m->len[i]), 0);
        assert_int_equal(object_file(kernel, m->fd[i], true, &m->objects[i]), 0);
    }
    for (int i = FILES; i < OBJECTS; i++) {
        m->len[i] = (uint64_t)OBJECT_PAGES * PAGE_SIZE;
        assert_int_equal(object_shared(kernel, OBJECT_PAGES, true, &m->objects[i]), 0);
    }
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

struct config {
    unsigned nprocs;
    uint64_t nframes;
    const char *policy;
    enum readahead_kind readahead;
};

static struct model *create(const struct config *config, uint64_t seed)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    m->random = seed * 0x9e3779b97f4a7c15u + 1;
    m->rig = rig_create((struct rig_options){.nframes = config->nframes,
                                             .nslots = 400 * config->nprocs,
                                             .policy = config->policy,
                                             .readahead = config->readahead});
    m->nprocs = config->nprocs;
    m->proc = m->procs;
    assert_int_equal(space_create(m->rig->kernel, &m->proc->space), 0);
    m->proc->space->limit_memlock = (uint64_t)LOCK_LIMIT * PAGE_SIZE;
    open_objects(m);
    return m;
}

static void destroy(struct model *m)
{
    for (struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        if (proc->space)
            end_proc(m, proc);
    for (int i = 0; i < OBJECTS; i++)
        object_put(m->rig->kernel, m->objects[i]);
    for (int i = 0; i < FILES; i++) {
        close(m->fd[i]);
        unlink(m->path[i]);
        free(m->path[i]);
    }
    object_end_resting(m->rig->kernel);
    assert_int_equal(m->rig->kernel->pages_live, 0);
    assert_int_equal(m->rig->kernel->commit.used, 0);
    assert_false(object_any_file(m->rig->kernel));
    rig_destroy(m->rig);
    free(m);
}

static void run(const struct config *config, uint64_t seed, uint64_t steps)
{
    struct model *m = create(config, seed);
    uint64_t period = setting("MODEL_CHECK", 512);
    for (uint64_t step = 0; step < steps; step++) {
        m->proc = draw_proc(m);
        const struct verb *verb = draw_verb(m);
        if (getenv("MODEL_TRACE"))
            print_message("%" PRIu64 " %s\n", step, verb->name);
        verb->run(m);
        check_sums(m);
        if (step % period == 0)
            check_whole(m);
    }
    check_whole(m);
    const struct counters *counters = &m->rig->counters;
    print_message("%u processes, %" PRIu64 " frames, policy %s, seed %" PRIu64 ": %" PRIu64
                  " steps, %" PRIu64 " forks, %" PRIu64 " ends, %" PRIu64 " copies, %" PRIu64
                  " frames reclaimed, %" PRIu64 " rests with %" PRIu64 " pages kept\n",
                  config->nprocs, config->nframes, config->policy, seed, steps, m->forks, m->ends,
                  counters->faults_cow, counters->reclaims, m->rests, m->kept);
    assert_true(steps < 10000 || m->kept > 100);
    assert_true(steps < 10000 || config->nframes > 160 || counters->reclaims > 100);
    assert_true(steps < 10000 || config->nprocs == 1 || (m->forks > 10 && m->ends > 10));
    destroy(m);
}

static void test_against_model(void **state)
{
    static const struct config configs[] = {
        {1, 64, "clock", READAHEAD_NONE},      {2, 72, "lru", READAHEAD_CLUSTER},
        {4, 96, "fifo", READAHEAD_ADAPTIVE},   {6, 128, "random", READAHEAD_CLUSTER},
        {8, 160, "clock", READAHEAD_ADAPTIVE}, {8, 2048, "clock", READAHEAD_NONE}};
    uint64_t steps = setting("MODEL_STEPS", 60000), seed = setting("MODEL_SEED", 1);
    (void)state;
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        run(&configs[i], seed + i, steps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
