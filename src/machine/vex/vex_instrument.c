// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rewrites a block of VEX's IR: accesses get inline TLB checks, every way out becomes a site, and
 * register writes are put off until their instruction cannot fail any more. What the fast flavour
 * cannot do begins a block of its own (vex_analyse.c cuts) and is done the slow way.
 */
#include <string.h>

#include "base/check.h"
#include "machine/vex/vex_ir.h"

/* ---- sites and exits ---- */

struct vex_site *vex_new_site(struct vex_pass *p, enum vex_site_kind kind, uint64_t pc,
                              struct vex_amounts amounts)
{
    CHECK(p->t->nsites < VEX_SITES_PER_BLOCK);
    struct vex_site *site = &p->t->sites[p->t->nsites++];
    memset(site, 0, sizeof(*site));
    site->kind = (uint8_t)kind;
    site->pc = pc;
    site->amounts = amounts;
    if (kind == VEX_SITE_JUMP) {
        site->link = site->next = site->prev = VEX_NONE;
        site->flavour = (uint8_t)p->t->onward;
    }
    return site;
}

void vex_emit_exit(struct vex_pass *p, IRExpr *guard)
{
    vex_write_stamps(p);
    uint64_t target = VEX_SITE_TARGET(p->t->nsites - 1);
    vex_emit(p, IRStmt_Exit(guard, Ijk_Boring, IRConst_U64(target), VEX_OFF_RIP));
}

/* Which exception an instruction that VEX does not know raises: privileged ones are known to the
 * processor. Source: Intel SDM vol. 2, "Opcode Map"; vol. 3A, "Privileged Instructions". */
static enum cpu_vector undecoded(const struct vex_translation *t, uint64_t pc)
{
    const uint8_t *op = t->bytes + (pc & PAGE_MASK);
    while (*op == 0x66 || *op == 0xf2 || *op == 0xf3 || (*op & 0xf0) == 0x40)
        op++;
    switch (op[0]) {
    case 0xf1:
        return CPU_VECTOR_DB;
    case 0xcd:
        return op[1] == 0x80 ? CPU_VECTOR_UD : CPU_VECTOR_GP;
    case 0x6c: /* ins, outs */
    case 0x6d:
    case 0x6e:
    case 0x6f:
    case 0xe4: /* in, out */
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
    case 0xf4: /* hlt */
    case 0xfa: /* cli, sti */
    case 0xfb:
        return CPU_VECTOR_GP;
    case 0x0f:
        break;
    default:
        return CPU_VECTOR_UD;
    }
    switch (op[1]) {
    case 0x00: /* lldt, ltr */
        return (op[2] >> 3 & 7) == 2 || (op[2] >> 3 & 7) == 3 ? CPU_VECTOR_GP : CPU_VECTOR_UD;
    case 0x01: /* lgdt, lidt, lmsw, invlpg, swapgs */
        return op[2] == 0xf8 || (op[2] < 0xc0 && (op[2] >> 3 & 7) >= 2) ? CPU_VECTOR_GP
                                                                        : CPU_VECTOR_UD;
    case 0x06: /* clts, sysret, invd, wbinvd */
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x20: /* mov to and from control and debug registers */
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x30: /* wrmsr, rdmsr, rdpmc, sysexit */
    case 0x32:
    case 0x33:
    case 0x35:
        return CPU_VECTOR_GP;
    default:
        return CPU_VECTOR_UD;
    }
}

static void trap_site(struct vex_pass *p, enum cpu_vector vector, uint64_t pc,
                      struct vex_amounts amounts)
{
    vex_new_site(p, VEX_SITE_TRAP, pc, amounts)->vector = (uint8_t)vector;
}

/* A way out with a known target: makes its site. `done`: what is retired if the instruction is. */
static void direct_site(struct vex_pass *p, IRJumpKind kind, uint64_t target,
                        struct vex_amounts done)
{
    switch (kind) {
    case Ijk_Sys_syscall:
        vex_new_site(p, VEX_SITE_SYSCALL, target, done);
        break;
    case Ijk_SigTRAP:
        trap_site(p, CPU_VECTOR_BP, target, done);
        break;
    case Ijk_NoDecode:
    case Ijk_SigILL:
    case Ijk_EmFail:
        trap_site(p, undecoded(p->t, target), target, p->start);
        break;
    case Ijk_SigSEGV:
    case Ijk_SigBUS:
    case Ijk_Sys_int32:
    case Ijk_Sys_int129:
    case Ijk_Sys_int130:
    case Ijk_Sys_int145:
    case Ijk_Sys_int210:
        trap_site(p, CPU_VECTOR_GP, p->insn ? p->insn->pc : target, p->start);
        break;
    case Ijk_Sys_int128:
        trap_site(p, CPU_VECTOR_UD, p->insn ? p->insn->pc : target, p->start);
        break;
    default:
        vex_new_site(p, VEX_SITE_JUMP, target, done);
        break;
    }
}

static struct vex_amounts plus_insn(struct vex_amounts amounts)
{
    amounts.insns++;
    return amounts;
}

static void guest_exit(struct vex_pass *p, const IRStmt *s)
{
    uint64_t target = s->Ist.Exit.dst->Ico.U64;
    bool again = target == p->insn->pc && p->insn->retries;
    direct_site(p, s->Ist.Exit.jk, target, again ? p->start : plus_insn(p->now));
    vex_emit_exit(p, s->Ist.Exit.guard);
}

/* ---- statements ---- */

static void put_delayed(struct vex_pass *p)
{
    for (int i = 0; i < p->ndelayed; i++)
        vex_emit(p, p->delayed[i]);
    p->ndelayed = 0;
}

static void fast_load(struct vex_pass *p, const IRStmt *s)
{
    const IRExpr *load = s->Ist.WrTmp.data;
    IRExpr *host = vex_check(p, load->Iex.Load.addr, (unsigned)sizeofIRType(load->Iex.Load.ty));
    IRTemp temp = s->Ist.WrTmp.tmp;
    if (p->wide[temp] != IRTemp_INVALID)
        vex_load_wide(p, temp, load->Iex.Load.ty, host);
    else
        vex_emit(p, IRStmt_WrTmp(temp, IRExpr_Load(Iend_LE, load->Iex.Load.ty, host)));
    p->now.loads++;
}

static void fast_store(struct vex_pass *p, const IRStmt *s)
{
    IRExpr *host = vex_check(p, s->Ist.Store.addr, vex_sizeof(p, s->Ist.Store.data));
    vex_emit(p, IRStmt_Store(Iend_LE, host, s->Ist.Store.data));
    p->now.stores++;
}

static void fast_cas(struct vex_pass *p, const IRStmt *s)
{
    const IRCAS *cas = s->Ist.CAS.details;
    IRExpr *host = vex_check(p, cas->addr, vex_cas_len(p, cas));
    vex_emit(p, IRStmt_CAS(mkIRCAS(cas->oldHi, cas->oldLo, cas->end, host, cas->expdHi, cas->expdLo,
                                   cas->dataHi, cas->dataLo)));
    p->now.stores++;
}

/* A division that may fail, or whose failing is dear to rule out, is left to the slow flavour. */
static void check_division(struct vex_pass *p, const IRExpr *e)
{
    IRExpr *a = e->Iex.Binop.arg1, *b = e->Iex.Binop.arg2, *high, *low, *bad;
    IRType type = Ity_I64;
    bool is_signed = e->Iex.Binop.op == Iop_DivModS128to64 || e->Iex.Binop.op == Iop_DivModS64to32;
    bool is_wide = e->Iex.Binop.op == Iop_DivModS128to64 || e->Iex.Binop.op == Iop_DivModU128to64;
    if (is_wide) {
        high = vex_value(p, type, IRExpr_Unop(Iop_128HIto64, a));
        low = vex_value(p, type, IRExpr_Unop(Iop_128to64, a));
    } else {
        type = Ity_I32;
        high = vex_value(p, type, IRExpr_Unop(Iop_64HIto32, a));
        low = vex_value(p, type, IRExpr_Unop(Iop_64to32, a));
    }
    if (!is_signed) {
        bad = vex_binop(p, Ity_I1, is_wide ? Iop_CmpLE64U : Iop_CmpLE32U, b, high);
    } else { /* the high half is not only the sign, or the divisor is 0 or -1 */
        IRExpr *sign = vex_binop(p, type, is_wide ? Iop_Sar64 : Iop_Sar32, low,
                                 IRExpr_Const(IRConst_U8(is_wide ? 63 : 31)));
        bad = vex_binop(p, Ity_I1, is_wide ? Iop_CmpNE64 : Iop_CmpNE32, sign, high);
        struct vex_site *site = vex_new_site(p, VEX_SITE_JUMP, p->insn->pc, p->start);
        site->flavour = VEX_SLOW;
        vex_emit_exit(p, bad);
        IRExpr *one = IRExpr_Const(is_wide ? IRConst_U64(1) : IRConst_U32(1));
        IRExpr *more = vex_binop(p, type, is_wide ? Iop_Add64 : Iop_Add32, b, one);
        bad = vex_binop(p, Ity_I1, is_wide ? Iop_CmpLE64U : Iop_CmpLE32U, more, one);
    }
    struct vex_site *site = vex_new_site(p, VEX_SITE_JUMP, p->insn->pc, p->start);
    site->flavour = VEX_SLOW;
    vex_emit_exit(p, bad);
}

/* What would touch the host's devices or show its tables is for the kernel only. */
static bool is_privileged(const IRDirty *d)
{
    const char *name = d->cee->name;
    return !strcmp(name, "amd64g_dirtyhelper_IN") || !strcmp(name, "amd64g_dirtyhelper_OUT") ||
           !strcmp(name, "amd64g_dirtyhelper_SxDT");
}

static void emit_privileged(struct vex_pass *p, const IRDirty *d)
{
    trap_site(p, CPU_VECTOR_GP, p->insn->pc, p->start);
    vex_emit_exit(p, IRExpr_Const(IRConst_U1(True)));
    if (d->tmp != IRTemp_INVALID) /* not reached, but IR wants it defined */
        vex_emit(p, IRStmt_WrTmp(d->tmp, vex_u64(0)));
}

/* Calls that VEX makes for instructions without memory operands. */
static void call(struct vex_pass *p, IRStmt *s)
{
    IRDirty *d = s->Ist.Dirty.details;
    if (!strncmp(d->cee->name, "amd64g_dirtyhelper_CPUID", 24)) {
        d->cee->addr = (void *)vex_cpuid;
    } else if (!strcmp(d->cee->name, "amd64g_dirtyhelper_RDTSC")) {
        d = unsafeIRDirty_1_N(d->tmp, 0, "vex_rdtsc", (void *)vex_rdtsc,
                              mkIRExprVec_1(IRExpr_GSPTR()));
        s = vex_call(d);
    }
    vex_emit(p, s);
}

static void fast_stmt(struct vex_pass *p, IRStmt *s)
{
    switch (s->tag) {
    case Ist_Store:
        fast_store(p, s);
        break;
    case Ist_CAS:
        fast_cas(p, s);
        break;
    default:
        if (vex_is_load(s)) {
            fast_load(p, s);
            break;
        }
        if (vex_is_division(s))
            check_division(p, s->Ist.WrTmp.data);
        if (!vex_is_widened(p, s))
            vex_emit(p, s);
        break;
    }
}

static void stmt(struct vex_pass *p, IRStmt *s, bool slow)
{
    switch (s->tag) {
    case Ist_NoOp:
    case Ist_IMark:
    case Ist_AbiHint:
        break;
    case Ist_Exit:
        guest_exit(p, s);
        break;
    case Ist_Dirty:
        if (is_privileged(s->Ist.Dirty.details))
            emit_privileged(p, s->Ist.Dirty.details);
        else if (!slow || !vex_slow_stmt(p, s))
            call(p, s);
        break;
    default:
        if (!slow)
            fast_stmt(p, s);
        else if (!vex_slow_stmt(p, s))
            vex_emit(p, s);
        break;
    }
}

static void insn(struct vex_pass *p, const struct vex_insn *insn, bool slow)
{
    p->insn = insn;
    p->start = p->now;
    p->delayed = LibVEX_Alloc(sizeof(*p->delayed) * (size_t)(insn->end - insn->first));
    if (slow)
        vex_slow_begin(p);
    else
        vex_log_insn(p);
    for (int i = insn->first; i < insn->end; i++) {
        IRStmt *s = p->in->stmts[i];
        bool is_put = s->tag == Ist_Put || s->tag == Ist_PutI;
        if (s->tag == Ist_Put && s->Ist.Put.offset == VEX_OFF_RIP)
            continue;
        if (is_put && i < insn->escape && !insn->snapshot)
            p->delayed[p->ndelayed++] = s;
        else
            stmt(p, s, slow);
        if (i == insn->escape)
            put_delayed(p);
    }
    p->now.insns++;
}

/* ---- the block ---- */

static void check_second_page(struct vex_pass *p)
{
    struct vex_translation *t = p->t;
    struct tlb_ifront *slot = &t->engine->ifront[vex_page_slot(t->second)];
    IRExpr *tag =
        vex_value(p, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, vex_u64((uintptr_t)&slot->tag)));
    vex_new_site(p, VEX_SITE_STRADDLE, t->pc, p->now);
    vex_emit_exit(p, vex_binop(p, Ity_I1, Iop_CmpNE64, tag, vex_u64(vex_page_tag(t->second))));
    IRExpr *clock = vex_value(p, Ity_I64, IRExpr_Get(VEX_OFF_CLOCK, Ity_I64));
    clock = vex_add(p, clock, 1);
    vex_emit(p, IRStmt_Put(VEX_OFF_CLOCK, clock));
    vex_emit(p, IRStmt_Store(Iend_LE, vex_u64((uintptr_t)&slot->stamp), clock));
    IRExpr *straddles = vex_value(p, Ity_I64, IRExpr_Get(VEX_OFF_STRADDLES, Ity_I64));
    vex_emit(p, IRStmt_Put(VEX_OFF_STRADDLES, vex_add(p, straddles, 1)));
}

static void end_at(struct vex_pass *p, IRJumpKind kind, uint64_t target)
{
    direct_site(p, kind, target, p->now);
    p->out->next = vex_u64(VEX_SITE_TARGET(p->t->nsites - 1));
}

static bool is_indirect(IRJumpKind kind)
{
    return kind == Ijk_Boring || kind == Ijk_Call || kind == Ijk_Ret;
}

static void end_block(struct vex_pass *p)
{
    vex_write_stamps(p);
    vex_calls_emit(p);
    if (p->kept < p->ninsns) {
        end_at(p, Ijk_Boring, p->insns[p->kept].pc);
    } else if (p->in->next->tag == Iex_Const) {
        uint64_t target = p->in->next->Iex.Const.con->Ico.U64;
        bool is_known = p->insn && p->insn->pc == target; /* ud2 */
        if (p->in->jumpkind == Ijk_NoDecode &&
            !is_known) /* it is behind the block's instructions */
            p->start = p->now;
        end_at(p, p->in->jumpkind, target);
    } else {
        CHECK(is_indirect(p->in->jumpkind));
        vex_new_site(p, VEX_SITE_INDIRECT, p->insn->pc, p->now);
        p->t->indirect = p->t->nsites - 1;
        p->out->next = p->in->next;
    }
    p->out->jumpkind = Ijk_Boring;
    p->out->offsIP = VEX_OFF_RIP;
}

/* An instruction that VEX could not decode may only have been cut off by the page's end, or lie
 * behind it. */
static bool undecoded_at_page_end(const struct vex_pass *p)
{
    const struct vex_translation *t = p->t;
    if (p->in->jumpkind != Ijk_NoDecode || p->kept < p->ninsns || t->second)
        return false;
    uint64_t pc = p->in->next->Iex.Const.con->Ico.U64;
    return vaddr_vpn(vaddr(pc)) != t->page->vpn || (pc & PAGE_MASK) > PAGE_SIZE - VEX_CODE_SLACK;
}

static void note_len(struct vex_pass *p)
{
    struct vex_translation *t = p->t;
    for (int i = 0; i < p->kept; i++) {
        uint64_t end = p->insns[i].pc + p->insns[i].len;
        if (end > t->pc + t->len)
            t->len = (unsigned)(end - t->pc);
    }
    if (p->in->jumpkind == Ijk_NoDecode && p->kept == p->ninsns) {
        uint64_t pc = p->in->next->Iex.Const.con->Ico.U64;
        t->len = (unsigned)(pc - t->pc);
        if (!undecoded_at_page_end(p))
            t->len += VEX_CODE_SLACK - 1;
    }
    if (t->needs_second)
        t->len = 0;
}

static bool uses_simd(const IRTypeEnv *env)
{
    for (int i = 0; i < env->types_used; i++) {
        switch (env->types[i]) {
        case Ity_I1:
        case Ity_I8:
        case Ity_I16:
        case Ity_I32:
        case Ity_I64:
        case Ity_I128: /* two integers */
            break;
        default:
            return true;
        }
    }
    return false;
}

IRSB *vex_instrument(void *translation, IRSB *in, const VexGuestLayout *layout,
                     const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word,
                     IRType host_word)
{
    struct vex_translation *t = translation;
    struct vex_pass *p = LibVEX_Alloc(sizeof(*p));
    memset(p, 0, sizeof(*p));
    p->t = t;
    if (t->path)
        in = vex_unroll(t, in);
    vex_drop_dead_puts(in, (t->page->vpn + 1) << PAGE_SHIFT);
    p->in = in = vex_forward_xmm(vex_forward_regs(in));
    p->out = deepCopyIRSBExceptStmts(in);
    t->nsites = t->nops = 0;
    t->indirect = VEX_NONE;
    t->len = 0;
    vex_analyse(p);
    vex_find_wide(p);
    vex_group_accesses(p);
    t->needs_second =
        !t->second && ((p->ninsns && (p->insns[0].pc & PAGE_MASK) + p->insns[0].len > PAGE_SIZE) ||
                       (!p->kept && undecoded_at_page_end(p)));
    int first = p->ninsns ? p->insns[0].first : in->stmts_used;
    bool slow = t->flavour == VEX_SLOW || (p->ninsns && p->insns[0].slow);
    if (t->second)
        check_second_page(p);
    if (!slow)
        vex_log_begin_block(p);
    if (p->naccesses && !slow)
        p->clock = vex_temp(p, Ity_I64, IRExpr_Get(VEX_OFF_CLOCK, Ity_I64));
    for (int i = 0; i < first; i++)
        stmt(p, in->stmts[i], slow);
    for (int i = 0; i < p->kept; i++)
        insn(p, &p->insns[i], slow);
    if (undecoded_at_page_end(p) && p->kept) {
        vex_write_stamps(p);
        end_at(p, Ijk_Boring, in->next->Iex.Const.con->Ico.U64);
        p->out->jumpkind = Ijk_Boring;
    } else {
        end_block(p);
    }
    note_len(p);
    vex_drop_dead_puts(p->out, 0);
    t->uses_simd = uses_simd(p->out->tyenv);
    return p->out;
}
