// SPDX-License-Identifier: GPL-2.0-or-later
/* exec: what the new image gets, what stays, what is gone; and calls of exec that fail and return.
 */
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "guest.h"

static char self[256];
static int in_bss[50000], in_data[3] = {1, 2, 3};

static void handler(int signal)
{
    (void)signal;
}

static char *stage(const char *name, char *const environment[])
{
    char *args[] = {"renamed", (char *)name, "", "two words", NULL};

    fflush(stdout);
    execve(self, args, environment);
    perror("execve");
    exit(1);
}

static void failures(void)
{
    char *volatile bad = (char *)8;
    char *args[] = {"x", NULL}, *none[] = {NULL}, name[] = "/tmp/pagewalk-guest-XXXXXX";
    int fd = mkstemp(name);

    TRY(execve("/nonexistent/program", args, none));
    TRY(execve("/tmp", args, none));
    TRY(execve("/etc/passwd", args, none));
    write(fd, "\177ELF nonsense", 13);
    fchmod(fd, 0755);
    close(fd);
    TRY(execve(name, args, none));
    truncate(name, 0);
    TRY(execve(name, args, none));
    TRY(execve(bad, args, none));
    TRY(execve(self, (char **)bad, none));
    TRY(execve(name + strlen(name), args, none));
    unlink(name);
    char *huge = malloc(3 << 20), *many[] = {"x", huge, NULL};
    memset(huge, 'a', 3 << 20);
    huge[(3 << 20) - 1] = 0;
    TRY(execve(self, many, none));
    free(huge);
}

static void first(void)
{
    struct sigaction action = {.sa_handler = handler};
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigset_t set;

    failures();
    in_bss[49999] = in_data[0] = 77;
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGUSR2, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    mmap((void *)0x10000000000, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    dup2(open("/dev/null", O_RDWR), 20);
    fcntl(dup2(20, 21), F_SETFD, FD_CLOEXEC);
    char *environment[] = {"A=1", "EMPTY=", NULL};
    stage("second", environment);
}

static void second(int argc, char **argv, char **environment)
{
    struct sigaction now;
    sigset_t set;
    stack_t stack;

    for (int i = 0; i < argc; i++)
        printf("argv[%d] = \"%s\"\n", i, argv[i]);
    for (int i = 0; environment[i]; i++)
        printf("%s\n", environment[i]);
    printf("fresh data %d %d\n", in_bss[49999], in_data[0]);
    sigaction(SIGUSR1, NULL, &now);
    printf("caught signal is default again %d\n", now.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &now);
    printf("ignored signal stays ignored %d\n", now.sa_handler == SIG_IGN);
    sigprocmask(SIG_SETMASK, NULL, &set);
    printf("mask stays %d\n", sigismember(&set, SIGHUP));
    sigaltstack(NULL, &stack);
    printf("alternate stack is gone %d\n", stack.ss_flags == SS_DISABLE);
    probe_start();
    PROBE("old mapping", (char *)0x10000000000, load((char *)0x10000000000));
    TRY(fcntl(20, F_GETFD));
    TRY(fcntl(21, F_GETFD));
    printf("AT_PAGESZ %lu, AT_EXECFN is self %d, AT_SECURE %lu\n", getauxval(AT_PAGESZ),
           strcmp((char *)getauxval(AT_EXECFN), self) == 0, getauxval(AT_SECURE));
    printf("sixteen random bytes %d\n", getauxval(AT_RANDOM) != 0);
    stage("20", NULL);
}

/* Executes itself many times in a row. */
static void count_down(int n)
{
    char number[16], *args[] = {self, number, NULL}, *none[] = {NULL};

    if (n == 0) {
        printf("counted down\n");
        snprintf(number, sizeof(number), "script");
        args[1] = "script";
    }
    fflush(stdout);
    snprintf(number, sizeof(number), "%d", n - 1);
    execve(self, args, none);
}

/* Through a #! line: the script's path becomes an argument. */
static void script(void)
{
    char name[] = "/tmp/pagewalk-guest-XXXXXX", line[300];
    int fd = mkstemp(name);
    char *args[] = {"ignored", "last", NULL};

    snprintf(line, sizeof(line), "#! %s  by script \n", self);
    write(fd, line, strlen(line));
    fchmod(fd, 0755);
    close(fd);
    fflush(stdout);
    execve(name, args, NULL);
    perror("script");
}

int main(int argc, char **argv, char **environment)
{
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    if (argc < 2)
        first();
    if (strcmp(argv[1], "second") == 0)
        second(argc, argv, environment);
    if (strcmp(argv[1], "script") == 0)
        script();
    if (strcmp(argv[1], "by script ") == 0 || strcmp(argv[1], "by script") == 0) {
        printf("script: \"%s\" %d arguments, last \"%s\"\n", argv[1], argc, argv[argc - 1]);
        unlink(argv[2]);
        return 3;
    }
    count_down(atoi(argv[1]));
    return 1;
}
