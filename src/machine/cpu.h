// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The CPU as the operating system sees it, whatever executes the instructions. An engine runs guest
 * code in user mode on page tables in RAM and returns a reason; it never calls up.
 *
 * An instruction that faults has not happened: registers and memory are as before it, and it runs
 * again when cpu_run() is next called. (String instructions may have done some of their
 * repetitions, and say so in rcx, rsi and rdi, as on hardware.)
 *
 * An engine is shared by all tasks; a struct cpu is one task's registers on it.
 */
#ifndef MACHINE_CPU_H
#define MACHINE_CPU_H

#include <stddef.h>

#include "machine/mmu.h"

struct machine;
struct cpu;

/* General registers, in the order of the fields of user_regs_struct that a signal frame needs. */
struct cpu_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t fs_base, gs_base;
};

/* x87, SSE and AVX state as XSAVE's standard format lays it out (Intel SDM vol. 1, "XSAVE Area"):
 * 512 bytes legacy, 64 bytes header, 256 bytes upper halves of ymm0-15. */
enum { CPU_XSAVE_LEN = 512 + 64 + 256, CPU_FXSAVE_LEN = 512 };

enum cpu_exit_kind {
    CPU_EXIT_FAULT,   /* page fault: addr, error (PF_*), pc */
    CPU_EXIT_SYSCALL, /* a syscall instruction; rip is behind it, rcx and r11 set as by hardware */
    CPU_EXIT_TRAP,    /* exception `vector` (enum cpu_vector) at pc */
    CPU_EXIT_QUANTUM, /* the instruction budget is used up */
    CPU_EXIT_KICKED,  /* cpu_kick() was called */
};

enum cpu_vector {
    CPU_VECTOR_DE = 0,  /* divide error */
    CPU_VECTOR_DB = 1,  /* single step, debug registers, int1 */
    CPU_VECTOR_BP = 3,  /* int3; rip is behind it */
    CPU_VECTOR_UD = 6,  /* undefined or undecodable instruction */
    CPU_VECTOR_GP = 13, /* privileged instruction, non-canonical address, misaligned SSE operand */
    CPU_VECTOR_MF = 16, /* x87 */
    CPU_VECTOR_AC = 17, /* alignment check */
    CPU_VECTOR_XM = 19, /* SIMD floating point */
};

struct cpu_exit {
    enum cpu_exit_kind kind;
    enum cpu_vector vector;
    vaddr_t addr;   /* FAULT: CR2 */
    uint32_t error; /* FAULT: PF_*; TRAP by DB: what did it, as in DR6 (0: int1) */
    vaddr_t pc;     /* address of the instruction that caused it */
};

/* Debug registers: see there in Intel SDM vol. 3B. Breakpoints on ports do nothing. */
enum {
    CPU_DEBUG_ADDRESSES = 4,
    CPU_DEBUG_ENABLED = 0xff,  /* in DR7: two bits for each address */
    CPU_DEBUG_STEP = 1u << 14, /* in DR6; bits 0 to 3: the addresses */
};

struct cpu_debug {
    uint64_t addr[CPU_DEBUG_ADDRESSES];
    uint64_t control; /* DR7 */
    bool steps;       /* CPU_VECTOR_DB after each instruction */
};

enum cpu_engine_kind { CPU_ENGINE_VEX };

struct cpu_options {
    enum cpu_engine_kind engine;
    uint64_t code_cache_len; /* bytes of translated code kept at most; 0: default */
    bool check_each_access;  /* test mode: every access takes the slow path, no inline checks */
    bool reproducible;       /* RDTSC counts instructions */
    bool calls;              /* cpu_calls() tells */
    /* With check_each_access: told of each access just before it is tried, instruction fetches
     * included (the whole instruction at once). `lookup` is what the TLB is asked for: MMU_STORE
     * also of a load whose instruction stores to the same place. NULL: nobody asks. */
    void (*trace)(void *context, vaddr_t va, unsigned len, enum mmu_access access,
                  enum mmu_access lookup);
    void *trace_context;
    /* Gets the log of what was executed in an address space, from time to time and at the end of
     * each cpu_run(); see below. NULL: there is none, and nothing of what it costs. */
    void (*log)(void *context, uint16_t space, const uint64_t *words, const uint64_t *end);
    void *log_context;
};

/*
 * The log: instructions that retired and their data accesses, in order, as records of 64-bit words;
 * and what the TLB was asked in vain.
 *
 *      number, addresses              a stretch of code (cpu_log_stretch()) and, for each address
 *                                     that it says it needs, that of a byte on the page
 *      CPU_LOG_ACCESS | ..., address  one access, or several in a row to one page
 *      CPU_LOG_MOVES | ..., from, to  so many times a load and then a store
 */
#define CPU_LOG_ACCESS ((uint64_t)1 << 63)
#define CPU_LOG_MOVES ((uint64_t)3 << 62)
enum {
    CPU_LOG_KIND = 3,         /* enum mmu_access */
    CPU_LOG_UPDATES = 1 << 2, /* a load whose instruction stores to the same place; the fetch of an
                                 instruction that then ended in a page fault */
    CPU_LOG_UNDONE = 1 << 3,  /* looked up by an instruction that then faulted: nothing retired */
    CPU_LOG_FAULT = 1 << 4,   /* no access, but the page fault of one whose page was there */
    CPU_LOG_LEN_SHIFT = 8,    /* 16 bits: bytes of the access, which may lie on two pages */
    CPU_LOG_COUNT_SHIFT = 24, /* 38 bits */
};

/* One instruction fetch or one access of a stretch. */
struct cpu_op {
    uint8_t access; /* enum mmu_access */
    bool updates;   /* CPU_LOG_UPDATES */
    bool second;    /* a fetch: of the instruction's second page */
    uint8_t unused;
    uint16_t address; /* data: which of the record's */
};

struct cpu_stretch {
    vaddr_t pc; /* all of it lies on this page, but what is `second` */
    const struct cpu_op *ops;
    unsigned nops, naddresses;
};

/* What a record's first word stands for. => before the log's taker returns */
void cpu_log_stretch(const struct machine *machine, uint64_t number, struct cpu_stretch *out);
/* The taker's notes, by a record's first word: 0 when a number gets another meaning. */
uint64_t *cpu_log_notes(const struct machine *machine);

/* Creates the machine's engine (machine_create() calls this). Errors: -errno. */
int cpu_engine_create(struct machine *machine, const struct cpu_options *options);
void cpu_engine_destroy(struct machine *machine);

/* A task's registers, as at exec: all zero, FPU in its initial state. Errors: -ENOMEM. */
int cpu_create(struct machine *machine, struct cpu **out);
/* A copy, as fork and clone make; debug registers are not copied. */
int cpu_clone(struct cpu *cpu, struct cpu **out);
void cpu_destroy(struct cpu *cpu);

void cpu_reset(struct cpu *cpu); /* to the state of cpu_create(), for exec */
void cpu_get_regs(const struct cpu *cpu, struct cpu_regs *regs);
void cpu_set_regs(struct cpu *cpu, const struct cpu_regs *regs);
/* What its later runs stop for; a CPU that is new or was reset stops for nothing. While there is
 * something, it runs one instruction at a time. */
void cpu_set_debug(struct cpu *cpu, const struct cpu_debug *debug);
void cpu_get_xsave(const struct cpu *cpu, uint8_t area[CPU_XSAVE_LEN]);
/* `len` is CPU_FXSAVE_LEN (no AVX state: upper halves become 0) or CPU_XSAVE_LEN. Any bytes are
 * safe: reserved fields are ignored. */
void cpu_set_xsave(struct cpu *cpu, const uint8_t *area, size_t len);

/* The most common register reads and writes, without copying all of them. */
uint64_t cpu_syscall_number(const struct cpu *cpu);
void cpu_syscall_args(const struct cpu *cpu, uint64_t args[6]);
void cpu_set_result(struct cpu *cpu, uint64_t rax);
uint64_t cpu_stack_pointer(const struct cpu *cpu);
uint64_t cpu_pc(const struct cpu *cpu);
void cpu_set_pc(struct cpu *cpu, uint64_t rip);
void cpu_set_fs_base(struct cpu *cpu, uint64_t base);
void cpu_set_gs_base(struct cpu *cpu, uint64_t base);

/* A call that has not returned. */
struct cpu_call {
    uint64_t sp;   /* where its return address lies */
    vaddr_t back;  /* its return address */
    uint32_t note; /* of whoever asked; 0 at first; a copy of the CPU has it too */
};

/* Of more, the outermost. */
enum { CPU_CALLS_MAX = 1 << 12 };

/* The calls that the CPU is in, outermost first; where it goes to another stack that lies higher,
 * those on the first one are forgotten. Result: how many, 0 without the option. => until it runs
 * again */
size_t cpu_calls(struct cpu *cpu, struct cpu_call **out);
/* The CPU is given another stack. */
void cpu_forget_calls(struct cpu *cpu);

/*
 * Runs the task in the address space `root` for about `budget` instructions (it ends at the first
 * block boundary at or after that). Effect: machine->now counts instructions, accesses, TLB events.
 */
void cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why);

/* Instructions that all CPUs of the machine have retired so far; while one runs, those of the block
 * of code that it is in are still to come. */
uint64_t cpu_instructions(const struct machine *machine);

/* Makes the running or next cpu_run() return CPU_EXIT_KICKED soon. Async-signal-safe; any cpu of
 * the machine. */
void cpu_kick(struct machine *machine);

#endif
