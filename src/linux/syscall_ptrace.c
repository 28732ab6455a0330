// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ptrace(2): who may trace whom, and the requests on a tracee: its memory, registers, signals, and
 * how it goes on. The stops are tracee.c's.
 */
#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#include "linux/schedule.h"
#include "linux/syscall_calls.h"
#include "linux/tracee.h"
#include "linux/user.h"

/* Requests of x86-64 that <linux/ptrace.h> leaves to <asm/ptrace-abi.h>. */
enum {
    REQUEST_GETREGS = 12,
    REQUEST_SETREGS = 13,
    REQUEST_GETFPREGS = 14,
    REQUEST_SETFPREGS = 15,
    USER_CS = 0x33,
    USER_SS = 0x2b,
    USER_LEN = 912,        /* struct user, */
    USER_DEBUG_REGS = 848, /* and the last in it, eight words: */
    DR_STATUS = 6,
    DR_CONTROL = 7,
    OPTIONS_KNOWN = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEVFORKDONE |
                    PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL,
};

/* What may be changed of rflags: AC RF NT OF DF SF ZF AF PF CF; not TF, which VEX does not know. */
#define RFLAGS_SETTABLE ((uint64_t)0x54cd5)

/* The kernel's struct user_regs_struct, which struct user begins with (<sys/user.h>). */
struct guest_user_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip,
        cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* ---- attaching ---- */

static int64_t trace_me(struct task *task)
{
    struct process *parent = task->process->parent;
    if (task->tracee || !parent || parent->exited)
        return -EPERM;
    tracee_attach(task, parent, 0, false);
    return 0;
}

static int check_options(uint64_t options)
{
    return options & ~(uint64_t)OPTIONS_KNOWN ? -EINVAL : 0;
}

static int64_t attach(struct task *task, struct task *target, bool is_seized, uint64_t options)
{
    const struct process *of = target->process;
    if (of == task->process || target->tracee || target->exiting ||
        (of->undumpable && !caps_has(&task->caps, CAP_SYS_PTRACE)))
        return -EPERM;
    tracee_attach(target, task->process, (uint32_t)options, is_seized);
    if (!is_seized)
        signal_send_task(target, SIGSTOP, SI_KERNEL, 0);
    if (of->job.stopped)
        sched_resume_task(target); /* to stop for its tracer */
    return 0;
}

static int64_t seize(struct task *task, struct task *target, const uint64_t args[6])
{
    if (args[2] || check_options(args[3]))
        return args[2] ? -EIO : -EINVAL;
    return attach(task, target, true, args[3]);
}

/* ---- memory ---- */

static int64_t peek(struct task *task, const struct task *target, const uint64_t args[6])
{
    uint64_t word;
    if (uaccess_read(target->process->space, &word, vaddr(args[2]), sizeof word) < 0)
        return -EIO;
    return user_write(task, args[3], &word, sizeof word);
}

static int64_t poke(const struct task *target, const uint64_t args[6])
{
    uint64_t word = args[3];
    int rc = uaccess_force_write(target->process->space, vaddr(args[2]), &word, sizeof word);
    return rc < 0 ? -EIO : 0;
}

/* ---- registers ---- */

static void get_registers(const struct task *target, struct guest_user_regs *out)
{
    struct cpu_regs r;
    cpu_get_regs(target->cpu, &r);
    *out = (struct guest_user_regs){
        .r15 = r.r15,
        .r14 = r.r14,
        .r13 = r.r13,
        .r12 = r.r12,
        .rbp = r.rbp,
        .rbx = r.rbx,
        .r11 = r.r11,
        .r10 = r.r10,
        .r9 = r.r9,
        .r8 = r.r8,
        .rax = r.rax,
        .rcx = r.rcx,
        .rdx = r.rdx,
        .rsi = r.rsi,
        .rdi = r.rdi,
        .orig_rax = target->tracee->call,
        .rip = r.rip,
        .cs = USER_CS,
        .eflags = r.rflags,
        .rsp = r.rsp,
        .ss = USER_SS,
        .fs_base = r.fs_base,
        .gs_base = r.gs_base,
    };
}

/* A tracer that says "no call" by orig_rax ends the restart of an interrupted one. */
static int set_registers(struct task *target, const struct guest_user_regs *from)
{
    struct cpu_regs r;
    if (from->fs_base >= SPACE_END || from->gs_base >= SPACE_END || from->cs != USER_CS ||
        from->ss != USER_SS)
        return -EIO;
    cpu_get_regs(target->cpu, &r);
    r = (struct cpu_regs){
        .rax = from->rax,
        .rbx = from->rbx,
        .rcx = from->rcx,
        .rdx = from->rdx,
        .rsi = from->rsi,
        .rdi = from->rdi,
        .rbp = from->rbp,
        .rsp = from->rsp,
        .r8 = from->r8,
        .r9 = from->r9,
        .r10 = from->r10,
        .r11 = from->r11,
        .r12 = from->r12,
        .r13 = from->r13,
        .r14 = from->r14,
        .r15 = from->r15,
        .rip = from->rip,
        .rflags = (r.rflags & ~RFLAGS_SETTABLE) | (from->eflags & RFLAGS_SETTABLE),
        .fs_base = from->fs_base,
        .gs_base = from->gs_base,
    };
    target->tracee->call = from->orig_rax;
    target->fs_base = from->fs_base;
    if (from->orig_rax == UINT64_MAX)
        target->restart_result = 0;
    cpu_set_regs(target->cpu, &r);
    return 0;
}

/* ---- debug registers ---- */

/* Bits that are 1 in DR6, or become 0 as breakpoints are hit; and those that are not in DR7. */
#define DR_STATUS_FLIPPED ((uint64_t)0xffff0ff0)
#define DR_CONTROL_RESERVED ((uint64_t)0xffffffff0000fc00)

static uint64_t get_debug(const struct tracee *tracee, uint64_t n)
{
    if (n < CPU_DEBUG_ADDRESSES)
        return tracee->debug.addr[n];
    if (n == DR_STATUS)
        return tracee->debug_status ^ DR_STATUS_FLIPPED;
    return n == DR_CONTROL ? tracee->debug.control : 0;
}

/* Is each breakpoint of DR7 one that Linux grants: on execution (length 1), or on data, aligned? */
static bool is_granted(const struct cpu_debug *debug)
{
    enum { EXECUTE = 0, IO = 2 };
    static const uint8_t lens[4] = {1, 2, 8, 4};
    for (unsigned i = 0; i < CPU_DEBUG_ADDRESSES; i++) {
        unsigned type = debug->control >> (16 + 4 * i) & 3,
                 len = debug->control >> (18 + 4 * i) & 3;
        bool is_bad =
            type == IO || (type == EXECUTE && len != 0) || debug->addr[i] & (lens[len] - 1u);
        if (debug->control >> 2 * i & 3 && is_bad)
            return false;
    }
    return true;
}

static int set_debug(struct tracee *tracee, uint64_t n, uint64_t value)
{
    struct cpu_debug wanted = tracee->debug;
    if (n == DR_STATUS) {
        tracee->debug_status = value ^ DR_STATUS_FLIPPED;
        return 0;
    }
    if (n < CPU_DEBUG_ADDRESSES)
        wanted.addr[n] = value;
    else if (n == DR_CONTROL)
        wanted.control = value & ~DR_CONTROL_RESERVED;
    else
        return -EIO;
    if (n < CPU_DEBUG_ADDRESSES && value >= SPACE_END)
        return -EINVAL;
    if (!is_granted(&wanted))
        return -EINVAL;
    tracee->debug = wanted;
    return 0;
}

/* Of struct user, general and debug registers count. */
static int64_t peek_user(struct task *task, const struct task *target, const uint64_t args[6])
{
    struct guest_user_regs regs;
    uint64_t word = 0;
    if (args[2] % sizeof word || args[2] > USER_LEN - sizeof word)
        return -EIO;
    get_registers(target, &regs);
    if (args[2] >= USER_DEBUG_REGS)
        word = get_debug(target->tracee, (args[2] - USER_DEBUG_REGS) / sizeof word);
    if (args[2] < sizeof regs)
        memcpy(&word, (const uint8_t *)&regs + args[2], sizeof word);
    return user_write(task, args[3], &word, sizeof word);
}

static int64_t poke_user(struct task *target, const uint64_t args[6])
{
    struct guest_user_regs regs;
    if (args[2] % sizeof args[3] || args[2] > USER_LEN - sizeof args[3])
        return -EIO;
    if (args[2] >= USER_DEBUG_REGS)
        return set_debug(target->tracee, (args[2] - USER_DEBUG_REGS) / sizeof args[3], args[3]);
    if (args[2] >= sizeof regs)
        return -EIO;
    get_registers(target, &regs);
    memcpy((uint8_t *)&regs + args[2], &args[3], sizeof args[3]);
    return set_registers(target, &regs);
}

static int64_t get_regs(struct task *task, const struct task *target, uint64_t addr)
{
    struct guest_user_regs regs;
    get_registers(target, &regs);
    return user_write(task, addr, &regs, sizeof regs);
}

static int64_t set_regs(struct task *task, struct task *target, uint64_t addr)
{
    struct guest_user_regs regs;
    int rc = user_read(task, &regs, addr, sizeof regs);
    return rc < 0 ? rc : set_registers(target, &regs);
}

static int64_t get_fpregs(struct task *task, const struct task *target, uint64_t addr)
{
    uint8_t area[CPU_XSAVE_LEN];
    cpu_get_xsave(target->cpu, area);
    return user_write(task, addr, area, CPU_FXSAVE_LEN);
}

static int64_t set_fpregs(struct task *task, struct task *target, uint64_t addr)
{
    uint8_t area[CPU_XSAVE_LEN];
    cpu_get_xsave(target->cpu, area);
    int rc = user_read(task, area, addr, CPU_FXSAVE_LEN);
    if (rc == 0)
        cpu_set_xsave(target->cpu, area, sizeof area);
    return rc;
}

/* The bytes of a set of registers. Result: their number, -EINVAL there is no such set. */
static int64_t regset_get(const struct task *target, uint64_t type, uint8_t bytes[CPU_XSAVE_LEN])
{
    struct guest_user_regs regs;
    switch (type) {
    case NT_PRSTATUS:
        get_registers(target, &regs);
        memcpy(bytes, &regs, sizeof regs);
        return sizeof regs;
    case NT_PRFPREG:
        cpu_get_xsave(target->cpu, bytes);
        return CPU_FXSAVE_LEN;
    case NT_X86_XSTATE:
        cpu_get_xsave(target->cpu, bytes);
        return CPU_XSAVE_LEN;
    default:
        return -EINVAL;
    }
}

static int regset_set(struct task *target, uint64_t type, const uint8_t bytes[CPU_XSAVE_LEN])
{
    struct guest_user_regs regs;
    if (type == NT_PRSTATUS) {
        memcpy(&regs, bytes, sizeof regs);
        return set_registers(target, &regs);
    }
    cpu_set_xsave(target->cpu, bytes, CPU_XSAVE_LEN);
    return 0;
}

/* args[3] points at an iovec, whose length is made that of what was moved. */
static int64_t regset(struct task *task, struct task *target, const uint64_t args[6], bool is_set)
{
    uint8_t bytes[CPU_XSAVE_LEN];
    struct user_iov iov;
    if (user_read(task, &iov, args[3], sizeof iov) < 0)
        return -EFAULT;
    int64_t len = regset_get(target, args[2], bytes);
    if (len < 0)
        return len;
    if (iov.len % sizeof(uint64_t))
        return -EINVAL;
    if (iov.len > (uint64_t)len)
        iov.len = (uint64_t)len;
    if (args[2] == NT_PRFPREG && is_set)
        regset_get(target, NT_X86_XSTATE, bytes); /* what is not given stays */
    int rc = is_set ? user_read(task, bytes, iov.base, iov.len)
                    : user_write(task, iov.base, bytes, iov.len);
    if (rc == 0 && is_set)
        rc = regset_set(target, args[2], bytes);
    return rc < 0 ? rc : user_write(task, args[3], &iov, sizeof iov);
}

/* ---- stops ---- */

static uint8_t call_op(const struct tracee *tracee)
{
    if (tracee->stop == TRACEE_AT_ENTRY)
        return PTRACE_SYSCALL_INFO_ENTRY;
    return tracee->stop == TRACEE_AT_EXIT ? PTRACE_SYSCALL_INFO_EXIT : PTRACE_SYSCALL_INFO_NONE;
}

/* The result is how many bytes there are, whatever was asked for. */
static int64_t get_call_info(struct task *task, const struct task *target, const uint64_t args[6])
{
    struct cpu_regs regs;
    cpu_get_regs(target->cpu, &regs);
    struct ptrace_syscall_info info = {.op = call_op(target->tracee),
                                       .arch = AUDIT_ARCH_X86_64,
                                       .instruction_pointer = regs.rip,
                                       .stack_pointer = regs.rsp};
    size_t len = offsetof(struct ptrace_syscall_info, entry);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        uint64_t call_args[6];
        cpu_syscall_args(target->cpu, call_args);
        info.entry.nr = target->tracee->call;
        memcpy(info.entry.args, call_args, sizeof call_args);
        len = offsetof(struct ptrace_syscall_info, entry.args) + sizeof info.entry.args;
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
        info.exit.rval = (int64_t)regs.rax;
        info.exit.is_error = regs.rax > (uint64_t)-4096;
        len = offsetof(struct ptrace_syscall_info, exit.is_error) + sizeof info.exit.is_error;
    }
    size_t room = args[2] < len ? args[2] : len;
    return user_write(task, args[3], &info, room) < 0 ? -EFAULT : (int64_t)len;
}

/* That there is none is how a tracer knows a group stop from a signal. */
static int64_t get_info(struct task *task, const struct tracee *tracee, uint64_t addr)
{
    if (tracee->stop == TRACEE_AT_GROUP_STOP && !tracee->is_seized)
        return -EINVAL;
    return user_write(task, addr, &tracee->info, sizeof tracee->info);
}

static int64_t set_info(struct task *task, struct tracee *tracee, uint64_t addr)
{
    return user_read(task, &tracee->info, addr, sizeof tracee->info);
}

static int64_t get_message(struct task *task, const struct tracee *tracee, uint64_t addr)
{
    return user_write(task, addr, &tracee->message, sizeof tracee->message);
}

static int64_t set_mask(struct task *task, struct task *target, const uint64_t args[6])
{
    sigbits_t mask;
    if (args[2] != sizeof mask)
        return -EINVAL;
    if (user_read(task, &mask, args[3], sizeof mask) < 0)
        return -EFAULT;
    signal_set_mask(target, mask);
    return 0;
}

static int64_t get_mask(struct task *task, const struct task *target, const uint64_t args[6])
{
    sigbits_t mask = target->signals.mask;
    return args[2] == sizeof mask ? user_write(task, args[3], &mask, sizeof mask) : -EINVAL;
}

static int64_t set_options(struct tracee *tracee, uint64_t options)
{
    int rc = check_options(options);
    if (rc == 0)
        tracee->options = (uint32_t)options;
    return rc;
}

static int64_t listen_for(struct tracee *tracee)
{
    if (!tracee->is_seized || tracee->stop != TRACEE_AT_GROUP_STOP)
        return -EIO;
    tracee->is_listening = true;
    return 0;
}

static int64_t go_on(struct tracee *tracee, int request, uint64_t signal)
{
    if (signal > SIGNALS)
        return -EIO;
    tracee->wants_calls = request == PTRACE_SYSCALL;
    tracee->debug.steps = request == PTRACE_SINGLESTEP;
    tracee_resume(tracee, (int)signal);
    return 0;
}

/* ---- requests ---- */

static int64_t move_registers(struct task *task, struct task *target, const uint64_t args[6])
{
    switch (args[0]) {
    case PTRACE_PEEKUSR:
        return peek_user(task, target, args);
    case PTRACE_POKEUSR:
        return poke_user(target, args);
    case REQUEST_GETREGS:
        return get_regs(task, target, args[3]);
    case REQUEST_SETREGS:
        return set_regs(task, target, args[3]);
    case REQUEST_GETFPREGS:
        return get_fpregs(task, target, args[3]);
    case REQUEST_SETFPREGS:
        return set_fpregs(task, target, args[3]);
    case PTRACE_GETREGSET:
        return regset(task, target, args, false);
    case PTRACE_SETREGSET:
        return regset(task, target, args, true);
    default:
        return -EIO;
    }
}

/* Requests on a tracee that is stopped. */
static int64_t use(struct task *task, struct task *target, const uint64_t args[6])
{
    struct tracee *tracee = target->tracee;
    switch (args[0]) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(task, target, args);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke(target, args);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
        return go_on(tracee, (int)args[0], args[3]);
    case PTRACE_DETACH:
        if (args[3] > SIGNALS)
            return -EIO;
        tracee_detach(tracee, (int)args[3]);
        return 0;
    case PTRACE_SETOPTIONS:
        return set_options(tracee, args[3]);
    case PTRACE_GETEVENTMSG:
        return get_message(task, tracee, args[3]);
    case PTRACE_GETSIGINFO:
        return get_info(task, tracee, args[3]);
    case PTRACE_SETSIGINFO:
        return set_info(task, tracee, args[3]);
    case PTRACE_GETSIGMASK:
        return get_mask(task, target, args);
    case PTRACE_SETSIGMASK:
        return set_mask(task, target, args);
    case PTRACE_LISTEN:
        return listen_for(tracee);
    case PTRACE_GET_SYSCALL_INFO:
        return get_call_info(task, target, args);
    default:
        return move_registers(task, target, args);
    }
}

static int64_t kill_it(struct task *target)
{
    signal_send_task(target, SIGKILL, SI_KERNEL, 0);
    return 0;
}

int64_t sys_ptrace(struct task *task, const uint64_t args[6])
{
    if (args[0] == PTRACE_TRACEME)
        return trace_me(task);
    struct task *target = task_find(task->process->system, (int)args[1]);
    if (!target)
        return -ESRCH;
    if (args[0] == PTRACE_ATTACH)
        return attach(task, target, false, 0);
    if (args[0] == PTRACE_SEIZE)
        return seize(task, target, args);
    if (!target->tracee || target->tracee->tracer != task->process || target->exiting)
        return -ESRCH;
    if (args[0] == PTRACE_KILL)
        return kill_it(target);
    if (args[0] == PTRACE_INTERRUPT) {
        if (!target->tracee->is_seized)
            return -EIO;
        tracee_interrupt(target->tracee);
        return 0;
    }
    bool is_at_rest = tracee_is_stopped(target) && !target->tracee->is_listening;
    return is_at_rest ? use(task, target, args) : -ESRCH;
}
