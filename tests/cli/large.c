// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that looks at its own large pages: it maps 8 MiB, does what its arguments say in turn,
 * and prints what the system tells.
 *
 *   advise, noadvise   madvise(MADV_HUGEPAGE), MADV_NOHUGEPAGE on all of it
 *   disable            prctl(PR_SET_THP_DISABLE)
 *   touch, load        the first byte of each 2 MiB is stored to, or loaded
 *   every              a byte of each page is stored to
 *   cut                a page in the middle of each 2 MiB is unmapped
 *   fork, exec         the arguments after it are for a child, or a new image
 *   spin N             N million turns of an empty loop
 *   show               AnonHugePages, in KiB, of the mapping and of the machine
 *   sys                what /sys and /proc/buddyinfo say
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, LARGE = 2 << 20, COUNT = 4 };

static unsigned char *memory;

static void map(void)
{
    size_t len = (COUNT + 1) * (size_t)LARGE;
    unsigned char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        exit(3);
    memory = p + (LARGE - (uintptr_t)p % LARGE);
    munmap(p, (size_t)(memory - p));
    munmap(memory + COUNT * LARGE, (size_t)(p + len - (memory + COUNT * LARGE)));
}

static void touch(size_t step)
{
    for (size_t i = 0; i < COUNT * (size_t)LARGE; i += step)
        memory[i] = (unsigned char)(i / PAGE + 1);
}

static void load(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < COUNT * (size_t)LARGE; i += LARGE)
        sum += ((volatile unsigned char *)memory)[i];
    printf("loaded %u\n", sum);
}

static void spin(const char *millions)
{
    for (volatile long n = atol(millions) * 1000000; n > 0; n--)
        ;
}

/* The sum of a field of a file that has lines with a name and a number. */
static long sum_of(const char *path, const char *name)
{
    char line[4096];
    long sum = 0;
    FILE *file = fopen(path, "r");

    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            sum += atol(line + strlen(name));
    if (file)
        fclose(file);
    return sum;
}

static void show(void)
{
    printf("%ld %ld\n", sum_of("/proc/self/smaps", "AnonHugePages:"),
           sum_of("/proc/meminfo", "AnonHugePages:"));
}

static void print(const char *path)
{
    char line[4096];
    FILE *file = fopen(path, "r");

    while (file && fgets(line, sizeof(line), file))
        fputs(line, stdout);
    if (file)
        fclose(file);
}

static void sys(void)
{
    print("/sys/kernel/mm/transparent_hugepage/enabled");
    print("/sys/kernel/mm/transparent_hugepage/defrag");
    print("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
    print("/proc/buddyinfo");
}

/* Result: whether the words after it are for another. */
static int begin_other(char **words)
{
    fflush(stdout);
    if (strcmp(words[0], "exec") == 0) {
        execv("/proc/self/exe", words);
        exit(4);
    }
    if (fork() == 0)
        return 0;
    wait(NULL);
    return 1;
}

int main(int argc, char **argv)
{
    map();
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "advise") == 0)
            madvise(memory, COUNT * (size_t)LARGE, MADV_HUGEPAGE);
        else if (strcmp(word, "noadvise") == 0)
            madvise(memory, COUNT * (size_t)LARGE, MADV_NOHUGEPAGE);
        else if (strcmp(word, "disable") == 0)
            printf("disabled %d\n", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
        else if (strcmp(word, "disabled") == 0)
            printf("disabled? %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
        else if (strcmp(word, "touch") == 0)
            touch(LARGE);
        else if (strcmp(word, "every") == 0)
            touch(PAGE);
        else if (strcmp(word, "load") == 0)
            load();
        else if (strcmp(word, "cut") == 0)
            for (int k = 0; k < COUNT; k++)
                munmap(memory + k * (size_t)LARGE + 100 * PAGE, PAGE);
        else if (strcmp(word, "spin") == 0)
            spin(argv[++i]);
        else if (strcmp(word, "show") == 0)
            show();
        else if (strcmp(word, "sys") == 0)
            sys();
        else if (begin_other(argv + i))
            return 0;
    }
    return 0;
}
