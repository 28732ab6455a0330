// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host signals. What arrives for pagewalk (Ctrl-C, SIGTERM, a resized terminal, ...) is recorded by
 * a handler, kicks the CPU, and becomes a guest signal at the next stop of the run loop.
 *
 * Waiting without a race: a host call that may block is made through hostsig_call(), which enters
 * the call only if no signal was recorded, and the handler takes a call that is about to begin (or
 * that the host would restart) back to the way out. So a signal is never slept through, and no
 * signal mask is changed on the way. All other host calls of pagewalk are restarted by the host.
 */
#ifndef LINUX_HOSTSIG_H
#define LINUX_HOSTSIG_H

#include <stdbool.h>
#include <stdint.h>

struct linux_system;
struct task;
struct hostsig;

/* Signals that pagewalk itself ignored or blocked when the system was created: guests inherit. */
uint64_t hostsig_inherited_ignored(const struct linux_system *system);
uint64_t hostsig_inherited_mask(const struct linux_system *system);

/* Prepares; handlers are only in place between start and stop. Errors: -errno. */
int hostsig_create(struct linux_system *system);
void hostsig_destroy(struct linux_system *system);
void hostsig_start(struct linux_system *system);
void hostsig_stop(struct linux_system *system);

/* The guest ignores, or no longer ignores, SIGTTIN or SIGTTOU: so must pagewalk, or the terminal
 * would send it again for ever. Other signals: no effect. */
void hostsig_mirror(struct linux_system *system, int signal, bool ignored);
/* Stops pagewalk as a whole, as job control expects when the guest stops by this signal. */
void hostsig_stop_self(struct linux_system *system, int signal);
/* Sets the host timer to the earliest real-time deadline of all guests' timers. */
void hostsig_arm(struct linux_system *system);

/* Hands recorded host signals to the guests they are for, and runs due timers. */
void hostsig_collect(struct linux_system *system);

/*
 * Makes host system call `number` for the task, unless a guest signal is pending for it. Arguments
 * are as syscall(2) takes them. Result: the call's result or -errno; -ERESTARTSYS: a guest signal
 * is or became pending before the call did anything (-EINTR is turned into it).
 */
int64_t hostsig_call(struct task *task, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                     uint64_t e, uint64_t f);

/* ppoll(2) that no signal slips past; `timeout_ns` TIMER_NEVER: none. For schedule.c, which waits
 * for all tasks at once. Result: as ppoll(2), or -EINTR. */
struct pollfd;
int hostsig_ppoll(struct linux_system *system, struct pollfd *fds, unsigned nfds,
                  uint64_t timeout_ns);

/*
 * Waits, while other tasks run, until the host descriptor has one of `events` (POLLIN ...; POLLERR
 * and POLLHUP always count) or `timeout_ns` (< 0: none) has passed. Result: the ready events, 0 at
 * timeout, -ERESTARTSYS, or another error of poll(2). For use before every call that may block on a
 * terminal, pipe, socket and the like. Costs one host call; free for regular files is the caller's
 * business.
 */
int hostsig_wait_fd(struct task *task, int host_fd, short events, int64_t timeout_ns);

/* Waits for several (poll(2)'s array). Result as poll(2): the number ready, 0 at timeout. */
int hostsig_poll(struct task *task, struct pollfd *fds, unsigned nfds, int64_t timeout_ns);

/*
 * Sleeps, while other tasks run, until `deadline_ns` on the guest's CLOCK_MONOTONIC (UINT64_MAX:
 * for ever) or a signal. In a reproducible system the virtual clock jumps there. Result: 0 at the
 * deadline, -ERESTARTSYS.
 */
int hostsig_sleep(struct task *task, uint64_t deadline_ns);

#endif
