// SPDX-License-Identifier: GPL-2.0-or-later
/* Capabilities: what a task sees, gives up, and hands to what it makes. Which it has to begin with
 * depends on the user, so only what becomes of them is printed. */
#include <linux/capability.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "process.h"

struct sets {
    struct __user_cap_data_struct low, high;
};

static int get(pid_t pid, struct sets *out)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
    return (int)syscall(SYS_capget, &header, out);
}

static int set(pid_t pid, const struct sets *from)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, pid};
    return (int)syscall(SYS_capset, &header, from);
}

static int is_empty(const struct sets *sets)
{
    return !(sets->low.permitted | sets->low.effective | sets->high.permitted |
             sets->high.effective);
}

static void show_status(const char *what)
{
    char line[200];
    FILE *file = fopen("/proc/thread-self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "CapPrm", 6) == 0 || strncmp(line, "CapEff", 6) == 0 ||
            strncmp(line, "NoNewPrivs", 10) == 0)
            printf("%s %s", what, line);
    if (file)
        fclose(file);
}

static void *in_thread(void *unused)
{
    struct sets sets = {0};
    (void)unused;
    TRY(set(0, &sets));
    get(0, &sets);
    printf("the thread has none: %d\n", is_empty(&sets));
    show_status("thread");
    return NULL;
}

static int after_dropping(void *unused)
{
    struct sets sets = {0}, now, more;
    (void)unused;
    TRY(set(0, &sets));
    TRY(get(0, &now));
    printf("none: %d\n", is_empty(&now));
    show_status("child");
    more = sets;
    more.low.permitted = 1;
    TRY(set(0, &more));
    more.low.effective = 2;
    TRY(set(0, &more));
    TRY(set(1, &sets));
    TRY(setpriority(PRIO_PROCESS, 0, -5));
    TRY(prctl(PR_CAPBSET_DROP, 3, 0, 0, 0));
    if (fork() == 0) {
        get(0, &now);
        printf("inherited none: %d\n", is_empty(&now));
        _exit(0);
    }
    wait(NULL);
    return 0;
}

static void versions(void)
{
    struct __user_cap_header_struct header = {0x1234, 0};
    struct sets sets;
    TRY(syscall(SYS_capget, &header, NULL));
    printf("%#x\n", header.version);
    header.version = 1;
    TRY(syscall(SYS_capget, &header, &sets));
    header.version = _LINUX_CAPABILITY_VERSION_1;
    TRY(syscall(SYS_capget, &header, &sets));
    TRY(get(999999, &sets));
    TRY(get(-1, &sets));
    TRY(prctl(PR_CAPBSET_READ, 63, 0, 0, 0));
}

int main(void)
{
    struct sets mine, again;
    pthread_t thread;
    process_start();
    versions();
    TRY(get(0, &mine));
    TRY(get(getpid(), &again));
    printf("the same: %d\n", memcmp(&mine, &again, sizeof mine) == 0);
    TRY(set(0, &mine));
    in_child("child", after_dropping, NULL);
    pthread_create(&thread, NULL, in_thread, NULL);
    pthread_join(thread, NULL);
    get(0, &again);
    printf("mine are as before: %d\n", memcmp(&mine, &again, sizeof mine) == 0);
    TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show_status("main");
    return 0;
}
