// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fcntl, flock and ioctl: commands on a descriptor. Each command is listed; what is not listed is
 * refused, since its argument might be a pointer that the host would follow.
 */
#include <asm/sockios.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/fd_lock.h"
#include "linux/fd_object.h"
#include "linux/hostcall.h"
#include "linux/hostsig.h"
#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/tty.h"
#include "linux/user.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY (F_LINUX_SPECIFIC_BASE + 3)
#endif
#ifndef F_LINUX_SPECIFIC_BASE
#define F_LINUX_SPECIFIC_BASE 1024
#endif

enum { LOCK_RETRY_NS = 2000000 }; /* how often a lock that another process holds is tried again */

/* ---- locks ---- */

static int lock_pause(struct task *task, int host)
{
    sched_keep_open(task, host);
    uint64_t now = clock_monotonic(task->process->system);
    return hostsig_sleep(task, now + LOCK_RETRY_NS);
}

static int64_t ofd_lock(int host, int command, struct flock *lock)
{
    return host_result(fcntl(host, command == F_OFD_GETLK ? F_OFD_GETLK : F_OFD_SETLK, lock));
}

/* Whose lock stands in the way: a guest's pid, -1 for a lock of an open file description, 0 for
 * somebody outside. */
static void name_owner(const struct task *task, int host, struct flock *lock)
{
    const struct process *process = task->process->system->processes;
    if (lock->l_type == F_UNLCK)
        return;
    lock->l_pid = lock->l_pid == -1 ? -1 : 0;
    for (; process; process = process->next)
        if (process->fds && fd_locks_hold(fd_table_locks(process->fds), host, lock)) {
            lock->l_pid = process->pid;
            return;
        }
}

static int64_t do_lock(struct task *task, int host, int command, uint64_t addr)
{
    struct fd_locks *locks = fd_table_locks(task->process->fds);
    bool is_ofd = command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
    struct flock lock;
    if (user_read(task, &lock, addr, sizeof lock))
        return -EFAULT;
    for (;;) {
        struct flock copy = lock;
        int64_t result =
            is_ofd ? ofd_lock(host, command, &copy)
                   : fd_locks_control(locks, host, command == F_GETLK ? F_GETLK : F_SETLK, &copy);
        if (result == 0 && command == F_GETLK)
            name_owner(task, host, &copy);
        if (result == 0 && (command == F_GETLK || command == F_OFD_GETLK))
            return user_write(task, addr, &copy, sizeof copy);
        if (!waits || (result != -EAGAIN && result != -EACCES))
            return result;
        int error = lock_pause(task, host);
        if (error)
            return error;
    }
}

int64_t sys_flock(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    int operation = (int)args[1];
    if (host < 0)
        return host;
    for (;;) {
        int64_t result = host_result(flock(host, operation | LOCK_NB));
        if (result != -EWOULDBLOCK || operation & LOCK_NB)
            return result;
        int error = lock_pause(task, host);
        if (error)
            return error;
    }
}

/* ---- fcntl ---- */

static int64_t get_owner(struct task *task, int host)
{
    int owner = fcntl(host, F_GETOWN);
    if (owner == getpid())
        return task->process->pid;
    return owner == -getpgrp() ? -task->process->pgid : owner < 0 ? -errno : 0;
}

/* Signals of files go to pagewalk, which hands them on; nobody else's pid is the guest's to name.
 */
static int64_t set_owner(struct task *task, int host, int owner)
{
    if (owner != 0 && owner != task->process->pid && owner != -task->process->pgid)
        return -ESRCH;
    int own = owner == 0 ? 0 : owner > 0 ? getpid() : -getpgrp();
    return host_result(fcntl(host, F_SETOWN, own));
}

static int64_t control(struct task *task, int fd, int host, int command, uint64_t arg)
{
    struct fd_table *fds = task->process->fds;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return file_dup(task, fd, (int)arg, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        return fd_cloexec(fds, fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
        fd_set_cloexec(fds, fd, arg & FD_CLOEXEC);
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return do_lock(task, host, command, arg);
    case F_GETOWN:
        return get_owner(task, host);
    case F_SETOWN:
        return set_owner(task, host, (int)arg);
    case F_GETFL:
    case F_SETFL:
    case F_GETSIG:
    case F_GETLEASE:
    case F_GETPIPE_SZ:
    case F_SETPIPE_SZ:
    case F_GET_SEALS:
    case F_ADD_SEALS:
        return host_result(syscall(SYS_fcntl, host, command, arg));
    default:
        return -EINVAL;
    }
}

int64_t sys_fcntl(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    return host < 0 ? host : control(task, (int)args[0], host, (int)args[1], args[2]);
}

/* ---- ioctl ---- */

enum ioctl_kind { IOCTL_NONE, IOCTL_READ, IOCTL_WRITE, IOCTL_INT };

/* The ioctls that are passed on: what their argument is, and its size in bytes. */
static const struct ioctl_entry {
    uint32_t request;
    uint8_t kind, len;
} ioctls[] = {
    {TCGETS, IOCTL_READ, 36},     {TCSETS, IOCTL_WRITE, 36},   {TCSETSW, IOCTL_WRITE, 36},
    {TCSETSF, IOCTL_WRITE, 36},   {TCGETS2, IOCTL_READ, 44},   {TCSETS2, IOCTL_WRITE, 44},
    {TCSETSW2, IOCTL_WRITE, 44},  {TCSETSF2, IOCTL_WRITE, 44}, {TIOCGWINSZ, IOCTL_READ, 8},
    {TIOCSWINSZ, IOCTL_WRITE, 8}, {TIOCOUTQ, IOCTL_READ, 4},   {TIOCPKT, IOCTL_WRITE, 4},
    {FIONREAD, IOCTL_READ, 4},    {FIONBIO, IOCTL_WRITE, 4},   {FIOASYNC, IOCTL_WRITE, 4},
    {TCSBRK, IOCTL_INT, 0},       {TCXONC, IOCTL_INT, 0},      {TCFLSH, IOCTL_INT, 0},
    {TIOCEXCL, IOCTL_NONE, 0},    {TIOCNXCL, IOCTL_NONE, 0},   {TIOCGPTN, IOCTL_READ, 4},
    {TIOCSPTLCK, IOCTL_WRITE, 4}, {TIOCGPTLCK, IOCTL_READ, 4}, {TIOCGETD, IOCTL_READ, 4},
    {TIOCMGET, IOCTL_READ, 4},    {SIOCATMARK, IOCTL_READ, 4},
};

static const struct ioctl_entry *find_ioctl(uint32_t request)
{
    for (size_t i = 0; i < sizeof ioctls / sizeof *ioctls; i++)
        if (ioctls[i].request == request)
            return &ioctls[i];
    return NULL;
}

/* Those that a background group may not make of its terminal. */
static bool changes_terminal(uint32_t request)
{
    switch (request) {
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
    case TCSBRK:
    case TCXONC:
    case TCFLSH:
        return true;
    default:
        return false;
    }
}

static int64_t pass_ioctl(struct task *task, int host, const struct ioctl_entry *entry,
                          uint64_t arg)
{
    uint8_t bytes[64] = {0};
    switch (entry->kind) {
    case IOCTL_READ:
        if (ioctl(host, entry->request, bytes) < 0)
            return -errno;
        return user_write(task, arg, bytes, entry->len);
    case IOCTL_WRITE:
        if (user_read(task, bytes, arg, entry->len))
            return -EFAULT;
        return host_result(ioctl(host, entry->request, bytes));
    default:
        return host_result(ioctl(host, entry->request, (int)arg));
    }
}

int64_t sys_ioctl(struct task *task, const uint64_t args[6])
{
    struct fd_table *fds = task->process->fds;
    const struct fd_entry *file = fd_entry(fds, (int)args[0]);
    uint32_t request = (uint32_t)args[1];
    if (!file)
        return -EBADF;
    if (request == FIOCLEX || request == FIONCLEX) {
        fd_set_cloexec(fds, (int)args[0], request == FIOCLEX);
        return 0;
    }
    if (file->object && file->object->ops->control)
        return file->object->ops->control(task, file, request, args[2]);
    if (tty_is_own_ioctl(request))
        return tty_ioctl(task, file->host, request, args[2]);
    const struct ioctl_entry *entry = find_ioctl(request);
    int error = changes_terminal(request) ? tty_check(task, file, TTY_CHANGE) : 0;
    if (error || !entry)
        return error ? error : -ENOTTY;
    int host = file->host;
    int64_t result = pass_ioctl(task, host, entry, args[2]);
    if (result == 0 && request == TIOCSWINSZ)
        tty_resized(task, host);
    return result;
}
