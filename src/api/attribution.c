// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What was attributed, as rows with names: the sites sorted by object and address, so that each
 * object's file is read once, for all of its addresses.
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
};

struct pw_attribution {
    const struct attribution *from;
    struct names names; /* of functions and source files */
    struct row *rows;
    size_t nrows;
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
    return order ? order : compare_numbers(x->region, y->region);
}

static const struct attribution_object *object_of(const struct pw_attribution *attribution,
                                                  const struct row *row)
{
    return &attribution->from->objects[row->site->key.object - 1];
}

static const char *object_name(const struct pw_attribution *attribution, const struct row *row)
{
    return names_text(&attribution->from->object_names, object_of(attribution, row)->name);
}

/* Names for rows[0 .. n - 1], which are of one object. */
static void name_rows(struct pw_attribution *attribution, struct row *rows, size_t n)
{
    struct symbols_place *places = x_malloc(n * sizeof(*places));
    for (size_t i = 0; i < n; i++)
        places[i] = (struct symbols_place){.offset = rows[i].site->key.address};
    symbols_find(object_name(attribution, rows), object_of(attribution, rows), places, n,
                 &attribution->names);
    for (size_t i = 0; i < n; i++)
        rows[i].place = places[i];
    free(places);
}

static void name_all(struct pw_attribution *attribution)
{
    struct row *rows = attribution->rows;
    for (size_t start = 0, end; start < attribution->nrows; start = end) {
        uint32_t object = rows[start].site->key.object;
        for (end = start + 1; end < attribution->nrows && rows[end].site->key.object == object;)
            end++;
        name_rows(attribution, rows + start, end - start);
    }
}

struct pw_attribution *pw_attribution_create(const struct pw_system *system)
{
    if (!system->attributor)
        return NULL;
    struct pw_attribution *attribution = x_calloc(1, sizeof(*attribution));
    const struct attribution *from = attributor_result(system->attributor);
    attribution->from = from;
    names_create(&attribution->names);
    attribution->nrows = from->count;
    attribution->rows = x_calloc(from->count, sizeof(*attribution->rows));
    for (size_t i = 0; i < from->count; i++)
        attribution->rows[i].site = &from->sites[i];
    qsort(attribution->rows, attribution->nrows, sizeof(*attribution->rows), compare);
    name_all(attribution);
    return attribution;
}

void pw_attribution_destroy(struct pw_attribution *attribution)
{
    if (!attribution)
        return;
    names_destroy(&attribution->names);
    free(attribution->rows);
    free(attribution);
}

static const char *text_of(const struct pw_attribution *attribution, uint32_t number)
{
    return number ? names_text(&attribution->names, number) : NULL;
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
        .object = object_name(attribution, row),
        .address = row->place.address,
        .function = text_of(attribution, row->place.function),
        .source = text_of(attribution, row->place.source),
        .line = row->place.line,
        .region = names_text(&attribution->from->regions, key->region),
    };
    memcpy(out->counts, row->site->counts, sizeof(out->counts));
    return true;
}
