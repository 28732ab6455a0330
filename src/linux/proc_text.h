// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of /proc say, in the kernel's own formats: one function a file (proc.h has the
 * tables). Each writes its text and has no other effect. */
#ifndef LINUX_PROC_TEXT_H
#define LINUX_PROC_TEXT_H

#include "linux/proc.h"

/* proc_maps.c */
void proc_text_maps(const struct proc_subject *subject, FILE *out);
void proc_text_smaps(const struct proc_subject *subject, FILE *out);
void proc_text_smaps_rollup(const struct proc_subject *subject, FILE *out);

/* proc.c */
void proc_text_listing(const struct proc_node *node, FILE *out);

/* proc_process.c */
void proc_text_fdinfo(const struct proc_subject *subject, FILE *out);

/* Pages of a process by kind, as status and statm count them. */
struct proc_pages {
    uint64_t size, locked, resident, anonymous, file, shared_memory, data, stack, text, swap;
};
void proc_pages_measure(const struct process *process, struct proc_pages *out);

/* One line of /proc/PID/maps without its newline. Result: bytes, at most size - 1. */
struct region;
int proc_maps_line(const struct region *region, char *out, size_t size);

#endif
