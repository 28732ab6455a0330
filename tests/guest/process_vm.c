// SPDX-License-Identifier: GPL-2.0-or-later
/* process_vm_readv and process_vm_writev between two processes, and what they refuse. */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "guest.h"

static char *at;  /* the same address in parent and child */
static pid_t pid; /* of the child */

#define LOCAL(base, len) (&(struct iovec){base, len}), 1
#define CALL(name, local, remote, flags) TRY(name(pid, local, remote, flags))

static void simple(void)
{
    char buffer[100] = "";
    CALL(process_vm_readv, LOCAL(buffer, 20), LOCAL(at, 20), 0);
    printf("\"%s\"\n", buffer);
    CALL(process_vm_writev, LOCAL("written from outside", 21), LOCAL(at + PAGE - 10, 21), 0);
    CALL(process_vm_readv, LOCAL(buffer, 30), LOCAL(at + PAGE - 10, 30), 0);
    printf("\"%s\", here it is \"%s\"\n", buffer, at + PAGE - 10);
}

static void vectors(void)
{
    char a[10] = "", b[10] = "", c[10] = "";
    struct iovec local[] = {{a, 3}, {NULL, 0}, {b, 4}, {c, 9}};
    struct iovec remote[] = {{at, 5}, {at + 8, 0}, {at + 6, 5}};
    TRY(process_vm_readv(pid, local, 4, remote, 3, 0));
    printf("\"%s\" \"%s\" \"%s\"\n", a, b, c);
    TRY(process_vm_readv(pid, local, 0, remote, 3, 0));
    TRY(process_vm_readv(pid, local, 4, remote, 0, 0));
    TRY(process_vm_readv(pid, local, 1025, remote, 1, 0));
    TRY(process_vm_readv(pid, local, 1, remote, 1025, 0));
    TRY(process_vm_readv(pid, NULL, 1, remote, 1, 0));
    TRY(process_vm_readv(pid, local, 1, NULL, 1, 0));
}

/* The child's last page but one is read-only, its last is not mapped. */
static void limits(void)
{
    static char buffer[8 * PAGE];
    CALL(process_vm_readv, LOCAL(buffer, 3 * PAGE), LOCAL(at + 5 * PAGE, 3 * PAGE), 0);
    CALL(process_vm_readv, LOCAL(buffer, 10), LOCAL(at + 7 * PAGE, 10), 0);
    CALL(process_vm_readv, LOCAL(buffer, 10), LOCAL((void *)0x100, 10), 0);
    CALL(process_vm_writev, LOCAL(buffer, 2 * PAGE), LOCAL(at + 5 * PAGE, 2 * PAGE), 0);
    CALL(process_vm_writev, LOCAL(buffer, 10), LOCAL(at + 6 * PAGE, 10), 0);
    CALL(process_vm_readv, LOCAL((void *)0x100, 10), LOCAL(at, 10), 0);
    CALL(process_vm_readv, LOCAL(buffer, 10), LOCAL(at, 10), 1);
    CALL(process_vm_readv, LOCAL(buffer, (size_t)-1), LOCAL(at, 10), 0);
    CALL(process_vm_readv, LOCAL(buffer, 10), LOCAL(at, (size_t)-1), 0);
    TRY(process_vm_readv(0x3fffff, LOCAL(buffer, 10), LOCAL(at, 10), 0));
    TRY(process_vm_readv(0x3fffff, LOCAL(buffer, 0), LOCAL(at, 10), 0));
    TRY(process_vm_readv(0x3fffff, LOCAL(buffer, 10), LOCAL(at, 0), 0));
}

static void large(void)
{
    static char buffer[200 * PAGE];
    char *far = at + 16 * PAGE;
    uint64_t seed = 1;
    for (long i = 0; i < 200 * PAGE; i++)
        buffer[i] = (char)roll(&seed);
    uint64_t sum = hash(buffer, sizeof(buffer));
    CALL(process_vm_writev, LOCAL(buffer, sizeof(buffer)), LOCAL(far, sizeof(buffer)), 0);
    memset(buffer, 0, sizeof(buffer));
    CALL(process_vm_readv, LOCAL(buffer, sizeof(buffer)), LOCAL(far, sizeof(buffer)), 0);
    printf("what came back is %s\n", hash(buffer, sizeof(buffer)) == sum ? "the same" : "other");
    printf("ours is %d\n", far[0]);
}

static void self(void)
{
    char buffer[10] = "";
    TRY(process_vm_readv(getpid(), LOCAL(buffer, 5), LOCAL(at, 5), 0));
    printf("\"%s\"\n", buffer);
}

static void advice(void)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct iovec vec[] = {{at, PAGE}, {at + PAGE, 2 * PAGE}};
    TRY(syscall(SYS_process_madvise, fd, vec, 2, MADV_COLD, 0));
    TRY(syscall(SYS_process_madvise, fd, vec, 2, MADV_PAGEOUT, 0));
    TRY(syscall(SYS_process_madvise, fd, vec, 2, MADV_DONTNEED, 0));
    TRY(syscall(SYS_process_madvise, fd, vec, 2, MADV_WILLNEED, 1));
    TRY(syscall(SYS_process_madvise, -1, vec, 2, MADV_WILLNEED, 0));
    close(fd);
}

int main(void)
{
    int down[2], up[2], status;
    char byte = 0;
    alarm(240);
    at = mmap(NULL, 256 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(at, "as it was before fork");
    if (pipe(down) || pipe(up))
        return 1;
    pid = fork();
    if (pid == 0) {
        strcpy(at, "what the child has");
        mprotect(at + 6 * PAGE, PAGE, PROT_READ);
        munmap(at + 7 * PAGE, PAGE);
        write(up[1], &byte, 1);
        read(down[0], &byte, 1);
        printf("child: \"%s\" \"%s\"\n", at, at + PAGE - 10);
        return 5;
    }
    read(up[0], &byte, 1);
    simple();
    vectors();
    limits();
    large();
    self();
    advice();
    fflush(stdout);
    write(down[1], &byte, 1);
    waitpid(pid, &status, 0);
    printf("child ended with %d\n", WEXITSTATUS(status));
    CALL(process_vm_readv, LOCAL(at + PAGE, 10), LOCAL(at, 10), 0);
    return 0;
}
