/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that C and the assembly of vex_dispatch.S share: offsets into struct cpu, which
 * translated code has in rbp, and the reasons for which it is left. vex_state.c checks each against
 * the struct.
 *
 * VEX's own event check (host_EvC_*, the first 16 bytes of its state) is never executed: blocks are
 * entered behind it. Its three words are our meter, because they are reached with the shortest
 * instructions.
 */
#ifndef VEX_LAYOUT_H
#define VEX_LAYOUT_H

#define VEX_OFF_CLOCK 0     /* 64 bits: the TLB's clock (tlb.h) */
#define VEX_OFF_BUDGET 8    /* 32 bits, signed: instructions left; negative: leave */
#define VEX_OFF_ACCESSES 12 /* 32 bits: loads since the last drain, + 65536 * stores */
#define VEX_OFF_RIP 184
#define VEX_STATE_LEN 928 /* of VEX's register state; two shadows of this size follow */

/* In the shadows: struct vex_shadow. */
#define VEX_OFF_VALUE (VEX_STATE_LEN + 0)
#define VEX_OFF_EXPECTED (VEX_STATE_LEN + 32)
#define VEX_OFF_STRADDLES (VEX_STATE_LEN + 48)
#define VEX_OFF_DONE (VEX_STATE_LEN + 56)
#define VEX_OFF_STACK (VEX_STATE_LEN + 64)
#define VEX_OFF_LOG (VEX_STATE_LEN + 72)

#define VEX_LEAVE_EXIT 1     /* from a block's exit; value: return address in its site */
#define VEX_LEAVE_INDIRECT 2 /* from an indirect jump; the state's RIP is where to */
#define VEX_LEAVE_FETCH 3    /* from a page entry stub; value: where a block number follows */
#define VEX_LEAVE_MISS 4     /* vex_miss() did not resume */
#define VEX_LEAVE_ESCAPE 5   /* vex_escape() */

#endif
