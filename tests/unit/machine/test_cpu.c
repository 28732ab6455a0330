// SPDX-License-Identifier: GPL-2.0-or-later
/* The CPU engine without an operating system: what instructions do, and how cpu_run() ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "bench_machine.h"

static const struct cpu_options fast_options = {.calls = true};
static const struct cpu_options slow_options = {.check_each_access = true, .calls = true};

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

/* ---- calls ---- */

/* Two calls deep; back from both; then out of a call by the stack pointer alone, and a jump instead
 * of a return. */
GUEST(calls, "call 1f\n" /* 5 bytes */
             "syscall\n"
             "lea 5f(%rip), %rax\n"
             "call *%rax\n" /* back at 16 */
             "6: syscall\n"
             "1: call 2f\n" /* at 18, back at 23 */
             "ret\n"
             "2: syscall\n"
             "ret\n"
             "5: call 7f\n" /* at 27, back at 32 */
             "7: add $16, %rsp\n"
             "jmp 6b\n");

static void check_calls(struct bench *b, struct cpu *cpu, const uint64_t *back, unsigned n)
{
    struct cpu_call *calls;
    assert_int_equal(cpu_calls(cpu, &calls), n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(calls[i].back.v, CODE + back[i]);
        assert_int_equal(bench_read64(b, calls[i].sp), CODE + back[i]);
    }
}

static void calls_are_known_until_they_return(void **state)
{
    static const uint64_t deep[] = {5, 23};
    struct bench *b = *state;
    struct cpu_call *calls;
    struct cpu *copy;
    LOAD(b, calls);
    check_calls(b, b->cpu, NULL, 0);
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
    check_calls(b, b->cpu, deep, 2);
    cpu_calls(b->cpu, &calls);
    calls[1].note = 77;
    assert_int_equal(cpu_clone(b->cpu, &copy), 0);
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
    check_calls(b, b->cpu, NULL, 0);
    check_calls(b, copy, deep, 2);
    cpu_calls(copy, &calls);
    assert_int_equal(calls[1].note, 77);
    cpu_reset(copy);
    check_calls(b, copy, NULL, 0);
    cpu_destroy(copy);
    assert_int_equal(bench_run(b).kind, CPU_EXIT_SYSCALL);
    check_calls(b, b->cpu, NULL, 0);
}

GUEST(endless, "1: call 1b\n");

static void calls_beyond_a_number_are_not_kept(void **state)
{
    struct bench *b = *state;
    struct cpu_call *calls;
    LOAD(b, endless);
    for (unsigned i = STACK_PAGES + 1; i <= CPU_CALLS_MAX * 8 / PAGE_SIZE + 2; i++)
        bench_map(b, STACK - i * PAGE_SIZE, PTE_W);
    assert_int_equal(bench_run(b).kind, CPU_EXIT_FAULT); /* no stack is left */
    assert_true(b->counters.instructions > CPU_CALLS_MAX);
    assert_int_equal(cpu_calls(b->cpu, &calls), CPU_CALLS_MAX);
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
        TEST_ALL(calls_are_known_until_they_return),
        TEST_ALL(calls_beyond_a_number_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
