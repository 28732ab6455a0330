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
#include "space_model.h"

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
    unsigned page = (unsigned)model_draw(m, ARENA), cell = (unsigned)model_draw(m, CELLS);
    bool by_cpu = model_chance(m, 50);
    enum mmu_access access = kinds[model_draw(m, by_cpu ? 4 : 3)];
    struct page *p = &m->proc->pages[page];
    uint8_t byte = (uint8_t)model_draw(m, 256), wanted = byte;
    bool in_file =
        p->object < 0 || p->index * PAGE_SIZE + model_cell_offset(cell) < m->len[p->object];
    if (access == MMU_STORE && p->shared && !in_file)
        return; /* what becomes of it is unspecified */
    vaddr_t va = vaddr(model_at(page).v + model_cell_offset(cell));
    enum fault_result expected = model_expect_access(m, p, access);
    enum fault_result got =
        by_cpu ? cpu_access(m, va, access, &byte) : call_access(m, va, access, &byte);
    if (by_cpu)
        assert_int_equal(got, expected);
    else
        assert_int_equal(got == FAULT_DONE, expected == FAULT_DONE);
    if (expected != FAULT_DONE)
        return;
    if (access == MMU_STORE)
        model_make_copy(m, p);
    if (access == MMU_STORE)
        *model_cell_of(m, p, cell) = wanted;
    else
        assert_int_equal(byte, *model_cell_of(m, p, cell));
}

static const struct verb {
    const char *name;
    unsigned weight;
    void (*run)(struct model *m);
} verbs[] = {
    {"access", 600, do_access},      {"map", 50, model_map},
    {"unmap", 20, model_unmap},      {"protect", 40, model_protect},
    {"lock", 15, model_lock},        {"unlock", 8, model_unlock},
    {"lock_all", 2, model_lock_all}, {"drop", 20, model_drop},
    {"hint", 15, model_hint},        {"populate", 10, model_populate},
    {"move", 30, model_move},        {"resize", 30, model_resize},
    {"sync", 10, model_sync},        {"truncate", 6, model_truncate},
    {"write", 20, model_write_file}, {"read", 20, model_read_file},
    {"rest", 8, model_rest},         {"advise", 15, model_fork_advice},
    {"fork", 30, model_fork},        {"end", 27, model_end},
};

static const struct verb *draw_verb(struct model *m)
{
    unsigned total = 0, i = 0;
    for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++)
        total += verbs[v].weight;
    for (unsigned left = (unsigned)model_draw(m, total); left >= verbs[i].weight; i++)
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
            model_end_proc(m, proc);
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
        m->proc = model_draw_proc(m);
        const struct verb *verb = draw_verb(m);
        if (getenv("MODEL_TRACE"))
            print_message("%" PRIu64 " %s\n", step, verb->name);
        verb->run(m);
        model_check_sums(m);
        if (step % period == 0)
            model_check_whole(m);
    }
    model_check_whole(m);
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
