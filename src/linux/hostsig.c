// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Host signals for guests, and the one kind of wait that none of them can slip past:
 *
 *     load the registers of the call
 *     window:  is something recorded?  yes -> abandon
 *              syscall
 *     end:
 *
 * A handler that interrupts inside the window, or that finds the host about to restart the call
 * (which moves the instruction pointer back onto the syscall instruction), continues at `abandon`.
 * Outside the window handlers only record and kick the CPU, and all other host calls go on by
 * themselves (SA_RESTART).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/hostsig.h"
#include "linux/job.h"
#include "linux/schedule.h"
#include "linux/timer.h"
#include "linux/tty.h"
#include "machine/machine.h"

enum { HOST_SIGNALS = 32 }; /* only the standard ones are handed on */

/* Signals that pagewalk hands on to guests. SIGPIPE is not among them: a write that fails with
 * EPIPE raises it in the guest that wrote. */
static const int handed_on[] = {
    SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM,  SIGTERM,   SIGCONT,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,  SIGIO,   SIGWINCH, SIGVTALRM, SIGPROF,
};
enum { HANDED_ON = sizeof handed_on / sizeof handed_on[0] };

struct hostsig {
    struct linux_system *system;
    volatile int stop;               /* something is recorded; what hostsig_enter() looks at */
    atomic_uint recorded;            /* bit n: host signal n */
    volatile int code[HOST_SIGNALS]; /* its si_code: SI_USER or the terminal's SI_KERNEL */
    volatile int timer_due;
    uint64_t inherited_ignored, inherited_mask;
    bool started;
    struct sigaction before[HANDED_ON], before_pipe;
    sigset_t mask_before;
    bool has_timer;
    timer_t timer;
    uint64_t armed; /* deadline the host timer is set to */
};

/* The one a handler is for. A handler has no other way to know, and only one system runs at a
 * time. */
static struct hostsig *target;

int64_t hostsig_enter(const volatile int *stop, long number, const uint64_t args[6]);
extern const char hostsig_window[], hostsig_window_end[], hostsig_abandon[];

__asm__(".pushsection .text\n"
        ".globl hostsig_enter, hostsig_window, hostsig_window_end, hostsig_abandon\n"
        ".type hostsig_enter, @function\n"
        "hostsig_enter:\n"
        "    mov %rdi, %rcx\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %r11\n"
        "    mov 0(%r11), %rdi\n"
        "    mov 8(%r11), %rsi\n"
        "    mov 16(%r11), %rdx\n"
        "    mov 24(%r11), %r10\n"
        "    mov 32(%r11), %r8\n"
        "    mov 40(%r11), %r9\n"
        "hostsig_window:\n"
        "    cmpl $0, (%rcx)\n"
        "    jne hostsig_abandon\n"
        "    syscall\n"
        "hostsig_window_end:\n"
        "    ret\n"
        "hostsig_abandon:\n"
        "    mov $-4, %rax\n" /* -EINTR */
        "    ret\n"
        ".size hostsig_enter, . - hostsig_enter\n"
        ".popsection\n");

static void handler(int signal, siginfo_t *info, void *context)
{
    struct hostsig *hostsig = target;
    if (!hostsig)
        return;
    if (signal == SIGALRM && info->si_code == SI_TIMER) {
        hostsig->timer_due = 1;
    } else {
        hostsig->code[signal] = info->si_code;
        atomic_fetch_or(&hostsig->recorded, 1u << signal);
    }
    hostsig->stop = 1;
    cpu_kick(hostsig->system->machine);
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (*rip >= (greg_t)(uintptr_t)hostsig_window && *rip < (greg_t)(uintptr_t)hostsig_window_end)
        *rip = (greg_t)(uintptr_t)hostsig_abandon;
}

/* ---- setting up ---- */

uint64_t hostsig_inherited_ignored(const struct linux_system *system)
{
    return system->hostsig->inherited_ignored;
}

uint64_t hostsig_inherited_mask(const struct linux_system *system)
{
    return system->hostsig->inherited_mask;
}

int hostsig_create(struct linux_system *system)
{
    struct hostsig *hostsig = x_calloc(1, sizeof *hostsig);
    hostsig->system = system;
    hostsig->armed = TIMER_NEVER;
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int signal = 1; signal <= SIGNALS; signal++) {
        struct sigaction action;
        if (sigismember(&mask, signal) == 1)
            hostsig->inherited_mask |= sigbit(signal);
        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            hostsig->inherited_ignored |= sigbit(signal);
    }
    system->hostsig = hostsig;
    return 0;
}

void hostsig_destroy(struct linux_system *system)
{
    hostsig_stop(system);
    if (system->hostsig->has_timer)
        timer_delete(system->hostsig->timer);
    free(system->hostsig);
    system->hostsig = NULL;
}

static void install(int signal, struct sigaction *before)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, before);
}

void hostsig_start(struct linux_system *system)
{
    struct hostsig *hostsig = system->hostsig;
    CHECK(!target && !hostsig->started);
    target = hostsig;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &hostsig->before_pipe);
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < HANDED_ON; i++) {
        install(handed_on[i], &hostsig->before[i]);
        sigaddset(&set, handed_on[i]);
    }
    sigprocmask(SIG_UNBLOCK, &set, &hostsig->mask_before);
    hostsig->started = true;
}

void hostsig_stop(struct linux_system *system)
{
    struct hostsig *hostsig = system->hostsig;
    if (!hostsig->started)
        return;
    sigprocmask(SIG_SETMASK, &hostsig->mask_before, NULL);
    for (int i = 0; i < HANDED_ON; i++)
        sigaction(handed_on[i], &hostsig->before[i], NULL);
    sigaction(SIGPIPE, &hostsig->before_pipe, NULL);
    target = NULL;
    hostsig->started = false;
}

void hostsig_mirror(struct linux_system *system, int signal, bool ignored)
{
    if (!system->hostsig->started || (signal != SIGTTIN && signal != SIGTTOU))
        return;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (ignored)
        sigaction(signal, &ignore, NULL);
    else
        install(signal, NULL);
}

void hostsig_stop_self(struct linux_system *system, int signal)
{
    struct sigaction usual = {.sa_handler = SIG_DFL}, before;
    if (signal == SIGSTOP) {
        raise(SIGSTOP);
        return;
    }
    sigaction(signal, &usual, &before);
    raise(signal);
    sigaction(signal, &before, NULL);
}

/* ---- handing on ---- */

static struct process *first_alive(struct linux_system *system)
{
    struct process *process = system->processes;
    while (process && process->exited)
        process = process->next;
    return process;
}

/* What a terminal sends goes to the foreground group, what kill(2) sends to the first process; but
 * a shell continues jobs as groups. */
static void hand_on(struct linux_system *system, int signal, int code)
{
    struct process *first = first_alive(system);
    int foreground = tty_user_foreground(system);
    if (!first)
        return;
    bool is_sent = code == SI_USER || code == SI_QUEUE || code == SI_TKILL;
    if (is_sent && signal == SIGCONT)
        job_signal_group(system, first->pgid, signal, SI_USER);
    else if (is_sent)
        signal_send_process(first, signal, SI_USER, 0);
    else
        job_signal_group(system, foreground ? foreground : first->pgid, signal, SI_KERNEL);
}

void hostsig_collect(struct linux_system *system)
{
    struct hostsig *hostsig = system->hostsig;
    if (system->clock.is_virtual && timers_next(system) <= clock_monotonic(system))
        timers_run_all(system);
    if (!hostsig->stop)
        return;
    hostsig->stop = 0; /* before the look, so that what comes later is not missed */
    unsigned recorded = atomic_exchange(&hostsig->recorded, 0);
    for (int signal = 1; signal < HOST_SIGNALS; signal++)
        if (recorded & 1u << signal)
            hand_on(system, signal, hostsig->code[signal]);
    if (hostsig->timer_due) {
        hostsig->timer_due = 0;
        hostsig->armed = TIMER_NEVER;
        timers_run_all(system);
        hostsig_arm(system);
    }
}

/* ---- the host timer ---- */

static struct timespec to_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
}

void hostsig_arm(struct linux_system *system)
{
    struct hostsig *hostsig = system->hostsig;
    uint64_t deadline = timers_next(system);
    if (system->clock.is_virtual || deadline == hostsig->armed)
        return;
    if (!hostsig->has_timer) {
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
        if (timer_create(CLOCK_MONOTONIC, &event, &hostsig->timer) < 0)
            return; /* quantum ends still look at the time */
        hostsig->has_timer = true;
    }
    struct itimerspec setting = {0};
    if (deadline != TIMER_NEVER)
        setting.it_value = to_timespec(deadline ? deadline : 1);
    timer_settime(hostsig->timer, TIMER_ABSTIME, &setting, NULL);
    hostsig->armed = deadline;
}

/* ---- waiting ---- */

static bool is_interrupted(struct task *task)
{
    hostsig_collect(task->process->system);
    return signal_is_pending(task);
}

int64_t hostsig_call(struct task *task, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                     uint64_t e, uint64_t f)
{
    const uint64_t args[6] = {a, b, c, d, e, f};
    int64_t result;
    do {
        if (is_interrupted(task))
            return -ERESTARTSYS;
        result = hostsig_enter(&task->process->system->hostsig->stop, number, args);
        /* EINTR with nothing for this guest: the signal was ignored or someone else's. */
    } while (result == -EINTR);
    return result;
}

int hostsig_ppoll(struct linux_system *system, struct pollfd *fds, unsigned nfds,
                  uint64_t timeout_ns)
{
    struct timespec ts = to_timespec(timeout_ns);
    const uint64_t args[6] = {
        (uint64_t)(uintptr_t)fds, nfds, timeout_ns == TIMER_NEVER ? 0 : (uint64_t)(uintptr_t)&ts, 0,
        sizeof(sigbits_t),        0};
    return (int)hostsig_enter(&system->hostsig->stop, SYS_ppoll, args);
}

static int poll_now(struct pollfd *fds, unsigned nfds)
{
    int ready = poll(fds, nfds, 0);
    return ready < 0 ? -errno : ready;
}

/* The moment `timeout_ns` from now; < 0: never. */
static uint64_t deadline_after(const struct linux_system *system, int64_t timeout_ns)
{
    uint64_t now = clock_monotonic(system);
    if (timeout_ns < 0 || (uint64_t)timeout_ns > TIMER_NEVER - 1 - now)
        return TIMER_NEVER;
    return now + (uint64_t)timeout_ns;
}

int hostsig_poll(struct task *task, struct pollfd *fds, unsigned nfds, int64_t timeout_ns)
{
    struct linux_system *system = task->process->system;
    if (timeout_ns == 0 || is_interrupted(task)) {
        int ready = poll_now(fds, nfds);
        return ready == 0 && is_interrupted(task) ? -ERESTARTSYS : ready;
    }
    struct task_wait wait = {
        .fds = fds, .nfds = nfds, .deadline_ns = deadline_after(system, timeout_ns)};
    return sched_wait(task, &wait);
}

int hostsig_wait_fd(struct task *task, int host_fd, short events, int64_t timeout_ns)
{
    struct pollfd fd = {.fd = host_fd, .events = events};
    int ready = hostsig_poll(task, &fd, 1, timeout_ns);
    return ready > 0 ? fd.revents : ready;
}

int hostsig_sleep(struct task *task, uint64_t deadline_ns)
{
    struct task_wait wait = {.deadline_ns = deadline_ns};
    return sched_wait(task, &wait);
}
