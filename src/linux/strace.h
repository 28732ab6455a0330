// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * --strace: one line a call, as strace(1) writes it. A line is begun before the call, while the
 * strings it was given are still there (execve replaces them), and finished after it.
 */
#ifndef LINUX_STRACE_H
#define LINUX_STRACE_H

#include "linux/syscall.h"

enum {
    STRACE_STRING_MAX = 32, /* bytes of a string that are shown */
    STRACE_LINE_MAX = 1024,
};

struct strace_line {
    const struct syscall_entry *entry;
    uint64_t args[6];
    int tid;
    unsigned next; /* first argument that is not written yet */
    size_t len;
    char text[STRACE_LINE_MAX];
};

/* Begins the line of a call that is about to be made. */
void strace_enter(struct strace_line *line, struct task *task, uint64_t number,
                  const uint64_t args[6]);
/* Finishes it and prints it to the system's options.strace. */
void strace_leave(struct strace_line *line, struct task *task, int64_t result);

/*
 * Writes bytes as a C string in quotes, as strace does, with "..." behind it if `cut`.
 * `out` has room for 4 * len + 6 bytes. Result: how many it wrote, without the final NUL.
 */
size_t strace_quote(char *out, const unsigned char *bytes, size_t len, bool cut);

/* Writes the part behind the argument list: " = 3", " = -1 ENOENT (No such file or directory)",
 * " = 0x7ffff7ffb000" for an address. Result: bytes, at most size - 1. */
size_t strace_result(char *out, size_t size, int64_t result, bool is_address);

#endif
