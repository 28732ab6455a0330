// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looking programs up. A file that exists but may not be executed is remembered while the search
 * goes on, so that "not executable" (126 in the shell) and "not found" (127) are told apart.
 */
#include "api/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/error.h"
#include "base/xalloc.h"

/* As confstr(_CS_PATH) names the places of the standard utilities, with /usr/local in front. */
#define DEFAULT_PATH "/usr/local/bin:/bin:/usr/bin"

/* 0, or the errno for which the file cannot be executed by us. */
static int check_executable(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
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
static int search(const char *name, const char *dirs, char **path)
{
    int worst = ENOENT;
    for (const char *dir = dirs;; dir++) {
        size_t len = strcspn(dir, ":");
        char *candidate = join(dir, len, name);
        int code = check_executable(candidate);
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

static int find_by_path(const char *name, char **path, struct pw_error *error)
{
    int code = check_executable(name);
    if (code == EISDIR)
        return error_set(error, EACCES, "%.300s: is a directory, not a program", name);
    if (code != 0)
        return error_set(error, is_missing(code) ? ENOENT : EACCES, "%.300s: %s", name,
                         strerror(code));
    *path = x_strdup(name);
    return 0;
}

int program_find(const char *name, char *const envp[], char **path, struct pw_error *error)
{
    if (strchr(name, '/'))
        return find_by_path(name, path, error);
    const char *dirs = environment_get(envp, "PATH");
    int code = *name ? search(name, dirs ? dirs : DEFAULT_PATH, path) : ENOENT;
    if (code == EACCES)
        return error_set(error, EACCES, "%.300s: found in PATH, but not executable", name);
    if (code != 0)
        return error_set(error, ENOENT, "%.300s: no such program in PATH", name);
    return 0;
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_386:
        return "32-bit x86";
    case EM_AARCH64:
        return "64-bit ARM";
    case EM_ARM:
        return "32-bit ARM";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "64-bit PowerPC";
    case EM_S390:
        return "s390";
    case EM_MIPS:
        return "MIPS";
    default:
        return "another processor";
    }
}

/* What the first bytes of a file that exec called not executable say about it. */
static void explain_format(const char *name, const char *path, struct pw_error *error)
{
    unsigned char head[20] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? 0 : pread(fd, head, sizeof(head), 0);
    if (fd >= 0)
        close(fd);
    unsigned machine = head[18] | (unsigned)head[19] << 8;
    if (len == 0)
        error_set(error, ENOEXEC, "%.300s: is empty, not a program", name);
    else if (len >= 2 && head[0] == '#' && head[1] == '!')
        error_set(error, ENOEXEC, "%.300s: its #! line does not lead to a program", name);
    else if (len < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0)
        error_set(error, ENOEXEC, "%.300s: neither an ELF program nor a #! script", name);
    else if (len == sizeof(head) && machine != EM_X86_64)
        error_set(error, ENOEXEC, "%.300s: a program for %s; pagewalk runs x86-64 programs", name,
                  machine_name(machine));
    else
        error_set(error, ENOEXEC, "%.300s: a damaged or unsupported ELF file", name);
}

void program_explain(const char *name, const char *path, int code, struct pw_error *error)
{
    switch (code) {
    case ENOEXEC:
        explain_format(name, path, error);
        break;
    case ENOENT:
        error_set(error, ENOENT, "%.300s: the interpreter that it names does not exist", name);
        break;
    case ELIBBAD:
        error_set(error, ENOEXEC, "%.300s: the interpreter that it names is not usable", name);
        break;
    case EACCES:
        error_set(error, EACCES, "%.300s: it or its interpreter cannot be read or executed", name);
        break;
    case ENOMEM:
        error_set(error, ENOMEM, "%.300s: does not fit: give more --ram or --swap", name);
        break;
    default:
        error_set(error, code, "%.300s: %s", name, strerror(code));
    }
}
