// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls that move bytes from one descriptor to another without the guest's memory: sendfile,
 * copy_file_range, splice, tee. The host moves them; before it may sleep we wait ourselves, and
 * mapped files are told.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/hostcall.h"
#include "linux/proc.h"
#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_io.h"

/* One end of a copy: a descriptor and, if the guest gave a pointer, an offset. */
struct end {
    struct fd_entry entry; /* a copy: the table may change while a call waits */
    uint64_t addr;         /* of the offset in the guest's memory; 0: the descriptor's position */
    off_t offset;
};

static int get_end(struct task *task, int fd, uint64_t addr, struct end *out)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    out->addr = addr;
    out->offset = -1;
    if (!entry)
        return -EBADF;
    out->entry = *entry;
    if (addr && user_read(task, &out->offset, addr, sizeof out->offset))
        return -EFAULT;
    return addr && out->offset < 0 ? -EINVAL : 0;
}

static off_t *offset_of(struct end *end)
{
    return end->addr ? &end->offset : NULL;
}

/* What must be true before bytes are taken from `in`. */
static int before_copy(struct task *task, const struct end *in, uint64_t len)
{
    if (in->entry.proc_path) {
        int error = proc_before_read(task, &in->entry, in->offset);
        if (error)
            return error;
    }
    return io_before_read(task, &in->entry, in->offset, len);
}

/* After `n` bytes were moved: mapped files hear of it, new offsets go to the guest. */
static int64_t after_copy(struct task *task, struct end *in, struct end *out, int64_t n)
{
    if (n <= 0)
        return io_broken_pipe(task, n);
    io_after_write(task, &out->entry, out->addr ? out->offset - n : -1, (uint64_t)n);
    if (in->addr && user_write(task, in->addr, &in->offset, sizeof in->offset))
        return -EFAULT;
    if (out->addr && user_write(task, out->addr, &out->offset, sizeof out->offset))
        return -EFAULT;
    return n;
}

/* Waits for both ends as far as they may keep us waiting. */
static int wait_for_ends(struct task *task, const struct end *in, const struct end *out)
{
    int error = 0;
    sched_keep_open(task, in->entry.host);
    sched_keep_open(task, out->entry.host);
    if (io_may_block(&in->entry) && !io_is_nonblocking(in->entry.host))
        error = io_wait(task, &in->entry, POLLIN);
    if (!error && io_may_block(&out->entry) && !io_is_nonblocking(out->entry.host))
        error = io_wait(task, &out->entry, POLLOUT);
    return error;
}

/* A pipe or socket that is ready takes at least this much without sleeping. */
static size_t limit_len(const struct end *out, uint64_t len)
{
    size_t max =
        io_may_block(&out->entry) && !io_is_nonblocking(out->entry.host) ? PIPE_BUF : USER_IO_MAX;
    return len < max ? len : max;
}

int64_t sys_sendfile(struct task *task, const uint64_t args[6])
{
    struct end in, out;
    int error = get_end(task, (int)args[0], 0, &out);
    if (!error)
        error = get_end(task, (int)args[1], args[2], &in);
    if (error)
        return error;
    int64_t total = 0;
    uint64_t left = args[3] < USER_IO_MAX ? args[3] : USER_IO_MAX;
    int64_t n = 0;
    while (left > 0) {
        size_t len = limit_len(&out, left);
        n = wait_for_ends(task, &in, &out);
        if (n == 0)
            n = before_copy(task, &in, len);
        if (n == 0)
            n = host_result(sendfile(out.entry.host, in.entry.host, offset_of(&in), len));
        if (n <= 0)
            break;
        io_after_write(task, &out.entry, -1, (uint64_t)n);
        total += n;
        left -= (uint64_t)n;
    }
    if (total == 0)
        return io_broken_pipe(task, n);
    if (in.addr && user_write(task, in.addr, &in.offset, sizeof in.offset))
        return -EFAULT;
    return total;
}

int64_t sys_copy_file_range(struct task *task, const uint64_t args[6])
{
    struct end in, out;
    int error = get_end(task, (int)args[0], args[1], &in);
    if (!error)
        error = get_end(task, (int)args[2], args[3], &out);
    uint64_t len = args[4] < USER_IO_MAX ? args[4] : USER_IO_MAX;
    if (!error && in.entry.proc_path)
        error = -EXDEV; /* as between two filesystems: the caller reads and writes */
    if (!error)
        error = before_copy(task, &in, len);
    if (error)
        return error;
    int64_t n = host_result(copy_file_range(in.entry.host, offset_of(&in), out.entry.host,
                                            offset_of(&out), len, (unsigned)args[5]));
    return after_copy(task, &in, &out, n);
}

static bool is_pipe(const struct end *end)
{
    return end->entry.kind == FD_STREAM;
}

/* The host does not wait for pipes (SPLICE_F_NONBLOCK), but might for another end. */
static int wait_for_others(struct task *task, const struct end *in, const struct end *out)
{
    int error = 0;
    if (!is_pipe(in) && io_may_block(&in->entry) && !io_is_nonblocking(in->entry.host))
        error = io_wait(task, &in->entry, POLLIN);
    if (!error && !is_pipe(out) && io_may_block(&out->entry) && !io_is_nonblocking(out->entry.host))
        error = io_wait(task, &out->entry, POLLOUT);
    return error;
}

/* Is there anything that waiting would change? */
static bool may_wait(const struct end *in, const struct end *out, unsigned flags)
{
    bool in_waits = is_pipe(in) && !io_is_nonblocking(in->entry.host);
    bool out_waits = is_pipe(out) && !io_is_nonblocking(out->entry.host);
    return !(flags & SPLICE_F_NONBLOCK) && (in_waits || out_waits);
}

enum { SPLICE_FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT };

static int get_splice_ends(struct task *task, const uint64_t args[6], struct end *in,
                           struct end *out)
{
    int error = get_end(task, (int)args[0], args[1], in);
    if (!error)
        error = get_end(task, (int)args[2], args[3], out);
    if (error)
        return error;
    if ((is_pipe(in) && in->addr) || (is_pipe(out) && out->addr))
        return -ESPIPE;
    return is_pipe(in) || is_pipe(out) ? 0 : -EINVAL;
}

int64_t sys_splice(struct task *task, const uint64_t args[6])
{
    struct end in, out;
    unsigned flags = (unsigned)args[5];
    size_t len = args[4] < USER_IO_MAX ? args[4] : USER_IO_MAX;
    if (len == 0 || flags & ~(unsigned)SPLICE_FLAGS)
        return len ? -EINVAL : 0;
    int64_t n = get_splice_ends(task, args, &in, &out);
    if (n == 0)
        n = before_copy(task, &in, len);
    if (n == 0 && !(flags & SPLICE_F_NONBLOCK))
        n = wait_for_others(task, &in, &out);
    while (n == 0) {
        n = host_result(splice(in.entry.host, offset_of(&in), out.entry.host, offset_of(&out), len,
                               flags | SPLICE_F_NONBLOCK));
        if (n != -EAGAIN || !may_wait(&in, &out, flags))
            break;
        n = wait_for_ends(task, &in, &out);
    }
    return after_copy(task, &in, &out, n);
}

int64_t sys_tee(struct task *task, const uint64_t args[6])
{
    struct end in, out;
    unsigned flags = (unsigned)args[3];
    if (flags & ~(unsigned)SPLICE_FLAGS)
        return -EINVAL;
    if (args[2] == 0)
        return 0;
    int64_t n = get_end(task, (int)args[0], 0, &in);
    if (n == 0)
        n = get_end(task, (int)args[1], 0, &out);
    if (n == 0 && (!is_pipe(&in) || !is_pipe(&out)))
        n = -EINVAL;
    while (n == 0) {
        n = host_result(tee(in.entry.host, out.entry.host, args[2], flags | SPLICE_F_NONBLOCK));
        if (n != -EAGAIN || !may_wait(&in, &out, flags))
            break;
        n = wait_for_ends(task, &in, &out);
    }
    return io_broken_pipe(task, n);
}

/* Gives pages of the guest to a pipe: a copy is what the reader sees. */
int64_t sys_vmsplice(struct task *task, const uint64_t args[6])
{
    struct user_vec vec;
    const struct fd_entry *entry = fd_entry(task->process->fds, (int)args[0]);
    if (!entry)
        return -EBADF;
    if (entry->kind != FD_STREAM)
        return -EBADF;
    int error = user_vec_load(task, &vec, args[1], args[2]);
    if (error)
        return error;
    int flags = fcntl(entry->host, F_GETFL);
    bool is_writing = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
    return is_writing ? io_write(task, (int)args[0], &vec, -1, 0)
                      : io_read(task, (int)args[0], &vec, -1, 0);
}
