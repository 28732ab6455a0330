// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where page faults and TLB misses come from, as told to a person or a program. What the library
 * gives instruction by instruction is added up here by what a view shows.
 */
#ifndef CLI_ATTRIBUTION_H
#define CLI_ATTRIBUTION_H

#include <jansson.h>
#include <stdio.h>

#include "pagewalk.h"

/* By what rows are added up, ored. */
enum attribution_by {
    ATTRIBUTION_BY_PROGRAM = 1,
    ATTRIBUTION_BY_OBJECT = 2,
    ATTRIBUTION_BY_FUNCTION = 4,
    ATTRIBUTION_BY_LINE = 8,
    ATTRIBUTION_BY_REGION = 16,
    ATTRIBUTION_BY_CALLS = 32,
    ATTRIBUTION_BY_ALL = 63,
};

/* Rows whose fields are the same; others, and the address, are NULL or 0. */
struct attribution_groups {
    struct pw_attribution_row *rows;
    size_t count;
};

/* In order of their fields. Result: false, and no rows: out of memory. */
bool attribution_groups_create(const struct pw_attribution *attribution, unsigned by,
                               struct attribution_groups *out);
/* The most of an event first. */
void attribution_groups_sort(struct attribution_groups *groups, size_t event);
uint64_t attribution_total(const struct attribution_groups *groups, size_t event);
void attribution_groups_destroy(struct attribution_groups *groups);

/* What the option "attribute" chose: indices of events. Result: how many. */
size_t attribution_chosen(const struct pw_config *config, size_t events[PW_ATTRIBUTED]);

/* What a source line is called: "sort.c:123", or "" */
void attribution_line_text(const struct pw_attribution_row *row, char *buf, size_t len);
/* The part of a path behind its last slash. */
const char *attribution_base_name(const char *path);

/* The tables of the summary. */
void attribution_table(FILE *out, const struct pw_attribution *attribution,
                       const struct pw_config *config);
/* Folded stacks of the first event chosen, as flame graphs are made from. The frames are program,
 * object, function, line and region; with the option "call-graph" program, functions from the
 * outermost on, line and region. */
void attribution_folded(FILE *out, const struct pw_attribution *attribution,
                        const struct pw_config *config);
/* A file for speedscope, with a profile of each event chosen; malloc'd. NULL: out of memory. */
char *attribution_speedscope(const struct pw_attribution *attribution,
                             const struct pw_config *config, const char *title);
/* For the report. */
json_t *attribution_json(const struct pw_attribution *attribution);
json_t *attribution_stacks_json(const struct pw_attribution *attribution);

#endif
