// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The signal frame: what a handler finds on its stack, byte for byte as the x86-64 Linux kernel
 * lays it out, because programs (unwinders, runtimes, debuggers) read and change it.
 *
 *     high   the interrupted stack, less a red zone of 128 bytes
 *            FXSAVE image, 512 bytes, 64-byte aligned
 *            struct signal_frame: return address, ucontext, siginfo      <- rsp, 8 modulo 16
 */
#ifndef LINUX_SIGNAL_FRAME_H
#define LINUX_SIGNAL_FRAME_H

#include "linux/signal.h"

enum {
    SIGNAL_RED_ZONE = 128, /* bytes below rsp that a function may use without moving it */
    SIGNAL_FPSTATE_LEN = 512,
    SIGNAL_FPSTATE_ALIGN = 64,
    SIGNAL_RFLAGS_INITIAL = 0x202, /* IF and the bit that is always set */
};

/* asm/sigcontext.h, struct sigcontext (struct sigcontext_64 in the kernel). */
struct signal_context {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trapno, oldmask, cr2;
    uint64_t fpstate; /* address of the FXSAVE image */
    uint64_t reserved[8];
};

struct signal_stack { /* stack_t */
    uint64_t sp;
    uint32_t flags, padding;
    uint64_t len;
};

struct signal_frame {
    uint64_t return_address; /* the action's restorer */
    uint64_t uc_flags;
    uint64_t uc_link;
    struct signal_stack stack;
    struct signal_context context;
    sigbits_t mask;
    struct signal_info info;
};

/* The most that a frame and its alignment take of a stack: AT_MINSIGSTKSZ. */
enum {
    SIGNAL_FRAME_LEN_MAX = (SIGNAL_RED_ZONE + SIGNAL_FPSTATE_LEN + SIGNAL_FPSTATE_ALIGN +
                            sizeof(struct signal_frame) + 16 + 15) /
                           16 * 16
};

/*
 * Builds a frame for the signal and points the registers at its handler; `mask` is what sigreturn
 * will restore. Result: 0, or -EFAULT: the frame cannot be written, registers are as they were.
 */
int signal_frame_enter(struct task *task, int signal, const struct signal_action *action,
                       const struct signal_info *info, sigbits_t mask);

/* rt_sigreturn's half: reads the frame below rsp and restores registers and FPU; mask and alternate
 * stack are the caller's to set. Result: 0, or -EFAULT and nothing changed. */
int signal_frame_leave(struct task *task, sigbits_t *mask, struct signal_stack *stack);

/* sigaltstack(2)'s ss_flags for a task with this stack pointer: SS_ONSTACK, SS_DISABLE or 0. */
uint32_t signal_altstack_flags(const struct task *task, uint64_t sp);
/* Sets the alternate stack as sigaltstack(2). Errors: -EPERM on it now, -EINVAL, -ENOMEM. */
int signal_altstack_set(struct task *task, uint64_t sp, const struct signal_stack *stack);

#endif
