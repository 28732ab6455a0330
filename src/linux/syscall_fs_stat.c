// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls that ask about a name or an open file: stat, access, readlink, statfs, directory listings
 * and extended attributes. Guest and host share the layouts of the structures (both are x86-64).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

static unsigned how_of(int flags)
{
    return (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
           (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
}

/* A place that was reached through a descriptor of the guest's must be followed to be meant. */
static int host_flags(const struct path_place *place, int flags)
{
    return place->magic ? flags & ~AT_SYMLINK_NOFOLLOW : flags;
}

/* ---- stat ---- */

static bool is_node(const struct path_place *place)
{
    return place->node.kind != PROC_NONE && place->node.kind != PROC_HOST;
}

static int64_t stat_place(struct task *task, const struct path_place *place, int flags,
                          uint64_t out)
{
    struct stat st;
    if (is_node(place))
        proc_stat(&place->node, &st);
    else if (fstatat(place->dir, place->name, &st, host_flags(place, flags)) < 0)
        return -errno;
    return user_write(task, out, &st, sizeof st);
}

static int64_t do_stat(struct task *task, int dirfd, uint64_t addr, int flags, uint64_t out)
{
    struct path_place place;
    int error = path_find(task, dirfd, addr, how_of(flags), &place);
    return error ? error : stat_place(task, &place, flags, out);
}

int64_t sys_stat(struct task *task, const uint64_t args[6])
{
    return do_stat(task, AT_FDCWD, args[0], 0, args[1]);
}

int64_t sys_lstat(struct task *task, const uint64_t args[6])
{
    return do_stat(task, AT_FDCWD, args[0], AT_SYMLINK_NOFOLLOW, args[1]);
}

int64_t sys_fstat(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    if (!fd_entry(task->process->fds, (int)args[0]))
        return -EBADF;
    int error = path_find_text(task, (int)args[0], "", PATH_EMPTY, &place);
    return error ? error : stat_place(task, &place, AT_EMPTY_PATH, args[1]);
}

int64_t sys_newfstatat(struct task *task, const uint64_t args[6])
{
    int flags = (int)args[3];
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
        return -EINVAL;
    return do_stat(task, (int)args[0], args[1], flags, args[2]);
}

static void statx_node(const struct proc_node *node, struct statx *out)
{
    struct stat st;
    proc_stat(node, &st);
    memset(out, 0, sizeof *out);
    out->stx_mask = STATX_BASIC_STATS;
    out->stx_blksize = (uint32_t)st.st_blksize;
    out->stx_nlink = (uint32_t)st.st_nlink;
    out->stx_uid = st.st_uid;
    out->stx_gid = st.st_gid;
    out->stx_mode = (uint16_t)st.st_mode;
    out->stx_ino = st.st_ino;
    out->stx_mtime.tv_sec = st.st_mtim.tv_sec;
    out->stx_mtime.tv_nsec = (uint32_t)st.st_mtim.tv_nsec;
    out->stx_atime = out->stx_ctime = out->stx_mtime;
    out->stx_dev_major = major(st.st_dev);
    out->stx_dev_minor = minor(st.st_dev);
}

/* A NULL path with AT_EMPTY_PATH is the descriptor, as for newer kernels. */
int64_t sys_statx(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    struct statx stx;
    int flags = (int)args[2];
    int error = !args[1] && flags & AT_EMPTY_PATH
                    ? path_find_text(task, (int)args[0], "", PATH_EMPTY, &place)
                    : path_find(task, (int)args[0], args[1], how_of(flags), &place);
    if (error)
        return error;
    if (is_node(&place))
        statx_node(&place.node, &stx);
    else if (statx(place.dir, place.name, host_flags(&place, flags), (unsigned)args[3], &stx) < 0)
        return -errno;
    return user_write(task, args[4], &stx, sizeof stx);
}

/* ---- access, readlink ---- */

static int64_t host_access(const struct path_place *place, int mode, int flags)
{
    if (!flags)
        return host_result(syscall(SYS_faccessat, place->dir, place->name, mode));
    return host_result(syscall(SYS_faccessat2, place->dir, place->name, mode, flags));
}

/* Where nothing may change: devices, fifos and sockets may still be written. */
static int check_unchanged(const struct path_place *place, int flags)
{
    struct stat st;
    int host = place->magic ? place->host : !*place->name ? place->dir : -1;
    int at = host_flags(place, flags) & ~AT_EACCESS;
    if (fstatat(place->dir, place->name, &st, at) < 0)
        return -errno;
    bool is_special = S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
    return is_special || (host >= 0 && guard_may_change(host)) ? 0 : -EROFS;
}

static int64_t do_access(struct task *task, int dirfd, uint64_t addr, int mode, int flags)
{
    struct path_place place;
    if (mode & ~(R_OK | W_OK | X_OK) || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_find(task, dirfd, addr, how_of(flags), &place);
    if (error)
        return error;
    if (is_node(&place))
        return proc_access(&place.node, mode);
    if (place.node.kind == PROC_HOST && mode & W_OK)
        return -EACCES;
    int64_t result = host_access(&place, mode, host_flags(&place, flags));
    bool may_write = !(mode & W_OK) || !task->process->system->options.guard.read_only;
    return result || may_write ? result : check_unchanged(&place, flags);
}

int64_t sys_access(struct task *task, const uint64_t args[6])
{
    return do_access(task, AT_FDCWD, args[0], (int)args[1], 0);
}

int64_t sys_faccessat(struct task *task, const uint64_t args[6])
{
    return do_access(task, (int)args[0], args[1], (int)args[2], 0);
}

int64_t sys_faccessat2(struct task *task, const uint64_t args[6])
{
    return do_access(task, (int)args[0], args[1], (int)args[2], (int)args[3]);
}

static int64_t do_readlink(struct task *task, int dirfd, uint64_t addr, uint64_t out, int size)
{
    struct path_place place;
    char text[PATH_MAX];
    if (size <= 0)
        return -EINVAL;
    int error = path_find(task, dirfd, addr, PATH_EMPTY, &place);
    if (error)
        return error;
    int64_t len = -EINVAL;
    if (place.node.kind == PROC_LINK)
        len = proc_readlink(&place.node, text, sizeof text);
    else if (!is_node(&place) && !place.magic) /* magic is what a link was followed to */
        len = host_result(readlinkat(place.dir, place.name, text, sizeof text));
    if (len < 0)
        return len;
    len = len < size ? len : size;
    error = user_write(task, out, text, (size_t)len);
    return error ? error : len;
}

int64_t sys_readlink(struct task *task, const uint64_t args[6])
{
    return do_readlink(task, AT_FDCWD, args[0], args[1], (int)args[2]);
}

int64_t sys_readlinkat(struct task *task, const uint64_t args[6])
{
    return do_readlink(task, (int)args[0], args[1], args[2], (int)args[3]);
}

/* ---- statfs ---- */

static int64_t statfs_of(struct task *task, int host, uint64_t out)
{
    struct statfs fs;
    if (fstatfs(host, &fs) < 0)
        return -errno;
    if (task->process->system->options.guard.read_only)
        fs.f_flags |= ST_RDONLY;
    return user_write(task, out, &fs, sizeof fs);
}

int64_t sys_statfs(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    int error = path_find(task, AT_FDCWD, args[0], PATH_FOLLOW, &place);
    if (error)
        return error;
    int host = is_node(&place) ? (int)host_result(open("/proc", O_PATH | O_CLOEXEC))
                               : path_pin(task, &place);
    if (host < 0)
        return host;
    int64_t result = statfs_of(task, host, args[1]);
    close(host);
    return result;
}

int64_t sys_fstatfs(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    return host < 0 ? host : statfs_of(task, host, args[1]);
}

/* ---- directory listings ---- */

enum { LISTING_MAX = 64 * 1024, DIRENT64_HEAD = 19, DIRENT_HEAD = 18 };

struct dirent64_head { /* linux_dirent64, without the name */
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
} __attribute__((packed));

/* Whole records of a node's listing that fit, from its memfd. */
static int64_t list_node(struct task *task, const struct fd_entry *entry, uint8_t *buf, size_t size)
{
    int error = proc_before_list(task, entry);
    if (error)
        return error;
    ssize_t n = read(entry->host, buf, size);
    if (n < 0)
        return -errno;
    size_t whole = 0;
    while (whole + DIRENT64_HEAD <= (size_t)n) {
        const struct dirent64_head *head = (const struct dirent64_head *)(buf + whole);
        if (head->reclen < DIRENT64_HEAD || whole + head->reclen > (size_t)n)
            break; /* the guest may seek anywhere */
        whole += head->reclen;
    }
    if (lseek(entry->host, (off_t)whole - n, SEEK_CUR) < 0)
        return -errno;
    return n > 0 && whole == 0 ? -EINVAL : (int64_t)whole;
}

static int64_t list_some(struct task *task, const struct fd_entry *entry, uint8_t *buf, size_t size)
{
    if (entry->proc_path)
        return list_node(task, entry, buf, size);
    return host_result(syscall(SYS_getdents64, entry->host, buf, size));
}

/* Gives records to the guest; if it cannot take them, the directory stays where it was. */
static int64_t store_records(struct task *task, const struct fd_entry *entry, off_t before,
                             uint64_t addr, const uint8_t *records, size_t len)
{
    if (user_write(task, addr, records, len) == 0)
        return (int64_t)len;
    lseek(entry->host, before, SEEK_SET);
    return -EFAULT;
}

int64_t sys_getdents64(struct task *task, const uint64_t args[6])
{
    uint8_t buf[LISTING_MAX];
    const struct fd_entry *entry = fd_entry(task->process->fds, (int)args[0]);
    if (!entry)
        return -EBADF;
    size_t size = (uint32_t)args[2] < sizeof buf ? (uint32_t)args[2] : sizeof buf;
    off_t before = lseek(entry->host, 0, SEEK_CUR);
    int64_t n = list_some(task, entry, buf, size);
    return n > 0 ? store_records(task, entry, before, args[1], buf, (size_t)n) : n;
}

/* The old form has the type behind the name, in the record's last byte. It is never longer than
 * the new one by more than the rounding, so half the space always does. */
static size_t make_old_records(uint8_t *out, const uint8_t *in, size_t len)
{
    size_t to = 0;
    for (size_t from = 0; from < len;) {
        const struct dirent64_head *head = (const struct dirent64_head *)(in + from);
        const char *name = (const char *)in + from + DIRENT64_HEAD;
        size_t name_len = strlen(name);
        uint16_t record = (uint16_t)((DIRENT_HEAD + name_len + 2 + 7) & ~(size_t)7);
        memset(out + to, 0, record);
        memcpy(out + to, in + from, 16);
        memcpy(out + to + 16, &record, sizeof record);
        memcpy(out + to + DIRENT_HEAD, name, name_len);
        out[to + record - 1] = head->type;
        to += record;
        from += head->reclen;
    }
    return to;
}

int64_t sys_getdents(struct task *task, const uint64_t args[6])
{
    uint8_t in[LISTING_MAX / 2], out[LISTING_MAX];
    const struct fd_entry *entry = fd_entry(task->process->fds, (int)args[0]);
    if (!entry)
        return -EBADF;
    size_t size = (uint32_t)args[2] < sizeof in ? (uint32_t)args[2] : sizeof in;
    off_t before = lseek(entry->host, 0, SEEK_CUR);
    int64_t n = list_some(task, entry, in, size);
    if (n <= 0)
        return n;
    size_t len = make_old_records(out, in, (size_t)n);
    return store_records(task, entry, before, args[1], out, len);
}

/* ---- extended attributes ---- */

enum { XATTR_MAX = 64 * 1024 };

/* Which file is meant: by descriptor, or by path with or without following a last link. */
enum xattr_by { BY_PATH, BY_LINK, BY_FD };

static int xattr_of_fd(struct task *task, int fd, unsigned how, char name[PATH_MAX])
{
    int host = fd_host(task->process->fds, fd);
    if (host < 0)
        return host;
    int flags = fcntl(host, F_GETFL);
    if (flags >= 0 && flags & O_PATH)
        return -EBADF;
    bool may_change = !task->process->system->options.guard.read_only || guard_may_change(host);
    snprintf(name, PATH_MAX, "/proc/self/fd/%d", host);
    return how & PATH_CHANGE && !may_change ? -EROFS : 0;
}

/* A host path of the file ("/proc/self/fd/N" of *pin, to be closed), or of a link. `how` is
 * PATH_CHANGE or 0. */
static int xattr_file(struct task *task, enum xattr_by by, uint64_t arg, unsigned how,
                      char name[PATH_MAX], int *pin)
{
    struct path_place place;
    *pin = -1;
    if (by == BY_FD)
        return xattr_of_fd(task, (int)arg, how, name);
    int error = path_find(task, AT_FDCWD, arg, how | (by == BY_PATH ? PATH_FOLLOW : 0), &place);
    if (error || place.node.kind != PROC_NONE)
        return error ? error : -EOPNOTSUPP;
    if (by == BY_PATH || place.magic) {
        *pin = path_pin(task, &place);
        if (*pin < 0)
            return *pin;
        snprintf(name, PATH_MAX, "/proc/self/fd/%d", *pin);
        return 0;
    }
    if (*place.name == '/')
        snprintf(name, PATH_MAX, "%s", place.name);
    else if (snprintf(name, PATH_MAX, "/proc/self/fd/%d/%.4000s", place.dir, place.name) >=
             PATH_MAX)
        return -ENAMETOOLONG;
    return 0;
}

static int read_name(struct task *task, uint64_t addr, char name[XATTR_NAME_MAX + 1])
{
    int64_t len = uaccess_read_string(task->process->space, name, vaddr(addr), XATTR_NAME_MAX + 1);
    return len == -ENAMETOOLONG || len == 0 ? -ERANGE : len < 0 ? (int)len : 0;
}

static int64_t do_setxattr(struct task *task, enum xattr_by by, const uint64_t args[6])
{
    char file[PATH_MAX], name[XATTR_NAME_MAX + 1];
    char value[XATTR_MAX];
    int pin;
    if (args[3] > sizeof value)
        return -E2BIG;
    int error = read_name(task, args[1], name);
    if (!error && args[3])
        error = user_read(task, value, args[2], args[3]);
    if (!error)
        error = xattr_file(task, by, args[0], PATH_CHANGE, file, &pin);
    if (error)
        return error;
    int64_t result =
        host_result(by == BY_LINK && pin < 0 ? lsetxattr(file, name, value, args[3], (int)args[4])
                                             : setxattr(file, name, value, args[3], (int)args[4]));
    if (pin >= 0)
        close(pin);
    return result;
}

/* Stores what a query gave; a size of 0 only asks how much it is. */
static int64_t store_value(struct task *task, int64_t len, uint64_t addr, uint64_t size,
                           const char *value)
{
    if (len < 0 || size == 0)
        return len;
    int error = user_write(task, addr, value, (size_t)len);
    return error ? error : len;
}

static int64_t do_getxattr(struct task *task, enum xattr_by by, const uint64_t args[6])
{
    char file[PATH_MAX], name[XATTR_NAME_MAX + 1];
    char value[XATTR_MAX];
    int pin;
    size_t size = args[3] < sizeof value ? args[3] : sizeof value;
    int error = read_name(task, args[1], name);
    if (!error)
        error = xattr_file(task, by, args[0], 0, file, &pin);
    if (error)
        return error;
    int64_t len = host_result(by == BY_LINK && pin < 0 ? lgetxattr(file, name, value, size)
                                                       : getxattr(file, name, value, size));
    if (pin >= 0)
        close(pin);
    return store_value(task, len, args[2], size, value);
}

static int64_t do_listxattr(struct task *task, enum xattr_by by, const uint64_t args[6])
{
    char file[PATH_MAX];
    char list[XATTR_MAX];
    int pin;
    size_t size = args[2] < sizeof list ? args[2] : sizeof list;
    int error = xattr_file(task, by, args[0], 0, file, &pin);
    if (error)
        return error;
    int64_t len = host_result(by == BY_LINK && pin < 0 ? llistxattr(file, list, size)
                                                       : listxattr(file, list, size));
    if (pin >= 0)
        close(pin);
    return store_value(task, len, args[1], size, list);
}

static int64_t do_removexattr(struct task *task, enum xattr_by by, const uint64_t args[6])
{
    char file[PATH_MAX], name[XATTR_NAME_MAX + 1];
    int pin;
    int error = read_name(task, args[1], name);
    if (!error)
        error = xattr_file(task, by, args[0], PATH_CHANGE, file, &pin);
    if (error)
        return error;
    int64_t result =
        host_result(by == BY_LINK && pin < 0 ? lremovexattr(file, name) : removexattr(file, name));
    if (pin >= 0)
        close(pin);
    return result;
}

/* The twelve calls are one of four deeds on one of three kinds of argument. */
#define XATTR_CALL(name, deed, by)                                                                 \
    int64_t sys_##name(struct task *task, const uint64_t args[6])                                  \
    {                                                                                              \
        return do_##deed(task, by, args);                                                          \
    }
XATTR_CALL(setxattr, setxattr, BY_PATH)
XATTR_CALL(lsetxattr, setxattr, BY_LINK)
XATTR_CALL(fsetxattr, setxattr, BY_FD)
XATTR_CALL(getxattr, getxattr, BY_PATH)
XATTR_CALL(lgetxattr, getxattr, BY_LINK)
XATTR_CALL(fgetxattr, getxattr, BY_FD)
XATTR_CALL(listxattr, listxattr, BY_PATH)
XATTR_CALL(llistxattr, listxattr, BY_LINK)
XATTR_CALL(flistxattr, listxattr, BY_FD)
XATTR_CALL(removexattr, removexattr, BY_PATH)
XATTR_CALL(lremovexattr, removexattr, BY_LINK)
XATTR_CALL(fremovexattr, removexattr, BY_FD)
