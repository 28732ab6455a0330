// SPDX-License-Identifier: GPL-2.0-or-later
/* msgget, msgsnd, msgrcv and msgctl(2): decoding and rights. */
#include <errno.h>
#include <linux/capability.h>

#include "linux/msg.h"
#include "linux/syscall_calls.h"
#include "linux/user.h"

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static struct msg_table *table_of(const struct task *task)
{
    return task->process->system->msg;
}

/* With these rights. Errors: -EINVAL, -EIDRM, -EACCES. */
static int find(const struct task *task, int id, unsigned rights, struct msg_queue **out)
{
    struct ipc_entry *entry;
    int rc = ipc_find(msg_entries(table_of(task)), id, &entry);
    if (rc < 0)
        return rc;
    *out = msg_queue(entry);
    return ipc_permits(entry, rights) ? 0 : -EACCES;
}

int64_t sys_msgget(struct task *task, const uint64_t args[6])
{
    key_t key = (key_t)args[0];
    int flags = (int)args[1];
    struct ipc_entry *entry;
    int rc = ipc_get(msg_entries(table_of(task)), key, flags, &entry);
    struct msg_queue *queue = msg_queue(entry);
    if (rc == 0 && !queue)
        rc = msg_create(task, key, flags, &queue);
    return rc < 0 ? rc : msg_entry(queue)->id;
}

/* ---- msgsnd, msgrcv ---- */

int64_t sys_msgsnd(struct task *task, const uint64_t args[6])
{
    uint8_t text[MSG_LEN_MAX];
    struct msg_queue *queue;
    int64_t type;
    int id = (int)args[0];
    uint64_t len = args[2];
    if (user_read(task, &type, args[1], sizeof type) < 0)
        return -EFAULT;
    if (len > MSG_LEN_MAX || id < 0 || type < 1)
        return -EINVAL;
    if (user_read(task, text, args[1] + sizeof type, len) < 0)
        return -EFAULT;
    int rc = find(task, id, IPC_W, &queue);
    return rc < 0 ? rc : msg_send(task, queue, type, text, len, (int)args[3]);
}

/* What cannot be stored must not be taken. */
static bool can_store(struct task *task, uint64_t addr, uint64_t len)
{
    uint64_t want = sizeof(int64_t) + (len < MSG_LEN_MAX ? len : MSG_LEN_MAX);
    return uaccess_probe(task->process->space, vaddr(addr), want, MMU_STORE) >= sizeof(int64_t);
}

int64_t sys_msgrcv(struct task *task, const uint64_t args[6])
{
    uint8_t text[MSG_LEN_MAX];
    struct msg_queue *queue;
    struct msg_request request = {.room = args[2], .type = (int64_t)args[3], .flags = (int)args[4]};
    int64_t type;
    int id = (int)args[0];
    if (id < 0 || (int64_t)args[2] < 0)
        return -EINVAL;
    if (request.flags & MSG_COPY && (request.flags & MSG_EXCEPT || !(request.flags & IPC_NOWAIT)))
        return -EINVAL;
    int rc = find(task, id, IPC_R, &queue);
    if (rc < 0)
        return rc;
    if (!can_store(task, args[1], args[2]))
        return -EFAULT;
    int64_t len = msg_receive(task, queue, &request, &type, text);
    if (len < 0)
        return len;
    if (user_write(task, args[1], &type, sizeof type) < 0 ||
        user_write(task, args[1] + sizeof type, text, (size_t)len) < 0)
        return -EFAULT;
    return len;
}

/* ---- msgctl ---- */

static int64_t tell(struct task *task, const struct msg_queue *queue, uint64_t addr)
{
    struct msqid_ds info;
    msg_info(queue, &info);
    return user_write(task, addr, &info, sizeof info);
}

static int64_t ctl_set(struct task *task, struct msg_queue *queue, uint64_t addr)
{
    struct msqid_ds wanted;
    if (user_read(task, &wanted, addr, sizeof wanted))
        return -EFAULT;
    if (!ipc_is_owner(msg_entry(queue)) ||
        (wanted.msg_qbytes > MSG_QUEUE_BYTES_MAX && !caps_has(&task->caps, CAP_SYS_RESOURCE)))
        return -EPERM;
    if (wanted.msg_qbytes == 0)
        return -EINVAL;
    ipc_set(msg_entry(queue), &wanted.msg_perm);
    msg_set(task->process->system, queue, wanted.msg_qbytes);
    return 0;
}

static int64_t ctl_remove(struct msg_queue *queue)
{
    if (!ipc_is_owner(msg_entry(queue)))
        return -EPERM;
    msg_remove(queue);
    return 0;
}

static void count_all(const struct ipc_table *entries, struct msginfo *out)
{
    out->msgpool = out->msgmap = out->msgtql = 0;
    for (unsigned i = 0; i < ipc_end(entries); i++) {
        struct msqid_ds info;
        if (!ipc_at(entries, i))
            continue;
        msg_info(msg_queue(ipc_at(entries, i)), &info);
        out->msgpool++;
        out->msgmap += (int)info.msg_qnum;
        out->msgtql += (int)info.__msg_cbytes;
    }
}

/* The result is the highest place in use. */
static int64_t ctl_limits(struct task *task, int command, uint64_t addr)
{
    const struct ipc_table *entries = msg_entries(table_of(task));
    unsigned end = ipc_end(entries);
    struct msginfo info = {.msgpool = MSG_QUEUES_MAX * MSG_QUEUE_BYTES_MAX / 1024,
                           .msgmap = MSG_QUEUE_BYTES_MAX,
                           .msgmax = MSG_LEN_MAX,
                           .msgmnb = MSG_QUEUE_BYTES_MAX,
                           .msgmni = MSG_QUEUES_MAX,
                           .msgssz = 16,
                           .msgtql = MSG_QUEUE_BYTES_MAX,
                           .msgseg = 0xffff};
    if (command == MSG_INFO)
        count_all(entries, &info);
    if (user_write(task, addr, &info, sizeof info))
        return -EFAULT;
    return end ? end - 1 : 0;
}

static int64_t ctl_stat_place(struct task *task, int place, int command, uint64_t addr)
{
    struct ipc_entry *entry = ipc_at(msg_entries(table_of(task)), (unsigned)place);
    if (!entry)
        return -EINVAL;
    if (command == MSG_STAT && !ipc_permits(entry, IPC_R))
        return -EACCES;
    return tell(task, msg_queue(entry), addr) ? -EFAULT : entry->id;
}

int64_t sys_msgctl(struct task *task, const uint64_t args[6])
{
    int id = (int)args[0], command = (int)args[1];
    struct msg_queue *queue;
    if (id < 0 || command < 0)
        return -EINVAL;
    if (command == IPC_INFO || command == MSG_INFO)
        return ctl_limits(task, command, args[2]);
    if (command == MSG_STAT || command == MSG_STAT_ANY)
        return ctl_stat_place(task, id, command, args[2]);
    if (command != IPC_STAT && command != IPC_SET && command != IPC_RMID)
        return -EINVAL;
    int rc = find(task, id, command == IPC_STAT ? IPC_R : 0, &queue);
    if (rc < 0)
        return rc;
    if (command == IPC_STAT)
        return tell(task, queue, args[2]);
    return command == IPC_SET ? ctl_set(task, queue, args[2]) : ctl_remove(queue);
}
