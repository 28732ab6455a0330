// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Times fork(2) of a process with N MiB of touched memory: forks N ROUNDS. Prints the medians, in
 * microseconds, of the call alone and of the child's whole life (it ends at once).
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, ROUNDS_MAX = 1000 };

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, int n)
{
    qsort(times, (size_t)n, sizeof(*times), compare);
    return times[n / 2];
}

int main(int argc, char **argv)
{
    static double call[ROUNDS_MAX], life[ROUNDS_MAX];
    size_t len = (argc > 1 ? (size_t)atol(argv[1]) : 1) << 20;
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    char *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || rounds < 1 || rounds > ROUNDS_MAX)
        return 2;
    madvise(pages, len, MADV_NOHUGEPAGE); /* pages of the same size everywhere */
    for (size_t i = 0; i < len; i += PAGE)
        pages[i] = 1;
    for (int i = 0; i < rounds; i++) {
        double begin = now();
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        call[i] = now() - begin;
        waitpid(pid, NULL, 0);
        life[i] = now() - begin;
    }
    printf("%.1f %.1f\n", median(call, rounds), median(life, rounds));
    return 0;
}
