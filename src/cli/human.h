// SPDX-License-Identifier: GPL-2.0-or-later
/* Numbers and text for people. */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdint.h>
#include <stdio.h>

enum { HUMAN_LEN = 32, HUMAN_WIDTH = 80 /* columns of a line at most */ };

/* "1,234,567". Result: buf. */
const char *human_count(uint64_t value, char buf[HUMAN_LEN]);
/* "16 MiB", "41.2 MiB": bytes, three figures. Result: buf. */
const char *human_size(uint64_t bytes, char buf[HUMAN_LEN]);
/* "122 us", "51.6 ms", "6.11 s", "12,345 s": three figures. Result: buf. */
const char *human_time(double seconds, char buf[HUMAN_LEN]);
/* "99.98 %": never rounded up to 100 or down to 0. "-" of nothing. Result: buf. */
const char *human_rate(uint64_t part, uint64_t whole, char buf[HUMAN_LEN]);

/* Writes text from column `at`, going on below column `indent` where a word would not fit in
 * HUMAN_WIDTH, and ends the line. */
void human_wrap(FILE *out, unsigned at, unsigned indent, const char *text);

#endif
