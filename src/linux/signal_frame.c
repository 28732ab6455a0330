// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entering and leaving signal handlers. The frame is built in host memory and written in two pieces
 * before any register changes, so that a stack that cannot take it leaves the task as it was.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "kernel/uaccess.h"
#include "linux/signal_frame.h"
#include "linux/task.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define SA_RESTORER_FLAG ((uint64_t)0x04000000)

enum {
    UC_SIGCONTEXT_SS = 2, /* the frame's ss is saved and restored, always on 64-bit */
    UC_STRICT_RESTORE_SS = 4,
    USER_CS = 0x33,
    USER_SS = 0x2b,
    ALTSTACK_LEN_MIN = 2048, /* MINSIGSTKSZ */
    FCW_INITIAL = 0x037f,
    MXCSR_INITIAL = 0x1f80,
};

#define RFLAGS_TF ((uint64_t)1 << 8)
#define RFLAGS_DF ((uint64_t)1 << 10)
#define RFLAGS_RF ((uint64_t)1 << 16)
/* What sigreturn takes from the frame: AC RF OF DF TF SF ZF AF PF CF. */
#define RFLAGS_RESTORED ((uint64_t)0x50dd5)

/* ---- alternate stacks ---- */

static bool lies_on_altstack(const struct signal_state *state, uint64_t sp)
{
    return sp > state->altstack_base && sp - state->altstack_base <= state->altstack_len;
}

/* With SS_AUTODISARM a task never counts as being on it: the kernel forgets it at entry. */
static bool is_on_altstack(const struct signal_state *state, uint64_t sp)
{
    return !(state->altstack_flags & SS_AUTODISARM) && lies_on_altstack(state, sp);
}

uint32_t signal_altstack_flags(const struct task *task, uint64_t sp)
{
    const struct signal_state *state = &task->signals;
    if (state->altstack_len == 0)
        return SS_DISABLE;
    return is_on_altstack(state, sp) ? SS_ONSTACK : 0;
}

int signal_altstack_set(struct task *task, uint64_t sp, const struct signal_stack *stack)
{
    struct signal_state *state = &task->signals;
    uint32_t mode = stack->flags & ~SS_AUTODISARM;
    if (is_on_altstack(state, sp))
        return -EPERM;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode != SS_DISABLE && stack->len < ALTSTACK_LEN_MIN)
        return -ENOMEM;
    state->altstack_base = mode == SS_DISABLE ? 0 : stack->sp;
    state->altstack_len = mode == SS_DISABLE ? 0 : stack->len;
    state->altstack_flags = stack->flags;
    return 0;
}

/* ---- entering ---- */

struct place {
    uint64_t frame, fpstate;
};

/* Where the frame goes. Result: false if an alternate stack would overflow. */
static bool choose_place(const struct task *task, uint64_t rsp, uint64_t action_flags,
                         struct place *out)
{
    const struct signal_state *state = &task->signals;
    bool on_altstack = is_on_altstack(state, rsp);
    uint64_t sp = rsp - SIGNAL_RED_ZONE;
    if ((action_flags & SA_ONSTACK) && signal_altstack_flags(task, sp) == 0) {
        sp = state->altstack_base + state->altstack_len;
        on_altstack = true;
    }
    out->fpstate = (sp - SIGNAL_FPSTATE_LEN) & ~(uint64_t)(SIGNAL_FPSTATE_ALIGN - 1);
    out->frame = ((out->fpstate - sizeof(struct signal_frame)) & ~(uint64_t)15) - 8;
    return !on_altstack || lies_on_altstack(state, out->frame);
}

static void fill_context(struct signal_context *context, const struct cpu_regs *regs,
                         const struct cpu_fault_record *fault, sigbits_t mask, uint64_t fpstate)
{
    *context = (struct signal_context){
        .r8 = regs->r8,
        .r9 = regs->r9,
        .r10 = regs->r10,
        .r11 = regs->r11,
        .r12 = regs->r12,
        .r13 = regs->r13,
        .r14 = regs->r14,
        .r15 = regs->r15,
        .rdi = regs->rdi,
        .rsi = regs->rsi,
        .rbp = regs->rbp,
        .rbx = regs->rbx,
        .rdx = regs->rdx,
        .rax = regs->rax,
        .rcx = regs->rcx,
        .rsp = regs->rsp,
        .rip = regs->rip,
        .rflags = regs->rflags,
        .cs = USER_CS,
        .ss = USER_SS,
        .error = fault->error,
        .trapno = fault->trapno,
        .oldmask = mask,
        .cr2 = fault->cr2,
        .fpstate = fpstate,
    };
}

/* siginfo is written only if the handler gets it, as Linux does. */
static int write_frame(struct task *task, const struct place *place,
                       const struct signal_frame *frame, bool with_info)
{
    struct space *space = task->process->space;
    uint8_t area[CPU_XSAVE_LEN];
    cpu_get_xsave(task->cpu, area);
    int rc = uaccess_write(space, vaddr(place->fpstate), area, SIGNAL_FPSTATE_LEN);
    size_t len = with_info ? sizeof *frame : offsetof(struct signal_frame, info);
    return rc == 0 ? uaccess_write(space, vaddr(place->frame), frame, len) : rc;
}

static void start_fpu(struct cpu *cpu)
{
    uint8_t area[CPU_FXSAVE_LEN] = {0};
    const uint16_t control = FCW_INITIAL;
    const uint32_t mxcsr = MXCSR_INITIAL;
    memcpy(area, &control, sizeof control);
    memcpy(area + 24, &mxcsr, sizeof mxcsr);
    cpu_set_xsave(cpu, area, sizeof area);
}

static void enter(struct task *task, int signal, uint64_t handler, uint64_t frame,
                  struct cpu_regs *regs)
{
    regs->rip = handler;
    regs->rsp = frame;
    regs->rax = 0;
    regs->rdi = (uint64_t)signal;
    regs->rsi = frame + offsetof(struct signal_frame, info);
    regs->rdx = frame + offsetof(struct signal_frame, uc_flags);
    regs->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
    cpu_set_regs(task->cpu, regs);
    start_fpu(task->cpu);
}

int signal_frame_enter(struct task *task, int signal, const struct signal_action *action,
                       const struct signal_info *info, sigbits_t mask)
{
    struct signal_state *state = &task->signals;
    struct cpu_regs regs;
    struct place place;
    cpu_get_regs(task->cpu, &regs);
    if (!(action->flags & SA_RESTORER_FLAG) || !choose_place(task, regs.rsp, action->flags, &place))
        return -EFAULT;
    struct signal_frame frame = {
        .return_address = action->restorer,
        .uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
        .stack = {.sp = state->altstack_base,
                  .flags = state->altstack_flags,
                  .len = state->altstack_len},
        .mask = mask,
        .info = *info,
    };
    fill_context(&frame.context, &regs, &task->fault, mask, place.fpstate);
    if (write_frame(task, &place, &frame, action->flags & SA_SIGINFO) < 0)
        return -EFAULT;
    if (state->altstack_flags & SS_AUTODISARM) {
        state->altstack_base = state->altstack_len = 0;
        state->altstack_flags = SS_DISABLE;
    }
    enter(task, signal, action->handler, place.frame, &regs);
    return 0;
}

/* ---- leaving ---- */

static void take_context(const struct signal_context *context, struct cpu_regs *regs)
{
    regs->r8 = context->r8;
    regs->r9 = context->r9;
    regs->r10 = context->r10;
    regs->r11 = context->r11;
    regs->r12 = context->r12;
    regs->r13 = context->r13;
    regs->r14 = context->r14;
    regs->r15 = context->r15;
    regs->rdi = context->rdi;
    regs->rsi = context->rsi;
    regs->rbp = context->rbp;
    regs->rbx = context->rbx;
    regs->rdx = context->rdx;
    regs->rax = context->rax;
    regs->rcx = context->rcx;
    regs->rsp = context->rsp;
    regs->rip = context->rip;
    regs->rflags = (regs->rflags & ~RFLAGS_RESTORED) | (context->rflags & RFLAGS_RESTORED);
}

int signal_frame_leave(struct task *task, sigbits_t *mask, struct signal_stack *stack)
{
    struct space *space = task->process->space;
    struct cpu_regs regs;
    struct signal_frame frame;
    uint8_t fpstate[CPU_FXSAVE_LEN];
    cpu_get_regs(task->cpu, &regs);
    uint64_t at = regs.rsp - sizeof frame.return_address; /* the handler's `ret` took it */
    size_t len = offsetof(struct signal_frame, info);
    if (uaccess_read(space, &frame, vaddr(at), len) < 0)
        return -EFAULT;
    if (frame.context.fpstate != 0 &&
        uaccess_read(space, fpstate, vaddr(frame.context.fpstate), sizeof fpstate) < 0)
        return -EFAULT;
    take_context(&frame.context, &regs);
    cpu_set_regs(task->cpu, &regs);
    if (frame.context.fpstate != 0)
        cpu_set_xsave(task->cpu, fpstate, sizeof fpstate);
    else
        start_fpu(task->cpu);
    *mask = frame.mask;
    *stack = frame.stack;
    return 0;
}
