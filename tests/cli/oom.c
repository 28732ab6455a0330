// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that uses up all memory with several processes, and says how they ended. Use:
 *
 *   oom big|small|shared IDLE GROW [ADJ]
 *     a child fills IDLE MiB (`shared`: of shared memory) and waits; then another, whose
 *     oom_score_adj becomes ADJ, fills GROW MiB, by read(2) and by stores in turn, and checks it
 *     all. `big` and `small` only name which of the two is expected to end.
 *   oom lock IDLE GROW
 *     the child that waits holds a robust lock in shared memory; afterwards the parent takes it
 *   oom dying IDLE GROW
 *     the child that waits is killed by the parent, which then fills GROW MiB at once
 *   oom vfork SIZE
 *     a child made by vfork fills SIZE MiB, while the parent's threads wait
 *   oom fork SIZE
 *     a process of SIZE MiB has two children that write to all of it; the second has an
 *     oom_score_adj of 500
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static void fail(const char *what)
{
    printf("%s: %s\n", what, strerror(errno));
    exit(9);
}

static uint64_t number_at(size_t i, uint64_t seed)
{
    return (i + seed) * 0x9e3779b97f4a7c15u;
}

static uint64_t *map(size_t mib, int flags)
{
    uint64_t *at =
        mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        fail("mmap");
    return at;
}

static void fill(uint64_t *numbers, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        numbers[i] = number_at(i, seed);
}

static int is_right(const uint64_t *numbers, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] != number_at(i, seed))
            return 0;
    return 1;
}

/* Each second half of a MiB by the kernel, out of a file with the first half in it. */
static int grow(size_t mib)
{
    size_t half = MIB / 2 / sizeof(uint64_t);
    FILE *file = tmpfile();
    uint64_t *numbers = map(mib, MAP_PRIVATE);
    for (size_t m = 0; m < mib; m++) {
        uint64_t *at = numbers + 2 * half * m;
        fill(at, half, m);
        if (pwrite(fileno(file), at, MIB / 2, 0) != (ssize_t)(MIB / 2) ||
            pread(fileno(file), at + half, MIB / 2, 0) != (ssize_t)(MIB / 2))
            return 3;
    }
    for (size_t m = 0; m < 2 * mib; m++)
        if (!is_right(numbers + half * m, half, m / 2))
            return 2;
    return 0;
}

static void set_adj(const char *adj)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "w");
    if (!file || fprintf(file, "%s\n", adj) < 0 || fclose(file))
        fail("oom_score_adj");
}

static void say(const char *who, pid_t pid)
{
    int status;
    if (waitpid(pid, &status, 0) != pid)
        fail("waitpid");
    if (WIFSIGNALED(status))
        printf("%s was killed by signal %d\n", who, WTERMSIG(status));
    else
        printf("%s ended with status %d\n", who, WEXITSTATUS(status));
    fflush(stdout);
}

static pid_t start(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    return pid;
}

/* A child that fills memory, says so in the pipe, and waits until nobody writes to it. */
static pid_t start_idle(size_t mib, int flags, pthread_mutex_t *lock, int *release)
{
    int ready[2], over[2];
    char byte = 0;
    if (pipe(ready) || pipe(over))
        fail("pipe");
    pid_t pid = start();
    if (pid == 0) {
        close(over[1]);
        if (lock && pthread_mutex_lock(lock))
            _exit(4);
        uint64_t *numbers = map(mib, flags);
        size_t count = mib * MIB / sizeof(uint64_t);
        fill(numbers, count, 7);
        if (write(ready[1], &byte, 1) != 1 || read(over[0], &byte, 1) != 0)
            _exit(3);
        _exit(is_right(numbers, count, 7) ? 0 : 2);
    }
    close(over[0]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        printf("it did not even begin\n");
    close(ready[0]);
    *release = over[1];
    return pid;
}

static pid_t start_growing(size_t mib, const char *adj, int release)
{
    pid_t pid = start();
    if (pid == 0) {
        close(release);
        if (adj)
            set_adj(adj);
        _exit(grow(mib));
    }
    return pid;
}

static void run_two(char **argv, int flags, pthread_mutex_t *lock)
{
    int release;
    pid_t idle = start_idle((size_t)atoi(argv[2]), flags, lock, &release);
    pid_t growing = start_growing((size_t)atoi(argv[3]), argv[4], release);
    say("growing", growing);
    close(release);
    say("idle", idle);
}

static void run_lock(char **argv)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t *lock = (pthread_mutex_t *)map(1, MAP_SHARED);
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(lock, &attr);
    run_two(argv, MAP_PRIVATE, lock);
    printf("the lock's owner %s\n",
           pthread_mutex_lock(lock) == EOWNERDEAD ? "is dead" : "is not dead");
}

static void run_dying(char **argv)
{
    int release;
    size_t len = (size_t)atoi(argv[3]) * MIB;
    pid_t idle = start_idle((size_t)atoi(argv[2]), MAP_PRIVATE, NULL, &release);
    char *mine = (char *)map(len / MIB, MAP_PRIVATE);
    kill(idle, SIGKILL);
    for (size_t i = 0; i < len; i += 4096)
        mine[i] = 1;
    say("idle", idle);
}

static void *wait_forever(void *unused)
{
    pause();
    return unused;
}

static void run_vfork(size_t mib)
{
    fflush(stdout);
    pid_t outer = start();
    if (outer == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, wait_forever, NULL);
        volatile size_t len = mib * MIB;
        if (vfork() == 0) {
            char *at = (char *)map(mib, MAP_PRIVATE);
            for (size_t i = 0; i < len; i += 4096)
                at[i] = 1;
            _exit(0);
        }
        _exit(5);
    }
    say("parent of a child by vfork", outer);
}

static void run_fork(size_t mib)
{
    size_t count = mib * MIB / sizeof(uint64_t);
    uint64_t *numbers = map(mib, MAP_PRIVATE);
    fill(numbers, count, 1);
    pid_t pid[2];
    for (int i = 0; i < 2; i++) {
        pid[i] = start();
        if (pid[i] == 0) {
            if (i == 1)
                set_adj("500");
            if (!is_right(numbers, count, 1))
                _exit(2);
            fill(numbers, count, (uint64_t)i + 2);
            _exit(is_right(numbers, count, (uint64_t)i + 2) ? 0 : 2);
        }
    }
    say("first", pid[0]);
    say("second", pid[1]);
    printf("the parent's memory is %s\n", is_right(numbers, count, 1) ? "right" : "wrong");
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "fork") == 0)
        run_fork((size_t)atoi(argv[2]));
    else if (argc >= 3 && strcmp(argv[1], "vfork") == 0)
        run_vfork((size_t)atoi(argv[2]));
    else if (argc >= 4 && strcmp(argv[1], "dying") == 0)
        run_dying(argv);
    else if (argc >= 4 && strcmp(argv[1], "lock") == 0)
        run_lock(argv);
    else if (argc >= 4)
        run_two(argv, strcmp(argv[1], "shared") == 0 ? MAP_SHARED : MAP_PRIVATE, NULL);
    return 0;
}
