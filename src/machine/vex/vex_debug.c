// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug registers and single steps. A CPU that has any in use runs one instruction at a time, in
 * the slow flavour, whose helpers tell of each access; nothing of this costs those that have none.
 * Breakpoints on execution are faults, before the instruction; those on data are traps, behind it.
 *
 * Source: Intel SDM vol. 3B, "Debug Registers", "Debug Exceptions".
 */
#include "machine/vex/vex.h"

enum { TYPE_EXECUTE = 0, TYPE_WRITE = 1, TYPE_IO = 2 };

/* What bits 16 to 31 of DR7 say of a breakpoint. */
static unsigned type_of(uint64_t control, unsigned i)
{
    return control >> (16 + 4 * i) & 3;
}

static uint64_t len_of(uint64_t control, unsigned i)
{
    static const uint8_t lens[4] = {1, 2, 8, 4};
    return lens[control >> (18 + 4 * i) & 3];
}

static bool is_enabled(uint64_t control, unsigned i)
{
    return control >> (2 * i) & 3;
}

void cpu_set_debug(struct cpu *cpu, const struct cpu_debug *debug)
{
    cpu->debug = *debug;
}

bool vex_debug_is_on(const struct cpu *cpu)
{
    return cpu->debug.steps || cpu->debug.control & CPU_DEBUG_ENABLED;
}

void vex_debug_access(struct cpu *cpu, uint64_t va, uint64_t len, enum mmu_access access)
{
    uint64_t control = cpu->debug.control;
    for (unsigned i = 0; control & CPU_DEBUG_ENABLED && i < CPU_DEBUG_ADDRESSES; i++) {
        unsigned type = type_of(control, i);
        bool counts = type == TYPE_WRITE ? access == MMU_STORE : type > TYPE_IO;
        uint64_t size = len_of(control, i), at = cpu->debug.addr[i] & -size;
        if (is_enabled(control, i) && counts && va - at + len - 1 < size + len - 1)
            cpu->debug_hits |= 1u << i;
    }
}

/* The breakpoints on the execution of this instruction, unless it has just been stopped at. */
static uint32_t stops_at(const struct cpu *cpu, uint64_t pc)
{
    uint32_t hits = 0;
    for (unsigned i = 0; !cpu->resumes && i < CPU_DEBUG_ADDRESSES; i++)
        if (is_enabled(cpu->debug.control, i) && type_of(cpu->debug.control, i) == TYPE_EXECUTE &&
            cpu->debug.addr[i] == pc)
            hits |= 1u << i;
    return hits;
}

static bool trap(struct cpu *cpu, uint64_t pc, uint32_t status)
{
    cpu->guest.guest_RIP = pc;
    cpu->why = (struct cpu_exit){
        .kind = CPU_EXIT_TRAP, .vector = CPU_VECTOR_DB, .error = status, .pc = vaddr(pc)};
    return false;
}

bool vex_debug_before(struct cpu *cpu, uint64_t pc)
{
    uint32_t hits = stops_at(cpu, pc);
    cpu->debug_hits = 0;
    cpu->repeats = false;
    if (hits == 0)
        return true;
    cpu->resumes = true;
    return trap(cpu, pc, hits);
}

bool vex_debug_behind(struct cpu *cpu, uint64_t pc)
{
    uint32_t status = cpu->debug_hits | (cpu->debug.steps ? CPU_DEBUG_STEP : 0);
    cpu->resumes = cpu->repeats;
    return status == 0 || trap(cpu, pc, status);
}
