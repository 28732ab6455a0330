// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The modelled time of a run: what instructions, first touches and page-ins take. The figures are
 * round ones for a class of device, chosen to have the right size, not measured on any one; what
 * follows from them says so.
 *
 *   instruction   0.4 ns: one a cycle at 2.5 GHz
 *   minor         0.5 us: entering the kernel, clearing a page, and back
 *   major         the same and a read of 4 KiB from the device
 */
#include "cli/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"
#include "cli/message.h"

struct device {
    const char *name;
    double read; /* ns for a page */
};

static const struct device devices[] = {
    {"nvme", 90e3}, {"sata-ssd", 200e3}, {"disk", 10e6}, {"zram", 4e3}, {"far-memory", 8e3},
};
enum { NDEVICES = sizeof(devices) / sizeof(devices[0]), SHARE = 64 };

static const double minor_default = 500, instruction_default = 0.4;

static bool unit_scale(const char *unit, double *scale)
{
    static const struct {
        const char *unit;
        double scale;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            *scale = units[i].scale;
            return true;
        }
    }
    return false;
}

static bool parse_time(const char *text, double *ns)
{
    char *end;
    double value = strtod(text, &end), scale;
    if (end == text || !(value >= 0) || value > 1e12 || !unit_scale(end, &scale))
        return false;
    *ns = value * scale;
    return true;
}

/* "key=time". */
static bool parse_field(char *field, struct curve_cost *cost)
{
    char *time = strchr(field, '=');
    if (!time)
        return false;
    *time++ = '\0';
    if (strcmp(field, "instruction") == 0)
        return parse_time(time, &cost->instruction);
    if (strcmp(field, "minor") == 0)
        return parse_time(time, &cost->minor);
    return strcmp(field, "major") == 0 && parse_time(time, &cost->major);
}

int curve_cost_parse(const char *text, struct curve_cost *out)
{
    char copy[200];
    struct curve_cost cost = {instruction_default, minor_default, minor_default + devices[0].read};
    for (size_t i = 0; i < NDEVICES; i++) {
        if (strcmp(text, devices[i].name) == 0) {
            cost.major = cost.minor + devices[i].read;
            *out = cost;
            return 0;
        }
    }
    snprintf(copy, sizeof(copy), "%s", text);
    char *rest = copy;
    for (char *field; (field = strsep(&rest, ","));) {
        if (!parse_field(field, &cost)) {
            message_error("--cost: '%.60s' is neither a device (nvme, sata-ssd, disk, zram, "
                          "far-memory) nor KEY=TIME with instruction, minor or major, as in "
                          "major=90us",
                          text);
            return -1;
        }
    }
    *out = cost;
    return 0;
}

double curve_seconds(const struct curve_view *view, uint64_t frames)
{
    struct pw_curve_point point, least;
    uint64_t work = pw_curve_instructions(view->curve);
    if (work == 0) /* a trace of data alone */
        work = pw_curve_accesses(view->curve);
    pw_curve_at(view->curve, frames, &point);
    pw_curve_at(view->curve, pw_curve_pages(view->curve), &least);
    const struct curve_cost *cost = &view->cost;
    return ((double)work * cost->instruction + (double)least.faults * cost->minor +
            (double)(point.faults - least.faults) * cost->major) /
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
