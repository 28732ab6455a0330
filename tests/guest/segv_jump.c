// SPDX-License-Identifier: GPL-2.0-or-later
/* Jumping out of fault handlers, again and again, from many kinds of place; setjmp of each kind. */
#include "guest.h"

static sigjmp_buf there;
static volatile int caught;

static void jump(int signal)
{
    caught += signal == SIGSEGV;
    siglongjmp(there, signal);
}

static void many(void)
{
    char *p = mmap(NULL, 300 * PAGE, PROT_NONE, ANON, -1, 0);
    volatile int i;

    signal(SIGSEGV, jump);
    for (i = 0; i < 3000; i++)
        if (sigsetjmp(there, 1) == 0)
            p[(i * 17 % 300) * PAGE + i] = 1;
    printf("%d faults caught\n", caught);
}

/* Without saving the mask the signal stays blocked after the jump. */
static void mask_kept(void)
{
    sigset_t set;
    char *p = mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0);

    if (sigsetjmp(there, 0) == 0)
        *p = 1;
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("blocked after a jump without the mask: %d\n", sigismember(&set, SIGSEGV));
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    if (sigsetjmp(there, 1) == 0)
        *p = 1;
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("and with it: %d\n", sigismember(&set, SIGSEGV));
}

static int deep(int n)
{
    volatile char here[200];

    here[n % 200] = (char)n;
    if (n == 0)
        return *(volatile char *)16;
    return deep(n - 1) + here[n % 200];
}

static int plain(jmp_buf *back, int value)
{
    longjmp(*back, value);
}

int main(void)
{
    jmp_buf back;
    volatile int rounds = 0;

    many();
    mask_kept();
    if (sigsetjmp(there, 1) == 0)
        deep(1000);
    printf("out of 1000 frames\n");
    int got = setjmp(back);
    if (++rounds < 6)
        plain(&back, rounds == 3 ? 0 : rounds);
    printf("longjmp gave %d after %d rounds\n", got, rounds);
    return 0;
}
