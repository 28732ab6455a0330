// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs random machine code: random_code [SEED [ROUNDS [SHOWN]]]. Each round generates a few hundred
 * instructions with operands in registers and around page borders, takes away rights from many of
 * the pages, and runs it. The fault handler notes all registers as they are at the fault before it
 * gives the rights back, so that an instruction that has half happened is seen; what is in
 * registers and memory at the end is noted too.
 *
 * Code and data lie at fixed addresses, which makes the notes the same natively and elsewhere.
 * Results that the architecture leaves undefined are kept out: an instruction that leaves flags
 * undefined is followed by one that defines them all.
 */
#include <stdbool.h>
#include <sys/ucontext.h>

#include "guest.h"

#define CODE ((uint8_t *)0x10000000)
#define DATA ((char *)0x20000000)
#define STATE ((struct state *)0x30000000)

enum { NPAGES = 200, FLAGS = 0x8c5 /* all but AF */, BASE = 15, COUNTER = 14 };

struct state {
    uint64_t regs[16], flags, host_rsp;
    uint8_t xmm[16][16];
};

static struct {
    uint8_t *at;
    uint64_t seed;
    int depth; /* words pushed */
} gen;

static uint64_t notes; /* hash of everything seen */
static int faults;

static bool shown; /* prints the registers too, to find out what differs */

static void show(const uint64_t *regs, const void *xmm)
{
    for (int i = 0; shown && i < 17; i++)
        printf("%lx ", (unsigned long)regs[i]);
    for (int i = 0; shown && i < 16; i++)
        printf("%016lx%c", (unsigned long)hash((const char *)xmm + i * 16, 16),
               i < 15 ? ' ' : '\n');
}

static void note(const void *data, size_t len)
{
    notes = notes * 31 + hash(data, len);
}

static unsigned pick(unsigned n)
{
    return (unsigned)(roll(&gen.seed) % n);
}

/* ---- encoding ---- */

static void emit(uint64_t value, int len)
{
    memcpy(gen.at, &value, (size_t)len);
    gen.at += len;
}

static int any_reg(void)
{
    static const int usable[] = {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13};

    return usable[pick(13)];
}

/* Somewhere in the data, mostly around a page border. */
static uint32_t any_place(unsigned align)
{
    uint32_t at = (1 + pick(NPAGES - 2)) * 4096;

    at += pick(3) ? pick(24) - 16 : pick(4000);
    return at & ~(align - 1);
}

enum operand { REGISTER, MEMORY, INDEXED };

/* Prefix, REX, opcode (0x0fxx and 0x0f38xx too), ModRM. An index register is masked first. */
static void op(int size, int prefix, unsigned opcode, int reg, enum operand kind, int rm,
               unsigned align)
{
    int index = 0, rex = 0x40 | (size == 8 ? 8 : 0) | (reg >> 3 & 1) << 2;

    if (kind == INDEXED) {
        index = rm;
        emit(0x40u | (unsigned)(index >> 3), 1); /* and $mask, index */
        emit(0x81, 1);
        emit(0xe0 | (unsigned)(index & 7), 1);
        emit(align > 1 ? 0xff0 : 0xfff, 4);
        rex |= (index >> 3) << 1;
    }
    if (size == 2)
        emit(0x66, 1);
    if (prefix)
        emit((unsigned)prefix, 1);
    emit((unsigned)(rex | (kind == REGISTER ? rm >> 3 : 1)), 1);
    if (opcode > 0xffff)
        emit(0x0f, 1);
    if (opcode > 0xff)
        emit(opcode >> 8 & 0xff, 1);
    emit(opcode & 0xff, 1);
    if (kind == REGISTER) {
        emit(0xc0u | (unsigned)((reg & 7) << 3 | (rm & 7)), 1);
    } else if (kind == MEMORY) {
        emit(0x87u | (unsigned)(reg & 7) << 3, 1);
        emit(any_place(align), 4);
    } else {
        emit(0x84u | (unsigned)(reg & 7) << 3, 1);
        emit((align > 1 ? 0 : pick(2) << 6) | (unsigned)(index & 7) << 3 | 7, 1);
        emit(any_place(align > 1 ? align : 1) % ((NPAGES - 4) * 4096), 4);
    }
}

static enum operand any_operand(void)
{
    return pick(4) == 0 ? INDEXED : pick(3) ? MEMORY : REGISTER;
}

static int any_size(void)
{
    return 1 << pick(4);
}

/* Defines every flag. */
static void define_flags(void)
{
    op(8, 0, 0x39, any_reg(), REGISTER, any_reg(), 1);
}

/* ---- instructions ---- */

static void alu(void)
{
    int size = any_size();
    unsigned kind = pick(8), to_reg = pick(2) * 2;
    enum operand operand = any_operand();
    bool lock = operand != REGISTER && !to_reg && kind != 7 && pick(3) == 0;

    op(size, lock ? 0xf0 : 0, kind * 8 + to_reg + (size > 1), any_reg(), operand, any_reg(), 1);
}

static void alu_immediate(void)
{
    int size = any_size();

    op(size, 0, size == 1 ? 0x80 : 0x83, (int)pick(8), any_operand(), any_reg(), 1);
    emit(pick(256), 1);
}

static void move(void)
{
    int size = any_size();

    op(size, 0, 0x88 + pick(2) * 2 + (size > 1), any_reg(), any_operand(), any_reg(), 1);
}

static void extend(void)
{
    static const unsigned opcodes[] = {0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf};

    op(pick(2) ? 8 : 4, 0, opcodes[pick(4)], any_reg(), any_operand(), any_reg(), 1);
}

static void unary(void)
{
    int size = any_size();
    unsigned kind = pick(4);
    enum operand operand = any_operand();
    bool lock = operand != REGISTER && pick(3) == 0;

    if (kind < 2) /* inc, dec */
        op(size, lock ? 0xf0 : 0, size == 1 ? 0xfe : 0xff, (int)kind, operand, any_reg(), 1);
    else /* not, neg */
        op(size, lock ? 0xf0 : 0, size == 1 ? 0xf6 : 0xf7, (int)kind, operand, any_reg(), 1);
}

static void multiply(void)
{
    int size = any_size();

    if (pick(2))
        op(size, 0, size == 1 ? 0xf6 : 0xf7, 4 + (int)pick(2), any_operand(), any_reg(), 1);
    else
        op(size == 1 ? 4 : size, 0, 0x0faf, any_reg(), any_operand(), any_reg(), 1);
    define_flags();
}

static void shift(void)
{
    static const int kinds[] = {0, 1, 2, 3, 4, 5, 7};
    int size = any_size(), kind = kinds[pick(7)];
    enum operand operand = any_operand();
    int rm = any_reg();

    if (pick(2)) {
        op(size, 0, size == 1 ? 0xc0 : 0xc1, kind, operand, rm, 1);
        emit(1 + pick(7), 1);
    } else {
        op(size, 0, size == 1 ? 0xd0 : 0xd1, kind, operand, rm, 1);
    }
    define_flags();
}

static void exchange(void)
{
    int size = any_size();
    unsigned byte = size == 1;
    enum operand operand = any_operand();
    int prefix = operand != REGISTER && pick(2) ? 0xf0 : 0;

    switch (pick(3)) {
    case 0:
        op(size, 0, 0x87 - byte, any_reg(), operand, any_reg(), 1);
        break;
    case 1:
        op(size, prefix, 0x0fc1 - byte, any_reg(), operand, any_reg(), 1);
        break;
    default: /* VEX clears the upper half of what a 32-bit one leaves as it is */
        op(size == 4 ? 8 : size, prefix, 0x0fb1 - byte, any_reg(), operand, any_reg(), 1);
    }
}

static void bits(void)
{
    int size = 2 << pick(3);

    op(size, 0, 0x0fba, 4 + (int)pick(4), any_operand(), any_reg(), 1);
    emit(pick((unsigned)size * 8), 1);
    define_flags();
    if (pick(2)) {
        op(8, 0, 0x0fc8 + (unsigned)any_reg() % 4, 0, REGISTER, 0, 1); /* bswap */
        gen.at--;                                                      /* it has no ModRM byte */
    }
    op(8, 0xf3, 0x0fb8, any_reg(), any_operand(), any_reg(), 1); /* popcnt */
}

static void conditional(void)
{
    if (pick(2))
        op(2 << pick(3), 0, 0x0f40 + pick(16), any_reg(), any_operand(), any_reg(), 1);
    else
        op(1, 0, 0x0f90 + pick(16), 0, any_operand(), any_reg(), 1);
}

static void vector(void)
{
    static const uint8_t kinds[] = {
        0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
        0x74, 0x75, 0x76, 0xd1, 0xd4, 0xd5, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
        0xe0, 0xe3, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xf5,
        0xf6, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0x14, 0x15, 0x54, 0x57};
    int xmm = (int)pick(16);
    enum operand operand = pick(3) ? MEMORY : REGISTER;

    static const uint8_t floats[] = {0x51, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f};

    switch (pick(8)) {
    case 0: /* movups, movupd, movss, movsd, both ways */
        op(4, (int[]){0, 0x66, 0xf3, 0xf2}[pick(4)], 0x0f10 + pick(2), xmm, MEMORY, 0, 1);
        break;
    case 1: /* movdqu, both ways */
        op(4, 0xf3, pick(2) ? 0x0f6f : 0x0f7f, xmm, MEMORY, 0, 1);
        break;
    case 2: /* movdqa, both ways */
        op(4, 0x66, pick(2) ? 0x0f6f : 0x0f7f, xmm, MEMORY, 0, 16);
        break;
    case 3: /* movq, movd */
        op(pick(2) ? 8 : 4, 0x66, pick(2) ? 0x0f6e : 0x0f7e, xmm, any_operand(), any_reg(), 1);
        break;
    case 4: /* movlps, movhps, both ways */
        op(4, pick(2) * 0x66, (pick(2) ? 0x0f12 : 0x0f16) + pick(2), xmm, MEMORY, 0, 1);
        break;
    case 5: /* pshufd, pshufhw, pshuflw */
        op(4, (int[]){0x66, 0xf3, 0xf2}[pick(3)], 0x0f70, xmm, operand, (int)pick(16), 16);
        emit(pick(256), 1);
        break;
    case 6: /* sqrt, add, mul, sub, min, div, max of packed and scalar numbers */
        op(4, (int[]){0, 0x66, 0xf3, 0xf2}[pick(4)], 0x0f00 + floats[pick(sizeof(floats))], xmm,
           operand, (int)pick(16), 16);
        break;
    default:
        op(4, 0x66, 0x0f00 + kinds[pick(sizeof(kinds))], xmm, operand, (int)pick(16), 16);
    }
}

/* Comparisons and conversions of floating-point numbers. */
static void convert(void)
{
    int xmm = (int)pick(16), scalar = pick(2) ? 0xf3 : 0xf2;
    enum operand operand = pick(2) ? MEMORY : REGISTER;

    switch (pick(4)) {
    case 0: /* ucomis, comis */
        op(4, (int)pick(2) * 0x66, 0x0f2e + pick(2), xmm, operand, (int)pick(16), 16);
        break;
    case 1: /* cvtsi2ss, cvtsi2sd */
        op(pick(2) ? 8 : 4, scalar, 0x0f2a, xmm, any_operand(), any_reg(), 1);
        break;
    case 2: /* cvtss2si, cvtsd2si, with truncation too */
        op(pick(2) ? 8 : 4, scalar, 0x0f2c + pick(2), any_reg(), operand, (int)pick(16), 16);
        break;
    default: /* between single, double and packed integers */
        op(4, (int[]){0, 0x66, 0xf3}[pick(3)], 0x0f5a + pick(2), xmm, operand, (int)pick(16), 16);
    }
}

static void stack(void)
{
    int reg = any_reg();

    if (gen.depth < 20 && pick(2)) {
        emit(0x40u | (unsigned)(reg >> 3), 1); /* push */
        emit(0x50u | (unsigned)(reg & 7), 1);
        gen.depth++;
    } else if (gen.depth < 20 && pick(3) == 0) { /* push memory */
        op(4, 0, 0xff, 6, MEMORY, 0, 1);
        gen.depth++;
    } else if (gen.depth > 0 && pick(3) == 0) { /* pop memory */
        op(4, 0, 0x8f, 0, MEMORY, 0, 1);
        gen.depth--;
    } else if (gen.depth > 0) {
        emit(0x40u | (unsigned)(reg >> 3), 1); /* pop */
        emit(0x58u | (unsigned)(reg & 7), 1);
        gen.depth--;
    } else { /* call, jmp over, ret */
        emit(0x01eb00000002e8, 7);
        emit(0xc3, 1);
    }
}

/* lea, then rep movs or stos of a few units, forward or backward. */
static void string(void)
{
    unsigned unit = pick(4), count = pick(40), down = pick(3) == 0;

    op(8, 0, 0x8d, 7, MEMORY, 0, 1);
    op(8, 0, 0x8d, 6, MEMORY, 0, 1);
    emit(0xb9, 1); /* mov $count, %ecx */
    emit(count, 4);
    if (down)
        emit(0xfd, 1);
    if (unit == 1)
        emit(0x66, 1);
    emit(0xf3, 1);
    if (unit == 3)
        emit(0x48, 1);
    emit((pick(2) ? 0xa4u : 0xaau) + (unit > 0), 1);
    if (down)
        emit(0xfc, 1);
}

static void one(void)
{
    static void (*const kinds[])(void) = {
        alu,  alu,         alu_immediate, move,   move,   extend,  unary, shift, multiply, exchange,
        bits, conditional, conditional,   vector, vector, convert, stack, stack, string};

    kinds[pick(sizeof(kinds) / sizeof(kinds[0]))]();
}

/* Some instructions that a condition jumps over; they keep the stack as it is. */
static void skipped(void)
{
    uint8_t *from;
    int depth = gen.depth;

    emit(0x0f | (0x80 + pick(16)) << 8, 2);
    emit(0, 4);
    from = gen.at;
    for (unsigned i = 1 + pick(3); i > 0; i--) {
        uint8_t *before = gen.at;

        one();
        if (gen.depth != depth) {
            gen.at = before;
            gen.depth = depth;
        }
    }
    uint32_t distance = (uint32_t)(gen.at - from);
    memcpy(from - 4, &distance, 4);
}

static void looped(void)
{
    uint8_t *top;
    int depth = gen.depth;

    emit(0xbe41, 2); /* mov $n, %r14d */
    emit(2 + pick(30), 4);
    top = gen.at;
    for (unsigned i = 2 + pick(12); i > 0; i--) {
        uint8_t *before = gen.at;

        pick(5) ? one() : skipped();
        if (gen.depth != depth) {
            gen.at = before;
            gen.depth = depth;
        }
    }
    emit(0xceff49, 3); /* dec %r14; jnz top */
    emit(0x850f, 2);
    uint32_t distance = (uint32_t)(top - (gen.at + 4));
    emit(distance, 4);
}

/* ---- running ---- */

/* Between a register and the state, whose address fits 31 bits. */
static void transfer(unsigned opcode, int reg, bool wide, const void *at)
{
    emit((wide ? 0x48u : 0x40u) | (unsigned)(reg >> 3) << 2, 1);
    if (opcode > 0xff)
        emit(0x0f, 1);
    emit(opcode & 0xff, 1);
    emit(0x2504 | (unsigned)(reg & 7) << 3, 2);
    emit((uintptr_t)at, 4);
}

static void generate(int length)
{
    gen.at = CODE;
    gen.depth = 0;
    transfer(0x89, 4, true, &STATE->host_rsp);
    for (int i = 0; i < 16; i++)
        transfer(0x0f10, i, false, STATE->xmm[i]);
    for (int i = 0; i < 16; i++)
        transfer(0x8b, i, true, &STATE->regs[i]);
    define_flags();
    for (int i = 0; i < length; i++) {
        unsigned kind = pick(30);

        kind == 0 ? looped() : kind < 4 ? skipped() : one();
    }
    for (int i = 0; i < 16; i++)
        transfer(0x89, i, true, &STATE->regs[i]);
    transfer(0x8b, 4, true, &STATE->host_rsp);
    emit(0x9c, 1); /* pushf; pop flags */
    emit(0x25048f, 3);
    emit((uintptr_t)&STATE->flags, 4);
    for (int i = 0; i < 16; i++)
        transfer(0x0f11, i, false, STATE->xmm[i]);
    emit(0xc3, 1);
}

static void fault(int signal, siginfo_t *info, void *context)
{
    mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
    uint64_t flags = (uint64_t)machine->gregs[REG_EFL] & FLAGS;
    uintptr_t page = (uintptr_t)info->si_addr & ~(uintptr_t)(PAGE - 1);

    if (signal != SIGSEGV || (char *)page < DATA || (char *)page >= DATA + NPAGES * PAGE) {
        printf("SIG%s at %#lx, code at %#lx\n", sigabbrev_np(signal), (long)info->si_addr,
               (long)machine->gregs[REG_RIP]);
        fflush(stdout);
        _exit(1);
    }
    faults++;
    show((uint64_t *)machine->gregs, machine->fpregs->_xmm);
    note(machine->gregs, (REG_RIP + 1) * sizeof(machine->gregs[0]));
    note(&flags, sizeof(flags));
    note(machine->fpregs->_xmm, sizeof(machine->fpregs->_xmm));
    note(&info->si_addr, sizeof(info->si_addr));
    note(&info->si_code, sizeof(info->si_code));
    mprotect((void *)page, PAGE, RW);
}

static void map_all(void)
{
    static char alternate[65536];
    stack_t on = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    mmap(CODE, 64 * PAGE, RW | PROT_EXEC, ANON | MAP_FIXED, -1, 0);
    mmap(DATA, NPAGES * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    mmap(STATE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    sigaltstack(&on, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    alarm(400);
}

__attribute__((noinline)) static void run(void)
{
    __asm__ volatile("call *%%rax" ::"a"(CODE)
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "rbp", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                       "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
                       "xmm14", "xmm15");
}

static void round_of(uint64_t seed)
{
    gen.seed = seed * 7919 + 1;
    for (int i = 0; i < 16; i++)
        STATE->regs[i] = roll(&gen.seed) << (roll(&gen.seed) % 33);
    for (int i = 0; i < 256; i++)
        STATE->xmm[i / 16][i % 16] = (uint8_t)roll(&gen.seed);
    STATE->regs[4] = (uintptr_t)DATA + any_place(8);
    STATE->regs[BASE] = (uintptr_t)DATA;
    generate(250);
    for (int i = 0; i < 60; i++)
        mprotect(DATA + pick(NPAGES) * PAGE, PAGE, pick(2) ? PROT_NONE : PROT_READ);
    run();
    STATE->flags &= FLAGS;
    show(STATE->regs, STATE->xmm);
    note(STATE->regs, sizeof(STATE->regs));
    note(&STATE->flags, sizeof(STATE->flags));
    note(STATE->xmm, sizeof(STATE->xmm));
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    int rounds = argc > 2 ? atoi(argv[2]) : 40;

    map_all();
    for (int i = 0; i < NPAGES * PAGE; i++)
        DATA[i] = (char)roll(&seed);
    seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
    for (int i = 0; i < rounds; i++) {
        shown = argc > 3 && i == atoi(argv[3]);
        round_of(seed * 1000 + (uint64_t)i);
        printf("round %d: %d faults, notes %016lx\n", i, faults, (unsigned long)notes);
    }
    mprotect(DATA, NPAGES * PAGE, RW);
    note(DATA, NPAGES * PAGE);
    printf("memory %016lx\n", (unsigned long)notes);
    return 0;
}
