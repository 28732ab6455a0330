// SPDX-License-Identifier: GPL-2.0-or-later
/* The descriptor table: numbers, limits, duplicates, exec, fork, and record locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/fd_lock.h"

static struct fd_table *create(void)
{
    struct fd_table *table;
    assert_int_equal(fd_table_create(&table), 0);
    return table;
}

static int null_fd(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_lowest_number_first(void **state)
{
    struct fd_table *table = create();
    for (int i = 0; i < 200; i++)
        assert_int_equal(fd_install(table, null_fd(), 0, 1024, false), i);
    assert_int_equal(fd_close(table, 7), 0);
    assert_int_equal(fd_close(table, 100), 0);
    assert_int_equal(fd_close(table, 3), 0);
    assert_int_equal(fd_install(table, null_fd(), 0, 1024, false), 3);
    assert_int_equal(fd_install(table, null_fd(), 50, 1024, false), 100);
    assert_int_equal(fd_install(table, null_fd(), 0, 1024, false), 7);
    assert_int_equal(fd_install(table, null_fd(), 0, 1024, false), 200);
    assert_true(fd_table_is_valid(table));
    fd_table_put(table);
}

static void test_limit(void **state)
{
    struct fd_table *table = create();
    for (int i = 0; i < 3; i++)
        assert_int_equal(fd_install(table, null_fd(), 0, 3, false), i);
    int host = null_fd();
    assert_int_equal(fd_install(table, host, 0, 3, false), -EMFILE);
    assert_int_equal(fcntl(host, F_GETFD), -1); /* closed */
    host = null_fd();
    assert_int_equal(fd_install_at(table, host, 3, 3, false), -EBADF);
    assert_int_equal(fcntl(host, F_GETFD), -1);
    assert_int_equal(fd_install_at(table, null_fd(), 2, 3, false), 2);
    fd_table_put(table);
}

static void test_host_descriptors_lie_high(void **state)
{
    struct fd_table *table = create();
    int low = null_fd();
    assert_true(low < FD_HOST_MIN);
    assert_int_equal(fd_install(table, low, 0, 10, false), 0);
    assert_true(fd_host(table, 0) >= FD_HOST_MIN);
    assert_int_equal(fcntl(low, F_GETFD), -1);
    assert_int_equal(fcntl(fd_host(table, 0), F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_host(table, 1), -EBADF);
    assert_int_equal(fd_host(table, -1), -EBADF);
    assert_int_equal(fd_host(table, 1 << 30), -EBADF);
    fd_table_put(table);
}

static void test_close_on_exec(void **state)
{
    struct fd_table *table = create();
    fd_install(table, null_fd(), 0, 10, true);
    fd_install(table, null_fd(), 0, 10, false);
    fd_install(table, null_fd(), 0, 10, false);
    fd_set_cloexec(table, 2, true);
    assert_true(fd_cloexec(table, 0));
    assert_false(fd_cloexec(table, 1));
    fd_close_on_exec(table);
    assert_int_equal(fd_next(table, 0), 1);
    assert_int_equal(fd_next(table, 2), -1);
    assert_true(fd_table_is_valid(table));
    fd_table_put(table);
}

static void test_copy_shares_descriptions(void **state)
{
    struct fd_table *table = create(), *copy;
    char name[] = "/tmp/pagewalk-fd-XXXXXX";
    assert_int_equal(fd_install(table, mkstemp(name), 5, 10, true), 5);
    assert_int_equal(fd_table_copy(table, &copy), 0);
    assert_int_equal(fd_host(copy, 5), fd_host(table, 5));
    assert_true(fd_cloexec(copy, 5));
    assert_false(fd_is_last(copy, fd_host(copy, 5)));
    assert_int_equal(lseek(fd_host(table, 5), 42, SEEK_SET), 42);
    assert_int_equal(lseek(fd_host(copy, 5), 0, SEEK_CUR), 42);
    fd_table_put(table);
    assert_int_equal(lseek(fd_host(copy, 5), 0, SEEK_CUR), 42);
    assert_true(fd_is_last(copy, fd_host(copy, 5)));
    fd_table_put(copy);
    unlink(name);
}

static void test_kinds(void **state)
{
    struct fd_table *table = create();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fd_install(table, open("/tmp", O_RDONLY), 0, 10, false), 0);
    assert_int_equal(fd_install(table, ends[0], 0, 10, false), 1);
    assert_int_equal(fd_install(table, ends[1], 0, 10, false), 2);
    assert_int_equal(fd_install(table, null_fd(), 0, 10, false), 3);
    assert_int_equal(fd_entry(table, 0)->kind, FD_DIRECTORY);
    assert_int_equal(fd_entry(table, 1)->kind, FD_STREAM);
    assert_int_equal(fd_entry(table, 3)->kind, FD_DEVICE);
    fd_table_put(table);
}

/* What an unrelated process is told of a write lock on the first byte. */
static int other_process_lock(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(name, O_RDWR);
        struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
        _exit(fcntl(fd, F_SETLK, &lock) < 0 ? errno : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void test_record_locks(void **state)
{
    struct fd_table *table = create();
    char name[] = "/tmp/pagewalk-fd-XXXXXX";
    struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
    fd_install(table, mkstemp(name), 0, 10, false);
    fd_install(table, open(name, O_RDWR), 0, 10, false);
    fd_install(table, open(name, O_RDONLY), 0, 10, false);
    struct fd_locks *locks = fd_table_locks(table);

    assert_int_equal(fd_locks_control(locks, fd_host(table, 2), F_SETLK, &lock), -EBADF);
    assert_int_equal(fd_locks_control(locks, fd_host(table, 0), F_SETLK, &lock), 0);
    /* A process never conflicts with itself, whichever descriptor it uses. */
    assert_int_equal(fd_locks_control(locks, fd_host(table, 1), F_SETLK, &lock), 0);
    assert_int_equal(other_process_lock(name), EAGAIN);
    /* Closing a descriptor that pagewalk has of the file changes nothing. */
    close(open(name, O_RDWR));
    assert_int_equal(other_process_lock(name), EAGAIN);
    /* Closing any descriptor of the guest's drops the locks. */
    assert_int_equal(fd_close(table, 2), 0);
    assert_int_equal(other_process_lock(name), 0);

    /* Another process's table has locks of its own. */
    struct fd_table *other;
    assert_int_equal(fd_locks_control(locks, fd_host(table, 0), F_SETLK, &lock), 0);
    assert_int_equal(fd_table_copy(table, &other), 0);
    struct flock wanted = {.l_type = F_RDLCK, .l_len = 1};
    assert_int_equal(fd_locks_control(fd_table_locks(other), fd_host(other, 0), F_SETLK, &wanted),
                     -EAGAIN);
    assert_int_equal(fd_locks_control(fd_table_locks(other), fd_host(other, 0), F_GETLK, &wanted),
                     0);
    assert_int_equal(wanted.l_type, F_WRLCK);
    fd_table_put(other);
    assert_int_equal(other_process_lock(name), EAGAIN);
    fd_table_put(table);
    assert_int_equal(other_process_lock(name), 0);
    unlink(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lowest_number_first),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_host_descriptors_lie_high),
        cmocka_unit_test(test_close_on_exec),
        cmocka_unit_test(test_copy_shares_descriptions),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_record_locks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
