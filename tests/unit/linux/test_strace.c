// SPDX-License-Identifier: GPL-2.0-or-later
/* What --strace prints: strings, results, and whole lines of calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest_rig.h"
#include "linux/strace.h"

static void check_quote(const char *bytes, size_t len, bool cut, const char *expect)
{
    char out[256];
    size_t n = strace_quote(out, (const unsigned char *)bytes, len, cut);
    assert_string_equal(out, expect);
    assert_int_equal(n, strlen(expect));
}

static void test_quotes(void **state)
{
    check_quote("abc", 3, false, "\"abc\"");
    check_quote("", 0, false, "\"\"");
    check_quote("a\n\t\r\v\f\"\\z", 9, true, "\"a\\n\\t\\r\\v\\f\\\"\\\\z\"...");
    check_quote("\0\1", 2, false, "\"\\0\\1\"");
    check_quote("\0"
                "7",
                2, false, "\"\\0007\""); /* or the digit would join the escape */
    check_quote("\177ELF", 4, false, "\"\\177ELF\"");
    check_quote("\xff", 1, false, "\"\\377\"");
}

static void check_result(int64_t result, bool is_address, const char *expect)
{
    char out[128];
    strace_result(out, sizeof out, result, is_address);
    assert_string_equal(out, expect);
}

static void test_results(void **state)
{
    check_result(3, false, " = 3");
    check_result(-ENOENT, false, " = -1 ENOENT (No such file or directory)");
    check_result(0x7ffff7ffb000, true, " = 0x7ffff7ffb000");
    check_result(-ENOMEM, true, " = -1 ENOMEM (Cannot allocate memory)");
    check_result(-ERESTARTSYS, false, " = ? (To be restarted)");
}

/* The line that a call through the dispatcher leaves. */
static void check_line(struct rig *rig, long number, const uint64_t args[6], const char *expect)
{
    char *text = NULL;
    size_t len = 0;
    rig->system->options.strace = open_memstream(&text, &len);
    struct cpu_regs regs = {.rax = (uint64_t)number,
                            .rdi = args[0],
                            .rsi = args[1],
                            .rdx = args[2],
                            .r10 = args[3],
                            .r8 = args[4],
                            .r9 = args[5]};
    cpu_set_regs(rig->task->cpu, &regs);
    syscall_dispatch(rig->task);
    fclose(rig->system->options.strace);
    rig->system->options.strace = NULL;
    assert_string_equal(text, expect);
    free(text);
}

#define LINE(rig, number, expect, ...)                                                             \
    check_line(rig, number, (const uint64_t[6]){__VA_ARGS__}, expect)

static void test_lines(void **state)
{
    struct rig *rig = *state;
    rig_host_file(rig, "file", "hello, this is more than thirty-two bytes long\n");
    uint64_t name = rig_string(rig, 0, "file"), none = rig_string(rig, 64, "none");
    LINE(rig, SYS_openat, "openat(AT_FDCWD, \"file\", O_RDONLY|O_CLOEXEC) = 0\n",
         (uint64_t)AT_FDCWD, name, O_CLOEXEC, 0644);
    LINE(rig, SYS_openat,
         "openat(AT_FDCWD, \"none\", O_RDONLY) = -1 ENOENT (No such file or directory)\n",
         (uint64_t)AT_FDCWD, none, 0, 0);
    LINE(rig, SYS_open, "open(\"new\", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 1\n",
         rig_string(rig, 32, "new"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    LINE(rig, SYS_read, "read(0, \"hello, this is more than thirty-\"..., 100) = 47\n", 0,
         rig->data + 4096, 100);
    LINE(rig, SYS_write, "write(1, \"file\\0\", 5) = 5\n", 1, name, 5);
    LINE(rig, SYS_write, "write(1, 0x10, 5) = -1 EFAULT (Bad address)\n", 1, 0x10, 5);
    LINE(rig, SYS_mprotect,
         "mprotect(0x1000, 4096, PROT_READ|PROT_EXEC) = -1 ENOMEM "
         "(Cannot allocate memory)\n",
         0x1000, 4096, PROT_READ | PROT_EXEC);
    LINE(rig, SYS_close, "close(9) = -1 EBADF (Bad file descriptor)\n", 9);
    LINE(rig, SYS_modify_ldt,
         "modify_ldt(0, 0x1000, 1, 2, 3, 4) = -1 ENOSYS "
         "(Function not implemented)\n",
         0, 0x1000, 1, 2, 3, 4);
}

static void test_unknown_calls_are_counted(void **state)
{
    struct rig *rig = *state;
    LINE(rig, 400, "syscall_0x190(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)\n", 0);
    LINE(rig, 400, "syscall_0x190(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)\n", 0);
    assert_int_equal(rig->system->unknown_calls[400], 2);
    LINE(rig, 100000, "syscall_0x186a0(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)\n",
         0);
    assert_int_equal(rig->system->unknown_calls[SYSCALL_NUMBERS - 1], 1);
    assert_int_equal(rig->counters.syscalls, 3);
}

static void test_strict_stops(void **state)
{
    struct rig *rig = *state;
    rig->system->options.strict = true;
    struct cpu_regs regs = {.rax = SYS_modify_ldt};
    cpu_set_regs(rig->task->cpu, &regs);
    syscall_dispatch(rig->task);
    assert_true(rig->process->exited);
    assert_int_equal(rig->process->exit.signal, SIGSYS);
    assert_non_null(strstr(rig->system->message, "modify_ldt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes), cmocka_unit_test(test_results),
        RIG_TEST(test_lines),          RIG_TEST(test_unknown_calls_are_counted),
        RIG_TEST(test_strict_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
