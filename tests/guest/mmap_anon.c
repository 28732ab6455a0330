// SPDX-License-Identifier: GPL-2.0-or-later
/* Anonymous mappings: zeros, FIXED, NOREPLACE, PROT_NONE, GROWSDOWN, and requests that are wrong.
 */
#include "guest.h"

static void zeros(void)
{
    char *p = pages(16);
    long sum = 0;

    for (long i = 0; i < 16 * PAGE; i++)
        sum += p[i];
    printf("sum of fresh pages: %ld\n", sum);
    memset(p, 1, 16 * PAGE);
    munmap(p, 16 * PAGE);
    p = pages(16);
    for (long i = 0; i < 16 * PAGE; i++)
        sum += p[i];
    printf("sum of pages mapped again: %ld\n", sum);
}

static void fixed(void)
{
    char *p = pages(8);

    memset(p, 'a', 8 * PAGE);
    TRY(mmap(p + 2 * PAGE, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * PAGE);
    printf("%d %d %d %d\n", p[2 * PAGE - 1], p[2 * PAGE], p[5 * PAGE - 1], p[5 * PAGE]);
    TRY(mmap(p + 7 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    munmap(p + 4 * PAGE, 2 * PAGE);
    TRY(mmap(p + 4 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + 4 * PAGE);
    TRY(mmap(p + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    printf("%d %d\n", p[4 * PAGE], p[6 * PAGE]);
    TRY(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
}

static void hints(void)
{
    char *p = pages(4);

    munmap(p, 4 * PAGE);
    TRY(mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);
    TRY(mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);
    TRY(mmap(p + 2 * PAGE + 77, PAGE, RW, ANON, -1, 0) == p + 3 * PAGE);
    char *last = pages(1), *next = pages(1);
    TRY(next == last - PAGE);
    TRY((uintptr_t)pages(1) % PAGE);
}

static void protections(void)
{
    char *none = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);
    char *read = mmap(NULL, PAGE, PROT_READ, ANON, -1, 0);
    char *write = mmap(NULL, PAGE, PROT_WRITE, ANON, -1, 0);
    char *gone = pages(1);

    munmap(gone, PAGE);
    PROBE("load from PROT_NONE", none, load(none + 5));
    PROBE("store to PROT_NONE", none, store(none + 6, 1));
    PROBE("load from PROT_READ", read, load(read + 7));
    PROBE("store to PROT_READ", read, store(read + 8, 1));
    PROBE("load from PROT_WRITE", write, load(write + 9));
    PROBE("store to PROT_WRITE", write, store(write + 10, 1));
    PROBE("load from unmapped", gone, load(gone + 11));
    PROBE("store to unmapped", gone, store(gone + 4095, 1));
    PROBE("load from page 0", NULL, load((char *)0));
}

static void wrong(void)
{
    TRY(mmap(NULL, 0, RW, ANON, -1, 0));
    TRY(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    TRY(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    TRY(mmap(NULL, PAGE, RW, ANON, -1, 123));
    TRY(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0));
    TRY(mmap(NULL, 1UL << 47, RW, ANON | MAP_NORESERVE, -1, 0));
    TRY(mmap(NULL, (size_t)-PAGE, RW, ANON, -1, 0));
    TRY(mmap(NULL, (size_t)-1, RW, ANON, -1, 0));
    TRY(mmap((void *)0x7ffffffff000, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY(mmap((void *)(1UL << 62), PAGE, RW, ANON | MAP_FIXED, -1, 0));
    TRY(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_SYNC, -1, 0));
}

static void kinds(void)
{
    char *shared = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *populated = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
    char *odd = mmap(NULL, PAGE + 1, RW, ANON, -1, 0);

    printf("shared %d\n", shared[0] + shared[2 * PAGE - 1]);
    shared[PAGE] = 5;
    printf("shared %d\n", shared[PAGE]);
    printf("populated %d\n", populated[8 * PAGE - 1]);
    odd[2 * PAGE - 1] = 9;
    printf("length is rounded up: %d\n", odd[2 * PAGE - 1]);
    TRY(munmap(odd, PAGE + 1));
    PROBE("and unmapped as rounded", odd, load(odd + PAGE));
}

static void grows_down(void)
{
    char *p = pages(600);

    munmap(p, 600 * PAGE);
    char *top = p + 599 * PAGE;
    TRY(mmap(top, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
    for (int i = 1; i < 20; i++)
        store(top - i * PAGE, i);
    printf("grown: %d %d\n", load(top - PAGE), load(top - 19 * PAGE));
}

int main(void)
{
    probe_start();
    zeros();
    fixed();
    hints();
    protections();
    wrong();
    kinds();
    grows_down();
    return 0;
}
