// SPDX-License-Identifier: GPL-2.0-or-later
/* Ends in the way that its argument names; the driver compares exit status and signal. */
#include "guest.h"

static void never_runs(int signal)
{
    _exit(signal);
}

__attribute__((noinline)) static int endless(int n)
{
    volatile char frame[1000];

    frame[n % 1000] = (char)n;
    return n < 0 ? 0 : endless(n + 1) + frame[n % 1000];
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IONBF, 0);
    printf("about to end: %s\n", how);
    if (strcmp(how, "status") == 0)
        return 200;
    if (strcmp(how, "exit") == 0)
        _exit(259);
    if (strcmp(how, "segv") == 0)
        *(volatile int *)16 = 1;
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "ill") == 0)
        __asm__ volatile("ud2");
    if (strcmp(how, "fpe") == 0)
        __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx", "edx");
    if (strcmp(how, "bus") == 0)
        store(mmap(NULL, PAGE, RW, MAP_SHARED, file(0), 0), 1);
    if (strcmp(how, "term") == 0)
        raise(SIGTERM);
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(how, "pipe") == 0) {
        int ends[2];

        pipe(ends);
        close(ends[0]);
        write(ends[1], "x", 1);
    }
    if (strcmp(how, "stack") == 0)
        return endless(0);
    if (strcmp(how, "blocked") == 0) { /* a fault kills even if its signal is blocked or ignored */
        sigset_t set;

        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGSEGV, SIG_IGN);
        *(volatile int *)16 = 1;
    }
    if (strcmp(how, "handler") == 0) { /* no stack to run the handler on */
        signal(SIGSEGV, never_runs);
        __asm__ volatile("mov $64, %rsp; push %rax");
    }
    if (strcmp(how, "no-handler") ==
        0) { /* the handler's own page is what is not there, again and again */
        struct sigaction action = {.sa_handler = (void (*)(int))0x10000, .sa_flags = SA_NODEFER};

        sigaction(SIGSEGV, &action, NULL);
        *(volatile int *)16 = 1;
    }
    printf("it did not end\n");
    return 1;
}
