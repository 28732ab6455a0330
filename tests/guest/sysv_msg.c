// SPDX-License-Identifier: GPL-2.0-or-later
/* System V message queues: types, limits, waiting, what removal does to those who wait. */
#include <sys/ipc.h>
#include <sys/msg.h>

#include "process.h"

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
    long type;
    char text[9000];
};

static struct message buffer;
static int id;

static int put(long type, const char *text, int flags)
{
    struct message message = {.type = type};
    snprintf(message.text, sizeof message.text, "%s", text);
    return msgsnd(id, &message, strlen(text) + 1, flags);
}

static void get(const char *what, size_t room, long type, int flags)
{
    memset(&buffer, 0, sizeof buffer);
    ssize_t len = msgrcv(id, &buffer, room, type, flags);
    if (len < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %zd bytes of type %ld: %s\n", what, len, buffer.type, buffer.text);
}

static void show(const char *when)
{
    struct msqid_ds info;
    if (msgctl(id, IPC_STAT, &info)) {
        printf("%s: %s\n", when, strerrorname_np(errno));
        return;
    }
    printf("%s: %lu messages, %lu of %lu bytes, mode %o, mine %d %d\n", when, info.msg_qnum,
           info.__msg_cbytes, info.msg_qbytes, info.msg_perm.mode, info.msg_lspid == getpid(),
           info.msg_lrpid == getpid());
}

static void types(void)
{
    TRY(put(3, "three", 0));
    TRY(put(1, "one", 0));
    TRY(put(2, "two", 0));
    TRY(put(3, "more", 0));
    show("four");
    get("copy of the second", 100, 1, MSG_COPY | IPC_NOWAIT);
    get("copy beyond", 100, 9, MSG_COPY | IPC_NOWAIT);
    get("copy that waits", 100, 0, MSG_COPY);
    get("lowest up to 2", 100, -2, 0);
    get("not 3", 100, 3, MSG_EXCEPT);
    get("too long", 3, 3, 0);
    get("cut", 3, 3, MSG_NOERROR);
    get("any", 100, 0, 0);
    get("none", 100, 0, IPC_NOWAIT);
    show("none");
}

static void refused(void)
{
    struct message message = {.type = 0};
    TRY(msgsnd(id, &message, 4, 0));
    message.type = 1;
    TRY(msgsnd(id, &message, 8193, 0));
    TRY(msgsnd(id, &message, (size_t)-1, 0));
    TRY(msgsnd(-1, &message, 1, 0));
    TRY(msgsnd(id, (void *)16, 1, 0));
    TRY(msgsnd(id, &message, 0, 0));
    TRY(msgrcv(id, &message, (size_t)-1, 0, 0));
    TRY(msgrcv(id, &message, 10, 0, 0));
    TRY(msgctl(id, 999, NULL));
    TRY(msgctl(id, IPC_STAT, (void *)16));
    TRY(msgget(0x7f0cafe, 0600));
    TRY(msgctl(id + 1, IPC_STAT, (void *)&message));
}

static void fill(void)
{
    struct message message = {.type = 7};
    int n = 0;
    while (msgsnd(id, &message, 1000, IPC_NOWAIT) == 0)
        n++;
    printf("%d fit, then %s\n", n, strerrorname_np(errno));
    TRY(msgsnd(id, &message, 384, 0));
    show("full");
}

static int sends(void *unused)
{
    (void)unused;
    int rc = put(5, "had to wait", 0);
    return rc ? errno == EIDRM ? 2 : 3 : 0;
}

static int receives(void *unused)
{
    (void)unused;
    ssize_t len = msgrcv(id, &buffer, 100, 99, 0);
    return len < 0 ? errno == EIDRM ? 2 : errno == EINTR ? 4 : 3 : (int)len;
}

static void on_alarm(int signal)
{
    (void)signal;
}

static int is_interrupted(void *argument)
{
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
    send_byte(*(int *)argument);
    return receives(NULL);
}

/* Until the child sleeps in its call. */
static void wait_until_asleep(pid_t pid)
{
    char path[40], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    while (state != 'S' && state != 'Z') {
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*d %*s %c", &state) != 1)
            return;
        fclose(file);
        usleep(1000);
    }
}

static void waiting(void)
{
    int ends[2];
    pid_t pid = child(sends, NULL);
    wait_until_asleep(pid);
    while (msgrcv(id, &buffer, 1000, 7, IPC_NOWAIT) >= 0)
        ;
    say_wait("sender", pid, 0);
    get("what it sent", 100, 0, 0);
    pid = child(receives, NULL);
    wait_until_asleep(pid);
    TRY(put(98, "not this", 0));
    TRY(put(99, "this", 0));
    say_wait("receiver", pid, 0);
    pipe(ends);
    pid = child(is_interrupted, &ends[1]);
    wait_byte(ends[0]);
    wait_until_asleep(pid);
    kill(pid, SIGUSR1);
    say_wait("interrupted", pid, 0);
    pid = child(receives, NULL);
    wait_until_asleep(pid);
    TRY(msgctl(id, IPC_RMID, NULL));
    say_wait("at removal", pid, 0);
    show("removed");
}

static void keys_and_settings(void)
{
    struct msqid_ds info;
    struct msginfo limits;
    key_t key = 0x5a000000 | getpid();
    id = msgget(key, IPC_CREAT | IPC_EXCL | 0640);
    printf("by key %d\n", id >= 0);
    TRY(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    printf("again %d\n", msgget(key, 0600) == id);
    msgctl(id, IPC_STAT, &info);
    info.msg_qbytes = 10;
    info.msg_perm.mode = 0600;
    TRY(msgctl(id, IPC_SET, &info));
    show("set");
    TRY(put(1, "123456789", 0));
    TRY(put(1, "1", IPC_NOWAIT));
    msgctl(id, IPC_INFO, (struct msqid_ds *)&limits);
    printf("limits %d %d %d\n", limits.msgmax, limits.msgmnb, limits.msgssz);
    TRY(msgctl(id, IPC_RMID, NULL));
}

int main(void)
{
    process_start();
    id = msgget(IPC_PRIVATE, 0600);
    printf("made %d\n", id >= 0);
    show("new");
    types();
    refused();
    fill();
    waiting();
    keys_and_settings();
    return 0;
}
