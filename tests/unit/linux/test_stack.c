// SPDX-License-Identifier: GPL-2.0-or-later
/* The initial stack: limits on strings, and the layout that a program's start-up code relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "linux/stack.h"

#define TOP SPACE_END
#define LIMIT ((uint64_t)8 << 20)

static uint64_t word_at(const struct stack_image *image, uint64_t addr)
{
    uint64_t word;
    assert_in_range(addr, image->sp, TOP - 8);
    memcpy(&word, image->bytes + (addr - image->sp), sizeof word);
    return word;
}

static const char *string_at(const struct stack_image *image, uint64_t addr)
{
    assert_in_range(addr, image->sp, TOP - 1);
    return (const char *)image->bytes + (addr - image->sp);
}

static uint64_t aux_at(const struct stack_image *image, uint64_t addr, uint64_t type)
{
    for (; word_at(image, addr) != AT_NULL; addr += 16)
        if (word_at(image, addr) == type)
            return word_at(image, addr + 8);
    fail_msg("no auxiliary entry %d", (int)type);
    return 0;
}

/* Walks the stack as _start does. */
static void check_layout(char **argv, char **envp)
{
    const uint64_t auxv[][2] = {{AT_PAGESZ, 4096}, {AT_ENTRY, 0x1234}};
    struct stack_request request = {
        .execfn = "/bin/prog", .argv = argv, .envp = envp, .auxv = auxv, .nauxv = 2};
    for (int i = 0; i < 16; i++)
        request.random[i] = (uint8_t)(i + 1);
    struct stack_image image;
    assert_int_equal(stack_check(&request, LIMIT), 0);
    stack_build(&request, TOP, &image);

    assert_int_equal(image.sp % 16, 0);
    assert_int_equal(image.sp + image.len, TOP);
    uint64_t at = image.sp, argc = 0;
    while (argv[argc])
        argc++;
    assert_int_equal(word_at(&image, at), argc);
    at += 8;
    for (uint64_t i = 0; i < argc; i++, at += 8)
        assert_string_equal(string_at(&image, word_at(&image, at)), argv[i]);
    assert_int_equal(word_at(&image, at), 0);
    at += 8;
    for (char **e = envp; *e; e++, at += 8)
        assert_string_equal(string_at(&image, word_at(&image, at)), *e);
    assert_int_equal(word_at(&image, at), 0);
    at += 8;
    assert_int_equal(aux_at(&image, at, AT_PAGESZ), 4096);
    assert_int_equal(aux_at(&image, at, AT_ENTRY), 0x1234);
    assert_string_equal(string_at(&image, aux_at(&image, at, AT_EXECFN)), "/bin/prog");
    assert_string_equal(string_at(&image, aux_at(&image, at, AT_PLATFORM)), "x86_64");
    assert_memory_equal(string_at(&image, aux_at(&image, at, AT_RANDOM)), request.random, 16);
    assert_int_equal(word_at(&image, TOP - 8), 0);
    assert_memory_equal(image.auxv, image.bytes + (at - image.sp), image.auxv_words * 8);
    if (argc > 0)
        assert_string_equal(string_at(&image, image.arg_start), argv[0]);
    assert_int_equal(image.arg_end, image.env_start);
    stack_release(&image);
}

static void lays_out_as_linux_does(void **state)
{
    char *none[] = {NULL}, *one[] = {"prog", NULL}, *env[] = {"A=1", "PATH=/bin:/usr/bin", NULL};
    char *many[] = {"prog", "", "a b", "0123456789abcdef", "x", NULL};
    check_layout(one, none);
    check_layout(one, env);
    check_layout(many, env);
    check_layout(none, none);
    char text[64];
    for (size_t len = 0; len < 40; len++) { /* every alignment */
        memset(text, 'x', len);
        text[len] = '\0';
        char *argv[] = {text, NULL};
        check_layout(argv, env);
    }
}

static char *string_of(size_t len)
{
    char *s = malloc(len + 1);
    memset(s, 'a', len);
    s[len] = '\0';
    return s;
}

static int check_one(const char *execfn, char *string, uint64_t limit)
{
    char *argv[] = {string, NULL}, *envp[] = {NULL};
    struct stack_request request = {.execfn = execfn, .argv = argv, .envp = envp};
    return stack_check(&request, limit);
}

static void limits_one_string(void **state)
{
    char *longest = string_of(STACK_STRING_MAX - 1), *over = string_of(STACK_STRING_MAX);
    assert_int_equal(check_one("p", longest, LIMIT), 0);
    assert_int_equal(check_one("p", over, LIMIT), -E2BIG);
    assert_int_equal(check_one(over, "x", LIMIT), -E2BIG);
    free(longest);
    free(over);
}

static int check_many(size_t n, size_t len, uint64_t limit)
{
    char *string = string_of(len), *envp[] = {NULL};
    char **argv = calloc(n + 1, sizeof *argv);
    for (size_t i = 0; i < n; i++)
        argv[i] = string;
    struct stack_request request = {.execfn = "p", .argv = argv, .envp = envp};
    int rc = stack_check(&request, limit);
    free(argv);
    free(string);
    return rc;
}

static void limits_all_strings(void **state)
{
    assert_int_equal(check_many(20, 99999, LIMIT), 0);           /* under 2 MiB, 8 / 4 */
    assert_int_equal(check_many(22, 99999, LIMIT), -E2BIG);      /* over it */
    assert_int_equal(check_many(60, 99999, UINT64_MAX), 0);      /* under 6 MiB */
    assert_int_equal(check_many(64, 99999, UINT64_MAX), -E2BIG); /* never more */
    assert_int_equal(check_many(1, 100000, 65536), 0);           /* at least 128 KiB */
    assert_int_equal(check_many(2, 70000, 65536), -E2BIG);
    assert_int_equal(check_many(200000, 3, LIMIT), -E2BIG); /* pointers count: 12 bytes each */
    assert_int_equal(check_many(170000, 3, LIMIT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lays_out_as_linux_does),
        cmocka_unit_test(limits_one_string),
        cmocka_unit_test(limits_all_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
