// SPDX-License-Identifier: GPL-2.0-or-later
/* poll, select and epoll on guest numbers, and sockets: addresses, datagrams, descriptors that
 * travel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "guest_rig.h"

#define CALL(number, ...) rig_call(rig, number, __VA_ARGS__)

static void make_pipe(struct rig *rig, uint64_t fd[2])
{
    int pair[2];
    assert_int_equal(CALL(SYS_pipe2, rig->data, 0), 0);
    rig_get(rig, pair, rig->data, sizeof pair);
    fd[0] = (uint64_t)pair[0];
    fd[1] = (uint64_t)pair[1];
}

static void make_sockets(struct rig *rig, int type, uint64_t fd[2])
{
    int pair[2];
    assert_int_equal(CALL(SYS_socketpair, AF_UNIX, (uint64_t)type, 0, rig->data), 0);
    rig_get(rig, pair, rig->data, sizeof pair);
    fd[0] = (uint64_t)pair[0];
    fd[1] = (uint64_t)pair[1];
}

static void test_poll(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd);
    struct pollfd fds[4] = {{.fd = (int)fd[0], .events = POLLIN},
                            {.fd = (int)fd[1], .events = POLLOUT},
                            {.fd = 77, .events = POLLIN},
                            {.fd = -1, .events = POLLIN, .revents = 5}};
    rig_put(rig, rig->data, fds, sizeof fds);
    assert_int_equal(CALL(SYS_poll, rig->data, 4, 1000), 2);
    rig_get(rig, fds, rig->data, sizeof fds);
    assert_int_equal(fds[0].fd, fd[0]);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLOUT);
    assert_int_equal(fds[2].revents, POLLNVAL);
    assert_int_equal(fds[3].revents, 0);
    assert_int_equal(CALL(SYS_poll, rig->data, 1, 10), 0);
    assert_int_equal(CALL(SYS_poll, rig->data, (uint64_t)1 << 30, 0), -EINVAL);
    assert_int_equal(CALL(SYS_poll, 0x10, 1, 0), -EFAULT);
    struct timespec ts = {0, 5000000};
    rig_put(rig, rig->data + 4096, &ts, sizeof ts);
    assert_int_equal(CALL(SYS_ppoll, rig->data, 1, rig->data + 4096, 0, 0), 0);
    rig_get(rig, &ts, rig->data + 4096, sizeof ts);
    assert_int_equal(ts.tv_nsec, 0); /* what was left */
    ts.tv_nsec = -1;
    rig_put(rig, rig->data + 4096, &ts, sizeof ts);
    assert_int_equal(CALL(SYS_ppoll, rig->data, 1, rig->data + 4096, 0, 0), -EINVAL);
}

/* A signal that only the temporary mask lets through ends the wait, and the old mask is kept for
 * after its handler. */
static void test_ppoll_mask(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2], empty = 0;
    make_pipe(rig, fd);
    struct pollfd fds = {.fd = (int)fd[0], .events = POLLIN};
    rig_put(rig, rig->data, &fds, sizeof fds);
    rig_put(rig, rig->data + 64, &empty, 8);
    rig->task->signals.mask = sigbit(SIGTERM);
    signal_send_task(rig->task, SIGTERM, SI_USER, 1);
    struct timespec ts = {0, 0};
    rig_put(rig, rig->data + 128, &ts, sizeof ts);
    assert_int_equal(CALL(SYS_ppoll, rig->data, 1, rig->data + 128, 0, 0), 0);
    assert_int_equal(CALL(SYS_ppoll, rig->data, 1, 0, rig->data + 64, 8), -ERESTARTNOHAND);
    assert_true(rig->task->signals.has_saved_mask);
    assert_int_equal(rig->task->signals.saved_mask, sigbit(SIGTERM));
    assert_int_equal(CALL(SYS_ppoll, rig->data, 1, 0, rig->data + 64, 4), -EINVAL);
}

static void test_select(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(fd[0], &in);
    FD_SET(fd[1], &out);
    rig_put(rig, rig->data, &in, 8);
    rig_put(rig, rig->data + 8, &out, 8);
    assert_int_equal(CALL(SYS_select, fd[1] + 1, rig->data, rig->data + 8, 0, 0), 1);
    rig_get(rig, &in, rig->data, 8);
    rig_get(rig, &out, rig->data + 8, 8);
    assert_false(FD_ISSET(fd[0], &in));
    assert_true(FD_ISSET(fd[1], &out));
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 1), 1);
    FD_SET(fd[0], &in);
    rig_put(rig, rig->data, &in, 8);
    struct timeval tv = {5, 0};
    rig_put(rig, rig->data + 64, &tv, sizeof tv);
    assert_int_equal(CALL(SYS_select, fd[1] + 1, rig->data, 0, 0, rig->data + 64), 1);
    rig_get(rig, &tv, rig->data + 64, sizeof tv);
    assert_int_equal(tv.tv_sec, 4);
    FD_SET(40, &in);
    rig_put(rig, rig->data, &in, 8);
    assert_int_equal(CALL(SYS_select, 41, rig->data, 0, 0, 0), -EBADF);
    assert_int_equal(CALL(SYS_select, (uint64_t)-1, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(CALL(SYS_pselect6, 0, 0, 0, 0, 0x10, 0), -EFAULT);
}

static void test_epoll(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd);
    int64_t epoll = CALL(SYS_epoll_create1, EPOLL_CLOEXEC);
    assert_true(fd_cloexec(rig->process->fds, (int)epoll));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0};
    rig_put(rig, rig->data, &event, sizeof event);
    assert_int_equal(CALL(SYS_epoll_ctl, (uint64_t)epoll, EPOLL_CTL_ADD, fd[0], rig->data), 0);
    assert_int_equal(CALL(SYS_epoll_ctl, (uint64_t)epoll, EPOLL_CTL_ADD, fd[0], rig->data),
                     -EEXIST);
    assert_int_equal(CALL(SYS_epoll_ctl, (uint64_t)epoll, EPOLL_CTL_ADD, 99, rig->data), -EBADF);
    assert_int_equal(CALL(SYS_epoll_wait, (uint64_t)epoll, rig->data, 10, 10), 0);
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 1), 1);
    assert_int_equal(CALL(SYS_epoll_wait, (uint64_t)epoll, rig->data, 10, (uint64_t)-1), 1);
    rig_get(rig, &event, rig->data, sizeof event);
    assert_int_equal(event.events, EPOLLIN);
    assert_int_equal(event.data.u64, 0x123456789abcdef0);
    assert_int_equal(CALL(SYS_epoll_wait, (uint64_t)epoll, rig->data, 0, 0), -EINVAL);
    assert_int_equal(CALL(SYS_epoll_wait, (uint64_t)epoll, 0x10, 1, 0), -EFAULT);
    assert_int_equal(CALL(SYS_close, fd[0]), 0);
    assert_int_equal(CALL(SYS_epoll_wait, (uint64_t)epoll, rig->data, 10, 0), 0);
}

static void test_datagrams_stay_whole(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_sockets(rig, SOCK_SEQPACKET, fd);
    uint8_t *bytes = malloc(100000), *back = malloc(100000);
    for (int i = 0; i < 100000; i++)
        bytes[i] = (uint8_t)(i * 13 + i / 256);
    rig_put(rig, rig->data, bytes, 100000);
    assert_int_equal(CALL(SYS_write, fd[0], rig->data, 100000), 100000);
    assert_int_equal(CALL(SYS_sendto, fd[0], rig->data, 5, 0, 0, 0), 5);
    assert_int_equal(CALL(SYS_read, fd[1], rig->data + 300000, 200000), 100000);
    rig_get(rig, back, rig->data + 300000, 100000);
    assert_memory_equal(bytes, back, 100000);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], rig->data, 3, MSG_TRUNC, 0, 0), 5);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], rig->data, 3, MSG_DONTWAIT, 0, 0), -EAGAIN);
    free(bytes);
    free(back);
}

static void test_streams(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_sockets(rig, SOCK_STREAM, fd);
    assert_int_equal(CALL(SYS_sendto, fd[0], rig->data, 10, 0, 0, 0), 10);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], 0x10, 10, 0, 0, 0), -EFAULT);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], rig->data, 4, MSG_PEEK, 0, 0), 4);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], rig->data, 10, MSG_WAITALL, 0, 0), 10);
    assert_int_equal(CALL(SYS_shutdown, fd[0], SHUT_WR), 0);
    assert_int_equal(CALL(SYS_recvfrom, fd[1], rig->data, 10, 0, 0, 0), 0);
    assert_int_equal(CALL(SYS_close, fd[1]), 0);
    assert_int_equal(CALL(SYS_sendto, fd[0], rig->data, 10, MSG_NOSIGNAL, 0, 0), -EPIPE);
    assert_false(signal_is_pending(rig->task));
    assert_int_equal(CALL(SYS_sendto, fd[0], rig->data, 10, 0, 0, 0), -EPIPE);
    assert_true(rig->task->signals.pending.pending & sigbit(SIGPIPE));
    assert_int_equal(CALL(SYS_listen, 99, 1), -EBADF);
    int64_t file = rig_open(rig, "/dev/null", O_RDWR);
    assert_int_equal(CALL(SYS_listen, (uint64_t)file, 1), -ENOTSOCK);
}

/* A path in the guest's own directory, which is not pagewalk's. */
static void test_unix_address(void **state)
{
    struct rig *rig = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "sock"};
    socklen_t len = sizeof(sa_family_t) + 5, room = sizeof address;
    rig_put(rig, rig->data + 4096, &address, sizeof address);
    int64_t server = CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    int64_t client = CALL(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(CALL(SYS_bind, (uint64_t)server, rig->data + 4096, len), 0);
    assert_int_equal(CALL(SYS_listen, (uint64_t)server, 5), 0);
    char path[128];
    snprintf(path, sizeof path, "%s/sock", rig->dir);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(CALL(SYS_connect, (uint64_t)client, rig->data + 4096, len), 0);
    rig_put(rig, rig->data, &room, sizeof room);
    assert_int_equal(CALL(SYS_getsockname, (uint64_t)server, rig->data + 8192, rig->data), 0);
    memset(&address, 1, sizeof address);
    rig_get(rig, &room, rig->data, sizeof room);
    assert_int_equal(room, len);
    rig_get(rig, &address, rig->data + 8192, room);
    assert_string_equal(address.sun_path, "sock");
    int64_t accepted = CALL(SYS_accept4, (uint64_t)server, 0, 0, SOCK_CLOEXEC);
    assert_true(accepted > client);
    assert_true(fd_cloexec(rig->process->fds, (int)accepted));
}

struct rights {
    struct cmsghdr header;
    int fd[2];
};

static void put_message(struct rig *rig, size_t control_len)
{
    struct msghdr header = {.msg_iov = (struct iovec *)(rig->data + 512),
                            .msg_iovlen = 1,
                            .msg_control = (void *)(rig->data + 1024),
                            .msg_controllen = control_len};
    struct user_iov iov = {rig->data + 2048, 1};
    rig_put(rig, rig->data + 256, &header, sizeof header);
    rig_put(rig, rig->data + 512, &iov, sizeof iov);
}

static void test_descriptors_travel(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2], pipe_fd[2];
    make_sockets(rig, SOCK_STREAM, fd);
    make_pipe(rig, pipe_fd);
    struct rights rights = {{CMSG_LEN(sizeof rights.fd), SOL_SOCKET, SCM_RIGHTS},
                            {(int)pipe_fd[0], (int)pipe_fd[1]}};
    rig_put(rig, rig->data + 1024, &rights, sizeof rights);
    put_message(rig, sizeof rights);
    assert_int_equal(CALL(SYS_sendmsg, fd[0], rig->data + 256, 0), 1);
    put_message(rig, sizeof rights);
    assert_int_equal(CALL(SYS_recvmsg, fd[1], rig->data + 256, MSG_CMSG_CLOEXEC), 1);
    rig_get(rig, &rights, rig->data + 1024, sizeof rights);
    assert_int_equal(rights.fd[0], pipe_fd[1] + 1);
    assert_int_equal(rights.fd[1], pipe_fd[1] + 2);
    assert_true(fd_cloexec(rig->process->fds, rights.fd[0]));
    assert_true(fd_table_is_valid(rig->process->fds));
    assert_int_equal(CALL(SYS_write, (uint64_t)rights.fd[1], rig->data, 3), 3);
    assert_int_equal(CALL(SYS_read, pipe_fd[0], rig->data, 10), 3);
    /* No number of the host's can be smuggled out or in. */
    rights.fd[0] = fd_host(rig->process->fds, (int)fd[0]);
    rig_put(rig, rig->data + 1024, &rights, sizeof rights);
    put_message(rig, sizeof rights);
    assert_int_equal(CALL(SYS_sendmsg, fd[0], rig->data + 256, 0), -EBADF);
    rights.header.cmsg_len = (size_t)1 << 40;
    rig_put(rig, rig->data + 1024, &rights, sizeof rights);
    assert_int_equal(CALL(SYS_sendmsg, fd[0], rig->data + 256, 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_poll),         RIG_TEST(test_ppoll_mask),
        RIG_TEST(test_select),       RIG_TEST(test_epoll),
        RIG_TEST(test_streams),      RIG_TEST(test_datagrams_stay_whole),
        RIG_TEST(test_unix_address), RIG_TEST(test_descriptors_travel),
    };
    signal(SIGPIPE, SIG_IGN); /* as the run loop has it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
