// SPDX-License-Identifier: GPL-2.0-or-later
/* The heap's end: grown, shrunk, grown again with zeros; odd ends; a mapping in the way; limits. */
#include <sys/resource.h>
#include <sys/syscall.h>

#include "guest.h"

static char *raw_brk(char *to)
{
    return (char *)syscall(SYS_brk, to);
}

int main(void)
{
    static char buffer[BUFSIZ];
    char *start = raw_brk(NULL), *end;
    struct rlimit limit;

    /* Not in the heap, which this takes apart. */
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    probe_start();
    printf("aligned %d\n", (int)((uintptr_t)start % PAGE));
    end = raw_brk(start + 10 * PAGE);
    printf("grown by %ld\n", (long)(end - start));
    memset(start, 'h', 10 * PAGE);
    printf("shrunk to %ld\n", (long)(raw_brk(start + 3 * PAGE + 5) - start));
    PROBE("last page of the heap", start, load(start + 4 * PAGE - 1));
    PROBE("beyond", start, load(start + 4 * PAGE));
    printf("grown to %ld\n", (long)(raw_brk(start + 10 * PAGE) - start));
    printf("kept %d, fresh %d\n", start[2 * PAGE], start[5 * PAGE]);
    printf("within the page: %d\n", start[3 * PAGE + 100]);
    printf("below the start: %d\n", raw_brk((char *)4096) == start + 10 * PAGE);

    mmap(start + 12 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0);
    printf("into a mapping: %ld\n", (long)(raw_brk(start + 14 * PAGE) - start) / PAGE);
    munmap(start + 12 * PAGE, PAGE);
    printf("freed: %ld\n", (long)(raw_brk(start + 14 * PAGE) - start) / PAGE);

    getrlimit(RLIMIT_DATA, &limit);
    printf("no limit %d\n", limit.rlim_cur == RLIM_INFINITY);
    printf("far too much: %ld\n", (long)(raw_brk((char *)(1L << 46)) - start) / PAGE);
    printf("back: %ld\n", (long)(raw_brk(start) - start));
    PROBE("given back", start, store(start + 1, 1));

    char *blocks[64];
    for (int i = 0; i < 64; i++)
        memset(blocks[i] = malloc(20000), i, 20000);
    uint64_t h = 0;
    for (int i = 0; i < 64; i++) {
        h ^= hash(blocks[i], 20000) * (uint64_t)(i + 1);
        free(blocks[i]);
    }
    printf("malloc %016lx\n", (unsigned long)h);
    return 0;
}
