// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest of huge.bats: words on the command line are done in order.
 *   giant                  huge pages are of 1 GiB from now on, not 2 MiB
 *   map N, noreserve N     mmap N huge pages; says 0 or the error
 *   shared N               the same with MAP_SHARED
 *   segment N              the same as a segment of shmget
 *   flags HEX              mmap one page with these flags more; says 0 or the error
 *   touch N, read N        the first N pages, a byte each
 *   check                  what touch stored is there, all else is zero
 *   fork                   a child stores to the first page, sees its own, and ends; says its end
 *   keep                   a child waits, while the parent stores to the first page; then it looks
 *   odd                    calls that would cut a huge page: their errors
 *   move, drop, unmap      mremap all; MADV_DONTNEED the first page; munmap all
 *   show                   the pool as /proc/meminfo has it: total free reserved
 *   sys                    the same from /sys
 *   smaps                  KernelPageSize Private_Hugetlb Shared_Hugetlb Rss of the region
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t huge_len = 2 << 20;
static int size_flags;
static unsigned char *memory;
static size_t npages, ntouched;

static int map(size_t n, int flags)
{
    int type = flags & MAP_SHARED ? 0 : MAP_PRIVATE;
    memory = mmap(NULL, n * huge_len - 5000, PROT_READ | PROT_WRITE,
                  type | MAP_ANONYMOUS | MAP_HUGETLB | size_flags | flags, -1, 0);
    npages = n;
    return memory == MAP_FAILED ? errno : (int)((size_t)memory % huge_len);
}

static int map_segment(size_t n)
{
    int id = shmget(IPC_PRIVATE, n * huge_len, IPC_CREAT | 0600 | SHM_HUGETLB | size_flags);
    if (id < 0)
        return errno;
    memory = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    npages = n;
    return memory == (void *)-1 ? errno : (int)((size_t)memory % huge_len);
}

static void touch(size_t n)
{
    for (size_t i = 0; i < n; i++)
        memory[i * huge_len + 70000] = (unsigned char)(i + 1);
    ntouched = n;
}

static size_t load(size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((volatile unsigned char *)memory)[i * huge_len + 100];
    return sum;
}

/* Of large pages not every byte. */
static int is_right(void)
{
    size_t step = huge_len > 2 << 20 ? 10000 : 1;
    for (size_t i = 0; i < ntouched * huge_len; i += step)
        if (memory[i] != (i % huge_len == 70000 ? i / huge_len + 1 : 0))
            return 0;
    return 1;
}

static void say_end(const char *who, pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        printf("%s signal %d\n", who, WTERMSIG(status));
    else
        printf("%s status %d\n", who, WEXITSTATUS(status));
}

static void with_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        memory[70000] = 99;
        _exit(memory[70000] == 99 && memory[70001] == 0 ? 7 : 1);
    }
    say_end("child", pid);
}

static void with_waiting_child(void)
{
    int ends[2];
    char byte = 0;
    if (pipe(ends))
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        if (read(ends[0], &byte, 1) != 1)
            _exit(2);
        _exit(memory[70000]);
    }
    memory[70000] = 55;
    if (write(ends[1], &byte, 1) != 1)
        exit(1);
    say_end("kept", pid);
    printf("parent %d\n", memory[70000]);
}

static int error_of(long result)
{
    return result == -1 ? errno : 0;
}

static void odd(void)
{
    char *p = (char *)memory;
    void *aside = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("%d %d", error_of(mprotect(p, 4096, PROT_READ)), error_of(munmap(p + 4096, 4096)));
    printf(" %d", error_of(madvise(p, 8192, MADV_DONTNEED)));
    printf(" %d", error_of(madvise(p, huge_len, MADV_PAGEOUT)));
    printf(" %d", error_of((long)mremap(p + 4096, 4096, 8192, MREMAP_MAYMOVE)));
    printf(" %d", error_of((long)mmap(p + 4096, 4096, PROT_READ,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)));
    printf(" %d", error_of((long)mmap(
                      p + 4096, huge_len, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED | size_flags, -1, 0)));
    printf(" %d\n",
           error_of((long)mremap(aside, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8192)));
}

static void move(void)
{
    size_t len = npages * huge_len;
    char *to = mmap(NULL, len + huge_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    to = (char *)(((size_t)to + huge_len - 1) / huge_len * huge_len);
    memory = mremap(memory, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    printf("moved %d\n", memory == (unsigned char *)to);
}

static long meminfo(const char *field)
{
    char line[128];
    long value = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0)
            value = atol(line + strlen(field));
    fclose(f);
    return value;
}

static long segments_rss(void)
{
    struct shm_info info;
    return shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) < 0 ? -1 : (long)info.shm_rss;
}

static long sys_value(const char *name)
{
    char path[160];
    long value = -1;
    snprintf(path, sizeof path, "/sys/kernel/mm/hugepages/hugepages-%zukB/%s", huge_len >> 10,
             name);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%ld", &value) != 1)
        return -1;
    fclose(f);
    return value;
}

static void smaps(void)
{
    static const char *const names[] = {
        "KernelPageSize:", "Private_Hugetlb:", "Shared_Hugetlb:", "Rss:"};
    long values[4] = {-1, -1, -1, -1};
    char line[4096], start[32];
    int inside = 0;
    snprintf(start, sizeof start, "%lx-", (unsigned long)memory);
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strchr("0123456789abcdef", line[0])) /* fields begin with a capital */
            inside = strncmp(line, start, strlen(start)) == 0;
        for (int i = 0; inside && i < 4; i++)
            if (strncmp(line, names[i], strlen(names[i])) == 0)
                values[i] = atol(line + strlen(names[i]));
    }
    fclose(f);
    printf("%ld %ld %ld %ld\n", values[0], values[1], values[2], values[3]);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!strcmp(word, "giant")) {
            huge_len = 1 << 30;
            size_flags = 30 << 26;
        } else if (!strcmp(word, "map"))
            printf("%d\n", map((size_t)atol(argv[++i]), 0));
        else if (!strcmp(word, "shared"))
            printf("%d\n", map((size_t)atol(argv[++i]), MAP_SHARED));
        else if (!strcmp(word, "segment"))
            printf("%d\n", map_segment((size_t)atol(argv[++i])));
        else if (!strcmp(word, "noreserve"))
            printf("%d\n", map((size_t)atol(argv[++i]), MAP_NORESERVE));
        else if (!strcmp(word, "flags"))
            printf("%d\n", map(1, (int)strtol(argv[++i], NULL, 16)));
        else if (!strcmp(word, "touch"))
            touch((size_t)atol(argv[++i]));
        else if (!strcmp(word, "read"))
            printf("read %zu\n", load((size_t)atol(argv[++i])));
        else if (!strcmp(word, "check"))
            printf("%s\n", is_right() ? "right" : "wrong");
        else if (!strcmp(word, "fork"))
            with_child();
        else if (!strcmp(word, "keep"))
            with_waiting_child();
        else if (!strcmp(word, "odd"))
            odd();
        else if (!strcmp(word, "move"))
            move();
        else if (!strcmp(word, "drop"))
            printf("%d\n", error_of(madvise(memory, huge_len, MADV_DONTNEED)));
        else if (!strcmp(word, "unmap"))
            printf("%d\n", error_of(munmap(memory, npages * huge_len)));
        else if (!strcmp(word, "show"))
            printf("%ld %ld %ld\n", meminfo("HugePages_Total:"), meminfo("HugePages_Free:"),
                   meminfo("HugePages_Rsvd:"));
        else if (!strcmp(word, "rss"))
            printf("%ld\n", segments_rss());
        else if (!strcmp(word, "sys"))
            printf("%ld %ld %ld\n", sys_value("nr_hugepages"), sys_value("free_hugepages"),
                   sys_value("resv_hugepages"));
        else if (!strcmp(word, "smaps"))
            smaps();
        else
            return 2;
    }
    return 0;
}
