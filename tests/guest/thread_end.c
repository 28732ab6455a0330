// SPDX-License-Identifier: GPL-2.0-or-later
/* How a process with threads ends; the argument says how. */
#include <semaphore.h>

#include "thread.h"

static int ends[2];
static volatile int running;

static void *wait_for_ever(void *argument)
{
    char byte;
    sem_t never;

    sem_init(&never, 0, 0);
    running++;
    if (argument == (void *)0)
        read(ends[0], &byte, 1);
    else if (argument == (void *)1)
        sem_wait(&never);
    else if (argument == (void *)2)
        sleep(1000);
    else
        for (;;)
            ;
    printf("it ended\n");
    return NULL;
}

static void *finish(void *argument)
{
    const char *how = argument;

    until_least(&running, 4);
    printf("finishing by %s\n", how);
    fflush(stdout);
    if (strcmp(how, "exit-in-thread") == 0)
        exit(7);
    if (strcmp(how, "exec-in-thread") == 0) {
        execl("/bin/echo", "echo", "new image", NULL);
        printf("no exec\n");
    }
    if (strcmp(how, "segv-in-thread") == 0)
        store((char *)16, 1);
    if (strcmp(how, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(how, "term") == 0)
        kill(getpid(), SIGTERM);
    if (strcmp(how, "abort-in-thread") == 0)
        abort();
    return NULL;
}

static void *outlive(void *argument)
{
    until_asleep(getpid());
    printf("main sleeps\n");
    (void)argument;
    return NULL;
}

/* The first thread is gone; the process is still there. */
static void *go_on(void *argument)
{
    char path[64], text[256] = "";

    usleep(20000);
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", gettid());
    FILE *file = fopen(path, "r");
    if (file)
        fgets(text, sizeof(text), file);
    printf("still here: pid %d, kill %d, %s", getpid() != gettid(), kill(getpid(), 0), text);
    (void)argument;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "return";
    pthread_t thread;

    alarm(100);
    pipe(ends);
    if (strcmp(how, "main-ends") == 0) {
        start(go_on, NULL);
        printf("main ends\n");
        pthread_exit(NULL);
    }
    if (strcmp(how, "join") == 0) {
        thread = start(outlive, NULL);
        join(thread);
        return 3;
    }
    for (long i = 0; i < 4; i++)
        start(wait_for_ever, (void *)i);
    until_least(&running, 4);
    if (strcmp(how, "return") == 0)
        return 5;
    if (strcmp(how, "_exit") == 0)
        _exit(6);
    if (strcmp(how, "exec") == 0) {
        execl("/bin/echo", "echo", "new image", NULL);
        printf("no exec\n");
    }
    thread = start(finish, (void *)how);
    join(thread);
    printf("not reached\n");
    return 1;
}
