// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals: actions, masks, queues, delivery on the normal or alternate stack, sigreturn. A guest's
 * signals are ours; host signals that arrive for pagewalk are turned into guest ones (hostsig.c).
 */
#ifndef LINUX_SIGNAL_H
#define LINUX_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine/addr.h"

struct process;
struct task;
struct cpu_exit;

enum { SIGNALS = 64 };
typedef uint64_t sigbits_t; /* bit n - 1 is signal n */

static inline sigbits_t sigbit(int signal)
{
    return (sigbits_t)1 << (signal - 1);
}

/* The kernel's struct sigaction of x86-64. */
struct signal_action {
    uint64_t handler; /* SIG_DFL 0, SIG_IGN 1, or an address */
    uint64_t flags;
    uint64_t restorer;
    sigbits_t mask;
};

struct signal_actions {
    uint32_t refs;
    struct signal_action action[SIGNALS]; /* [signal - 1] */
};

/* The bytes of siginfo_t as a guest sees them: 128. */
struct signal_info {
    uint8_t bytes[128];
};

/* Pending signals: standard ones at most once, real-time ones queued in order. */
struct signal_queue {
    sigbits_t pending;
    struct signal_node *first; /* signal.c */
};

struct signal_state {
    sigbits_t mask;
    sigbits_t saved_mask; /* of sigsuspend, ppoll, pselect: restored after delivery */
    bool has_saved_mask;
    sigbits_t wait_set; /* what rt_sigtimedwait waits for: interrupts its sleep though blocked */
    struct signal_queue pending; /* directed at the thread */
    uint64_t altstack_base, altstack_len;
    uint32_t altstack_flags;
};

/* Sends from code `si_code` (SI_USER, SI_TKILL, SI_KERNEL, SI_TIMER ...). */
void signal_send_process(struct process *process, int signal, int code, int sender_pid);
void signal_send_task(struct task *task, int signal, int code, int sender_pid);
/*
 * Sends with all of siginfo (sigqueue, timers): to the process, or to `task` if it is not NULL.
 * Result: 0 (also if the signal is ignored or a standard one already pending), -EAGAIN if too many
 * are queued.
 */
int signal_send_info(struct process *process, struct task *task, int signal, const siginfo_t *info);
/* Is a signal of POSIX timer `id` waiting to be delivered? */
bool signal_timer_is_pending(const struct process *process, int id);
/* Takes the next pending signal out of `set`: synchronous ones first, then by number.
 * Result: its number and *info, or 0. */
int signal_take(struct task *task, sigbits_t set, struct signal_info *info);
/* Sets the mask; SIGKILL and SIGSTOP cannot be in it. */
void signal_set_mask(struct task *task, sigbits_t mask);
/* For calls that wait with another mask: restored after delivery, or at the end of the call. */
void signal_set_mask_for_wait(struct task *task, sigbits_t mask);
/* Changes an action; one that ignores drops what is pending. `new` NULL: only asks. */
void signal_change_action(struct task *task, int signal, const struct signal_action *new,
                          struct signal_action *old);
/* A fault of the task's own making: cannot be blocked or ignored (if it is, the process dies). */
void signal_force_fault(struct task *task, int signal, int code, uint64_t addr);
/* The same for a CPU trap: maps the vector to signal and si_code as Linux does. */
void signal_force_trap(struct task *task, const struct cpu_exit *why);

/* Is there something to deliver or to interrupt a call for? */
bool signal_is_pending(const struct task *task);
/* Does the task end, or is SIGKILL pending for it? */
bool signal_is_killed(const struct task *task);

/* On the way back to the guest: takes pending signals and acts on them (ignore, stop, kill the
 * process, or build a frame and enter the handler), and sorts out restarts of an interrupted call.
 */
void signal_deliver(struct task *task);

int64_t signal_return(struct task *task); /* rt_sigreturn */

struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(const struct signal_actions *actions);
void signal_actions_put(struct signal_actions *actions);
void signal_actions_reset(struct signal_actions *actions); /* for exec: handlers to default */
void signal_queue_clear(struct signal_queue *queue);

#endif
