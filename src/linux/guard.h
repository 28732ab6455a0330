// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What narrows a guest's reach on the host: a directory that is its root (--root), no changes to
 * file systems (--read-only), no network (--no-net). With a root, every name of a guest is resolved
 * by the host's openat2(2) in a way that cannot lead out of it; nothing is compared as text and
 * opened afterwards, so that renames meanwhile do not matter.
 *
 * Invariant: with a root, every directory that a guest has a descriptor of was inside it when the
 * guest got it. Directories that come from elsewhere (inherited, or sent by another program) are
 * not handed on: guard_admits().
 */
#ifndef LINUX_GUARD_H
#define LINUX_GUARD_H

#include <stdbool.h>

struct open_how;

struct guard {
    bool has_root, read_only, no_net;
    int root; /* host descriptor (O_PATH) of the guest's root; whoever made it closes it */
};

/* Does the host have what a root needs? `root` as above. Result: 0, or -errno: it has not. */
int guard_check_root(int root);

/* Are a guest's names to be resolved before a call is made with them (path_settle.c)? */
static inline bool guard_is_on(const struct guard *guard)
{
    return guard->has_root || guard->read_only;
}

/* openat2(2), where a name starts from `dir`, or with a root from that if it is absolute or `dir`
 * is AT_FDCWD (pagewalk's own directory is none of the guest's). Errors as openat2(2); with a root
 * -ENOENT too: `dir` is not inside it any more. */
int guard_open(const struct guard *guard, int dir, const char *name, const struct open_how *how);

/* The name of an open file as guests see it: below the root, if there is one, or "(unreachable)".
 * `out` has PATH_MAX bytes. Result: its length, or -errno. */
int guard_name(const struct guard *guard, int host, char *out);

/* Turns the host's absolute name of something (PATH_MAX bytes) into that below the root. Result:
 * its length, or -ENOENT if it is not below. => there is a root */
int guard_cut_root(const struct guard *guard, char *path);

/* May the guest have a descriptor that did not come from a name it gave? */
bool guard_admits(const struct guard *guard, int host);

/* May a file be changed through this descriptor under --read-only? (Its attributes, or its content
 * through a name in /proc; what write(2) does is up to the descriptor.) It may if it has no name,
 * or a regular file that is open for writing: then the user, or who sent the descriptor, has opened
 * it, since guests cannot. */
bool guard_may_change(int host);

#endif
