// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the curve command shows: faults by size of RAM, what they would cost in time, and what
 * follows from that. Counts are exact; times are modelled and marked as such.
 */
#ifndef CLI_CURVE_H
#define CLI_CURVE_H

#include <jansson.h>

#include "cli/cost.h"
#include "cli/options.h"
#include "pagewalk.h"

enum { CURVE_ROWS_MAX = 24, CURVE_POLICIES_MAX = 12 };

struct curve_policy {
    char *name;                      /* or the path of a shared object */
    uint64_t faults[CURVE_ROWS_MAX]; /* by row */
};

struct curve_view {
    const struct pw_curve *curve;
    const struct options *options;
    char *const *argv; /* the program, or the trace */
    struct cost cost;
    size_t nrows;
    uint64_t rows[CURVE_ROWS_MAX]; /* frames, rising; the last holds all pages */
    size_t npolicies;
    struct curve_policy policies[CURVE_POLICIES_MAX];
    /* In frames; 0: there is none. */
    uint64_t best;  /* the least within 5 % of the best time */
    uint64_t cliff; /* the most in which the time is twice the best or more */
};

/* Chooses the rows and finds best and cliff. => curve, options and cost are set */
void curve_view_create(struct curve_view *view);
/* Seconds, modelled. */
double curve_seconds(const struct curve_view *view, uint64_t frames);
/* A policy's name for a narrow column: of a path the last part. Result: buf. */
const char *curve_policy_label(const struct curve_policy *policy, char *buf, size_t len);
/* The sentence. Result: buf. */
const char *curve_advice(const struct curve_view *view, char *buf, size_t len);

/* Uses of pages that were used before, at a distance of more than half of `to` pages (the first
 * bucket: any) up to `to`. */
struct curve_bucket {
    uint64_t to;
    uint64_t count;
    bool is_split; /* whether these are known, which add up to `count` */
    uint64_t loads, stores, fetches;
};
/* Result: false beyond the last. */
bool curve_bucket(const struct curve_view *view, size_t i, struct curve_bucket *out);
void curve_reuse_table(FILE *out, const struct curve_view *view);

void curve_regions_table(FILE *out, const struct curve_view *view);
/* With the ranges of pages. */
json_t *curve_regions_json(const struct curve_view *view);

/* The working set; false or NULL: it was not watched. */
bool curve_set_text(const struct curve_view *view, char *buf, size_t len);
json_t *curve_set_json(const struct curve_view *view);
void curve_set_csv(FILE *out, const struct curve_view *view);

void curve_plot(FILE *out, const struct curve_view *view);

void curve_table(FILE *out, const struct curve_view *view, bool colour);
void curve_csv(FILE *out, const struct curve_view *view);
void curve_svg(FILE *out, const struct curve_view *view);
/* malloc'd; NULL: out of memory. */
char *curve_json(const struct curve_view *view);

#endif
