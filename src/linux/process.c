// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of processes and tasks: made by spawn, marked by exit, reaped by the run loop. Marking
 * and reaping are apart because a call that kills its own process still stands on its memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/uaccess.h"
#include "linux/exec.h"
#include "linux/futex_table.h"
#include "linux/hostsig.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/timer.h"
#include "machine/machine.h"

enum {
    INIT_PID = 1,       /* the parent, and session, of what the user starts */
    FD_GUEST_FIRST = 3, /* host descriptors of guests lie from here up */
    TIMER_SLACK_NS = 50000,
    THREADS_MAX = 30000, /* of a process, as kernel.threads-max would have it */
};

/* ---- looking up ---- */

struct process *process_find(const struct linux_system *system, int pid)
{
    for (struct process *process = system->processes; process; process = process->next)
        if (process->pid == pid && !process->exited)
            return process;
    return NULL;
}

struct task *task_find(const struct linux_system *system, int tid)
{
    for (struct task *task = system->tasks; task; task = task->next)
        if (task->tid == tid && !task->exiting)
            return task;
    return NULL;
}

uint64_t process_rss_peak(const struct process *process)
{
    uint64_t now = process->space ? process->space->rss_peak : 0;
    return now > process->rss_peak ? now : process->rss_peak;
}

void process_set_limit(struct process *process, unsigned resource, uint64_t cur, uint64_t max)
{
    CHECK(resource < RLIM_NLIMITS);
    process->limits[resource].cur = cur;
    process->limits[resource].max = max;
    struct space *space = process->space;
    if (!space)
        return;
    switch (resource) {
    case RLIMIT_AS:
        space->limit_as = cur;
        break;
    case RLIMIT_DATA:
        space->limit_data = cur;
        break;
    case RLIMIT_STACK:
        space->limit_stack = cur;
        break;
    case RLIMIT_MEMLOCK:
        space->limit_memlock = cur;
        break;
    }
}

/* ---- making ---- */

static struct task *task_start(struct process *process, int tid, struct cpu *cpu)
{
    struct task *task = x_calloc(1, sizeof *task);
    task->process = process;
    task->tid = tid;
    task->cpu = cpu;
    task->timer_slack_ns = TIMER_SLACK_NS;
    struct task **end = &process->system->tasks;
    while (*end)
        end = &(*end)->next;
    *end = task;
    process->ntasks++;
    sched_add(task);
    return task;
}

int task_create(struct process *process, int tid, struct task **out)
{
    struct cpu *cpu;
    int rc = cpu_create(process->system->machine, &cpu);
    if (rc == 0)
        *out = task_start(process, tid, cpu);
    return rc;
}

int task_create_thread(struct task *task, struct task **out)
{
    struct process *process = task->process;
    struct linux_system *system = process->system;
    struct cpu *cpu;
    if (process->ntasks >= THREADS_MAX)
        return -EAGAIN;
    int rc = cpu_clone(task->cpu, &cpu);
    if (rc < 0)
        return rc;
    struct task *thread = task_start(process, system->next_pid++, cpu);
    memcpy(thread->comm, task->comm, sizeof thread->comm);
    thread->signals.mask = task->signals.mask;
    thread->fs_base = task->fs_base;
    thread->timer_slack_ns = task->timer_slack_ns;
    *out = thread;
    return 0;
}

/* Gives the guest a copy of a host descriptor at the same number. */
static int inherit_fd(struct fd_table *fds, int number, uint64_t limit)
{
    int flags = fcntl(number, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC))
        return 0;
    int host = fcntl(number, F_DUPFD_CLOEXEC, FD_GUEST_FIRST);
    if (host < 0)
        return -errno;
    int rc = fd_install_at(fds, host, number, limit, false);
    return rc < 0 ? rc : 0;
}

/* As exec would: whatever is open and not close-on-exec. pagewalk's own descriptors all are. */
static int inherit_fds(struct process *process)
{
    uint64_t limit = process->limits[RLIMIT_NOFILE].cur;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        int rc = 0;
        for (int fd = 0; fd <= 2 && rc == 0; fd++)
            rc = inherit_fd(process->fds, fd, limit);
        return rc;
    }
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            rc = inherit_fd(process->fds, atoi(entry->d_name), limit);
    closedir(dir);
    return rc;
}

static void inherit_limits(struct process *process)
{
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
        getrlimit((__rlimit_resource_t)i, &limit);
        process_set_limit(process, i, limit.rlim_cur, limit.rlim_max);
    }
}

static int inherit_cwd(struct process *process)
{
    process->cwd = getcwd(NULL, 0);
    process->cwd_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return !process->cwd || process->cwd_fd < 0 ? -errno : 0;
}

static void inherit_signals(struct process *process, struct task *task)
{
    sigbits_t ignored = hostsig_inherited_ignored(process->system);
    for (int signal = 1; signal <= SIGNALS; signal++)
        if (ignored & sigbit(signal))
            process->actions->action[signal - 1].handler = (uint64_t)(uintptr_t)SIG_IGN;
    task->signals.mask = hostsig_inherited_mask(process->system);
}

static void append_process(struct linux_system *system, struct process *process)
{
    struct process **end = &system->processes;
    while (*end)
        end = &(*end)->next;
    *end = process;
}

/* Everything but the image. On error the process is complete enough to be destroyed. */
static int process_fill(struct process *process, struct task **task)
{
    process->umask = umask(0);
    umask(process->umask);
    process->nice = getpriority(PRIO_PROCESS, 0);
    process->actions = signal_actions_create();
    inherit_limits(process);
    int rc = inherit_cwd(process);
    if (rc == 0)
        rc = fd_table_create(&process->fds);
    if (rc == 0)
        rc = inherit_fds(process);
    if (rc == 0)
        rc = task_create(process, process->pid, task);
    if (rc == 0)
        inherit_signals(process, *task);
    return rc;
}

static struct process *process_make(struct linux_system *system)
{
    struct process *process = x_calloc(1, sizeof *process);
    process->system = system;
    process->pid = process->pgid = system->next_pid++;
    process->ppid = process->sid = INIT_PID;
    process->cwd_fd = -1;
    process->start_ns = clock_monotonic(system);
    append_process(system, process);
    return process;
}

/* Takes a process that never ran off the list. */
static void process_undo(struct process *process)
{
    struct linux_system *system = process->system;
    process_exit(process, (struct process_exit){0});
    process_reap(system);
    struct process **at = &system->processes;
    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    system->next_pid--;
    process_destroy(process);
}

int process_spawn(struct linux_system *system, const char *path, char *const argv[],
                  char *const envp[], struct process **out)
{
    struct process *process = process_make(system);
    struct task *task = NULL;
    int rc = process_fill(process, &task);
    if (rc < 0)
        snprintf(system->message, sizeof system->message, "cannot make a process: %s",
                 strerror(-rc));
    else
        rc = exec_load(task, path, argv, envp);
    if (rc < 0) {
        process_undo(process);
        return rc;
    }
    *out = process;
    return 0;
}

/* ---- ending ---- */

void process_exit(struct process *process, struct process_exit how)
{
    if (process->exited)
        return;
    struct linux_system *system = process->system;
    process->exited = true;
    process->exit = how;
    for (struct task *task = system->tasks; task; task = task->next)
        if (task->process == process)
            task->exiting = true;
    system->must_reap = true;
}

/* Tells a joining thread, which waits for the word to become 0. */
static void clear_child_tid(struct task *task)
{
    uint32_t zero = 0;
    uint64_t addr = task->clear_child_tid.v;
    bool is_seen = !task->process->exited || task->process->space->refs > 1;
    if (addr == 0 || !is_seen)
        return;
    if (uaccess_write(task->process->space, vaddr(addr), &zero, sizeof zero) == 0)
        futex_wake(task, addr, 1);
}

/* What a task that ends owes to those who share its memory. */
static void leave_memory(struct task *task)
{
    struct machine *machine = task->process->system->machine;
    struct counters *was = machine->now;
    if (!task->process->space)
        return;
    machine->now = &task->process->counters;
    futex_task_ends(task);
    clear_child_tid(task);
    machine->now = was;
}

static bool is_last_task(const struct task *task)
{
    for (const struct task *other = task->process->system->tasks; other; other = other->next)
        if (other != task && other->process == task->process && !other->exiting)
            return false;
    return true;
}

/* The process ends with the status of its first task, whoever is the last. */
void task_exit(struct task *task, int status)
{
    struct process *process = task->process;
    if (task->tid == process->pid)
        process->leader_status = status & 0xff;
    task->exiting = true;
    process->system->must_reap = true;
    if (is_last_task(task))
        process_exit(process, (struct process_exit){.status = process->leader_status});
}

void task_exit_others(struct task *task)
{
    struct linux_system *system = task->process->system;
    for (struct task *other = system->tasks; other; other = other->next)
        if (other != task && other->process == task->process)
            other->exiting = true;
    process_reap(system);
}

/* A call in progress is told that the task ends, and comes to its own end. */
static void finish_call(struct task *task)
{
    struct machine *machine = task->process->system->machine;
    struct counters *was = machine->now;
    machine->now = &task->process->counters;
    while (task->fiber)
        sched_call(task);
    machine->now = was;
}

static void task_destroy(struct task *task)
{
    sched_remove(task);
    signal_queue_clear(&task->signals.pending);
    cpu_destroy(task->cpu);
    free(task);
}

/* Gives memory, descriptors and the like back; exit, counters and names stay for the summary. */
static void process_release(struct process *process)
{
    struct machine *machine = process->system->machine;
    struct counters *was = machine->now;
    machine->now = &process->counters;
    process->rss_peak = process_rss_peak(process);
    if (process->space)
        space_put(process->space);
    process->space = NULL;
    machine->now = was;
    if (process->fds)
        fd_table_put(process->fds);
    process->fds = NULL;
    if (process->cwd_fd >= 0)
        close(process->cwd_fd);
    process->cwd_fd = -1;
    if (process->actions)
        signal_actions_put(process->actions);
    process->actions = NULL;
    signal_queue_clear(&process->pending);
    timers_destroy(process);
}

void process_reap(struct linux_system *system)
{
    for (struct task *task = system->tasks; task; task = task->next)
        if (task->exiting)
            finish_call(task);
    for (struct task *task = system->tasks; task; task = task->next)
        if (task->exiting)
            leave_memory(task);
    struct task **at = &system->tasks;
    while (*at) {
        struct task *task = *at;
        if (!task->exiting) {
            at = &task->next;
            continue;
        }
        *at = task->next;
        if (system->current == task)
            system->current = NULL;
        task->process->ntasks--;
        task_destroy(task);
    }
    for (struct process *process = system->processes; process; process = process->next)
        if (process->exited && process->ntasks == 0 && process->actions)
            process_release(process);
    system->must_reap = false;
    sched_signal(system); /* what an ended task was to take is for another now */
}

void process_destroy(struct process *process)
{
    CHECK(process->exited && process->ntasks == 0 && !process->space);
    for (size_t i = 0; process->argv && process->argv[i]; i++)
        free(process->argv[i]);
    free(process->argv);
    free(process->cwd);
    free(process->exe);
    free(process->cmdline);
    free(process->environ);
    free(process);
}
