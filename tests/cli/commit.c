// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that asks for memory, and prints what came of it and of Committed_AS. Use:
 *
 *   commit map MIB [noreserve]   maps, touches 1,000 pages spread over it, forks
 *   commit limit                 maps as much as CommitLimit leaves, then a page more, then forks
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static long field(const char *name)
{
    char line[200];
    long kb = -1;
    FILE *info = fopen("/proc/meminfo", "r");
    while (fgets(line, sizeof(line), info))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = atol(line + strlen(name));
    fclose(info);
    return kb;
}

static char *map(uint64_t len, int flags)
{
    char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    printf("map: %s\n", at == MAP_FAILED ? strerrorname_np(errno) : "fine");
    return at == MAP_FAILED ? NULL : at;
}

static void try_fork(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    printf("fork: %s\n", pid < 0 ? strerrorname_np(errno) : "fine");
    wait(NULL);
}

static void do_map(uint64_t len, int flags)
{
    long before = field("Committed_AS:");
    char *at = map(len, flags);
    printf("charged: %ld kB\n", field("Committed_AS:") - before);
    for (uint64_t i = 0; at && i < 1000; i++)
        at[i * (len / 1000)] = 1;
    try_fork();
}

static void do_limit(void)
{
    long left = field("CommitLimit:") - field("Committed_AS:");
    map((uint64_t)left << 10, 0);
    map(4096, 0);
    map(4096, MAP_NORESERVE);
    printf("left: %ld kB\n", field("CommitLimit:") - field("Committed_AS:"));
    try_fork();
}

int main(int argc, char **argv)
{
    if (argc > 2)
        do_map(strtoull(argv[2], NULL, 0) << 20, argc > 3 ? MAP_NORESERVE : 0);
    else
        do_limit();
    return 0;
}
