// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening places. The host resolves an ordinary name without following magic links; what turns out
 * to lie on its procfs in spite of an innocent name (a link the guest made) is sent back to path.c
 * under its real name. No open sleeps: a fifo that has no partner yet is waited for in fifo.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux/fifo.h"
#include "linux/path.h"

enum { LINKS_MAX = 40 /* as many as Linux follows */ };

/* ---- the host's open ---- */

/* Flags that openat2() knows; openat() ignores all others. */
static const int open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                              O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |
                              O_NOFOLLOW | O_NOATIME | O_PATH | O_TMPFILE;

static bool is_creating(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
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
    long host = syscall(SYS_openat2, place->dir, place->name, &how, sizeof how);
    if (host < 0 && errno == ENOSYS)
        host = openat(place->dir, place->name, (int)how.flags, (mode_t)how.mode);
    int error = errno;
    if (is_creating(flags))
        umask(old);
    return host < 0 ? -error : (int)host;
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

/* ---- what was opened ---- */

/* The real path of a descriptor on procfs, with the host's name of pagewalk turned into "self". */
static bool proc_name(int host, char path[PATH_MAX])
{
    struct stat st;
    struct statfs fs;
    if (fstat(host, &st) < 0 || major(st.st_dev) != 0 || fstatfs(host, &fs) < 0 ||
        fs.f_type != PROC_SUPER_MAGIC)
        return false;
    char link[32], own[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", host);
    ssize_t len = readlink(link, path, PATH_MAX - 1);
    if (len < 0)
        return false;
    path[len] = 0;
    snprintf(own, sizeof own, "/proc/%d", (int)getpid());
    if (path_is_below(path, own)) {
        char whole[PATH_MAX + 16];
        snprintf(whole, sizeof whole, "/proc/self%s", path + strlen(own));
        return path_normalise(NULL, whole, path);
    }
    return true;
}

/* The longest start of a normal path that is a link: its end, and where it leads; NULL if none. */
static char *find_link(char *path, char target[PATH_MAX])
{
    for (char *end = path; *end;) {
        end += 1 + strcspn(end + 1, "/");
        char cut = *end;
        *end = 0;
        ssize_t len = readlink(path, target, PATH_MAX - 1);
        *end = cut;
        if (len >= 0) {
            target[len] = 0;
            return end;
        }
    }
    return NULL;
}

/* Replaces the link that ends at `end` by its target. */
static int replace_link(char *path, char *end, const char *target)
{
    char joined[2 * PATH_MAX], directory[PATH_MAX];
    snprintf(joined, sizeof joined, "%s%s", target, end);
    do
        end--;
    while (*end != '/');
    *end = 0;
    strcpy(directory, path);
    return path_normalise(*target == '/' ? NULL : directory, joined, path) ? 0 : -ELOOP;
}

/* Expands links of an ordinary path by hand until the text leads into /proc or /dev. For the rare
 * path that reaches a magic link through a link of the guest's own. */
static int expand_links(const struct path_place *place, char path[PATH_MAX])
{
    char target[PATH_MAX] = "";
    if (*place->name != '/') {
        char link[32];
        snprintf(link, sizeof link, "/proc/self/fd/%d", place->dir);
        ssize_t len = readlink(link, target, sizeof target - 1);
        target[len < 0 ? 0 : len] = 0;
    }
    if (!path_normalise(*target ? target : NULL, place->name, path))
        return -ELOOP;
    for (int links = 0; links < LINKS_MAX; links++) {
        if (path_is_below(path, "/proc") || path_is_below(path, "/dev"))
            return 0;
        char *end = find_link(path, target);
        if (!end || replace_link(path, end, target) < 0)
            return -ELOOP;
    }
    return -ELOOP;
}

static int open_proc_host(struct task *task, const struct path_place *place, int flags)
{
    if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_TRUNC | O_CREAT))
        return -EACCES;
    int host = host_open(task, place, flags, 0);
    return host == -ELOOP ? -EACCES : host;
}

/* Opens by a path that was found to lead into /proc. */
static int open_again(struct task *task, const char *path, int flags, char *proc_path)
{
    struct path_place place;
    int error = path_find_text(task, AT_FDCWD, path, flags & O_NOFOLLOW ? 0 : PATH_FOLLOW, &place);
    if (error)
        return error;
    if (place.node.kind == PROC_HOST)
        return open_proc_host(task, &place, flags);
    if (place.node.kind == PROC_NONE && !place.magic)
        return -ELOOP;
    return path_open(task, &place, flags, 0, proc_path);
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

int path_open(struct task *task, const struct path_place *place, int flags, mode_t mode,
              char proc_path[PROC_PATH_MAX])
{
    *proc_path = 0;
    if (place->node.kind == PROC_HOST)
        return open_proc_host(task, place, flags);
    if (place->node.kind != PROC_NONE)
        return open_node(&place->node, flags, proc_path);
    char path[PATH_MAX];
    int host = host_open(task, place, flags, mode);
    if (host == -ELOOP && !place->magic && !(flags & O_NOFOLLOW) && expand_links(place, path) == 0)
        return open_again(task, path, flags, proc_path);
    if (host >= 0 && !place->magic && proc_name(host, path)) {
        close(host);
        return open_again(task, path, flags, proc_path);
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
