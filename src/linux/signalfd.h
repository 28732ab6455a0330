// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors that signals are read from: signalfd(2). */
#ifndef LINUX_SIGNALFD_H
#define LINUX_SIGNALFD_H

#include "linux/task.h"

/* What is pending for the process has changed: its signalfds become readable, or no longer are. */
void signalfds_refresh(struct process *process);
/* The process goes. */
void signalfds_forget(struct process *process);

#endif
