// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attribution as files for other tools. A stack has a frame each for program, object, function,
 * line and region of memory: what is known of an event; if the calls that led to it are known,
 * these stand in place of the object.
 *
 * Formats: folded stacks as Brendan Gregg's FlameGraph reads them, "frame;frame;... count" a line;
 * https://www.speedscope.app/file-format-schema.json.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attribution.h"
#include "cli/json.h"

enum { FRAMES_OF_ROW = 5, TEXT_MAX = 512 };

/* A row's stack: the frames' names, outermost first. */
struct stack {
    const char **frames; /* [room] */
    size_t n, room;
    char line[TEXT_MAX]; /* the name of one of them, if that is not empty */
};

static const char *name_of(const char *function, const char *object)
{
    return function ? function : attribution_base_name(object);
}

static size_t count_calls(const struct pw_attribution *attribution, size_t stack)
{
    struct pw_attribution_call call;
    size_t n = 0;
    for (; pw_attribution_call(attribution, stack, &call); stack = call.outer)
        n++;
    return n;
}

static bool make_room(struct stack *stack, size_t n)
{
    if (n <= stack->room)
        return true;
    const char **frames = realloc(stack->frames, n * sizeof(*frames));
    if (!frames)
        return false;
    stack->frames = frames;
    stack->room = n;
    return true;
}

/* From the innermost on. */
static void put_calls(const struct pw_attribution *attribution, size_t number, const char **end)
{
    struct pw_attribution_call call;
    for (; pw_attribution_call(attribution, number, &call); number = call.outer)
        *--end = name_of(call.function, call.object);
}

/* Without memory for it the stack is empty. */
static void fill_stack(const struct pw_attribution *attribution,
                       const struct pw_attribution_row *row, struct stack *stack)
{
    size_t ncalls = count_calls(attribution, row->stack);
    stack->n = 0;
    if (!make_room(stack, ncalls + FRAMES_OF_ROW))
        return;
    stack->frames[stack->n++] = attribution_base_name(row->program);
    if (ncalls > 0) {
        stack->n += ncalls;
        put_calls(attribution, row->stack, stack->frames + stack->n);
        stack->frames[stack->n++] = name_of(row->function, row->object);
    } else {
        stack->frames[stack->n++] = attribution_base_name(row->object);
        stack->frames[stack->n++] = row->function ? row->function : "[unknown]";
    }
    attribution_line_text(row, stack->line, TEXT_MAX);
    if (*stack->line)
        stack->frames[stack->n++] = stack->line;
    stack->frames[stack->n++] = attribution_base_name(row->region);
}

/* ---- folded ---- */

/* Semicolons part frames, and the last space of a line the count. */
static void put_frame(FILE *out, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, ";\n");
        fwrite(text, 1, plain, out);
        text += plain;
        if (*text)
            fputc(*text++ == ';' ? ':' : '?', out);
    }
}

void attribution_folded(FILE *out, const struct pw_attribution *attribution,
                        const struct pw_config *config)
{
    size_t events[PW_ATTRIBUTED];
    struct attribution_groups groups;
    struct stack stack = {0};
    if (attribution_chosen(config, events) == 0 ||
        !attribution_groups_create(attribution, ATTRIBUTION_BY_ALL, &groups))
        return;
    for (size_t i = 0; i < groups.count; i++) {
        if (groups.rows[i].counts[events[0]] == 0)
            continue;
        fill_stack(attribution, &groups.rows[i], &stack);
        for (size_t k = 0; k < stack.n; k++) {
            fputs(k ? ";" : "", out);
            put_frame(out, stack.frames[k]);
        }
        fprintf(out, " %" PRIu64 "\n", groups.rows[i].counts[events[0]]);
    }
    free(stack.frames);
    attribution_groups_destroy(&groups);
}

/* ---- speedscope ---- */

/* Frames are numbered by name, file and line. */
struct frame_table {
    const struct pw_attribution *attribution;
    json_t *list, *numbers;
    struct stack stack;
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
    const struct stack *stack = &table->stack;
    json_t *numbers = json_array();
    fill_stack(table->attribution, row, &table->stack);
    for (size_t i = 0; i < stack->n; i++) {
        const char *name = stack->frames[i];
        bool is_line = name == stack->line;
        json_array_append_new(numbers, frame_number(table, name, is_line ? row->source : NULL,
                                                    is_line ? row->line : 0));
    }
    return numbers;
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
    struct frame_table table = {.attribution = attribution};
    if (!attribution_groups_create(attribution, ATTRIBUTION_BY_ALL, &groups))
        return NULL;
    table.list = json_array();
    table.numbers = json_object();
    json_t *profiles = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(profiles, profile_of(&table, &groups, events[i]));
    attribution_groups_destroy(&groups);
    json_decref(table.numbers);
    free(table.stack.frames);
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
    if (row->stack)
        json_object_set_new(object, "stack", json_integer((json_int_t)row->stack));
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

json_t *attribution_stacks_json(const struct pw_attribution *attribution)
{
    json_t *list = json_array();
    struct pw_attribution_call call;
    for (size_t stack = 1; pw_attribution_call(attribution, stack, &call); stack++) {
        json_t *object = json_object();
        set_text(object, "object", call.object);
        set_text(object, "function", call.function);
        if (call.outer)
            json_object_set_new(object, "outer", json_integer((json_int_t)call.outer));
        json_array_append_new(list, object);
    }
    return list;
}
