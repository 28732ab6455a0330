// SPDX-License-Identifier: GPL-2.0-or-later
/* userfaultfd: a thread supplies the pages that others touch, by instructions and by system calls.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

enum { NPAGES = 24 };

static int uffd;
static char *area;
static int served[NPAGES], stores[NPAGES];

static int request(int fd, unsigned long what, void *arg)
{
    return ioctl(fd, what, arg);
}

static int open_uffd(unsigned long features)
{
    struct uffdio_api api = {.api = UFFD_API, .features = features};
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        TRY(request(fd, UFFDIO_API, &api));
    return fd;
}

static int watch(int fd, char *start, long len)
{
    struct uffdio_register r = {.range = {(uintptr_t)start, (size_t)len},
                                .mode = UFFDIO_REGISTER_MODE_MISSING};
    int rc = request(fd, UFFDIO_REGISTER, &r);
    if (rc == 0)
        printf("copy %d zeropage %d wake %d\n", !!(r.ioctls & 1 << _UFFDIO_COPY),
               !!(r.ioctls & 1 << _UFFDIO_ZEROPAGE), !!(r.ioctls & 1 << _UFFDIO_WAKE));
    return rc;
}

static int copy(char *to, int value, unsigned long mode)
{
    static char page[PAGE];
    memset(page, value, sizeof page);
    struct uffdio_copy c = {
        .dst = (uintptr_t)to, .src = (uintptr_t)page, .len = PAGE, .mode = mode};
    int rc = request(uffd, UFFDIO_COPY, &c);
    return rc ? rc : (int)c.copy;
}

static int zero(char *at, long len)
{
    struct uffdio_zeropage z = {.range = {(uintptr_t)at, (size_t)len}};
    int rc = request(uffd, UFFDIO_ZEROPAGE, &z);
    return rc ? rc : (int)z.zeropage;
}

static int range_request(unsigned long what, char *start, long len)
{
    struct uffdio_range range = {(uintptr_t)start, (size_t)len};
    return request(uffd, what, &range);
}

/* Page i gets the letter of i; every third one is of zeros. The last one ends the thread. */
static void *serve(void *unused)
{
    struct uffd_msg message;
    (void)unused;
    for (long i = 0; i != NPAGES - 1;) {
        struct pollfd poll_for = {.fd = uffd, .events = POLLIN};
        if (poll(&poll_for, 1, 20000) != 1 || read(uffd, &message, sizeof message) < 0)
            break;
        i = (long)(message.arg.pagefault.address - (uintptr_t)area) / PAGE;
        served[i]++;
        stores[i] = !!(message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE);
        if (i % 3 == 2)
            zero(area + i * PAGE, PAGE);
        else
            copy(area + i * PAGE, 'a' + (int)i, 0);
    }
    return NULL;
}

static void kernel_accesses(void)
{
    int ends[2];
    char text[100] = "from a pipe";
    TRY(pipe(ends));
    TRY(write(ends[1], text, 12));
    TRY(read(ends[0], area + 10 * PAGE + 7, 12));
    printf("%c %s\n", area[10 * PAGE], area + 10 * PAGE + 7);
    TRY(write(ends[1], area + 12 * PAGE, 5));
    memset(text, 0, sizeof text);
    TRY(read(ends[0], text, sizeof text));
    printf("%s\n", text);
    TRY(access(area + 14 * PAGE, F_OK)); /* a path of zeros */
    TRY(write(ends[1], area + 15 * PAGE - 4, 8));
    close(ends[0]);
    close(ends[1]);
}

static void fork_is_not_watched(void)
{
    fflush(stdout);
    if (fork() == 0) {
        printf("the child reads %d\n", area[17 * PAGE]);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void refused(void)
{
    char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct uffdio_api api = {.api = UFFD_API + 1};
    struct uffd_msg message;
    int fd = (int)syscall(SYS_userfaultfd, O_NONBLOCK);
    TRY(request(fd, UFFDIO_API, &api));
    TRY(watch(fd, area, PAGE));
    TRY(read(fd, &message, sizeof message));
    close(fd);
    TRY(syscall(SYS_userfaultfd, 0x10000));
    TRY(watch(uffd, area + 1, PAGE));
    TRY(watch(uffd, area, 0));
    TRY(watch(uffd, NULL, PAGE));
    TRY(read(uffd, &message, 8));
    TRY(read(uffd, &message, sizeof message));
    TRY(copy(shared, 'x', 0));
    TRY(zero(shared, PAGE));
    TRY(copy(area + 1, 'x', 0));
    TRY(range_request(UFFDIO_WAKE, area, 1));
    munmap(shared, 4 * PAGE);
}

static void two_watchers(void)
{
    int other = open_uffd(0);
    TRY(watch(other, area + 2 * PAGE, PAGE));
    TRY(range_request(UFFDIO_UNREGISTER, area + 2 * PAGE, PAGE));
    TRY(watch(other, area + 2 * PAGE, PAGE));
    TRY(close(other));
    TRY(watch(uffd, area + 2 * PAGE, PAGE));
}

static void *touch(void *at)
{
    return (void *)(long)load(at);
}

/* A waiting thread goes on when nobody watches its page any more. */
static void unregistering(int by_closing)
{
    pthread_t thread;
    void *value;
    struct pollfd poll_for = {.fd = uffd, .events = POLLIN};
    madvise(area, NPAGES * PAGE, MADV_DONTNEED);
    pthread_create(&thread, NULL, touch, area + 3 * PAGE);
    TRY(poll(&poll_for, 1, 20000));
    if (by_closing)
        TRY(close(uffd));
    else
        TRY(range_request(UFFDIO_UNREGISTER, area, NPAGES * PAGE));
    pthread_join(thread, &value);
    printf("the thread read %ld\n", (long)value);
}

static void bus_errors(void)
{
    uffd = open_uffd(UFFD_FEATURE_SIGBUS);
    TRY(watch(uffd, area, NPAGES * PAGE));
    PROBE("load of a missing page", area + 5 * PAGE, load(area + 5 * PAGE + 3));
    TRY(copy(area + 5 * PAGE, 'q', 0));
    PROBE("load of one that is there", area + 5 * PAGE, load(area + 5 * PAGE + 3));
    TRY(read(STDIN_FILENO, area + 6 * PAGE, 0));
    char *moved =
        mremap(area + 7 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area + 40 * PAGE);
    PROBE("load of what was moved away", moved, load(moved));
    close(uffd);
}

int main(void)
{
    pthread_t thread;
    probe_start();
    area = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
    uffd = open_uffd(0);
    if (uffd < 0) {
        printf("userfaultfd: %s\n", strerrorname_np(errno));
        return 0;
    }
    store(area + PAGE, 'Z'); /* exists before */
    TRY(watch(uffd, area, NPAGES * PAGE));
    refused();
    two_watchers();
    pthread_create(&thread, NULL, serve, NULL);
    for (int i = 0; i < 9; i++)
        printf("%d: %d\n", i,
               i % 2 ? load(area + i * PAGE) : (store(area + i * PAGE + 1, 1), area[i * PAGE]));
    kernel_accesses();
    fork_is_not_watched();
    TRY(copy(area, 'x', 0));
    TRY(zero(area + 8 * PAGE, 2 * PAGE));
    TRY(copy(area + 18 * PAGE, 'x', UFFDIO_COPY_MODE_DONTWAKE));
    printf("%c\n", area[18 * PAGE]);
    store(area + (NPAGES - 1) * PAGE, 1);
    pthread_join(thread, NULL);
    for (int i = 0; i < NPAGES; i++)
        printf("%d served %d store %d\n", i, served[i], stores[i]);
    unregistering(0);
    TRY(watch(uffd, area, NPAGES * PAGE));
    unregistering(1);
    bus_errors();
    return 0;
}
