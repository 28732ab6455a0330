// SPDX-License-Identifier: GPL-2.0-or-later
/* Who ends when RAM and swap are exhausted: Linux's badness, and the killing (oom.c). */
#ifndef LINUX_OOM_H
#define LINUX_OOM_H

#include "linux/task.h"

enum { OOM_SCORE_ADJ_MIN = -1000, OOM_SCORE_ADJ_MAX = 1000 };

/* Becomes the kernel's rescue (kernel.h). */
void oom_create(struct linux_system *system);

/* /proc/PID/oom_score. */
int64_t oom_score(const struct process *process);

#endif
