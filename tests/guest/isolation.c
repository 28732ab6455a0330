// SPDX-License-Identifier: GPL-2.0-or-later
/* Two processes use the same address, and a third one writes wherever it can: nobody's memory is
 * changed but its own. */
#include <sys/wait.h>

#include "guest.h"

#define PLACE ((char *)0x10000000000)

static int down[2][2], up[2]; /* the parent's word to each child, and theirs to the parent */

static void tell(int fd)
{
    char byte = 0;
    write(fd, &byte, 1);
}

static void hear(int fd)
{
    char byte;
    if (read(fd, &byte, 1) != 1)
        exit(3);
}

/* Each stores a number, waits until all have, and reads it again. */
static int store_and_read(int child)
{
    int number = (child + 1) * 1111,
        *at = mmap(PLACE, 4 * PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    if ((char *)at != PLACE)
        return 2;
    for (long i = 0; i < 4; i++)
        at[i * PAGE / 4] = number + (int)i;
    tell(up[1]);
    hear(down[child][0]);
    printf("at the same place: %d %d %d %d\n", at[0], at[PAGE / 4], at[2 * PAGE / 4],
           at[3 * PAGE / 4]);
    fflush(stdout);
    tell(up[1]);
    return 0;
}

static pid_t start(int (*run)(int), int number)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        exit(run(number));
    return pid;
}

static void two_numbers(void)
{
    pid_t pid[2];
    for (int i = 0; i < 2; i++) {
        pid[i] = start(store_and_read, i);
        hear(up[0]);
    }
    for (int i = 0; i < 2; i++) {
        int status;
        tell(down[i][1]);
        hear(up[0]);
        waitpid(pid[i], &status, 0);
        printf("it ended with %d\n", WEXITSTATUS(status));
    }
}

static sigjmp_buf back;

static void jump_back(int signal)
{
    siglongjmp(back, signal);
}

/* Wild stores, loads and jumps, until a number of them have faulted. */
static int run_wild(int number)
{
    static volatile int faults;
    static uint64_t seed;
    seed = (uint64_t)number;
    const struct sigaction action = {.sa_handler = jump_back, .sa_flags = SA_NODEFER | SA_ONSTACK};
    static char stack[64 * 1024];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
    if (sigsetjmp(back, 0) != 0)
        faults++;
    while (faults < 2000) {
        uint64_t where = roll(&seed) << 33 ^ roll(&seed) << 12 ^ roll(&seed);
        *(volatile uint64_t *)(where & 0x7fffffffffff) = where;
    }
    return 0;
}

static void wild_neighbour(void)
{
    char *at = pages(200);
    uint64_t seed = 7;
    int status;
    for (long i = 0; i < 200 * PAGE; i++)
        at[i] = (char)roll(&seed);
    uint64_t before = hash(at, 200 * PAGE);
    pid_t wild = start(run_wild, 3);
    for (int i = 0; i < 10; i++)
        if (hash(at, 200 * PAGE) != before)
            printf("a neighbour changed our memory\n");
    waitpid(wild, &status, 0);
    printf("wild process: %s\n", status == 0 ? "2000 faults, its own" : "it ended otherwise");
    printf("our memory is %s\n", hash(at, 200 * PAGE) == before ? "as it was" : "changed");
}

int main(void)
{
    alarm(240);
    if (pipe(down[0]) || pipe(down[1]) || pipe(up))
        return 1;
    two_numbers();
    wild_neighbour();
    return 0;
}
