// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where paths lead: the text of a path, links in and out of /proc, and that no way leads to
 * pagewalk's own descriptors or memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest_rig.h"
#include "linux/path.h"

static void check_normal(const char *base, const char *text, const char *expect)
{
    char out[PATH_MAX];
    bool known = path_normalise(base, text, out);
    assert_int_equal(known, expect != NULL);
    if (expect)
        assert_string_equal(out, expect);
}

static void test_normalise(void **state)
{
    check_normal(NULL, "/", "/");
    check_normal(NULL, "//", "/");
    check_normal(NULL, "/proc/./self//maps", "/proc/self/maps");
    check_normal(NULL, "/proc/self/../self/maps/", "/proc/self/maps");
    check_normal(NULL, "/proc/..", "/");
    check_normal(NULL, "/../..//etc", "/etc");
    check_normal("/proc/7", "../self/fd", "/proc/self/fd");
    check_normal("/home/u", "a/./b", "/home/u/a/b");
    check_normal("/", "proc", "/proc");
    check_normal("/home/u", "..", NULL); /* u may be a link */
    check_normal(NULL, "/processes/../x", NULL);
    check_normal(NULL, "/proc/...", "/proc/...");
    char longest[PATH_MAX + 8];
    memset(longest, 'a', sizeof longest);
    longest[0] = '/';
    longest[PATH_MAX - 1] = 0;
    check_normal(NULL, longest, longest);
    check_normal("/x", longest, NULL);
}

static struct path_place find(struct rig *rig, const char *text, unsigned how)
{
    struct path_place place;
    assert_int_equal(path_find_text(rig->task, AT_FDCWD, text, how, &place), 0);
    return place;
}

static void test_finds_nodes(void **state)
{
    struct rig *rig = *state;
    char text[64];
    assert_int_equal(find(rig, "/etc/passwd", PATH_FOLLOW).node.kind, PROC_NONE);
    assert_int_equal(find(rig, "relative", 0).node.kind, PROC_NONE);
    assert_int_equal(find(rig, "/proc", 0).node.kind, PROC_DIRECTORY);
    assert_int_equal(find(rig, "/proc/self", 0).node.kind, PROC_LINK);
    assert_int_equal(find(rig, "/proc/self", PATH_FOLLOW).node.kind, PROC_DIRECTORY);
    assert_int_equal(find(rig, "/proc/self/", 0).node.kind, PROC_DIRECTORY);
    assert_int_equal(find(rig, "/proc/self/maps", 0).node.kind, PROC_FILE);
    assert_int_equal(find(rig, "/proc/thread-self/status", 0).node.kind, PROC_FILE);
    assert_int_equal(find(rig, "/proc/meminfo", 0).node.kind, PROC_FILE);
    assert_int_equal(find(rig, "/proc/version", 0).node.kind, PROC_HOST);
    assert_int_equal(find(rig, "/sys/kernel/mm/transparent_hugepage/enabled", 0).node.kind,
                     PROC_FILE);
    assert_int_equal(find(rig, "/sys/kernel", 0).node.kind, PROC_NONE);
    snprintf(text, sizeof text, "/proc/%d/stat", rig->process->pid);
    assert_int_equal(find(rig, text, 0).node.kind, PROC_FILE);
    struct path_place exe = find(rig, "/proc/self/exe", PATH_FOLLOW);
    assert_int_equal(exe.node.kind, PROC_NONE);
    assert_string_equal(exe.name, "/bin/true");
    struct path_place inside = find(rig, "/proc/self/cwd/x/y", 0);
    assert_int_equal(inside.dir, rig->process->fs->cwd->host);
    assert_string_equal(inside.name, "x/y");
    assert_string_equal(find(rig, "/proc/self/root/etc", 0).name, "/etc");
    assert_int_equal(find(rig, "/proc/self/root/proc/self/maps", 0).node.kind, PROC_FILE);
}

static void check_error(struct rig *rig, const char *text, int expect)
{
    struct path_place place;
    assert_int_equal(path_find_text(rig->task, AT_FDCWD, text, PATH_FOLLOW, &place), expect);
}

static void test_errors(void **state)
{
    struct rig *rig = *state;
    char text[64];
    check_error(rig, "", -ENOENT);
    check_error(rig, "/proc/self/nothing", -ENOENT);
    check_error(rig, "/proc/self/fd/7", -ENOENT);
    check_error(rig, "/proc/self/fd/01", -ENOENT);
    check_error(rig, "/proc/self/maps/x", -ENOTDIR);
    check_error(rig, "/proc/self/exe/x", -ENOTDIR);
    check_error(rig, "/proc/self/mem", -ENOENT);
    check_error(rig, "/proc/kcore", -ENOENT);
    snprintf(text, sizeof text, "/proc/%d/maps", (int)getpid()); /* the host's name of pagewalk */
    check_error(rig, text, -ENOENT);
    struct path_place place;
    assert_int_equal(path_find_text(rig->task, 9, "x", 0, &place), -EBADF);
    assert_int_equal(rig_call(rig, SYS_openat, (uint64_t)AT_FDCWD, 0x10, 0, 0), -EFAULT);
}

/* Every way that a guest might try to reach a descriptor or the memory of pagewalk. */
static void test_no_way_to_pagewalk(void **state)
{
    struct rig *rig = *state;
    char secret[] = "/tmp/pagewalk-secret-XXXXXX", link[64], name[128];
    int own = mkstemp(secret);
    unlink(secret);
    assert_int_equal(write(own, "secret", 6), 6);

    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)getpid(), own);
    assert_int_equal(rig_open(rig, link, O_RDWR), -ENOENT);
    snprintf(link, sizeof link, "/proc/self/fd/%d", own);
    assert_int_equal(rig_open(rig, link, O_RDWR), -ENOENT);
    snprintf(link, sizeof link, "/dev/fd/%d", own);
    assert_int_equal(rig_open(rig, link, O_RDWR), -ENOENT);

    static const char *const targets[] = {"/proc/self/fd/%d", "/proc/thread-self/fd/%d",
                                          "/dev/fd/%d", "/proc/self/../self/fd/%d"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        snprintf(name, sizeof name, "%s/link%zu", rig->dir, i);
        snprintf(link, sizeof link, targets[i], own);
        assert_int_equal(symlink(link, name), 0);
        assert_true(rig_open(rig, name, O_RDWR) < 0);
        uint64_t addr = rig_string(rig, 0, name);
        assert_true(rig_call(rig, SYS_truncate, addr, 0) < 0);
        assert_true(rig_call(rig, SYS_chmod, addr, 0) < 0);
    }
    snprintf(name, sizeof name, "%s/proc", rig->dir);
    assert_int_equal(symlink("/proc/self", name), 0);
    assert_true(rig_open(rig, "proc/mem", O_RDWR) < 0);
    assert_true(rig_open(rig, "proc/map_files", O_RDONLY) < 0);
    snprintf(link, sizeof link, "proc/fd/%d", own);
    assert_true(rig_open(rig, link, O_RDWR) < 0);

    struct stat st;
    assert_int_equal(fstat(own, &st), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(st.st_mode & 0777, 0600);
    close(own);
}

/* A link of the guest's own into /proc means the guest's /proc. */
static void test_links_into_proc(void **state)
{
    struct rig *rig = *state;
    char name[128], content[4096];
    snprintf(name, sizeof name, "%s/comm", rig->dir);
    assert_int_equal(symlink("/proc/self/comm", name), 0);
    rig_slurp(rig, name, content, sizeof content);
    assert_string_equal(content, "true\n");
    snprintf(name, sizeof name, "%s/me", rig->dir);
    assert_int_equal(symlink("/proc/self", name), 0);
    rig_slurp(rig, "me/comm", content, sizeof content);
    assert_string_equal(content, "true\n");
    rig_host_file(rig, "data", "bytes");
    int64_t fd = rig_open(rig, "data", O_RDONLY);
    snprintf(name, sizeof name, "%s/std", rig->dir);
    assert_int_equal(fd, 0);
    assert_int_equal(symlink("/dev/stdin", name), 0);
    rig_slurp(rig, name, content, sizeof content);
    assert_string_equal(content, "bytes");
}

static void test_host_proc_is_read_only(void **state)
{
    struct rig *rig = *state;
    char content[4096];
    assert_true(rig_slurp(rig, "/proc/version", content, sizeof content) > 10);
    assert_int_equal(rig_open(rig, "/proc/version", O_RDWR), -EACCES);
    assert_int_equal(rig_open(rig, "/proc/sys/vm/swappiness", O_WRONLY), -EACCES);
    assert_int_equal(rig_open(rig, "/proc/sys/vm/drop_caches", O_WRONLY | O_TRUNC), -EACCES);
    assert_true(rig_slurp(rig, "/proc/self/mounts", content, sizeof content) > 10);
    assert_true(rig_slurp(rig, "/proc/mounts", content, sizeof content) > 10);
}

static void test_umask_and_cwd(void **state)
{
    struct rig *rig = *state;
    struct stat st;
    char cwd[PATH_MAX], text[128];
    assert_int_equal(rig_call(rig, SYS_umask, 027), 022);
    int64_t fd = rig_call(rig, SYS_creat, rig_string(rig, 0, "made"), 0666);
    assert_true(fd >= 0);
    snprintf(text, sizeof text, "%s/made", rig->dir);
    assert_int_equal(stat(text, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(rig_call(rig, SYS_mkdir, rig_string(rig, 0, "sub"), 0777), 0);
    assert_int_equal(rig_call(rig, SYS_chdir, rig_string(rig, 0, "sub")), 0);
    int64_t len = rig_call(rig, SYS_getcwd, rig->data, 4096);
    snprintf(text, sizeof text, "%s/sub", rig->dir);
    assert_int_equal(len, strlen(text) + 1);
    rig_get(rig, cwd, rig->data, (size_t)len);
    assert_string_equal(cwd, text);
    assert_int_equal(rig_call(rig, SYS_getcwd, rig->data, 3), -ERANGE);
    assert_int_equal(rig_call(rig, SYS_chdir, rig_string(rig, 0, "../made")), -ENOTDIR);
    assert_int_equal(rmdir(text), 0);
    assert_int_equal(rig_call(rig, SYS_getcwd, rig->data, 4096), -ENOENT);

    assert_int_equal(rig_call(rig, SYS_chdir, rig_string(rig, 0, "/proc/self/fd")), 0);
    len = rig_call(rig, SYS_getcwd, rig->data, 4096);
    rig_get(rig, cwd, rig->data, (size_t)len);
    snprintf(text, sizeof text, "/proc/%d/fd", rig->process->pid);
    assert_string_equal(cwd, text);
    rig_slurp(rig, "../comm", cwd, sizeof cwd);
    assert_string_equal(cwd, "true\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        RIG_TEST(test_finds_nodes),
        RIG_TEST(test_errors),
        RIG_TEST(test_no_way_to_pagewalk),
        RIG_TEST(test_links_into_proc),
        RIG_TEST(test_host_proc_is_read_only),
        RIG_TEST(test_umask_and_cwd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
