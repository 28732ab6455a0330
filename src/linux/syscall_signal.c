// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls about signals: actions, masks, waiting and sending. Pids and thread ids are guests'
 * only; no host process can be named, let alone signalled.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "linux/hostsig.h"
#include "linux/pidfd.h"
#include "linux/process.h"
#include "linux/signal_frame.h"
#include "linux/syscall_calls.h"
#include "linux/timer.h"
#include "linux/timespec.h"
#include "linux/user.h"

static bool is_signal(uint64_t signal)
{
    return signal >= 1 && signal <= SIGNALS;
}

int64_t sys_rt_sigaction(struct task *task, const uint64_t args[6])
{
    int signal = (int)args[0];
    struct signal_action new, old;
    if (args[3] != sizeof(sigbits_t) || !is_signal((uint64_t)signal))
        return -EINVAL;
    if (args[1] != 0 && (signal == SIGKILL || signal == SIGSTOP))
        return -EINVAL;
    if (args[1] != 0 && user_read(task, &new, args[1], sizeof new) < 0)
        return -EFAULT;
    signal_change_action(task, signal, args[1] ? &new : NULL, &old);
    if (args[2] != 0 && user_write(task, args[2], &old, sizeof old) < 0)
        return -EFAULT;
    return 0;
}

int64_t sys_rt_sigprocmask(struct task *task, const uint64_t args[6])
{
    sigbits_t old = task->signals.mask, set;
    if (args[3] != sizeof set)
        return -EINVAL;
    if (args[1] != 0) {
        if (user_read(task, &set, args[1], sizeof set) < 0)
            return -EFAULT;
        switch ((int)args[0]) {
        case SIG_BLOCK:
            set |= old;
            break;
        case SIG_UNBLOCK:
            set = old & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        signal_set_mask(task, set);
    }
    return args[2] != 0 ? user_write(task, args[2], &old, sizeof old) : 0;
}

int64_t sys_rt_sigpending(struct task *task, const uint64_t args[6])
{
    sigbits_t pending = task->process->pending.pending | task->signals.pending.pending;
    pending &= task->signals.mask;
    if (args[1] > sizeof pending)
        return -EINVAL;
    return user_write(task, args[0], &pending, args[1]);
}

int64_t sys_rt_sigsuspend(struct task *task, const uint64_t args[6])
{
    sigbits_t mask;
    if (args[1] != sizeof mask)
        return -EINVAL;
    if (user_read(task, &mask, args[0], sizeof mask) < 0)
        return -EFAULT;
    signal_set_mask_for_wait(task, mask);
    hostsig_sleep(task, TIMER_NEVER);
    return -ERESTARTNOHAND;
}

int64_t sys_pause(struct task *task, const uint64_t args[6])
{
    hostsig_sleep(task, TIMER_NEVER);
    return -ERESTARTNOHAND;
}

/* Waits for one of `set`. Result: the signal, -EAGAIN at the deadline, -EINTR. */
static int wait_for(struct task *task, sigbits_t set, uint64_t timeout_ns, struct signal_info *info)
{
    int signal = signal_take(task, set, info);
    if (signal != 0)
        return signal;
    if (timeout_ns == 0)
        return -EAGAIN;
    uint64_t now = clock_monotonic(task->process->system);
    uint64_t deadline = timeout_ns > TIMESPEC_NS_MAX - 1 ? TIMER_NEVER : now + timeout_ns;
    task->signals.wait_set = set;
    int rc = hostsig_sleep(task, deadline);
    task->signals.wait_set = 0;
    signal = signal_take(task, set, info);
    if (signal != 0)
        return signal;
    return rc == 0 ? -EAGAIN : -EINTR;
}

int64_t sys_rt_sigtimedwait(struct task *task, const uint64_t args[6])
{
    sigbits_t set;
    uint64_t timeout_ns = UINT64_MAX;
    struct signal_info info;
    if (args[3] != sizeof set)
        return -EINVAL;
    if (user_read(task, &set, args[0], sizeof set) < 0)
        return -EFAULT;
    int rc = args[2] ? timespec_read(task, args[2], &timeout_ns) : 0;
    if (rc < 0)
        return rc;
    set &= ~(sigbit(SIGKILL) | sigbit(SIGSTOP));
    int signal = wait_for(task, set, timeout_ns, &info);
    if (signal > 0 && args[1] != 0 && user_write(task, args[1], &info, sizeof info) < 0)
        return -EFAULT;
    return signal;
}

int64_t sys_rt_sigreturn(struct task *task, const uint64_t args[6])
{
    return signal_return(task);
}

int64_t sys_sigaltstack(struct task *task, const uint64_t args[6])
{
    const struct signal_state *state = &task->signals;
    uint64_t sp = cpu_stack_pointer(task->cpu);
    struct signal_stack new, old = {.sp = state->altstack_base, .len = state->altstack_len};
    old.flags = signal_altstack_flags(task, sp) | (state->altstack_flags & (1U << 31));
    if (args[0] != 0 && user_read(task, &new, args[0], sizeof new) < 0)
        return -EFAULT;
    int rc = args[0] ? signal_altstack_set(task, sp, &new) : 0;
    if (rc == 0 && args[1] != 0)
        rc = user_write(task, args[1], &old, sizeof old);
    return rc;
}

/* ---- sending ---- */

static siginfo_t info_from_user(const struct task *task, int signal, int code)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal;
    info.si_code = code;
    info.si_pid = task->process->pid;
    info.si_uid = getuid();
    return info;
}

static int send(struct process *process, struct task *target, int signal, const siginfo_t *info)
{
    return signal == 0 ? 0 : signal_send_info(process, target, signal, info);
}

/* To every process of the group, or with group 0 to all but the sender's. One that has ended hears
 * nothing, but is there until somebody waits for it. */
static int send_many(struct task *task, int group, int signal, const siginfo_t *info)
{
    int sent = 0;
    struct linux_system *system = task->process->system;
    for (struct process *process = system->processes; process; process = process->next) {
        if (group ? process->pgid != group : process == task->process)
            continue;
        send(process, NULL, signal, info);
        sent++;
    }
    return sent > 0 ? 0 : -ESRCH;
}

int64_t sys_kill(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0], signal = (int)args[1];
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    siginfo_t info = info_from_user(task, signal, SI_USER);
    if (pid == INIT_PID)
        return -EPERM;
    if (pid == -1)
        return send_many(task, 0, signal, &info);
    if (pid <= 0)
        return pid == INT32_MIN ? -ESRCH
                                : send_many(task, pid ? -pid : task->process->pgid, signal, &info);
    struct process *process = process_find(task->process->system, pid);
    return process ? send(process, NULL, signal, &info) : -ESRCH;
}

static int64_t send_to_task(struct task *task, int tgid, int tid, int signal, const siginfo_t *info)
{
    if (tid <= 0 || tgid == 0 || tgid < -1 || signal < 0 || signal > SIGNALS)
        return -EINVAL;
    struct linux_system *system = task->process->system;
    struct task *target = task_find(system, tid);
    if (!target && tgid == tid && process_find(system, tid))
        return 0; /* the first thread ended before others: as a zombie it hears nothing */
    if (!target || (tgid != -1 && target->process->pid != tgid))
        return -ESRCH;
    return send(target->process, target, signal, info);
}

int64_t sys_tkill(struct task *task, const uint64_t args[6])
{
    siginfo_t info = info_from_user(task, (int)args[1], SI_TKILL);
    return send_to_task(task, -1, (int)args[0], (int)args[1], &info);
}

int64_t sys_tgkill(struct task *task, const uint64_t args[6])
{
    siginfo_t info = info_from_user(task, (int)args[2], SI_TKILL);
    if ((int)args[0] <= 0)
        return -EINVAL;
    return send_to_task(task, (int)args[0], (int)args[1], (int)args[2], &info);
}

/* The guest's siginfo. Only to itself may a process pretend that the kernel sent it. */
static int read_info(struct task *task, uint64_t addr, int signal, int pid, siginfo_t *info)
{
    if (user_read(task, info, addr, sizeof *info) < 0)
        return -EFAULT;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != task->process->pid)
        return -EPERM;
    info->si_signo = signal;
    return 0;
}

int64_t sys_rt_sigqueueinfo(struct task *task, const uint64_t args[6])
{
    siginfo_t info;
    int pid = (int)args[0], signal = (int)args[1];
    int rc = read_info(task, args[2], signal, pid, &info);
    if (rc < 0)
        return rc;
    if (signal < 0 || signal > SIGNALS)
        return -EINVAL;
    struct process *process = process_find(task->process->system, pid);
    return process ? send(process, NULL, signal, &info) : -ESRCH;
}

/* A descriptor of /proc/PID will do, too. */
static int pid_of_folder(struct task *task, int fd)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    int pid, end = 0;
    bool is_one = entry && entry->proc_path &&
                  sscanf(entry->proc_path, "/proc/%d%n", &pid, &end) == 1 &&
                  entry->proc_path[end] == '\0';
    return is_one ? pid : -EBADF;
}

int64_t sys_pidfd_send_signal(struct task *task, const uint64_t args[6])
{
    int pid = pidfd_pid(task, (int)args[0]), signal = (int)args[1];
    struct process *process = pidfd_process(task, (int)args[0]);
    if (pid < 0) {
        pid = pid_of_folder(task, (int)args[0]);
        process = pid > 0 ? process_find(task->process->system, pid) : NULL;
    }
    siginfo_t info = info_from_user(task, signal, SI_USER);
    if (pid < 0 || args[3])
        return pid < 0 ? pid : -EINVAL;
    int rc = args[2] ? read_info(task, args[2], signal, pid, &info) : 0;
    if (rc < 0)
        return rc;
    if (signal < 0 || signal > SIGNALS || (args[2] && info.si_signo != signal))
        return -EINVAL;
    return process ? send(process, NULL, signal, &info) : -ESRCH;
}

int64_t sys_rt_tgsigqueueinfo(struct task *task, const uint64_t args[6])
{
    siginfo_t info;
    int tgid = (int)args[0], signal = (int)args[2];
    int rc = read_info(task, args[3], signal, tgid, &info);
    if (rc < 0)
        return rc;
    return tgid <= 0 ? -EINVAL : send_to_task(task, tgid, (int)args[1], signal, &info);
}
