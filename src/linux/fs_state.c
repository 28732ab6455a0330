// SPDX-License-Identifier: GPL-2.0-or-later
/* See fs_state.h. Two counts: of processes on the state, of states on the directory. */
#include "linux/fs_state.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"

static struct workdir *workdir_create(int host, const char *path)
{
    struct workdir *dir = x_malloc(sizeof *dir);
    *dir = (struct workdir){.refs = 1, .path = x_strdup(path), .host = host};
    return dir;
}

static void workdir_put(struct workdir *dir)
{
    if (--dir->refs > 0)
        return;
    close(dir->host);
    free(dir->path);
    free(dir);
}

struct fs_state *fs_state_create(int host, const char *path, unsigned umask)
{
    struct fs_state *fs = x_malloc(sizeof *fs);
    *fs = (struct fs_state){.refs = 1, .umask = umask, .cwd = workdir_create(host, path)};
    return fs;
}

struct fs_state *fs_state_get(struct fs_state *fs)
{
    fs->refs++;
    return fs;
}

struct fs_state *fs_state_copy(const struct fs_state *fs)
{
    struct fs_state *copy = x_malloc(sizeof *copy);
    *copy = (struct fs_state){.refs = 1, .umask = fs->umask, .cwd = fs->cwd};
    copy->cwd->refs++;
    return copy;
}

void fs_state_put(struct fs_state *fs)
{
    if (!fs || --fs->refs > 0)
        return;
    workdir_put(fs->cwd);
    free(fs);
}

void fs_state_enter(struct fs_state *fs, int host, const char *path)
{
    struct workdir *old = fs->cwd;
    fs->cwd = workdir_create(host, path);
    workdir_put(old);
}
