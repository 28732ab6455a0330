// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting and waking without a CPU: threads whose registers ask for a system call, run in turn by
 * the test. Who is ready, in which order, and what their calls gave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/futex.h>
#include <poll.h>

#include "guest_rig.h"
#include "linux/schedule.h"

enum { THREADS = 3 };

struct rig_timespec {
    int64_t sec, nsec;
};

static struct task *thread(struct rig *rig)
{
    struct task *task;
    assert_int_equal(task_create_thread(rig->task, &task), 0);
    return task;
}

/* Begins a call of a thread. Result: it is over. */
static bool begin(struct task *task, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct cpu_regs *r = &task->cpu->regs;
    r->rax = (uint64_t)number;
    r->rdi = a;
    r->rsi = b;
    r->rdx = c;
    r->r10 = d;
    return sched_call(task);
}

static int64_t result(const struct task *task)
{
    return (int64_t)task->cpu->regs.rax;
}

/* The next that is ready must be this one, and its call must end. */
static void finish(struct rig *rig, struct task *task)
{
    assert_ptr_equal(sched_next(rig->system), task);
    assert_true(sched_call(task));
    sched_put(task);
}

/* The rig's own task makes calls by hand and is never in line. */
static void take_off(struct rig *rig, struct task **threads)
{
    assert_ptr_equal(sched_next(rig->system), rig->task);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = thread(rig);
        assert_ptr_equal(sched_next(rig->system), threads[i]);
    }
}

static void the_woken_are_ready_in_order(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    take_off(rig, t);
    for (int i = 0; i < THREADS; i++)
        assert_false(begin(t[i], SYS_futex, rig->data, FUTEX_WAIT_PRIVATE, 0, 0));
    assert_true(sched_is_valid(rig->system));
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 2), 2);
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 2), 1);
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 2), 0);
    for (int i = 0; i < THREADS; i++) {
        finish(rig, t[i]);
        assert_int_equal(result(t[i]), 0);
    }
}

static void deadlines_come_in_their_order(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    const int order[THREADS] = {1, 2, 0};
    take_off(rig, t);
    for (int i = 0; i < THREADS; i++) {
        struct rig_timespec time = {0, (order[i] + 1) * INT64_C(15000000)};
        rig_put(rig, rig->data + 64, &time, sizeof time);
        assert_false(
            i < 2 ? begin(t[i], SYS_nanosleep, rig->data + 64, 0, 0, 0)
                  : begin(t[i], SYS_futex, rig->data, FUTEX_WAIT_PRIVATE, 0, rig->data + 64));
    }
    finish(rig, t[2]);
    assert_int_equal(result(t[2]), -ETIMEDOUT);
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 1), 0);
    assert_ptr_equal(sched_next(rig->system), t[2]); /* ready again, and before the sleepers */
    finish(rig, t[0]);
    assert_ptr_equal(sched_next(rig->system), t[0]);
    finish(rig, t[1]);
    assert_int_equal(result(t[0]) | result(t[1]), 0);
}

/* Timed out, then woken before it ran: the wake is not lost on it. */
static void a_late_wake_counts(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    struct rig_timespec time = {0, 1000000};
    take_off(rig, t);
    rig_put(rig, rig->data + 64, &time, sizeof time);
    assert_false(begin(t[0], SYS_futex, rig->data, FUTEX_WAIT_PRIVATE, 0, rig->data + 64));
    assert_ptr_equal(sched_next(rig->system), t[0]);
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 1), 1);
    assert_true(sched_call(t[0]));
    assert_int_equal(result(t[0]), 0);
}

static void a_signal_ends_a_wait(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    take_off(rig, t);
    struct signal_action action = {.handler = 0x1000}, old;
    signal_change_action(rig->task, SIGUSR1, &action, &old);
    for (int i = 0; i < 2; i++)
        assert_false(begin(t[i], SYS_futex, rig->data, FUTEX_WAIT_PRIVATE, 0, 0));
    signal_send_task(t[1], SIGUSR1, SI_TKILL, 1);
    finish(rig, t[1]);
    assert_int_equal(t[1]->restart_result, -ERESTARTSYS);
    assert_int_equal(rig_call(rig, SYS_futex, rig->data, FUTEX_WAKE_PRIVATE, 9), 1);
}

static void descriptors_wake_and_stay_open(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    int ends[2];
    take_off(rig, t);
    assert_int_equal(rig_call(rig, SYS_pipe2, rig->data + 64, 0), 0);
    rig_get(rig, ends, rig->data + 64, sizeof ends);
    assert_false(begin(t[0], SYS_read, (uint64_t)ends[0], rig->data + 128, 10, 0));
    assert_int_equal(rig_call(rig, SYS_close, (uint64_t)ends[0]), 0);
    assert_int_equal(rig_open(rig, "/dev/null", O_RDONLY), ends[0]); /* the number is free */
    rig_string(rig, 256, "word");
    assert_int_equal(rig_call(rig, SYS_write, (uint64_t)ends[1], rig->data + 256, 4), 4);
    finish(rig, t[0]);
    assert_int_equal(result(t[0]), 4);
    assert_int_equal(rig_call(rig, SYS_write, (uint64_t)ends[1], rig->data + 256, 4), -EPIPE);
    assert_true(fd_table_is_valid(rig->process->fds));
}

/* Calls in progress come to their own end when the process does. */
static void the_end_takes_all(void **state)
{
    struct rig *rig = *state;
    struct task *t[THREADS];
    struct rig_timespec time = {100, 0};
    uint32_t tid = 5;
    take_off(rig, t);
    rig_put(rig, rig->data + 64, &time, sizeof time);
    rig_put(rig, rig->data + 128, &tid, sizeof tid);
    t[0]->clear_child_tid = vaddr(rig->data + 128);
    assert_false(begin(t[0], SYS_futex, rig->data, FUTEX_WAIT_PRIVATE, 0, rig->data + 64));
    assert_false(begin(t[1], SYS_futex, rig->data + 128, FUTEX_WAIT, 5, 0));
    task_exit(t[0], 3);
    process_reap(rig->system);
    rig_get(rig, &tid, rig->data + 128, sizeof tid);
    assert_int_equal(tid, 0);
    finish(rig, t[1]); /* it was told */
    assert_int_equal(result(t[1]), 0);
    assert_false(begin(t[2], SYS_nanosleep, rig->data + 64, 0, 0, 0));
    task_exit_others(rig->task);
    assert_int_equal(rig->process->ntasks, 1);
    assert_true(sched_is_valid(rig->system));
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RIG(the_woken_are_ready_in_order),
        IN_RIG(deadlines_come_in_their_order),
        IN_RIG(a_late_wake_counts),
        IN_RIG(a_signal_ends_a_wait),
        IN_RIG(descriptors_wake_and_stay_open),
        IN_RIG(the_end_takes_all),
    };
    signal(SIGPIPE, SIG_IGN); /* as hostsig_start() does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
