// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes that do to each other whatever they can: fork, vfork, threads, exec, groups, sessions,
 * stops, kills, waits, pipes, shared memory. What each sees depends on who is faster, so only this
 * is said: it came to an end, and nobody was lost. The seed is the argument.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "process.h"

enum { PROCESSES = 60, STEPS = 100, SLOTS = 64 };

/* In shared memory. */
struct board {
    volatile int made;         /* processes, in all */
    volatile int left;         /* that may still be made */
    volatile pid_t pid[SLOTS]; /* of some of them */
};

static struct board *board;
static uint64_t seed;
static char *self;
static int pipe_ends[2], session;

static void worker(void);

static long pick(long n)
{
    return (long)(roll(&seed) % (uint64_t)n);
}

/* One of ours, as long as it is: pids are never reused so soon that this would miss. */
static pid_t somebody(void)
{
    pid_t pid = board->pid[pick(SLOTS)];

    return pid > 1 && pid != session && getsid(pid) == session ? pid : 0;
}

static int may_make(void)
{
    if (__atomic_fetch_sub(&board->left, 1, __ATOMIC_SEQ_CST) > 0)
        return 1;
    __atomic_fetch_add(&board->left, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void note(pid_t pid)
{
    if (pid > 0) {
        int i = __atomic_fetch_add(&board->made, 1, __ATOMIC_SEQ_CST);
        board->pid[i % SLOTS] = pid;
    }
}

static void make_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        seed = seed * 31 + (uint64_t)getpid();
        worker();
        _exit((int)pick(256));
    }
    note(pid);
}

static void make_by_vfork(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        if (seed & 1)
            execl("/bin/true", "true", NULL);
        _exit(3);
    }
    note(pid);
}

static void make_by_exec(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        execl(self, "chaos", "leaf", NULL);
        _exit(127);
    }
    note(pid);
}

static void *in_thread(void *argument)
{
    char *p = pages(3);

    memset(p, (int)(long)argument, 3 * PAGE);
    munmap(p, 3 * PAGE);
    return NULL;
}

static void threads(void)
{
    pthread_t thread[3];

    for (long i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, in_thread, (void *)i);
    for (long i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
}

static void send_signal(void)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGCONT, SIGUSR1, SIGTSTP, 0};
    pid_t pid = somebody();

    if (pid)
        kill(pid, signals[pick(8)]);
}

static void move_group(void)
{
    pid_t pid = somebody();

    setpgid(pick(2) ? 0 : pid, pick(2) ? 0 : getpgrp());
}

static void touch_memory(void)
{
    long n = 1 + pick(40);
    char *p = pages(n);

    for (long i = 0; i < n; i++)
        p[i * PAGE] = (char)i;
    if (pick(2))
        munmap(p, (size_t)(n * PAGE));
}

static void talk(void)
{
    char bytes[100];

    if (pick(2))
        (void)!write(pipe_ends[1], bytes, (size_t)pick(100));
    else
        (void)!read(pipe_ends[0], bytes, sizeof bytes);
}

static void step(void)
{
    switch (pick(14)) {
    case 0:
    case 1:
        if (may_make())
            make_child();
        break;
    case 2:
        if (may_make())
            make_by_vfork();
        break;
    case 3:
        if (may_make())
            make_by_exec();
        break;
    case 4:
        threads();
        break;
    case 5:
    case 6:
        send_signal();
        break;
    case 7:
        move_group();
        break;
    case 8:
    case 9:
        waitpid(-1, NULL, WNOHANG | (pick(2) ? WUNTRACED | WCONTINUED : 0));
        break;
    case 10:
        touch_memory();
        break;
    case 11:
        usleep((useconds_t)pick(300));
        break;
    case 12:
        signal(SIGCHLD, pick(3) ? SIG_DFL : SIG_IGN);
        break;
    default:
        talk();
    }
}

static void worker(void)
{
    signal(SIGUSR1, SIG_IGN);
    for (int i = 0; i < STEPS; i++)
        step();
}

/* All of the session but its leader are ended, stopped ones too. */
static int end_all(void)
{
    int ended = 0, status;

    for (;;) {
        for (int i = 0; i < SLOTS; i++) {
            pid_t pid = board->pid[i];
            if (pid > 1 && pid != session && getsid(pid) == session)
                kill(pid, SIGKILL);
        }
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0)
            ended++;
        else if (pid < 0)
            return ended;
        else
            usleep(500);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "leaf") == 0)
        return 5;
    process_start();
    self = "/proc/self/exe";
    seed = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    board = mmap(NULL, sizeof *board, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    board->left = PROCESSES;
    pid_t root = fork();
    if (root == 0) {
        session = setsid();
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        signal(SIGHUP, SIG_IGN); /* for a group that is orphaned while one in it is stopped */
        pipe2(pipe_ends, O_NONBLOCK);
        worker();
        signal(SIGCHLD, SIG_DFL);
        int ended = end_all();
        _exit(ended > board->made);
    }
    say_wait("chaos", root, 0);
    say_wait("nobody left", -1, 0);
    printf("all were made: %d\n", board->made + board->left <= PROCESSES);
    return 0;
}
