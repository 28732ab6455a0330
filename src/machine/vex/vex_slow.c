// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The slow flavour: each access of an instruction becomes a call (vex_helpers.c) that looks pages
 * up in the TLB, and may leave by a fault. It takes operands on two pages, pages with translated
 * code, and instructions whose memory VEX leaves to helpers of its own (FXSAVE, x87 environments,
 * 80-bit floats). Values pass through the state's shadow.
 *
 * RIP is true from the instruction's start on, so that a helper can report it.
 */
#include <string.h>

#include "base/check.h"
#include "machine/vex/vex_ir.h"

static void call(struct vex_pass *p, const char *name, void *function, IRExpr **args, IRExpr *guard)
{
    IRDirty *d = unsafeIRDirty_0_N(0, name, function, args);
    if (guard)
        d->guard = guard;
    vex_emit(p, vex_call(d));
}

static IRExpr **access_args(IRExpr *addr, unsigned len, enum mmu_access access)
{
    return mkIRExprVec_3(IRExpr_GSPTR(), addr, vex_u64(VEX_SPEC(len, access)));
}

void vex_slow_begin(struct vex_pass *p)
{
    vex_emit(p, IRStmt_Put(VEX_OFF_RIP, vex_u64(p->insn->pc)));
    vex_emit(p, IRStmt_Put(VEX_OFF_DONE, vex_u64(0)));
    if (p->t->engine->options.trace || p->t->engine->options.log)
        call(p, "vex_trace_fetch", (void *)vex_trace_fetch,
             mkIRExprVec_3(IRExpr_GSPTR(), vex_u64(p->insn->pc), vex_u64(p->insn->len)), NULL);
    if (p->insn->snapshot)
        call(p, "vex_snapshot", (void *)vex_snapshot, mkIRExprVec_1(IRExpr_GSPTR()), NULL);
}

/* ---- loads and stores ---- */

static void load(struct vex_pass *p, IRTemp temp, IRType type, IRExpr *addr)
{
    unsigned len = (unsigned)sizeofIRType(type);
    enum mmu_access access = p->accesses[p->access++].intent;
    call(p, "vex_slow_load", (void *)vex_slow_load, access_args(addr, len, access), NULL);
    vex_emit(p, IRStmt_WrTmp(temp, IRExpr_Get(VEX_OFF_VALUE, type)));
    p->now.loads++;
}

static void store(struct vex_pass *p, IRExpr *addr, IRExpr *data)
{
    p->access++;
    vex_emit(p, IRStmt_Put(VEX_OFF_VALUE, data));
    call(p, "vex_slow_store", (void *)vex_slow_store,
         access_args(addr, vex_sizeof(p, data), MMU_STORE), NULL);
    p->now.stores++;
}

static void cas(struct vex_pass *p, const IRCAS *cas)
{
    IRType type = typeOfIRExpr(p->out->tyenv, cas->dataLo);
    int half = sizeofIRType(type);
    p->access++;
    vex_emit(p, IRStmt_Put(VEX_OFF_VALUE, cas->dataLo));
    vex_emit(p, IRStmt_Put(VEX_OFF_EXPECTED, cas->expdLo));
    if (cas->dataHi) {
        vex_emit(p, IRStmt_Put(VEX_OFF_VALUE + half, cas->dataHi));
        vex_emit(p, IRStmt_Put(VEX_OFF_EXPECTED + half, cas->expdHi));
    }
    call(p, "vex_slow_cas", (void *)vex_slow_cas,
         access_args(cas->addr, vex_cas_len(p, cas), MMU_STORE), NULL);
    vex_emit(p, IRStmt_WrTmp(cas->oldLo, IRExpr_Get(VEX_OFF_VALUE, type)));
    if (cas->dataHi)
        vex_emit(p, IRStmt_WrTmp(cas->oldHi, IRExpr_Get(VEX_OFF_VALUE + half, type)));
    p->now.stores++;
}

/* ---- division ---- */

static void divide(struct vex_pass *p, IRTemp temp, const IRExpr *e)
{
    IROp op = e->Iex.Binop.op;
    bool is_wide = op == Iop_DivModS128to64 || op == Iop_DivModU128to64;
    IRType type = is_wide ? Ity_I64 : Ity_I32;
    int half = sizeofIRType(type);
    IRExpr *a = e->Iex.Binop.arg1;
    vex_emit(p, IRStmt_Put(VEX_OFF_VALUE,
                           vex_value(p, type, IRExpr_Unop(is_wide ? Iop_128to64 : Iop_64to32, a))));
    vex_emit(
        p, IRStmt_Put(VEX_OFF_VALUE + half,
                      vex_value(p, type, IRExpr_Unop(is_wide ? Iop_128HIto64 : Iop_64HIto32, a))));
    vex_emit(p, IRStmt_Put(VEX_OFF_EXPECTED, e->Iex.Binop.arg2));
    call(p, "vex_slow_divide", (void *)vex_slow_divide, mkIRExprVec_2(IRExpr_GSPTR(), vex_u64(op)),
         NULL);
    IRExpr *quotient = vex_value(p, type, IRExpr_Get(VEX_OFF_VALUE, type));
    IRExpr *remainder = vex_value(p, type, IRExpr_Get(VEX_OFF_VALUE + half, type));
    vex_emit(p, IRStmt_WrTmp(temp, IRExpr_Binop(is_wide ? Iop_64HLto128 : Iop_32HLto64, remainder,
                                                quotient)));
}

/* ---- VEX's helpers with memory operands ---- */

/* The part of XSAVE's legacy area beside the XMM registers is described from its 24th byte on, but
 * addressed from its first. */
static void helper_operand(const IRDirty *d, IRExpr **addr, unsigned *len)
{
    *addr = d->mAddr;
    *len = (unsigned)d->mSize;
    if (strstr(d->cee->name, "_COMPONENT_1_")) {
        *addr = d->args[1];
        *len = CPU_FXSAVE_LEN;
    }
}

static void helper(struct vex_pass *p, const IRDirty *s)
{
    IRDirty *d = deepCopyIRDirty(s);
    bool writes = d->mFx != Ifx_Read;
    IRExpr *addr;
    unsigned len;
    helper_operand(d, &addr, &len);
    IRTemp host = newIRTemp(p->out->tyenv, Ity_I64);
    IRDirty *pointer = unsafeIRDirty_1_N(host, 0, "vex_slow_pointer", (void *)vex_slow_pointer,
                                         access_args(addr, len, writes ? MMU_STORE : MMU_LOAD));
    pointer->guard = d->guard;
    vex_emit(p, vex_call(pointer));
    unsigned replaced = 0;
    for (unsigned i = 0; d->args[i]; i++) {
        bool is_atom = d->args[i]->tag == Iex_RdTmp || d->args[i]->tag == Iex_Const;
        if (is_atom && eqIRAtom(d->args[i], addr)) {
            d->args[i] = IRExpr_RdTmp(host);
            replaced++;
        }
    }
    CHECK(replaced == 1);
    d->mAddr = IRExpr_RdTmp(host);
    vex_emit(p, IRStmt_Dirty(d));
    call(p, "vex_slow_release", (void *)vex_slow_release, mkIRExprVec_1(IRExpr_GSPTR()), d->guard);
    if (writes)
        p->now.stores++;
    else
        p->now.loads++;
}

bool vex_slow_stmt(struct vex_pass *p, IRStmt *s)
{
    switch (s->tag) {
    case Ist_Store:
        store(p, s->Ist.Store.addr, s->Ist.Store.data);
        return true;
    case Ist_CAS:
        cas(p, s->Ist.CAS.details);
        return true;
    case Ist_Dirty:
        if (s->Ist.Dirty.details->mFx == Ifx_None)
            return false;
        helper(p, s->Ist.Dirty.details);
        return true;
    case Ist_LoadG: /* only AVX has them, and it is not offered */
    case Ist_StoreG:
    case Ist_LLSC:
        CHECK(!"a conditional access");
        return true;
    default:
        if (vex_is_load(s)) {
            const IRExpr *e = s->Ist.WrTmp.data;
            load(p, s->Ist.WrTmp.tmp, e->Iex.Load.ty, e->Iex.Load.addr);
            return true;
        }
        if (vex_is_division(s)) {
            divide(p, s->Ist.WrTmp.tmp, s->Ist.WrTmp.data);
            return true;
        }
        return false;
    }
}
