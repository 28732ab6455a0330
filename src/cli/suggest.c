// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nearness is the edit distance in which swapping neighbours counts one (optimal string alignment):
 * a third of the longer word's letters may be wrong.
 */
#include "cli/suggest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 32 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance_between(const char *a, size_t na, const char *b, size_t nb)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= na; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        for (size_t j = 1; j <= nb; j++) {
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
                            d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[na][nb];
}

void suggest_start(struct suggest *suggest, const char *typed)
{
    *suggest = (struct suggest){.typed = typed, .distance = SIZE_MAX};
}

void suggest_offer(struct suggest *suggest, const char *word)
{
    size_t na = strlen(suggest->typed), nb = strlen(word);
    if (na > WORD_MAX || nb > WORD_MAX)
        return;
    size_t distance = distance_between(suggest->typed, na, word, nb);
    size_t allowed = (na > nb ? na : nb) / 3;
    if (distance <= allowed && distance < suggest->distance) {
        suggest->best = word;
        suggest->distance = distance;
    }
}
