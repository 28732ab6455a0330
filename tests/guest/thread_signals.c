// SPDX-License-Identifier: GPL-2.0-or-later
/* Signals and threads: which thread takes one, what it interrupts, and cancellation. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "thread.h"

static __thread const char *me = "main";
static __thread volatile int handled;
static volatile int ready; /* tid of a thread that is about to wait; -1: it never will */
static sem_t never, done;
static int ends[2];

static void note(int signal)
{
    printf("%s handles SIG%s\n", me, sigabbrev_np(signal));
    handled++;
}

static void on(int signal, int flags)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void block(int how, int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(how, &set, NULL);
}

static pthread_t run(void *(*fn)(void *), void *argument)
{
    pthread_t thread;

    ready = 0;
    thread = start(fn, argument);
    while (!ready)
        usleep(200);
    if (ready > 0)
        until_asleep(ready);
    return thread;
}

static void report(const char *what, long result)
{
    printf("%s: %ld %s, handled %d\n", what, result, result == -1 ? strerrorname_np(errno) : "",
           handled);
}

/* ---- signals to one thread ---- */

static void *interrupted(void *argument)
{
    struct timespec second = {30, 0};
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    char byte;

    me = argument;
    ready = gettid();
    if (strcmp(me, "sleeper") == 0)
        report(me, nanosleep(&second, &second));
    else if (strcmp(me, "pauser") == 0)
        report(me, pause());
    else if (strcmp(me, "reader") == 0)
        report(me, read(ends[0], &byte, 1));
    else if (strcmp(me, "poller") == 0)
        report(me, poll(&fd, 1, 30000));
    else
        report(me, sem_wait(&never));
    return NULL;
}

static void interruptions(void)
{
    char *const who[] = {"sleeper", "pauser", "reader", "poller", "waiter"};

    on(SIGUSR1, 0);
    for (int i = 0; i < 5; i++) {
        pthread_t thread = run(interrupted, who[i]);
        pthread_kill(thread, SIGUSR1);
        pthread_join(thread, NULL);
    }
    printf("main: handled %d\n", handled);
}

static void *restarted(void *argument)
{
    char byte = 0;

    me = argument;
    ready = gettid();
    long n = strcmp(me, "reader") == 0 ? read(ends[0], &byte, 1) : sem_wait(&done);
    report(me, n);
    return (void *)(long)byte;
}

static void restarts(void)
{
    void *result;

    on(SIGUSR1, SA_RESTART);
    pthread_t thread = run(restarted, "reader");
    pthread_kill(thread, SIGUSR1);
    usleep(20000);
    write(ends[1], "r", 1);
    pthread_join(thread, &result);
    printf("read '%c'\n", (char)(long)result);
    thread = run(restarted, "waiter");
    pthread_kill(thread, SIGUSR1);
    usleep(20000);
    sem_post(&done);
    pthread_join(thread, NULL);
}

/* ---- signals to the process ---- */

static void *idle(void *argument)
{
    me = argument;
    ready = -1;
    while (!handled)
        usleep(500);
    return NULL;
}

static void to_the_process(void)
{
    on(SIGUSR2, SA_RESTART);
    me = "main";
    handled = 0;
    pthread_t thread = run(interrupted, "waiter");
    kill(getpid(), SIGUSR2); /* the first thread takes it if it can */
    report("main", 0);
    pthread_kill(thread, SIGUSR1);
    sem_post(&never);
    pthread_join(thread, NULL);
    while (sem_trywait(&never) == 0)
        ;

    thread = run(idle, "other");
    block(SIG_BLOCK, SIGUSR2);
    handled = 0;
    kill(getpid(), SIGUSR2);
    pthread_join(thread, NULL);
    report("main", 0);
    block(SIG_UNBLOCK, SIGUSR2);
}

static void *take(void *argument)
{
    sigset_t set;
    int signal = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGHUP);
    ready = gettid();
    for (int i = 0; i < 2; i++) {
        sigwait(&set, &signal);
        printf("sigwait: SIG%s\n", sigabbrev_np(signal));
        sem_post(&done);
    }
    return argument;
}

static void waiting_for_signals(void)
{
    struct timespec brief = {0, 3000000};
    sigset_t set;

    block(SIG_BLOCK, SIGUSR2);
    block(SIG_BLOCK, SIGHUP);
    pthread_t thread = run(take, NULL);
    kill(getpid(), SIGHUP);
    sem_wait(&done);
    pthread_kill(thread, SIGUSR2);
    sem_wait(&done);
    pthread_join(thread, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    TRY(sigtimedwait(&set, NULL, &brief));
    kill(getpid(), SIGHUP);
    TRY(sigtimedwait(&set, NULL, &brief));
    block(SIG_UNBLOCK, SIGUSR2);
    block(SIG_UNBLOCK, SIGHUP);
}

static void *masks(void *argument)
{
    sigset_t set, pending;

    pthread_sigmask(SIG_BLOCK, NULL, &set);
    sigpending(&pending);
    printf("inherited mask: %d %d, pending %d\n", sigismember(&set, SIGTERM),
           sigismember(&set, SIGUSR1), sigismember(&pending, SIGTERM));
    return argument;
}

static void inheritance(void)
{
    pthread_t thread;

    block(SIG_BLOCK, SIGTERM);
    pthread_kill(pthread_self(), SIGTERM);
    pthread_create(&thread, NULL, masks, NULL);
    pthread_join(thread, NULL);
    signal(SIGTERM, SIG_IGN); /* drops it */
    block(SIG_UNBLOCK, SIGTERM);
    signal(SIGTERM, SIG_DFL);
}

/* ---- faults ---- */

static __thread sigjmp_buf back;

static void fault(int signal, siginfo_t *info, void *context)
{
    char here;
    stack_t stack;

    (void)context;
    sigaltstack(NULL, &stack);
    printf("%s: SIG%s code %d, on its own stack: %d\n", me, sigabbrev_np(signal), info->si_code,
           &here >= (char *)stack.ss_sp && &here < (char *)stack.ss_sp + stack.ss_size);
    siglongjmp(back, 1);
}

static void *faulty(void *argument)
{
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536}, old;

    me = argument;
    sigaltstack(NULL, &old);
    printf("%s: starts without one: %d\n", me, old.ss_flags == SS_DISABLE);
    sigaltstack(&stack, NULL);
    for (int i = 0; i < 3; i++)
        if (sigsetjmp(back, 1) == 0)
            store((char *)16, 1);
    return NULL;
}

static void faults(void)
{
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, old;
    pthread_t thread;

    sigaction(SIGSEGV, &action, &old);
    for (int i = 0; i < 2; i++) {
        pthread_create(&thread, NULL, faulty, i ? "second" : "first");
        pthread_join(thread, NULL);
    }
    sigaction(SIGSEGV, &old, NULL);
}

/* ---- many signals while others compute ---- */

static volatile int ticks, stop;

static void tick(int signal)
{
    (void)signal;
    ticks++;
}

static void *compute(void *argument)
{
    uint64_t seed = (uint64_t)(uintptr_t)argument, sum = 0;

    for (int i = 0; i < 400000 || (!stop && i < 100000000); i++)
        sum = sum * 31 + roll(&seed);
    stop = 1;
    seed = (uint64_t)(uintptr_t)argument, sum = 0;
    for (int i = 0; i < 100000; i++)
        sum = sum * 31 + roll(&seed);
    return (void *)sum;
}

static void storm(void)
{
    pthread_t threads[3];
    void *result;

    signal(SIGUSR1, tick);
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, compute, (void *)(i + 1));
    for (int i = 0; i < 300; i++) {
        pthread_kill(threads[i % 3], SIGUSR1);
        if (i % 20 == 0)
            usleep(100);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &result);
        printf("storm: %lx\n", (long)result);
    }
    printf("some ticks: %d\n", ticks > 0 && ticks <= 300);
}

/* ---- cancellation ---- */

static void clean(void *what)
{
    printf("cleaning up after %s\n", (char *)what);
}

static void *cancelled(void *argument)
{
    char byte;

    pthread_cleanup_push(clean, argument);
    ready = strcmp(argument, "test") && strcmp(argument, "spin") ? gettid() : -1;
    if (strcmp(argument, "read") == 0)
        read(ends[0], &byte, 1);
    else if (strcmp(argument, "sleep") == 0)
        sleep(30);
    else if (strcmp(argument, "semaphore") == 0)
        sem_wait(&never);
    else if (strcmp(argument, "test") == 0)
        for (;;)
            pthread_testcancel();
    else if (strcmp(argument, "spin") == 0) {
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (;;)
            ;
    } else if (strcmp(argument, "disabled") == 0) {
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        usleep(50000);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        pthread_testcancel();
    }
    printf("%s was not cancelled\n", (char *)argument);
    pthread_cleanup_pop(0);
    return argument;
}

static void cancellations(void)
{
    char *const how[] = {"read", "sleep", "semaphore", "test", "spin", "disabled"};
    void *result;

    for (int i = 0; i < 6; i++) {
        pthread_t thread = run(cancelled, how[i]);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        printf("%s: cancelled %d\n", how[i], result == PTHREAD_CANCELED);
    }
}

int main(void)
{
    probe_start();
    sem_init(&never, 0, 0);
    sem_init(&done, 0, 0);
    pipe(ends);
    interruptions();
    restarts();
    to_the_process();
    waiting_for_signals();
    inheritance();
    faults();
    storm();
    cancellations();
    return 0;
}
