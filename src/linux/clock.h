// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guests' clocks. Normally the host's; in a reproducible system a virtual clock that advances
 * one nanosecond an instruction and jumps ahead when all tasks sleep.
 */
#ifndef LINUX_CLOCK_H
#define LINUX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct linux_system;

struct clock {
    bool is_virtual;
    uint64_t slept_ns; /* virtual: added to the instruction count */
    uint64_t boot_ns;  /* host CLOCK_MONOTONIC at creation */
};

/* Nanoseconds on a clock id. Errors: -EINVAL unknown clock. */
int clock_now(const struct linux_system *system, clockid_t id, uint64_t *ns);

#endif
