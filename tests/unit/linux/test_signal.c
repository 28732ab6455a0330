// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signal queues, masks and timers on a system without a CPU: what is queued, in which order it is
 * taken, what is dropped, and when timers of virtual time expire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "linux/hostsig.h"
#include "linux/pid.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/timer.h"

#define MS UINT64_C(1000000)

/* One process with two threads; time is virtual and moves only when told. */
struct world {
    struct linux_system system;
    struct process process;
    struct task first, second;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    w->system.clock.is_virtual = true;
    w->process.tasks = &w->first;
    radix_create(&w->system.pids);
    radix_create(&w->system.tids);
    w->system.current = &w->first;
    w->process.system = &w->system;
    w->process.pid = w->first.tid = 1000;
    w->process.actions = signal_actions_create();
    w->process.limits[RLIMIT_SIGPENDING].cur = 3;
    w->first.process = w->second.process = &w->process;
    w->second.tid = 1001;
    w->first.next = &w->second;
    pid_add_task(&w->first);
    pid_add_task(&w->second);
    assert_int_equal(hostsig_create(&w->system), 0);
    sched_create(&w->system);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    timers_destroy(&w->process);
    signal_queue_clear(&w->process.pending);
    signal_queue_clear(&w->first.signals.pending);
    signal_queue_clear(&w->second.signals.pending);
    signal_actions_put(w->process.actions);
    radix_destroy(&w->system.pids);
    radix_destroy(&w->system.tids);
    sched_destroy(&w->system);
    hostsig_destroy(&w->system);
    free(w);
    return 0;
}

static int take(struct task *task, siginfo_t *info)
{
    struct signal_info bytes;
    int signal = signal_take(task, ~task->signals.mask, &bytes);
    memcpy(info, &bytes, sizeof *info);
    return signal;
}

static void set_action(struct world *w, int signal, uint64_t handler)
{
    struct signal_action new = {.handler = handler}, old;
    signal_change_action(&w->first, signal, &new, &old);
}

static void standard_signals_do_not_queue(void **state)
{
    struct world *w = *state;
    siginfo_t info;
    signal_send_process(&w->process, SIGUSR1, SI_USER, 7);
    signal_send_process(&w->process, SIGUSR1, SI_USER, 8);
    assert_true(signal_is_pending(&w->first));
    assert_false(signal_is_pending(&w->second)); /* one thread takes it: the oldest that wants it */
    assert_int_equal(take(&w->first, &info), SIGUSR1);
    assert_int_equal(info.si_pid, 7);
    assert_int_equal(info.si_code, SI_USER);
    assert_int_equal(take(&w->first, &info), 0);
    assert_false(signal_is_pending(&w->first));
}

static void a_process_signal_is_for_the_oldest_that_wants_it(void **state)
{
    struct world *w = *state;
    signal_set_mask(&w->first, sigbit(SIGUSR1));
    signal_send_process(&w->process, SIGUSR1, SI_USER, 7);
    assert_false(signal_is_pending(&w->first));
    assert_true(signal_is_pending(&w->second));
    w->first.signals.wait_set = sigbit(SIGUSR1); /* sigwait: blocked, but wanted */
    assert_true(signal_is_pending(&w->first));
    assert_false(signal_is_pending(&w->second));
    w->process.exited = true;
    assert_true(signal_is_pending(&w->second));
}

static void realtime_signals_queue_in_order(void **state)
{
    struct world *w = *state;
    siginfo_t info = {.si_code = SI_QUEUE};
    for (int i = 0; i < 3; i++) {
        info.si_value.sival_int = i;
        assert_int_equal(signal_send_info(&w->process, NULL, SIGRTMIN, &info), 0);
    }
    assert_int_equal(signal_send_info(&w->process, NULL, SIGRTMIN, &info), -EAGAIN);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(&w->second, &info), SIGRTMIN);
        assert_int_equal(info.si_value.sival_int, i);
    }
    assert_int_equal(take(&w->second, &info), 0);
}

static void synchronous_signals_come_first(void **state)
{
    struct world *w = *state;
    siginfo_t info;
    signal_send_task(&w->first, SIGHUP, SI_USER, 1);
    signal_send_task(&w->first, SIGTERM, SI_USER, 1);
    signal_force_fault(&w->first, SIGSEGV, SEGV_MAPERR, 0x1234);
    assert_int_equal(take(&w->first, &info), SIGSEGV);
    assert_int_equal(info.si_code, SEGV_MAPERR);
    assert_ptr_equal(info.si_addr, (void *)0x1234);
    assert_int_equal(take(&w->first, &info), SIGHUP);
    assert_int_equal(take(&w->first, &info), SIGTERM);
    assert_int_equal(take(&w->second, &info), 0); /* they were the first thread's alone */
}

static void ignored_signals_are_dropped_unless_blocked(void **state)
{
    struct world *w = *state;
    siginfo_t info;
    signal_send_process(&w->process, SIGWINCH, SI_KERNEL, 0); /* ignored by default */
    set_action(w, SIGUSR1, (uint64_t)(uintptr_t)SIG_IGN);
    signal_send_process(&w->process, SIGUSR1, SI_USER, 1);
    assert_false(signal_is_pending(&w->first));
    signal_set_mask(&w->first, sigbit(SIGUSR1));
    signal_set_mask(&w->second, sigbit(SIGUSR1));
    signal_send_process(&w->process, SIGUSR1, SI_USER, 1);
    assert_false(signal_is_pending(&w->first)); /* pending, but blocked */
    assert_int_equal(w->process.pending.pending, sigbit(SIGUSR1));
    set_action(w, SIGUSR1, (uint64_t)(uintptr_t)SIG_IGN); /* drops it */
    assert_int_equal(w->process.pending.pending, 0);
    assert_int_equal(take(&w->first, &info), 0);
}

static void masks_never_hold_kill_and_stop(void **state)
{
    struct world *w = *state;
    signal_set_mask(&w->first, ~(sigbits_t)0);
    assert_int_equal(w->first.signals.mask, ~(sigbit(SIGKILL) | sigbit(SIGSTOP)));
    signal_send_process(&w->process, SIGKILL, SI_USER, 1);
    assert_true(signal_is_pending(&w->first));
}

static void a_waited_for_signal_interrupts_though_blocked(void **state)
{
    struct world *w = *state;
    signal_set_mask(&w->first, sigbit(SIGCHLD));
    signal_set_mask(&w->second, sigbit(SIGCHLD));
    signal_send_process(&w->process, SIGCHLD, SI_USER, 1);
    assert_false(signal_is_pending(&w->first));
    w->first.signals.wait_set = sigbit(SIGCHLD);
    assert_true(signal_is_pending(&w->first));
}

static void continue_and_stop_cancel_each_other(void **state)
{
    struct world *w = *state;
    set_action(w, SIGCONT, 0x1000);
    signal_send_process(&w->process, SIGTSTP, SI_USER, 1);
    signal_send_task(&w->second, SIGTTIN, SI_USER, 1);
    signal_send_process(&w->process, SIGCONT, SI_USER, 1);
    assert_int_equal(w->process.pending.pending, sigbit(SIGCONT));
    assert_int_equal(w->second.signals.pending.pending, 0);
    signal_send_process(&w->process, SIGSTOP, SI_USER, 1);
    assert_int_equal(w->process.pending.pending, sigbit(SIGSTOP));
}

static void a_blocked_fault_loses_its_handler(void **state)
{
    struct world *w = *state;
    set_action(w, SIGSEGV, 0x1000);
    signal_set_mask(&w->first, sigbit(SIGSEGV));
    signal_force_fault(&w->first, SIGSEGV, SEGV_ACCERR, 0);
    assert_true(signal_is_pending(&w->first));
    assert_int_equal(w->process.actions->action[SIGSEGV - 1].handler, 0);
    set_action(w, SIGBUS, 0x1000);
    signal_force_fault(&w->first, SIGBUS, BUS_ADRERR, 0); /* not blocked: keeps it */
    assert_int_equal(w->process.actions->action[SIGBUS - 1].handler, 0x1000);
}

static void exec_keeps_only_ignoring(void **state)
{
    struct world *w = *state;
    set_action(w, SIGINT, (uint64_t)(uintptr_t)SIG_IGN);
    set_action(w, SIGTERM, 0x1000);
    signal_actions_reset(w->process.actions);
    assert_int_equal(w->process.actions->action[SIGINT - 1].handler, 1);
    assert_int_equal(w->process.actions->action[SIGTERM - 1].handler, 0);
}

/* ---- timers ---- */

static void advance(struct world *w, uint64_t ns)
{
    clock_sleep_until(&w->system, clock_monotonic(&w->system) + ns);
    timers_run(&w->process);
}

static void itimer_expires_and_repeats(void **state)
{
    struct world *w = *state;
    struct timer_setting setting = {.value = 10 * MS, .interval = 3 * MS}, old;
    siginfo_t info;
    uint64_t start = clock_monotonic(&w->system);
    timer_set_itimer(&w->process, ITIMER_REAL, &setting, &old);
    assert_int_equal(old.value, 0);
    assert_int_equal(timers_next(&w->system), start + 10 * MS);
    advance(w, 10 * MS - 1);
    assert_int_equal(take(&w->first, &info), 0);
    timer_get_itimer(&w->process, ITIMER_REAL, &setting);
    assert_int_equal(setting.value, 1);
    advance(w, 1);
    assert_int_equal(take(&w->first, &info), SIGALRM);
    assert_int_equal(info.si_code, SI_KERNEL);
    assert_int_equal(timers_next(&w->system), start + 13 * MS);
    advance(w, 10 * MS); /* three periods late: one signal, no drift */
    assert_int_equal(take(&w->first, &info), SIGALRM);
    assert_int_equal(take(&w->first, &info), 0);
    assert_int_equal(timers_next(&w->system), start + 22 * MS);
    setting = (struct timer_setting){0};
    timer_set_itimer(&w->process, ITIMER_REAL, &setting, &old);
    assert_int_equal(old.value, 2 * MS);
    assert_int_equal(timers_next(&w->system), TIMER_NEVER);
}

static void cpu_timers_count_instructions(void **state)
{
    struct world *w = *state;
    struct timer_setting setting = {.value = 5 * MS}, old;
    siginfo_t info;
    timer_set_itimer(&w->process, ITIMER_VIRTUAL, &setting, &old);
    timer_set_itimer(&w->process, ITIMER_PROF, &setting, &old);
    advance(w, 100 * MS); /* sleeping is not running */
    assert_int_equal(take(&w->first, &info), 0);
    w->process.counters.instructions = 5 * MS;
    timers_run(&w->process);
    assert_int_equal(take(&w->first, &info), SIGVTALRM);
    assert_int_equal(take(&w->first, &info), SIGPROF);
}

static void posix_timer_counts_overruns(void **state)
{
    struct world *w = *state;
    struct timer_notify notify = {
        .method = SIGEV_SIGNAL, .signal = SIGRTMIN, .value = 0x1122334455667788};
    struct timer_setting setting = {.value = 2 * MS, .interval = 2 * MS}, old;
    siginfo_t info;
    int id = timer_create_posix(&w->process, CLOCK_MONOTONIC, &notify);
    assert_true(id >= 0);
    assert_int_equal(timer_set_posix(&w->process, id, false, &setting, &old), 0);
    advance(w, 7 * MS); /* 3 expiries */
    advance(w, 2 * MS); /* one more, while the signal is pending */
    assert_int_equal(take(&w->first, &info), SIGRTMIN);
    assert_int_equal(info.si_code, SI_TIMER);
    assert_int_equal(info.si_timerid, id);
    assert_int_equal(info.si_overrun, 3);
    assert_ptr_equal(info.si_value.sival_ptr, (void *)0x1122334455667788);
    assert_int_equal(timer_overrun_posix(&w->process, id), 3);
    assert_int_equal(take(&w->first, &info), 0);
    assert_int_equal(timer_delete_posix(&w->process, id), 0);
    assert_int_equal(timer_delete_posix(&w->process, id), -EINVAL);
    assert_int_equal(timer_get_posix(&w->process, id, &old), -EINVAL);
}

static void posix_timer_to_a_thread_and_absolute(void **state)
{
    struct world *w = *state;
    struct timer_notify notify = {.method = SIGEV_THREAD_ID, .signal = SIGUSR2, .tid = 1001};
    struct timer_setting setting, old;
    siginfo_t info;
    uint64_t now;
    int id = timer_create_posix(&w->process, CLOCK_REALTIME, &notify);
    assert_int_equal(clock_now(&w->system, CLOCK_REALTIME, &now), 0);
    setting = (struct timer_setting){.value = now + 4 * MS};
    assert_int_equal(timer_set_posix(&w->process, id, true, &setting, &old), 0);
    advance(w, 4 * MS);
    assert_int_equal(take(&w->first, &info), 0);
    assert_int_equal(take(&w->second, &info), SIGUSR2);
    setting.value = 1; /* long past: expires at once */
    assert_int_equal(timer_set_posix(&w->process, id, true, &setting, &old), 0);
    advance(w, 1);
    assert_int_equal(take(&w->second, &info), SIGUSR2);
    assert_int_equal(timer_create_posix(&w->process, 12345, &notify), -EINVAL);
    timers_exec(&w->process);
    assert_int_equal(timer_get_posix(&w->process, id, &old), -EINVAL);
}

static void sleeping_jumps_over_virtual_time(void **state)
{
    struct world *w = *state;
    struct timer_setting setting = {.value = 5 * MS}, old;
    uint64_t start = clock_monotonic(&w->system);
    assert_int_equal(hostsig_sleep(&w->first, start + 3600 * 1000 * MS), 0); /* an hour */
    assert_int_equal(clock_monotonic(&w->system), start + 3600 * 1000 * MS);
    start = clock_monotonic(&w->system);
    timer_set_itimer(&w->process, ITIMER_REAL, &setting, &old);
    assert_int_equal(hostsig_sleep(&w->first, TIMER_NEVER), -ERESTARTSYS); /* the timer wakes */
    assert_int_equal(clock_monotonic(&w->system), start + 5 * MS);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(standard_signals_do_not_queue),
        IN_WORLD(a_process_signal_is_for_the_oldest_that_wants_it),
        IN_WORLD(realtime_signals_queue_in_order),
        IN_WORLD(synchronous_signals_come_first),
        IN_WORLD(ignored_signals_are_dropped_unless_blocked),
        IN_WORLD(masks_never_hold_kill_and_stop),
        IN_WORLD(a_waited_for_signal_interrupts_though_blocked),
        IN_WORLD(continue_and_stop_cancel_each_other),
        IN_WORLD(a_blocked_fault_loses_its_handler),
        IN_WORLD(exec_keeps_only_ignoring),
        IN_WORLD(itimer_expires_and_repeats),
        IN_WORLD(cpu_timers_count_instructions),
        IN_WORLD(posix_timer_counts_overruns),
        IN_WORLD(posix_timer_to_a_thread_and_absolute),
        IN_WORLD(sleeping_jumps_over_virtual_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
