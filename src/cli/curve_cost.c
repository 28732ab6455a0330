// SPDX-License-Identifier: GPL-2.0-or-later
/* The modelled time of a run in each size of RAM: what instructions, first touches and returns of
 * pages take by the cost model; and what follows from that. */
#include "cli/curve.h"

#include <math.h>

#include "cli/human.h"

enum { SHARE = 64 };

double curve_seconds(const struct curve_view *view, uint64_t frames)
{
    struct pw_curve_point point, least;
    uint64_t work = pw_curve_instructions(view->curve);
    if (work == 0) /* a trace of data alone */
        work = pw_curve_accesses(view->curve);
    pw_curve_at(view->curve, frames, &point);
    pw_curve_at(view->curve, pw_curve_pages(view->curve), &least);
    const double *ns = view->cost.ns;
    return ((double)work * ns[COST_INSTRUCTION] + (double)point.faults * ns[COST_MINOR] +
            (double)(point.faults - least.faults) * ns[COST_READ]) /
           1e9;
}

/* The least number of frames in which the time is at most `limit`: more RAM never takes longer. */
static uint64_t least_within(const struct curve_view *view, double limit)
{
    uint64_t low = pw_curve_least(view->curve), high = pw_curve_pages(view->curve);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (curve_seconds(view, middle) <= limit)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Rows a factor of the square root of 2 apart, from all pages down to a SHARE of them: in less a
 * program does nothing but fault. */
static void choose_rows(struct curve_view *view)
{
    uint64_t pages = pw_curve_pages(view->curve), rows[CURVE_ROWS_MAX];
    double least = (double)pw_curve_least(view->curve);
    size_t n = 0;
    double frames = (double)pages;
    for (; n < CURVE_ROWS_MAX && frames >= least && frames * SHARE >= (double)pages;
         frames /= M_SQRT2) {
        uint64_t row = (uint64_t)llround(frames);
        if (n > 0 && row == rows[n - 1])
            continue;
        rows[n++] = row;
    }
    view->nrows = n;
    for (size_t i = 0; i < n; i++)
        view->rows[i] = rows[n - 1 - i];
}

void curve_view_create(struct curve_view *view)
{
    uint64_t pages = pw_curve_pages(view->curve);
    choose_rows(view);
    if (pages == 0)
        return;
    double best = curve_seconds(view, pages);
    view->best = least_within(view, 1.05 * best);
    uint64_t steep = least_within(view, 2 * best);
    view->cliff = steep > pw_curve_least(view->curve) ? steep - 1 : 0;
}

const char *curve_advice(const struct curve_view *view, char *buf, size_t len)
{
    char best[HUMAN_LEN], cliff[HUMAN_LEN], ram[HUMAN_LEN];
    const uint64_t page = 4096;
    uint64_t limit = 0, pages = pw_curve_pages(view->curve);
    pw_parse_size(pw_config_get(view->options->config, "ram"), &limit);
    if (view->best == 0) {
        snprintf(buf, len, "No page was used.");
        return buf;
    }
    int n = snprintf(buf, len, "%s is the least RAM within 5 %% of the best modelled time",
                     human_size(view->best * page, best));
    if (view->cliff)
        n +=
            snprintf(buf + n, len - (size_t)n, "; at %s and below it takes more than twice as long",
                     human_size(view->cliff * page, cliff));
    if (limit / page < pages)
        n += snprintf(buf + n, len - (size_t)n, "; in %s it takes %.3g times as long",
                      human_size(limit, ram),
                      curve_seconds(view, limit / page) / curve_seconds(view, pages));
    snprintf(buf + n, len - (size_t)n, ".");
    return buf;
}
