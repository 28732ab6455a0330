// SPDX-License-Identifier: GPL-2.0-or-later
/* File mappings: private and shared, the partial last page, SIGBUS beyond the end, resized files.
 */
#include <fcntl.h>

#include "guest.h"

static void contents(void)
{
    int fd = file(3 * PAGE + 100);
    char *p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    char *second = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);

    printf("hash %016lx\n", (unsigned long)hash(p, 4 * PAGE));
    printf("offset: same %d\n", memcmp(p + PAGE, second, PAGE) == 0);
    printf("last page: %d then %d %d\n", p[3 * PAGE + 99], p[3 * PAGE + 100], p[4 * PAGE - 1]);
    PROBE("store to a read-only file page", p, store(p + 9, 1));
    close(fd);
    printf("after close %016lx\n", (unsigned long)hash(p, 4 * PAGE));
}

static void private_copies(void)
{
    int fd = file(2 * PAGE);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0), byte;

    p[10] = 'X';
    pread(fd, &byte, 1, 10);
    printf("private: memory %c, file %d\n", p[10], byte);
    TRY(pwrite(fd, "Y", 1, 11));
    TRY(pwrite(fd, "Z", 1, PAGE + 11));
    printf("untouched page sees the file: %c; neighbour bytes kept: %c\n", p[PAGE + 11], p[10]);
}

static void beyond_end(void)
{
    int fd = file(PAGE + 10);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    char *q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    PROBE("load in the partial page", p, load(p + PAGE + 11));
    PROBE("store in the partial page", p, store(p + PAGE + 11, 1));
    PROBE("load beyond the end", p, load(p + 2 * PAGE + 3));
    PROBE("store beyond the end", p, store(p + 3 * PAGE + 3, 1));
    PROBE("private load beyond the end", q, load(q + 2 * PAGE));
    PROBE("private store beyond the end", q, store(q + 2 * PAGE, 1));
    TRY(ftruncate(fd, 3 * PAGE));
    PROBE("load after growing", p, load(p + 2 * PAGE + 3));
    PROBE("private store after growing", q, store(q + 2 * PAGE, 1));
    PROBE("load beyond the new end", p, load(p + 3 * PAGE));
}

static void truncated(void)
{
    int fd = file(4 * PAGE);
    char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

    shared[3 * PAGE] = 'S';
    private[2 * PAGE] = 'P';
    TRY(ftruncate(fd, PAGE + 4));
    PROBE("shared load past the cut", shared, load(shared + 3 * PAGE));
    PROBE("private copy past the cut", private, load(private + 2 * PAGE));
    printf("partial page: %d %d\n", shared[PAGE + 3], shared[PAGE + 4]);
    TRY(ftruncate(fd, 4 * PAGE));
    printf("grown again: %d %d\n", shared[3 * PAGE], shared[PAGE + 4]);
}

static void wrong(void)
{
    int fd = file(PAGE), read_only, ends[2];
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_only = open(path, O_RDONLY);
    TRY(mmap(NULL, PAGE, RW, MAP_SHARED, read_only, 0));
    TRY(mmap(NULL, PAGE, RW, MAP_PRIVATE, read_only, 0));
    TRY(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1));
    TRY(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, -PAGE));
    TRY(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0));
    TRY(mmap(NULL, PAGE, PROT_READ, 0, fd, 0));
    pipe(ends);
    TRY(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ends[0], 0));
    TRY(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open("/", O_RDONLY), 0));

    char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
    TRY(mprotect(shared, PAGE, RW));
    char *private = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, read_only, 0);
    TRY(mprotect(private, PAGE, RW));
    private[0] = 1;
}

static void devices(void)
{
    int zero = open("/dev/zero", O_RDWR);
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, zero, 0);

    printf("/dev/zero: %d\n", p[5]);
    p[5] = 1;
    printf("/dev/zero written: %d\n", p[5]);
}

int main(void)
{
    probe_start();
    contents();
    private_copies();
    beyond_end();
    truncated();
    wrong();
    devices();
    return 0;
}
