// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest: stores to one byte of a page, TIMES times, among PAGES pages that it stored to before.
 * Which pages: `sequential` round and round, `uniform` any, `skewed` by Zipf's law, the page of
 * rank k as often as 1/k says, ranks scattered over memory. Use: access HOW PAGES TIMES
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static double draw(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)((uint64_t)1 << 53);
}

/* sums[k]: the chance of a rank up to k. */
static double *zipf(size_t npages)
{
    double *sums = malloc(npages * sizeof(*sums)), sum = 0;
    if (!sums)
        exit(3);
    for (size_t k = 0; k < npages; k++)
        sums[k] = sum += 1.0 / (double)(k + 1);
    for (size_t k = 0; k < npages; k++)
        sums[k] /= sum;
    return sums;
}

static size_t rank_of(const double *sums, size_t npages, double chance)
{
    size_t low = 0, high = npages - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sums[middle] < chance)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    size_t npages = strtoul(argv[2], NULL, 10), times = strtoul(argv[3], NULL, 10);
    unsigned char *memory =
        mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double *sums = zipf(npages);
    uint64_t total = 0;
    if (memory == MAP_FAILED)
        return 3;
    for (size_t i = 0; i < npages; i++)
        memory[i * PAGE] = 0;
    for (size_t i = 0; i < times; i++) {
        size_t page = i % npages;
        if (strcmp(argv[1], "uniform") == 0)
            page = (size_t)(draw() * (double)npages);
        else if (strcmp(argv[1], "skewed") == 0)
            page = (size_t)(rank_of(sums, npages, draw()) * 2654435761u % npages);
        total = total * 31 + ++memory[page * PAGE];
    }
    printf("%llx\n", (unsigned long long)total);
    free(sums);
    return 0;
}
