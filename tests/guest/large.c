// SPDX-License-Identifier: GPL-2.0-or-later
/* Private memory in sizes that large pages are made for: filled, cut, protected, moved, given back,
 * shared with a child. */
#include "guest.h"

#include <sys/wait.h>

enum { LARGE = 2 << 20, COUNT = 6 };

static uint64_t sum(const unsigned char *p, size_t len)
{
    uint64_t s = 0;

    for (size_t i = 0; i < len; i += 64)
        s = s * 31 + p[i];
    return s;
}

static void fill(unsigned char *p, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i += 64)
        p[i] = (unsigned char)(i / 64 * 7 + i / PAGE + seed);
}

/* Aligned to a large page. */
static unsigned char *get(size_t len)
{
    unsigned char *p = mmap(NULL, len + LARGE, RW, ANON, -1, 0);
    size_t over = LARGE - (uintptr_t)p % LARGE;

    if (p == MAP_FAILED)
        exit(1);
    munmap(p, over);
    munmap(p + over + len, LARGE - over);
    return p + over;
}

static void in_child(unsigned char *p, size_t len)
{
    int status = 0;

    if (fork() == 0) {
        p[PAGE] ^= 1;
        p[LARGE + 5 * PAGE] ^= 1;
        printf("child %lx\n", (unsigned long)sum(p, len));
        fflush(stdout);
        _exit(3);
    }
    wait(&status);
    printf("status %d, parent %lx\n", WEXITSTATUS(status), (unsigned long)sum(p, len));
}

int main(void)
{
    size_t len = (size_t)COUNT * LARGE;
    unsigned char *p = get(len), *q;

    printf("advice %d\n", madvise(p, len, MADV_HUGEPAGE));
    fill(p, len, 1);
    printf("filled %lx\n", (unsigned long)sum(p, len));
    mprotect(p + PAGE, LARGE, PROT_READ);
    mprotect(p + PAGE, LARGE, RW);
    mprotect(p + LARGE, LARGE, PROT_READ);
    mprotect(p + LARGE, LARGE, RW);
    fill(p + 3 * PAGE, 2 * LARGE, 9);
    printf("protected %lx\n", (unsigned long)sum(p, len));
    madvise(p + 2 * LARGE + 7 * PAGE, 20 * PAGE, MADV_DONTNEED);
    madvise(p + 3 * LARGE, LARGE, MADV_DONTNEED);
    p[3 * LARGE + PAGE] = 5;
    printf("given back %lx\n", (unsigned long)sum(p, len));
    q = mremap(p + 4 * LARGE, LARGE, 2 * LARGE, MREMAP_MAYMOVE);
    printf("moved %lx\n", (unsigned long)sum(q, 2 * LARGE));
    munmap(p + 5 * LARGE + 9 * PAGE, 30 * PAGE);
    printf("cut %lx %lx\n", (unsigned long)sum(p + 5 * LARGE, 9 * PAGE),
           (unsigned long)sum(p + 5 * LARGE + 39 * PAGE, LARGE - 39 * PAGE));
    in_child(p, 4 * LARGE);
    fill(p, 4 * LARGE, 77);
    printf("written %lx\n", (unsigned long)sum(p, 4 * LARGE));
    return 0;
}
