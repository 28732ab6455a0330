// SPDX-License-Identifier: GPL-2.0-or-later
/* Parents and children. A process's parent is NULL if that is pid 1, which is outside. */
#ifndef LINUX_FAMILY_H
#define LINUX_FAMILY_H

#include "linux/task.h"

/* The process becomes the youngest child of `parent` (NULL: of pid 1), made by thread
 * `parent_tid`. => it has no parent */
void family_join(struct process *child, struct process *parent, int parent_tid);
void family_leave(struct process *process);

/* Who takes the children of the process when it ends; NULL: pid 1. */
struct process *family_reaper(const struct process *process);
/* The process has ended: its children go to whoever reaps orphans, and those that have ended too
 * are reported there. */
void family_give_children(struct process *process);
/* The task ends: its children are told, if they asked, and become another thread's. => it is still
 * in its process */
void family_thread_ends(struct task *task);

#endif
