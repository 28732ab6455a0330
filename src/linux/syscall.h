// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls: one table (syscall_table.def) gives each call's number, name, function and argument
 * kinds; dispatch, tracing and the list of unknown calls are made from it. A call decodes and
 * checks its arguments, then calls one verb; it returns 0 or more, or -errno.
 */
#ifndef LINUX_SYSCALL_H
#define LINUX_SYSCALL_H

#include "linux/task.h"

/* A call whose registers are already as they should be (rt_sigreturn, a successful execve). */
#define SYSCALL_REGS_SET INT64_MIN

typedef int64_t syscall_fn(struct task *task, const uint64_t args[6]);

struct syscall_entry {
    const char *name; /* NULL: no such call */
    syscall_fn *fn;   /* NULL: answered -ENOSYS */
    /* One letter an argument, for --strace: d int, u unsigned, x hex, o octal, p pointer, s string,
     * f file descriptor, a directory descriptor (AT_FDCWD), b buffer whose length is the next
     * argument, B buffer that the call fills with as many bytes as it returns, P PROT_*, M MAP_*,
     * O open(2) flags (a mode after them is shown only if it counts). "=p" at the end: the result
     * is an address. NULL: not known. */
    const char *format;
};

/* The entry of a number; an entry without a name if there is none. */
const struct syscall_entry *syscall_entry(uint64_t number);

/* Runs the call that the task's registers ask for and stores its result. */
void syscall_dispatch(struct task *task);

#endif
