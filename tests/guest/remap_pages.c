// SPDX-License-Identifier: GPL-2.0-or-later
/* remap_file_pages: pages of a shared mapping in another order, and what is refused. */
#include <sys/wait.h>

#include "guest.h"

static void show(const char *at, long n)
{
    for (long i = 0; i < n; i++)
        printf(" %d", at[i * PAGE]);
    printf("\n");
}

static void reverse(char *at, long n)
{
    for (long i = 0; i < n; i++)
        if (remap_file_pages(at + i * PAGE, PAGE, 0, (size_t)(n - 1 - i), 0))
            printf("page %ld: %s\n", i, strerrorname_np(errno));
}

static void shuffle(int flags, int fd)
{
    char *at = mmap(NULL, 8 * PAGE, RW, flags, fd, 0), *straight = at;
    if (!(flags & MAP_ANONYMOUS))
        straight = mmap(NULL, 8 * PAGE, RW, flags, fd, 0);
    for (long i = 0; i < 8; i++)
        at[i * PAGE] = (char)(10 + i);
    reverse(at, 8);
    show(at, 8);
    at[0] = 99;
    if (straight != at)
        show(straight, 8);
    TRY(remap_file_pages(at, 3 * PAGE, 0, 2, MAP_NONBLOCK));
    show(at, 8);
    fflush(stdout);
    if (fork() == 0) {
        at[PAGE] = 55;
        _exit(0);
    }
    wait(NULL);
    show(at, 8);
    TRY(remap_file_pages(at, 8 * PAGE, 0, 0, 0));
    show(at, 8);
    TRY(remap_file_pages(at, PAGE, PROT_READ, 0, 0));
    TRY(remap_file_pages(at, 0, 0, 0, 0));
    TRY(remap_file_pages(at + 7 * PAGE, 4 * PAGE, 0, 0, 0));
    TRY(remap_file_pages(at + 10, PAGE + 10, 0, 5, 0));
    show(at, 2);
    munmap(at, 8 * PAGE);
    TRY(remap_file_pages(at, PAGE, 0, 0, 0));
}

int main(void)
{
    alarm(240);
    shuffle(MAP_SHARED, file(8 * PAGE));
    shuffle(MAP_SHARED | MAP_ANONYMOUS, -1);
    TRY(remap_file_pages(pages(2), PAGE, 0, 0, 0));
    return 0;
}
