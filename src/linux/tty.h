// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Controlling terminals: which session has which terminal, and which of its groups is in the
 * foreground. Terminals are the host's; of sessions and groups the host knows only pagewalk's own.
 */
#ifndef LINUX_TTY_H
#define LINUX_TTY_H

#include <sys/types.h>

#include "linux/task.h"

/* The user's terminal, if there is one, is in the hands of the first process's group. */
void tty_create(struct linux_system *system, int pgid);
void tty_destroy(struct linux_system *system);

/* A process's terminal as /proc/PID/stat shows it: its device number (0: none) and the group in its
 * foreground (-1). */
void tty_describe(const struct process *process, unsigned *number, int *foreground);

/* The group that the user's terminal sends its signals to; 0 if pagewalk has no terminal. */
int tty_user_foreground(const struct linux_system *system);

/*
 * A task has opened a character device. Effect: /dev/tty becomes the terminal of the task's
 * session; a session leader that has no terminal gets this one, unless O_NOCTTY is set. Result: the
 * descriptor to use, or -errno and `host` is closed.
 */
int tty_opened(struct task *task, int host, int flags);
/* The same for /dev/tty on a host where pagewalk has no terminal. */
int tty_open_current(struct task *task, int flags);

/* May the task read from, write to or change its terminal now? Result: 0; -ERESTARTSYS: its group
 * is in the background, and was sent SIGTTIN or SIGTTOU; -EIO. */
enum tty_use { TTY_READ, TTY_WRITE, TTY_CHANGE };
int tty_check(struct task *task, const struct fd_entry *entry, enum tty_use use);

/* The ioctls that are about sessions and groups. Result: as the ioctl, -ENOTTY. */
int64_t tty_ioctl(struct task *task, int host, uint32_t request, uint64_t arg);
bool tty_is_own_ioctl(uint32_t request);

/* Bytes went into the master's side of a terminal: its special characters are signals. */
void tty_wrote(struct task *task, const struct fd_entry *entry, const uint8_t *bytes, size_t len);
/* The size of a window was set. */
void tty_resized(struct task *task, int host);

/* The process has ended: a session leader takes its terminal from the session. */
void tty_process_ends(struct process *process);
/* Descriptors were closed: terminals whose other side is gone hang up. */
void tty_check_hangups(struct linux_system *system);

#endif
