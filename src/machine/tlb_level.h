// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One TLB level: sets of ways, each way a translation with the clock of its last use. Knows nothing
 * of walks or counters; tlb.c makes the hierarchy of three of these.
 *
 * A new translation goes to an empty way of its set, if there is one (the first), or takes the
 * place of another: of the oldest, if replacement is LRU; the other policies are in
 * tlb_replace.c, which needs to hear of nothing but stamps as well.
 *
 * Sets of at most TLB_LEVEL_SCAN ways have a row of 16-bit tags, hashes of the keys, all compared
 * at once. Larger sets have a chained hash to find a key, and are cut into groups of TLB_LEVEL_SCAN
 * ways with a lower bound of the stamps in each, so that the oldest way is found by reading a few
 * groups.
 *
 * The stamp of a way is where `where` points: in the way, or, if translated code stamps the entry
 * itself, in its front slot. An empty way has key 0 and stamp 0, so it is older than any.
 *
 *   V1  a key stands at most once in a level, in the set its page number selects
 *   V2  the search, by tags or by hash, finds every key
 *   V3  large sets: no stamp lies below its group's bound
 *   V4  not plain: `vacant` counts the empty ways
 */
#ifndef MACHINE_TLB_LEVEL_H
#define MACHINE_TLB_LEVEL_H

#include <emmintrin.h>

#include "machine/tlb.h"

enum { TLB_LEVEL_SCAN = 16 };

/* A key is one word: bit 63 set, 2 bits of page size (enum tlb_size), 45 bits of page number in
 * units of that size, 16 bits of address space. Only canonical addresses have one, and for those no
 * bit of the page number is lost. */
#define TLB_KEY_VALID ((uint64_t)1 << 63)
#define TLB_KEY_SPACE (TLB_KEY_VALID | UINT16_MAX)
enum { TLB_KEY_SHIFT = 16, TLB_KEY_SIZE_SHIFT = 61 };
#define TLB_KEY_VPN ((((uint64_t)1 << 45) - 1) << TLB_KEY_SHIFT)

/* A value is the frame's physical address and, below it, what the translation allows. */
enum {
    TLB_VALUE_W = 1 << 0,     /* writable */
    TLB_VALUE_D = 1 << 1,     /* its dirty bit is set in RAM */
    TLB_VALUE_X = 1 << 2,     /* may be fetched from */
    TLB_VALUE_SIZE_SHIFT = 3, /* two bits: enum tlb_size of the page; its entry may be smaller */
};

struct tlb_way {
    uint64_t key;    /* 0: empty */
    uint64_t value;  /* 0: empty */
    uint64_t stamp;  /* of the last use, if `where` points here */
    uint64_t *where; /* the stamp that counts */
};

struct tlb_level {
    struct tlb_way *way; /* [entries], set by set */
    uint16_t *tags;      /* [sets * TLB_LEVEL_SCAN], 0: empty; NULL if ways > TLB_LEVEL_SCAN */
    unsigned ways;
    unsigned sets;
    bool sets_are_pow2;
    unsigned entries; /* 0: there is no such level */
    bool is_plain;    /* LRU in sets of at most TLB_LEVEL_SCAN ways: all is done inline here */
    enum tlb_policy policy;
    unsigned vacant;                 /* empty ways, if it is not plain */
    uint64_t *filled;                /* [entries], TLB_FIFO: the clock of the fill */
    uint64_t random_seed, random_at; /* TLB_RANDOM: how often was drawn */
    /* only if ways > TLB_LEVEL_SCAN: */
    uint32_t *heads; /* hash of a key: number of the way + 1, 0: none */
    uint32_t *next;  /* [entries]: the same, of the next way in the chain */
    unsigned hash_shift;
    unsigned groups;  /* a set */
    uint64_t *bounds; /* [sets * groups] */
};

/* Errors: -EINVAL (a geometry that tlb_geometry_is_valid() refuses), -ENOMEM. */
int tlb_level_create(struct tlb_geometry geometry, uint64_t seed, struct tlb_level *out);
void tlb_level_destroy(struct tlb_level *level); /* may follow a creation that failed */
void tlb_level_drop(struct tlb_level *level, struct tlb_way *way);
bool tlb_level_is_valid(const struct tlb_level *level);

/* What large sets and other policies do, for the inline functions below. */
struct tlb_way *tlb_level_find_hashed(const struct tlb_level *level, uint64_t key);
struct tlb_way *tlb_level_victim_otherwise(struct tlb_level *level, unsigned set);
void tlb_level_prepare(struct tlb_level *level, struct tlb_way *way, uint64_t key, uint64_t stamp);

static inline uint64_t tlb_key(uint64_t space, vaddr_t va)
{
    return (va.v << (TLB_KEY_SHIFT - PAGE_SHIFT) & TLB_KEY_VPN) | space;
}

/* The key of the page of any size that holds va. */
static inline uint64_t tlb_key_sized(uint64_t space, vaddr_t va, enum tlb_size size)
{
    return tlb_key(space, vaddr(va.v >> tlb_size_shift(size) << PAGE_SHIFT)) |
           (uint64_t)size << TLB_KEY_SIZE_SHIFT;
}

static inline enum tlb_size tlb_key_size(uint64_t key)
{
    return (enum tlb_size)(key >> TLB_KEY_SIZE_SHIFT & 3);
}

/* Its first address. */
static inline vaddr_t tlb_key_page(uint64_t key)
{
    int64_t vpn = (int64_t)(key << 3) >> (3 + TLB_KEY_SHIFT); /* the sign is bit 44 of 45 */
    return vaddr((uint64_t)vpn << tlb_size_shift(tlb_key_size(key)));
}

static inline enum tlb_size tlb_value_size(uint64_t value)
{
    return (enum tlb_size)(value >> TLB_VALUE_SIZE_SHIFT & 3);
}

/* The bits of an address that choose a 4 KiB page in a page of that size. */
static inline uint64_t tlb_size_within(enum tlb_size size)
{
    return ((uint64_t)1 << tlb_size_shift(size)) - PAGE_SIZE;
}

static inline uint64_t tlb_key_hash(uint64_t key)
{
    return key * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio; the upper bits are the good ones */
}

/* The tag of a key, never 0. */
static inline uint16_t tlb_key_tag(uint64_t key)
{
    return (uint16_t)(tlb_key_hash(key) >> 48 | 1);
}

/* The set that a key belongs to. */
static inline unsigned tlb_level_set(const struct tlb_level *level, uint64_t key)
{
    if (level->sets_are_pow2) /* for speed: a division is as dear as the rest of a look-up */
        return (unsigned)(key >> TLB_KEY_SHIFT) & (level->sets - 1);
    return (unsigned)(((key & TLB_KEY_VPN) >> TLB_KEY_SHIFT) % level->sets);
}

static inline uint16_t *tlb_level_tags(const struct tlb_level *level, unsigned set)
{
    return level->tags + (size_t)set * TLB_LEVEL_SCAN;
}

/* Which ways of a set have a tag, by bit. => the level has tags */
static inline unsigned tlb_level_tagged(const struct tlb_level *level, unsigned set, uint16_t tag)
{
    const __m128i *row = (const __m128i *)(const void *)tlb_level_tags(level, set);
    __m128i all = _mm_set1_epi16((short)tag);
    __m128i match = _mm_packs_epi16(_mm_cmpeq_epi16(row[0], all), _mm_cmpeq_epi16(row[1], all));
    return (unsigned)_mm_movemask_epi8(match);
}

/* The way in its set that holds a key, or NULL. */
static inline struct tlb_way *tlb_level_find(const struct tlb_level *level, unsigned set,
                                             uint64_t key)
{
    if (!level->tags)
        return tlb_level_find_hashed(level, key);
    struct tlb_way *first = level->way + (size_t)set * level->ways;
    unsigned ways = tlb_level_tagged(level, set, tlb_key_tag(key));
    for (; ways; ways &= ways - 1) {
        struct tlb_way *way = first + __builtin_ctz(ways);
        if (way->key == key)
            return way;
    }
    return NULL;
}

/* The oldest of n ways, at most TLB_LEVEL_SCAN. Without branches: which one it is is as good as
 * random. */
static inline struct tlb_way *tlb_level_oldest(struct tlb_way *first, unsigned n)
{
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < n; i++) {
        uint64_t stamp_and_way = *first[i].where * TLB_LEVEL_SCAN + i;
        oldest = stamp_and_way < oldest ? stamp_and_way : oldest;
    }
    return first + oldest % TLB_LEVEL_SCAN;
}

/* The way of a set that a new translation goes to. Has no effect: asked again, it says the same. */
static inline struct tlb_way *tlb_level_victim(struct tlb_level *level, unsigned set)
{
    if (!level->is_plain)
        return tlb_level_victim_otherwise(level, set);
    struct tlb_way *first = level->way + (size_t)set * level->ways;
    switch (level->ways) { /* for speed: the most common ones, unrolled */
    case 4:
        return tlb_level_oldest(first, 4);
    case 12:
        return tlb_level_oldest(first, 12);
    default:
        return tlb_level_oldest(first, level->ways);
    }
}

static inline void tlb_level_set_tag(struct tlb_level *level, unsigned set,
                                     const struct tlb_way *way, uint16_t tag)
{
    tlb_level_tags(level, set)[way - level->way - (size_t)set * level->ways] = tag;
}

/* Places a translation in a way of its set, whatever was there, its stamp in the way.
 * => the key stands nowhere else; the way is tlb_level_victim()'s */
static inline void tlb_level_put(struct tlb_level *level, unsigned set, struct tlb_way *way,
                                 uint64_t key, uint64_t value, uint64_t stamp)
{
    if (level->is_plain)
        tlb_level_set_tag(level, set, way, tlb_key_tag(key));
    else
        tlb_level_prepare(level, way, key, stamp);
    *way = (struct tlb_way){.key = key, .value = value, .stamp = stamp, .where = &way->stamp};
}

#endif
