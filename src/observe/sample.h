// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which pages are in a sample: those whose hash lies below a share of all hashes. A page is in it
 * always or never, so the stack distances among sampled pages are, on average, those of all pages
 * times the rate. The sampled pages fall into groups of equal rate, whose estimates differ by as
 * much as chance makes them.
 *
 * Source: C. A. Waldspurger et al., "Efficient MRC Construction with SHARDS", FAST 2015.
 */
#ifndef OBSERVE_SAMPLE_H
#define OBSERVE_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLE_GROUPS = 8 };

/* A page's place in [0, 1). */
static inline double sample_place(uint64_t key)
{
    const double two_to_53 = 9007199254740992.0;
    uint64_t x = (key ^ key >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return (double)((x ^ x >> 32) >> 11) / two_to_53;
}

#endif
