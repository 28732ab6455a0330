// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names that are looked up below a root, what they are called there, and which descriptors may be
 * changed or handed on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/guard.h"

struct place {
    char dir[64];
    int top, sub; /* descriptors of dir/box and dir/box/sub */
    struct guard guard;
};

static void make_file(const struct place *p, const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int open_in(const struct place *p, const char *name, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    int fd = open(path, flags | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    char path[128];
    strcpy(p->dir, "/tmp/pagewalk-guard-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(path, sizeof path, "%s/box", p->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/box/sub", p->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    make_file(p, "secret", "outside");
    make_file(p, "box/secret2", "inside");
    make_file(p, "box/sub/file", "below");
    snprintf(path, sizeof path, "%s/box/sub/absolute", p->dir);
    assert_int_equal(symlink("/secret2", path), 0);
    p->top = open_in(p, "box", O_PATH);
    p->sub = open_in(p, "box/sub", O_PATH);
    p->guard = (struct guard){.has_root = true, .root = p->top};
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    close(p->top);
    close(p->sub);
    snprintf(command, sizeof command, "rm -rf %s", p->dir);
    assert_int_equal(system(command), 0);
    free(p);
    return 0;
}

/* `content` NULL: the error. */
static void check_open(const struct place *p, int dir, const char *name, const char *content,
                       int error)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    char bytes[16] = "";
    int fd = guard_open(&p->guard, dir, name, &how);
    if (!content) {
        assert_int_equal(fd, error);
        return;
    }
    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof bytes - 1) >= 0);
    assert_string_equal(bytes, content);
    close(fd);
}

static void test_open(void **state)
{
    const struct place *p = *state;
    assert_int_equal(guard_check_root(p->top), 0);
    check_open(p, p->sub, "file", "below", 0);
    check_open(p, p->sub, "/sub/file", "below", 0);
    check_open(p, p->sub, "../secret2", "inside", 0);
    check_open(p, p->sub, "../../../../secret2", "inside", 0);
    check_open(p, p->sub, "absolute", "inside", 0);
    check_open(p, p->sub, "../sub/../sub/./file", "below", 0);
    check_open(p, p->sub, "../secret", NULL, -ENOENT);
    check_open(p, p->sub, "../../secret", NULL, -ENOENT);
    check_open(p, p->top, "../secret", NULL, -ENOENT);
    check_open(p, AT_FDCWD, "secret2", "inside", 0);
    check_open(p, AT_FDCWD, "../secret", NULL, -ENOENT);
    check_open(p, p->top, "/../secret", NULL, -ENOENT);
    check_open(p, p->top, "sub/../../secret", NULL, -ENOENT);
    struct place without = *p;
    without.guard.has_root = false;
    check_open(&without, p->sub, "../../secret", "outside", 0);
}

static void test_directory_moved_out(void **state)
{
    struct place *p = *state;
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/box/sub", p->dir);
    snprintf(to, sizeof to, "%s/moved", p->dir);
    assert_int_equal(rename(from, to), 0);
    check_open(p, p->sub, "../secret", NULL, -ENOENT);
    check_open(p, p->sub, "../moved/file", NULL, -ENOENT);
    check_open(p, p->sub, "absolute", NULL, -ENOENT);
    check_open(p, p->sub, "file", "below", 0); /* it is still the guest's */
    assert_false(guard_admits(&p->guard, p->sub));
}

static void check_name(const struct guard *guard, int fd, const char *expect)
{
    char name[PATH_MAX];
    assert_int_equal(guard_name(guard, fd, name), strlen(expect));
    assert_string_equal(name, expect);
}

static void test_names(void **state)
{
    struct place *p = *state;
    int file = open_in(p, "box/sub/file", O_RDONLY), secret = open_in(p, "secret", O_RDONLY);
    int memory = memfd_create("name", MFD_CLOEXEC), similar;
    char path[128];
    snprintf(path, sizeof path, "%s/boxes", p->dir);
    similar = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    check_name(&p->guard, p->top, "/");
    check_name(&p->guard, p->sub, "/sub");
    check_name(&p->guard, file, "/sub/file");
    check_name(&p->guard, secret, "(unreachable)");
    check_name(&p->guard, similar, "(unreachable)");
    check_name(&p->guard, memory, "/memfd:name (deleted)");
    p->guard.has_root = false;
    check_name(&p->guard, similar, path);
    close(file);
    close(secret);
    close(memory);
    close(similar);
}

static void test_admits(void **state)
{
    struct place *p = *state;
    int outside = open_in(p, "", O_RDONLY), secret = open_in(p, "secret", O_RDONLY);
    assert_true(guard_admits(&p->guard, p->sub));
    assert_true(guard_admits(&p->guard, secret));
    assert_false(guard_admits(&p->guard, outside));
    p->guard.has_root = false;
    assert_true(guard_admits(&p->guard, outside));
    close(outside);
    close(secret);
}

static void check_change(int fd, bool expect)
{
    assert_true(fd >= 0);
    assert_int_equal(guard_may_change(fd), expect);
    close(fd);
}

static void test_may_change(void **state)
{
    const struct place *p = *state;
    int pipes[2], sockets[2];
    check_change(open_in(p, "secret", O_RDONLY), false);
    check_change(open_in(p, "secret", O_PATH), false);
    check_change(open_in(p, "secret", O_WRONLY), true);
    check_change(open_in(p, "secret", O_RDWR), true);
    check_change(open_in(p, "box", O_RDONLY), false);
    check_change(open("/dev/null", O_RDWR | O_CLOEXEC), false);
    check_change(memfd_create("m", MFD_CLOEXEC), true);
    assert_int_equal(pipe(pipes), 0);
    check_change(pipes[0], true);
    check_change(pipes[1], true);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    check_change(sockets[0], true);
    check_change(sockets[1], true);
    assert_false(guard_may_change(-1));
}

/* Directories that have no name the host could tell. */
static void test_deep(void **state)
{
    struct place *p = *state;
    char name[201];
    memset(name, 'd', 200);
    name[200] = 0;
    int at = open_in(p, "box/sub", O_PATH);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(mkdirat(at, name, 0700), 0);
        int next = openat(at, name, O_PATH | O_CLOEXEC);
        close(at);
        at = next;
    }
    char ups[3 * 40 + 16] = "";
    for (int i = 0; i < 31; i++)
        strcat(ups, "../");
    strcat(ups, "secret2");
    check_open(p, at, ups, "inside", 0);
    memmove(ups + 9, ups, strlen(ups) + 1); /* beyond the root it is the root */
    memcpy(ups, "../../../", 9);
    check_open(p, at, ups, "inside", 0);
    strcpy(strrchr(ups, '/'), "/secret");
    check_open(p, at, ups, NULL, -ENOENT);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    int up = guard_open(&p->guard, at, "..", &how);
    assert_true(up >= 0);
    assert_int_equal(unlinkat(up, name, AT_REMOVEDIR), 0);
    close(up);
    close(at);
}

#define PLACE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(test_open),   PLACE_TEST(test_directory_moved_out), PLACE_TEST(test_names),
        PLACE_TEST(test_admits), PLACE_TEST(test_may_change),          PLACE_TEST(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
