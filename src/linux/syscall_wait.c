// SPDX-License-Identifier: GPL-2.0-or-later
/* wait4 and waitid(2): decoding, and the two forms of a report. The waiting is wait.c's. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/pidfd.h"
#include "linux/syscall_calls.h"
#include "linux/usage.h"
#include "linux/user.h"
#include "linux/wait.h"

static int write_usage(struct task *task, uint64_t addr, const struct usage *from)
{
    struct rusage usage;
    if (addr == 0)
        return 0;
    usage_tell(from, &usage);
    return user_write(task, addr, &usage, sizeof usage);
}

/* The status word of wait(2): <bits/waitstatus.h> takes it apart. */
static int status_word(const struct wait_report *report)
{
    switch (report->code) {
    case CLD_EXITED:
        return W_EXITCODE(report->status, 0);
    case CLD_STOPPED:
    case CLD_TRAPPED:
        return W_STOPCODE(report->status);
    case CLD_CONTINUED:
        return __W_CONTINUED;
    default:
        return W_EXITCODE(0, report->status);
    }
}

/* wait4's pid as waitid's type and id. */
static struct wait_request request_of(const struct task *task, int pid, int options)
{
    struct wait_request request = {.type = P_PID, .id = pid, .options = options | WEXITED};
    if (pid == -1)
        request.type = P_ALL;
    else if (pid <= 0) {
        request.type = P_PGID;
        request.id = pid ? -pid : task->process->pgid;
    }
    return request;
}

int64_t sys_wait4(struct task *task, const uint64_t args[6])
{
    const int known = WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    int pid = (int)args[0], options = (int)args[2];
    struct wait_report report;
    if (options & ~known)
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    struct wait_request request = request_of(task, pid, options);
    int result = wait_for_child(task, &request, &report);
    if (result <= 0)
        return result;
    int status = status_word(&report);
    if (args[1] != 0 && user_write(task, args[1], &status, sizeof status) < 0)
        return -EFAULT;
    return write_usage(task, args[3], &report.usage) < 0 ? -EFAULT : report.pid;
}

static int decode_id(struct task *task, int type, int id, struct wait_request *request)
{
    *request = (struct wait_request){.type = type, .id = id};
    switch (type) {
    case P_ALL:
        return 0;
    case P_PID:
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        if (id == 0)
            request->id = task->process->pgid;
        return id >= 0 ? 0 : -EINVAL;
    case P_PIDFD:
        request->type = P_PID;
        request->id = id < 0 ? -EINVAL : pidfd_pid(task, id);
        return request->id < 0 ? request->id : 0;
    default:
        return -EINVAL;
    }
}

static int write_info(struct task *task, uint64_t addr, int result,
                      const struct wait_report *report)
{
    siginfo_t info;
    if (addr == 0)
        return 0;
    memset(&info, 0, sizeof info);
    if (result > 0) {
        info.si_signo = SIGCHLD;
        info.si_code = report->code;
        info.si_pid = report->pid;
        info.si_uid = getuid();
        info.si_status = report->status;
    }
    /* Only what wait(2) defines is written, as Linux does. */
    return user_write(task, addr, &info, offsetof(siginfo_t, si_status) + sizeof info.si_status);
}

int64_t sys_waitid(struct task *task, const uint64_t args[6])
{
    const int known =
        WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL;
    int options = (int)args[3];
    struct wait_request request;
    struct wait_report report;
    if ((options & ~known) || !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    int rc = decode_id(task, (int)args[0], (int)args[1], &request);
    if (rc < 0)
        return rc;
    bool may_not_wait = (int)args[0] == P_PIDFD && pidfd_is_nonblocking(task, (int)args[1]);
    request.options = options | (may_not_wait ? WNOHANG : 0);
    int result = wait_for_child(task, &request, &report);
    if (result == 0 && may_not_wait && !(options & WNOHANG))
        return -EAGAIN;
    if (result < 0)
        return result;
    if (result > 0 && write_usage(task, args[4], &report.usage) < 0)
        return -EFAULT;
    return write_info(task, args[2], result, &report) < 0 ? -EFAULT : 0;
}
