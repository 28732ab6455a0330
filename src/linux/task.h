// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes and tasks. A process owns what its threads share (address space, descriptors, signal
 * actions, limits, counters); a task is one thread: registers, signal mask, alternate stack. The
 * system is all of them on one machine and kernel. Nothing here assumes that there is only one
 * task.
 */
#ifndef LINUX_TASK_H
#define LINUX_TASK_H

#include <stdio.h>
#include <sys/resource.h>

#include "kernel/space.h"
#include "linux/clock.h"
#include "linux/fd.h"
#include "linux/signal.h"

struct fiber;
struct futex_table;
struct process;
struct sched;
struct task;
struct task_queue;
struct task_wait;

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
};

enum { SYSCALL_NUMBERS = 512 };

/* All that runs on one machine. */
struct linux_system {
    struct machine *machine;
    struct kernel *kernel;
    struct linux_options options;
    struct process *processes;   /* list, in order of creation; ended ones stay for the summary */
    struct task *tasks;          /* list of all, in order of creation */
    struct sched *sched;         /* which of them run next, and which wait (schedule.c) */
    struct futex_table *futexes; /* who waits for which word of memory (futex.c) */
    struct task *current;
    int next_pid;
    struct clock clock;
    bool must_reap;                          /* some task is `exiting` */
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

struct process {
    struct linux_system *system;
    struct process *next;
    int pid, ppid, pgid, sid;
    struct space *space; /* NULL once exited */
    struct fd_table *fds;
    struct signal_actions *actions;
    struct signal_queue pending; /* directed at the process */
    struct rlimit64_pair {
        uint64_t cur, max;
    } limits[16]; /* RLIM_NLIMITS */
    char *cwd;    /* absolute */
    int cwd_fd;   /* host descriptor of it (O_PATH) */
    unsigned umask;
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
    bool thp_disabled;             /* prctl */
    bool child_subreaper;          /* prctl */
    int nice;                      /* setpriority, as the guest set it; starts as the host's */
    uint32_t personality;          /* personality(2) */
    struct process_timers *timers; /* alarm, setitimer, timer_create */
    struct counters counters;
    uint64_t rss_peak; /* pages */
    uint64_t start_ns; /* guest clock */
    uint64_t utime_ns, stime_ns;
    bool exited;
    struct process_exit exit;
    int ntasks;
    int leader_status; /* of the first task, if it ended by exit(2) before others */
};

struct task {
    struct process *process;
    struct task *next;
    int tid;
    char comm[TASK_COMM_LEN];
    struct cpu *cpu;
    struct signal_state signals;
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
    int pdeath_signal;       /* prctl */
    uint64_t timer_slack_ns; /* prctl */
    bool exiting;            /* is taken off as soon as it is off the CPU */
    bool yields;             /* gives the rest of its turn to others */
    uint64_t instructions;   /* run so far */
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
/* Takes tasks that ended off the run queue, and gives back what ended processes held. => none of
 * them is on the CPU */
void process_reap(struct linux_system *system);
/* The process of a guest pid that has not ended, or NULL. */
struct process *process_find(const struct linux_system *system, int pid);
/* The task of a guest thread id, or NULL. */
struct task *task_find(const struct linux_system *system, int tid);
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

/* Runs until every process has ended (run.c). Result: 0, or -errno with system->message set. */
int linux_run(struct linux_system *system);

#endif
