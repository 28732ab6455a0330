// SPDX-License-Identifier: GPL-2.0-or-later
/* futex(2) and clone(2) called directly: errors, counts, requeueing; robust and priority locks. */
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "thread.h"

static uint32_t *word, *other;
static volatile int nwoken;
static int nwaiters;

static long futex(uint32_t *addr, int op, uint32_t value, const void *timeout, uint32_t *addr2,
                  uint32_t value3)
{
    return syscall(SYS_futex, addr, op, value, timeout, addr2, value3);
}

static long futex2(uint32_t *addr, int op, uint32_t value, long value2, uint32_t *addr2,
                   uint32_t value3)
{
    return syscall(SYS_futex, addr, op, value, value2, addr2, value3);
}

struct waiter {
    pthread_t thread;
    uint32_t *at;
    uint32_t bitset;
    int op;
    long result;
    volatile int tid;
};

static void *wait_there(void *argument)
{
    struct waiter *w = argument;

    w->tid = gettid();
    w->result = futex(w->at, w->op, 0, NULL, NULL, w->bitset);
    __atomic_fetch_add(&nwoken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Each waits when the next is started. */
static void start_waiter(struct waiter *w, uint32_t *at, int op, uint32_t bitset)
{
    *w = (struct waiter){.at = at, .op = op, .bitset = bitset};
    w->thread = start(wait_there, w);
    while (!w->tid)
        usleep(100);
    until_asleep(w->tid);
    nwaiters++;
}

/* Those that should be woken are, and the others had time to be. */
static void settle(const char *what, int expected)
{
    until_least(&nwoken, expected);
    usleep(2000);
    printf("%s: %d woken of %d\n", what, nwoken, nwaiters);
}

static void join_waiters(struct waiter *w, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        if (w[i].result)
            printf("a wait gave %ld\n", w[i].result);
    }
    nwaiters = nwoken = 0;
}

static void errors(void)
{
    struct timespec brief = {0, 2000000}, bad = {0, 1000000000}, negative = {-1, 0}, past = {1, 0};
    uint32_t *odd = (uint32_t *)((char *)word + 2), *nowhere = (uint32_t *)64;

    *word = 5;
    TRY(futex(word, FUTEX_WAIT, 4, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAIT_PRIVATE, 4, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAIT, 5, &brief, NULL, 0));
    TRY(futex(word, FUTEX_WAIT_PRIVATE, 5, &bad, NULL, 0));
    TRY(futex(word, FUTEX_WAIT_PRIVATE, 4, &negative, NULL, 0));
    TRY(futex(word, FUTEX_WAIT_PRIVATE, 5, (void *)8, NULL, 0));
    TRY(futex(word, FUTEX_WAIT_BITSET_PRIVATE, 5, &past, NULL, 1));
    TRY(futex(word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &past, NULL, 1));
    TRY(futex(word, FUTEX_WAIT_BITSET_PRIVATE, 5, &past, NULL, 0));
    TRY(futex(word, FUTEX_WAKE_PRIVATE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    TRY(futex(odd, FUTEX_WAIT, 5, NULL, NULL, 0));
    TRY(futex(odd, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(futex(nowhere, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
    TRY(futex(nowhere, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    TRY(futex(nowhere, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    TRY(futex2(word, FUTEX_REQUEUE, 1, 1, other, 0));
    TRY(futex2(word, FUTEX_REQUEUE, (uint32_t)-1, 1, other, 0));
    TRY(futex2(word, FUTEX_CMP_REQUEUE, 1, 1, other, 4));
    TRY(futex2(word, FUTEX_CMP_REQUEUE, 1, 1, other, 5));
    TRY(futex(word, 99, 1, NULL, NULL, 0));
}

static void waking(int private)
{
    struct waiter w[5];

    *word = *other = 0;
    for (int i = 0; i < 5; i++)
        start_waiter(&w[i], word, FUTEX_WAIT | private, 0);
    TRY(futex(word, FUTEX_WAKE | private, 0, NULL, NULL, 0)); /* one, for all that */
    settle("wake 0", 1);
    TRY(futex(word, FUTEX_WAKE | private, 2, NULL, NULL, 0));
    settle("wake 2", 3);
    TRY(futex(other, FUTEX_WAKE | private, 2, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAKE | (private ^ FUTEX_PRIVATE_FLAG), 2, NULL, NULL, 0));
    TRY(futex(word, FUTEX_WAKE | private, INT32_MAX, NULL, NULL, 0));
    join_waiters(w, 5);
}

static void requeueing(void)
{
    struct waiter w[6];

    for (int i = 0; i < 6; i++)
        start_waiter(&w[i], word, FUTEX_WAIT_PRIVATE, 0);
    TRY(futex2(word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 3, other, 0));
    settle("requeue 1, 3", 1);
    TRY(futex(word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    settle("wake the rest", 3);
    TRY(futex(other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    settle("wake a moved one", 4);
    TRY(futex2(other, FUTEX_REQUEUE_PRIVATE, 0, 1, word, 0));
    TRY(futex(word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    TRY(futex(other, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    join_waiters(w, 6);
}

static void bitsets(void)
{
    struct waiter w[4];

    for (int i = 0; i < 4; i++)
        start_waiter(&w[i], word, FUTEX_WAIT_BITSET_PRIVATE, 1u << i);
    TRY(futex(word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 6));
    settle("bits 1 and 2", 2);
    TRY(futex(word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 16));
    TRY(futex(word, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0));
    join_waiters(w, 4);
}

static void wake_op(void)
{
    struct waiter w[4];

    *word = 0;
    *other = 0;
    for (int i = 0; i < 4; i++)
        start_waiter(&w[i], i < 2 ? word : other, FUTEX_WAIT_PRIVATE, 0);
    TRY(futex2(word, FUTEX_WAKE_OP_PRIVATE, 1, 1, other,
               (uint32_t)FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 0)));
    settle("wake op, condition false", 1);
    TRY(futex2(word, FUTEX_WAKE_OP_PRIVATE, 1, 1, other,
               (uint32_t)FUTEX_OP(FUTEX_OP_ADD, -1, FUTEX_OP_CMP_EQ, 3)));
    settle("wake op, condition true", 3);
    printf("other is %u\n", *other);
    TRY(futex2(word, FUTEX_WAKE_OP_PRIVATE, 1, 9, other,
               (uint32_t)FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 5, FUTEX_OP_CMP_GE, -4)));
    printf("other is %u\n", *other);
    TRY(futex2(word, FUTEX_WAKE_OP_PRIVATE, 1, 9, other, 0x5u << 28));
    TRY(futex2(word, FUTEX_WAKE_OP_PRIVATE, 1, 9, other, 0x6u << 24));
    join_waiters(w, 4);
    *other = 0;
}

/* Two mappings of one page: the same futex if shared, two different ones if private. */
static void shared_memory(void)
{
    struct waiter w;
    int fd = file(2 * PAGE);
    uint32_t zero = 0;

    pwrite(fd, &zero, sizeof(zero), PAGE);
    uint32_t *a = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    uint32_t *b = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
    start_waiter(&w, a + 1024, FUTEX_WAIT, 0);
    TRY(futex(b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    TRY(futex(b + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
    TRY(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_waiters(&w, 1);
    a = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    start_waiter(&w, a, FUTEX_WAIT, 0);
    TRY(futex(a, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_waiters(&w, 1);
    start_waiter(&w, b, FUTEX_WAIT, 0);
    munmap(b, PAGE); /* the wait goes on */
    b = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
    TRY(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0));
    join_waiters(&w, 1);
    close(fd);
}

/* ---- locks whose owner ends ---- */

static pthread_mutex_t robust[3], inheriting;

static volatile int taken;

static void *take_and_end(void *argument)
{
    for (int i = 0; i < 3; i++)
        pthread_mutex_lock(&robust[i]);
    pthread_mutex_unlock(&robust[1]);
    taken = 1;
    until_asleep(getpid()); /* main waits for the first */
    return argument;
}

static void robust_locks(int protocol)
{
    pthread_mutexattr_t attr;
    pthread_t thread;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setprotocol(&attr, protocol);
    for (int i = 0; i < 3; i++)
        pthread_mutex_init(&robust[i], &attr);
    taken = 0;
    thread = start(take_and_end, NULL);
    while (!taken)
        ;
    for (int i = 0; i < 3; i++) {
        int error = pthread_mutex_lock(&robust[i]);
        printf("robust %d: %s\n", i, error ? strerrorname_np(error) : "0");
        if (error == EOWNERDEAD && i == 0)
            printf("consistent: %d\n", pthread_mutex_consistent(&robust[i]));
        pthread_mutex_unlock(&robust[i]);
        error = pthread_mutex_lock(&robust[i]);
        printf("again: %s\n", error ? strerrorname_np(error) : "0");
    }
    pthread_join(thread, NULL);
}

static long sum;

static void *add(void *argument)
{
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&inheriting);
        long now = sum;
        if (i % 16 == 0)
            sched_yield();
        sum = now + 1;
        pthread_mutex_unlock(&inheriting);
    }
    return argument;
}

static void inheriting_locks(void)
{
    struct timespec until;
    pthread_mutexattr_t attr;
    pthread_t threads[4];

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&inheriting, &attr);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, add, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("inheriting: %ld\n", sum);
    pthread_mutex_lock(&inheriting);
    printf("twice: %s\n", strerrorname_np(pthread_mutex_lock(&inheriting)));
    pthread_create(&threads[0], NULL, add, NULL);
    usleep(3000);
    pthread_mutex_unlock(&inheriting);
    pthread_join(threads[0], NULL);
    printf("inheriting: %ld\n", sum);
    clock_gettime(CLOCK_REALTIME, &until);
    *word = 0x3fffffff; /* no such thread */
    TRY(futex(word, FUTEX_LOCK_PI_PRIVATE, 0, &until, NULL, 0));
    TRY(futex(word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    *word = 0;
    TRY(futex(word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    TRY(futex(word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    printf("mine: %d\n", *word == (uint32_t)gettid());
    TRY(futex(word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
    printf("free: %u\n", *word);
}

/* ---- clone ---- */

static long clone_with(unsigned long flags, void *stack)
{
    return syscall(SYS_clone, flags, stack, NULL, NULL, 0);
}

static long clone3_with(struct clone_args args, size_t len)
{
    return syscall(SYS_clone3, &args, len);
}

static void refused(void)
{
    char room[100] = {[99] = 1};
    unsigned long stack = (unsigned long)pages(4);

    TRY(clone_with(CLONE_THREAD, NULL));
    TRY(clone_with(CLONE_THREAD | CLONE_VM, NULL));
    TRY(clone_with(CLONE_SIGHAND, NULL));
    TRY(clone_with(CLONE_FS | CLONE_NEWNS, NULL));
    TRY(clone_with(CLONE_PIDFD | CLONE_PARENT_SETTID, NULL));
    TRY(clone3_with((struct clone_args){0}, 60));
    TRY(clone3_with((struct clone_args){0}, 5000));
    TRY(syscall(SYS_clone3, room, sizeof(room)));
    TRY(syscall(SYS_clone3, 8, 88));
    TRY(clone3_with((struct clone_args){.flags = 1ull << 40}, 88));
    TRY(clone3_with((struct clone_args){.flags = 17}, 88));
    TRY(clone3_with((struct clone_args){.exit_signal = 300}, 88));
    TRY(clone3_with((struct clone_args){.stack = stack}, 88));
    TRY(clone3_with((struct clone_args){.stack_size = 4096}, 88));
    TRY(clone3_with((struct clone_args){.flags = CLONE_THREAD}, 88));
    TRY(clone3_with((struct clone_args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
                                        .exit_signal = SIGCHLD},
                    88));
    TRY(clone3_with((struct clone_args){.flags = CLONE_SIGHAND | CLONE_CLEAR_SIGHAND | CLONE_VM},
                    88));
}

int main(void)
{
    probe_start();
    word = (uint32_t *)pages(1);
    other = word + 100;
    errors();
    waking(FUTEX_PRIVATE_FLAG);
    waking(0);
    requeueing();
    bitsets();
    wake_op();
    shared_memory();
    robust_locks(PTHREAD_PRIO_NONE);
    robust_locks(PTHREAD_PRIO_INHERIT);
    inheriting_locks();
    refused();
    return 0;
}
