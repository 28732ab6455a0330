// SPDX-License-Identifier: GPL-2.0-or-later
/* The functions of the system calls, one sys_NAME for each CALL of syscall_table.def. */
#ifndef LINUX_SYSCALL_CALLS_H
#define LINUX_SYSCALL_CALLS_H

#include "linux/syscall.h"

#define CALL(number, name, format) syscall_fn sys_##name;
#define NAMED(number, name)
#define DENIED(number, name)
#include "linux/syscall_table.def"
#undef CALL
#undef NAMED
#undef DENIED

#endif
