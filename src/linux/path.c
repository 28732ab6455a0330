// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a guest's path to a place on the host. Text that leads into /proc is taken apart here and by
 * proc_find(); links there that lead out again (cwd, root, fd/N) are followed by hand. Opening what
 * was found is path_open.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux/fd.h"
#include "linux/path.h"
#include "linux/user.h"

enum { LINKS_MAX = 40 /* as many as Linux follows */ };

/* ---- text ---- */

bool path_is_below(const char *path, const char *directory)
{
    size_t len = strlen(directory);
    return strncmp(path, directory, len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* Removes the last component. Result: false if it might be a link, so that ".." is elsewhere. */
static bool go_up(char *out, size_t *len)
{
    out[*len] = 0;
    if (*len > 0 && !path_is_below(out, "/proc"))
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
    place->host = -1;
    snprintf(place->name, sizeof place->name, "%s", name);
}

void path_set_magic(struct path_place *place, int host)
{
    place->node.kind = PROC_NONE;
    place->dir = AT_FDCWD;
    place->magic = true;
    place->host = host;
    snprintf(place->name, sizeof place->name, "/proc/self/fd/%d", host);
}

/* /dev/stdin and its like are links into /proc/self/fd on every Linux. (Below a root of the guest's
 * own they are what the files there say.) */
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
        if (!path_is_below(path, aliases[i].from) || (!*rest && !follow))
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
    path_set_magic(place, entry->host);
    return 0;
}

/* Result: 0 the place is known; 1 `path` was replaced and is to be looked at again; -errno. */
static int follow_link(const struct proc_node *node, char path[PATH_MAX], const char *rest,
                       struct path_place *place)
{
    const struct process *process = node->subject.process;
    char target[64];
    if (process->is_zombie)
        return -ENOENT;
    switch (node->link) {
    case PROC_LINK_SELF:
    case PROC_LINK_THREAD_SELF:
        strcpy(target, "/proc/");
        proc_readlink(node, target + 6, sizeof target - 6);
        return rebase(path, target, rest) ? -ENOENT : 1;
    case PROC_LINK_EXE:
        if (*rest || !process->exe)
            return *rest ? -ENOTDIR : -ENOENT;
        if (*process->exe != '/') /* it never had a name here */
            return -ENOENT;
        set_place(place, AT_FDCWD, process->exe);
        return 0;
    case PROC_LINK_CWD:
        if (path_is_below(process->fs->cwd->path, "/proc"))
            return rebase(path, process->fs->cwd->path, rest) ? -ENOENT : 1;
        leave_to(place, process->fs->cwd->host, rest);
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
        set_place(place, task->process->fs->cwd->host, "");
        return 0;
    }
    const struct fd_entry *entry = fd_entry(task->process->fds, dirfd);
    if (!entry)
        return -EBADF;
    set_place(place, entry->host, "");
    const char *rest;
    return entry->proc_path ? proc_find(task, entry->proc_path, &place->node, &rest) : 0;
}

/* Looks at the text of a name: through /proc or not, it leads to a node or a place. */
static int find_by_text(struct task *task, int dirfd, const char *text, unsigned how,
                        struct path_place *out)
{
    struct process *process = task->process;
    const struct fd_entry *entry = NULL;
    const char *base = NULL;
    if (*text != '/') {
        entry = dirfd == AT_FDCWD ? NULL : fd_entry(process->fds, dirfd);
        if (dirfd != AT_FDCWD && !entry)
            return -EBADF;
        base = entry ? entry->proc_path : process->fs->cwd->path;
        if (base && !*base)
            base = NULL;
    }
    char normal[PATH_MAX];
    bool follow = how & PATH_FOLLOW || ends_in_slash(text);
    if ((*text == '/' || base) && path_normalise(base, text, normal)) {
        if (!process->system->options.guard.has_root)
            replace_alias(normal, follow);
        int found = find_in_proc(task, normal, follow, out);
        if (found)
            return found < 0 ? found : 0;
    }
    set_place(out, entry ? entry->host : process->fs->cwd->host, text);
    return 0;
}

int path_find_text(struct task *task, int dirfd, const char *text, unsigned how,
                   struct path_place *out)
{
    int error =
        *text ? find_by_text(task, dirfd, text, how, out) : find_empty(task, dirfd, how, out);
    if (error || out->node.kind != PROC_NONE || !guard_is_on(&task->process->system->options.guard))
        return error;
    return path_settle(task, how, out);
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
