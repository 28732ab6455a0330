// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory that is promised and mostly never used: a tebibyte of which a thousand pages are touched,
 * by this process and, after a fork, by another. */
#include <sys/wait.h>

#include "guest.h"

#define LENGTH ((uint64_t)1 << 40)

static uint64_t place_of(uint64_t i)
{
    return i * (LENGTH / 1000) & ~7ul;
}

static void touch(char *at, uint64_t factor)
{
    for (uint64_t i = 0; i < 1000; i++)
        *(uint64_t *)(at + place_of(i)) = i * factor;
}

static uint64_t sum(const char *at)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 1000; i++)
        sum += *(const uint64_t *)(at + place_of(i)) * (i + 1);
    return sum;
}

int main(void)
{
    char *at = mmap(NULL, LENGTH, RW, ANON | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return 1;
    touch(at, 3);
    printf("%lu\n", (unsigned long)sum(at));
    fflush(stdout);
    if (fork() == 0) {
        printf("child: %lu\n", (unsigned long)sum(at));
        touch(at, 5);
        printf("child: %lu\n", (unsigned long)sum(at));
        return 0;
    }
    wait(NULL);
    printf("%lu\n", (unsigned long)sum(at));
    return 0;
}
