// SPDX-License-Identifier: GPL-2.0-or-later
/* What a child made by fork has of its parent's memory: copies, shared pages, and what madvise and
 * mlock say is not inherited. */
#include <fcntl.h>
#include <sys/wait.h>

#include "guest.h"

static int status_of(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* A child that runs the function; its output comes before the parent's. */
static void in_child(void (*run)(char *), char *at)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run(at);
        fflush(stdout);
        _exit(7);
    }
    printf("child ended with %d\n", status_of(pid));
}

static void change(char *at)
{
    printf("child reads %d %d\n", at[0], at[PAGE]);
    at[0] = 50;
    at[3 * PAGE] = 53;
    printf("child now reads %d %d\n", at[0], at[3 * PAGE]);
}

static void private_memory(void)
{
    char *at = pages(5);
    at[0] = 1;
    at[PAGE] = 2;
    in_child(change, at);
    printf("parent reads %d %d %d\n", at[0], at[PAGE], at[3 * PAGE]);
    at[0] = 9;
    in_child(change, at);
    printf("parent reads %d %d %d\n", at[0], at[PAGE], at[3 * PAGE]);
}

static void shared_memory(void)
{
    char *at = mmap(NULL, 5 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    at[PAGE] = 2;
    in_child(change, at);
    printf("shared: parent reads %d %d %d\n", at[0], at[PAGE], at[3 * PAGE]);
}

static void files(void)
{
    int fd = file(5 * PAGE);
    char *shared = mmap(NULL, 5 * PAGE, RW, MAP_SHARED, fd, 0);
    char *own = mmap(NULL, 5 * PAGE, RW, MAP_PRIVATE, fd, 0), byte;
    own[PAGE] = 77;
    in_child(change, shared);
    pread(fd, &byte, 1, 3 * PAGE);
    printf("file: parent reads %d %d, the file has %d\n", shared[0], own[3 * PAGE], byte);
    in_child(change, own);
    printf("private file: parent reads %d %d %d\n", own[0], own[PAGE], own[3 * PAGE]);
}

static void probe_page(const char *at, long i)
{
    PROBE("child loads", at, printf("page %ld holds %d\n", i, load(at + i * PAGE)));
}

static void probe_pages(char *at)
{
    probe_start();
    for (long i = 0; i < 4; i++)
        probe_page(at, i);
}

static void advice(void)
{
    char *at = pages(4);
    for (long i = 0; i < 4; i++)
        at[i * PAGE] = (char)(i + 1);
    TRY(madvise(at + PAGE, PAGE, MADV_DONTFORK));
    TRY(madvise(at + 2 * PAGE, PAGE, MADV_WIPEONFORK));
    in_child(probe_pages, at);
    TRY(madvise(at + PAGE, PAGE, MADV_DOFORK));
    TRY(madvise(at + 2 * PAGE, PAGE, MADV_KEEPONFORK));
    printf("parent reads %d %d %d %d\n", at[0], at[PAGE], at[2 * PAGE], at[3 * PAGE]);
    in_child(change, at);
}

static long status_kb(const char *name)
{
    char line[200];
    long kb = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof(line), status))
        if (strncmp(line, name, strlen(name)) == 0)
            kb = atol(line + strlen(name));
    fclose(status);
    return kb;
}

static void show_locks(char *at)
{
    printf("child has %ld kB locked\n", status_kb("VmLck:"));
    at[0] = 3;
    char *more = pages(1);
    printf("and with one page more %ld kB\n", status_kb("VmLck:"));
    munmap(more, PAGE);
}

static void locks(void)
{
    char *at = pages(3);
    TRY(mlock(at, 2 * PAGE));
    printf("parent has %ld kB locked\n", status_kb("VmLck:"));
    in_child(show_locks, at);
    printf("parent has %ld kB locked, reads %d\n", status_kb("VmLck:"), at[0]);
}

/* Generations, each writing over some of what it has. */
static void generations(char *at)
{
    enum { PAGES = 64, DEPTH = 6 };
    static int depth;
    uint64_t seed = 5 + (uint64_t)depth;
    for (int i = 0; i < 20; i++)
        memset(at + (long)(roll(&seed) % PAGES) * PAGE, depth * 20 + i, PAGE);
    printf("generation %d: %016lx\n", depth, (unsigned long)hash(at, PAGES * PAGE));
    if (depth++ < DEPTH)
        in_child(generations, at);
    printf("back in %d: %016lx\n", --depth, (unsigned long)hash(at, PAGES * PAGE));
}

int main(void)
{
    alarm(240);
    private_memory();
    shared_memory();
    files();
    advice();
    locks();
    generations(pages(64));
    return 0;
}
