// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets: making, naming, connecting and setting them. The host's sockets do the work; addresses
 * are copied through, but for those of Unix sockets (unix_name.h). Sending and receiving is
 * syscall_socket_message.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/syscall_io.h"
#include "linux/syscall_socket.h"
#include "linux/unix_name.h"
#include "linux/user.h"

int socket_entry(struct task *task, int fd, struct fd_entry *out)
{
    const struct fd_entry *entry = fd_entry(task->process->fds, fd);
    if (!entry)
        return -EBADF;
    *out = *entry;
    return entry->kind == FD_SOCKET ? 0 : -ENOTSOCK;
}

/* ---- addresses ---- */

int socket_read_address(struct task *task, uint64_t addr, uint64_t len, bool is_new,
                        struct socket_address *out)
{
    memset(out, 0, sizeof *out);
    if ((int)len < 0 || (uint32_t)len > sizeof out->bytes)
        return -EINVAL;
    out->len = (socklen_t)len;
    if (out->len && user_read(task, &out->bytes, addr, out->len))
        return -EFAULT;
    bool is_unix = out->bytes.ss_family == AF_UNIX && out->len >= sizeof out->bytes.ss_family;
    return is_unix ? unix_name_to_host(task, out, is_new) : 0;
}

int socket_write_address(struct task *task, struct socket_address *address, uint64_t addr,
                         uint64_t len_addr)
{
    int room;
    if (!addr || !len_addr)
        return 0;
    if (user_read(task, &room, len_addr, sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (address->bytes.ss_family == AF_UNIX)
        unix_name_to_guest(task, address);
    size_t len = address->len < sizeof address->bytes ? address->len : sizeof address->bytes;
    if ((size_t)room < len)
        len = (size_t)room;
    if (len && user_write(task, addr, &address->bytes, len))
        return -EFAULT;
    return user_write(task, len_addr, &address->len, sizeof address->len);
}

/* ---- making ---- */

static bool cloexec_of(int type)
{
    return type & SOCK_CLOEXEC;
}

/*
 * Without a network (--no-net) there are Unix sockets only, as on a kernel that was built without
 * any other family: socket(2) says EAFNOSUPPORT, which callers know and fall back on. A later error
 * (ENETUNREACH from connect) would leave sockets whose options and addresses tell of the host's
 * interfaces. AF_NETLINK is among what is refused: it lists and, with rights, changes those.
 */
static int check_family(const struct task *task, int family)
{
    bool is_allowed = family == AF_UNIX || !task->process->system->options.guard.no_net;
    return is_allowed ? 0 : -EAFNOSUPPORT;
}

int64_t sys_socket(struct task *task, const uint64_t args[6])
{
    int type = (int)args[1], error = check_family(task, (int)args[0]);
    if (error)
        return error;
    int64_t host = host_result(socket((int)args[0], type | SOCK_CLOEXEC, (int)args[2]));
    return file_install(task, host, cloexec_of(type));
}

int64_t sys_socketpair(struct task *task, const uint64_t args[6])
{
    int host[2], type = (int)args[1], error = check_family(task, (int)args[0]);
    if (error)
        return error;
    if (socketpair((int)args[0], type | SOCK_CLOEXEC, (int)args[2], host) < 0)
        return -errno;
    return file_install_pair(task, host, cloexec_of(type), args[3]);
}

/* ---- naming ---- */

int64_t sys_bind(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    struct socket_address address;
    int error = socket_entry(task, (int)args[0], &entry);
    if (!error)
        error = socket_read_address(task, args[1], args[2], true, &address);
    if (error)
        return error;
    mode_t old = umask(task->process->fs->umask);
    int64_t result = host_result(bind(entry.host, (struct sockaddr *)&address.bytes, address.len));
    umask(old);
    return result;
}

int64_t sys_listen(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    return error ? error : host_result(listen(entry.host, (int)args[1]));
}

typedef int name_call(int, struct sockaddr *, socklen_t *);

static int64_t get_name(struct task *task, const uint64_t args[6], name_call *call)
{
    struct fd_entry entry;
    struct socket_address address = {.len = sizeof address.bytes};
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    if (call(entry.host, (struct sockaddr *)&address.bytes, &address.len) < 0)
        return -errno;
    if (!args[1] || !args[2])
        return -EFAULT;
    return socket_write_address(task, &address, args[1], args[2]);
}

static int host_getsockname(int host, struct sockaddr *address, socklen_t *len)
{
    return getsockname(host, address, len);
}

static int host_getpeername(int host, struct sockaddr *address, socklen_t *len)
{
    return getpeername(host, address, len);
}

int64_t sys_getsockname(struct task *task, const uint64_t args[6])
{
    return get_name(task, args, host_getsockname);
}

int64_t sys_getpeername(struct task *task, const uint64_t args[6])
{
    return get_name(task, args, host_getpeername);
}

/* ---- connecting ---- */

/* Runs a host call that would sleep with the socket made non-blocking for its time. */
static int connect_now(const struct fd_entry *entry, const struct socket_address *address)
{
    int flags = fcntl(entry->host, F_GETFL);
    bool change = flags >= 0 && !(flags & O_NONBLOCK);
    if (change)
        fcntl(entry->host, F_SETFL, flags | O_NONBLOCK);
    int result = connect(entry->host, (const struct sockaddr *)&address->bytes, address->len);
    int error = result < 0 ? -errno : 0;
    if (change)
        fcntl(entry->host, F_SETFL, flags);
    return error;
}

static int socket_error(int host)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(host, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

int64_t sys_connect(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    struct socket_address address;
    int error = socket_entry(task, (int)args[0], &entry);
    if (!error)
        error = socket_read_address(task, args[1], args[2], false, &address);
    if (error)
        return error;
    bool waits = !io_is_nonblocking(entry.host);
    for (;;) {
        error = connect_now(&entry, &address);
        if (!waits || (error != -EINPROGRESS && error != -EALREADY && error != -EAGAIN))
            return error;
        int wait = io_wait(task, &entry, POLLOUT);
        if (wait)
            return wait == -EAGAIN ? -EINPROGRESS : wait;
        if (error != -EAGAIN) /* a full Unix backlog is tried again; all else has an answer now */
            return socket_error(entry.host);
    }
}

static int64_t do_accept(struct task *task, const uint64_t args[6], int flags)
{
    struct fd_entry entry;
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    struct socket_address address = {.len = sizeof address.bytes};
    struct pollfd ready = {.fd = entry.host, .events = POLLIN};
    if (!io_is_nonblocking(entry.host) && poll(&ready, 1, 0) == 0) {
        error = io_wait(task, &entry, POLLIN);
        if (error)
            return error;
    }
    int host =
        accept4(entry.host, (struct sockaddr *)&address.bytes, &address.len, flags | SOCK_CLOEXEC);
    if (host < 0)
        return -errno;
    error = socket_write_address(task, &address, args[1], args[2]);
    if (error) {
        close(host);
        return error;
    }
    return file_install(task, host, cloexec_of(flags));
}

int64_t sys_accept(struct task *task, const uint64_t args[6])
{
    return do_accept(task, args, 0);
}

int64_t sys_accept4(struct task *task, const uint64_t args[6])
{
    return do_accept(task, args, (int)args[3]);
}

int64_t sys_shutdown(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    int error = socket_entry(task, (int)args[0], &entry);
    return error ? error : host_result(shutdown(entry.host, (int)args[1]));
}

/* ---- options ---- */

enum { OPTION_MAX = 4096 };

/* Options whose value holds a pointer or a host descriptor, or would give the guest a host number.
 */
static bool is_refused_option(int level, int option)
{
    return level == SOL_SOCKET && (option == SO_ATTACH_FILTER || option == SO_ATTACH_BPF ||
                                   option == SO_ATTACH_REUSEPORT_CBPF ||
                                   option == SO_ATTACH_REUSEPORT_EBPF || option == SO_PEERGROUPS);
}

int64_t sys_setsockopt(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    uint8_t value[OPTION_MAX];
    int len = (int)args[4];
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    if (len < 0 || len > OPTION_MAX)
        return -EINVAL;
    if (is_refused_option((int)args[1], (int)args[2]))
        return -ENOPROTOOPT;
    if (len && user_read(task, value, args[3], (size_t)len))
        return -EFAULT;
    return host_result(setsockopt(entry.host, (int)args[1], (int)args[2], value, (socklen_t)len));
}

int64_t sys_getsockopt(struct task *task, const uint64_t args[6])
{
    struct fd_entry entry;
    uint8_t value[OPTION_MAX] = {0};
    int room;
    int error = socket_entry(task, (int)args[0], &entry);
    if (error)
        return error;
    if (user_read(task, &room, args[4], sizeof room))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (is_refused_option((int)args[1], (int)args[2]))
        return -ENOPROTOOPT;
    socklen_t len = room < OPTION_MAX ? (socklen_t)room : OPTION_MAX;
    if (getsockopt(entry.host, (int)args[1], (int)args[2], value, &len) < 0)
        return -errno;
    if ((int)args[1] == SOL_SOCKET && (int)args[2] == SO_PEERCRED && len >= sizeof(struct ucred)) {
        struct ucred *peer = (struct ucred *)value;
        peer->pid = peer->pid == getpid() ? task->process->pid : 0;
    }
    if (len && user_write(task, args[3], value, len))
        return -EFAULT;
    return user_write(task, args[4], &len, sizeof len);
}
