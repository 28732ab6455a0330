// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ELF reader against hostile files: each case damages one thing in a good program and names the
 * complaint it expects. A fuzz pass then damages headers at random: whatever is accepted must
 * satisfy the image's invariants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux/elf.h"

enum { PHDRS = 5, FILE_LEN = 3 * 4096 };

/* A small but complete program: text, data with bss, interpreter, stack flags. */
struct program {
    Elf64_Ehdr header;
    Elf64_Phdr phdrs[PHDRS]; /* interp, text, data, stack, note */
    char interp[32];
    uint8_t rest[FILE_LEN - sizeof(Elf64_Ehdr) - PHDRS * sizeof(Elf64_Phdr) - 32];
};

enum { INTERP, TEXT, DATA, STACK, NOTE };

static struct program good(void)
{
    struct program p = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
                               EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_entry = 0x401000,
                   .e_phoff = offsetof(struct program, phdrs),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = PHDRS},
        .interp = "/lib/ld.so",
    };
    p.phdrs[INTERP] = (Elf64_Phdr){.p_type = PT_INTERP,
                                   .p_offset = offsetof(struct program, interp),
                                   .p_filesz = sizeof "/lib/ld.so"};
    p.phdrs[TEXT] = (Elf64_Phdr){.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_X,
                                 .p_offset = 0,
                                 .p_vaddr = 0x400000,
                                 .p_filesz = 0x1800,
                                 .p_memsz = 0x1800,
                                 .p_align = 0x1000};
    p.phdrs[DATA] = (Elf64_Phdr){.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_W,
                                 .p_offset = 0x1800,
                                 .p_vaddr = 0x402800,
                                 .p_filesz = 0x200,
                                 .p_memsz = 0x5000,
                                 .p_align = 0x1000};
    p.phdrs[STACK] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
    p.phdrs[NOTE] = (Elf64_Phdr){.p_type = PT_NOTE};
    return p;
}

static int read_bytes(const void *bytes, size_t len, struct elf_image *image, const char **why)
{
    int fd = memfd_create("program", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    *why = "";
    int rc = elf_read(fd, image, why);
    close(fd);
    return rc;
}

static void accepts_a_good_program(void **state)
{
    struct program p = good();
    struct elf_image image;
    const char *why;
    assert_int_equal(read_bytes(&p, sizeof p, &image, &why), 0);
    assert_true(elf_is_valid(&image));
    assert_false(image.is_dyn);
    assert_false(image.exec_stack);
    assert_int_equal(image.entry, 0x401000);
    assert_int_equal(image.phdr, 0x400000 + p.header.e_phoff);
    assert_int_equal(image.phnum, PHDRS);
    assert_int_equal(image.low, 0x400000);
    assert_int_equal(image.high, 0x408000);
    assert_int_equal(image.nsegments, 2);
    assert_int_equal(image.segments[0].prot, PROT_MASK_R | PROT_MASK_X);
    assert_int_equal(image.segments[1].prot, PROT_MASK_R | PROT_MASK_W);
    assert_int_equal(image.segments[1].filesz, 0x200);
    assert_string_equal(image.interp, "/lib/ld.so");
    elf_release(&image);
}

static void accepts_the_unusual(void **state)
{
    struct program p = good();
    struct elf_image image;
    const char *why;
    p.header.e_type = ET_DYN;
    p.phdrs[TEXT].p_vaddr = 0; /* a PIE starts at 0 */
    p.phdrs[DATA].p_vaddr = 0x202800;
    p.phdrs[DATA].p_align = 0x200000;
    p.phdrs[STACK].p_flags |= PF_X;
    p.phdrs[INTERP].p_type = PT_NULL;
    p.phdrs[NOTE] = (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = 1, .p_memsz = 0}; /* empty */
    assert_int_equal(read_bytes(&p, sizeof p, &image, &why), 0);
    assert_true(image.is_dyn);
    assert_true(image.exec_stack);
    assert_null(image.interp);
    assert_int_equal(image.low, 0);
    assert_int_equal(image.align, 0x200000);
    assert_int_equal(image.nsegments, 2);
    elf_release(&image);
}

/* ---- damage ---- */

static void bad_magic(struct program *p)
{
    p->header.e_ident[1] = 'X';
}
static void bad_class(struct program *p)
{
    p->header.e_ident[EI_CLASS] = ELFCLASS32;
}
static void bad_data(struct program *p)
{
    p->header.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void bad_machine(struct program *p)
{
    p->header.e_machine = EM_AARCH64;
}
static void bad_type(struct program *p)
{
    p->header.e_type = ET_REL;
}
static void bad_phentsize(struct program *p)
{
    p->header.e_phentsize = 32;
}
static void no_phdrs(struct program *p)
{
    p->header.e_phnum = 0;
}
static void too_many_phdrs(struct program *p)
{
    p->header.e_phnum = 0xffff;
}
static void phdrs_beyond_end(struct program *p)
{
    p->header.e_phoff = FILE_LEN - 8;
}
static void phdrs_wrap(struct program *p)
{
    p->header.e_phoff = UINT64_MAX - 8;
}
static void filesz_over_memsz(struct program *p)
{
    p->phdrs[DATA].p_filesz = p->phdrs[DATA].p_memsz + 1;
    p->phdrs[DATA].p_offset = 0x800;
}
static void segment_beyond_end(struct program *p)
{
    p->phdrs[DATA].p_offset = FILE_LEN + 0x800;
}
static void segment_straddles_end(struct program *p)
{
    p->phdrs[DATA].p_filesz = p->phdrs[DATA].p_memsz;
}
static void segment_offset_wraps(struct program *p)
{
    p->phdrs[DATA].p_offset = UINT64_MAX - 0x7ff;
    p->phdrs[DATA].p_filesz = 0x1000;
}
static void segment_address_wraps(struct program *p)
{
    p->phdrs[DATA].p_memsz = UINT64_MAX - 0x1000;
}
static void segment_in_kernel(struct program *p)
{
    p->phdrs[DATA].p_vaddr = 0xffff800000000800;
}
static void segment_too_large(struct program *p)
{
    p->phdrs[DATA].p_memsz = SPACE_END;
}
static void segments_overlap(struct program *p)
{
    p->phdrs[DATA].p_vaddr = 0x401000;
    p->phdrs[DATA].p_offset = 0;
}
static void segments_out_of_order(struct program *p)
{
    Elf64_Phdr text = p->phdrs[TEXT];
    p->phdrs[TEXT] = p->phdrs[DATA];
    p->phdrs[DATA] = text;
}
static void offset_incongruent(struct program *p)
{
    p->phdrs[DATA].p_offset += 1;
}
static void align_not_power(struct program *p)
{
    p->phdrs[DATA].p_align = 0x3000;
}
static void align_absurd(struct program *p)
{
    p->phdrs[DATA].p_align = (uint64_t)1 << 63;
}
static void below_minimum(struct program *p)
{
    p->phdrs[TEXT].p_vaddr = 0;
}
static void nothing_to_load(struct program *p)
{
    p->phdrs[TEXT].p_type = p->phdrs[DATA].p_type = PT_NOTE;
}
static void interp_huge(struct program *p)
{
    p->phdrs[INTERP].p_filesz = 5000;
}
static void interp_empty(struct program *p)
{
    p->phdrs[INTERP].p_filesz = 1;
}
static void interp_unterminated(struct program *p)
{
    p->phdrs[INTERP].p_filesz = 4;
}
static void interp_beyond_end(struct program *p)
{
    p->phdrs[INTERP].p_offset = FILE_LEN - 2;
}

static const struct damage {
    const char *name, *why;
    void (*apply)(struct program *p);
} damages[] = {
    {"magic", "neither an ELF", bad_magic},
    {"class", "not a 64-bit", bad_class},
    {"byte order", "not a little-endian", bad_data},
    {"machine", "another processor", bad_machine},
    {"type", "not a program", bad_type},
    {"phentsize", "bad size or number", bad_phentsize},
    {"phnum 0", "bad size or number", no_phdrs},
    {"phnum huge", "bad size or number", too_many_phdrs},
    {"phdrs beyond end", "beyond the end", phdrs_beyond_end},
    {"phdrs wrap", "beyond the end", phdrs_wrap},
    {"filesz > memsz", "more bytes in the file", filesz_over_memsz},
    {"segment beyond end", "beyond the end", segment_beyond_end},
    {"segment straddles end", "beyond the end", segment_straddles_end},
    {"segment offset wraps", "beyond the end", segment_offset_wraps},
    {"segment address wraps", "outside the address space", segment_address_wraps},
    {"segment in kernel half", "outside the address space", segment_in_kernel},
    {"segment too large", "outside the address space", segment_too_large},
    {"overlap", "overlap", segments_overlap},
    {"order", "not in order", segments_out_of_order},
    {"congruence", "do not agree", offset_incongruent},
    {"alignment", "power of two", align_not_power},
    {"alignment huge", "absurd", align_absurd},
    {"too low", "lowest address", below_minimum},
    {"no PT_LOAD", "nothing to load", nothing_to_load},
    {"interp huge", "interpreter's name", interp_huge},
    {"interp empty", "interpreter's name", interp_empty},
    {"interp unterminated", "not terminated", interp_unterminated},
    {"interp beyond end", "interpreter's name", interp_beyond_end},
};

static void names_what_is_wrong(void **state)
{
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct program p = good();
        struct elf_image image;
        const char *why;
        damages[i].apply(&p);
        int rc = read_bytes(&p, sizeof p, &image, &why);
        if (rc != -ENOEXEC || !strstr(why, damages[i].why))
            fail_msg("%s: result %d, \"%s\"", damages[i].name, rc, why);
    }
}

static void refuses_every_truncation(void **state)
{
    struct program p = good();
    struct elf_image image;
    const char *why;
    for (size_t len = 0; len < 0x1a00; len += len < 600 ? 1 : 97)
        assert_int_equal(read_bytes(&p, len, &image, &why), -ENOEXEC);
    assert_int_equal(read_bytes(&p, 0x1a00, &image, &why), 0); /* all that it maps */
    elf_release(&image);
}

static void refuses_what_is_no_file(void **state)
{
    struct elf_image image;
    const char *why = "";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(elf_read(ends[0], &image, &why) < 0);
    close(ends[0]);
    close(ends[1]);
    assert_true(elf_read(-1, &image, &why) == -EBADF);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Values that are likely to be at the edge of something. */
static uint64_t odd_value(uint64_t *seed)
{
    static const uint64_t edges[] = {0,      1,          7,         0xfff,           0x1000,
                                     0x1800, 0x402800,   SPACE_END, SPACE_END - 1,   UINT64_MAX,
                                     4096,   UINT32_MAX, 1UL << 63, (1UL << 47) - 1, FILE_LEN};
    uint64_t edge = edges[next_random(seed) % (sizeof edges / sizeof edges[0])];
    return next_random(seed) % 4 ? edge : next_random(seed);
}

static void survives_random_damage(void **state)
{
    uint64_t seed = 88172645463325252u;
    unsigned accepted = 0;
    for (int round = 0; round < 20000; round++) {
        struct program p = good();
        for (uint64_t n = next_random(&seed) % 4 + 1; n > 0; n--) {
            size_t field = next_random(&seed) % (PHDRS * sizeof(Elf64_Phdr) / 8);
            uint64_t value = odd_value(&seed);
            memcpy((uint8_t *)p.phdrs + field * 8, &value, 8);
        }
        struct elf_image image;
        const char *why;
        int rc = read_bytes(&p, sizeof p, &image, &why);
        assert_true(rc == 0 || rc == -ENOEXEC);
        if (rc == 0) {
            assert_true(elf_is_valid(&image));
            elf_release(&image);
            accepted++;
        }
    }
    assert_in_range(accepted, 100, 19900); /* else the fuzz is blind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_a_good_program),  cmocka_unit_test(accepts_the_unusual),
        cmocka_unit_test(names_what_is_wrong),     cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(refuses_what_is_no_file), cmocka_unit_test(survives_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
