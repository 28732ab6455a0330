// SPDX-License-Identifier: GPL-2.0-or-later
/* One system: the rooms put together, in the order in which they were made. */
#ifndef API_SYSTEM_H
#define API_SYSTEM_H

#include "kernel/kernel.h"
#include "linux/task.h"
#include "pagewalk.h"

struct recorder;

struct pw_system {
    struct recorder *recorder;     /* NULL: the CPU does not tell of each access */
    struct attributor *attributor; /* NULL: nothing is attributed */
    struct pw_curve *curve;        /* being made of what runs; else NULL */
    uint64_t tau;                  /* of its working set, in instructions */
    bool regions;                  /* it is to tell of them */
    double sample;                 /* the share of pages that it looks at */
    FILE *strace;                  /* NULL: no tracing */
    struct guard guard;            /* what programs may not; its root is open if it has one */
    struct machine *machine;
    struct kernel *kernel;
    struct linux_system *linux_system;
    void (*progress)(struct pw_system *system, void *arg); /* pw_set_progress(); NULL: none */
    void *progress_arg;
};

#endif
