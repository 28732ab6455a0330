// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One TLB level: sets of ways, each way a translation with the clock of its last use. Knows nothing
 * of front arrays, walks or counters; tlb.c makes the hierarchy of three of these.
 *
 * The fields of an entry lie in arrays of their own, so that a set is found and its oldest way
 * chosen by reading a host cache line or two. Sets of at most TLB_LEVEL_SCAN ways are scanned.
 * Larger ones have a chained hash to find a key, and are cut into groups of TLB_LEVEL_SCAN ways
 * with a lower bound of the stamps in each, so that the oldest entry is found by reading a few
 * groups.
 *
 * A stamp here may be too old for an entry in the front array, never too new (tlb.c brings it up to
 * date where it matters); an empty way has key 0 and stamp 0, so it is older than any other.
 *
 *   V1  a key stands at most once in a level, in the set its page number selects
 *   V2  large sets: the hash finds every key, and nothing else
 *   V3  large sets: no stamp lies below its group's bound
 */
#ifndef MACHINE_TLB_LEVEL_H
#define MACHINE_TLB_LEVEL_H

#include "machine/tlb.h"

enum { TLB_LEVEL_SCAN = 16 };
#define TLB_LEVEL_NONE (~0u) /* no such entry */

/* A key is one word: bit 63 set, 45 bits of page number, 16 bits of address space. Only canonical
 * addresses have one, and for those no bit of the page number is lost. */
#define TLB_KEY_VALID ((uint64_t)1 << 63)
#define TLB_KEY_SPACE (TLB_KEY_VALID | UINT16_MAX)
enum { TLB_KEY_SHIFT = 16 };
#define TLB_KEY_VPN ((((uint64_t)1 << 45) - 1) << TLB_KEY_SHIFT)

/* A value is the frame's physical address and, below it, what the translation allows. */
enum {
    TLB_VALUE_W = 1 << 0,  /* writable */
    TLB_VALUE_D = 1 << 1,  /* its dirty bit is set in RAM */
    TLB_VALUE_X = 1 << 2,  /* may be fetched from */
    TLB_VALUE_2M = 1 << 3, /* a piece of a 2 MiB page */
    TLB_VALUE_1G = 1 << 4, /* a piece of a 1 GiB page */
};

struct tlb_level {
    unsigned entries; /* 0: there is no such level */
    unsigned ways;
    unsigned sets;
    bool sets_are_pow2;
    uint64_t *keys;   /* of entry i, way i % ways of set i / ways */
    uint64_t *values; /* [entries] */
    uint64_t *stamps; /* [entries] */
    /* only if ways > TLB_LEVEL_SCAN: */
    uint32_t *heads; /* hash of a key: entry + 1, 0: none */
    uint32_t *next;  /* [entries]: the same, of the next entry in the chain */
    unsigned hash_shift;
    unsigned groups;  /* a set */
    uint64_t *bounds; /* [sets * groups] */
};

/* Errors: -EINVAL (a geometry that tlb_geometry_is_valid() refuses), -ENOMEM. */
int tlb_level_create(struct tlb_geometry geometry, struct tlb_level *out);
void tlb_level_destroy(struct tlb_level *level); /* may follow a creation that failed */
/* Places a translation at entry `at`, whatever was there. => the key stands nowhere else */
void tlb_level_put(struct tlb_level *level, unsigned at, uint64_t key, uint64_t value,
                   uint64_t stamp);
void tlb_level_drop(struct tlb_level *level, unsigned at);
bool tlb_level_is_valid(const struct tlb_level *level);

/* What the next two need of a large level; not for others. */
unsigned tlb_level_hash_find(const struct tlb_level *level, uint64_t key);
unsigned tlb_level_group_of(const struct tlb_level *level, unsigned set, uint64_t *next_bound);

static inline uint64_t tlb_key(uint64_t space, vaddr_t va)
{
    return (va.v << (TLB_KEY_SHIFT - PAGE_SHIFT) & TLB_KEY_VPN) | space;
}

static inline vaddr_t tlb_key_page(uint64_t key)
{
    int64_t vpn = (int64_t)(key << 3) >> (3 + TLB_KEY_SHIFT); /* the sign is bit 44 of 45 */
    return vaddr((uint64_t)vpn << PAGE_SHIFT);
}

static inline unsigned tlb_level_set(const struct tlb_level *level, uint64_t key)
{
    uint64_t vpn = (key & TLB_KEY_VPN) >> TLB_KEY_SHIFT;
    if (level->sets_are_pow2) /* for speed: a division is as dear as the rest of a look-up */
        return (unsigned)vpn & (level->sets - 1);
    return (unsigned)(vpn % level->sets);
}

/* The entry with this key, or TLB_LEVEL_NONE. */
static inline unsigned tlb_level_find(const struct tlb_level *level, uint64_t key)
{
    if (level->ways > TLB_LEVEL_SCAN)
        return tlb_level_hash_find(level, key);
    unsigned first = tlb_level_set(level, key) * level->ways;
    for (unsigned i = first; i < first + level->ways; i++) {
        if (level->keys[i] == key)
            return i;
    }
    return TLB_LEVEL_NONE;
}

static inline unsigned tlb_level_oldest(const struct tlb_level *level, unsigned first, unsigned n)
{
    unsigned oldest = first;
    for (unsigned i = first + 1; i < first + n; i++) {
        if (level->stamps[i] < level->stamps[oldest])
            oldest = i;
    }
    return oldest;
}

/*
 * The entry that a new translation of `key` goes to: an empty way of its set, or the least recently
 * used. `renew(owner, first, n)` is called before the stamps of n entries are judged, and brings
 * them up to date.
 */
static inline __attribute__((always_inline)) unsigned
tlb_level_victim(struct tlb_level *level, uint64_t key,
                 void (*renew)(void *owner, unsigned first, unsigned n), void *owner)
{
    unsigned set = tlb_level_set(level, key), first = set * level->ways;
    if (level->ways <= TLB_LEVEL_SCAN) {
        renew(owner, first, level->ways);
        return tlb_level_oldest(level, first, level->ways);
    }
    for (;;) {
        uint64_t next_bound;
        unsigned group = tlb_level_group_of(level, set, &next_bound);
        unsigned start = group * TLB_LEVEL_SCAN;
        unsigned n = level->ways - start < TLB_LEVEL_SCAN ? level->ways - start : TLB_LEVEL_SCAN;
        renew(owner, first + start, n);
        unsigned oldest = tlb_level_oldest(level, first + start, n);
        level->bounds[set * level->groups + group] = level->stamps[oldest];
        if (level->stamps[oldest] <= next_bound)
            return oldest;
    }
}

#endif
