// SPDX-License-Identifier: GPL-2.0-or-later
/* /proc/self and what a process may know of itself, as far as it is the same natively. */
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "guest.h"

static int data = 5;

/* The line of /proc/self/maps that covers an address: rights and name. */
static void show_map(const char *what, const void *at)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long start, end, offset, inode;
    char line[500], rights[8], device[16], name[300];
    int found = 0;

    while (fgets(line, sizeof(line), maps)) {
        name[0] = '\0';
        if (sscanf(line, "%lx-%lx %7s %lx %15s %lu %299s", &start, &end, rights, &offset, device,
                   &inode, name) < 6)
            printf("odd line: %s", line);
        if ((unsigned long)at >= start && (unsigned long)at < end) {
            char *base = strrchr(name, '/');

            found++;
            printf("%s: %s%s%s%s\n", what, rights, base || *name ? " " : "", base ? base + 1 : name,
                   inode ? " (a file)" : "");
        }
    }
    fclose(maps);
    if (found != 1)
        printf("%s: %d lines\n", what, found);
}

static void maps(void)
{
    char here, *anonymous = pages(3), *block = malloc(100);
    int fd = file(PAGE);
    void *mapped = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

    show_map("text", (void *)(uintptr_t)show_map);
    show_map("data", &data);
    show_map("stack", &here);
    show_map("heap", block);
    show_map("anonymous", anonymous);
    mprotect(anonymous + PAGE, PAGE, PROT_NONE);
    show_map("protected part", anonymous + PAGE);
    munmap(anonymous, 3 * PAGE);
    show_map("unmapped", anonymous);
    printf("shared file mapped %d\n", mapped != MAP_FAILED);
}

static void sizes(void)
{
    unsigned long before = 0, after = 0;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (fscanf(statm, "%lu", &before) != 1)
        printf("statm cannot be read\n");
    fclose(statm);
    mmap(NULL, 1000 * PAGE, RW, ANON, -1, 0);
    statm = fopen("/proc/self/statm", "r");
    if (fscanf(statm, "%lu", &after) != 1)
        printf("statm cannot be read\n");
    fclose(statm);
    printf("virtual size grew by about a thousand pages %d\n",
           after - before >= 1000 && after - before < 1100);
}

static void names(void)
{
    char text[4096], *base;
    ssize_t n = readlink("/proc/self/exe", text, sizeof(text) - 1);
    int fd = open("/proc/self/cmdline", O_RDONLY);

    text[n > 0 ? n : 0] = '\0';
    base = strrchr(text, '/');
    printf("exe %s\n", base ? base + 1 : text);
    n = read(fd, text, sizeof(text));
    printf("cmdline ends with 0: %d\n", n > 0 && text[n - 1] == '\0');
    close(fd);
    fd = open("/proc/self/auxv", O_RDONLY);
    n = read(fd, text, sizeof(text));
    printf("auxv %d\n", n > 64 && n % 16 == 0);
    close(fd);
    fd = open("/proc/self/stat", O_RDONLY);
    n = read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    printf("stat begins with the pid: %d\n", atoi(text) == getpid());
    close(fd);
}

static int has(const char *path, const char *key)
{
    FILE *f = fopen(path, "r");
    char line[1000];
    int found = 0;

    while (f && fgets(line, sizeof(line), f))
        found |= strncmp(line, key, strlen(key)) == 0;
    if (f)
        fclose(f);
    return found;
}

static void tables(void)
{
    printf("status %d %d %d\n", has("/proc/self/status", "Name:"),
           has("/proc/self/status", "VmRSS:"), has("/proc/self/status", "Pid:"));
    printf("smaps %d %d\n", has("/proc/self/smaps", "Rss:"), has("/proc/self/smaps", "Pss:"));
    printf("meminfo %d %d %d\n", has("/proc/meminfo", "MemTotal:"),
           has("/proc/meminfo", "MemFree:"), has("/proc/meminfo", "SwapTotal:"));
    printf("cpuinfo %d\n", has("/proc/cpuinfo", "processor"));
    printf("fd/0 %d\n", access("/proc/self/fd/0", F_OK) == 0 || errno == ENOENT);
}

static void system_calls(void)
{
    struct sysinfo info;
    struct utsname name;

    TRY(sysinfo(&info));
    printf("RAM %d\n", info.totalram > 0 && info.mem_unit > 0);
    uname(&name);
    printf("%s %s\n", name.sysname, name.machine);
    printf("page size %ld, ticks %ld\n", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK));
    printf("processors %d\n", sysconf(_SC_NPROCESSORS_ONLN) > 0);
    printf("same user %d\n", getuid() == geteuid());
    printf("auxv user %d, page %lu\n", getauxval(AT_UID) == getuid(), getauxval(AT_PAGESZ));
    errno = 0;
    TRY(syscall(9999));
}

int main(void)
{
    maps();
    sizes();
    names();
    tables();
    system_calls();
    return 0;
}
