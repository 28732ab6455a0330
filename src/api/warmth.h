// SPDX-License-Identifier: GPL-2.0-or-later
/* How much each part of a program's memory is in use, for a curve: parts are told by program and
 * region. Nothing is known of pages that are not watched. */
#ifndef API_WARMTH_H
#define API_WARMTH_H

#include "machine/addr.h"
#include "pagewalk.h"

struct warmth;

struct warmth *warmth_create(const struct pw_system *system, uint64_t tau);
void warmth_destroy(struct warmth *warmth); /* NULL is fine */

/* A page joins those used last, leaves them, ends; `key` as pagekey() says. */
void warmth_enter(struct warmth *warmth, uint64_t key, uint16_t space, vaddr_t page);
void warmth_leave(struct warmth *warmth, uint64_t key);
void warmth_gone(struct warmth *warmth, uint64_t key, uint64_t npages);
void warmth_end(struct warmth *warmth);

/* As pw_curve_part() and pw_curve_range(). */
bool warmth_part(const struct warmth *warmth, size_t i, struct pw_curve_part *out);
bool warmth_range(const struct warmth *warmth, size_t i, uint64_t from, struct pw_curve_range *out);

#endif
