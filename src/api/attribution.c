// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was attributed, as rows with names. All code that is to be named, of sites and of calls, is
 * sorted by object and address, so that each object's file is read once. Stacks that then have the
 * same functions become one.
 */
#include <stdlib.h>
#include <string.h>

#include "api/attribute.h"
#include "api/system.h"
#include "base/check.h"
#include "base/xalloc.h"
#include "observe/attribution.h"
#include "observe/symbols.h"

struct row {
    const struct attribution_site *site;
    struct symbols_place place;
    uint32_t stack; /* in pw_attribution.calls */
};

struct pw_attribution {
    const struct attribution *from;
    struct names names; /* of functions and source files */
    struct row *rows;
    size_t nrows;
    struct calltree calls; /* objects by name, the addresses are numbers of functions */
};

/* Code that is to be named. */
struct code {
    uint32_t object;
    uint64_t address;
    struct symbols_place *place;
};

const char *pw_attribution_event(size_t i)
{
    return i < ATTRIBUTION_EVENTS ? attribution_event_name((enum attribution_event)i) : NULL;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *a, const void *b)
{
    const struct attribution_key *x = &((const struct row *)a)->site->key,
                                 *y = &((const struct row *)b)->site->key;
    int order = compare_numbers(x->object, y->object);
    if (order == 0)
        order = compare_numbers(x->address, y->address);
    if (order == 0)
        order = compare_numbers(x->program, y->program);
    if (order == 0)
        order = compare_numbers(x->region, y->region);
    return order ? order : compare_numbers(x->stack, y->stack);
}

/* ---- names ---- */

static int compare_codes(const void *a, const void *b)
{
    const struct code *x = a, *y = b;
    int order = compare_numbers(x->object, y->object);
    return order ? order : compare_numbers(x->address, y->address);
}

static const struct attribution_object *object_of(const struct pw_attribution *attribution,
                                                  uint32_t object)
{
    return &attribution->from->objects[object - 1];
}

static const char *object_name(const struct pw_attribution *attribution, uint32_t object)
{
    return names_text(&attribution->from->object_names, object_of(attribution, object)->name);
}

static const char *text_of(const struct pw_attribution *attribution, uint32_t number)
{
    return number ? names_text(&attribution->names, number) : NULL;
}

/* Names for codes[0 .. n - 1], which are of one object. */
static void name_object(struct pw_attribution *attribution, const struct code *codes, size_t n)
{
    struct symbols_place *places = x_malloc(n * sizeof(*places));
    uint32_t object = codes[0].object;
    for (size_t i = 0; i < n; i++)
        places[i] = (struct symbols_place){.offset = codes[i].address};
    symbols_find(object_name(attribution, object), object_of(attribution, object), places, n,
                 &attribution->names);
    for (size_t i = 0; i < n; i++)
        *codes[i].place = places[i];
    free(places);
}

static void name_all(struct pw_attribution *attribution, struct code *codes, size_t n)
{
    qsort(codes, n, sizeof(*codes), compare_codes);
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && codes[end].object == codes[start].object;)
            end++;
        name_object(attribution, codes + start, end - start);
    }
}

/* ---- stacks ---- */

/* Numbers in pw_attribution.calls of all stacks, by number in from->calls. */
static uint32_t *name_stacks(struct pw_attribution *attribution, const struct symbols_place *places)
{
    const struct calltree *from = &attribution->from->calls;
    uint32_t *numbers = x_calloc(from->count + 1, sizeof(*numbers));
    for (uint32_t i = 0; i < from->count; i++) {
        const struct calltree_stack *stack = &from->stacks[i];
        numbers[i + 1] =
            calltree_get(&attribution->calls, numbers[stack->outer],
                         object_of(attribution, stack->object)->name, places[i].function);
    }
    return numbers;
}

static void name_rows_and_stacks(struct pw_attribution *attribution)
{
    const struct calltree *calls = &attribution->from->calls;
    struct symbols_place *places = x_calloc(calls->count + 1, sizeof(*places));
    struct code *codes = x_calloc(attribution->nrows + calls->count + 1, sizeof(*codes));
    size_t n = 0;
    for (size_t i = 0; i < attribution->nrows; i++) {
        const struct attribution_key *key = &attribution->rows[i].site->key;
        codes[n++] = (struct code){key->object, key->address, &attribution->rows[i].place};
    }
    for (uint32_t i = 0; i < calls->count; i++)
        codes[n++] = (struct code){calls->stacks[i].object, calls->stacks[i].address, &places[i]};
    name_all(attribution, codes, n);
    uint32_t *numbers = name_stacks(attribution, places);
    for (size_t i = 0; i < attribution->nrows; i++)
        attribution->rows[i].stack = numbers[attribution->rows[i].site->key.stack];
    free(numbers);
    free(codes);
    free(places);
}

bool pw_attribution_call(const struct pw_attribution *attribution, size_t stack,
                         struct pw_attribution_call *out)
{
    if (stack == 0 || stack > attribution->calls.count)
        return false;
    const struct calltree_stack *call = &attribution->calls.stacks[stack - 1];
    *out = (struct pw_attribution_call){
        .object = names_text(&attribution->from->object_names, call->object),
        .function = text_of(attribution, (uint32_t)call->address),
        .outer = call->outer,
    };
    return true;
}

/* ---- */

struct pw_attribution *pw_attribution_create(const struct pw_system *system)
{
    if (!system->attributor)
        return NULL;
    struct pw_attribution *attribution = x_calloc(1, sizeof(*attribution));
    const struct attribution *from = attributor_result(system->attributor);
    attribution->from = from;
    names_create(&attribution->names);
    calltree_create(&attribution->calls);
    attribution->nrows = from->count;
    attribution->rows = x_calloc(from->count, sizeof(*attribution->rows));
    for (size_t i = 0; i < from->count; i++)
        attribution->rows[i].site = &from->sites[i];
    qsort(attribution->rows, attribution->nrows, sizeof(*attribution->rows), compare);
    name_rows_and_stacks(attribution);
    return attribution;
}

void pw_attribution_destroy(struct pw_attribution *attribution)
{
    if (!attribution)
        return;
    names_destroy(&attribution->names);
    calltree_destroy(&attribution->calls);
    free(attribution->rows);
    free(attribution);
}

bool pw_attribution_row(const struct pw_attribution *attribution, size_t i,
                        struct pw_attribution_row *out)
{
    if (i >= attribution->nrows)
        return false;
    const struct row *row = &attribution->rows[i];
    const struct attribution_key *key = &row->site->key;
    static_assert(sizeof(out->counts) == sizeof(row->site->counts), "every event has its count");
    *out = (struct pw_attribution_row){
        .program = names_text(&attribution->from->programs, key->program),
        .object = object_name(attribution, key->object),
        .address = row->place.address,
        .function = text_of(attribution, row->place.function),
        .source = text_of(attribution, row->place.source),
        .line = row->place.line,
        .region = names_text(&attribution->from->regions, key->region),
        .stack = row->stack,
    };
    memcpy(out->counts, row->site->counts, sizeof(out->counts));
    return true;
}
