// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The CPU tells of an access before it is tried. When it ends in a page fault, the instruction is
 * not counted, and executed again from its beginning, which tells of its accesses once more. So at
 * each event that follows an exit of the CPU the process' counters are compared with what was
 * recorded of it: what was recorded too much is what comes again, and is passed over.
 *
 * The trace is written beside its place and renamed when it is whole.
 */
#include "api/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/error.h"
#include "api/system.h"
#include "base/check.h"
#include "base/hashmap.h"
#include "base/xalloc.h"
#include "observe/pagetrace.h"
#include "observe/trace_pages.h"

enum { KINDS = 3 };

static const enum trace_kind kinds[] = {
    [MMU_LOAD] = TRACE_LOAD, [MMU_STORE] = TRACE_STORE, [MMU_FETCH] = TRACE_FETCH};

/* A process, told by where its counters lie. */
struct subject {
    const struct counters *counters;
    uint64_t recorded[KINDS], again[KINDS]; /* by enum trace_kind; still to be passed over */
    uint64_t lookups;                       /* when the two were last compared */
};

struct recorder {
    const struct machine *machine;
    void (*sink)(void *context, const struct trace_ref *ref); /* NULL: nothing is recorded */
    void *context;
    struct pagetrace_writer *writer; /* NULL: no file is written */
    int fd;
    char *path, *temporary; /* temporary NULL: written in place */
    struct subject *subjects, *now;
    size_t nsubjects;
    struct hashmap places; /* of counters -> subject's number + 1 */
};

struct recorder *recorder_create(void)
{
    struct recorder *recorder = x_calloc(1, sizeof(*recorder));
    recorder->fd = -1;
    hashmap_create(&recorder->places);
    return recorder;
}

void recorder_attach(struct recorder *recorder, const struct machine *machine)
{
    recorder->machine = machine;
}

void recorder_set_sink(struct recorder *recorder,
                       void (*sink)(void *context, const struct trace_ref *ref), void *context)
{
    recorder->sink = sink;
    recorder->context = context;
}

static void close_file(struct recorder *recorder)
{
    if (recorder->writer)
        pagetrace_writer_destroy(recorder->writer);
    if (recorder->fd >= 0)
        close(recorder->fd);
    if (recorder->temporary)
        unlink(recorder->temporary);
    free(recorder->temporary);
    free(recorder->path);
    recorder->writer = NULL;
    recorder->fd = -1;
    recorder->temporary = recorder->path = NULL;
}

void recorder_destroy(struct recorder *recorder)
{
    if (!recorder)
        return;
    close_file(recorder);
    free(recorder->subjects);
    hashmap_destroy(&recorder->places);
    free(recorder);
}

/* ---- accesses ---- */

static uint64_t lookups_of(const struct counters *counters)
{
    return counters->tlb_l1d_hits + counters->tlb_l1i_hits;
}

/* Who runs. Counters of a process that ended may be another's now: those begin at 0. */
static struct subject *subject_now(struct recorder *recorder)
{
    const struct counters *counters = recorder->machine->now;
    uint64_t *known = hashmap_at(&recorder->places, (uint64_t)(uintptr_t)counters);
    if (*known == 0) {
        recorder->subjects =
            x_realloc(recorder->subjects, (recorder->nsubjects + 1) * sizeof(*recorder->subjects));
        recorder->subjects[recorder->nsubjects++] = (struct subject){0};
        *known = recorder->nsubjects;
    }
    struct subject *subject = &recorder->subjects[*known - 1];
    if (lookups_of(counters) < subject->lookups)
        *subject = (struct subject){0};
    subject->counters = counters;
    return subject;
}

/* The CPU has counted: what was recorded beyond that will come again. */
static void compare(struct subject *subject)
{
    const struct counters *c = subject->counters;
    const uint64_t retired[KINDS] = {
        [TRACE_LOAD] = c->loads, [TRACE_STORE] = c->stores, [TRACE_FETCH] = c->instructions};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        uint64_t recorded = subject->recorded[kind];
        subject->again[kind] = recorded > retired[kind] ? recorded - retired[kind] : 0;
    }
}

static void write_access(struct recorder *recorder, uint16_t space, vaddr_t va, unsigned len,
                         enum mmu_access access, unsigned flags)
{
    struct trace_ref refs[2];
    size_t n = trace_pages(va.v, len, kinds[access], refs);
    for (size_t i = 0; i < n; i++) {
        refs[i].space = space;
        refs[i].flags |= (uint8_t)flags;
        recorder->sink(recorder->context, &refs[i]);
    }
}

void recorder_access(void *context, vaddr_t va, unsigned len, enum mmu_access access,
                     enum mmu_access lookup)
{
    struct recorder *recorder = context;
    if (!recorder->sink)
        return;
    if (!recorder->now || recorder->now->counters != recorder->machine->now)
        recorder->now = subject_now(recorder);
    struct subject *subject = recorder->now;
    uint64_t lookups = lookups_of(subject->counters);
    if (lookups < subject->lookups)
        *subject = (struct subject){.counters = subject->counters};
    if (lookups != subject->lookups)
        compare(subject);
    subject->lookups = lookups;
    enum trace_kind kind = kinds[access];
    if (subject->again[kind] > 0) {
        subject->again[kind]--;
        return;
    }
    write_access(recorder, tlb_space(recorder->machine->tlb), va, len, access,
                 access != lookup ? TRACE_UPDATES : 0);
    subject->recorded[kind]++;
}

void recorder_kernel_access(void *context, uint16_t space, vaddr_t va, enum mmu_access access)
{
    struct recorder *recorder = context;
    if (recorder->sink)
        write_access(recorder, space, va, 1, access, TRACE_KERNEL);
}

void recorder_gone(void *context, uint16_t space, vaddr_t va, uint64_t npages)
{
    struct recorder *recorder = context;
    while (recorder->sink && npages > 0) {
        uint32_t count = npages < UINT32_MAX ? (uint32_t)npages : UINT32_MAX;
        struct trace_ref ref = {
            .page = vaddr_vpn(va), .count = count, .space = space, .kind = TRACE_GONE};
        recorder->sink(recorder->context, &ref);
        va.v += (uint64_t)count << PAGE_SHIFT;
        npages -= count;
    }
}

/* ---- the file ---- */

static int open_file(struct recorder *recorder, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return EISDIR;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* a device or pipe */
        recorder->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return recorder->fd < 0 ? errno : 0;
    }
    recorder->path = x_strdup(path);
    recorder->temporary = x_malloc(strlen(path) + sizeof(".XXXXXX"));
    sprintf(recorder->temporary, "%s.XXXXXX", path);
    recorder->fd = mkostemp(recorder->temporary, O_CLOEXEC);
    if (recorder->fd >= 0)
        return 0;
    free(recorder->temporary);
    recorder->temporary = NULL;
    return errno;
}

/* Guests have the low descriptors. */
static void move_up(struct recorder *recorder)
{
    int fd = fcntl(recorder->fd, F_DUPFD_CLOEXEC, 1000);
    if (fd < 0)
        return;
    close(recorder->fd);
    recorder->fd = fd;
}

static void write_ref(void *context, const struct trace_ref *ref)
{
    pagetrace_write(context, ref);
}

int pw_record(struct pw_system *system, const char *path, struct pw_error *error)
{
    CHECK(system->recorder && !system->recorder->sink);
    struct recorder *recorder = system->recorder;
    int code = open_file(recorder, path);
    if (code)
        return error_set(error, code, "cannot write %.300s: %s", path, strerror(code));
    move_up(recorder);
    pagetrace_writer_create(recorder->fd, &recorder->writer);
    recorder_set_sink(recorder, write_ref, recorder->writer);
    return 0;
}

static int finish_file(struct recorder *recorder)
{
    int code = -pagetrace_writer_end(recorder->writer);
    mode_t mask = umask(0);
    umask(mask);
    if (!recorder->temporary)
        return code;
    if (!code && fchmod(recorder->fd, 0666 & ~mask) < 0)
        code = errno;
    if (!code && rename(recorder->temporary, recorder->path) < 0)
        code = errno;
    if (code)
        return code;
    free(recorder->temporary);
    recorder->temporary = NULL;
    return 0;
}

int pw_record_end(struct pw_system *system, struct pw_error *error)
{
    CHECK(system->recorder && system->recorder->writer);
    struct recorder *recorder = system->recorder;
    recorder_set_sink(recorder, NULL, NULL);
    int code = finish_file(recorder);
    close_file(recorder);
    if (code)
        return error_set(error, code, "cannot write the trace: %s", strerror(code));
    return 0;
}
