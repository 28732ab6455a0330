// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a name to a descriptor. A place is settled once: what a call follows is opened (O_PATH), and
 * of a name whose last component no call follows its directory. Everything that is asked or changed
 * then is that very file, whatever is renamed meanwhile. What may not change is refused here, with
 * the errors of a read-only mount (fs/namei.c's order: the directories must be there, what is to be
 * made must not, then -EROFS).
 *
 * Links are followed by hand only to see whether a name that the host did not find leads into
 * /proc, which a root of the guest's own need not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "linux/path.h"
#include "linux/schedule.h"

enum { LINKS_MAX = 40 /* as many as Linux follows */ };

/* ---- links by hand ---- */

/* A path on its way: what is behind is normal and without links, so that ".." is its parent. */
struct walk {
    size_t len; /* of done */
    char done[PATH_MAX];
    char ahead[2 * PATH_MAX];
};

/* Where the link `path` leads. Result: the text's length; 0: it is none; -errno. */
static int read_link(const struct guard *guard, const char *path, char target[PATH_MAX])
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_NO_MAGICLINKS};
    int host = guard_open(guard, AT_FDCWD, path, &how);
    if (host < 0)
        return host;
    ssize_t len = readlinkat(host, "", target, PATH_MAX - 1);
    close(host);
    if (len < 0)
        return 0;
    target[len] = 0;
    return (int)len;
}

static void go_up(struct walk *walk)
{
    while (walk->len > 0 && walk->done[--walk->len] != '/')
        ;
    walk->done[walk->len] = 0;
}

static int go_down(struct walk *walk, const char *name, size_t n)
{
    if (walk->len + 1 + n >= sizeof walk->done)
        return -ENAMETOOLONG;
    walk->done[walk->len++] = '/';
    memcpy(walk->done + walk->len, name, n);
    walk->len += n;
    walk->done[walk->len] = 0;
    return 0;
}

/* The last component gone is a link: it is replaced by its target. */
static int go_aside(struct walk *walk, const char *target)
{
    char ahead[sizeof walk->ahead];
    int n = snprintf(ahead, sizeof ahead, "%s/%s", target, walk->ahead);
    if ((size_t)n >= sizeof ahead)
        return -ENAMETOOLONG;
    strcpy(walk->ahead, ahead);
    go_up(walk);
    if (*target == '/') {
        walk->len = 0;
        walk->done[0] = 0;
    }
    return 1;
}

/* Goes by one component. Result: 1 if it was a link, else 0 or -errno. */
static int step(const struct guard *guard, struct walk *walk)
{
    char name[PATH_MAX], target[PATH_MAX];
    const char *start = walk->ahead + strspn(walk->ahead, "/");
    size_t n = strcspn(start, "/");
    if (n >= sizeof name)
        return -ENAMETOOLONG;
    memcpy(name, start, n);
    name[n] = 0;
    memmove(walk->ahead, start + n, strlen(start + n) + 1);
    if (!n || strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        go_up(walk);
        return 0;
    }
    int result = go_down(walk, name, n);
    if (result == 0 && !path_is_below(walk->done, "/proc"))
        result = read_link(guard, walk->done, target);
    return result > 0 ? go_aside(walk, target) : result;
}

int path_expand(const struct task *task, const struct path_place *place, char path[PATH_MAX])
{
    const struct guard *guard = &task->process->system->options.guard;
    struct walk walk = {.len = 0};
    if (*place->name != '/' && guard_name(guard, place->dir, walk.done) < 0)
        return -ENOENT;
    walk.len = strcmp(walk.done, "/") == 0 ? 0 : strlen(walk.done);
    walk.done[walk.len] = 0;
    strcpy(walk.ahead, place->name);
    for (int links = 0; links <= LINKS_MAX;) {
        if (path_is_below(walk.done, "/proc"))
            return path_normalise(walk.done, walk.ahead, path) ? 0 : -ENOENT;
        int result = *walk.ahead ? step(guard, &walk) : -ENOENT;
        if (result < 0)
            return -ENOENT;
        links += result;
    }
    return -ENOENT;
}

bool path_is_on_proc(const struct task *task, int host, char path[PATH_MAX])
{
    struct stat st;
    struct statfs fs;
    if (fstat(host, &st) < 0 || major(st.st_dev) != 0 || fstatfs(host, &fs) < 0 ||
        fs.f_type != PROC_SUPER_MAGIC)
        return false;
    char own[32];
    if (guard_name(&task->process->system->options.guard, host, path) < 0)
        return false;
    snprintf(own, sizeof own, "/proc/%d", (int)getpid());
    if (path_is_below(path, own)) {
        char whole[PATH_MAX + 16];
        snprintf(whole, sizeof whole, "/proc/self%s", path + strlen(own));
        return path_normalise(NULL, whole, path);
    }
    return true;
}

/* ---- settling ---- */

/* A name of the guest's that turned out to lead into /proc. */
static int settle_again(struct task *task, const char *path, unsigned how, struct path_place *place)
{
    if (how & PATH_SETTLED)
        return -ELOOP;
    return path_find_text(task, AT_FDCWD, path, how | PATH_SETTLED, place);
}

/* Opens a name and makes the place its descriptor. */
static int settle_file(struct task *task, unsigned how, struct path_place *place)
{
    char path[PATH_MAX];
    int host = path_pin(task, place);
    if ((host == -ENOENT || host == -ELOOP) && path_expand(task, place, path) == 0)
        return settle_again(task, path, how, place);
    if (host < 0)
        return host;
    sched_hold(task, host);
    if (path_is_on_proc(task, host, path))
        return settle_again(task, path, how, place);
    path_set_magic(place, host);
    return 0;
}

/* The last component without slashes behind it; "" if there is none. */
static const char *last_component(const char *name, size_t *len)
{
    const char *end = name + strlen(name);
    while (end > name && end[-1] == '/')
        end--;
    const char *start = end;
    while (start > name && start[-1] != '/')
        start--;
    *len = (size_t)(end - start);
    return start;
}

static bool is_dots(const char *name, size_t len)
{
    return len == 0 || (len == 1 && name[0] == '.') ||
           (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Opens the directory of a name; its last component, with a slash behind it if there was one,
 * stays.
 */
static int settle_entry(struct task *task, unsigned how, struct path_place *place)
{
    struct path_place directory = *place;
    size_t len;
    const char *last = last_component(place->name, &len);
    if (last == place->name)
        strcpy(directory.name, ".");
    else
        directory.name[last - place->name] = 0;
    bool is_slashed = last[len] == '/';
    char path[PATH_MAX];
    int host = path_pin(task, &directory);
    if ((host == -ENOENT || host == -ELOOP) && path_expand(task, place, path) == 0)
        return settle_again(task, path, how, place);
    if (host < 0)
        return host;
    sched_hold(task, host);
    memmove(place->name, last, len);
    strcpy(place->name + len, is_slashed ? "/" : "");
    place->dir = host;
    return 0;
}

/* "a/..", "a/." and "/" have no entry that could be made or removed; every such call fails alike on
 * the directory's own ".". */
static int settle_dots(struct task *task, unsigned how, struct path_place *place)
{
    int error = settle_file(task, how, place);
    if (error || place->node.kind != PROC_NONE || !(how & (PATH_MAKE | PATH_REMOVE)))
        return error;
    place->dir = place->host;
    place->magic = false;
    strcpy(place->name, ".");
    return 0;
}

static int settle(struct task *task, unsigned how, struct path_place *place)
{
    size_t len;
    bool is_entry = how & (PATH_MAKE | PATH_REMOVE);
    if (place->magic || !*place->name || how & PATH_OPEN)
        return 0;
    const char *last = last_component(place->name, &len);
    if (is_dots(last, len))
        return settle_dots(task, how, place);
    if (how & PATH_FOLLOW || (!is_entry && last[len] == '/'))
        return settle_file(task, how, place);
    return settle_entry(task, how, place);
}

/* ---- what may not change ---- */

static int refuse_to_make(const struct path_place *place)
{
    struct stat st;
    if (fstatat(place->dir, place->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return errno == ENOENT ? -EROFS : -errno;
}

static int refuse_to_change(const struct path_place *place)
{
    int host = place->magic ? place->host : !*place->name ? place->dir : -1;
    return host >= 0 && guard_may_change(host) ? 0 : -EROFS;
}

int path_settle(struct task *task, unsigned how, struct path_place *place)
{
    int error = settle(task, how, place);
    if (error || place->node.kind != PROC_NONE || !task->process->system->options.guard.read_only)
        return error;
    if (how & PATH_MAKE)
        return refuse_to_make(place);
    if (how & PATH_REMOVE) /* "." is refused anyway */
        return strcmp(place->name, ".") == 0 ? 0 : -EROFS;
    return how & PATH_CHANGE ? refuse_to_change(place) : 0;
}
