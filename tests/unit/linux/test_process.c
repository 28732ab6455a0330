// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Families of processes without a CPU: numbers, who is whose child, what becomes of those that end
 * (zombies, orphans, records, folded ones), and what descriptors and settings a child shares.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/sched.h>
#include <sys/wait.h>

#include "guest_rig.h"
#include "linux/family.h"
#include "linux/job.h"
#include "linux/wait.h"

enum { RECORDS = 1000 /* RECORDS_MAX of exit.c */ };

static struct process *make_child(struct process *parent, uint64_t flags)
{
    struct process *child;
    assert_int_equal(process_fork(parent->tasks, flags, SIGCHLD, &child), 0);
    return child;
}

static void end(struct process *process, int status)
{
    process_exit(process, (struct process_exit){.status = status});
    process_reap(process->system);
}

/* Result: what wait_for_child() gives; *report is set if it is 1. */
static int wait_now(struct process *parent, int pid, struct wait_report *report)
{
    struct wait_request request = {pid ? P_PID : P_ALL, pid, WEXITED | WSTOPPED | WNOHANG};
    return wait_for_child(parent->tasks, &request, report);
}

static void a_child_is_a_copy(void **state)
{
    struct rig *rig = *state;
    struct process *parent = rig->process, *child = make_child(parent, 0);
    assert_ptr_equal(child->parent, parent);
    assert_int_equal(child->pid, parent->pid + 1);
    assert_int_equal(child->pgid, parent->pgid);
    assert_ptr_not_equal(child->space, parent->space);
    assert_ptr_not_equal(child->fds, parent->fds);
    assert_ptr_not_equal(child->fs, parent->fs);
    assert_ptr_equal(child->fs->cwd, parent->fs->cwd);
    assert_ptr_not_equal(child->actions, parent->actions);
    assert_string_equal(child->tasks->comm, "true");
    assert_ptr_equal(process_find(rig->system, child->pid), child);
    assert_ptr_equal(task_find(rig->system, child->pid), child->tasks);
    assert_int_equal(rig->system->nlive, 2);
}

static void what_clone_shares(void **state)
{
    struct rig *rig = *state;
    struct process *parent = rig->process;
    uint64_t all = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
    struct process *child = make_child(parent, all);
    assert_ptr_equal(child->space, parent->space);
    assert_ptr_equal(child->fds, parent->fds);
    assert_ptr_equal(child->fs, parent->fs);
    assert_ptr_equal(child->actions, parent->actions);
    assert_int_equal(process_unshare_fds(child), 0);
    assert_ptr_not_equal(child->fds, parent->fds);
    end(child, 0); /* gives back its half of each */
    assert_true(fd_table_is_valid(parent->fds));
    assert_int_equal(parent->space->refs, 1);
    assert_int_equal(parent->actions->refs, 1);
    assert_int_equal(parent->fs->refs, 1);
}

static void a_zombie_waits_to_be_waited_for(void **state)
{
    struct rig *rig = *state;
    struct process *parent = rig->process, *child = make_child(parent, 0);
    struct wait_report report;
    int pid = child->pid;
    assert_int_equal(wait_now(parent, 0, &report), 0);
    end(child, 7);
    assert_true(child->is_zombie);
    assert_null(child->space);
    assert_ptr_equal(process_find(rig->system, pid), child);
    assert_null(task_find(rig->system, pid));
    assert_int_equal(wait_now(parent, pid, &report), 1);
    assert_int_equal(report.pid, pid);
    assert_int_equal(report.code, CLD_EXITED);
    assert_int_equal(report.status, 7);
    assert_null(process_find(rig->system, pid));
    assert_int_equal(wait_now(parent, 0, &report), -ECHILD);
    assert_true(child->is_record); /* kept for the summary */
    assert_int_equal(child->exit.status, 7);
    assert_int_equal(rig->system->nlive, 1);
}

static void nobody_waits_for_what_is_ignored(void **state)
{
    struct rig *rig = *state;
    struct process *parent = rig->process;
    parent->actions->action[SIGCHLD - 1].handler = (uint64_t)(uintptr_t)SIG_IGN;
    struct process *child = make_child(parent, 0);
    end(child, 0);
    assert_true(child->is_record);
    assert_null(parent->children);
}

static void orphans_go_to_the_nearest_that_wants_them(void **state)
{
    struct rig *rig = *state;
    struct process *top = rig->process, *middle = make_child(top, 0);
    struct process *low = make_child(middle, 0), *orphan = make_child(low, 0);
    struct process *zombie = make_child(low, 0), *other = make_child(orphan, 0);
    struct wait_report report;
    end(zombie, 3);
    top->child_subreaper = true;
    end(low, 0);
    assert_ptr_equal(orphan->parent, top);
    assert_ptr_equal(zombie->parent, top);
    assert_int_equal(wait_now(top, zombie->pid, &report), 1);
    top->child_subreaper = false;
    end(orphan, 0); /* whose child is nobody's now */
    assert_null(other->parent);
    assert_int_equal(process_ppid(other), 1);
    end(other, 0);
    assert_true(other->is_record);
    assert_ptr_equal(low->parent, middle);
}

static void a_parents_death_is_told(void **state)
{
    struct rig *rig = *state;
    struct process *parent = make_child(rig->process, 0), *child = make_child(parent, 0);
    child->tasks->pdeath_signal = SIGUSR1;
    assert_false(signal_is_pending(child->tasks));
    end(parent, 0);
    assert_true(child->pending.pending & sigbit(SIGUSR1));
}

static void stops_are_reported_once(void **state)
{
    struct rig *rig = *state;
    struct process *parent = rig->process, *child = make_child(parent, 0);
    struct wait_report report;
    job_stop(child, SIGSTOP);
    assert_int_equal(rig->system->nstopped, 1);
    assert_int_equal(wait_now(parent, 0, &report), 1);
    assert_int_equal(report.code, CLD_STOPPED);
    assert_int_equal(wait_now(parent, 0, &report), 0);
    signal_send_process(child, SIGCONT, SI_USER, parent->pid);
    assert_int_equal(rig->system->nstopped, 0);
    assert_true(child->job.resume_untold);
    job_stop(child, SIGTSTP);
    signal_send_process(child, SIGKILL, SI_USER, parent->pid);
    assert_int_equal(child->job.stopped, 0);
    assert_false(child->job.resume_untold);
}

static void groups_and_their_orphans(void **state)
{
    struct rig *rig = *state;
    struct process *shell = make_child(rig->process, 0), *member = make_child(shell, 0);
    member->pgid = member->pid;
    assert_true(job_group_exists(rig->system, member->pid, shell->sid));
    assert_false(job_group_exists(rig->system, member->pid, 12345));
    assert_int_equal(job_session_of(rig->system, member->pid), shell->sid);
    assert_int_equal(job_session_of(rig->system, 12345), 0);
    assert_false(job_is_orphaned(rig->system, member->pid, NULL));
    assert_true(job_is_orphaned(rig->system, member->pid, shell));
    job_stop(member, SIGTSTP);
    end(shell, 0);
    assert_true(member->pending.pending & sigbit(SIGHUP));
    assert_int_equal(member->job.stopped, 0);
}

static void old_records_are_folded(void **state)
{
    struct rig *rig = *state;
    struct counters sum;
    struct wait_report report;
    uint64_t before;
    linux_totals(rig->system, &sum);
    before = sum.syscalls;
    for (int i = 0; i < RECORDS + 50; i++) {
        struct process *child = make_child(rig->process, 0);
        child->counters.syscalls = 3;
        end(child, 0);
        assert_int_equal(wait_now(rig->process, 0, &report), 1);
    }
    linux_totals(rig->system, &sum);
    assert_int_equal(sum.syscalls, before + 3 * (RECORDS + 50));
    assert_int_equal(rig->system->folded.count, 50);
    assert_int_equal(rig->system->folded.counters.syscalls, 150);
    assert_int_equal(rig->system->nended, RECORDS);
    assert_int_equal(rig->system->nprocesses, RECORDS + 51);
    assert_ptr_equal(rig->system->records, rig->process);
}

static void numbers_start_over(void **state)
{
    struct rig *rig = *state;
    rig->system->next_pid = (1 << 22) - 1;
    struct process *last = make_child(rig->process, 0), *first = make_child(rig->process, 0);
    assert_int_equal(last->pid, (1 << 22) - 1);
    assert_int_equal(first->pid, 300);
    rig->process->sid = 301; /* sessions keep their number */
    assert_int_equal(make_child(rig->process, 0)->pid, 302);
    rig->system->next_pid = rig->process->pid;
    assert_int_equal(make_child(rig->process, 0)->pid, rig->process->pid + 1);
}

static void a_limit_of_processes(void **state)
{
    struct rig *rig = *state;
    struct process *child;
    rig->process->limits[RLIMIT_NPROC].cur = 1;
    int rc = process_fork(rig->task, 0, SIGCHLD, &child);
    assert_int_equal(rc, geteuid() == 0 ? 0 : -EAGAIN); /* as Linux does, not for root */
}

#define IN_RIG(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_RIG(a_child_is_a_copy),
        IN_RIG(what_clone_shares),
        IN_RIG(a_zombie_waits_to_be_waited_for),
        IN_RIG(nobody_waits_for_what_is_ignored),
        IN_RIG(orphans_go_to_the_nearest_that_wants_them),
        IN_RIG(a_parents_death_is_told),
        IN_RIG(stops_are_reported_once),
        IN_RIG(groups_and_their_orphans),
        IN_RIG(old_records_are_folded),
        IN_RIG(numbers_start_over),
        IN_RIG(a_limit_of_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
