// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loops of all shapes, each run long enough to become hot and then into a fault, in every round of
 * what an engine may have unrolled: the registers that the handler sees, and the memory the loop
 * has left, are those of the very instruction.
 */
#include <sys/wait.h>
#include <ucontext.h>

#include "guest.h"

/* A loop is given its memory in rdi, a count in rsi, and may use rax to rdx and r8 to r11. */
typedef void loop_fn(void *at, long count);

#define LOOP(name, code)                                                                           \
    loop_fn name;                                                                                  \
    __asm__(".text\n.p2align 6\n.type " #name ", @function\n" #name ":\n"                          \
            "xor %eax, %eax\nxor %ecx, %ecx\nxor %edx, %edx\nxor %r8d, %r8d\n"                     \
            "xor %r9d, %r9d\nmov $3, %r10d\nmov $7, %r11d\n" code "\nret\n.size " #name            \
            ", . - " #name "\n")

LOOP(bytes_up, "1: movb %cl, (%rdi,%rcx)\n inc %rcx\n cmp %rsi, %rcx\n jne 1b");
LOOP(bytes_down, "mov %rsi, %rcx\n neg %rcx\n 1: dec %rcx\n movb %cl, (%rdi)\n inc %rdi\n jnz 1b");
LOOP(words, "1: add (%rdi), %rax\n add $8, %rdi\n dec %rsi\n jnz 1b");
LOOP(carry, "1: adc (%rdi,%rcx,8), %rax\n adc $0, %rdx\n lea 1(%rcx), %rcx\n lea -1(%rsi), %rsi\n"
            "mov %rsi, %r8\n inc %r8\n dec %r8\n jnz 1b");
LOOP(even_odd, "1: movzbl (%rdi), %eax\n test $1, %al\n jz 2f\n add %rax, %rdx\n jmp 3f\n"
               "2: add $1, %r8\n 3: inc %rdi\n dec %rsi\n jnz 1b");
LOOP(leaves_in_middle, "1: movl (%rdi), %eax\n cmp $0x12345678, %eax\n je 2f\n add $4, %rdi\n"
                       "movl %eax, -4(%rdi)\n add %eax, %edx\n dec %rsi\n jmp 1b\n 2:");
LOOP(two_ends, "1: movb $1, (%rdi,%rax)\n add %r10, %rax\n cmp %rsi, %rax\n jg 2f\n"
               "movb $2, (%rdi,%rax)\n add %r10, %rax\n cmp %rsi, %rax\n jle 1b\n 2:");
LOOP(modify, "1: addl %ecx, (%rdi)\n xorl %r11d, 4(%rdi)\n add $12, %rdi\n inc %ecx\n dec %rsi\n"
             "jnz 1b");
LOOP(vectors, "1: movups (%rdi), %xmm0\n movups 16(%rdi), %xmm1\n paddb %xmm1, %xmm0\n"
              "movups %xmm0, (%rdi)\n add $32, %rdi\n dec %rsi\n jnz 1b\n movq %xmm0, %rax");
LOOP(nested, "1: mov $5, %ecx\n 2: movb %cl, (%rdi)\n inc %rdi\n dec %ecx\n jnz 2b\n"
             "incl %edx\n sub $5, %rsi\n jg 1b");
LOOP(exchanges, "1: movl (%rdi), %eax\n 2: lea 5(%rax), %ecx\n lock cmpxchgl %ecx, (%rdi)\n"
                "jne 2b\n add $4, %rdi\n dec %rsi\n jnz 1b");
LOOP(calls, "jmp 1f\n 3: add (%rdi), %al\n ret\n 1: call 3b\n inc %rdi\n dec %rsi\n jnz 1b");
LOOP(strings, "mov %rsi, %r8\n 1: mov %rdi, %rsi\n add $9, %rdi\n mov $11, %ecx\n rep movsb\n"
              "dec %r8\n jnz 1b");
LOOP(conditional_moves, "1: movzbl (%rdi), %eax\n cmp %rdx, %rax\n cmova %rax, %rdx\n setb %cl\n"
                        "add %rcx, %r8\n inc %rdi\n dec %rsi\n jnz 1b");
LOOP(divides, "mov %rsi, %rcx\n 1: mov $1000, %eax\n xor %edx, %edx\n div %ecx\n add %eax, %r8d\n"
              "dec %rcx\n jmp 1b");
LOOP(pushes, "mov %rsp, %r9\n lea (%rdi,%rsi,8), %rsp\n 1: push %rcx\n inc %rcx\n dec %rsi\n"
             "jns 1b\n mov %r9, %rsp");

static char *area;
static greg_t seen[NGREG];
static sigjmp_buf out;

static void handler(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)info;
    memcpy(seen, ((ucontext_t *)context)->uc_mcontext.gregs, sizeof(seen));
    siglongjmp(out, 1);
}

enum { FLAGS = 0x8d5, NPAGES = 4 }; /* carry, parity, auxiliary carry, zero, sign, overflow */

static const int shown[] = {REG_RAX, REG_RCX, REG_RDX, REG_R8, REG_R10, REG_R11};

static void report(const char *name, long offset, int signal, uintptr_t code)
{
    printf("%s from %ld:", name, offset);
    if (signal) {
        printf(" signal at +%ld, flags %llx, rdi %ld,", (long)((uintptr_t)seen[REG_RIP] - code),
               seen[REG_EFL] & FLAGS, (long)((char *)seen[REG_RDI] - area));
        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
            printf(" %llx", seen[shown[i]]);
    }
    printf(" memory %016lx\n", (unsigned long)hash(area, NPAGES * PAGE));
}

/* Runs into the end of the area, or to the end of the count. */
static void run(const char *name, loop_fn *loop, long offset, long count)
{
    int signal;

    for (long i = 0; i < NPAGES * PAGE; i++)
        area[i] = (char)(i * 11 + i / 256);
    signal = sigsetjmp(out, 1);
    if (!signal)
        loop(area + offset, count);
    report(name, offset, signal, (uintptr_t)loop);
}

#define RUN(loop, offset, count) run(#loop, loop, offset, count)

static void all(long offset)
{
    const long end = 1L << 40;

    RUN(bytes_up, offset, end);
    RUN(bytes_up, offset, 1000 + offset);
    RUN(bytes_down, offset, 9000);
    RUN(words, offset, end);
    RUN(carry, offset, end);
    RUN(even_odd, offset, end);
    RUN(leaves_in_middle, offset, end);
    RUN(two_ends, offset, end);
    RUN(two_ends, offset, 8000 - offset);
    RUN(modify, offset, end);
    RUN(vectors, offset, end);
    RUN(nested, offset, end);
    RUN(exchanges, offset, end);
    RUN(calls, offset, end);
    RUN(strings, offset, end);
    RUN(conditional_moves, offset, end);
    RUN(divides, offset, 300 + offset);
    RUN(pushes, offset, 1000);
}

/* A hot loop whose own code changes: add $1, %eax; dec %rdi; jnz; ret. */
static void change_code(void)
{
    static const unsigned char code[] = {0x31, 0xc0, 0x83, 0xc0, 0x01, 0x48,
                                         0xff, 0xcf, 0x75, 0xf8, 0xc3};
    unsigned char *page = mmap(NULL, PAGE, RW | PROT_EXEC, ANON, -1, 0);
    int (*sum)(long) = (int (*)(long))(uintptr_t)page;

    memcpy(page, code, sizeof(code));
    for (unsigned char step = 1; step < 6; step++) {
        page[4] = step;
        printf("changed code, by %d: %d\n", step, sum(1000 + step));
    }
}

int main(void)
{
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    area = pages(NPAGES + 1);
    mprotect(area + NPAGES * PAGE, PAGE, PROT_NONE);
    for (long offset = 0; offset < 37; offset++)
        all(offset);
    change_code();
    return 0;
}
