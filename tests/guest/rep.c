// SPDX-License-Identifier: GPL-2.0-or-later
/* String instructions: every width, both directions, overlaps, page borders, registers at the end.
 */
#include "guest.h"

static char *area;

static void fill(void)
{
    uint64_t seed = 99;

    for (long i = 0; i < 12 * PAGE; i++)
        area[i] = (char)roll(&seed);
}

#define MOVE(insn, to_at, from_at, count)                                                          \
    do {                                                                                           \
        char *to = area + (to_at), *from = area + (from_at);                                       \
        long n = (count);                                                                          \
                                                                                                   \
        __asm__ volatile(insn : "+D"(to), "+S"(from), "+c"(n)::"memory", "cc");                    \
        printf("%s to %ld from %ld: rdi %ld rsi %ld rcx %ld hash %016lx\n", insn, (long)(to_at),   \
               (long)(from_at), (long)(to - area), (long)(from - area), n,                         \
               (unsigned long)hash(area, 12 * PAGE));                                              \
    } while (0)

#define STORE(insn, to_at, count)                                                                  \
    do {                                                                                           \
        char *to = area + (to_at);                                                                 \
        long n = (count);                                                                          \
                                                                                                   \
        __asm__ volatile(insn : "+D"(to), "+c"(n) : "a"(0x8877665544332211) : "memory", "cc");     \
        printf("%s to %ld: rdi %ld rcx %ld hash %016lx\n", insn, (long)(to_at), (long)(to - area), \
               n, (unsigned long)hash(area, 12 * PAGE));                                           \
    } while (0)

static void moves(void)
{
    MOVE("rep movsb", 5 * PAGE - 7, PAGE - 3, 3 * PAGE);
    MOVE("rep movsw", 5 * PAGE - 7, PAGE - 3, PAGE);
    MOVE("rep movsl", 5 * PAGE + 1, 3, PAGE);
    MOVE("rep movsq", 6 * PAGE, 8, 513);
    MOVE("rep movsb", 100, 200, 0);
    MOVE("movsq", PAGE - 4, 2 * PAGE - 4, 9);
    /* Overlapping: forward onto itself repeats a pattern, or moves it down. */
    MOVE("rep movsb", 1001, 1000, 2 * PAGE);
    MOVE("rep movsb", 1000, 1003, 2 * PAGE);
    MOVE("rep movsw", 2001, 2000, PAGE);
    MOVE("rep movsl", 2003, 2000, PAGE);
    MOVE("rep movsq", 3007, 3000, 700);
    MOVE("rep movsq", 3000, 3001, 700);
    MOVE("rep movsq", 3016, 3000, 700);
    MOVE("rep movsb", 4 * PAGE, 2 * PAGE, 4 * PAGE);
    /* Downward. */
    MOVE("std; rep movsb; cld", 8 * PAGE + 3, 3 * PAGE + 5, 2 * PAGE + 9);
    MOVE("std; rep movsb; cld", 3 * PAGE + 6, 3 * PAGE + 5, 2 * PAGE + 9);
    MOVE("std; rep movsb; cld", 3 * PAGE + 4, 3 * PAGE + 5, 2 * PAGE + 9);
    MOVE("std; rep movsw; cld", 7 * PAGE - 1, 4 * PAGE - 1, PAGE);
    MOVE("std; rep movsl; cld", 7 * PAGE - 2, 4 * PAGE - 3, 900);
    MOVE("std; rep movsq; cld", 7 * PAGE - 5, 4 * PAGE - 4, 700);
    MOVE("std; rep movsq; cld", 4 * PAGE - 1, 4 * PAGE - 4, 400);
    MOVE("std; movsb; movsl; cld", 7 * PAGE, 4 * PAGE, 1);
}

static void stores(void)
{
    STORE("rep stosb", PAGE - 5, 2 * PAGE);
    STORE("rep stosw", PAGE - 3, 3000);
    STORE("rep stosl", 4 * PAGE - 2, 2000);
    STORE("rep stosq", 4 * PAGE - 7, 1100);
    STORE("rep stosq", 4 * PAGE - 7, 0);
    STORE("std; rep stosb; cld", 9 * PAGE, 5000);
    STORE("std; rep stosw; cld", 9 * PAGE - 1, 3000);
    STORE("std; rep stosl; cld", 9 * PAGE + 3, 2000);
    STORE("std; rep stosq; cld", 9 * PAGE - 4, 1000);
}

static void searches(void)
{
    char *to, *from;
    long n;
    char flag;

    memset(area, 'a', 6 * PAGE);
    area[3 * PAGE + 1] = 'b';
    to = area + 10;
    n = 5 * PAGE;
    __asm__ volatile("repne scasb; sete %2" : "+D"(to), "+c"(n), "=q"(flag) : "a"('b') : "cc");
    printf("repne scasb: %ld %ld %d\n", (long)(to - area), n, flag);
    to = area + 10;
    n = 2 * PAGE;
    __asm__ volatile("repne scasb; sete %2" : "+D"(to), "+c"(n), "=q"(flag) : "a"('b') : "cc");
    printf("not found: %ld %ld %d\n", (long)(to - area), n, flag);
    to = area;
    n = PAGE;
    __asm__ volatile("repe scasl; sete %2"
                     : "+D"(to), "+c"(n), "=q"(flag)
                     : "a"(0x61616161)
                     : "cc");
    printf("repe scasl: %ld %ld %d\n", (long)(to - area), n, flag);
    to = area + PAGE - 1;
    from = area + 2 * PAGE - 1;
    n = 3 * PAGE;
    __asm__ volatile("repe cmpsb; setb %3" : "+D"(to), "+S"(from), "+c"(n), "=q"(flag)::"cc");
    printf("repe cmpsb: %ld %ld %ld %d\n", (long)(to - area), (long)(from - area), n, flag);
    to = area + 4 * PAGE;
    from = area + 5 * PAGE - 1;
    n = 3 * PAGE;
    __asm__ volatile("std; repe cmpsb; seta %3; cld"
                     : "+D"(to), "+S"(from), "+c"(n), "=q"(flag)::"cc");
    printf("down: %ld %ld %ld %d\n", (long)(to - area), (long)(from - area), n, flag);
    from = area + 3 * PAGE - 6;
    long value = 0;
    n = 2;
    __asm__ volatile("rep lodsq" : "+S"(from), "+c"(n), "+a"(value));
    printf("lodsq: %lx %ld\n", value, (long)(from - area));
}

int main(void)
{
    area = pages(12);
    fill();
    moves();
    stores();
    searches();
    return 0;
}
