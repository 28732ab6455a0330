// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much each part of memory is in use. Told of pages that join those used last and leave them
 * again, as a machine is that watches only this. A page is in use from when it joins until `tau`
 * after it left: the working set of that tau, in which those used last always are.
 *
 * Of each page is known how long it lived, how much of that it was in use, and how long it was not
 * used any more when it ended. A page that is in use for half of its life or more is hot, for less
 * than a tenth cold. Pages of a part with the same index (of a file: in several spaces, or mapped
 * again) are one, whose times are added up.
 */
#ifndef OBSERVE_HEAT_H
#define OBSERVE_HEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heat;

struct heat *heat_create(uint64_t tau);
void heat_destroy(struct heat *heat);

/* `key` tells a page that exists now from all others (pagekey.h); `part` and `index`, below 2^27
 * and 2^36, say what page of what it is. Times never go back. */
void heat_enter(struct heat *heat, uint64_t key, uint32_t part, uint64_t index, uint64_t now);
void heat_leave(struct heat *heat, uint64_t key, uint64_t now);
/* The pages key .. key + count - 1 end. */
void heat_gone(struct heat *heat, uint64_t key, uint64_t count, uint64_t now);
/* All that still live end. => nothing but the results is asked for after it */
void heat_end(struct heat *heat, uint64_t now);

enum heat_class { HEAT_COLD, HEAT_WARM, HEAT_HOT, HEAT_CLASSES };

struct heat_sum {
    uint64_t pages[HEAT_CLASSES];
    uint64_t returns; /* times that a page joined those used last again */
    uint64_t life, in_use, idle;
};
void heat_sum(const struct heat *heat, uint32_t part, struct heat_sum *out);

/* Neighbouring pages of a class. */
struct heat_range {
    uint64_t first, npages; /* by index */
    enum heat_class class;
};
/* The first range of a part that has a page at or beyond index `from`, from there on. Result:
 * false: there is none. */
bool heat_range(const struct heat *heat, uint32_t part, uint64_t from, struct heat_range *out);

#endif
