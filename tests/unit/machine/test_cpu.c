// SPDX-License-Identifier: GPL-2.0-or-later
/* The CPU engine without an operating system: what instructions do, and how cpu_run() ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench_machine.h"

static const struct cpu_options fast_options;
static const struct cpu_options slow_options = {.check_each_access = true};

static int create_fast(void **state)
{
    static struct bench bench;
    bench_create(&bench, "skylake", &fast_options);
    *state = &bench;
    return 0;
}

static int create_slow(void **state)
{
    static struct bench bench;
    bench_create(&bench, "skylake", &slow_options);
    *state = &bench;
    return 0;
}

static int create_tiny(void **state)
{
    static struct bench bench;
    bench_create(&bench, "tiny", &fast_options);
    *state = &bench;
    return 0;
}

static int destroy(void **state)
{
    bench_destroy(*state);
    return 0;
}

#define LOAD(b, name) bench_load(b, CODE, guest_##name, guest_##name##_end)

/* ---- instructions ---- */

GUEST(sum, "xor %eax, %eax\n"
           "mov $1000, %ecx\n"
           "1: add %rcx, %rax\n"
           "dec %ecx\n"
           "jnz 1b\n"
           "syscall\n");

static void a_loop_ends_in_a_system_call(void **state)
{
    struct bench *b = *state;
    LOAD(b, sum);
    struct cpu_exit why = bench_run(b);
    struct cpu_regs regs = bench_regs(b);
    assert_int_equal(why.kind, CPU_EXIT_SYSCALL);
    assert_int_equal(regs.rax, 500500);
    assert_int_equal(regs.rip, CODE + (guest_sum_end - guest_sum));
    assert_int_equal(regs.rcx, regs.rip);
    assert_int_equal(regs.r11, regs.rflags);
    assert_int_equal(why.pc.v, regs.rip - 2);
    assert_int_equal(b->counters.instructions, 2 + 3 * 1000 + 1);
    assert_int_equal(b->counters.loads, 0);
    assert_int_equal(b->counters.stores, 0);
    assert_int_equal(b->counters.tlb_l1i_misses, 1);
    assert_int_equal(b->counters.tlb_l1i_hits, 3003 - 1);
}

GUEST(stack, "mov $7, %ebx\n"
             "push %rbx\n"
             "call 1f\n"
             "pop %rcx\n"
             "syscall\n"
             "1: mov 8(%rsp), %rax\n"
             "add %rax, %rax\n"
             "ret\n");

static void calls_and_the_stack_work(void **state)
{
    struct bench *b = *state;
    LOAD(b, stack);
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
    struct cpu_regs regs = bench_regs(b);
    assert_int_equal(regs.rax, 14);
    assert_int_equal(regs.rsp, STACK - 256);
    assert_int_equal(b->counters.loads, 3);
    assert_int_equal(b->counters.stores, 2);
    assert_int_equal(b->counters.instructions, 8);
    assert_int_equal(b->counters.tlb_l1d_hits + b->counters.tlb_l1d_misses, 5);
}

int main(void)
{
#define TEST_ALL(f)                                                                                \
    cmocka_unit_test_setup_teardown(f, create_fast, destroy),                                      \
        cmocka_unit_test_setup_teardown(f, create_slow, destroy),                                  \
        cmocka_unit_test_setup_teardown(f, create_tiny, destroy)
    const struct CMUnitTest tests[] = {
        TEST_ALL(a_loop_ends_in_a_system_call),
        TEST_ALL(calls_and_the_stack_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
