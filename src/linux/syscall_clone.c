// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fork, vfork, clone and clone3(2): decoding, what Linux refuses, and what is done to a new thread
 * or process before it runs. The making is process.c's and fork.c's.
 */
#include <errno.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <signal.h>

#include "linux/pidfd.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/timer.h"
#include "linux/tracee.h"
#include "linux/user.h"

enum {
    CLONE_ARGS_LEN_MIN = 64, /* CLONE_ARGS_SIZE_VER0 */
    SIGNAL_MASK = 0xff,      /* CSIGNAL: clone(2)'s flags begin with a signal */
    SET_TID_MAX = 32,        /* MAX_PID_NS_LEVEL */
};

/* The kernel's struct clone_args. */
struct guest_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

#define CLONE_LEGACY_FLAGS 0xffffffffu
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
/* What makes a thread of the caller's process that shares all there is to share. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)

/* Combinations that Linux refuses, whatever is made (copy_process() in kernel/fork.c). */
static int check_flags(uint64_t flags)
{
    if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
        return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD)))
        return -EINVAL;
    if (flags & CLONE_INTO_CGROUP)
        return -EOPNOTSUPP; /* the guest's machine has no groups of control */
    return flags & NAMESPACES ? -EPERM : 0;
}

/* Writes where the thread's number is asked for; as Linux, whether that works or not. */
static void tell_tid(struct task *task, uint64_t flags, uint64_t flag, uint64_t addr, int tid)
{
    if (flags & flag)
        user_write(task, addr, &tid, sizeof tid);
}

/* Where the new task begins, and who hears its number. */
static void set_up(struct task *task, struct task *new, const struct guest_clone_args *args)
{
    uint64_t flags = args->flags;
    struct cpu_regs regs;
    cpu_get_regs(new->cpu, &regs);
    regs.rax = 0;
    if (args->stack) {
        regs.rsp = args->stack + args->stack_size;
        cpu_forget_calls(new->cpu);
    }
    if (flags & CLONE_SETTLS)
        regs.fs_base = new->fs_base = args->tls;
    cpu_set_regs(new->cpu, &regs);
    if (flags & CLONE_CHILD_CLEARTID)
        new->clear_child_tid = vaddr(args->child_tid);
    tell_tid(task, flags, CLONE_PARENT_SETTID, args->parent_tid, new->tid);
    tell_tid(new, flags, CLONE_CHILD_SETTID, args->child_tid, new->tid);
}

static void wait_until_over(struct process *child, const struct vfork_wait *vfork)
{
    int rc = 0;
    while (!vfork->is_over && rc >= 0) {
        struct task_wait wait = {.deadline_ns = TIMER_NEVER, .is_killable_only = true};
        rc = sched_wait(vfork->task, &wait);
    }
    if (!vfork->is_over)
        child->vfork = NULL;
}

static void lend_space(struct process *child, struct vfork_wait *vfork, int event)
{
    uint64_t pid = (uint64_t)child->pid; /* it may be gone in a moment */
    child->vfork = vfork;
    tracee_event(vfork->task, event, pid);
    wait_until_over(child, vfork);
    tracee_event(vfork->task, PTRACE_EVENT_VFORK_DONE, pid);
}

/* The child has borrowed our space: nothing but SIGKILL ends the wait. */
static void wait_for_vfork(struct task *task, struct process *child, int event)
{
    struct vfork_wait vfork = {.task = task};
    lend_space(child, &vfork, event);
}

/* A pidfd is made first: it can fail, and a process cannot be taken back once others know it. */
static int give_pidfd(struct task *task, struct process *child, uint64_t addr)
{
    int fd = pidfd_install(task, child, 0);
    if (fd >= 0 && user_write(task, addr, &fd, sizeof fd) < 0) {
        fd_close(task->process->fds, fd);
        return -EFAULT;
    }
    return fd < 0 ? fd : 0;
}

static int64_t make_thread(struct task *task, const struct guest_clone_args *args)
{
    struct task *thread;
    int rc = task_create_thread(task, &thread);
    if (rc < 0)
        return rc;
    set_up(task, thread, args);
    int tid = thread->tid, event = tracee_new_task(task, thread, args->flags, 0);
    tracee_event(task, event, (uint64_t)tid);
    return tid;
}

static int64_t make_process(struct task *task, const struct guest_clone_args *args)
{
    struct process *child;
    int rc = process_fork(task, args->flags, (int)args->exit_signal, &child);
    if (rc < 0)
        return rc;
    if (args->flags & CLONE_PIDFD)
        rc = give_pidfd(task, child, args->pidfd);
    if (rc < 0) {
        process_undo(child);
        return rc;
    }
    int pid = child->pid;
    set_up(task, child->tasks, args);
    int event = tracee_new_task(task, child->tasks, args->flags, (int)args->exit_signal);
    if (args->flags & CLONE_VFORK)
        wait_for_vfork(task, child, event);
    else
        tracee_event(task, event, (uint64_t)pid);
    return pid;
}

static int64_t make(struct task *task, const struct guest_clone_args *args)
{
    int rc = check_flags(args->flags);
    if (rc < 0)
        return rc;
    if ((args->flags & CLONE_SETTLS) && args->tls >= SPACE_END)
        return -EPERM;
    if (!(args->flags & CLONE_THREAD))
        return make_process(task, args);
    /* A thread that did not share all of these would be a process of its own here. */
    if ((args->flags & THREAD_FLAGS) != THREAD_FLAGS || (args->flags & CLONE_VFORK))
        return -ENOSYS;
    return make_thread(task, args);
}

int64_t sys_fork(struct task *task, const uint64_t args[6])
{
    return make(task, &(struct guest_clone_args){.exit_signal = SIGCHLD});
}

int64_t sys_vfork(struct task *task, const uint64_t args[6])
{
    return make(
        task, &(struct guest_clone_args){.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

int64_t sys_clone(struct task *task, const uint64_t args[6])
{
    struct guest_clone_args clone = {
        .flags = args[0] & CLONE_LEGACY_FLAGS & ~(uint64_t)SIGNAL_MASK,
        .exit_signal = args[0] & SIGNAL_MASK,
        .stack = args[1],
        .parent_tid = args[2],
        .pidfd = args[2],
        .child_tid = args[3],
        .tls = args[4],
    };
    if ((clone.flags & CLONE_PIDFD) && (clone.flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    return make(task, &clone);
}

/* Bytes beyond the structure that is known here must be 0. */
static int read_clone_args(struct task *task, uint64_t addr, uint64_t len,
                           struct guest_clone_args *out)
{
    uint8_t rest[PAGE_SIZE];
    size_t known = len < sizeof *out ? len : sizeof *out;
    if (len > PAGE_SIZE)
        return -E2BIG;
    if (len < CLONE_ARGS_LEN_MIN)
        return -EINVAL;
    *out = (struct guest_clone_args){0};
    if (user_read(task, out, addr, known) < 0 ||
        user_read(task, rest, addr + known, len - known) < 0)
        return -EFAULT;
    for (size_t i = 0; i < len - known; i++)
        if (rest[i])
            return -E2BIG;
    return 0;
}

static int check_clone_args(const struct guest_clone_args *args)
{
    const uint64_t known = CLONE_LEGACY_FLAGS | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
    if (args->flags & ~known || args->flags & (CLONE_DETACHED | (SIGNAL_MASK & ~CLONE_NEWTIME)))
        return -EINVAL;
    if ((args->flags & CLONE_SIGHAND) && (args->flags & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if (args->exit_signal & ~(uint64_t)SIGNAL_MASK || args->exit_signal > SIGNALS)
        return -EINVAL;
    if ((args->flags & (CLONE_THREAD | CLONE_PARENT)) && args->exit_signal)
        return -EINVAL;
    if (args->set_tid_size > SET_TID_MAX || !args->set_tid != !args->set_tid_size)
        return -EINVAL;
    if (args->set_tid)
        return -EPERM;
    if (!args->stack)
        return args->stack_size ? -EINVAL : 0;
    bool is_inside = args->stack < SPACE_END && args->stack_size <= SPACE_END - args->stack;
    return args->stack_size && is_inside ? 0 : -EINVAL;
}

int64_t sys_clone3(struct task *task, const uint64_t args[6])
{
    struct guest_clone_args clone;
    int rc = read_clone_args(task, args[0], args[1], &clone);
    if (rc == 0)
        rc = check_clone_args(&clone);
    return rc < 0 ? rc : make(task, &clone);
}
