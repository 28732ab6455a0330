// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where events come from: a counter of each kind for each site, which is a program, the place in
 * the code that caused the event, the calls that led there, if these are asked for, and the region
 * of memory that it was about. Whoever is told of
 * an event says what these were then; nothing is looked up later.
 *
 * A guest can make any number of sites. Beyond ATTRIBUTION_SITES_MAX all new ones are one, whose
 * names are all "[other]"; no event is lost.
 */
#ifndef OBSERVE_ATTRIBUTION_H
#define OBSERVE_ATTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/names.h"
#include "observe/calltree.h"

enum attribution_event {
    ATTRIBUTION_FAULTS,
    ATTRIBUTION_FAULTS_MINOR,
    ATTRIBUTION_FAULTS_MAJOR,
    ATTRIBUTION_FAULTS_COW,
    ATTRIBUTION_WALKS,
    ATTRIBUTION_L1D_MISSES,
    ATTRIBUTION_L1I_MISSES,
    ATTRIBUTION_EVENTS
};

/* The counter (base/counters.h) that an event's sites add up to. */
const char *attribution_event_name(enum attribution_event event);

enum { ATTRIBUTION_SITES_MAX = 1 << 20, ATTRIBUTION_NAMES_MAX = 1 << 16 };

struct attribution_key {
    uint64_t address; /* of the code: in its file, or if it has none a virtual one */
    uint32_t program, object, region;
    uint32_t stack; /* of calls, the addresses like `address`; 0: none, or not asked for */
};

struct attribution_site {
    struct attribution_key key;
    uint64_t counts[ATTRIBUTION_EVENTS];
};

/* What code lies in. A file is told by its device and inode too, and by what it was like when it
 * was first met: another one may have its name later. */
struct attribution_object {
    uint32_t name;
    uint64_t dev, ino; /* ino 0: no file */
    uint64_t size;
    int64_t mtime_ns;
};

struct attribution {
    struct names programs, regions, object_names;
    struct calltree calls;
    struct names objects_known;         /* "dev ino name" */
    struct attribution_object *objects; /* [objects_known.count], by number - 1 */
    uint32_t objects_room;
    struct attribution_site *sites; /* [count] */
    uint32_t count, room;
    uint32_t *places; /* [1 << bits]: index of a site + 1, 0: free */
    unsigned bits;
};

struct attribution *attribution_create(void); /* x_malloc'd */
void attribution_destroy(struct attribution *attribution);

/* Numbers of names, for keys. */
uint32_t attribution_program(struct attribution *attribution, const char *path);
uint32_t attribution_region(struct attribution *attribution, const char *name);
uint32_t attribution_object(struct attribution *attribution, const char *name, uint64_t dev,
                            uint64_t ino);

/* The site of a key. => good until the next call */
struct attribution_site *attribution_at(struct attribution *attribution,
                                        const struct attribution_key *key);

#endif
