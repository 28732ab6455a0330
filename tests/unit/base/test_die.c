// SPDX-License-Identifier: GPL-2.0-or-later
/* What ends the program: a failed CHECK aborts, a refused allocation exits 125, each with one line.
 */
#include "base/check.h"
#include "base/xalloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Runs `die` in a child. Result: its wait status; `text` (of `size` bytes) is what it wrote. */
static int run(void (*die)(void), char *text, size_t size)
{
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);

    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], 2);
        die();
        _exit(0);
    }
    close(ends[1]);

    ssize_t n = read(ends[0], text, size - 1);

    assert_true(n >= 0);
    text[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void fail_check(void)
{
    CHECK(1 + 1 == 3);
}

static void pass_check(void)
{
    CHECK(1 + 1 == 2);
}

static void allocate_too_much(void)
{
    char *volatile block = x_malloc(SIZE_MAX / 4);

    free(block);
}

static void allocate_overflow(void)
{
    char *volatile block = x_calloc(SIZE_MAX / 4, 16);

    free(block);
}

static void test_check(void **state)
{
    char text[512];
    int status = run(fail_check, text, sizeof(text));

    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "pagewalk: internal error: "));
    assert_non_null(strstr(text, "test_die.c"));
    assert_non_null(strstr(text, "1 + 1 == 3"));
    assert_int_equal(run(pass_check, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void assert_refused(void (*die)(void))
{
    char text[512];
    int status = run(die, text, sizeof(text));

    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 125);
    assert_non_null(strstr(text, "pagewalk: the host has no memory left"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void test_refused_allocation(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's own allocator ends the program first */
#endif
    assert_refused(allocate_too_much);
    assert_refused(allocate_overflow);
}

static void test_allocations(void **state)
{
    unsigned char *block = x_calloc(100, 3);

    for (size_t i = 0; i < 300; i++)
        assert_int_equal(block[i], 0);
    block[299] = 42;
    block = x_realloc(block, 3000);
    assert_int_equal(block[299], 42);
    free(block);

    char *text = x_strdup("copied");

    assert_string_equal(text, "copied");
    free(text);
    free(x_malloc(0));
    free(x_calloc(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_refused_allocation),
        cmocka_unit_test(test_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
