// SPDX-License-Identifier: GPL-2.0-or-later
/* The signal frame's layout against the host's own headers: it is an ABI, not ours to choose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <ucontext.h>

/* The kernel's and the C library's headers both define these. */
#define sigcontext kernel_sigcontext
#define _fpx_sw_bytes kernel_fpx_sw_bytes
#define _fpreg kernel_fpreg
#define _fpxreg kernel_fpxreg
#define _xmmreg kernel_xmmreg
#define _ymmh_state kernel_ymmh_state
#define _xstate kernel_xstate
#undef FP_XSTATE_MAGIC1
#undef FP_XSTATE_MAGIC2
#undef FP_XSTATE_MAGIC2_SIZE
#include <asm/sigcontext.h>
#undef sigcontext

#include "linux/signal_frame.h"

#define SAME(ours, theirs)                                                                         \
    assert_int_equal(offsetof(struct signal_context, ours),                                        \
                     offsetof(struct kernel_sigcontext, theirs))

static void context_is_the_kernels(void **state)
{
    assert_int_equal(sizeof(struct signal_context), sizeof(struct kernel_sigcontext));
    SAME(r8, r8);
    SAME(r9, r9);
    SAME(r10, r10);
    SAME(r11, r11);
    SAME(r12, r12);
    SAME(r13, r13);
    SAME(r14, r14);
    SAME(r15, r15);
    SAME(rdi, rdi);
    SAME(rsi, rsi);
    SAME(rbp, rbp);
    SAME(rbx, rbx);
    SAME(rdx, rdx);
    SAME(rax, rax);
    SAME(rcx, rcx);
    SAME(rsp, rsp);
    SAME(rip, rip);
    SAME(rflags, eflags);
    SAME(cs, cs);
    SAME(gs, gs);
    SAME(fs, fs);
    SAME(error, err);
    SAME(trapno, trapno);
    SAME(oldmask, oldmask);
    SAME(cr2, cr2);
    SAME(fpstate, fpstate);
    assert_int_equal(sizeof(struct _fpstate_64), SIGNAL_FPSTATE_LEN);
}

/* Offsets in the frame, from its ucontext. */
#define IN_UC(member)                                                                              \
    (offsetof(struct signal_frame, member) - offsetof(struct signal_frame, uc_flags))

static void ucontext_is_the_hosts(void **state)
{
    assert_int_equal(IN_UC(uc_flags), offsetof(ucontext_t, uc_flags));
    assert_int_equal(IN_UC(uc_link), offsetof(ucontext_t, uc_link));
    assert_int_equal(IN_UC(stack), offsetof(ucontext_t, uc_stack));
    assert_int_equal(IN_UC(stack.flags), offsetof(ucontext_t, uc_stack.ss_flags));
    assert_int_equal(IN_UC(stack.len), offsetof(ucontext_t, uc_stack.ss_size));
    assert_int_equal(IN_UC(context), offsetof(ucontext_t, uc_mcontext));
    assert_int_equal(IN_UC(context.rip), offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]));
    assert_int_equal(IN_UC(context.cr2), offsetof(ucontext_t, uc_mcontext.gregs[REG_CR2]));
    assert_int_equal(IN_UC(mask), offsetof(ucontext_t, uc_sigmask));
}

/* struct rt_sigframe of the kernel: pretcode, ucontext of 304 bytes, siginfo of 128. */
static void frame_is_the_kernels(void **state)
{
    assert_int_equal(offsetof(struct signal_frame, uc_flags), 8);
    assert_int_equal(offsetof(struct signal_frame, info), 8 + 304);
    assert_int_equal(sizeof(struct signal_frame), 440);
    assert_int_equal(sizeof(struct signal_action), 32);
    assert_true(SIGNAL_FRAME_LEN_MAX % 16 == 0);
    assert_true(SIGNAL_FRAME_LEN_MAX <= 2048); /* fits the smallest alternate stack */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_the_kernels),
        cmocka_unit_test(ucontext_is_the_hosts),
        cmocka_unit_test(frame_is_the_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
