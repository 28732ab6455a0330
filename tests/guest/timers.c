// SPDX-License-Identifier: GPL-2.0-or-later
/* Timers and calls that a signal interrupts or restarts; clocks that go forward. */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "guest.h"

static volatile int alarms;
static int ends[2];

static void count(int signal)
{
    (void)signal;
    alarms++;
}

static void feed(int signal)
{
    (void)signal;
    alarms++;
    if (write(ends[1], "x", 1) != 1)
        alarms = -1;
}

static void on_alarm(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigaction(SIGALRM, &action, NULL);
    alarms = 0;
}

static void in_milliseconds(long first, long then)
{
    struct itimerval timer = {.it_value = {.tv_usec = first * 1000},
                              .it_interval = {.tv_usec = then * 1000}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

static void interrupted(void)
{
    char byte = '-';

    pipe(ends);
    on_alarm(feed, 0);
    in_milliseconds(30, 0);
    TRY(read(ends[0], &byte, 1));
    TRY(read(ends[0], &byte, 1));
    on_alarm(feed, SA_RESTART);
    in_milliseconds(30, 0);
    TRY(read(ends[0], &byte, 1));
    printf("restarted: %c, %d alarm\n", byte, alarms);

    struct timespec long_time = {.tv_sec = 100}, left = {0};
    on_alarm(count, SA_RESTART);
    in_milliseconds(30, 0);
    TRY(nanosleep(&long_time, &left));
    printf("left %ld\n", (long)left.tv_sec);
    in_milliseconds(20, 0);
    TRY(pause());
    printf("%d alarms\n", alarms);
}

static void intervals(void)
{
    struct itimerval now;
    volatile unsigned long work = 0;

    on_alarm(count, SA_RESTART);
    in_milliseconds(5, 5);
    while (alarms < 10)
        work++;
    getitimer(ITIMER_REAL, &now);
    in_milliseconds(0, 0);
    printf("ten alarms while computing %d, interval %ld\n", work > 0,
           (long)now.it_interval.tv_usec);
    alarm(1000);
    printf("alarm says %u\n", alarm(0));
    TRY(setitimer(99, &now, NULL));
}

/* Alarms at every moment of a computation must not change its result. */
static void undisturbed(void)
{
    uint64_t h = 5;
    double x = 0.5;

    on_alarm(count, 0);
    in_milliseconds(2, 2);
    for (int i = 0; i < 20000000 && (i < 300000 || alarms < 5); i++) {
        if (i >= 300000)
            continue;
        h = (h ^ (uint64_t)i) * 1099511628211u;
        x = x * 3.9 * (1 - x);
    }
    in_milliseconds(0, 0);
    printf("%016lx %.17g\n", (unsigned long)h, x);
}

static void clocks(void)
{
    const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                             CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    struct timespec a, b;
    struct timeval day;
    struct tms t;
    struct rusage usage;
    int backward = 0;

    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 1000; j++) {
            clock_gettime(ids[i], &a);
            clock_gettime(ids[i], &b);
            backward += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
        }
    gettimeofday(&day, NULL);
    clock_gettime(CLOCK_REALTIME, &a);
    printf("backward %d, agree %d\n", backward, a.tv_sec - day.tv_sec <= 1);
    TRY(clock_gettime(55, &a));
    clock_getres(CLOCK_MONOTONIC, &a);
    printf("resolution %ld s\n", (long)a.tv_sec);
    printf("times %d, time %d\n", times(&t) != -1, time(NULL) - day.tv_sec <= 1);
    getrusage(RUSAGE_SELF, &usage);
    printf("faults counted %d, resident %d\n", usage.ru_minflt > 0, usage.ru_maxrss > 0);

    clock_gettime(CLOCK_MONOTONIC, &a);
    struct timespec until = {.tv_sec = a.tv_sec, .tv_nsec = a.tv_nsec + 20000000};
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    TRY(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("slept long enough %d\n",
           b.tv_sec > until.tv_sec || (b.tv_sec == until.tv_sec && b.tv_nsec >= until.tv_nsec));
}

int main(void)
{
    interrupted();
    intervals();
    undisturbed();
    clocks();
    return 0;
}
