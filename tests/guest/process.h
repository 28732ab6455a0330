// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the guest programs with several processes share. Children say what they see on the same
 * standard output; who prints when is settled by waiting, never by time.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

/* Output goes out at once, so that it is not doubled by fork. */
static inline void process_start(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    alarm(240);
}

static inline void say_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited with %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by SIG%s\n", what, sigabbrev_np(WTERMSIG(status)));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by SIG%s\n", what, sigabbrev_np(WSTOPSIG(status)));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", what);
    else
        printf("%s: status %#x\n", what, status);
}

static inline void say_wait(const char *what, pid_t pid, int options)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, options);

    if (got == -1)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else if (got == 0)
        printf("%s: nothing yet\n", what);
    else
        say_status(what, status);
}

/* A child that runs the function and exits with what it gives. */
static inline pid_t child(int (*fn)(void *argument), void *argument)
{
    pid_t pid = fork();

    if (pid == -1) {
        perror("fork");
        exit(1);
    }
    if (pid == 0)
        _exit(fn(argument));
    return pid;
}

/* Runs it in a child, waits, and says how that ended. */
static inline void in_child(const char *what, int (*fn)(void *argument), void *argument)
{
    say_wait(what, child(fn, argument), 0);
}

/* One byte to wait for and to send, to take turns. */
static inline void send_byte(int fd)
{
    if (write(fd, "x", 1) != 1)
        perror("write");
}

static inline int wait_byte(int fd)
{
    char byte;

    return (int)read(fd, &byte, 1);
}

#endif
