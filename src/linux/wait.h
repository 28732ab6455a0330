// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What wait(2) tells parents of their children: that one has ended, was stopped, or goes on. The
 * system calls themselves are in syscall_wait.c.
 */
#ifndef LINUX_WAIT_H
#define LINUX_WAIT_H

#include "linux/task.h"

/* The zombie's parent hears of it; if nobody is to wait for it, it is forgotten at once. */
void wait_tell_end(struct process *process);
/* The process was stopped or goes on (CLD_STOPPED, CLD_CONTINUED): its parent hears of it. */
void wait_tell_job(struct process *process, int code);

/* One child's report. */
struct wait_report {
    int pid, code, status; /* as siginfo has them: CLD_*, and exit status or signal */
    struct usage usage;    /* its own and its children's */
};

enum { WAIT_P_PIDFD = 3 /* P_PIDFD */ };

/* Which children are meant: as waitid(2)'s (idtype, id), with P_PIDFD turned into P_PID. */
struct wait_request {
    int type, id, options;
};

/*
 * Waits as the options say. Result: 1 and *out; 0 nothing yet (WNOHANG); -ECHILD, -ERESTARTSYS.
 */
int wait_for_child(struct task *task, const struct wait_request *request, struct wait_report *out);

#endif
