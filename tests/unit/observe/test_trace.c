// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading traces: what each line means, and where a mistake is said to be. */
#include "observe/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { REFS = 64 };

static char path[] = "/tmp/pagewalk-trace-XXXXXX";

static void put(const void *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

/* All references, written as "kind page count" with a star at the second page of two. */
static const char *read_bytes(const void *bytes, size_t bytes_len, const char *format)
{
    static char out[1024];
    char why[TRACE_WHY_LEN];
    struct trace *trace;
    struct trace_ref refs[REFS];
    int n, len = 0;
    out[0] = '\0';
    put(bytes, bytes_len);
    assert_int_equal(trace_open(path, format, &trace, why), 0);
    while ((n = trace_read(trace, refs, REFS)) > 0)
        for (int i = 0; i < n; i++)
            len +=
                sprintf(out + len, "%c%lx*%u%s ", "LSI"[refs[i].kind], (unsigned long)refs[i].page,
                        refs[i].count, refs[i].flags & TRACE_REST ? "+" : "");
    if (n < 0)
        sprintf(out, "! %s", trace_why(trace));
    trace_close(trace);
    return out;
}

static const char *read_text(const char *text)
{
    return read_bytes(text, strlen(text), "text");
}

static void plain_lines(void **state)
{
    assert_string_equal(read_text(""), "");
    assert_string_equal(read_text("4096\n0x2000\n8192"), "L1*1 L2*2 ");
    assert_string_equal(read_text("L 4096\nS 0x1fff\nI 0xABCDEF\r\n\n  # no\n"),
                        "L1*1 S1*1 Iabc*1 ");
    assert_string_equal(read_text("S 1\nS 2\nS 4095\nS 4096\n"), "S0*3 S1*1 ");
    assert_string_equal(read_text("0xffff800000000000\n0x7fffffffffff\n"),
                        "Lfffffff800000000*1 L7ffffffff*1 ");
}

static void lackey_lines(void **state)
{
    assert_string_equal(read_text("==12== Lackey\nI  00001000,3\n L 1ffe,8\n S 10,4\n M 10,4\n"),
                        "I1*1 L1*1 L2*1+ S0*1 L0*1 S0*1 ");
}

static void mistakes(void **state)
{
    assert_string_equal(read_text("4096\nX 12\n"), "! line 2, byte 5: the letter is not L, S or I");
    assert_string_equal(read_text("abc\n"), "! line 1, byte 0: the letter is not L, S or I");
    assert_string_equal(read_text("12x\n"), "! line 1, byte 0: something follows the address");
    assert_string_equal(read_text("12a\n"),
                        "! line 1, byte 0: there is no address: decimal, or hexadecimal with 0x");
    assert_string_equal(read_text("L\n"),
                        "! line 1, byte 0: there is no blank between the letter and the address");
    assert_string_equal(read_text("L 12,\n"), "! line 1, byte 0: there is no size after the comma");
    assert_string_equal(read_text("M 12\n"), "! line 1, byte 0: the letter is not L, S or I");
    assert_string_equal(read_text("0x800000000000\n"),
                        "! line 1, byte 0: the address does not have 48 bits");
    assert_string_equal(read_text("99999999999999999999999\n"),
                        "! line 1, byte 0: there is no address: decimal, or hexadecimal with 0x");
    assert_string_equal(read_text("L 7ffffffffff8,16\n"),
                        "! line 1, byte 0: the address does not have 48 bits");
}

static void foreign_bytes(void **state)
{
    char why[TRACE_WHY_LEN], zeros[8192] = {0};
    struct trace *trace;
    struct trace_ref refs[REFS];
    put(zeros, sizeof(zeros));
    assert_int_equal(trace_open(path, "auto", &trace, why), -1);
    assert_non_null(strstr(why, "give --format"));
    assert_int_equal(trace_open("/", NULL, &trace, why), -1);
    assert_int_equal(trace_open("/no/such", NULL, &trace, why), -1);
    assert_int_equal(trace_open(path, "nonsense", &trace, why), -1);
    memset(zeros, '7', sizeof(zeros));
    put(zeros, sizeof(zeros));
    assert_int_equal(trace_open(path, "auto", &trace, why), 0);
    assert_int_equal(trace_read(trace, refs, REFS), -1);
    assert_string_equal(trace_why(trace), "line 1, byte 0: the line is too long");
    assert_int_equal(trace_read(trace, refs, REFS), -1); /* it stays so */
    trace_close(trace);
}

/* The same lines as a file and through each compressor; then without their last bytes. */
static void compressed(void **state)
{
    static const char *const tools[] = {"gzip", "xz", "zstd"};
    char command[300], why[TRACE_WHY_LEN];
    struct trace *trace;
    struct trace_ref refs[REFS];
    for (unsigned t = 0; t < 3; t++) {
        uint64_t count = 0, next = 0;
        int n;
        snprintf(command, sizeof(command),
                 "seq 0 4096 819200000 | %s -c >%s && cp %s %s.whole && "
                 "head -c -7 %s.whole >%s.cut",
                 tools[t], path, path, path, path, path);
        assert_int_equal(system(command), 0);
        assert_int_equal(trace_open(path, NULL, &trace, why), 0);
        for (; (n = trace_read(trace, refs, REFS)) > 0; count += (uint64_t)n)
            for (int i = 0; i < n; i++)
                assert_int_equal(refs[i].page, next++);
        assert_int_equal(n, 0);
        assert_int_equal(count, 200001);
        trace_close(trace);
        snprintf(command, sizeof(command), "%s.cut", path);
        assert_int_equal(trace_open(command, NULL, &trace, why), 0);
        while ((n = trace_read(trace, refs, REFS)) > 0)
            ;
        assert_int_equal(n, -1);
        assert_non_null(strstr(trace_why(trace), "too early"));
        trace_close(trace);
        unlink(command);
        snprintf(command, sizeof(command), "%s.whole", path);
        unlink(command);
    }
}

/* A ChampSim record: an address, and what it loads and stores. */
static void champsim_record(uint64_t *record, uint64_t ip, uint64_t store, uint64_t load)
{
    memset(record, 0, 64);
    record[0] = ip;
    record[3] = store; /* the second of two */
    record[7] = load;  /* the last of four */
}

static void champsim_records(void **state)
{
    uint64_t records[3][8];
    champsim_record(records[0], 0x401000, 0x3000, 0x1fff);
    champsim_record(records[1], 0x401004, 0, 0);
    champsim_record(records[2], 0x402000, 0, 0x800000000000);
    assert_string_equal(read_bytes(records, 128, "champsim"), "I401*1 L1*1 S3*1 I401*1 ");
    assert_string_equal(read_bytes(records, 127, "champsim"),
                        "! byte 64: the trace ends in the middle of a record");
    assert_string_equal(read_bytes(records, 192, "champsim"),
                        "! byte 128: an address does not have 48 bits: is this a ChampSim trace?");
}

static void oracle_records(void **state)
{
    static const uint64_t objects[] = {UINT64_MAX - 4, 7, UINT64_MAX - 4, 9, 7, 7};
    uint8_t bytes[6 * 24] = {0};
    for (unsigned i = 0; i < 6; i++)
        memcpy(bytes + (size_t)24 * i + 4, &objects[i], 8);
    assert_string_equal(read_bytes(bytes, sizeof(bytes), "oracle"), "L1*1 L2*1 L1*1 L3*1 L2*2 ");
    assert_string_equal(read_bytes(bytes, 30, "oracle"),
                        "! byte 24: the trace ends in the middle of a record");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_lines),      cmocka_unit_test(lackey_lines),
        cmocka_unit_test(mistakes),         cmocka_unit_test(foreign_bytes),
        cmocka_unit_test(champsim_records), cmocka_unit_test(oracle_records),
        cmocka_unit_test(compressed),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
