// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/PID/oom_score_adj and its old form: what can be written, read and inherited. Values are
 * only raised, which needs no rights. */
#include <fcntl.h>
#include <sys/wait.h>

#include "guest.h"

static void show(const char *name)
{
    char path[64], text[64] = "";
    snprintf(path, sizeof(path), "/proc/self/%s", name);
    int fd = open(path, O_RDONLY);
    long n = read(fd, text, sizeof(text) - 1);
    close(fd);
    printf("%s (%ld): %s", name, n, text);
}

static void set(const char *name, const char *value)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/%s", name);
    int fd = open(path, O_WRONLY);
    long n = write(fd, value, strlen(value));
    printf("%s <- \"%.*s\": %s\n", name, (int)strcspn(value, "\n"), value,
           n < 0 ? strerrorname_np(errno) : "fine");
    close(fd);
}

int main(void)
{
    set("oom_score_adj", "500\n");
    show("oom_score_adj");
    show("oom_adj");
    set("oom_score_adj", " 0x258 \n");
    show("oom_score_adj");
    set("oom_score_adj", "1001");
    set("oom_score_adj", "-1001");
    set("oom_score_adj", "many");
    set("oom_score_adj", "");
    set("oom_score_adj", "700 800");
    set("oom_adj", "16");
    set("oom_adj", "-18");
    show("oom_score_adj");
    set("oom_adj", "13");
    show("oom_score_adj");
    show("oom_adj");
    fflush(stdout);
    if (fork() == 0) {
        show("oom_score_adj");
        set("oom_adj", "15");
        show("oom_score_adj");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    show("oom_score_adj");
    set("oom_score_adj", "1000");
    show("oom_adj");
    return 0;
}
