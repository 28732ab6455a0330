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

/* ---- debug registers ---- */

GUEST(fill, "mov $3, %ecx\n"
            "mov $7, %eax\n"
            "lea -64(%rsp), %rdi\n"
            "rep stosl\n"
            "mov -64(%rsp), %rdx\n"
            "syscall\n");

static void a_step_is_an_instruction_or_an_element(void **state)
{
    static const uint8_t lens[] = {5, 10, 15, 15, 15, 17, 22};
    struct bench *b = *state;
    LOAD(b, fill);
    cpu_set_debug(b->cpu, &(struct cpu_debug){.steps = true});
    for (unsigned i = 0; i < sizeof lens; i++) {
        struct cpu_exit why = bench_run(b);
        assert_int_equal(why.kind, CPU_EXIT_TRAP);
        assert_int_equal(why.vector, CPU_VECTOR_DB);
        assert_int_equal(why.error, CPU_DEBUG_STEP);
        assert_int_equal(bench_regs(b).rip, CODE + lens[i]);
        assert_int_equal(b->counters.instructions, i + 1);
    }
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
}

/* DR0: stores to the second element; DR1: accesses to the first; DR2: execution of the load. */
static void debug_registers_stop(void **state)
{
    struct bench *b = *state;
    LOAD(b, fill);
    uint64_t at = bench_regs(b).rsp - 64;
    struct cpu_debug debug = {.addr = {at + 4, at, CODE + 17},
                              .control = 0x15 | 0xdull << 16 | 0xfull << 20};
    static const uint8_t hits[] = {2, 1, 4, 2};
    static const uint8_t at_code[] = {15, 15, 17, 22};
    cpu_set_debug(b->cpu, &debug);
    for (unsigned i = 0; i < sizeof hits; i++) {
        struct cpu_exit why = bench_run(b);
        assert_int_equal(why.vector, CPU_VECTOR_DB);
        assert_int_equal(why.error, hits[i]);
        assert_int_equal(bench_regs(b).rip, CODE + at_code[i]);
    }
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
    assert_int_equal(b->counters.stores, 3);
    assert_int_equal(b->counters.loads, 1);
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
        TEST_ALL(a_step_is_an_instruction_or_an_element),
        TEST_ALL(debug_registers_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
