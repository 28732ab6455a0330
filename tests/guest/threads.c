// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads as programs use them: joining, locks, conditions, thread-local storage, timed waits. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "thread.h"

#define THREADS 8
#define MANY 150

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter;

/* ---- locks ---- */

static void *add(void *argument)
{
    for (long i = 0; i < 3000; i++) {
        pthread_mutex_lock(&lock);
        long now = counter;
        if (i % 64 == 0)
            sched_yield();
        counter = now + 1;
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void locks(void)
{
    pthread_t threads[THREADS];
    long sum = 0;

    for (long i = 0; i < THREADS; i++)
        threads[i] = start(add, (void *)(i * i));
    for (long i = 0; i < THREADS; i++)
        sum += join(threads[i]);
    printf("locks: counted %ld, results %ld\n", counter, sum);
}

/* Without a lock: atomic instructions must not be torn by a change of threads. */
static void *add_atomically(void *argument)
{
    volatile long *sums = argument;

    for (long i = 0; i < 200000; i++) {
        __atomic_fetch_add(&sums[0], 1, __ATOMIC_SEQ_CST);
        long old = __atomic_load_n(&sums[1], __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(&sums[1], &old, old + 3, 0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED))
            ;
    }
    return NULL;
}

static void atomics(void)
{
    static volatile long sums[2];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        threads[i] = start(add_atomically, (void *)sums);
    for (int i = 0; i < 4; i++)
        join(threads[i]);
    printf("atomics: %ld %ld\n", sums[0], sums[1]);
}

/* ---- conditions ---- */

static int turn;

static void *play(void *argument)
{
    int me = (int)(long)argument;

    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&lock);
        while (turn != me)
            pthread_cond_wait(&changed, &lock);
        turn = !me;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

static void ping_pong(void)
{
    pthread_t a, b;

    a = start(play, NULL);
    b = start(play, (void *)1L);
    long sum = join(a) + join(b);
    printf("ping pong: %ld, turn %d\n", sum, turn);
}

static int gate, passed;

static void *pass(void *argument)
{
    pthread_mutex_lock(&lock);
    while (!gate)
        pthread_cond_wait(&changed, &lock);
    passed++;
    pthread_mutex_unlock(&lock);
    return argument;
}

static void broadcast(void)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        threads[i] = start(pass, NULL);
    usleep(3000);
    pthread_mutex_lock(&lock);
    gate = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("broadcast: %d passed\n", passed);
}

/* ---- barriers, semaphores, rwlocks, once ---- */

static pthread_barrier_t barrier;
static sem_t slots;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int phases[3], inside, most_inside, started;

static void begin(void)
{
    started++;
}

static void *meet(void *argument)
{
    long serial = 0;

    pthread_once(&once, begin);
    for (int i = 0; i < 3; i++) {
        __atomic_fetch_add(&phases[i], 1, __ATOMIC_SEQ_CST);
        serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
        if (phases[i] != THREADS)
            printf("barrier: left too early\n");
    }
    sem_wait(&slots);
    int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    pthread_rwlock_wrlock(&shared);
    if (now > most_inside)
        most_inside = now;
    pthread_rwlock_unlock(&shared);
    usleep(500);
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
    sem_post(&slots);
    pthread_rwlock_rdlock(&shared);
    pthread_rwlock_unlock(&shared);
    (void)argument;
    return (void *)serial;
}

static void meetings(void)
{
    pthread_t threads[THREADS];
    long serial = 0;

    pthread_barrier_init(&barrier, NULL, THREADS);
    sem_init(&slots, 0, 2);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(meet, NULL);
    for (int i = 0; i < THREADS; i++)
        serial += join(threads[i]);
    printf("meetings: serial %ld, started %d, never more than two: %d\n", serial, started,
           most_inside <= 2);
}

/* ---- what is a thread's own ---- */

static __thread long mine = 7;
static __thread char name[40] = "nobody";
static pthread_key_t key;
static int destroyed;

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, (int)(long)value, __ATOMIC_SEQ_CST);
}

static void *own(void *argument)
{
    long n = (long)argument;

    errno = (int)n;
    pthread_setspecific(key, (void *)n);
    snprintf(name, sizeof(name), "thread %ld", n);
    for (int i = 0; i < 50; i++) {
        mine += n;
        if (i % 10 == 0)
            sched_yield();
    }
    if (errno != n || pthread_getspecific(key) != argument || atol(name + 7) != n)
        printf("storage of thread %ld was touched\n", n);
    return (void *)mine;
}

static void storage(void)
{
    pthread_t threads[THREADS];

    pthread_key_create(&key, destroy);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(own, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        printf("storage: %ld\n", join(threads[i]));
    printf("storage: main has %ld %s, destroyed %d\n", mine, name, destroyed);
}

static void *whole_stack(void *argument)
{
    volatile char deep[300 * 1024];

    for (size_t i = 0; i < sizeof(deep); i += 512)
        deep[i] = (char)(i >> 9);
    long sum = 0;
    for (size_t i = 0; i < sizeof(deep); i += 512)
        sum += deep[i];
    return (char *)argument + sum;
}

static void many(void)
{
    static pthread_t threads[MANY];
    long sum = 0;

    for (long i = 0; i < MANY; i++)
        threads[i] = start(i % 10 ? own : whole_stack, (void *)i);
    for (long i = 0; i < MANY; i++)
        sum += join(threads[i]);
    printf("many: %ld\n", sum);
}

static void attributes(void)
{
    pthread_attr_t attr;
    pthread_t thread;
    char *stack = pages(64);
    size_t len = 0;
    void *low = NULL;

    pthread_attr_init(&attr);
    TRY(pthread_attr_setstack(&attr, stack, 64 * PAGE));
    TRY(pthread_create(&thread, &attr, own, (void *)3));
    printf("own stack: %ld\n", join(thread));
    pthread_attr_destroy(&attr);
    TRY(pthread_getattr_np(pthread_self(), &attr));
    TRY(pthread_attr_getstack(&attr, &low, &len));
    printf("main's stack holds its variables: %d\n",
           (char *)&attr >= (char *)low && (char *)&attr < (char *)low + len);
    pthread_attr_destroy(&attr);
}

/* ---- timed waits ---- */

static struct timespec in_milliseconds(clockid_t clock, long ms)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    ts.tv_nsec += ms * 1000000;
    ts.tv_sec += ts.tv_nsec / 1000000000;
    ts.tv_nsec %= 1000000000;
    return ts;
}

static void timed_waits(void)
{
    struct timespec until, begin, end;
    struct timespec past = {1, 0}, bad = {1, 1000000000};
    sem_t none;

    sem_init(&none, 0, 0);
    pthread_mutex_lock(&lock);
    clock_gettime(CLOCK_MONOTONIC, &begin); /* before the times to wait for are taken */
    until = in_milliseconds(CLOCK_REALTIME, 4);
    printf("timedwait: %s\n", strerrorname_np(pthread_cond_timedwait(&changed, &lock, &until)));
    until = in_milliseconds(CLOCK_MONOTONIC, 4);
    printf("clockwait: %s\n",
           strerrorname_np(pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, &until)));
    printf("past: %s\n", strerrorname_np(pthread_cond_timedwait(&changed, &lock, &past)));
    printf("bad: %s\n", strerrorname_np(pthread_cond_timedwait(&changed, &lock, &bad)));
    until = in_milliseconds(CLOCK_REALTIME, 4);
    printf("timedlock: %s\n", strerrorname_np(pthread_mutex_timedlock(&lock, &until)));
    pthread_mutex_unlock(&lock);
    until = in_milliseconds(CLOCK_REALTIME, 4);
    TRY(sem_timedwait(&none, &until));
    TRY(sem_trywait(&none));
    clock_gettime(CLOCK_MONOTONIC, &end);
    long passed_ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
    printf("at least 16 ms: %d\n", passed_ms >= 15);
}

static void *signal_later(void *argument)
{
    usleep(3000);
    pthread_mutex_lock(&lock);
    gate = 2;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return argument;
}

static void wait_in_time(void)
{
    struct timespec until = in_milliseconds(CLOCK_REALTIME, 100000);
    pthread_t thread;
    int error = 0;

    pthread_mutex_lock(&lock);
    thread = start(signal_later, (void *)5L);
    while (gate != 2 && !error)
        error = pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    printf("in time: %d %ld\n", error, join(thread));
}

/* ---- sleepers: none wakes before its deadline, whatever the others' are ---- */

static int too_early;

static long now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *sleep_for(void *argument)
{
    long us = (long)argument * 20000, begin = now_us();

    usleep((useconds_t)us);
    if (now_us() - begin < us)
        __atomic_fetch_add(&too_early, 1, __ATOMIC_SEQ_CST);
    return argument;
}

static void sleepers(void)
{
    const long order[] = {3, 1, 4, 2};
    pthread_t threads[4];
    long sum = 0;

    for (int i = 0; i < 4; i++)
        threads[i] = start(sleep_for, (void *)order[i]);
    for (int i = 0; i < 4; i++)
        sum += join(threads[i]);
    printf("sleepers: %ld, %d too early\n", sum, too_early);
}

/* A thread that never calls the kernel must not keep the others from running. */
static volatile int spinning, stop;

static void *spin(void *argument)
{
    spinning = 1;
    while (!stop)
        ;
    return argument;
}

static void spinners(void)
{
    pthread_t thread;

    thread = start(spin, (void *)9L);
    while (!spinning)
        ;
    usleep(1000);
    stop = 1;
    printf("spinner: %ld\n", join(thread));
}

static void *use_time(void *argument)
{
    struct timespec thread, process;
    volatile long n = 0;

    for (int i = 0; i < 3000000; i++)
        n += i;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &thread);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process);
    long t = thread.tv_sec * 1000000000 + thread.tv_nsec;
    long p = process.tv_sec * 1000000000 + process.tv_nsec;
    return (void *)(long)(t > 0 && t <= p && argument == NULL);
}

static void times(void)
{
    struct timespec own_time;
    clockid_t clock;
    pthread_t thread;

    thread = start(use_time, NULL);
    printf("CPU time: %ld\n", join(thread));
    TRY(pthread_getcpuclockid(pthread_self(), &clock));
    TRY(clock_gettime(clock, &own_time));
}

static void *nothing(void *argument)
{
    return argument;
}

static void misuse(void)
{
    pthread_t thread;
    pthread_attr_t attr;

    thread = start(nothing, NULL);
    TRY(pthread_detach(thread));
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    TRY(pthread_create(&thread, &attr, nothing, NULL));
    printf("join oneself: %s\n", strerrorname_np(pthread_join(pthread_self(), NULL)));
}

int main(void)
{
    probe_start();
    locks();
    atomics();
    ping_pong();
    broadcast();
    meetings();
    storage();
    many();
    attributes();
    timed_waits();
    wait_in_time();
    sleepers();
    spinners();
    times();
    misuse();
    return 0;
}
