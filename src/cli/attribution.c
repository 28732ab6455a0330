// SPDX-License-Identifier: GPL-2.0-or-later
/* Adding rows up, and the tables of the summary. */
#include "cli/attribution.h"

#include <stdlib.h>
#include <string.h>

#include "cli/human.h"

/* ---- adding up ---- */

static int compare_texts(const char *a, const char *b)
{
    return a == b ? 0 : !a ? -1 : !b ? 1 : strcmp(a, b);
}

static int compare_fields(const void *a, const void *b)
{
    const struct pw_attribution_row *x = a, *y = b;
    int order = compare_texts(x->program, y->program);
    if (order == 0)
        order = compare_texts(x->object, y->object);
    if (order == 0)
        order = compare_texts(x->function, y->function);
    if (order == 0)
        order = compare_texts(x->source, y->source);
    if (order == 0)
        order = x->line < y->line ? -1 : x->line > y->line;
    if (order == 0)
        order = compare_texts(x->region, y->region);
    return order ? order : x->stack < y->stack ? -1 : x->stack > y->stack;
}

static void keep_fields(struct pw_attribution_row *row, unsigned by)
{
    if (!(by & ATTRIBUTION_BY_PROGRAM))
        row->program = NULL;
    if (!(by & ATTRIBUTION_BY_OBJECT))
        row->object = NULL;
    if (!(by & ATTRIBUTION_BY_FUNCTION))
        row->function = NULL;
    if (!(by & ATTRIBUTION_BY_LINE))
        row->source = NULL;
    if (!row->source)
        row->line = 0;
    if (!(by & ATTRIBUTION_BY_REGION))
        row->region = NULL;
    if (!(by & ATTRIBUTION_BY_CALLS))
        row->stack = 0;
    row->address = 0;
}

static size_t count_rows(const struct pw_attribution *attribution)
{
    struct pw_attribution_row row;
    size_t n = 0;
    while (pw_attribution_row(attribution, n, &row))
        n++;
    return n;
}

/* Makes one row of those that follow each other and are the same. */
static void merge(struct attribution_groups *groups)
{
    size_t n = 0;
    for (size_t i = 0; i < groups->count; i++) {
        struct pw_attribution_row *row = &groups->rows[i];
        if (n == 0 || compare_fields(&groups->rows[n - 1], row) != 0) {
            groups->rows[n++] = *row;
            continue;
        }
        for (size_t event = 0; event < PW_ATTRIBUTED; event++)
            groups->rows[n - 1].counts[event] += row->counts[event];
    }
    groups->count = n;
}

bool attribution_groups_create(const struct pw_attribution *attribution, unsigned by,
                               struct attribution_groups *out)
{
    size_t n = count_rows(attribution);
    *out = (struct attribution_groups){calloc(n + 1, sizeof(*out->rows)), n};
    if (!out->rows) {
        out->count = 0;
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        pw_attribution_row(attribution, i, &out->rows[i]);
        keep_fields(&out->rows[i], by);
    }
    qsort(out->rows, n, sizeof(*out->rows), compare_fields);
    merge(out);
    return true;
}

void attribution_groups_destroy(struct attribution_groups *groups)
{
    free(groups->rows);
}

uint64_t attribution_total(const struct attribution_groups *groups, size_t event)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < groups->count; i++)
        sum += groups->rows[i].counts[event];
    return sum;
}

/* A row with the count that it is sorted by. */
struct keyed {
    struct pw_attribution_row row;
    uint64_t count;
    size_t place;
};

static int compare_counts(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

void attribution_groups_sort(struct attribution_groups *groups, size_t event)
{
    struct keyed *keyed = calloc(groups->count + 1, sizeof(*keyed));
    if (!keyed)
        return;
    for (size_t i = 0; i < groups->count; i++)
        keyed[i] = (struct keyed){groups->rows[i], groups->rows[i].counts[event], i};
    qsort(keyed, groups->count, sizeof(*keyed), compare_counts);
    for (size_t i = 0; i < groups->count; i++)
        groups->rows[i] = keyed[i].row;
    free(keyed);
}

size_t attribution_chosen(const struct pw_config *config, size_t events[PW_ATTRIBUTED])
{
    const char *list = pw_config_get(config, "attribute");
    size_t n = 0;
    while (list && *list && n < PW_ATTRIBUTED) {
        size_t len = strcspn(list, ",");
        for (size_t event = 0; pw_attribution_event(event); event++) {
            const char *name = pw_attribution_event(event);
            if (strlen(name) == len && strncmp(name, list, len) == 0)
                events[n++] = event;
        }
        list += len + (list[len] == ',');
    }
    return n;
}

const char *attribution_base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}

void attribution_line_text(const struct pw_attribution_row *row, char *buf, size_t len)
{
    buf[0] = '\0';
    if (row->source && row->line)
        snprintf(buf, len, "%s:%u", attribution_base_name(row->source), row->line);
    else if (row->source)
        snprintf(buf, len, "%s", attribution_base_name(row->source));
}

/* ---- tables ---- */

enum { ROWS = 10, REGION_ROWS = 6, NAME_MAX_LEN = 80 };

/* How wide the columns of names are: with programs, if there are several. */
struct columns {
    int function, program, object, line;
};
static const struct columns of_one = {24, 0, 14, 16}, of_several = {16, 9, 12, 16};

/* A name in a column of that width, 0 being none: made to fit by leaving its end out; what a
 * terminal may not show becomes a question mark. */
static void add_name(char *line, const char *name, int width)
{
    char text[NAME_MAX_LEN];
    bool is_long = strlen(name) > (size_t)width;
    if (width == 0)
        return;
    snprintf(text, sizeof(text), "%.*s%s", is_long ? width - 2 : width, name, is_long ? ".." : "");
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    sprintf(line + strlen(line), " %-*s", width, text);
}

static void put_line(FILE *out, char *line)
{
    size_t len = strlen(line);
    while (len > 0 && line[len - 1] == ' ')
        line[--len] = '\0';
    fprintf(out, "%s\n", line);
}

static int add_share(char *line, uint64_t count, uint64_t total)
{
    char text[HUMAN_LEN];
    return sprintf(line, "  %6.2f %% %11s ", 100 * (double)count / (double)total,
                   human_count(count, text));
}

/* The line with the most events of a function; `lines` are sorted. NULL: none is known. */
static const struct pw_attribution_row *hottest(const struct attribution_groups *lines,
                                                const struct pw_attribution_row *row)
{
    for (size_t i = 0; i < lines->count; i++) {
        const struct pw_attribution_row *line = &lines->rows[i];
        if (line->source && compare_texts(line->function, row->function) == 0 &&
            compare_texts(line->object, row->object) == 0 &&
            compare_texts(line->program, row->program) == 0)
            return line;
    }
    return NULL;
}

static void put_code(FILE *out, const struct pw_attribution_row *row,
                     const struct pw_attribution_row *hot, size_t event, uint64_t total,
                     const struct columns *columns)
{
    char line[256], source[NAME_MAX_LEN] = "";
    add_share(line, row->counts[event], total);
    if (hot && hot->counts[event])
        attribution_line_text(hot, source, sizeof(source));
    add_name(line, row->function ? row->function : "-", columns->function);
    add_name(line, attribution_base_name(row->program), columns->program);
    add_name(line, attribution_base_name(row->object), columns->object);
    add_name(line, source, columns->line);
    put_line(out, line);
}

static void put_head(FILE *out, const struct columns *columns)
{
    char line[256];
    sprintf(line, "  %8s %11s ", "share", "count");
    add_name(line, "function", columns->function);
    add_name(line, "program", columns->program);
    add_name(line, "object", columns->object);
    add_name(line, "hottest line", columns->line);
    put_line(out, line);
}

static void put_rest(FILE *out, const struct attribution_groups *groups, size_t shown, size_t event,
                     uint64_t total)
{
    char line[256], count[HUMAN_LEN];
    uint64_t rest = 0, n = 0;
    for (size_t i = shown; i < groups->count; i++) {
        rest += groups->rows[i].counts[event];
        n += groups->rows[i].counts[event] != 0;
    }
    if (n == 0)
        return;
    add_share(line, rest, total);
    sprintf(line + strlen(line), " %s more", human_count(n, count));
    put_line(out, line);
}

/* A row of its own, if the one before had one: a thousandth of all. */
static bool is_worth(const struct attribution_groups *groups, size_t i, size_t event,
                     uint64_t total)
{
    return i == 0 || groups->rows[i].counts[event] >= total / 1000 + 1;
}

/* By function, the first ROWS. */
static void put_functions(FILE *out, struct attribution_groups *functions,
                          struct attribution_groups *lines, size_t event, bool several)
{
    const struct columns *columns = several ? &of_several : &of_one;
    uint64_t total = attribution_total(functions, event);
    size_t i = 0;
    attribution_groups_sort(functions, event);
    attribution_groups_sort(lines, event);
    put_head(out, columns);
    for (; i < functions->count && i < ROWS && is_worth(functions, i, event, total); i++) {
        const struct pw_attribution_row *row = &functions->rows[i];
        put_code(out, row, hottest(lines, row), event, total, columns);
    }
    put_rest(out, functions, i, event, total);
}

static void put_regions(FILE *out, struct attribution_groups *groups, size_t event)
{
    char line[256];
    uint64_t total = attribution_total(groups, event);
    size_t i = 0;
    attribution_groups_sort(groups, event);
    sprintf(line, "  %8s %11s  memory", "share", "count");
    put_line(out, line);
    for (; i < groups->count && i < REGION_ROWS && is_worth(groups, i, event, total); i++) {
        add_share(line, groups->rows[i].counts[event], total);
        add_name(line, groups->rows[i].region, 54);
        put_line(out, line);
    }
    put_rest(out, groups, i, event, total);
}

static bool are_several_programs(const struct pw_attribution *attribution)
{
    struct attribution_groups programs;
    size_t count = 0;
    attribution_groups_create(attribution, ATTRIBUTION_BY_PROGRAM, &programs);
    for (size_t i = 0; i < programs.count; i++)
        count += programs.rows[i].program[0] != '['; /* those that are no programs */
    attribution_groups_destroy(&programs);
    return count > 1;
}

static void put_event(FILE *out, const struct pw_attribution *attribution, size_t event)
{
    char total[HUMAN_LEN], head[256];
    struct pw_counter_info info;
    struct attribution_groups functions, lines, regions;
    const unsigned function =
        ATTRIBUTION_BY_PROGRAM | ATTRIBUTION_BY_OBJECT | ATTRIBUTION_BY_FUNCTION;
    attribution_groups_create(attribution, function, &functions);
    attribution_groups_create(attribution, function | ATTRIBUTION_BY_LINE, &lines);
    attribution_groups_create(attribution, ATTRIBUTION_BY_REGION, &regions);
    pw_counter_info(pw_counter_find(pw_attribution_event(event)), &info);
    uint64_t count = attribution_total(&functions, event);
    snprintf(head, sizeof(head), "where %s come from: %s %s", info.name, human_count(count, total),
             info.meaning);
    fputs("  ", out);
    human_wrap(out, 2, 4, head);
    if (count > 0) {
        put_functions(out, &functions, &lines, event, are_several_programs(attribution));
        put_regions(out, &regions, event);
    }
    attribution_groups_destroy(&functions);
    attribution_groups_destroy(&lines);
    attribution_groups_destroy(&regions);
}

void attribution_table(FILE *out, const struct pw_attribution *attribution,
                       const struct pw_config *config)
{
    size_t events[PW_ATTRIBUTED], n = attribution_chosen(config, events);
    for (size_t i = 0; i < n; i++)
        put_event(out, attribution, events[i]);
}
