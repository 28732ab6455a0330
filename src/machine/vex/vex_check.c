// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The inline TLB check. For the bytes [low, high) off one base it is, in VEX's IR:
 *
 *      low = base + low
 *      slot = (low ^ low >> 10) >> 7 & ((SLOTS - 1) << 5)
 *      last = base + high - 1
 *      leave the block if (last & ~0xfff) != front[slot].tag
 *      host = last + front[slot].addend
 *
 * which also leaves if the bytes lie on two pages. vex_patch.c finds `last`, its page and the slot
 * in host registers by the form of these instructions, so that a miss can be resolved in the middle
 * of the block. A slot is stamped once for all accesses through it between two places where the TLB
 * may look at stamps, with the clock of the last of them.
 */
#include <stddef.h>

#include "machine/vex/vex_ir.h"

enum { FRONT_LEN_SHIFT = 5 };
_Static_assert(sizeof(struct tlb_front) == 1 << FRONT_LEN_SHIFT, "slots are 32 bytes");

static bool joins(const struct vex_pass *p, const struct vex_group *group,
                  const struct vex_access *a)
{
    if (group->base != a->key.base)
        return false;
    int64_t low = a->key.disp < group->low ? a->key.disp : group->low;
    int64_t end = a->key.disp + a->len, high = end > group->high ? end : group->high;
    if (!p->t->splits)
        return (uint64_t)(high - low) <= VEX_GROUP_SPAN;
    bool same_bytes = a->key.disp == group->low && end == group->high;
    return same_bytes && group->insn == a->insn && group->writes;
}

static struct vex_group *new_group(struct vex_pass *p, const struct vex_access *a)
{
    struct vex_group *group = &p->groups[p->ngroups++];
    *group = (struct vex_group){
        .base = a->key.base, .low = a->key.disp, .high = a->key.disp + a->len, .insn = a->insn};
    return group;
}

/* Which accesses share a check. */
void vex_group_accesses(struct vex_pass *p)
{
    p->groups = LibVEX_Alloc(sizeof(*p->groups) * (size_t)(p->naccesses + 1));
    p->ngroups = 0;
    for (int i = 0; i < p->naccesses; i++) {
        struct vex_access *a = &p->accesses[i];
        int g = p->ngroups - 1;
        while (g >= 0 && !joins(p, &p->groups[g], a))
            g--;
        struct vex_group *group = g >= 0 ? &p->groups[g] : new_group(p, a);
        a->group = (uint16_t)(group - p->groups);
        if (a->key.disp < group->low)
            group->low = a->key.disp;
        if (a->key.disp + a->len > group->high)
            group->high = a->key.disp + a->len;
        group->writes |= a->intent == MMU_STORE;
        group->count++;
        group->last = (uint16_t)i;
    }
}

/* ---- stamps ---- */

static IRExpr *front_field(struct vex_pass *p, const struct vex_group *group, size_t field)
{
    return vex_add(p, IRExpr_RdTmp(group->slot),
                   (int64_t)((uint64_t)(uintptr_t)p->t->engine->front + field));
}

/* Each stamp is made from the one before, so that the host adds without a copy. */
static void write_stamp(struct vex_pass *p, struct vex_group *group)
{
    IRExpr *stamp = vex_add(p, IRExpr_RdTmp(p->clock), group->stamp - p->clock_ahead);
    p->clock = stamp->Iex.RdTmp.tmp;
    p->clock_ahead = group->stamp;
    vex_emit(
        p, IRStmt_Store(Iend_LE, front_field(p, group, offsetof(struct tlb_front, stamp)), stamp));
    group->stamp = 0;
}

/* In the order of their clocks: two groups may be on one page. */
void vex_write_stamps(struct vex_pass *p)
{
    for (;;) {
        struct vex_group *next = NULL;
        for (int i = 0; i < p->ngroups; i++) {
            struct vex_group *group = &p->groups[i];
            if (group->stamp && (!next || group->stamp < next->stamp))
                next = group;
        }
        if (!next)
            return;
        write_stamp(p, next);
    }
}

/* ---- the check ---- */

static bool any_open(const struct vex_pass *p)
{
    for (int i = 0; i < p->ngroups; i++) {
        if (p->groups[i].checked && p->groups[i].last >= p->access)
            return true;
    }
    return false;
}

static void new_miss_site(struct vex_pass *p, const struct vex_group *group,
                          const struct vex_access *a)
{
    struct vex_site *site = vex_new_site(p, VEX_SITE_MISS, p->insn->pc, p->start);
    site->is_const = group->base == IRTemp_INVALID;
    if (site->is_const)
        site->va = (uint64_t)a->key.disp;
    site->behind = (uint16_t)(group->high - 1 - a->key.disp);
    site->span = (uint16_t)(group->high - group->low);
    site->lookups = p->now.clock;
    site->ops = p->now.ops;
    site->checks = p->now.checks;
    site->access = a->intent;
    site->writes = group->writes;
    site->open = any_open(p);
}

static IRExpr *shifted(struct vex_pass *p, IRExpr *value, unsigned by)
{
    return vex_binop(p, Ity_I64, Iop_Shr64, value, IRExpr_Const(IRConst_U8((UChar)by)));
}

/* tlb_front_slot() << FRONT_LEN_SHIFT */
static IRTemp slot_offset(struct vex_pass *p, IRExpr *addr)
{
    IRExpr *folded = vex_binop(p, Ity_I64, Iop_Xor64, shifted(p, addr, TLB_FRONT_BITS), addr);
    IRExpr *number = shifted(p, folded, PAGE_SHIFT - FRONT_LEN_SHIFT);
    uint64_t mask = (uint64_t)(TLB_FRONT_SLOTS - 1) << FRONT_LEN_SHIFT;
    return vex_temp(p, Ity_I64, IRExpr_Binop(Iop_And64, number, vex_u64(mask)));
}

static void emit_check(struct vex_pass *p, struct vex_group *group, const struct vex_access *a,
                       IRExpr *addr)
{
    int64_t low = group->low - a->key.disp, last = group->high - 1 - a->key.disp;
    vex_write_stamps(p); /* not between the tag's load and its use, which are to be one */
    group->slot = slot_offset(p, vex_add(p, addr, low));
    IRExpr *last_byte = vex_add(p, addr, last);
    IRExpr *page = vex_binop(p, Ity_I64, Iop_And64, last_byte, vex_u64(~PAGE_MASK));
    size_t field =
        group->writes ? offsetof(struct tlb_front, wtag) : offsetof(struct tlb_front, rtag);
    IRExpr *tag =
        vex_value(p, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, front_field(p, group, field)));
    new_miss_site(p, group, a);
    vex_emit_exit(p, vex_binop(p, Ity_I1, Iop_CmpNE64, page, tag));
    vex_log_check(p, group, last_byte);
    IRExpr *addend = vex_value(
        p, Ity_I64,
        IRExpr_Load(Iend_LE, Ity_I64, front_field(p, group, offsetof(struct tlb_front, addend))));
    group->host_last = vex_temp(p, Ity_I64, IRExpr_Binop(Iop_Add64, last_byte, addend));
    group->checked = true;
}

IRExpr *vex_check(struct vex_pass *p, IRExpr *addr, unsigned len)
{
    struct vex_access *a = &p->accesses[p->access];
    struct vex_group *group = &p->groups[a->group];
    if (!group->checked)
        emit_check(p, group, a, addr);
    p->access++;
    vex_log_op(p, a);
    p->now.clock++;
    group->stamp = p->now.clock;
    return vex_add(p, IRExpr_RdTmp(group->host_last), a->key.disp - (group->high - 1));
}
