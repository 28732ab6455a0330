// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recording: the CPU's log (cpu.h) of what retired, and what the kernel says of its own accesses
 * and of pages that end, go into a trace as they are, or to a sink as single references. What a
 * record of the log stands for is defined in the trace when it comes by for the first time.
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
#include "base/xalloc.h"
#include "observe/pagetrace.h"
#include "observe/trace_pages.h"

static const enum trace_kind kinds[] = {
    [MMU_LOAD] = TRACE_LOAD, [MMU_STORE] = TRACE_STORE, [MMU_FETCH] = TRACE_FETCH};

struct recorder {
    const struct machine *machine;
    void (*sink)(void *context, const struct trace_ref *ref); /* NULL: there is none */
    void *context;
    struct pagetrace_writer *writer; /* NULL: no file is written */
    int fd;
    char *path, *temporary; /* temporary NULL: written in place */
};

struct recorder *recorder_create(void)
{
    struct recorder *recorder = x_calloc(1, sizeof(*recorder));
    recorder->fd = -1;
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
    free(recorder);
}

/* ---- single references ---- */

static void tell(struct recorder *recorder, const struct trace_ref *ref)
{
    if (recorder->writer)
        pagetrace_write(recorder->writer, ref);
    else if (recorder->sink)
        recorder->sink(recorder->context, ref);
}

static void tell_access(struct recorder *recorder, uint16_t space, vaddr_t va, unsigned len,
                        uint32_t count, enum mmu_access access, unsigned flags)
{
    struct trace_ref refs[2];
    size_t n = trace_pages(va.v, len, kinds[access], refs);
    for (size_t i = 0; i < n; i++) {
        refs[i].space = space;
        refs[i].count = count;
        refs[i].flags |= (uint8_t)flags;
        tell(recorder, &refs[i]);
    }
}

void recorder_kernel_access(void *context, uint16_t space, vaddr_t va, enum mmu_access access)
{
    tell_access(context, space, va, 1, 1, access, TRACE_KERNEL);
}

void recorder_gone(void *context, uint16_t space, vaddr_t va, uint64_t npages)
{
    while (npages > 0) {
        uint32_t count = npages < UINT32_MAX ? (uint32_t)npages : UINT32_MAX;
        struct trace_ref ref = {
            .page = vaddr_vpn(va), .count = count, .space = space, .kind = TRACE_GONE};
        tell(context, &ref);
        va.v += (uint64_t)count << PAGE_SHIFT;
        npages -= count;
    }
}

static void tell_event(struct recorder *recorder, uint16_t space, vaddr_t va, enum trace_kind kind)
{
    struct trace_ref ref = {
        .page = vaddr_vpn(va), .count = 1, .space = space, .kind = (uint8_t)kind};
    tell(recorder, &ref);
}

void recorder_flushed(void *context, uint16_t space, vaddr_t va, uint64_t npages)
{
    tell_event(context, space, va, npages ? TRACE_FLUSH : TRACE_FLUSH_SPACE);
}

void recorder_read_only(void *context, uint16_t space, vaddr_t va)
{
    tell_event(context, space, va, TRACE_READ_ONLY);
}

/* ---- the log: accesses ---- */

static uint64_t count_of(uint64_t word)
{
    return word << 2 >> (CPU_LOG_COUNT_SHIFT + 2);
}

static void tell_logged_access(struct recorder *recorder, uint16_t space, uint64_t word, vaddr_t va)
{
    unsigned flags =
        (word & CPU_LOG_UPDATES ? TRACE_UPDATES : 0) | (word & CPU_LOG_UNDONE ? TRACE_REST : 0);
    uint64_t count = count_of(word);
    if (word & CPU_LOG_FAULT) {
        if ((word & CPU_LOG_KIND) == MMU_STORE)
            tell_event(recorder, space, va, TRACE_DENIED);
        return;
    }
    unsigned len = (unsigned)(word >> CPU_LOG_LEN_SHIFT & UINT16_MAX);
    while (count > 0) {
        uint32_t some = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
        tell_access(recorder, space, va, len, some, (enum mmu_access)(word & CPU_LOG_KIND), flags);
        count -= some;
    }
}

static void tell_moves(struct recorder *recorder, uint16_t space, uint64_t count, vaddr_t from,
                       vaddr_t to)
{
    if (recorder->writer) {
        pagetrace_write_moves(recorder->writer, vaddr_vpn(from), vaddr_vpn(to), count);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        tell_access(recorder, space, from, 1, 1, MMU_LOAD, 0);
        tell_access(recorder, space, to, 1, 1, MMU_STORE, 0);
    }
}

/* ---- the log: stretches ---- */

static struct pagetrace_op op_of(const struct cpu_op *op)
{
    return (struct pagetrace_op){
        .kind = (uint8_t)kinds[op->access],
        .flags = (uint8_t)((op->updates ? TRACE_UPDATES : 0) | (op->second ? TRACE_REST : 0)),
        .n = op->access == MMU_FETCH ? 1 : op->address};
}

/* Fetches in a row become one operation. */
static unsigned convert(const struct cpu_stretch *stretch, struct pagetrace_op *ops)
{
    unsigned n = 0;
    for (unsigned i = 0; i < stretch->nops; i++) {
        struct pagetrace_op op = op_of(&stretch->ops[i]);
        bool joins = n > 0 && op.kind == TRACE_FETCH && ops[n - 1].kind == TRACE_FETCH &&
                     !op.flags && !ops[n - 1].flags;
        if (joins)
            ops[n - 1].n++;
        else
            ops[n++] = op;
    }
    return n;
}

static uint64_t define(const struct recorder *recorder, uint64_t number)
{
    struct cpu_stretch stretch;
    struct pagetrace_op ops[PAGETRACE_OPS_MAX];
    cpu_log_stretch(recorder->machine, number, &stretch);
    CHECK(stretch.nops <= PAGETRACE_OPS_MAX);
    unsigned nops = convert(&stretch, ops);
    return pagetrace_define(recorder->writer, vaddr_vpn(stretch.pc), ops, nops, stretch.naddresses);
}

/* One at least, and those after it that come as expected. Result: the word after them. */
static const uint64_t *write_stretches(const struct recorder *recorder, uint64_t *notes,
                                       const uint64_t *words, const uint64_t *end)
{
    struct pagetrace_writer *writer = recorder->writer;
    uint64_t *note = &notes[words[0]];
    if (!pagetrace_knows(writer, *note))
        *note = define(recorder, words[0]);
    unsigned npages = *note & (((unsigned)1 << PAGETRACE_NOTE_SHIFT) - 1);
    pagetrace_write_stretch(writer, *note, words + 1);
    return pagetrace_write_expected(writer, notes, words + 1 + npages, end);
}

/* For a sink. Result: the word after it. */
static const uint64_t *tell_stretch(struct recorder *recorder, uint16_t space,
                                    const uint64_t *words)
{
    struct cpu_stretch stretch;
    cpu_log_stretch(recorder->machine, words[0], &stretch);
    uint64_t code_page = vaddr_vpn(stretch.pc);
    for (unsigned i = 0; recorder->sink && i < stretch.nops; i++) {
        struct pagetrace_op op = op_of(&stretch.ops[i]);
        struct trace_ref ref = {.count = 1, .space = space, .kind = op.kind, .flags = op.flags};
        ref.page = op.kind == TRACE_FETCH ? code_page + stretch.ops[i].second
                                          : vaddr_vpn(vaddr(words[1 + op.n]));
        recorder->sink(recorder->context, &ref);
    }
    return words + 1 + stretch.naddresses;
}

void recorder_log(void *context, uint16_t space, const uint64_t *words, const uint64_t *end)
{
    struct recorder *recorder = context;
    uint64_t *notes = cpu_log_notes(recorder->machine);
    if (recorder->writer) {
        pagetrace_write_space(recorder->writer, space);
        words = pagetrace_write_expected(recorder->writer, notes, words, end);
    }
    while (words < end) {
        if ((words[0] & CPU_LOG_MOVES) == CPU_LOG_MOVES) {
            tell_moves(recorder, space, count_of(words[0]), vaddr(words[1]), vaddr(words[2]));
            words += 3;
        } else if (words[0] & CPU_LOG_ACCESS) {
            tell_logged_access(recorder, space, words[0], vaddr(words[1]));
            words += 2;
        } else if (recorder->writer) {
            words = write_stretches(recorder, notes, words, end);
        } else {
            words = tell_stretch(recorder, space, words);
        }
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

int pw_record(struct pw_system *system, const char *path, struct pw_error *error)
{
    CHECK(system->recorder && !system->recorder->writer);
    struct recorder *recorder = system->recorder;
    int code = open_file(recorder, path);
    if (code)
        return error_set(error, code, "cannot write %.300s: %s", path, strerror(code));
    move_up(recorder);
    pagetrace_writer_create(recorder->fd, &recorder->writer);
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
    int code = finish_file(recorder);
    close_file(recorder);
    if (code)
        return error_set(error, code, "cannot write the trace: %s", strerror(code));
    return 0;
}
