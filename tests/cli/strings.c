// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest: instructions that meet page faults when a part of them is done: string instructions in
 * the middle of their repetitions, and others between their two operands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 25, LEN = PAGES * PAGE };

static char *fresh(void)
{
    char *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        exit(1);
    return at;
}

static void fill(void *to, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(7) : "memory");
}

static void move(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n)::"memory");
}

static void move_down(void *to, const void *from, size_t n)
{
    __asm__ volatile("std; rep movsq; cld" : "+D"(to), "+S"(from), "+c"(n)::"memory");
}

static size_t equal(const void *a, const void *b, size_t n)
{
    __asm__ volatile("repe cmpsb" : "+D"(a), "+S"(b), "+c"(n)::"memory", "cc");
    return n;
}

/* One operand on the stack, the other on a page that may not be there. */
static void push_and_pop(char *from, char *to)
{
    __asm__ volatile("sub $256, %%rsp\n\tpushq (%0)\n\tpopq (%1)\n\tadd $256, %%rsp" ::"r"(from),
                     "r"(to)
                     : "memory");
}

int main(void)
{
    char *filled = fresh(), *moved = fresh(), *zeros = fresh(), *down = fresh();
    char *left = fresh(), *right = fresh(), *pushed = fresh(), *popped = fresh();
    fill(filled + 100, LEN - 200);
    move(moved + 300, filled, LEN - 400);
    move(zeros, fresh() + 50, LEN - 50); /* neither is there */
    move_down(down + LEN - 8 - 20, filled + LEN - 8, LEN / 8 - 3);
    size_t same = equal(left, right, LEN);
    for (size_t i = 0; i < PAGES; i++) {
        push_and_pop(pushed + i * PAGE, popped + i * PAGE + 8);
        push_and_pop(filled + i * PAGE + 4092 * (i + 1 < PAGES), pushed + i * PAGE + 16);
    }
    printf("%zu %d %d %d %d\n", same, moved[5000], zeros[5000], down[5000], popped[8]);
    return 0;
}
