// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hot loops as one block. A loop of several blocks is joined along the way it takes round
 * (vex_loop.c), leaving where it may go elsewhere; then it is made several times over in a row.
 * Registers stay with the host from one round to the next, and accesses a few bytes further share
 * the check of the first.
 *
 *      first block             first block; leave if not guard1
 *      go to second if guard1  second block; leave if not guard2
 *      second block            first block; leave if not guard1
 *      go to first if guard2   second block; go to start if guard2; leave
 */
#include "machine/vex/vex_ir.h"

enum { INSNS_MAX = 48, ROUNDS_MAX = 4, STMTS_MAX = 1200 };

static bool goes_to(const IRConst *target, uint64_t pc)
{
    return target->tag == Ico_U64 && target->Ico.U64 == pc;
}

static bool has_const_end(const IRSB *block)
{
    return block->next->tag == Iex_Const && block->jumpkind == Ijk_Boring;
}

/* The exit that is the block's last statement, if that goes to `pc`; -1: it is not. */
static int last_exit_to(const IRSB *block, uint64_t pc)
{
    for (int i = block->stmts_used - 1; i >= 0; i--) {
        const IRStmt *s = block->stmts[i];
        if (s->tag == Ist_Exit)
            return s->Ist.Exit.jk == Ijk_Boring && goes_to(s->Ist.Exit.dst, pc) ? i : -1;
        if (s->tag != Ist_NoOp && (s->tag != Ist_Put || s->Ist.Put.offset != VEX_OFF_RIP))
            return -1;
    }
    return -1;
}

static void leave_unless(IRSB *out, IRExpr *guard, IRConst *target)
{
    IRTemp inverted = newIRTemp(out->tyenv, Ity_I1);
    addStmtToIRSB(out, IRStmt_WrTmp(inverted, IRExpr_Unop(Iop_Not1, guard)));
    addStmtToIRSB(out, IRStmt_Exit(IRExpr_RdTmp(inverted), Ijk_Boring, target, VEX_OFF_RIP));
}

/* ---- joining ---- */

/* Has the block's statements run on into what follows, which is the code at `pc`. Result: false if
 * it does not go there last. */
static bool run_on(IRSB *block, uint64_t pc)
{
    if (!has_const_end(block))
        return false;
    if (goes_to(block->next->Iex.Const.con, pc))
        return true;
    int exit = last_exit_to(block, pc);
    if (exit < 0)
        return false;
    IRExpr *guard = block->stmts[exit]->Ist.Exit.guard;
    block->stmts_used = exit;
    leave_unless(block, guard, block->next->Iex.Const.con);
    return true;
}

static void join(IRSB *block, const IRSB *piece)
{
    IRTemp distance = vex_append(block, piece, piece->stmts_used);
    IRExpr *next = deepCopyIRExpr(piece->next);
    if (next->tag == Iex_RdTmp)
        next->Iex.RdTmp.tmp += distance;
    block->next = next;
    block->jumpkind = piece->jumpkind;
}

static void join_path(struct vex_translation *t, IRSB *block)
{
    for (unsigned i = 1; i < t->path->len; i++) {
        const IRSB *piece = vex_decode(t, t->path->pc[i]);
        if (!piece || !run_on(block, t->path->pc[i]))
            return;
        join(block, piece);
    }
}

/* ---- unrolling ---- */

struct loop {
    const IRSB *in;
    int len;       /* statements of the body, the last exit not included */
    IRStmt *again; /* the exit to the start; NULL: the block's end goes there */
};

static bool find_loop(const IRSB *in, uint64_t start, struct loop *loop)
{
    *loop = (struct loop){.in = in, .len = in->stmts_used};
    if (!has_const_end(in))
        return false;
    if (goes_to(in->next->Iex.Const.con, start))
        return true;
    int exit = last_exit_to(in, start);
    if (exit < 0)
        return false;
    loop->len = exit;
    loop->again = in->stmts[exit];
    return true;
}

/* Result: 0: the last instruction is the first, and does itself again, which is no loop of this
 * kind. */
static unsigned count_insns(const struct loop *loop, uint64_t start)
{
    uint64_t last = start;
    unsigned n = 0;
    for (int i = 0; i < loop->len; i++) {
        const IRStmt *s = loop->in->stmts[i];
        if (s->tag == Ist_IMark) {
            last = s->Ist.IMark.addr;
            n++;
        }
    }
    return last == start ? 0 : n;
}

static unsigned count_rounds(const struct loop *loop, uint64_t start)
{
    unsigned ninsns = count_insns(loop, start), room = STMTS_MAX / (unsigned)(loop->len + 1);
    unsigned rounds = ninsns ? INSNS_MAX / ninsns : 1;
    if (rounds > room)
        rounds = room;
    return rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
}

static IRSB *unroll(IRSB *in, uint64_t start)
{
    struct loop loop;
    unsigned rounds = find_loop(in, start, &loop) ? count_rounds(&loop, start) : 1;
    if (rounds <= 1)
        return in;
    IRSB *out = deepCopyIRSBExceptStmts(in);
    out->tyenv->types_used = 0;
    for (unsigned round = 0; round < rounds; round++) {
        IRTemp distance = vex_append(out, in, loop.len);
        if (!loop.again)
            continue;
        IRStmt *again = vex_shifted(loop.again, distance);
        if (round + 1 < rounds)
            leave_unless(out, again->Ist.Exit.guard, in->next->Iex.Const.con);
        else
            addStmtToIRSB(out, again);
    }
    return out;
}

IRSB *vex_unroll(struct vex_translation *t, IRSB *block)
{
    join_path(t, block);
    return unroll(block, t->pc);
}
