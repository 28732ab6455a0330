// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads that wait for descriptors while others go on, and descriptors closed under them. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "thread.h"

static int ends[2], back[2];
static volatile int waiting; /* tid of the thread that is about to wait */

static pthread_t start_waiting(void *(*fn)(void *), void *argument)
{
    waiting = 0;
    pthread_t thread = start(fn, argument);
    while (!waiting)
        usleep(100);
    until_asleep(waiting);
    return thread;
}

static void *echo(void *argument)
{
    long n = 0;
    char buffer[64];

    for (ssize_t len; (len = read(ends[0], buffer, sizeof(buffer))) > 0; n++)
        write(back[1], buffer, (size_t)len);
    return (char *)argument + n;
}

/* One thread can only go on when the other has. */
static void ping_pong(void)
{
    char byte = 0;
    long sum = 0;

    pipe(ends);
    pipe(back);
    pthread_t thread = start(echo, NULL);
    for (int i = 0; i < 300; i++) {
        byte = (char)i;
        write(ends[1], &byte, 1);
        read(back[0], &byte, 1);
        sum += byte;
    }
    close(ends[1]);
    printf("ping pong: %ld, %ld turns\n", sum, join(thread));
    close(ends[0]);
    close(back[0]);
    close(back[1]);
}

static void *fill(void *argument)
{
    long len = 3 * 1024 * 1024;
    char *bytes = malloc((size_t)len);
    uint64_t seed = 1;

    for (long i = 0; i < len; i++)
        bytes[i] = (char)roll(&seed);
    ssize_t n = write(ends[1], bytes, (size_t)len);
    close(ends[1]);
    free(bytes);
    (void)argument;
    return (void *)n;
}

static void big_write(void)
{
    static char got[3 * 1024 * 1024 + 1];
    size_t len = 0;

    pipe(ends);
    pthread_t thread = start(fill, NULL);
    for (ssize_t n; (n = read(ends[0], got + len, 10007)) > 0;)
        len += (size_t)n;
    printf("big write: %ld, %zu read, hash %lx\n", join(thread), len, hash(got, len));
    close(ends[0]);
}

static void *read_one(void *argument)
{
    char byte = '?';

    waiting = gettid();
    ssize_t n = read(ends[0], &byte, 1);
    (void)argument;
    return (void *)(n * 1000 + byte);
}

/* Who waits keeps the file, though its number may come to mean another. */
static void close_under(void)
{
    char byte = 0;
    int number;

    pipe(ends);
    pthread_t thread = start_waiting(read_one, NULL);
    number = ends[0];
    close(number);
    printf("number taken again: %d\n", open("/dev/null", O_RDONLY) == number);
    write(ends[1], "w", 1);
    printf("closed under a reader: %ld\n", join(thread));
    close(number);
    TRY(write(ends[1], &byte, 1)); /* now nobody has it */
    close(ends[1]);

    pipe(ends);
    thread = start_waiting(read_one, NULL);
    close(ends[1]);
    printf("no writer any more: %ld\n", join(thread));
    close(ends[0]);
}

static void *poll_both(void *argument)
{
    struct pollfd fds[] = {{ends[0], POLLIN, 0}, {back[0], POLLIN, 0}, {-1, POLLIN, 0}};

    waiting = gettid();
    int n = poll(fds, 3, 20000);
    (void)argument;
    return (void *)(long)(n * 100 + (fds[0].revents == POLLIN) * 10 + (fds[1].revents == POLLIN));
}

static void *select_one(void *argument)
{
    struct timeval limit = {20, 0};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(back[0], &set);
    waiting = gettid();
    int n = select(back[0] + 1, &set, NULL, NULL, &limit);
    (void)argument;
    return (void *)(long)(n * 10 + FD_ISSET(back[0], &set));
}

static void *epoll_one(void *argument)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
    int set = epoll_create1(0);

    epoll_ctl(set, EPOLL_CTL_ADD, back[0], &event);
    event.data.u64 = 0;
    waiting = gettid();
    int n = epoll_wait(set, &event, 1, 20000);
    close(set);
    (void)argument;
    return (void *)(n * 100 + (long)event.data.u64);
}

static void polls(void)
{
    void *(*const ways[])(void *) = {poll_both, select_one, epoll_one};
    char byte;

    pipe(ends);
    pipe(back);
    for (int i = 0; i < 3; i++) {
        pthread_t thread = start_waiting(ways[i], NULL);
        write(back[1], "p", 1);
        printf("poll %d: %ld\n", i, join(thread));
        read(back[0], &byte, 1);
    }
    struct pollfd none = {ends[0], POLLIN, 0};
    TRY(poll(&none, 1, 5));
    TRY(poll(&none, 1, 0));
    close(ends[0]);
    close(ends[1]);
    close(back[0]);
    close(back[1]);
}

static void *receive(void *argument)
{
    char buffer[100] = "";

    waiting = gettid();
    ssize_t n = recv(ends[0], buffer, sizeof(buffer), 0);
    printf("received %zd %s\n", n, buffer);
    return argument;
}

static void *wait_for_event(void *argument)
{
    uint64_t value = 0;

    waiting = gettid();
    read(*(int *)argument, &value, sizeof(value));
    return (void *)value;
}

static void *lock_file(void *argument)
{
    int fd = dup(*(int *)argument), own = open("/proc/self/fd/0", O_RDONLY);
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    close(own);
    own = open(path, O_RDWR);
    waiting = gettid();
    int result = flock(own, LOCK_EX);
    close(own);
    close(fd);
    return (void *)(long)result;
}

static void others(void)
{
    uint64_t seven = 7;
    int fd = eventfd(0, 0);

    pthread_t thread = start_waiting(wait_for_event, &fd);
    write(fd, &seven, sizeof(seven));
    printf("eventfd: %ld\n", join(thread));
    close(fd);

    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends);
    thread = start_waiting(receive, NULL);
    send(ends[1], "a message", 10, 0);
    join(thread);
    close(ends[0]);
    close(ends[1]);

    fd = file(10);
    TRY(flock(fd, LOCK_EX));
    thread = start_waiting(lock_file, &fd);
    flock(fd, LOCK_UN);
    printf("flock: %ld\n", join(thread));
    close(fd);
}

/* Others compute while one waits: nobody is held up. */
static volatile int stop;

static void *compute(void *argument)
{
    volatile long n = 0;

    while (!stop)
        n++;
    (void)argument;
    return (void *)(long)(n > 0);
}

static void busy(void)
{
    pipe(ends);
    pthread_t worker = start(compute, NULL), reader = start_waiting(read_one, NULL);
    usleep(20000);
    write(ends[1], "b", 1);
    printf("busy: %ld\n", join(reader));
    stop = 1;
    printf("worker: %ld\n", join(worker));
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    probe_start();
    signal(SIGPIPE, SIG_IGN);
    ping_pong();
    big_write();
    close_under();
    polls();
    others();
    busy();
    return 0;
}
