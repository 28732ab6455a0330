// SPDX-License-Identifier: GPL-2.0-or-later
/* See outfile.h. A symbolic link keeps pointing where it did: the file it names is replaced. */
#include "cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a path stands for. */
struct place {
    bool in_place;       /* write to it; else replace it */
    char path[PATH_MAX]; /* with symbolic links resolved if it exists */
};

static int find_place(const char *path, struct place *out)
{
    struct stat st;
    if (strlen(path) >= PATH_MAX - sizeof(".XXXXXX"))
        return ENAMETOOLONG;
    strcpy(out->path, path);
    out->in_place = strcmp(path, "-") == 0;
    if (out->in_place)
        return 0;
    if (stat(path, &st) < 0)
        return errno == ENOENT && *path ? 0 : errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    out->in_place = !S_ISREG(st.st_mode);
    if (!out->in_place && !realpath(path, out->path))
        return errno;
    return 0;
}

int outfile_check(const char *path)
{
    struct place place;
    char dir[PATH_MAX];
    int error = find_place(path, &place);
    if (error != 0 || strcmp(path, "-") == 0)
        return error;
    if (place.in_place)
        return access(path, W_OK) < 0 ? errno : 0;
    /* A file that may not be written is not replaced either, though its directory would allow it.
     */
    if (access(place.path, W_OK) < 0 && errno != ENOENT)
        return errno;
    strcpy(dir, place.path);
    return access(dirname(dir), W_OK | X_OK) < 0 ? errno : 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int write_in_place(const char *path, const char *bytes, size_t len)
{
    if (strcmp(path, "-") == 0)
        return write_all(STDERR_FILENO, bytes, len);
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int error = write_all(fd, bytes, len);
    if (close(fd) < 0 && error == 0)
        error = errno;
    return error;
}

/* The mode that creating the file anew would give it, or the one it has. */
static mode_t mode_for(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return st.st_mode & 0777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int replace(const char *path, const char *bytes, size_t len)
{
    char temporary[PATH_MAX + 8];
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write_all(fd, bytes, len);
    if (fchmod(fd, mode_for(path)) < 0 && error == 0)
        error = errno;
    if (close(fd) < 0 && error == 0)
        error = errno;
    if (error == 0 && rename(temporary, path) < 0)
        error = errno;
    if (error != 0)
        unlink(temporary);
    return error;
}

int outfile_write(const char *path, const char *bytes, size_t len)
{
    struct place place;
    int error = find_place(path, &place);
    if (error != 0)
        return error;
    if (place.in_place)
        return write_in_place(path, bytes, len);
    return replace(place.path, bytes, len);
}
