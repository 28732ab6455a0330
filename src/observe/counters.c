// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both structs of counters are made of uint64_t fields in the order of the list and of nothing
 * else, so an index of the list is an index into the struct seen as an array.
 */
#include "observe/counters.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"

static_assert(sizeof(struct counters) == COUNTERS_NPROCESS * sizeof(uint64_t),
              "counters are an array");
static_assert(sizeof(struct system_counters) ==
                  (COUNTERS_COUNT - COUNTERS_NPROCESS) * sizeof(uint64_t),
              "gauges are an array");

#define COUNTERS_ROW(name, unit, meaning) {#name, unit, meaning},
static const struct counters_info infos[COUNTERS_COUNT] = {COUNTERS_PROCESS(COUNTERS_ROW)
                                                               COUNTERS_SYSTEM(COUNTERS_ROW)};

const struct counters_info *counters_info(size_t index)
{
    CHECK(index < COUNTERS_COUNT);
    return &infos[index];
}

bool counters_is_per_process(size_t index)
{
    return index < COUNTERS_NPROCESS;
}

int counters_find(const char *name)
{
    for (int i = 0; i < COUNTERS_COUNT; i++)
        if (strcmp(infos[i].name, name) == 0)
            return i;
    return -1;
}

static uint64_t word_at(const void *words, size_t index)
{
    uint64_t value;
    memcpy(&value, (const char *)words + index * sizeof(value), sizeof(value));
    return value;
}

uint64_t counters_get(const struct counters *counters, size_t index)
{
    CHECK(counters_is_per_process(index));
    return word_at(counters, index);
}

uint64_t counters_get_system(const struct system_counters *gauges, size_t index)
{
    CHECK(!counters_is_per_process(index) && index < COUNTERS_COUNT);
    return word_at(gauges, index - COUNTERS_NPROCESS);
}

#define COUNTERS_ADD_FIELD(name, unit, meaning) sum->name += more->name;

void counters_add(struct counters *sum, const struct counters *more)
{
    COUNTERS_PROCESS(COUNTERS_ADD_FIELD)
}
