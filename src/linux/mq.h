// SPDX-License-Identifier: GPL-2.0-or-later
/* POSIX message queues are the host's; what pagewalk keeps of them (syscall_mq.c). */
#ifndef LINUX_MQ_H
#define LINUX_MQ_H

struct linux_system;

/* Forgets who is to be sent a signal, at the system's end. */
void mq_forget_all(struct linux_system *system);

#endif
