// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process groups, sessions and controlling terminals: who may be in which, whom kill(2) reaches,
 * what a terminal sends and to whom.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "process.h"

static int ends[2], said[2];

static int lives(void *argument)
{
    close(ends[1]);
    send_byte(said[1]); /* it is there, and in its group */
    wait_byte(ends[0]);
    return argument ? *(int *)argument : 0;
}

static int lives_in_own_group(void *argument)
{
    setpgid(0, 0);
    return lives(argument);
}

static void open_pipes(void)
{
    pipe(ends);
    pipe(said);
}

static void close_pipes(void)
{
    for (int i = 0; i < 2; i++) {
        close(ends[i]);
        close(said[i]);
    }
}

/* ---- groups ---- */

static int execs(void *argument)
{
    char text[16];

    snprintf(text, sizeof text, "%d", said[1]);
    execl(argument, "jobs", "lives", text, NULL);
    return 127;
}

static int makes_session(void *argument)
{
    (void)argument;
    TRY(setsid() == getpid());
    TRY(getsid(0) == getpid());
    TRY(getpgrp() == getpid());
    TRY(setsid());
    TRY(setpgid(0, 0));
    TRY(setpgid(0, getppid()));
    return 0;
}

static void groups(char *self)
{
    open_pipes();
    pid_t pid = child(lives, NULL), execed = child(execs, self);
    TRY(getpgid(pid) == getpgrp());
    TRY(getsid(pid) == getsid(0));
    TRY(setpgid(pid, 0));
    TRY(getpgid(pid) == pid);
    TRY(setpgid(pid, getpgrp()));
    TRY(setpgid(pid, -1));
    TRY(setpgid(pid, 123456));
    TRY(setpgid(1234567, 0));
    TRY(getpgid(1234567));
    TRY(getsid(1234567));
    wait_byte(said[0]);
    wait_byte(said[0]);
    TRY(setpgid(execed, 0));
    kill(execed, SIGKILL);
    say_wait("execed", execed, 0);
    in_child("session", makes_session, NULL);
    close(ends[1]);
    say_wait("member", pid, 0);
    close_pipes();
}

static void kills(void)
{
    int status[3] = {1, 2, 3};
    pid_t group, pids[3];

    open_pipes();
    group = pids[0] = child(lives_in_own_group, &status[0]);
    wait_byte(said[0]);
    for (int i = 1; i < 3; i++) {
        pids[i] = child(lives, &status[i]);
        TRY(setpgid(pids[i], group));
        wait_byte(said[0]);
    }
    TRY(kill(-group, 0));
    TRY(kill(pids[0], 65));
    TRY(kill(1234567, 0));
    TRY(kill(-1234567, SIGTERM));
    TRY(kill(-group, SIGSTOP));
    for (int i = 0; i < 3; i++)
        say_wait("in group", pids[i], WUNTRACED);
    TRY(kill(-group, SIGCONT));
    for (int i = 0; i < 3; i++)
        say_wait("in group", -group, WCONTINUED);
    kill(pids[0], SIGTERM);
    say_wait("the leader", pids[0], 0);
    TRY(kill(pids[0], 0)); /* the group is still there */
    TRY(kill(-group, SIGHUP));
    for (int i = 1; i < 3; i++)
        say_wait("the others", pids[i], 0);
    TRY(kill(-group, 0));
    close_pipes();
}

static int zombie(void *argument)
{
    (void)argument;
    return 1;
}

static void kill_zombie(void)
{
    siginfo_t info;
    pid_t pid = child(zombie, NULL);

    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    TRY(kill(pid, SIGTERM));
    TRY(getpgid(pid) == getpgrp());
    say_wait("zombie", pid, 0);
    TRY(kill(pid, SIGTERM));
}

/* A stopped member of a group that nobody outside can continue any more is told. */
static int leaves_stopped(void *argument)
{
    int *fd = argument;
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        close(fd[0]); /* the other end, which it keeps, tells of its end */
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    waitpid(pid, NULL, WUNTRACED);
    return 0;
}

static void orphaned_group(void)
{
    int fds[2];
    char byte;

    pipe(fds);
    in_child("leaves a stopped child", leaves_stopped, fds);
    close(fds[1]);
    printf("it ended: %zd\n", read(fds[0], &byte, 1)); /* SIGHUP killed it */
    close(fds[0]);
}

/* ---- terminals ---- */

static int master;
static char slave_name[100];

static int quiet;

static void on_signal(int signal)
{
    if (quiet)
        return;
    printf("%s: SIG%s\n", getpid() == getsid(0) ? "leader" : "member", sigabbrev_np(signal));
}

static void hear(int signal)
{
    sigaction(signal, &(struct sigaction){.sa_handler = on_signal}, NULL);
}

/* Runs as leader of a session with the terminal. */
static int has_terminal(void *argument)
{
    int fd;

    (void)argument;
    setsid();
    TRY(open("/dev/tty", O_RDWR));
    fd = open(slave_name, O_RDWR | O_NOCTTY);
    TRY(open("/dev/tty", O_RDWR));
    TRY(tcgetpgrp(fd));
    TRY(ioctl(fd, TIOCSCTTY, 0));
    TRY(tcgetpgrp(fd) == getpid());
    TRY(tcgetsid(fd) == getpid());
    TRY(tcgetpgrp(master) == getpid());
    int tty = open("/dev/tty", O_RDWR);
    TRY(isatty(tty));
    TRY(tcsetpgrp(tty, 1234567));
    close(tty);

    hear(SIGINT);
    hear(SIGWINCH);
    send_byte(said[1]);
    pause(); /* Ctrl-C */
    send_byte(said[1]);
    pause(); /* a new size */
    struct winsize size;
    ioctl(fd, TIOCGWINSZ, &size);
    printf("%d x %d\n", size.ws_row, size.ws_col);
    return 0;
}

static void controlling(void)
{
    open_pipes();
    pid_t pid = child(has_terminal, NULL);
    wait_byte(said[0]);
    usleep(50000);
    write(master, "\003", 1);
    wait_byte(said[0]);
    usleep(50000);
    TRY(ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_row = 30, .ws_col = 90}));
    say_wait("leader", pid, 0);
    close_pipes();
}

static int background(void *argument)
{
    int fd = *(int *)argument;
    char line[20] = "";

    setpgid(0, 0);
    ssize_t n = read(fd, line, sizeof line);
    printf("background reads %zd %s", n, line);
    return 0;
}

static int background_writes(void *argument)
{
    int fd = *(int *)argument;

    setpgid(0, 0);
    printf("writes %zd\n", write(fd, "x", 1));
    return 0;
}

static int background_ignores(void *argument)
{
    int fd = *(int *)argument;
    char byte;

    setpgid(0, 0);
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    TRY(read(fd, &byte, 1));
    TRY(write(fd, "x", 1));
    TRY(tcsetpgrp(fd, getpgrp()));
    TRY(tcgetpgrp(fd) == getpgrp());
    return 0;
}

/* A shell as far as a terminal can tell. */
static int shell(void *argument)
{
    struct termios settings;

    (void)argument;
    close(master);
    setsid();
    int fd = open(slave_name, O_RDWR); /* becomes the controlling terminal */
    signal(SIGTTOU, SIG_IGN);
    TRY(tcgetpgrp(fd) == getpid());
    pid_t pid = child(background, &fd);
    say_wait("reads in the background", pid, WUNTRACED);
    TRY(tcsetpgrp(fd, pid));
    kill(-pid, SIGCONT);
    say_wait("goes on", pid, WCONTINUED);
    send_byte(said[1]);
    say_wait("in the foreground", pid, WUNTRACED);
    TRY(tcsetpgrp(fd, getpid()));
    signal(SIGTTOU, SIG_DFL);
    tcgetattr(fd, &settings);
    settings.c_lflag |= TOSTOP;
    tcsetattr(fd, TCSANOW, &settings);
    pid = child(background_writes, &fd);
    say_wait("writes in the background", pid, WUNTRACED);
    settings.c_lflag &= ~(tcflag_t)TOSTOP;
    tcsetattr(fd, TCSANOW, &settings);
    kill(-pid, SIGCONT);
    say_wait("may write", pid, 0);
    signal(SIGTTOU, SIG_IGN);
    in_child("ignores", background_ignores, &fd);
    TRY(tcsetpgrp(fd, getpid()));

    pid = child(background, &fd); /* to be stopped by Ctrl-Z */
    say_wait("again", pid, WUNTRACED);
    tcsetpgrp(fd, pid);
    kill(-pid, SIGCONT);
    say_wait("goes on", pid, WCONTINUED);
    send_byte(said[1]);
    say_wait("Ctrl-Z", pid, WUNTRACED);
    kill(pid, SIGKILL);
    say_wait("killed", pid, 0);
    tcsetpgrp(fd, getpid());

    signal(SIGHUP, on_signal);
    send_byte(said[1]);
    pause(); /* the other side goes away */
    char byte;
    TRY(read(fd, &byte, 1));
    TRY(write(fd, "x", 1));
    return 0;
}

static void job_control(void)
{
    open_pipes();
    pid_t pid = child(shell, NULL);
    wait_byte(said[0]);
    write(master, "a line\n", 7);
    wait_byte(said[0]);
    usleep(50000);
    write(master, "\032", 1);
    wait_byte(said[0]);
    usleep(50000);
    close(master);
    say_wait("shell", pid, 0);
    close_pipes();
}

static void open_terminal(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    grantpt(master);
    unlockpt(master);
    ptsname_r(master, slave_name, sizeof slave_name);
}

/* The end of a session's leader takes the terminal from the others. */
static int leader_ends(void *argument)
{
    (void)argument;
    setsid();
    open(slave_name, O_RDWR);
    quiet = 1;
    hear(SIGHUP);
    if (fork() == 0) {
        send_byte(said[1]);
        pause();
        wait_byte(ends[0]); /* the leader was waited for */
        TRY(open("/dev/tty", O_RDWR));
        send_byte(said[1]);
        _exit(0);
    }
    wait_byte(said[0]);
    usleep(20000);
    return 0;
}

int main(int argc, char **argv)
{
    char self[4096] = "";

    process_start();
    if (argc == 3) {
        send_byte(atoi(argv[2]));
        pause();
    }
    readlink("/proc/self/exe", self, sizeof self - 1);
    (void)argv;
    groups(self);
    kills();
    kill_zombie();
    orphaned_group();
    open_terminal();
    controlling();
    close(master);
    open_terminal();
    open_pipes();
    in_child("leader ends", leader_ends, NULL);
    send_byte(ends[1]);
    wait_byte(said[0]);
    close_pipes();
    close(master);
    open_terminal();
    job_control();
    return 0;
}
