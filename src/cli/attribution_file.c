// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attribution as files for other tools. A stack has a frame each for program, object, function,
 * line and region of memory: what is known of an event, not the calls that led to it.
 *
 * Formats: folded stacks as Brendan Gregg's FlameGraph reads them, "frame;frame;... count" a line;
 * https://www.speedscope.app/file-format-schema.json.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attribution.h"
#include "cli/json.h"

enum { FRAMES = 5, TEXT_MAX = 512 };

/* The frames' names, outermost first; `texts` is where those are made that must be. Result: how
 * many. */
static size_t frames_of(const struct pw_attribution_row *row, const char *frames[FRAMES],
                        char line[TEXT_MAX])
{
    size_t n = 0;
    frames[n++] = attribution_base_name(row->program);
    frames[n++] = attribution_base_name(row->object);
    frames[n++] = row->function ? row->function : "[unknown]";
    attribution_line_text(row, line, TEXT_MAX);
    if (*line)
        frames[n++] = line;
    frames[n++] = attribution_base_name(row->region);
    return n;
}

/* ---- folded ---- */

/* Semicolons part frames, and the last space of a line the count. */
static void put_frame(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(*text == ';' ? ':' : *text == '\n' ? '?' : *text, out);
}

void attribution_folded(FILE *out, const struct pw_attribution *attribution,
                        const struct pw_config *config)
{
    size_t events[PW_ATTRIBUTED];
    struct attribution_groups groups;
    if (attribution_chosen(config, events) == 0 ||
        !attribution_groups_create(attribution, ATTRIBUTION_BY_ALL, &groups))
        return;
    for (size_t i = 0; i < groups.count; i++) {
        const char *frames[FRAMES];
        char line[TEXT_MAX];
        if (groups.rows[i].counts[events[0]] == 0)
            continue;
        size_t n = frames_of(&groups.rows[i], frames, line);
        for (size_t k = 0; k < n; k++) {
            fputs(k ? ";" : "", out);
            put_frame(out, frames[k]);
        }
        fprintf(out, " %" PRIu64 "\n", groups.rows[i].counts[events[0]]);
    }
    attribution_groups_destroy(&groups);
}

/* ---- speedscope ---- */

/* Frames are numbered by name, file and line. */
struct frame_table {
    json_t *list, *numbers;
};

static json_t *frame_number(struct frame_table *table, const char *name, const char *file,
                            unsigned line)
{
    char key[2 * TEXT_MAX];
    snprintf(key, sizeof(key), "%.400s\n%.400s\n%u", name, file ? file : "", line);
    json_t *safe = json_text_of(key);
    json_t *number = json_object_get(table->numbers, json_string_value(safe));
    if (!number) {
        json_t *frame = json_pack("{s:o}", "name", json_text_of(name));
        if (file)
            json_object_set_new(frame, "file", json_text_of(file));
        if (line)
            json_object_set_new(frame, "line", json_integer(line));
        number = json_integer((json_int_t)json_array_size(table->list));
        json_array_append_new(table->list, frame);
        json_object_set_new(table->numbers, json_string_value(safe), number);
    }
    json_decref(safe);
    return json_incref(number);
}

static json_t *stack_of(struct frame_table *table, const struct pw_attribution_row *row)
{
    const char *frames[FRAMES];
    char line[TEXT_MAX];
    json_t *stack = json_array();
    size_t n = frames_of(row, frames, line);
    for (size_t i = 0; i < n; i++) {
        bool is_line = frames[i] == line;
        json_array_append_new(stack, frame_number(table, frames[i], is_line ? row->source : NULL,
                                                  is_line ? row->line : 0));
    }
    return stack;
}

static json_t *profile_of(struct frame_table *table, const struct attribution_groups *groups,
                          size_t event)
{
    json_t *samples = json_array(), *weights = json_array();
    for (size_t i = 0; i < groups->count; i++) {
        const struct pw_attribution_row *row = &groups->rows[i];
        if (row->counts[event] == 0)
            continue;
        json_array_append_new(samples, stack_of(table, row));
        json_array_append_new(weights, json_integer((json_int_t)row->counts[event]));
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:I,s:o,s:o}", "type", "sampled", "name",
                     pw_attribution_event(event), "unit", "none", "startValue", 0, "endValue",
                     (json_int_t)attribution_total(groups, event), "samples", samples, "weights",
                     weights);
}

char *attribution_speedscope(const struct pw_attribution *attribution,
                             const struct pw_config *config, const char *title)
{
    size_t events[PW_ATTRIBUTED], n = attribution_chosen(config, events);
    struct attribution_groups groups;
    struct frame_table table = {json_array(), json_object()};
    json_t *profiles = json_array();
    if (!attribution_groups_create(attribution, ATTRIBUTION_BY_ALL, &groups))
        return NULL;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(profiles, profile_of(&table, &groups, events[i]));
    attribution_groups_destroy(&groups);
    json_decref(table.numbers);
    return json_text(json_pack("{s:s,s:s,s:o,s:i,s:{s:o},s:o}", "$schema",
                               "https://www.speedscope.app/file-format-schema.json", "exporter",
                               "pagewalk " PW_VERSION, "name", json_text_of(title),
                               "activeProfileIndex", 0, "shared", "frames", table.list, "profiles",
                               profiles));
}

/* ---- the report ---- */

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_text_of(text));
}

static json_t *row_object(const struct pw_attribution_row *row)
{
    json_t *object = json_object();
    set_text(object, "program", row->program);
    set_text(object, "object", row->object);
    set_text(object, "function", row->function);
    set_text(object, "source", row->source);
    if (row->line)
        json_object_set_new(object, "line", json_integer(row->line));
    set_text(object, "region", row->region);
    for (size_t event = 0; event < PW_ATTRIBUTED; event++)
        if (row->counts[event])
            json_object_set_new(object, pw_attribution_event(event),
                                json_integer((json_int_t)row->counts[event]));
    return object;
}

json_t *attribution_json(const struct pw_attribution *attribution)
{
    struct attribution_groups groups;
    json_t *list = json_array();
    if (!attribution_groups_create(attribution, ATTRIBUTION_BY_ALL, &groups))
        return list;
    for (size_t i = 0; i < groups.count; i++)
        json_array_append_new(list, row_object(&groups.rows[i]));
    attribution_groups_destroy(&groups);
    return list;
}
