// SPDX-License-Identifier: GPL-2.0-or-later
/* Signals within one process: arguments, masks, nesting, alternate stacks, state kept across them.
 */
#include <fcntl.h>
#include <ucontext.h>

#include "guest.h"

static volatile int count, depth, deepest;

static void simple(int signal)
{
    count += signal == SIGUSR1 ? 1 : 100;
}

static void on(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void with_info(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    printf("SIG%s code %d from self %d value %d, %s\n", sigabbrev_np(signal), info->si_code,
           info->si_pid == getpid(), info->si_value.sival_int,
           sigismember(&uc->uc_sigmask, SIGUSR2) ? "SIGUSR2 was blocked" : "nothing was blocked");
}

static void arguments(void)
{
    struct sigaction action = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO}, old;
    sigset_t usr2;

    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 42});
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    raise(SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &usr2, NULL);
    sigaction(SIGUSR1, NULL, &old);
    printf("old handler %d flags %x\n", old.sa_sigaction == with_info, old.sa_flags & SA_SIGINFO);
}

static void masks(void)
{
    sigset_t set, old, pending;

    on(SIGUSR1, simple, 0);
    on(SIGUSR2, simple, 0);
    count = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGKILL);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR2);
    sigpending(&pending);
    printf("blocked: count %d, pending %d %d\n", count, sigismember(&pending, SIGUSR1),
           sigismember(&pending, SIGUSR2));
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("SIGKILL cannot be blocked: %d\n", sigismember(&set, SIGKILL));
    sigemptyset(&set);
    TRY(sigsuspend(&set));
    printf("after sigsuspend: count %d\n", count);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("standard signals do not queue: count %d\n", count);
    TRY(sigprocmask(77, &old, NULL));
    TRY(sigaction(SIGKILL, &(struct sigaction){.sa_handler = simple}, NULL));
    TRY(sigaction(65, &(struct sigaction){.sa_handler = simple}, NULL));
    TRY(kill(getpid(), 0));
    TRY(kill(getpid(), 99));
}

static void nest(int signal)
{
    if (++depth > deepest)
        deepest = depth;
    if (++count < 5)
        raise(signal);
    depth--;
}

static void nesting(void)
{
    on(SIGUSR1, nest, 0);
    deepest = depth = count = 0;
    raise(SIGUSR1);
    printf("without SA_NODEFER: depth %d\n", deepest);
    on(SIGUSR1, nest, SA_NODEFER);
    deepest = depth = count = 0;
    raise(SIGUSR1);
    printf("with it: depth %d\n", deepest);
    on(SIGUSR1, simple, SA_RESETHAND);
    count = 0;
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("SA_RESETHAND: count %d, default again %d\n", count, now.sa_handler == SIG_DFL);
    on(SIGUSR1, SIG_IGN, 0);
    raise(SIGUSR1);
    printf("ignored\n");
}

static char alternate[65536];
static volatile int on_alternate, flags_inside;

static void where(int signal)
{
    char here;
    stack_t now;

    (void)signal;
    on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
    sigaltstack(NULL, &now);
    flags_inside = now.ss_flags;
}

static void stacks(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, old;

    TRY(sigaltstack(&stack, &old));
    printf("none before: %d\n", old.ss_flags == SS_DISABLE);
    on(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    printf("on the alternate stack %d, flags inside %d\n", on_alternate, flags_inside);
    on(SIGUSR1, where, 0);
    raise(SIGUSR1);
    printf("on the normal stack %d, flags inside %d\n", !on_alternate, flags_inside);
    stack.ss_size = 10;
    TRY(sigaltstack(&stack, NULL));
    stack.ss_size = sizeof(alternate);
    stack.ss_flags = 55;
    TRY(sigaltstack(&stack, NULL));
    stack.ss_flags = SS_DISABLE;
    TRY(sigaltstack(&stack, NULL));
}

static void trasher(int signal)
{
    (void)signal;
    count++;
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15\n"
                     "fldpi; fldpi; stc; std; cld" ::
                         : "xmm0", "xmm7", "xmm15", "cc");
}

/* Registers, flags, x87 and SSE state as they were, whatever the handler did. */
static void state_kept(void)
{
    double in = 2.25, out = 0;
    long a = 1, b = 2;
    uint64_t x0, x7, x15;
    char carry;
    pid_t pid = getpid();

    on(SIGUSR1, trasher, 0);
    count = 0;
    __asm__ volatile("movq %7, %%xmm0; movq %7, %%xmm7; movq %7, %%xmm15; fldl %8\n"
                     "mov $62, %%eax; mov %9, %%edi; mov $10, %%esi; mov $0x1111, %%r12\n"
                     "mov $0x2222, %%r8; syscall; stc\n"
                     "lea (%%r8, %%r12), %0; mov %%r12, %1\n"
                     "setc %5; movq %%xmm0, %2; movq %%xmm7, %3; movq %%xmm15, %4; fstpl %6\n"
                     : "=&b"(a), "=&r"(b), "=&r"(x0), "=&r"(x7), "=&r"(x15), "=q"(carry), "=m"(out)
                     : "r"(0x123456789abcdefL), "m"(in), "r"(pid)
                     : "rax", "rcx", "r11", "rdi", "rsi", "r8", "r12", "xmm0", "xmm7", "xmm15",
                       "memory", "cc");
    printf("%d signal: %lx %lx %lx %lx %lx carry %d x87 %g\n", count, a, b, (unsigned long)x0,
           (unsigned long)x7, (unsigned long)x15, carry, out);
}

static void ignored_by_default(void)
{
    on(SIGCHLD, SIG_DFL, 0);
    raise(SIGCHLD);
    raise(SIGURG);
    raise(SIGWINCH);
    raise(SIGCONT);
    printf("still here\n");
}

static void waiting(void)
{
    sigset_t set;
    siginfo_t info;
    int got;
    struct timespec zero = {0}, little = {.tv_nsec = 1000000};

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    TRY(sigtimedwait(&set, NULL, &zero));
    TRY(sigtimedwait(&set, NULL, &little));
    for (int i = 1; i <= 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i * 11});
    for (int i = 0; i < 3; i++) {
        got = sigtimedwait(&set, &info, &zero);
        printf("real-time signals queue: %d %d\n", got == SIGRTMIN, info.si_value.sival_int);
    }
    raise(SIGUSR1);
    TRY(sigwait(&set, &got));
    printf("%d\n", got == SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int main(void)
{
    arguments();
    masks();
    nesting();
    stacks();
    state_kept();
    ignored_by_default();
    waiting();
    return 0;
}
