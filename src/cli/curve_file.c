// SPDX-License-Identifier: GPL-2.0-or-later
/* The curve for programs (CSV, JSON) and as a picture (SVG). CSV and JSON have every size at which
 * the number of faults changes. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/curve.h"
#include "cli/human.h"
#include "cli/json.h"

static const uint64_t page_bytes = 4096;

/* The next size from `frames` on at which the faults change, or false. */
static bool next_change(const struct curve_view *view, uint64_t *frames,
                        struct pw_curve_point *point)
{
    struct pw_curve_point before;
    for (; *frames <= pw_curve_pages(view->curve); ++*frames) {
        pw_curve_at(view->curve, *frames, point);
        pw_curve_at(view->curve, *frames - 1, &before);
        if (*frames == pw_curve_least(view->curve) || point->faults != before.faults)
            return true;
    }
    return false;
}

static bool is_estimated(const struct curve_view *view)
{
    return pw_curve_sample(view->curve) < 1;
}

void curve_csv(FILE *out, const struct curve_view *view)
{
    struct pw_curve_point point;
    fprintf(out, "ram_bytes,faults,faults_load,faults_store,faults_fetch%s\n",
            is_estimated(view) ? ",error" : "");
    for (uint64_t frames = pw_curve_least(view->curve); next_change(view, &frames, &point);
         frames++) {
        fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64,
                frames * page_bytes, point.faults, point.loads, point.stores, point.fetches);
        if (is_estimated(view))
            fprintf(out, ",%.0f", point.error);
        fputc('\n', out);
    }
}

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *points(const struct curve_view *view)
{
    json_t *list = json_array();
    struct pw_curve_point point;
    for (uint64_t frames = pw_curve_least(view->curve); next_change(view, &frames, &point);
         frames++) {
        json_t *row =
            json_pack("[o,o,o,o,o]", integer(frames * page_bytes), integer(point.faults),
                      integer(point.loads), integer(point.stores), integer(point.fetches));
        if (is_estimated(view))
            json_array_append_new(row, integer((uint64_t)point.error));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *columns(const struct curve_view *view)
{
    json_t *list = json_pack("[s,s,s,s,s]", "ram_bytes", "faults", "faults_load", "faults_store",
                             "faults_fetch");
    if (is_estimated(view))
        json_array_append_new(list, json_string("error"));
    return list;
}

static json_t *reuse(const struct curve_view *view)
{
    json_t *list = json_array();
    struct curve_bucket bucket;
    for (size_t i = 0; curve_bucket(view, i, &bucket); i++) {
        json_t *object = json_pack("{s:o,s:o}", "to_bytes", integer(bucket.to * page_bytes), "uses",
                                   integer(bucket.count));
        if (bucket.is_split) {
            json_object_set_new(object, "loads", integer(bucket.loads));
            json_object_set_new(object, "stores", integer(bucket.stores));
            json_object_set_new(object, "fetches", integer(bucket.fetches));
        }
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *policies(const struct curve_view *view)
{
    json_t *object = json_object();
    for (size_t i = 0; i < view->npolicies; i++) {
        json_t *list = json_array();
        for (size_t row = 0; row < view->nrows; row++)
            json_array_append_new(list, json_pack("[o,o]", integer(view->rows[row] * page_bytes),
                                                  integer(view->policies[i].faults[row])));
        json_object_set_new(object, view->policies[i].name, list);
    }
    return object;
}

char *curve_json(const struct curve_view *view)
{
    char advice[400];
    json_t *root = json_pack(
        "{s:s,s:s,s:o,s:o,s:f,s:o,s:o,s:o,s:o,s:{s:f,s:f,s:f},s:o,s:o,s:s}", "schema",
        "pagewalk.curve/1", "version", pw_version(), "command", json_command(view->argv), "pages",
        integer(pw_curve_pages(view->curve)), "sample", pw_curve_sample(view->curve), "columns",
        columns(view), "points", points(view), "reuse", reuse(view), "policies", policies(view),
        "modelled_ns", "instruction", view->cost.ns[COST_INSTRUCTION], "minor",
        view->cost.ns[COST_MINOR], "major", view->cost.ns[COST_MINOR] + view->cost.ns[COST_READ],
        "modelled_best_bytes", integer(view->best * page_bytes), "modelled_cliff_bytes",
        integer(view->cliff * page_bytes), "advice", curve_advice(view, advice, sizeof(advice)));
    struct pw_curve_part part;
    if (pw_curve_part(view->curve, 0, &part))
        json_object_set_new(root, "regions", curve_regions_json(view));
    json_t *set = curve_set_json(view);
    if (set)
        json_object_set_new(root, "working_set", set);
    return json_text(root);
}

/* ---- the picture ---- */

enum { WIDTH = 800, HEIGHT = 450, LEFT = 90, RIGHT = 20, TOP = 40, BOTTOM = 60 };

/* Both axes are logarithmic: RAM from a page to all, faults from those of all RAM to those of one
 * frame. */
struct axes {
    double x0, x1, y0, y1;
};

static struct axes axes_of(const struct curve_view *view)
{
    struct pw_curve_point least, most;
    pw_curve_at(view->curve, pw_curve_pages(view->curve), &least);
    pw_curve_at(view->curve, view->rows[0], &most);
    struct axes axes = {log2((double)view->rows[0]), log2((double)pw_curve_pages(view->curve)),
                        floor(log10((double)least.faults)), ceil(log10((double)most.faults))};
    if (axes.x1 <= axes.x0)
        axes.x1 = axes.x0 + 1;
    if (axes.y1 <= axes.y0)
        axes.y1 = axes.y0 + 1;
    return axes;
}

static double x_of(const struct axes *axes, uint64_t frames)
{
    double share = (log2((double)frames) - axes->x0) / (axes->x1 - axes->x0);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct axes *axes, double faults)
{
    double share = (log10(faults) - axes->y0) / (axes->y1 - axes->y0);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

static void svg_text(FILE *out, double x, double y, const char *anchor, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    for (; *text; text++) {
        if (strchr("<>&\"", *text))
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text < ' ' || *text > '~' ? '?' : *text, out);
    }
    fputs("</text>\n", out);
}

static void svg_grid(FILE *out, const struct axes *axes)
{
    char text[HUMAN_LEN];
    for (double e = axes->y0; e <= axes->y1; e++) {
        double y = y_of(axes, pow(10, e));
        fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, WIDTH - RIGHT);
        svg_text(out, LEFT - 8, y + 4, "end", human_count((uint64_t)llround(pow(10, e)), text));
    }
    for (double e = ceil(axes->x0); e <= axes->x1; e += axes->x1 - axes->x0 > 10 ? 2 : 1) {
        uint64_t frames = (uint64_t)llround(exp2(e));
        double x = x_of(axes, frames);
        fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", x, TOP, HEIGHT - BOTTOM);
        svg_text(out, x, HEIGHT - BOTTOM + 18, "middle", human_size(frames * page_bytes, text));
    }
}

/* A step at every size where the faults change, as far as the picture can show it. */
static void svg_lru(FILE *out, const struct curve_view *view, const struct axes *axes)
{
    struct pw_curve_point point;
    double last = -1;
    fputs("<path class=\"c0\" d=\"", out);
    for (uint64_t frames = view->rows[0]; next_change(view, &frames, &point); frames++) {
        double x = x_of(axes, frames), y = y_of(axes, (double)point.faults);
        if (last >= 0 && x - last < 0.2 && frames != pw_curve_pages(view->curve))
            continue;
        fprintf(out, last < 0 ? "M%.1f %.1f" : "H%.1fV%.1f", x, y);
        last = x;
    }
    fprintf(out, "H%d\"/>\n", WIDTH - RIGHT);
}

static void svg_policy(FILE *out, const struct curve_view *view, const struct axes *axes, size_t i)
{
    fprintf(out, "<path class=\"c%zu\" d=\"", i % 6 + 1);
    for (size_t row = 0; row < view->nrows; row++)
        fprintf(out, "%c%.1f %.1f", row ? 'L' : 'M', x_of(axes, view->rows[row]),
                y_of(axes, (double)view->policies[i].faults[row]));
    fputs("\"/>\n", out);
}

static void svg_legend(FILE *out, const struct curve_view *view)
{
    char label[20];
    for (size_t i = 0; i <= view->npolicies && view->npolicies; i++) {
        int y = TOP + 16 + 16 * (int)i;
        fprintf(out, "<path class=\"c%zu\" d=\"M%d %dh24\"/>\n", i ? (i - 1) % 6 + 1 : 0,
                WIDTH - RIGHT - 140, y - 4);
        svg_text(out, WIDTH - RIGHT - 110, y, "start",
                 i ? curve_policy_label(&view->policies[i - 1], label, sizeof(label)) : "lru");
    }
}

void curve_svg(FILE *out, const struct curve_view *view)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<style>path{fill:none;stroke-width:1.8}.grid{stroke:#ddd;stroke-width:1}"
            ".c0{stroke:#000}.c1{stroke:#0072b2}.c2{stroke:#d55e00}.c3{stroke:#009e73}"
            ".c4{stroke:#cc79a7}.c5{stroke:#e69f00}.c6{stroke:#56b4e9}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            WIDTH, HEIGHT);
    svg_text(out, LEFT, TOP - 16, "start", view->argv[0]);
    svg_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14, "middle",
             "RAM for pages; page faults, first touches included");
    if (view->nrows > 0) {
        struct axes axes = axes_of(view);
        svg_grid(out, &axes);
        svg_lru(out, view, &axes);
        for (size_t i = 0; i < view->npolicies; i++)
            svg_policy(out, view, &axes, i);
        svg_legend(out, view);
    }
    fputs("</svg>\n", out);
}
