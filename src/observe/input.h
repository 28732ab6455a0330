// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bytes of a file or of standard input, decompressed if they begin as gzip, xz or zstd data do. A
 * reader looks at what lies ahead and says how much of it is done with.
 */
#ifndef OBSERVE_INPUT_H
#define OBSERVE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input;

/* `path` "-": standard input. Errors: what open(2) gives, -EISDIR, -ENOMEM. */
int input_open(const char *path, struct input **out);
void input_close(struct input *input);

enum { INPUT_AHEAD_MAX = 64 << 10 };

/* At least `want` bytes ahead (at most INPUT_AHEAD_MAX), or all there are before the end or a
 * failure. Effect: *have says how many. => good until the next call */
const uint8_t *input_ahead(struct input *input, size_t want, size_t *have);
void input_skip(struct input *input, size_t len); /* => they are ahead */

/* The size of the file, if the input can go to any place of it: a file that is not compressed.
 * Result: false: it cannot. */
bool input_size(const struct input *input, uint64_t *size);
/* Goes on at a place. Result: 0 or -errno. => input_size() is true, `offset` is not beyond it */
int input_seek(struct input *input, uint64_t offset);

/* Bytes skipped so far, after decompression. */
uint64_t input_offset(const struct input *input);
/* What stopped the reading before its end; NULL: nothing. */
const char *input_failure(const struct input *input);

#endif
