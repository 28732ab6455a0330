// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The loop that everything runs in: pick a task, let the CPU run it, act on the reason it stopped,
 * deliver signals on the way back. Each case calls one verb of another file; none is handled here.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "kernel/collapse.h"
#include "kernel/fault.h"
#include "kernel/reclaim.h"
#include "linux/hostsig.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/timer.h"
#include "linux/tracee.h"
#include "linux/userfault.h"
#include "machine/machine.h"
#include "machine/pte.h"

/* Page faults that an instruction has without help: its code and two operands, each across a
 * border, are six pages. */
enum { FAULTS_ALONE = 8 };

/* ---- page faults ---- */

static enum mmu_access access_of(uint32_t error)
{
    if (error & PF_FETCH)
        return MMU_FETCH;
    return error & PF_WRITE ? MMU_STORE : MMU_LOAD;
}

/* An instruction needs a few pages at once. A policy that evicts one of them for each other one
 * that it brings in would keep it from ever being done. */
static void count_in_row(struct task *task, vaddr_t va)
{
    if (++task->faults_in_row > FAULTS_ALONE)
        reclaim_keep(task->process->space, va);
}

/* The next page fault will be another instruction's. */
static void end_row(struct task *task)
{
    if (task->faults_in_row > FAULTS_ALONE)
        reclaim_keep_none(task->process->system->kernel);
    task->faults_in_row = 0;
}

static void handle_fault(struct task *task, const struct cpu_exit *why)
{
    enum fault_result result = fault_handle(task->process->space, why->addr, access_of(why->error));
    if (result == FAULT_DONE) {
        count_in_row(task, why->addr);
        return;
    }
    end_row(task);
    if (result == FAULT_WANTED) {
        userfault_stop_program(task, why->addr, access_of(why->error) == MMU_STORE);
        return;
    }
    /* Linux hides whether the kernel's half is mapped. */
    uint32_t error = why->error | PF_USER | (why->addr.v >= SPACE_END ? PF_PRESENT : 0);
    task->fault = (struct cpu_fault_record){.trapno = 14, .error = error, .cr2 = why->addr.v};
    switch (result) {
    case FAULT_SEGV_MAPERR:
        signal_force_fault(task, SIGSEGV, SEGV_MAPERR, why->addr.v);
        break;
    case FAULT_SEGV_ACCERR:
        signal_force_fault(task, SIGSEGV, SEGV_ACCERR, why->addr.v);
        break;
    case FAULT_BUS_ADRERR:
        signal_force_fault(task, SIGBUS, BUS_ADRERR, why->addr.v);
        break;
    case FAULT_BUS_OBJERR:
        signal_force_fault(task, SIGBUS, BUS_OBJERR, why->addr.v);
        break;
    case FAULT_OOM: /* it was chosen to end, or nobody may be killed (oom.c) */
        process_exit(task->process, (struct process_exit){.signal = SIGKILL});
        break;
    case FAULT_DONE:
    case FAULT_WANTED:
        break;
    }
}

/* ---- one task ---- */

static void handle_exit(struct task *task, const struct cpu_exit *why)
{
    switch (why->kind) {
    case CPU_EXIT_FAULT:
        handle_fault(task, why);
        break;
    case CPU_EXIT_SYSCALL:
        sched_call(task);
        return;
    case CPU_EXIT_TRAP:
        signal_force_trap(task, why);
        break;
    case CPU_EXIT_KICKED:
    case CPU_EXIT_QUANTUM:
        break;
    }
    tracee_left_program(task);
}

static void report_trouble(struct linux_system *system)
{
    if (system->kernel->trouble[0] == '\0')
        return;
    linux_note(system, "%s", system->kernel->trouble);
    system->kernel->trouble[0] = '\0';
}

/* On the way back to the guest, unless the task waits in a call. */
static void before_return(struct task *task)
{
    struct linux_system *system = task->process->system;
    hostsig_collect(system);
    report_trouble(system);
    if (!task->fiber && !task->exiting &&
        (task->restart_result != 0 || task->signals.has_saved_mask || signal_is_pending(task)))
        signal_deliver(task);
}

/* At most this many instructions until a timer of virtual time is due. */
static uint64_t until_timer(const struct linux_system *system, uint64_t budget)
{
    if (!system->clock.is_virtual)
        return budget;
    uint64_t next = timers_next(system), now = clock_monotonic(system);
    if (next == TIMER_NEVER || next - now >= budget)
        return budget;
    return next > now ? next - now : 1;
}

/* What a system call takes of a turn, in instructions: a task that does little else would keep the
 * others waiting for a long time. */
enum { CALL_COST = 1000 };

/* Runs the task once, until the CPU has a reason. Result: what that took of its turn. */
static uint64_t run_once(struct task *task, uint64_t budget)
{
    struct linux_system *system = task->process->system;
    struct cpu_exit why;
    uint64_t before = task->process->counters.instructions;
    cpu_run(task->cpu, task->process->space->table.root, until_timer(system, budget), &why);
    uint64_t ran = task->process->counters.instructions - before;
    task->instructions += ran;
    clock_ran(system, ran);
    if (ran > 0 || why.kind != CPU_EXIT_FAULT)
        end_row(task);
    handle_exit(task, &why);
    before_return(task);
    return ran + (why.kind == CPU_EXIT_SYSCALL ? CALL_COST : 0);
}

/* Instructions of a turn: in virtual time it is known when somebody else will be ready. */
static uint64_t turn_len(const struct linux_system *system)
{
    uint64_t len = system->options.quantum;
    if (!system->clock.is_virtual || sched_deadline(system) == TIMER_NEVER)
        return len;
    uint64_t now = clock_monotonic(system), next = sched_deadline(system);
    uint64_t until = next > now ? next - now : 1;
    return until < len ? until : len;
}

static bool can_go_on(const struct task *task)
{
    return !task->exiting && !task->fiber && !task->yields && !task_is_stopped(task);
}

static void run_slice(struct linux_system *system, struct task *task)
{
    uint64_t left = turn_len(system), before = task->instructions;
    system->current = task;
    system->machine->now = &task->process->counters;
    task->yields = false;
    if (task->fiber)
        sched_call(task);
    before_return(task); /* it may also have been stopped in the middle of this */
    while (left > 0 && can_go_on(task)) {
        uint64_t ran = run_once(task, left);
        left -= ran < left ? ran : left;
    }
    end_row(task);
    collapse_tick(system->kernel, task->instructions - before);
    system->machine->now = &system->machine->idle;
}

/* ---- all tasks ---- */

static uint64_t host_now(void)
{
    struct timespec ts = {0};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * CLOCK_NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void show_progress(struct linux_system *system)
{
    if (!system->progress)
        return;
    uint64_t now = host_now();
    if (system->progress_next == 0)
        system->progress_next = now + system->progress_every;
    if (now < system->progress_next)
        return;
    system->progress_next = now + system->progress_every;
    system->progress(system->progress_arg);
}

/* What is looked at only now and then. */
static void end_slice(struct linux_system *system)
{
    clock_charge(system);
    timers_run_all(system);
    show_progress(system);
}

/* A replacement policy of the user's may do what it may not, or no good at all; what is counted
 * then means nothing. Result: 0, or -EPROTO and system->message. */
static int check_policy(struct linux_system *system)
{
    const char *failure = policy_failure(&system->kernel->policy);
    if (!failure)
        return 0;
    snprintf(system->message, sizeof(system->message), "%s", failure);
    return -EPROTO;
}

int linux_run(struct linux_system *system)
{
    int error = 0;
    hostsig_start(system);
    while (system->ntasks > 0 && !error) {
        struct task *task = sched_next(system);
        run_slice(system, task);
        end_slice(system);
        error = check_policy(system);
        sched_put(task);
        process_reap(system);
    }
    hostsig_stop(system);
    return error;
}
