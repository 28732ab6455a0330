// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Queues of messages. Whoever changes a queue wakes all that wait for it, in the order in which
 * they came, and each of them looks again.
 */
#include "linux/msg.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/schedule.h"
#include "linux/timer.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
    struct message *next;
    int64_t type;
    size_t len;
    uint8_t text[];
};

struct waiter {
    struct waiter *next;
    struct task *task;
    bool is_woken, is_removed;
};

struct msg_queue {
    struct ipc_entry ipc;
    struct msg_table *table;
    struct message *first, **end; /* `end`: where the next is appended */
    struct waiter *waiters;       /* oldest first */
    uint64_t count, bytes, qbytes;
    int64_t stime, rtime, ctime;
    int lspid, lrpid; /* who sent and received last */
};

struct msg_table {
    struct ipc_table ipc;
};

/* ---- queues ---- */

struct msg_table *msg_table_create(void)
{
    struct msg_table *table = x_calloc(1, sizeof *table);
    ipc_table_create(MSG_QUEUES_MAX, &table->ipc);
    return table;
}

struct ipc_table *msg_entries(struct msg_table *table)
{
    return &table->ipc;
}

struct msg_queue *msg_queue(struct ipc_entry *entry)
{
    static_assert(offsetof(struct msg_queue, ipc) == 0, "a queue's entry is the queue");
    return (struct msg_queue *)entry;
}

struct ipc_entry *msg_entry(struct msg_queue *queue)
{
    return &queue->ipc;
}

static void destroy_queue(struct msg_queue *queue)
{
    CHECK(!queue->waiters);
    ipc_remove(&queue->table->ipc, &queue->ipc);
    while (queue->first) {
        struct message *message = queue->first;
        queue->first = message->next;
        free(message);
    }
    free(queue);
}

void msg_table_destroy(struct msg_table *table)
{
    for (unsigned i = ipc_end(&table->ipc); i-- > 0;)
        if (ipc_at(&table->ipc, i))
            destroy_queue(msg_queue(ipc_at(&table->ipc, i)));
    ipc_table_destroy(&table->ipc);
    free(table);
}

int msg_create(struct task *task, key_t key, int flags, struct msg_queue **out)
{
    struct linux_system *system = task->process->system;
    struct msg_queue *queue = x_calloc(1, sizeof *queue);
    int rc = ipc_add(&system->msg->ipc, &queue->ipc, key, flags);
    if (rc < 0) {
        free(queue);
        return rc;
    }
    queue->table = system->msg;
    queue->end = &queue->first;
    queue->qbytes = MSG_QUEUE_BYTES_MAX;
    queue->ctime = ipc_seconds(system);
    *out = queue;
    return 0;
}

/* ---- waiting ---- */

static void wake_all(struct msg_queue *queue, bool is_removed)
{
    while (queue->waiters) {
        struct waiter *w = queue->waiters;
        queue->waiters = w->next;
        w->is_woken = true;
        w->is_removed = is_removed;
        sched_wake(w->task);
    }
}

static void forget(struct msg_queue *queue, const struct waiter *w)
{
    struct waiter **at = &queue->waiters;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

/* Until the queue has changed. Errors: -EIDRM it is gone, -ERESTARTNOHAND. */
static int wait_for_change(struct task *task, struct msg_queue *queue)
{
    struct waiter w = {.task = task}, **end = &queue->waiters;
    int rc = 0;
    while (*end)
        end = &(*end)->next;
    *end = &w;
    while (!w.is_woken && rc >= 0) {
        struct task_wait wait = {.deadline_ns = TIMER_NEVER};
        rc = sched_wait(task, &wait);
    }
    if (w.is_woken)
        return w.is_removed ? -EIDRM : 0;
    forget(queue, &w);
    return -ERESTARTNOHAND;
}

void msg_remove(struct msg_queue *queue)
{
    wake_all(queue, true);
    destroy_queue(queue);
}

/* ---- sending ---- */

static bool has_room(const struct msg_queue *queue, size_t len)
{
    return len <= queue->qbytes && queue->bytes <= queue->qbytes - len &&
           queue->count < queue->qbytes;
}

static void append(struct task *task, struct msg_queue *queue, int64_t type, const void *bytes,
                   size_t len)
{
    struct message *message = x_malloc(sizeof *message + len);
    *message = (struct message){.type = type, .len = len};
    memcpy(message->text, bytes, len);
    *queue->end = message;
    queue->end = &message->next;
    queue->count++;
    queue->bytes += len;
    queue->lspid = task->process->pid;
    queue->stime = ipc_seconds(task->process->system);
    wake_all(queue, false);
}

int msg_send(struct task *task, struct msg_queue *queue, int64_t type, const void *bytes,
             size_t len, int flags)
{
    while (!has_room(queue, len)) {
        int rc = flags & IPC_NOWAIT ? -EAGAIN : wait_for_change(task, queue);
        if (rc == 0 && !ipc_permits(&queue->ipc, IPC_W))
            rc = -EACCES;
        if (rc < 0)
            return rc;
    }
    append(task, queue, type, bytes, len);
    return 0;
}

/* ---- receiving ---- */

static bool is_wanted(const struct message *message, const struct msg_request *request)
{
    if (request->type == 0)
        return true;
    if (request->type > 0)
        return (message->type == request->type) != !!(request->flags & MSG_EXCEPT);
    return request->type == INT64_MIN || message->type <= -request->type;
}

/* A negative type asks for the lowest, the oldest of these. */
static struct message **find_message(struct msg_queue *queue, const struct msg_request *request)
{
    struct message **found = NULL, **at = &queue->first;
    for (; *at; at = &(*at)->next) {
        if (!is_wanted(*at, request) || (found && (*found)->type <= (*at)->type))
            continue;
        found = at;
        if (request->type >= 0)
            break;
    }
    return found;
}

/* With MSG_COPY the type is a place in the queue. */
static struct message *message_at(const struct msg_queue *queue, int64_t place)
{
    struct message *message = queue->first;
    while (message && place-- > 0)
        message = message->next;
    return message;
}

static void copy_out(const struct message *message, size_t room, int64_t *type, uint8_t *text)
{
    *type = message->type;
    memcpy(text, message->text, message->len < room ? message->len : room);
}

static int64_t take(struct task *task, struct msg_queue *queue, const struct msg_request *request,
                    int64_t *type, uint8_t *text)
{
    struct message **at = find_message(queue, request), *message = at ? *at : NULL;
    if (!message)
        return -ENOMSG;
    if (message->len > request->room && !(request->flags & MSG_NOERROR))
        return -E2BIG;
    size_t len = message->len < request->room ? message->len : request->room;
    copy_out(message, request->room, type, text);
    *at = message->next;
    if (!*at)
        queue->end = at;
    queue->count--;
    queue->bytes -= message->len;
    queue->lrpid = task->process->pid;
    queue->rtime = ipc_seconds(task->process->system);
    free(message);
    wake_all(queue, false);
    return (int64_t)len;
}

static int64_t copy_one(const struct msg_queue *queue, const struct msg_request *request,
                        int64_t *type, uint8_t *text)
{
    const struct message *message = message_at(queue, request->type);
    if (!message)
        return -ENOMSG;
    if (message->len > request->room && !(request->flags & MSG_NOERROR))
        return -E2BIG;
    copy_out(message, request->room, type, text);
    return (int64_t)(message->len < request->room ? message->len : request->room);
}

int64_t msg_receive(struct task *task, struct msg_queue *queue, const struct msg_request *request,
                    int64_t *type, uint8_t text[MSG_LEN_MAX])
{
    if (request->flags & MSG_COPY)
        return copy_one(queue, request, type, text);
    for (;;) {
        int64_t result = take(task, queue, request, type, text);
        if (result != -ENOMSG || request->flags & IPC_NOWAIT)
            return result;
        int rc = wait_for_change(task, queue);
        if (rc == 0 && !ipc_permits(&queue->ipc, IPC_R))
            rc = -EACCES;
        if (rc < 0)
            return rc;
    }
}

/* ---- telling ---- */

void msg_info(const struct msg_queue *queue, struct msqid_ds *out)
{
    *out = (struct msqid_ds){.msg_perm = queue->ipc.perm,
                             .msg_stime = queue->stime,
                             .msg_rtime = queue->rtime,
                             .msg_ctime = queue->ctime,
                             .__msg_cbytes = queue->bytes,
                             .msg_qnum = queue->count,
                             .msg_qbytes = queue->qbytes,
                             .msg_lspid = queue->lspid,
                             .msg_lrpid = queue->lrpid};
}

void msg_set(const struct linux_system *system, struct msg_queue *queue, uint64_t qbytes)
{
    queue->qbytes = qbytes;
    queue->ctime = ipc_seconds(system);
    wake_all(queue, false);
}
