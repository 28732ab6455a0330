// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes and tasks. A process owns what its threads share (address space, descriptors, signal
 * actions, limits, counters); a task is one thread: registers, signal mask, alternate stack. The
 * system is all of them on one machine and kernel.
 *
 *   running --process_exit()--> exited --process_reap()--> zombie --wait(2)--> record --> folded
 *
 * A process that was waited for stays as a record of its counters until there are too many of them;
 * then the oldest is added to the totals of the folded ones.
 */
#ifndef LINUX_TASK_H
#define LINUX_TASK_H

#include <stdio.h>
#include <sys/resource.h>

#include "base/radix.h"
#include "kernel/space.h"
#include "linux/caps.h"
#include "linux/clock.h"
#include "linux/fd.h"
#include "linux/fs_state.h"
#include "linux/guard.h"
#include "linux/signal.h"

struct fiber;
struct futex_table;
struct pidfd;
struct mq_watch;
struct msg_table;
struct process;
struct sched;
struct signalfd;
struct task;
struct task_queue;
struct task_wait;
struct userfault;
struct tracee;
struct tracee_end;
struct tty;
struct unix_names;

enum { TASK_COMM_LEN = 16, PROCESS_AUXV_MAX = 32 };

/* How a process ended, as wait(2) tells it. */
struct process_exit {
    int status; /* exit(2)'s argument, 0..255 */
    int signal; /* or the signal that killed it; 0 if none */
};

struct linux_options {
    bool strict;       /* stop at an unknown system call */
    bool reproducible; /* time and randomness are functions of the instruction count and seed */
    uint64_t seed;
    FILE *strace;     /* NULL: no tracing */
    uint64_t quantum; /* instructions; 0: default */
    struct guard guard;
};

enum { SYSCALL_NUMBERS = 512 };

/* All that runs on one machine. */
struct linux_system {
    struct machine *machine;
    struct kernel *kernel;
    struct linux_options options;
    struct process *processes, *processes_last; /* that nobody has waited for, by creation */
    struct process *records, *records_last;     /* and those that are kept for the summary */
    uint64_t nprocesses;                        /* that there ever were */
    unsigned nlive, nstopped;                   /* of them, not zombies; and stopped */
    unsigned nended;                            /* records of processes that were waited for */
    struct folded {                             /* processes that are not even records any more */
        uint64_t count;
        struct counters counters;
    } folded;
    uint64_t gone_utime_ns, gone_stime_ns; /* of all processes that were waited for */
    struct radix pids, tids; /* struct process * and struct task * by number (pid.c) */
    unsigned ntasks;
    struct task *dying, *dying_last; /* tasks that are `exiting`, to be taken off */
    struct sched *sched;             /* which of them run next, and which wait (schedule.c) */
    struct process_timers *timers;   /* list of those that processes have (timer.c) */
    struct tty *ttys;                /* controlling terminals of sessions (tty.c) */
    struct signalfd *signalfds;      /* list of all (signalfd.c) */
    struct userfault *userfaults;    /* list of all (userfault.c) */
    struct futex_table *futexes;     /* who waits for which word of memory (futex.c) */
    struct shm_table *shm;           /* segments of System V shared memory (shm.c) */
    struct sem_table *sem;           /* sets of System V semaphores (sem.c) */
    struct unix_names *unix_names;   /* of Unix sockets (unix_name.c) */
    struct msg_table *msg;           /* System V message queues (msg.c) */
    struct mq_watch *mq_watches;     /* list of all (syscall_mq.c) */
    struct task *current;
    int next_pid;
    bool pids_wrapped;
    struct clock clock;
    uint64_t random_state[4];                /* of guest randomness when reproducible */
    uint64_t unknown_calls[SYSCALL_NUMBERS]; /* times an unknown call was answered -ENOSYS */
    struct hostsig *hostsig;                 /* host signals to hand to guests (hostsig.c) */
    char message[512]; /* why a program could not start or was stopped early; one line */
    char **notes;      /* of interest for the user: linux_note() */
    size_t nnotes;
    void (*progress)(void *arg); /* linux_set_progress(); NULL: none */
    void *progress_arg;
    uint64_t progress_every, progress_next; /* ns, host CLOCK_MONOTONIC */
};

/* On the stack of a parent's call. */
struct vfork_wait {
    struct task *task;
    bool is_over;
};

struct process {
    struct linux_system *system;
    struct process *next, *prev; /* of the system's processes */
    struct process *record_next;
    struct process *parent; /* NULL: pid 1, which is outside */
    struct process *children, *children_last, *sibling_next, *sibling_prev;
    struct task *tasks, *tasks_last; /* in order of creation */
    int pid, pgid, sid;
    int made_by;         /* pid of the process that made it; 1 if the user did */
    int parent_tid;      /* the thread of the parent that made it */
    int exit_signal;     /* for the parent; 0: none */
    struct space *space; /* NULL once exited */
    struct fd_table *fds;
    struct fs_state *fs;
    struct signal_actions *actions;
    struct signal_queue pending; /* directed at the process */
    bool must_look;              /* signals were sent; on the scheduler's list (schedule.c) */
    struct process *look_next;
    struct rlimit64_pair {
        uint64_t cur, max;
    } limits[16];  /* RLIM_NLIMITS */
    char *exe;     /* absolute path of the program */
    char **argv;   /* NULL-terminated copy, for the summary */
    char *cmdline; /* as /proc/PID/cmdline has it */
    size_t cmdline_len;
    char *environ;
    size_t environ_len;
    uint64_t auxv[2 * PROCESS_AUXV_MAX];
    unsigned auxv_words;
    vaddr_t stack_top, start_code, end_code, start_data, end_data, arg_start, arg_end, env_start,
        env_end;                   /* /proc/PID/stat */
    bool undumpable;               /* prctl PR_SET_DUMPABLE 0 */
    bool no_new_privs;             /* prctl */
    bool child_subreaper;          /* prctl */
    bool has_execed;               /* since it was made: setpgid(2) */
    int nice;                      /* setpriority, as the guest set it; starts as the host's */
    int oom_score_adj;             /* -1000 to 1000 */
    uint32_t personality;          /* personality(2) */
    struct sem_undo *sem_undos;    /* what its end undoes (sem.c) */
    struct process_timers *timers; /* alarm, setitimer, timer_create */
    struct vfork_wait *vfork;      /* of the parent, until this process lets go of its space */
    struct pidfd *pidfds;          /* descriptors that tell of its end (pidfd.c) */
    struct tracee *tracees;        /* tasks that it traces, and those that ended (tracee.c) */
    struct tracee_end *tracee_ends;
    struct tracee_end *tracee_end; /* what is to tell its tracer of its end; NULL: nothing */
    struct job {
        int stopped;        /* the signal that stopped it, 0: it runs */
        bool stop_untold;   /* wait(2) has not told of the stop */
        bool resume_untold; /* nor of its going on */
    } job;
    struct counters counters;
    uint64_t rss_peak; /* pages */
    struct residency {
        uint64_t rss, pss_4096; /* pages, and pages shared by n processes counted 1/n, times 4096 */
    } last;                     /* just before it let go of its space */
    uint64_t start_ns;          /* guest clock */
    uint64_t utime_ns, stime_ns;
    struct usage { /* of children that were waited for, and theirs */
        uint64_t utime_ns, stime_ns, minflt, majflt, rss_peak;
    } children_usage;
    bool exited;    /* no task of it runs any more */
    bool is_zombie; /* has given all back */
    bool is_record; /* was waited for */
    struct process_exit exit;
    int ntasks;
    int leader_status;        /* of the first task, if it ended by exit(2) before others */
    char comm[TASK_COMM_LEN]; /* of the first task, once that has ended */
};

struct task {
    struct process *process;
    struct task *next, *prev; /* of the process's tasks */
    struct task *dying_next;
    int tid;
    char comm[TASK_COMM_LEN];
    struct cpu *cpu;
    struct signal_state signals;
    struct caps caps;
    struct tracee *tracee;   /* NULL: not traced */
    vaddr_t clear_child_tid; /* 0: none */
    vaddr_t robust_list;
    uint64_t robust_list_len;
    uint64_t fs_base;        /* as arch_prctl set it */
    int64_t restart_result;  /* what the interrupted call gave (-ERESTART*), 0 if none; signal.c */
    uint64_t restart_number; /* its rax */
    /* What restart_syscall(2) goes on with after -ERESTART_RESTARTBLOCK; fn NULL: nothing. */
    int64_t (*restart_fn)(struct task *task, const uint64_t args[6]);
    uint64_t restart_args[6];
    struct cpu_fault_record { /* of the last exception, for signal frames */
        uint64_t trapno, error, cr2;
    } fault;
    int pdeath_signal;       /* prctl: when the thread that made the process ends */
    uint64_t timer_slack_ns; /* prctl */
    bool waits_for_child;    /* in wait(2) */
    bool exiting;            /* is taken off as soon as it is off the CPU */
    bool yields;             /* gives the rest of its turn to others */
    uint64_t instructions;   /* run so far */
    unsigned faults_in_row;  /* page faults served since one was retired */
    uint64_t utime_ns, stime_ns;
    struct fiber *fiber;      /* the call it waits in; NULL: none */
    struct task_wait *wait;   /* what that waits for (schedule.h) */
    struct task_queue *queue; /* it is in; NULL: none */
    struct task *queue_next, *queue_prev;
    int *pins; /* host descriptors that the call in progress keeps open */
    unsigned npins;
};

/* Internal results of system calls, never seen by a guest (numbers as in Linux). */
enum {
    ERESTARTSYS = 512,    /* restart if no handler ran, or if it has SA_RESTART */
    ERESTARTNOINTR = 513, /* always restart */
    ERESTARTNOHAND = 514, /* restart only if no handler ran */
    ERESTART_RESTARTBLOCK = 516,
};

int linux_create(struct machine *machine, struct kernel *kernel,
                 const struct linux_options *options, struct linux_system **out);
void linux_destroy(struct linux_system *system);

/*
 * Makes a process and loads a program into it (exec.h). `path` is looked up by the caller; host
 * descriptors 0, 1, 2 become its own. Errors: as execve(2).
 */
int process_spawn(struct linux_system *system, const char *path, char *const argv[],
                  char *const envp[], struct process **out);
/* Ends all tasks of the process: marks them, and the run loop takes them off and gives the memory
 * and descriptors back, so that a call in progress may still use them. Exit and counters stay. */
void process_exit(struct process *process, struct process_exit how);
/* Ends one task, as exit(2): the last one ends the process with this status. */
void task_exit(struct task *task, int status);
/* Takes tasks that ended off the run queue, gives back what ended processes held, and tells their
 * parents. => none of them is on the CPU */
void process_reap(struct linux_system *system);

/* The process of a guest pid, a zombie too, or NULL. */
struct process *process_find(const struct linux_system *system, int pid);
/* The task of a guest thread id, or NULL. */
struct task *task_find(const struct linux_system *system, int tid);
/* The first task, or NULL. */
static inline struct task *process_leader(const struct process *process)
{
    return process->tasks;
}

/* The parent's pid as the guest sees it: 1 if that is outside. */
int process_ppid(const struct process *process);
/* Sets a limit and tells the address space of it. => resource < 16 */
void process_set_limit(struct process *process, unsigned resource, uint64_t cur, uint64_t max);
/* The most pages the process ever had resident. */
uint64_t process_rss_peak(const struct process *process);

/* Random bytes for guests: the host's, or the seed's when reproducible. */
void linux_random(struct linux_system *system, void *bytes, size_t len);
/* Adds a note for the user (pw_note()); one line, no newline. The same text is kept only once. */
void linux_note(struct linux_system *system, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* linux_run() calls `progress` about every `seconds` of real time; NULL: never. */
void linux_set_progress(struct linux_system *system, double seconds, void (*progress)(void *arg),
                        void *arg);

/* Who is on the CPU, or has a call served: whose counters events go to. NULL: nobody. */
static inline struct process *linux_running(const struct linux_system *system)
{
    struct counters *now = system->machine->now;
    if (now == &system->machine->idle)
        return NULL;
    return (struct process *)(void *)((char *)now - offsetof(struct process, counters));
}

/* The counters of all processes that there ever were, added up. */
void linux_totals(const struct linux_system *system, struct counters *sum);

/* Runs until every process has ended (run.c). Result: 0, or -errno with system->message set. */
int linux_run(struct linux_system *system);

#endif
