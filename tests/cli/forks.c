// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest that makes processes: `forks N` one after the other, `forks N live` all at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int one_after_the_other(int n)
{
    int ended = 0, status;

    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(i % 100);
        if (pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i % 100)
            ended++;
    }
    return ended;
}

/* Each waits until all are there. */
static int all_at_once(int n)
{
    int ends[2], made = 0, ended = 0;
    char byte;

    if (pipe(ends) < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(ends[1]);
            _exit((int)read(ends[0], &byte, 1));
        }
        made += pid > 0;
    }
    close(ends[1]);
    while (wait(NULL) > 0)
        ended++;
    return made == ended ? ended : -1;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1;
    int ended = argc > 2 ? all_at_once(n) : one_after_the_other(n);

    printf("%d\n", ended);
    return ended == n ? 0 : 1;
}
