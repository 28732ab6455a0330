// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ChampSim's traces: a record of 64 bytes an instruction, with its address, and the addresses of up
 * to four loads and two stores, 0 for none. Their sizes are not known: each access is taken to lie
 * on one page.
 *
 *    0  ip                u64
 *    8  branch, registers 8 bytes, of no use here
 *   16  stores            2 * u64
 *   32  loads             4 * u64
 *
 * Source: ChampSim, inc/trace_instruction.h, struct input_instr.
 */
#include <string.h>

#include "observe/trace_reader.h"

enum { RECORD_LEN = 64, STORES_AT = 16, NSTORES = 2, LOADS_AT = 32, NLOADS = 4 };

static uint64_t word_at(const uint8_t *record, size_t at)
{
    uint64_t word;
    memcpy(&word, record + at, sizeof(word));
    return word;
}

/* Adds `count` accesses. Result: the new number of references, or 0 if an address is none. */
static size_t add(struct trace_ref *refs, size_t n, const uint8_t *words, unsigned count,
                  enum trace_kind kind)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t va = word_at(words, i * sizeof(va));
        if (!trace_is_address(va, 1))
            return 0;
        if (va != 0)
            n = trace_add(refs, n, va, 1, kind);
    }
    return n;
}

static size_t add_record(struct trace_ref *refs, size_t n, const uint8_t *record)
{
    if (!trace_is_address(word_at(record, 0), 1))
        return 0;
    n = trace_add(refs, n, word_at(record, 0), 1, TRACE_FETCH);
    n = add(refs, n, record + LOADS_AT, NLOADS, TRACE_LOAD);
    return n ? add(refs, n, record + STORES_AT, NSTORES, TRACE_STORE) : 0;
}

static int champsim_read(struct trace *trace, struct trace_ref *refs, size_t max)
{
    size_t n = 0, have;
    while (n + TRACE_ROOM <= max) {
        const uint8_t *record = input_ahead(trace->input, RECORD_LEN, &have);
        if (have == 0)
            break;
        if (have < RECORD_LEN)
            return trace_fail_short(trace);
        n = add_record(refs, n, record);
        if (n == 0)
            return trace_fail(trace, "an address does not have 48 bits: is this a ChampSim trace?");
        input_skip(trace->input, RECORD_LEN);
    }
    return (int)n;
}

const struct trace_reader trace_champsim = {
    .name = "champsim",
    .summary = "ChampSim, 64 bytes an instruction; by 'champsim' in the file's name",
    .in_name = "champsim",
    .read = champsim_read,
};
