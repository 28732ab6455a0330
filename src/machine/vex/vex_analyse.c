// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Looks over a block of IR before it is rewritten: where its instructions begin, which of them the
 * fast flavour can do, where the block has to be cut, and every data access with its address as
 * "value plus distance".
 *
 * The fast flavour can put off an instruction's register writes until its last access or division
 * has succeeded, unless something in between reads or shows them. Then, and for instructions that
 * VEX gives to helpers with memory operands, the slow flavour does it.
 */
#include "machine/vex/vex_ir.h"

#include <string.h>

enum { LOADS_MAX = 3, RIP_LEN = 8 };

bool vex_is_division(const IRStmt *s)
{
    if (s->tag != Ist_WrTmp || s->Ist.WrTmp.data->tag != Iex_Binop)
        return false;
    switch (s->Ist.WrTmp.data->Iex.Binop.op) {
    case Iop_DivModU128to64:
    case Iop_DivModS128to64:
    case Iop_DivModU64to32:
    case Iop_DivModS64to32:
        return true;
    default:
        return false;
    }
}

unsigned vex_cas_len(const struct vex_pass *p, const IRCAS *cas)
{
    unsigned half = (unsigned)sizeofIRType(typeOfIRExpr(p->in->tyenv, cas->dataLo));
    return cas->dataHi ? 2 * half : half;
}

/* Whether the instruction may end here without having happened. */
bool vex_is_escape(const IRStmt *s)
{
    switch (s->tag) {
    case Ist_Store:
    case Ist_LoadG:
    case Ist_StoreG:
    case Ist_CAS:
    case Ist_LLSC:
        return true;
    case Ist_Dirty:
        return s->Ist.Dirty.details->mFx != Ifx_None;
    default:
        return vex_is_load(s) || vex_is_division(s);
    }
}

static bool needs_slow(const IRStmt *s)
{
    switch (s->tag) {
    case Ist_LoadG:
    case Ist_StoreG:
    case Ist_LLSC:
        return true;
    case Ist_Dirty:
        return s->Ist.Dirty.details->mFx != Ifx_None;
    default:
        return false;
    }
}

/* ---- register writes that cannot be put off ---- */

/* The bytes of the state that a statement writes; len 0: none. */
static void written(const struct vex_pass *p, const IRStmt *s, int *offset, int *len)
{
    *len = 0;
    if (s->tag == Ist_Put && s->Ist.Put.offset != VEX_OFF_RIP) {
        *offset = s->Ist.Put.offset;
        *len = sizeofIRType(typeOfIRExpr(p->in->tyenv, s->Ist.Put.data));
    } else if (s->tag == Ist_PutI) {
        const IRRegArray *array = s->Ist.PutI.details->descr;
        *offset = array->base;
        *len = array->nElems * sizeofIRType(array->elemTy);
    }
}

static void read(const IRStmt *s, int *offset, int *len)
{
    *len = 0;
    if (s->tag != Ist_WrTmp)
        return;
    const IRExpr *e = s->Ist.WrTmp.data;
    if (e->tag == Iex_Get) {
        *offset = e->Iex.Get.offset;
        *len = sizeofIRType(e->Iex.Get.ty);
    } else if (e->tag == Iex_GetI) {
        *offset = e->Iex.GetI.descr->base;
        *len = e->Iex.GetI.descr->nElems * sizeofIRType(e->Iex.GetI.descr->elemTy);
    }
}

static bool shows_all(const IRStmt *s)
{
    return s->tag == Ist_Exit || (s->tag == Ist_Dirty && s->Ist.Dirty.details->nFxState);
}

/* Whether statement `write` is seen by one after it, up to the instruction's last escape. */
static bool is_seen(const struct vex_pass *p, const struct vex_insn *insn, int write)
{
    int offset = 0, len, other = 0, other_len;
    written(p, p->in->stmts[write], &offset, &len);
    if (!len)
        return false;
    for (int i = write + 1; i <= insn->escape; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (shows_all(s))
            return true;
        read(s, &other, &other_len);
        if (other_len && offset < other + other_len && other < offset + len)
            return true;
    }
    return false;
}

static bool writes_state_early(const struct vex_pass *p, const struct vex_insn *insn)
{
    for (int i = insn->first; i < insn->escape; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (s->tag == Ist_Dirty && s->Ist.Dirty.details->nFxState)
            return true;
        if (is_seen(p, insn, i))
            return true;
    }
    return false;
}

/* ---- instructions ---- */

/* String instructions with a prefix begin a block of their own (vex_string.c). */
static bool is_repeated_string(const struct vex_translation *t, const struct vex_insn *insn)
{
    unsigned len;
    return vex_string_kind(t->bytes + (insn->pc & PAGE_MASK), &len) >= 0;
}

static void judge(struct vex_pass *p, struct vex_insn *insn)
{
    unsigned loads = 0;
    insn->escape = -1;
    insn->sites = 0;
    for (int i = insn->first; i < insn->end; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (vex_is_escape(s)) {
            insn->escape = i;
            insn->sites += 2;
        }
        if (s->tag == Ist_Exit)
            insn->sites++;
        insn->slow |= needs_slow(s) || (p->t->second && vex_is_division(s));
        insn->retries |= s->tag == Ist_CAS;
        loads += vex_is_load(s);
    }
    insn->snapshot = writes_state_early(p, insn);
    insn->slow |= insn->snapshot || loads > LOADS_MAX;
    insn->slow |= p->t->engine->options.log && is_repeated_string(p->t, insn);
}

static void find_insns(struct vex_pass *p)
{
    int n = 0;
    for (int i = 0; i < p->in->stmts_used; i++)
        n += p->in->stmts[i]->tag == Ist_IMark;
    p->insns = LibVEX_Alloc(sizeof(*p->insns) * (size_t)(n + 1));
    p->ninsns = 0;
    for (int i = 0; i < p->in->stmts_used; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (s->tag != Ist_IMark)
            continue;
        if (p->ninsns)
            p->insns[p->ninsns - 1].end = i;
        struct vex_insn *insn = &p->insns[p->ninsns++];
        memset(insn, 0, sizeof(*insn));
        insn->pc = s->Ist.IMark.addr;
        insn->len = s->Ist.IMark.len;
        insn->first = i;
    }
    if (p->ninsns)
        p->insns[p->ninsns - 1].end = p->in->stmts_used;
    if (p->ninsns && !p->insns[p->ninsns - 1].len) /* the one that VEX could not decode */
        p->ninsns--;
}

/* ---- where to cut ---- */

static bool reaches_next_page(const struct vex_translation *t, const struct vex_insn *insn)
{
    return (insn->pc & PAGE_MASK) + insn->len > PAGE_SIZE;
}

static void cut(struct vex_pass *p)
{
    unsigned sites = 4;
    for (p->kept = 0; p->kept < p->ninsns; p->kept++) {
        const struct vex_insn *insn = &p->insns[p->kept];
        sites += insn->sites;
        if (p->kept == 0)
            continue;
        if (p->t->second || p->insns[0].slow || insn->slow || sites > VEX_SITES_PER_BLOCK ||
            reaches_next_page(p->t, insn) || is_repeated_string(p->t, insn))
            return;
    }
}

/* ---- accesses ---- */

static struct vex_key key_of(const struct vex_pass *p, const IRExpr *e)
{
    if (e->tag == Iex_Const)
        return (struct vex_key){IRTemp_INVALID, (int64_t)e->Iex.Const.con->Ico.U64};
    IRTemp temp = e->Iex.RdTmp.tmp;
    return p->keys[temp];
}

static void note_value(struct vex_pass *p, const IRStmt *s)
{
    IRTemp temp = s->Ist.WrTmp.tmp;
    const IRExpr *e = s->Ist.WrTmp.data;
    p->keys[temp] = (struct vex_key){temp, 0};
    if (e->tag == Iex_RdTmp) {
        p->keys[temp] = key_of(p, e);
    } else if (e->tag == Iex_Binop && e->Iex.Binop.arg1->tag == Iex_RdTmp &&
               e->Iex.Binop.arg2->tag == Iex_Const) {
        int64_t distance = (int64_t)e->Iex.Binop.arg2->Iex.Const.con->Ico.U64;
        struct vex_key key = key_of(p, e->Iex.Binop.arg1);
        if (e->Iex.Binop.op == Iop_Add64)
            p->keys[temp] = (struct vex_key){key.base, key.disp + distance};
        else if (e->Iex.Binop.op == Iop_Sub64)
            p->keys[temp] = (struct vex_key){key.base, key.disp - distance};
    }
}

static void add_access(struct vex_pass *p, int insn, enum vex_access_kind kind, const IRExpr *addr,
                       unsigned len)
{
    struct vex_access *a = &p->accesses[p->naccesses];
    *a = (struct vex_access){.key = key_of(p, addr),
                             .len = (uint16_t)len,
                             .insn = (uint16_t)insn,
                             .kind = (uint8_t)kind,
                             .intent = kind == VEX_LOAD ? MMU_LOAD : MMU_STORE};
    for (int i = p->naccesses - 1; kind != VEX_LOAD && i >= 0 && p->accesses[i].insn == insn; i--) {
        struct vex_access *load = &p->accesses[i];
        if (load->key.base == a->key.base && load->key.disp == a->key.disp && load->len == a->len)
            load->intent = MMU_STORE;
    }
    p->naccesses++;
}

static void find_accesses(struct vex_pass *p, int insn)
{
    for (int i = p->insns[insn].first; i < p->insns[insn].end; i++) {
        const IRStmt *s = p->in->stmts[i];
        if (vex_is_load(s)) {
            const IRExpr *load = s->Ist.WrTmp.data;
            add_access(p, insn, VEX_LOAD, load->Iex.Load.addr,
                       (unsigned)sizeofIRType(load->Iex.Load.ty));
        } else if (s->tag == Ist_Store) {
            add_access(p, insn, VEX_STORE, s->Ist.Store.addr,
                       (unsigned)sizeofIRType(typeOfIRExpr(p->in->tyenv, s->Ist.Store.data)));
        } else if (s->tag == Ist_CAS) {
            const IRCAS *cas = s->Ist.CAS.details;
            add_access(p, insn, VEX_CAS, cas->addr, vex_cas_len(p, cas));
        }
        if (s->tag == Ist_WrTmp)
            note_value(p, s);
    }
}

void vex_analyse(struct vex_pass *p)
{
    find_insns(p);
    for (int i = 0; i < p->ninsns; i++)
        judge(p, &p->insns[i]);
    cut(p);
    p->keys = LibVEX_Alloc(sizeof(*p->keys) * (size_t)(p->in->tyenv->types_used + 1));
    p->accesses = LibVEX_Alloc(sizeof(*p->accesses) * (size_t)(p->in->stmts_used + 1));
    p->naccesses = 0;
    int first = p->ninsns ? p->insns[0].first : p->in->stmts_used;
    for (int i = 0; i < first; i++) {
        if (p->in->stmts[i]->tag == Ist_WrTmp)
            note_value(p, p->in->stmts[i]);
    }
    for (int i = 0; i < p->kept; i++)
        find_accesses(p, i);
}
