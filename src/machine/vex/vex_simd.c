// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * XMM registers in VEX's IR live in memory and are written in parts: `movsd mem, xmm` is a write of
 * 16 zero bytes and one of 8 bytes over them. The next instruction reads 16 bytes that the host
 * processor cannot take from its store buffer, and waits. This pass joins the two writes into one
 * of a whole value, and gives the value to later reads in the block directly.
 *
 * And it finds loads of 4 or 8 bytes that only become the low part of such a value (`wide`): they
 * are made as loads of 16 bytes in the host, of which the rest is cut off by shuffles, because VEX
 * would pass the bytes through an integer register and the stack. (RAM has spare bytes at its end,
 * and the guest sees only the access it made.)
 */
#include <string.h>

#include "machine/vex/vex_ir.h"

enum {
    YMM = offsetof(VexGuestAMD64State, guest_YMM0),
    YMM_LEN = sizeof(U256),
    NYMM = 17, /* VEX has one more for itself */
    XMM_LEN = 16,
};

struct simd {
    const IRSB *in;
    IRSB *out;
    IRExpr *known[NYMM]; /* an atom with the value of the low 16 bytes, or NULL */
};

/* The register that holds an offset of the state; -1: none. */
static int reg_of(int offset)
{
    if (offset < YMM || offset >= YMM + NYMM * YMM_LEN)
        return -1;
    return (offset - YMM) / YMM_LEN;
}

static int lane_of(int offset)
{
    return (offset - YMM) % YMM_LEN;
}

static IRType put_type(const IRSB *block, const IRStmt *s)
{
    return typeOfIRExpr(block->tyenv, s->Ist.Put.data);
}

static bool is_zero(const IRExpr *e)
{
    return e->tag == Iex_Const && e->Iex.Const.con->tag == Ico_V128 &&
           e->Iex.Const.con->Ico.V128 == 0;
}

static bool is_whole_put(const struct simd *simd, const IRStmt *s)
{
    return s->tag == Ist_Put && reg_of(s->Ist.Put.offset) >= 0 && lane_of(s->Ist.Put.offset) == 0 &&
           put_type(simd->in, s) == Ity_V128;
}

/* ---- joining ---- */

static bool is_low_part(IRType type)
{
    return type == Ity_I64 || type == Ity_F64 || type == Ity_I32 || type == Ity_F32;
}

static bool may_read(const IRStmt *s, int reg)
{
    if (s->tag != Ist_WrTmp)
        return s->tag != Ist_Put && s->tag != Ist_NoOp && s->tag != Ist_AbiHint;
    const IRExpr *e = s->Ist.WrTmp.data;
    return e->tag == Iex_GetI || (e->tag == Iex_Get && reg_of(e->Iex.Get.offset) == reg);
}

/* The statement that writes the low part of the register just zeroed by statement `zero`, with
 * nothing in between that could see the zeros. -1: there is none. */
static int find_low_put(const struct simd *simd, int zero)
{
    int offset = simd->in->stmts[zero]->Ist.Put.offset, reg = reg_of(offset);
    for (int i = zero + 1; i < simd->in->stmts_used; i++) {
        const IRStmt *s = simd->in->stmts[i];
        if (s->tag == Ist_Put && reg_of(s->Ist.Put.offset) == reg)
            return s->Ist.Put.offset == offset && is_low_part(put_type(simd->in, s)) ? i : -1;
        if (may_read(s, reg))
            return -1;
    }
    return -1;
}

static IRExpr *add_value(struct simd *simd, IRType type, IRExpr *e)
{
    IRTemp temp = newIRTemp(simd->out->tyenv, type);
    addStmtToIRSB(simd->out, IRStmt_WrTmp(temp, e));
    return IRExpr_RdTmp(temp);
}

static IRStmt *joined_put(struct simd *simd, const IRStmt *low)
{
    IRExpr *data = low->Ist.Put.data;
    IRType type = put_type(simd->in, low);
    if (type == Ity_F64)
        data = add_value(simd, Ity_I64, IRExpr_Unop(Iop_ReinterpF64asI64, data));
    else if (type == Ity_F32)
        data = add_value(simd, Ity_I32, IRExpr_Unop(Iop_ReinterpF32asI32, data));
    bool is_64 = type == Ity_F64 || type == Ity_I64;
    data = add_value(simd, Ity_V128, IRExpr_Unop(is_64 ? Iop_64UtoV128 : Iop_32UtoV128, data));
    return IRStmt_Put(low->Ist.Put.offset, data);
}

/* ---- what is known ---- */

static void note_put(struct simd *simd, const IRStmt *s)
{
    int first = reg_of(s->Ist.Put.offset);
    int last = reg_of(s->Ist.Put.offset + sizeofIRType(put_type(simd->out, s)) - 1);
    if (first < 0 && last < 0)
        return;
    if (first >= 0 && lane_of(s->Ist.Put.offset) >= XMM_LEN && first == last)
        return; /* the upper half */
    if (last >= 0)
        simd->known[last] = NULL;
    if (first < 0)
        return;
    bool whole = lane_of(s->Ist.Put.offset) == 0 && put_type(simd->out, s) == Ity_V128;
    simd->known[first] = whole && s->Ist.Put.data->tag == Iex_RdTmp ? s->Ist.Put.data : NULL;
}

static IRStmt *forwarded(struct simd *simd, IRStmt *s)
{
    const IRExpr *e = s->Ist.WrTmp.data;
    if (e->tag != Iex_Get || e->Iex.Get.ty != Ity_V128)
        return s;
    int reg = reg_of(e->Iex.Get.offset);
    if (reg < 0 || lane_of(e->Iex.Get.offset))
        return s;
    if (simd->known[reg])
        return IRStmt_WrTmp(s->Ist.WrTmp.tmp, simd->known[reg]);
    simd->known[reg] = IRExpr_RdTmp(s->Ist.WrTmp.tmp);
    return s;
}

static void forget_all(struct simd *simd)
{
    memset(simd->known, 0, sizeof(simd->known));
}

IRSB *vex_forward_xmm(IRSB *in)
{
    struct simd simd = {.in = in, .out = deepCopyIRSBExceptStmts(in)};
    uint8_t *joins = LibVEX_Alloc((SizeT)in->stmts_used + 1);
    memset(joins, 0, (size_t)in->stmts_used + 1);
    for (int i = 0; i < in->stmts_used; i++) {
        IRStmt *s = in->stmts[i];
        int low = is_whole_put(&simd, s) && is_zero(s->Ist.Put.data) ? find_low_put(&simd, i) : -1;
        if (low >= 0) {
            joins[low] = 1;
            continue;
        }
        if (joins[i])
            s = joined_put(&simd, s);
        if (s->tag == Ist_Put)
            note_put(&simd, s);
        else if (s->tag == Ist_WrTmp)
            s = forwarded(&simd, s);
        else if (s->tag == Ist_PutI || s->tag == Ist_Dirty)
            forget_all(&simd);
        addStmtToIRSB(simd.out, s);
    }
    return simd.out;
}

/* ---- wide loads ---- */

static void count(IRExpr *e, void *arg)
{
    struct vex_pass *p = arg;
    if (e->tag == Iex_RdTmp && p->uses[e->Iex.RdTmp.tmp] < VEX_LOADED_WIDE - 1)
        p->uses[e->Iex.RdTmp.tmp]++;
}

static bool widens(const IRExpr *e)
{
    return e->tag == Iex_Unop && e->Iex.Unop.arg->tag == Iex_RdTmp &&
           (e->Iex.Unop.op == Iop_64UtoV128 || e->Iex.Unop.op == Iop_32UtoV128);
}

/* Finds the temporaries whose one use is to be widened. */
void vex_find_wide(struct vex_pass *p)
{
    size_t n = (size_t)p->in->tyenv->types_used + 1;
    p->uses = LibVEX_Alloc(n);
    p->wide = LibVEX_Alloc(n * sizeof(*p->wide));
    memset(p->uses, 0, n);
    for (size_t i = 0; i < n; i++)
        p->wide[i] = IRTemp_INVALID;
    bool any = false;
    for (int i = 0; i < p->in->stmts_used; i++)
        any |= p->in->stmts[i]->tag == Ist_WrTmp && widens(p->in->stmts[i]->Ist.WrTmp.data);
    if (!any)
        return;
    for (int i = 0; i < p->in->stmts_used; i++)
        vex_each_use(p->in->stmts[i], count, p);
    count(p->in->next, p);
    for (int i = 0; i < p->in->stmts_used; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (s->tag == Ist_WrTmp && widens(s->Ist.WrTmp.data)) {
            IRTemp narrow = s->Ist.WrTmp.data->Iex.Unop.arg->Iex.RdTmp.tmp;
            if (p->uses[narrow] == 1)
                p->wide[narrow] = s->Ist.WrTmp.tmp;
        }
    }
}

/* The load of `narrow` from the host, made so that it is the wide value at once. */
void vex_load_wide(struct vex_pass *p, IRTemp narrow, IRType type, IRExpr *host)
{
    IRExpr *zero = IRExpr_Const(IRConst_V128(0));
    IRExpr *value = vex_value(p, Ity_V128, IRExpr_Load(Iend_LE, Ity_V128, host));
    if (type == Ity_I32)
        value = vex_binop(p, Ity_V128, Iop_InterleaveLO32x4, zero, value);
    vex_emit(p, IRStmt_WrTmp(p->wide[narrow], IRExpr_Binop(Iop_InterleaveLO64x2, zero, value)));
    p->uses[narrow] = VEX_LOADED_WIDE;
}

/* Whether the statement widens a value that vex_load_wide() has made wide. */
bool vex_is_widened(const struct vex_pass *p, const IRStmt *s)
{
    return s->tag == Ist_WrTmp && widens(s->Ist.WrTmp.data) &&
           p->uses[s->Ist.WrTmp.data->Iex.Unop.arg->Iex.RdTmp.tmp] == VEX_LOADED_WIDE;
}
