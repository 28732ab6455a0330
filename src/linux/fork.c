// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Making a process out of a process: what the two share, what the child gets a copy of, and what it
 * does not inherit (fork(2), clone(2)).
 */
#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/family.h"
#include "linux/pid.h"
#include "linux/process.h"

enum { PROCESSES_MAX = 30000 /* at once; each has an address space, of which there are 65,535 */ };

static char *copy_bytes(const char *bytes, size_t len)
{
    char *copy = x_malloc(len + 1);
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

static char **copy_strings(char *const *strings)
{
    size_t n = 0;
    while (strings && strings[n])
        n++;
    char **copy = x_calloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = x_strdup(strings[i]);
    return copy;
}

/* What /proc tells of the program. */
static void copy_program(const struct process *from, struct process *to)
{
    to->exe = from->exe ? x_strdup(from->exe) : NULL;
    to->argv = copy_strings(from->argv);
    to->cmdline_len = from->cmdline_len;
    to->cmdline = copy_bytes(from->cmdline, from->cmdline_len);
    to->environ_len = from->environ_len;
    to->environ = copy_bytes(from->environ, from->environ_len);
    memcpy(to->auxv, from->auxv, sizeof to->auxv);
    to->auxv_words = from->auxv_words;
    to->stack_top = from->stack_top;
    to->start_code = from->start_code;
    to->end_code = from->end_code;
    to->start_data = from->start_data;
    to->end_data = from->end_data;
    to->arg_start = from->arg_start;
    to->arg_end = from->arg_end;
    to->env_start = from->env_start;
    to->env_end = from->env_end;
}

static void copy_settings(const struct process *from, struct process *to)
{
    to->pgid = from->pgid;
    to->sid = from->sid;
    to->undumpable = from->undumpable;
    to->no_new_privs = from->no_new_privs;
    to->nice = from->nice;
    to->oom_score_adj = from->oom_score_adj;
    to->personality = from->personality;
    memcpy(to->limits, from->limits, sizeof to->limits);
}

static void place_in_family(struct task *task, uint64_t flags, int exit_signal,
                            struct process *child)
{
    struct process *maker = task->process;
    child->made_by = maker->pid;
    child->exit_signal = flags & CLONE_PARENT ? maker->exit_signal : exit_signal;
    if (flags & CLONE_PARENT)
        family_join(child, maker->parent, maker->parent_tid);
    else
        family_join(child, maker, task->tid);
}

static void share_or_copy_signals(const struct process *from, uint64_t flags, struct process *to)
{
    if (flags & CLONE_SIGHAND) {
        to->actions = from->actions;
        to->actions->refs++;
        return;
    }
    to->actions = signal_actions_copy(from->actions);
    if (flags & CLONE_CLEAR_SIGHAND)
        signal_actions_reset(to->actions);
}

static int share_or_copy(const struct process *from, uint64_t flags, struct process *to)
{
    int rc = 0;
    share_or_copy_signals(from, flags, to);
    to->fs = flags & CLONE_FS ? fs_state_get(from->fs) : fs_state_copy(from->fs);
    if (flags & CLONE_FILES)
        to->fds = fd_table_get(from->fds);
    else
        rc = fd_table_copy(from->fds, &to->fds);
    if (rc == 0 && flags & CLONE_VM)
        to->space = space_get(from->space);
    else if (rc == 0)
        rc = space_fork(from->space, &to->space);
    return rc;
}

static int copy_task(struct task *task, uint64_t flags, struct process *child)
{
    struct task *copy;
    int rc = task_create_copy(child, task, child->pid, &copy);
    /* A new stack makes no sense of the old alternate one, unless the parent waits meanwhile. */
    if (rc < 0 || ((flags & CLONE_VM) && !(flags & CLONE_VFORK)))
        return rc;
    copy->signals.altstack_base = task->signals.altstack_base;
    copy->signals.altstack_len = task->signals.altstack_len;
    copy->signals.altstack_flags = task->signals.altstack_flags;
    return 0;
}

int process_unshare_fds(struct process *process)
{
    struct fd_table *own;
    int rc = fd_table_is_shared(process->fds) ? fd_table_copy(process->fds, &own) : 1;
    if (rc != 0)
        return rc < 0 ? rc : 0;
    fd_table_put(process->fds);
    process->fds = own;
    return 0;
}

static bool is_too_many(const struct process *process)
{
    const struct linux_system *system = process->system;
    return system->nlive >= PROCESSES_MAX ||
           (system->ntasks >= process->limits[RLIMIT_NPROC].cur && geteuid() != 0);
}

int process_fork(struct task *task, uint64_t flags, int exit_signal, struct process **out)
{
    struct process *process = task->process;
    if (is_too_many(process))
        return -EAGAIN;
    struct process *child = process_make(process->system, pid_take(process->system));
    copy_settings(process, child);
    copy_program(process, child);
    place_in_family(task, flags, exit_signal, child);
    int rc = share_or_copy(process, flags, child);
    if (rc == 0)
        rc = copy_task(task, flags, child);
    if (rc < 0) {
        process_undo(child);
        return rc;
    }
    *out = child;
    return 0;
}
