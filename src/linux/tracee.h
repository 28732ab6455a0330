// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tasks that a process traces by ptrace(2): how they stop, what their tracer hears, how they go on.
 * The requests themselves are syscall_ptrace.c's. Any thread of the tracing process may make them.
 *
 *   runs --(signal, call, event, group stop)--> stopped --tracee_resume()--> runs
 *
 * A stop in the middle of a call waits there (sched_wait()); one for a signal or a group stop takes
 * the task out of its turn, as job control does.
 */
#ifndef LINUX_TRACEE_H
#define LINUX_TRACEE_H

#include "linux/task.h"

struct wait_report;
struct wait_request;

enum tracee_stop {
    TRACEE_RUNS,
    TRACEE_AT_SIGNAL, /* the tracer decides what becomes of it */
    TRACEE_AT_ENTRY,  /* of a system call */
    TRACEE_AT_EXIT,   /* of a system call */
    TRACEE_AT_EVENT,  /* PTRACE_EVENT_* */
    TRACEE_AT_GROUP_STOP,
    TRACEE_AT_HANDLER, /* a signal's has been entered instead of a step */
};

struct tracee {
    struct task *task;
    struct process *tracer;
    struct tracee *next; /* of the tracer's */
    uint32_t options;    /* PTRACE_O_* */
    bool is_seized;
    bool wants_calls;       /* PTRACE_SYSCALL: stops at entries and exits of calls */
    struct cpu_debug debug; /* PTRACE_SINGLESTEP, and the debug registers */
    uint64_t debug_status;  /* DR6: what the last debug exception came from */
    bool must_stop;         /* as soon as it is on its way back to its program */
    bool is_listening;      /* PTRACE_LISTEN: stays until SIGCONT */
    int group_signal;       /* must_stop: of this signal; 0: because it was asked to */
    enum tracee_stop stop;
    int status;              /* of the stop: signal, and event << 8 */
    bool is_untold;          /* wait(2) has not told of it */
    int signal;              /* to be acted on when it goes on; 0: none */
    struct signal_info info; /* of the stop */
    uint64_t message;        /* PTRACE_GETEVENTMSG */
    uint64_t call;           /* orig_rax: number of the call it is in or comes from, or -1 */
    int exit_status;         /* exit(2)'s */
};

static inline bool tracee_is_stopped(const struct task *task)
{
    return task->tracee && task->tracee->stop != TRACEE_RUNS;
}

/* Is it kept from running, by its tracer or by job control? A tracer overrules job control. */
static inline bool task_is_stopped(const struct task *task)
{
    return task->tracee ? tracee_is_stopped(task) : task->process->job.stopped != 0;
}

/* ---- tracers ---- */

void tracee_attach(struct task *task, struct process *tracer, uint32_t options, bool is_seized);
/* Not traced any more; goes on, with the signal if that is not 0. */
void tracee_detach(struct tracee *tracee, int signal);
/* It is stopped: goes on, with the signal if that is not 0. */
void tracee_resume(struct tracee *tracee, int signal);
/* Must stop soon: PTRACE_INTERRUPT. */
void tracee_interrupt(struct tracee *tracee);
/* A report of one of the process's tracees that the request means. Result: 1 and *out; 0: there are
 * such tracees, but nothing to tell; -ECHILD. */
int tracee_take_report(struct process *tracer, const struct wait_request *request,
                       struct wait_report *out);
/* The process ends, or nobody can hear its tracees any more: they go on, or are killed. */
void tracees_let_go(struct process *tracer);
/* Is this child's first task traced by its own parent? */
bool tracee_is_parents(const struct process *process);

/* ---- tracees ---- */

/* On the way back to the program: stops if it must. Result: whether it is stopped. */
bool tracee_stop_if_asked(struct task *task);
/* A signal is about to be acted on: the tracer decides. */
void tracee_stop_for_signal(struct task *task, int signal, const struct signal_info *info);
/* The CPU stops for what `debug` says from now on. */
void tracee_set_debug(struct tracee *tracee);
/* A debug exception. */
static inline void tracee_note_debug(const struct task *task, uint64_t status)
{
    if (task->tracee)
        task->tracee->debug_status = status;
}
/* A signal's handler is about to run: a tracer that makes single steps hears of that. */
void tracee_enter_handler(struct task *task);
/* The signal that the tracer let through. Result: its number and *info, or 0. */
int tracee_take_signal(struct task *task, struct signal_info *info);
/* Is there something to do on the way back, or to interrupt a call for? */
static inline bool tracee_is_wanted(const struct task *task)
{
    return task->tracee && (task->tracee->must_stop || task->tracee->signal != 0);
}

/* A stopping signal was acted on: all traced tasks of the process stop. SIGCONT was sent. */
void tracee_group_stop(struct process *process, int signal);
void tracee_group_resume(struct process *process);
/* SIGKILL was sent: whoever is stopped runs into it. */
void tracee_kill(struct process *process);

/* A call begins. Result: false: the tracer takes its place, rax is set. *number may have changed.
 */
bool tracee_enter_call(struct task *task, uint64_t *number);
void tracee_leave_call(struct task *task);
/* Whatever the task stopped running for was no call. */
static inline void tracee_left_program(struct task *task)
{
    if (task->tracee)
        task->tracee->call = UINT64_MAX;
}

/* Stops for a PTRACE_EVENT_*, if the tracer wants to hear of it. */
void tracee_event(struct task *task, int event, uint64_t message);
/* A new task: traced too, if its maker's tracer wants that. Result: the event that tells, 0: none.
 */
int tracee_new_task(struct task *maker, struct task *made, uint64_t clone_flags, int exit_signal);
/* execve(2) has succeeded; the task had this number before. */
void tracee_exec(struct task *task, int old_tid);
void tracee_ends(struct task *task);         /* the task is taken off */
void tracee_zombie(struct process *process); /* all of its tasks are */

#endif
