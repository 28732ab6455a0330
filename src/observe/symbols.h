// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names for places in files of code: the function by the file's symbols, the line of its source by
 * its debug information, both also from separate debug files that are installed for it.
 *
 * The files are the guests', so nothing they say is trusted: they are read in a child process with
 * little time and memory, and when it fails there are simply no names.
 */
#ifndef OBSERVE_SYMBOLS_H
#define OBSERVE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "observe/attribution.h"

struct symbols_place {
    uint64_t offset;           /* in the file; given */
    uint64_t address;          /* by the file's own count, as its tools show it; else the offset */
    uint32_t function, source; /* numbers of names; 0: not known */
    uint32_t line;             /* 0: not known */
};

/* Fills places[0 .. n - 1] in. A file that is not `object` any more tells nothing. */
void symbols_find(const char *path, const struct attribution_object *object,
                  struct symbols_place *places, size_t n, struct names *names);

#endif
