// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waiting for several descriptors: poll, select and epoll. Guest numbers become host descriptors
 * and back; the waiting itself is hostsig_poll()'s, which a signal of the guest's ends. An epoll
 * set is one of the host's, whose entries are host descriptors; its data words pass through unread.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/fd_object.h"
#include "linux/hostcall.h"
#include "linux/hostsig.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/user.h"

/* ---- masks and timeouts ---- */

/* Puts a temporary signal mask in place, as ppoll and its like do. `addr` 0: none. */
static int begin_mask(struct task *task, uint64_t addr, uint64_t size)
{
    sigbits_t mask;
    if (!addr)
        return 0;
    if (size != sizeof mask)
        return -EINVAL;
    if (user_read(task, &mask, addr, sizeof mask))
        return -EFAULT;
    task->signals.saved_mask = task->signals.mask;
    task->signals.has_saved_mask = true;
    task->signals.mask = mask & ~(sigbit(SIGKILL) | sigbit(SIGSTOP));
    return 0;
}

/* The old mask comes back now, or after the handler of the signal that ended the wait. */
static void end_mask(struct task *task, uint64_t addr, int64_t result)
{
    if (!addr || result == -ERESTARTNOHAND || result == -EINTR)
        return;
    task->signals.mask = task->signals.saved_mask;
    task->signals.has_saved_mask = false;
}

/* Reads a timespec. Effect: *ns is -1 if `addr` is 0. */
static int read_timeout(struct task *task, uint64_t addr, int64_t *ns)
{
    struct timespec ts;
    *ns = -1;
    if (!addr)
        return 0;
    if (user_read(task, &ts, addr, sizeof ts))
        return -EFAULT;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
        return -EINVAL;
    *ns = ts.tv_sec > INT64_MAX / 2000000000 ? INT64_MAX
                                             : ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
    return 0;
}

static int64_t time_left(const struct task *task, int64_t timeout, uint64_t begun)
{
    uint64_t passed = clock_monotonic(task->process->system) - begun;
    return passed >= (uint64_t)timeout ? 0 : timeout - (int64_t)passed;
}

/* ---- poll ---- */

/* Waits for descriptors that are the guest's; those that are not open report POLLNVAL at once. */
static int64_t wait_polls(struct task *task, struct pollfd *fds, unsigned nfds, int64_t timeout)
{
    struct pollfd *host = calloc(nfds ? nfds : 1, sizeof *host);
    int64_t invalid = 0;
    if (!host)
        return -ENOMEM;
    for (unsigned i = 0; i < nfds; i++) {
        const struct fd_entry *entry = fd_entry(task->process->fds, fds[i].fd);
        host[i].events = fds[i].events;
        host[i].fd = entry ? entry->host : -1;
        if (entry)
            fd_object_watch(task, entry->object);
        invalid += fds[i].fd >= 0 && host[i].fd < 0;
    }
    int64_t result = hostsig_poll(task, host, nfds, invalid ? 0 : timeout);
    for (unsigned i = 0; i < nfds; i++) {
        bool is_invalid = fds[i].fd >= 0 && host[i].fd < 0;
        fds[i].revents = is_invalid ? POLLNVAL : result > 0 ? host[i].revents : 0;
    }
    free(host);
    if (result == -ERESTARTSYS)
        return -ERESTARTNOHAND;
    return result < 0 ? result : result + invalid;
}

static int64_t do_poll(struct task *task, uint64_t addr, unsigned nfds, int64_t timeout)
{
    if (nfds > task->process->limits[RLIMIT_NOFILE].cur || nfds > (1 << 20))
        return -EINVAL;
    struct pollfd *fds = calloc(nfds ? nfds : 1, sizeof *fds);
    if (!fds)
        return -ENOMEM;
    int64_t result = nfds ? user_read(task, fds, addr, nfds * sizeof *fds) : 0;
    if (result == 0)
        result = wait_polls(task, fds, nfds, timeout);
    if (result >= 0 && nfds && user_write(task, addr, fds, nfds * sizeof *fds))
        result = -EFAULT;
    free(fds);
    return result;
}

int64_t sys_poll(struct task *task, const uint64_t args[6])
{
    int ms = (int)args[2];
    return do_poll(task, args[0], (unsigned)args[1], ms < 0 ? -1 : ms * INT64_C(1000000));
}

static int write_time_left(struct task *task, uint64_t addr, int64_t timeout, uint64_t begun)
{
    if (!addr)
        return 0;
    int64_t left = time_left(task, timeout, begun);
    struct timespec ts = {left / 1000000000, left % 1000000000};
    return user_write(task, addr, &ts, sizeof ts);
}

int64_t sys_ppoll(struct task *task, const uint64_t args[6])
{
    int64_t timeout;
    int error = read_timeout(task, args[2], &timeout);
    if (!error)
        error = begin_mask(task, args[3], args[4]);
    if (error)
        return error;
    uint64_t begun = clock_monotonic(task->process->system);
    int64_t result = do_poll(task, args[0], (unsigned)args[1], timeout);
    end_mask(task, args[3], result);
    write_time_left(task, args[2], timeout, begun);
    return result;
}

/* ---- select ---- */

enum { SETS = 3 };
static const short set_wants[SETS] = {POLLIN, POLLOUT, POLLPRI};
static const short set_gives[SETS] = {POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
                                      POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR, POLLPRI};

/* The guest's three sets, as bits; a set that was not given stays empty. */
struct select_sets {
    int nfds;
    size_t len; /* bytes of a set, in whole words */
    uint64_t addr[SETS];
    uint8_t *bits[SETS];
};

static bool is_in(const uint8_t *bits, int fd)
{
    return bits[fd / 8] >> (fd % 8) & 1;
}

static void free_sets(struct select_sets *sets)
{
    for (int i = 0; i < SETS; i++)
        free(sets->bits[i]);
}

static int read_sets(struct task *task, const uint64_t args[6], struct select_sets *sets)
{
    memset(sets, 0, sizeof *sets);
    sets->nfds = (int)args[0];
    if (sets->nfds < 0)
        return -EINVAL;
    if (sets->nfds > 1 << 16)
        sets->nfds = 1 << 16;
    sets->len = ((size_t)sets->nfds + 63) / 64 * 8;
    int error = 0;
    for (int i = 0; i < SETS; i++) {
        sets->addr[i] = args[1 + i];
        sets->bits[i] = calloc(1, sets->len + 8);
        if (!sets->bits[i])
            error = -ENOMEM;
        else if (sets->addr[i] && !error)
            error = user_read(task, sets->bits[i], sets->addr[i], sets->len);
    }
    if (error)
        free_sets(sets);
    return error;
}

static int write_sets(struct task *task, const struct select_sets *sets)
{
    for (int i = 0; i < SETS; i++)
        if (sets->addr[i] && user_write(task, sets->addr[i], sets->bits[i], sets->len))
            return -EFAULT;
    return 0;
}

/* The sets as poll(2)'s array. Result: its length, or -EBADF. */
static int64_t sets_to_polls(struct task *task, const struct select_sets *sets, struct pollfd *out)
{
    unsigned n = 0;
    for (int fd = 0; fd < sets->nfds; fd++) {
        short events = 0;
        for (int i = 0; i < SETS; i++)
            if (is_in(sets->bits[i], fd))
                events |= set_wants[i];
        if (!events)
            continue;
        if (fd_host(task->process->fds, fd) < 0)
            return -EBADF;
        out[n++] = (struct pollfd){.fd = fd, .events = events};
    }
    return n;
}

/* What poll found, as sets. Result: bits set in all. */
static int64_t polls_to_sets(const struct pollfd *fds, unsigned nfds, struct select_sets *sets)
{
    int64_t count = 0;
    for (int i = 0; i < SETS; i++)
        memset(sets->bits[i], 0, sets->len);
    for (unsigned k = 0; k < nfds; k++)
        for (int i = 0; i < SETS; i++)
            if (fds[k].events & set_wants[i] && fds[k].revents & set_gives[i]) {
                sets->bits[i][fds[k].fd / 8] |= (uint8_t)(1 << fds[k].fd % 8);
                count++;
            }
    return count;
}

static int64_t do_select(struct task *task, const uint64_t args[6], int64_t timeout)
{
    struct select_sets sets;
    int error = read_sets(task, args, &sets);
    if (error)
        return error;
    struct pollfd *fds = calloc((size_t)sets.nfds + 1, sizeof *fds);
    int64_t result = fds ? sets_to_polls(task, &sets, fds) : -ENOMEM;
    if (result >= 0) {
        unsigned nfds = (unsigned)result;
        result = wait_polls(task, fds, nfds, timeout);
        if (result >= 0) {
            result = polls_to_sets(fds, nfds, &sets);
            if (write_sets(task, &sets))
                result = -EFAULT;
        }
    }
    free(fds);
    free_sets(&sets);
    return result;
}

int64_t sys_select(struct task *task, const uint64_t args[6])
{
    struct timeval tv;
    int64_t timeout = -1;
    if (args[4]) {
        if (user_read(task, &tv, args[4], sizeof tv))
            return -EFAULT;
        if (tv.tv_sec < 0 || tv.tv_usec < 0)
            return -EINVAL;
        tv.tv_sec += tv.tv_usec / 1000000;
        timeout = tv.tv_sec > INT64_MAX / 2000000000
                      ? INT64_MAX
                      : tv.tv_sec * INT64_C(1000000000) + tv.tv_usec % 1000000 * 1000;
    }
    uint64_t begun = clock_monotonic(task->process->system);
    int64_t result = do_select(task, args, timeout);
    if (args[4]) {
        int64_t left = time_left(task, timeout, begun);
        tv = (struct timeval){left / 1000000000, left % 1000000000 / 1000};
        user_write(task, args[4], &tv, sizeof tv);
    }
    return result;
}

/* The sixth argument is a pointer to {mask, its size}. */
int64_t sys_pselect6(struct task *task, const uint64_t args[6])
{
    uint64_t mask[2] = {0, 0};
    int64_t timeout;
    if (args[5] && user_read(task, mask, args[5], sizeof mask))
        return -EFAULT;
    int error = read_timeout(task, args[4], &timeout);
    if (!error)
        error = begin_mask(task, mask[0], mask[1]);
    if (error)
        return error;
    uint64_t begun = clock_monotonic(task->process->system);
    int64_t result = do_select(task, args, timeout);
    end_mask(task, mask[0], result);
    write_time_left(task, args[4], timeout, begun);
    return result;
}

/* ---- epoll ---- */

int64_t sys_epoll_create(struct task *task, const uint64_t args[6])
{
    if ((int)args[0] <= 0)
        return -EINVAL;
    return file_install(task, host_result(epoll_create1(EPOLL_CLOEXEC)), false);
}

int64_t sys_epoll_create1(struct task *task, const uint64_t args[6])
{
    int64_t host = host_result(epoll_create1((int)args[0] | EPOLL_CLOEXEC));
    return file_install(task, host, args[0] & EPOLL_CLOEXEC);
}

int64_t sys_epoll_ctl(struct task *task, const uint64_t args[6])
{
    struct epoll_event event;
    int epoll = fd_host(task->process->fds, (int)args[0]);
    int host = fd_host(task->process->fds, (int)args[2]);
    if (epoll < 0 || host < 0)
        return -EBADF;
    bool has_event = (int)args[1] != EPOLL_CTL_DEL;
    fd_object_watch(task, fd_entry(task->process->fds, (int)args[2])->object);
    if (has_event && user_read(task, &event, args[3], sizeof event))
        return -EFAULT;
    return host_result(epoll_ctl(epoll, (int)args[1], host, has_event ? &event : NULL));
}

enum { EPOLL_EVENTS_MAX = 1024 };

/* A set is itself readable when it has events. */
static int64_t do_epoll_wait(struct task *task, const uint64_t args[6], int64_t timeout)
{
    struct epoll_event events[EPOLL_EVENTS_MAX];
    int host = fd_host(task->process->fds, (int)args[0]);
    int max = (int)args[2];
    if (max <= 0 || max > INT_MAX / (int)sizeof *events)
        return -EINVAL;
    if (host < 0)
        return host;
    if (max > EPOLL_EVENTS_MAX)
        max = EPOLL_EVENTS_MAX;
    if (uaccess_probe(task->process->space, vaddr(args[1]), 1, MMU_STORE) == 0)
        return -EFAULT;
    int n = epoll_wait(host, events, max, 0);
    if (n == 0 && timeout != 0) {
        int ready = hostsig_wait_fd(task, host, POLLIN, timeout);
        if (ready <= 0)
            return ready == -ERESTARTSYS ? -EINTR : ready;
        n = epoll_wait(host, events, max, 0);
    }
    if (n < 0)
        return -errno;
    int error = user_write(task, args[1], events, (size_t)n * sizeof *events);
    return error ? error : n;
}

int64_t sys_epoll_wait(struct task *task, const uint64_t args[6])
{
    int ms = (int)args[3];
    return do_epoll_wait(task, args, ms < 0 ? -1 : ms * INT64_C(1000000));
}

static int64_t epoll_wait_masked(struct task *task, const uint64_t args[6], int64_t timeout)
{
    int error = begin_mask(task, args[4], args[5]);
    if (error)
        return error;
    int64_t result = do_epoll_wait(task, args, timeout);
    end_mask(task, args[4], result);
    return result;
}

int64_t sys_epoll_pwait(struct task *task, const uint64_t args[6])
{
    int ms = (int)args[3];
    return epoll_wait_masked(task, args, ms < 0 ? -1 : ms * INT64_C(1000000));
}

int64_t sys_epoll_pwait2(struct task *task, const uint64_t args[6])
{
    int64_t timeout;
    int error = read_timeout(task, args[3], &timeout);
    return error ? error : epoll_wait_masked(task, args, timeout);
}
