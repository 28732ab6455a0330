// SPDX-License-Identifier: GPL-2.0-or-later
/* What processes used, as wait4(2) and getrusage(2) tell it. */
#ifndef LINUX_USAGE_H
#define LINUX_USAGE_H

#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "linux/task.h"

static inline struct timeval usage_timeval(uint64_t ns)
{
    return (struct timeval){(time_t)(ns / CLOCK_NS_PER_S),
                            (suseconds_t)(ns % CLOCK_NS_PER_S / 1000)};
}

static inline void usage_tell(const struct usage *usage, struct rusage *out)
{
    memset(out, 0, sizeof *out);
    out->ru_utime = usage_timeval(usage->utime_ns);
    out->ru_stime = usage_timeval(usage->stime_ns);
    out->ru_maxrss = (long)(usage->rss_peak * (PAGE_SIZE / 1024));
    out->ru_minflt = (long)usage->minflt;
    out->ru_majflt = (long)usage->majflt;
}

#endif
