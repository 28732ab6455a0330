// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * userfaultfd(2): descriptors through which a program hears of faults on missing pages of a space,
 * and makes the pages. Private memory of zeros, missing pages only: no write protection, no events
 * but faults.
 */
#ifndef LINUX_USERFAULT_H
#define LINUX_USERFAULT_H

#include "linux/task.h"

/* The task's program met FAULT_WANTED: it waits, on a fiber of its own, until the page is there or
 * a signal comes; then the instruction is run again. */
void userfault_stop_program(struct task *task, vaddr_t va, bool is_store);
/* A call of the task has failed with -EFAULT. Waits if that was because of a page that a program is
 * to supply. Result: whether to make the call again. */
bool userfault_wait_in_call(struct task *task);
/* The space is about to go. */
void userfaults_forget(struct linux_system *system, const struct space *space);

#endif
