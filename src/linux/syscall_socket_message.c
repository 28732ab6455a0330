// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sending and receiving messages. A message is gathered in one host buffer, so that a datagram
 * stays one; descriptors in SCM_RIGHTS are translated both ways. No host call sleeps: each is made
 * with MSG_DONTWAIT, and io_wait() waits where the guest would.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "linux/hostcall.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/syscall_io.h"
#include "linux/syscall_socket.h"
#include "linux/user.h"

enum {
    BUFFER_MAX = 1 << 20, /* bytes of one host call */
    CONTROL_MAX = 4096,   /* bytes of control messages */
    RIGHTS_MAX = 253,     /* SCM_MAX_FD */
};

/* The kernel's struct msghdr, and struct mmsghdr's length behind it. */
struct user_msghdr {
    uint64_t name;
    uint32_t namelen, pad;
    uint64_t iov, iovlen;
    uint64_t control, controllen;
    uint32_t flags, pad2;
};

struct user_mmsghdr {
    struct user_msghdr header;
    uint32_t len, pad;
};

/* A message on its way: what the host is given. */
struct message {
    struct task *task;
    const struct fd_entry *entry;
    struct user_vec vec;
    struct socket_address address;
    bool has_address;
    uint8_t *buf;
    size_t len;
    size_t control_len;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
};

static bool may_wait(const struct message *m, int flags)
{
    return !(flags & MSG_DONTWAIT) && !io_is_nonblocking(m->entry->host);
}

static struct msghdr host_header(struct message *m, struct iovec *iov)
{
    *iov = (struct iovec){m->buf, m->len};
    return (struct msghdr){.msg_name = m->has_address ? &m->address.bytes : NULL,
                           .msg_namelen = m->has_address ? m->address.len : 0,
                           .msg_iov = iov,
                           .msg_iovlen = 1,
                           .msg_control = m->control_len ? m->control : NULL,
                           .msg_controllen = m->control_len};
}

/* ---- sending ---- */

static int64_t send_once(struct message *m, int flags)
{
    struct iovec iov;
    for (;;) {
        struct msghdr header = host_header(m, &iov);
        int64_t n =
            host_result(sendmsg(m->entry->host, &header, flags | MSG_DONTWAIT | MSG_NOSIGNAL));
        if (n != -EAGAIN || !may_wait(m, flags))
            return n;
        int error = io_wait(m->task, m->entry, POLLOUT);
        if (error)
            return error;
    }
}

static bool is_stream(int host)
{
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(host, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* A stream takes all of it, in as many calls as it needs; control messages go with the first. */
static int64_t send_all(struct message *m, int flags)
{
    bool stream = is_stream(m->entry->host);
    int64_t total = 0;
    do {
        size_t want = m->vec.left < BUFFER_MAX ? m->vec.left : BUFFER_MAX;
        uint8_t *whole = m->buf;
        size_t have = user_vec_get(m->task, &m->vec, m->buf, want);
        if (have < want)
            return total ? total : -EFAULT;
        for (m->len = have;;) {
            int64_t n = send_once(m, flags);
            if (n < 0) {
                m->buf = whole;
                return total ? total : n;
            }
            total += n;
            m->control_len = 0;
            if (!stream || (size_t)n >= m->len || !may_wait(m, flags))
                break;
            m->buf += n;
            m->len -= (size_t)n;
        }
        m->buf = whole;
    } while (stream && m->vec.left > 0 && may_wait(m, flags));
    return total;
}

static int64_t finish_send(struct message *m, int flags)
{
    size_t room = m->vec.left < BUFFER_MAX ? m->vec.left : BUFFER_MAX;
    if (m->vec.left > BUFFER_MAX && !is_stream(m->entry->host))
        return -EMSGSIZE;
    m->buf = malloc(room ? room : 1);
    if (!m->buf)
        return -ENOMEM;
    int64_t result = send_all(m, flags);
    free(m->buf);
    return flags & MSG_NOSIGNAL ? result : io_broken_pipe(m->task, result);
}

int64_t sys_sendto(struct task *task, const uint64_t args[6])
{
    struct message m = {0};
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    m.task = task;
    m.entry = &entry;
    m.control_len = 0;
    m.has_address = args[4] != 0;
    if (!error)
        error = user_vec_single(&m.vec, args[1], args[2]);
    if (!error && m.has_address)
        error = socket_read_address(task, args[4], args[5], false, &m.address);
    return error ? error : finish_send(&m, (int)args[3]);
}

/* Guest descriptors in SCM_RIGHTS become host ones; other kinds that name processes are refused. */
static int translate_out(struct task *task, struct message *m)
{
    struct msghdr header = {.msg_control = m->control, .msg_controllen = m->control_len};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_len < CMSG_LEN(0) || (uint8_t *)c + c->cmsg_len > m->control + m->control_len)
            return -EINVAL;
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        size_t len = c->cmsg_len - CMSG_LEN(0);
        int *fds = (int *)CMSG_DATA(c);
        if (c->cmsg_type == SCM_CREDENTIALS && len >= sizeof(struct ucred))
            ((struct ucred *)fds)->pid = getpid();
        if (c->cmsg_type != SCM_RIGHTS)
            continue;
        if (len / sizeof(int) > RIGHTS_MAX)
            return -EINVAL;
        for (size_t i = 0; i < len / sizeof(int); i++) {
            fds[i] = fd_host(task->process->fds, fds[i]);
            if (fds[i] < 0)
                return -EBADF;
        }
    }
    return 0;
}

static int read_control(struct task *task, const struct user_msghdr *header, struct message *m)
{
    m->control_len = 0;
    if (!header->control || !header->controllen)
        return 0;
    if (header->controllen > sizeof m->control)
        return -ENOBUFS;
    if (user_read(task, m->control, header->control, header->controllen))
        return -EFAULT;
    m->control_len = header->controllen;
    return translate_out(task, m);
}

static int64_t send_header(struct task *task, const struct fd_entry *entry,
                           const struct user_msghdr *header, int flags)
{
    struct message m = {0};
    m.task = task;
    m.entry = entry;
    m.has_address = header->name && header->namelen;
    if (header->iovlen > USER_VEC_MAX)
        return -EMSGSIZE;
    int error = user_vec_load(task, &m.vec, header->iov, header->iovlen);
    if (!error && m.has_address)
        error = socket_read_address(task, header->name, header->namelen, false, &m.address);
    if (!error)
        error = read_control(task, header, &m);
    return error ? error : finish_send(&m, flags);
}

int64_t sys_sendmsg(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    struct user_msghdr header;
    int error = socket_entry(task, (int)args[0], &entry);
    if (!error)
        error = user_read(task, &header, args[1], sizeof header);
    return error ? error : send_header(task, &entry, &header, (int)args[2]);
}

int64_t sys_sendmmsg(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    unsigned count = (unsigned)args[2] < USER_VEC_MAX ? (unsigned)args[2] : USER_VEC_MAX;
    for (unsigned i = 0; i < count; i++) {
        struct user_msghdr header;
        uint64_t addr = args[1] + i * sizeof(struct user_mmsghdr);
        int64_t n = user_read(task, &header, addr, sizeof header);
        if (n == 0)
            n = send_header(task, &entry, &header, (int)args[3]);
        uint32_t len = (uint32_t)n;
        if (n >= 0 && user_write(task, addr + offsetof(struct user_mmsghdr, len), &len, 4))
            n = -EFAULT;
        if (n < 0)
            return i ? i : n;
    }
    return count;
}

/* ---- receiving ---- */

/* Bytes to ask for so that all can be stored: no more than the guest's memory takes. */
static int64_t receivable(struct message *m)
{
    size_t want = m->vec.left < BUFFER_MAX ? m->vec.left : BUFFER_MAX;
    int available = 0;
    if (want > PAGE_SIZE && ioctl(m->entry->host, FIONREAD, &available) == 0 &&
        available > PAGE_SIZE && (size_t)available < want)
        want = (size_t)available;
    size_t n = want ? user_vec_probe(m->task, &m->vec, want, MMU_STORE) : 0;
    return want && !n ? -EFAULT : (int64_t)n;
}

/* One receive. Effect: *out is the host's header afterwards. */
static int64_t receive_once(struct message *m, struct msghdr *out, int flags)
{
    struct iovec iov;
    size_t control_len = m->control_len;
    for (;;) {
        int64_t n = receivable(m);
        if (n < 0)
            return n;
        m->len = (size_t)n;
        m->address.len = sizeof m->address.bytes;
        m->control_len = control_len;
        *out = host_header(m, &iov);
        n = host_result(recvmsg(m->entry->host, out, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
        if (n >= 0)
            m->control_len = out->msg_controllen;
        if (n >= 0 || n != -EAGAIN || flags & MSG_ERRQUEUE || !may_wait(m, flags))
            return n;
        int error = io_wait(m->task, m->entry, flags & MSG_OOB ? POLLPRI : POLLIN);
        if (error)
            return error;
    }
}

/* With MSG_TRUNC the result may be longer than what was stored. */
static int64_t store_received(struct message *m, int64_t n)
{
    size_t len = (size_t)n < m->len ? (size_t)n : m->len;
    return user_vec_put(m->task, &m->vec, m->buf, len) < len ? -EFAULT : n;
}

/* MSG_WAITALL goes on until everything asked for is there, or the stream ends. */
static int64_t receive_all(struct message *m, struct msghdr *out, int flags)
{
    bool all = flags & MSG_WAITALL && !(flags & (MSG_PEEK | MSG_DONTWAIT)) &&
               is_stream(m->entry->host) && may_wait(m, flags);
    int64_t total = 0;
    for (;;) {
        int64_t n = receive_once(m, out, flags & ~MSG_WAITALL);
        if (n > 0)
            n = store_received(m, n);
        if (n < 0)
            return total ? total : n;
        total += n;
        if (!all || n == 0 || m->vec.left == 0 || m->control_len)
            return total;
    }
}

static int64_t start_receive(struct message *m, struct msghdr *out, int flags)
{
    size_t room = m->vec.left < BUFFER_MAX ? m->vec.left : BUFFER_MAX;
    m->buf = malloc(room ? room : 1);
    if (!m->buf)
        return -ENOMEM;
    int64_t result = receive_all(m, out, flags);
    free(m->buf);
    return result;
}

int64_t sys_recvfrom(struct task *task, const uint64_t args[6])
{
    struct message m;
    struct msghdr out;
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    m.task = task;
    m.entry = &entry;
    m.has_address = true;
    m.control_len = 0;
    error = user_vec_single(&m.vec, args[1], args[2]);
    if (error)
        return error;
    int64_t n = start_receive(&m, &out, (int)args[3]);
    if (n < 0)
        return n;
    m.address.len = out.msg_namelen;
    error = socket_write_address(task, &m.address, args[4], args[5]);
    return error ? error : n;
}

/* A descriptor that came in a message; it is closed on an error. */
static int64_t receive_fd(struct task *task, int host, bool cloexec)
{
    if (guard_admits(&task->process->system->options.guard, host))
        return file_install(task, host, cloexec);
    close(host);
    return -EACCES;
}

/* Host descriptors in SCM_RIGHTS become guest ones; those that do not fit are closed. */
static void translate_in(struct task *task, struct message *m, int flags, uint32_t *out_flags)
{
    struct msghdr header = {.msg_control = m->control, .msg_controllen = m->control_len};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        size_t len = c->cmsg_len - CMSG_LEN(0);
        int *fds = (int *)CMSG_DATA(c);
        if (c->cmsg_type == SCM_CREDENTIALS && len >= sizeof(struct ucred)) {
            struct ucred *peer = (struct ucred *)fds;
            peer->pid = peer->pid == getpid() ? task->process->pid : 0;
        }
        if (c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < len / sizeof(int); i++) {
            int64_t fd = receive_fd(task, fds[i], flags & MSG_CMSG_CLOEXEC);
            if (fd >= 0)
                fds[kept++] = (int)fd;
        }
        if (kept < len / sizeof(int))
            *out_flags |= MSG_CTRUNC;
        c->cmsg_len = CMSG_LEN(kept * sizeof(int));
    }
}

static int64_t receive_header(struct task *task, const struct fd_entry *entry, uint64_t addr,
                              int flags)
{
    struct user_msghdr header;
    struct message m;
    struct msghdr out;
    if (user_read(task, &header, addr, sizeof header))
        return -EFAULT;
    if (header.iovlen > USER_VEC_MAX)
        return -EMSGSIZE;
    m.task = task;
    m.entry = entry;
    m.has_address = true;
    size_t room = header.control ? header.controllen : 0;
    m.control_len = room < sizeof m.control ? room : sizeof m.control;
    int error = user_vec_load(task, &m.vec, header.iov, header.iovlen);
    if (error)
        return error;
    int64_t n = start_receive(&m, &out, flags);
    if (n < 0)
        return n;
    header.flags = (uint32_t)out.msg_flags & ~(uint32_t)MSG_CMSG_CLOEXEC;
    translate_in(task, &m, flags, &header.flags);
    header.controllen = m.control_len;
    m.address.len = out.msg_namelen;
    if (m.control_len && user_write(task, header.control, m.control, m.control_len))
        return -EFAULT;
    if (header.name) {
        error = socket_write_address(task, &m.address, header.name,
                                     addr + offsetof(struct user_msghdr, namelen));
        if (error)
            return error;
    }
    if (user_write(task, addr + offsetof(struct user_msghdr, controllen), &header.controllen, 8) ||
        user_write(task, addr + offsetof(struct user_msghdr, flags), &header.flags, 4))
        return -EFAULT;
    return n;
}

int64_t sys_recvmsg(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    return error ? error : receive_header(task, &entry, args[1], (int)args[2]);
}

/* A timeout counts only between messages (recvmmsg(2), BUGS): with one that has come it is over. */
int64_t sys_recvmmsg(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    int flags = (int)args[3];
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    unsigned count = (unsigned)args[2] < USER_VEC_MAX ? (unsigned)args[2] : USER_VEC_MAX;
    for (unsigned i = 0; i < count; i++) {
        uint64_t addr = args[1] + i * sizeof(struct user_mmsghdr);
        bool later = i > 0 && (flags & MSG_WAITFORONE || args[4]);
        int64_t n = receive_header(task, &entry, addr,
                                   (flags & ~MSG_WAITFORONE) | (later ? MSG_DONTWAIT : 0));
        uint32_t len = (uint32_t)n;
        if (n >= 0 && user_write(task, addr + offsetof(struct user_mmsghdr, len), &len, 4))
            n = -EFAULT;
        if (n < 0)
            return i ? i : n;
    }
    return count;
}
