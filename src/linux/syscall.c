// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dispatch of system calls: the table made from syscall_table.def, the one place where a result
 * becomes a register value, and what happens to calls that nobody implements. It does not know what
 * any call does.
 */
#include <errno.h>
#include <inttypes.h>

#include "linux/strace.h"
#include "linux/syscall.h"
#include "linux/syscall_calls.h"
#include "linux/tracee.h"
#include "linux/userfault.h"
#include "machine/machine.h"

static int64_t call_denied(struct task *task, const uint64_t args[6])
{
    return -EPERM;
}

#define CALL(number, name, format) [number] = {#name, sys_##name, format},
#define NAMED(number, name) [number] = {#name, NULL, NULL},
#define DENIED(number, name) [number] = {#name, call_denied, NULL},
static const struct syscall_entry table[SYSCALL_NUMBERS] = {
#include "linux/syscall_table.def"
};
#undef CALL
#undef NAMED
#undef DENIED

static const struct syscall_entry no_entry;

const struct syscall_entry *syscall_entry(uint64_t number)
{
    return number < SYSCALL_NUMBERS ? &table[number] : &no_entry;
}

/* Numbers beyond the table are counted together in its last place, which no call has. */
static int64_t call_unknown(struct task *task, uint64_t number)
{
    struct linux_system *system = task->process->system;
    system->unknown_calls[number < SYSCALL_NUMBERS ? number : SYSCALL_NUMBERS - 1]++;
    if (system->options.strict) {
        const char *name = syscall_entry(number)->name;
        snprintf(system->message, sizeof system->message,
                 "process %d made system call %" PRIu64
                 " (%s), which is not implemented (--strict)",
                 task->process->pid, number, name ? name : "unknown");
        linux_note(system, "%s", system->message);
        process_exit(task->process, (struct process_exit){.signal = SIGSYS});
    }
    return -ENOSYS;
}

/* Once more if it ran into a page that another program has to supply first. */
static int64_t make_call(struct task *task, const struct syscall_entry *entry,
                         const uint64_t args[6])
{
    struct space *space = task->process->space;
    int64_t result;
    do {
        if (space)
            space->wanted = vaddr(0);
        result = entry->fn(task, args);
    } while (result == -EFAULT && userfault_wait_in_call(task));
    return result;
}

static void set_result(struct task *task, uint64_t number, int64_t result)
{
    task->restart_result = -result >= ERESTARTSYS && -result <= ERESTART_RESTARTBLOCK ? result : 0;
    task->restart_number = number;
    cpu_set_result(task->cpu, (uint64_t)result);
}

void syscall_dispatch(struct task *task)
{
    struct process *process = task->process;
    struct linux_system *system = process->system;
    uint64_t number = cpu_syscall_number(task->cpu);
    uint64_t args[6];
    if (!tracee_enter_call(task, &number))
        return;
    cpu_syscall_args(task->cpu, args);
    system->machine->now->syscalls++;

    const struct syscall_entry *entry = syscall_entry(number);
    struct strace_line line;
    if (system->options.strace)
        strace_enter(&line, task, number, args);
    int64_t result = entry->fn ? make_call(task, entry, args) : call_unknown(task, number);
    if (system->options.strace)
        strace_leave(&line, task, result);
    if (process->exited)
        return;
    if (result != SYSCALL_REGS_SET)
        set_result(task, number, result);
    tracee_leave_call(task);
}
