// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The TLB counts of whole programs: trace_tlb RAM PROGRAM [ARG...] -- SPEC... runs the program for
 * each SPEC
 *
 *   inline   as the command does, with checks in translated code
 *   traced   with every access told to the naive machine (tests/model/machine/naive.h), which walks
 *            the same tables and hears of every invalidation and switch
 *
 * and wants the TLB counters of both runs and those of the naive machine to be equal. A turn of a
 * task ends where a block of translated code does, and traced blocks are of one instruction: so the
 * inline run writes down how long each turn was, and the traced run keeps to that. A SPEC that
 * begins with thp: or 2M: is run with that page size. The last line is "N passed, N failed".
 *
 * What the engine does not say itself is caught on its way through the linker's --wrap.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../machine/naive.h"
#include "base/check.h"
#include "machine/machine.h"
#include "pagewalk.h"

extern char **environ;

/* ---- turns, of the inline run ---- */

struct turn {
    uint64_t instructions;
    enum cpu_exit_kind kind;
};

static FILE *turns;

static void turn_note(uint64_t instructions, enum cpu_exit_kind kind)
{
    struct turn turn = {instructions, kind};
    CHECK(fwrite(&turn, sizeof(turn), 1, turns) == 1);
}

/* What the traced run may execute in the next turn. One that ended before its budget was used up
 * does so again. */
static uint64_t turn_budget(uint64_t budget)
{
    struct turn turn;
    if (fread(&turn, sizeof(turn), 1, turns) != 1)
        return budget; /* the counters will differ */
    return turn.instructions + (turn.kind != CPU_EXIT_QUANTUM);
}

/* ---- the naive machine hears what happens ---- */

static struct naive *naive; /* NULL: this run is not traced */
static uint64_t last_fetch; /* address of the last instruction that was told */
static struct machine *machine;

static void look_up(uint64_t va, enum mmu_access access)
{
    uint32_t error;
    naive_lookup(naive, va, access, &error);
}

/* The engine looks the second page up only if the first lookup did not fault. */
static void trace(void *context, vaddr_t va, unsigned len, enum mmu_access access,
                  enum mmu_access lookup)
{
    uint32_t error;
    uint64_t last = va.v + len - 1;
    if (access == MMU_FETCH)
        last_fetch = va.v;
    if (!mmu_is_canonical(naive->root.levels, va))
        return;
    uint64_t pa = naive_lookup(naive, va.v, lookup, &error);
    if (pa && va.v / PAGE_SIZE != last / PAGE_SIZE &&
        mmu_is_canonical(naive->root.levels, vaddr(last)))
        look_up(last / PAGE_SIZE * PAGE_SIZE, lookup);
}

int __real_machine_create(const struct machine_options *options, struct machine **out);
int __wrap_machine_create(const struct machine_options *options, struct machine **out);
void __real_tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va);
void __wrap_tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va);
void __real_tlb_flush_space(struct tlb *tlb, uint16_t asid);
void __wrap_tlb_flush_space(struct tlb *tlb, uint16_t asid);
void __real_cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why);
void __wrap_cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why);

int __wrap_machine_create(const struct machine_options *options, struct machine **out)
{
    struct machine_options traced = *options;
    traced.cpu.check_each_access = true;
    traced.cpu.trace = trace;
    int error = __real_machine_create(naive ? &traced : options, out);
    CHECK(error == 0);
    machine = *out;
    if (naive) {
        naive_configure(naive, &options->tlb);
        naive->ram = machine->ram;
    }
    return 0;
}

void __wrap_tlb_flush_page(struct tlb *tlb, uint16_t asid, vaddr_t va)
{
    __real_tlb_flush_page(tlb, asid, va);
    if (naive)
        naive_invalidate_page(naive, asid, va.v);
}

void __wrap_tlb_flush_space(struct tlb *tlb, uint16_t asid)
{
    __real_tlb_flush_space(tlb, asid);
    if (naive)
        naive_invalidate_space(naive, asid);
}

/* A fetch that faults, or an instruction that cannot be decoded, is not told by the engine. (Behind
 * a debug exception there is none.) */
static void note_exit(const struct cpu_exit *why)
{
    bool told = last_fetch == why->pc.v;
    if (why->kind == CPU_EXIT_FAULT && (why->error & PF_FETCH)) {
        if (why->addr.v / PAGE_SIZE != why->pc.v / PAGE_SIZE)
            look_up(why->pc.v, MMU_FETCH);
        look_up(why->addr.v, MMU_FETCH);
    } else if (why->kind == CPU_EXIT_TRAP && why->vector != CPU_VECTOR_DB && !told &&
               mmu_is_canonical(naive->root.levels, why->pc)) {
        look_up(why->pc.v, MMU_FETCH);
    }
}

static void run_traced(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why)
{
    naive_switch(naive, root);
    last_fetch = 1; /* of none: the same instruction may run again */
    __real_cpu_run(cpu, root, turn_budget(budget), why);
    note_exit(why);
}

void __wrap_cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why)
{
    uint64_t before = cpu_instructions(machine);
    if (naive) {
        run_traced(cpu, root, budget, why);
    } else {
        __real_cpu_run(cpu, root, budget, why);
        turn_note(cpu_instructions(machine) - before, why->kind);
    }
}

/* ---- one run ---- */

#define TLB_COUNTERS(X)                                                                            \
    X(tlb_l1d_hits)                                                                                \
    X(tlb_l1d_misses)                                                                              \
    X(tlb_l1i_hits)                                                                                \
    X(tlb_l1i_misses)                                                                              \
    X(tlb_l2_hits)                                                                                 \
    X(tlb_l2_misses)                                                                               \
    X(tlb_flushes)                                                                                 \
    X(tlb_flushes_page)                                                                            \
    X(tlb_flushes_space)                                                                           \
    X(tlb_flushes_all)                                                                             \
    X(walks)                                                                                       \
    X(walk_reads)                                                                                  \
    X(pwc_pd_hits)                                                                                 \
    X(pwc_pdpt_hits)                                                                               \
    X(pwc_pml4_hits)                                                                               \
    X(pwc_pml5_hits)

struct result {
    bool done;
    struct counters real, naive;
    uint64_t instructions;
};

/* The page size that *spec begins with, if it does; "pool" for eight huge pages of 2 MiB set aside,
 * "giant" for two of 1 GiB; *spec is then what follows. */
static const char *page_size_of(const char **spec)
{
    static const char *const sizes[] = {"thp", "2M", "madvise", "pool", "giant"};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = strlen(sizes[i]);
        if (strncmp(*spec, sizes[i], len) == 0 && (*spec)[len] == ':') {
            *spec += len + 1;
            return sizes[i];
        }
    }
    return "4K";
}

static void run(const char *ram, const char *spec, char *const argv[], struct result *out)
{
    struct pw_config *config = pw_config_create();
    struct pw_system *system;
    struct pw_error error;
    const char *page_size = page_size_of(&spec);
    bool is_pool = strcmp(page_size, "pool") == 0, is_giant = strcmp(page_size, "giant") == 0;
    if (pw_config_set(config, "ram", ram, &error) || pw_config_set(config, "tlb", spec, &error) ||
        pw_config_set(config, "page-size", is_pool || is_giant ? "4K" : page_size, &error) ||
        pw_config_set(config, "hugepages",
                      is_pool    ? "8"
                      : is_giant ? "1G:2"
                                 : "0",
                      &error) ||
        pw_config_set(config, "reproducible", "yes", &error) ||
        pw_system_create(config, &system, &error) || pw_spawn(system, argv, environ, &error) < 0 ||
        pw_run(system, &error)) {
        fprintf(stderr, "trace_tlb: %s\n", error.message);
        return;
    }
#define GET(name) out->real.name = pw_counter(system, pw_counter_find(#name));
    TLB_COUNTERS(GET)
    out->instructions = pw_counter(system, pw_counter_find("instructions"));
    if (naive)
        out->naive = naive->counters;
    out->done = true;
}

/* In a process of its own: the program writes to standard output, and may leave things behind. */
static void run_apart(const char *ram, const char *spec, bool traced, char *const argv[],
                      struct result *out)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        naive = traced ? calloc(1, sizeof(*naive)) : NULL;
        run(ram, spec, argv, out);
        fflush(turns);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static bool compare(const char *spec, const char *run, const struct result *result,
                    const struct counters *expected)
{
    bool same = result->done;
    const struct counters *real = &result->real;
    if (!same)
        printf("FAILED %s, %s: the run did not end well\n", spec, run);
#define COMPARE(name)                                                                              \
    if (result->done && real->name != expected->name) {                                            \
        printf("FAILED %s, %s: %s is %" PRIu64 ", expected %" PRIu64 "\n", spec, run, #name,       \
               real->name, expected->name);                                                        \
        same = false;                                                                              \
    }
    TLB_COUNTERS(COMPARE)
    return same;
}

static bool check(const char *ram, const char *spec, char *const argv[], struct result *results)
{
    memset(results, 0, 2 * sizeof(*results));
    turns = tmpfile();
    CHECK(turns);
    run_apart(ram, spec, false, argv, &results[0]);
    rewind(turns);
    run_apart(ram, spec, true, argv, &results[1]);
    fclose(turns);
    const struct counters *expected = &results[1].naive;
    bool same = compare(spec, "traced", &results[1], expected);
    same &= compare(spec, "inline", &results[0], expected);
    if (same)
        printf("ok     %s: %" PRIu64 " instructions, %" PRIu64 " data lookups, %" PRIu64 " walks\n",
               spec, results[1].instructions, expected->tlb_l1d_hits + expected->tlb_l1d_misses,
               expected->walks);
    return same && expected->walks > 0;
}

int main(int argc, char **argv)
{
    struct result *results =
        mmap(NULL, 2 * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int end = 2, passed = 0, failed = 0;
    while (end < argc && strcmp(argv[end], "--") != 0)
        end++;
    if (end >= argc - 1 || end < 3 || results == MAP_FAILED) {
        fprintf(stderr, "use: trace_tlb RAM PROGRAM [ARG...] -- SPEC...\n");
        return 2;
    }
    argv[end] = NULL;
    for (int i = end + 1; i < argc; i++) {
        bool good = check(argv[1], argv[i], argv + 2, results);
        *(good ? &passed : &failed) += 1;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
