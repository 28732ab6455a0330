// SPDX-License-Identifier: GPL-2.0-or-later
/* See guard.h. */
#include "linux/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/hostcall.h"

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif
#ifndef MQUEUE_MAGIC
#define MQUEUE_MAGIC 0x19800202
#endif
#ifndef SOCKFS_MAGIC
#define SOCKFS_MAGIC 0x534f434b
#endif

enum { RACES_MAX = 1000 /* tries of a call that renames on the host keep disturbing */ };

/* ---- resolving ---- */

/* -EAGAIN: something was renamed or mounted while ".." was looked at. */
static int try_openat2(int dir, const char *name, const struct open_how *how, uint64_t resolve)
{
    struct open_how own = *how;
    own.resolve |= resolve;
    for (int tries = 0;; tries++) {
        int64_t host = host_result(syscall(SYS_openat2, dir, name, &own, sizeof own));
        if (host != -EAGAIN || !resolve || tries == RACES_MAX)
            return (int)host;
    }
}

static int read_name(int host, char out[PATH_MAX])
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", host);
    ssize_t len = readlink(link, out, PATH_MAX);
    if (len < 0 || len == PATH_MAX)
        return len < 0 ? -errno : -ENAMETOOLONG;
    out[len] = 0;
    return (int)len;
}

int guard_cut_root(const struct guard *guard, char *path)
{
    char root[PATH_MAX];
    int len = read_name(guard->root, root);
    if (len < 0)
        return len;
    if (len == 1) /* "/" */
        len = 0;
    if (strncmp(path, root, (size_t)len) != 0 || (path[len] && path[len] != '/'))
        return -ENOENT;
    memmove(path, path + len, strlen(path + len) + 1);
    if (!*path)
        strcpy(path, "/");
    return (int)strlen(path);
}

static bool is_same(int host, int other)
{
    struct stat st, other_st;
    return fstat(host, &st) == 0 && fstat(other, &other_st) == 0 && st.st_dev == other_st.st_dev &&
           st.st_ino == other_st.st_ino;
}

/* Goes to a directory's parent; the root is its own. `dir` is closed. */
static int go_up(const struct guard *guard, int dir)
{
    if (is_same(dir, guard->root))
        return dir;
    int parent = (int)host_result(openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    close(dir);
    return parent;
}

static int copy_of(int host)
{
    return (int)host_result(fcntl(host, F_DUPFD_CLOEXEC, 0));
}

/* Climbs to the root, or to the host's. */
static bool is_inside(const struct guard *guard, int dir)
{
    int at = copy_of(dir), before = -1;
    while (at >= 0 && !is_same(at, guard->root) && (before < 0 || !is_same(at, before))) {
        if (before >= 0)
            close(before);
        before = copy_of(at);
        at = go_up(guard, at);
    }
    bool inside = at >= 0 && is_same(at, guard->root);
    if (before >= 0)
        close(before);
    if (at >= 0)
        close(at);
    return inside;
}

/* Result: `name` behind its first "..", or NULL if it does not begin with one. */
static const char *behind_dots(const char *name)
{
    name += strspn(name, "/");
    bool is_up = name[0] == '.' && name[1] == '.' && (!name[2] || name[2] == '/');
    return is_up ? name + 2 : NULL;
}

/* "../..." where the directory is so deep that it has no name that the host takes: up by hand.
 * Where one gets to is looked at before it is used, since directories may have been moved. */
static int open_upwards(const struct guard *guard, int dir, const char *name,
                        const struct open_how *how)
{
    const char *rest;
    if (!behind_dots(name))
        return -ENAMETOOLONG;
    int at = copy_of(dir);
    for (; at >= 0 && (rest = behind_dots(name)); name = rest)
        at = go_up(guard, at);
    if (at < 0)
        return at;
    name += strspn(name, "/");
    int host =
        is_inside(guard, at) ? try_openat2(at, *name ? name : ".", how, RESOLVE_BENEATH) : -ENOENT;
    close(at);
    return host == -EXDEV ? -ENAMETOOLONG : host;
}

/* A name that leads up, or through a link with an absolute target, means something only from the
 * root: it is appended to the directory's own name. */
static int open_from_root(const struct guard *guard, int dir, const char *name,
                          const struct open_how *how)
{
    char path[PATH_MAX], whole[2 * PATH_MAX];
    int len = read_name(dir, path);
    if (len >= 0)
        len = guard_cut_root(guard, path);
    if (len == -ENAMETOOLONG || (len >= 0 && (size_t)len + strlen(name) + 2 > PATH_MAX))
        return open_upwards(guard, dir, name, how);
    if (len < 0)
        return len;
    snprintf(whole, sizeof whole, "%s/%s", path, name);
    return try_openat2(guard->root, whole, how, RESOLVE_IN_ROOT);
}

int guard_open(const struct guard *guard, int dir, const char *name, const struct open_how *how)
{
    if (!guard->has_root)
        return try_openat2(dir, name, how, 0);
    if (*name == '/' || dir == AT_FDCWD)
        return try_openat2(guard->root, name, how, RESOLVE_IN_ROOT);
    int host = try_openat2(dir, name, how, RESOLVE_BENEATH);
    return host == -EXDEV ? open_from_root(guard, dir, name, how) : host;
}

int guard_check_root(int root)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    int host = try_openat2(root, "/", &how, RESOLVE_IN_ROOT);
    if (host < 0)
        return host;
    close(host);
    return 0;
}

/* ---- names and descriptors ---- */

/* Files without a directory have names of their own kind: "pipe:[7]", "/memfd:name (deleted)". */
static bool is_path(const char *name)
{
    return *name == '/' && strncmp(name, "/memfd:", 7) != 0;
}

int guard_name(const struct guard *guard, int host, char *out)
{
    int len = read_name(host, out);
    if (len < 0 || !guard->has_root || !is_path(out))
        return len;
    len = guard_cut_root(guard, out);
    return len == -ENOENT ? snprintf(out, PATH_MAX, "(unreachable)") : len;
}

bool guard_admits(const struct guard *guard, int host)
{
    struct stat st;
    char path[PATH_MAX];
    if (!guard->has_root || fstat(host, &st) < 0 || !S_ISDIR(st.st_mode))
        return true;
    return read_name(host, path) >= 0 && guard_cut_root(guard, path) >= 0;
}

bool guard_may_change(int host)
{
    struct stat st;
    struct statfs fs;
    int flags = fcntl(host, F_GETFL);
    if (flags < 0 || fstat(host, &st) < 0 || fstatfs(host, &fs) < 0 || fs.f_type == MQUEUE_MAGIC)
        return false;
    if (S_ISREG(st.st_mode) && !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY)
        return true;
    return st.st_nlink == 0 || /* a memfd, too */
           fs.f_type == PIPEFS_MAGIC || fs.f_type == SOCKFS_MAGIC ||
           fs.f_type == ANON_INODE_FS_MAGIC;
}
