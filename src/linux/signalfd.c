// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A signalfd is a host eventfd whose count is 1 while one of its signals is pending. Linux judges
 * that for whoever asks; here it is for the process that last made, read or polled it, which is the
 * same as long as a parent and a child do not both wait on one signalfd.
 */
#include "linux/signalfd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/fd_object.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/syscall_io.h"
#include "linux/user.h"

struct signalfd {
    struct fd_object object;
    struct signalfd *next; /* of the system */
    struct linux_system *system;
    struct process *owner; /* NULL: it is gone */
    sigbits_t mask;
    int event; /* pagewalk's own descriptor of the eventfd */
    bool is_ready;
};

/* ---- readiness ---- */

static sigbits_t pending_of(const struct process *process)
{
    sigbits_t pending = process->pending.pending;
    for (const struct task *task = process->tasks; task; task = task->next)
        pending |= task->signals.pending.pending;
    return pending;
}

static void refresh(struct signalfd *signalfd)
{
    bool is_ready = signalfd->owner && pending_of(signalfd->owner) & signalfd->mask;
    eventfd_t count;
    if (is_ready == signalfd->is_ready)
        return;
    signalfd->is_ready = is_ready;
    if (is_ready)
        eventfd_write(signalfd->event, 1);
    else
        eventfd_read(signalfd->event, &count);
}

void signalfds_refresh(struct process *process)
{
    for (struct signalfd *at = process->system->signalfds; at; at = at->next)
        if (at->owner == process)
            refresh(at);
}

void signalfds_forget(struct process *process)
{
    for (struct signalfd *at = process->system->signalfds; at; at = at->next)
        if (at->owner == process)
            at->owner = NULL;
}

static void watch(struct task *task, struct fd_object *object)
{
    struct signalfd *signalfd = (struct signalfd *)object;
    signalfd->owner = task->process;
    refresh(signalfd);
}

/* ---- reading ---- */

static void convert(const struct signal_info *from, struct signalfd_siginfo *to)
{
    siginfo_t info;
    memcpy(&info, from, sizeof info);
    memset(to, 0, sizeof *to);
    to->ssi_signo = (uint32_t)info.si_signo;
    to->ssi_errno = info.si_errno;
    to->ssi_code = info.si_code;
    if (info.si_code == SI_TIMER) {
        to->ssi_tid = (uint32_t)info.si_timerid;
        to->ssi_overrun = (uint32_t)info.si_overrun;
    } else {
        to->ssi_pid = (uint32_t)info.si_pid;
        to->ssi_uid = info.si_uid;
    }
    if (info.si_signo == SIGCHLD) {
        to->ssi_status = info.si_status;
        to->ssi_utime = (uint64_t)info.si_utime;
        to->ssi_stime = (uint64_t)info.si_stime;
    } else if (info.si_code < 0) {
        to->ssi_int = info.si_value.sival_int;
        memcpy(&to->ssi_ptr, &info.si_value, sizeof to->ssi_ptr);
    }
}

/* As many signals as there are and fit. Result: bytes, 0 if none is pending. */
static int64_t read_now(struct task *task, sigbits_t mask, struct user_vec *vec)
{
    struct signal_info info;
    struct signalfd_siginfo out;
    int64_t total = 0;
    while (vec->left >= sizeof out) {
        if (user_vec_probe(task, vec, sizeof out, MMU_STORE) < sizeof out)
            return total ? total : -EFAULT;
        if (signal_take(task, mask, &info) == 0)
            break;
        convert(&info, &out);
        total += (int64_t)user_vec_put(task, vec, &out, sizeof out);
    }
    return total;
}

static int64_t read_signals(struct task *task, const struct fd_entry *entry, struct user_vec *vec)
{
    struct fd_entry own = *entry; /* the table may change while the call waits */
    const struct signalfd *signalfd = (struct signalfd *)own.object;
    if (vec->left < sizeof(struct signalfd_siginfo))
        return -EINVAL;
    for (;;) {
        watch(task, own.object);
        int64_t result = read_now(task, signalfd->mask, vec);
        if (result != 0)
            return result;
        if (io_is_nonblocking(own.host))
            return -EAGAIN;
        int error = io_wait(task, &own, POLLIN);
        if (error)
            return error;
    }
}

/* ---- making ---- */

static void destroy(struct fd_object *object)
{
    struct signalfd *signalfd = (struct signalfd *)object, **at = &signalfd->system->signalfds;
    while (*at != signalfd)
        at = &(*at)->next;
    *at = signalfd->next;
    close(signalfd->event);
    free(signalfd);
}

static const struct fd_object_ops signalfd_ops = {
    .destroy = destroy, .read = read_signals, .watch = watch};

static struct signalfd *create(struct task *task, int event, sigbits_t mask)
{
    struct linux_system *system = task->process->system;
    struct signalfd *signalfd = x_malloc(sizeof *signalfd);
    *signalfd = (struct signalfd){.object = {1, &signalfd_ops},
                                  .next = system->signalfds,
                                  .system = system,
                                  .owner = task->process,
                                  .mask = mask,
                                  .event = event};
    system->signalfds = signalfd;
    refresh(signalfd);
    return signalfd;
}

static int64_t make_new(struct task *task, sigbits_t mask, int flags)
{
    int host = eventfd(0, EFD_CLOEXEC | (flags & SFD_NONBLOCK ? EFD_NONBLOCK : 0));
    if (host < 0)
        return -errno;
    int event = fd_dup_host(host);
    if (event < 0) {
        close(host);
        return event;
    }
    int64_t fd = file_install(task, host, flags & SFD_CLOEXEC);
    if (fd < 0)
        close(event);
    else
        fd_entry(task->process->fds, (int)fd)->object = &create(task, event, mask)->object;
    return fd;
}

static int64_t change(struct task *task, int fd, sigbits_t mask)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    if (!entry)
        return -EBADF;
    if (!entry->object || entry->object->ops != &signalfd_ops)
        return -EINVAL;
    ((struct signalfd *)entry->object)->mask = mask;
    watch(task, entry->object);
    return fd;
}

static int64_t do_signalfd(struct task *task, const uint64_t args[6], int flags)
{
    sigbits_t mask;
    if (args[2] != sizeof mask || flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    if (user_read(task, &mask, args[1], sizeof mask) < 0)
        return -EFAULT;
    mask &= ~(sigbit(SIGKILL) | sigbit(SIGSTOP));
    int fd = (int)args[0];
    return fd == -1 ? make_new(task, mask, flags) : change(task, fd, mask);
}

int64_t sys_signalfd(struct task *task, const uint64_t args[6])
{
    return do_signalfd(task, args, 0);
}

int64_t sys_signalfd4(struct task *task, const uint64_t args[6])
{
    return do_signalfd(task, args, (int)args[3]);
}
