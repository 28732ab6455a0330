// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How processes and tasks come into being: the first one from what pagewalk was given (spawn), all
 * others from their parents (fork, clone). How they end is exit.c's.
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
#include "linux/pid.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/tty.h"
#include "machine/machine.h"

enum {
    FD_GUEST_FIRST = 3, /* host descriptors of guests lie from here up */
    TIMER_SLACK_NS = 50000,
    THREADS_MAX = 30000, /* of a process, as kernel.threads-max would have it */
};

/* ---- what others ask ---- */

int process_ppid(const struct process *process)
{
    return process->parent ? process->parent->pid : INIT_PID;
}

uint64_t process_rss_peak(const struct process *process)
{
    uint64_t now = process->space ? process->space->rss_peak : 0;
    return now > process->rss_peak ? now : process->rss_peak;
}

/* The limit is the host's, for its RAM: a process that may lock more than there is in the guest's
 * machine would be killed for a try that should fail. */
uint64_t process_lock_limit(const struct process *process)
{
    uint64_t most = process->system->kernel->frames.nframes / 4 * 3 * PAGE_SIZE;
    uint64_t limit = process->limits[RLIMIT_MEMLOCK].cur;
    return limit < most ? limit : most;
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
        space->limit_memlock = process_lock_limit(process);
        break;
    }
}

/* ---- making ---- */

static void add_task(struct process *process, struct task *task)
{
    task->prev = process->tasks_last;
    if (process->tasks_last)
        process->tasks_last->next = task;
    else
        process->tasks = task;
    process->tasks_last = task;
    process->ntasks++;
    process->system->ntasks++;
}

static struct task *task_start(struct process *process, int tid, struct cpu *cpu)
{
    struct task *task = x_calloc(1, sizeof *task);
    task->process = process;
    task->tid = tid;
    task->cpu = cpu;
    task->timer_slack_ns = TIMER_SLACK_NS;
    add_task(process, task);
    pid_add_task(task);
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

int task_create_copy(struct process *process, struct task *of, int tid, struct task **out)
{
    struct cpu *cpu;
    int rc = cpu_clone(of->cpu, &cpu);
    if (rc < 0)
        return rc;
    struct task *task = task_start(process, tid, cpu);
    memcpy(task->comm, of->comm, sizeof task->comm);
    task->signals.mask = of->signals.mask;
    task->caps = of->caps;
    task->fs_base = of->fs_base;
    task->timer_slack_ns = of->timer_slack_ns;
    *out = task;
    return 0;
}

int task_create_thread(struct task *task, struct task **out)
{
    struct process *process = task->process;
    if (process->ntasks >= THREADS_MAX)
        return -EAGAIN;
    return task_create_copy(process, task, pid_take(process->system), out);
}

static const struct guard *guard_of(const struct process *process)
{
    return &process->system->options.guard;
}

/* Gives the guest a copy of a host descriptor at the same number. */
static int inherit_fd(struct process *process, int number)
{
    int flags = fcntl(number, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) || !guard_admits(guard_of(process), number))
        return 0;
    int host = fcntl(number, F_DUPFD_CLOEXEC, FD_GUEST_FIRST);
    if (host < 0)
        return -errno;
    int rc = fd_install_at(process->fds, host, number, process->limits[RLIMIT_NOFILE].cur, false);
    return rc < 0 ? rc : 0;
}

/* As exec would: whatever is open and not close-on-exec. pagewalk's own descriptors all are. */
static int inherit_fds(struct process *process)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        int rc = 0;
        for (int fd = 0; fd <= 2 && rc == 0; fd++)
            rc = inherit_fd(process, fd);
        return rc;
    }
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            rc = inherit_fd(process, atoi(entry->d_name));
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

static int inherit_cwd(struct process *process, unsigned mask)
{
    char *path = getcwd(NULL, 0);
    int host = path ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = host < 0 ? -errno : 0;
    if (rc == 0)
        process->fs = fs_state_create(host, path, mask);
    free(path);
    return rc;
}

/* As chroot(1): with a root of its own, a guest begins there. */
static int inherit_fs(struct process *process)
{
    unsigned mask = umask(0);
    umask(mask);
    if (!guard_of(process)->has_root)
        return inherit_cwd(process, mask);
    int host = fd_dup_host(guard_of(process)->root);
    if (host < 0)
        return host;
    process->fs = fs_state_create(host, "/", mask);
    return 0;
}

static void inherit_signals(struct process *process, struct task *task)
{
    sigbits_t ignored = hostsig_inherited_ignored(process->system);
    for (int signal = 1; signal <= SIGNALS; signal++)
        if (ignored & sigbit(signal))
            process->actions->action[signal - 1].handler = (uint64_t)(uintptr_t)SIG_IGN;
    task->signals.mask = hostsig_inherited_mask(process->system);
}

/* Everything but the image. On error the process is complete enough to be destroyed. */
static int process_fill(struct process *process, struct task **task)
{
    process->nice = getpriority(PRIO_PROCESS, 0);
    process->actions = signal_actions_create();
    inherit_limits(process);
    int rc = inherit_fs(process);
    if (rc == 0)
        rc = fd_table_create(&process->fds);
    if (rc == 0)
        rc = inherit_fds(process);
    if (rc == 0)
        rc = task_create(process, process->pid, task);
    if (rc == 0) {
        inherit_signals(process, *task);
        caps_of_host(&(*task)->caps);
    }
    return rc;
}

static void append_process(struct process *process)
{
    struct linux_system *system = process->system;
    process->prev = system->processes_last;
    if (system->processes_last)
        system->processes_last->next = process;
    else
        system->processes = process;
    system->processes_last = process;
    if (system->records_last)
        system->records_last->record_next = process;
    else
        system->records = process;
    system->records_last = process;
}

struct process *process_make(struct linux_system *system, int pid)
{
    struct process *process = x_calloc(1, sizeof *process);
    process->system = system;
    process->pid = pid;
    process->start_ns = clock_monotonic(system);
    append_process(process);
    pid_add_process(process);
    system->nprocesses++;
    system->nlive++;
    return process;
}

static struct process *make_first(struct linux_system *system)
{
    struct process *process = process_make(system, pid_take(system));
    process->pgid = process->pid;
    process->sid = process->made_by = INIT_PID;
    process->exit_signal = SIGCHLD;
    tty_create(system, process->pgid);
    return process;
}

int process_spawn(struct linux_system *system, const char *path, char *const argv[],
                  char *const envp[], struct process **out)
{
    struct process *process = make_first(system);
    struct task *task = NULL;
    int rc = process_fill(process, &task);
    if (rc < 0)
        snprintf(system->message, sizeof system->message, "cannot make a process: %s",
                 strerror(-rc));
    else
        rc = exec_load(task, path, argv, envp);
    if (rc < 0) {
        process_undo(process);
        system->next_pid--;
        return rc;
    }
    *out = process;
    return 0;
}
