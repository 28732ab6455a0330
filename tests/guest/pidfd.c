// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors of processes and signals: pidfd_open, CLONE_PIDFD, waitid(P_PIDFD), signalfd. */
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>

#include "process.h"

static int ends[2];

static int lives(void *argument)
{
    close(ends[1]);
    wait_byte(ends[0]);
    return (int)(long)argument;
}

static void say_poll(const char *what, int fd, int timeout)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int n = poll(&poll_fd, 1, timeout);

    printf("%s: %d %#x\n", what, n, (unsigned)poll_fd.revents);
}

static void say_info(const char *what, int result, const siginfo_t *info)
{
    if (result == -1)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: signo %d, code %d, status %d\n", what, info->si_signo, info->si_code,
               info->si_status);
}

static void opened(void)
{
    siginfo_t info;
    char byte;

    memset(&info, 0, sizeof info);
    pipe(ends);
    pid_t pid = child(lives, (void *)7);
    int fd = pidfd_open(pid, 0), copy = dup(fd);
    printf("close on exec: %d\n", fcntl(fd, F_GETFD));
    say_poll("alive", fd, 0);
    TRY(read(fd, &byte, 1));
    TRY(write(fd, "x", 1));
    TRY(pidfd_send_signal(fd, 0, NULL, 0));
    TRY(pidfd_send_signal(fd, 65, NULL, 0));
    TRY(pidfd_send_signal(fd, 0, NULL, 1 << 20));
    TRY(pidfd_send_signal(ends[0], 0, NULL, 0));
    say_info("nothing yet", waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG), &info);
    int impatient = pidfd_open(pid, O_NONBLOCK);
    say_info("not waiting", waitid(P_PIDFD, (id_t)impatient, &info, WEXITED), &info);
    close(impatient);
    close(ends[1]);
    say_poll("ended", fd, -1);
    say_poll("its copy", copy, 0);
    TRY(pidfd_send_signal(fd, SIGTERM, NULL, 0));
    say_info("waited", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), &info);
    say_info("gone", waitid(P_PIDFD, (id_t)fd, &info, WEXITED), &info);
    TRY(pidfd_send_signal(fd, SIGTERM, NULL, 0));
    printf("still readable: %d\n", poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0));
    TRY(pidfd_open(pid, 0));
    TRY(pidfd_open(-1, 0));
    TRY(pidfd_open(getpid(), 12345));
    say_info("no pidfd", waitid(P_PIDFD, (id_t)ends[0], &info, WEXITED), &info);
    close(fd);
    close(copy);
    close(ends[0]);
}

static void from_clone(void)
{
    int fd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&fd, .exit_signal = SIGCHLD};

    pipe(ends);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(lives((void *)3));
    printf("has one: %d\n", fd >= 0);
    TRY(pidfd_send_signal(fd, SIGUSR1, NULL, 0));
    say_poll("killed", fd, -1);
    say_wait("child", (pid_t)pid, 0);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

/* A descriptor of another process. */
static void getfd(void)
{
    char text[8] = "";

    pipe(ends);
    int fds[2];
    pipe(fds);
    pid_t pid = child(lives, NULL);
    int fd = pidfd_open(pid, 0);
    int got = pidfd_getfd(fd, fds[1], 0);
    printf("got one: %d\n", got >= 0);
    write(got, "hello", 5);
    read(fds[0], text, 5);
    printf("read %s\n", text);
    TRY(pidfd_getfd(fd, 999, 0));
    close(ends[1]);
    say_wait("child", pid, 0);
    TRY(pidfd_getfd(fd, 0, 0));
    close(fd);
}

static void in_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    int epoll = epoll_create1(0);

    pipe(ends);
    pid_t pid = child(lives, NULL);
    int fd = pidfd_open(pid, 0);
    TRY(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    TRY(epoll_wait(epoll, &event, 1, 0));
    close(ends[1]);
    TRY(epoll_wait(epoll, &event, 1, -1));
    printf("data %u\n", event.data.u32);
    say_wait("child", pid, 0);
    close(epoll);
    close(fd);
}

/* ---- signalfd ---- */

static void say_signals(const char *what, int fd)
{
    struct signalfd_siginfo info[4];
    ssize_t n = read(fd, info, sizeof info);

    if (n < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    for (ssize_t i = 0; i < n / (ssize_t)sizeof *info; i++)
        printf("%s: SIG%s, code %d, status %d, int %d, from me %d\n", what,
               sigabbrev_np((int)info[i].ssi_signo), info[i].ssi_code, info[i].ssi_status,
               info[i].ssi_int, info[i].ssi_pid == (uint32_t)getpid());
}

static int exits(void *argument)
{
    return (int)(long)argument;
}

static void signalfds(void)
{
    sigset_t set;
    char small[10];

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    say_signals("none", fd);
    say_poll("none", fd, 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 11});
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 12});
    say_poll("some", fd, 0);
    TRY(read(fd, small, sizeof small));
    say_signals("some", fd);
    say_poll("none again", fd, 0);
    pid_t pid = child(exits, (void *)6);
    say_poll("child", fd, -1);
    say_signals("child", fd);
    say_wait("child", pid, 0);
    sigdelset(&set, SIGUSR1);
    TRY(signalfd(fd, &set, 0) == fd);
    raise(SIGUSR1);
    say_poll("not in the set", fd, 0);
    TRY(signalfd(ends[0], &set, 0));
    TRY(signalfd(-1, &set, 12345));
    fcntl(fd, F_SETFL, 0);
    pid = child(exits, (void *)8);
    say_signals("waiting", fd);
    say_wait("child", pid, 0);
    close(fd);
}

int main(void)
{
    process_start();
    opened();
    from_clone();
    getfd();
    in_epoll();
    signalfds();
    say_wait("none left", -1, 0);
    return 0;
}
