// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /proc/PID/maps, smaps and smaps_rollup: the regions of a space as text. Formats: proc(5) and the
 * kernel's fs/proc/task_mmu.c as documented in Documentation/filesystems/proc.rst.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "kernel/large.h"
#include "linux/proc_text.h"

enum {
    NAME_COLUMN = 73, /* where the path of a mapping begins */
    SHARED_MEMORY_DEVICE = 1,
};

static const char *name_of(const struct region *region)
{
    if (region->name)
        return region->name;
    if (region->flags & REGION_STACK)
        return "[stack]";
    return region->flags & REGION_HEAP ? "[heap]" : NULL;
}

int proc_maps_line(const struct region *region, char *out, size_t size)
{
    uint64_t dev = 0, ino = 0, offset = 0;
    if (region->object) {
        offset = region->object_page << PAGE_SHIFT;
        if (!object_is_file(region->object, &dev, &ino)) {
            dev = makedev(0, SHARED_MEMORY_DEVICE);
            ino = 1;
        }
    }
    int n = snprintf(
        out, size, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64 " ",
        region->range.start, region->range.end, region->prot & PROT_MASK_R ? 'r' : '-',
        region->prot & PROT_MASK_W ? 'w' : '-', region->prot & PROT_MASK_X ? 'x' : '-',
        region->flags & REGION_SHARED ? 's' : 'p', offset, major(dev), minor(dev), ino);
    const char *name = name_of(region);
    if (name && n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, "%*s%s", n < NAME_COLUMN ? NAME_COLUMN - n : 0, "",
                      name);
    return n < 0 ? 0 : (size_t)n < size ? n : (int)size - 1;
}

/* A newline in a name would look like another line. */
static void put_line(const struct region *region, FILE *out)
{
    char line[4096 + 128];
    proc_maps_line(region, line, sizeof line);
    for (const char *c = line; *c; c++)
        if (*c == '\n')
            fputs("\\012", out);
        else
            fputc(*c, out);
    fputc('\n', out);
}

static const struct region *first_region(const struct proc_subject *subject)
{
    const struct space *space = subject->process->space;
    return space ? space_region_from(space, vaddr(0)) : NULL;
}

void proc_text_maps(const struct proc_subject *subject, FILE *out)
{
    for (const struct region *r = first_region(subject); r; r = region_next(r))
        put_line(r, out);
}

/* Counts of pages are turned into kB, as everything in smaps is. */
static void put_kb(FILE *out, const char *name, uint64_t kb)
{
    fprintf(out, "%-16s%8" PRIu64 " kB\n", name, kb);
}

static void put_pages(FILE *out, const char *name, uint64_t npages)
{
    put_kb(out, name, npages * (PAGE_SIZE / 1024));
}

static void put_usage(FILE *out, const struct region_usage *u)
{
    put_pages(out, "Shared_Clean:", u->shared_clean);
    put_pages(out, "Shared_Dirty:", u->shared_dirty);
    put_pages(out, "Private_Clean:", u->private_clean);
    put_pages(out, "Private_Dirty:", u->private_dirty);
    put_pages(out, "Referenced:", u->referenced);
    put_pages(out, "Anonymous:", u->anonymous);
    put_pages(out, "KSM:", 0);
    put_pages(out, "LazyFree:", 0);
    put_pages(out, "AnonHugePages:", u->large);
    put_pages(out, "ShmemPmdMapped:", 0);
    put_pages(out, "FilePmdMapped:", 0);
    put_pages(out, "Shared_Hugetlb:", 0);
    put_pages(out, "Private_Hugetlb:", 0);
    put_pages(out, "Swap:", u->swap);
    put_kb(out, "SwapPss:", u->swap_pss_4096 / 1024);
    put_pages(out, "Locked:", u->locked);
}

static void put_sizes(FILE *out, const struct region_usage *u)
{
    put_pages(out, "Rss:", u->rss);
    put_kb(out, "Pss:", u->pss_4096 / 1024);
    put_kb(out, "Pss_Dirty:", u->pss_dirty_4096 / 1024);
}

static void put_flags(FILE *out, const struct region *region)
{
    const struct {
        bool on;
        const char *name;
    } flags[] = {{region->prot & PROT_MASK_R, "rd"},
                 {region->prot & PROT_MASK_W, "wr"},
                 {region->prot & PROT_MASK_X, "ex"},
                 {region->flags & REGION_SHARED && region->max_prot & PROT_MASK_W, "sh"},
                 {region->max_prot & PROT_MASK_R, "mr"},
                 {region->max_prot & PROT_MASK_W, "mw"},
                 {region->max_prot & PROT_MASK_X, "me"},
                 {region->flags & REGION_SHARED, "ms"},
                 {region->flags & REGION_GROWSDOWN, "gd"},
                 {region->flags & REGION_LOCKED, "lo"},
                 {region->flags & REGION_SEQUENTIAL, "sr"},
                 {region->flags & REGION_RANDOM, "rr"},
                 {region->flags & REGION_DONTFORK, "dc"},
                 {region->flags & REGION_CHARGED, "ac"},
                 {region->flags & REGION_NORESERVE, "nr"},
                 {region->flags & REGION_WIPEONFORK, "wf"},
                 {region->flags & REGION_DONTDUMP, "dd"},
                 {region->flags & REGION_HUGEPAGE, "hg"},
                 {region->flags & REGION_NOHUGEPAGE, "nh"},
                 {region->flags & REGION_SUPPLIED, "um"}};
    fputs("VmFlags:", out);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].on)
            fprintf(out, " %s", flags[i].name);
    fputs("\n", out);
}

/* Could one large page lie in it? */
static bool is_eligible(const struct space *space, const struct region *region)
{
    uint64_t start = (region->range.start + LARGE_LEN - 1) & ~(LARGE_LEN - 1);
    return large_is_allowed(space, region) && start < region->range.end &&
           region->range.end - start >= LARGE_LEN;
}

void proc_text_smaps(const struct proc_subject *subject, FILE *out)
{
    for (const struct region *r = first_region(subject); r; r = region_next(r)) {
        struct region_usage usage;
        region_measure(subject->process->space, r, &usage);
        put_line(r, out);
        put_kb(out, "Size:", (r->range.end - r->range.start) / 1024);
        put_kb(out, "KernelPageSize:", PAGE_SIZE / 1024);
        put_kb(out, "MMUPageSize:", PAGE_SIZE / 1024);
        put_sizes(out, &usage);
        put_usage(out, &usage);
        fprintf(out, "THPeligible:    %8d\n", is_eligible(subject->process->space, r));
        put_flags(out, r);
    }
}

static void add_usage(struct region_usage *sum, const struct region_usage *u)
{
    sum->rss += u->rss;
    sum->shared_clean += u->shared_clean;
    sum->shared_dirty += u->shared_dirty;
    sum->private_clean += u->private_clean;
    sum->private_dirty += u->private_dirty;
    sum->referenced += u->referenced;
    sum->anonymous += u->anonymous;
    sum->large += u->large;
    sum->swap += u->swap;
    sum->locked += u->locked;
    sum->pss_4096 += u->pss_4096;
    sum->pss_dirty_4096 += u->pss_dirty_4096;
    sum->pss_anonymous_4096 += u->pss_anonymous_4096;
    sum->swap_pss_4096 += u->swap_pss_4096;
}

/* The part of a region's proportional size that is its object's, by the object's kind. */
static void split_pss(const struct region *region, const struct region_usage *u, uint64_t *file,
                      uint64_t *shmem)
{
    uint64_t dev, ino;
    if (region->object)
        *(object_is_file(region->object, &dev, &ino) ? file : shmem) +=
            u->pss_4096 - u->pss_anonymous_4096;
}

void proc_text_smaps_rollup(const struct proc_subject *subject, FILE *out)
{
    const struct region *first = first_region(subject), *last = first;
    struct region_usage sum = {0};
    uint64_t pss_file = 0, pss_shmem = 0;
    if (!first)
        return;
    for (const struct region *r = first; r; r = region_next(r)) {
        struct region_usage usage;
        region_measure(subject->process->space, r, &usage);
        add_usage(&sum, &usage);
        split_pss(r, &usage, &pss_file, &pss_shmem);
        last = r;
    }
    fprintf(out, "%08" PRIx64 "-%08" PRIx64 " ---p 00000000 00:00 0 %*s[rollup]\n",
            first->range.start, last->range.end, NAME_COLUMN - 49, "");
    put_sizes(out, &sum);
    put_kb(out, "Pss_Anon:", sum.pss_anonymous_4096 / 1024);
    put_kb(out, "Pss_File:", pss_file / 1024);
    put_kb(out, "Pss_Shmem:", pss_shmem / 1024);
    put_usage(out, &sum);
}
