// SPDX-License-Identifier: GPL-2.0-or-later
/* Strings by number: each is kept once, and numbers are given from 1 on, in order. */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include <stdint.h>

#include "base/hashmap.h"

struct names {
    char **texts; /* [count], by number - 1 */
    uint32_t count, room;
    struct hashmap places; /* hash of a text, or the next free one -> its number */
};

void names_create(struct names *out);
void names_destroy(struct names *names);

/* The number of a text; one that is not known is copied and gets the next. */
uint32_t names_get(struct names *names, const char *text);
/* The text of a number, good for as long as the names. => it was given */
const char *names_text(const struct names *names, uint32_t number);

#endif
