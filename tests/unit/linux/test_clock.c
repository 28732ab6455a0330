// SPDX-License-Identifier: GPL-2.0-or-later
/* Guest clocks: the host's, and the virtual one that is a function of the instruction count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <time.h>

#include "linux/task.h"
#include "linux/pid.h"
#include "linux/timespec.h"

struct world {
    struct linux_system system;
    struct process process;
    struct task task;
};

static void make(struct world *w, bool is_virtual)
{
    memset(w, 0, sizeof *w);
    clock_create(is_virtual, &w->system.clock);
    radix_create(&w->system.pids);
    radix_create(&w->system.tids);
    w->process.system = &w->system;
    w->process.pid = w->task.tid = 1000;
    w->task.process = &w->process;
    w->system.current = w->process.tasks = &w->task;
    pid_add_process(&w->process);
    pid_add_task(&w->task);
}

static void unmake(struct world *w)
{
    radix_destroy(&w->system.pids);
    radix_destroy(&w->system.tids);
}

static uint64_t now(const struct world *w, clockid_t id)
{
    uint64_t ns = 0;
    assert_int_equal(clock_now(&w->system, id, &ns), 0);
    return ns;
}

static uint64_t host(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * CLOCK_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void host_clocks_pass_through(void **state)
{
    struct world w;
    make(&w, false);
    const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        uint64_t before = host(ids[i]), guest = now(&w, ids[i]);
        assert_in_range(guest, before, host(ids[i]));
    }
    unmake(&w);
}

static void virtual_time_is_instructions_and_sleep(void **state)
{
    struct world w, again;
    make(&w, true);
    make(&again, true);
    uint64_t start = now(&w, CLOCK_MONOTONIC), date = now(&w, CLOCK_REALTIME);
    assert_int_equal(now(&again, CLOCK_REALTIME), date); /* the same on every run */
    clock_ran(&w.system, 12345);
    assert_int_equal(now(&w, CLOCK_MONOTONIC), start + 12345);
    clock_sleep_until(&w.system, start + 1000); /* in the past: no effect */
    assert_int_equal(now(&w, CLOCK_MONOTONIC), start + 12345);
    clock_sleep_until(&w.system, start + 5000000);
    assert_int_equal(now(&w, CLOCK_BOOTTIME), start + 5000000);
    assert_int_equal(now(&w, CLOCK_REALTIME), date + 5000000);
    unmake(&w);
    unmake(&again);
}

static void cpu_clocks_speak_of_a_process_or_thread(void **state)
{
    struct world w;
    uint64_t ns;
    make(&w, true);
    w.process.counters.instructions = 777;
    w.task.instructions = 333;
    assert_int_equal(now(&w, CLOCK_PROCESS_CPUTIME_ID), 777);
    assert_int_equal(now(&w, CLOCK_THREAD_CPUTIME_ID), 333);
    assert_int_equal(now(&w, (clockid_t)(~1000u << 3 | 2)), 777); /* clock_getcpuclockid(1000) */
    assert_int_equal(clock_now(&w.system, (clockid_t)(~1001u << 3 | 2), &ns), -EINVAL);
    assert_int_equal(clock_now(&w.system, (clockid_t)(~1000u << 3 | 3), &ns), -EINVAL);
    assert_int_equal(clock_now(&w.system, 99, &ns), -EINVAL);
    assert_int_equal(clock_resolution(99, &ns), -EINVAL);
    unmake(&w);
}

static void host_cpu_time_is_charged_once(void **state)
{
    struct world w;
    make(&w, false);
    while (now(&w, CLOCK_PROCESS_CPUTIME_ID) < 20000000) /* burns 20 ms */
        ;
    uint64_t before = now(&w, CLOCK_PROCESS_CPUTIME_ID);
    clock_charge(&w.system);
    assert_in_range(w.process.utime_ns + w.process.stime_ns, before, before + 20000000);
    assert_in_range(now(&w, CLOCK_PROCESS_CPUTIME_ID), before, before + 20000000);
    unmake(&w);
}

/* Between the ticks of the host as well, and however it splits the time into user's and system's.
 */
static void host_cpu_time_is_true_to_the_moment(void **state)
{
    struct world w;
    make(&w, false);
    uint64_t begin = host(CLOCK_THREAD_CPUTIME_ID), charged = 0, last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t before = host(CLOCK_THREAD_CPUTIME_ID);
        uint64_t time = now(&w, CLOCK_THREAD_CPUTIME_ID);
        assert_true(time >= before - begin && time >= last);
        last = time;
        if (i % 3 == 0)
            clock_charge(&w.system);
        assert_true(w.task.utime_ns + w.task.stime_ns >= charged);
        charged = w.task.utime_ns + w.task.stime_ns;
    }
    assert_int_equal(w.process.utime_ns, w.task.utime_ns);
    assert_int_equal(w.process.stime_ns, w.task.stime_ns);
    unmake(&w);
}

static void deadlines_convert_between_clocks(void **state)
{
    struct world w;
    make(&w, true);
    uint64_t mono = now(&w, CLOCK_MONOTONIC), date = now(&w, CLOCK_REALTIME);
    assert_int_equal(clock_to_monotonic(&w.system, CLOCK_REALTIME, date + 5), mono + 5);
    assert_int_equal(clock_to_monotonic(&w.system, CLOCK_REALTIME, date - 5), mono);
    assert_int_equal(clock_to_monotonic(&w.system, CLOCK_MONOTONIC, UINT64_MAX), UINT64_MAX - 1);
    unmake(&w);
}

static void timespecs_are_checked(void **state)
{
    uint64_t ns;
    assert_int_equal(timespec_to_ns(&(struct guest_timespec){1, 5}, &ns), 0);
    assert_int_equal(ns, 1000000005);
    assert_int_equal(timespec_to_ns(&(struct guest_timespec){-1, 5}, &ns), -EINVAL);
    assert_int_equal(timespec_to_ns(&(struct guest_timespec){0, -1}, &ns), -EINVAL);
    assert_int_equal(timespec_to_ns(&(struct guest_timespec){0, 1000000000}, &ns), -EINVAL);
    assert_int_equal(timespec_to_ns(&(struct guest_timespec){INT64_MAX, 999999999}, &ns), 0);
    assert_int_equal(ns, TIMESPEC_NS_MAX);
    assert_int_equal(timeval_to_ns(&(struct guest_timeval){2, 3}, &ns), 0);
    assert_int_equal(ns, 2000003000);
    assert_int_equal(timeval_to_ns(&(struct guest_timeval){0, 1000000}, &ns), -EINVAL);
    assert_int_equal(timeval_from_ns(1).usec, 1); /* what is left is never 0 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_clocks_pass_through),
        cmocka_unit_test(virtual_time_is_instructions_and_sleep),
        cmocka_unit_test(cpu_clocks_speak_of_a_process_or_thread),
        cmocka_unit_test(host_cpu_time_is_charged_once),
        cmocka_unit_test(host_cpu_time_is_true_to_the_moment),
        cmocka_unit_test(deadlines_convert_between_clocks),
        cmocka_unit_test(timespecs_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
