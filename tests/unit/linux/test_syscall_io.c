// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading and writing: partial results at the end of the guest's memory, vectors, pipes that lose
 * nothing, signals of broken pipes, coherence with mappings, copies between descriptors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/stat.h>

#include "guest_rig.h"

#define CALL(number, ...) rig_call(rig, number, __VA_ARGS__)

/* The last page of the data area: what follows it is not mapped. */
static uint64_t last_page(const struct rig *rig)
{
    return rig->data + RIG_DATA_LEN - PAGE_SIZE;
}

static void fill(struct rig *rig, uint64_t addr, size_t len)
{
    uint8_t *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    rig_put(rig, addr, bytes, len);
    free(bytes);
}

static void check_filled(struct rig *rig, uint64_t addr, size_t from, size_t len)
{
    uint8_t *bytes = malloc(len);
    rig_get(rig, bytes, addr, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], (uint8_t)((from + i) * 7 + (from + i) / 251));
    free(bytes);
}

static uint64_t make_file(struct rig *rig, size_t len)
{
    int64_t fd = rig_open(rig, "file", O_CREAT | O_TRUNC | O_RDWR);
    assert_true(fd >= 0);
    fill(rig, rig->data, len);
    assert_int_equal(CALL(SYS_write, (uint64_t)fd, rig->data, len), len);
    assert_int_equal(CALL(SYS_lseek, (uint64_t)fd, 0, SEEK_SET), 0);
    return (uint64_t)fd;
}

static void make_pipe(struct rig *rig, uint64_t fd[2], int flags)
{
    int pair[2];
    assert_int_equal(CALL(SYS_pipe2, rig->data, (uint64_t)flags), 0);
    rig_get(rig, pair, rig->data, sizeof pair);
    fd[0] = (uint64_t)pair[0];
    fd[1] = (uint64_t)pair[1];
}

/* ---- regular files ---- */

static void test_large_transfers(void **state)
{
    struct rig *rig = *state;
    size_t len = 300001;
    uint64_t fd = make_file(rig, len);
    assert_int_equal(CALL(SYS_read, fd, rig->data + 400000, len + 1000), len);
    check_filled(rig, rig->data + 400000, 0, len);
    assert_int_equal(CALL(SYS_read, fd, rig->data, 10), 0);
    assert_int_equal(CALL(SYS_pread64, fd, rig->data, 100, 200000), 100);
    check_filled(rig, rig->data, 200000, 100);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), len);
    assert_int_equal(CALL(SYS_read, fd, rig->data, 0), 0);
}

static void test_bad_memory_does_not_consume(void **state)
{
    struct rig *rig = *state;
    uint64_t fd = make_file(rig, 10000);
    assert_int_equal(CALL(SYS_read, fd, 0x10, 100), -EFAULT);
    assert_int_equal(CALL(SYS_read, fd, ~(uint64_t)0 - 50, 100), -EFAULT);
    assert_int_equal(CALL(SYS_read, fd, (uint64_t)1 << 63, 100), -EFAULT);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 0);
    assert_int_equal(CALL(SYS_read, fd, last_page(rig), 10000), PAGE_SIZE);
    check_filled(rig, last_page(rig), 0, PAGE_SIZE);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), PAGE_SIZE);
    assert_int_equal(CALL(SYS_read, fd, last_page(rig) + 100, 10000), PAGE_SIZE - 100);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 2 * PAGE_SIZE - 100);

    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_SET), 0);
    assert_int_equal(CALL(SYS_write, fd, 0x10, 100), -EFAULT);
    assert_int_equal(CALL(SYS_write, fd, last_page(rig), 10000), PAGE_SIZE);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), PAGE_SIZE);
    /* A page that must not be written. */
    assert_int_equal(CALL(SYS_mprotect, last_page(rig), PAGE_SIZE, PROT_READ), 0);
    assert_int_equal(CALL(SYS_read, fd, last_page(rig), 10), -EFAULT);
    assert_int_equal(CALL(SYS_read, fd, last_page(rig) - 10, 20), 10);
}

static void test_bad_descriptors(void **state)
{
    struct rig *rig = *state;
    int64_t fd = rig_open(rig, rig->dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(CALL(SYS_read, 77, rig->data, 10), -EBADF);
    assert_int_equal(CALL(SYS_write, (uint64_t)-1, rig->data, 10), -EBADF);
    assert_int_equal(CALL(SYS_read, (uint64_t)fd, rig->data, 10), -EISDIR);
    assert_int_equal(CALL(SYS_write, (uint64_t)fd, rig->data, 10), -EBADF);
    uint64_t file = make_file(rig, 10);
    assert_int_equal(CALL(SYS_pread64, file, rig->data, 10, (uint64_t)-1), -EINVAL);
}

static void test_file_size_limit(void **state)
{
    struct rig *rig = *state;
    uint64_t fd = make_file(rig, 10);
    process_set_limit(rig->process, RLIMIT_FSIZE, 100, 100);
    assert_int_equal(CALL(SYS_write, fd, rig->data, 60), 60);
    assert_int_equal(CALL(SYS_write, fd, rig->data, 60), 40);
    assert_false(signal_is_pending(rig->task));
    assert_int_equal(CALL(SYS_write, fd, rig->data, 60), -EFBIG);
    assert_true(rig->task->signals.pending.pending & sigbit(SIGXFSZ));
    assert_int_equal(CALL(SYS_pwrite64, fd, rig->data, 60, 90), 10);
    assert_int_equal(CALL(SYS_ftruncate, fd, 101), -EFBIG);
    assert_int_equal(CALL(SYS_ftruncate, fd, 100), 0);
    assert_int_equal(CALL(SYS_fallocate, fd, 0, 50, 51), -EFBIG);
    int64_t null = rig_open(rig, "/dev/null", O_WRONLY);
    assert_int_equal(CALL(SYS_write, (uint64_t)null, rig->data, 200), 200);
}

/* ---- vectors ---- */

static void test_vectors(void **state)
{
    struct rig *rig = *state;
    uint64_t fd = make_file(rig, 1000), at = rig->data + 65536, to = rig->data + 131072;
    struct user_iov iov[4] = {{to, 100}, {to + 500, 0}, {to + 1000, 250}, {to + 2000, 5000}};
    rig_put(rig, at, iov, sizeof iov);
    assert_int_equal(CALL(SYS_readv, fd, at, 4), 1000);
    check_filled(rig, to, 0, 100);
    check_filled(rig, to + 1000, 100, 250);
    check_filled(rig, to + 2000, 350, 650);
    assert_int_equal(CALL(SYS_preadv, fd, at, 2, 900), 100);
    check_filled(rig, to, 900, 100);
    assert_int_equal(CALL(SYS_preadv2, fd, at, 1, (uint64_t)-1, 0, 0), 0);
    assert_int_equal(CALL(SYS_preadv2, fd, at, 1, 5, 0, 0x8000), -EOPNOTSUPP);
    assert_int_equal(CALL(SYS_readv, fd, at, 1025), -EINVAL);
    assert_int_equal(CALL(SYS_readv, fd, at, (uint64_t)-1), -EINVAL);
    assert_int_equal(CALL(SYS_readv, fd, 0x10, 1), -EFAULT);
    assert_int_equal(CALL(SYS_readv, fd, at, 0), 0);
    iov[1].len = (uint64_t)-1;
    rig_put(rig, at, iov, sizeof iov);
    assert_int_equal(CALL(SYS_readv, fd, at, 4), -EINVAL);
    iov[1] = (struct user_iov){0x10, 10}; /* not mapped: stops there */
    rig_put(rig, at, iov, sizeof iov);
    assert_int_equal(CALL(SYS_preadv, fd, at, 4, 0), 100);
    assert_int_equal(CALL(SYS_pwritev, fd, at, 4, 0), 100);
}

/* ---- pipes ---- */

static void test_pipe_loses_nothing(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd, 0);
    fill(rig, rig->data, 20000);
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 20000), 20000);
    assert_int_equal(CALL(SYS_read, fd[0], 0x10, 20000), -EFAULT);
    assert_int_equal(CALL(SYS_read, fd[0], last_page(rig), 20000), PAGE_SIZE);
    check_filled(rig, last_page(rig), 0, PAGE_SIZE);
    assert_int_equal(CALL(SYS_read, fd[0], rig->data, 65536), 20000 - PAGE_SIZE);
    check_filled(rig, rig->data, PAGE_SIZE, 20000 - PAGE_SIZE);
    assert_int_equal(CALL(SYS_close, fd[1]), 0);
    assert_int_equal(CALL(SYS_read, fd[0], rig->data, 65536), 0);
}

static void test_pipe_without_waiting(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd, O_NONBLOCK);
    assert_int_equal(CALL(SYS_read, fd[0], rig->data, 10), -EAGAIN);
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 100000), 65536);
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 10), -EAGAIN);
    assert_int_equal(CALL(SYS_lseek, fd[0], 0, SEEK_CUR), -ESPIPE);
    assert_int_equal(CALL(SYS_pread64, fd[0], rig->data, 10, 0), -ESPIPE);
}

static void test_broken_pipe(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    signal(SIGPIPE, SIG_IGN); /* as the run loop has it */
    make_pipe(rig, fd, 0);
    assert_int_equal(CALL(SYS_close, fd[0]), 0);
    assert_false(signal_is_pending(rig->task));
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 10), -EPIPE);
    assert_true(rig->task->signals.pending.pending & sigbit(SIGPIPE));
}

/* A signal that is pending for the guest ends a wait before it begins. */
static void test_signal_ends_a_wait(void **state)
{
    struct rig *rig = *state;
    uint64_t fd[2];
    make_pipe(rig, fd, 0);
    signal_send_task(rig->task, SIGTERM, SI_USER, 1);
    assert_int_equal(CALL(SYS_read, fd[0], rig->data, 10), -ERESTARTSYS);
    assert_int_equal(CALL(SYS_write, fd[1], rig->data, 100000), 65536);
    struct pollfd poll_fd = {.fd = (int)fd[1], .events = POLLOUT};
    rig_put(rig, rig->data, &poll_fd, sizeof poll_fd);
    assert_int_equal(CALL(SYS_poll, rig->data, 1, (uint64_t)-1), -ERESTARTNOHAND);
}

/* ---- devices ---- */

static void test_devices(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[8];
    int64_t zero = rig_open(rig, "/dev/zero", O_RDWR), null = rig_open(rig, "/dev/null", O_RDWR);
    fill(rig, rig->data, 200000);
    assert_int_equal(CALL(SYS_read, (uint64_t)zero, rig->data, 200000), 200000);
    rig_get(rig, bytes, rig->data + 199992, 8);
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(CALL(SYS_read, (uint64_t)null, rig->data, 10), 0);
    assert_int_equal(CALL(SYS_write, (uint64_t)null, rig->data, 300000), 300000);
    int64_t events = CALL(SYS_eventfd2, 3, 0);
    assert_int_equal(CALL(SYS_read, (uint64_t)events, rig->data, 8), 8);
    rig_get(rig, bytes, rig->data, 8);
    assert_memory_equal(bytes, "\3\0\0\0\0\0\0\0", 8);
    assert_int_equal(CALL(SYS_read, (uint64_t)events, rig->data, 4), -EINVAL);
}

/* ---- coherence with mappings ---- */

static void test_mappings_and_calls_agree(void **state)
{
    struct rig *rig = *state;
    uint64_t fd = make_file(rig, 10000);
    char bytes[8];
    int64_t at = CALL(SYS_mmap, 0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(at > 0);
    rig_put(rig, (uint64_t)at + 5000, "stored!", 7);
    assert_int_equal(CALL(SYS_pread64, fd, rig->data, 7, 5000), 7);
    rig_get(rig, bytes, rig->data, 7);
    assert_memory_equal(bytes, "stored!", 7);
    rig_put(rig, rig->data, "written", 7);
    assert_int_equal(CALL(SYS_pwrite64, fd, rig->data, 7, 5000), 7);
    rig_get(rig, bytes, (uint64_t)at + 5000, 7);
    assert_memory_equal(bytes, "written", 7);
    assert_int_equal(CALL(SYS_lseek, fd, 4998, SEEK_SET), 4998);
    assert_int_equal(CALL(SYS_write, fd, rig->data, 4), 4);
    rig_get(rig, bytes, (uint64_t)at + 4998, 4);
    assert_memory_equal(bytes, "writ", 4);
    assert_int_equal(CALL(SYS_ftruncate, fd, 4096), 0);
    assert_int_equal(user_read(rig->task, bytes, (uint64_t)at + 5000, 1), -EFAULT);
    assert_int_equal(CALL(SYS_ftruncate, fd, 10000), 0);
    rig_get(rig, bytes, (uint64_t)at + 5000, 4);
    assert_memory_equal(bytes, "\0\0\0\0", 4);
    int64_t again = rig_open(rig, "file", O_RDWR | O_TRUNC);
    assert_int_equal(user_read(rig->task, bytes, (uint64_t)at, 1), -EFAULT);
    assert_int_equal(CALL(SYS_close, (uint64_t)again), 0);
}

/* ---- between descriptors ---- */

static void test_copies(void **state)
{
    struct rig *rig = *state;
    uint64_t fd = make_file(rig, 150000), pipe_fd[2];
    int64_t offset = 100, to = rig_open(rig, "copy", O_CREAT | O_RDWR);
    rig_put(rig, rig->data, &offset, 8);
    assert_int_equal(CALL(SYS_sendfile, (uint64_t)to, fd, rig->data, 120000), 120000);
    rig_get(rig, &offset, rig->data, 8);
    assert_int_equal(offset, 120100);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 0);
    assert_int_equal(CALL(SYS_pread64, (uint64_t)to, rig->data, 1000, 119000), 1000);
    check_filled(rig, rig->data, 119100, 1000);
    assert_int_equal(CALL(SYS_copy_file_range, fd, 0, (uint64_t)to, 0, 50, 0), 50);
    assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 50);
    make_pipe(rig, pipe_fd, 0);
    assert_int_equal(CALL(SYS_splice, fd, 0, pipe_fd[1], 0, 5000, 0), 5000);
    assert_int_equal(CALL(SYS_read, pipe_fd[0], rig->data, 6000), 5000);
    check_filled(rig, rig->data, 50, 5000);
    assert_int_equal(CALL(SYS_splice, fd, 0, (uint64_t)to, 0, 5000, 0), -EINVAL);
    offset = -5;
    rig_put(rig, rig->data, &offset, 8);
    assert_int_equal(CALL(SYS_sendfile, (uint64_t)to, fd, rig->data, 10), -EINVAL);
    assert_int_equal(CALL(SYS_sendfile, (uint64_t)to, 99, 0, 10), -EBADF);
    int64_t proc = rig_open(rig, "/proc/self/comm", O_RDONLY);
    assert_int_equal(CALL(SYS_sendfile, (uint64_t)to, (uint64_t)proc, 0, 100), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_large_transfers),
        RIG_TEST(test_bad_memory_does_not_consume),
        RIG_TEST(test_bad_descriptors),
        RIG_TEST(test_file_size_limit),
        RIG_TEST(test_vectors),
        RIG_TEST(test_pipe_loses_nothing),
        RIG_TEST(test_pipe_without_waiting),
        RIG_TEST(test_broken_pipe),
        RIG_TEST(test_signal_ends_a_wait),
        RIG_TEST(test_devices),
        RIG_TEST(test_mappings_and_calls_agree),
        RIG_TEST(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
