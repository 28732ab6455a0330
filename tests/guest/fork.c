// SPDX-License-Identifier: GPL-2.0-or-later
/* fork(2) and clone(2): what a child inherits, what it gets a copy of, and what it does not have.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "process.h"

static int to_child[2], to_parent[2];

/* ---- memory ---- */

static int writes_memory(void *argument)
{
    char *p = argument;

    printf("child reads %d %d\n", p[0], p[5 * PAGE]);
    for (int i = 0; i < 8; i++)
        p[i * PAGE] = (char)(100 + i);
    send_byte(to_parent[1]);
    wait_byte(to_child[0]);
    printf("child still reads %d %d\n", p[0], p[5 * PAGE]);
    return p[0];
}

static void memory(void)
{
    char *p = pages(8), *shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = file(PAGE);
    char *mapped = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

    for (int i = 0; i < 8; i++)
        p[i * PAGE] = (char)i;
    pid_t pid = child(writes_memory, p);
    wait_byte(to_parent[0]);
    for (int i = 0; i < 8; i++)
        p[i * PAGE] = (char)(p[i * PAGE] * 2);
    printf("parent reads %d %d\n", p[0], p[5 * PAGE]);
    send_byte(to_child[1]);
    say_wait("memory", pid, 0);
    if (fork() == 0) {
        shared[0] = 42;
        mapped[0] = 43;
        _exit(0);
    }
    wait(NULL);
    printf("shared %d, private file %d\n", shared[0], mapped[0]);
    munmap(p, 8 * PAGE);
    close(fd);
}

static int grandchild(void *depth)
{
    long left = (long)depth;
    char *p = pages(1);

    *p = (char)left;
    if (left > 0)
        in_child("deeper", grandchild, (void *)(left - 1));
    return *p;
}

/* ---- descriptors ---- */

static int uses_descriptors(void *argument)
{
    int fd = *(int *)argument;

    TRY(lseek(fd, 100, SEEK_CUR));
    TRY(fcntl(fd, F_GETFD));
    TRY(fcntl(fd, F_SETFD, FD_CLOEXEC));
    TRY(close(fd + 1));
    TRY(dup2(fd, fd + 2));
    return 0;
}

static void descriptors(void)
{
    int fd = file(1000);

    dup2(fd, fd + 1);
    TRY(lseek(fd, 10, SEEK_SET));
    in_child("descriptors", uses_descriptors, &fd);
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(fcntl(fd, F_GETFD));
    TRY(fcntl(fd + 1, F_GETFD));
    TRY(fcntl(fd + 2, F_GETFD));
    close(fd + 1);
    close(fd);
}

static int locks_child(void *argument)
{
    int fd = *(int *)argument;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};

    TRY(fcntl(fd, F_SETLK, &lock));
    TRY(fcntl(fd, F_GETLK, &lock));
    printf("lock type %d, of my parent: %d\n", lock.l_type, lock.l_pid == getppid());
    lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10};
    TRY(fcntl(fd, F_SETLK, &lock));
    TRY(flock(fd, LOCK_EX | LOCK_NB));
    TRY(close(fd)); /* the parent's locks stay */
    return 0;
}

static void locks(void)
{
    char name[] = "/tmp/pagewalk-guest-XXXXXX";
    int fd = mkstemp(name), other = open(name, O_RDWR);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10};

    unlink(name);
    TRY(fcntl(fd, F_SETLK, &lock));
    TRY(flock(fd, LOCK_SH));
    in_child("locks", locks_child, &other);
    in_child("locks again", locks_child, &fd);
    close(other);
    close(fd);
}

static int epoll_child(void *argument)
{
    int *fds = argument;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 2};

    TRY(epoll_ctl(fds[2], EPOLL_CTL_ADD, fds[0], &event));
    TRY(epoll_ctl(fds[2], EPOLL_CTL_MOD, fds[0], &event));
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void epolls(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 1};
    int fds[3];

    TRY(pipe(fds));
    fds[2] = epoll_create1(0);
    TRY(epoll_ctl(fds[2], EPOLL_CTL_ADD, fds[0], &event));
    in_child("epoll", epoll_child, fds);
    send_byte(fds[1]);
    TRY(epoll_wait(fds[2], &event, 1, -1));
    printf("data %u\n", event.data.u32);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}

/* ---- signals and timers ---- */

static void handler(int signal)
{
    printf("handled SIG%s\n", sigabbrev_np(signal));
}

static int signals_child(void *argument)
{
    sigset_t set;
    struct itimerval timer;
    struct sigaction action;

    sigpending(&set);
    printf("child: pending %d\n", sigismember(&set, SIGUSR1));
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("child: blocked %d\n", sigismember(&set, SIGUSR1));
    getitimer(ITIMER_REAL, &timer);
    printf("child: timer %ld\n", (long)timer.it_value.tv_sec);
    sigaction(SIGUSR1, NULL, &action);
    printf("child: handler %d\n", action.sa_handler == handler);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    (void)argument;
    return 0;
}

static void signals(void)
{
    sigset_t set;

    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler}, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    in_child("signals", signals_child, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- what a process carries ---- */

static int settings_child(void *argument)
{
    char name[32] = "", path[4096];
    struct rlimit limit = {0, 0};

    prctl(PR_GET_NAME, name);
    getrlimit(RLIMIT_CORE, &limit);
    printf("child: name %s, limit %ld, umask %o, cwd %s\n", name, (long)limit.rlim_cur, umask(077),
           getcwd(path, sizeof path));
    printf("child: group %d, session %d, parent %d\n", getpgrp() == getpgid(getppid()),
           getsid(0) == getsid(getppid()), getppid() == *(pid_t *)argument);
    TRY(chdir("/tmp"));
    TRY(prctl(PR_SET_NAME, "other"));
    return 0;
}

static void settings(void)
{
    char name[32] = "", path[4096];
    pid_t self = getpid();

    TRY(prctl(PR_SET_NAME, "parent"));
    TRY(chdir("/"));
    umask(022);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    in_child("settings", settings_child, &self);
    prctl(PR_GET_NAME, name);
    printf("parent: name %s, umask %o, cwd %s\n", name, umask(022), getcwd(path, sizeof path));
}

/* ---- clone ---- */

static int shares_files(void *argument)
{
    int *fd = argument;

    *fd = open("/dev/null", O_RDONLY);
    umask(0123);
    return chdir("/tmp");
}

static char stack[64 * 1024];

static void clone_with(const char *what, int flags)
{
    static int fd;
    char path[4096];

    fd = -1;
    umask(022);
    (void)!chdir("/");
    pid_t pid = clone(shares_files, stack + sizeof(stack), flags, &fd);
    say_wait(what, pid, flags & 0xff ? 0 : __WALL);
    printf("  memory %s, descriptor %s, umask %o, cwd %s\n", fd == -1 ? "own" : "shared",
           fd != -1 && fcntl(fd, F_GETFD) == 0 ? "shared" : "not here", umask(022),
           getcwd(path, sizeof path));
    close(fd);
}

static int waits_for_byte(void *argument)
{
    (void)argument;
    return wait_byte(to_child[0]) - 1;
}

static void clears_tid(void)
{
    static int tid;
    int flags = CLONE_VM | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID | SIGCHLD;
    pid_t pid = clone(waits_for_byte, stack + sizeof(stack), flags, NULL, &tid, NULL, &tid);

    printf("tid told: %d\n", tid == pid);
    send_byte(to_child[1]);
    while (__atomic_load_n(&tid, __ATOMIC_SEQ_CST) == pid)
        syscall(SYS_futex, &tid, FUTEX_WAIT, pid, NULL, NULL, 0);
    printf("tid cleared: %d\n", tid);
    say_wait("clear tid", pid, 0);
}

/* The grandparent's child: no two may print at once. */
static int knows_parent(void *argument)
{
    return getppid() == *(pid_t *)argument ? 6 : 7;
}

static int makes_sibling(void *argument)
{
    pid_t pid = clone(knows_parent, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, argument);

    return pid > 0 ? 0 : 1;
}

static void errors(void)
{
    TRY(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
    struct clone_args args = {.exit_signal = 65};
    TRY(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args){.flags = CLONE_SIGHAND | CLONE_VM | CLONE_CLEAR_SIGHAND};
    TRY(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args){.stack = 4096};
    TRY(syscall(SYS_clone3, &args, sizeof args));
    TRY(syscall(SYS_clone3, NULL, sizeof args));
    TRY(syscall(SYS_clone3, &args, 8));
}

int main(void)
{
    pid_t self = getpid();

    process_start();
    TRY(pipe(to_child));
    TRY(pipe(to_parent));
    memory();
    in_child("deep", grandchild, (void *)5);
    descriptors();
    locks();
    epolls();
    signals();
    settings();
    clone_with("plain clone", SIGCHLD);
    clone_with("CLONE_FILES", CLONE_FILES | SIGCHLD);
    clone_with("CLONE_FS", CLONE_FS | SIGCHLD);
    clone_with("CLONE_VM", CLONE_VM | SIGCHLD);
    clone_with("all", CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD);
    clone_with("silent", 0);
    clears_tid();
    in_child("makes sibling", makes_sibling, &self);
    say_wait("sibling", -1, 0);
    errors();
    say_wait("no children", -1, 0);
    return 0;
}
