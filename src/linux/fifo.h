// SPDX-License-Identifier: GPL-2.0-or-later
/* Opening a fifo, which waits until somebody opens its other end. */
#ifndef LINUX_FIFO_H
#define LINUX_FIFO_H

struct task;

/*
 * Waits, while other tasks run, until a fifo that was opened for reading with O_NONBLOCK has or has
 * had a writer. Result: 0; -ERESTARTSYS a signal came first; -EMFILE, -ENOMEM.
 */
int fifo_wait_for_writer(struct task *task, int host);
/*
 * Opens a fifo for writing as open(2) with `flags`, once it has a reader; `host` is any descriptor
 * of it (an O_PATH one will do). Result: a host descriptor, or the errors above and open's.
 */
int fifo_open_for_writing(struct task *task, int host, int flags);

#endif
