// SPDX-License-Identifier: GPL-2.0-or-later
/* Files and pipes through buffers that cross pages, are swapped out, or are no memory at all. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>

#include "guest.h"

static char *edge; /* one readable page before, nothing after */

static void bad_pointers(void)
{
    int fd = file(3 * PAGE), ends[2];
    char *volatile bad = (char *)8, *volatile high = (char *)0xffff800000000000;
    char *read_only = pages(1);
    volatile int minus = -1, many = 5000;
    struct stat st;
    struct iovec iov[2] = {{edge - 10, 10}, {edge - 20, 5}};

    pipe(ends);
    mprotect(read_only, PAGE, PROT_READ);
    TRY(read(fd, bad, 10));
    TRY(read(fd, high, 10));
    TRY(read(fd, read_only, 10));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(write(ends[1], bad, 10));
    TRY(write(ends[1], high, 10));
    TRY(write(fd, edge - 10, 0));
    TRY(read(fd, bad, 0));
    TRY(open(bad, O_RDONLY));
    TRY(open(high, O_RDONLY));
    TRY(stat(bad, &st));
    TRY(fstat(fd, (struct stat *)bad));
    TRY(getcwd(bad, 100) ? 0 : -1);
    TRY(uname((struct utsname *)bad));
    TRY(pipe((int *)bad));
    TRY(readlink("/proc/self/exe", bad, 100));
    TRY(writev(ends[1], iov, 2));
    TRY(readv(fd, (struct iovec *)bad, 1));
    TRY(readv(fd, iov, minus));
    TRY(writev(ends[1], iov, many));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8));
    TRY(nanosleep((struct timespec *)bad, NULL));
    memset(edge - 5, 'p', 5);
    TRY(open(edge - 5, O_RDONLY));
    char empty[] = "";
    TRY(open(empty, O_RDONLY));
}

static void partial(void)
{
    int fd = file(3 * PAGE), ends[2];
    char back[64];

    pipe(ends);
    printf("read up to a hole: %d\n", read(fd, edge - 100, 500) > 0);
    TRY(write(ends[1], "0123456789", 10));
    TRY(read(ends[0], back, sizeof(back)));
    TRY(pread(fd, edge - 100, 100, PAGE - 50));
    printf("%016lx\n", (unsigned long)hash(edge - 100, 100));
}

static void vectors(void)
{
    int fd = file(8 * PAGE);
    char *p = pages(8);
    struct iovec iov[4] = {
        {p + PAGE - 3, 10}, {p + 3 * PAGE - 1, 2 * PAGE}, {p, 0}, {p + 6 * PAGE, 1000}};

    TRY(readv(fd, iov, 4));
    printf("%016lx\n", (unsigned long)hash(p, 8 * PAGE));
    TRY(pwritev(fd, iov, 4, 77));
    TRY(preadv(fd, iov, 4, 5));
    printf("%016lx\n", (unsigned long)hash(p, 8 * PAGE));
    lseek(fd, 0, SEEK_SET);
    TRY(read(fd, p, 8 * PAGE));
    printf("%016lx\n", (unsigned long)hash(p, 8 * PAGE));
    TRY(lseek(fd, -5, SEEK_END));
    TRY(read(fd, p, 100));
    TRY(read(fd, p, 100));
    TRY(lseek(fd, -5, SEEK_SET));
    TRY(lseek(fd, 1L << 40, SEEK_SET));
    TRY(close(fd));
    TRY(close(fd));
    TRY(read(fd, p, 1));
}

static void descriptors(void)
{
    int fd = file(10), ends[2];
    struct stat st;

    TRY(fcntl(fd, F_GETFL) & O_ACCMODE);
    TRY(fcntl(dup2(fd, 50), F_GETFD));
    TRY(dup2(99, 5));
    TRY(dup3(fd, fd, 0));
    TRY(dup2(fd, 50) == 50);
    TRY(fcntl(fd, F_DUPFD, 60));
    TRY(fcntl(fd, F_DUPFD_CLOEXEC, 70));
    TRY(fcntl(70, F_GETFD));
    TRY(fstat(fd, &st) == 0 && st.st_size == 10);
    TRY(ioctl(fd, TCGETS, edge - 100));
    pipe2(ends, O_NONBLOCK);
    TRY(read(ends[0], edge - 10, 10));
    int queued = 0;
    write(ends[1], "abc", 3);
    TRY(ioctl(ends[0], FIONREAD, &queued));
    printf("%d bytes wait\n", queued);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    TRY(write(ends[1], "x", 1));
    TRY(fcntl(fd, F_GETFD));
}

static void directories(void)
{
    char name[] = "/tmp/pagewalk-guest-XXXXXX", path[300], cwd[300];
    char *made = mkdtemp(name);
    int count = 0;
    struct stat st;

    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "%s/file-with-a-long-name-%03d", made, i);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    DIR *dir = opendir(made);
    for (struct dirent *entry; (entry = readdir(dir));)
        count++;
    closedir(dir);
    printf("%d entries\n", count);
    TRY(chdir(made));
    printf("cwd %d\n", strcmp(getcwd(cwd, sizeof(cwd)), made));
    TRY(rename("file-with-a-long-name-001", "renamed"));
    TRY(access("renamed", R_OK));
    TRY(access("file-with-a-long-name-001", F_OK));
    TRY(symlink("renamed", "link"));
    TRY(readlink("link", cwd, sizeof(cwd)));
    TRY(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
    TRY(mkdir("sub", 0700));
    TRY(rmdir("nothing"));
    TRY(unlink("sub"));
    chdir("/");
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof(path), "%s/file-with-a-long-name-%03d", made, i);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/renamed", made);
    unlink(path);
    snprintf(path, sizeof(path), "%s/link", made);
    unlink(path);
    snprintf(path, sizeof(path), "%s/sub", made);
    rmdir(path);
    TRY(rmdir(made));
}

int main(void)
{
    char *p = pages(2);

    munmap(p + PAGE, PAGE);
    edge = p + PAGE;
    bad_pointers();
    partial();
    vectors();
    descriptors();
    directories();
    return 0;
}
