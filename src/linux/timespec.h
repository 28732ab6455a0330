// SPDX-License-Identifier: GPL-2.0-or-later
/* The guest's struct timespec, timeval and itimerspec, as nanoseconds. */
#ifndef LINUX_TIMESPEC_H
#define LINUX_TIMESPEC_H

#include <errno.h>

#include "linux/clock.h"
#include "linux/user.h"

struct guest_timespec {
    int64_t sec, nsec;
};

struct guest_timeval {
    int64_t sec, usec;
};

/* Longest time that is told apart from "for ever": about 292 years. */
#define TIMESPEC_NS_MAX ((uint64_t)INT64_MAX)

/* Errors: -EINVAL negative, or a fraction that is none. */
static inline int timespec_to_ns(const struct guest_timespec *ts, uint64_t *ns)
{
    if (ts->sec < 0 || ts->nsec < 0 || ts->nsec >= (int64_t)CLOCK_NS_PER_S)
        return -EINVAL;
    bool huge = (uint64_t)ts->sec >= TIMESPEC_NS_MAX / CLOCK_NS_PER_S;
    *ns = huge ? TIMESPEC_NS_MAX : (uint64_t)ts->sec * CLOCK_NS_PER_S + (uint64_t)ts->nsec;
    return 0;
}

static inline int timeval_to_ns(const struct guest_timeval *tv, uint64_t *ns)
{
    if (tv->usec < 0 || tv->usec >= 1000000)
        return -EINVAL;
    struct guest_timespec ts = {tv->sec, tv->usec * 1000};
    return timespec_to_ns(&ts, ns);
}

static inline struct guest_timespec timespec_from_ns(uint64_t ns)
{
    return (struct guest_timespec){(int64_t)(ns / CLOCK_NS_PER_S), (int64_t)(ns % CLOCK_NS_PER_S)};
}

/* Rounded up, so that what is left of a timer is never shown as 0. */
static inline struct guest_timeval timeval_from_ns(uint64_t ns)
{
    uint64_t us = ns / 1000 + (ns % 1000 != 0);
    return (struct guest_timeval){(int64_t)(us / 1000000), (int64_t)(us % 1000000)};
}

/* Errors: -EFAULT, -EINVAL. */
static inline int timespec_read(struct task *task, uint64_t addr, uint64_t *ns)
{
    struct guest_timespec ts;
    int rc = user_read(task, &ts, addr, sizeof ts);
    return rc < 0 ? rc : timespec_to_ns(&ts, ns);
}

static inline int timespec_write(struct task *task, uint64_t addr, uint64_t ns)
{
    struct guest_timespec ts = timespec_from_ns(ns);
    return user_write(task, addr, &ts, sizeof ts);
}

#endif
