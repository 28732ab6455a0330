// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compaction: when many frames are free but no 2 MiB of them in one piece, what is in the 2 MiB of
 * RAM that have the fewest pages is moved to free frames elsewhere. A page keeps all that it is
 * but its frame: its maps, its owner, its age (exactly for policies that go by the time of the last
 * access; for others it is as if it had just come in), its copy on disk. Page tables move too.
 */
#ifndef KERNEL_COMPACT_H
#define KERNEL_COMPACT_H

#include "kernel/kernel.h"

/*
 * Makes FRAME_BLOCK more free frames in one piece. Effect: counts compactions and compact_moves.
 * After it could not, it does not try again for a while: the next call, then two, four, up to 64
 * are refused. Result: whether it did.
 * => nobody holds on to a frame that is not wired
 */
bool compact_block(struct kernel *kernel);

/* Is it one of the times that compact_block() would refuse? Then that counts as one of them. */
bool compact_is_deferred(struct kernel *kernel);

#endif
