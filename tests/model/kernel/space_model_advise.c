// SPDX-License-Identifier: GPL-2.0-or-later
/* The model, madvise and msync. */
#include "space_model.h"

static int expect_drop(const struct page *p, int advice)
{
    bool not_private = p->object >= 0 || p->shared;
    return p->locked || (advice == MADV_FREE && not_private) ? -EINVAL : 0;
}

void model_drop(struct model *m)
{
    unsigned first, end;
    int advice = model_chance(m, 50) ? MADV_DONTNEED : MADV_FREE, expected = 0;
    model_random_range(m, &first, &end);
    for (unsigned i = first; i < end && !expected; i++)
        expected = m->proc->pages[i].mapped ? expect_drop(&m->proc->pages[i], advice) : 0;
    for (unsigned i = first; i < end && !expected; i++)
        m->proc->pages[i].has_copy = false;
    if (!expected && !model_covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}

void model_hint(struct model *m)
{
    static const int advices[] = {MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_MERGEABLE};
    int advice = advices[model_draw(m, 4)], expected = 0;
    unsigned first, end;
    model_random_range(m, &first, &end);
    for (unsigned i = first; i < end; i++)
        if (m->proc->pages[i].locked && (advice == MADV_COLD || advice == MADV_PAGEOUT))
            expected = -EINVAL;
    if (!expected && !model_covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}

void model_populate(struct model *m)
{
    bool stores = model_chance(m, 50);
    unsigned first, end;
    int expected = 0;
    model_random_range(m, &first, &end);
    for (unsigned i = first; i < end && !expected; i++) {
        struct page *p = &m->proc->pages[i];
        if (!p->mapped)
            expected = -ENOMEM;
        else if (!(p->prot & (stores ? PROT_MASK_W : PROT_MASK_R)))
            expected = -EINVAL;
        else if (model_expect_access(m, p, stores ? MMU_STORE : MMU_LOAD) != FAULT_DONE)
            expected = -EFAULT;
        else if (stores)
            model_make_copy(m, p);
    }
    assert_int_equal(space_advise(m->proc->space, model_at(first),
                                  (uint64_t)(end - first) * PAGE_SIZE,
                                  stores ? MADV_POPULATE_WRITE : MADV_POPULATE_READ),
                     expected);
}

void model_sync(struct model *m)
{
    unsigned first, end;
    int flags = model_chance(m, 50) ? MS_SYNC : MS_ASYNC, expected = 0;
    model_random_range(m, &first, &end);
    if (model_chance(m, 20))
        flags |= MS_INVALIDATE;
    for (unsigned i = first; i < end; i++)
        if (m->proc->pages[i].mapped && m->proc->pages[i].locked && (flags & MS_INVALIDATE))
            expected = -EBUSY;
    if (!expected && !model_covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_sync(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE, flags),
        expected);
}

static void set_fork_advice(struct page *p, int advice)
{
    if (advice == MADV_DONTFORK || advice == MADV_DOFORK)
        p->dont_fork = advice == MADV_DONTFORK;
    else
        p->wiped = advice == MADV_WIPEONFORK;
}

void model_fork_advice(struct model *m)
{
    static const int advices[] = {MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK};
    int advice = advices[model_draw(m, 4)], expected = 0;
    unsigned first, end;
    model_random_range(m, &first, &end);
    for (unsigned i = first; i < end; i++) {
        const struct page *p = &m->proc->pages[i];
        if (advice == MADV_WIPEONFORK && p->mapped && (p->shared || p->object >= 0))
            expected = -EINVAL;
    }
    for (unsigned i = first; i < end && !expected; i++)
        if (m->proc->pages[i].mapped)
            set_fork_advice(&m->proc->pages[i], advice);
    if (!expected && !model_covered(m, first, end))
        expected = -ENOMEM;
    assert_int_equal(
        space_advise(m->proc->space, model_at(first), (uint64_t)(end - first) * PAGE_SIZE, advice),
        expected);
}
