// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The summary: one line a subject, as
 *
 *   label          value  what it is made of
 *
 * aligned, and at most 80 columns wide. Counters that the engine does not measure have no line.
 */
#include "cli/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "cli/attribution.h"
#include "cli/cost.h"
#include "cli/human.h"
#include "cli/summary_tree.h"

enum {
    LABEL_WIDTH = 14,
    VALUE_WIDTH = 15,
    TEXT_COLUMN = 2 + LABEL_WIDTH + VALUE_WIDTH + 2,
    NOTES_MAX = 8
};

static const uint64_t page_bytes = 4096;

struct sheet {
    FILE *out;
    const struct report *report;
    const char *bold, *plain; /* terminal sequences, or empty */
};

static uint64_t value_of(const struct sheet *sheet, const char *counter)
{
    return report_counter(sheet->report, pw_counter_find(counter));
}

static bool has(const struct sheet *sheet, const char *counter)
{
    return report_has(sheet->report, pw_counter_find(counter));
}

static void line(const struct sheet *sheet, const char *label, const char *value,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

static void line(const struct sheet *sheet, const char *label, const char *value,
                 const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(sheet->out, "  %-*s%*s%s", LABEL_WIDTH, label, VALUE_WIDTH, value, *text ? "  " : "");
    human_wrap(sheet->out, TEXT_COLUMN, TEXT_COLUMN, text);
}

/* The command as one line: control characters and bytes that are not ASCII would spoil it. */
static void write_command(const struct sheet *sheet, char *const *argv)
{
    char text[HUMAN_WIDTH] = "";
    size_t len = 0, most = sizeof(text) - sizeof("pagewalk: ...");
    if (sheet->report->replay)
        len = (size_t)sprintf(text, "replay of ");
    for (size_t i = 0; argv[i] && len < most; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", argv[i]);
    if (len > most)
        strcpy(text + most - 3, "...");
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    fprintf(sheet->out, "%spagewalk: %s%s\n", sheet->bold, text, sheet->plain);
}

static void write_exit(const struct sheet *sheet)
{
    struct pw_process_info process;
    char status[HUMAN_LEN];
    if (!pw_process(sheet->report->system, 0, &process))
        return;
    if (!process.exited)
        line(sheet, "exit", "-", "stopped before its end");
    else if (process.signal)
        line(sheet, "killed by", "", "signal %d, %s", process.signal, strsignal(process.signal));
    else
        line(sheet, "exit status", human_count((uint64_t)process.status, status), "%s", "");
}

static void write_memory(const struct sheet *sheet)
{
    char value[HUMAN_LEN], ram[HUMAN_LEN], tables[HUMAN_LEN];
    uint64_t pages = value_of(sheet, "pages_peak"), frames = value_of(sheet, "frames_total");
    human_size(frames * page_bytes, ram);
    human_size(pages * page_bytes, value);
    if (pages <= frames)
        line(sheet, "footprint", value, "%.*f %% of the %s of RAM", pages * 10 < frames,
             100 * (double)pages / (double)frames, ram);
    else
        line(sheet, "footprint", value, "%.1f times the %s of RAM", (double)pages / (double)frames,
             ram);
    human_size(value_of(sheet, "tables_peak") * page_bytes, tables);
    line(sheet, "RAM in use", human_size(value_of(sheet, "frames_peak") * page_bytes, value),
         sheet->report->replay ? "at most; page tables, not charged, have %s"
                               : "at most, page tables of up to %s included",
         tables);
}

static void write_faults(const struct sheet *sheet)
{
    char value[HUMAN_LEN], minor[HUMAN_LEN], major[HUMAN_LEN], cow[HUMAN_LEN] = "";
    bool has_cow = has(sheet, "faults_cow");
    if (has_cow)
        human_count(value_of(sheet, "faults_cow"), cow);
    line(sheet, "page faults", human_count(value_of(sheet, "faults"), value),
         "%s minor, %s major%s%s%s", human_count(value_of(sheet, "faults_minor"), minor),
         human_count(value_of(sheet, "faults_major"), major), has_cow ? ", " : "", cow,
         has_cow ? " copy on write" : "");
}

/* Only if there are any. */
static void write_large(const struct sheet *sheet)
{
    char value[HUMAN_LEN], split[HUMAN_LEN], waste[HUMAN_LEN];
    uint64_t made = value_of(sheet, "large_faults") + value_of(sheet, "large_collapses");
    if (made)
        line(sheet, "large pages", human_count(made, value), "of 2 MiB; %s split; %s never filled",
             human_count(value_of(sheet, "large_splits"), split),
             human_size(value_of(sheet, "large_waste") * page_bytes, waste));
}

static void write_paging(const struct sheet *sheet, const char *label, const char *counter,
                         const char *from_swap)
{
    char value[HUMAN_LEN], size[HUMAN_LEN], swap[HUMAN_LEN];
    uint64_t pages = value_of(sheet, counter);
    if (!has(sheet, from_swap)) {
        line(sheet, label, human_count(pages, value), "pages, %s",
             human_size(pages * page_bytes, size));
        return;
    }
    line(sheet, label, human_count(pages, value), "pages, %s; %s of them swap",
         human_size(pages * page_bytes, size), human_count(value_of(sheet, from_swap), swap));
}

/* Only if there is any. */
static void write_readahead(const struct sheet *sheet)
{
    char value[HUMAN_LEN], used[HUMAN_LEN], wasted[HUMAN_LEN];
    if (!has(sheet, "readahead_pages") || value_of(sheet, "readahead_pages") == 0)
        return;
    line(sheet, "read ahead", human_count(value_of(sheet, "readahead_pages"), value),
         "pages; %s were used, %s evicted before",
         human_count(value_of(sheet, "readahead_hits"), used),
         human_count(value_of(sheet, "readahead_wasted"), wasted));
}

static void write_tlb(const struct sheet *sheet, const char *label, const char *hits_name,
                      const char *misses_name)
{
    char value[HUMAN_LEN], rate[HUMAN_LEN], missed[HUMAN_LEN];
    if (!has(sheet, hits_name) || !has(sheet, misses_name))
        return;
    uint64_t hits = value_of(sheet, hits_name), misses = value_of(sheet, misses_name);
    line(sheet, label, human_count(hits + misses, value), "lookups, %s hits; %s misses",
         human_rate(hits, hits + misses, rate), human_count(misses, missed));
}

static void write_walks(const struct sheet *sheet)
{
    char value[HUMAN_LEN], reads[HUMAN_LEN];
    if (!has(sheet, "walks"))
        return;
    uint64_t walks = value_of(sheet, "walks"), count = value_of(sheet, "walk_reads");
    line(sheet, "page walks", human_count(walks, value), "%s entries read, %.1f a walk",
         human_count(count, reads), walks ? (double)count / (double)walks : 0.0);
}

static void write_work(const struct sheet *sheet)
{
    char value[HUMAN_LEN], loads[HUMAN_LEN], stores[HUMAN_LEN];
    bool has_code = has(sheet, "instructions");
    line(sheet, has_code ? "instructions" : "accesses",
         human_count(has_code ? value_of(sheet, "instructions")
                              : value_of(sheet, "loads") + value_of(sheet, "stores"),
                     value),
         "%s loads, %s stores", human_count(value_of(sheet, "loads"), loads),
         human_count(value_of(sheet, "stores"), stores));
    if (has(sheet, "processes") && value_of(sheet, "processes") > 1)
        line(sheet, "processes", human_count(value_of(sheet, "processes"), value), "%s", "");
}

static void write_times(const struct sheet *sheet, const struct report_times *times)
{
    char value[HUMAN_LEN];
    bool has_code = has(sheet, "instructions");
    double rate = has_code ? (double)value_of(sheet, "instructions") / 1e6 : 0;
    snprintf(value, sizeof(value), "%.2f s", times->wall);
    if (times->user >= 0.01 && has_code)
        line(sheet, "time", value, "%.2f s user, %.2f s system; %.0f M instr/s", times->user,
             times->system, rate / times->user);
    else
        line(sheet, "time", value, "%.2f s user, %.2f s system", times->user, times->system);
}

static void write_modelled(const struct sheet *sheet)
{
    char total[HUMAN_LEN], work[HUMAN_LEN], translation[HUMAN_LEN], faults[HUMAN_LEN],
        paging[HUMAN_LEN];
    struct cost_time time;
    cost_of_report(sheet->report, sheet->report->cost, &time);
    line(sheet, "modelled time", human_time(time.total / 1e9, total),
         "%s work, %s TLB misses, %s faults, %s paging", human_time(time.work / 1e9, work),
         human_time(time.translation / 1e9, translation), human_time(time.faults / 1e9, faults),
         human_time(time.paging / 1e9, paging));
}

static void write_unknown_calls(const struct sheet *sheet)
{
    struct pw_unknown_call_info call;
    char text[512] = "";
    for (size_t i = 0; pw_unknown_call(sheet->report->system, i, &call); i++) {
        size_t len = strlen(text);
        char name[32];
        snprintf(name, sizeof(name), "number %d", call.number);
        snprintf(text + len, sizeof(text) - len, "%s%s (%" PRIu64 "x)", i ? ", " : "",
                 call.name ? call.name : name, call.times);
    }
    if (*text)
        line(sheet, "unknown calls", "", "%s", text);
}

static void write_notes(const struct sheet *sheet)
{
    size_t i = 0;
    for (; i < NOTES_MAX && pw_note(sheet->report->system, i); i++) {
        fputs("  note: ", sheet->out);
        human_wrap(sheet->out, 8, 8, pw_note(sheet->report->system, i));
    }
    if (pw_note(sheet->report->system, i))
        fputs("  note: there are more of this kind\n", sheet->out);
}

void summary_write(FILE *out, const struct report *report, bool colour)
{
    struct sheet sheet = {out, report, colour ? "\033[1m" : "", colour ? "\033[0m" : ""};
    write_command(&sheet, report->argv);
    if (report->system)
        write_exit(&sheet);
    write_memory(&sheet);
    write_faults(&sheet);
    write_large(&sheet);
    write_paging(&sheet, "paged in", "pages_in", "swap_pages_in");
    write_readahead(&sheet);
    write_paging(&sheet, "paged out", "pages_out", "swap_pages_out");
    write_tlb(&sheet, "TLB L1 data", "tlb_l1d_hits", "tlb_l1d_misses");
    write_tlb(&sheet, "TLB L1 code", "tlb_l1i_hits", "tlb_l1i_misses");
    write_tlb(&sheet, "TLB L2", "tlb_l2_hits", "tlb_l2_misses");
    write_walks(&sheet);
    write_work(&sheet);
    write_times(&sheet, &report->times);
    write_modelled(&sheet);
    if (report->system) {
        write_unknown_calls(&sheet);
        write_notes(&sheet);
        summary_tree_write(out, report->system);
    }
    if (report->attribution) {
        attribution_table(out, report->attribution, report->config);
    }
}
