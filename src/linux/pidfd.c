// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A pidfd is the reading end of a host pipe, and an object that knows the process and holds the
 * writing end: a byte is written when the process ends, and the end is closed when it was waited
 * for, which poll(2) tells as Linux does of pidfds. Nobody can read the byte away: read(2) of a
 * pidfd fails.
 */
#include "linux/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/fd_object.h"
#include "linux/signal.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/user.h"

struct pidfd {
    struct fd_object object;
    struct pidfd *next; /* of the process */
    struct process *process;
    int pid;
    int writer; /* pagewalk's own; closed when `process` is NULL */
};

static void unlink_from_process(struct pidfd *pidfd)
{
    if (!pidfd->process)
        return;
    struct pidfd **at = &pidfd->process->pidfds;
    while (*at != pidfd)
        at = &(*at)->next;
    *at = pidfd->next;
    pidfd->process = NULL;
    close(pidfd->writer);
}

static void destroy(struct fd_object *object)
{
    struct pidfd *pidfd = (struct pidfd *)object;
    unlink_from_process(pidfd);
    free(pidfd);
}

static const struct fd_object_ops pidfd_ops = {.destroy = destroy};

static struct pidfd *find(struct task *task, int fd)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    bool is_pidfd = entry && entry->object && entry->object->ops == &pidfd_ops;
    return is_pidfd ? (struct pidfd *)entry->object : NULL;
}

static void tell(const struct pidfd *pidfd)
{
    (void)!write(pidfd->writer, "", 1); /* an empty pipe has room */
}

static struct pidfd *create(struct process *process, int writer)
{
    struct pidfd *pidfd = x_malloc(sizeof *pidfd);
    *pidfd = (struct pidfd){.object = {1, &pidfd_ops},
                            .next = process->pidfds,
                            .process = process,
                            .pid = process->pid,
                            .writer = writer};
    process->pidfds = pidfd;
    if (process->is_zombie)
        tell(pidfd);
    return pidfd;
}

int pidfd_install(struct task *task, struct process *process, int flags)
{
    struct fd_table *fds = task->process->fds;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | (flags & O_NONBLOCK)) < 0)
        return -errno;
    int writer = fd_dup_host(ends[1]);
    close(ends[1]);
    if (writer < 0) {
        close(ends[0]);
        return writer;
    }
    int fd = (int)file_install(task, ends[0], true);
    if (fd < 0)
        close(writer);
    else
        fd_entry(fds, fd)->object = &create(process, writer)->object;
    return fd;
}

int pidfd_pid(struct task *task, int fd)
{
    const struct pidfd *pidfd = find(task, fd);
    return pidfd ? pidfd->pid : -EBADF;
}

struct process *pidfd_process(struct task *task, int fd)
{
    const struct pidfd *pidfd = find(task, fd);
    return pidfd ? pidfd->process : NULL;
}

bool pidfd_is_nonblocking(struct task *task, int fd)
{
    return find(task, fd) && fcntl(fd_host(task->process->fds, fd), F_GETFL) & O_NONBLOCK;
}

void pidfds_tell_end(struct process *process)
{
    for (const struct pidfd *pidfd = process->pidfds; pidfd; pidfd = pidfd->next)
        tell(pidfd);
}

void pidfds_let_go(struct process *process)
{
    while (process->pidfds)
        unlink_from_process(process->pidfds);
}

/* ---- system calls ---- */

int64_t sys_pidfd_open(struct task *task, const uint64_t args[6])
{
    int pid = (int)args[0];
    if ((int)args[1] & ~O_NONBLOCK || pid <= 0)
        return -EINVAL;
    struct process *process = process_find(task->process->system, pid);
    if (!process) /* only the first thread's number is a process's */
        return task_find(task->process->system, pid) ? -EINVAL : -ESRCH;
    return pidfd_install(task, process, (int)args[1]);
}

int64_t sys_pidfd_getfd(struct task *task, const uint64_t args[6])
{
    struct process *process = pidfd_process(task, (int)args[0]);
    if (args[2])
        return -EINVAL;
    if (!process)
        return pidfd_pid(task, (int)args[0]) < 0 ? -EBADF : -ESRCH;
    if (process->exited)
        return -ESRCH;
    const struct fd_entry *from = fd_entry(process->fds, (int)args[1]);
    if (!from)
        return -EBADF;
    struct fd_entry extra = *from;
    int host = fd_dup_host(from->host);
    int fd = host < 0 ? host : (int)file_install(task, host, true);
    if (fd >= 0)
        fd_copy_extra(fd_entry(task->process->fds, fd), &extra);
    return fd;
}
