// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers that a fault handler sees, and what it changes in them: an instruction that faults has
 * not happened yet, and a handler that returns lets it happen.
 */
#include <ucontext.h>

#include "guest.h"

static char *area;
static volatile long seen[4];
static volatile int faults;

/* Notes RSP, RCX, RDI, RSI relative to the area, and lets the page in. */
static void handler(int signal, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signal;
    seen[0] = (char *)regs[REG_RSP] - area;
    seen[1] = regs[REG_RCX];
    seen[2] = (char *)regs[REG_RDI] - area;
    seen[3] = (char *)regs[REG_RSI] - area;
    faults++;
    mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1)), PAGE, RW);
}

static void arm(void)
{
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
}

static void protect(void)
{
    mprotect(area, 16 * PAGE, PROT_NONE);
    faults = 0;
}

static void pushes(void)
{
    protect();
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "lea %c1(%0), %%rsp\n"
                     "push $77\n"
                     "mov %%rbx, %%rsp\n" ::"r"(area),
                     "i"(2 * PAGE)
                     : "rbx", "memory");
    printf("push: rsp was %ld, stored %ld, %d fault\n", seen[0], *(long *)(area + 2 * PAGE - 8),
           faults);

    protect();
    long out;
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "lea 4092(%1), %%rsp\n"
                     "push $0x11223344\n"
                     "pop %0\n"
                     "mov %%rbx, %%rsp\n"
                     : "=r"(out)
                     : "r"(area + 4096)
                     : "rbx", "memory");
    printf("push within: %lx, %d fault, rsp %ld\n", out, faults, seen[0]);

    protect();
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "lea 4100(%1), %%rsp\n"
                     "push $0x55667788\n"
                     "pop %0\n"
                     "mov %%rbx, %%rsp\n"
                     : "=r"(out)
                     : "r"(area)
                     : "rbx", "memory");
    printf("push across: %lx, %d faults, rsp %ld\n", out, faults, seen[0]);
}

static void calls(void)
{
    long out;

    protect();
    __asm__ volatile("mov %%rsp, %%rbx\n"
                     "lea 4096(%1), %%rsp\n"
                     "call 1f\n"
                     "jmp 2f\n"
                     "1: mov (%%rsp), %0\n"
                     "ret\n"
                     "2: mov %%rbx, %%rsp\n"
                     : "=r"(out)
                     : "r"(area)
                     : "rbx", "memory");
    printf("call: rsp was %ld, %d fault, return address stored %d\n", seen[0], faults, out != 0);
}

static void strings(void)
{
    char *to = area + PAGE - 50, *from;
    long n = 2 * PAGE;

    protect();
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"('s') : "memory");
    printf("stosb: %d faults, last at rdi %ld rcx %ld\n", faults, seen[2], seen[1]);

    protect();
    mprotect(area, 4 * PAGE, RW);
    from = area + 2 * PAGE - 1;
    to = area + 7 * PAGE + 100;
    n = PAGE + 500;
    __asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
    printf("movsb down: %d faults, last at rdi %ld rsi %ld rcx %ld\n", faults, seen[2], seen[3],
           seen[1]);

    protect();
    mprotect(area, 4 * PAGE, RW);
    from = area + 3;
    to = area + 5 * PAGE - 12;
    n = 700;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");
    printf("movsq: %d faults, last at rdi %ld rsi %ld rcx %ld, hash %016lx\n", faults, seen[2],
           seen[3], seen[1], (unsigned long)hash(area + 5 * PAGE - 12, 5600));
}

static void read_modify_write(void)
{
    long old = 5, *cell = (long *)(area + 3 * PAGE + 8);

    protect();
    __asm__ volatile("addq $3, %0" : "+m"(*cell)::"cc");
    printf("add: %ld, %d fault\n", *cell, faults);
    *cell = 40;
    protect();
    __asm__ volatile("lock xaddq %0, %1" : "+r"(old), "+m"(*cell)::"cc");
    printf("xadd: old %ld new %ld, %d fault\n", old, *cell, faults);
    protect();
    old = 45;
    __asm__ volatile("lock cmpxchgq %2, %1" : "+a"(old), "+m"(*cell) : "r"(9L) : "cc");
    printf("cmpxchg: old %ld new %ld, %d fault\n", old, *cell, faults);
    protect();
    __asm__ volatile("xchgq %0, %1" : "+r"(old), "+m"(*cell));
    printf("xchg: %ld %ld, %d fault\n", old, *cell, faults);

    uint64_t pair[2] = {1, 2}, *wide = (uint64_t *)(area + 6 * PAGE);
    protect();
    __asm__ volatile("lock cmpxchg16b %2"
                     : "+a"(pair[0]), "+d"(pair[1]), "+m"(*(__int128 *)wide)
                     : "b"(7L), "c"(8L)
                     : "cc");
    printf("cmpxchg16b: %lu %lu, memory %lu %lu, %d fault\n", (unsigned long)pair[0],
           (unsigned long)pair[1], (unsigned long)wide[0], (unsigned long)wide[1], faults);
}

/* A handler may skip the instruction and set registers. */
static void skipper(int signal, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signal;
    (void)info;
    regs[REG_RIP] += 2; /* ud2 */
    regs[REG_RAX] = 1234;
    regs[REG_EFL] |= 1; /* carry */
}

static void skip(void)
{
    struct sigaction action = {.sa_sigaction = skipper, .sa_flags = SA_SIGINFO};
    long rax = 0;
    char carry;

    sigaction(SIGILL, &action, NULL);
    __asm__ volatile("clc; ud2; setc %1" : "+a"(rax), "=q"(carry)::"cc");
    printf("after skipping: rax %ld carry %d\n", rax, carry);
}

int main(void)
{
    area = pages(16);
    arm();
    pushes();
    calls();
    strings();
    read_modify_write();
    skip();
    return 0;
}
