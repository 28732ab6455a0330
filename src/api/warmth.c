// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Says of each page what part of memory it is when it is first used, and keeps the time: the
 * instructions of all processes.
 */
#include "api/warmth.h"

#include <stdlib.h>
#include <string.h>

#include "api/places.h"
#include "api/system.h"
#include "base/names.h"
#include "base/xalloc.h"
#include "observe/heat.h"

enum { PART, PARTS_MAX = 1 << 16 };

struct part {
    char *program; /* own */
    char *region;  /* in `program`'s memory */
    bool is_file;
};

struct warmth {
    const struct pw_system *system;
    struct heat *heat;
    struct places places;
    struct names names; /* "program\nregion", numbered as parts */
    struct part *parts; /* [names.count] */
    uint32_t parts_room;
    uint64_t end;
};

struct warmth *warmth_create(const struct pw_system *system, uint64_t tau)
{
    struct warmth *warmth = x_calloc(1, sizeof(*warmth));
    warmth->system = system;
    warmth->heat = heat_create(tau);
    names_create(&warmth->names);
    return warmth;
}

void warmth_destroy(struct warmth *warmth)
{
    if (!warmth)
        return;
    for (uint32_t i = 0; i < warmth->names.count; i++)
        free(warmth->parts[i].program);
    free(warmth->parts);
    names_destroy(&warmth->names);
    heat_destroy(warmth->heat);
    free(warmth);
}

static uint64_t now_of(const struct warmth *warmth)
{
    return cpu_instructions(warmth->system->machine);
}

/* A part's number. */
static uint32_t part_of(struct warmth *warmth, const char *program, const char *region,
                        bool is_file)
{
    bool is_full = warmth->names.count >= PARTS_MAX;
    size_t len = strlen(program) + 1;
    char *text = x_malloc(len + strlen(region) + 1);
    sprintf(text, "%s\n%s", is_full ? "[other]" : program, is_full ? "[other]" : region);
    uint32_t known = warmth->names.count, number = names_get(&warmth->names, text);
    if (warmth->names.count == known) {
        free(text);
        return number;
    }
    if (warmth->names.room > warmth->parts_room) {
        warmth->parts_room = warmth->names.room;
        warmth->parts = x_realloc(warmth->parts, warmth->parts_room * sizeof(*warmth->parts));
    }
    char *line = strchr(text, '\n');
    *line = '\0';
    warmth->parts[number - 1] = (struct part){text, line + 1, is_file && !is_full};
    return number;
}

/* Where the page lies. A page that is not mapped was not used. */
static struct place *place_of(struct warmth *warmth, uint16_t number, vaddr_t page)
{
    const struct space *space = warmth->system->kernel->spaces[number];
    const struct process *process = linux_running(warmth->system->linux_system);
    struct place *place = space ? places_find(&warmth->places, space, page) : NULL;
    if (!place || !process)
        return NULL;
    if (!place->numbers[PART])
        place->numbers[PART] =
            part_of(warmth, places_program(process), place->name, place->ino != 0);
    return place;
}

void warmth_enter(struct warmth *warmth, uint64_t key, uint16_t space, vaddr_t page)
{
    const struct place *place = place_of(warmth, space, page);
    if (place)
        heat_enter(warmth->heat, key, place->numbers[PART], (page.v + place->to_file) >> PAGE_SHIFT,
                   now_of(warmth));
}

void warmth_leave(struct warmth *warmth, uint64_t key)
{
    heat_leave(warmth->heat, key, now_of(warmth));
}

void warmth_gone(struct warmth *warmth, uint64_t key, uint64_t npages)
{
    heat_gone(warmth->heat, key, npages, now_of(warmth));
}

void warmth_end(struct warmth *warmth)
{
    warmth->end = now_of(warmth);
    heat_end(warmth->heat, warmth->end);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

bool warmth_part(const struct warmth *warmth, size_t i, struct pw_curve_part *out)
{
    struct heat_sum sum;
    if (i >= warmth->names.count)
        return false;
    const struct part *part = &warmth->parts[i];
    heat_sum(warmth->heat, (uint32_t)i + 1, &sum);
    *out = (struct pw_curve_part){
        .program = part->program,
        .region = part->region,
        .is_file = part->is_file,
        .pages = sum.pages[HEAT_COLD] + sum.pages[HEAT_WARM] + sum.pages[HEAT_HOT],
        .hot = sum.pages[HEAT_HOT],
        .cold = sum.pages[HEAT_COLD],
        .returns = sum.returns,
        .in_use = share(sum.in_use, warmth->end),
        .idle = share(sum.idle, sum.life),
    };
    return true;
}

bool warmth_range(const struct warmth *warmth, size_t i, uint64_t from, struct pw_curve_range *out)
{
    static const enum pw_heat heats[] = {
        [HEAT_COLD] = PW_COLD, [HEAT_WARM] = PW_WARM, [HEAT_HOT] = PW_HOT};
    struct heat_range range;
    if (!heat_range(warmth->heat, (uint32_t)i + 1, from, &range))
        return false;
    *out = (struct pw_curve_range){range.first, range.npages, heats[range.class]};
    return true;
}
