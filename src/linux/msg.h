// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System V message queues: lists of typed messages, bounded in bytes; who finds no room, or no
 * message that he wants, waits.
 */
#ifndef LINUX_MSG_H
#define LINUX_MSG_H

#include <sys/msg.h>

#include "linux/ipc.h"
#include "linux/task.h"

enum {
    MSG_QUEUES_MAX = 32000,      /* kernel.msgmni, */
    MSG_LEN_MAX = 8192,          /* msgmax: bytes of one message, */
    MSG_QUEUE_BYTES_MAX = 16384, /* msgmnb: of all in one queue */
};

struct msg_table;
struct msg_queue;

struct msg_table *msg_table_create(void);
void msg_table_destroy(struct msg_table *table); /* => nobody waits */
struct ipc_table *msg_entries(struct msg_table *table);
struct msg_queue *msg_queue(struct ipc_entry *entry); /* NULL gives NULL */
struct ipc_entry *msg_entry(struct msg_queue *queue);

/* Errors: -ENOSPC. */
int msg_create(struct task *task, key_t key, int flags, struct msg_queue **out);
/* IPC_RMID: who waits is told. The queue is gone. */
void msg_remove(struct msg_queue *queue);

/* Appends a message, waiting for room unless `flags` have IPC_NOWAIT. Errors: as msgsnd(2).
 * => len <= MSG_LEN_MAX */
int msg_send(struct task *task, struct msg_queue *queue, int64_t type, const void *bytes,
             size_t len, int flags);

struct msg_request {
    int64_t type; /* and flags, as msgrcv(2) has them */
    int flags;
    size_t room; /* bytes there are for the text */
};

/* Takes a message, or copies it with MSG_COPY, waiting for one unless it may not. Effect: *type and
 * the text, at most request->room bytes of it. Result: bytes, or as msgrcv(2). */
int64_t msg_receive(struct task *task, struct msg_queue *queue, const struct msg_request *request,
                    int64_t *type, uint8_t text[MSG_LEN_MAX]);

void msg_info(const struct msg_queue *queue, struct msqid_ds *out);
/* IPC_SET: the most bytes, and that it was changed. */
void msg_set(const struct linux_system *system, struct msg_queue *queue, uint64_t qbytes);

#endif
