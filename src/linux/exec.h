// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * execve: from a path to a fresh image. `#!` scripts (nested as Linux allows), the ELF program and
 * its interpreter (elf.h), the initial stack with arguments, environment and auxiliary vector.
 * Nothing of the old image is touched until the new one is known to load (the point of no return).
 */
#ifndef LINUX_EXEC_H
#define LINUX_EXEC_H

#include "linux/task.h"

/*
 * Replaces the task's process image. `path` is a host path as the guest named it, resolved against
 * `process->cwd_fd`. Errors, as execve(2): -ENOENT, -EACCES, -ENOEXEC (not ELF, wrong architecture,
 * damaged), -ELIBBAD (bad interpreter), -E2BIG, -ENOMEM, -EINVAL. After the point of no return a
 * failure kills the process with SIGKILL instead (result 0, process->exited).
 */
int exec_load(struct task *task, const char *path, char *const argv[], char *const envp[]);

#endif
