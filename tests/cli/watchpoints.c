// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Breakpoints and watchpoints in the debug registers of a traced child. Processors of virtual
 * machines may have none that work, so this is not compared with the host: what it prints is what
 * the Intel SDM says, vol. 3B, "Debug Registers".
 */
#include <stddef.h>
#include <sys/user.h>

#include "../guest/stepped.h"

static void show_stop(const char *what, pid_t pid)
{
    struct user_regs_struct regs = {0};
    siginfo_t info = {0};
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status)) {
        say_status(what, status);
        exit(1);
    }
    ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    long at = stepped_place(regs.rip);
    printf("%s: SIG%s code %d at %ld, rcx %llu, RF %llu, DR6 %#lx\n", what,
           sigabbrev_np(WSTOPSIG(status)), info.si_code, at, at >= 0 && at <= 2 ? regs.rcx : 0,
           regs.eflags >> 16 & 1,
           ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), NULL));
}

static void go(const char *what, pid_t pid)
{
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    show_stop(what, pid);
}

static void set_debug(pid_t pid, int n, unsigned long value)
{
    errno = 0;
    ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg) + 8 * n, value);
    const char *result = errno ? strerrorname_np(errno) : "done";
    if (n < 4)
        printf("DR%d: %s\n", n, result);
    else
        printf("DR%d = %#lx: %s\n", n, value, result);
}

static void end(pid_t pid)
{
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    say_wait("end", pid, 0);
}

static void breakpoint(void)
{
    pid_t pid = child(is_stepped, NULL);
    show_stop("before", pid);
    set_debug(pid, 0, (unsigned long)steps_begin);
    set_debug(pid, 7, 1);
    go("at its start", pid);
    ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
    show_stop("an element further", pid);
    go("at its start again", pid);
    set_debug(pid, 7, 0);
    end(pid);
}

enum { BREAKS_AT = 0, WRITES = 1, READS = 3, LEN_1 = 0, LEN_2 = 1, LEN_8 = 2, LEN_4 = 3 };

static unsigned long watch_bits(int n, unsigned long kind, unsigned long len)
{
    return 1ul << (2 * n) | kind << (16 + 4 * n) | len << (18 + 4 * n);
}

static void watchpoints(void)
{
    pid_t pid = child(is_stepped, NULL);
    show_stop("before", pid);
    set_debug(pid, 0, (unsigned long)&watched[1]);
    set_debug(pid, 1, (unsigned long)&watched[2]);
    set_debug(pid, 2, (unsigned long)moved_to + 1);
    set_debug(pid, 3, 3);
    set_debug(pid, 3, ~0ul << 20);
    set_debug(pid, 4, 3);
    set_debug(pid, 7, watch_bits(3, WRITES, LEN_8));
    set_debug(pid, 7, watch_bits(2, BREAKS_AT, LEN_2));
    set_debug(pid, 7, watch_bits(2, 2, LEN_1));
    set_debug(pid, 7,
              watch_bits(0, WRITES, LEN_8) | watch_bits(1, READS, LEN_4) |
                  watch_bits(2, WRITES, LEN_1));
    printf("DR7 %#lx\n", ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[7]), NULL));
    for (int i = 0; i < 6; i++)
        go("watched", pid);
    set_debug(pid, 6, 0);
    printf("DR6 %#lx\n", ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), NULL));
    end(pid);
}

int main(void)
{
    process_start();
    breakpoint();
    watchpoints();
    return 0;
}
