// SPDX-License-Identifier: GPL-2.0-or-later
/* Which file a program name means. */
#ifndef API_PROGRAM_H
#define API_PROGRAM_H

#include "linux/guard.h"
#include "pagewalk.h"

/*
 * Finds a program as the shell does, below the guard's root if it has one: a name with a slash is a
 * path, any other is looked up in the PATH of `envp`. Result: 0 and a malloc'd path; -1 and *error:
 * ENOENT there is none, EACCES there is a file but it cannot be executed. Source: execvp(3); POSIX,
 * "Command Search and Execution".
 */
int program_find(const struct guard *guard, const char *name, char *const envp[], char **path,
                 struct pw_error *error);

#endif
