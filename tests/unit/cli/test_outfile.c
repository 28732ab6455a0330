// SPDX-License-Identifier: GPL-2.0-or-later
/* Result files are replaced whole, links and modes survive, and failures leave nothing behind. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/outfile.h"

static char dir[64];

static int enter_directory(void **state)
{
    strcpy(dir, "/tmp/test_outfile.XXXXXX");
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int leave_directory(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void assert_content(const char *path, const char *expected)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, got, sizeof(got) - 1) >= 0);
    close(fd);
    assert_string_equal(got, expected);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode;
}

static void a_new_file_has_the_usual_mode(void **state)
{
    umask(027);
    assert_int_equal(outfile_check("new"), 0);
    assert_int_not_equal(access("new", F_OK), 0);
    assert_int_equal(outfile_write("new", "one", 3), 0);
    assert_content("new", "one");
    assert_int_equal(mode_of("new") & 0777, 0640);
}

static void an_old_file_is_replaced(void **state)
{
    assert_int_equal(outfile_write("old", "long content", 12), 0);
    assert_int_equal(chmod("old", 0604), 0);
    int fd = open("old", O_RDONLY); /* whoever reads it keeps a whole file */
    assert_int_equal(outfile_write("old", "new", 3), 0);
    char seen[32] = "";
    assert_int_equal(read(fd, seen, sizeof(seen) - 1), 12);
    close(fd);
    assert_string_equal(seen, "long content");
    assert_content("old", "new");
    assert_int_equal(mode_of("old") & 0777, 0604);
}

static void a_link_stays_a_link(void **state)
{
    assert_int_equal(outfile_write("target", "a", 1), 0);
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(outfile_write("link", "b", 1), 0);
    assert_true(S_ISLNK(mode_of("link")));
    assert_content("target", "b");
}

static void a_device_is_written_in_place(void **state)
{
    assert_int_equal(outfile_check("/dev/null"), 0);
    assert_int_equal(outfile_write("/dev/null", "x", 1), 0);
    assert_int_equal(outfile_write("/dev/full", "x", 1), ENOSPC);
    assert_true(S_ISCHR(mode_of("/dev/null")));
}

static void what_cannot_be_written_is_said(void **state)
{
    char name[5000];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(outfile_check("."), EISDIR);
    assert_int_equal(outfile_check(""), ENOENT);
    assert_int_equal(outfile_check("no/such/place"), ENOENT);
    assert_int_equal(outfile_write("no/such/place", "x", 1), ENOENT);
    assert_int_equal(outfile_check(name), ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_file_has_the_usual_mode),
        cmocka_unit_test(an_old_file_is_replaced),
        cmocka_unit_test(a_link_stays_a_link),
        cmocka_unit_test(a_device_is_written_in_place),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
