// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls that change the tree of names and what belongs to a name: directories, links, owners,
 * modes, times, the working directory and the umask. Each finds the place on the host (path.h) and
 * makes the one host call for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

/* ---- what a process carries ---- */

int64_t sys_umask(struct task *task, const uint64_t args[6])
{
    unsigned old = task->process->fs->umask;
    task->process->fs->umask = (unsigned)args[0] & 0777;
    return old;
}

static const struct guard *guard_of(const struct task *task)
{
    return &task->process->system->options.guard;
}

/* The path of a directory that is open on the host. Errors: -ENOENT it was removed. */
static int directory_path(const struct task *task, int host, char out[PATH_MAX])
{
    struct stat st;
    int len = guard_name(guard_of(task), host, out);
    if (len < 0)
        return len;
    return fstat(host, &st) == 0 && st.st_nlink == 0 ? -ENOENT : 0;
}

static int enter_node(struct task *task, const struct proc_node *node)
{
    const struct guard *guard = guard_of(task);
    if (node->kind != PROC_DIRECTORY)
        return -ENOTDIR;
    int host = guard->has_root ? fd_dup_host(guard->root)
                               : (int)host_result(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (host < 0)
        return host;
    fs_state_enter(task->process->fs, host, node->path);
    return 0;
}

/* Takes over the host descriptor. */
static int enter_directory(struct task *task, int host)
{
    char path[PATH_MAX] = "";
    struct stat st;
    int error = fstat(host, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
    if (!error && faccessat(host, ".", X_OK, AT_EACCESS) < 0)
        error = -errno;
    if (!error)
        error = directory_path(task, host, path);
    if (error == -ENAMETOOLONG) { /* one may go there, level by level */
        path[0] = 0;
        error = 0;
    }
    int high = error ? error : fd_dup_host(host);
    close(host);
    if (high < 0)
        return high;
    fs_state_enter(task->process->fs, high, path);
    return 0;
}

int64_t sys_chdir(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    char proc_path[PROC_PATH_MAX];
    int error = path_find(task, AT_FDCWD, args[0], PATH_FOLLOW | PATH_OPEN, &place);
    if (error)
        return error;
    if (place.node.kind == PROC_FILE || place.node.kind == PROC_DIRECTORY)
        return enter_node(task, &place.node);
    int host = path_open(task, &place, O_PATH | O_DIRECTORY, 0, proc_path);
    if (host < 0)
        return host;
    if (!*proc_path)
        return enter_directory(task, host);
    close(host);
    error = path_find_text(task, AT_FDCWD, proc_path, PATH_FOLLOW, &place);
    return error ? error : enter_node(task, &place.node);
}

int64_t sys_fchdir(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    int error = path_find_text(task, (int)args[0], "", PATH_EMPTY, &place);
    if (error)
        return error;
    if (place.node.kind != PROC_NONE)
        return enter_node(task, &place.node);
    int copy = fd_dup_host(place.dir);
    return copy < 0 ? copy : enter_directory(task, copy);
}

int64_t sys_getcwd(struct task *task, const uint64_t args[6])
{
    const struct process *process = task->process;
    char path[PATH_MAX];
    int error = 0;
    if (strncmp(process->fs->cwd->path, "/proc", 5) == 0)
        snprintf(path, sizeof path, "%s", process->fs->cwd->path);
    else
        error = directory_path(task, process->fs->cwd->host, path);
    if (error)
        return error;
    size_t len = strlen(path) + 1;
    if (len > args[1])
        return -ERANGE;
    error = user_write(task, args[0], path, len);
    return error ? error : (int64_t)len;
}

/* ---- directories ---- */

static int64_t do_mkdir(struct task *task, int dirfd, uint64_t addr, mode_t mode)
{
    struct path_place place;
    int error = path_find(task, dirfd, addr, PATH_MAKE, &place);
    if (error)
        return error;
    if (place.node.kind != PROC_NONE)
        return -EEXIST;
    mode_t old = umask(task->process->fs->umask);
    int64_t result = host_result(mkdirat(place.dir, place.name, mode));
    umask(old);
    return result;
}

int64_t sys_mkdir(struct task *task, const uint64_t args[6])
{
    return do_mkdir(task, AT_FDCWD, args[0], (mode_t)args[1]);
}

int64_t sys_mkdirat(struct task *task, const uint64_t args[6])
{
    return do_mkdir(task, (int)args[0], args[1], (mode_t)args[2]);
}

/* A device is a way around a root of the guest's own. */
static int64_t do_mknod(struct task *task, int dirfd, uint64_t addr, mode_t mode, dev_t dev)
{
    struct path_place place;
    int error = path_find_host(task, dirfd, addr, PATH_MAKE, &place);
    if (!error && guard_of(task)->has_root && (S_ISCHR(mode) || S_ISBLK(mode)))
        error = -EPERM;
    if (error)
        return error;
    mode_t old = umask(task->process->fs->umask);
    int64_t result = host_result(mknodat(place.dir, place.name, mode, dev));
    umask(old);
    return result;
}

int64_t sys_mknod(struct task *task, const uint64_t args[6])
{
    return do_mknod(task, AT_FDCWD, args[0], (mode_t)args[1], (dev_t)args[2]);
}

int64_t sys_mknodat(struct task *task, const uint64_t args[6])
{
    return do_mknod(task, (int)args[0], args[1], (mode_t)args[2], (dev_t)args[3]);
}

static int64_t do_unlink(struct task *task, int dirfd, uint64_t addr, int flags)
{
    struct path_place place;
    int error = path_find_host(task, dirfd, addr, PATH_REMOVE, &place);
    return error ? error : host_result(unlinkat(place.dir, place.name, flags));
}

int64_t sys_unlink(struct task *task, const uint64_t args[6])
{
    return do_unlink(task, AT_FDCWD, args[0], 0);
}

int64_t sys_rmdir(struct task *task, const uint64_t args[6])
{
    return do_unlink(task, AT_FDCWD, args[0], AT_REMOVEDIR);
}

int64_t sys_unlinkat(struct task *task, const uint64_t args[6])
{
    return do_unlink(task, (int)args[0], args[1], (int)args[2]);
}

/* ---- links and renames ---- */

static int64_t do_rename(struct task *task, int from_dir, uint64_t from, int to_dir, uint64_t to,
                         unsigned flags)
{
    struct path_place old, new;
    int error = path_find_host(task, from_dir, from, PATH_REMOVE, &old);
    if (!error)
        error = path_find_host(task, to_dir, to, PATH_REMOVE, &new);
    if (error)
        return error;
    return host_result(syscall(SYS_renameat2, old.dir, old.name, new.dir, new.name, flags));
}

int64_t sys_rename(struct task *task, const uint64_t args[6])
{
    return do_rename(task, AT_FDCWD, args[0], AT_FDCWD, args[1], 0);
}

int64_t sys_renameat(struct task *task, const uint64_t args[6])
{
    return do_rename(task, (int)args[0], args[1], (int)args[2], args[3], 0);
}

int64_t sys_renameat2(struct task *task, const uint64_t args[6])
{
    return do_rename(task, (int)args[0], args[1], (int)args[2], args[3], (unsigned)args[4]);
}

/* A link to the file of a descriptor (an O_TMPFILE's, say) goes by its name in /proc. */
static int64_t link_descriptor(int host, const struct path_place *to)
{
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", host);
    return host_result(linkat(AT_FDCWD, name, to->dir, to->name, AT_SYMLINK_FOLLOW));
}

/* Where nothing may change, what is not there comes first. */
static int check_there(struct task *task, const struct path_place *place)
{
    struct stat st;
    if (!guard_of(task)->read_only || place->magic || !*place->name)
        return 0;
    return fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int64_t do_link(struct task *task, int from_dir, uint64_t from, int to_dir, uint64_t to,
                       int flags)
{
    struct path_place old, new;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    unsigned how =
        (flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
    int error = path_find_host(task, from_dir, from, how, &old);
    if (!error)
        error = check_there(task, &old);
    if (!error)
        error = path_find_host(task, to_dir, to, PATH_MAKE, &new);
    if (error)
        return error;
    if (!*old.name)
        return link_descriptor(old.dir, &new);
    if (old.magic)
        return host_result(linkat(old.dir, old.name, new.dir, new.name, AT_SYMLINK_FOLLOW));
    if (!(flags & AT_SYMLINK_FOLLOW))
        return host_result(linkat(old.dir, old.name, new.dir, new.name, 0));
    int pin = path_pin(task, &old);
    if (pin < 0)
        return pin;
    int64_t result = link_descriptor(pin, &new);
    close(pin);
    return result;
}

int64_t sys_link(struct task *task, const uint64_t args[6])
{
    return do_link(task, AT_FDCWD, args[0], AT_FDCWD, args[1], 0);
}

int64_t sys_linkat(struct task *task, const uint64_t args[6])
{
    return do_link(task, (int)args[0], args[1], (int)args[2], args[3], (int)args[4]);
}

static int64_t do_symlink(struct task *task, uint64_t target_addr, int dirfd, uint64_t addr)
{
    char target[PATH_MAX];
    struct path_place place;
    int error = path_read(task, target_addr, target);
    if (!error)
        error = path_find_host(task, dirfd, addr, PATH_MAKE, &place);
    return error ? error : host_result(symlinkat(target, place.dir, place.name));
}

int64_t sys_symlink(struct task *task, const uint64_t args[6])
{
    return do_symlink(task, args[0], AT_FDCWD, args[1]);
}

int64_t sys_symlinkat(struct task *task, const uint64_t args[6])
{
    return do_symlink(task, args[0], (int)args[1], args[2]);
}

/* ---- attributes ---- */

/*
 * A place as one path for calls that change a file: links are followed now, and what is left leads
 * to exactly that file. Effect: *pin is a descriptor to close, or -1. Result: 0 or -errno.
 */
static int pin_name(struct task *task, struct path_place *place, bool follow, int *pin)
{
    *pin = -1;
    if (place->magic || (!follow && *place->name))
        return 0;
    *pin = path_pin(task, place);
    if (*pin < 0)
        return *pin;
    place->dir = AT_FDCWD;
    snprintf(place->name, sizeof place->name, "/proc/self/fd/%d", *pin);
    return 0;
}

static unsigned how_of(int flags)
{
    return (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
           (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
}

static void unpin(int pin)
{
    if (pin >= 0)
        close(pin);
}

static int64_t do_chmod(struct task *task, int dirfd, uint64_t addr, mode_t mode, int flags)
{
    struct path_place place;
    int pin;
    int error = path_find_host(task, dirfd, addr, PATH_CHANGE | how_of(flags), &place);
    if (!error)
        error = pin_name(task, &place, !(flags & AT_SYMLINK_NOFOLLOW), &pin);
    if (error)
        return error;
    bool nofollow = flags & AT_SYMLINK_NOFOLLOW && pin < 0 && !place.magic;
    int64_t result = host_result(
        fchmodat(place.dir, place.name, mode & 07777, nofollow ? AT_SYMLINK_NOFOLLOW : 0));
    unpin(pin);
    return result;
}

int64_t sys_chmod(struct task *task, const uint64_t args[6])
{
    return do_chmod(task, AT_FDCWD, args[0], (mode_t)args[1], 0);
}

int64_t sys_fchmodat(struct task *task, const uint64_t args[6])
{
    return do_chmod(task, (int)args[0], args[1], (mode_t)args[2], 0);
}

int64_t sys_fchmodat2(struct task *task, const uint64_t args[6])
{
    if (args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return do_chmod(task, (int)args[0], args[1], (mode_t)args[2], (int)args[3]);
}

/* The host descriptor of a file that is to change. */
static int changed_fd(const struct task *task, int fd)
{
    int host = fd_host(task->process->fds, fd);
    if (host >= 0 && guard_of(task)->read_only && !guard_may_change(host))
        return -EROFS;
    return host;
}

int64_t sys_fchmod(struct task *task, const uint64_t args[6])
{
    int host = changed_fd(task, (int)args[0]);
    return host < 0 ? host : host_result(fchmod(host, (mode_t)args[1] & 07777));
}

static int64_t do_chown(struct task *task, int dirfd, uint64_t addr, const uint64_t owner[2],
                        int flags)
{
    struct path_place place;
    int pin;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_find_host(task, dirfd, addr, PATH_CHANGE | how_of(flags), &place);
    if (!error)
        error = pin_name(task, &place, !(flags & AT_SYMLINK_NOFOLLOW), &pin);
    if (error)
        return error;
    bool nofollow = flags & AT_SYMLINK_NOFOLLOW && pin < 0 && !place.magic;
    int64_t result = host_result(fchownat(place.dir, place.name, (uid_t)owner[0], (gid_t)owner[1],
                                          nofollow ? AT_SYMLINK_NOFOLLOW : 0));
    unpin(pin);
    return result;
}

int64_t sys_chown(struct task *task, const uint64_t args[6])
{
    return do_chown(task, AT_FDCWD, args[0], args + 1, 0);
}

int64_t sys_lchown(struct task *task, const uint64_t args[6])
{
    return do_chown(task, AT_FDCWD, args[0], args + 1, AT_SYMLINK_NOFOLLOW);
}

int64_t sys_fchownat(struct task *task, const uint64_t args[6])
{
    return do_chown(task, (int)args[0], args[1], args + 2, (int)args[4]);
}

int64_t sys_fchown(struct task *task, const uint64_t args[6])
{
    int host = changed_fd(task, (int)args[0]);
    return host < 0 ? host : host_result(fchown(host, (uid_t)args[1], (gid_t)args[2]));
}

/* ---- times ---- */

/* `times` NULL: now. A NULL path (addr 0) means the descriptor itself. */
static int64_t set_times(struct task *task, int dirfd, uint64_t addr, const struct timespec *times,
                         int flags)
{
    struct path_place place;
    int pin;
    if (!addr) {
        int host = changed_fd(task, dirfd);
        return host < 0 ? host : host_result(syscall(SYS_utimensat, host, NULL, times, flags));
    }
    int error = path_find_host(task, dirfd, addr, PATH_CHANGE | how_of(flags), &place);
    if (!error)
        error = pin_name(task, &place, !(flags & AT_SYMLINK_NOFOLLOW), &pin);
    if (error)
        return error;
    bool nofollow = flags & AT_SYMLINK_NOFOLLOW && pin < 0 && !place.magic;
    int64_t result =
        host_result(utimensat(place.dir, place.name, times, nofollow ? AT_SYMLINK_NOFOLLOW : 0));
    unpin(pin);
    return result;
}

int64_t sys_utimensat(struct task *task, const uint64_t args[6])
{
    struct timespec times[2];
    if (args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (args[2] && user_read(task, times, args[2], sizeof times))
        return -EFAULT;
    return set_times(task, (int)args[0], args[1], args[2] ? times : NULL, (int)args[3]);
}

static int64_t do_utimes(struct task *task, int dirfd, uint64_t addr, uint64_t times_addr)
{
    struct timeval tv[2];
    struct timespec times[2];
    if (!times_addr)
        return set_times(task, dirfd, addr, NULL, 0);
    if (user_read(task, tv, times_addr, sizeof tv))
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
            return -EINVAL;
        times[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
    }
    return set_times(task, dirfd, addr, times, 0);
}

int64_t sys_utimes(struct task *task, const uint64_t args[6])
{
    return args[0] ? do_utimes(task, AT_FDCWD, args[0], args[1]) : -EFAULT;
}

int64_t sys_futimesat(struct task *task, const uint64_t args[6])
{
    return do_utimes(task, (int)args[0], args[1], args[2]);
}

int64_t sys_utime(struct task *task, const uint64_t args[6])
{
    struct utimbuf buf;
    struct timespec times[2];
    if (!args[0])
        return -EFAULT;
    if (!args[1])
        return set_times(task, AT_FDCWD, args[0], NULL, 0);
    if (user_read(task, &buf, args[1], sizeof buf))
        return -EFAULT;
    times[0] = (struct timespec){buf.actime, 0};
    times[1] = (struct timespec){buf.modtime, 0};
    return set_times(task, AT_FDCWD, args[0], times, 0);
}
