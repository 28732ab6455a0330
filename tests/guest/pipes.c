// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that talk: pipes, sockets, descriptors passed on, eventfd and timerfd, and one that
 * waits for several with poll, select and epoll.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "process.h"

enum { BYTES = 300000 };

/* ---- a pipeline ---- */

static int writes_much(void *argument)
{
    int fd = *(int *)argument;
    uint64_t seed = 1;
    char block[1000];

    for (int sent = 0; sent < BYTES; sent += (int)sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (char)roll(&seed);
        if (write(fd, block, sizeof block) != sizeof block)
            return 1;
    }
    return 0;
}

static int inverts(void *argument)
{
    int *fds = argument;
    char block[777];
    ssize_t n;

    while ((n = read(fds[0], block, sizeof block)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            block[i] = (char)~block[i];
        if (write(fds[1], block, (size_t)n) != n)
            return 1;
    }
    return 0;
}

static uint64_t hash_all(int fd, long *total)
{
    char block[4000];
    uint64_t h = 14695981039346656037u;
    ssize_t n;

    *total = 0;
    while ((n = read(fd, block, sizeof block)) > 0) {
        *total += n;
        for (ssize_t i = 0; i < n; i++)
            h = (h ^ (unsigned char)block[i]) * 1099511628211u;
    }
    return h;
}

static void pipeline(void)
{
    int first[2], second[2], through[2];
    long total;

    pipe(first);
    pid_t writer = child(writes_much, &first[1]);
    close(first[1]);
    pipe(second);
    through[0] = first[0];
    through[1] = second[1];
    pid_t middle = child(inverts, through);
    close(first[0]);
    close(second[1]);
    uint64_t h = hash_all(second[0], &total);
    printf("pipeline: %ld bytes, %016llx\n", total, (unsigned long long)h);
    say_wait("writer", writer, 0);
    say_wait("middle", middle, 0);
    close(second[0]);
}

static void broken_pipe(void)
{
    int fds[2];

    pipe(fds);
    close(fds[0]);
    in_child("broken pipe", writes_much, &fds[1]);
    signal(SIGPIPE, SIG_IGN);
    in_child("broken pipe, ignored", writes_much, &fds[1]);
    signal(SIGPIPE, SIG_DFL);
    close(fds[1]);
}

/* ---- many writers, one reader ---- */

enum { WRITERS = 8, ROUNDS = 50 };

static int writes_numbers(void *argument)
{
    int *fds = argument;
    int fd = fds[0];

    for (int i = 0; i < ROUNDS; i++) {
        int number = fds[1] * 1000 + i;
        if (write(fd, &number, sizeof number) != sizeof number)
            return 1;
        if (i % 10 == 0)
            usleep(100);
    }
    return 0;
}

static int start_writers(int fds[WRITERS])
{
    for (int i = 0; i < WRITERS; i++) {
        int ends[2], both[2];
        pipe(ends);
        both[0] = ends[1];
        both[1] = i;
        child(writes_numbers, both);
        close(ends[1]);
        fds[i] = ends[0];
    }
    return WRITERS;
}

/* Adds up what is there; a pipe that has ended is closed. Result: pipes that ended. */
static int take(int *fd, long *sum, int epoll)
{
    int numbers[20];
    ssize_t n = read(*fd, numbers, sizeof numbers);

    for (ssize_t i = 0; i < n / (ssize_t)sizeof *numbers; i++)
        *sum += numbers[i];
    if (n > 0)
        return 0;
    if (epoll >= 0) /* the other children have the description too */
        epoll_ctl(epoll, EPOLL_CTL_DEL, *fd, NULL);
    close(*fd);
    *fd = -1;
    return 1;
}

static void reap_all(const char *what, long sum)
{
    int status, bad = 0;

    while (wait(&status) > 0)
        bad += status != 0;
    printf("%s: sum %ld, failed %d\n", what, sum, bad);
}

static void with_poll(void)
{
    int fds[WRITERS], left = start_writers(fds);
    struct pollfd polls[WRITERS];
    long sum = 0;

    while (left > 0) {
        for (int i = 0; i < WRITERS; i++)
            polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        if (poll(polls, WRITERS, -1) <= 0)
            perror("poll");
        for (int i = 0; i < WRITERS; i++)
            if (polls[i].revents)
                left -= take(&fds[i], &sum, -1);
    }
    reap_all("poll", sum);
}

static void with_select(void)
{
    int fds[WRITERS], left = start_writers(fds);
    long sum = 0;

    while (left > 0) {
        fd_set set;
        int max = 0;
        FD_ZERO(&set);
        for (int i = 0; i < WRITERS; i++)
            if (fds[i] >= 0) {
                FD_SET(fds[i], &set);
                max = fds[i] > max ? fds[i] : max;
            }
        if (select(max + 1, &set, NULL, NULL, NULL) <= 0)
            perror("select");
        for (int i = 0; i < WRITERS; i++)
            if (fds[i] >= 0 && FD_ISSET(fds[i], &set))
                left -= take(&fds[i], &sum, -1);
    }
    reap_all("select", sum);
}

static void with_epoll(void)
{
    int fds[WRITERS], left = start_writers(fds), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[4];
    long sum = 0;

    for (int i = 0; i < WRITERS; i++)
        epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i],
                  &(struct epoll_event){.events = EPOLLIN, .data.u32 = (uint32_t)i});
    while (left > 0) {
        int n = epoll_wait(epoll, events, 4, -1);
        for (int i = 0; i < n; i++)
            left -= take(&fds[events[i].data.u32], &sum, epoll);
    }
    close(epoll);
    reap_all("epoll", sum);
}

/* One pipe that all read and write: each byte is somebody's once. */
static int takes_bytes(void *argument)
{
    int *fds = argument, taken = 0;
    char byte;

    close(fds[1]);
    while (read(fds[0], &byte, 1) == 1)
        taken++;
    return taken > 0 ? taken : 1;
}

static void many_readers(void)
{
    int fds[2], status, sum = 0;

    pipe(fds);
    for (int i = 0; i < 5; i++)
        child(takes_bytes, fds);
    for (int i = 0; i < 100; i++) {
        send_byte(fds[1]);
        if (i % 7 == 0)
            usleep(200);
    }
    close(fds[1]);
    while (wait(&status) > 0)
        sum += WEXITSTATUS(status);
    printf("all bytes taken: %d\n", sum >= 100 && sum <= 104);
    close(fds[0]);
}

/* ---- sockets ---- */

static int echoes(void *argument)
{
    int fd = *(int *)argument;
    char line[100];
    ssize_t n;

    while ((n = recv(fd, line, sizeof line, 0)) > 0) {
        for (ssize_t i = 0; i < n / 2; i++) {
            char c = line[i];
            line[i] = line[n - 1 - i];
            line[n - 1 - i] = c;
        }
        send(fd, line, (size_t)n, 0);
    }
    return (int)n;
}

static void socket_pair(int type)
{
    int fds[2];
    char line[100] = "";

    TRY(socketpair(AF_UNIX, type, 0, fds));
    pid_t pid = child(echoes, &fds[1]);
    close(fds[1]);
    for (int i = 0; i < 3; i++) {
        send(fds[0], "abcdef", (size_t)(4 + i), 0);
        ssize_t n = recv(fds[0], line, sizeof line, 0);
        printf("echo %.*s\n", (int)n, line);
    }
    shutdown(fds[0], SHUT_WR);
    if (type == SOCK_DGRAM)
        kill(pid, SIGTERM);
    say_wait("echo", pid, 0);
    close(fds[0]);
}

static int client(void *argument)
{
    const struct sockaddr_storage *address = argument;
    int fd = socket(address->ss_family, SOCK_STREAM, 0);
    socklen_t len =
        address->ss_family == AF_UNIX ? sizeof(struct sockaddr_un) : sizeof(struct sockaddr_in);
    char line[100] = "";

    if (connect(fd, (const struct sockaddr *)address, len) < 0)
        return 1;
    send(fd, "ping", 4, 0);
    ssize_t n = recv(fd, line, sizeof line, 0);
    return n == 4 && memcmp(line, "gnip", 4) == 0 ? 0 : 2;
}

static void serve(const char *what, struct sockaddr_storage *address, socklen_t len)
{
    int listener = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), failed = 0, status;
    socklen_t named = sizeof *address;

    TRY(bind(listener, (struct sockaddr *)address, len));
    TRY(listen(listener, 5));
    getsockname(listener, (struct sockaddr *)address, &named);
    for (int i = 0; i < 6; i++)
        child(client, address);
    for (int i = 0; i < 6; i++) {
        int fd = accept(listener, NULL, NULL);
        child(echoes, &fd);
        close(fd);
    }
    close(listener);
    while (wait(&status) > 0)
        failed += status != 0;
    printf("%s: %d failed\n", what, failed);
}

static void servers(void)
{
    char dir[] = "/tmp/pagewalk-guest-XXXXXX";
    struct sockaddr_storage address;
    struct sockaddr_un *un = (struct sockaddr_un *)&address;
    struct sockaddr_in *in = (struct sockaddr_in *)&address;

    memset(&address, 0, sizeof address);
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    serve("TCP", &address, sizeof *in);

    mkdtemp(dir);
    memset(&address, 0, sizeof address);
    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof un->sun_path, "%s/socket", dir);
    serve("Unix", &address, sizeof *un);
    unlink(un->sun_path);

    TRY(chdir(dir));
    memset(&address, 0, sizeof address);
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, "relative");
    serve("relative", &address, sizeof *un);
    printf("its name: %s\n", un->sun_path);
    unlink("relative");
    TRY(chdir("/"));
    rmdir(dir);
}

/* ---- descriptors passed on ---- */

static int receives_descriptor(void *argument)
{
    int fd = *(int *)argument, got;
    char byte, text[20] = "", control[CMSG_SPACE(sizeof fd)];
    struct iovec iov = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

    TRY(recvmsg(fd, &message, 0));
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    TRY(read(got, text, 5));
    TRY(memcmp(text, "12345", 5));
    return 0;
}

static void pass_descriptor(void)
{
    int fds[2], text[2];
    char byte = 'x', control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};

    socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
    pid_t pid = child(receives_descriptor, &fds[1]);
    pipe(text);
    write(text[1], "12345", 5);
    memset(control, 0, sizeof control);
    *CMSG_FIRSTHDR(&message) = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &text[0], sizeof(int));
    sendmsg(fds[0], &message, 0);
    say_wait("passed", pid, 0);
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(text[i]);
    }
}

/* ---- events ---- */

static int adds_events(void *argument)
{
    int fd = *(int *)argument;

    for (int i = 0; i < 5; i++) {
        eventfd_write(fd, 3);
        usleep(300);
    }
    return 0;
}

static void events(void)
{
    eventfd_t value, sum = 0;
    int fd = eventfd(0, EFD_CLOEXEC);
    pid_t pid = child(adds_events, &fd);

    while (sum < 15) {
        eventfd_read(fd, &value);
        sum += value;
    }
    printf("events %llu\n", (unsigned long long)sum);
    say_wait("adds", pid, 0);
    close(fd);
}

static int waits_for_timer(void *argument)
{
    uint64_t count;

    return read(*(int *)argument, &count, sizeof count) == sizeof count ? (int)count : 0;
}

static void timers(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    pid_t pid = child(waits_for_timer, &fd);

    timerfd_settime(fd, 0, &(struct itimerspec){.it_value.tv_nsec = 5000000}, NULL);
    say_wait("timer", pid, 0);
    close(fd);
}

int main(void)
{
    process_start();
    pipeline();
    broken_pipe();
    with_poll();
    with_select();
    with_epoll();
    many_readers();
    socket_pair(SOCK_STREAM);
    socket_pair(SOCK_SEQPACKET);
    socket_pair(SOCK_DGRAM);
    servers();
    pass_descriptor();
    events();
    timers();
    say_wait("none left", -1, 0);
    return 0;
}
