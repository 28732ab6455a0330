// SPDX-License-Identifier: GPL-2.0-or-later
/* System V shared memory: making, finding, attaching and removing segments, and who sees what. */
#include <sys/shm.h>
#include <sys/wait.h>

#include "guest.h"

static void show(const char *when, int id)
{
    struct shmid_ds ds;
    if (shmctl(id, IPC_STAT, &ds)) {
        printf("%s: %s\n", when, strerrorname_np(errno));
        return;
    }
    printf("%s: %zu bytes, %lu attached, mode %o, %s creator, last user %s, %s%s%s\n", when,
           ds.shm_segsz, ds.shm_nattch, ds.shm_perm.mode,
           ds.shm_cpid == getpid() ? "we are its" : "another is its",
           ds.shm_lpid == 0          ? "nobody"
           : ds.shm_lpid == getpid() ? "we"
                                     : "another",
           ds.shm_ctime ? "created " : "", ds.shm_atime ? "attached " : "",
           ds.shm_dtime ? "detached" : "");
}

static key_t free_key(void)
{
    key_t key = 0x50770000 + getpid();
    while (shmget(key, 0, 0) >= 0)
        key++;
    return key;
}

static void making(void)
{
    key_t key = free_key();
    TRY(shmget(key, PAGE, 0600));
    TRY(shmget(key, 0, IPC_CREAT | 0600));
    int id = shmget(key, 3 * PAGE - 5, IPC_CREAT | IPC_EXCL | 0600);
    printf("made: %d\n", id >= 0);
    show("new", id);
    TRY(shmget(key, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    TRY(shmget(key, 3 * PAGE, 0600));
    printf("found: %d %d\n", shmget(key, PAGE, 0600) == id, shmget(key, 0, 0) == id);
    int other = shmget(IPC_PRIVATE, 10, 0600);
    printf("private: %d\n", other >= 0 && other != id);
    show("private", other);
    TRY(shmctl(other, IPC_RMID, NULL));
    TRY(shmctl(other, IPC_RMID, NULL));
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmget(key, PAGE, 0600));
    TRY(shmctl(-1, IPC_STAT, NULL));
    TRY(shmat(-1, NULL, 0) == (void *)-1 ? -1 : 0);
}

static void probe_store(char *at)
{
    PROBE("store", at, store(at, 1));
}

static void probe_load(const char *at)
{
    PROBE("load", at, load(at));
}

static void attaching(void)
{
    int id = shmget(IPC_PRIVATE, 4 * PAGE, 0640);
    char *at = shmat(id, NULL, 0), *read_only = shmat(id, NULL, SHM_RDONLY);
    show("attached twice", id);
    at[5] = 42;
    printf("both see %d, the rest is %d\n", read_only[5], read_only[2 * PAGE]);
    probe_store(read_only);
    TRY(mprotect(read_only, PAGE, RW));
    TRY(mprotect(read_only, PAGE, PROT_READ | PROT_EXEC));
    TRY(mprotect(at + PAGE, PAGE, PROT_READ));
    show("after mprotect", id);
    TRY(shmdt(read_only));
    TRY(shmdt(read_only));
    TRY(shmdt(at + 1));
    TRY(shmdt(at + PAGE));
    show("one detached", id);
    TRY(munmap(at + PAGE, PAGE));
    show("a part unmapped", id);
    TRY(shmdt(at));
    probe_load(at + 3 * PAGE);
    show("all detached", id);
    at = shmat(id, NULL, 0);
    printf("it still holds %d\n", at[5]);
    shmdt(at);
    TRY(shmctl(id, IPC_RMID, NULL));
}

static void places(void)
{
    int id = shmget(IPC_PRIVATE, 2 * PAGE, 0600);
    char *at = pages(8), *got;
    TRY((got = shmat(id, at, 0)) == (void *)-1 ? -1 : 0);
    TRY((got = shmat(id, at + 1, SHM_REMAP)) == (void *)-1 ? -1 : 0);
    got = shmat(id, at + PAGE, SHM_REMAP);
    printf("over other memory: %d\n", got == at + PAGE);
    munmap(at + 4 * PAGE, 4 * PAGE);
    got = shmat(id, at + 5 * PAGE + 17, SHM_RND);
    printf("rounded down: %d\n", got == at + 5 * PAGE);
    TRY((got = shmat(id, NULL, SHM_REMAP)) == (void *)-1 ? -1 : 0);
    at[PAGE] = 9;
    printf("at both places: %d\n", at[5 * PAGE]);
    show("attached twice", id);
    TRY(shmctl(id, IPC_RMID, NULL));
    show("removed", id);
    TRY(shmdt(at + PAGE));
    show("removed, one left", id);
    TRY(shmdt(at + 5 * PAGE));
    show("removed, none left", id);
}

static int child_id;
static char *child_at;

static void in_child(void (*run)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (status)
        printf("child ended with %x\n", status);
}

static void use_inherited(void)
{
    show("in the child", child_id);
    printf("child reads %d\n", child_at[0]);
    child_at[0] = 2;
    char *more = shmat(child_id, NULL, 0);
    more[PAGE] = 3;
    show("attached again in the child", child_id);
}

static void leave(void)
{
    printf("child detaches: %d\n", shmdt(child_at));
    show("detached in the child", child_id);
}

static void families(void)
{
    child_id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
    child_at = shmat(child_id, NULL, 0);
    child_at[0] = 1;
    in_child(use_inherited);
    printf("parent reads %d %d\n", child_at[0], child_at[PAGE]);
    in_child(leave);
    TRY(shmctl(child_id, IPC_RMID, NULL));
    show("removed", child_id);
    in_child(use_inherited); /* what is attached can still be attached by number */
    printf("parent reads %d %d\n", child_at[0], child_at[PAGE]);
    fflush(stdout);
    if (fork() == 0) {
        execl("/proc/self/exe", "sysv_shm", "child", NULL);
        _exit(1);
    }
    wait(NULL);
    shmdt(child_at);
    show("detached", child_id);
}

static void settings(void)
{
    int id = shmget(IPC_PRIVATE, 5 * PAGE, 0600);
    struct shmid_ds ds;
    char *at = shmat(id, NULL, 0);
    shmctl(id, IPC_STAT, &ds);
    ds.shm_perm.mode = 04640;
    TRY(shmctl(id, IPC_SET, &ds));
    show("mode set", id);
    TRY(shmctl(id, SHM_LOCK, NULL));
    show("locked", id);
    for (int i = 0; i < 5; i++)
        at[i * PAGE] = (char)i;
    TRY(shmctl(id, SHM_UNLOCK, NULL));
    show("unlocked", id);
    TRY(shmctl(id, 77, NULL));
    TRY(shmctl(id, IPC_STAT, (void *)8));
    shmctl(id, IPC_RMID, NULL);
    printf("%d %d %d %d %d\n", at[0], at[PAGE], at[2 * PAGE], at[3 * PAGE], at[4 * PAGE]);
}

/* More than fits in little RAM, written by one process and read by another. */
static uint64_t large_sum;

static void hash_large(void)
{
    char *at = shmat(child_id, NULL, SHM_RDONLY);
    printf("child: %d\n", hash(at, 300 * PAGE) == large_sum);
}

static void large(void)
{
    uint64_t seed = 9;
    child_id = shmget(IPC_PRIVATE, 300 * PAGE, 0600);
    char *at = shmat(child_id, NULL, 0);
    for (long i = 0; i < 300 * PAGE; i += 64)
        at[i] = (char)roll(&seed);
    large_sum = hash(at, 300 * PAGE);
    in_child(hash_large);
    shmctl(child_id, IPC_RMID, NULL);
    printf("%016lx\n", (unsigned long)large_sum);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) /* an image made by execve has nothing attached */
        return 0;
    probe_start();
    making();
    attaching();
    places();
    families();
    settings();
    large();
    return 0;
}
