// SPDX-License-Identifier: GPL-2.0-or-later
/* Files that are mapped, unmapped, changed in every way there is, and mapped again. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest.h"

enum { LEN = 4 };

static char path[64], other[64];

static void make(const char *name, int byte)
{
    static char block[PAGE];
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0700);

    memset(block, byte, sizeof(block));
    for (int i = 0; i < LEN; i++)
        write(fd, block, sizeof(block));
    close(fd);
}

/* What a mapping of the file holds. */
static void look(const char *what)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    fstat(fd, &st);
    char *p = mmap(NULL, LEN * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    long len = st.st_size < LEN * PAGE ? st.st_size : LEN * PAGE;
    printf("%s: %ld bytes, %016lx\n", what, (long)st.st_size, (unsigned long)hash(p, (size_t)len));
    PROBE("last page", p, load(p + (LEN - 1) * PAGE));
    munmap(p, LEN * PAGE);
    close(fd);
}

static void written(void)
{
    int fd = open(path, O_RDWR);

    look("first");
    look("again");
    pwrite(fd, "written", 7, 2 * PAGE + 5);
    look("after pwrite");
    for (int i = 0; i < 200; i++) { /* faster than clocks of file systems tick */
        char byte = (char)i;

        pwrite(fd, &byte, 1, PAGE + 1);
        char *p = mmap(NULL, LEN * PAGE, PROT_READ, MAP_SHARED, fd, 0);
        if (p[PAGE + 1] != byte)
            printf("round %d: old bytes\n", i);
        munmap(p, LEN * PAGE);
    }
    close(fd);
    look("after many writes");
}

static void stored(void)
{
    int fd = open(path, O_RDWR);
    char *p = mmap(NULL, LEN * PAGE, RW, MAP_SHARED, fd, 0), bytes[4];

    memcpy(p + 3 * PAGE + 9, "kept", 4);
    munmap(p, LEN * PAGE);
    pread(fd, bytes, 4, 3 * PAGE + 9);
    printf("read back: %.4s\n", bytes);
    look("after stores");
    close(fd);
}

static void resized(void)
{
    TRY(truncate(path, PAGE + 10));
    look("after truncate");
    TRY(truncate(path, LEN * PAGE));
    look("grown again");
    make(path, 'n');
    look("truncated by open, and written");
    int fd = open(path, O_RDWR);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE));
    close(fd);
    look("with a hole");
}

static void replaced(void)
{
    make(other, 'o');
    TRY(rename(other, path));
    look("replaced by rename");
    for (int i = 0; i < 50; i++) { /* inode numbers may come again */
        unlink(path);
        make(path, i);
        int fd = open(path, O_RDONLY);
        char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p[7] != i)
            printf("round %d: another file's bytes\n", i);
        munmap(p, PAGE);
        close(fd);
    }
    look("made anew");
}

static void by_others(void)
{
    make(path, 'p');
    look("before the child");
    if (fork() == 0) {
        int fd = open(path, O_RDWR);
        char *p = mmap(NULL, LEN * PAGE, RW, MAP_SHARED, fd, 0);
        p[PAGE] = 'c';
        _exit(0);
    }
    wait(NULL);
    look("after the child stored");
}

/* A program is a mapped file too. */
static void executed(void)
{
    static const char *const scripts[] = {"#!/bin/sh\necho one\n", "#!/bin/sh\necho two\n"};

    for (int i = 0; i < 4; i++) {
        int fd = open(other, O_RDWR | O_CREAT | O_TRUNC, 0700);
        write(fd, scripts[i % 2], strlen(scripts[i % 2]));
        close(fd);
        fflush(stdout);
        if (fork() == 0) {
            execl(other, other, NULL);
            _exit(127);
        }
        wait(NULL);
    }
    unlink(other);
}

int main(void)
{
    char dir[] = "/tmp/pagewalk-guest-XXXXXX";

    probe_start();
    mkdtemp(dir);
    snprintf(path, sizeof(path), "%s/file", dir);
    snprintf(other, sizeof(other), "%s/other", dir);
    make(path, 'a');
    written();
    stored();
    resized();
    replaced();
    by_others();
    executed();
    unlink(path);
    rmdir(dir);
    return 0;
}
