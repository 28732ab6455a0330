// SPDX-License-Identifier: GPL-2.0-or-later
/* Several machines that replay the same trace in one pass. */
#ifndef API_REPLAY_H
#define API_REPLAY_H

#include <stddef.h>

#include "kernel/policy.h"
#include "pagewalk.h"

/* The faults of a trace under a policy in RAMs of frames[0 .. n - 1] frames, n > 0. Result: 0, or
 * -1 and *error. */
int replay_sizes(const struct pw_config *config, const char *trace, const struct policy_ops *ops,
                 const uint64_t *frames, size_t n, uint64_t *faults, struct pw_error *error);

#endif
