// SPDX-License-Identifier: GPL-2.0-or-later
/* See unix_name.h. */
#include "linux/unix_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/path.h"

enum {
    DIRECTORIES_MAX = 64, /* of sockets that were bound last; names in older ones are forgotten */
    TOKEN_LEN = 8,
    PRIVATE_HEAD = 1 + TOKEN_LEN + 1, /* NUL, token, number of NULs cut off the end */
    NAME_MAX_LEN = sizeof(((struct sockaddr_un *)0)->sun_path),
    HEAD = offsetof(struct sockaddr_un, sun_path),
};

/* A directory in which sockets were bound: "/proc/self/fd/HOST/" to the host, `prefix` to guests.
 */
struct directory {
    int host;
    dev_t dev;
    ino_t ino;
    char *prefix;
};

struct unix_names {
    struct directory directories[DIRECTORIES_MAX];
    unsigned count, oldest;
    uint8_t token[TOKEN_LEN]; /* of this run's abstract names */
    unsigned autobound;       /* names that were made for sockets that asked for any */
};

struct unix_names *unix_names_create(void)
{
    struct unix_names *names = x_calloc(1, sizeof *names);
    CHECK(getrandom(names->token, sizeof names->token, 0) == sizeof names->token);
    return names;
}

static void directory_release(struct directory *directory)
{
    close(directory->host);
    free(directory->prefix);
}

void unix_names_destroy(struct unix_names *names)
{
    for (unsigned i = 0; i < names->count; i++)
        directory_release(&names->directories[i]);
    free(names);
}

static struct sockaddr_un *un_of(struct socket_address *address)
{
    return (struct sockaddr_un *)&address->bytes;
}

/* => the text fits */
static void set_path(struct socket_address *address, const char *path)
{
    size_t len = strlen(path) + 1;
    memcpy(un_of(address)->sun_path, path, len);
    address->len = (socklen_t)(HEAD + len);
}

/* ---- abstract names without a network ---- */

static bool is_private(const struct unix_names *names, const struct socket_address *address)
{
    const char *path = ((const struct sockaddr_un *)&address->bytes)->sun_path;
    return address->len >= HEAD + PRIVATE_HEAD && !path[0] &&
           memcmp(path + 1, names->token, TOKEN_LEN) == 0;
}

/* Many programs give the whole of sun_path, NULs and all; those are counted to make room. */
static int make_private(const struct unix_names *names, struct socket_address *address)
{
    char *path = un_of(address)->sun_path;
    size_t given = address->len - HEAD - 1, len = given;
    if (address->len > sizeof(struct sockaddr_un))
        return -EINVAL;
    while (len > 0 && !path[len])
        len--;
    if (PRIVATE_HEAD + len > NAME_MAX_LEN)
        return -ENAMETOOLONG;
    memmove(path + PRIVATE_HEAD, path + 1, len);
    memcpy(path + 1, names->token, TOKEN_LEN);
    path[PRIVATE_HEAD - 1] = (char)(given - len);
    address->len = (socklen_t)(HEAD + PRIVATE_HEAD + len);
    return 0;
}

static void make_public(struct socket_address *address)
{
    char *path = un_of(address)->sun_path;
    size_t len = address->len - HEAD - PRIVATE_HEAD, nuls = (uint8_t)path[PRIVATE_HEAD - 1];
    memmove(path + 1, path + PRIVATE_HEAD, len);
    memset(path + 1 + len, 0, nuls);
    address->len = (socklen_t)(HEAD + 1 + len + nuls);
}

/* As unix(7), Autobind feature: five hexadecimal digits. */
static int autobind(struct unix_names *names, struct socket_address *address)
{
    char name[8];
    snprintf(name, sizeof name, "%05x", ++names->autobound & 0xfffff);
    un_of(address)->sun_path[0] = 0;
    memcpy(un_of(address)->sun_path + 1, name, 5);
    address->len = HEAD + 1 + 5;
    return make_private(names, address);
}

/* ---- names in the file system, where guests are narrowed ---- */

static struct directory *find_directory(struct unix_names *names, const struct stat *st,
                                        const char *prefix)
{
    for (unsigned i = 0; i < names->count; i++) {
        struct directory *directory = &names->directories[i];
        if (directory->dev == st->st_dev && directory->ino == st->st_ino &&
            strcmp(directory->prefix, prefix) == 0)
            return directory;
    }
    return NULL;
}

static struct directory *free_directory(struct unix_names *names)
{
    if (names->count < DIRECTORIES_MAX)
        return &names->directories[names->count++];
    struct directory *directory = &names->directories[names->oldest];
    names->oldest = (names->oldest + 1) % DIRECTORIES_MAX;
    directory_release(directory);
    return directory;
}

/* A descriptor of the directory that stays open. Errors: -errno. */
static int keep_directory(struct unix_names *names, int host, const char *prefix)
{
    struct stat st;
    if (fstat(host, &st) < 0)
        return -errno;
    struct directory *directory = find_directory(names, &st, prefix);
    if (directory)
        return directory->host;
    int copy = fd_dup_host(host);
    if (copy < 0)
        return copy;
    directory = free_directory(names);
    *directory = (struct directory){copy, st.st_dev, st.st_ino, x_strdup(prefix)};
    return copy;
}

static int name_new(struct unix_names *names, struct socket_address *address, const char *path,
                    const struct path_place *place)
{
    char prefix[NAME_MAX_LEN + 1], whole[PATH_MAX + 32];
    const char *slash = strrchr(path, '/');
    snprintf(prefix, sizeof prefix, "%.*s", slash ? (int)(slash - path) + 1 : 0, path);
    int host = keep_directory(names, place->dir, prefix);
    if (host < 0)
        return host;
    if (snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", host, place->name) >= NAME_MAX_LEN)
        return -ENAMETOOLONG;
    set_path(address, whole);
    return 0;
}

static int guarded_to_host(struct task *task, struct socket_address *address, const char *path,
                           bool is_new)
{
    struct path_place place;
    int error = path_find_text(task, AT_FDCWD, path, is_new ? PATH_MAKE : PATH_FOLLOW, &place);
    if (error)
        return error == -EEXIST ? -EADDRINUSE : error;
    if (place.node.kind != PROC_NONE)
        return is_new ? -EPERM : -ECONNREFUSED;
    if (is_new)
        return name_new(task->process->system->unix_names, address, path, &place);
    set_path(address, place.name);
    return 0;
}

/* "/proc/self/fd/HOST/name" becomes what was bound. Result: false if it is no such name. */
static bool recall(const struct unix_names *names, struct socket_address *address)
{
    char whole[2 * NAME_MAX_LEN];
    int host, at = 0;
    const char *path = un_of(address)->sun_path;
    if (sscanf(path, "/proc/self/fd/%d/%n", &host, &at) != 1 || !at)
        return false;
    for (unsigned i = 0; i < names->count; i++) {
        if (names->directories[i].host != host)
            continue;
        int n = snprintf(whole, sizeof whole, "%s%s", names->directories[i].prefix, path + at);
        if (n < NAME_MAX_LEN)
            set_path(address, whole);
        return n < NAME_MAX_LEN;
    }
    return false;
}

/* A socket that a program outside bound. */
static void cut_root(const struct guard *guard, struct socket_address *address)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", un_of(address)->sun_path);
    if (*path == '/' && guard_cut_root(guard, path) >= 0)
        set_path(address, path);
    else
        address->len = HEAD;
}

static void guarded_to_guest(struct task *task, struct socket_address *address)
{
    struct linux_system *system = task->process->system;
    if (!recall(system->unix_names, address) && system->options.guard.has_root)
        cut_root(&system->options.guard, address);
}

/* ---- names in the file system, elsewhere ---- */

/* A relative path, or one that pagewalk's own directory would make longer than fits, goes through
 * the descriptor of the guest's directory. */
static int relative_to_host(struct task *task, struct socket_address *address, const char *path)
{
    char whole[PATH_MAX];
    const struct workdir *cwd = task->process->fs->cwd;
    int n = snprintf(whole, sizeof whole, "/proc/self/fd/%d/%s", cwd->host, path);
    if (n >= NAME_MAX_LEN && *cwd->path)
        n = snprintf(whole, sizeof whole, "%s/%s", cwd->path, path);
    if (n >= NAME_MAX_LEN)
        return -ENAMETOOLONG;
    set_path(address, whole);
    return 0;
}

/* Not the detour through the directory's descriptor. */
static void relative_to_guest(struct task *task, struct socket_address *address)
{
    struct sockaddr_un *un = un_of(address);
    char prefix[40];
    int n = snprintf(prefix, sizeof prefix, "/proc/self/fd/%d/", task->process->fs->cwd->host);
    if (address->len <= HEAD + (size_t)n || strncmp(un->sun_path, prefix, (size_t)n) != 0)
        return;
    memmove(un->sun_path, un->sun_path + n, address->len - HEAD - (size_t)n);
    address->len -= (socklen_t)n;
}

/* ---- both ---- */

int unix_name_to_host(struct task *task, struct socket_address *address, bool is_new)
{
    const struct linux_system *system = task->process->system;
    const struct guard *guard = &system->options.guard;
    const char *text = un_of(address)->sun_path;
    if (address->len <= HEAD)
        return is_new && guard->no_net ? autobind(system->unix_names, address) : 0;
    if (!text[0])
        return guard->no_net ? make_private(system->unix_names, address) : 0;
    char path[NAME_MAX_LEN + 1];
    size_t len = strnlen(text, address->len - HEAD < NAME_MAX_LEN ? address->len - HEAD
                                                                  : (size_t)NAME_MAX_LEN);
    memcpy(path, text, len);
    path[len] = 0;
    if (guard_is_on(guard))
        return guarded_to_host(task, address, path, is_new);
    return *path == '/' ? 0 : relative_to_host(task, address, path);
}

void unix_name_to_guest(struct task *task, struct socket_address *address)
{
    const struct linux_system *system = task->process->system;
    if (address->len <= HEAD)
        return;
    if (is_private(system->unix_names, address))
        make_public(address);
    if (!un_of(address)->sun_path[0])
        return;
    if (address->len < sizeof address->bytes)
        ((char *)&address->bytes)[address->len] = 0;
    if (guard_is_on(&system->options.guard))
        guarded_to_guest(task, address);
    else
        relative_to_guest(task, address);
}
