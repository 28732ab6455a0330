/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pagewalk: a virtual memory system that runs real programs.
 *
 * A system is a machine (RAM, page tables, TLB, CPU) and an operating system on it. Create one from
 * a configuration, spawn unmodified x86-64 Linux programs on it, run them to their end, and read
 * exactly what their memory cost:
 *
 *     struct pw_config *config = pw_config_create();
 *     pw_config_set(config, "ram", "16M", NULL);
 *     struct pw_system *system;
 *     struct pw_error error;
 *     if (pw_system_create(config, &system, &error) < 0) ...error.message...
 *     char *argv[] = {"sort", "big.txt", NULL};
 *     if (pw_spawn(system, argv, environ, &error) < 0) ...
 *     pw_run(system, &error);
 *     printf("%" PRIu64 "\n", pw_counter(system, pw_counter_find("faults")));
 *     pw_system_destroy(system);
 *
 * Not thread safe: one system at a time in a process, used by one thread. Host memory that runs out
 * ends the program with a message.
 */
#ifndef PAGEWALK_H
#define PAGEWALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PW_VERSION "0.1.0"

const char *pw_version(void);

/* What went wrong: `code` is an errno value, `message` one line without a newline that says what to
 * do about it. */
struct pw_error {
    int code;
    char message[512];
};

/* ---- configuration ---- */

struct pw_config;

/* What a configuration is for: some options serve one purpose only. */
enum pw_use { PW_RUN = 1, PW_REPLAY = 2, PW_RECORD = 4, PW_CURVE = 8 };

/* A configuration with every option at its default, to run programs. */
struct pw_config *pw_config_create(void);
/* The same for another use; its options are those with that use. */
struct pw_config *pw_config_create_for(enum pw_use use);
void pw_config_destroy(struct pw_config *config);

/* One option: what pw_config_set() accepts. The command line is made from this list. */
struct pw_option_info {
    const char *name;     /* "ram" */
    const char *argument; /* "SIZE"; in brackets if it may be left out, which means "yes"; NULL for
                             a switch, whose value is "yes" or "no" */
    const char *initial;  /* default value as text */
    const char *help;     /* one sentence */
    unsigned uses;        /* enum pw_use, ored */
};
/* The options in the order of the manual; NULL beyond the last. */
const struct pw_option_info *pw_option(size_t i);

/* Sets an option from text. Result: 0, or -1 and *error (may be NULL) says which field and why. */
int pw_config_set(struct pw_config *config, const char *name, const char *value,
                  struct pw_error *error);
/* The value in canonical text ("16777216", "clock"); valid until the next set. NULL: no such
 * option. */
const char *pw_config_get(const struct pw_config *config, const char *name);

/* Reads a size in bytes: digits, then an optional K, M, G or T (powers of 1024). Result: 0, or -1
 * with errno EINVAL (not a size) or ERANGE (over 2^63-1). */
int pw_parse_size(const char *text, uint64_t *bytes);

/* One thing to choose from. */
struct pw_choice_info {
    char name[64];
    char summary[128]; /* one line */
    char source[512];  /* the document that its figures are from; empty if there are none */
    char rows[640];    /* of kind "tlb": a table of its parts, a row a line, aligned with
                          PW_TLB_HEADER; else empty */
};
/* Columns of rows of kind "tlb": entries:ways for pages of each size. */
#define PW_TLB_HEADER "level    4 KiB             2 MiB             1 GiB"
/* The choices of kind "policy", "tlb" or "format", the default first. Result: false beyond the
 * last. */
bool pw_choice(const char *kind, size_t i, struct pw_choice_info *out);

/* TLB reach: the bytes of data that the first or second level (1, 2) of the configured TLB has
 * entries for, in pages of 4 KiB, 2 MiB or 1 GiB (page_bytes). 0: no such level or page. */
uint64_t pw_tlb_reach(const struct pw_config *config, int level, uint64_t page_bytes);

/* ---- system ---- */

struct pw_system;

/* Result: 0 and *out; -1 and *error. */
int pw_system_create(const struct pw_config *config, struct pw_system **out,
                     struct pw_error *error);
void pw_system_destroy(struct pw_system *system);

/*
 * Makes a process that will run argv[0], looked up in PATH unless it has a slash; descriptors 0, 1,
 * 2 are the caller's. Result: its pid (> 0), or -1 and *error; error->code ENOENT: no such program,
 * EACCES or ENOEXEC: it cannot be executed.
 */
int pw_spawn(struct pw_system *system, char *const argv[], char *const envp[],
             struct pw_error *error);

/* Runs until every process has ended. Host signals that arrive meanwhile (Ctrl-C) go to the
 * guests. Result: 0, or -1 and *error; counters and processes can be read in both cases. */
int pw_run(struct pw_system *system, struct pw_error *error);

/* Progress: `progress` is called about every `seconds` of real time while pw_run() runs; it may
 * read counters. NULL: no more. */
void pw_set_progress(struct pw_system *system, double seconds,
                     void (*progress)(struct pw_system *system, void *arg), void *arg);

/* ---- record and replay ---- */

/* Between pw_system_create(), for PW_RECORD, and pw_run(): has a page trace of all that runs
 * written. pw_record_end() after pw_run() gives the file its name; without it there is none.
 * Result: 0, or -1 and *error. */
int pw_record(struct pw_system *system, const char *path, struct pw_error *error);
int pw_record_end(struct pw_system *system, struct pw_error *error);

/* A trace of memory references that went through a machine. */
struct pw_replay;

/*
 * Reads a trace ("-": standard input) to its end, through the TLB, page tables and policy of a
 * configuration for PW_REPLAY. Result: 0 and *out; -1 and *error, which says where the trace is
 * wrong.
 */
int pw_replay_run(const struct pw_config *config, const char *trace, struct pw_replay **out,
                  struct pw_error *error);
void pw_replay_destroy(struct pw_replay *replay);
/* As pw_counter_has() and pw_counter(). What a trace does not tell is absent. */
bool pw_replay_has(const struct pw_replay *replay, int counter);
uint64_t pw_replay_counter(const struct pw_replay *replay, int counter);
const char *pw_replay_format(const struct pw_replay *replay); /* of the trace: "text" */

/* ---- curves ---- */

/* The page faults that a trace, or a program that ran, has in every size of RAM under LRU; first
 * touches are faults too. RAM holds the pages of a trace only, of a program its page tables too. */
struct pw_curve;

/* Of a trace, as pw_replay_run() reads it; the configuration is for PW_CURVE. */
int pw_curve_trace(const struct pw_config *config, const char *trace, struct pw_curve **out,
                   struct pw_error *error);
/* Of a program: before and after pw_run(), of a system for PW_CURVE. */
void pw_curve_begin(struct pw_system *system);
struct pw_curve *pw_curve_end(struct pw_system *system);
void pw_curve_destroy(struct pw_curve *curve);

/* The fewest frames that it tells of: room for 1 page; of a program for 128, unless "every-access"
 * was set. */
uint64_t pw_curve_least(const struct pw_curve *curve);
double pw_curve_sample(const struct pw_curve *curve);  /* the share of pages it is estimated from */
uint64_t pw_curve_pages(const struct pw_curve *curve); /* frames with room for all */
uint64_t pw_curve_taken(const struct pw_curve *curve); /* frames of these that hold no page */
uint64_t pw_curve_instructions(const struct pw_curve *curve); /* 0: the trace has no fetches */
uint64_t pw_curve_accesses(const struct pw_curve *curve);     /* loads and stores */

struct pw_curve_point {
    uint64_t frames;
    uint64_t faults; /* the sum of those of */
    uint64_t loads, stores, fetches;
    double error; /* of the faults, if they are estimated: one standard error */
};
/* More frames than that change nothing; 0 frames: every reference faults. */
void pw_curve_at(const struct pw_curve *curve, uint64_t frames, struct pw_curve_point *out);
/* References to pages that were not among the `pages` used last, whether they fault or not. */
void pw_curve_beyond(const struct pw_curve *curve, uint64_t pages, struct pw_curve_point *out);

/* The working set over time: the pages that were used in the last `tau` instructions (an option),
 * at several times. Without instructions, accesses are counted instead. */
struct pw_working_set {
    uint64_t instructions, pages;
};
/* Result: false beyond the last. */
bool pw_curve_working_set(const struct pw_curve *curve, size_t i, struct pw_working_set *out);

/*
 * How much each part of a program's memory was in use, a part being a region's name and a program.
 * A page is in use while it is one of the 128 used last, and for tau instructions after that: the
 * working set. It is hot if that is half of its life or more, cold if it is less than a tenth.
 */
enum pw_heat { PW_COLD, PW_WARM, PW_HOT };
struct pw_curve_part {
    const char *program, *region; /* as in struct pw_attribution_row */
    bool is_file;
    uint64_t pages;     /* different ones that were used */
    uint64_t hot, cold; /* of them */
    uint64_t returns;   /* times that a page was used again that was not of the 128 used last */
    double in_use;      /* pages, on average over the run: its part of the working set */
    double idle;        /* share of its pages' lives that lies after their last use */
};
/* Result: false beyond the last, and always without the option "regions" or with "every-access", or
 * of a trace. */
bool pw_curve_part(const struct pw_curve *curve, size_t i, struct pw_curve_part *out);
/* Neighbouring pages of a part that are as hot, by number: in the file, or of virtual memory. */
struct pw_curve_range {
    uint64_t first, npages;
    enum pw_heat heat;
};
/* The first range with a page at or beyond `from`, from there on. Result: false: none. */
bool pw_curve_range(const struct pw_curve *curve, size_t part, uint64_t from,
                    struct pw_curve_range *out);

/* The faults of a trace under any policy in RAMs of frames[0 .. n - 1] frames, n > 0, in one pass.
 * Result: 0 and faults[0 .. n - 1]; -1 and *error. */
int pw_curve_policy(const struct pw_config *config, const char *trace, const char *policy,
                    const uint64_t *frames, size_t n, uint64_t *faults, struct pw_error *error);

/* ---- where it comes from ---- */

/* The page faults and TLB misses of a system with the option "attribute": which program, code and
 * source line caused them, in which region of its memory. */
struct pw_attribution;

/* After pw_run(); reads the names of functions and lines out of the host's files, which may take a
 * while. NULL: the option was not set. => destroyed before the system */
struct pw_attribution *pw_attribution_create(const struct pw_system *system);
void pw_attribution_destroy(struct pw_attribution *attribution);

enum { PW_ATTRIBUTED = 7 };
/* The events by index; each is the name of a counter, to which the rows' counts add up, to the
 * last one. NULL beyond the last, which is PW_ATTRIBUTED - 1. */
const char *pw_attribution_event(size_t i);

struct pw_attribution_row {
    const char *program;  /* path */
    const char *object;   /* path of the file that the code is in; "[anon]" and the like: none */
    uint64_t address;     /* of the instruction, as the file's tools count; else virtual */
    const char *function; /* NULL: not known */
    const char *source;   /* path of the file that it was made from; NULL: not known */
    unsigned line;        /* 0: not known */
    const char *region;   /* what the memory accessed was: "[heap]", "[anon]", path of a file */
    size_t stack;         /* the calls that led there; 0: none, or without "call-graph" */
    uint64_t counts[PW_ATTRIBUTED];
};
/* The rows in the order of their objects and addresses. Result: false beyond the last. */
bool pw_attribution_row(const struct pw_attribution *attribution, size_t i,
                        struct pw_attribution_row *out);

/* With the option "call-graph": a call that had not returned, by the function that made it. */
struct pw_attribution_call {
    const char *object, *function; /* as in a row */
    size_t outer;                  /* the stack that it was made in; 0: none */
};
/* The innermost call of a stack; they are numbered from 1 on, outer ones first. Stacks are the same
 * if their functions are. Result: false beyond the last. */
bool pw_attribution_call(const struct pw_attribution *attribution, size_t stack,
                         struct pw_attribution_call *out);

/* ---- results ---- */

/* A counter's meaning. `per_process`: pw_process_counter() has it too. */
struct pw_counter_info {
    const char *name; /* stable, as in the JSON */
    const char *unit;
    const char *meaning;
    bool per_process;
};
/* The counters by index 0, 1, ... Result: false beyond the last. */
bool pw_counter_info(int counter, struct pw_counter_info *out);
/* Index of a name, or -1. */
int pw_counter_find(const char *name);

/* The system's value: a sum over its processes, or a gauge. False: this engine cannot measure it.
 */
bool pw_counter_has(const struct pw_system *system, int counter);
uint64_t pw_counter(const struct pw_system *system, int counter);

struct pw_process_info {
    int pid;
    int ppid; /* of the process that made it; 1: pw_spawn() did */
    char *const *argv;
    bool exited;
    int status; /* exit status, 0..255 */
    int signal; /* signal that killed it, 0 if none */
    /* Bytes of memory in RAM: at most, and at its end, where memory that n processes share is
     * counted whole (rss) and 1/n (pss). The last two are 0 until it has ended. */
    uint64_t rss_peak, rss_end, pss_end;
};
/* The processes in order of creation. Of those that have ended the first and the last thousand are
 * kept; the others are in pw_folded(). Result: false beyond the last. */
bool pw_process(const struct pw_system *system, size_t i, struct pw_process_info *out);
/* => pw_process(i) is true and the counter is per_process */
uint64_t pw_process_counter(const struct pw_system *system, size_t i, int counter);

/* How many processes are not told apart any more. */
uint64_t pw_folded(const struct pw_system *system);
/* Their counters, added up. => the counter is per_process */
uint64_t pw_folded_counter(const struct pw_system *system, int counter);

/* A system call that was answered ENOSYS because pagewalk does not know it. */
struct pw_unknown_call_info {
    int number;
    const char *name; /* "io_uring_setup", or NULL if this build has no name for it */
    uint64_t times;
};
/* Result: false beyond the last. */
bool pw_unknown_call(const struct pw_system *system, size_t i, struct pw_unknown_call_info *out);

/* Notes of interest for the user ("swap slot 12 of /var/tmp/... is damaged ..."); NULL beyond the
 * last. */
const char *pw_note(const struct pw_system *system, size_t i);

#ifdef __cplusplus
}
#endif

#endif
