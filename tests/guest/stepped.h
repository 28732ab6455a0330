// SPDX-License-Identifier: GPL-2.0-or-later
/* A tracee whose instructions are looked at one by one: moves, compares, a call, a jump and a
 * store, all of it twice. */
#ifndef STEPPED_H
#define STEPPED_H

#include <signal.h>
#include <sys/ptrace.h>

#include "process.h"

extern char steps_begin[], steps_end[];
static char moved_from[8] = "abcdefg", moved_to[8];
static volatile long watched[4];

static void catch_step(int signal)
{
    (void)signal;
}

static __attribute__((noinline)) void stepped(void)
{
    const void *from = moved_from;
    void *to = moved_to;
    long count = 3, call = SYS_getppid;
    __asm__ volatile(".globl steps_begin\nsteps_begin:\n\t"
                     "rep movsb\n\t"
                     "mov $5, %%ecx\n\t"
                     "xor %%eax, %%eax\n\t"
                     "mov %[from], %%rdi\n\t"
                     "mov $'c', %%eax\n\t"
                     "repne scasb\n\t"
                     "xor %%ecx, %%ecx\n\t"
                     "rep stosb\n\t"
                     "mov %[call], %%eax\n\t"
                     "syscall\n\t"
                     "jmp 1f\n\t"
                     "nop\n"
                     "1:\taddq $1, %[word]\n\t"
                     "cmpb $0, %[byte]\n\t"
                     ".globl steps_end\nsteps_end:\n\t"
                     "nop"
                     : "+S"(from), "+D"(to), "+c"(count)
                     : [call] "r"((int)call), [from] "r"((void *)moved_from),
                       [word] "m"(watched[1]), [byte] "m"(((volatile char *)&watched[2])[3])
                     : "rax", "r11", "memory", "cc");
}

static int is_stepped(void *unused)
{
    (void)unused;
    signal(SIGUSR1, catch_step);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        return 90;
    raise(SIGSTOP);
    stepped();
    stepped();
    return (int)watched[1];
}

/* How far in that code an address is; -1: elsewhere. */
static long stepped_place(unsigned long pc)
{
    return pc >= (unsigned long)steps_begin && pc <= (unsigned long)steps_end
               ? (long)(pc - (unsigned long)steps_begin)
               : -1;
}

#endif
