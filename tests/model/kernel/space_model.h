// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The naive model of spaces: for each process an array of pages, each with what mmap, mprotect and
 * the rest have said about it and the bytes it should hold. A verb does the same to the model and
 * to the real space of the process whose turn it is, and compares their answers.
 */
#ifndef TESTS_MODEL_KERNEL_SPACE_MODEL_H
#define TESTS_MODEL_KERNEL_SPACE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../unit/kernel/rig.h"
#include "kernel/fault.h"
#include "kernel/uaccess.h"

enum {
    ARENA = 160, /* pages, just below SPACE_MMAP_TOP */
    CELLS = 8,   /* bytes of a page that are looked at, 512 apart */
    OBJECTS = 4, /* 0, 1: files; 2, 3: shared memory */
    FILES = 2,
    OBJECT_PAGES = 40,
    PROCS = 8,       /* at most */
    LOCK_LIMIT = 12, /* pages */
    LEN_MAX = 24,    /* pages of most ranges */
};
#define BASE (SPACE_MMAP_TOP - (uint64_t)ARENA * PAGE_SIZE)

struct page {
    bool mapped, shared, locked, on_fault, charged, noreserve, dont_fork, wiped, has_copy;
    unsigned prot, max_prot;
    int object; /* -1: none */
    unsigned index;
    uint8_t cells[CELLS]; /* if has_copy */
};

struct proc {
    struct space *space; /* NULL: it does not live */
    bool lock_future;
    struct page pages[ARENA];
};

struct model {
    struct rig *rig;
    uint64_t random;
    struct proc *proc;                 /* whose turn it is */
    unsigned nprocs;                   /* that may live at once */
    uint64_t forks, ends, rests, kept; /* kept: pages that were still cached after a rest */
    struct proc procs[PROCS];
    uint8_t data[OBJECTS][OBJECT_PAGES][CELLS];
    uint64_t len[OBJECTS]; /* bytes */
    int fd[FILES];
    char *path[FILES]; /* only files with a name rest */
    struct object *objects[OBJECTS];
};

/* ---- what the model says (space_model.c) ---- */

/* A random number less than that. */
uint64_t model_draw(struct model *m, uint64_t below);
bool model_chance(struct model *m, unsigned percent);
/* Of a page of the arena. */
vaddr_t model_at(unsigned page);
uint64_t model_cell_offset(unsigned cell);
/* Is it a page of an object that has ended before it? */
bool model_beyond_end(const struct model *m, const struct page *p);
bool model_may(const struct page *p, enum mmu_access access);
enum fault_result model_expect_access(const struct model *m, const struct page *p,
                                      enum mmu_access access);
/* Where the byte that an access finds is kept. */
uint8_t *model_cell_of(struct model *m, struct page *p, unsigned cell);
/* As the first store to a private page does. */
void model_make_copy(struct model *m, struct page *p);
/* As a populate would; false at the first page that cannot be. */
bool model_touch(struct model *m, unsigned first, unsigned end);
/* Where the pages end that are one region. */
unsigned model_run_end(const struct model *m, unsigned page);
/* Are all pages mapped? */
bool model_covered(const struct model *m, unsigned first, unsigned end);
unsigned model_count_locked(const struct model *m);
/* The highest gap of n pages in the arena; ARENA: none. */
unsigned model_find_gap(const struct model *m, unsigned n);
/* The kernel's sums, and all its structures, are what the model says. */
void model_check_sums(const struct model *m);
void model_check_whole(const struct model *m);
void model_random_range(struct model *m, unsigned *first, unsigned *end);

/* ---- verbs done to both, each with arguments drawn at random ---- */

/* space_model_map.c */
void model_map(struct model *m);
void model_unmap(struct model *m);
void model_protect(struct model *m);
void model_lock(struct model *m);
void model_unlock(struct model *m);
void model_lock_all(struct model *m);

/* space_model_advise.c */
void model_drop(struct model *m);
void model_hint(struct model *m);
void model_populate(struct model *m);
void model_sync(struct model *m);
void model_fork_advice(struct model *m);

/* space_model_move.c */
void model_move(struct model *m);
void model_resize(struct model *m);

/* space_model_process.c */
void model_fork(struct model *m);
void model_end_proc(struct model *m, struct proc *proc);
struct proc *model_draw_proc(struct model *m);
void model_end(struct model *m);

/* space_model_file.c */
void model_truncate(struct model *m);
void model_write_file(struct model *m);
void model_read_file(struct model *m);
/* Nobody has a file for a while, in which it may change, and then it is mapped again. */
void model_rest(struct model *m);

#endif
