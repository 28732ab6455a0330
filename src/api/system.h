// SPDX-License-Identifier: GPL-2.0-or-later
/* One system: the rooms put together, in the order in which they were made. */
#ifndef API_SYSTEM_H
#define API_SYSTEM_H

#include "kernel/kernel.h"
#include "linux/task.h"
#include "pagewalk.h"

struct recorder;

struct pw_system {
    struct recorder *recorder; /* NULL: the CPU does not tell of each access */
    struct pw_curve *curve;    /* being made of what runs; else NULL */
    uint64_t tau;              /* of its working set, in instructions */
    double sample; /* of a curve */
    FILE *strace;              /* NULL: no tracing */
    struct machine *machine;
    struct kernel *kernel;
    struct linux_system *linux_system;
    void (*progress)(struct pw_system *system, void *arg); /* pw_set_progress(); NULL: none */
    void *progress_arg;
};

#endif
