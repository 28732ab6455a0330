/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Into translated code and out of it. Translated code has rbp = struct cpu, rsp a multiple of 16,
 * and keeps nothing on the host stack; all ways out drop whatever lies there.
 */
#include "machine/vex/vex_layout.h"

        .text

/* struct vex_leave vex_enter(struct cpu *cpu, uint64_t code) */
        .globl vex_enter
        .type vex_enter, @function
vex_enter:
        pushq %rbx
        pushq %rbp
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        subq $8, %rsp
        movq %rdi, %rbp
        movq %rsp, VEX_OFF_STACK(%rbp)
        jmp *%rsi

leave:  /* eax: reason, rdx: value */
        movq VEX_OFF_STACK(%rbp), %rsp
        addq $8, %rsp
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbp
        popq %rbx
        ret
        .size vex_enter, . - vex_enter

/* void vex_escape(struct cpu *cpu): from a helper, whatever the depth of its calls */
        .globl vex_escape
        .type vex_escape, @function
vex_escape:
        movq %rdi, %rbp
        movl $VEX_LEAVE_ESCAPE, %eax
        jmp leave
        .size vex_escape, . - vex_escape

/* What follows is called by translated code, for the sake of the return address. */
        .globl vex_cp_exit
        .type vex_cp_exit, @function
vex_cp_exit:
        popq %rdx
        movl $VEX_LEAVE_EXIT, %eax
        jmp leave
        .size vex_cp_exit, . - vex_cp_exit

        .globl vex_cp_indirect
        .type vex_cp_indirect, @function
vex_cp_indirect:
        popq %rdx
        movl $VEX_LEAVE_INDIRECT, %eax
        jmp leave
        .size vex_cp_indirect, . - vex_cp_indirect

        .globl vex_cp_fetch
        .type vex_cp_fetch, @function
vex_cp_fetch:
        popq %rdx
        movl $VEX_LEAVE_FETCH, %eax
        jmp leave
        .size vex_cp_fetch, . - vex_cp_fetch

/*
 * Saves what VEX keeps in registers, as struct vex_frame, and returns behind the call or leaves. What
 * vex_miss() preserves is not restored. Blocks without values in SIMD registers spare those.
 */
        .macro miss name, simd
        .globl \name
        .type \name, @function
\name:
        pushq %r15
        pushq %r14
        pushq %r13
        pushq %r12
        pushq %r11
        pushq %r10
        pushq %r9
        pushq %r8
        pushq %rdi
        pushq %rsi
        pushq %rbp
        pushq %rsp
        pushq %rbx
        pushq %rdx
        pushq %rcx
        pushq %rax
        subq $168, %rsp
        .if \simd
        movups %xmm3, 8(%rsp)
        movups %xmm4, 24(%rsp)
        movups %xmm5, 40(%rsp)
        movups %xmm6, 56(%rsp)
        movups %xmm7, 72(%rsp)
        movups %xmm8, 88(%rsp)
        movups %xmm9, 104(%rsp)
        movups %xmm10, 120(%rsp)
        movups %xmm11, 136(%rsp)
        movups %xmm12, 152(%rsp)
        .endif
        movq %rbp, %rdi
        movq %rsp, %rsi
        call vex_miss
        testq %rax, %rax
        jne left
        .if \simd
        movups 8(%rsp), %xmm3
        movups 24(%rsp), %xmm4
        movups 40(%rsp), %xmm5
        movups 56(%rsp), %xmm6
        movups 72(%rsp), %xmm7
        movups 88(%rsp), %xmm8
        movups 104(%rsp), %xmm9
        movups 120(%rsp), %xmm10
        movups 136(%rsp), %xmm11
        movups 152(%rsp), %xmm12
        .endif
        addq $168, %rsp
        popq %rax
        popq %rcx
        popq %rdx
        addq $24, %rsp /* rbx, rsp, rbp */
        popq %rsi
        popq %rdi
        popq %r8
        popq %r9
        popq %r10
        popq %r11
        addq $32, %rsp /* r12 to r15 */
        ret
        .size \name, . - \name
        .endm

        miss vex_cp_miss, 0
        miss vex_cp_miss_simd, 1

left:   movl $VEX_LEAVE_MISS, %eax
        jmp leave

        .section .note.GNU-stack, "", @progbits
