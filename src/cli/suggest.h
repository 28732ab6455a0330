// SPDX-License-Identifier: GPL-2.0-or-later
/* "Did you mean": the nearest of some words to one that was mistyped. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

/* A search for the word nearest to `typed`; offer it all candidates, then read `best`. */
struct suggest {
    const char *typed;
    const char *best; /* NULL: none is near enough */
    size_t distance;
};

void suggest_start(struct suggest *suggest, const char *typed);
void suggest_offer(struct suggest *suggest, const char *word);

#endif
