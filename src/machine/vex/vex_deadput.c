// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes out register writes that nothing can see: those overwritten before the block is left, a
 * helper is called or the register is read. VEX was told to keep registers true at every
 * instruction; we know better where they can be looked at. One pass from the end to the start.
 */
#include <string.h>

#include "machine/vex/vex_ir.h"

enum { STATE_LEN = 3 * VEX_STATE_LEN };

/* Whether all bytes are overwritten later; marks them as such. */
static bool is_dead(uint8_t *dead, int offset, int len)
{
    bool all = !memchr(dead + offset, 0, (size_t)len);
    memset(dead + offset, 1, (size_t)len);
    return all;
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

void vex_drop_dead_puts(IRSB *block)
{
    uint8_t dead[STATE_LEN] = {0};
    for (int i = block->stmts_used - 1; i >= 0; i--) {
        const IRStmt *s = block->stmts[i];
        switch (s->tag) {
        case Ist_Put: {
            int len = sizeofIRType(typeOfIRExpr(block->tyenv, s->Ist.Put.data));
            if (is_dead(dead, s->Ist.Put.offset, len))
                block->stmts[i] = IRStmt_NoOp();
            break;
        }
        case Ist_WrTmp:
            read(dead, s->Ist.WrTmp.data);
            break;
        case Ist_Exit:
        case Ist_Dirty:
            memset(dead, 0, sizeof(dead));
            break;
        default:
            break;
        }
    }
}
