// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors and files as wholes: dup, fcntl, locks, ioctl, fifos, lengths, listings, attributes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest_rig.h"

#define CALL(number, ...) rig_call(rig, number, __VA_ARGS__)
#define NAME(text) rig_string(rig, 0, text)

static struct stat host_stat(const struct rig *rig, const char *name)
{
    struct stat st;
    char path[128];
    snprintf(path, sizeof path, "%s/%s", rig->dir, name);
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

static void test_duplicates(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(rig_open(rig, "/dev/null", O_RDWR | O_CLOEXEC), 0);
    assert_int_equal(CALL(SYS_dup, 0), 1);
    assert_int_equal(CALL(SYS_fcntl, 1, F_GETFD), 0);
    assert_int_equal(CALL(SYS_fcntl, 0, F_GETFD), FD_CLOEXEC);
    assert_int_equal(CALL(SYS_dup2, 0, 7), 7);
    assert_int_equal(CALL(SYS_dup2, 7, 7), 7);
    assert_int_equal(CALL(SYS_dup2, 8, 8), -EBADF);
    assert_int_equal(CALL(SYS_dup2, 0, 5000), -EBADF);
    assert_int_equal(CALL(SYS_dup3, 0, 9, O_CLOEXEC), 9);
    assert_int_equal(CALL(SYS_dup3, 0, 0, 0), -EINVAL);
    assert_int_equal(CALL(SYS_dup3, 0, 9, 1), -EINVAL);
    assert_int_equal(CALL(SYS_fcntl, 0, F_DUPFD, 8), 8);
    assert_int_equal(CALL(SYS_fcntl, 0, F_DUPFD_CLOEXEC, 8), 10);
    assert_int_equal(CALL(SYS_fcntl, 0, F_DUPFD, 5000), -EINVAL);
    process_set_limit(rig->process, RLIMIT_NOFILE, 3, 3);
    assert_int_equal(CALL(SYS_dup, 0), 2);
    assert_int_equal(CALL(SYS_dup, 0), -EMFILE);
    assert_int_equal(CALL(SYS_close_range, 1, 8, 4 /* CLOEXEC */), 0);
    assert_int_equal(CALL(SYS_fcntl, 7, F_GETFD), FD_CLOEXEC);
    assert_int_equal(CALL(SYS_close_range, 1, ~0u, 0), 0);
    assert_int_equal(fd_next(rig->process->fds, 1), -1);
    assert_int_equal(CALL(SYS_close_range, 5, 4, 0), -EINVAL);
    assert_int_equal(CALL(SYS_close, 5), -EBADF);
}

static void test_status_flags(void **state)
{
    struct rig *rig = *state;
    int64_t fd = rig_open(rig, "file", O_CREAT | O_RDWR | O_APPEND);
    int64_t flags = CALL(SYS_fcntl, (uint64_t)fd, F_GETFL);
    assert_int_equal(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_APPEND);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETFL, O_NONBLOCK), 0);
    flags = CALL(SYS_fcntl, (uint64_t)fd, F_GETFL);
    assert_int_equal(flags & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDWR | O_NONBLOCK);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, 0x7777), -EINVAL);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETOWN, (uint64_t)getppid()), -ESRCH);
    int on = 0, available = 0;
    rig_put(rig, rig->data, &on, sizeof on);
    assert_int_equal(CALL(SYS_ioctl, (uint64_t)fd, FIONBIO, rig->data), 0);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(CALL(SYS_ioctl, (uint64_t)fd, FIOCLEX), 0);
    assert_true(fd_cloexec(rig->process->fds, (int)fd));
    assert_int_equal(CALL(SYS_ioctl, (uint64_t)fd, TIOCGWINSZ, rig->data), -ENOTTY);
    assert_int_equal(CALL(SYS_ioctl, (uint64_t)fd, 0x12345678, rig->data), -ENOTTY);
    assert_int_equal(CALL(SYS_write, (uint64_t)fd, rig->data, 10), 10);
    assert_int_equal(CALL(SYS_lseek, (uint64_t)fd, 3, SEEK_SET), 3);
    assert_int_equal(CALL(SYS_ioctl, (uint64_t)fd, FIONREAD, rig->data), 0);
    rig_get(rig, &available, rig->data, sizeof available);
    assert_int_equal(available, 7);
}

/* A child of the test's own holds a lock; a signal that is pending ends the wait for it. */
static void test_locks_that_others_hold(void **state)
{
    struct rig *rig = *state;
    char path[128];
    int ready[2];
    int64_t fd = rig_open(rig, "file", O_CREAT | O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = 10};
    snprintf(path, sizeof path, "%s/file", rig->dir);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int own = open(path, O_RDWR);
        if (fcntl(own, F_SETLK, &lock) == 0 && flock(own, LOCK_EX) == 0 && write(ready[1], "", 1))
            pause();
        _exit(1);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    rig_put(rig, rig->data, &lock, sizeof lock);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETLK, rig->data), -EAGAIN);
    assert_int_equal(CALL(SYS_flock, (uint64_t)fd, LOCK_SH | LOCK_NB), -EAGAIN);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_GETLK, rig->data), 0);
    rig_get(rig, &lock, rig->data, sizeof lock);
    assert_int_equal(lock.l_type, F_WRLCK);
    assert_int_equal(lock.l_start, 5);
    rig_put(rig, rig->data, &lock, sizeof lock);
    signal_send_task(rig->task, SIGTERM, SI_USER, 1);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETLKW, rig->data), -ERESTARTSYS);
    assert_int_equal(CALL(SYS_flock, (uint64_t)fd, LOCK_SH), -ERESTARTSYS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETLKW, rig->data), 0);
    assert_int_equal(CALL(SYS_flock, (uint64_t)fd, LOCK_EX), 0);
    lock.l_type = 77;
    rig_put(rig, rig->data, &lock, sizeof lock);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETLK, rig->data), -EINVAL);
    assert_int_equal(CALL(SYS_fcntl, (uint64_t)fd, F_SETLK, 0x10), -EFAULT);
    close(ready[0]);
    close(ready[1]);
}

static void test_fifo_waits_for_its_partner(void **state)
{
    struct rig *rig = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/fifo", rig->dir);
    assert_int_equal(CALL(SYS_mknod, NAME("fifo"), S_IFIFO | 0600, 0), 0);
    assert_int_equal(rig_open(rig, "fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
    assert_int_equal(rig_open(rig, "fifo", O_RDONLY | O_NONBLOCK), 0);
    assert_int_equal(rig_open(rig, "fifo", O_WRONLY), 1); /* has a reader */
    assert_int_equal(CALL(SYS_fcntl, 1, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(rig_open(rig, "fifo", O_RDONLY), 2); /* has a writer */
    assert_int_equal(CALL(SYS_fcntl, 2, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(CALL(SYS_close_range, 0, 2, 0), 0);
    signal_send_task(rig->task, SIGTERM, SI_USER, 1);
    assert_int_equal(rig_open(rig, "fifo", O_RDONLY), -ERESTARTSYS);
    assert_int_equal(rig_open(rig, "fifo", O_WRONLY), -ERESTARTSYS);
    signal_queue_clear(&rig->task->signals.pending);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_WRONLY);
        _exit(write(fd, "from afar", 9) == 9 ? 0 : 1);
    }
    assert_int_equal(rig_open(rig, "fifo", O_RDONLY), 0);
    char bytes[9];
    assert_int_equal(CALL(SYS_read, 0, rig->data, 100), 9);
    rig_get(rig, bytes, rig->data, 9);
    assert_memory_equal(bytes, "from afar", 9);
    waitpid(child, NULL, 0);
    assert_int_equal(CALL(SYS_read, 0, rig->data, 100), 0);
}

static void test_names(void **state)
{
    struct rig *rig = *state;
    rig_host_file(rig, "a", "content");
    assert_int_equal(CALL(SYS_link, NAME("a"), rig_string(rig, 64, "b")), 0);
    assert_int_equal(CALL(SYS_symlink, NAME("a"), rig_string(rig, 64, "l")), 0);
    assert_int_equal(host_stat(rig, "a").st_nlink, 2);
    assert_int_equal(CALL(SYS_rename, NAME("b"), rig_string(rig, 64, "c")), 0);
    assert_int_equal(CALL(SYS_chmod, NAME("l"), 0600), 0);
    assert_int_equal(host_stat(rig, "a").st_mode & 07777, 0600);
    assert_int_equal(CALL(SYS_truncate, NAME("l"), 3), 0);
    assert_int_equal(host_stat(rig, "c").st_size, 3);
    assert_int_equal(CALL(SYS_truncate, NAME("l"), (uint64_t)-1), -EINVAL);
    struct timespec times[2] = {{100, 5}, {200, 6}};
    rig_put(rig, rig->data + 512, times, sizeof times);
    assert_int_equal(CALL(SYS_utimensat, (uint64_t)AT_FDCWD, NAME("l"), rig->data + 512, 0), 0);
    assert_int_equal(host_stat(rig, "a").st_mtim.tv_sec, 200);
    assert_int_equal(
        CALL(SYS_utimensat, (uint64_t)AT_FDCWD, NAME("l"), rig->data + 512, AT_SYMLINK_NOFOLLOW),
        0);
    assert_int_equal(host_stat(rig, "l").st_mtim.tv_nsec, 6);
    assert_int_equal(CALL(SYS_linkat, (uint64_t)AT_FDCWD, NAME("l"), (uint64_t)AT_FDCWD,
                          rig_string(rig, 64, "d"), AT_SYMLINK_FOLLOW),
                     0);
    assert_true(S_ISREG(host_stat(rig, "d").st_mode));
    int64_t fd = CALL(SYS_openat, (uint64_t)AT_FDCWD, NAME("."), O_TMPFILE | O_RDWR, 0600);
    assert_true(fd >= 0);
    assert_int_equal(CALL(SYS_linkat, (uint64_t)fd, NAME(""), (uint64_t)AT_FDCWD,
                          rig_string(rig, 64, "e"), AT_EMPTY_PATH),
                     0);
    assert_true(S_ISREG(host_stat(rig, "e").st_mode));
    assert_int_equal(CALL(SYS_unlinkat, (uint64_t)AT_FDCWD, NAME("e"), AT_REMOVEDIR), -ENOTDIR);
    assert_int_equal(CALL(SYS_unlink, NAME("e")), 0);
    assert_int_equal(CALL(SYS_access, NAME("a"), 8), -EINVAL);
    assert_int_equal(CALL(SYS_access, NAME("none"), F_OK), -ENOENT);
}

/* The guest's limit of open files is not the host's. */
static void test_many_descriptors(void **state)
{
    struct rig *rig = *state;
    struct rlimit limit = {256, 4096};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    process_set_limit(rig->process, RLIMIT_NOFILE, 1024, 1024);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(rig_open(rig, "/dev/null", O_RDONLY), i);
    assert_int_equal(rig_open(rig, "/dev/null", O_RDONLY), -EMFILE);
    assert_true(fd_table_is_valid(rig->process->fds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(test_duplicates),
        RIG_TEST(test_status_flags),
        RIG_TEST(test_locks_that_others_hold),
        RIG_TEST(test_fifo_waits_for_its_partner),
        RIG_TEST(test_names),
        RIG_TEST(test_many_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
