// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The log of what is executed (cpu.h). Translated code writes it inline: a block's checks each
 * store an address, whichever exit is taken stores its site's number in front of them and moves on.
 *
 *      log -> [ site ] [ address of check 0 ] [ of check 1 ] ... next record
 *
 * What an exit's number stands for is known from the translation: the block's operations up to it.
 * Instructions that are done step by step write each access; if they fault, what they wrote is
 * taken back, but for the repetitions that a string instruction has behind it.
 *
 * The log has room for what a slice of the budget may write, and is handed over between slices.
 */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/lazy.h"
#include "base/xalloc.h"
#include "machine/pte.h"
#include "machine/vex/vex_ir.h"

/* A slice writes less than what lies behind TOO_MUCH, string instructions excepted; those hand over
 * when they reach it. What is MUCH still fits the host's caches. */
enum { WORDS = 1 << 19, TOO_MUCH = WORDS / 2, MUCH = 1 << 11 };

int vex_log_create(struct cpu_engine *engine)
{
    struct vex_log *log = &engine->log;
    if (!engine->options.log)
        return 0;
    log->notes_len = engine->cache.sites_len / sizeof(struct vex_site) * sizeof(*log->notes);
    log->words = lazy_create(WORDS * sizeof(*log->words));
    log->notes = lazy_create(log->notes_len);
    return log->words && log->notes ? 0 : -ENOMEM;
}

void vex_log_destroy(struct cpu_engine *engine)
{
    lazy_destroy(engine->log.words, WORDS * sizeof(*engine->log.words));
    lazy_destroy(engine->log.notes, engine->log.notes_len);
}

void cpu_log_stretch(const struct machine *machine, uint64_t number, struct cpu_stretch *out)
{
    const struct vex_cache *cache = &machine->engine->cache;
    const struct vex_site *site = &cache->sites[number];
    const struct vex_block *block = &cache->blocks[site->block];
    *out = (struct cpu_stretch){.pc = vaddr(block->pc),
                                .ops = block->ops,
                                .nops = site->amounts.ops,
                                .naddresses = site->amounts.checks};
}

uint64_t *cpu_log_notes(const struct machine *machine)
{
    return machine->engine->log.notes;
}

/* ---- the block's record, at translation ---- */

void vex_log_begin_block(struct vex_pass *p)
{
    if (p->t->engine->options.log)
        p->log = vex_temp(p, Ity_I64, IRExpr_Get(VEX_OFF_LOG, Ity_I64));
}

static void add_op(struct vex_pass *p, struct cpu_op op)
{
    CHECK(p->t->nops < VEX_OPS_PER_BLOCK);
    p->t->ops[p->t->nops++] = op;
    p->now.ops++;
}

void vex_log_insn(struct vex_pass *p)
{
    if (!p->t->engine->options.log)
        return;
    add_op(p, (struct cpu_op){.access = MMU_FETCH});
    if (p->t->second)
        add_op(p, (struct cpu_op){.access = MMU_FETCH, .second = true});
}

void vex_log_check(struct vex_pass *p, struct vex_group *group, IRExpr *last_byte)
{
    if (!p->t->engine->options.log)
        return;
    group->logged = p->now.checks++;
    IRExpr *at = vex_add(p, IRExpr_RdTmp(p->log), VEX_LOG_RECORD_LEN(group->logged));
    vex_emit(p, IRStmt_Store(Iend_LE, at, last_byte));
}

void vex_log_op(struct vex_pass *p, const struct vex_access *access)
{
    if (!p->t->engine->options.log)
        return;
    bool is_load = access->kind == VEX_LOAD;
    add_op(p, (struct cpu_op){.access = is_load ? MMU_LOAD : MMU_STORE,
                              .updates = is_load && access->intent == MMU_STORE,
                              .address = p->groups[access->group].logged});
}

struct cpu_op *vex_log_ops(const struct vex_translation *t)
{
    if (t->nops == 0)
        return NULL;
    struct cpu_op *ops = x_malloc(t->nops * sizeof(*ops));
    memcpy(ops, t->ops, t->nops * sizeof(*ops));
    return ops;
}

/* ---- while it runs ---- */

void vex_log_begin_run(struct cpu *cpu)
{
    cpu->shadow.log = cpu->engine->log.words;
}

void vex_log_hand_over(struct cpu *cpu)
{
    struct cpu_engine *engine = cpu->engine;
    if (!engine->log.words || cpu->shadow.log == engine->log.words)
        return;
    engine->options.log(engine->options.log_context, tlb_space(engine->machine->tlb),
                        engine->log.words, cpu->shadow.log);
    cpu->shadow.log = engine->log.words;
    engine->log.fetch = NULL;
    engine->log.keep = engine->log.words;
}

void vex_log_hand_over_much(struct cpu *cpu)
{
    const struct vex_log *log = &cpu->engine->log;
    if (log->words && cpu->shadow.log - log->words > MUCH)
        vex_log_hand_over(cpu);
}

void vex_log_site(struct cpu *cpu, const struct vex_site *site)
{
    const struct cpu_engine *engine = cpu->engine;
    if (!engine->log.words || site->amounts.ops == 0)
        return;
    *cpu->shadow.log = (uint64_t)(site - engine->cache.sites);
    cpu->shadow.log += 1 + site->amounts.checks;
}

static uint64_t *put_access(uint64_t *at, uint64_t flags, uint64_t len, uint64_t count, uint64_t va)
{
    at[0] = CPU_LOG_ACCESS | flags | len << CPU_LOG_LEN_SHIFT | count << CPU_LOG_COUNT_SHIFT;
    at[1] = va;
    return at + 2;
}

/* The fetch of an instruction that ends in a page fault, before what that leads to; it will be told
 * once more when it retires. */
static void log_fetch(struct cpu *cpu, uint64_t pc)
{
    cpu->shadow.log =
        put_access(cpu->shadow.log, MMU_FETCH | CPU_LOG_UNDONE | CPU_LOG_UPDATES, 1, 1, pc);
}

/* What the instruction did before the access that faults. */
void vex_log_attempt(struct cpu *cpu, const struct vex_site *site)
{
    const struct cpu_engine *engine = cpu->engine;
    uint64_t addresses[VEX_SITES_PER_BLOCK];
    if (!engine->log.words)
        return;
    memcpy(addresses, cpu->shadow.log + 1, site->checks * sizeof(*addresses));
    vex_log_site(cpu, site);
    log_fetch(cpu, site->pc);
    for (unsigned i = site->amounts.ops; i < site->ops; i++) {
        const struct cpu_op *op = &engine->cache.blocks[site->block].ops[i];
        uint64_t updates = op->updates ? CPU_LOG_UPDATES : 0;
        if (op->access != MMU_FETCH)
            cpu->shadow.log = put_access(cpu->shadow.log, op->access | updates | CPU_LOG_UNDONE, 1,
                                         1, addresses[op->address]);
    }
}

void vex_log_fault(struct cpu *cpu)
{
    const struct cpu_exit *why = &cpu->why;
    if (!cpu->engine->log.words || why->kind != CPU_EXIT_FAULT || !(why->error & PF_PRESENT))
        return;
    if (!(why->error & PF_FETCH))
        log_fetch(cpu, why->pc.v);
    uint64_t access = why->error & PF_FETCH   ? MMU_FETCH
                      : why->error & PF_WRITE ? MMU_STORE
                                              : MMU_LOAD;
    cpu->shadow.log = put_access(cpu->shadow.log, access | CPU_LOG_FAULT, 1, 1, why->addr.v);
}

void vex_log_access(struct cpu *cpu, vaddr_t va, unsigned len, uint64_t count,
                    enum mmu_access access, enum mmu_access lookup)
{
    struct vex_log *log = &cpu->engine->log;
    if (!log->words)
        return;
    uint64_t updates = access != lookup ? CPU_LOG_UPDATES : 0;
    if (access == MMU_FETCH)
        log->fetch = log->keep = cpu->shadow.log;
    cpu->shadow.log = put_access(cpu->shadow.log, (uint64_t)access | updates, len, count, va.v);
}

void vex_log_moves(struct cpu *cpu, vaddr_t from, vaddr_t to, uint64_t count)
{
    uint64_t *at = cpu->shadow.log;
    if (!cpu->engine->log.words)
        return;
    at[0] = CPU_LOG_MOVES | count << CPU_LOG_COUNT_SHIFT;
    at[1] = from.v;
    at[2] = to.v;
    cpu->shadow.log = at + 3;
}

/* => all that is in the log has happened */
void vex_log_keep(struct cpu *cpu)
{
    struct vex_log *log = &cpu->engine->log;
    if (!log->words)
        return;
    log->keep = cpu->shadow.log;
    if (cpu->shadow.log - log->words > TOO_MUCH)
        vex_log_hand_over(cpu);
}

/* Of the accesses from `from` up to the log's end, what was looked up: those that are done, or all
 * but the last, which faulted; but the first page of that may have been found. */
static void keep_attempt(struct cpu *cpu, uint64_t *from)
{
    uint64_t *to = from;
    size_t left = from < cpu->shadow.log ? (size_t)(cpu->shadow.log - from) / 2 : 0;
    size_t looked_up = left && cpu->shadow.done < left ? left - 1 : left;
    for (size_t i = 0; i < looked_up; i++, from += 2)
        to = put_access(to, (from[0] & (CPU_LOG_KIND | CPU_LOG_UPDATES)) | CPU_LOG_UNDONE,
                        from[0] >> CPU_LOG_LEN_SHIFT & UINT16_MAX, 1, from[1]);
    bool on_second = cpu->why.kind == CPU_EXIT_FAULT && looked_up < left &&
                     vaddr_vpn(vaddr(from[1])) != vaddr_vpn(cpu->why.addr);
    if (on_second)
        to = put_access(to, (from[0] & (CPU_LOG_KIND | CPU_LOG_UPDATES)) | CPU_LOG_UNDONE, 1, 1,
                        from[1]);
    cpu->shadow.log = to;
}

/* One that was handed over in the middle of its repetitions, which takes a hundred thousand of
 * them, counts as one instruction more. */
void vex_log_undo(struct cpu *cpu)
{
    struct vex_log *log = &cpu->engine->log;
    if (!log->words)
        return;
    bool has_fetch_only = log->keep == log->fetch;
    if (log->fetch)
        *log->fetch |=
            CPU_LOG_UNDONE | (cpu->why.kind == CPU_EXIT_FAULT ? (uint64_t)CPU_LOG_UPDATES : 0);
    keep_attempt(cpu, log->keep + (has_fetch_only ? 2 : 0));
    log->fetch = NULL;
}
