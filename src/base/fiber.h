// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fibers: functions that can pause in the middle, each on a stack of its own. One kernel thread;
 * a fiber runs only while somebody waits for it in fiber_start() or fiber_resume(), and whoever
 * that is goes on when the fiber pauses or its function returns. A fiber may run other fibers.
 */
#ifndef BASE_FIBER_H
#define BASE_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber;

/* A fiber with a stack of `stack_len` bytes (rounded up to pages; only what is used costs memory),
 * below which lies a page that nobody can touch. => aborts when the host has no memory */
struct fiber *fiber_create(size_t stack_len);
/* => not in the middle of its function */
void fiber_destroy(struct fiber *fiber);

/* Runs fn(arg) on the fiber until it pauses or returns. => not in the middle of a function */
void fiber_start(struct fiber *fiber, void (*fn)(void *arg), void *arg);
/* Goes on where the fiber paused, until it pauses again or returns. => it paused */
void fiber_resume(struct fiber *fiber);
/* Back to whoever runs the fiber; returns when it is resumed. => called on the fiber */
void fiber_pause(struct fiber *fiber);
/* Did its function return (or never start)? */
bool fiber_is_idle(const struct fiber *fiber);

#endif
