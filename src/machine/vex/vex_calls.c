// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The calls that have not returned. Blocks that end in a call note where its return address lies;
 * returns are not watched: a call has returned when the stack pointer is above that place. So
 * leaving several functions at once, by longjmp(3) or an exception, is no special case, and a
 * signal handler is called by what it interrupts.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/vex/vex_ir.h"

enum { ROOM_MIN = 32 };

static void forget_returned(struct vex_calls *calls, uint64_t sp)
{
    while (calls->count > 0 && calls->of[calls->count - 1].sp < sp)
        calls->count--;
}

/* Result: false: no memory, or too many. */
static bool make_room(struct vex_calls *calls)
{
    if (calls->count < calls->room)
        return true;
    unsigned room = calls->room ? 2 * calls->room : ROOM_MIN;
    struct cpu_call *of =
        room <= CPU_CALLS_MAX ? realloc(calls->of, room * sizeof(*calls->of)) : NULL;
    if (!of)
        return false;
    calls->of = of;
    calls->room = room;
    return true;
}

static void note(struct cpu *cpu, uint64_t sp, uint64_t back)
{
    struct vex_calls *calls = &cpu->calls;
    forget_returned(calls, sp + 1);
    if (make_room(calls))
        calls->of[calls->count++] = (struct cpu_call){.sp = sp, .back = vaddr(back)};
}

void vex_calls_emit(struct vex_pass *p)
{
    if (!p->t->engine->options.calls || p->in->jumpkind != Ijk_Call || p->kept < p->ninsns)
        return;
    IRExpr *sp =
        vex_value(p, Ity_I64, IRExpr_Get(offsetof(VexGuestAMD64State, guest_RSP), Ity_I64));
    IRExpr *back = vex_u64(p->insn->pc + p->insn->len);
    vex_emit(p, vex_call(unsafeIRDirty_0_N(0, "note", (void *)note,
                                           mkIRExprVec_3(IRExpr_GSPTR(), sp, back))));
}

size_t cpu_calls(struct cpu *cpu, struct cpu_call **out)
{
    forget_returned(&cpu->calls, cpu->guest.guest_RSP);
    *out = cpu->calls.of;
    return cpu->calls.count;
}

void vex_calls_copy(struct cpu *to, const struct cpu *from)
{
    size_t len = from->calls.count * sizeof(*from->calls.of);
    to->calls = (struct vex_calls){.of = len ? malloc(len) : NULL};
    if (to->calls.of) {
        memcpy(to->calls.of, from->calls.of, len);
        to->calls.count = to->calls.room = from->calls.count;
    }
}

void cpu_forget_calls(struct cpu *cpu)
{
    free(cpu->calls.of);
    cpu->calls = (struct vex_calls){0};
}
