// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One translation on its way through VEX: what the files that rewrite the intermediate code (IR)
 * share. Memory of the pass comes from LibVEX_Alloc() and goes with the translation.
 */
#ifndef VEX_IR_H
#define VEX_IR_H

#include <stddef.h>

#include <valgrind/libvex_ir.h>

#include "machine/vex/vex.h"

enum {
    VEX_SITES_PER_BLOCK = 640,
    VEX_CODE_SLACK = 16, /* bytes behind the page that a decoder may read */
    VEX_LOADED_WIDE = UINT8_MAX,
    VEX_GROUP_SPAN = 256, /* bytes that one check may cover */
    VEX_OPS_PER_BLOCK = 1024,
};

/* Constants in generated code by which vex_patch.c finds its exits; no address is one. */
#define VEX_MAGIC_DIRECT ((uint64_t)0x5057e417d19ec701)
#define VEX_MAGIC_INDIRECT ((uint64_t)0x5057e417d19ec702)
#define VEX_MAGIC_ASSISTED ((uint64_t)0x5057e417d19ec703)
/* The target of an exit in IR: its site's index in the translation. Short to load into a register.
 */
#define VEX_SITE_TARGET(index) ((uint64_t)(int64_t)(int32_t)(0x80000000u + (index)))

struct vex_translation {
    struct cpu_engine *engine;
    struct cpu *cpu;
    uint64_t pc;
    struct vex_page *page;
    struct vex_page *second; /* the instruction straddles into this page */
    enum vex_flavour flavour;
    const struct vex_path *path; /* of the loop to be made one block; NULL: there is none */
    bool splits;                 /* accesses do not share checks */
    enum vex_flavour onward;     /* flavour of the blocks it jumps to */
    const uint8_t *bytes;        /* the page's, and VEX_CODE_SLACK more */
    struct vex_site sites[VEX_SITES_PER_BLOCK];
    uint32_t nsites;
    struct cpu_op ops[VEX_OPS_PER_BLOCK]; /* if there is a log */
    unsigned nops;
    uint32_t indirect; /* index of its indirect site, or VEX_NONE */
    unsigned len;      /* guest bytes translated */
    bool uses_simd;    /* values of it may be in SIMD registers */
    bool needs_second; /* not translated: the first instruction reaches into the next page */
};

/* An instruction: statements [first, end). */
struct vex_insn {
    uint64_t pc;
    unsigned len;
    int first, end;
    int escape;     /* last statement that may leave the instruction undone; -1 */
    unsigned sites; /* at most */
    bool slow;      /* only the slow flavour can do it */
    bool retries;   /* an exit to its own address does it again: it was not done */
    bool snapshot;  /* its writes to registers cannot be put off until it is sure to succeed */
};

enum vex_access_kind { VEX_LOAD, VEX_STORE, VEX_CAS };

/* An address as a value of the block plus a distance; base IRTemp_INVALID: a constant. */
struct vex_key {
    IRTemp base;
    int64_t disp;
};

struct vex_access {
    struct vex_key key;
    uint16_t len;
    uint16_t group;
    uint16_t insn;
    uint8_t kind;
    uint8_t intent; /* enum mmu_access: the load of a read-modify-write asks for both */
};

struct vex_group {
    IRTemp base;
    int64_t low, high; /* distances covered, half open */
    bool writes;
    uint16_t count; /* accesses */
    uint16_t last;  /* number of its last access */
    uint16_t insn;  /* SINGLE flavour: the only instruction it serves */
    bool checked;
    IRTemp slot;      /* offset of the front slot */
    IRTemp host_last; /* host address of the last byte covered */
    uint16_t stamp;   /* clock advance still to be written to the slot; 0: none */
    uint16_t logged;  /* which of the record's addresses is its */
};

struct vex_pass {
    struct vex_translation *t;
    const IRSB *in;
    IRSB *out;
    struct vex_insn *insns;
    int ninsns, kept;     /* instructions in the block, and how many of them are translated */
    struct vex_key *keys; /* of the block's temporaries */
    uint8_t *uses;        /* of a temporary; VEX_LOADED_WIDE: there is only the wide one */
    IRTemp *wide;         /* the temporary that this one becomes the low part of */
    struct vex_access *accesses;
    int naccesses, access; /* next one */
    struct vex_group *groups;
    int ngroups;
    struct vex_amounts now;   /* retired so far */
    struct vex_amounts start; /* of this instruction */
    const struct vex_insn *insn;
    IRTemp clock; /* what the clock was at the block's start, plus `clock_ahead` */
    uint16_t clock_ahead;
    IRStmt **delayed;
    int ndelayed;
    IRTemp log; /* where the block's record begins */
};

/* ---- building IR ---- */

static inline IRExpr *vex_u64(uint64_t value)
{
    return IRExpr_Const(IRConst_U64(value));
}

static inline void vex_emit(struct vex_pass *p, IRStmt *stmt)
{
    addStmtToIRSB(p->out, stmt);
}

static inline IRTemp vex_temp(struct vex_pass *p, IRType type, IRExpr *value)
{
    IRTemp temp = newIRTemp(p->out->tyenv, type);
    vex_emit(p, IRStmt_WrTmp(temp, value));
    return temp;
}

/* An atom with the value of an expression. */
static inline IRExpr *vex_value(struct vex_pass *p, IRType type, IRExpr *value)
{
    return IRExpr_RdTmp(vex_temp(p, type, value));
}

static inline IRExpr *vex_binop(struct vex_pass *p, IRType type, IROp op, IRExpr *a, IRExpr *b)
{
    return vex_value(p, type, IRExpr_Binop(op, a, b));
}

static inline IRExpr *vex_add(struct vex_pass *p, IRExpr *a, int64_t distance)
{
    return distance ? vex_binop(p, Ity_I64, Iop_Add64, a, vex_u64((uint64_t)distance)) : a;
}

static inline unsigned vex_sizeof(const struct vex_pass *p, const IRExpr *e)
{
    return (unsigned)sizeofIRType(typeOfIRExpr(p->out->tyenv, e));
}

/* A call of ours that is given the state must say that it uses it. */
static inline IRStmt *vex_call(IRDirty *d)
{
    d->nFxState = 1;
    d->fxState[0].fx = Ifx_Modify;
    d->fxState[0].offset = offsetof(VexGuestAMD64State, guest_RAX);
    d->fxState[0].size = sizeof(ULong);
    d->fxState[0].nRepeats = 0;
    d->fxState[0].repeatLen = 0;
    return IRStmt_Dirty(d);
}

static inline bool vex_is_load(const IRStmt *s)
{
    return s->tag == Ist_WrTmp && s->Ist.WrTmp.data->tag == Iex_Load;
}

bool vex_is_division(const IRStmt *s);
bool vex_is_escape(const IRStmt *s); /* may leave its instruction undone */
unsigned vex_cas_len(const struct vex_pass *p, const IRCAS *cas);

/* vex_analyse.c: fills insns, kept and accesses. */
void vex_analyse(struct vex_pass *p);

/* vex_instrument.c: VEX's callback. */
IRSB *vex_instrument(void *translation, IRSB *in, const VexGuestLayout *layout,
                     const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word,
                     IRType host_word);
struct vex_site *vex_new_site(struct vex_pass *p, enum vex_site_kind kind, uint64_t pc,
                              struct vex_amounts amounts);
/* Leaves the block if `guard`, at the site made last. */
void vex_emit_exit(struct vex_pass *p, IRExpr *guard);

/* vex_check.c: inline TLB checks. */
void vex_group_accesses(struct vex_pass *p);
/* Translates the address of the next access; result: where on the host. */
IRExpr *vex_check(struct vex_pass *p, IRExpr *addr, unsigned len);
void vex_write_stamps(struct vex_pass *p); /* that are still to be written */

/* vex_calls.c: at the end of a block. */
void vex_calls_emit(struct vex_pass *p);

/* vex_log.c: the record of a block; no effect if there is no log. */
void vex_log_begin_block(struct vex_pass *p);
void vex_log_insn(struct vex_pass *p);
void vex_log_check(struct vex_pass *p, struct vex_group *group, IRExpr *last_byte);
void vex_log_op(struct vex_pass *p, const struct vex_access *access);
struct cpu_op *vex_log_ops(const struct vex_translation *t); /* x_malloc'd; NULL: none */

/* vex_slow.c: the slow flavour of one instruction. */
void vex_slow_begin(struct vex_pass *p);
bool vex_slow_stmt(struct vex_pass *p, IRStmt *s); /* false: the statement needs nothing special */

/* vex_deadput.c: takes out writes to registers that nothing can see. */
void vex_drop_dead_puts(IRSB *block, uint64_t page_end);
bool vex_flags_ignore(const IRExpr *op, int offset);

/* vex_atoms.c */
typedef void vex_use_fn(IRExpr *atom, void *arg);
typedef void vex_set_fn(IRTemp *temp, void *arg);
void vex_each_use(IRStmt *s, vex_use_fn *fn, void *arg); /* what the statement reads */
void vex_each_set(IRStmt *s, vex_set_fn *fn, void *arg); /* the temporaries that it sets */

/* A copy of the statement whose temporaries are numbered `distance` higher. */
IRStmt *vex_shifted(const IRStmt *s, IRTemp distance);
/* Copies the first `len` statements of `in` to the end of `out`. Result: how much higher their
 * temporaries are numbered there. */
IRTemp vex_append(IRSB *out, const IRSB *in, int len);

/* vex_unroll.c: the blocks along t->path as one, and several rounds of them if that is a loop. */
IRSB *vex_unroll(struct vex_translation *t, IRSB *block);

/* vex_translate.c: the IR of another block of the page, while a translation is under way; NULL:
 * there is none. */
IRSB *vex_decode(struct vex_translation *t, uint64_t pc);

/* vex_forward.c: follows integer registers through the block. */
IRSB *vex_forward_regs(IRSB *block);

/* vex_simd.c: joins VEX's partial writes to XMM registers and forwards them. */
IRSB *vex_forward_xmm(IRSB *block);
void vex_find_wide(struct vex_pass *p);
void vex_load_wide(struct vex_pass *p, IRTemp narrow, IRType type, IRExpr *host);
bool vex_is_widened(const struct vex_pass *p, const IRStmt *s);

/* vex_helpers.c, called by the slow flavour. `spec` is a length and, above bit 16, an mmu_access.
 */
#define VEX_SPEC(len, access) ((uint64_t)(len) | (uint64_t)(access) << 16)
void vex_slow_load(struct cpu *cpu, uint64_t va, uint64_t spec);
void vex_slow_store(struct cpu *cpu, uint64_t va, uint64_t spec);
void vex_slow_cas(struct cpu *cpu, uint64_t va, uint64_t spec);
uint64_t vex_slow_pointer(struct cpu *cpu, uint64_t va, uint64_t spec);
void vex_slow_release(struct cpu *cpu);
void vex_slow_divide(struct cpu *cpu, uint64_t op);
void vex_snapshot(struct cpu *cpu);
void vex_trace_fetch(struct cpu *cpu, uint64_t pc, uint64_t len);

#endif
