// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * execve: from a path to a fresh image. `#!` scripts (nested as Linux allows), the ELF program and
 * its interpreter (elf.h), the initial stack with arguments, environment and auxiliary vector
 * (stack.h). The new image is built completely in an address space of its own; the old one is let
 * go only when nothing can fail any more.
 */
#ifndef LINUX_EXEC_H
#define LINUX_EXEC_H

#include "linux/task.h"

/*
 * Replaces the task's process image. `path` is as the guest names it; argv and envp end
 * with NULL. Errors, as execve(2): -ENOENT, -EACCES,
 * -ENOEXEC (not ELF, wrong architecture, damaged), -ELIBBAD (bad interpreter), -ELOOP (too many
 * nested scripts), -E2BIG, -ENOMEM (also: too little RAM to start). The old image is then as it
 * was. If the process had no image yet, system->message says in one line what was wrong.
 */
int exec_load(struct task *task, const char *path, char *const argv[], char *const envp[]);

/*
 * The same for execveat(2): `dirfd` is the guest's, `flags` its AT_EMPTY_PATH and
 * AT_SYMLINK_NOFOLLOW, and `name` how the program is to be called (AT_EXECFN, scripts, comm).
 */
int exec_load_at(struct task *task, int dirfd, const char *path, int flags, const char *name,
                 char *const argv[], char *const envp[]);

#endif
