// SPDX-License-Identifier: GPL-2.0-or-later
/* See json.h. Built with jansson; counters come from the list, so a new one needs no change here.
 */
#include "cli/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attribution.h"
#include "cli/cost.h"

/* Length of the UTF-8 sequence at s, 0 if it is none (RFC 3629: shortest form, no surrogates). */
static size_t utf8_length(const unsigned char *s)
{
    unsigned low = 0x80, high = 0xbf;
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len < 2 || s[0] > 0xf4)
        return s[0] > 0xf4 ? 0 : len;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return len;
}

json_t *json_text_of(const char *bytes)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *from = (const unsigned char *)bytes;
    char *text = malloc(3 * strlen(bytes) + 1), *to = text;
    if (!text)
        return NULL;
    while (*from) {
        size_t len = utf8_length(from);
        const void *piece = len ? (const void *)from : replacement;
        size_t piece_len = len ? len : sizeof(replacement) - 1;
        memcpy(to, piece, piece_len);
        to += piece_len;
        from += len ? len : 1;
    }
    json_t *json = json_stringn(text, (size_t)(to - text));
    free(text);
    return json;
}

json_t *json_command(char *const *argv)
{
    json_t *list = json_array();
    for (size_t i = 0; argv && argv[i]; i++)
        json_array_append_new(list, json_text_of(argv[i]));
    return list;
}

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* The size in bytes that ends the text of --swap: "none", "4294967296" or "PATH:4294967296". */
static uint64_t swap_bytes(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t bytes = 0;
    pw_parse_size(colon ? colon + 1 : text, &bytes);
    return bytes;
}

static json_t *is_yes(const struct pw_config *config, const char *name)
{
    return json_boolean(strcmp(pw_config_get(config, name), "yes") == 0);
}

/* Of data in the smallest pages. */
static json_t *reach_object(const struct pw_config *config)
{
    return json_pack("{s:o,s:o}", "l1_bytes", integer(pw_tlb_reach(config, 1, 4096)), "l2_bytes",
                     integer(pw_tlb_reach(config, 2, 4096)));
}

/* Their numbers by size, of what is there. */
static void add_hugepages(json_t *object, const char *text)
{
    unsigned long long small = 0, giant = 0;
    if (sscanf(text, "2M:%llu,1G:%llu", &small, &giant) != 2)
        small = strtoull(text, NULL, 10);
    if (small)
        json_object_set_new(object, "hugepages", integer(small));
    if (giant)
        json_object_set_new(object, "hugepages_1g", integer(giant));
}

static json_t *config_object(const struct pw_config *config)
{
    json_t *object = json_object();
    const char *engine = pw_config_get(config, "engine"), *swap = pw_config_get(config, "swap");
    const char *levels = pw_config_get(config, "levels");
    const char *page_size = pw_config_get(config, "page-size");
    const char *hugepages = pw_config_get(config, "hugepages");
    const char *root = pw_config_get(config, "root");
    if (engine)
        json_object_set_new(object, "engine", json_text_of(engine));
    json_object_set_new(object, "ram_bytes", integer(swap_bytes(pw_config_get(config, "ram"))));
    json_object_set_new(object, "page_bytes", integer(4096));
    if (page_size)
        json_object_set_new(object, "page_size", json_text_of(page_size));
    if (page_size)
        json_object_set_new(object, "large_pages", json_boolean(strcmp(page_size, "4096") != 0));
    if (hugepages)
        add_hugepages(object, hugepages);
    if (swap)
        json_object_set_new(object, "swap_bytes", integer(swap_bytes(swap)));
    json_object_set_new(object, "policy", json_text_of(pw_config_get(config, "policy")));
    json_object_set_new(object, "tlb", json_text_of(pw_config_get(config, "tlb")));
    json_object_set_new(object, "tlb_reach", reach_object(config));
    if (levels)
        json_object_set_new(object, "levels", integer(swap_bytes(levels)));
    if (root) {
        json_object_set_new(object, "root", json_text_of(root));
        json_object_set_new(object, "read_only", is_yes(config, "read-only"));
        json_object_set_new(object, "no_net", is_yes(config, "no-net"));
    }
    return object;
}

static json_t *exit_object(const struct pw_process_info *process)
{
    if (!process->exited)
        return json_null();
    return json_pack("{s:i,s:i}", "status", process->status, "signal", process->signal);
}

static json_t *counters_object(const struct report *report)
{
    json_t *object = json_object();
    struct pw_counter_info info;
    for (int i = 0; pw_counter_info(i, &info); i++)
        if (report_has(report, i))
            json_object_set_new(object, info.name, integer(report_counter(report, i)));
    return object;
}

static json_t *process_counters(const struct pw_system *system, size_t process)
{
    json_t *object = json_object();
    struct pw_counter_info info;
    for (int i = 0; pw_counter_info(i, &info); i++)
        if (info.per_process && pw_counter_has(system, i))
            json_object_set_new(object, info.name, integer(pw_process_counter(system, process, i)));
    return object;
}

static json_t *folded_counters(const struct pw_system *system)
{
    json_t *object = json_object();
    struct pw_counter_info info;
    for (int i = 0; pw_counter_info(i, &info); i++)
        if (info.per_process && pw_counter_has(system, i))
            json_object_set_new(object, info.name, integer(pw_folded_counter(system, i)));
    return object;
}

static json_t *memory_object(const struct pw_process_info *process)
{
    json_t *object = json_object();
    json_object_set_new(object, "rss_peak_bytes", integer(process->rss_peak));
    if (process->exited) {
        json_object_set_new(object, "rss_end_bytes", integer(process->rss_end));
        json_object_set_new(object, "pss_end_bytes", integer(process->pss_end));
    }
    return object;
}

static json_t *processes_array(const struct pw_system *system)
{
    json_t *list = json_array();
    struct pw_process_info process;
    for (size_t i = 0; pw_process(system, i, &process); i++)
        json_array_append_new(list,
                              json_pack("{s:i,s:i,s:o,s:o,s:o,s:o}", "pid", process.pid, "ppid",
                                        process.ppid, "command", json_command(process.argv), "exit",
                                        exit_object(&process), "memory", memory_object(&process),
                                        "counters", process_counters(system, i)));
    return list;
}

/* Processes that ended long ago are not told apart. */
static json_t *folded_object(const struct pw_system *system)
{
    return json_pack("{s:o,s:o}", "processes", integer(pw_folded(system)), "counters",
                     folded_counters(system));
}

static json_t *modelled_object(const struct report *report)
{
    struct cost_time time;
    cost_of_report(report, report->cost, &time);
    return cost_json(report->cost, &time);
}

static json_t *run_object(const struct report *report)
{
    struct pw_process_info first = {0};
    struct pw_attribution_call call;
    pw_process(report->system, 0, &first);
    json_t *root = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o}", "schema", "pagewalk.run/1", "version", pw_version(),
        "command", json_command(report->argv), "config", config_object(report->config), "exit",
        exit_object(&first), "counters", counters_object(report), "processes",
        processes_array(report->system), "folded", folded_object(report->system));
    json_object_set_new(root, "modelled", modelled_object(report));
    if (report->attribution)
        json_object_set_new(root, "attribution", attribution_json(report->attribution));
    if (report->attribution && pw_attribution_call(report->attribution, 1, &call))
        json_object_set_new(root, "attribution_stacks",
                            attribution_stacks_json(report->attribution));
    return root;
}

static json_t *replay_object(const struct report *report)
{
    return json_pack("{s:s,s:s,s:o,s:s,s:o,s:o,s:o}", "schema", "pagewalk.replay/1", "version",
                     pw_version(), "trace", json_text_of(report->argv[0]), "format",
                     pw_replay_format(report->replay), "config", config_object(report->config),
                     "counters", counters_object(report), "modelled", modelled_object(report));
}

char *json_report(const struct report *report)
{
    return json_text(report->replay ? replay_object(report) : run_object(report));
}

char *json_text(json_t *root)
{
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(root);
    if (!text)
        return NULL;
    size_t len = strlen(text);
    char *line = realloc(text, len + 2);
    if (!line) {
        free(text);
        return NULL;
    }
    memcpy(line + len, "\n", 2);
    return line;
}
