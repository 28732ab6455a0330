// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The software CPU: guest code translated by Valgrind's VEX, with the TLB checked inline. This
 * header is the engine's own; others use machine/cpu.h.
 *
 *      cpu_run (vex_engine.c)
 *        | finds or makes a block: vex_page.c (which code stands there), vex_cache.c,
 * vex_translate.c
 *        v
 *      vex_enter (vex_dispatch.S) -> translated blocks, chained to each other by vex_patch.c
 *        | a check fails: vex_miss (vex_miss.c) asks the TLB and resumes in the middle of the block
 *        | slow flavour: helpers (vex_helpers.c, vex_string.c) ask the TLB for each access
 *        v
 *      a block's exit, named by its site -> back in cpu_run
 *
 * A block is translated in one of three flavours:
 *   FAST    accesses off one base register share one inline check
 *   SINGLE  each access has its own inline check (where a shared one crosses a page)
 *   SLOW    one instruction; each access calls a helper
 * What the inline checks let through is a hit in the modelled first-level TLB, exactly (tlb.h).
 *
 * Precision: whenever a block is left, by an exit or by a fault in a helper, the registers in the
 * state are those before the instruction named by the site; RIP is set by whoever leaves.
 */
#ifndef VEX_VEX_H
#define VEX_VEX_H

#include <valgrind/libvex.h>
#include <valgrind/libvex_guest_amd64.h>

#include "machine/machine.h"
#include "machine/vex/vex_layout.h"

enum { VEX_VALUE_LEN = 32 }; /* widest value that passes through the state to a helper */

/* What lies in the state's first shadow: read and written by IR with GET and PUT. */
struct vex_shadow {
    uint8_t value[VEX_VALUE_LEN]; /* what a helper is to store, or has loaded */
    uint8_t expected[16];         /* compare and swap */
    uint64_t straddles;           /* instructions executed that lie on two pages */
    uint32_t done;                /* slow flavour: accesses that this instruction has done */
    uint32_t has_snapshot;        /* `snapshot` holds the registers at this instruction's start */
    uint64_t stack;               /* host stack pointer to leave with */
    uint64_t *log;                /* where the next record begins (vex_log.c) */
};

/* Why cpu_run's loop got control back (rax, rdx of vex_enter). */
struct vex_leave {
    uint64_t reason; /* VEX_LEAVE_* */
    uint64_t value;
};

/* Host registers at a miss, by x86 register number. */
struct vex_frame {
    uint8_t pad[8];
    uint8_t xmm[10][16]; /* xmm3-12, which VEX allocates; only if the block uses them */
    uint64_t gpr[16];
    uint64_t back; /* return address */
};

enum vex_flavour { VEX_FAST, VEX_SINGLE, VEX_SLOW };

/* Where the CPU goes next. */
struct vex_next {
    uint64_t pc;
    enum vex_flavour flavour;
    struct vex_page *page; /* the code page that pc is known to lie in; NULL: fetch and see */
    uint32_t from;         /* jump site to be linked to the block; or VEX_NONE */
    uint32_t entered;      /* block whose page entry stub led here; or VEX_NONE */
    bool indirect;         /* came by an indirect jump that was not in its cache */
};

struct vex_calls {
    struct cpu_call *of; /* [room], NULL if that is 0; in order of falling `sp` */
    uint32_t count, room;
};

/* One task's registers and what runs them. The first three fields are what VEX prescribes. */
struct cpu {
    union {
        VexGuestAMD64State guest;
        struct {
            uint64_t clock;
            int32_t budget;
            uint32_t accesses;
        } meter;
    };
    union {
        VexGuestAMD64State space[2];
        struct vex_shadow shadow;
    };
    uint8_t spill[LibVEX_N_SPILL_BYTES];

    struct cpu_engine *engine;
    struct cpu_exit why;       /* VEX_LEAVE_ESCAPE and a miss that faulted: the exit to report */
    struct vex_next elsewhere; /* VEX_LEAVE_MISS: where to go on, if not `ends` */
    bool ends;                 /* VEX_LEAVE_MISS: report `why` */
    VexGuestAMD64State snapshot;
    uint8_t bounce[CPU_FXSAVE_LEN] __attribute__((aligned(32))); /* a helper's operand */
    struct tlb_hit bounce_to[2];                                 /* the pages it goes back to */
    unsigned bounce_head, bounce_len; /* bytes for the first page, and in all; 0: not in use */

    struct vex_calls calls;
    struct cpu_debug debug;
    uint32_t debug_hits; /* by the instruction under way, as in DR6 */
    bool resumes;        /* rflags.RF: the next instruction is not stopped at */
    bool repeats;        /* the string instruction under way has done one element of several */
} __attribute__((aligned(64)));

/* ---- translated code ---- */

#define VEX_NONE (~(uint32_t)0)

enum vex_site_kind {
    VEX_SITE_JUMP,     /* to pc */
    VEX_SITE_INDIRECT, /* to where the state's RIP says */
    VEX_SITE_MISS,     /* an inline TLB check failed */
    VEX_SITE_STRADDLE, /* the second page of the instruction at pc is not ready to be executed */
    VEX_SITE_SYSCALL,
    VEX_SITE_TRAP, /* exception `vector` */
};

/* What a block has retired when it is left at a site. */
struct vex_amounts {
    uint16_t insns, loads, stores;
    uint16_t clock;  /* inline TLB lookups */
    uint16_t ops;    /* of the block's operations, for the log */
    uint16_t checks; /* addresses in its record */
};

/* A site is a place where a block is left. */
struct vex_site {
    uint64_t
        pc; /* JUMP: target; others: the instruction it belongs to, or a trap's return address */
    struct vex_amounts amounts;
    uint32_t block;
    uint32_t back; /* return address of the call that leaves; MISS: of the call to vex_miss */
    union {
        struct {                 /* JUMP */
            uint32_t link;       /* block it is linked to, or VEX_NONE */
            uint32_t next, prev; /* others that are linked there */
        };
        struct { /* MISS */
            union {
                uint64_t va;         /* if is_const: the address of the access */
                uint64_t crossed_at; /* else: instructions retired at its last crossing */
            };
            uint16_t behind;  /* distance from the access to the last byte that is checked */
            uint16_t span;    /* bytes checked */
            uint16_t lookups; /* clock advance in the block before this access */
            uint16_t ops;     /* operations of the block before this access, */
            uint16_t checks;  /*   and addresses in its record */
            uint8_t last_reg; /* host register with the address of that last byte */
            uint8_t access;   /* enum mmu_access of the access */
        };
    };
    uint8_t kind;
    uint8_t flavour;   /* JUMP: of the target */
    uint8_t vector;    /* TRAP */
    uint8_t crossed;   /* MISS: times in short order that the check crossed a page */
    bool writes : 1;   /* MISS: the check was for stores */
    bool is_const : 1; /* MISS: address known at translation */
    bool in_place : 1; /* MISS: the registers are known: can look up and resume */
    bool open : 1;     /* MISS: later accesses rely on checks made before this one */
};

/* What the most common of misses takes to be answered, behind its call: a copy of what its site
 * says. */
struct vex_miss_note {
    uint32_t number; /* of the site */
    uint16_t behind, span, lookups;
    uint8_t last_reg;
    bool in_place : 1, is_const : 1, writes : 1, open : 1;
    uint64_t last; /* if is_const: address of the last byte that is checked */
} __attribute__((packed));

enum { VEX_MISS_SKIP_LEN = 2 }; /* the jump past the note, where the call returns to */

struct vex_block {
    uint64_t pc;
    struct vex_page *page;
    struct vex_page
        *last;           /* page of the last instruction's last byte: `page` unless it straddles */
    uint32_t code;       /* entry */
    uint32_t end;        /* of its code */
    uint32_t page_entry; /* stub for jumps from other pages; 0: none yet */
    uint32_t sites, nsites;
    uint32_t incoming; /* first of the jump sites linked here */
    uint32_t next;     /* in the hash */
    uint8_t flavour;
    uint8_t heat;       /* times that a jump back came here (vex_loop.c) */
    bool splits;        /* FAST: its accesses do not share checks */
    bool retired;       /* no longer in the hash; nothing leads here */
    struct cpu_op *ops; /* what it does, if that is logged (vex_log.c) */
};

enum { VEX_PATH_MAX = 6 };

/* Blocks of one page, one after the other on the way round a loop. */
struct vex_path {
    uint64_t pc[VEX_PATH_MAX];
    unsigned len;
};

/* Indirect jumps look their target up here, by its low 16 bits. */
struct vex_indirect {
    uint64_t pc;
    uint64_t code;
    uint64_t tag; /* of the instruction front slot */
    uint64_t slot;
};

enum { VEX_INDIRECT_SLOTS = 1 << 16, VEX_SECTORS_MAX = 16, VEX_GRANULE = 64 };

/* Code addresses by which translated code reaches vex_dispatch.S. */
struct vex_doors {
    uint32_t exit, indirect, fetch, miss, miss_simd;
};

struct vex_sector {
    uint32_t start, end; /* code addresses */
    uint32_t cursor;
    uint32_t first_block, nblocks, max_blocks;
    uint32_t first_site, nsites, max_sites;
};

/*
 * The code cache: sectors filled one after the other; the oldest is emptied when all are full.
 *   C1  a linked jump site is in its target's list of incoming sites, and no other list
 *   C2  every block in a sector's range is in the hash exactly once
 *   C3  page->nblocks counts the blocks that name the page (as page or last)
 */
struct vex_cache {
    uint8_t *arena;
    size_t arena_len;
    struct vex_doors doors;
    struct vex_sector sectors[VEX_SECTORS_MAX];
    unsigned nsectors, current;
    struct vex_block *blocks; /* lazily backed */
    size_t blocks_len;
    struct vex_site *sites; /* lazily backed */
    size_t sites_len;
    uint32_t *owners; /* by VEX_GRANULE bytes of the arena: first block there; lazily backed */
    size_t owners_len;
    uint32_t *hash; /* [hash_mask + 1] */
    uint32_t hash_mask;
    uint64_t evictions; /* sectors emptied */
    uint64_t translations[3];
};

/* ---- code pages ---- */

enum { VEX_PAGE_VERSIONS = 4095, VEX_PAGE_BUCKETS = 1 << 12 };

/* A version of a code page: the bytes at a virtual page that blocks were translated from. */
struct vex_page {
    uint64_t vpn;
    struct vex_page *next; /* in its bucket */
    uint32_t number;       /* in the tag of the instruction front slot; unique among its vpn's */
    uint32_t nblocks;
    pfn_t pfn;         /* frame it was last compared with */
    uint64_t verified; /* when */
    uint8_t bytes[PAGE_SIZE] __attribute__((aligned(16)));
    uint8_t covered[PAGE_SIZE] __attribute__((aligned(16))); /* 0xff where a block was translated */
    uint8_t splits[PAGE_SIZE / 8]; /* bit: blocks that start here had better not share checks */
};

struct vex_pages {
    struct vex_page *buckets[VEX_PAGE_BUCKETS];
    uint64_t *frame_changed; /* by frame: when a store last took its code mark; lazily backed */
    uint64_t all_changed;    /* when frames were last changed by others */
    uint64_t tick;
    uint64_t count;
};

/* ---- the engine ---- */

/* What the meter words in struct cpu do not hold. */
struct vex_meter {
    int32_t slice;                   /* what `budget` was when last drained */
    uint64_t loads, stores;          /* by string instructions */
    int64_t lookups;                 /* data lookups beyond loads + stores */
    uint64_t fetches;                /* fetch lookups beyond instructions */
    uint64_t l1d_misses, l1i_misses; /* the process's counters when last drained */
    uint64_t retired;                /* instructions since cpu_run began */
    uint64_t total;                  /* instructions since the engine was made */
};

/* Bytes of a record with so many addresses. */
#define VEX_LOG_RECORD_LEN(addresses) (8u * (1u + (addresses)))

/* Of what is executed; vex_log.c. */
struct vex_log {
    uint64_t *words; /* [VEX_LOG_WORDS], lazily backed; NULL: there is no log */
    uint64_t *notes; /* by site: its taker's; lazily backed */
    size_t notes_len;
    uint64_t *fetch; /* of the instruction that is told access by access; NULL: taken already */
    uint64_t *keep;  /* what follows is undone if that instruction is */
};

struct cpu_engine {
    struct machine *machine;
    struct cpu_options options;
    struct tlb_front *front;
    struct tlb_ifront *ifront;
    struct vex_indirect *indirect;
    struct vex_cache cache;
    struct vex_pages pages;
    struct vex_meter meter;
    struct vex_log log;
    struct vex_translation *translation; /* under way */
    struct cpu *running;                 /* inside cpu_run */
    struct mmu_root root;
    bool kicked;      /* set by signal handlers */
    bool raised;      /* RAISE was taken off the running budget */
    bool code_stored; /* a store hit a frame with a code mark: fetch again */
    void *tables;     /* low memory: front arrays, indirect cache */
    size_t tables_len;
};

/* vex_dispatch.S */
struct vex_leave vex_enter(struct cpu *cpu, uint64_t code);
_Noreturn void vex_escape(struct cpu *cpu);
void vex_cp_exit(void);
void vex_cp_indirect(void);
void vex_cp_fetch(void);
void vex_cp_miss(void);
void vex_cp_miss_simd(void);

/* vex_engine.c */
void vex_raise(struct cpu *cpu); /* makes the running block's end leave to cpu_run's loop */
/* Leaves translated code for good: registers back to the start of the instruction at `pc`. */
_Noreturn void vex_escape_fault(struct cpu *cpu, vaddr_t addr, uint32_t error);
_Noreturn void vex_escape_trap(struct cpu *cpu, enum cpu_vector vector);
uint64_t vex_instructions(const struct cpu *cpu); /* retired, as of the block's start */

/* vex_miss.c: result: resume (0) or leave (1) */
uint64_t vex_miss(struct cpu *cpu, struct vex_frame *frame);

/* vex_cache.c */
uint8_t *vex_low_memory(size_t len, int protection); /* multiples of pages */
int vex_cache_create(struct vex_cache *cache, uint64_t len);
void vex_cache_destroy(struct vex_cache *cache);
struct vex_block *vex_cache_find(const struct vex_cache *cache, uint64_t pc,
                                 const struct vex_page *page, enum vex_flavour flavour);
/* The block's other variant in the hash: same key. */
struct vex_block *vex_cache_find_next(const struct vex_cache *cache, const struct vex_block *block);
struct vex_block *vex_cache_block_at(const struct vex_cache *cache, uint64_t code);
struct vex_site *vex_cache_site_at(const struct vex_cache *cache, uint64_t back);
/* Space for at least `len` bytes of code and a block with `nsites` sites; may empty a sector. */
struct vex_sector *vex_cache_reserve(struct cpu_engine *engine, uint32_t len, uint32_t nsites);
void vex_cache_next_sector(struct cpu_engine *engine);
struct vex_block *vex_cache_add(struct vex_cache *cache, const struct vex_block *block);
void vex_cache_link(struct cpu_engine *engine, uint32_t site, uint32_t block);
void vex_cache_unlink_incoming(struct vex_cache *cache, uint32_t block);
/* Takes a block out of use; it will be made anew. */
void vex_cache_retire(struct cpu_engine *engine, struct vex_block *block);
void vex_cache_flush(struct cpu_engine *engine); /* empties all sectors */
void vex_indirect_clear(struct cpu_engine *engine);
bool vex_cache_is_valid(const struct vex_cache *cache);

/* vex_page.c */
int vex_pages_create(struct vex_pages *pages, uint64_t nframes);
void vex_pages_destroy(struct vex_pages *pages, uint64_t nframes);
/* The CPU's fetch moves to the page of va. Result: NULL: fault or trap, cpu->why filled. */
struct vex_page *vex_page_fetch(struct cpu *cpu, vaddr_t va);
void vex_pages_sweep(struct cpu_engine *engine); /* frees those that no block names */
void vex_page_cover(struct vex_page *page, unsigned offset, unsigned len);
/* A store changed a frame with a code mark. */
void vex_page_stored(struct cpu_engine *engine, pfn_t pfn);
bool vex_page_splits(const struct vex_page *page, uint64_t pc);
void vex_page_set_splits(struct vex_page *page, uint64_t pc);
uint64_t vex_page_tag(const struct vex_page *page);
uint64_t vex_page_slot(const struct vex_page *page); /* index of its instruction front slot */

/* vex_translate.c. `second` is the page behind, for an instruction that reaches into it. Result:
 * NULL: it does, and `second` was not given. Sectors of the cache may have been emptied. */
struct vex_block *vex_translate(struct cpu *cpu, uint64_t pc, struct vex_page *page,
                                struct vex_page *second, enum vex_flavour flavour);
/* The same for a loop, in the fast flavour. */
struct vex_block *vex_translate_loop(struct cpu *cpu, const struct vex_path *path,
                                     struct vex_page *page);
struct vex_translation *vex_translation_create(void); /* x_malloc'd */

/* vex_loop.c: what to do with a jump at site `from` that goes to the block `head`. */
enum vex_heat {
    VEX_HEAT_NONE, /* it does not jump back in a loop, or that is settled */
    VEX_HEAT_WARM, /* not to be linked yet, so that it is seen the next time */
    VEX_HEAT_HOT,  /* the loop is worth a translation of its own, once */
};
enum vex_heat vex_loop_heat(const struct vex_cache *cache, uint32_t from, struct vex_block *head);
/* The way from `head` to the jump. Result: false if it is too long. */
bool vex_loop_path(const struct vex_cache *cache, uint32_t from, const struct vex_block *head,
                   struct vex_path *path);

/* vex_patch.c */
uint8_t *vex_patch_doors(struct vex_doors *doors, uint8_t *at);
struct vex_translation;
/* Rewrites the exits that VEX generated; gives the block's end. */
uint32_t vex_patch_block(struct vex_translation *t, uint8_t *code, uint32_t len,
                         uint32_t first_site);
void vex_patch_link(struct vex_site *site, uint32_t target); /* 0: unlink */
uint32_t vex_patch_page_entry(struct cpu_engine *engine, uint8_t *at, const struct vex_block *block,
                              uint32_t number, const struct vex_page *page);
enum { VEX_PAGE_ENTRY_LEN = 64 };

/* vex_string.c: a repeated string instruction, all of it at once, or an element of it while the
 * CPU stops for single steps or debug registers. `kind` is from
 * vex_string_kind(), which reads at most 15 bytes; -1: it is none. */
int vex_string_kind(const uint8_t *bytes, unsigned *len);
void vex_string(struct cpu *cpu, uint64_t kind, uint64_t pc);

/* vex_debug.c: single steps and debug registers */
bool vex_debug_is_on(const struct cpu *cpu);
/* An access that the instruction under way makes. */
void vex_debug_access(struct cpu *cpu, uint64_t va, uint64_t len, enum mmu_access access);
/* Before the instruction at pc, and behind one, with pc that of the next. Result: whether to go on;
 * else cpu->why is set. */
bool vex_debug_before(struct cpu *cpu, uint64_t pc);
bool vex_debug_behind(struct cpu *cpu, uint64_t pc);

/* vex_calls.c */
void vex_calls_copy(struct cpu *to, const struct cpu *from); /* `to` has none of its own */

/* vex_log.c: records of what is executed; no effect if there is no log */
int vex_log_create(struct cpu_engine *engine);
void vex_log_destroy(struct cpu_engine *engine);
void vex_log_begin_run(struct cpu *cpu);
void vex_log_hand_over(struct cpu *cpu);
/* The same if there is much of it. */
void vex_log_hand_over_much(struct cpu *cpu);
/* A block was left at a site by other ways than its exits' code. */
void vex_log_site(struct cpu *cpu, const struct vex_site *site);
/* The same, at a site of kind MISS whose access faults. => nothing is logged at the site again */
void vex_log_attempt(struct cpu *cpu, const struct vex_site *site);
void vex_log_fault(struct cpu *cpu); /* cpu->why ended the run */
/* One access, or `count` in a row on one page, of an instruction that is done step by step: its
 * fetch comes first. */
void vex_log_access(struct cpu *cpu, vaddr_t va, unsigned len, uint64_t count,
                    enum mmu_access access, enum mmu_access lookup);
/* `count` times a load from one page and a store to another. */
void vex_log_moves(struct cpu *cpu, vaddr_t from, vaddr_t to, uint64_t count);
void vex_log_keep(struct cpu *cpu); /* what was told of that instruction so far has happened */
void vex_log_undo(struct cpu *cpu); /* the rest has not */

/* vex_cpuid.c: helpers called by translated code */
void vex_cpuid(struct cpu *cpu);
uint64_t vex_rdtsc(struct cpu *cpu);

#endif
