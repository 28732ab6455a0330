// SPDX-License-Identifier: GPL-2.0-or-later
/* mremap of every kind: shrink, grow, MAYMOVE, FIXED, DONTUNMAP, file mappings, and what is wrong.
 */
#include "guest.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static char *numbered(long n)
{
    char *p = pages(n);

    for (long i = 0; i < n; i++)
        memset(p + i * PAGE, (int)i + 1, PAGE);
    return p;
}

static void show(const char *what, char *p, long n)
{
    printf("%s:", what);
    for (long i = 0; i < n; i++)
        printf(" %d", p[i * PAGE + 100]);
    printf("\n");
}

static void in_place(void)
{
    char *p = numbered(10);

    munmap(p + 8 * PAGE, 2 * PAGE);
    TRY(mremap(p, 8 * PAGE, 5 * PAGE, 0) == p);
    show("shrunk", p, 5);
    PROBE("cut off", p, load(p + 5 * PAGE));
    TRY(mremap(p, 5 * PAGE, 8 * PAGE, 0) == p);
    show("grown", p, 8);
    TRY(mmap(p + 8 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 8 * PAGE);
    TRY(mremap(p, 8 * PAGE, 8 * PAGE + PAGE, 0) == p);
    TRY(mremap(p, 8 * PAGE, 8 * PAGE, 0) == p);
}

static void moved(void)
{
    char *p = numbered(5), *q;

    mprotect(p + 4 * PAGE, PAGE, PROT_NONE);
    TRY(mremap(p, 4 * PAGE, 400 * PAGE, 0));
    q = mremap(p, 4 * PAGE, 400 * PAGE, MREMAP_MAYMOVE);
    printf("moved %d\n", q != p && q != MAP_FAILED);
    show("moved", q, 6);
    PROBE("where it was", p, load(p));
    memset(q + 4 * PAGE, 7, 396 * PAGE);
    printf("hash %016lx\n", (unsigned long)hash(q, 400 * PAGE));
}

static void fixed(void)
{
    char *p = numbered(3), *q = numbered(6);

    TRY(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE) == q + PAGE);
    show("over others", q, 6);
    PROBE("where it was", p, load(p));
    TRY(mremap(q, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE));
    TRY(mremap(q, PAGE, PAGE, MREMAP_FIXED, p));
    TRY(mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 1));
    TRY(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
    show("to free room", p, 2);
}

static void dont_unmap(void)
{
    char *p = numbered(3);
    char *q = mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    printf("new place %d\n", q != p && q != MAP_FAILED);
    show("new", q, 3);
    show("old", p, 3);
    TRY(mremap(p, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
    TRY(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_DONTUNMAP, NULL));
}

static void files(void)
{
    int fd = file(4 * PAGE);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0), *q;

    q = mremap(p, 2 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    printf("file hash %016lx\n", (unsigned long)hash(q, 4 * PAGE));
    PROBE("beyond the file", q, load(q + 4 * PAGE));
    q[3 * PAGE] = 'W';
    char byte = 0;
    pread(fd, &byte, 1, 3 * PAGE);
    printf("written through: %c\n", byte);
    p = mremap(q, 0, 4 * PAGE, MREMAP_MAYMOVE);
    printf("second mapping of the same: %d\n", p != q && p[3 * PAGE] == 'W');
    p[0] = '2';
    printf("shared: %c\n", q[0]);
}

static void wrong(void)
{
    char *p = numbered(4);

    TRY(mremap(p + 1, PAGE, PAGE, 0));
    TRY(mremap(p, PAGE, 0, 0));
    TRY(mremap(p, PAGE, PAGE, 64));
    TRY(mremap(p, 0, PAGE, MREMAP_MAYMOVE));
    munmap(p + PAGE, PAGE);
    TRY(mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    TRY(mremap(p, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
    mprotect(p + 3 * PAGE, PAGE, PROT_READ);
    TRY(mremap(p + 2 * PAGE, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
    show("unchanged", p + 2 * PAGE, 2);
}

/* As realloc does: grows a large block step by step, and every byte must survive. */
static void growing(void)
{
    long n = 1;
    char *p = numbered(n);

    for (; n < 300; n += n / 2 + 1) {
        long more = n + n / 2 + 1;

        p = mremap(p, (size_t)(n * PAGE), (size_t)(more * PAGE), MREMAP_MAYMOVE);
        for (long i = n; i < more; i++)
            memset(p + i * PAGE, (int)i + 1, PAGE);
    }
    printf("%ld pages, hash %016lx\n", n, (unsigned long)hash(p, (size_t)(n * PAGE)));
}

int main(void)
{
    probe_start();
    in_place();
    moved();
    fixed();
    dont_unmap();
    files();
    wrong();
    growing();
    return 0;
}
