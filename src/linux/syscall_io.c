// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * read, write and their families. Bytes go through a buffer on pagewalk's stack, a piece at a time:
 *
 *   seekable files   any number of pieces; what the guest's memory did not take is not consumed
 *   all others       a call never sleeps in the host: it tries without waiting, and waits with
 *                    io_wait(), which a guest's signal ends. The destination is probed before
 *                    anything is taken out of a pipe, socket or terminal, so nothing is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/fd_object.h"
#include "linux/hostcall.h"
#include "linux/hostsig.h"
#include "linux/proc.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_io.h"
#include "linux/tty.h"

enum { MESSAGE_MAX = 1 << 20 }; /* most bytes of one datagram */

/* One transfer; a piece of it is `n` bytes at `buf`. */
struct transfer {
    struct task *task;
    const struct fd_entry *entry;
    struct user_vec *vec;
    int64_t offset; /* -1: the descriptor's position */
    int flags;      /* RWF_* */
};

bool io_may_block(const struct fd_entry *entry)
{
    return entry->kind >= FD_SOCKET;
}

bool io_is_nonblocking(int host)
{
    int flags = fcntl(host, F_GETFL);
    return flags < 0 || flags & O_NONBLOCK;
}

/* SO_RCVTIMEO or SO_SNDTIMEO in nanoseconds; -1: none. */
static int64_t socket_timeout(int host, short events)
{
    struct timeval tv;
    socklen_t len = sizeof tv;
    int option = events & POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
    if (getsockopt(host, SOL_SOCKET, option, &tv, &len) < 0 || (!tv.tv_sec && !tv.tv_usec))
        return -1;
    return tv.tv_sec * INT64_C(1000000000) + tv.tv_usec * INT64_C(1000);
}

int io_wait(struct task *task, const struct fd_entry *entry, short events)
{
    int64_t timeout = entry->kind == FD_SOCKET ? socket_timeout(entry->host, events) : -1;
    int ready = hostsig_wait_fd(task, entry->host, events, timeout);
    return ready > 0 ? 0 : ready == 0 ? -EAGAIN : ready;
}

int64_t io_broken_pipe(struct task *task, int64_t result)
{
    if (result == -EPIPE)
        signal_send_task(task, SIGPIPE, SI_USER, task->process->pid);
    return result;
}

static int64_t append_offset(int host)
{
    struct stat st;
    return fstat(host, &st) < 0 ? 0 : st.st_size;
}

int64_t io_within_limit(struct task *task, const struct fd_entry *entry, int64_t offset,
                        uint64_t len)
{
    uint64_t limit = task->process->limits[RLIMIT_FSIZE].cur;
    if (limit == RLIM_INFINITY || entry->kind != FD_REGULAR || len == 0)
        return (int64_t)len;
    int flags = fcntl(entry->host, F_GETFL);
    if (flags >= 0 && flags & O_APPEND)
        offset = append_offset(entry->host);
    else if (offset < 0)
        offset = lseek(entry->host, 0, SEEK_CUR);
    if (offset < 0 || (uint64_t)offset < limit)
        return (int64_t)(limit - (uint64_t)offset < len ? limit - (uint64_t)offset : len);
    signal_send_task(task, SIGXFSZ, SI_USER, task->process->pid);
    return -EFBIG;
}

/* ---- coherence with mappings ---- */

int io_before_read(struct task *task, const struct fd_entry *entry, int64_t offset, uint64_t len)
{
    struct kernel *kernel = task->process->system->kernel;
    if (entry->kind != FD_REGULAR || !object_any_file(kernel))
        return 0;
    if (offset < 0)
        offset = lseek(entry->host, 0, SEEK_CUR);
    return offset < 0 ? 0 : object_before_read(kernel, entry->host, (uint64_t)offset, len);
}

void io_after_write(struct task *task, const struct fd_entry *entry, int64_t offset, uint64_t len)
{
    struct kernel *kernel = task->process->system->kernel;
    if (entry->kind != FD_REGULAR || !len || !object_any_file(kernel))
        return;
    if (offset < 0)
        offset = lseek(entry->host, 0, SEEK_CUR) - (int64_t)len;
    if (offset >= 0)
        object_after_write(kernel, entry->host, (uint64_t)offset, len);
}

/* ---- seekable files ---- */

static int64_t host_read(const struct transfer *t, void *buf, size_t n)
{
    struct iovec iov = {buf, n};
    return host_result(preadv2(t->entry->host, &iov, 1, t->offset, t->flags));
}

static int64_t host_write(const struct transfer *t, const void *buf, size_t n)
{
    struct iovec iov = {(void *)buf, n};
    return host_result(pwritev2(t->entry->host, &iov, 1, t->offset, t->flags));
}

static size_t piece_len(const struct transfer *t)
{
    return t->vec->left < IO_PIECE ? t->vec->left : IO_PIECE;
}

/* The guest's memory took only `done` of `n` bytes that were read. */
static void unread(const struct transfer *t, size_t done, size_t n)
{
    if (t->offset < 0)
        (void)!lseek(t->entry->host, (off_t)done - (off_t)n, SEEK_CUR);
}

static int64_t read_seekable(struct transfer t, uint8_t *buf)
{
    int64_t total = 0;
    do {
        size_t want = piece_len(&t);
        int64_t n = io_before_read(t.task, t.entry, t.offset, want);
        if (n >= 0)
            n = host_read(&t, buf, want);
        if (n < 0)
            return total ? total : n;
        size_t done = user_vec_put(t.task, t.vec, buf, (size_t)n);
        total += (int64_t)done;
        if (t.offset >= 0)
            t.offset += (int64_t)done;
        if (done < (size_t)n) {
            unread(&t, done, (size_t)n);
            return total ? total : -EFAULT;
        }
        if ((size_t)n < want)
            break;
    } while (t.vec->left > 0);
    return total;
}

static int64_t write_seekable(struct transfer t, uint8_t *buf)
{
    int64_t total = 0;
    do {
        size_t want = piece_len(&t);
        size_t have = user_vec_get(t.task, t.vec, buf, want);
        int64_t n =
            have == 0 && want > 0 ? -EFAULT : io_within_limit(t.task, t.entry, t.offset, have);
        if (n >= 0)
            n = host_write(&t, buf, (size_t)n);
        if (n < 0)
            return total ? total : n;
        io_after_write(t.task, t.entry, t.flags & RWF_APPEND ? -1 : t.offset, (uint64_t)n);
        total += n;
        if (t.offset >= 0)
            t.offset += n;
        if ((size_t)n < want)
            break;
    } while (t.vec->left > 0);
    return total;
}

/* ---- everything that may wait ---- */

/* Reads what is there. Result: -EAGAIN if there is nothing yet. */
static int64_t read_now(const struct transfer *t, void *buf, size_t n)
{
    int host = t->entry->host;
    struct iovec iov = {buf, n};
    int64_t result = host_result(preadv2(host, &iov, 1, t->offset, t->flags | RWF_NOWAIT));
    if (result != -EOPNOTSUPP)
        return result;
    struct pollfd ready = {.fd = host, .events = POLLIN};
    if (poll(&ready, 1, 0) == 0)
        return -EAGAIN;
    return hostsig_call(t->task, SYS_preadv2, (uint64_t)host, (uint64_t)&iov, 1,
                        (uint64_t)t->offset, 0, (uint64_t)t->flags);
}

static int64_t write_host(const struct transfer *t, const struct iovec *iov)
{
    return hostsig_call(t->task, SYS_pwritev2, (uint64_t)t->entry->host, (uint64_t)iov, 1,
                        (uint64_t)t->offset, 0, (uint64_t)t->flags);
}

/* A terminal that is ready for writing takes some bytes, and waits for room for the others: it may
 * be another guest that is to make that room. */
static int64_t write_device(const struct transfer *t, const struct iovec *iov)
{
    int flags = fcntl(t->entry->host, F_GETFL);
    if (flags < 0 || flags & O_NONBLOCK)
        return write_host(t, iov);
    fcntl(t->entry->host, F_SETFL, flags | O_NONBLOCK);
    int64_t result = write_host(t, iov);
    fcntl(t->entry->host, F_SETFL, flags);
    return result;
}

/* Writes what fits. A pipe that is ready for writing takes PIPE_BUF bytes without waiting. */
static int64_t write_now(const struct transfer *t, const void *buf, size_t n)
{
    int host = t->entry->host;
    struct iovec iov = {(void *)buf, n};
    int64_t result = host_result(pwritev2(host, &iov, 1, t->offset, t->flags | RWF_NOWAIT));
    if (result != -EOPNOTSUPP)
        return result;
    if (t->entry->kind == FD_SOCKET)
        return host_result(send(host, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL));
    struct pollfd ready = {.fd = host, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 0)
        return -EAGAIN;
    if (t->entry->kind == FD_STREAM && iov.iov_len > PIPE_BUF)
        iov.iov_len = PIPE_BUF;
    return t->entry->kind == FD_DEVICE ? write_device(t, &iov) : write_host(t, &iov);
}

/* How much may be taken at once so that all of it can be stored: bounded by what is there and by
 * the memory that can be written. Result: -EFAULT if none can. */
static int64_t takeable(const struct transfer *t, size_t max)
{
    size_t want = t->vec->left < max ? t->vec->left : max;
    int available = 0;
    if (want > PAGE_SIZE && ioctl(t->entry->host, FIONREAD, &available) == 0 && available >= 0 &&
        (size_t)available < want)
        want = available > PAGE_SIZE ? (size_t)available : PAGE_SIZE;
    if (want == 0)
        return 0;
    size_t n = user_vec_probe(t->task, t->vec, want, MMU_STORE);
    return n ? (int64_t)n : -EFAULT;
}

static int64_t read_once(const struct transfer *t, uint8_t *buf, size_t max)
{
    for (;;) {
        int denied = tty_check(t->task, t->entry, TTY_READ);
        if (denied)
            return denied;
        int64_t want = takeable(t, max);
        int64_t n = want < 0 ? want : read_now(t, buf, (size_t)want);
        if (n != -EAGAIN || t->flags & RWF_NOWAIT || io_is_nonblocking(t->entry->host))
            return n;
        int error = io_wait(t->task, t->entry, POLLIN);
        if (error)
            return error;
    }
}

/* A device such as /dev/zero fills as many pieces as are asked for; others give what they have. */
static int64_t read_waiting(struct transfer t, uint8_t *buf, size_t max)
{
    int64_t total = 0;
    for (;;) {
        int64_t n = read_once(&t, buf, max);
        if (n < 0)
            return total ? total : n;
        size_t done = user_vec_put(t.task, t.vec, buf, (size_t)n);
        total += (int64_t)done;
        if (done < (size_t)n)
            return total ? total : -EFAULT;
        if ((size_t)n < max || t.vec->left == 0 || t.entry->kind != FD_DEVICE)
            return total;
    }
}

/* Writes one piece whole, unless something goes wrong. Result: bytes written, *error says why not
 * all. */
static size_t write_piece(const struct transfer *t, const uint8_t *buf, size_t len, int64_t *error)
{
    size_t done = 0;
    *error = tty_check(t->task, t->entry, TTY_WRITE);
    while (!*error && done < len) {
        int64_t n = write_now(t, buf + done, len - done);
        if (n >= 0) {
            tty_wrote(t->task, t->entry, buf + done, (size_t)n);
            done += (size_t)n;
        } else if (n != -EAGAIN || t->flags & RWF_NOWAIT || io_is_nonblocking(t->entry->host)) {
            *error = n;
        } else {
            *error = io_wait(t->task, t->entry, POLLOUT);
        }
    }
    return done;
}

static int64_t write_waiting(struct transfer t, uint8_t *buf, size_t max)
{
    int64_t total = 0;
    int64_t error;
    do {
        size_t want = t.vec->left < max ? t.vec->left : max;
        size_t have = user_vec_get(t.task, t.vec, buf, want);
        if (have == 0 && want > 0)
            return total ? total : -EFAULT;
        total += (int64_t)write_piece(&t, buf, have, &error);
        if (error)
            return total ? total : io_broken_pipe(t.task, error);
        if (have < want)
            break;
    } while (t.vec->left > 0);
    return total;
}

/* ---- the two directions ---- */

/* A datagram is not to be cut into pieces. Result: a buffer to free, or NULL: `small` is enough. */
static uint8_t *message_buffer(const struct transfer *t, size_t *max)
{
    if (t->entry->kind != FD_SOCKET || t->vec->left <= IO_PIECE)
        return NULL;
    size_t len = t->vec->left < MESSAGE_MAX ? t->vec->left : MESSAGE_MAX;
    uint8_t *buf = malloc(len);
    if (buf)
        *max = len;
    return buf;
}

static int64_t transfer_waiting(struct transfer t, uint8_t *small, bool is_write)
{
    size_t max = IO_PIECE;
    uint8_t *large = message_buffer(&t, &max);
    uint8_t *buf = large ? large : small;
    int64_t result = is_write ? write_waiting(t, buf, max) : read_waiting(t, buf, max);
    free(large);
    return result;
}

int64_t io_read(struct task *task, int fd, struct user_vec *vec, int64_t offset, int flags)
{
    _Alignas(PAGE_SIZE) uint8_t buf[IO_PIECE];
    struct fd_entry *entry = fd_entry(task->process->fds, fd);
    if (!entry)
        return -EBADF;
    if (entry->object)
        return entry->object->ops->read ? entry->object->ops->read(task, entry, vec) : -EINVAL;
    if (entry->proc_path) {
        int error = proc_before_read(task, entry, offset);
        if (error)
            return error;
    }
    struct fd_entry own = *entry; /* the table may change while the call waits */
    struct transfer t = {task, &own, vec, offset, flags};
    return io_may_block(entry) ? transfer_waiting(t, buf, false) : read_seekable(t, buf);
}

/* A file of proc.c takes what fits a page in one go. */
static int64_t write_proc(const struct transfer *t)
{
    char text[PAGE_SIZE];
    size_t want = t->vec->left < sizeof text - 1 ? t->vec->left : sizeof text - 1;
    size_t len = user_vec_get(t->task, t->vec, text, want);
    if (len < want)
        return -EFAULT;
    text[len] = 0;
    int error = proc_store(t->task, t->entry, text);
    return error ? error : (int64_t)len;
}

int64_t io_write(struct task *task, int fd, struct user_vec *vec, int64_t offset, int flags)
{
    _Alignas(PAGE_SIZE) uint8_t buf[IO_PIECE];
    struct fd_entry *entry = fd_entry(task->process->fds, fd);
    if (!entry)
        return -EBADF;
    struct fd_entry own = *entry;
    struct transfer t = {task, &own, vec, offset, flags};
    if (own.object)
        return -EINVAL;
    if (own.proc_path)
        return write_proc(&t);
    return io_may_block(entry) ? transfer_waiting(t, buf, true) : write_seekable(t, buf);
}

/* ---- the calls ---- */

enum direction { READ, WRITE };

static int64_t do_single(struct task *task, const uint64_t args[6], int64_t offset,
                         enum direction direction)
{
    struct user_vec vec;
    if (!fd_entry(task->process->fds, (int)args[0]))
        return -EBADF;
    int error = user_vec_single(&vec, args[1], args[2]);
    if (error)
        return error;
    return direction == READ ? io_read(task, (int)args[0], &vec, offset, 0)
                             : io_write(task, (int)args[0], &vec, offset, 0);
}

static int64_t do_vector(struct task *task, const uint64_t args[6], int64_t offset, int flags,
                         enum direction direction)
{
    struct user_vec vec;
    if (!fd_entry(task->process->fds, (int)args[0]))
        return -EBADF;
    int error = user_vec_load(task, &vec, args[1], args[2]);
    if (error)
        return error;
    return direction == READ ? io_read(task, (int)args[0], &vec, offset, flags)
                             : io_write(task, (int)args[0], &vec, offset, flags);
}

int64_t sys_read(struct task *task, const uint64_t args[6])
{
    return do_single(task, args, -1, READ);
}

int64_t sys_write(struct task *task, const uint64_t args[6])
{
    return do_single(task, args, -1, WRITE);
}

int64_t sys_pread64(struct task *task, const uint64_t args[6])
{
    return (int64_t)args[3] < 0 ? -EINVAL : do_single(task, args, (int64_t)args[3], READ);
}

int64_t sys_pwrite64(struct task *task, const uint64_t args[6])
{
    return (int64_t)args[3] < 0 ? -EINVAL : do_single(task, args, (int64_t)args[3], WRITE);
}

int64_t sys_readv(struct task *task, const uint64_t args[6])
{
    return do_vector(task, args, -1, 0, READ);
}

int64_t sys_writev(struct task *task, const uint64_t args[6])
{
    return do_vector(task, args, -1, 0, WRITE);
}

int64_t sys_preadv(struct task *task, const uint64_t args[6])
{
    return (int64_t)args[3] < 0 ? -EINVAL : do_vector(task, args, (int64_t)args[3], 0, READ);
}

int64_t sys_pwritev(struct task *task, const uint64_t args[6])
{
    return (int64_t)args[3] < 0 ? -EINVAL : do_vector(task, args, (int64_t)args[3], 0, WRITE);
}

/* Position -1 means the descriptor's own, as for readv. */
static int64_t do_vector2(struct task *task, const uint64_t args[6], enum direction direction)
{
    const int known = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND;
    if ((int64_t)args[3] < -1)
        return -EINVAL;
    if (args[5] & ~(uint64_t)known)
        return -EOPNOTSUPP;
    return do_vector(task, args, (int64_t)args[3], (int)args[5], direction);
}

int64_t sys_preadv2(struct task *task, const uint64_t args[6])
{
    return do_vector2(task, args, READ);
}

int64_t sys_pwritev2(struct task *task, const uint64_t args[6])
{
    return do_vector2(task, args, WRITE);
}
