// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V semaphores: sets of counters, on which operations are done all at once or not at all;
 * who cannot do them yet waits.
 */
#ifndef LINUX_SEM_H
#define LINUX_SEM_H

#include <sys/sem.h>

#include "linux/ipc.h"
#include "linux/task.h"

enum {
    SEM_SETS_MAX = 32000, /* kernel.sem: sets, semaphores of one, operations at once, */
    SEM_PER_SET_MAX = 32000,
    SEM_OPS_MAX = 500,
    SEM_TOTAL_MAX = 1024000000, /*   and semaphores in all */
    SEM_VALUE_MAX = 32767,
};

struct sem_table;
struct sem_set;

struct sem_table *sem_table_create(void);
void sem_table_destroy(struct sem_table *table); /* => nobody waits */
struct ipc_table *sem_entries(struct sem_table *table);
struct sem_set *sem_set(struct ipc_entry *entry); /* NULL gives NULL */
struct ipc_entry *sem_entry(struct sem_set *set);
unsigned sem_count_of(const struct sem_set *set); /* semaphores in it */
uint64_t sem_count_all(const struct sem_table *table);

/* A new set of `count` semaphores at 0. Errors: -EINVAL, -ENOSPC. */
int sem_create(struct task *task, key_t key, unsigned count, int flags, struct sem_set **out);
/* IPC_RMID: who waits is told. The set is gone. */
void sem_remove(struct linux_system *system, struct sem_set *set);

/* Does the operations, waiting for it if it must until `deadline` on the guest's CLOCK_MONOTONIC.
 * Errors: as semtimedop(2). => numbers are in the set, 0 < count <= SEM_OPS_MAX */
int sem_operate(struct task *task, struct sem_set *set, const struct sembuf *ops, unsigned count,
                uint64_t deadline);
/* Sets the values of semaphores from `first` on, and forgets what was to be undone on them. */
void sem_set_values(struct task *task, struct sem_set *set, unsigned first, unsigned count,
                    const uint16_t *values);

struct sem_state {
    int value, pid;                 /* of who used it last */
    unsigned waiting, waiting_zero; /* who wait for more, and for 0 */
};
void sem_get_state(const struct sem_set *set, unsigned number, struct sem_state *out);
void sem_info(const struct sem_set *set, struct semid_ds *out);
void sem_changed(const struct linux_system *system, struct sem_set *set); /* IPC_SET was done */

/* Undoes what the process did with SEM_UNDO. */
void sem_process_ends(struct process *process);

#endif
