// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * POSIX message queues: mq_overview(7). Queues and descriptors are the host's, so their names are
 * shared with host programs; waiting is done here, and so are notifications by signal, which hear
 * of what guests send.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/hostcall.h"
#include "linux/mq.h"
#include "linux/path.h"
#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/timer.h"
#include "linux/timespec.h"
#include "linux/user.h"

enum {
    COOKIE_LEN = 32,    /* NOTIFY_COOKIE_LEN */
    PRIORITIES = 32768, /* MQ_PRIO_MAX */
};

/* The signal that a process wants when a message comes to the empty queue. */
struct mq_watch {
    struct mq_watch *next;
    dev_t dev;
    ino_t ino;
    int pid;
    siginfo_t info;
};

/* ---- mq_open, mq_unlink, mq_getsetattr ---- */

static int64_t open_host(const struct task *task, const char *name, int flags, mode_t mode,
                         const struct mq_attr *attr)
{
    mode_t old = umask(task->process->fs->umask);
    int64_t host = host_result(syscall(SYS_mq_open, name, flags | O_CLOEXEC, mode, attr));
    umask(old);
    return host;
}

static const struct guard *guard_of(const struct task *task)
{
    return &task->process->system->options.guard;
}

/* Where nothing may change, a queue may be opened but not made. */
static int64_t open_existing(const struct task *task, const char *name, int flags)
{
    int64_t host = open_host(task, name, flags & ~(O_CREAT | O_EXCL), 0, NULL);
    if (host == -ENOENT)
        return -EROFS;
    if (host < 0 || !(flags & O_EXCL))
        return host;
    close((int)host);
    return -EEXIST;
}

int64_t sys_mq_open(struct task *task, const uint64_t args[6])
{
    char name[PATH_MAX];
    struct mq_attr attr;
    int flags = (int)args[1];
    bool has_attr = flags & O_CREAT && args[3] != 0;
    if (guard_of(task)->has_root) /* the host's queues are outside it */
        return -ENOSYS;
    if (has_attr && user_read(task, &attr, args[3], sizeof attr) < 0)
        return -EFAULT;
    int rc = path_read(task, args[0], name);
    if (rc < 0)
        return rc;
    bool is_making = flags & O_CREAT && !guard_of(task)->read_only;
    int64_t host = is_making || !(flags & O_CREAT)
                       ? open_host(task, name, flags, (mode_t)args[2], has_attr ? &attr : NULL)
                       : open_existing(task, name, flags);
    return file_install(task, host, flags & O_CLOEXEC);
}

int64_t sys_mq_unlink(struct task *task, const uint64_t args[6])
{
    char name[PATH_MAX];
    if (guard_of(task)->has_root)
        return -ENOSYS;
    int rc = guard_of(task)->read_only ? -EROFS : path_read(task, args[0], name);
    return rc < 0 ? rc : host_result(syscall(SYS_mq_unlink, name));
}

static int64_t get_attr(int host, struct mq_attr *out)
{
    return host_result(syscall(SYS_mq_getsetattr, host, NULL, out));
}

int64_t sys_mq_getsetattr(struct task *task, const uint64_t args[6])
{
    struct mq_attr new, old;
    int host = fd_host(task->process->fds, (int)args[0]);
    if (args[1] && user_read(task, &new, args[1], sizeof new) < 0)
        return -EFAULT;
    if (host < 0)
        return host;
    int64_t rc = host_result(syscall(SYS_mq_getsetattr, host, args[1] ? &new : NULL, &old));
    return rc == 0 && args[2] ? user_write(task, args[2], &old, sizeof old) : rc;
}

/* ---- mq_timedsend, mq_timedreceive ---- */

static int read_deadline(struct task *task, uint64_t addr, uint64_t *deadline)
{
    uint64_t ns;
    *deadline = TIMER_NEVER;
    if (addr == 0)
        return 0;
    int rc = timespec_read(task, addr, &ns);
    if (rc == 0)
        *deadline = clock_to_monotonic(task->process->system, CLOCK_REALTIME, ns);
    return rc;
}

/* What a host call that may not wait gave: those that would wait time out at once. */
static bool would_wait(int64_t result)
{
    return result == -ETIMEDOUT || result == -EINTR;
}

static int wait_for(struct task *task, int host, short events, uint64_t deadline)
{
    struct pollfd poll_for = {.fd = host, .events = events};
    struct task_wait wait = {.fds = &poll_for, .nfds = 1, .deadline_ns = deadline};
    int rc = sched_wait(task, &wait);
    return rc == 0 ? -ETIMEDOUT : rc < 0 ? rc : 0;
}

static const struct timespec at_once = {0, 0};

static struct mq_watch **find_watch(struct linux_system *system, int host)
{
    struct mq_watch **at = &system->mq_watches;
    struct stat st;
    if (fstat(host, &st) < 0)
        memset(&st, 0, sizeof st);
    while (*at && ((*at)->dev != st.st_dev || (*at)->ino != st.st_ino))
        at = &(*at)->next;
    return at;
}

static void drop_watch(struct mq_watch **at)
{
    struct mq_watch *watch = *at;
    *at = watch->next;
    free(watch);
}

/* A message has come to the empty queue. */
static void notify(struct task *task, int host)
{
    struct linux_system *system = task->process->system;
    struct mq_watch **at = find_watch(system, host);
    if (!*at)
        return;
    struct process *process = process_find(system, (*at)->pid);
    siginfo_t info = (*at)->info;
    info.si_pid = task->process->pid;
    info.si_uid = getuid();
    drop_watch(at);
    if (process)
        signal_send_info(process, NULL, info.si_signo, &info);
}

static int64_t send_bytes(struct task *task, int host, const void *bytes, size_t len, unsigned prio,
                          uint64_t deadline)
{
    struct mq_attr attr;
    for (;;) {
        int64_t rc = get_attr(host, &attr);
        if (rc == 0)
            rc = host_result(syscall(SYS_mq_timedsend, host, bytes, len, prio, &at_once));
        if (rc == 0 && attr.mq_curmsgs == 0)
            notify(task, host);
        if (!would_wait(rc))
            return rc;
        int error = wait_for(task, host, POLLOUT, deadline);
        if (error)
            return error;
    }
}

/* Errors: -EBADF the descriptor is not open, or of no queue. */
static int64_t begin(struct task *task, const uint64_t args[6], int *host, struct mq_attr *attr,
                     uint64_t *deadline)
{
    int64_t rc = read_deadline(task, args[4], deadline);
    *host = fd_host(task->process->fds, (int)args[0]);
    if (rc == 0)
        rc = *host < 0 ? *host : get_attr(*host, attr);
    return rc;
}

int64_t sys_mq_timedsend(struct task *task, const uint64_t args[6])
{
    struct mq_attr attr;
    uint64_t deadline, len = args[2];
    int host;
    if ((unsigned)args[3] >= PRIORITIES)
        return -EINVAL;
    int64_t rc = begin(task, args, &host, &attr, &deadline);
    if (rc < 0)
        return rc;
    if ((fcntl(host, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (len > (uint64_t)attr.mq_msgsize)
        return -EMSGSIZE;
    void *bytes = x_malloc(len + 1);
    rc = user_read(task, bytes, args[1], len);
    if (rc == 0)
        rc = send_bytes(task, host, bytes, len, (unsigned)args[3], deadline);
    free(bytes);
    return rc;
}

static int64_t receive_bytes(struct task *task, int host, void *bytes, size_t len, unsigned *prio,
                             uint64_t deadline)
{
    for (;;) {
        int64_t rc = host_result(syscall(SYS_mq_timedreceive, host, bytes, len, prio, &at_once));
        if (!would_wait(rc))
            return rc;
        int error = wait_for(task, host, POLLIN, deadline);
        if (error)
            return error;
    }
}

int64_t sys_mq_timedreceive(struct task *task, const uint64_t args[6])
{
    struct mq_attr attr;
    uint64_t deadline;
    unsigned prio = 0;
    int host;
    int64_t rc = begin(task, args, &host, &attr, &deadline);
    if (rc < 0)
        return rc;
    if ((fcntl(host, F_GETFL) & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (args[2] < (uint64_t)attr.mq_msgsize)
        return -EMSGSIZE;
    size_t len = (size_t)attr.mq_msgsize;
    if (uaccess_probe(task->process->space, vaddr(args[1]), 1, MMU_STORE) < 1)
        return -EFAULT; /* what cannot be stored must not be taken */
    void *bytes = x_malloc(len);
    rc = receive_bytes(task, host, bytes, len, &prio, deadline);
    if (rc >= 0 && ((args[3] && user_write(task, args[3], &prio, sizeof prio) < 0) ||
                    user_write(task, args[1], bytes, (size_t)rc) < 0))
        rc = -EFAULT;
    free(bytes);
    return rc;
}

/* ---- mq_notify ---- */

void mq_forget_all(struct linux_system *system)
{
    while (system->mq_watches)
        drop_watch(&system->mq_watches);
}

static int64_t notify_host(int host, const struct sigevent *event)
{
    return host_result(syscall(SYS_mq_notify, host, event));
}

/* Only the process that asked may take it back. */
static int64_t end_notify(struct task *task, int host)
{
    struct mq_watch **at = find_watch(task->process->system, host);
    if (*at && (*at)->pid != task->process->pid)
        return 0;
    int64_t rc = notify_host(host, NULL);
    if (rc == 0 && *at)
        drop_watch(at);
    return rc;
}

/* The C library's way: the host writes the cookie to a netlink socket of the guest's. */
static int64_t notify_socket(struct task *task, int host, const struct sigevent *event)
{
    uint8_t cookie[COOKIE_LEN];
    int socket = fd_host(task->process->fds, event->sigev_signo);
    if (user_read(task, cookie, (uint64_t)(uintptr_t)event->sigev_value.sival_ptr, COOKIE_LEN) < 0)
        return -EFAULT;
    if (socket < 0)
        return socket;
    const struct sigevent of_host = {
        .sigev_notify = SIGEV_THREAD, .sigev_signo = socket, .sigev_value.sival_ptr = cookie};
    return notify_host(host, &of_host);
}

static void add_watch(struct task *task, int host, const struct sigevent *event)
{
    struct linux_system *system = task->process->system;
    struct mq_watch *watch = x_calloc(1, sizeof *watch);
    struct stat st;
    if (*find_watch(system, host))
        drop_watch(find_watch(system, host)); /* the host has forgotten it, or it had ended */
    memset(&st, 0, sizeof st);
    fstat(host, &st);
    watch->dev = st.st_dev;
    watch->ino = st.st_ino;
    watch->pid = task->process->pid;
    watch->info.si_signo = event->sigev_signo;
    watch->info.si_code = SI_MESGQ;
    watch->info.si_value = event->sigev_value;
    watch->next = system->mq_watches;
    system->mq_watches = watch;
}

/* The host keeps the place, so that nobody else gets it. */
static int64_t notify_signal(struct task *task, int host, const struct sigevent *event)
{
    const struct sigevent of_host = {.sigev_notify = SIGEV_NONE};
    struct mq_watch **at = find_watch(task->process->system, host);
    if (*at && !process_find(task->process->system, (*at)->pid))
        notify_host(host, NULL); /* who had it has ended */
    int64_t rc = notify_host(host, &of_host);
    if (rc == 0 && event->sigev_notify == SIGEV_SIGNAL && event->sigev_signo > 0)
        add_watch(task, host, event);
    return rc;
}

int64_t sys_mq_notify(struct task *task, const uint64_t args[6])
{
    struct sigevent event;
    int host = fd_host(task->process->fds, (int)args[0]);
    if (args[1] && user_read(task, &event, args[1], sizeof event) < 0)
        return -EFAULT;
    if (!args[1])
        return host < 0 ? host : end_notify(task, host);
    bool is_known = event.sigev_notify == SIGEV_NONE || event.sigev_notify == SIGEV_SIGNAL ||
                    event.sigev_notify == SIGEV_THREAD;
    if (!is_known || (event.sigev_notify == SIGEV_SIGNAL && (unsigned)event.sigev_signo > SIGNALS))
        return -EINVAL;
    if (host < 0)
        return host;
    return event.sigev_notify == SIGEV_THREAD ? notify_socket(task, host, &event)
                                              : notify_signal(task, host, &event);
}
