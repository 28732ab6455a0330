// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that live are in one table, by key; what those that ended came to in another, by part and
 * index. At the end the second is put in order, so that parts and ranges lie in a row.
 */
#include "observe/heat.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/pagekey.h"

enum { INDEX_BITS = 36 };

struct live {
    uint64_t place;        /* part and index */
    uint64_t first, since; /* joined for the first time; joined, or left */
    uint64_t in_use, returns;
    bool is_top; /* one of those used last */
    uint32_t next_free;
};

struct past {
    uint64_t place;
    uint64_t life, in_use, idle, returns;
};

struct heat {
    uint64_t tau;
    uint64_t now;                            /* of the event being told */
    struct hashmap live_places, past_places; /* -> index in the arrays */
    struct live *live;
    struct past *past;                     /* sorted by place when all have ended */
    uint32_t nlive, live_room, first_free; /* of a list, by index + 1; 0 ends it */
    size_t npast, past_room;
};

struct heat *heat_create(uint64_t tau)
{
    struct heat *heat = x_calloc(1, sizeof(*heat));
    heat->tau = tau;
    hashmap_create(&heat->live_places);
    hashmap_create(&heat->past_places);
    return heat;
}

void heat_destroy(struct heat *heat)
{
    if (!heat)
        return;
    hashmap_destroy(&heat->live_places);
    hashmap_destroy(&heat->past_places);
    free(heat->live);
    free(heat->past);
    free(heat);
}

/* ---- pages that live ---- */

static uint32_t take_live(struct heat *heat)
{
    uint32_t at = heat->first_free;
    if (at) {
        heat->first_free = heat->live[at - 1].next_free;
        return at - 1;
    }
    if (heat->nlive == heat->live_room) {
        heat->live_room = heat->live_room ? 2 * heat->live_room : 1024;
        heat->live = x_realloc(heat->live, heat->live_room * sizeof(*heat->live));
    }
    return heat->nlive++;
}

static uint64_t tail_of(const struct heat *heat, const struct live *page, uint64_t now)
{
    uint64_t passed = now - page->since;
    return page->is_top || passed < heat->tau ? passed : heat->tau;
}

void heat_enter(struct heat *heat, uint64_t key, uint32_t part, uint64_t index, uint64_t now)
{
    uint64_t known = heat->live_places.count, *at = hashmap_at(&heat->live_places, key);
    if (heat->live_places.count > known) {
        *at = take_live(heat);
        heat->live[*at] = (struct live){.place = (uint64_t)part << INDEX_BITS | index,
                                        .first = now,
                                        .since = now,
                                        .is_top = true};
        return;
    }
    struct live *page = &heat->live[*at];
    page->in_use += tail_of(heat, page, now);
    page->returns++;
    page->since = now;
    page->is_top = true;
}

void heat_leave(struct heat *heat, uint64_t key, uint64_t now)
{
    const uint64_t *at = hashmap_find(&heat->live_places, key);
    if (!at)
        return; /* it joined before anybody told */
    struct live *page = &heat->live[*at];
    page->in_use += tail_of(heat, page, now);
    page->since = now;
    page->is_top = false;
}

/* ---- pages that ended ---- */

static struct past *past_at(struct heat *heat, uint64_t place)
{
    uint64_t known = heat->past_places.count, *at = hashmap_at(&heat->past_places, place);
    if (heat->past_places.count == known)
        return &heat->past[*at];
    if (heat->npast == heat->past_room) {
        heat->past_room = heat->past_room ? 2 * heat->past_room : 1024;
        heat->past = x_realloc(heat->past, heat->past_room * sizeof(*heat->past));
    }
    *at = heat->npast++;
    heat->past[*at] = (struct past){.place = place};
    return &heat->past[*at];
}

static void end_page(void *context, uint64_t value)
{
    struct heat *heat = context;
    struct live *page = &heat->live[value];
    struct past *past = past_at(heat, page->place);
    past->life += heat->now - page->first;
    past->in_use += page->in_use + tail_of(heat, page, heat->now);
    past->idle += page->is_top ? 0 : heat->now - page->since;
    past->returns += page->returns;
    page->next_free = heat->first_free;
    heat->first_free = (uint32_t)value + 1;
}

void heat_gone(struct heat *heat, uint64_t key, uint64_t count, uint64_t now)
{
    heat->now = now;
    pagekey_remove_range(&heat->live_places, key, count, end_page, heat);
}

static int compare(const void *a, const void *b)
{
    const struct past *x = a, *y = b;
    return x->place < y->place ? -1 : x->place > y->place;
}

void heat_end(struct heat *heat, uint64_t now)
{
    heat->now = now;
    const struct hashmap *map = &heat->live_places;
    for (uint64_t i = 0; i < (uint64_t)1 << map->bits; i++)
        if (map->entries[i].key != HASHMAP_NONE)
            end_page(heat, map->entries[i].value);
    hashmap_destroy(&heat->live_places);
    hashmap_create(&heat->live_places);
    if (heat->npast > 0)
        qsort(heat->past, heat->npast, sizeof(*heat->past), compare);
}

/* ---- results ---- */

static enum heat_class class_of(const struct past *page)
{
    if (2 * page->in_use >= page->life)
        return HEAT_HOT;
    return 10 * page->in_use < page->life ? HEAT_COLD : HEAT_WARM;
}

/* The first page at or behind a place. */
static size_t first_from(const struct heat *heat, uint64_t place)
{
    size_t low = 0, high = heat->npast;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (heat->past[middle].place < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_of(const struct heat *heat, size_t i, uint32_t part)
{
    return i < heat->npast && heat->past[i].place >> INDEX_BITS == part;
}

void heat_sum(const struct heat *heat, uint32_t part, struct heat_sum *out)
{
    *out = (struct heat_sum){0};
    size_t i = first_from(heat, (uint64_t)part << INDEX_BITS);
    for (; is_of(heat, i, part); i++) {
        const struct past *page = &heat->past[i];
        out->pages[class_of(page)]++;
        out->returns += page->returns;
        out->life += page->life;
        out->in_use += page->in_use;
        out->idle += page->idle;
    }
}

bool heat_range(const struct heat *heat, uint32_t part, uint64_t from, struct heat_range *out)
{
    size_t at = first_from(heat, (uint64_t)part << INDEX_BITS | from), end = at + 1;
    if (!is_of(heat, at, part))
        return false;
    enum heat_class class = class_of(&heat->past[at]);
    while (is_of(heat, end, part) && heat->past[end].place == heat->past[end - 1].place + 1 &&
           class_of(&heat->past[end]) == class)
        end++;
    *out = (struct heat_range){heat->past[at].place & (((uint64_t)1 << INDEX_BITS) - 1), end - at,
                               class};
    return true;
}
