// SPDX-License-Identifier: GPL-2.0-or-later
/* The model and mremap. */
#include "space_model.h"

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
        model_touch(m, v->to + kept, v->to + v->new_n);
}

/* What both kinds of move check once places are settled. */
static int expect_resize(const struct model *m, const struct move *v, unsigned old_n)
{
    const struct page *p = &m->proc->pages[v->from];
    if (old_n == 0 && !p->shared)
        return -EINVAL;
    if (old_n > model_run_end(m, v->from) - v->from)
        return -EFAULT;
    if (p->locked && v->new_n > old_n && model_count_locked(m) + v->new_n - old_n > LOCK_LIMIT)
        return -EAGAIN;
    return 0;
}

static void call_remap(struct model *m, const struct move *v, int expected)
{
    vaddr_t where = vaddr(1);
    assert_int_equal(space_remap(m->proc->space, model_at(v->from), (uint64_t)v->old_n * PAGE_SIZE,
                                 (uint64_t)v->new_n * PAGE_SIZE, v->flags,
                                 v->flags & MREMAP_FIXED ? model_at(v->to) : vaddr(0), &where),
                     expected);
    if (!expected)
        assert_int_equal(where.v, model_at(v->to).v);
}

static bool object_allows(const struct model *m, const struct move *v)
{
    const struct page *p = &m->proc->pages[v->from];
    return p->object < 0 || p->index + v->new_n <= OBJECT_PAGES;
}

/* MREMAP_FIXED, or DONTUNMAP, or both. */
void model_move(struct model *m)
{
    struct move v = {.flags = MREMAP_MAYMOVE};
    v.flags |= model_chance(m, 70) ? MREMAP_FIXED : MREMAP_DONTUNMAP;
    v.flags |= model_chance(m, 20) ? MREMAP_DONTUNMAP : 0;
    v.from = (unsigned)model_draw(m, ARENA);
    v.old_n = model_chance(m, 95) ? 1 + (unsigned)model_draw(m, 12) : 0;
    v.new_n = v.flags & MREMAP_DONTUNMAP ? v.old_n : 1 + (unsigned)model_draw(m, 12);
    v.to = v.flags & MREMAP_FIXED ? (unsigned)model_draw(m, ARENA) : model_find_gap(m, v.new_n);
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
void model_resize(struct model *m)
{
    struct move v = {.flags = model_chance(m, 70) ? MREMAP_MAYMOVE : 0};
    v.from = (unsigned)model_draw(m, ARENA);
    v.old_n = 1 + (unsigned)model_draw(m, 12);
    v.new_n = 1 + (unsigned)model_draw(m, 16);
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
    bool fits = v.from + v.old_n == model_run_end(m, v.from);
    for (unsigned i = v.from + v.old_n; i < v.from + v.new_n; i++)
        fits = fits && !m->proc->pages[i].mapped;
    if (!expected && !fits) {
        v.to = model_find_gap(m, v.new_n);
        expected = v.flags & MREMAP_MAYMOVE ? 0 : -ENOMEM;
        if (v.to == ARENA && !expected)
            return;
    }
    call_remap(m, &v, expected);
    if (!expected)
        move_pages(m, &v);
}
