// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The translation lookaside buffers: first-level data and instruction TLBs, a second level, unified
 * or split, each set-associative with a replacement policy of its own, and in front of them the
 * arrays that translated code checks inline.
 *
 *      front array (inline)  ->  L1D or L1I  ->  L2  ->  page walk (mmu.c),
 *                                                        begun where walkcache.c says
 *
 * The front arrays are a view, not another TLB: a slot may hold a page only while the modelled
 * first level holds it, so a front hit is a first-level hit. Each inline hit stamps its slot with
 * the clock; the stamp is the entry's age, so LRU and its approximations are exact although hits
 * never come here.
 *
 * The clock counts lookups in program order: the CPU advances it inline by one for each data access
 * and for each entry into a code page, this file by one for each lookup it serves. It is never 0.
 *
 * The second level is looked up when a first level has missed, and filled by the walk that follows
 * when it misses too; a first level is filled from it or from the walk. An L1 hit does not make the
 * page younger in L2. What L2 evicts stays in L1, unless L2 is inclusive: then its entries there go
 * as well (the page that the CPU executes is fetched from all the same, until it enters another). A
 * set is chosen by the page number modulo the number of sets.
 *
 * A page of 2 MiB or 1 GiB takes one entry, numbered in its own units, or one for each piece that
 * is used where a level has no entries of its size; invalidating one piece invalidates them all.
 * The front arrays hold pieces of 4 KiB in any case, so a large entry of a first level may own many
 * front slots: its age is the youngest of theirs.
 *
 * What is counted here, per lookup that comes here: tlb_l1d_misses or tlb_l1i_misses; if there is a
 * second level, tlb_l2_hits or tlb_l2_misses for each first-level miss; walks and walk_reads for
 * each walk, be it for a miss, to set a dirty bit, or because the entry forbids the access (then
 * the processor looks again before it faults). Each invalidation counts once in tlb_flushes and
 * once by what it covers. A lookup that faults counts the same, each time it is
 * tried, and advances the clock. The CPU counts hits: tlb_l1d_hits are all data lookups, its own
 * and those served here, faulting ones included, minus tlb_l1d_misses; tlb_l1i_hits likewise. A
 * non-canonical address is no lookup: nothing is counted.
 *
 * Invariants, checked by tlb_is_valid():
 *   T1  a valid front slot's page is translated by the one entry of the modelled first level that
 *       owns the slot; a 4 KiB page has at most one slot
 *   T2  wtag is valid only if the entry is writable, its dirty bit is set, and the frame has no
 *       code mark (stores to translated code must come through the slow path)
 *   T3  front slots are of the current address space only
 *   T4  no two valid entries of a level have the same page, size and address space
 */
#ifndef MACHINE_TLB_H
#define MACHINE_TLB_H

#include <stddef.h>

#include "base/counters.h"
#include "machine/mmu.h"

enum {
    TLB_FRONT_BITS = 10,
    TLB_FRONT_SLOTS = 1 << TLB_FRONT_BITS,  /* data */
    TLB_IFRONT_SLOTS = 1 << TLB_FRONT_BITS, /* instruction */
};
#define TLB_TAG_NONE (~(uint64_t)0) /* matches no page-aligned address */

/* The slot of a page in either array. Bits of the page number are folded, because programs like to
 * go through pages that are a large power of two apart in step. */
static inline unsigned tlb_front_slot(vaddr_t va)
{
    uint64_t vpn = vaddr_vpn(va);
    return (unsigned)(vpn ^ vpn >> TLB_FRONT_BITS) & (TLB_FRONT_SLOTS - 1);
}

/* 32 bytes; translated code computes its offset as tlb_front_slot() << 5 (vex_check.c). */
struct tlb_front {
    uint64_t rtag;   /* page address if loads may use the slot, else TLB_TAG_NONE */
    uint64_t wtag;   /* page address if stores may use it, else TLB_TAG_NONE */
    uint64_t addend; /* host address of a byte minus its virtual address */
    uint64_t stamp;  /* clock of the last access */
};

/* 16 bytes. The tag is the page address plus, in its low 12 bits, the
 * version of the translations of that page that the CPU may run (cpu engine's business). */
struct tlb_ifront {
    uint64_t tag;
    uint64_t stamp; /* clock of the last entry into the page */
};

enum tlb_size { TLB_4K, TLB_2M, TLB_1G, TLB_SIZES };

static inline unsigned tlb_size_shift(enum tlb_size size)
{
    return PAGE_SHIFT + 9 * size;
}

/* Which entry of a full set makes room; an empty one is used first (see tlb_level.h). */
enum tlb_policy {
    TLB_LRU,       /* the least recently used */
    TLB_TREE_PLRU, /* where a binary tree of bits points, each away from the half used last */
    TLB_FIFO,      /* the one that was filled first */
    TLB_RANDOM,    /* any */
};

struct tlb_geometry {
    unsigned entries; /* sets * ways, not necessarily powers of two */
    unsigned ways;    /* entries == ways: fully associative; 0 entries, 0 ways: no such level */
    enum tlb_policy policy;
};

enum { TLB_NAME_LEN = 512, TLB_ENTRIES_MAX = 65536 };

enum tlb_level_kind { TLB_L1D, TLB_L1I, TLB_L2, TLB_L2I, TLB_KINDS };

/* At most TLB_ENTRIES_MAX entries, in whole sets. */
bool tlb_geometry_is_valid(const struct tlb_geometry *geometry);

struct tlb_spec {
    char name[TLB_NAME_LEN];              /* of the preset, or the spec written out */
    struct tlb_geometry level[TLB_KINDS]; /* entries for 4 KiB pages, and those that share them */
    /* How a level holds 2 MiB and 1 GiB pages, [TLB_2M] and [TLB_1G]: in entries of their own; or
     * split, as pages of the next smaller size; else they share the entries for 4 KiB pages. */
    struct tlb_geometry own[TLB_KINDS][TLB_SIZES];
    bool split[TLB_KINDS][TLB_SIZES];
    struct tlb_geometry pwc[MMU_LEVELS_MAX + 1]; /* page-walk caches, see walkcache.h: [2] of PDEs,
                                                    [3] PDPTEs, [4] PML4Es, [5] PML5Es */
    bool inclusive; /* what leaves the second level leaves the first levels */
    bool untagged;  /* entries have no address-space tags: a switch empties all */
    uint64_t seed;  /* of random replacement, see tlb_spec_seed() */
};

/* The seed of each thing that has entries: by number, first the levels' entries for 4 KiB pages,
 * then those of 2 MiB, then those of 1 GiB, then the walk caches, that of PDEs first. */
static inline uint64_t tlb_spec_seed(const struct tlb_spec *spec, unsigned number)
{
    return spec->seed + ((uint64_t)number << 32);
}

struct tlb_preset {
    struct tlb_spec spec;
    const char *source; /* the published document its figures are from */
};

/* The presets, the default first; *count is set. */
const struct tlb_preset *tlb_presets(size_t *count);

/*
 * Reads a preset's name or a list of fields, in any order:
 *
 *      l1d=SHAPE                first levels for data
 *      l1i=SHAPE                  and for fetches
 *      l2=SHAPE                 second level; l2=0 or no l2: none
 *      l2i=SHAPE                second level for fetches only; l2 is then for data only
 *      LEVEL-2m=SHAPE|split     how one of these levels holds 2 MiB pages: in entries of their own
 *      LEVEL-1g=SHAPE|split       or as pieces of 4 KiB, and 1 GiB pages; absent: in its entries
 *      pwc=CACHE:SHAPE/...      page-walk caches, each one of pd, pdpt, pml4 and pml5
 *      inclusive=yes|no         whether what leaves l2 leaves the first levels (no)
 *      asid=yes|no              whether entries have address-space tags (yes)
 *      seed=NUMBER              of random replacement
 *
 * where SHAPE is ENTRIES:WAYS[:POLICY] and POLICY one of lru (default), tree-plru, fifo, random;
 * as in "l1d=64:4:tree-plru,l1i=64:8,l2=1536:12,pwc=pd:32:4/pdpt:4:4/pml4:2:2".
 * Errors: -EINVAL, and *why says what is wrong with which field (a static string).
 */
int tlb_spec_parse(const char *text, struct tlb_spec *out, const char **why);

/* The bytes that a level has entries for if all its entries are of pages of that size; 0: there is
 * no such level. */
uint64_t tlb_spec_reach(const struct tlb_spec *spec, enum tlb_level_kind kind, enum tlb_size page);

struct tlb; /* tlb.c */

/*
 * `front` and `ifront` are arrays the CPU engine placed (TLB_FRONT_SLOTS, TLB_IFRONT_SLOTS
 * entries); `now` points to the counters of the running process. Errors: -EINVAL, -ENOMEM.
 */
int tlb_create(const struct tlb_spec *spec, struct ram *ram, struct tlb_front *front,
               struct tlb_ifront *ifront, struct counters *const *now, struct tlb **out);
void tlb_destroy(struct tlb *tlb);

/* Where the clock lives while a CPU runs (in its state, for translated code); NULL: in the tlb. The
 * value carries over. */
void tlb_set_clock(struct tlb *tlb, uint64_t *clock);

/* Changes the address space: the front arrays are emptied, the levels keep their tagged entries; if
 * they have no tags, all is flushed. The space that is current already: no effect.
 * => before the first lookup */
void tlb_switch(struct tlb *tlb, struct mmu_root root);

/* Large leaves may be in the tables from now on: all is prepared for them, which costs some speed.
 * => before the first walk that finds one */
void tlb_expect_large(struct tlb *tlb);

/* The tag of the current address space; 0 before the first switch. */
uint16_t tlb_space(const struct tlb *tlb);

struct tlb_hit {
    uint8_t *host;         /* of the byte asked for */
    pfn_t pfn;             /* frame that holds it */
    uint64_t victim_stamp; /* newest stamp among what this lookup displaced from the first level or
                              the front array; 0 if nothing */
    uint32_t error;        /* PF_* code when the lookup ended in a page fault; 0 if it did not, or
                              if it failed because va is not canonical */
};

/*
 * One data lookup of one page, by the slow path (the front array did not match): first level,
 * second level, walk. Effect: counts; fills the levels and the front slot; stamps the entry. A
 * store through an entry that is not yet dirty walks to set D, as the hardware does, and is a hit
 * if the entry was there. Result: true and *out; false: page fault, out->error filled, nothing
 * filled in the TLB (but the walk and the miss are counted, as on hardware), and what the TLB held
 * for the page is forgotten.
 */
bool tlb_data(struct tlb *tlb, vaddr_t va, enum mmu_access access, struct tlb_hit *out);

/*
 * tlb_data() of a load (`writes`: of an access whose page must be ready for stores afterwards) as
 * the `now`-th lookup, for a CPU that keeps the clock itself. Only done if it is of the common
 * kind: the first level misses and the second hits, nobody listens, and nothing younger than
 * `limit` is displaced. Result: false: nothing has happened, tlb_data() is to be asked.
 */
bool tlb_data_quick(struct tlb *tlb, vaddr_t va, bool writes, uint64_t now, uint64_t limit);

/* Whether the page of a data lookup is certain to be there still after the next data lookup, of
 * another page: not if that may displace a page that has just been used. */
bool tlb_keeps_last(const struct tlb *tlb);

/* What tlb_data() would give as victim_stamp, were it asked now (and if it finds the page); at
 * least that, if the second level is inclusive. */
uint64_t tlb_data_victim(struct tlb *tlb, vaddr_t va);

/* Further hits on the page looked up last by tlb_data(): advances the clock by `count` lookups and
 * stamps the entry (string instructions work a page at a time). */
void tlb_data_again(struct tlb *tlb, vaddr_t va, uint64_t count);

/* One fetch lookup: the CPU enters the page of va. Sets no ifront tag: the CPU sets that of the
 * page's slot after it has checked its translations; the slot's stamp is set, and the tags of pages
 * that left the slot or the first level are emptied. Result as tlb_data().
 * => the CPU sets the tag before it makes another fetch lookup or invalidates anything */
bool tlb_fetch(struct tlb *tlb, vaddr_t va, struct tlb_hit *out);

/* Lookups that tlb_data() and tlb_fetch() served, and how many of those ended in a page fault:
 * for a CPU that counts accesses as they retire. */
struct tlb_served {
    uint64_t data, data_faults;
    uint64_t fetch, fetch_faults;
};
const struct tlb_served *tlb_served(const struct tlb *tlb);

/* Who is told of these events, each time its counter advances. Those of a lookup are told while it
 * is made; machine->pc says for which instruction. */
enum tlb_event { TLB_EVENT_L1D_MISS, TLB_EVENT_L1I_MISS, TLB_EVENT_WALK };
struct tlb_listener {
    void (*tell)(void *context, enum tlb_event event, vaddr_t va); /* NULL: nobody */
    void *context;
};
/* From now on; `listener` is copied. */
void tlb_listen(struct tlb *tlb, const struct tlb_listener *listener);

/* Takes write permission away from every front slot that maps the frame (it now holds translated
 * code). Not counted as a flush. */
void tlb_front_protect(struct tlb *tlb, pfn_t pfn);

/* Empties the instruction front array only; the modelled levels keep their entries. */
void tlb_ifront_clear(struct tlb *tlb);

/*
 * A watcher of the order in which pages are used (tlb_watch.c). It is told when a page is used that
 * is not among the TLB_RECENT used last (of 4 KiB, of any space, by data accesses and fetches
 * together), and which page is one of them no more, having been used least recently.
 */
enum { TLB_RECENT = 128 };
struct tlb_watch {
    /* `access` is what the TLB was asked for: MMU_STORE also of a load whose instruction stores to
     * the same place. */
    void (*enter)(void *context, uint16_t space, vaddr_t page, enum mmu_access access);
    void (*leave)(void *context, uint16_t space, vaddr_t page); /* after enter() */
    void *context;
};
/* From now on; `watch` is copied. NULL: no more. */
void tlb_watch(struct tlb *tlb, const struct tlb_watch *watch);
/* A use of a page that is no lookup: the kernel's. => watched */
void tlb_watch_use(struct tlb *tlb, uint16_t space, vaddr_t va, enum mmu_access access);
/* Pages that cease to exist. Result: how many of them were among those used last, of which they are
 * no more, without the watcher being told. => watched */
unsigned tlb_watch_gone(struct tlb *tlb, uint16_t space, vaddr_t first, uint64_t npages);

/* Invalidations, as INVLPG, INVPCID and CR3 writes do; counted in tlb_flushes and by kind. Without
 * tags those of a space that is not current have no effect. */
void tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va);
void tlb_flush_space(struct tlb *tlb, uint16_t asid);
void tlb_flush_all(struct tlb *tlb);

/*
 * Has `stamps[pfn]` (nframes entries, the caller's, lazily backed) kept up to date with the clock
 * of each frame's last use, as it is after tlb_sync_stamps(). NULL stops it.
 * The last use of a data page is its last access, exactly. The last use of a code page is when the
 * CPU entered the next one (of the one it is in: now, or when the TLB was made to forget it). That
 * is told from the entries still in the first level, where a page entered twice since counts by the
 * second time; so code pages are ordered exactly among themselves, and one may seem used for a
 * little longer than it was, never less long.
 */
void tlb_track_stamps(struct tlb *tlb, uint64_t *stamps);
void tlb_sync_stamps(struct tlb *tlb);
/* The clock now: at or after every stamp given so far. */
uint64_t tlb_clock(const struct tlb *tlb);

bool tlb_is_valid(const struct tlb *tlb);

struct tlb_entry {
    vaddr_t page;
    enum tlb_size size; /* what it translates from `page` on; its page may be larger */
    uint16_t asid;
    pfn_t pfn;
    bool writable, dirty, executable;
    uint64_t stamp; /* clock of the last use */
};

/* Copies up to `max` entries of a level, the most recently used first. Result: how many. */
size_t tlb_list(const struct tlb *tlb, enum tlb_level_kind kind, struct tlb_entry *out, size_t max);

#endif
