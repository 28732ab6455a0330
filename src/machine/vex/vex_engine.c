// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Creation of the engine, and the loop of cpu_run(): find or make the block for the next address,
 * link the jump that led there, run until something leaves translated code, see why.
 *
 * Instructions and accesses are counted in three words of struct cpu that every block's exit adds
 * to (vex_patch.c); drain() moves them to the counters of the running process. The budget word is
 * also what makes code leave: it runs in slices of at most SLICE instructions, so that the 16-bit
 * fields of the word of accesses cannot overflow, and whoever wants the CPU back takes RAISE off
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "machine/vex/vex.h"

enum { SLICE = 1 << 14, RAISE = 1 << 29 };

/* ---- creation ---- */

static int create_tables(struct cpu_engine *engine)
{
    size_t front_len = TLB_FRONT_SLOTS * sizeof(*engine->front);
    size_t ifront_len = TLB_IFRONT_SLOTS * sizeof(*engine->ifront);
    engine->tables_len = front_len + ifront_len + VEX_INDIRECT_SLOTS * sizeof(*engine->indirect);
    uint8_t *tables = vex_low_memory(engine->tables_len, PROT_READ | PROT_WRITE);
    if (!tables)
        return -ENOMEM;
    engine->tables = tables;
    engine->front = (void *)tables;
    engine->ifront = (void *)(tables + front_len);
    engine->indirect = (void *)(tables + front_len + ifront_len);
    vex_indirect_clear(engine);
    return 0;
}

int cpu_engine_create(struct machine *machine, const struct cpu_options *options)
{
    if (options->engine != CPU_ENGINE_VEX)
        return -EINVAL;
    struct cpu_engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return -ENOMEM;
    engine->machine = machine;
    engine->options = *options;
    engine->translation = vex_translation_create();
    machine->engine = engine;
    int error = create_tables(engine);
    if (!error)
        error = vex_cache_create(&engine->cache, options->code_cache_len);
    if (!error)
        error = vex_log_create(engine);
    if (!error)
        error = vex_pages_create(&engine->pages, machine->ram->nframes);
    if (!error)
        error = tlb_create(&machine->tlb_spec, machine->ram, engine->front, engine->ifront,
                           (struct counters *const *)&machine->now, &machine->tlb);
    if (error)
        cpu_engine_destroy(machine);
    return error;
}

void cpu_engine_destroy(struct machine *machine)
{
    struct cpu_engine *engine = machine->engine;
    if (!engine)
        return;
    tlb_destroy(machine->tlb);
    vex_pages_destroy(&engine->pages, machine->ram->nframes);
    vex_log_destroy(engine);
    vex_cache_destroy(&engine->cache);
    if (engine->tables)
        munmap(engine->tables, engine->tables_len);
    free(engine->translation);
    free(engine);
    machine->engine = NULL;
    machine->tlb = NULL;
}

/* ---- counting ---- */

static void drain(struct cpu *cpu)
{
    struct vex_meter *m = &cpu->engine->meter;
    struct counters *now = cpu->engine->machine->now;
    if (__atomic_exchange_n(&cpu->engine->raised, false, __ATOMIC_RELAXED))
        __atomic_fetch_add(&cpu->meter.budget, RAISE, __ATOMIC_RELAXED);
    int32_t budget = __atomic_load_n(&cpu->meter.budget, __ATOMIC_RELAXED);
    if (__atomic_load_n(&cpu->engine->raised, __ATOMIC_RELAXED))
        budget += RAISE; /* a signal came in between */
    uint64_t insns = (uint64_t)(int64_t)(m->slice - budget);
    uint64_t loads = cpu->meter.accesses & UINT16_MAX, stores = cpu->meter.accesses >> 16;
    m->slice = budget;
    m->retired += insns;
    m->total += insns;
    now->instructions += insns;
    now->loads += loads + m->loads;
    now->stores += stores + m->stores;
    now->tlb_l1d_hits +=
        loads + stores + (uint64_t)m->lookups - (now->tlb_l1d_misses - m->l1d_misses);
    now->tlb_l1i_hits +=
        insns + m->fetches + cpu->shadow.straddles - (now->tlb_l1i_misses - m->l1i_misses);
    m->l1d_misses = now->tlb_l1d_misses;
    m->l1i_misses = now->tlb_l1i_misses;
    m->loads = m->stores = m->fetches = 0;
    m->lookups = 0;
    cpu->meter.accesses = 0;
    cpu->shadow.straddles = 0;
}

uint64_t vex_instructions(const struct cpu *cpu)
{
    const struct vex_meter *m = &cpu->engine->meter;
    uint32_t since = (uint32_t)(m->slice - cpu->meter.budget);
    return m->total + (since & (RAISE - 1));
}

uint64_t cpu_instructions(const struct machine *machine)
{
    const struct cpu_engine *engine = machine->engine;
    return engine->running ? vex_instructions(engine->running) : engine->meter.total;
}

/* A new slice of what is left of the budget. */
static void allot(struct cpu *cpu, uint64_t left)
{
    struct vex_meter *m = &cpu->engine->meter;
    left = vex_debug_is_on(cpu) ? 1 : left;
    int32_t slice = left < SLICE ? (int32_t)left - 1 : SLICE - 1;
    __atomic_fetch_add(&cpu->meter.budget, slice - m->slice, __ATOMIC_RELAXED);
    m->slice = slice;
}

void vex_raise(struct cpu *cpu)
{
    if (!__atomic_exchange_n(&cpu->engine->raised, true, __ATOMIC_RELAXED))
        __atomic_fetch_sub(&cpu->meter.budget, RAISE, __ATOMIC_RELAXED);
}

void cpu_kick(struct machine *machine)
{
    struct cpu_engine *engine = machine->engine;
    __atomic_store_n(&engine->kicked, true, __ATOMIC_RELAXED);
    struct cpu *cpu = __atomic_load_n(&engine->running, __ATOMIC_RELAXED);
    if (cpu)
        vex_raise(cpu);
}

/* ---- ways out ---- */

static _Noreturn void escape(struct cpu *cpu, struct cpu_exit why)
{
    cpu->engine->meter.lookups += cpu->shadow.done;
    cpu->engine->meter.fetches++;
    why.pc = vaddr(cpu->guest.guest_RIP);
    cpu->why = why;
    vex_log_undo(cpu);
    if (cpu->shadow.has_snapshot) {
        uint64_t clock = cpu->meter.clock;
        int32_t budget = cpu->meter.budget;
        uint32_t accesses = cpu->meter.accesses;
        cpu->guest = cpu->snapshot;
        cpu->meter.clock = clock;
        cpu->meter.budget = budget;
        cpu->meter.accesses = accesses;
    }
    vex_escape(cpu);
}

void vex_escape_fault(struct cpu *cpu, vaddr_t addr, uint32_t error)
{
    escape(cpu, (struct cpu_exit){.kind = CPU_EXIT_FAULT, .addr = addr, .error = error});
}

void vex_escape_trap(struct cpu *cpu, enum cpu_vector vector)
{
    escape(cpu, (struct cpu_exit){.kind = CPU_EXIT_TRAP, .vector = vector});
}

static enum vex_flavour onward(const struct cpu_engine *engine)
{
    return engine->options.check_each_access ? VEX_SLOW : VEX_FAST;
}

static bool at_syscall(struct cpu *cpu, const struct vex_site *site)
{
    enum { SYSCALL_LEN = 2 };
    cpu->guest.guest_RIP = site->pc;
    cpu->guest.guest_RCX = site->pc;
    cpu->resumes = false;
    struct cpu_regs regs;
    cpu_get_regs(cpu, &regs);
    cpu->guest.guest_R11 = regs.rflags;
    cpu->why = (struct cpu_exit){.kind = CPU_EXIT_SYSCALL, .pc = vaddr(site->pc - SYSCALL_LEN)};
    return false;
}

static bool at_trap(struct cpu *cpu, const struct vex_site *site)
{
    cpu->guest.guest_RIP = site->pc;
    bool behind = site->vector == CPU_VECTOR_BP; /* a trap, not a fault: it has retired */
    cpu->engine->meter.fetches += !behind;
    cpu->why = (struct cpu_exit){.kind = CPU_EXIT_TRAP,
                                 .vector = (enum cpu_vector)site->vector,
                                 .pc = vaddr(site->pc - behind)};
    return false;
}

/* What to do where a block was left. Result: whether to go on, at *next; else cpu->why is set. */
static bool at_site(struct cpu *cpu, uint64_t back, struct vex_next *next)
{
    const struct vex_cache *cache = &cpu->engine->cache;
    const struct vex_site *site = vex_cache_site_at(cache, back);
    const struct vex_block *block = &cache->blocks[site->block];
    switch ((enum vex_site_kind)site->kind) {
    case VEX_SITE_JUMP: {
        bool same_page = vaddr_vpn(vaddr(site->pc)) == block->last->vpn;
        *next = (struct vex_next){.pc = site->pc,
                                  .flavour = (enum vex_flavour)site->flavour,
                                  .page = same_page ? block->last : NULL,
                                  .from = (uint32_t)(site - cache->sites),
                                  .entered = VEX_NONE};
        return true;
    }
    case VEX_SITE_STRADDLE:
        *next = (struct vex_next){.pc = site->pc,
                                  .flavour = (enum vex_flavour)block->flavour,
                                  .page = block->page,
                                  .from = VEX_NONE,
                                  .entered = VEX_NONE};
        return true;
    case VEX_SITE_SYSCALL:
        return at_syscall(cpu, site);
    default:
        CHECK(site->kind == VEX_SITE_TRAP);
        return at_trap(cpu, site);
    }
}

/* A jump from another page found the target's page not ready. If that is because other code
 * stands there now, the jumps to the old one are undone. */
static void at_page_entry(struct cpu *cpu, uint64_t back, struct vex_next *next)
{
    struct vex_cache *cache = &cpu->engine->cache;
    uint32_t number;
    memcpy(&number, (const void *)(uintptr_t)back, sizeof(number));
    const struct vex_block *block = &cache->blocks[number];
    *next = (struct vex_next){.pc = block->pc,
                              .flavour = (enum vex_flavour)block->flavour,
                              .from = VEX_NONE,
                              .entered = number};
}

static bool after(struct cpu *cpu, struct vex_leave leave, struct vex_next *next)
{
    switch (leave.reason) {
    case VEX_LEAVE_EXIT:
        return at_site(cpu, leave.value, next);
    case VEX_LEAVE_INDIRECT:
        *next = (struct vex_next){.pc = cpu->guest.guest_RIP,
                                  .flavour = onward(cpu->engine),
                                  .from = VEX_NONE,
                                  .entered = VEX_NONE,
                                  .indirect = true};
        return true;
    case VEX_LEAVE_FETCH:
        at_page_entry(cpu, leave.value, next);
        return true;
    case VEX_LEAVE_MISS:
        *next = cpu->elsewhere;
        return !cpu->ends;
    default:
        CHECK(leave.reason == VEX_LEAVE_ESCAPE);
        return false;
    }
}

/* ---- finding the next block ---- */

static void remember_indirect(struct cpu_engine *engine, const struct vex_block *block)
{
    struct vex_indirect *entry = &engine->indirect[block->pc & (VEX_INDIRECT_SLOTS - 1)];
    *entry = (struct vex_indirect){
        .pc = block->pc,
        .code = block->code,
        .tag = vex_page_tag(block->page),
        .slot = (uint64_t)(uintptr_t)&engine->ifront[vex_page_slot(block->page)]};
}

/* The page behind next->page, for an instruction that reaches into it. */
static struct vex_page *fetch_second(struct cpu *cpu, const struct vex_next *next)
{
    vaddr_t va = vaddr((next->page->vpn + 1) << PAGE_SHIFT);
    struct vex_page *second = vex_page_fetch(cpu, va);
    if (!second) {
        cpu->why.pc = vaddr(next->pc);
        cpu->engine->meter.fetches++;
    }
    return second;
}

static struct vex_block *find_straddling(struct cpu *cpu, struct vex_next *next,
                                         struct vex_block *block)
{
    struct cpu_engine *engine = cpu->engine;
    struct vex_page *second = fetch_second(cpu, next);
    if (!second)
        return NULL;
    while (block && block->last != second)
        block = vex_cache_find_next(&engine->cache, block);
    if (!block)
        block = vex_translate(cpu, next->pc, next->page, second, next->flavour);
    return block;
}

/* Result: NULL: the fetch failed, cpu->why says how. */
static struct vex_block *find_block(struct cpu *cpu, struct vex_next *next)
{
    struct cpu_engine *engine = cpu->engine;
    if (!next->page)
        next->page = vex_page_fetch(cpu, vaddr(next->pc));
    if (!next->page)
        return NULL;
    struct vex_block *block = vex_cache_find(&engine->cache, next->pc, next->page, next->flavour);
    if (block && block->last != block->page)
        return find_straddling(cpu, next, block);
    if (!block)
        block = vex_translate(cpu, next->pc, next->page, NULL, next->flavour);
    return block ? block : find_straddling(cpu, next, NULL);
}

/* A loop that has become hot is translated anew, as a whole. */
static struct vex_block *heat(struct cpu *cpu, struct vex_next *next, struct vex_block *block)
{
    struct cpu_engine *engine = cpu->engine;
    struct vex_path path;
    switch (vex_loop_heat(&engine->cache, next->from, block)) {
    case VEX_HEAT_NONE:
        break;
    case VEX_HEAT_WARM:
        next->from = VEX_NONE;
        break;
    case VEX_HEAT_HOT:
        if (!vex_loop_path(&engine->cache, next->from, block, &path))
            break;
        vex_cache_retire(engine, block);
        uint8_t heat = block->heat;
        block = vex_translate_loop(cpu, &path, block->page);
        block->heat = heat;
        break;
    }
    return block;
}

static void connect(struct cpu_engine *engine, const struct vex_next *next,
                    const struct vex_block *block)
{
    uint32_t number = (uint32_t)(block - engine->cache.blocks);
    if (next->from != VEX_NONE)
        vex_cache_link(engine, next->from, number);
    if (next->entered != VEX_NONE && next->entered != number)
        vex_cache_unlink_incoming(&engine->cache, next->entered);
    if (next->indirect)
        remember_indirect(engine, block);
}

/* ---- cpu_run ---- */

static bool report(struct cpu *cpu, const struct vex_next *next, enum cpu_exit_kind kind)
{
    cpu->guest.guest_RIP = next->pc;
    cpu->why = (struct cpu_exit){.kind = kind, .pc = vaddr(next->pc)};
    return false;
}

/* The budget word has gone negative. Result: whether to go on. */
static bool events(struct cpu *cpu, struct vex_next *next, uint64_t budget)
{
    struct cpu_engine *engine = cpu->engine;
    drain(cpu);
    vex_log_hand_over_much(cpu);
    if (engine->code_stored) {
        engine->code_stored = false;
        next->page = NULL;
    }
    if (__atomic_exchange_n(&engine->kicked, false, __ATOMIC_RELAXED))
        return report(cpu, next, CPU_EXIT_KICKED);
    if (engine->meter.retired >= budget)
        return report(cpu, next, CPU_EXIT_QUANTUM);
    allot(cpu, budget - engine->meter.retired);
    return true;
}

static bool step(struct cpu *cpu, struct vex_next *next, uint64_t budget)
{
    struct cpu_engine *engine = cpu->engine;
    if (cpu->meter.budget < 0 && !events(cpu, next, budget))
        return false;
    uint64_t evictions = engine->cache.evictions;
    struct vex_block *block = find_block(cpu, next);
    if (!block) {
        cpu->guest.guest_RIP = next->pc;
        return false;
    }
    if (next->from != VEX_NONE && engine->cache.evictions == evictions)
        block = heat(cpu, next, block);
    if (engine->cache.evictions == evictions)
        connect(engine, next, block);
    else
        vex_pages_sweep(engine);
    return after(cpu, vex_enter(cpu, block->code), next);
}

/* One instruction, with debug registers or single steps in use. It may take several attempts. */
static bool step_watched(struct cpu *cpu, struct vex_next *next, uint64_t budget)
{
    uint64_t pc = next->pc, before = vex_instructions(cpu);
    if (!vex_debug_before(cpu, pc))
        return false;
    next->flavour = VEX_SLOW;
    next->from = VEX_NONE; /* no jump leads here by itself */
    next->indirect = false;
    if (!step(cpu, next, budget))
        return false;
    if (vex_instructions(cpu) == before)
        return true;
    if (cpu->repeats)
        *next = (struct vex_next){.pc = pc, .from = VEX_NONE, .entered = VEX_NONE};
    return vex_debug_behind(cpu, next->pc);
}

static void begin(struct cpu *cpu, struct mmu_root root, uint64_t budget)
{
    struct cpu_engine *engine = cpu->engine;
    struct machine *machine = engine->machine;
    engine->root = root;
    engine->meter.retired = 0;
    engine->meter.l1d_misses = machine->now->tlb_l1d_misses;
    engine->meter.l1i_misses = machine->now->tlb_l1i_misses;
    tlb_switch(machine->tlb, root);
    tlb_set_clock(machine->tlb, &cpu->meter.clock);
    if (machine->ram->code_changed) {
        machine->ram->code_changed = false;
        engine->pages.all_changed = ++engine->pages.tick;
        tlb_ifront_clear(machine->tlb);
    }
    engine->code_stored = false;
    engine->raised = false;
    cpu->meter.budget = engine->meter.slice = 0;
    cpu->meter.accesses = 0;
    cpu->shadow.straddles = 0;
    vex_log_begin_run(cpu);
    __atomic_store_n(&engine->running, cpu, __ATOMIC_RELAXED);
    allot(cpu, budget);
}

static void set_x87_control(uint16_t word)
{
    __asm__ volatile("fldcw %0" : : "m"(word));
}

void cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why)
{
    enum { X87_CONTROL_HOST = 0x037f, X87_CONTROL_VEX = 0x027f };
    struct vex_next next = {.pc = cpu->guest.guest_RIP,
                            .flavour = onward(cpu->engine),
                            .from = VEX_NONE,
                            .entered = VEX_NONE};
    begin(cpu, root, budget);
    if (__atomic_load_n(&cpu->engine->kicked, __ATOMIC_RELAXED))
        vex_raise(cpu);
    set_x87_control(X87_CONTROL_VEX);
    bool is_watched = vex_debug_is_on(cpu);
    while (is_watched ? step_watched(cpu, &next, budget) : step(cpu, &next, budget))
        ;
    set_x87_control(X87_CONTROL_HOST);
    __atomic_store_n(&cpu->engine->running, NULL, __ATOMIC_RELAXED);
    drain(cpu);
    vex_log_fault(cpu);
    vex_log_hand_over(cpu);
    tlb_set_clock(cpu->engine->machine->tlb, NULL);
    *why = cpu->why;
}
