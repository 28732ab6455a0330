// SPDX-License-Identifier: GPL-2.0-or-later
/* The stack grows to its limit and no further; deep recursion; large frames; overflow is SIGSEGV.
 */
#include <alloca.h>
#include <sys/resource.h>

#include "guest.h"

static uint64_t ackermann(uint64_t m, uint64_t n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

__attribute__((noinline)) static long recurse(long n)
{
    volatile char frame[512];

    frame[n % 512] = (char)n;
    if (n == 0)
        return 0;
    return recurse(n - 1) + frame[n % 512];
}

/* Touches the lowest byte of a frame of 4 MiB first. */
__attribute__((noinline)) static int large(void)
{
    char *room = alloca(4 << 20);

    room[0] = 1;
    for (long i = 0; i < 4 << 20; i += PAGE)
        room[i] = (char)(room[i] + 2);
    return room[0] + room[(4 << 20) - PAGE];
}

__attribute__((noinline)) static long endless(long n)
{
    volatile char frame[4000];

    frame[0] = (char)n;
    return n < 0 ? frame[0] : endless(n + 1) + frame[0];
}

int main(void)
{
    struct rlimit limit;
    volatile long result = 0;
    char here;

    probe_start();
    getrlimit(RLIMIT_STACK, &limit);
    printf("limit %ld\n", (long)limit.rlim_cur);
    printf("ackermann %lu\n", (unsigned long)ackermann(2, 300));
    printf("recursion %ld\n", recurse(12000));
    printf("large frame %d\n", large());
    PROBE("above the stack", NULL, load((char *)0x7ffffffff000));
    if (sigsetjmp(probe_jump, 1) == 0) {
        probe_armed = 1;
        result = endless(0);
    } else {
        long depth = &here - (char *)probe_info.si_addr;

        printf("overflow: SIG%s code %d, %s\n", sigabbrev_np(probe_info.si_signo),
               probe_info.si_code,
               depth > 7 << 20 && depth < 8257 << 10 ? "near 8 MiB" : "elsewhere");
    }
    printf("goes on: %ld %ld\n", (long)result, recurse(1000));
    return 0;
}
