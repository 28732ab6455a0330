// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The working set over time: how many pages were used within the last tau instructions. Looked at
 * tau / WORKINGSET_STEPS instructions apart.
 *
 * Source: P. J. Denning, "The Working Set Model for Program Behavior", 1968.
 */
#ifndef OBSERVE_WORKINGSET_H
#define OBSERVE_WORKINGSET_H

#include "observe/trace.h"

enum { WORKINGSET_STEPS = 8 };

struct workingset;

/* `tau` in instructions, at least WORKINGSET_STEPS; of it a whole multiple of steps is taken. */
struct workingset *workingset_create(uint64_t tau);
void workingset_destroy(struct workingset *set);

/* Time passes with each instruction, or with each access if there are no instructions at all. */
void workingset_use(struct workingset *set, const struct trace_ref *ref);

/* Pages in the set at the end of step i, which is that of instruction (i + 1) * tau / STEPS; the
 * last step may be cut short. Result: false beyond the last. */
bool workingset_at(const struct workingset *set, size_t i, uint64_t *now, uint64_t *npages);

#endif
