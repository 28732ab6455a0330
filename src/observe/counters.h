// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters by index: the list of base/counters.h as data, so that the summary, the JSON and the
 * documentation walk it instead of naming fields. The counters of processes come first, then the
 * gauges of the system.
 */
#ifndef OBSERVE_COUNTERS_H
#define OBSERVE_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/counters.h"

#define COUNTERS_ONE(name, unit, meaning) +1
enum {
    COUNTERS_NPROCESS = 0 COUNTERS_PROCESS(COUNTERS_ONE),
    COUNTERS_COUNT = COUNTERS_NPROCESS COUNTERS_SYSTEM(COUNTERS_ONE),
};

struct counters_info {
    const char *name, *unit, *meaning;
};

/* => index < COUNTERS_COUNT */
const struct counters_info *counters_info(size_t index);
bool counters_is_per_process(size_t index);
int counters_find(const char *name); /* index, or -1 */

/* => index is per process */
uint64_t counters_get(const struct counters *counters, size_t index);
/* => index is a gauge of the system */
uint64_t counters_get_system(const struct system_counters *gauges, size_t index);

void counters_add(struct counters *sum, const struct counters *more);

#endif
