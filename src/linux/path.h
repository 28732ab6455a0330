// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a guest's path leads on the host. A path is first looked at as text: what names something
 * in /proc or the like that is the guest's own (proc.h) never reaches the host. Everything else is
 * resolved by the host, relative to the guest's directory, without following "magic" links: the
 * host's /proc/PID/fd/N would lead into pagewalk's own files.
 *
 * What the host resolves is a name, at the time of the call that uses it. Where guests are narrowed
 * (guard.h) names are settled first (path_settle.c): to a descriptor of the file itself, or to one
 * of a directory and a last component that no call follows.
 */
#ifndef LINUX_PATH_H
#define LINUX_PATH_H

#include <limits.h>

#include "linux/guard.h"
#include "linux/proc.h"

enum {
    PATH_FOLLOW = 1 << 0, /* a link at the end is followed */
    PATH_EMPTY = 1 << 1,  /* AT_EMPTY_PATH */
    PATH_OPEN = 1 << 2,   /* only path_open() or path_pin() will use the place */
    /* What is to change, so that it is -EROFS where guests may change nothing: */
    PATH_MAKE = 1 << 3,    /* an entry is made, and -EEXIST comes first */
    PATH_REMOVE = 1 << 4,  /* an entry is removed or renamed */
    PATH_CHANGE = 1 << 5,  /* the file or its attributes */
    PATH_SETTLED = 1 << 6, /* path_settle.c's own: it was here before */
};

struct path_place {
    struct proc_node node; /* kind PROC_NONE or PROC_HOST: use dir and name */
    int dir;               /* host descriptor that a relative name starts from */
    bool magic;            /* name is the host's /proc/self/fd/N of the descriptor `host` */
    int host;
    char name[PATH_MAX];
};

/*
 * Joins an absolute `base` (NULL if `text` is absolute) and `text` into a path without ".", "..",
 * doubled or trailing slashes. `out` has PATH_MAX bytes. Result: false if that cannot be told from
 * the text: it is too long, or a ".." leaves a directory outside /proc, which may be a link.
 */
bool path_normalise(const char *base, const char *text, char *out);

/* Is the normal path this directory or something below it? */
bool path_is_below(const char *path, const char *directory);

/* Reads a guest's string. Errors: -EFAULT, -ENAMETOOLONG. */
int path_read(struct task *task, uint64_t addr, char out[PATH_MAX]);

/* `dirfd` is a guest's, or AT_FDCWD; `how` is PATH_*. Descriptors of the place stay open until the
 * end of the task's call. Errors: -ENOENT, -EBADF, -ENOTDIR, -ELOOP, and by `how` -EROFS, -EEXIST.
 */
int path_find_text(struct task *task, int dirfd, const char *text, unsigned how,
                   struct path_place *out);
/* The same for a string in the guest's memory. */
int path_find(struct task *task, int dirfd, uint64_t addr, unsigned how, struct path_place *out);
/* The same for calls that change things: -EPERM in /proc and the like. */
int path_find_host(struct task *task, int dirfd, uint64_t addr, unsigned how,
                   struct path_place *out);

/*
 * Opens a place (of any kind). `flags` as open(2), `mode` before the umask. Effect: *proc_path is
 * the path to record with the descriptor, or NULL. Result: a host descriptor, or -errno.
 */
int path_open(struct task *task, const struct path_place *place, int flags, mode_t mode,
              char proc_path[PROC_PATH_MAX]);
/* Follows all links of a host place now: an O_PATH descriptor, or -errno. */
int path_pin(struct task *task, const struct path_place *place);

/* For execve: opens a program that the guest names, for reading. `flags` are execveat(2)'s
 * AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW. Result: a host descriptor, or -errno. */
int path_open_program(struct task *task, int dirfd, const char *text, int flags);

/* ---- path_settle.c ---- */

/* Makes an ordinary place one that cannot be led elsewhere any more, and refuses what may not
 * change. => guard_is_on(), and a place of kind PROC_NONE */
int path_settle(struct task *task, unsigned how, struct path_place *place);
/* Follows the links of an ordinary place by hand, until it leads below /proc. Result: 0 and a
 * normal path there; -ENOENT if it does not lead there. */
int path_expand(const struct task *task, const struct path_place *place, char path[PATH_MAX]);
/* Is this descriptor on the host's procfs? Effect: its path there, as the guest would name it. */
bool path_is_on_proc(const struct task *task, int host, char path[PATH_MAX]);
/* A place for a descriptor, which stays the caller's. */
void path_set_magic(struct path_place *place, int host);

#endif
