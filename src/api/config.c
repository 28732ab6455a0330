// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options: one row each with its help, its default and the function that reads it. Reading checks
 * the value completely, stores it and leaves its canonical text; a value that is refused changes
 * nothing.
 */
#include "api/config.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "api/error.h"
#include "api/policy_file.h"
#include "base/check.h"
#include "base/xalloc.h"
#include "kernel/replay.h"
#include "machine/pte.h"
#include "machine/ram.h"
#include "observe/trace.h"

enum { TEXT_MAX = 4200 }; /* a path, a colon and a size */

/* A value being read: where the canonical text and the reason of a refusal go. */
struct reading {
    char text[TEXT_MAX];
    char why[400];
};

static int refuse(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reading->why, sizeof(reading->why), format, args);
    va_end(args);
    return -1;
}

static int unit_shift(char unit)
{
    switch (unit) {
    case '\0':
        return 0;
    case 'k':
    case 'K':
        return 10;
    case 'm':
    case 'M':
        return 20;
    case 'g':
    case 'G':
        return 30;
    case 't':
    case 'T':
        return 40;
    default:
        return -1;
    }
}

int pw_parse_size(const char *text, uint64_t *bytes)
{
    uint64_t value = 0;
    size_t digits = strspn(text, "0123456789");
    int shift = unit_shift(text[digits]);
    if (digits == 0 || shift < 0 || (shift > 0 && text[digits + 1] != '\0')) {
        errno = EINVAL;
        return -1;
    }
    for (size_t i = 0; i < digits; i++) {
        if (value > (uint64_t)INT64_MAX / 10) {
            errno = ERANGE;
            return -1;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > (uint64_t)INT64_MAX >> shift) {
        errno = ERANGE;
        return -1;
    }
    *bytes = value << shift;
    return 0;
}

/* A size of a field, with what to do if it is not one. */
static int read_size(const char *text, uint64_t *bytes, struct reading *reading)
{
    if (pw_parse_size(text, bytes) == 0)
        return 0;
    if (errno == ERANGE)
        return refuse(reading, "'%.80s' is too large", text);
    return refuse(reading, "'%.80s' is not a size: write digits and K, M, G or T, as in 16M", text);
}

/* A machine that runs programs needs room for page tables as well; a replay, or a curve of a trace,
 * only for pages. */
static int read_ram(struct pw_config *config, const char *value, struct reading *reading)
{
    bool is_replay = config->use == PW_REPLAY || config->use == PW_CURVE;
    uint64_t least = (uint64_t)(is_replay ? 1 : RAM_FRAMES_MIN) * PAGE_SIZE;
    uint64_t most = (is_replay ? REPLAY_FRAMES_MAX : RAM_FRAMES_MAX) * PAGE_SIZE, len;
    if (read_size(value, &len, reading) < 0)
        return -1;
    if (len < least)
        return refuse(reading, "'%.80s' is too small: the least is %uK", value,
                      (unsigned)(least >> 10));
    if (len > most)
        return refuse(reading, "'%.80s' is too large: the most is %s", value,
                      is_replay ? "256G" : "1T");
    config->ram_len = len & ~PAGE_MASK;
    snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)config->ram_len);
    return 0;
}

static void set_swap(struct pw_config *config, enum config_swap kind, char *path, uint64_t len)
{
    free(config->swap_path);
    config->swap = kind;
    config->swap_path = path;
    config->swap_len = len & ~PAGE_MASK;
}

static int check_swap_len(const char *text, uint64_t *len, struct reading *reading)
{
    if (read_size(text, len, reading) < 0)
        return -1;
    if (*len < PAGE_SIZE)
        return refuse(reading, "'%.80s' is too small: the least is one page, 4K", text);
    if (*len > (uint64_t)16 << 40)
        return refuse(reading, "'%.80s' is too large: the most is 16T", text);
    return 0;
}

/* none | SIZE | PATH:SIZE. The last colon counts: a path may have others. */
static int read_swap(struct pw_config *config, const char *value, struct reading *reading)
{
    uint64_t len = 0;
    const char *colon = strrchr(value, ':');
    if (strcmp(value, "none") == 0) {
        set_swap(config, CONFIG_SWAP_NONE, NULL, 0);
        snprintf(reading->text, TEXT_MAX, "none");
        return 0;
    }
    if (!colon && (value[0] < '0' || value[0] > '9'))
        return refuse(reading, "'%.80s' is not none, a SIZE or PATH:SIZE", value);
    if (check_swap_len(colon ? colon + 1 : value, &len, reading) < 0)
        return -1;
    if (!colon) {
        set_swap(config, CONFIG_SWAP_TEMPORARY, NULL, len);
        snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)config->swap_len);
        return 0;
    }
    if (colon == value || colon - value > 4095)
        return refuse(reading, "the path before the colon is %s",
                      colon == value ? "missing" : "too long");
    set_swap(config, CONFIG_SWAP_PATH, strndup(value, (size_t)(colon - value)), len);
    snprintf(reading->text, TEXT_MAX, "%s:%llu", config->swap_path,
             (unsigned long long)config->swap_len);
    return 0;
}

static bool has_policy(const struct pw_config *config, const struct policy_ops *ops)
{
    return !ops->needs_future || config->use == PW_REPLAY;
}

static int refuse_policy(const struct pw_config *config, const char *value, bool is_known,
                         struct reading *reading)
{
    char names[256] = "";
    for (const struct policy_ops *const *p = policy_all(); *p; p++)
        if (has_policy(config, *p))
            snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
                     *names ? ", " : "", (*p)->name);
    return refuse(reading, "there is no policy '%.80s'%s: choose one of %s", value,
                  is_known ? " but in replay" : "", names);
}

static int read_policy(struct pw_config *config, const char *value, struct reading *reading)
{
    char why[400];
    const struct policy_ops *ops = policy_choose(value, why, sizeof(why));
    if (!ops && why[0])
        return refuse(reading, "%s", why);
    if (!ops || !has_policy(config, ops)) {
        policy_put(ops);
        return refuse_policy(config, value, ops != NULL, reading);
    }
    policy_put(config->policy);
    config->policy = ops;
    snprintf(reading->text, TEXT_MAX, "%s", ops->name);
    return 0;
}

static int read_tlb(struct pw_config *config, const char *value, struct reading *reading)
{
    struct tlb_spec spec;
    const char *why = "";
    if (tlb_spec_parse(value, &spec, &why) < 0)
        return refuse(reading, "'%.80s': %s", value, why);
    config->tlb = spec;
    snprintf(reading->text, TEXT_MAX, "%s", spec.name);
    return 0;
}

static int read_levels(struct pw_config *config, const char *value, struct reading *reading)
{
    if (strcmp(value, "4") != 0 && strcmp(value, "5") != 0)
        return refuse(reading, "'%.80s' is not 4 or 5", value);
    config->levels = (unsigned)(value[0] - '0');
    snprintf(reading->text, TEXT_MAX, "%s", value);
    return 0;
}

/* Of a replay 1 GiB too; what leaves the choice to a run leaves it to the trace. */
static bool read_replay_page_size(struct pw_config *config, const char *value,
                                  struct reading *reading)
{
    bool is_1g = strcmp(value, "1G") == 0 || strcmp(value, "1g") == 0;
    bool is_2m = strcmp(value, "2M") == 0 || strcmp(value, "2m") == 0;
    config->page_shift = is_1g ? 30 : is_2m ? 21 : PAGE_SHIFT;
    if (is_1g)
        snprintf(reading->text, TEXT_MAX, "1G");
    return is_1g;
}

/* The sizes of 4 KiB have one canonical text. */
static int read_page_size(struct pw_config *config, const char *value, struct reading *reading)
{
    static const struct {
        const char *value, *text;
        enum large_mode large;
    } sizes[] = {{"4K", "4096", LARGE_NEVER},   {"4k", "4096", LARGE_NEVER},
                 {"4096", "4096", LARGE_NEVER}, {"madvise", "madvise", LARGE_MADVISE},
                 {"thp", "thp", LARGE_ALWAYS},  {"2M", "2M", LARGE_WHOLE},
                 {"2m", "2M", LARGE_WHOLE}};
    if (config->use == PW_REPLAY && read_replay_page_size(config, value, reading))
        return 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (strcmp(value, sizes[i].value) == 0) {
            config->large = sizes[i].large;
            snprintf(reading->text, TEXT_MAX, "%s", sizes[i].text);
            return 0;
        }
    }
    return refuse(reading,
                  "pages of '%.80s' are not built into this pagewalk: use 4K, 2M, madvise "
                  "or thp",
                  value);
}

/* N, 2M:N or 1G:N, up to the next comma or the end. Result: what follows; NULL: it is none of
 * these. */
static const char *read_pool(const char *value, uint64_t counts[HUGETLB_SIZES])
{
    enum hugetlb_size size = strncmp(value, "1G:", 3) == 0 ? HUGETLB_1G : HUGETLB_2M;
    const char *digits = strncmp(value, "2M:", 3) == 0 || size ? value + 3 : value;
    char *end;
    errno = 0;
    counts[size] = strtoull(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || (*end && *end != ',') || errno)
        return NULL;
    return *end ? end + 1 : end;
}

static int read_hugepages(struct pw_config *config, const char *value, struct reading *reading)
{
    uint64_t counts[HUGETLB_SIZES] = {0};
    const char *at = value;
    do {
        at = read_pool(at, counts);
    } while (at && *at);
    if (!at || value[strlen(value) - 1] == ',')
        return refuse(reading,
                      "'%.80s' is not a number of huge pages: write N or 2M:N for pages of 2 MiB, "
                      "1G:N for those of 1 GiB, or both with a comma",
                      value);
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        if (counts[size] > RAM_FRAMES_MAX / hugetlb_frames(size))
            return refuse(reading, "'%.80s' is more than any RAM has", value);
    memcpy(config->hugepages, counts, sizeof(counts));
    if (counts[HUGETLB_1G])
        snprintf(reading->text, TEXT_MAX, "2M:%llu,1G:%llu", (unsigned long long)counts[HUGETLB_2M],
                 (unsigned long long)counts[HUGETLB_1G]);
    else
        snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)counts[HUGETLB_2M]);
    return 0;
}

/* The number of a name that an option may have, kept as its value; -1: it is none of them. */
static int read_name(const char *const *names, int n, const char *value, struct reading *reading)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(value, names[i]) == 0) {
            snprintf(reading->text, TEXT_MAX, "%s", value);
            return i;
        }
    }
    return -1;
}

static int read_readahead(struct pw_config *config, const char *value, struct reading *reading)
{
    static const char *const names[] = {[READAHEAD_NONE] = "none",
                                        [READAHEAD_CLUSTER] = "cluster",
                                        [READAHEAD_ADAPTIVE] = "adaptive"};
    int kind = read_name(names, READAHEAD_ADAPTIVE + 1, value, reading);
    if (kind < 0)
        return refuse(reading, "'%.80s' is not none, cluster or adaptive", value);
    config->readahead = (enum readahead_kind)kind;
    return 0;
}

static int read_overcommit(struct pw_config *config, const char *value, struct reading *reading)
{
    static const char *const names[] = {
        [COMMIT_HEURISTIC] = "heuristic", [COMMIT_ALWAYS] = "always", [COMMIT_NEVER] = "never"};
    int mode = read_name(names, COMMIT_NEVER + 1, value, reading);
    if (mode < 0)
        return refuse(reading, "'%.80s' is not heuristic, always or never", value);
    config->overcommit = (enum commit_mode)mode;
    return 0;
}

static int read_engine(struct pw_config *config, const char *value, struct reading *reading)
{
    if (strcmp(value, "kvm") == 0)
        return refuse(reading, "the kvm engine is not built into this pagewalk: use vex");
    if (strcmp(value, "vex") != 0)
        return refuse(reading, "there is no engine '%.80s': use vex", value);
    snprintf(reading->text, TEXT_MAX, "vex");
    return 0;
}

/* yes or no. Result: 0 or 1, -1 if it is neither. */
static int read_switch(const char *value)
{
    if (strcmp(value, "yes") == 0)
        return 1;
    return strcmp(value, "no") == 0 ? 0 : -1;
}

static int read_seed(const char *value, uint64_t *seed)
{
    char *end;
    errno = 0;
    *seed = strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && errno == 0 ? 0 : -1;
}

static int read_reproducible(struct pw_config *config, const char *value, struct reading *reading)
{
    uint64_t seed = CONFIG_SEED;
    int on = read_switch(value);
    if (on < 0 && read_seed(value, &seed) < 0)
        return refuse(reading, "'%.80s' is not a seed: write a whole number below 2^64", value);
    config->reproducible = on != 0;
    config->seed = seed;
    if (on == 0)
        snprintf(reading->text, TEXT_MAX, "no");
    else
        snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)seed);
    return 0;
}

static int read_strace(struct pw_config *config, const char *value, struct reading *reading)
{
    int on = read_switch(value);
    if (value[0] == '\0' || strlen(value) >= TEXT_MAX)
        return refuse(reading, "the file name is %s", value[0] ? "too long" : "empty");
    free(config->strace_path);
    config->strace_path = on == 0 ? NULL : x_strdup(on == 1 ? "-" : value);
    snprintf(reading->text, TEXT_MAX, "%s", on == 1 ? "-" : value);
    return 0;
}

/* The host's own root is none: nothing is narrowed then. */
static int read_root(struct pw_config *config, const char *value, struct reading *reading)
{
    if (value[0] == '\0' || strlen(value) >= TEXT_MAX)
        return refuse(reading, "the directory name is %s", value[0] ? "too long" : "empty");
    free(config->root_path);
    config->root_path = strcmp(value, "/") == 0 ? NULL : x_strdup(value);
    snprintf(reading->text, TEXT_MAX, "%s", value);
    return 0;
}

static bool is_event(const char *name, size_t len)
{
    const char *event;
    for (size_t i = 0; (event = pw_attribution_event(i)); i++)
        if (strlen(event) == len && strncmp(event, name, len) == 0)
            return true;
    return false;
}

static int refuse_event(const char *name, size_t len, struct reading *reading)
{
    char names[200] = "";
    for (size_t i = 0; pw_attribution_event(i); i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 pw_attribution_event(i));
    return refuse(reading, "there is no event '%.*s': choose from %s", (int)(len < 60 ? len : 60),
                  name, names);
}

/* Names of events with commas between; it is kept as it is. */
static int read_attribute(struct pw_config *config, const char *value, struct reading *reading)
{
    int on = read_switch(value);
    const char *list = on == 1 ? "faults,walks" : value;
    for (const char *name = list; on != 0;) {
        size_t len = strcspn(name, ",");
        if (!is_event(name, len))
            return refuse_event(name, len, reading);
        if (name[len] == '\0')
            break;
        name += len + 1;
    }
    config->attribute = on != 0;
    snprintf(reading->text, TEXT_MAX, "%s", list);
    return 0;
}

static int read_yes_no(const char *value, bool *on, struct reading *reading)
{
    int is_on = read_switch(value);
    if (is_on < 0)
        return refuse(reading, "'%.80s' is not yes or no", value);
    *on = is_on;
    snprintf(reading->text, TEXT_MAX, "%s", value);
    return 0;
}

static int read_call_graph(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->call_graph, reading);
}

static int read_strict(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->strict, reading);
}

static int read_read_only(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->read_only, reading);
}

static int read_no_net(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->no_net, reading);
}

static int read_format(struct pw_config *config, const char *value, struct reading *reading)
{
    const char *name, *summary;
    bool is_known = strcmp(value, "auto") == 0;
    for (size_t i = 0; (name = trace_format_name(i, &summary)); i++)
        is_known |= strcmp(value, name) == 0;
    if (!is_known)
        return refuse(reading, "there is no format '%.80s': \"pagewalk help format\" lists them",
                      value);
    free(config->format);
    config->format = x_strdup(value);
    snprintf(reading->text, TEXT_MAX, "%s", value);
    return 0;
}

static int read_code_cache(struct pw_config *config, const char *value, struct reading *reading)
{
    const uint64_t least = (uint64_t)1 << 20, most = (uint64_t)1 << 30;
    uint64_t len = 0;
    if (strcmp(value, "auto") != 0 && read_size(value, &len, reading) < 0)
        return -1;
    if (strcmp(value, "auto") != 0 && (len < least || len > most))
        return refuse(reading, "'%.80s' is not between 1M and 1G", value);
    config->code_cache_len = len;
    if (len)
        snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)len);
    else
        snprintf(reading->text, TEXT_MAX, "auto");
    return 0;
}

static int read_regions(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->regions, reading);
}

static int read_every_access(struct pw_config *config, const char *value, struct reading *reading)
{
    return read_yes_no(value, &config->every_access, reading);
}

/* Digits and K, M or G, of 1000 here. */
static bool parse_count(const char *value, uint64_t *out)
{
    size_t digits = strspn(value, "0123456789");
    const char *unit = value + digits;
    uint64_t scale = strcmp(unit, "") == 0    ? 1
                     : strcmp(unit, "K") == 0 ? 1000
                     : strcmp(unit, "M") == 0 ? 1000000
                     : strcmp(unit, "G") == 0 ? 1000000000
                                              : 0;
    bool is_good = digits > 0 && digits <= (scale == 1 ? 18 : 9) && scale != 0;
    if (is_good)
        *out = strtoull(value, NULL, 10) * scale;
    return is_good;
}

static int read_tau(struct pw_config *config, const char *value, struct reading *reading)
{
    uint64_t tau;
    if (!parse_count(value, &tau))
        return refuse(reading, "'%.80s' is not a number of instructions, as in 10M", value);
    if (tau < 1000)
        return refuse(reading, "'%.80s' is too small: the least is 1000", value);
    config->tau = tau;
    snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)tau);
    return 0;
}

static int read_from(struct pw_config *config, const char *value, struct reading *reading)
{
    if (!parse_count(value, &config->from))
        return refuse(reading, "'%.80s' is not a place in a trace, as in 10M", value);
    snprintf(reading->text, TEXT_MAX, "%llu", (unsigned long long)config->from);
    return 0;
}

static int read_to(struct pw_config *config, const char *value, struct reading *reading)
{
    bool is_end = strcmp(value, "end") == 0;
    config->to = UINT64_MAX;
    if (!is_end && !parse_count(value, &config->to))
        return refuse(reading, "'%.80s' is not a place in a trace, as in 10M", value);
    snprintf(reading->text, TEXT_MAX, "%s", value);
    return 0;
}

static int read_sample(struct pw_config *config, const char *value, struct reading *reading)
{
    char *end;
    double rate = strtod(value, &end);
    bool is_percent = *end == '%';
    config->sample = is_percent ? rate / 100 : rate;
    bool is_number = end > value && end[is_percent] == '\0' && value[0] >= '0' && value[0] <= '9';
    if (!is_number || !(config->sample >= 1e-6 && config->sample <= 1))
        return refuse(reading, "'%.80s' is not a share from 0.000001 to 1, as in 0.01 or 1%%",
                      value);
    snprintf(reading->text, TEXT_MAX, "%g", config->sample);
    return 0;
}

enum { PROGRAMS = PW_RUN | PW_RECORD | PW_CURVE, ANY = PROGRAMS | PW_REPLAY };

struct option {
    struct pw_option_info info;
    int (*read)(struct pw_config *config, const char *value, struct reading *reading);
};

static const struct option options[] = {
    {{"ram", "SIZE", "1G",
      "RAM of the machine: 256K to 1T with page tables included; in a replay from 4K on, for pages "
      "alone. What does not fit is paged out.",
      ANY},
     read_ram},
    {{"swap", "none|SIZE|PATH:SIZE", "4G",
      "Swap device: none, a temporary file of SIZE, or the file or block device PATH.", PROGRAMS},
     read_swap},
    {{"policy", "NAME|FILE.so", "clock",
      "Page replacement policy; \"pagewalk help policy\" lists them, or one of your own from a "
      "shared object.",
      ANY},
     read_policy},
    {{"swap-readahead", "none|cluster|adaptive", "none",
      "Pages read from swap beside the one that is needed: none; those in the same 8 slots; or up "
      "to 8 around it in memory, as many as turned out useful.",
      PROGRAMS},
     read_readahead},
    {{"tlb", "PRESET|SPEC", "skylake",
      "TLB: a preset, or entries and ways of each part as in l1d=64:4,l1i=64:8,l2=1536:12; "
      "\"pagewalk help tlb\" shows the presets and what can be described.",
      ANY},
     read_tlb},
    {{"levels", "4|5", "4", "Levels of page tables: a walk reads as many entries at most.",
      PROGRAMS},
     read_levels},
    {{"page-size", "4K|2M|thp|madvise", "4K",
      "Page size; 2M: private memory is in pages of 2 MiB where it is long enough, brought in and "
      "evicted whole; thp: the first store to 2 MiB makes a large page, if RAM has room, and "
      "smaller pages are put together later; madvise: as thp, where the program asks for it. A "
      "replay has all of the trace in pages of 2M or 1G; else as the trace says.",
      ANY},
     read_page_size},
    {{"hugepages", "N|2M:N|1G:N[,...]", "0",
      "Set N pages of 2 MiB, or of 1 GiB, aside for MAP_HUGETLB; they are never swapped, nor used "
      "otherwise.",
      PROGRAMS},
     read_hugepages},
    {{"overcommit", "heuristic|always|never", "heuristic",
      "What may be promised beyond RAM and swap, as Linux's vm.overcommit_memory.", PROGRAMS},
     read_overcommit},
    {{"engine", "vex", "vex", "What executes the instructions: vex, a translator.", PROGRAMS},
     read_engine},
    {{"reproducible", "[SEED]", "no",
      "Time and randomness are functions of the instruction count and SEED: the same command gives "
      "the same numbers. A replay always does; SEED is that of random choices.",
      ANY},
     read_reproducible},
    {{"strace", "[FILE]", "no", "Write the system calls to FILE, or to standard error.", PROGRAMS},
     read_strace},
    {{"strict", NULL, "no",
      "Kill the program (SIGSYS) at a system call that pagewalk does not know.", PROGRAMS},
     read_strict},
    {{"attribute", "[EVENT,...]", "no",
      "Say which code, source line and memory events come from: faults, faults_minor, "
      "faults_major, "
      "faults_cow, walks, tlb_l1d_misses, tlb_l1i_misses. None given: faults,walks.",
      PW_RUN | PW_RECORD},
     read_attribute},
    {{"call-graph", NULL, "no",
      "With --attribute, in --folded, --speedscope and --json: also which calls led there.",
      PW_RUN | PW_RECORD},
     read_call_graph},
    {{"root", "DIR", "/",
      "The program sees DIR as / and nothing outside it, as with chroot(8) but without root's "
      "rights; PROGRAM is looked up there too.",
      PROGRAMS},
     read_root},
    {{"read-only", NULL, "no",
      "The program can change nothing in the host's file systems (EROFS); what is open already, "
      "devices and pipes stay writable.",
      PROGRAMS},
     read_read_only},
    {{"no-net", NULL, "no",
      "The program has no network: Unix sockets only, abstract ones among its own processes.",
      PROGRAMS},
     read_no_net},
    {{"code-cache", "SIZE", "auto", "Translated code kept at most, 1M to 1G.", PROGRAMS},
     read_code_cache},
    {{"format", "NAME", "auto", "Format of the trace; \"pagewalk help format\" lists them.",
      PW_REPLAY | PW_CURVE},
     read_format},
    {{"from", "COUNT", "0",
      "Begin at this instruction of the trace, or reference if it has another format than page, "
      "with nothing in RAM; K, M and G are powers of 1000.",
      PW_REPLAY | PW_CURVE},
     read_from},
    {{"to", "COUNT", "end", "End before this one.", PW_REPLAY | PW_CURVE}, read_to},
    {{"sample", "RATE", "1",
      "Estimate the curve from this share of the pages, as in 0.01 or 1%, and say how far off that "
      "may be.",
      PW_CURVE},
     read_sample},
    {{"tau", "COUNT", "10M",
      "Instructions in which a page must be used to be in the working set; K, M and G are powers "
      "of "
      "1000.",
      PW_CURVE},
     read_tau},
    {{"regions", NULL, "no",
      "Of a program: show how much each mapping is in use too, and how much of it is hot and cold.",
      PW_CURVE},
     read_regions},
    {{"every-access", NULL, "no",
      "Of a program: watch every access, not only what goes beyond the 128 pages used last. Up to "
      "twenty times slower; for sizes below 512K and the working set.",
      PW_CURVE},
     read_every_access},
};
enum { NOPTIONS = sizeof(options) / sizeof(options[0]) };
static_assert(sizeof(options) / sizeof(options[0]) <= (size_t)CONFIG_OPTIONS_MAX,
              "every option has its text");

static int option_index(const char *name)
{
    for (int i = 0; i < NOPTIONS; i++)
        if (strcmp(options[i].info.name, name) == 0)
            return i;
    return -1;
}

const struct pw_option_info *pw_option(size_t i)
{
    return i < NOPTIONS ? &options[i].info : NULL;
}

struct pw_config *pw_config_create_for(enum pw_use use)
{
    struct pw_config *config = x_calloc(1, sizeof(*config));
    config->use = use;
    for (int i = 0; i < NOPTIONS; i++)
        CHECK(!(options[i].info.uses & use) ||
              pw_config_set(config, options[i].info.name, options[i].info.initial, NULL) == 0);
    return config;
}

struct pw_config *pw_config_create(void)
{
    return pw_config_create_for(PW_RUN);
}

void pw_config_destroy(struct pw_config *config)
{
    if (!config)
        return;
    for (int i = 0; i < NOPTIONS; i++)
        free(config->texts[i]);
    policy_put(config->policy);
    free(config->swap_path);
    free(config->strace_path);
    free(config->root_path);
    free(config->format);
    free(config);
}

int pw_config_set(struct pw_config *config, const char *name, const char *value,
                  struct pw_error *error)
{
    int i = option_index(name);
    if (i < 0)
        return error_set(error, EINVAL, "%.80s: there is no such option", name);
    if (!(options[i].info.uses & config->use))
        return error_set(error, EINVAL, "%.80s: not an option of this command", name);
    struct reading reading;
    if (options[i].read(config, value ? value : "yes", &reading) < 0)
        return error_set(error, EINVAL, "%s: %s", name, reading.why);
    free(config->texts[i]);
    config->texts[i] = x_strdup(reading.text);
    return 0;
}

const char *pw_config_get(const struct pw_config *config, const char *name)
{
    int i = option_index(name);
    return i < 0 ? NULL : config->texts[i]; /* NULL too if it is not for this use */
}

uint64_t pw_tlb_reach(const struct pw_config *config, int level, uint64_t page_bytes)
{
    enum tlb_level_kind kind = level == 1 ? TLB_L1D : TLB_L2;
    if (level != 1 && level != 2)
        return 0;
    for (unsigned size = 0; size < TLB_SIZES; size++)
        if (page_bytes == pte_level_len(size + 1))
            return tlb_spec_reach(&config->tlb, kind, (enum tlb_size)size);
    return 0;
}
