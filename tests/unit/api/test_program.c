// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking programs up: what the shell would run, and 126 told from 127. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/program.h"

static const struct guard no_guard;

static char dir[64];

static void make(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT, mode);
    assert_true(fd >= 0);
    close(fd);
}

static int enter_directory(void **state)
{
    strcpy(dir, "/tmp/test_program.XXXXXX");
    if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("a", 0755) < 0 || mkdir("b", 0755) < 0 ||
        mkdir("a/folder", 0755) < 0)
        return -1;
    make("a/plain", 0644);
    make("a/both", 0644);
    make("b/both", 0755);
    make("b/folder", 0755);
    make("here", 0755);
    return 0;
}

static int leave_directory(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void find(const char *name, const char *path_variable, const char *expected)
{
    char *envp[] = {"PATHS=wrong", (char *)path_variable, NULL};
    char *path = NULL;
    struct pw_error error;
    assert_int_equal(program_find(&no_guard, name, envp, &path, &error), 0);
    assert_string_equal(path, expected);
    free(path);
}

static void refuse(const char *name, const char *path_variable, int code, const char *part)
{
    char *envp[] = {(char *)path_variable, NULL};
    char *path = NULL;
    struct pw_error error;
    assert_int_equal(program_find(&no_guard, name, envp, &path, &error), -1);
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.message, part));
    assert_null(path);
}

static void names_with_a_slash_are_paths(void **state)
{
    find("./here", "PATH=", "./here");
    find("b/both", "PATH=a", "b/both");
    refuse("./nothing", "PATH=b", ENOENT, "No such file");
    refuse("here/x", "PATH=b", ENOENT, "Not a directory");
    refuse("a/plain", "PATH=b", EACCES, "Permission denied");
    refuse("a/folder", "PATH=b", EACCES, "is a directory");
    refuse("/dev/null", "PATH=b", EACCES, "Permission denied");
}

static void other_names_are_looked_up(void **state)
{
    find("both", "PATH=a:b", "b/both");     /* the first is not executable */
    find("folder", "PATH=a:b", "b/folder"); /* the first is a directory */
    find("here", "PATH=a::b", "./here");
    find("here", "PATH=a:", "./here");
    find("here", "PATH=", "./here");
    find("sh", NULL, "/bin/sh");
    refuse("both", "PATH=a", EACCES, "not executable");
    refuse("folder", "PATH=a", ENOENT, "no such program");
    refuse("here", "PATH=a:b", ENOENT, "no such program");
    refuse("", "PATH=b", ENOENT, "no such program");
    refuse("nothing", "PATH=/no/such/place:b", ENOENT, "no such program");
}

static void messages_are_one_line(void **state)
{
    char *envp[] = {"PATH=a", NULL};
    char *path;
    struct pw_error error;
    assert_int_equal(program_find(&no_guard, "new\nline\x1b[31m", envp, &path, &error), -1);
    assert_string_equal(error.message, "new?line?[31m: no such program in PATH");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_with_a_slash_are_paths),
        cmocka_unit_test(other_names_are_looked_up),
        cmocka_unit_test(messages_are_one_line),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
