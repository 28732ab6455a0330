// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where addresses lie, remembered: the region of an address and what it is called, for as long as
 * the regions of its space stay as they are (its map_version).
 */
#ifndef API_PLACES_H
#define API_PLACES_H

#include "kernel/space.h"

struct process;

enum { PLACES = 1024, PLACE_NUMBERS = 2 };

struct place {
    uint64_t version; /* of the space; 0: nothing is known */
    uint64_t start, len;
    const char *name;                /* the region's; "[heap]", "[anon]" and the like */
    uint64_t dev, ino;               /* of the file that is mapped; ino 0: none */
    uint64_t to_file;                /* to be added to an address to get its place in the file */
    uint32_t numbers[PLACE_NUMBERS]; /* its user's; 0 at first */
};

struct places {
    struct place of[PLACES]; /* by the number of the page that was asked for */
    uint64_t program_version;
    const struct process *process;
};

/* NULL: nothing is mapped there. => good until the next call, or a change of the space */
struct place *places_find(struct places *places, const struct space *space, vaddr_t va);
/* Whether the process may run another program than it did when this was last asked; then its `exe`
 * is to be looked at. */
bool places_is_new_program(struct places *places, const struct process *process);
const char *places_program(const struct process *process); /* "[exec]": it has none yet */

#endif
