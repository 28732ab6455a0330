// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a guest's path leads on the host. A path is first looked at as text: what names something
 * in /proc or the like that is the guest's own (proc.h) never reaches the host. Everything else is
 * resolved by the host, relative to the guest's directory, without following "magic" links: the
 * host's /proc/PID/fd/N would lead into pagewalk's own files.
 */
#ifndef LINUX_PATH_H
#define LINUX_PATH_H

#include <limits.h>

#include "linux/proc.h"

enum {
    PATH_FOLLOW = 1 << 0, /* a link at the end is followed */
    PATH_EMPTY = 1 << 1,  /* AT_EMPTY_PATH */
};

struct path_place {
    struct proc_node node; /* kind PROC_NONE or PROC_HOST: use dir and name */
    int dir;               /* host descriptor that a relative name starts from */
    bool magic;            /* name is the host's /proc/self/fd/N of a guest's descriptor */
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

/* `dirfd` is a guest's, or AT_FDCWD; `how` is PATH_*. Errors: -ENOENT, -EBADF, -ENOTDIR, -ELOOP. */
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

/* For execve: the host path of a program that the guest names. `out` has PATH_MAX bytes. */
int path_of_program(struct task *task, int dirfd, const char *text, char *out);

#endif
