// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Cycles are taken to be of 0.4 ns (2.5 GHz), one an instruction: an assumption, as is that what
 * walks read is in the second-level cache and that each page written is waited for. The other
 * figures are those of the documents named beside them.
 */
#include "cli/cost.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/human.h"
#include "cli/message.h"

static const struct key {
    const char *name;
    double initial; /* ns */
    const char *meaning, *source;
} keys[COST_KEYS] = {
    [COST_INSTRUCTION] = {"instruction", 0.4, "an instruction; of a trace of data, an access",
                          "assumed: one a cycle at 2.5 GHz"},
    [COST_L2_HIT] = {"l2-hit", 3.6, "a first-level TLB miss that the second level answers",
                     "9 cycles: Intel's top-down metrics for Skylake, tma_dtlb_load "
                     "(Mem_STLB_Hit_Cost)"},
    [COST_WALK_READ] = {"walk-read", 4.8, "a page-table entry that a walk reads",
                        "12 cycles, of the second-level cache, where it is assumed to be: Intel "
                        "optimization reference manual, cache parameters of Skylake"},
    [COST_MINOR] = {"minor", 520, "a page fault, without what is read for it",
                    "1,300 cycles: L. Torvalds, 30 April 2014 (Google+): 1,050 on Haswell for the "
                    "exception and the return, 80.7 % of the whole"},
    [COST_COPY] = {"copy", 320, "a page copied on write, beyond its fault",
                   "4 KiB read and written at 25.6 GB/s, two channels of DDR4-1600 (JEDEC "
                   "JESD79-4)"},
    [COST_READ] = {"read", 0, "a page read from swap or a file", "the device"},
    [COST_WRITE] = {"write", 0, "a page written there", "the device"},
};

/* The first is the default. */
static const struct device {
    const char *name;
    double read, write; /* ns a page */
    const char *source;
} devices[] = {
    {"nvme", 1e9 / 19000, 1e9 / 60000,
     "Samsung 970 EVO Plus, data sheet: random 4 KB, queue depth 1: 19,000 and 60,000 a second"},
    {"sata-ssd", 1e9 / 13000, 1e9 / 36000,
     "Samsung 870 EVO, data sheet: random 4 KB, queue depth 1: 13,000 and 36,000 a second"},
    {"disk", 11.56e6, 12.36e6,
     "Western Digital Ultrastar DC HC310, specification: seeks of 7.4 and 8.2 ms, half a turn of "
     "4.16 ms"},
    {"zram", 4096 / 1.820, 4096 / 0.422,
     "LZ4 r101, README: 1,820 MB/s decompressed, 422 MB/s compressed, on a Core i5-3340M"},
    {"far-memory", 4300, 4300,
     "H. Al Maruf, M. Chowdhury: Effectively Prefetching Remote Memory with Leap, USENIX ATC 2020, "
     "figure 1: RDMA"},
};
enum { NDEVICES = sizeof(devices) / sizeof(devices[0]), DEPTH_MAX = 4, LINE_LEN = 256 };

static bool unit_scale(const char *unit, double *scale)
{
    static const struct {
        const char *unit;
        double scale;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            *scale = units[i].scale;
            return true;
        }
    }
    return false;
}

static bool parse_time(const char *text, double *ns)
{
    char *end;
    double value = strtod(text, &end), scale;
    if (end == text || !(value >= 0) || value > 1e12 || !unit_scale(end, &scale))
        return false;
    *ns = value * scale;
    return true;
}

static void use_device(struct cost *cost, const struct device *device)
{
    cost->ns[COST_READ] = device->read;
    cost->ns[COST_WRITE] = device->write;
}

static bool set_device(struct cost *cost, const char *name)
{
    for (size_t i = 0; i < NDEVICES; i++) {
        if (strcmp(name, devices[i].name) == 0) {
            use_device(cost, &devices[i]);
            return true;
        }
    }
    return false;
}

/* "key=time". */
static bool set_key(struct cost *cost, const char *item)
{
    const char *equals = strchr(item, '=');
    size_t len = equals ? (size_t)(equals - item) : 0;
    for (size_t i = 0; equals && i < COST_KEYS; i++)
        if (strlen(keys[i].name) == len && strncmp(keys[i].name, item, len) == 0)
            return parse_time(equals + 1, &cost->ns[i]);
    return false;
}

static int parse_items(char *text, const char *separators, struct cost *out, unsigned depth);

/* Takes the items of a line, less its comment. */
static int parse_line(char *line, struct cost *out, unsigned depth)
{
    line[strcspn(line, "#\n")] = '\0';
    return parse_items(line, ", \t", out, depth);
}

static int parse_file(const char *path, struct cost *out, unsigned depth)
{
    char line[LINE_LEN];
    FILE *in = depth < DEPTH_MAX ? fopen(path, "re") : NULL;
    if (!in)
        return message_error("--cost: cannot read %.200s: %s", path,
                             strerror(depth < DEPTH_MAX ? errno : ELOOP));
    int result = 0;
    while (result == 0 && fgets(line, sizeof(line), in))
        result = parse_line(line, out, depth + 1);
    if (result == 0 && ferror(in))
        result = message_error("--cost: cannot read %.200s: %s", path, strerror(errno));
    fclose(in);
    return result;
}

static int parse_item(const char *item, struct cost *out, unsigned depth)
{
    if (set_device(out, item) || set_key(out, item))
        return 0;
    if (strchr(item, '/'))
        return parse_file(item, out, depth);
    char names[160] = "", known[160] = "";
    for (size_t i = 0; i < NDEVICES; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 devices[i].name);
    for (size_t i = 0; i < COST_KEYS; i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
                 keys[i].name);
    return message_error("--cost: '%.60s' is neither a device (%s) nor KEY=TIME with %s, as in "
                         "read=90us, nor a FILE with a slash in its name",
                         item, names, known);
}

static int parse_items(char *text, const char *separators, struct cost *out, unsigned depth)
{
    for (char *item; (item = strsep(&text, separators));)
        if ((*item || depth == 0) && parse_item(item, out, depth) != 0)
            return -1;
    return 0;
}

int cost_parse(const char *text, struct cost *out)
{
    struct cost cost;
    for (size_t i = 0; i < COST_KEYS; i++)
        cost.ns[i] = keys[i].initial;
    use_device(&cost, &devices[0]);
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        return message_error("out of memory"), -1;
    int result = copy ? parse_items(copy, ",", &cost, 0) : 0;
    free(copy);
    if (result == 0)
        *out = cost;
    return result;
}

/* ---- help ---- */

static void put_entry(FILE *out, const char *name, const char *values, const char *text,
                      const char *source)
{
    fprintf(out, "  %-12s %s", name, values);
    if (text)
        fprintf(out, "  %s", text);
    fprintf(out, "\n%15s", "");
    human_wrap(out, 15, 15, source);
}

void cost_print(FILE *out)
{
    char value[64], read[HUMAN_LEN], write[HUMAN_LEN];
    fputs("Modelled times are made of these. --cost changes them: it takes devices,\n"
          "KEY=TIME with ns, us, ms or s, and files of such items (with a slash in their\n"
          "names), with commas between them.\n\n",
          out);
    for (size_t i = 0; i < COST_READ; i++) {
        snprintf(value, sizeof(value), "%7s", human_time(keys[i].initial / 1e9, read));
        put_entry(out, keys[i].name, value, keys[i].meaning, keys[i].source);
    }
    fputs("\nread and write are times of the device, for a page; the first is the default:\n\n",
          out);
    for (size_t i = 0; i < NDEVICES; i++) {
        snprintf(value, sizeof(value), "%7s read, %7s written",
                 human_time(devices[i].read / 1e9, read),
                 human_time(devices[i].write / 1e9, write));
        put_entry(out, devices[i].name, value, NULL, devices[i].source);
    }
}

/* ---- times ---- */

static double count_of(const struct report *report, const char *counter)
{
    int i = pw_counter_find(counter);
    return report_has(report, i) ? (double)report_counter(report, i) : 0;
}

void cost_of_report(const struct report *report, const struct cost *cost, struct cost_time *out)
{
    bool has_code = report_has(report, pw_counter_find("instructions"));
    double work = has_code ? count_of(report, "instructions")
                           : count_of(report, "loads") + count_of(report, "stores");
    const double *ns = cost->ns;
    *out = (struct cost_time){
        .work = work * ns[COST_INSTRUCTION],
        .translation = count_of(report, "tlb_l2_hits") * ns[COST_L2_HIT] +
                       count_of(report, "walk_reads") * ns[COST_WALK_READ],
        .faults = count_of(report, "faults") * ns[COST_MINOR] +
                  count_of(report, "faults_cow") * ns[COST_COPY],
        .paging = count_of(report, "pages_in") * ns[COST_READ] +
                  count_of(report, "pages_out") * ns[COST_WRITE],
    };
    out->total = out->work + out->translation + out->faults + out->paging;
}

json_t *cost_json(const struct cost *cost, const struct cost_time *time)
{
    json_t *costs = json_object();
    for (size_t i = 0; i < COST_KEYS; i++)
        json_object_set_new(costs, keys[i].name, json_real(cost->ns[i]));
    return json_pack("{s:o,s:{s:f,s:f,s:f,s:f,s:f}}", "costs_ns", costs, "time_ns", "work",
                     time->work, "translation", time->translation, "faults", time->faults, "paging",
                     time->paging, "total", time->total);
}
