// SPDX-License-Identifier: GPL-2.0-or-later
/* The model and mmap, munmap, mprotect, mlock and their like. */
#include "space_model.h"

static unsigned random_prot(struct model *m)
{
    static const unsigned prots[] = {PROT_MASK_R | PROT_MASK_W,
                                     PROT_MASK_R | PROT_MASK_W,
                                     PROT_MASK_R,
                                     PROT_MASK_R | PROT_MASK_X,
                                     PROT_MASK_W,
                                     PROT_MASK_X,
                                     0};
    return prots[model_draw(m, sizeof(prots) / sizeof(prots[0]))];
}

static struct page random_kind(struct model *m, unsigned n)
{
    struct page p = {.mapped = true, .object = -1, .max_prot = 7, .prot = random_prot(m)};
    p.noreserve = model_chance(m, 10);
    p.locked = m->proc->lock_future;
    if (model_chance(m, 60)) {
        p.object = (int)model_draw(m, OBJECTS);
        p.shared = p.object >= FILES || model_chance(m, 50);
        p.index = (unsigned)model_draw(m, OBJECT_PAGES - n + 1);
        if (p.shared && p.object < FILES && model_chance(m, 20)) {
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

void model_map(struct model *m)
{
    unsigned first, end;
    model_random_range(m, &first, &end);
    if (end - first > OBJECT_PAGES)
        end = first + OBJECT_PAGES;
    unsigned n = end - first;
    struct page p = random_kind(m, n);
    struct space_map_request request = {.addr = model_at(first),
                                        .len = (uint64_t)n * PAGE_SIZE - model_draw(m, PAGE_SIZE),
                                        .prot = p.prot,
                                        .max_prot = p.max_prot,
                                        .object = p.object < 0 ? NULL : m->objects[p.object],
                                        .object_page = p.index,
                                        .region_flags = (p.shared ? REGION_SHARED : 0) |
                                                        (p.noreserve ? REGION_NORESERVE : 0)};
    bool populates = model_chance(m, 15);
    int expected = 0;
    if (model_chance(m, 50)) {
        request.flags = SPACE_MAP_FIXED;
    } else if (model_chance(m, 40)) {
        request.flags = SPACE_MAP_FIXED_NOREPLACE;
        for (unsigned i = first; i < end; i++)
            expected = m->proc->pages[i].mapped ? -EEXIST : expected;
    } else {
        bool free = true;
        for (unsigned i = first; i < end; i++)
            free = free && !m->proc->pages[i].mapped;
        if (!free || model_chance(m, 50)) {
            request.addr = free ? vaddr(0) : request.addr;
            first = model_find_gap(m, n);
            end = first + n;
        }
        if (first == ARENA)
            return;
    }
    request.flags |= populates ? SPACE_MAP_POPULATE : 0;
    if (!expected && p.locked && model_count_locked(m) + n > LOCK_LIMIT)
        expected = -EAGAIN;
    vaddr_t where = vaddr(1);
    assert_int_equal(space_map(m->proc->space, &request, &where), expected);
    if (expected) {
        assert_int_equal(where.v, 1);
        return;
    }
    assert_int_equal(where.v, model_at(first).v);
    fill(m, first, end, p);
    if (populates || p.locked)
        model_touch(m, first, end);
}

void model_unmap(struct model *m)
{
    unsigned first, end;
    model_random_range(m, &first, &end);
    assert_int_equal(
        space_unmap(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE), 0);
    for (unsigned i = first; i < end; i++)
        m->proc->pages[i] = (struct page){0};
}

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

void model_protect(struct model *m)
{
    unsigned first, end, prot = random_prot(m);
    model_random_range(m, &first, &end);
    if (model_chance(m, 70))
        end = model_run_end(m, first) < end ? model_run_end(m, first) : end;
    uint64_t len = (uint64_t)(end - first) * PAGE_SIZE;
    int expected = expect_protect(m, first, &end, prot);
    assert_int_equal(space_protect(m->proc->space, model_at(first), len, prot), expected);
    for (unsigned i = first; i < end; i++) {
        struct page *p = &m->proc->pages[i];
        p->prot = prot;
        p->charged |= (prot & PROT_MASK_W) && !p->shared && !p->noreserve;
        if (p->locked && !p->on_fault && (prot & PROT_MASK_W) && !p->shared)
            model_touch(m, i, i + 1);
    }
}

static int expect_lock(struct model *m, unsigned first, unsigned end)
{
    unsigned more = 0;
    if (!model_covered(m, first, end))
        return -ENOMEM;
    for (unsigned i = first; i < end; i++)
        more += !m->proc->pages[i].locked;
    return more > 0 && model_count_locked(m) + more > LOCK_LIMIT ? -ENOMEM : 0;
}

void model_lock(struct model *m)
{
    unsigned first = (unsigned)model_draw(m, ARENA), end = first + 1 + (unsigned)model_draw(m, 6);
    bool on_fault = model_chance(m, 30);
    if (end > ARENA)
        end = ARENA;
    int expected = expect_lock(m, first, end);
    for (unsigned i = first; i < end && !expected; i++) {
        m->proc->pages[i].locked = true;
        m->proc->pages[i].on_fault = on_fault;
    }
    if (!expected && !on_fault && !model_touch(m, first, end))
        expected = -ENOMEM;
    uint64_t len = (uint64_t)(end - first) * PAGE_SIZE - model_draw(m, 100);
    assert_int_equal(space_lock(m->proc->space, model_at(first), len, on_fault), expected);
    for (unsigned i = first; i < end && !expected && !on_fault; i++) {
        uint8_t in;
        assert_int_equal(space_incore(m->proc->space, model_at(i), PAGE_SIZE, &in), 0);
        assert_int_equal(in & 1, 1);
    }
}

void model_unlock(struct model *m)
{
    unsigned first, end;
    model_random_range(m, &first, &end);
    int expected = model_covered(m, first, end) ? 0 : -ENOMEM;
    assert_int_equal(
        space_unlock(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE),
        expected);
    for (unsigned i = first; i < end && !expected; i++)
        m->proc->pages[i].locked = m->proc->pages[i].on_fault = false;
}

void model_lock_all(struct model *m)
{
    if (model_chance(m, 30)) {
        assert_int_equal(space_lock_all(m->proc->space, MCL_FUTURE), 0);
        m->proc->lock_future = true;
        return;
    }
    assert_int_equal(space_unlock_all(m->proc->space), 0);
    m->proc->lock_future = false;
    for (unsigned i = 0; i < ARENA; i++)
        m->proc->pages[i].locked = m->proc->pages[i].on_fault = false;
}
