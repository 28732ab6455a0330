// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fibers: a switch saves the registers that a called function must keep (System V ABI, "Register
 * Usage") on the stack it leaves and takes them from the one it enters. A new stack is laid out as
 * if it had been left at the start of fiber_enter:
 *
 *     sp -> r15 r14 r13 r12 = fiber, rbx, rbp, return address = fiber_enter
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fiber.h"
#include "base/xalloc.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

struct fiber {
    void *sp;        /* where the fiber is, while it does not run */
    void *runner_sp; /* where its runner is, while it does */
    void (*fn)(void *arg);
    void *arg;
    bool is_idle;
    char *memory; /* the guard page and the stack above it */
    size_t guard_len, stack_len;
    /* What the address sanitizer has to know of a stack that is left or entered. */
    void *fake, *runner_fake;
    const void *runner_bottom;
    size_t runner_len;
};

enum { SAVED_WORDS = 7, SAVED_R12 = 3, SAVED_RETURN = 6 };

void fiber_switch(void **save_sp, void *load_sp);
void fiber_main(struct fiber *fiber);
extern const char fiber_enter[];

__asm__(".pushsection .text\n"
        ".globl fiber_switch, fiber_enter\n"
        ".type fiber_switch, @function\n"
        "fiber_switch:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size fiber_switch, . - fiber_switch\n"
        "fiber_enter:\n"
        "    mov %r12, %rdi\n"
        "    call fiber_main\n"
        "    ud2\n"
        ".popsection\n");

static void before_switch(void **fake, const void *bottom, size_t len)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake, bottom, len);
#endif
}

static void after_switch(void *fake, const void **bottom, size_t *len)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake, bottom, len);
#endif
}

static void enter(struct fiber *fiber)
{
    before_switch(&fiber->runner_fake, fiber->memory + fiber->guard_len, fiber->stack_len);
    fiber_switch(&fiber->runner_sp, fiber->sp);
    after_switch(fiber->runner_fake, NULL, NULL);
}

static void leave(struct fiber *fiber)
{
    before_switch(&fiber->fake, fiber->runner_bottom, fiber->runner_len);
    fiber_switch(&fiber->sp, fiber->runner_sp);
    after_switch(fiber->fake, &fiber->runner_bottom, &fiber->runner_len);
}

/* What runs on a fiber's stack for as long as it exists. */
void fiber_main(struct fiber *fiber)
{
    after_switch(NULL, &fiber->runner_bottom, &fiber->runner_len);
    for (;;) {
        fiber->fn(fiber->arg);
        fiber->is_idle = true;
        leave(fiber);
    }
}

struct fiber *fiber_create(size_t stack_len)
{
    struct fiber *fiber = x_calloc(1, sizeof *fiber);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    fiber->guard_len = page;
    fiber->stack_len = (stack_len + page - 1) / page * page;
    fiber->memory = mmap(NULL, page + fiber->stack_len, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    CHECK(fiber->memory != MAP_FAILED);
    CHECK(mprotect(fiber->memory, page, PROT_NONE) == 0);
    /* The stack pointer is 16-byte aligned where fiber_enter begins. */
    uintptr_t *top = (uintptr_t *)(void *)(fiber->memory + page + fiber->stack_len) - 2;
    uintptr_t *sp = top - SAVED_WORDS;
    sp[SAVED_R12] = (uintptr_t)fiber;
    sp[SAVED_RETURN] = (uintptr_t)fiber_enter;
    fiber->sp = sp;
    fiber->is_idle = true;
    return fiber;
}

void fiber_destroy(struct fiber *fiber)
{
    CHECK(fiber->is_idle);
    munmap(fiber->memory, fiber->guard_len + fiber->stack_len);
    free(fiber);
}

void fiber_start(struct fiber *fiber, void (*fn)(void *arg), void *arg)
{
    CHECK(fiber->is_idle);
    fiber->is_idle = false;
    fiber->fn = fn;
    fiber->arg = arg;
    enter(fiber);
}

void fiber_resume(struct fiber *fiber)
{
    CHECK(!fiber->is_idle);
    enter(fiber);
}

void fiber_pause(struct fiber *fiber)
{
    leave(fiber);
}

bool fiber_is_idle(const struct fiber *fiber)
{
    return fiber->is_idle;
}
