// SPDX-License-Identifier: GPL-2.0-or-later
/* POSIX message queues: priorities, limits, waiting with and without a deadline, notification. */
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "process.h"

static char name[64];
static mqd_t queue;
static volatile sig_atomic_t notified;
static pthread_barrier_t barrier;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    notified = signal * 1000 + info->si_value.sival_int * 10 + (info->si_code == SI_MESGQ);
}

static int put(const char *text, unsigned prio)
{
    return mq_send(queue, text, strlen(text) + 1, prio);
}

static void get(const char *what)
{
    char text[64] = "";
    unsigned prio = 0;
    ssize_t len = mq_receive(queue, text, sizeof text, &prio);
    if (len < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %zd bytes, priority %u: %s\n", what, len, prio, text);
}

static void show(const char *when)
{
    struct mq_attr attr;
    mq_getattr(queue, &attr);
    printf("%s: %ld of %ld messages of %ld bytes, flags %lo\n", when, attr.mq_curmsgs,
           attr.mq_maxmsg, attr.mq_msgsize, attr.mq_flags);
}

static void refused(void)
{
    char text[100];
    struct timespec bad = {0, -1};
    struct mq_attr attr = {.mq_maxmsg = -1, .mq_msgsize = 1};
    TRY(mq_open(name, O_CREAT | O_RDWR | O_EXCL, 0600, NULL));
    TRY(mq_open("/no.such.queue.here", O_RDWR));
    TRY(mq_open("/also/none", O_RDWR | O_CREAT, 0600, NULL));
    TRY(mq_open("/with.bad.attributes", O_RDWR | O_CREAT, 0600, &attr));
    TRY(mq_send(queue, text, 65, 0));
    TRY(mq_send(queue, "x", 1, 32768));
    TRY(mq_send(0, "x", 1, 0));
    TRY(mq_send(queue, (void *)16, 1, 0));
    TRY(mq_receive(queue, text, 63, NULL));
    TRY(mq_timedreceive(queue, text, 64, NULL, &bad));
    TRY(mq_unlink("/no.such.queue.here"));
    mqd_t reader = mq_open(name, O_RDONLY);
    TRY(mq_send(reader, "x", 1, 0));
    mq_close(reader);
}

static void order(void)
{
    TRY(put("low", 1));
    TRY(put("high", 9));
    TRY(put("high too", 9));
    TRY(put("middle", 5));
    show("full");
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec = 0;
    TRY(mq_timedsend(queue, "late", 5, 0, &soon));
    for (int i = 0; i < 4; i++)
        get("next");
    char text[64];
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    TRY(mq_timedreceive(queue, text, 64, NULL, &soon));
}

static int echo(void *unused)
{
    char text[64];
    (void)unused;
    for (int i = 0; i < 20; i++) {
        if (mq_receive(queue, text, sizeof text, NULL) < 0)
            return 1;
        printf("child got %s\n", text);
    }
    return 0;
}

static void with_child(void)
{
    char text[64];
    pid_t pid = child(echo, NULL);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "message %d", i);
        put(text, 0);
    }
    say_wait("child", pid, 0);
}

static void nonblocking(void)
{
    struct mq_attr attr = {.mq_flags = O_NONBLOCK}, old;
    struct pollfd poll_for = {.fd = queue, .events = POLLIN | POLLOUT};
    TRY(mq_setattr(queue, &attr, &old));
    show("nonblocking");
    get("nothing");
    TRY(poll(&poll_for, 1, 0));
    printf("events %d\n", poll_for.revents == POLLOUT);
    for (int i = 0; i < 5; i++)
        TRY(put("fill", 0));
    TRY(poll(&poll_for, 1, 0));
    printf("events %d\n", poll_for.revents == POLLIN);
    for (int i = 0; i < 4; i++)
        get("empty it");
    attr.mq_flags = 0;
    mq_setattr(queue, &attr, NULL);
}

static void on_thread(union sigval value)
{
    notified = value.sival_int;
    pthread_barrier_wait(&barrier);
}

static void notification(void)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 7};
    sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO},
              NULL);
    TRY(mq_notify(queue, &event));
    TRY(mq_notify(queue, &event));
    TRY(put("one", 0));
    printf("notified %d\n", notified);
    TRY(put("two", 0));
    notified = 0;
    TRY(mq_notify(queue, &event));
    TRY(put("not to the empty queue", 0));
    printf("notified %d\n", notified);
    TRY(mq_notify(queue, NULL));
    for (int i = 0; i < 3; i++)
        get("empty it");
    TRY(put("nobody wants to know", 0));
    printf("notified %d\n", notified);
    get("empty it");
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD,
                              .sigev_notify_function = on_thread,
                              .sigev_value.sival_int = 44};
    pthread_barrier_init(&barrier, NULL, 2);
    TRY(mq_notify(queue, &event));
    TRY(put("for a thread", 0));
    pthread_barrier_wait(&barrier);
    printf("notified %d\n", notified);
    event.sigev_notify = 99;
    TRY(mq_notify(queue, &event));
}

int main(void)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
    process_start();
    snprintf(name, sizeof name, "/guest.posix_mq.%d", getpid());
    umask(0);
    queue = mq_open(name, O_CREAT | O_RDWR | O_EXCL, 0600, &attr);
    if (queue < 0) {
        printf("no queue: %s\n", strerrorname_np(errno));
        return 0;
    }
    show("new");
    refused();
    order();
    with_child();
    nonblocking();
    notification();
    TRY(mq_close(queue));
    TRY(mq_unlink(name));
    TRY(mq_close(queue));
    return 0;
}
