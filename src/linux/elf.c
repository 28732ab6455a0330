// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ELF loader. Reading knows nothing of address spaces and mapping nothing of file formats, so
 * that all distrust is in one half. Every number from the file is compared before it is added to
 * anything.
 */
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/uaccess.h"
#include "linux/elf.h"

static_assert(sizeof(Elf64_Phdr) == ELF_PHENTSIZE, "program header");

/* Linux reads at most this many bytes of program headers. */
enum { PHDRS_LEN_MAX = 65536 };

struct reader {
    int fd;
    uint64_t file_len;
    const char *why;
};

static int bad(struct reader *reader, const char *why)
{
    reader->why = why;
    return -ENOEXEC;
}

/* Reads exactly len bytes. => they lie inside the file */
static int read_at(struct reader *reader, void *dst, size_t len, uint64_t offset)
{
    uint8_t *at = dst;
    while (len > 0) {
        ssize_t n = pread(reader->fd, at, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return bad(reader, "the file is truncated");
        at += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static bool lies_in_file(const struct reader *reader, uint64_t offset, uint64_t len)
{
    return offset <= reader->file_len && len <= reader->file_len - offset;
}

static int check_header(struct reader *reader, const Elf64_Ehdr *header)
{
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return bad(reader, "it is neither an ELF program nor a script");
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return bad(reader, "it is not a 64-bit ELF program");
    if (header->e_ident[EI_DATA] != ELFDATA2LSB)
        return bad(reader, "it is not a little-endian ELF program");
    if (header->e_machine != EM_X86_64)
        return bad(reader, "it is a program for another processor than x86-64");
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return bad(reader, "it is an ELF file but not a program");
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
        (size_t)header->e_phnum * sizeof(Elf64_Phdr) > PHDRS_LEN_MAX)
        return bad(reader, "its program headers have a bad size or number");
    if (!lies_in_file(reader, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr)))
        return bad(reader, "its program headers lie beyond the end of the file");
    return 0;
}

static unsigned segment_prot(uint32_t flags)
{
    return (flags & PF_R ? PROT_MASK_R : 0) | (flags & PF_W ? PROT_MASK_W : 0) |
           (flags & PF_X ? PROT_MASK_X : 0);
}

static int check_segment(struct reader *reader, const Elf64_Phdr *phdr)
{
    if (phdr->p_filesz > phdr->p_memsz)
        return bad(reader, "a segment has more bytes in the file than in memory");
    if (!lies_in_file(reader, phdr->p_offset, phdr->p_filesz))
        return bad(reader, "a segment lies beyond the end of the file");
    if (phdr->p_vaddr >= SPACE_END || phdr->p_memsz > SPACE_END - phdr->p_vaddr)
        return bad(reader, "a segment lies outside the address space");
    if (phdr->p_align & (phdr->p_align - 1))
        return bad(reader, "a segment's alignment is not a power of two");
    if (phdr->p_align > SPACE_END / 2)
        return bad(reader, "a segment's alignment is absurd");
    if ((phdr->p_vaddr ^ phdr->p_offset) & PAGE_MASK)
        return bad(reader, "a segment's address and file offset do not agree");
    return 0;
}

static int add_segment(struct reader *reader, struct elf_image *image, const Elf64_Phdr *phdr)
{
    if (phdr->p_memsz == 0)
        return 0;
    int rc = check_segment(reader, phdr);
    if (rc < 0)
        return rc;
    if (image->nsegments > 0) {
        const struct elf_segment *last = &image->segments[image->nsegments - 1];
        if (phdr->p_vaddr < last->vaddr + last->memsz)
            return bad(reader, "its segments overlap or are not in order");
    } else {
        image->low = phdr->p_vaddr & ~PAGE_MASK;
    }
    image->high = (phdr->p_vaddr + phdr->p_memsz + PAGE_MASK) & ~PAGE_MASK;
    if (phdr->p_align > image->align)
        image->align = phdr->p_align;
    image->segments[image->nsegments++] = (struct elf_segment){.vaddr = phdr->p_vaddr,
                                                               .memsz = phdr->p_memsz,
                                                               .offset = phdr->p_offset,
                                                               .filesz = phdr->p_filesz,
                                                               .prot = segment_prot(phdr->p_flags)};
    return 0;
}

static int read_interp(struct reader *reader, struct elf_image *image, const Elf64_Phdr *phdr)
{
    if (image->interp)
        return 0; /* Linux takes the first */
    if (phdr->p_filesz < 2 || phdr->p_filesz > PATH_MAX ||
        !lies_in_file(reader, phdr->p_offset, phdr->p_filesz))
        return bad(reader, "its interpreter's name has a bad size or place");
    image->interp = x_malloc(phdr->p_filesz);
    int rc = read_at(reader, image->interp, phdr->p_filesz, phdr->p_offset);
    if (rc == 0 && image->interp[phdr->p_filesz - 1] != '\0')
        rc = bad(reader, "its interpreter's name is not terminated");
    return rc;
}

static int read_program_header(struct reader *reader, struct elf_image *image,
                               const Elf64_Phdr *phdr, uint64_t phoff)
{
    switch (phdr->p_type) {
    case PT_LOAD:
        if (phdr->p_offset <= phoff && phoff - phdr->p_offset < phdr->p_filesz && !image->phdr)
            image->phdr = phdr->p_vaddr + (phoff - phdr->p_offset);
        return add_segment(reader, image, phdr);
    case PT_INTERP:
        return read_interp(reader, image, phdr);
    case PT_GNU_STACK:
        image->exec_stack = phdr->p_flags & PF_X;
        return 0;
    default:
        return 0;
    }
}

static int read_program_headers(struct reader *reader, struct elf_image *image,
                                const Elf64_Ehdr *header)
{
    size_t count = header->e_phnum;
    Elf64_Phdr *phdrs = x_calloc(count, sizeof *phdrs);
    image->segments = x_calloc(count, sizeof *image->segments);
    int rc = read_at(reader, phdrs, count * sizeof *phdrs, header->e_phoff);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = read_program_header(reader, image, &phdrs[i], header->e_phoff);
    free(phdrs);
    if (rc < 0)
        return rc;
    if (image->nsegments == 0)
        return bad(reader, "it has nothing to load");
    if (!image->is_dyn && image->low < SPACE_MMAP_MIN)
        return bad(reader, "a segment lies below the lowest address that may be mapped");
    return 0;
}

static int read_image(struct reader *reader, struct elf_image *image)
{
    struct stat st;
    if (fstat(reader->fd, &st) < 0)
        return -errno;
    reader->file_len = (uint64_t)st.st_size;
    Elf64_Ehdr header;
    if (reader->file_len < sizeof header)
        return bad(reader, "it is neither an ELF program nor a script");
    int rc = read_at(reader, &header, sizeof header, 0);
    if (rc == 0)
        rc = check_header(reader, &header);
    if (rc < 0)
        return rc;
    image->is_dyn = header.e_type == ET_DYN;
    image->entry = header.e_entry;
    image->phnum = header.e_phnum;
    image->align = PAGE_SIZE;
    image->file_len = reader->file_len;
    return read_program_headers(reader, image, &header);
}

int elf_read(int host_fd, struct elf_image *out, const char **why)
{
    struct reader reader = {.fd = host_fd, .why = ""};
    struct elf_image image = {0};
    int rc = read_image(&reader, &image);
    if (rc < 0) {
        elf_release(&image);
        *why = reader.why;
        return rc;
    }
    DCHECK(elf_is_valid(&image));
    *out = image;
    return 0;
}

void elf_release(struct elf_image *image)
{
    free(image->segments);
    free(image->interp);
    *image = (struct elf_image){0};
}

static bool segment_is_valid(const struct elf_image *image, const struct elf_segment *segment)
{
    return segment->memsz > 0 && segment->filesz <= segment->memsz &&       /* E1, E2 */
           segment->offset <= image->file_len &&                            /* E2 */
           segment->filesz <= image->file_len - segment->offset &&          /* E2 */
           ((segment->vaddr ^ segment->offset) & PAGE_MASK) == 0 &&         /* E3 */
           segment->vaddr >= image->low && segment->memsz <= image->high && /* E4 */
           segment->vaddr <= image->high - segment->memsz;                  /* E4 */
}

bool elf_is_valid(const struct elf_image *image)
{
    if (image->nsegments == 0 || image->low >= image->high || image->high > SPACE_END ||
        (image->low | image->high) & PAGE_MASK) /* E4 */
        return false;
    if (image->align < PAGE_SIZE || (image->align & (image->align - 1))) /* E5 */
        return false;
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *segment = &image->segments[i];
        if (!segment_is_valid(image, segment))
            return false;
        if (i > 0 && segment->vaddr < segment[-1].vaddr + segment[-1].memsz) /* E1 */
            return false;
    }
    return true;
}

/* ---- mapping ---- */

/* Reserves and gives back, so that what is in the way is known before anything is mapped. */
static int try_room(struct space *space, uint64_t addr, uint64_t len, uint64_t *found)
{
    struct space_map_request request = {
        .addr = vaddr(addr),
        .len = len,
        .prot = 0,
        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
        .flags = addr ? SPACE_MAP_FIXED_NOREPLACE : 0,
        .region_flags = REGION_NORESERVE,
    };
    vaddr_t at;
    int rc = space_map(space, &request, &at);
    if (rc < 0)
        return -ENOMEM;
    rc = space_unmap(space, at, len);
    *found = at.v;
    return rc;
}

/* The bias is a multiple of the alignment; a bias "below zero" wraps, as addresses do. */
int elf_place(struct space *space, const struct elf_image *image, uint64_t want, uint64_t *bias)
{
    uint64_t len = image->high - image->low, mask = image->align - 1, found, chosen = 0;
    int rc;
    if (image->is_dyn && want != 0) {
        chosen = (want - image->low) & ~mask;
    } else if (image->is_dyn) {
        uint64_t slack = image->align - PAGE_SIZE;
        if (len > SPACE_END - slack)
            return -ENOMEM;
        rc = try_room(space, 0, len + slack, &found);
        if (rc < 0)
            return rc;
        chosen = (found - image->low + mask) & ~mask;
    }
    if (image->low + chosen > SPACE_END - len)
        return -ENOMEM;
    rc = try_room(space, image->low + chosen, len, &found);
    if (rc == 0)
        *bias = chosen;
    return rc;
}

static int map_file_part(struct space *space, const struct elf_segment *segment, uint64_t bias,
                         struct object *object, const char *name, uint64_t *end)
{
    uint64_t start = (segment->vaddr + bias) & ~PAGE_MASK;
    *end = start;
    if (segment->filesz == 0)
        return 0;
    *end = (segment->vaddr + bias + segment->filesz + PAGE_MASK) & ~PAGE_MASK;
    struct space_map_request request = {
        .addr = vaddr(start),
        .len = *end - start,
        .prot = segment->prot,
        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
        .flags = SPACE_MAP_FIXED,
        .object = object,
        .object_page = segment->offset >> PAGE_SHIFT,
        .name = name,
    };
    vaddr_t at;
    return space_map(space, &request, &at);
}

/* The part of the last file page that memory wants as zeros. Only where the program could see the
 * difference and Linux does it: in a writable segment. */
static int clear_tail(struct space *space, const struct elf_segment *segment, uint64_t bias,
                      uint64_t mapped_end)
{
    uint64_t file_end = segment->vaddr + bias + segment->filesz;
    if (segment->memsz == segment->filesz || segment->filesz == 0 || file_end == mapped_end ||
        !(segment->prot & PROT_MASK_W))
        return 0;
    /* The fault that serves this can only be refused for want of RAM. */
    return uaccess_zero(space, vaddr(file_end), mapped_end - file_end) < 0 ? -ENOMEM : 0;
}

static int map_zero_part(struct space *space, const struct elf_segment *segment, uint64_t bias,
                         uint64_t start)
{
    uint64_t end = (segment->vaddr + bias + segment->memsz + PAGE_MASK) & ~PAGE_MASK;
    if (end <= start)
        return 0;
    struct space_map_request request = {
        .addr = vaddr(start),
        .len = end - start,
        .prot = segment->prot,
        .max_prot = PROT_MASK_R | PROT_MASK_W | PROT_MASK_X,
        .flags = SPACE_MAP_FIXED,
    };
    vaddr_t at;
    return space_map(space, &request, &at);
}

int elf_map(struct space *space, const struct elf_image *image, uint64_t bias,
            struct object *object, const char *name)
{
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *segment = &image->segments[i];
        uint64_t end;
        int rc = map_file_part(space, segment, bias, object, name, &end);
        if (rc == 0)
            rc = clear_tail(space, segment, bias, end);
        if (rc == 0)
            rc = map_zero_part(space, segment, bias, end);
        if (rc < 0)
            return rc;
    }
    return 0;
}
