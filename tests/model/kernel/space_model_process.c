// SPDX-License-Identifier: GPL-2.0-or-later
/* The model, fork and the ends of processes. */
#include "space_model.h"

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
void model_fork(struct model *m)
{
    struct commit *commit = &m->rig->kernel->commit, was = *commit;
    struct proc *child = m->procs;
    while (child < m->procs + m->nprocs && child->space)
        child++;
    if (child == m->procs + m->nprocs)
        return;
    unsigned charged = count_charged_in_fork(m->proc), strict = (unsigned)model_draw(m, 3);
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

void model_end_proc(struct model *m, struct proc *proc)
{
    space_put(proc->space);
    memset(proc, 0, sizeof(*proc));
    m->ends++;
}

struct proc *model_draw_proc(struct model *m)
{
    for (;;) {
        struct proc *proc = &m->procs[model_draw(m, m->nprocs)];
        if (proc->space)
            return proc;
    }
}

void model_end(struct model *m)
{
    unsigned live = 0;
    for (const struct proc *proc = m->procs; proc < m->procs + PROCS; proc++)
        live += proc->space != NULL;
    if (live == 1)
        return;
    model_end_proc(m, m->proc);
    m->proc = model_draw_proc(m);
}
