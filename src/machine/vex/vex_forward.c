// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Integer registers and the flags' operands, each 8 bytes of the state: follows their values
 * through a block and takes out what the host need not do.
 *
 *  - A write of 1 or 2 bytes becomes one of all 8. VEX would store a byte and soon load 8 from the
 *    same place, which the host's store buffer cannot serve (`sete %al; movzbl %al, %eax`).
 *  - A read whose value is known takes it from there; a write of what is there already goes.
 *  - Of the four words that say how flags came about, those that their operation does not look at
 *    are not written.
 */
#include <string.h>

#include "machine/vex/vex_ir.h"

enum {
    FIRST = offsetof(VexGuestAMD64State, guest_RAX),
    END = offsetof(VexGuestAMD64State, guest_DFLAG),
    CC_OP = offsetof(VexGuestAMD64State, guest_CC_OP),
    CC_DEP2 = offsetof(VexGuestAMD64State, guest_CC_DEP2),
    CC_NDEP = offsetof(VexGuestAMD64State, guest_CC_NDEP),
    GPR_END = offsetof(VexGuestAMD64State, guest_CC_OP),
    NSLOTS = (END - FIRST) / 8,
};

struct forward {
    IRSB *out;
    IRExpr *known[NSLOTS]; /* an atom with the value of the slot, or NULL */
    IRExpr *low[NSLOTS];   /* the low byte of `known`, widened by zeros, or NULL */
    IRExpr **low_of;       /* the same, by temporary that was read from the slot */
};

static int slot_of(int offset)
{
    return offset >= FIRST && offset < END ? (offset - FIRST) / 8 : -1;
}

static IRExpr *add_value(struct forward *f, IRExpr *e)
{
    IRTemp temp = newIRTemp(f->out->tyenv, Ity_I64);
    addStmtToIRSB(f->out, IRStmt_WrTmp(temp, e));
    return IRExpr_RdTmp(temp);
}

static IRExpr *u64(uint64_t value)
{
    return IRExpr_Const(IRConst_U64(value));
}

static bool is_const(const IRExpr *e, uint64_t value)
{
    return e->tag == Iex_Const && e->Iex.Const.con->tag == Ico_U64 &&
           e->Iex.Const.con->Ico.U64 == value;
}

static IRExpr *slot_value(struct forward *f, int slot)
{
    if (!f->known[slot])
        f->known[slot] = add_value(f, IRExpr_Get(FIRST + slot * 8, Ity_I64));
    return f->known[slot];
}

/* ---- writes ---- */

/* A 0 for a word that the flags' operation does not look at. */
static bool is_unseen(const struct forward *f, int offset, const IRExpr *data)
{
    const IRExpr *op = f->known[slot_of(CC_OP)];
    return is_const(data, 0) && op && vex_flags_ignore(op, offset);
}

/* From a new operation on, what the words hold that it ignores does not count: earlier writes to
 * them may be taken out (vex_deadput.c), so they are not known any more. */
static void forget_ignored(struct forward *f, const IRExpr *op)
{
    if (vex_flags_ignore(op, CC_DEP2))
        f->known[slot_of(CC_DEP2)] = NULL;
    if (vex_flags_ignore(op, CC_NDEP))
        f->known[slot_of(CC_NDEP)] = NULL;
}

static void put_whole(struct forward *f, IRStmt *s)
{
    int slot = slot_of(s->Ist.Put.offset);
    IRExpr *data = s->Ist.Put.data;
    if (s->Ist.Put.offset == CC_OP)
        forget_ignored(f, data);
    if (is_unseen(f, s->Ist.Put.offset, data))
        return;
    if (f->known[slot] && eqIRAtom(f->known[slot], data))
        return;
    f->known[slot] = data;
    f->low[slot] = NULL;
    addStmtToIRSB(f->out, s);
}

/* 1 or 2 bytes, at the slot's start or (AH and its like) one byte behind. */
static void put_part(struct forward *f, const IRStmt *s, IRType type)
{
    int offset = s->Ist.Put.offset, slot = slot_of(offset), shift = offset % 8 * 8;
    uint64_t mask = (type == Ity_I8 ? UINT8_MAX : UINT16_MAX) * ((uint64_t)1 << shift);
    IRExpr *rest = add_value(f, IRExpr_Binop(Iop_And64, slot_value(f, slot), u64(~mask)));
    IROp widen = type == Ity_I8 ? Iop_8Uto64 : Iop_16Uto64;
    IRExpr *part = add_value(f, IRExpr_Unop(widen, s->Ist.Put.data)), *low = part;
    if (shift)
        part = add_value(f, IRExpr_Binop(Iop_Shl64, part, IRExpr_Const(IRConst_U8((UChar)shift))));
    IRTemp whole = newIRTemp(f->out->tyenv, Ity_I64);
    addStmtToIRSB(f->out, IRStmt_WrTmp(whole, IRExpr_Binop(Iop_Or64, rest, part)));
    f->known[slot] = IRExpr_RdTmp(whole);
    f->low[slot] = type == Ity_I8 && !shift ? low : NULL;
    addStmtToIRSB(f->out, IRStmt_Put(FIRST + slot * 8, f->known[slot]));
}

static void put(struct forward *f, IRStmt *s)
{
    int offset = s->Ist.Put.offset, slot = slot_of(offset);
    IRType type = typeOfIRExpr(f->out->tyenv, s->Ist.Put.data);
    if (slot >= 0 && type == Ity_I64 && offset % 8 == 0) {
        put_whole(f, s);
    } else if (slot >= 0 && offset < GPR_END &&
               ((type == Ity_I8 && offset % 8 < 2) || (type == Ity_I16 && offset % 8 == 0))) {
        put_part(f, s, type);
    } else {
        if (slot >= 0)
            f->known[slot] = f->low[slot] = NULL;
        addStmtToIRSB(f->out, s);
    }
}

/* ---- reads ---- */

static IRExpr *get(struct forward *f, IRTemp temp, IRExpr *e)
{
    int offset = e->Iex.Get.offset, slot = slot_of(offset);
    if (slot < 0 || offset % 8 || e->Iex.Get.ty != Ity_I64)
        return e;
    if (!f->known[slot]) {
        f->known[slot] = IRExpr_RdTmp(temp);
        f->low[slot] = NULL;
        return e;
    }
    f->low_of[temp] = f->low[slot];
    return f->known[slot];
}

/* `x & 0xff`, where x is known to end in a byte that is at hand. */
static IRExpr *low_byte(const struct forward *f, IRExpr *e)
{
    if (e->tag != Iex_Binop || e->Iex.Binop.op != Iop_And64 ||
        e->Iex.Binop.arg1->tag != Iex_RdTmp || !is_const(e->Iex.Binop.arg2, UINT8_MAX))
        return e;
    IRExpr *low = f->low_of[e->Iex.Binop.arg1->Iex.RdTmp.tmp];
    return low ? low : e;
}

IRSB *vex_forward_regs(IRSB *in)
{
    struct forward f = {.out = deepCopyIRSBExceptStmts(in)};
    size_t len = (size_t)in->tyenv->types_used * sizeof(*f.low_of);
    f.low_of = LibVEX_Alloc(len + 1);
    memset(f.low_of, 0, len);
    for (int i = 0; i < in->stmts_used; i++) {
        IRStmt *s = in->stmts[i];
        switch (s->tag) {
        case Ist_Put:
            put(&f, s);
            break;
        case Ist_WrTmp: {
            IRExpr *e = s->Ist.WrTmp.data;
            e = e->tag == Iex_Get ? get(&f, s->Ist.WrTmp.tmp, e) : low_byte(&f, e);
            addStmtToIRSB(f.out, IRStmt_WrTmp(s->Ist.WrTmp.tmp, e));
            break;
        }
        case Ist_Dirty:
            memset(f.known, 0, sizeof(f.known));
            memset(f.low, 0, sizeof(f.low));
            addStmtToIRSB(f.out, s);
            break;
        default:
            addStmtToIRSB(f.out, s);
            break;
        }
    }
    return f.out;
}
