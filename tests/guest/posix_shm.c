// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory shared through descriptors, shm_open and memfd_create, between processes that inherit it,
 * that open it by name, and that get it over a socket. */
#include <fcntl.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest.h"

enum { COUNT = 20000 };

struct shared {
    sem_t lock, full, empty;
    long counter;
    long ring[16];
};

static struct shared *map(int fd)
{
    return mmap(NULL, sizeof(struct shared), RW, MAP_SHARED, fd, 0);
}

static void prepare(int fd)
{
    if (ftruncate(fd, sizeof(struct shared)))
        perror("ftruncate");
    struct shared *s = map(fd);
    sem_init(&s->lock, 1, 1);
    sem_init(&s->full, 1, 0);
    sem_init(&s->empty, 1, 16);
    munmap(s, sizeof(*s));
}

static void count(struct shared *s)
{
    for (int i = 0; i < COUNT / 20; i++) {
        sem_wait(&s->lock);
        s->counter++;
        sem_post(&s->lock);
    }
}

static void produce(struct shared *s)
{
    for (long i = 0; i < COUNT / 10; i++) {
        sem_wait(&s->empty);
        s->ring[i % 16] = i * i;
        sem_post(&s->full);
    }
}

static void consume(struct shared *s)
{
    long sum = 0;
    for (long i = 0; i < COUNT / 10; i++) {
        sem_wait(&s->full);
        sum += s->ring[i % 16];
        sem_post(&s->empty);
    }
    printf("sum %ld\n", sum);
}

/* Three processes with a mapping each. */
static void run(const char *what, int (*get)(int), int arg)
{
    fflush(stdout);
    struct shared *own = map(get(arg));
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            struct shared *s = map(get(arg));
            count(s);
            if (i == 0)
                produce(s);
            fflush(stdout);
            _exit(0);
        }
    }
    consume(own);
    while (wait(NULL) > 0)
        ;
    printf("%s: counter %ld\n", what, own->counter);
    munmap(own, sizeof(*own));
}

static int same(int fd)
{
    return fd;
}

static char name[64];

static int by_name(int unused)
{
    (void)unused;
    return shm_open(name, O_RDWR, 0);
}

static int by_path(int fd)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDWR);
}

static void seals(int fd)
{
    char *at = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
    TRY(ftruncate(fd, 0));
    TRY(ftruncate(fd, 100 * PAGE));
    munmap(at, PAGE);
}

/* The child maps what comes over a socket, after the parent has closed it. */
static void over_a_socket(int fd)
{
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    char *at = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), byte = 0;
    fflush(stdout);
    if (fork() == 0) {
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = {&byte, 1};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        if (recvmsg(pair[1], &message, 0) != 1)
            _exit(1);
        int got;
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
        char *mine = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, got, 0);
        printf("over a socket: %d\n", mine[PAGE]);
        mine[2 * PAGE] = 66;
        fflush(stdout);
        _exit(0);
    }
    at[PAGE] = 44;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control)};
    sendmsg(pair[0], &message, 0);
    close(fd);
    wait(NULL);
    printf("the other stored %d\n", at[2 * PAGE]);
}

int main(void)
{
    alarm(240);
    int fd = memfd_create("shared", MFD_ALLOW_SEALING);
    prepare(fd);
    run("memfd", same, fd);
    run("memfd by path", by_path, fd);
    seals(fd);
    snprintf(name, sizeof(name), "/pagewalk-guest-%d", getpid());
    int shm = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    prepare(shm);
    run("shm_open", by_name, 0);
    TRY(shm_unlink(name));
    TRY(shm_open(name, O_RDWR, 0));
    run("shm unlinked", same, shm);
    ftruncate(shm, 3 * PAGE);
    over_a_socket(shm);
    return 0;
}
