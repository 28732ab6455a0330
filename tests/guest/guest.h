// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the guest programs share. Each prints what it sees of Linux's memory semantics; the native
 * run is the judge, so nothing here knows the right answer. What they print must be the same on
 * every run: no addresses, pids or times.
 *
 *   TRY(call)            prints the call and its result, or the name of its error
 *   PROBE(what, base, s) runs statement s; prints the signal it raised, si_code, and where si_addr
 *                        lies relative to base
 */
#ifndef GUEST_H
#define GUEST_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096L
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define TRY(call) try_report(#call, (long)(call))

static inline long try_report(const char *text, long result)
{
    if (result == -1)
        printf("%s = -1 %s\n", text, strerrorname_np(errno));
    else if (result > INT32_MAX || result < INT32_MIN)
        printf("%s = an address\n", text);
    else
        printf("%s = %ld\n", text, result);
    return result;
}

static sigjmp_buf probe_jump;
static siginfo_t probe_info;
static volatile sig_atomic_t probe_armed;

static inline void probe_handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (!probe_armed) { /* not expected: die of it */
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        return;
    }
    probe_armed = 0;
    probe_info = *info;
    siglongjmp(probe_jump, 1);
}

/* Catches the signals of faults, on a stack of its own. */
static inline void probe_start(void)
{
    static char stack[64 * 1024];
    alarm(240); /* a program that never ends must end */
    const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_sigaction = probe_handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
}

static inline void probe_report(const char *what, const volatile void *base)
{
    long offset = (const char *)probe_info.si_addr - (const char *)base;

    printf("%s: SIG%s code %d", what, sigabbrev_np(probe_info.si_signo), probe_info.si_code);
    if (!base && probe_info.si_addr)
        printf(", some address\n");
    else if (offset > -(1L << 32) && offset < 1L << 32)
        printf(", at %+ld\n", offset);
    else
        printf(", elsewhere\n");
}

#define PROBE(what, base, statement)                                                               \
    do {                                                                                           \
        if (sigsetjmp(probe_jump, 1) == 0) {                                                       \
            probe_armed = 1;                                                                       \
            statement;                                                                             \
            probe_armed = 0;                                                                       \
            printf("%s: fine\n", what);                                                            \
        } else {                                                                                   \
            probe_report(what, base);                                                              \
        }                                                                                          \
    } while (0)

static inline void store(volatile char *at, int value)
{
    *at = (char)value;
}

static inline int load(const volatile char *at)
{
    return *at;
}

/* Private anonymous memory, read and write; ends the program if there is none. */
static inline char *pages(long n)
{
    char *p = mmap(NULL, (size_t)(n * PAGE), RW, ANON, -1, 0);

    if (p == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return p;
}

/* An unlinked file of this many bytes; byte i is i * 7 + i / 4096. */
static inline int file(long len)
{
    char name[] = "/tmp/pagewalk-guest-XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    for (long i = 0; i < len;) {
        char block[4096];
        long n = len - i < 4096 ? len - i : 4096;

        for (long j = 0; j < n; j++)
            block[j] = (char)((i + j) * 7 + (i + j) / 4096);
        if (write(fd, block, (size_t)n) != n) {
            perror("write");
            exit(1);
        }
        i += n;
    }
    lseek(fd, 0, SEEK_SET);
    return fd;
}

/* FNV-1a, to print the contents of much memory in one word. */
static inline uint64_t hash(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 1099511628211u;
    return h;
}

/* Deterministic random numbers. */
static inline uint64_t roll(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

#endif
