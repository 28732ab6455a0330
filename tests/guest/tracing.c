// SPDX-License-Identifier: GPL-2.0-or-later
/* ptrace: a parent that steers its children from call to call, changes their memory, registers and
 * signals, makes them stop for each instruction, follows what they make, and lets them go. */
#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "stepped.h"

static int word_of_child = 1111;

/* Waits for the tracee and says how it stopped. Result: the status. */
static int stop_of(const char *what, pid_t pid)
{
    int status = 0;
    if (waitpid(pid, &status, __WALL) != pid) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return -1;
    }
    if (!WIFSTOPPED(status)) {
        say_status(what, status);
        return status;
    }
    int signal = WSTOPSIG(status) & 0x7f;
    printf("%s: SIG%s%s event %d\n", what, sigabbrev_np(signal),
           WSTOPSIG(status) & 0x80 ? " of a call" : "", status >> 16);
    return status;
}

static void show_info(pid_t pid)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info)) {
        printf("no info: %s\n", strerrorname_np(errno));
        return;
    }
    printf("info: SIG%s code %d\n", sigabbrev_np(info.si_signo), info.si_code);
}

static int trace_me(void *unused)
{
    (void)unused;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        return 90;
    raise(SIGSTOP);
    return 0;
}

/* ---- calls ---- */

static int makes_calls(void *unused)
{
    trace_me(unused);
    syscall(SYS_getppid);
    long forged = syscall(SYS_getuid);    /* the tracer changes the result, */
    long skipped = syscall(SYS_close, 1); /* and lets this not happen */
    printf("the child got %ld and %ld\n", forged, skipped);
    return word_of_child == 2222 ? 7 : 8;
}

/* From stop to stop until the entry of this call. */
static int run_to(pid_t pid, unsigned long call)
{
    struct user_regs_struct regs;
    int status;
    do {
        ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            return -1;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    } while (regs.orig_rax != call || (long)regs.rax != -ENOSYS);
    return 0;
}

static void calls(void)
{
    struct user_regs_struct regs;
    pid_t pid = child(makes_calls, NULL);
    stop_of("first stop", pid);
    show_info(pid);
    TRY(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD));
    TRY(ptrace(PTRACE_SETOPTIONS, pid, NULL, 0x40000000));
    printf("to getppid: %d\n", run_to(pid, SYS_getppid));
    TRY(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    stop_of("its exit", pid);
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    printf("result is the parent: %d, cs %#llx ss %#llx\n", (pid_t)regs.rax == getpid(), regs.cs,
           regs.ss);
    printf("to getuid: %d\n", run_to(pid, SYS_getuid));
    ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
    stop_of("its exit", pid);
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    regs.rax = 4321;
    TRY(ptrace(PTRACE_SETREGS, pid, NULL, &regs));
    printf("to close: %d\n", run_to(pid, SYS_close));
    TRY(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), -1));
    TRY(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    stop_of("exit of what was skipped", pid);
    errno = 0;
    printf("word %d\n", (int)ptrace(PTRACE_PEEKDATA, pid, &word_of_child, NULL));
    TRY(ptrace(PTRACE_POKEDATA, pid, &word_of_child, 2222));
    printf("mine stays %d\n", word_of_child);
    TRY(ptrace(PTRACE_PEEKDATA, pid, 16, NULL));
    TRY(ptrace(PTRACE_POKEDATA, pid, 16, NULL));
    ptrace(PTRACE_CONT, pid, NULL, NULL); /* the child prints now */
    stop_of("end", pid);
}

/* ---- registers, and code that is not writable ---- */

static __attribute__((noinline)) int answer(void)
{
    return 41;
}

static int hits_breakpoint(void *unused)
{
    trace_me(unused);
    return answer();
}

static void breakpoint(void)
{
    struct user_regs_struct regs;
    struct user_fpregs_struct fpregs;
    struct iovec iov = {&regs, sizeof regs + 104};
    pid_t pid = child(hits_breakpoint, NULL);
    stop_of("before", pid);
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, pid, answer, NULL);
    TRY(ptrace(PTRACE_POKETEXT, pid, answer, (code & ~0xffL) | 0xcc));
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    stop_of("breakpoint", pid);
    show_info(pid);
    TRY(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov));
    printf("%zu bytes, just behind it: %d\n", iov.iov_len, regs.rip == (unsigned long)answer + 1);
    TRY(ptrace(PTRACE_GETFPREGS, pid, NULL, &fpregs));
    printf("mxcsr %#x cwd %#x\n", fpregs.mxcsr, fpregs.cwd);
    TRY(ptrace(PTRACE_SETFPREGS, pid, NULL, &fpregs));
    printf("my own code is as it was: %d\n", answer());
    ptrace(PTRACE_POKETEXT, pid, answer, code);
    regs.rip--;
    iov.iov_len = sizeof regs;
    TRY(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov));
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    stop_of("end", pid);
}

/* ---- single steps ---- */

static void show_pc(pid_t pid)
{
    struct user_regs_struct regs = {0};
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    long at = stepped_place(regs.rip);
    if (at >= 0)
        printf("at %ld, rcx %llu, ", at, at <= 2 ? regs.rcx : 0); /* RF depends on the processor */
    else
        printf("elsewhere, ");
    errno = 0;
    printf("DR6 %#lx\n", ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), NULL));
}

static int go(const char *what, int request, pid_t pid, int signal)
{
    ptrace(request, pid, NULL, signal);
    int status = stop_of(what, pid);
    show_info(pid);
    show_pc(pid);
    return status;
}

/* Steps to an instruction. Result: how many steps that took; -1: it is not reached. */
static int step_to(pid_t pid, unsigned long pc)
{
    struct user_regs_struct regs = {0};
    int status;
    for (int steps = 0; steps < 100000; steps++) {
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
        if (regs.rip == pc)
            return steps;
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            return -1;
    }
    return -1;
}

static void steps(void)
{
    struct user_regs_struct regs;
    pid_t pid = child(is_stepped, NULL);
    stop_of("before", pid);
    printf("reached: %d\n", step_to(pid, (unsigned long)steps_begin) > 0);
    show_pc(pid);
    do {
        if (!WIFSTOPPED(go("step", PTRACE_SINGLESTEP, pid, 0)))
            return;
        ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    } while (regs.rip != (unsigned long)steps_end);
    kill(pid, SIGUSR1);
    go("a signal instead", PTRACE_SINGLESTEP, pid, 0);
    go("its handler", PTRACE_SINGLESTEP, pid, SIGUSR1);
    printf("reached again: %d\n", step_to(pid, (unsigned long)steps_begin) > 0);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    stop_of("end", pid);
}

/* ---- signals ---- */

static volatile sig_atomic_t caught;

static void catch (int signal)
{
    caught = signal;
}

static int gets_signals(void *unused)
{
    signal(SIGUSR1, catch);
    signal(SIGUSR2, catch);
    signal(SIGWINCH, SIG_IGN);
    trace_me(unused);
    raise(SIGUSR1);
    printf("caught %d\n", caught);
    raise(SIGUSR1);
    printf("caught %d\n", caught);
    raise(SIGWINCH);
    raise(SIGTERM);
    printf("still there\n");
    raise(SIGSTOP);
    *(volatile int *)16 = 1;
    return 0;
}

static void step_signal(pid_t pid, const char *what, int give)
{
    stop_of(what, pid);
    show_info(pid);
    ptrace(PTRACE_CONT, pid, NULL, give); /* the child may print now */
}

static void signals(void)
{
    pid_t pid = child(gets_signals, NULL);
    step_signal(pid, "stop", 0);
    step_signal(pid, "first", SIGUSR2);
    step_signal(pid, "second", SIGUSR1);
    step_signal(pid, "ignored", SIGWINCH);
    step_signal(pid, "swallowed", 0);
    step_signal(pid, "stopping", SIGSTOP);
    step_signal(pid, "stopped as a group", 0);
    step_signal(pid, "fault", SIGSEGV);
    stop_of("end", pid);
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
}

/* ---- what it makes ---- */

static void *thread_body(void *unused)
{
    return unused;
}

static int makes_tasks(void *unused)
{
    pthread_t thread;
    trace_me(unused);
    pid_t pid = fork();
    if (pid == 0)
        _exit(3);
    waitpid(pid, NULL, 0);
    pid = vfork();
    if (pid == 0)
        _exit(4);
    waitpid(pid, NULL, 0);
    pthread_create(&thread, NULL, thread_body, NULL);
    pthread_join(thread, NULL);
    execl("/bin/false", "false", NULL);
    return 1;
}

/* Follows everything to its end; says what happens to the first task, and counts the rest. */
static void follow(void)
{
    const int options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                        PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACEVFORKDONE;
    int status, others = 0, first_stops = 0, ends = 0;
    pid_t pid = child(makes_tasks, NULL), got;
    stop_of("stop", pid);
    TRY(ptrace(PTRACE_SETOPTIONS, pid, NULL, options));
    ptrace(PTRACE_CONT, pid, NULL, NULL);
    while ((got = waitpid(-1, &status, __WALL)) > 0) {
        unsigned long message = 0;
        if (!WIFSTOPPED(status)) {
            ends += got != pid;
            if (got == pid)
                say_status("the first", status);
            continue;
        }
        int event = status >> 16, signal = WSTOPSIG(status);
        ptrace(PTRACE_GETEVENTMSG, got, NULL, &message);
        if (got == pid && signal != SIGCHLD)
            printf("the first: SIG%s event %d\n", sigabbrev_np(signal), event);
        if (event == PTRACE_EVENT_EXIT && got == pid)
            printf("will exit with %lu\n", message >> 8);
        if (event == PTRACE_EVENT_EXEC)
            printf("executes; was itself: %d\n", (pid_t)message == pid);
        others += event >= PTRACE_EVENT_FORK && event <= PTRACE_EVENT_CLONE;
        first_stops += got != pid && signal == SIGSTOP;
        ptrace(PTRACE_CONT, got, NULL, event || signal == SIGSTOP ? 0 : signal);
    }
    printf("%d made, %d stopped at first, %d ended\n", others, first_stops, ends);
}

/* ---- attaching ---- */

static int spins(void *ends)
{
    for (int round = 0;; round++) {
        if (round == 0)
            send_byte(((int *)ends)[1]);
        if (word_of_child != 1111)
            return 5;
        usleep(1000);
    }
}

static void attach(void)
{
    int ends[2];
    pipe(ends);
    pid_t pid = child(spins, ends);
    wait_byte(ends[0]);
    TRY(ptrace(PTRACE_PEEKDATA, pid, &word_of_child, NULL));
    TRY(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    TRY(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
    stop_of("attached", pid);
    TRY(ptrace(PTRACE_POKEDATA, pid, &word_of_child, 2));
    TRY(ptrace(PTRACE_DETACH, pid, NULL, NULL));
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    stop_of("end", pid);
    TRY(ptrace(PTRACE_ATTACH, getpid(), NULL, NULL));
    TRY(ptrace(PTRACE_ATTACH, 999999, NULL, NULL));
}

static void seize(void)
{
    int ends[2];
    pipe(ends);
    pid_t pid = child(spins, ends);
    wait_byte(ends[0]);
    TRY(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD));
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    TRY(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL));
    stop_of("interrupted", pid);
    show_info(pid);
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    kill(pid, SIGSTOP);
    stop_of("signal", pid);
    TRY(ptrace(PTRACE_CONT, pid, NULL, SIGSTOP));
    stop_of("group", pid);
    TRY(ptrace(PTRACE_LISTEN, pid, NULL, NULL));
    kill(pid, SIGCONT);
    stop_of("listening", pid);
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    stop_of("continued", pid);
    TRY(ptrace(PTRACE_CONT, pid, NULL, NULL));
    TRY(ptrace(PTRACE_KILL, pid, NULL, NULL));
    kill(pid, SIGKILL);
    stop_of("end", pid);
}

/* A tracer that ends lets its tracees go, or takes them along. */
static int leaves(void *argument)
{
    int *ends = argument, status;
    pid_t pid = ends[2];
    ptrace(PTRACE_SEIZE, pid, NULL, (long)ends[3]);
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    waitpid(pid, &status, __WALL);
    ptrace(PTRACE_POKEDATA, pid, &word_of_child, 2);
    return WIFSTOPPED(status) ? 0 : 1;
}

static void tracer_ends(int options)
{
    int ends[4];
    pipe(ends);
    ends[3] = options;
    ends[2] = child(spins, ends);
    wait_byte(ends[0]);
    in_child("tracer", leaves, ends);
    stop_of("tracee", ends[2]);
}

int main(void)
{
    process_start();
    calls();
    breakpoint();
    steps();
    signals();
    follow();
    attach();
    seize();
    tracer_ends(0);
    tracer_ends(PTRACE_O_EXITKILL);
    return 0;
}
