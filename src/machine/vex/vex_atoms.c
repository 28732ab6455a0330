// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Walks the atoms of a statement of flat IR: every place where it reads a temporary or has a
 * constant in place of one, and every place where it sets a temporary. And what follows from that:
 * copies of statements with temporaries of their own.
 */
#include "machine/vex/vex_ir.h"

static void use(IRExpr *e, vex_use_fn *fn, void *arg)
{
    if (e)
        fn(e, arg);
}

static void use_args(IRExpr **args, vex_use_fn *fn, void *arg)
{
    for (unsigned i = 0; args[i]; i++)
        fn(args[i], arg);
}

static void use_operands(const IRExpr *e, vex_use_fn *fn, void *arg)
{
    switch (e->tag) {
    case Iex_GetI:
        fn(e->Iex.GetI.ix, arg);
        break;
    case Iex_Qop:
        fn(e->Iex.Qop.details->arg1, arg);
        fn(e->Iex.Qop.details->arg2, arg);
        fn(e->Iex.Qop.details->arg3, arg);
        fn(e->Iex.Qop.details->arg4, arg);
        break;
    case Iex_Triop:
        fn(e->Iex.Triop.details->arg1, arg);
        fn(e->Iex.Triop.details->arg2, arg);
        fn(e->Iex.Triop.details->arg3, arg);
        break;
    case Iex_Binop:
        fn(e->Iex.Binop.arg1, arg);
        fn(e->Iex.Binop.arg2, arg);
        break;
    case Iex_Unop:
        fn(e->Iex.Unop.arg, arg);
        break;
    case Iex_Load:
        fn(e->Iex.Load.addr, arg);
        break;
    case Iex_CCall:
        use_args(e->Iex.CCall.args, fn, arg);
        break;
    case Iex_ITE:
        fn(e->Iex.ITE.cond, arg);
        fn(e->Iex.ITE.iftrue, arg);
        fn(e->Iex.ITE.iffalse, arg);
        break;
    default:
        break;
    }
}

static void use_value(IRExpr *e, vex_use_fn *fn, void *arg)
{
    if (e->tag == Iex_RdTmp || e->tag == Iex_Const)
        fn(e, arg);
    else
        use_operands(e, fn, arg);
}

static void use_cas(const IRCAS *cas, vex_use_fn *fn, void *arg)
{
    fn(cas->addr, arg);
    use(cas->expdHi, fn, arg);
    fn(cas->expdLo, arg);
    use(cas->dataHi, fn, arg);
    fn(cas->dataLo, arg);
}

static void use_dirty(const IRDirty *dirty, vex_use_fn *fn, void *arg)
{
    use(dirty->guard, fn, arg);
    use(dirty->mAddr, fn, arg);
    use_args(dirty->args, fn, arg);
}

void vex_each_use(IRStmt *s, vex_use_fn *fn, void *arg)
{
    switch (s->tag) {
    case Ist_Put:
        fn(s->Ist.Put.data, arg);
        break;
    case Ist_PutI:
        fn(s->Ist.PutI.details->ix, arg);
        fn(s->Ist.PutI.details->data, arg);
        break;
    case Ist_WrTmp:
        use_value(s->Ist.WrTmp.data, fn, arg);
        break;
    case Ist_Store:
        fn(s->Ist.Store.addr, arg);
        fn(s->Ist.Store.data, arg);
        break;
    case Ist_StoreG:
        fn(s->Ist.StoreG.details->addr, arg);
        fn(s->Ist.StoreG.details->data, arg);
        fn(s->Ist.StoreG.details->guard, arg);
        break;
    case Ist_LoadG:
        fn(s->Ist.LoadG.details->addr, arg);
        fn(s->Ist.LoadG.details->alt, arg);
        fn(s->Ist.LoadG.details->guard, arg);
        break;
    case Ist_CAS:
        use_cas(s->Ist.CAS.details, fn, arg);
        break;
    case Ist_LLSC:
        fn(s->Ist.LLSC.addr, arg);
        use(s->Ist.LLSC.storedata, fn, arg);
        break;
    case Ist_Dirty:
        use_dirty(s->Ist.Dirty.details, fn, arg);
        break;
    case Ist_Exit:
        fn(s->Ist.Exit.guard, arg);
        break;
    case Ist_AbiHint:
        fn(s->Ist.AbiHint.base, arg);
        fn(s->Ist.AbiHint.nia, arg);
        break;
    default:
        break;
    }
}

void vex_each_set(IRStmt *s, vex_set_fn *fn, void *arg)
{
    switch (s->tag) {
    case Ist_WrTmp:
        fn(&s->Ist.WrTmp.tmp, arg);
        break;
    case Ist_LoadG:
        fn(&s->Ist.LoadG.details->dst, arg);
        break;
    case Ist_CAS:
        if (s->Ist.CAS.details->oldHi != IRTemp_INVALID)
            fn(&s->Ist.CAS.details->oldHi, arg);
        fn(&s->Ist.CAS.details->oldLo, arg);
        break;
    case Ist_LLSC:
        fn(&s->Ist.LLSC.result, arg);
        break;
    case Ist_Dirty:
        if (s->Ist.Dirty.details->tmp != IRTemp_INVALID)
            fn(&s->Ist.Dirty.details->tmp, arg);
        break;
    default:
        break;
    }
}

/* ---- copies ---- */

static void shift_use(IRExpr *e, void *distance)
{
    if (e->tag == Iex_RdTmp)
        e->Iex.RdTmp.tmp += *(const IRTemp *)distance;
}

static void shift_set(IRTemp *temp, void *distance)
{
    *temp += *(const IRTemp *)distance;
}

IRStmt *vex_shifted(const IRStmt *s, IRTemp distance)
{
    IRStmt *copy = deepCopyIRStmt(s);
    vex_each_use(copy, shift_use, &distance);
    vex_each_set(copy, shift_set, &distance);
    return copy;
}

IRTemp vex_append(IRSB *out, const IRSB *in, int len)
{
    IRTemp distance = (IRTemp)out->tyenv->types_used;
    for (int i = 0; i < in->tyenv->types_used; i++)
        newIRTemp(out->tyenv, in->tyenv->types[i]);
    for (int i = 0; i < len; i++)
        addStmtToIRSB(out, vex_shifted(in->stmts[i], distance));
    return distance;
}
