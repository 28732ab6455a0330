// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF files: read and judged first, mapped afterwards. A file is hostile until elf_read() has
 * accepted it; after that elf_map() can only fail for want of memory or address space.
 *
 * Invariants of an accepted image, checked by elf_is_valid():
 *   E1  segments ascend, none is empty, none overlaps the one before
 *   E2  file bytes of a segment lie inside the file and are at most its bytes in memory
 *   E3  address and file offset of a segment agree modulo the page size
 *   E4  [low, high) is the page-aligned span of all segments and lies below SPACE_END
 *   E5  align is a power of two, at least a page
 */
#ifndef LINUX_ELF_H
#define LINUX_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/space.h"

struct elf_segment {
    uint64_t vaddr, memsz;   /* bytes in memory */
    uint64_t offset, filesz; /* bytes in the file; the rest of memsz is zeros */
    unsigned prot;           /* PROT_MASK_* */
};

struct elf_image {
    bool is_dyn;        /* ET_DYN: can be placed anywhere */
    bool exec_stack;    /* PT_GNU_STACK asks for an executable stack */
    uint64_t entry;     /* before bias, as all addresses here */
    uint64_t phdr;      /* of the program headers in memory; 0: not mapped */
    uint64_t phnum;     /* program headers in the file */
    uint64_t low, high; /* the span */
    uint64_t align;     /* largest alignment a segment asks for */
    uint64_t file_len;  /* bytes */
    unsigned nsegments;
    struct elf_segment *segments;
    char *interp; /* PT_INTERP's path, or NULL */
};

enum { ELF_PHENTSIZE = 56 };

/*
 * Reads and checks the headers of an open file. Errors: -ENOEXEC and *why says what is wrong with
 * it; -EIO and other read errors. Source: System V ABI, "Program Loading"; elf(5).
 */
int elf_read(int host_fd, struct elf_image *out, const char **why);
void elf_release(struct elf_image *image);
bool elf_is_valid(const struct elf_image *image);

/*
 * Finds room for the image: at its own addresses (ET_EXEC), at `want` rounded down to the image's
 * alignment, or, with want 0, as high as mappings go. Result: 0 and the bias to add to its
 * addresses; -ENOMEM: no room there, or something is in the way.
 */
int elf_place(struct space *space, const struct elf_image *image, uint64_t want, uint64_t *bias);

/* Maps all segments, private, and clears what follows the file's bytes. `name` is for
 * /proc/PID/maps. Errors: -ENOMEM, and others of space_map(). => elf_place() gave the bias */
int elf_map(struct space *space, const struct elf_image *image, uint64_t bias,
            struct object *object, const char *name);

#endif
