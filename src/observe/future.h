// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A trace read once to its end, to know of each reference when its page is used next, and kept so
 * that it can be read again from its beginning: references in a temporary file ($TMPDIR or
 * /var/tmp), next uses in memory.
 */
#ifndef OBSERVE_FUTURE_H
#define OBSERVE_FUTURE_H

#include "observe/trace.h"

struct future;

#define FUTURE_NEVER UINT64_MAX

/* Reads the whole trace. Result: 0 and *out; -1 and `why`. */
int future_create(struct trace *trace, struct future **out, char why[TRACE_WHY_LEN]);
void future_destroy(struct future *future);

/* The next references, and for each the number of the one that uses its page next (the first of the
 * trace is number 1). Result: how many; 0 at the end; -1 if the temporary file cannot be read. */
int future_read(struct future *future, struct trace_ref *refs, uint64_t *next_uses, size_t max);

#endif
