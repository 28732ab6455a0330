// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Job control: processes that signals stop and let go on, process groups and when they are
 * orphaned.
 */
#ifndef LINUX_JOB_H
#define LINUX_JOB_H

#include "linux/task.h"

/* Stops all tasks of the process where they are, because of this signal; its parent hears of it. */
void job_stop(struct process *process, int signal);
/* Lets a stopped process go on: with SIGCONT its parent hears of it, with SIGKILL not. */
void job_resume(struct process *process, int signal);

/* Has no member of the group a parent outside it in the same session? `ending` is as good as gone;
 * may be NULL. */
bool job_is_orphaned(const struct linux_system *system, int pgid, const struct process *ending);
/* The session of a process group; 0: there is no such group. */
int job_session_of(const struct linux_system *system, int pgid);
/* Is there a process of the session in the group? */
bool job_group_exists(const struct linux_system *system, int pgid, int sid);
void job_signal_group(struct linux_system *system, int pgid, int signal, int code);

/* The process has ended: groups that it leaves orphaned and stopped are told to end or go on. */
void job_process_ends(struct process *process);

/* Nobody can run: if that is because all are stopped, pagewalk stops too, until it is continued. */
void job_all_may_be_stopped(struct linux_system *system);

#endif
