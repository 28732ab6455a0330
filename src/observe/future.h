// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A trace read once to its end, to know of each reference when its page is used next. These next
 * uses are kept in memory. The references themselves are read again, or, if the trace comes from
 * where that cannot be, kept in a temporary file ($TMPDIR or /var/tmp).
 */
#ifndef OBSERVE_FUTURE_H
#define OBSERVE_FUTURE_H

#include "observe/trace.h"

struct future;

#define FUTURE_NEVER UINT64_MAX

/* Reads the whole trace; `keep`: it cannot be read again. Result: 0 and *out; -1 and `why`. */
int future_create(struct trace *trace, unsigned page_shift, bool keep, struct future **out,
                  char why[TRACE_WHY_LEN]);
void future_destroy(struct future *future);

/* The next references, and for each the number of the one that uses its page next (the first of the
 * trace is number 1). `again`: the same trace from its beginning, unless it was kept. Result: how
 * many; 0 at the end; -1 and `why`. */
int future_read(struct future *future, struct trace *again, struct trace_ref *refs,
                uint64_t *next_uses, size_t max, char why[TRACE_WHY_LEN]);

#endif
