// SPDX-License-Identifier: GPL-2.0-or-later
/* wait4 and waitid(2): which child, what of it, when; SIGCHLD; orphans and who gets them. */
#include <sys/prctl.h>
#include <sys/times.h>

#include "process.h"

static int ends[2];

static int exits(void *status)
{
    return (int)(long)status;
}

static int dies(void *signal)
{
    kill(getpid(), (int)(long)signal);
    return 0;
}

/* Lives until the pipe closes. */
static int lives(void *argument)
{
    close(ends[1]);
    wait_byte(ends[0]);
    return argument ? *(int *)argument : 0;
}

static void say_info(const char *what, int result, const siginfo_t *info, pid_t pid)
{
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return;
    }
    printf("%s: signo %d, code %d, status %d, pid %s, uid %d\n", what, info->si_signo,
           info->si_code, info->si_status,
           info->si_pid == pid ? "right"
           : info->si_pid == 0 ? "0"
                               : "other",
           info->si_signo ? info->si_uid == getuid() : -1);
}

static void ways_to_end(void)
{
    in_child("exit 0", exits, (void *)0);
    in_child("exit 255", exits, (void *)255);
    in_child("exit 256", exits, (void *)256);
    in_child("KILL", dies, (void *)SIGKILL);
    in_child("TERM", dies, (void *)SIGTERM);
    in_child("USR1", dies, (void *)SIGUSR1);
    in_child("RT", dies, (void *)(long)SIGRTMAX);
    in_child("CHLD", dies, (void *)SIGCHLD);
}

static void which_child(void)
{
    pid_t first, second;

    pipe(ends);
    first = child(lives, NULL);
    second = child(exits, (void *)2);
    say_wait("second", second, 0);
    say_wait("second again", second, 0);
    say_wait("first, no hang", first, WNOHANG);
    say_wait("group, no hang", 0, WNOHANG);
    say_wait("other group", -first, WNOHANG);
    say_wait("clone children only", -1, WNOHANG | __WCLONE);
    say_wait("all kinds", -1, WNOHANG | __WALL);
    TRY(waitpid(first, NULL, 12345678));
    TRY(waitpid(INT32_MIN, NULL, 0));
    TRY(waitpid(1, NULL, 0));
    close(ends[1]);
    close(ends[0]);
    say_wait("first", -1, 0);
    say_wait("none left", -1, WNOHANG);
}

static void infos(void)
{
    siginfo_t info;
    pid_t pid = child(exits, (void *)3);

    memset(&info, 0, sizeof info);
    say_info("peek", waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), &info, pid);
    say_info("peek again", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), &info, pid);
    say_info("stops only", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG), &info, pid);
    say_info("take", waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED), &info, pid);
    say_info("gone", waitid(P_PID, (id_t)pid, &info, WEXITED), &info, pid);
    say_info("no options", waitid(P_ALL, 0, &info, 0), &info, pid);
    say_info("bad type", waitid((idtype_t)77, 0, &info, WEXITED), &info, pid);
    pid = child(dies, (void *)SIGTERM);
    say_info("killed", waitid(P_ALL, 0, &info, WEXITED), &info, pid);
}

static void stops(void)
{
    siginfo_t info;
    int status = 9;

    pipe(ends);
    pid_t pid = child(lives, &status);
    kill(pid, SIGSTOP);
    say_info("stopped, peek", waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), &info, pid);
    say_wait("stopped", pid, WUNTRACED);
    say_wait("told once", pid, WUNTRACED | WNOHANG);
    kill(pid, SIGCONT);
    say_info("continued, peek", waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT), &info, pid);
    say_wait("continued", pid, WCONTINUED);
    say_wait("told once", pid, WCONTINUED | WNOHANG);
    kill(pid, SIGTSTP);
    say_wait("again", pid, WUNTRACED);
    close(ends[1]); /* its read is over, but it does not run */
    close(ends[0]);
    usleep(20000);
    say_wait("still stopped", pid, WNOHANG);
    kill(pid, SIGTERM); /* waits for its turn too */
    usleep(20000);
    say_wait("still stopped", pid, WNOHANG);
    kill(pid, SIGKILL);
    say_wait("killed", pid, 0);
}

/* ---- a zombie, as /proc shows it ---- */

static void say_file(pid_t pid, const char *name)
{
    char path[100], text[300] = "";

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (strcmp(name, "stat") == 0 && n > 0) {
        char state = 0;
        int parent = 0;
        sscanf(strrchr(text, ')'), ") %c %d", &state, &parent);
        printf("%s: %c, of mine %d\n", name, state, parent == getpid());
    } else {
        printf("%s: %zd %s\n", name, n, n < 0 ? strerrorname_np(errno) : text);
    }
    close(fd);
}

static void say_link(pid_t pid, const char *name)
{
    char path[100], text[300];

    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t n = readlink(path, text, sizeof text);
    printf("%s: %s, %s\n", name, n < 0 ? strerrorname_np(errno) : "a link",
           access(path, F_OK) < 0 ? strerrorname_np(errno) : "there");
}

static void zombie(void)
{
    siginfo_t info;

    prctl(PR_SET_NAME, "undead");
    pid_t pid = child(exits, (void *)1);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    say_file(pid, "comm");
    say_file(pid, "stat");
    say_file(pid, "cmdline");
    say_file(pid, "maps");
    say_file(pid, "statm");
    say_link(pid, "exe");
    say_link(pid, "cwd");
    say_link(pid, "fd/0");
    say_wait("zombie", pid, 0);
    say_file(pid, "comm");
    say_link(pid, "exe");
}

/* ---- SIGCHLD ---- */

static volatile int heard;
static siginfo_t heard_info;

static void on_child(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    heard++;
    heard_info = *info;
}

static void listen_with(int flags)
{
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | flags};

    heard = 0;
    sigaction(SIGCHLD, &action, NULL);
}

static void sigchld(void)
{
    int status = 0;

    listen_with(SA_RESTART);
    pid_t pid = child(exits, (void *)7);
    say_wait("with SIGCHLD", pid, 0);
    say_info("heard", 0, &heard_info, pid);
    pipe(ends);
    pid = child(lives, &status);
    kill(pid, SIGSTOP);
    say_wait("stop", pid, WUNTRACED);
    say_info("heard of the stop", 0, &heard_info, pid);
    heard = 0;
    kill(pid, SIGCONT);
    say_wait("cont", pid, WCONTINUED);
    while (!heard) /* the child itself sends it, when it runs */
        usleep(1000);
    say_info("heard of going on", 0, &heard_info, pid);
    listen_with(SA_NOCLDSTOP);
    kill(pid, SIGSTOP);
    say_wait("silent stop", pid, WUNTRACED);
    printf("heard %d\n", heard);
    kill(pid, SIGKILL);
    say_wait("killed", pid, 0);
    say_info("heard of the end", 0, &heard_info, pid);
    close(ends[0]);
    close(ends[1]);
    listen_with(SA_NOCLDWAIT | SA_RESTART);
    pid = child(exits, (void *)8);
    say_wait("no zombie", pid, 0);
    printf("heard %d\n", heard);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    pid = child(exits, (void *)9);
    say_wait("ignored", -1, 0);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void interrupted(void)
{
    listen_with(0);
    sigaction(SIGALRM, &(struct sigaction){.sa_sigaction = on_child}, NULL);
    pipe(ends);
    pid_t pid = child(lives, NULL);
    ualarm(20000, 20000); /* again and again: the first may come before the wait */
    say_wait("interrupted", pid, 0);
    ualarm(0, 0);
    close(ends[1]);
    close(ends[0]);
    while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
        continue;
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    alarm(240);
}

/* ---- orphans ---- */

static int to_reaper[2];

static int orphan(void *argument)
{
    (void)argument;
    wait_byte(ends[0]); /* until the parent is gone */
    prctl(PR_SET_NAME, "orphan");
    pid_t parent = getppid();
    if (write(to_reaper[1], &parent, sizeof parent) < 0)
        perror("write");
    return 11;
}

static int leaves_orphan(void *argument)
{
    close(ends[1]);
    child(orphan, argument);
    return 0;
}

static void orphans(int reaps)
{
    pid_t parent = 0;

    TRY(prctl(PR_SET_CHILD_SUBREAPER, reaps));
    pipe(ends);
    pipe(to_reaper);
    in_child("leaves an orphan", leaves_orphan, NULL);
    close(ends[1]);
    read(to_reaper[0], &parent, sizeof parent);
    printf("its parent: %s\n", parent == getpid() ? "me" : parent == 1 ? "1" : "somebody");
    say_wait("orphan", -1, 0);
    close(ends[0]);
    close(to_reaper[0]);
    close(to_reaper[1]);
}

static int told_of_death(void *argument)
{
    (void)argument;
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    send_byte(to_reaper[1]);
    wait_byte(ends[0]);
    pause();
    return 0;
}

static int leaves_listener(void *argument)
{
    child(told_of_death, argument);
    wait_byte(to_reaper[0]);
    return 0;
}

static void death_signal(void)
{
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
    pipe(ends);
    pipe(to_reaper);
    in_child("leaves a listener", leaves_listener, NULL);
    say_wait("listener", -1, 0);
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
}

/* ---- usage ---- */

static int burns(void *argument)
{
    char *p = pages(500);
    volatile unsigned sum = 0;

    for (unsigned i = 0; i < 60000000; i++)
        sum += i;
    for (int i = 0; i < 500; i++)
        p[i * PAGE] = 1;
    (void)argument;
    return 0;
}

static void usages(void)
{
    struct rusage one, all;
    struct tms tms;

    getrusage(RUSAGE_CHILDREN, &all);
    pid_t pid = child(burns, NULL);
    int status;
    printf("got it: %d\n", wait4(pid, &status, 0, &one) == pid);
    printf("faults %d, time %d, resident %d\n", one.ru_minflt > 500,
           one.ru_utime.tv_sec + one.ru_utime.tv_usec > 0, one.ru_maxrss > 0);
    getrusage(RUSAGE_CHILDREN, &all);
    printf("in all: faults %d, resident %d\n", all.ru_minflt >= one.ru_minflt,
           all.ru_maxrss >= one.ru_maxrss);
    times(&tms);
    printf("times: %d\n", tms.tms_cutime + tms.tms_cstime > 0);
}

/* Children of children that were waited for in between count too. */
static void many(void)
{
    int status, sum = 0;

    for (long i = 0; i < 50; i++)
        child(exits, (void *)i);
    for (int i = 0; i < 50; i++) {
        wait(&status);
        sum += WEXITSTATUS(status);
    }
    printf("sum %d\n", sum);
    say_wait("none left", -1, 0);
}

int main(void)
{
    process_start();
    ways_to_end();
    which_child();
    infos();
    stops();
    zombie();
    sigchld();
    interrupted();
    orphans(0);
    orphans(1);
    death_signal();
    usages();
    many();
    return 0;
}
