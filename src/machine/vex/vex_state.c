// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A task's registers: in VEX's form while it runs, in the processor's form for others. Flags are
 * kept by VEX as the operands of what set them; the x87 registers as 64-bit doubles, so 80-bit
 * values lose 11 bits of their fraction (and the x87's own exceptions are never raised).
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "machine/vex/vex.h"

_Static_assert(offsetof(VexGuestAMD64State, host_EvC_FAILADDR) == VEX_OFF_CLOCK, "");
_Static_assert(offsetof(VexGuestAMD64State, host_EvC_COUNTER) == VEX_OFF_BUDGET, "");
_Static_assert(offsetof(struct cpu, meter.accesses) == VEX_OFF_ACCESSES, "");
_Static_assert(offsetof(VexGuestAMD64State, guest_RIP) == VEX_OFF_RIP, "");
_Static_assert(sizeof(VexGuestAMD64State) == VEX_STATE_LEN && VEX_STATE_LEN % 16 == 0, "");
_Static_assert(offsetof(struct cpu, shadow.value) == VEX_OFF_VALUE, "");
_Static_assert(offsetof(struct cpu, shadow.expected) == VEX_OFF_EXPECTED, "");
_Static_assert(offsetof(struct cpu, shadow.straddles) == VEX_OFF_STRADDLES, "");
_Static_assert(offsetof(struct cpu, shadow.done) == VEX_OFF_DONE, "");
_Static_assert(offsetof(struct cpu, shadow.stack) == VEX_OFF_STACK, "");
_Static_assert(offsetof(struct cpu, shadow.log) == VEX_OFF_LOG, "");
_Static_assert(sizeof(struct vex_shadow) <= 2 * VEX_STATE_LEN, "");
_Static_assert(offsetof(struct cpu, spill) == 3 * VEX_STATE_LEN, "");

enum {
    RFLAGS_FIXED = 0x202, /* bit 1, and the interrupt flag */
    RFLAGS_RF = 1 << 16,
    XSAVE_HEADER = CPU_FXSAVE_LEN,
    XSAVE_YMM = 512 + 64,
    XMM_LEN = 16,
    NXMM = 16,
};
enum { XSTATE_X87 = 1, XSTATE_SSE = 2, XSTATE_AVX = 4 };

static struct cpu *allocate(void)
{
    return aligned_alloc(_Alignof(struct cpu), sizeof(struct cpu));
}

int cpu_create(struct machine *machine, struct cpu **out)
{
    struct cpu *cpu = allocate();
    if (!cpu)
        return -ENOMEM;
    memset(cpu, 0, sizeof(*cpu));
    cpu->engine = machine->engine;
    cpu_reset(cpu);
    *out = cpu;
    return 0;
}

int cpu_clone(struct cpu *cpu, struct cpu **out)
{
    struct cpu *copy = allocate();
    if (!copy)
        return -ENOMEM;
    *copy = *cpu;
    copy->debug = (struct cpu_debug){0};
    vex_calls_copy(copy, cpu);
    *out = copy;
    return 0;
}

void cpu_destroy(struct cpu *cpu)
{
    if (cpu)
        cpu_forget_calls(cpu);
    free(cpu);
}

void cpu_reset(struct cpu *cpu)
{
    LibVEX_GuestAMD64_initialise(&cpu->guest);
    memset(&cpu->shadow, 0, sizeof(cpu->shadow));
    cpu->meter.clock = 0;
    cpu->meter.budget = 0;
    cpu->meter.accesses = 0;
    cpu_forget_calls(cpu);
    cpu->debug = (struct cpu_debug){0};
    cpu->resumes = false;
}

void cpu_get_regs(const struct cpu *cpu, struct cpu_regs *regs)
{
    const VexGuestAMD64State *g = &cpu->guest;
    *regs = (struct cpu_regs){
        .rax = g->guest_RAX,
        .rbx = g->guest_RBX,
        .rcx = g->guest_RCX,
        .rdx = g->guest_RDX,
        .rsi = g->guest_RSI,
        .rdi = g->guest_RDI,
        .rbp = g->guest_RBP,
        .rsp = g->guest_RSP,
        .r8 = g->guest_R8,
        .r9 = g->guest_R9,
        .r10 = g->guest_R10,
        .r11 = g->guest_R11,
        .r12 = g->guest_R12,
        .r13 = g->guest_R13,
        .r14 = g->guest_R14,
        .r15 = g->guest_R15,
        .rip = g->guest_RIP,
        .rflags = LibVEX_GuestAMD64_get_rflags(g) | RFLAGS_FIXED | (cpu->resumes ? RFLAGS_RF : 0),
        .fs_base = g->guest_FS_CONST,
        .gs_base = g->guest_GS_CONST,
    };
}

void cpu_set_regs(struct cpu *cpu, const struct cpu_regs *regs)
{
    VexGuestAMD64State *g = &cpu->guest;
    g->guest_RAX = regs->rax;
    g->guest_RBX = regs->rbx;
    g->guest_RCX = regs->rcx;
    g->guest_RDX = regs->rdx;
    g->guest_RSI = regs->rsi;
    g->guest_RDI = regs->rdi;
    g->guest_RBP = regs->rbp;
    g->guest_RSP = regs->rsp;
    g->guest_R8 = regs->r8;
    g->guest_R9 = regs->r9;
    g->guest_R10 = regs->r10;
    g->guest_R11 = regs->r11;
    g->guest_R12 = regs->r12;
    g->guest_R13 = regs->r13;
    g->guest_R14 = regs->r14;
    g->guest_R15 = regs->r15;
    g->guest_RIP = regs->rip;
    g->guest_FS_CONST = regs->fs_base;
    g->guest_GS_CONST = regs->gs_base;
    LibVEX_GuestAMD64_put_rflags(regs->rflags, g);
    cpu->resumes = regs->rflags & RFLAGS_RF;
}

/* ---- x87, SSE, AVX ---- */

static uint8_t *ymm(struct cpu *cpu, unsigned i)
{
    return (uint8_t *)&cpu->guest + offsetof(VexGuestAMD64State, guest_YMM0) + i * sizeof(U256);
}

void cpu_get_xsave(const struct cpu *cpu, uint8_t area[CPU_XSAVE_LEN])
{
    struct cpu *copy = (struct cpu *)cpu; /* VEX's function only reads */
    uint64_t present = XSTATE_X87 | XSTATE_SSE | XSTATE_AVX;
    memset(area, 0, CPU_XSAVE_LEN);
    LibVEX_GuestAMD64_fxsave(&copy->guest, (HWord)(uintptr_t)area);
    memcpy(area + XSAVE_HEADER, &present, sizeof(present));
    for (unsigned i = 0; i < NXMM; i++)
        memcpy(area + XSAVE_YMM + i * XMM_LEN, ymm(copy, i) + XMM_LEN, XMM_LEN);
}

/* The initial state of what an XSAVE header says is not in the area. */
static void clear_absent(struct cpu *cpu, uint64_t present)
{
    static const uint8_t initial[CPU_FXSAVE_LEN] = {0x7f, 0x03, [24] = 0x80, [25] = 0x1f};
    if (!(present & XSTATE_X87) && !(present & XSTATE_SSE)) {
        LibVEX_GuestAMD64_fxrstor((HWord)(uintptr_t)initial, &cpu->guest);
    } else if (!(present & XSTATE_SSE)) {
        for (unsigned i = 0; i < NXMM; i++)
            memset(ymm(cpu, i), 0, XMM_LEN);
    }
}

void cpu_set_xsave(struct cpu *cpu, const uint8_t *area, size_t len)
{
    CHECK(len == CPU_FXSAVE_LEN || len == CPU_XSAVE_LEN);
    uint8_t legacy[CPU_FXSAVE_LEN] __attribute__((aligned(16)));
    uint64_t present = XSTATE_X87 | XSTATE_SSE;
    memcpy(legacy, area, sizeof(legacy));
    if (len == CPU_XSAVE_LEN)
        memcpy(&present, area + XSAVE_HEADER, sizeof(present));
    LibVEX_GuestAMD64_fxrstor((HWord)(uintptr_t)legacy, &cpu->guest);
    clear_absent(cpu, present);
    for (unsigned i = 0; i < NXMM; i++) {
        uint8_t *upper = ymm(cpu, i) + XMM_LEN;
        if (present & XSTATE_AVX && len == CPU_XSAVE_LEN)
            memcpy(upper, area + XSAVE_YMM + i * XMM_LEN, XMM_LEN);
        else
            memset(upper, 0, XMM_LEN);
    }
}

/* ---- single registers ---- */

uint64_t cpu_syscall_number(const struct cpu *cpu)
{
    return cpu->guest.guest_RAX;
}

void cpu_syscall_args(const struct cpu *cpu, uint64_t args[6])
{
    const VexGuestAMD64State *g = &cpu->guest;
    const uint64_t values[6] = {g->guest_RDI, g->guest_RSI, g->guest_RDX,
                                g->guest_R10, g->guest_R8,  g->guest_R9};
    memcpy(args, values, sizeof(values));
}

void cpu_set_result(struct cpu *cpu, uint64_t rax)
{
    cpu->guest.guest_RAX = rax;
}

uint64_t cpu_stack_pointer(const struct cpu *cpu)
{
    return cpu->guest.guest_RSP;
}

uint64_t cpu_pc(const struct cpu *cpu)
{
    return cpu->guest.guest_RIP;
}

void cpu_set_pc(struct cpu *cpu, uint64_t rip)
{
    cpu->guest.guest_RIP = rip;
}

void cpu_set_fs_base(struct cpu *cpu, uint64_t base)
{
    cpu->guest.guest_FS_CONST = base;
}

void cpu_set_gs_base(struct cpu *cpu, uint64_t base)
{
    cpu->guest.guest_GS_CONST = base;
}
