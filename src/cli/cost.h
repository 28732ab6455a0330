// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cost model: what each kind of event takes. What is counted is exact; times made of it are
 * modelled, and said to be wherever they are shown.
 */
#ifndef CLI_COST_H
#define CLI_COST_H

#include <jansson.h>
#include <stdio.h>

#include "cli/report.h"

enum cost_key {
    COST_INSTRUCTION,
    COST_L2_HIT,
    COST_WALK_READ,
    COST_MINOR,
    COST_COPY,
    COST_READ,
    COST_WRITE,
    COST_KEYS
};

struct cost {
    double ns[COST_KEYS];
};

/* What --cost says, over the defaults; NULL: nothing. Result: 0, or another number after a message.
 */
int cost_parse(const char *text, struct cost *out);
/* The defaults and the devices, each with its source, for help. */
void cost_print(FILE *out);

/* A run's or replay's time by what it goes to, in nanoseconds. */
struct cost_time {
    double work, translation, faults, paging, total;
};
void cost_of_report(const struct report *report, const struct cost *cost, struct cost_time *out);
/* Both as an object. */
json_t *cost_json(const struct cost *cost, const struct cost_time *time);

#endif
