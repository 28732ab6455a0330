// SPDX-License-Identifier: GPL-2.0-or-later
/* mprotect: every change of rights with data kept, holes, execution, and a pager in user space. */
#include "guest.h"

static void rights(void)
{
    const int prots[] = {PROT_NONE, PROT_READ, RW, PROT_READ | PROT_EXEC, RW | PROT_EXEC};
    const char *names[] = {"none", "r", "rw", "rx", "rwx"};
    char *p = pages(3);
    char what[64];

    memset(p, 0xc3, 3 * PAGE); /* ret */
    for (int from = 0; from < 5; from++)
        for (int to = 0; to < 5; to++) {
            mprotect(p + PAGE, PAGE, prots[from]);
            mprotect(p + PAGE, PAGE, prots[to]);
            snprintf(what, sizeof(what), "%s to %s: load", names[from], names[to]);
            PROBE(what, p, load(p + PAGE));
            snprintf(what, sizeof(what), "%s to %s: store", names[from], names[to]);
            PROBE(what, p, store(p + PAGE + 17, 0xc3));
            snprintf(what, sizeof(what), "%s to %s: call", names[from], names[to]);
            PROBE(what, p, ((void (*)(void))(p + PAGE + 5))());
        }
    printf("neighbours: %d %d\n", load(p), load(p + 2 * PAGE));
}

static void holes(void)
{
    char *p = pages(6);

    memset(p, 1, 6 * PAGE);
    munmap(p + 3 * PAGE, PAGE);
    TRY(mprotect(p + PAGE, 4 * PAGE, PROT_READ));
    PROBE("before the hole", p, store(p + PAGE, 2));
    PROBE("after the hole", p, store(p + 4 * PAGE, 2));
    TRY(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
    TRY(mprotect(p, 0, PROT_NONE));
    TRY(mprotect(p + 1, PAGE, PROT_READ));
    TRY(mprotect(p, PAGE, 1 << 20));
    TRY(mprotect(p, (size_t)-PAGE, PROT_READ));
    PROBE("length 0 changed nothing", p, store(p, 3));
}

static char *area;
static volatile int filled;

/* Fills a page with its number when it is first touched. */
static void pager(int signal, siginfo_t *info, void *context)
{
    long page = ((char *)info->si_addr - area) / PAGE;

    (void)signal;
    (void)context;
    mprotect(area + page * PAGE, PAGE, RW);
    memset(area + page * PAGE, (int)page, PAGE);
    filled++;
}

static void user_pager(void)
{
    struct sigaction action = {.sa_sigaction = pager, .sa_flags = SA_SIGINFO}, before;
    uint64_t seed = 3, sum = 0;

    area = mmap(NULL, 200 * PAGE, PROT_NONE, ANON, -1, 0);
    sigaction(SIGSEGV, &action, &before);
    for (int i = 0; i < 1000; i++)
        sum += (unsigned char)area[roll(&seed) % (200 * PAGE)];
    printf("pager: %d pages filled, sum %lu\n", filled, (unsigned long)sum);

    /* The same to find out which pages were written. */
    filled = 0;
    mprotect(area, 200 * PAGE, PROT_READ);
    for (int i = 0; i < 100; i++)
        area[(i * i % 200) * PAGE + 8] = 0;
    printf("writes: %d pages\n", filled);
    sigaction(SIGSEGV, &before, NULL);
}

int main(void)
{
    probe_start();
    rights();
    holes();
    user_pager();
    return 0;
}
