// SPDX-License-Identifier: GPL-2.0-or-later
/* Splits a line into words as a shell does without expanding anything. */
#ifndef CLI_WORDSPLIT_H
#define CLI_WORDSPLIT_H

#include <stddef.h>

/* A NULL-terminated list of words. */
struct wordsplit {
    char **words;
    size_t count;
    char *text; /* the bytes that words point into */
};

/*
 * Blanks separate words; '...' is literal, in "..." and outside quotes a backslash takes the next
 * character as it is. Result: 0, or -1 and *why (a static string): a quote is not closed, or a
 * backslash ends the line.
 */
int wordsplit_create(const char *line, struct wordsplit *out, const char **why);
void wordsplit_destroy(struct wordsplit *split);

#endif
