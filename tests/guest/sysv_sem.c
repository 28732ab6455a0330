// SPDX-License-Identifier: GPL-2.0-or-later
/* System V semaphores: sets, operations that wait, what a process's end undoes. */
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int id;

static int do_ops(int n, const short *triples, const struct timespec *timeout)
{
    struct sembuf ops[8];
    for (int i = 0; i < n; i++)
        ops[i] =
            (struct sembuf){(unsigned short)triples[3 * i], triples[3 * i + 1], triples[3 * i + 2]};
    return semtimedop(id, ops, (size_t)n, timeout);
}

#define OPS(n, ...) do_ops(n, (const short[]){__VA_ARGS__}, NULL)

static void show(const char *when)
{
    unsigned short values[4];
    if (semctl(id, 0, GETALL, (union semun){.array = values})) {
        printf("%s: %s\n", when, strerrorname_np(errno));
        return;
    }
    printf("%s: %d %d %d %d\n", when, values[0], values[1], values[2], values[3]);
}

static pid_t start(int (*run)(void))
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = run();
        fflush(stdout);
        _exit(status);
    }
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Until somebody waits for semaphore n. */
static void wait_for_waiter(int n, int command)
{
    while (semctl(id, n, command) == 0)
        usleep(1000);
}

static void making(void)
{
    key_t key = 0x50790000 + getpid();
    TRY(semget(key, 4, 0600));
    TRY(semget(key, 0, IPC_CREAT | 0600));
    TRY(semget(key, 32001, IPC_CREAT | 0600));
    id = semget(key, 4, IPC_CREAT | IPC_EXCL | 0600);
    printf("made: %d, found: %d\n", id >= 0, semget(key, 2, 0) == id);
    TRY(semget(key, 5, 0600));
    TRY(semget(key, 4, IPC_CREAT | IPC_EXCL | 0600));
    show("new");
}

static void simple(void)
{
    TRY(OPS(1, 0, 3, 0));
    TRY(OPS(2, 1, 2, 0, 0, -1, 0));
    show("after three");
    TRY(OPS(2, 2, 5, 0, 0, -3, IPC_NOWAIT));
    show("nothing of it is done");
    TRY(OPS(1, 0, 0, IPC_NOWAIT));
    TRY(OPS(1, 3, 0, IPC_NOWAIT));
    TRY(OPS(2, 0, -2, 0, 0, 0, 0));
    TRY(OPS(1, 4, 1, 0));
    TRY(OPS(0, 0, 0, 0));
    TRY(OPS(2, 0, 32767, 0, 0, 1, 0));
    show("nor of this");
    TRY(do_ops(1, (const short[]){0, -1, 0}, &(struct timespec){0, 30000000}));
    TRY(do_ops(1, (const short[]){0, -1, 0}, &(struct timespec){0, -1}));
    TRY(semctl(id, 1, GETVAL));
    printf("%d\n", semctl(id, 1, GETPID) == getpid());
    TRY(semctl(id, 9, GETVAL));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 32768}));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 7}));
    TRY(semctl(id, 0, 999));
    TRY(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){1, 2, 3, 40000}}));
    TRY(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){0, 0, 0, 0}}));
    show("set");
}

static int take_two(void)
{
    return OPS(2, 0, -1, 0, 1, -1, 0) ? errno : 0;
}

static int wait_for_zero(void)
{
    return OPS(1, 2, 0, 0) ? errno : 0;
}

static void waiting(void)
{
    pid_t pid = start(take_two);
    wait_for_waiter(0, GETNCNT);
    TRY(OPS(1, 0, 1, 0));
    wait_for_waiter(1, GETNCNT);
    show("one of two is there, and is not taken");
    TRY(OPS(1, 1, 1, 0));
    printf("both were taken: %d\n", end_of(pid));
    show("both");
    OPS(1, 2, 2, 0);
    pid = start(wait_for_zero);
    wait_for_waiter(2, GETZCNT);
    OPS(1, 2, -1, 0);
    OPS(1, 2, -1, 0);
    printf("zero came: %d\n", end_of(pid));
    pid = start(take_two);
    wait_for_waiter(0, GETNCNT);
    kill(pid, SIGTERM);
    printf("killed while it waits: %d, waiting: %d\n", end_of(pid), semctl(id, 0, GETNCNT));
}

static void nothing(int signal)
{
    (void)signal;
}

static int interrupted(void)
{
    signal(SIGALRM, nothing); /* with SA_RESTART */
    ualarm(20000, 20000);     /* again and again: the first may come before the wait */
    return OPS(1, 3, -1, 0) ? errno : 0;
}

static int with_undo(void)
{
    OPS(3, 0, 5, SEM_UNDO, 1, -2, SEM_UNDO, 3, 9, 0);
    show("in the child");
    return 0;
}

static int hold_and_die(void)
{
    OPS(1, 1, -1, SEM_UNDO);
    return 3;
}

static void undoing(void)
{
    semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){1, 2, 0, 0}});
    end_of(start(with_undo));
    show("undone");
    OPS(1, 0, -1, 0);
    pid_t pid = start(hold_and_die); /* what it took comes back to whoever waits */
    end_of(pid);
    show("given back");
    printf("interrupted: %s\n", strerrorname_np(end_of(start(interrupted))));
}

static int work(void)
{
    for (int i = 0; i < 300; i++) {
        if (OPS(1, 0, -1, SEM_UNDO))
            return 1;
        OPS(1, 1, 1, 0);
        if (OPS(1, 0, 1, SEM_UNDO))
            return 1;
    }
    return 0;
}

static void working(void)
{
    pid_t pids[4];
    semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){1, 0, 0, 0}});
    for (int i = 0; i < 4; i++)
        pids[i] = start(work);
    for (int i = 0; i < 4; i++)
        printf("worker %d: %d\n", i, end_of(pids[i]));
    show("all counted");
}

static void removing(void)
{
    semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){0, 0, 0, 0}});
    pid_t pid = start(take_two);
    wait_for_waiter(0, GETNCNT);
    struct semid_ds ds;
    TRY(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    printf("%lu semaphores, mode %o, used %d\n", ds.sem_nsems, ds.sem_perm.mode, ds.sem_otime != 0);
    ds.sem_perm.mode = 0400;
    TRY(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
    semctl(id, 0, IPC_STAT, (union semun){.buf = &ds});
    printf("mode %o\n", ds.sem_perm.mode);
    TRY(semctl(id, 0, IPC_RMID));
    printf("who waited: %s\n", strerrorname_np(end_of(pid)));
    TRY(semctl(id, 0, IPC_RMID));
    TRY(OPS(1, 0, 1, 0));
}

int main(void)
{
    alarm(240);
    making();
    simple();
    waiting();
    undoing();
    working();
    removing();
    return 0;
}
