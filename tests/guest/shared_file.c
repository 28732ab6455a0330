// SPDX-License-Identifier: GPL-2.0-or-later
/* Shared file mappings agree with read and write at every moment; msync, mincore and mlock. */
#include <fcntl.h>

#include "guest.h"

static void coherent(void)
{
    int fd = file(40 * PAGE), bad = 0;
    char *p = mmap(NULL, 40 * PAGE, RW, MAP_SHARED, fd, 0);
    char *q = mmap(NULL, 20 * PAGE, RW, MAP_SHARED, fd, 10 * PAGE);
    uint64_t seed = 11;

    for (int i = 0; i < 3000; i++) {
        long at = (long)(roll(&seed) % (40 * PAGE));
        char value = (char)i, seen = 0;

        if (i % 3 == 0)
            p[at] = value;
        else if (i % 3 == 1)
            bad += pwrite(fd, &value, 1, at) != 1;
        else if (at >= 10 * PAGE && at < 30 * PAGE)
            q[at - 10 * PAGE] = value;
        else
            continue;
        bad += pread(fd, &seen, 1, at) != 1 || seen != value || p[at] != value;
        if (at >= 10 * PAGE && at < 30 * PAGE)
            bad += q[at - 10 * PAGE] != value;
    }
    printf("differences %d, hash %016lx\n", bad, (unsigned long)hash(p, 40 * PAGE));
    TRY(munmap(p, 40 * PAGE));

    char *all = malloc(40 * PAGE);
    TRY(pread(fd, all, 40 * PAGE, 0));
    printf("file after munmap %016lx\n", (unsigned long)hash(all, 40 * PAGE));
    free(all);
}

static void large_transfers(void)
{
    int fd = file(30 * PAGE);
    char *p = mmap(NULL, 30 * PAGE, RW, MAP_SHARED, fd, 0), *buffer = malloc(30 * PAGE);

    for (long i = 0; i < 30 * PAGE; i += 3)
        p[i] = (char)i;
    TRY(pread(fd, buffer, 29 * PAGE, 17));
    printf("read %d\n", memcmp(buffer, p + 17, 29 * PAGE));
    memset(buffer, 'B', 30 * PAGE);
    TRY(pwrite(fd, buffer, 5 * PAGE, 3 * PAGE + 9));
    printf("written %016lx\n", (unsigned long)hash(p, 30 * PAGE));
    /* A file read into its own mapping, and written from it. */
    TRY(pread(fd, p + 20 * PAGE, 2 * PAGE, PAGE));
    TRY(pwrite(fd, p + PAGE, 2 * PAGE, 25 * PAGE));
    printf("onto itself %016lx\n", (unsigned long)hash(p, 30 * PAGE));
}

static void memory_file(void)
{
    int fd = memfd_create("both", 0);
    char text[8] = "";

    TRY(ftruncate(fd, 2 * PAGE));
    char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    char *q = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    strcpy(p + PAGE, "memfd");
    printf("%s\n", q + PAGE);
    pread(fd, text, 6, PAGE);
    printf("%s\n", text);
    PROBE("read-only view", q, store(q, 1));
}

static void sync_calls(void)
{
    int fd = file(4 * PAGE);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

    p[0] = 1;
    TRY(msync(p, 4 * PAGE, MS_SYNC));
    TRY(msync(p, 4 * PAGE, MS_ASYNC));
    TRY(msync(p, 4 * PAGE, MS_SYNC | MS_INVALIDATE));
    TRY(msync(p, 4 * PAGE, MS_SYNC | MS_ASYNC));
    TRY(msync(p, 4 * PAGE, 64));
    TRY(msync(p + 1, PAGE, MS_SYNC));
    TRY(msync(p, 0, MS_SYNC));
    TRY(fsync(fd));
    TRY(fdatasync(fd));
    munmap(p + PAGE, PAGE);
    TRY(msync(p, 4 * PAGE, MS_SYNC));
}

static void residency(void)
{
    unsigned char resident[8] = {0};
    char *p = pages(8);

    TRY(mincore(p, 8 * PAGE, resident));
    printf("before a touch %d\n", resident[0] & 1);
    p[0] = 1;
    TRY(mincore(p, PAGE, resident));
    printf("after a touch %d\n", resident[0] & 1);
    TRY(mincore(p + 1, PAGE, resident));
    TRY(mincore(p, 8 * PAGE, (unsigned char *)8));
    munmap(p + PAGE, PAGE);
    TRY(mincore(p, 3 * PAGE, resident));
    TRY(mincore(p, 0, resident));
}

static void locks(void)
{
    char *p = pages(4);

    TRY(mlock(p, 4 * PAGE));
    p[PAGE] = 'l';
    TRY(munlock(p, 2 * PAGE));
    TRY(mlock2(p, PAGE, MLOCK_ONFAULT));
    TRY(mlock2(p, PAGE, 8));
    printf("kept %c\n", p[PAGE]);
    munmap(p + 2 * PAGE, PAGE);
    TRY(mlock(p, 4 * PAGE));
    TRY(munlock(p, 4 * PAGE));
    TRY(munlockall());
    TRY(mlockall(0));
    p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
    printf("locked %d\n", p[3 * PAGE]);
    TRY(munlockall());
}

int main(void)
{
    probe_start();
    coherent();
    large_transfers();
    memory_file();
    sync_calls();
    residency();
    locks();
    return 0;
}
