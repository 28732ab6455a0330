// SPDX-License-Identifier: GPL-2.0-or-later
/* Fibers: pausing and going on, each with its own stack, one inside the other, used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/fiber.h"

enum { STACK_LEN = 128 * 1024, FIBERS = 20, STEPS = 10 };

struct job {
    struct fiber *fiber, *inner;
    int id, steps;
    char trace[64];
};

/* Values in registers and on the stack must be there after every pause. */
static void count(void *arg)
{
    struct job *job = arg;
    int local[200];
    double half = job->id + 0.5;
    for (int i = 0; i < 200; i++)
        local[i] = job->id * 1000 + i;
    for (int step = 0; step < STEPS; step++) {
        fiber_pause(job->fiber);
        for (int i = 0; i < 200; i++)
            assert_int_equal(local[i], job->id * 1000 + i);
        assert_true(half == job->id + 0.5);
        job->steps++;
    }
}

static void many_take_turns(void **state)
{
    struct job jobs[FIBERS];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < FIBERS; i++) {
        jobs[i].id = i;
        jobs[i].fiber = fiber_create(STACK_LEN);
        assert_true(fiber_is_idle(jobs[i].fiber));
        fiber_start(jobs[i].fiber, count, &jobs[i]);
        assert_false(fiber_is_idle(jobs[i].fiber));
    }
    for (int step = 1; step <= STEPS; step++)
        for (int i = 0; i < FIBERS; i++) {
            fiber_resume(jobs[i].fiber);
            assert_int_equal(jobs[i].steps, step);
        }
    for (int i = 0; i < FIBERS; i++) {
        assert_true(fiber_is_idle(jobs[i].fiber));
        fiber_destroy(jobs[i].fiber);
    }
}

static void note(void *arg)
{
    strcat(arg, "x");
}

static void one_is_used_again(void **state)
{
    char text[16] = "";
    struct fiber *fiber = fiber_create(1);
    for (int i = 0; i < 5; i++)
        fiber_start(fiber, note, text);
    assert_string_equal(text, "xxxxx");
    fiber_destroy(fiber);
}

static void inner(void *arg)
{
    struct job *job = arg;
    strcat(job->trace, "b");
    fiber_pause(job->inner);
    strcat(job->trace, "e");
}

static void outer(void *arg)
{
    struct job *job = arg;
    strcat(job->trace, "a");
    fiber_start(job->inner, inner, job);
    strcat(job->trace, "c");
    fiber_pause(job->fiber);
    fiber_resume(job->inner);
    strcat(job->trace, "f");
}

/* Whoever resumes a fiber is whom it goes back to, not who started it. */
static void one_runs_another(void **state)
{
    struct job job = {.fiber = fiber_create(STACK_LEN), .inner = fiber_create(STACK_LEN)};
    fiber_start(job.fiber, outer, &job);
    strcat(job.trace, "d");
    fiber_resume(job.fiber);
    assert_string_equal(job.trace, "abcdef");
    assert_true(fiber_is_idle(job.fiber) && fiber_is_idle(job.inner));
    fiber_start(job.inner, inner, &job);
    fiber_resume(job.inner);
    assert_string_equal(job.trace, "abcdefbe");
    fiber_destroy(job.fiber);
    fiber_destroy(job.inner);
}

/* Compilers align what they put on the stack to 16 bytes and trust the caller with it. */
static void look_at_alignment(void *arg)
{
    *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0) % 16;
}

static void stacks_are_aligned(void **state)
{
    uintptr_t odd = 1;
    struct fiber *fiber = fiber_create(STACK_LEN);
    fiber_start(fiber, look_at_alignment, &odd);
    assert_int_equal(odd, 0);
    fiber_destroy(fiber);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_take_turns),
        cmocka_unit_test(one_is_used_again),
        cmocka_unit_test(one_runs_another),
        cmocka_unit_test(stacks_are_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
