// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking programs up. A file that exists but may not be executed is remembered while the search
 * goes on, so that "not executable" (126 in the shell) and "not found" (127) are told apart.
 */
#include "api/program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/error.h"
#include "base/xalloc.h"

/* As confstr(_CS_PATH) names the places of the standard utilities, with /usr/local in front. */
#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"

/* A program in a directory of its own (--root) starts there: relative names begin at the root. */
static int open_path(const struct guard *guard, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};
    if (guard->has_root)
        return guard_open(guard, guard->root, path, &how);
    int file = open(path, O_PATH | O_CLOEXEC);
    return file < 0 ? -errno : file;
}

static int check_open(int file)
{
    char path[32];
    struct stat st;
    if (fstat(file, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

/* 0, or the errno for which the file cannot be executed by us. */
static int check_executable(const struct guard *guard, const char *path)
{
    int file = open_path(guard, path);
    if (file < 0)
        return -file;
    int code = check_open(file);
    close(file);
    return code;
}

static bool is_missing(int code)
{
    return code == ENOENT || code == ENOTDIR;
}

static const char *environment_get(char *const envp[], const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; envp && envp[i]; i++)
        if (strncmp(envp[i], name, len) == 0 && envp[i][len] == '=')
            return envp[i] + len + 1;
    return NULL;
}

/* dir/name; an empty directory is the current one. */
static char *join(const char *dir, size_t dir_len, const char *name)
{
    char *path = x_malloc(dir_len + strlen(name) + 3);
    if (dir_len == 0)
        sprintf(path, "./%s", name);
    else
        sprintf(path, "%.*s/%s", (int)dir_len, dir, name);
    return path;
}

/* Result: 0 and *path, or ENOENT, or EACCES if only files that cannot be executed were found. */
static int search(const struct guard *guard, const char *name, const char *dirs, char **path)
{
    int worst = ENOENT;
    for (const char *dir = dirs;; dir++) {
        size_t len = strcspn(dir, ":");
        char *candidate = join(dir, len, name);
        int code = check_executable(guard, candidate);
        if (code == 0) {
            *path = candidate;
            return 0;
        }
        free(candidate);
        if (code == EACCES)
            worst = EACCES;
        dir += len;
        if (*dir == '\0')
            return worst;
    }
}

static int find_by_path(const struct guard *guard, const char *name, char **path,
                        struct pw_error *error)
{
    int code = check_executable(guard, name);
    if (code == EISDIR)
        return error_set(error, EACCES, "%.300s: is a directory, not a program", name);
    if (code != 0)
        return error_set(error, is_missing(code) ? ENOENT : EACCES, "%.300s: %s", name,
                         strerror(code));
    *path = x_strdup(name);
    return 0;
}

int program_find(const struct guard *guard, const char *name, char *const envp[], char **path,
                 struct pw_error *error)
{
    if (strchr(name, '/'))
        return find_by_path(guard, name, path, error);
    const char *dirs = environment_get(envp, "PATH");
    int code = *name ? search(guard, name, dirs ? dirs : DEFAULT_PATH, path) : ENOENT;
    if (code == EACCES)
        return error_set(error, EACCES, "%.300s: found in PATH, but not executable", name);
    if (code != 0)
        return error_set(error, ENOENT, "%.300s: no such program in PATH", name);
    return 0;
}
