// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening places. The host resolves an ordinary name without following magic links; what turns out
 * to lie on its procfs in spite of an innocent name (a link the guest made) is sent back to path.c
 * under its real name. No open sleeps: a fifo that has no partner yet is waited for in fifo.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "linux/fifo.h"
#include "linux/path.h"

/* ---- the host's open ---- */

/* Flags that openat2() knows; openat() ignores all others. */
static const int open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                              O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |
                              O_NOFOLLOW | O_NOATIME | O_PATH | O_TMPFILE;

static bool is_creating(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static const struct guard *guard_of(const struct task *task)
{
    return &task->process->system->options.guard;
}

/* Names that pagewalk made are the host's. */
static bool is_guests_name(const struct path_place *place)
{
    return place->node.kind == PROC_NONE && !place->magic;
}

static int call_openat2(struct task *task, const struct path_place *place,
                        const struct open_how *how)
{
    static const struct guard none;
    const struct guard *guard = is_guests_name(place) ? guard_of(task) : &none;
    int host = guard_open(guard, place->dir, place->name, how);
    if (host != -ENOSYS || guard->has_root)
        return host;
    host = openat(place->dir, place->name, (int)how->flags, (mode_t)how->mode);
    return host < 0 ? -errno : host;
}

/* May sleep if the place is a fifo and O_NONBLOCK is not among the flags. */
static int try_open(struct task *task, const struct path_place *place, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)((flags & open_flags) | O_CLOEXEC),
        .mode = is_creating(flags) ? mode & 07777 : 0,
        .resolve = place->magic ? 0 : RESOLVE_NO_MAGICLINKS,
    };
    if (flags & O_PATH)
        how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    mode_t old = is_creating(flags) ? umask(task->process->fs->umask) : 0;
    int host = call_openat2(task, place, &how);
    if (is_creating(flags))
        umask(old);
    return host;
}

/* The file status flags among open(2)'s that fcntl(2) sets. */
static int status_flags(int flags)
{
    return flags & (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME);
}

static bool is_fifo(int host)
{
    struct stat st;
    return fstat(host, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* A fifo that has no reader yet, or something else that -ENXIO means. */
static int open_writer(struct task *task, const struct path_place *place, int flags)
{
    int pin = try_open(task, place, O_PATH | (flags & O_NOFOLLOW), 0);
    if (pin < 0)
        return -ENXIO;
    int host = is_fifo(pin) ? fifo_open_for_writing(task, pin, flags) : -ENXIO;
    close(pin);
    return host;
}

/* Opens without sleeping in the host. */
static int host_open(struct task *task, const struct path_place *place, int flags, mode_t mode)
{
    if (flags & (O_PATH | O_NONBLOCK))
        return try_open(task, place, flags, mode);
    int host = try_open(task, place, flags | O_NONBLOCK, mode);
    if (host == -ENXIO && (flags & O_ACCMODE) == O_WRONLY)
        return open_writer(task, place, flags);
    if (host < 0)
        return host;
    if ((flags & O_ACCMODE) == O_RDONLY && is_fifo(host)) {
        int error = fifo_wait_for_writer(task, host);
        if (error) {
            close(host);
            return error;
        }
    }
    fcntl(host, F_SETFL, status_flags(flags));
    return host;
}

/* ---- where nothing may change ---- */

/* Does this open(2) ask for more than reading? */
static bool wants_change(int flags)
{
    return !(flags & O_PATH) &&
           ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC || is_creating(flags));
}

/* A name that was not found and is to be made: the directory comes first. */
static int refuse_to_create(struct task *task, const struct path_place *place)
{
    struct path_place directory = *place;
    char *slash = strrchr(directory.name, '/');
    strcpy(slash ? slash + (slash == directory.name) : directory.name, slash ? "" : ".");
    int host = try_open(task, &directory, O_PATH | O_DIRECTORY, 0);
    if (host < 0)
        return host;
    close(host);
    return -EROFS;
}

/* Result: 0 if what is there may be opened like that, by its descriptor. */
static int check_unchanged(int pin, int flags)
{
    struct stat st;
    bool is_writing = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
    if (fstat(pin, &st) < 0)
        return -errno;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    switch (st.st_mode & S_IFMT) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        return (flags & O_TMPFILE) == O_TMPFILE ? -EROFS
               : is_writing || flags & O_CREAT  ? -EISDIR
                                                : 0;
    case S_IFREG:
    case S_IFBLK: /* a file system may be on it */
        return is_writing ? -EROFS : 0;
    default:
        return 0;
    }
}

/* Opens what does not change by that: devices, fifos, and files that are only read in spite of an
 * O_CREAT. What is looked at is what is opened. */
static int open_unchanged(struct task *task, const struct path_place *place, int flags)
{
    bool is_entry = flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    int pin =
        try_open(task, place, O_PATH | (is_entry ? O_NOFOLLOW : 0) | (flags & O_DIRECTORY), 0);
    if (pin == -ENOENT && flags & O_CREAT)
        return refuse_to_create(task, place);
    if (pin < 0)
        return pin;
    struct path_place found;
    path_set_magic(&found, pin);
    int host = check_unchanged(pin, flags);
    if (host == 0)
        host = host_open(task, &found, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), 0);
    close(pin);
    return host;
}

static int guarded_open(struct task *task, const struct path_place *place, int flags, mode_t mode)
{
    bool is_allowed = !guard_of(task)->read_only || !wants_change(flags) ||
                      (place->magic && guard_may_change(place->host));
    return is_allowed ? host_open(task, place, flags, mode) : open_unchanged(task, place, flags);
}

/* ---- what was found ---- */

static int open_proc_host(struct task *task, const struct path_place *place, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_TRUNC | O_CREAT))
        return -EACCES;
    int host = host_open(task, place, flags, 0);
    return host == -ELOOP ? -EACCES : host;
}

static int open_node(const struct proc_node *node, int flags, char *proc_path)
{
    if (node->kind == PROC_LINK)
        return -ELOOP;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    int host = proc_open(node, flags);
    if (host >= 0)
        strcpy(proc_path, node->path);
    return host;
}

/* Opens by a path that was found to lead into /proc. */
static int open_again(struct task *task, const char *path, int flags, mode_t mode, char *proc_path)
{
    struct path_place place;
    unsigned how = PATH_OPEN | (flags & O_NOFOLLOW ? 0 : PATH_FOLLOW);
    int error = path_find_text(task, AT_FDCWD, path, how, &place);
    if (error)
        return error;
    if (place.node.kind == PROC_HOST)
        return open_proc_host(task, &place, flags);
    if (place.node.kind != PROC_NONE)
        return open_node(&place.node, flags, proc_path);
    int host = guarded_open(task, &place, flags, mode);
    char name[PATH_MAX];
    if (host < 0 || place.magic || !path_is_on_proc(task, host, name))
        return host;
    close(host);
    return -ELOOP;
}

/* Why a name may lead into /proc although the host did not find it there: magic links were not
 * followed, or there is no /proc below the guest's root. */
static bool may_lead_to_proc(struct task *task, int error)
{
    return error == -ELOOP || (error == -ENOENT && guard_of(task)->has_root);
}

int path_open(struct task *task, const struct path_place *place, int flags, mode_t mode,
              char proc_path[PROC_PATH_MAX])
{
    *proc_path = 0;
    if (place->node.kind == PROC_HOST)
        return open_proc_host(task, place, flags);
    if (place->node.kind != PROC_NONE)
        return open_node(&place->node, flags, proc_path);
    char path[PATH_MAX];
    int host = guarded_open(task, place, flags, mode);
    if (place->magic)
        return host;
    if (may_lead_to_proc(task, host) && !(flags & O_NOFOLLOW) &&
        path_expand(task, place, path) == 0)
        return open_again(task, path, flags, mode, proc_path);
    if (host >= 0 && path_is_on_proc(task, host, path)) {
        close(host);
        return open_again(task, path, flags, mode, proc_path);
    }
    return host;
}

int path_pin(struct task *task, const struct path_place *place)
{
    if (!*place->name) {
        int copy = fcntl(place->dir, F_DUPFD_CLOEXEC, 0);
        return copy < 0 ? -errno : copy;
    }
    return host_open(task, place, O_PATH, 0);
}

int path_open_program(struct task *task, int dirfd, const char *text, int flags)
{
    struct path_place place;
    char proc_path[PROC_PATH_MAX];
    unsigned how = PATH_OPEN | (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0);
    if (!(flags & AT_SYMLINK_NOFOLLOW))
        how |= PATH_FOLLOW;
    int error = path_find_text(task, dirfd, text, how, &place);
    if (error)
        return error;
    if (place.node.kind != PROC_NONE)
        return -EACCES;
    if (!*place.name)
        path_set_magic(&place, place.dir);
    int nofollow = flags & AT_SYMLINK_NOFOLLOW && !place.magic ? O_NOFOLLOW : 0;
    int host = path_open(task, &place, O_RDONLY | O_NOCTTY | O_NONBLOCK | nofollow, 0, proc_path);
    if (host < 0 || !*proc_path)
        return host == -ENXIO ? -EACCES : host; /* a FIFO or device */
    close(host);
    return -EACCES;
}
