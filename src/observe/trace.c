// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Opening a trace: the format is the one asked for, or the one whose mark the first bytes bear, or
 * the one that the file's name tells of, or text if it looks like text.
 */
#include "observe/trace.h"

#include <stdarg.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "observe/trace_pages.h"
#include "observe/trace_reader.h"

static const struct trace_reader *const readers[] = {&trace_page, &trace_text, &trace_champsim,
                                                     &trace_oracle};
enum { NREADERS = sizeof(readers) / sizeof(readers[0]), LOOK_LEN = 4096 };

const char *trace_format_name(size_t i, const char **summary)
{
    if (i >= NREADERS)
        return NULL;
    *summary = readers[i]->summary;
    return readers[i]->name;
}

static const struct trace_reader *reader_by_name(const char *name)
{
    for (size_t i = 0; i < NREADERS; i++)
        if (strcmp(readers[i]->name, name) == 0)
            return readers[i];
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const struct trace_reader *find_reader(struct input *input, const char *path)
{
    size_t len;
    const uint8_t *bytes = input_ahead(input, LOOK_LEN, &len);
    for (size_t i = 0; i < NREADERS; i++)
        if (readers[i]->looks_like && readers[i]->looks_like(bytes, len))
            return readers[i];
    for (size_t i = 0; i < NREADERS; i++)
        if (readers[i]->in_name && strcasestr(base_name(path), readers[i]->in_name))
            return readers[i];
    return NULL;
}

static int choose_reader(struct trace *trace, const char *path, const char *format)
{
    bool is_asked_for = format && strcmp(format, "auto") != 0;
    trace->reader = is_asked_for ? reader_by_name(format) : find_reader(trace->input, path);
    if (trace->reader)
        return 0;
    if (is_asked_for)
        return trace_fail(trace, "there is no trace format '%.60s'", format);
    if (input_failure(trace->input))
        return trace_fail(trace, "%s", input_failure(trace->input));
    return trace_fail(trace, "this is no trace that can be told by its first bytes or its name: "
                             "give --format");
}

int trace_open(const char *path, const char *format, struct trace **out, char why[TRACE_WHY_LEN])
{
    struct trace *trace = x_calloc(1, sizeof(*trace));
    int error = input_open(path, &trace->input);
    if (error)
        snprintf(trace->why, TRACE_WHY_LEN, "%s", strerror(-error));
    if (error || choose_reader(trace, path, format) < 0) {
        memcpy(why, trace->why, TRACE_WHY_LEN);
        trace_close(trace);
        return -1;
    }
    *out = trace;
    return 0;
}

void trace_close(struct trace *trace)
{
    if (!trace)
        return;
    if (trace->reader && trace->reader->close)
        trace->reader->close(trace);
    input_close(trace->input);
    free(trace);
}

const char *trace_format(const struct trace *trace)
{
    return trace->reader->name;
}

static int read_any(struct trace *trace, struct trace_ref *refs, size_t max)
{
    int n = trace->reader->read(trace, refs, max);
    if (n == 0 && input_failure(trace->input))
        return trace_fail(trace, "%s", input_failure(trace->input));
    return n;
}

/* ---- a window ---- */

void trace_set_window(struct trace *trace, uint64_t from, uint64_t to)
{
    trace->has_window = from > 0 || to < UINT64_MAX;
    trace->from = from;
    trace->to = to;
}

/* How far the position moves with a reference. */
static uint64_t advance_of(const struct trace *trace, const struct trace_ref *ref)
{
    if (!trace_is_reference(ref) || (ref->flags & (TRACE_REST | TRACE_KERNEL)))
        return 0;
    return !trace->reader->seek || ref->kind == TRACE_FETCH ? ref->count : 0;
}

/* The part of a reference that lies in the window. An instruction's accesses follow its fetch, so
 * they are where that is. Result: false: none does. */
static bool clip(struct trace *trace, struct trace_ref *ref)
{
    uint64_t n = advance_of(trace, ref), begin = trace->at, end = begin + n;
    trace->at = end;
    if (n == 0)
        return (begin > trace->from || trace->from == 0) && begin <= trace->to;
    uint64_t first = begin > trace->from ? begin : trace->from;
    uint64_t last = end < trace->to ? end : trace->to;
    if (first >= last)
        return false;
    ref->count = (uint32_t)(last - first);
    return true;
}

/* Result: references, at most as many as were read; 0: the window is behind us, or the end. */
static int read_window(struct trace *trace, struct trace_ref *refs, size_t max)
{
    int n, kept = 0;
    if (!trace->is_sought && trace->reader->seek && trace->from > 0 &&
        trace->reader->seek(trace, trace->from, &trace->at) < 0)
        return -1;
    trace->is_sought = true;
    while (kept == 0 && trace->at <= trace->to && (n = read_any(trace, refs, max)) != 0) {
        if (n < 0)
            return -1;
        for (int i = 0; i < n; i++)
            if (clip(trace, &refs[i]))
                refs[kept++] = refs[i];
    }
    return kept;
}

int trace_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    CHECK(max >= TRACE_ROOM);
    if (trace->why[0])
        return -1;
    return trace->has_window ? read_window(trace, refs, max) : read_any(trace, refs, max);
}

const char *trace_why(const struct trace *trace)
{
    return trace->why;
}

int trace_fail(struct trace *trace, const char *format, ...)
{
    char what[TRACE_WHY_LEN];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    uint64_t offset = input_offset(trace->input);
    if (trace->line > 0)
        snprintf(trace->why, TRACE_WHY_LEN, "line %" PRIu64 ", byte %" PRIu64 ": %.180s",
                 trace->line, offset, what);
    else
        snprintf(trace->why, TRACE_WHY_LEN, "byte %" PRIu64 ": %.200s", offset, what);
    return -1;
}

int trace_fail_short(struct trace *trace)
{
    const char *why = input_failure(trace->input);
    return trace_fail(trace, "%s", why ? why : "the trace ends in the middle of a record");
}

bool trace_is_address(uint64_t va, uint64_t len)
{
    const uint64_t half = (uint64_t)1 << 47;
    uint64_t shifted = va + half; /* canonical addresses become one range from 0 */
    return shifted < 2 * half && len <= 2 * half - shifted;
}

size_t trace_add(struct trace_ref *refs, size_t n, uint64_t va, uint64_t len, enum trace_kind kind)
{
    struct trace_ref added[2], *before = n > 0 ? &refs[n - 1] : NULL;
    size_t count = trace_pages(va, len, kind, added), first = 0;
    if (before && before->page == added[0].page && before->kind == kind && before->flags == 0 &&
        before->count < UINT32_MAX) {
        before->count++;
        first = 1;
    }
    while (first < count)
        refs[n++] = added[first++];
    return n;
}

size_t trace_add_update(struct trace_ref *refs, size_t n, uint64_t va, uint64_t len)
{
    struct trace_ref added[2];
    size_t count = trace_pages(va, len, TRACE_LOAD, added);
    for (size_t i = 0; i < count; i++) {
        refs[n] = added[i];
        refs[n++].flags |= TRACE_UPDATES;
    }
    return trace_add(refs, n, va, len, TRACE_STORE);
}
