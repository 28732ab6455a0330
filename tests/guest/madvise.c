// SPDX-License-Identifier: GPL-2.0-or-later
/* madvise: what each advice does to contents, and which requests are refused. */
#include "guest.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif

static void dont_need(void)
{
    int fd = file(4 * PAGE);
    char *anon = pages(4), *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
    char *through = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

    memset(anon, 'a', 4 * PAGE);
    memset(shared, 's', 4 * PAGE);
    memset(private, 'p', 2 * PAGE);
    memset(through + 3 * PAGE, 't', PAGE);
    TRY(madvise(anon + PAGE, 2 * PAGE, MADV_DONTNEED));
    TRY(madvise(shared, 4 * PAGE, MADV_DONTNEED));
    TRY(madvise(private, 4 * PAGE, MADV_DONTNEED));
    TRY(madvise(through, 4 * PAGE, MADV_DONTNEED));
    printf("anonymous %d %d %d %d\n", anon[0], anon[PAGE], anon[2 * PAGE], anon[3 * PAGE]);
    printf("shared %d %d\n", shared[0], shared[3 * PAGE]);
    printf("private is the file again %d\n", private[PAGE + 5] == (char)((PAGE + 5) * 7 + 1));
    printf("shared file %c\n", through[3 * PAGE]);
    anon[PAGE] = 'b';
    printf("written again %c\n", anon[PAGE]);
}

static void free_pages(void)
{
    char *p = pages(8);
    int odd = 0;

    memset(p, 'f', 8 * PAGE);
    TRY(madvise(p, 8 * PAGE, MADV_FREE));
    p[2 * PAGE] = 'w';
    for (long i = 0; i < 8 * PAGE; i++)
        odd += i != 2 * PAGE && p[i] != 'f' && p[i] != 0;
    printf("written %c, neither old nor zero %d\n", p[2 * PAGE], odd);
    char *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    TRY(madvise(shared, PAGE, MADV_FREE));
}

static void hints(void)
{
    const struct {
        const char *name;
        int advice;
    } list[] = {{"NORMAL", MADV_NORMAL},
                {"RANDOM", MADV_RANDOM},
                {"SEQUENTIAL", MADV_SEQUENTIAL},
                {"WILLNEED", MADV_WILLNEED},
                {"DONTFORK", MADV_DONTFORK},
                {"DOFORK", MADV_DOFORK},
                {"DONTDUMP", MADV_DONTDUMP},
                {"DODUMP", MADV_DODUMP},
                {"COLD", MADV_COLD},
                {"PAGEOUT", MADV_PAGEOUT},
                {"WIPEONFORK", MADV_WIPEONFORK},
                {"KEEPONFORK", MADV_KEEPONFORK},
                {"POPULATE_READ", MADV_POPULATE_READ},
                {"POPULATE_WRITE", MADV_POPULATE_WRITE},
                {"12345", 12345}};
    char *p = pages(8);

    memset(p, 'k', 8 * PAGE);
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        int result = madvise(p, 8 * PAGE, list[i].advice);

        printf("%s: %s, kept %016lx\n", list[i].name, result ? strerrorname_np(errno) : "done",
               (unsigned long)hash(p, 8 * PAGE));
    }
}

static void wrong(void)
{
    char *p = pages(4);

    memset(p, 'x', 4 * PAGE);
    munmap(p + PAGE, PAGE);
    TRY(madvise(p + 1, PAGE, MADV_DONTNEED));
    TRY(madvise(p, 0, MADV_DONTNEED));
    TRY(madvise(p, (size_t)-PAGE, MADV_DONTNEED));
    TRY(madvise(p, 4 * PAGE, MADV_DONTNEED));
    printf("around the hole %d %d %d\n", p[0], p[2 * PAGE], p[3 * PAGE]);
    TRY(madvise(p, 4 * PAGE, MADV_POPULATE_READ));
    mprotect(p, PAGE, PROT_READ);
    TRY(madvise(p, PAGE, MADV_POPULATE_READ));
    TRY(madvise(p, PAGE, MADV_POPULATE_WRITE));
    mprotect(p, PAGE, PROT_NONE);
    TRY(madvise(p, PAGE, MADV_POPULATE_READ));
    TRY(madvise(p, PAGE, MADV_DONTNEED));
}

int main(void)
{
    dont_need();
    free_pages();
    hints();
    wrong();
    return 0;
}
