// SPDX-License-Identifier: GPL-2.0-or-later
/* How much each part of memory is in use: a table for a person, and with the ranges of pages for a
 * program. */
#include <stdlib.h>
#include <string.h>

#include "cli/curve.h"
#include "cli/human.h"
#include "cli/json.h"

enum { ROWS = 12, NAME_WIDTH = 23 };
static const uint64_t page_bytes = 4096;

/* ---- the table ---- */

static size_t count_parts(const struct curve_view *view)
{
    struct pw_curve_part part;
    size_t n = 0;
    while (pw_curve_part(view->curve, n, &part))
        n++;
    return n;
}

static int compare(const void *a, const void *b)
{
    const struct pw_curve_part *x = a, *y = b;
    if (x->pages != y->pages)
        return x->pages > y->pages ? -1 : 1;
    int order = strcmp(x->program, y->program);
    return order ? order : strcmp(x->region, y->region);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool are_several_programs(const struct pw_curve_part *parts, size_t n)
{
    const char *first = NULL;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].program[0] == '[') /* no program */
            continue;
        if (first && strcmp(parts[i].program, first) != 0)
            return true;
        first = parts[i].program;
    }
    return false;
}

/* Made to fit by leaving the end out; what a terminal may not show becomes a question mark. */
static void name_of(const struct pw_curve_part *part, bool several, char text[128])
{
    snprintf(text, 128, "%.40s%s%.80s", several ? base_name(part->program) : "", several ? " " : "",
             base_name(part->region));
    if (strlen(text) > NAME_WIDTH)
        strcpy(text + NAME_WIDTH - 2, "..");
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static void put_part(FILE *out, const struct pw_curve_part *part, const char *name)
{
    char used[HUMAN_LEN], hot[HUMAN_LEN], cold[HUMAN_LEN], in_use[HUMAN_LEN], returns[HUMAN_LEN];
    fprintf(out, "  %-*s %9s %9s %9s %9s %4.0f %% %7s\n", NAME_WIDTH, name,
            human_size(part->pages * page_bytes, used), human_size(part->hot * page_bytes, hot),
            human_size(part->cold * page_bytes, cold),
            human_size((uint64_t)(part->in_use + 0.5) * page_bytes, in_use), 100 * part->idle,
            human_count(part->returns, returns));
}

/* Of parts: the sums, and of `idle` the mean by pages. */
static struct pw_curve_part sum_of(const struct pw_curve_part *parts, size_t n)
{
    struct pw_curve_part sum = {0};
    for (size_t i = 0; i < n; i++) {
        sum.idle += parts[i].idle * (double)parts[i].pages;
        sum.pages += parts[i].pages;
        sum.hot += parts[i].hot;
        sum.cold += parts[i].cold;
        sum.in_use += parts[i].in_use;
        sum.returns += parts[i].returns;
    }
    if (sum.pages > 0)
        sum.idle /= (double)sum.pages;
    return sum;
}

void curve_regions_table(FILE *out, const struct curve_view *view)
{
    size_t n = count_parts(view);
    struct pw_curve_part *parts = calloc(n + 1, sizeof(*parts)), sum;
    char name[128];
    if (!parts)
        return;
    for (size_t i = 0; i < n; i++)
        pw_curve_part(view->curve, i, &parts[i]);
    qsort(parts, n, sizeof(*parts), compare);
    bool several = are_several_programs(parts, n);
    fprintf(out, "  %-*s %9s %9s %9s %9s %6s %7s\n", NAME_WIDTH, "memory", "used", "hot", "cold",
            "in use", "idle", "returns");
    for (size_t i = 0; i < n && i < ROWS; i++) {
        name_of(&parts[i], several, name);
        put_part(out, &parts[i], name);
    }
    if (n > ROWS) {
        sum = sum_of(parts + ROWS, n - ROWS);
        snprintf(name, sizeof(name), "%zu more", n - ROWS);
        put_part(out, &sum, name);
    }
    sum = sum_of(parts, n);
    put_part(out, &sum, "all");
    free(parts);
}

/* ---- JSON ---- */

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* [first byte, bytes, how hot], by place in the file or by address. */
static json_t *ranges_of(const struct curve_view *view, size_t part)
{
    static const char *const names[] = {[PW_COLD] = "cold", [PW_WARM] = "warm", [PW_HOT] = "hot"};
    struct pw_curve_range range;
    json_t *list = json_array();
    for (uint64_t from = 0; pw_curve_range(view->curve, part, from, &range);
         from = range.first + range.npages)
        json_array_append_new(list,
                              json_pack("[o,o,s]", integer(range.first * page_bytes),
                                        integer(range.npages * page_bytes), names[range.heat]));
    return list;
}

json_t *curve_regions_json(const struct curve_view *view)
{
    struct pw_curve_part part;
    json_t *list = json_array();
    for (size_t i = 0; pw_curve_part(view->curve, i, &part); i++)
        json_array_append_new(
            list,
            json_pack("{s:o,s:o,s:b,s:o,s:o,s:o,s:f,s:f,s:o,s:o}", "program",
                      json_text_of(part.program), "region", json_text_of(part.region), "file",
                      part.is_file, "used_bytes", integer(part.pages * page_bytes), "hot_bytes",
                      integer(part.hot * page_bytes), "cold_bytes", integer(part.cold * page_bytes),
                      "in_use_bytes", part.in_use * (double)page_bytes, "idle", part.idle,
                      "returns", integer(part.returns), "ranges", ranges_of(view, i)));
    return list;
}
