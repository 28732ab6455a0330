// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls that make, copy and close descriptors, and that work on an open file as a whole: open, dup,
 * pipe, close, lseek, truncate, allocate, sync. Each decodes, then makes one host call on the
 * descriptor behind the guest's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/refstr.h"
#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/process.h"
#include "linux/syscall_calls.h"
#include "linux/syscall_file.h"
#include "linux/tty.h"
#include "linux/user.h"

uint64_t file_limit(const struct task *task)
{
    return task->process->limits[RLIMIT_NOFILE].cur;
}

int64_t file_install(struct task *task, int64_t host, bool cloexec)
{
    if (host < 0)
        return host;
    return fd_install(task->process->fds, (int)host, 0, file_limit(task), cloexec);
}

int64_t file_install_pair(struct task *task, int host[2], bool cloexec, uint64_t addr)
{
    struct fd_table *fds = task->process->fds;
    int fd[2];
    fd[0] = fd_install(fds, host[0], 0, file_limit(task), cloexec);
    if (fd[0] < 0) {
        close(host[1]);
        return fd[0];
    }
    fd[1] = fd_install(fds, host[1], 0, file_limit(task), cloexec);
    int error = fd[1] < 0 ? fd[1] : user_write(task, addr, fd, sizeof fd);
    if (error) {
        fd_close(fds, fd[0]);
        if (fd[1] >= 0)
            fd_close(fds, fd[1]);
    }
    return error;
}

/* ---- open and close ---- */

static bool is_device(int host)
{
    struct stat st;
    return fstat(host, &st) == 0 && S_ISCHR(st.st_mode);
}

/* /dev/tty, which cannot be opened where pagewalk has no terminal of its own. */
static bool is_current_tty(struct task *task, const struct path_place *place)
{
    struct stat st;
    int pin = path_pin(task, place);
    bool is_tty =
        pin >= 0 && fstat(pin, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 0);
    if (pin >= 0)
        close(pin);
    return is_tty;
}

static int64_t do_open(struct task *task, int dirfd, uint64_t addr, int flags, mode_t mode)
{
    struct kernel *kernel = task->process->system->kernel;
    struct path_place place;
    char proc_path[PROC_PATH_MAX];
    bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    int error = path_find(task, dirfd, addr, PATH_OPEN | (follow ? PATH_FOLLOW : 0), &place);
    if (error)
        return error;
    int host = path_open(task, &place, flags, mode, proc_path);
    if (host == -ENXIO && is_current_tty(task, &place))
        host = tty_open_current(task, flags);
    else if (host >= 0 && is_device(host))
        host = tty_opened(task, host, flags);
    if (host < 0)
        return host;
    if (flags & O_TRUNC && object_any_file(kernel))
        object_after_truncate(kernel, host, 0);
    int64_t fd = file_install(task, host, flags & O_CLOEXEC);
    if (fd >= 0 && *proc_path)
        fd_entry(task->process->fds, (int)fd)->proc_path = refstr_create(proc_path);
    return fd;
}

int64_t sys_open(struct task *task, const uint64_t args[6])
{
    return do_open(task, AT_FDCWD, args[0], (int)args[1], (mode_t)args[2]);
}

int64_t sys_openat(struct task *task, const uint64_t args[6])
{
    return do_open(task, (int)args[0], args[1], (int)args[2], (mode_t)args[3]);
}

int64_t sys_openat2(struct task *task, const uint64_t args[6])
{
    return -ENOSYS; /* as kernels before 5.6: callers fall back to openat */
}

int64_t sys_creat(struct task *task, const uint64_t args[6])
{
    return do_open(task, AT_FDCWD, args[0], O_CREAT | O_WRONLY | O_TRUNC, (mode_t)args[1]);
}

int64_t sys_close(struct task *task, const uint64_t args[6])
{
    const struct fd_entry *entry = fd_entry(task->process->fds, (int)args[0]);
    bool is_terminal = entry && entry->kind == FD_DEVICE;
    int error = fd_close(task->process->fds, (int)args[0]);
    if (is_terminal)
        tty_check_hangups(task->process->system);
    return error;
}

int64_t sys_close_range(struct task *task, const uint64_t args[6])
{
    uint64_t first = (uint32_t)args[0], last = (uint32_t)args[1];
    if (first > last || args[2] & ~(uint64_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    int error = args[2] & CLOSE_RANGE_UNSHARE ? process_unshare_fds(task->process) : 0;
    if (error || first > INT_MAX)
        return error;
    struct fd_table *fds = task->process->fds;
    for (int fd = fd_next(fds, (int)first); fd >= 0 && (uint64_t)fd <= last;
         fd = fd_next(fds, fd + 1))
        if (args[2] & CLOSE_RANGE_CLOEXEC)
            fd_set_cloexec(fds, fd, true);
        else
            fd_close(fds, fd);
    tty_check_hangups(task->process->system);
    return 0;
}

/* ---- copies ---- */

int64_t file_dup(struct task *task, int fd, int from, bool cloexec)
{
    struct fd_table *fds = task->process->fds;
    int host = fd_host(fds, fd);
    if (host < 0)
        return host;
    if (from < 0 || (uint64_t)from >= file_limit(task))
        return -EINVAL;
    int copy = fd_dup_host(host);
    if (copy < 0)
        return copy;
    int copied = fd_install(fds, copy, from, file_limit(task), cloexec);
    if (copied >= 0)
        fd_copy_extra(fd_entry(fds, copied), fd_entry(fds, fd));
    return copied;
}

static int64_t dup_at(struct task *task, int fd, int to, bool cloexec)
{
    struct fd_table *fds = task->process->fds;
    int host = fd_host(fds, fd);
    if (host < 0 || to < 0 || (uint64_t)to >= file_limit(task))
        return -EBADF;
    int copy = fd_dup_host(host);
    if (copy < 0)
        return copy;
    int copied = fd_install_at(fds, copy, to, file_limit(task), cloexec);
    if (copied >= 0)
        fd_copy_extra(fd_entry(fds, copied), fd_entry(fds, fd));
    return copied;
}

int64_t sys_dup(struct task *task, const uint64_t args[6])
{
    return file_dup(task, (int)args[0], 0, false);
}

int64_t sys_dup2(struct task *task, const uint64_t args[6])
{
    int fd = (int)args[0], to = (int)args[1];
    if (fd == to)
        return fd_host(task->process->fds, fd) < 0 ? -EBADF : to;
    return dup_at(task, fd, to, false);
}

int64_t sys_dup3(struct task *task, const uint64_t args[6])
{
    int fd = (int)args[0], to = (int)args[1];
    if (args[2] & ~(uint64_t)O_CLOEXEC || fd == to)
        return -EINVAL;
    return dup_at(task, fd, to, args[2] & O_CLOEXEC);
}

/* ---- files without a name ---- */

static int64_t do_pipe(struct task *task, uint64_t addr, int flags)
{
    int host[2];
    if (pipe2(host, flags | O_CLOEXEC) < 0)
        return -errno;
    return file_install_pair(task, host, flags & O_CLOEXEC, addr);
}

int64_t sys_pipe(struct task *task, const uint64_t args[6])
{
    return do_pipe(task, args[0], 0);
}

int64_t sys_pipe2(struct task *task, const uint64_t args[6])
{
    return do_pipe(task, args[0], (int)args[1]);
}

int64_t sys_memfd_create(struct task *task, const uint64_t args[6])
{
    char name[256];
    int64_t len = uaccess_read_string(task->process->space, name, vaddr(args[0]), sizeof name - 6);
    if (len < 0)
        return len == -ENAMETOOLONG ? -EINVAL : len;
    unsigned flags = (unsigned)args[1];
    int64_t host = host_result(memfd_create(name, flags | MFD_CLOEXEC));
    return file_install(task, host, flags & MFD_CLOEXEC);
}

static int64_t do_eventfd(struct task *task, unsigned value, int flags)
{
    return file_install(task, host_result(eventfd(value, flags | EFD_CLOEXEC)),
                        flags & EFD_CLOEXEC);
}

int64_t sys_eventfd(struct task *task, const uint64_t args[6])
{
    return do_eventfd(task, (unsigned)args[0], 0);
}

int64_t sys_eventfd2(struct task *task, const uint64_t args[6])
{
    return do_eventfd(task, (unsigned)args[0], (int)args[1]);
}

int64_t sys_timerfd_create(struct task *task, const uint64_t args[6])
{
    int flags = (int)args[1];
    int64_t host = host_result(timerfd_create((int)args[0], flags | TFD_CLOEXEC));
    return file_install(task, host, flags & TFD_CLOEXEC);
}

int64_t sys_timerfd_settime(struct task *task, const uint64_t args[6])
{
    struct itimerspec new_value, old_value;
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    if (user_read(task, &new_value, args[2], sizeof new_value))
        return -EFAULT;
    if (timerfd_settime(host, (int)args[1], &new_value, &old_value) < 0)
        return -errno;
    return args[3] ? user_write(task, args[3], &old_value, sizeof old_value) : 0;
}

int64_t sys_timerfd_gettime(struct task *task, const uint64_t args[6])
{
    struct itimerspec value;
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    if (timerfd_gettime(host, &value) < 0)
        return -errno;
    return user_write(task, args[1], &value, sizeof value);
}

static int64_t do_inotify_init(struct task *task, int flags)
{
    return file_install(task, host_result(inotify_init1(flags | IN_CLOEXEC)), flags & IN_CLOEXEC);
}

int64_t sys_inotify_init(struct task *task, const uint64_t args[6])
{
    return do_inotify_init(task, 0);
}

int64_t sys_inotify_init1(struct task *task, const uint64_t args[6])
{
    return do_inotify_init(task, (int)args[0]);
}

int64_t sys_inotify_add_watch(struct task *task, const uint64_t args[6])
{
    struct path_place place;
    char name[32];
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    unsigned how = args[2] & IN_DONT_FOLLOW ? 0 : PATH_FOLLOW;
    int error = path_find_host(task, AT_FDCWD, args[1], how, &place);
    if (error)
        return error;
    int pin = path_pin(task, &place);
    if (pin < 0)
        return pin;
    snprintf(name, sizeof name, "/proc/self/fd/%d", pin);
    int64_t result =
        host_result(inotify_add_watch(host, name, (uint32_t)args[2] & ~(uint32_t)IN_DONT_FOLLOW));
    close(pin);
    return result;
}

int64_t sys_inotify_rm_watch(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    return host < 0 ? host : host_result(inotify_rm_watch(host, (int)args[1]));
}

/* ---- the file as a whole ---- */

int64_t sys_lseek(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    return host_result(lseek(host, (off_t)args[1], (int)args[2]));
}

/* May a file be made this long? Errors: -EFBIG, with SIGXFSZ sent. */
static int check_len(struct task *task, uint64_t len)
{
    if (len <= task->process->limits[RLIMIT_FSIZE].cur || (int64_t)len < 0)
        return 0;
    signal_send_task(task, SIGXFSZ, SI_USER, task->process->pid);
    return -EFBIG;
}

int64_t sys_ftruncate(struct task *task, const uint64_t args[6])
{
    struct kernel *kernel = task->process->system->kernel;
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    int error = check_len(task, args[1]);
    if (error)
        return error;
    if (ftruncate(host, (off_t)args[1]) < 0)
        return -errno;
    if (object_any_file(kernel))
        object_after_truncate(kernel, host, args[1]);
    return 0;
}

int64_t sys_truncate(struct task *task, const uint64_t args[6])
{
    struct kernel *kernel = task->process->system->kernel;
    struct path_place place;
    char proc_path[PROC_PATH_MAX];
    int error = path_find_host(task, AT_FDCWD, args[0], PATH_FOLLOW | PATH_OPEN, &place);
    if (error)
        return error;
    error = (int64_t)args[1] < 0 ? -EINVAL : check_len(task, args[1]);
    if (error)
        return error;
    int host = path_open(task, &place, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0, proc_path);
    if (host < 0)
        return host == -ENXIO ? -EINVAL : host;
    int64_t result = host_result(ftruncate(host, (off_t)args[1]));
    if (result == 0 && object_any_file(kernel))
        object_after_truncate(kernel, host, args[1]);
    close(host);
    return result;
}

/* Whatever the mode does to the file, its pages from the offset on may have changed. */
int64_t sys_fallocate(struct task *task, const uint64_t args[6])
{
    struct kernel *kernel = task->process->system->kernel;
    int host = fd_host(task->process->fds, (int)args[0]);
    int mode = (int)args[1];
    if (host < 0)
        return host;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && check_len(task, args[2] + args[3]))
        return -EFBIG;
    if (mode && object_any_file(kernel)) {
        int error = object_before_read(kernel, host, 0, UINT64_MAX);
        if (error)
            return error;
    }
    if (fallocate(host, mode, (off_t)args[2], (off_t)args[3]) < 0)
        return -errno;
    if (object_any_file(kernel)) {
        uint64_t len = mode & FALLOC_FL_PUNCH_HOLE ? args[3] : UINT64_MAX;
        object_after_write(kernel, host, args[2], mode ? len : 0);
    }
    return 0;
}

/* Mapped pages that were stored to are part of the file. */
static int64_t sync_pages(struct task *task, int host)
{
    struct kernel *kernel = task->process->system->kernel;
    return object_any_file(kernel) ? object_before_read(kernel, host, 0, UINT64_MAX) : 0;
}

int64_t sys_fsync(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    int64_t error = sync_pages(task, host);
    return error ? error : host_result(fsync(host));
}

int64_t sys_fdatasync(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    int64_t error = sync_pages(task, host);
    return error ? error : host_result(fdatasync(host));
}

int64_t sys_sync_file_range(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    int64_t error = sync_pages(task, host);
    return error ? error
                 : host_result(
                       sync_file_range(host, (off_t)args[1], (off_t)args[2], (unsigned)args[3]));
}

int64_t sys_sync(struct task *task, const uint64_t args[6])
{
    sync();
    return 0;
}

int64_t sys_syncfs(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    return host < 0 ? host : host_result(syncfs(host));
}

int64_t sys_fadvise64(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    if (host < 0)
        return host;
    return -posix_fadvise(host, (off_t)args[1], (off_t)args[2], (int)args[3]);
}

int64_t sys_readahead(struct task *task, const uint64_t args[6])
{
    int host = fd_host(task->process->fds, (int)args[0]);
    return host < 0 ? host : host_result(readahead(host, (off_t)args[1], args[2]));
}
