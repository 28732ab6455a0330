// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a guest's path to a place on the host. Text that leads into /proc is taken apart here and by
 * proc_find(); links there that lead out again (cwd, root, fd/N) are followed by hand. Opening goes
 * through openat2(RESOLVE_NO_MAGICLINKS), and what turns out to lie on the host's procfs in spite
 * of an innocent name (a link the guest made) is sent back here under its real name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux/fd.h"
#include "linux/hostcall.h"
#include "linux/path.h"
#include "linux/user.h"

enum { LINKS_MAX = 40 /* as many as Linux follows */ };

/* ---- text ---- */

/* Is this the directory or something below it? */
static bool is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* Removes the last component. Result: false if it might be a link, so that ".." is elsewhere. */
static bool go_up(char *out, size_t *len)
{
    out[*len] = 0;
    if (*len > 0 && !is_below(out, "/proc"))
        return false;
    while (*len > 0 && out[--*len] != '/')
        ;
    return true;
}

/* Appends the components of `text` to the normal path of *len bytes. */
static bool append(char *out, size_t *len, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "/");
        if (n == 2 && text[0] == '.' && text[1] == '.') {
            if (!go_up(out, len))
                return false;
        } else if (n > 0 && !(n == 1 && text[0] == '.')) {
            if (*len + 1 + n >= PATH_MAX)
                return false;
            out[(*len)++] = '/';
            memcpy(out + *len, text, n);
            *len += n;
        }
        text += n + (text[n] == '/');
    }
    return true;
}

bool path_normalise(const char *base, const char *text, char *out)
{
    size_t len = 0;
    if ((base && !append(out, &len, base)) || !append(out, &len, text))
        return false;
    if (len == 0)
        out[len++] = '/';
    out[len] = 0;
    return true;
}

/* Does the path insist on a directory, so that a link at its end is followed? */
static bool ends_in_slash(const char *text)
{
    size_t len = strlen(text);
    return len > 0 &&
           (text[len - 1] == '/' || (len > 1 && text[len - 1] == '.' && text[len - 2] == '/'));
}

int path_read(struct task *task, uint64_t addr, char out[PATH_MAX])
{
    int64_t len = uaccess_read_string(task->process->space, out, vaddr(addr), PATH_MAX);
    return len < 0 ? (int)len : 0;
}

/* ---- /proc and its links ---- */

static void set_place(struct path_place *place, int dir, const char *name)
{
    place->node.kind = PROC_NONE;
    place->dir = dir;
    place->magic = false;
    snprintf(place->name, sizeof place->name, "%s", name);
}

/* /dev/stdin and its like are links into /proc/self/fd on every Linux. */
static void replace_alias(char path[PATH_MAX], bool follow)
{
    static const struct {
        const char *from, *to;
    } aliases[] = {{"/dev/fd", "/proc/self/fd"},
                   {"/dev/stdin", "/proc/self/fd/0"},
                   {"/dev/stdout", "/proc/self/fd/1"},
                   {"/dev/stderr", "/proc/self/fd/2"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        const char *rest = path + strlen(aliases[i].from);
        if (!is_below(path, aliases[i].from) || (!*rest && !follow))
            continue;
        char *whole = NULL;
        if (asprintf(&whole, "%s%s", aliases[i].to, rest) >= 0 && strlen(whole) < PATH_MAX)
            strcpy(path, whole);
        free(whole);
        return;
    }
}

/* Replaces `path` by `base` + rest, where rest may point into path. */
static int rebase(char path[PATH_MAX], const char *base, const char *rest)
{
    char joined[2 * PATH_MAX];
    snprintf(joined, sizeof joined, "%s%s", base, rest);
    return path_normalise(NULL, joined, path) ? 0 : -ENOENT;
}

/* What a link to a directory of the host's and a rest below it mean. */
static void leave_to(struct path_place *place, int dir, const char *rest)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s", *rest ? rest + 1 : ".");
    set_place(place, dir, name);
}

static int follow_fd(const struct proc_node *node, char path[PATH_MAX], const char *rest,
                     struct path_place *place)
{
    const struct fd_entry *entry = fd_entry(node->subject.process->fds, node->subject.fd);
    if (!entry)
        return -ENOENT;
    if (entry->proc_path)
        return rebase(path, entry->proc_path, rest) ? -ENOENT : 1;
    if (*rest) {
        leave_to(place, entry->host, rest);
        return 0;
    }
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", entry->host);
    set_place(place, AT_FDCWD, name);
    place->magic = true;
    return 0;
}

/* Result: 0 the place is known; 1 `path` was replaced and is to be looked at again; -errno. */
static int follow_link(const struct proc_node *node, char path[PATH_MAX], const char *rest,
                       struct path_place *place)
{
    const struct process *process = node->subject.process;
    char target[64];
    switch (node->link) {
    case PROC_LINK_SELF:
    case PROC_LINK_THREAD_SELF:
        strcpy(target, "/proc/");
        proc_readlink(node, target + 6, sizeof target - 6);
        return rebase(path, target, rest) ? -ENOENT : 1;
    case PROC_LINK_EXE:
        if (*rest || !process->exe)
            return *rest ? -ENOTDIR : -ENOENT;
        set_place(place, AT_FDCWD, process->exe);
        return 0;
    case PROC_LINK_CWD:
        if (is_below(process->cwd, "/proc"))
            return rebase(path, process->cwd, rest) ? -ENOENT : 1;
        leave_to(place, process->cwd_fd, rest);
        return 0;
    case PROC_LINK_ROOT:
        return rebase(path, "/", rest) ? -ENOENT : 1;
    case PROC_LINK_FD:
        return follow_fd(node, path, rest, place);
    }
    return -ENOENT;
}

/* Looks at a normal path. Effect: *place is set if the path turns out to be none of proc.c's but
 * was changed on the way. Result: 1 if place is set, 0 if the path is an ordinary one, -errno. */
static int find_in_proc(struct task *task, char path[PATH_MAX], bool follow,
                        struct path_place *place)
{
    bool changed = false;
    for (int links = 0; links < LINKS_MAX; links++) {
        const char *rest = "";
        int error = proc_find(task, path, &place->node, &rest);
        if (error)
            return error;
        if (place->node.kind == PROC_NONE || place->node.kind == PROC_HOST) {
            enum proc_kind kind = place->node.kind;
            char own[PROC_PATH_MAX];
            strcpy(own, place->node.path);
            set_place(place, AT_FDCWD, *own ? own : path);
            place->node.kind = kind;
            return changed || kind == PROC_HOST;
        }
        if (place->node.kind != PROC_LINK || (!*rest && !follow))
            return 1;
        struct proc_node link = place->node;
        char tail[PATH_MAX];
        snprintf(tail, sizeof tail, "%s", rest);
        error = follow_link(&link, path, tail, place);
        if (error <= 0)
            return error ? error : 1;
        changed = true;
    }
    return -ELOOP;
}

/* ---- finding ---- */

static int find_empty(struct task *task, int dirfd, unsigned how, struct path_place *place)
{
    if (!(how & PATH_EMPTY))
        return -ENOENT;
    if (dirfd == AT_FDCWD) {
        set_place(place, task->process->cwd_fd, "");
        return 0;
    }
    const struct fd_entry *entry = fd_entry(task->process->fds, dirfd);
    if (!entry)
        return -EBADF;
    set_place(place, entry->host, "");
    const char *rest;
    return entry->proc_path ? proc_find(task, entry->proc_path, &place->node, &rest) : 0;
}

int path_find_text(struct task *task, int dirfd, const char *text, unsigned how,
                   struct path_place *out)
{
    struct process *process = task->process;
    const struct fd_entry *entry = NULL;
    const char *base = NULL;
    if (!*text)
        return find_empty(task, dirfd, how, out);
    if (*text != '/') {
        entry = dirfd == AT_FDCWD ? NULL : fd_entry(process->fds, dirfd);
        if (dirfd != AT_FDCWD && !entry)
            return -EBADF;
        base = entry ? entry->proc_path : process->cwd;
    }
    char normal[PATH_MAX];
    bool follow = how & PATH_FOLLOW || ends_in_slash(text);
    if ((*text == '/' || base) && path_normalise(base, text, normal)) {
        replace_alias(normal, follow);
        int found = find_in_proc(task, normal, follow, out);
        if (found)
            return found < 0 ? found : 0;
    }
    set_place(out, entry ? entry->host : process->cwd_fd, text);
    return 0;
}

int path_find(struct task *task, int dirfd, uint64_t addr, unsigned how, struct path_place *out)
{
    char text[PATH_MAX];
    int error = path_read(task, addr, text);
    return error ? error : path_find_text(task, dirfd, text, how, out);
}

int path_find_host(struct task *task, int dirfd, uint64_t addr, unsigned how,
                   struct path_place *out)
{
    int error = path_find(task, dirfd, addr, how, out);
    return error ? error : out->node.kind != PROC_NONE ? -EPERM : 0;
}

/* ---- opening ---- */

/* Flags that openat2() knows; openat() ignores all others. */
static const int open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
                              O_NONBLOCK | O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_DIRECTORY |
                              O_NOFOLLOW | O_NOATIME | O_PATH | O_TMPFILE;

static bool is_creating(int flags)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static int host_open(struct task *task, const struct path_place *place, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)((flags & open_flags) | O_CLOEXEC),
        .mode = is_creating(flags) ? mode & 07777 : 0,
        .resolve = place->magic ? 0 : RESOLVE_NO_MAGICLINKS,
    };
    if (flags & O_PATH)
        how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    mode_t old = is_creating(flags) ? umask(task->process->umask) : 0;
    long host = syscall(SYS_openat2, place->dir, place->name, &how, sizeof how);
    if (host < 0 && errno == ENOSYS)
        host = openat(place->dir, place->name, (int)how.flags, (mode_t)how.mode);
    int error = errno;
    if (is_creating(flags))
        umask(old);
    return host < 0 ? -error : (int)host;
}

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
    if (is_below(path, own)) {
        char rest[PATH_MAX];
        snprintf(rest, sizeof rest, "%s", path + strlen(own));
        rebase(path, "/proc/self", rest);
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
        if (is_below(path, "/proc") || is_below(path, "/dev"))
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

int path_of_program(struct task *task, int dirfd, const char *text, char *out)
{
    struct path_place place;
    int error = path_find_text(task, dirfd, text, PATH_FOLLOW, &place);
    if (error)
        return error;
    if (place.node.kind != PROC_NONE)
        return -EACCES;
    if (*place.name == '/' || place.dir == task->process->cwd_fd)
        snprintf(out, PATH_MAX, "%s", place.name);
    else if (snprintf(out, PATH_MAX, "/proc/self/fd/%d/%.4000s", place.dir, place.name) >= PATH_MAX)
        return -ENAMETOOLONG;
    return 0;
}
