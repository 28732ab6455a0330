// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls VEX. Its library has no handle: it is initialised once a process and keeps its settings
 * and the translation under way in globals of its own, so only one translation runs at a time. The
 * only mutable statics of ours belong to that: whether it was initialised, where to go if it gives
 * up (it calls back and must not be returned to), and what it is asked for.
 */
#include <setjmp.h>
#include <string.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "machine/vex/vex_ir.h"

enum {
    CODE_LEN_MAX = 96 << 10,  /* of a block, exits rewritten */
    STUBS_LEN_MAX = 48 << 10, /* of that, for what vex_patch.c writes behind it */
    INSNS_MAX = 60,
    NO_CODE = 0x06, /* an opcode that is invalid in 64-bit mode */
};

extern VexControl vex_control; /* VEX's settings */

static struct {
    bool is_initialised;
    jmp_buf gave_up;
    bool is_decoding; /* vex_decode(), within a translation, whose memory must stay */
    jmp_buf decoded;
    IRSB *ir; /* what vex_decode() is after */
} library;

static _Noreturn void gave_up(void)
{
    longjmp(library.gave_up, 1);
}

static void no_log(const HChar *text, SizeT len)
{
}

static void initialise(void)
{
    VexControl control;
    LibVEX_default_VexControl(&control);
    control.iropt_register_updates_default = VexRegUpdAllregsAtEachInsn;
    control.guest_chase = False; /* it speculates over short branches, which cannot be counted */
    LibVEX_Init(gave_up, no_log, 0, &control);
    CHECK(sizeof(VexGuestAMD64State) == VEX_STATE_LEN);
    library.is_initialised = true;
}

/*
 * VEX checks its intermediate code four times a block; the linker leads those calls here. It is
 * right to check it once our passes have changed (debug builds), not in the field.
 */
void __wrap_sanityCheckIRSB(const IRSB *block, const HChar *caller, Bool require_flat,
                            IRType guest_word);
void __real_sanityCheckIRSB(const IRSB *block, const HChar *caller, Bool require_flat,
                            IRType guest_word);
Bool __wrap_isFlatIRSB(const IRSB *block);
Bool __real_isFlatIRSB(const IRSB *block);

#ifdef PW_DEBUG
enum { CHECKS_IR = true };
#else
enum { CHECKS_IR = false };
#endif

void __wrap_sanityCheckIRSB(const IRSB *block, const HChar *caller, Bool require_flat,
                            IRType guest_word)
{
    if (CHECKS_IR)
        __real_sanityCheckIRSB(block, caller, require_flat, guest_word);
}

Bool __wrap_isFlatIRSB(const IRSB *block)
{
    return CHECKS_IR ? __real_isFlatIRSB(block) : True;
}

/* VEX drops what it has allocated whenever it begins a translation. */
void __wrap_vexSetAllocModeTEMP_and_clear(void);
void __real_vexSetAllocModeTEMP_and_clear(void);

void __wrap_vexSetAllocModeTEMP_and_clear(void)
{
    if (!library.is_decoding)
        __real_vexSetAllocModeTEMP_and_clear();
}

/* ---- callbacks ---- */

static Bool no_chase(void *translation, Addr to)
{
    return False;
}

static UInt no_self_check(void *translation, VexRegisterUpdates *updates,
                          const VexGuestExtents *extents)
{
    return 0;
}

/* A repeated string instruction at the block's start is the whole block: one call. */
static Bool begin(void *translation, IRSB *block)
{
    struct vex_translation *t = translation;
    unsigned len;
    int kind = vex_string_kind(t->bytes + (t->pc & PAGE_MASK), &len);
    if (kind < 0 || (!t->second && (t->pc & PAGE_MASK) + len > PAGE_SIZE))
        return False;
    IRExpr **args = mkIRExprVec_3(IRExpr_GSPTR(), vex_u64((uint64_t)kind), vex_u64(t->pc));
    IRDirty *d = unsafeIRDirty_0_N(0, "vex_string", (void *)vex_string, args);
    addStmtToIRSB(block, IRStmt_IMark(t->pc, len, 0));
    addStmtToIRSB(block, vex_call(d));
    block->next = vex_u64(t->pc + len);
    block->jumpkind = Ijk_Boring;
    block->offsIP = VEX_OFF_RIP;
    return True;
}

/* ---- one call of VEX ---- */

static void describe_machine(VexTranslateArgs *args)
{
    args->arch_guest = args->arch_host = VexArchAMD64;
    LibVEX_default_VexArchInfo(&args->archinfo_guest);
    args->archinfo_guest.endness = VexEndnessLE;
    args->archinfo_guest.hwcaps =
        VEX_HWCAPS_AMD64_SSE3 | VEX_HWCAPS_AMD64_SSSE3 | VEX_HWCAPS_AMD64_CX16;
    args->archinfo_host = args->archinfo_guest;
    LibVEX_default_VexAbiInfo(&args->abiinfo_both);
    args->abiinfo_both.guest_stack_redzone_size = 128;
    args->abiinfo_both.guest_amd64_assume_fs_is_const = True;
    args->abiinfo_both.guest_amd64_assume_gs_is_const = True;
}

static void describe_code(VexTranslateArgs *args, struct vex_translation *t, uint64_t pc)
{
    memset(args, 0, sizeof(*args));
    describe_machine(args);
    args->callback_opaque = t;
    args->guest_bytes = t->bytes + (pc & PAGE_MASK);
    args->guest_bytes_addr = pc;
    args->chase_into_ok = no_chase;
    args->needs_self_check = no_self_check;
    args->disp_cp_chain_me_to_slowEP = (const void *)VEX_MAGIC_DIRECT;
    args->disp_cp_chain_me_to_fastEP = (const void *)VEX_MAGIC_DIRECT;
    args->disp_cp_xindir = (const void *)VEX_MAGIC_INDIRECT;
    args->disp_cp_xassisted = (const void *)VEX_MAGIC_ASSISTED;
}

static IRSB *decoded(void *translation, IRSB *block, const VexGuestLayout *layout,
                     const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word,
                     IRType host_word)
{
    library.ir = block;
    longjmp(library.decoded, 1);
}

/* A translation within the one under way, left as soon as the code is decoded. */
IRSB *vex_decode(struct vex_translation *t, uint64_t pc)
{
    static uint8_t no_host_code[1];
    VexTranslateArgs args;
    VexGuestExtents extents;
    Int used = 0;
    describe_code(&args, t, pc);
    args.guest_extents = &extents;
    args.host_bytes = no_host_code;
    args.host_bytes_size = sizeof(no_host_code);
    args.host_bytes_used = &used;
    args.instrument1 = decoded;
    library.ir = NULL;
    library.is_decoding = true;
    if (!setjmp(library.decoded))
        LibVEX_Translate(&args);
    library.is_decoding = false;
    return library.ir;
}

/* Result: bytes of code at `code`; 0: VEX gave up. */
static uint32_t run_vex(struct vex_translation *t, uint8_t *code, int max_insns)
{
    VexTranslateArgs args;
    VexGuestExtents extents;
    Int used = 0;
    describe_code(&args, t, t->pc);
    args.guest_extents = &extents;
    args.host_bytes = code;
    args.host_bytes_size = CODE_LEN_MAX - STUBS_LEN_MAX;
    args.host_bytes_used = &used;
    args.instrument1 = vex_instrument;
    args.preamble_function = begin;
    vex_control.guest_max_insns = max_insns;
    if (setjmp(library.gave_up)) {
        library.is_decoding = false;
        return 0;
    }
    VexTranslateResult result = LibVEX_Translate(&args);
    return result.status == VexTransOK ? (uint32_t)used : 0;
}

/* Blocks that VEX cannot make whole are made smaller; an instruction that it cannot make at all is
 * replaced by one that it does not know. */
static uint32_t run(struct vex_translation *t, uint8_t *code)
{
    static const uint8_t no_code[PAGE_SIZE + 2 * VEX_CODE_SLACK] = {
        [0 ... PAGE_SIZE + 2 * VEX_CODE_SLACK - 1] = NO_CODE};
    uint32_t len = run_vex(t, code, t->flavour == VEX_SLOW || t->second ? 1 : INSNS_MAX);
    t->path = NULL;
    if (!len)
        len = run_vex(t, code, 1);
    if (!len) {
        t->bytes = no_code;
        t->second = NULL;
        len = run_vex(t, code, 1);
    }
    CHECK(len);
    return len;
}

/* ---- a block ---- */

static void cover(const struct vex_translation *t)
{
    unsigned offset = (unsigned)(t->pc & PAGE_MASK);
    unsigned len = t->len, head = PAGE_SIZE - offset;
    if (len > head) {
        if (t->second)
            vex_page_cover(t->second, 0, len - head);
        len = head;
    }
    vex_page_cover(t->page, offset, len);
}

static struct vex_block *install(struct vex_translation *t, struct vex_sector *sector, uint32_t len)
{
    struct vex_cache *cache = &t->engine->cache;
    uint32_t first_site = sector->first_site + sector->nsites;
    uint8_t *code = (uint8_t *)(uintptr_t)sector->cursor;
    uint32_t end = vex_patch_block(t, code, len, first_site);
    CHECK(end <= sector->cursor + CODE_LEN_MAX);
    memcpy(&cache->sites[first_site], t->sites, t->nsites * sizeof(t->sites[0]));
    struct vex_block block = {.pc = t->pc,
                              .page = t->page,
                              .last = t->second ? t->second : t->page,
                              .code = sector->cursor + (uint32_t)LibVEX_evCheckSzB(VexArchAMD64),
                              .end = (end + 15) & ~(uint32_t)15,
                              .sites = first_site,
                              .nsites = t->nsites,
                              .incoming = VEX_NONE,
                              .flavour = (uint8_t)t->flavour,
                              .splits = t->splits,
                              .ops = vex_log_ops(t)};
    if (block.ops)
        memset(&t->engine->log.notes[first_site], 0, t->nsites * sizeof(*t->engine->log.notes));
    cache->translations[t->flavour]++;
    return vex_cache_add(cache, &block);
}

static void copy_bytes(uint8_t *bytes, const struct vex_page *page, const struct vex_page *second)
{
    memcpy(bytes, page->bytes, PAGE_SIZE);
    if (second)
        memcpy(bytes + PAGE_SIZE, second->bytes, 2 * VEX_CODE_SLACK);
    else
        memset(bytes + PAGE_SIZE, NO_CODE, 2 * VEX_CODE_SLACK);
}

static struct vex_block *translate(struct vex_translation *t, struct vex_page *second)
{
    uint8_t bytes[PAGE_SIZE + 2 * VEX_CODE_SLACK];
    struct vex_sector *sector = vex_cache_reserve(t->engine, CODE_LEN_MAX, VEX_SITES_PER_BLOCK);
    copy_bytes(bytes, t->page, second);
    t->bytes = bytes;
    t->second = second;
    uint32_t len = run(t, (uint8_t *)(uintptr_t)sector->cursor);
    if (t->needs_second)
        return NULL;
    cover(t);
    return install(t, sector, len);
}

static struct vex_translation *start(struct cpu *cpu, uint64_t pc, struct vex_page *page,
                                     enum vex_flavour flavour)
{
    struct cpu_engine *engine = cpu->engine;
    if (!library.is_initialised)
        initialise();
    struct vex_translation *t = engine->translation;
    t->engine = engine;
    t->cpu = cpu;
    t->pc = pc;
    t->page = page;
    t->flavour = flavour;
    t->splits = flavour == VEX_SINGLE || vex_page_splits(page, pc);
    t->onward = engine->options.check_each_access ? VEX_SLOW : VEX_FAST;
    t->path = NULL;
    return t;
}

struct vex_block *vex_translate(struct cpu *cpu, uint64_t pc, struct vex_page *page,
                                struct vex_page *second, enum vex_flavour flavour)
{
    return translate(start(cpu, pc, page, flavour), second);
}

struct vex_block *vex_translate_loop(struct cpu *cpu, const struct vex_path *path,
                                     struct vex_page *page)
{
    struct vex_translation *t = start(cpu, path->pc[0], page, VEX_FAST);
    t->path = path;
    return translate(t, NULL);
}

struct vex_translation *vex_translation_create(void)
{
    return x_calloc(1, sizeof(struct vex_translation));
}
