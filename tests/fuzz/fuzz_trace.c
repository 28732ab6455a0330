// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trace readers and bytes that nobody meant. Every damage to a page trace is noticed; tokens that
 * are nonsense below a checksum that is right, and random bytes for every format, end in references
 * that are sound or in one line. Use: fuzz_trace [CASES]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "observe/pagetrace.h"

enum { REFS = 256, LEN_MAX = 1 << 16, NREFS = 3000 };

static char path[] = "/tmp/pagewalk-fuzz-XXXXXX";
static unsigned cases = 20000;

static void put(const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static size_t get(uint8_t *bytes)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(bytes, 1, LEN_MAX, file);
    fclose(file);
    return len;
}

static void check_refs(const struct trace_ref *refs, int n)
{
    for (int i = 0; i < n; i++) {
        assert_true(refs[i].count > 0 && refs[i].kind <= TRACE_GONE);
        assert_true(refs[i].page < (uint64_t)1 << 35 || refs[i].page >= -((uint64_t)1 << 35));
    }
}

/* Reads [from, to). Result: 0, or -1: the trace was refused, in one line. */
static int read_window(const char *format, uint64_t from, uint64_t to)
{
    char why[TRACE_WHY_LEN] = "";
    struct trace *trace;
    struct trace_ref refs[REFS];
    int n;
    if (trace_open(path, format, &trace, why) < 0) {
        assert_true(why[0] && !strchr(why, '\n'));
        return -1;
    }
    trace_set_window(trace, from, to);
    while ((n = trace_read(trace, refs, REFS)) > 0)
        check_refs(refs, n);
    assert_true(n == 0 || (trace_why(trace)[0] && !strchr(trace_why(trace), '\n')));
    trace_close(trace);
    return n;
}

/* All of it; and a part, which need not meet what is damaged. */
static int read_all(const char *format)
{
    uint64_t from = (uint64_t)rand() % 2000;
    if (rand() % 4 == 0)
        read_window(format, from, from + (uint64_t)rand() % 2000);
    return read_window(format, 0, UINT64_MAX);
}

static uint64_t random_page(void)
{
    static const int64_t bases[] = {0x400, 0x7ffff7000, 0x7ffffff00, -30, 1};
    return (uint64_t)(bases[rand() % 5] + rand() % 20);
}

static struct trace_ref random_ref(void)
{
    struct trace_ref ref = {.page = random_page(),
                            .count = 1,
                            .space = rand() % 50 ? 0 : (uint16_t)(rand() % 3),
                            .kind = (uint8_t)(rand() % 3)};
    if (rand() % 100 == 0)
        ref.kind = TRACE_GONE;
    if (ref.kind == TRACE_FETCH || rand() % 10 == 0)
        ref.count += (uint32_t)rand() % 20;
    if (ref.kind < TRACE_FETCH && rand() % 10 == 0)
        ref.flags = ref.kind == TRACE_LOAD ? TRACE_UPDATES : TRACE_KERNEL;
    return ref;
}

/* ---- stretches ---- */

enum { STRETCHES = 300, OPS = 12, PAGES = 12 };

static struct random_stretch {
    uint64_t code_page;
    unsigned nops, npages;
    struct pagetrace_op ops[OPS];
    uint64_t words[1 + PAGES]; /* as it was executed last */
} stretches[STRETCHES];
static uint64_t notes[STRETCHES];

static void make_stretch(struct random_stretch *stretch, unsigned number)
{
    *stretch = (struct random_stretch){.code_page = 0x400 + (uint64_t)rand() % 40};
    stretch->nops = 1 + (unsigned)rand() % OPS;
    stretch->npages = (unsigned)rand() % (1 + PAGES);
    stretch->words[0] = number;
    for (unsigned i = 0; i < stretch->npages; i++)
        stretch->words[1 + i] = random_page() << TRACE_PAGE_SHIFT;
    for (unsigned i = 0; i < stretch->nops; i++) {
        struct pagetrace_op *op = &stretch->ops[i];
        op->kind = (uint8_t)(stretch->npages ? rand() % 3 : TRACE_FETCH);
        op->n = op->kind == TRACE_FETCH ? (uint16_t)(1 + rand() % 30)
                                        : (uint16_t)((unsigned)rand() % stretch->npages);
        if (rand() % 8 == 0 && op->kind != TRACE_STORE)
            op->flags = op->kind == TRACE_LOAD ? TRACE_UPDATES : TRACE_REST;
    }
}

/* What the next stretch, its pages now and then others, stands for. Result: how many references. */
static size_t expand(const struct random_stretch *stretch, uint16_t space, struct trace_ref *refs)
{
    for (unsigned i = 0; i < stretch->nops; i++) {
        const struct pagetrace_op *op = &stretch->ops[i];
        bool is_fetch = op->kind == TRACE_FETCH;
        refs[i] = (struct trace_ref){
            .page = is_fetch ? stretch->code_page + (op->flags == TRACE_REST)
                             : (uint64_t)((int64_t)stretch->words[1 + op->n] >> TRACE_PAGE_SHIFT),
            .count = is_fetch ? op->n : 1,
            .space = space,
            .kind = op->kind,
            .flags = op->flags};
    }
    return stretch->nops;
}

/* As the recorder does it. */
static void write_words(struct pagetrace_writer *writer, const uint64_t *words, const uint64_t *end)
{
    while (words < end) {
        const struct random_stretch *stretch = &stretches[words[0]];
        uint64_t *note = &notes[words[0]];
        if (!pagetrace_knows(writer, *note))
            *note = pagetrace_define(writer, stretch->code_page, stretch->ops, stretch->nops,
                                     stretch->npages);
        pagetrace_write_stretch(writer, *note, words + 1);
        words = pagetrace_write_expected(writer, notes, words + 1 + stretch->npages, end);
    }
}

/* Stretches in an order that mostly repeats. Result: how many references. */
static size_t write_stretches(struct pagetrace_writer *writer, struct trace_ref *refs)
{
    enum { N = 200 };
    uint64_t words[N * (1 + PAGES) + PAGES], *at = words;
    uint16_t space = (uint16_t)(rand() % 3);
    unsigned number = (unsigned)rand() % STRETCHES;
    size_t n = 0;
    for (unsigned i = 0; i < N; i++) {
        struct random_stretch *stretch = &stretches[number];
        if (stretch->npages && rand() % 10 == 0)
            stretch->words[1 + (unsigned)rand() % stretch->npages] = random_page()
                                                                     << TRACE_PAGE_SHIFT;
        memcpy(at, stretch->words, (1 + stretch->npages) * sizeof(*at));
        at += 1 + stretch->npages;
        n += expand(stretch, space, refs + n);
        number = rand() % 6 ? (number * 7 + 3) % STRETCHES : (unsigned)rand() % STRETCHES;
    }
    pagetrace_write_space(writer, space);
    write_words(writer, words, at);
    return n;
}

/* A move of several elements. */
static size_t write_moves(struct pagetrace_writer *writer, struct trace_ref *refs)
{
    uint64_t from = random_page(), to = random_page(), n = 1 + (uint64_t)rand() % 300;
    pagetrace_write_space(writer, 7);
    pagetrace_write_moves(writer, from, to, n);
    for (uint64_t i = 0; i < 2 * n; i++)
        refs[i] = (struct trace_ref){.page = i % 2 ? to : from,
                                     .count = 1,
                                     .space = 7,
                                     .kind = i % 2 ? TRACE_STORE : TRACE_LOAD};
    return 2 * n;
}

/* Makes a page trace, in the file and in `refs`. */
static void write_trace(struct trace_ref *refs, size_t n)
{
    FILE *file = fopen(path, "w");
    struct pagetrace_writer *writer;
    assert_non_null(file);
    pagetrace_writer_create(fileno(file), &writer);
    for (size_t i = 0; i < n; i++) {
        refs[i] = random_ref();
        if (i > 0 && rand() % 30 == 0 &&
            refs[i - 1].kind != TRACE_GONE) { /* an access on two pages */
            refs[i] = refs[i - 1];
            refs[i].page++;
            refs[i].count = 1;
            refs[i].flags |= TRACE_REST;
        }
        pagetrace_write(writer, &refs[i]);
    }
    assert_int_equal(pagetrace_writer_end(writer), 0);
    pagetrace_writer_destroy(writer);
    fclose(file);
}

/* Whether the next reference read continues one that was written: fetches on one page may come in
 * other portions. */
static void compare(const struct trace_ref *written, size_t n)
{
    char why[TRACE_WHY_LEN];
    struct trace *trace;
    struct trace_ref refs[REFS];
    size_t at = 0;
    uint32_t left = n ? written[0].count : 0;
    int got;
    assert_int_equal(trace_open(path, NULL, &trace, why), 0);
    assert_string_equal(trace_format(trace), "page");
    while ((got = trace_read(trace, refs, REFS)) > 0) {
        for (int i = 0; i < got; i++) {
            uint32_t count = refs[i].count;
            while (count > 0) {
                assert_true(at < n);
                assert_true(at < n && refs[i].page == written[at].page);
                assert_int_equal(refs[i].kind, written[at].kind);
                assert_int_equal(refs[i].space, written[at].space);
                assert_int_equal(refs[i].flags, written[at].flags);
                uint32_t step = count < left ? count : left;
                count -= step;
                left -= step;
                if (left == 0 && ++at < n)
                    left = written[at].count;
            }
        }
    }
    assert_string_equal(trace_why(trace), "");
    assert_int_equal(got, 0);
    assert_int_equal(at, n);
    trace_close(trace);
}

static void what_is_written_is_read(void **state)
{
    static struct trace_ref refs[600000];
    srand(1);
    for (size_t n = 0; n < 40; n++) {
        write_trace(refs, n);
        compare(refs, n);
    }
    write_trace(refs, 600000); /* several blocks */
    compare(refs, 600000);
}

static void stretches_are_read_as_written(void **state)
{
    enum { ROUNDS = 3000, ROOM = ROUNDS * 200 * OPS };
    struct trace_ref *refs = malloc(ROOM * sizeof(*refs));
    FILE *file = fopen(path, "w");
    struct pagetrace_writer *writer;
    size_t n = 0;
    assert_true(refs && file);
    srand(5);
    for (unsigned i = 0; i < STRETCHES; i++)
        make_stretch(&stretches[i], i);
    pagetrace_writer_create(fileno(file), &writer);
    for (unsigned i = 0; i < ROUNDS; i++) {
        n += write_stretches(writer, refs + n);
        if (rand() % 4 == 0)
            n += write_moves(writer, refs + n);
        refs[n] = random_ref();
        pagetrace_write(writer, &refs[n++]);
    }
    assert_int_equal(pagetrace_writer_end(writer), 0);
    pagetrace_writer_destroy(writer);
    fclose(file);
    compare(refs, n);
    free(refs);
}

static void every_damage_is_noticed(void **state)
{
    static struct trace_ref refs[NREFS];
    static uint8_t bytes[LEN_MAX];
    srand(2);
    write_trace(refs, NREFS);
    size_t len = get(bytes);
    assert_int_equal(read_all("page"), 0);
    for (unsigned i = 0; i < cases / 8; i++) {
        size_t at = (size_t)rand() % len;
        uint8_t bit = (uint8_t)(1 << rand() % 8);
        bytes[at] ^= bit;
        put(bytes, len);
        assert_int_equal(read_all("page"), -1);
        bytes[at] ^= bit;
    }
    for (unsigned i = 0; i < cases / 8; i++) {
        put(bytes, (size_t)rand() % len);
        assert_int_equal(read_all("page"), -1);
    }
    bytes[len] = 0;
    put(bytes, len + 1);
    assert_int_equal(read_all("page"), -1);
}

/* One block of these tokens, with a checksum that is right. */
static void put_tokens(const uint8_t *tokens, size_t len)
{
    static uint8_t file[LEN_MAX];
    const uint32_t version = PAGETRACE_VERSION;
    size_t at = PAGETRACE_MAGIC_LEN + sizeof(version);
    struct pagetrace_block block = {.magic = PAGETRACE_BLOCK, .len = (uint32_t)len, .offset = at};
    memcpy(file, PAGETRACE_MAGIC, PAGETRACE_MAGIC_LEN);
    memcpy(file + PAGETRACE_MAGIC_LEN, &version, sizeof(version));
    uint8_t *packed = file + at + sizeof(block);
    block.packed_len =
        (uint32_t)ZSTD_compress(packed, LEN_MAX - at - sizeof(block), tokens, len, 1);
    block.checksum = pagetrace_checksum(&block, packed);
    memcpy(file + at, &block, sizeof(block));
    put(file, at + sizeof(block) + block.packed_len);
}

static void nonsense_below_the_checksum_is_sound_or_refused(void **state)
{
    uint8_t tokens[200];
    srand(3);
    for (unsigned i = 0; i < cases / 2; i++) {
        size_t len = 1 + (size_t)rand() % sizeof(tokens);
        for (size_t k = 0; k < len; k++) /* mostly without a run, and small numbers */
            tokens[k] = (uint8_t)(rand() % 3 ? rand() % 8 : rand());
        if (rand() % 2) /* a stretch of a fetch and a load, and its first time */
            memcpy(tokens, "\x05\x00\x10\x01\x02\x12\x00\x04\x01\x01\x01", 11);
        put_tokens(tokens, len > 11 ? len : 11);
        assert_int_equal(read_all("page"), -1); /* there is no end block */
    }
}

static void random_bytes_end_in_one_line(void **state)
{
    static const char *const heads[] = {"",
                                        "pagewalk\2\0\0",
                                        "\x1f\x8b\b",
                                        "\xfd"
                                        "7zXZ",
                                        "I  0",
                                        "\x28\xb5\x2f\xfd\4",
                                        "L 0x",
                                        "S 12\n"};
    static const char *const formats[] = {"auto", "text", "page", "champsim", "oracle"};
    uint8_t bytes[4096];
    srand(4);
    for (unsigned i = 0; i < cases / 4; i++) {
        size_t len = (size_t)rand() % sizeof(bytes);
        const char *head = heads[rand() % 8];
        bool is_text = rand() % 2;
        for (size_t k = 0; k < len; k++)
            bytes[k] = (uint8_t)(is_text ? "LSI 0x123abc,\n\n"[rand() % 15] : rand());
        memcpy(bytes, head, strlen(head) < len ? strlen(head) : len);
        put(bytes, len);
        read_all(formats[rand() % 5]);
    }
}

static int make_file(void **state)
{
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    return unlink(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(stretches_are_read_as_written),
        cmocka_unit_test(every_damage_is_noticed),
        cmocka_unit_test(nonsense_below_the_checksum_is_sound_or_refused),
        cmocka_unit_test(random_bytes_end_in_one_line),
    };
    if (argc > 1)
        cases = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
