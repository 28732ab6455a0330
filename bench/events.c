// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes a known number of events of one kind: events KIND NPAGES ROUNDS. run-bench divides the time
 * that more rounds cost by the events that the counters report.
 *   touch   each round touches NPAGES fresh pages (one minor fault each), then gives them back
 *   cycle   each round reads one word of each of NPAGES pages: faults if RAM is smaller, TLB misses
 * if the TLB is
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static void touch(char *pages, long npages, long rounds)
{
    for (long r = 0; r < rounds; r++) {
        for (long i = 0; i < npages; i++)
            ((volatile char *)pages)[i * PAGE] = 1;
        madvise(pages, (size_t)npages * PAGE, MADV_DONTNEED);
    }
}

/* Dependent reads, each at another place in its page, so that caches hold them. */
static uint64_t cycle(char *pages, long npages, long rounds)
{
    volatile uint64_t *at = (volatile uint64_t *)pages;
    uint64_t steps = 0;

    for (long i = 0; i < npages; i++) {
        long next = (i + 1) % npages;

        *(uint64_t *)(pages + i * PAGE + i % 60 * 64) =
            (uint64_t)(uintptr_t)(pages + next * PAGE + next % 60 * 64);
    }
    for (long i = 0; i < rounds * npages; i++, steps++)
        at = (volatile uint64_t *)(uintptr_t)*at;
    return steps + (at != NULL);
}

int main(int argc, char **argv)
{
    long npages = argc > 2 ? atol(argv[2]) : 1, rounds = argc > 3 ? atol(argv[3]) : 0;
    char *pages = mmap(NULL, (size_t)npages * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || argc != 4) {
        fprintf(stderr, "use: events touch|cycle NPAGES ROUNDS\n");
        return 2;
    }
    if (strcmp(argv[1], "touch") == 0)
        touch(pages, npages, rounds);
    else
        printf("%lu\n", (unsigned long)cycle(pages, npages, rounds));
    return 0;
}
