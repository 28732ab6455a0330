// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An inline check has failed, in the middle of a block. Mostly the page is merely not in front: the
 * TLB is asked, the slot filled, and the block resumed where it was, with all host registers as
 * they were. Otherwise the block is left before the instruction, which is then done one access at a
 * time, or faults.
 *
 * Resuming is exact only if the lookup displaces no page that the block relies on: one whose check
 * it has passed and whose accesses are not over. Then the block is left without a lookup. A lookup
 * made for an instruction that is done over by another flavour counts its miss now and its access
 * then.
 */
#include "machine/vex/vex.h"

/* A block with shared checks bears so many crossings less than so many instructions apart. */
enum { CROSSINGS_BORNE = 8, CROSSINGS_APART = 1024 };

static const struct vex_miss_note *note_of(const struct vex_frame *frame)
{
    return (const struct vex_miss_note *)(uintptr_t)(frame->back + VEX_MISS_SKIP_LEN);
}

/* What the block has retired before the instruction. */
static void settle(struct cpu *cpu, const struct vex_site *site)
{
    cpu->meter.accesses += site->amounts.loads + ((uint32_t)site->amounts.stores << 16);
    __atomic_fetch_sub(&cpu->meter.budget, site->amounts.insns, __ATOMIC_RELAXED);
}

static uint64_t go_on(struct cpu *cpu, const struct vex_site *site, enum vex_flavour flavour)
{
    const struct vex_block *block = &cpu->engine->cache.blocks[site->block];
    if (block->last != block->page)
        cpu->shadow.straddles--; /* the instruction will count again */
    vex_log_site(cpu, site);
    settle(cpu, site);
    cpu->elsewhere = (struct vex_next){.pc = site->pc,
                                       .flavour = flavour,
                                       .page = block->page,
                                       .from = VEX_NONE,
                                       .entered = VEX_NONE};
    cpu->ends = false;
    return 1;
}

static uint64_t end(struct cpu *cpu, const struct vex_site *site, struct cpu_exit why)
{
    settle(cpu, site);
    cpu->engine->meter.fetches++;
    cpu->guest.guest_RIP = site->pc;
    cpu->why = why;
    cpu->ends = true;
    return 1;
}

/* Whether the lookup would take away what the block may still use. `start`: the clock when the
 * block began. */
static bool disturbs(const struct cpu_engine *engine, const struct vex_site *site, vaddr_t va,
                     uint64_t start)
{
    return site->open && tlb_data_victim(engine->machine->tlb, va) > start;
}

static uint64_t fault(struct cpu *cpu, const struct vex_site *site, vaddr_t va, uint32_t error)
{
    cpu->engine->meter.lookups += site->lookups - site->amounts.clock + 1;
    vex_log_attempt(cpu, site);
    return end(cpu, site,
               (struct cpu_exit){
                   .kind = CPU_EXIT_FAULT, .addr = va, .error = error, .pc = vaddr(site->pc)});
}

static bool crosses_too_often(const struct cpu *cpu, struct vex_site *site)
{
    if (!site->is_const) {
        uint64_t now = vex_instructions(cpu);
        if (now - site->crossed_at >= CROSSINGS_APART)
            site->crossed = 0;
        site->crossed_at = now;
    }
    return ++site->crossed == CROSSINGS_BORNE;
}

/* A check crosses a page. Where its accesses each have their own, one of them does and is done
 * slowly. Shared checks are given up for once, or for good if it happens often. */
static enum vex_flavour after_crossing(struct cpu *cpu, struct vex_site *site)
{
    struct cpu_engine *engine = cpu->engine;
    struct vex_block *block = &engine->cache.blocks[site->block];
    if (block->splits)
        return VEX_SLOW;
    if (crosses_too_often(cpu, site) && !block->retired) {
        vex_page_set_splits(block->page, block->pc);
        vex_cache_retire(engine, block);
    }
    return VEX_SINGLE;
}

/* All that there is to do in the most common case, without a look at the site. */
static bool done_quickly(struct cpu *cpu, const struct vex_frame *frame)
{
    const struct vex_miss_note *note = note_of(frame);
    uint64_t last = note->is_const ? note->last : frame->gpr[note->last_reg];
    if (!note->in_place || (last ^ (last - note->span + 1)) & ~PAGE_MASK)
        return false;
    uint64_t start = cpu->meter.clock;
    return tlb_data_quick(cpu->engine->machine->tlb, vaddr(last - note->behind), note->writes,
                          start + note->lookups + 1, note->open ? start : UINT64_MAX);
}

static __attribute__((noinline)) uint64_t look_up(struct cpu *cpu, struct vex_frame *frame)
{
    struct cpu_engine *engine = cpu->engine;
    struct vex_site *site = &engine->cache.sites[note_of(frame)->number];
    uint64_t start = cpu->meter.clock;
    uint64_t last = site->is_const ? site->va + site->behind : frame->gpr[site->last_reg];
    vaddr_t va = vaddr(last - site->behind);
    bool straddles = (last ^ (last - site->span + 1)) & ~PAGE_MASK;
    if (!site->in_place || straddles) {
        cpu->meter.clock = start + site->amounts.clock;
        return go_on(cpu, site, straddles ? after_crossing(cpu, site) : VEX_SLOW);
    }
    if (!mmu_is_canonical(engine->root.levels, va)) {
        vex_log_site(cpu, site);
        return end(cpu, site,
                   (struct cpu_exit){
                       .kind = CPU_EXIT_TRAP, .vector = CPU_VECTOR_GP, .pc = vaddr(site->pc)});
    }
    uint64_t page = vaddr_page(va).v;
    if (disturbs(engine, site, va, start)) {
        cpu->meter.clock = start + site->amounts.clock;
        return go_on(cpu, site, VEX_SLOW);
    }
    struct tlb_hit hit;
    cpu->meter.clock = start + site->lookups;
    engine->machine->pc = vaddr(site->pc);
    if (!tlb_data(engine->machine->tlb, va, (enum mmu_access)site->access, &hit))
        return fault(cpu, site, va, hit.error);
    const struct tlb_front *slot = &engine->front[tlb_front_slot(va)];
    if ((site->writes ? slot->wtag : slot->rtag) != page)
        return go_on(cpu, site, site->access == MMU_STORE ? VEX_SLOW : VEX_SINGLE);
    cpu->meter.clock = start;
    return 0;
}

uint64_t vex_miss(struct cpu *cpu, struct vex_frame *frame)
{
    return done_quickly(cpu, frame) ? 0 : look_up(cpu, frame);
}
