// SPDX-License-Identifier: GPL-2.0-or-later
/* vfork(2), posix_spawn(3) and execve(2) in a child: who runs when, what is shared, what exec
 * keeps. */
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>

#include "process.h"

static char self[4096];
static volatile int shared;
static char stack[64 * 1024];

static void vfork_exits(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        shared = 1;
        usleep(10000);
        shared = 2; /* the parent does not run before this */
        _exit(3);
    }
    printf("after vfork: %d\n", shared);
    say_wait("vfork", pid, 0);
}

static void vfork_execs(void)
{
    char *argv[] = {self, "show", "from vfork", NULL};
    pid_t pid = vfork();

    if (pid == 0) {
        execv(self, argv);
        _exit(127);
    }
    say_wait("vfork and exec", pid, 0);
    pid = vfork();
    if (pid == 0) {
        execl("/no/such/program", "x", NULL);
        shared = errno;
        _exit(127);
    }
    printf("failed exec: %s\n", strerrorname_np(shared));
    say_wait("failed exec", pid, 0);
}

/* The parent waits for a child that is killed, and for one that kills itself by a fault. */
static void vfork_dies(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        kill(getpid(), SIGKILL);
        _exit(0);
    }
    say_wait("killed in vfork", pid, 0);
}

static int on_own_stack(void *argument)
{
    shared = *(int *)argument;
    sched_yield();
    shared++;
    return 4;
}

static void clone_vfork(void)
{
    int value = 40;
    pid_t pid =
        clone(on_own_stack, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &value);

    printf("clone: %d\n", shared);
    say_wait("clone", pid, 0);
}

static volatile int alarms;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

/* A handler runs only when the child has let go. */
static void signal_waits(void)
{
    pid_t parent = getpid();

    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    pid_t pid = vfork();
    if (pid == 0) {
        kill(parent, SIGUSR1);
        usleep(20000);
        shared = alarms;
        _exit(0);
    }
    printf("during: %d, after: %d\n", shared, alarms);
    say_wait("signalled", pid, 0);
}

/* ---- exec ---- */

static void kept_by_exec(void)
{
    sigset_t set;
    char *argv[] = {self, "state", NULL};
    int kept = open("/dev/null", O_RDONLY), closed = open("/dev/null", O_RDONLY | O_CLOEXEC);

    dup2(kept, 50);
    dup3(closed, 51, O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGUSR2);
        sigaction(SIGHUP, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        prctl(PR_SET_NAME, "before");
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(self, argv);
    }
    say_wait("kept", pid, 0);
    close(kept);
    close(closed);
}

static int show_state(void)
{
    sigset_t set;
    struct sigaction action;
    char name[32] = "";
    int signal = 0;

    process_start();
    sigpending(&set);
    printf("pending %d\n", sigismember(&set, SIGUSR2));
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("blocked %d %d\n", sigismember(&set, SIGUSR2), sigismember(&set, SIGUSR1));
    sigaction(SIGHUP, NULL, &action);
    printf("ignored %d\n", action.sa_handler == SIG_IGN);
    sigaction(SIGUSR1, NULL, &action);
    printf("default %d\n", action.sa_handler == SIG_DFL);
    prctl(PR_GET_NAME, name);
    prctl(PR_GET_PDEATHSIG, &signal);
    printf("name %.5s, death signal %d\n", name, signal);
    TRY(fcntl(50, F_GETFD));
    TRY(fcntl(51, F_GETFD));
    return 5;
}

/* ---- posix_spawn ---- */

static void spawns(void)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t set;
    char *argv[] = {self, "show", "spawned", NULL}, *none[] = {NULL}, line[100] = "";
    int ends[2];
    pid_t pid;

    int error = posix_spawn(&pid, self, NULL, NULL, argv, none);
    say_wait("spawned", pid, 0);
    printf("spawn: %d\n", error);
    TRY(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, none) == ENOENT);

    pipe(ends);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawnattr_init(&attributes);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&attributes, &set);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attributes, &set);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETPGROUP);
    TRY(posix_spawn(&pid, self, &actions, &attributes, argv, none));
    close(ends[1]);
    read(ends[0], line, sizeof line - 1);
    printf("through a pipe: %s", line);
    say_wait("spawned with actions", pid, 0);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    fflush(stdout);
    printf("system: %d\n", system("exit 7") >> 8);
    FILE *from = popen("echo from popen; exit 2", "r");
    fgets(line, sizeof line, from);
    printf("%s%d\n", line, pclose(from) >> 8);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        printf("%s\n", argv[2]);
        return 9;
    }
    if (argc == 2)
        return show_state();
    process_start();
    readlink("/proc/self/exe", self, sizeof self - 1);
    vfork_exits();
    vfork_execs();
    vfork_dies();
    clone_vfork();
    signal_waits();
    kept_by_exec();
    spawns();
    say_wait("none left", -1, 0);
    return 0;
}
