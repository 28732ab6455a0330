// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LRU stack distances: at which depth of the stack of pages, most recently used on top, each
 * reference finds its page. A reference found at depth d is a hit in every RAM of d or more frames
 * under LRU, so one pass gives the faults for all sizes at once, exactly.
 *
 * Source: R. L. Mattson et al., "Evaluation Techniques for Storage Hierarchies", 1970.
 */
#ifndef OBSERVE_LRUSTACK_H
#define OBSERVE_LRUSTACK_H

#include "observe/trace.h"

enum { LRUSTACK_KINDS = 3 }; /* enum trace_kind */

struct lrustack;

struct lrustack *lrustack_create(void);
void lrustack_destroy(struct lrustack *stack);

/* TRACE_GONE is no reference: the pages leave the stack. Result: the depth at which the page was
 * found, by the first of ref->count references; 0: not. */
uint64_t lrustack_use(struct lrustack *stack, const struct trace_ref *ref);

/*
 * For one who knows by other means which `ntop` pages are on top and which of them was used least
 * recently (a machine that watches only what goes beyond those): enter() is told of references to
 * pages that are not, and counts them; if as many were on top, leave() follows with the one that is
 * no more. gone() is told of pages that cease to exist, how many of them being on top.
 * => a stack is created for this, and then used for nothing else
 */
struct lrustack *lrustack_create_below(unsigned ntop);
void lrustack_enter(struct lrustack *stack, const struct trace_ref *ref);
void lrustack_leave(struct lrustack *stack, const struct trace_ref *ref);
void lrustack_gone(struct lrustack *stack, const struct trace_ref *ref, unsigned on_top);

/* The most pages that existed at once: more RAM than that changes nothing. */
uint64_t lrustack_pages(const struct lrustack *stack);
/* References of a kind whose page was found at the depth (1: on top); depth 0: that found it not in
 * the stack, because it was new. */
uint64_t lrustack_count(const struct lrustack *stack, enum trace_kind kind, uint64_t depth);
bool lrustack_is_valid(const struct lrustack *stack);

#endif
