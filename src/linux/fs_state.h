// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What clone(2) calls filesystem information: the working directory and the umask. Processes made
 * with CLONE_FS share one; after fork each has its own, and only the directory's descriptor is
 * still shared, until one of them goes elsewhere.
 */
#ifndef LINUX_FS_STATE_H
#define LINUX_FS_STATE_H

#include <stdint.h>

struct workdir {
    uint32_t refs;
    char *path; /* absolute, as the guest believes; "" if it is longer than a path may be */
    int host;   /* host descriptor of it (O_PATH) */
};

struct fs_state {
    uint32_t refs;
    unsigned umask;
    struct workdir *cwd;
};

/* Takes over the host descriptor; copies the path. */
struct fs_state *fs_state_create(int host, const char *path, unsigned umask);
struct fs_state *fs_state_get(struct fs_state *fs);        /* CLONE_FS */
struct fs_state *fs_state_copy(const struct fs_state *fs); /* fork */
void fs_state_put(struct fs_state *fs);                    /* NULL is fine */
/* chdir: takes over the host descriptor, copies the path. */
void fs_state_enter(struct fs_state *fs, int host, const char *path);

#endif
