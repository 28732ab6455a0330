// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes out register writes that nothing can see: those overwritten before the block is left, a
 * helper is called or the register is read. VEX was told to keep registers true at every
 * instruction; we know better where they can be looked at. One pass from the end to the start.
 */
#include <string.h>

#include "machine/vex/vex_ir.h"

enum {
    STATE_LEN = 3 * VEX_STATE_LEN,
    CC_OP = offsetof(VexGuestAMD64State, guest_CC_OP),
    CC_DEP2 = offsetof(VexGuestAMD64State, guest_CC_DEP2),
    CC_NDEP = offsetof(VexGuestAMD64State, guest_CC_NDEP),
    WORD = 8,
};

/*
 * Which of the words that say how the flags came about their operation does not look at. VEX
 * numbers operations in fours (bytes, words, ...) from 1: add, sub, adc, sbb, logic, inc, dec, shl,
 * shr, rol, ror, umul, smul.
 */
bool vex_flags_ignore(const IRExpr *op, int offset)
{
    enum { ADD = 1, SUB = 2, LOGIC = 5, SHL = 8, SHR = 9, UMUL = 12, SMUL = 13 };
    if (op->tag != Iex_Const)
        return false;
    uint64_t family = (op->Iex.Const.con->Ico.U64 + 3) / 4;
    if (offset == CC_DEP2)
        return family == LOGIC;
    return offset == CC_NDEP &&
           (family == ADD || family == SUB || family == LOGIC || family == SHL || family == SHR ||
            family == UMUL || family == SMUL);
}

/* Whether all bytes are overwritten later; marks them as such. */
static bool is_dead(uint8_t *dead, int offset, int len)
{
    bool all = !memchr(dead + offset, 0, (size_t)len);
    memset(dead + offset, 1, (size_t)len);
    return all;
}

static bool put_is_dead(uint8_t *dead, const IRSB *block, const IRStmt *s)
{
    const IRExpr *data = s->Ist.Put.data;
    int offset = s->Ist.Put.offset, len = sizeofIRType(typeOfIRExpr(block->tyenv, data));
    if (offset == CC_OP && vex_flags_ignore(data, CC_NDEP))
        memset(dead + CC_NDEP, 1, WORD);
    if (offset == CC_OP && vex_flags_ignore(data, CC_DEP2))
        memset(dead + CC_DEP2, 1, WORD);
    return is_dead(dead, offset, len);
}

static void read(uint8_t *dead, const IRExpr *e)
{
    if (e->tag == Iex_Get) {
        memset(dead + e->Iex.Get.offset, 0, (size_t)sizeofIRType(e->Iex.Get.ty));
    } else if (e->tag == Iex_GetI) {
        const IRRegArray *array = e->Iex.GetI.descr;
        memset(dead + array->base, 0, (size_t)(array->nElems * sizeofIRType(array->elemTy)));
    }
}

/* Whether all registers may be looked at there, once accesses have their checks. */
static bool shows_all(const IRStmt *s)
{
    return s->tag == Ist_Exit || s->tag == Ist_Dirty;
}

/* The second instruction's mark: the block may be cut there (vex_analyse.c), as it may at every
 * instruction that can be left undone. -1: there is none. */
static int second_mark(const IRSB *block)
{
    int marks = 0;
    for (int i = 0; i < block->stmts_used; i++) {
        if (block->stmts[i]->tag == Ist_IMark && ++marks == 2)
            return i;
    }
    return -1;
}

/* One pass from the end. `page_end`, if not 0: accesses do not have their checks yet, and an
 * instruction that may be left undone, or that reaches beyond the page's end, shows the registers
 * as they are at its start: its own writes come later, or it is not done in this block. */
void vex_drop_dead_puts(IRSB *block, uint64_t page_end)
{
    uint8_t dead[STATE_LEN] = {0};
    bool any = false; /* for speed: is any byte dead? */
    bool leaves = false;
    int second = page_end ? second_mark(block) : -1;
    for (int i = block->stmts_used - 1; i >= 0; i--) {
        const IRStmt *s = block->stmts[i];
        bool shows = shows_all(s);
        leaves |= shows || (page_end && vex_is_escape(s));
        if (page_end && s->tag == Ist_IMark) {
            shows = leaves || i == second || s->Ist.IMark.addr + s->Ist.IMark.len > page_end;
            leaves = false;
        }
        if (s->tag == Ist_Put) {
            if (put_is_dead(dead, block, s))
                block->stmts[i] = IRStmt_NoOp();
            any = true;
        } else if (shows && any) {
            memset(dead, 0, sizeof(dead));
            any = false;
        } else if (s->tag == Ist_WrTmp) {
            read(dead, s->Ist.WrTmp.data);
        }
    }
}
