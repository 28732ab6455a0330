// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * System calls with arguments that no program would use: numbers, pointers, lengths and descriptors
 * are drawn from what is likely to go wrong. pagewalk must answer each call, its structures must
 * stay valid, and nothing outside the test's directory may change. The seed is the first argument,
 * the number of calls the second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <inttypes.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "guest_rig.h"

enum { CALLS = 20000, CHECK_EVERY = 1000 };

static uint64_t seed = 1, calls = CALLS;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d;
}

static uint64_t draw_below(uint64_t n)
{
    return (draw() >> 11) % n;
}

/* Calls that would wait for ever, end the process, or act on the machine outside the directory. */
static bool is_left_out(long number)
{
    static const long out[] = {SYS_exit,
                               SYS_exit_group,
                               SYS_execve,
                               SYS_rt_sigreturn,
                               SYS_pause,
                               SYS_rt_sigsuspend,
                               SYS_nanosleep,
                               SYS_clock_nanosleep,
                               SYS_kill,
                               SYS_tkill,
                               SYS_tgkill,
                               SYS_rt_sigqueueinfo,
                               SYS_rt_tgsigqueueinfo,
                               SYS_rt_sigtimedwait,
                               SYS_pidfd_send_signal,
                               SYS_fork,
                               SYS_vfork,
                               SYS_clone,
                               SYS_clone3,
                               SYS_wait4,
                               SYS_waitid,
                               SYS_sync,
                               SYS_setuid,
                               SYS_setgid,
                               SYS_setreuid,
                               SYS_setregid,
                               SYS_setresuid,
                               SYS_setresgid,
                               SYS_setgroups,
                               SYS_setfsuid,
                               SYS_setfsgid,
                               SYS_setpriority,
                               SYS_clock_settime,
                               SYS_syncfs,
                               SYS_capset,
                               SYS_ioprio_set,
                               SYS_sched_setscheduler,
                               SYS_sched_setparam,
                               SYS_setrlimit,
                               SYS_prlimit64,
                               SYS_chdir,
                               SYS_fchdir,
                               SYS_futex,
                               SYS_restart_syscall,
                               SYS_msgsnd,
                               SYS_msgrcv,
                               SYS_mq_open,
                               SYS_mq_unlink,
                               SYS_alarm,
                               SYS_setitimer,
                               SYS_timer_settime};
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (out[i] == number)
            return true;
    return syscall_entry((uint64_t)number)->fn == NULL;
}

static const char *const names[] = {"a",
                                    "b",
                                    "dir",
                                    "dir/c",
                                    "link",
                                    ".",
                                    "..",
                                    "",
                                    "/proc/self",
                                    "/proc/self/fd",
                                    "/proc/self/fd/3",
                                    "/proc/self/exe",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/stdin",
                                    "/proc/meminfo",
                                    "/proc/self/cwd/a",
                                    "dir/../a/x",
                                    "/proc/self/root/proc/self/fd/5",
                                    "/dev/fd/4",
                                    "/proc/thread-self/maps",
                                    "/proc/mounts"};
enum { NAMES = sizeof names / sizeof *names, NAME_ROOM = 64 };

/* Names that would let a call reach outside the directory are only for calls that change nothing.
 */
static bool is_changing(long number)
{
    static const long changing[] = {
        SYS_unlink,    SYS_unlinkat,    SYS_rmdir,        SYS_rename,       SYS_renameat,
        SYS_renameat2, SYS_mkdir,       SYS_mkdirat,      SYS_mknod,        SYS_mknodat,
        SYS_link,      SYS_linkat,      SYS_symlink,      SYS_symlinkat,    SYS_chmod,
        SYS_fchmod,    SYS_fchmodat,    SYS_chown,        SYS_lchown,       SYS_fchown,
        SYS_fchownat,  SYS_utime,       SYS_utimes,       SYS_futimesat,    SYS_utimensat,
        SYS_truncate,  SYS_creat,       SYS_bind,         SYS_setxattr,     SYS_lsetxattr,
        SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, 452 /* fchmodat2 */};
    for (size_t i = 0; i < sizeof changing / sizeof *changing; i++)
        if (changing[i] == number)
            return true;
    return false;
}

static uint64_t draw_pointer(const struct rig *rig, bool changing)
{
    switch (draw_below(8)) {
    case 0:
        return 0;
    case 1:
        return draw();
    case 2:
        return rig->data + RIG_DATA_LEN - draw_below(64); /* across the end */
    case 3:
    case 4:
        return rig->data + NAME_ROOM * draw_below(changing ? 5 : NAMES);
    default:
        return rig->data + 4096 + (draw_below(RIG_DATA_LEN - 8192) & ~(uint64_t)7);
    }
}

static uint64_t draw_argument(const struct rig *rig, char kind, bool changing)
{
    static const uint64_t odd[] = {0,          1,
                                   2,          4095,
                                   4096,       4097,
                                   65536,      INT32_MAX,
                                   UINT32_MAX, (uint64_t)INT64_MAX,
                                   UINT64_MAX, (uint64_t)INT64_MIN};
    switch (kind) {
    case 'p':
    case 's':
    case 'b':
    case 'B':
        return draw_pointer(rig, changing);
    case 'f':
        return draw_below(16) == 0 ? draw() : draw_below(40);
    case 'a':
        return draw_below(3) ? (uint64_t)AT_FDCWD : draw_below(40);
    case 'P':
        return draw_below(8);
    case 'x':
    case 'M':
    case 'O':
        return draw_below(2) ? draw() & draw() & draw() & 0xffffff : draw_below(16);
    default:
        return draw_below(3) == 0 ? odd[draw_below(sizeof odd / sizeof *odd)] : draw_below(20000);
    }
}

/* A call that would wait is ended at once by a signal that is always pending and never delivered.
 */
static void keep_from_waiting(struct rig *rig)
{
    rig->task->signals.mask = 0;
    rig->task->signals.has_saved_mask = false;
    rig->process->actions->action[SIGUSR1 - 1].handler = 1 << 20;
    if (!(rig->task->signals.pending.pending & sigbit(SIGUSR1)))
        signal_send_task(rig->task, SIGUSR1, SI_USER, 1);
}

static void put_names(struct rig *rig)
{
    for (unsigned i = 0; i < NAMES; i++)
        user_write(rig->task, rig->data + i * NAME_ROOM, names[i], strlen(names[i]) + 1);
    struct user_iov iov[8];
    for (int i = 0; i < 8; i++)
        iov[i] =
            (struct user_iov){draw_pointer(rig, false), draw_below(3) ? draw_below(9000) : draw()};
    user_write(rig->task, rig->data + 4096 + (draw_below(500000) & ~(uint64_t)7), iov, sizeof iov);
}

/* The data area may have been unmapped or protected by the calls themselves. */
static void restore_data(struct rig *rig)
{
    rig_call(rig, SYS_munlockall, 0);
    if (rig->process->space->npages > RIG_FRAMES / 4 * 3)
        for (struct region *r; (r = space_region_from(rig->process->space, vaddr(0)));)
            space_unmap(rig->process->space, vaddr(r->range.start), r->range.end - r->range.start);
    assert_int_equal(rig_call(rig, SYS_mmap, rig->data, RIG_DATA_LEN, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0),
                     rig->data);
}

/* Calls may write to /proc/self/exe: it must be a file of the test's own, not a program of the
 * machine's. */
static void own_exe(struct rig *rig)
{
    char exe[sizeof rig->dir + 8];
    snprintf(exe, sizeof exe, "%s/exe", rig->dir);
    int fd = open(exe, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
    assert_true(fd >= 0 && write(fd, "program", 7) == 7 && close(fd) == 0);
    free(rig->process->exe);
    rig->process->exe = x_strdup(exe);
}

/* All names, owners, modes, times and contents below the test's directory. */
static uint64_t state_of(const struct rig *rig)
{
    char command[256];
    unsigned long long sum = 0;
    snprintf(command, sizeof command,
             "cd %s && { find . -printf '%%p %%y %%m %%U:%%G %%s %%T@ %%l\\n' | sort; cat a b; } | "
             "cksum",
             rig->dir);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    assert_int_equal(fscanf(out, "%llu", &sum), 1);
    assert_int_equal(pclose(out), 0);
    return sum;
}

/* Calls on whole files could fill the disk or wait for it. */
static void bound_files(struct rig *rig)
{
    own_exe(rig);
    struct rlimit limit = {1 << 22, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(rig_call(rig, SYS_mkdir, rig_string(rig, 0, "dir"), 0777), 0);
}

static void run_one(struct rig *rig, long number)
{
    const char *format = syscall_entry((uint64_t)number)->format;
    bool changing = is_changing(number);
    uint64_t args[6];
    for (unsigned i = 0; i < 6; i++) {
        char kind = format && i < strlen(format) ? format[i] : 'u';
        args[i] = draw_argument(rig, kind, changing);
    }
    if (changing) /* directories stay the test's own */
        for (unsigned i = 0; format && i < strlen(format); i++)
            if (format[i] == 'a')
                args[i] = (uint64_t)AT_FDCWD;
    rig_call_list(rig, number, args);
}

static void make_random_calls(struct rig *rig)
{
    for (uint64_t i = 0; i < calls; i++) {
        long number = (long)draw_below(470);
        if (is_left_out(number))
            continue;
        put_names(rig);
        keep_from_waiting(rig);
        run_one(rig, number);
        if (rig->process->space->table.npresent > RIG_FRAMES / 2 || i % CHECK_EVERY == 0)
            restore_data(rig);
        if (i % CHECK_EVERY == 0) {
            assert_true(fd_table_is_valid(rig->process->fds));
            assert_true(space_is_valid(rig->process->space));
            assert_true(kernel_is_valid(rig->kernel));
        }
    }
    signal_queue_clear(&rig->task->signals.pending);
}

static void test_random_calls(void **state)
{
    bound_files(*state);
    make_random_calls(*state);
}

static void lay_files(struct rig *rig)
{
    bound_files(rig);
    rig_host_file(rig, "a", "content");
    rig_host_file(rig, "b", "more");
}

static void set_root(struct rig *rig)
{
    struct guard *guard = &rig->system->options.guard;
    guard->root = open(rig->dir, O_PATH | O_CLOEXEC);
    guard->has_root = true;
    assert_true(guard->root >= 0);
}

static void test_below_a_root(void **state)
{
    struct rig *rig = *state;
    lay_files(rig);
    set_root(rig);
    rig->system->options.guard.no_net = true;
    make_random_calls(rig);
    assert_true(fcntl(rig->system->options.guard.root, F_GETFD) >= 0);
    close(rig->system->options.guard.root);
}

static void test_nothing_changes(void **state)
{
    struct rig *rig = *state;
    lay_files(rig);
    uint64_t before = state_of(rig);
    rig->system->options.guard.read_only = true;
    make_random_calls(rig);
    assert_int_equal(state_of(rig), before);
    set_root(rig);
    make_random_calls(rig);
    assert_int_equal(state_of(rig), before);
    close(rig->system->options.guard.root);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {RIG_TEST(test_random_calls), RIG_TEST(test_below_a_root),
                                       RIG_TEST(test_nothing_changes)};
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0) | 1;
    if (argc > 2)
        calls = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
