// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions: which signal, si_code and si_addr each kind of bad instruction or address gives. */
#include "guest.h"

/* In assembly: a compiler may divide by 0 without dividing. */
static void divide(int dividend, int divisor)
{
    __asm__ volatile("cltd; idivl %1" : "+a"(dividend) : "r"(divisor) : "edx", "cc");
}

static void divide_wide(long dividend, long divisor)
{
    __asm__ volatile("cqto; idivq %1" : "+a"(dividend) : "r"(divisor) : "rdx", "cc");
}

static void arithmetic(void)
{
    PROBE("divide by zero", NULL, divide(1, 0));
    PROBE("INT_MIN / -1", NULL, divide(INT32_MIN, -1));
    PROBE("wide divide by zero", NULL, divide_wide(1, 0));
    PROBE("INT64_MIN / -1", NULL, divide_wide(INT64_MIN, -1));
    PROBE("divide", NULL, divide_wide(INT64_MIN, 3));
    PROBE("div overflow", NULL,
          __asm__ volatile("movl $2, %%edx; xorl %%eax, %%eax; movl $1, %%ecx; divl %%ecx" ::
                               : "eax", "ecx", "edx"));
    PROBE("8-bit div by zero", NULL,
          __asm__ volatile("movw $7, %%ax; xorl %%ecx, %%ecx; divb %%cl" ::
                               : "eax", "ecx"));
}

static void bad_instructions(void)
{
    PROBE("ud2", NULL, __asm__ volatile("ud2"));
    PROBE("push es (not in 64-bit mode)", NULL, __asm__ volatile(".byte 0x06"));
    PROBE("lock on a register", NULL, __asm__ volatile(".byte 0xf0, 0x01, 0xc0"));
    PROBE("hlt", NULL, __asm__ volatile("hlt"));
    PROBE("cli", NULL, __asm__ volatile("cli"));
    PROBE("in", NULL, __asm__ volatile("movw $0x80, %%dx; inb %%dx, %%al" ::: "rax", "rdx"));
    PROBE("out", NULL, __asm__ volatile("movw $0x80, %%dx; outb %%al, %%dx" ::: "rdx"));
    PROBE("mov to cr3", NULL, __asm__ volatile("mov %rax, %cr3"));
    PROBE("wrmsr", NULL, __asm__ volatile("wrmsr"));
    PROBE("int3", NULL, __asm__ volatile("int3"));
}

static void where_int3_stops(void)
{
    extern char trap_at[], trap_next[];

    if (sigsetjmp(probe_jump, 1) == 0) {
        probe_armed = 1;
        __asm__ volatile("trap_at: int3; trap_next: nop");
    }
    printf("int3 is %ld byte\n", (long)(trap_next - trap_at));
}

static void bad_addresses(void)
{
    char *volatile high = (char *)0xffff800000001000;
    char *volatile strange = (char *)0x1234567890abcdef;
    char *volatile border = (char *)0x7ffffffff000;
    char *p = pages(2);
    void (*volatile null)(void) = NULL;
    void (*volatile wild)(void) = (void (*)(void))strange;

    mprotect(p + PAGE, PAGE, PROT_NONE);
    PROBE("load from null", NULL, load(NULL));
    PROBE("call of null", NULL, null());
    PROBE("load from the kernel's half", high, load(high + 5));
    PROBE("store to the kernel's half", high, store(high + 6, 1));
    PROBE("load above user space", border, load(border));
    PROBE("non-canonical load", NULL, load(strange));
    PROBE("non-canonical store", NULL, store(strange, 1));
    PROBE("non-canonical jump", NULL, wild());
    PROBE("misaligned movaps", NULL,
          __asm__ volatile("movaps 8(%0), %%xmm0" ::"r"(p)
                           : "xmm0", "memory"));
    PROBE("misaligned movaps store", NULL,
          __asm__ volatile("movaps %%xmm0, 4(%0)" ::"r"(p)
                           : "memory"));
    PROBE("load across into PROT_NONE", p, (void)*(volatile uint64_t *)(p + PAGE - 3));
    PROBE("store across into PROT_NONE", p, *(volatile uint64_t *)(p + PAGE - 3) = ~0ul);
    printf("and nothing was stored: %d %d\n", p[PAGE - 3], p[PAGE - 1]);
}

/* The instruction that faults has not happened: registers are as before it. */
static void state_at_fault(void)
{
    char *p = pages(2);

    munmap(p + PAGE, PAGE);
    PROBE("rep stosb into a hole", p, {
        char *to = p + PAGE - 100;
        long n = 300;

        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"('r') : "memory");
    });
    printf("stored before the fault: %d %d\n", p[PAGE - 100], p[PAGE - 1]);
}

int main(void)
{
    probe_start();
    arithmetic();
    bad_instructions();
    where_int3_stops();
    bad_addresses();
    state_at_fault();
    return 0;
}
