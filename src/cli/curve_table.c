// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The curve for a terminal: a row a size, with a bar as long as the logarithm of the faults beyond
 * the first touches, and the sentence below.
 */
#include <math.h>
#include <string.h>

#include "cli/curve.h"
#include "cli/human.h"

enum { BAR = 12 };

static uint64_t returns_at(const struct curve_view *view, uint64_t frames)
{
    struct pw_curve_point point, least;
    pw_curve_at(view->curve, frames, &point);
    pw_curve_at(view->curve, pw_curve_pages(view->curve), &least);
    return point.faults - least.faults;
}

/* Faults of pages that were there before, the most of any row being a full bar. */
static void put_bar(FILE *out, const struct curve_view *view, uint64_t frames)
{
    double most = log2((double)returns_at(view, view->rows[0]) + 1);
    double here = log2((double)returns_at(view, frames) + 1);
    int len = most > 0 ? (int)lround(BAR * here / most) : 0;
    if (len == 0 && here > 0)
        len = 1;
    for (int i = 0; i < len; i++)
        fputc('#', out);
}

const char *curve_policy_label(const struct curve_policy *policy, char *buf, size_t len)
{
    const char *slash = strrchr(policy->name, '/');
    snprintf(buf, len, "%s", slash ? slash + 1 : policy->name);
    return buf;
}

static void put_head(FILE *out, const struct curve_view *view)
{
    fprintf(out, "  %9s %13s", "RAM", view->npolicies ? "lru" : "faults");
    if (view->npolicies == 0)
        fprintf(out, " %10s %10s %10s %8s", "loads", "stores", "fetches", "time*");
    char label[14];
    for (size_t i = 0; i < view->npolicies; i++)
        fprintf(out, " %13s", curve_policy_label(&view->policies[i], label, sizeof(label)));
    fputc('\n', out);
}

static void put_row(FILE *out, const struct curve_view *view, size_t row)
{
    char size[HUMAN_LEN], count[HUMAN_LEN], time[HUMAN_LEN];
    struct pw_curve_point point;
    pw_curve_at(view->curve, view->rows[row], &point);
    fprintf(out, "  %9s %13s", human_size(point.frames * 4096, size),
            human_count(point.faults, count));
    if (view->npolicies == 0) {
        fprintf(out, " %10llu %10llu %10llu %8s ", (unsigned long long)point.loads,
                (unsigned long long)point.stores, (unsigned long long)point.fetches,
                human_time(curve_seconds(view, point.frames), time));
        put_bar(out, view, point.frames);
    }
    for (size_t i = 0; i < view->npolicies; i++)
        fprintf(out, " %13s", human_count(view->policies[i].faults[row], count));
    fputc('\n', out);
}

static bool is_switched_on(const struct curve_view *view, const char *option)
{
    return strcmp(pw_config_get(view->options->config, option), "yes") == 0;
}

static bool is_of_every_access(const struct curve_view *view)
{
    return view->options->trace_path || is_switched_on(view, "every-access");
}

/* Of the sizes shown, the largest error as a share of the faults. */
static double largest_error(const struct curve_view *view)
{
    struct pw_curve_point point;
    double most = 0;
    for (size_t row = 0; row < view->nrows; row++) {
        pw_curve_at(view->curve, view->rows[row], &point);
        if (point.faults > 0 && point.error / (double)point.faults > most)
            most = point.error / (double)point.faults;
    }
    return most;
}

static void describe_exactness(const struct curve_view *view, char *text, size_t len)
{
    double rate = pw_curve_sample(view->curve);
    if (rate < 1)
        snprintf(text, len,
                 "estimated from %g %% of the pages, with a standard error of at most %.1f %% in "
                 "the sizes above",
                 rate * 100, largest_error(view) * 100);
    else
        snprintf(text, len, "exact%s",
                 is_of_every_access(view) ? "" : " but for the ages of code pages");
}

static void put_paragraph(FILE *out, const char *text)
{
    fputs("  ", out);
    human_wrap(out, 2, 2, text);
}

void curve_table(FILE *out, const struct curve_view *view, bool colour)
{
    char text[500], exact[160], size[HUMAN_LEN], instruction[HUMAN_LEN], minor[HUMAN_LEN],
        major[HUMAN_LEN];
    fprintf(out, "%spagewalk: curve of %.56s%s\n", colour ? "\033[1m" : "", view->argv[0],
            colour ? "\033[0m" : "");
    put_head(out, view);
    for (size_t row = 0; row < view->nrows; row++)
        put_row(out, view, row);
    if (view->options->plot)
        curve_plot(out, view);
    if (view->options->reuse)
        curve_reuse_table(out, view);
    if (is_switched_on(view, "regions"))
        curve_regions_table(out, view);
    put_paragraph(out, curve_advice(view, text, sizeof(text)));
    if (curve_set_text(view, text, sizeof(text)))
        put_paragraph(out, text);
    describe_exactness(view, exact, sizeof(exact));
    snprintf(text, sizeof(text),
             "All pages are %s. Faults are %s, first touches included; times are modelled: "
             "%s an instruction, %s a minor and %s a major fault.",
             human_size(pw_curve_pages(view->curve) * 4096, size), exact,
             human_time(view->cost.ns[COST_INSTRUCTION] / 1e9, instruction),
             human_time(view->cost.ns[COST_MINOR] / 1e9, minor),
             human_time((view->cost.ns[COST_MINOR] + view->cost.ns[COST_READ]) / 1e9, major));
    put_paragraph(out, text);
}
