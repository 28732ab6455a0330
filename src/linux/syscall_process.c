// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls about the process itself: execve, exit, its family and groups, thread pointers,
 * prctl. Making processes and threads is syscall_clone.c's, waiting for them syscall_wait.c's.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/exec.h"
#include "linux/job.h"
#include "linux/path.h"
#include "linux/process.h"
#include "linux/stack.h"
#include "linux/syscall_calls.h"
#include "linux/tracee.h"
#include "linux/user.h"

enum { ROBUST_LIST_LEN = 24 /* sizeof(struct robust_list_head) */ };

/* Total length of argument and environment strings that is worth reading at all. */
#define EXEC_STRINGS_MAX ((uint64_t)8 << 20)

/* ---- execve ---- */

static void strings_free(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

static int read_string(struct task *task, uint64_t addr, uint64_t *total, char **out)
{
    char *buffer = x_malloc(STACK_STRING_MAX);
    int64_t len = uaccess_read_string(task->process->space, buffer, vaddr(addr), STACK_STRING_MAX);
    int rc = len == -ENAMETOOLONG ? -E2BIG : (int)(len < 0 ? len : 0);
    if (rc == 0) {
        *total += (uint64_t)len + 1 + sizeof addr;
        *out = x_realloc(buffer, (size_t)len + 1);
        return *total > EXEC_STRINGS_MAX ? -E2BIG : 0;
    }
    free(buffer);
    return rc;
}

/* The guest's NULL-terminated vector of strings; address 0 is an empty one. On error *out holds
 * what was read so far. */
static int read_strings(struct task *task, uint64_t addr, uint64_t *total, char ***out)
{
    size_t n = 0, room = 64;
    *out = x_calloc(room, sizeof **out);
    if (addr == 0)
        return 0;
    for (;; addr += sizeof(uint64_t)) {
        uint64_t string;
        if (user_read(task, &string, addr, sizeof string) < 0)
            return -EFAULT;
        if (string == 0)
            return 0;
        if (n + 2 > room) {
            room *= 2;
            *out = x_realloc(*out, room * sizeof **out);
        }
        (*out)[n + 1] = NULL;
        int rc = read_string(task, string, total, &(*out)[n]);
        if (rc < 0)
            return rc;
        n++;
    }
}

/* What the program is called when it was named by a descriptor: as Linux does, /dev/fd/N. */
static void name_of(int dirfd, const char *path, char *name, size_t size)
{
    if (dirfd == AT_FDCWD || path[0] == '/')
        snprintf(name, size, "%s", path);
    else if (path[0] == '\0')
        snprintf(name, size, "/dev/fd/%d", dirfd);
    else
        snprintf(name, size, "/dev/fd/%d/%s", dirfd, path);
}

static int exec_path(struct task *task, int dirfd, const char *path, int flags, char *const argv[],
                     char *const envp[])
{
    char name[PATH_MAX + 32];
    name_of(dirfd, path, name, sizeof name);
    return exec_load_at(task, dirfd, path, flags, name, argv, envp);
}

static int64_t exec_from(struct task *task, int dirfd, uint64_t path_addr, uint64_t argv_addr,
                         uint64_t envp_addr, int flags)
{
    char path[PATH_MAX];
    int rc = path_read(task, path_addr, path);
    if (rc < 0)
        return rc;
    char **argv = NULL, **envp = NULL;
    uint64_t total = 0;
    int tid = task->tid;
    rc = read_strings(task, argv_addr, &total, &argv);
    if (rc == 0)
        rc = read_strings(task, envp_addr, &total, &envp);
    if (rc == 0)
        rc = exec_path(task, dirfd, path, flags, argv, envp);
    strings_free(argv);
    strings_free(envp);
    if (rc == 0)
        tracee_exec(task, tid);
    return rc == 0 ? SYSCALL_REGS_SET : rc;
}

int64_t sys_execve(struct task *task, const uint64_t args[6])
{
    return exec_from(task, AT_FDCWD, args[0], args[1], args[2], 0);
}

int64_t sys_execveat(struct task *task, const uint64_t args[6])
{
    int flags = (int)args[4];
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    return exec_from(task, (int)args[0], args[1], args[2], args[3], flags);
}

/* ---- exit ---- */

int64_t sys_exit(struct task *task, const uint64_t args[6])
{
    tracee_event(task, PTRACE_EVENT_EXIT, (uint64_t)((int)args[0] & 0xff) << 8);
    task_exit(task, (int)args[0]);
    return SYSCALL_REGS_SET;
}

int64_t sys_exit_group(struct task *task, const uint64_t args[6])
{
    tracee_event(task, PTRACE_EVENT_EXIT, (uint64_t)((int)args[0] & 0xff) << 8);
    process_exit(task->process, (struct process_exit){.status = (int)args[0] & 0xff});
    return SYSCALL_REGS_SET;
}

/* ---- family and groups ---- */

int64_t sys_getpid(struct task *task, const uint64_t args[6])
{
    return task->process->pid;
}

int64_t sys_gettid(struct task *task, const uint64_t args[6])
{
    return task->tid;
}

int64_t sys_getppid(struct task *task, const uint64_t args[6])
{
    return process_ppid(task->process);
}

int64_t sys_getpgrp(struct task *task, const uint64_t args[6])
{
    return task->process->pgid;
}

/* By the number of any of its threads; 0 is the caller. */
static struct process *process_of(struct task *task, int pid)
{
    if (pid == 0)
        return task->process;
    struct process *process = process_find(task->process->system, pid);
    const struct task *thread = process ? NULL : task_find(task->process->system, pid);
    return thread ? thread->process : process;
}

int64_t sys_getpgid(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] == INIT_PID)
        return INIT_PID;
    const struct process *process = process_of(task, (int)args[0]);
    return process ? process->pgid : -ESRCH;
}

int64_t sys_getsid(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] == INIT_PID)
        return INIT_PID;
    const struct process *process = process_of(task, (int)args[0]);
    return process ? process->sid : -ESRCH;
}

static int check_member(const struct process *self, const struct process *process)
{
    if (!process || (process != self && process->parent != self))
        return -ESRCH;
    if (process->sid != self->sid || process->sid == process->pid)
        return -EPERM;
    return process != self && process->has_execed ? -EACCES : 0;
}

int64_t sys_setpgid(struct task *task, const uint64_t args[6])
{
    struct process *self = task->process;
    struct process *process = args[0] == 0 ? self : process_find(self->system, (int)args[0]);
    int pgid = (int)args[1];
    if (pgid < 0)
        return -EINVAL;
    int rc = check_member(self, process);
    if (rc < 0)
        return rc;
    if (pgid == 0)
        pgid = process->pid;
    if (pgid != process->pid && !job_group_exists(self->system, pgid, self->sid))
        return -EPERM;
    process->pgid = pgid;
    return 0;
}

int64_t sys_setsid(struct task *task, const uint64_t args[6])
{
    struct process *process = task->process;
    for (const struct process *other = process->system->processes; other; other = other->next)
        if (other->pgid == process->pid)
            return -EPERM;
    process->sid = process->pgid = process->pid;
    return process->sid;
}

/* ---- thread ---- */

int64_t sys_set_tid_address(struct task *task, const uint64_t args[6])
{
    task->clear_child_tid = vaddr(args[0]);
    return task->tid;
}

int64_t sys_set_robust_list(struct task *task, const uint64_t args[6])
{
    if (args[1] != ROBUST_LIST_LEN)
        return -EINVAL;
    task->robust_list = vaddr(args[0]);
    task->robust_list_len = args[1];
    return 0;
}

int64_t sys_get_robust_list(struct task *task, const uint64_t args[6])
{
    const struct task *of = args[0] == 0 ? task : task_find(task->process->system, (int)args[0]);
    uint64_t len = ROBUST_LIST_LEN;
    if (!of)
        return -ESRCH;
    if (user_write(task, args[2], &len, sizeof len) < 0)
        return -EFAULT;
    return user_write(task, args[1], &of->robust_list.v, sizeof of->robust_list.v);
}

int64_t sys_rseq(struct task *task, const uint64_t args[6])
{
    return -ENOSYS; /* as on a kernel without it; glibc goes on without */
}

int64_t sys_arch_prctl(struct task *task, const uint64_t args[6])
{
    struct cpu_regs regs;
    uint64_t value = args[1];
    switch ((int)args[0]) {
    case ARCH_SET_FS:
        if (value >= SPACE_END)
            return -EPERM;
        task->fs_base = value;
        cpu_set_fs_base(task->cpu, value);
        return 0;
    case ARCH_SET_GS:
        if (value >= SPACE_END)
            return -EPERM;
        cpu_set_gs_base(task->cpu, value);
        return 0;
    case ARCH_GET_FS:
        cpu_get_regs(task->cpu, &regs);
        return user_write(task, value, &regs.fs_base, sizeof regs.fs_base);
    case ARCH_GET_GS:
        cpu_get_regs(task->cpu, &regs);
        return user_write(task, value, &regs.gs_base, sizeof regs.gs_base);
    case ARCH_GET_CPUID:
        return 1;
    default:
        return -EINVAL;
    }
}

int64_t sys_personality(struct task *task, const uint64_t args[6])
{
    uint32_t old = task->process->personality;
    if ((uint32_t)args[0] != 0xffffffff)
        task->process->personality = (uint32_t)args[0];
    return old;
}

int64_t sys_restart_syscall(struct task *task, const uint64_t args[6])
{
    int64_t (*fn)(struct task *, const uint64_t[6]) = task->restart_fn;
    task->restart_fn = NULL;
    return fn ? fn(task, task->restart_args) : -EINTR;
}

/* ---- prctl ---- */

static int set_name(struct task *task, uint64_t addr)
{
    char name[TASK_COMM_LEN];
    int64_t len = uaccess_read_string(task->process->space, name, vaddr(addr), sizeof name);
    if (len == -ENAMETOOLONG)
        name[sizeof name - 1] = '\0';
    else if (len < 0)
        return (int)len;
    memset(task->comm, 0, sizeof task->comm);
    snprintf(task->comm, sizeof task->comm, "%s", name);
    return 0;
}

static int64_t set_flag(bool *flag, uint64_t value)
{
    if (value > 1)
        return -EINVAL;
    *flag = value;
    return 0;
}

static int write_int(struct task *task, uint64_t addr, int value)
{
    return user_write(task, addr, &value, sizeof value);
}

/* What belongs to the process. */
static int64_t prctl_process(struct task *task, const uint64_t args[6])
{
    struct process *process = task->process;
    switch ((int)args[0]) {
    case PR_SET_DUMPABLE:
        process->undumpable = args[1] == 0;
        return args[1] > 1 ? -EINVAL : 0;
    case PR_GET_DUMPABLE:
        return !process->undumpable;
    case PR_SET_NO_NEW_PRIVS:
        process->no_new_privs |= args[1] == 1;
        return args[1] != 1 || args[2] || args[3] || args[4] ? -EINVAL : 0;
    case PR_GET_NO_NEW_PRIVS:
        return process->no_new_privs;
    case PR_SET_THP_DISABLE:
        if (args[2] || args[3] || args[4])
            return -EINVAL;
        return set_flag(&process->space->no_large_pages, args[1] != 0);
    case PR_GET_THP_DISABLE:
        if (args[1] || args[2] || args[3] || args[4])
            return -EINVAL;
        return process->space->no_large_pages;
    case PR_SET_CHILD_SUBREAPER:
        return set_flag(&process->child_subreaper, args[1] != 0);
    case PR_GET_CHILD_SUBREAPER:
        return write_int(task, args[1], process->child_subreaper);
    default:
        return -EINVAL;
    }
}

int64_t sys_prctl(struct task *task, const uint64_t args[6])
{
    switch ((int)args[0]) {
    case PR_SET_NAME:
        return set_name(task, args[1]);
    case PR_GET_NAME:
        return user_write(task, args[1], task->comm, sizeof task->comm);
    case PR_SET_PDEATHSIG:
        if (args[1] > SIGNALS)
            return -EINVAL;
        task->pdeath_signal = (int)args[1];
        return 0;
    case PR_GET_PDEATHSIG:
        return write_int(task, args[1], task->pdeath_signal);
    case PR_SET_TIMERSLACK:
        task->timer_slack_ns = args[1] ? args[1] : 50000;
        return 0;
    case PR_GET_TIMERSLACK:
        return (int64_t)task->timer_slack_ns;
    case PR_GET_TSC:
        return write_int(task, args[1], PR_TSC_ENABLE);
    case PR_SET_TSC:
        return args[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_TID_ADDRESS:
        return user_write(task, args[1], &task->clear_child_tid.v, sizeof task->clear_child_tid.v);
    case PR_GET_SECCOMP:
    case PR_GET_KEEPCAPS:
    case PR_GET_SECUREBITS:
        return 0;
    case PR_CAPBSET_READ:
        return args[1] <= caps_last() ? (int)(task->caps.bounding >> args[1] & 1) : -EINVAL;
    case PR_CAPBSET_DROP:
        return caps_drop_bounding(&task->caps, args[1]);
    default:
        return prctl_process(task, args);
    }
}
