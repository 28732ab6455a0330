// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The files of /proc/PID but its maps: status, stat, statm, limits and the like, in the formats of
 * proc(5). Numbers come from the guest's process and space; user and group ids are the host's,
 * since a guest acts with the rights of its user.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kernel/space.h"
#include "linux/fd.h"
#include "linux/oom.h"
#include "linux/proc_text.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/tracee.h"
#include "linux/tty.h"

enum { TICKS_PER_SECOND = 100 };

static uint64_t ticks(uint64_t ns)
{
    return ns / (1000000000 / TICKS_PER_SECOND);
}

static uint64_t kb(uint64_t npages)
{
    return npages * (PAGE_SIZE / 1024);
}

/* ---- counting pages ---- */

static void add_region(struct proc_pages *pages, struct space *space, const struct region *region)
{
    struct region_usage usage;
    uint64_t dev, ino, npages = (region->range.end - region->range.start) >> PAGE_SHIFT;
    region_measure(space, region, &usage);
    pages->resident += usage.rss;
    pages->anonymous += usage.anonymous;
    pages->swap += region->flags & REGION_SHARED ? 0 : usage.swap; /* VmSwap: private pages */
    if (region->object && object_is_file(region->object, &dev, &ino))
        pages->file += usage.rss - usage.anonymous;
    else if (region->object)
        pages->shared_memory += usage.rss - usage.anonymous;
    if (region->flags & REGION_GROWSDOWN)
        pages->stack += npages;
    else if (region->prot & PROT_MASK_X && !(region->prot & PROT_MASK_W))
        pages->text += npages;
}

void proc_pages_measure(const struct process *process, struct proc_pages *out)
{
    struct space *space = process->space;
    memset(out, 0, sizeof *out);
    if (!space)
        return;
    for (const struct region *r = space_region_from(space, vaddr(0)); r; r = region_next(r))
        add_region(out, space, r);
    out->size = space->npages;
    out->locked = space->nlocked;
    out->data = space->ndata;
}

static uint64_t code_pages(const struct process *process)
{
    if (!process->space)
        return 0;
    uint64_t first = process->start_code.v >> PAGE_SHIFT;
    uint64_t end = (process->end_code.v + PAGE_MASK) >> PAGE_SHIFT;
    return end > first ? end - first : 0;
}

/* ---- signals and names ---- */

struct signal_sets {
    sigbits_t ignored, caught;
};

static struct signal_sets signal_sets(const struct process *process)
{
    struct signal_sets sets = {0, 0};
    for (int signal = 1; process->actions && signal <= SIGNALS; signal++) {
        uint64_t handler = process->actions->action[signal - 1].handler;
        if (handler == (uint64_t)SIG_IGN)
            sets.ignored |= sigbit(signal);
        else if (handler != (uint64_t)SIG_DFL)
            sets.caught |= sigbit(signal);
    }
    return sets;
}

static const char *comm_of(const struct proc_subject *subject)
{
    return subject->task ? subject->task->comm : subject->process->comm;
}

static int number_of(const struct proc_subject *subject)
{
    return subject->task ? subject->task->tid : subject->process->pid;
}

static char state_of(const struct proc_subject *subject)
{
    const struct task *task = subject->task;
    if (!task)
        return 'Z';
    if (tracee_is_stopped(task))
        return 't';
    if (task_is_stopped(task))
        return 'T';
    return task == subject->system->current || sched_is_ready(task) ? 'R' : 'S';
}

static int tracer_of(const struct proc_subject *subject)
{
    const struct task *task = subject->task;
    return task && task->tracee ? task->tracee->tracer->pid : 0;
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'T':
        return "stopped";
    case 't':
        return "tracing stop";
    case 'Z':
        return "zombie";
    default:
        return "sleeping";
    }
}

/* ---- status ---- */

static void put_ids(FILE *out)
{
    uid_t uid[3];
    gid_t gid[3], groups[64];
    getresuid(&uid[0], &uid[1], &uid[2]);
    getresgid(&gid[0], &gid[1], &gid[2]);
    fprintf(out, "Uid:\t%u\t%u\t%u\t%u\n", uid[0], uid[1], uid[2], uid[1]);
    fprintf(out, "Gid:\t%u\t%u\t%u\t%u\n", gid[0], gid[1], gid[2], gid[1]);
    fprintf(out, "FDSize:\t256\nGroups:\t");
    int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
        fprintf(out, "%u ", groups[i]);
    fprintf(out, "\n");
}

static void put_memory(const struct process *process, FILE *out)
{
    struct proc_pages pages;
    proc_pages_measure(process, &pages);
    uint64_t code = code_pages(process);
    uint64_t peak = process->rss_peak;
    if (process->space && process->space->rss_peak > peak)
        peak = process->space->rss_peak;
    if (peak < pages.resident)
        peak = pages.resident;
    const struct {
        const char *name;
        uint64_t npages;
    } lines[] = {{"VmPeak", pages.size},
                 {"VmSize", pages.size},
                 {"VmLck", pages.locked},
                 {"VmPin", 0},
                 {"VmHWM", peak},
                 {"VmRSS", pages.resident},
                 {"RssAnon", pages.anonymous},
                 {"RssFile", pages.file},
                 {"RssShmem", pages.shared_memory},
                 {"VmData", pages.data},
                 {"VmStk", pages.stack},
                 {"VmExe", code},
                 {"VmLib", pages.text > code ? pages.text - code : 0},
                 {"VmPTE", process->space ? process->space->table.ntables : 0},
                 {"VmSwap", pages.swap}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(out, "%s:\t%8" PRIu64 " kB\n", lines[i].name, kb(lines[i].npages));
    uint64_t huge = process->space ? process->space->table.nhuge : 0;
    fprintf(out, "HugetlbPages:\t%8" PRIu64 " kB\nCoreDumping:\t0\nTHP_enabled:\t0\n", kb(huge));
}

static void put_signals(const struct proc_subject *subject, FILE *out)
{
    const struct process *process = subject->process;
    const struct task *task = subject->task;
    struct signal_sets sets = signal_sets(process);
    fprintf(out, "Threads:\t%d\nSigQ:\t0/%" PRIu64 "\n", process->ntasks ? process->ntasks : 1,
            process->limits[RLIMIT_SIGPENDING].cur);
    fprintf(out, "SigPnd:\t%016" PRIx64 "\n", task ? task->signals.pending.pending : 0);
    fprintf(out, "ShdPnd:\t%016" PRIx64 "\n", process->pending.pending);
    fprintf(out, "SigBlk:\t%016" PRIx64 "\n", task ? task->signals.mask : 0);
    fprintf(out, "SigIgn:\t%016" PRIx64 "\n", sets.ignored);
    fprintf(out, "SigCgt:\t%016" PRIx64 "\n", sets.caught);
}

static void put_rights(const struct proc_subject *subject, FILE *out)
{
    const struct task *task = subject->task ? subject->task : process_leader(subject->process);
    struct caps caps = task ? task->caps : (struct caps){0};
    fprintf(out, "CapInh:\t%016" PRIx64 "\nCapPrm:\t%016" PRIx64 "\n", caps.inheritable,
            caps.permitted);
    fprintf(out, "CapEff:\t%016" PRIx64 "\nCapBnd:\t%016" PRIx64 "\n", caps.effective,
            caps.bounding);
    fprintf(out, "CapAmb:\t%016" PRIx64 "\nNoNewPrivs:\t%d\n",
            geteuid() == 0 ? 0 : caps.permitted & caps.inheritable, subject->process->no_new_privs);
    fprintf(out, "Seccomp:\t0\nSeccomp_filters:\t0\n");
}

static void status(const struct proc_subject *subject, FILE *out)
{
    const struct process *process = subject->process;
    char state = state_of(subject);
    int tid = number_of(subject);
    fprintf(out, "Name:\t%s\n", comm_of(subject));
    if (process->fs)
        fprintf(out, "Umask:\t%04o\n", process->fs->umask);
    fprintf(out, "State:\t%c (%s)\n", state, state_name(state));
    fprintf(out, "Tgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", process->pid, tid,
            process_ppid(process), tracer_of(subject));
    put_ids(out);
    fprintf(out, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", process->pid, tid,
            process->pgid, process->sid);
    if (process->space)
        put_memory(process, out);
    put_signals(subject, out);
    put_rights(subject, out);
    fprintf(out, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\n"
                 "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t0\n"
                 "nonvoluntary_ctxt_switches:\t0\n");
}

/* ---- stat, statm ---- */

static void stat_line(const struct proc_subject *subject, FILE *out)
{
    const struct process *p = subject->process;
    const struct counters *c = &p->counters;
    const struct usage *below = &p->children_usage;
    struct signal_sets sets = signal_sets(p);
    unsigned tty;
    int foreground;
    uint64_t pending = subject->task ? subject->task->signals.pending.pending : 0;
    uint64_t mask = subject->task ? subject->task->signals.mask : 0;
    struct space *space = p->space;
    uint64_t utime, stime;
    clock_cpu_time(subject->system, p, &utime, &stime);

    tty_describe(p, &tty, &foreground);
    fprintf(out, "%d (%s) %c %d %d %d %u %d 4194304 ", number_of(subject), comm_of(subject),
            state_of(subject), process_ppid(p), p->pgid, p->sid, tty, foreground);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " ",
            c->faults_minor, below->minflt, c->faults_major, below->majflt, ticks(utime),
            ticks(stime));
    fprintf(out, "%" PRIu64 " %" PRIu64 " %d %d %d 0 %" PRIu64 " ", ticks(below->utime_ns),
            ticks(below->stime_ns), 20 + p->nice, p->nice, p->ntasks, ticks(p->start_ns));
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " ", space ? space->npages * PAGE_SIZE : 0,
            space ? space_resident(space) : 0, p->limits[RLIMIT_RSS].cur);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 ", p->start_code.v, p->end_code.v,
            p->stack_top.v);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 0 17 0 0 0 0 0 0 ",
            pending & 0x7fffffff, mask & 0x7fffffff, sets.ignored & 0x7fffffff,
            sets.caught & 0x7fffffff);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " ", p->start_data.v, p->end_data.v,
            space ? space->brk_start.v : 0);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0\n", p->arg_start.v,
            p->arg_end.v, p->env_start.v, p->env_end.v);
}

static void statm(const struct proc_subject *subject, FILE *out)
{
    struct proc_pages pages;
    proc_pages_measure(subject->process, &pages);
    fprintf(out, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 %" PRIu64 " 0\n", pages.size,
            pages.resident, pages.file + pages.shared_memory, code_pages(subject->process),
            pages.data + pages.stack);
}

/* ---- the small ones ---- */

static void cmdline(const struct proc_subject *subject, FILE *out)
{
    if (subject->process->space)
        fwrite(subject->process->cmdline, 1, subject->process->cmdline_len, out);
}

static void environment(const struct proc_subject *subject, FILE *out)
{
    if (subject->process->space)
        fwrite(subject->process->environ, 1, subject->process->environ_len, out);
}

static void auxv(const struct proc_subject *subject, FILE *out)
{
    const struct process *process = subject->process;
    fwrite(process->auxv, sizeof *process->auxv, process->auxv_words, out);
}

static void comm(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%s\n", comm_of(subject));
}

static int store_comm(const struct proc_subject *subject, const char *text)
{
    struct task *task = subject->task;
    if (!task)
        return -ESRCH;
    snprintf(task->comm, sizeof task->comm, "%.*s", (int)strcspn(text, "\n"), text);
    return 0;
}

/* The guest's machine knows no groups of control: no memory limit but its RAM. */
static void cgroup(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "0::/\n");
}

static void oom_score_file(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%" PRId64 "\n", oom_score(subject->process));
}

static void oom_score_adj(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", subject->process->oom_score_adj);
}

/* The scale before Linux 2.6.36: -17 to 15. */
enum { OOM_ADJ_MIN = -17, OOM_ADJ_MAX = 15 };

static void oom_adj(const struct proc_subject *subject, FILE *out)
{
    int adj = subject->process->oom_score_adj;
    fprintf(out, "%d\n",
            adj == OOM_SCORE_ADJ_MAX ? OOM_ADJ_MAX : adj * -OOM_ADJ_MIN / OOM_SCORE_ADJ_MAX);
}

/* A number from `min` to `max`, with space around it. Errors: -EINVAL. */
static int parse_number(const char *text, int min, int max, int *out)
{
    char *end;
    long value = strtol(text, &end, 0);
    if (end == text || end[strspn(end, " \t\n")] != '\0' || value < min || value > max)
        return -EINVAL;
    *out = (int)value;
    return 0;
}

static int set_oom_score_adj(struct process *process, int adj)
{
    if (adj < 0 && geteuid() != 0) /* below what it started with */
        return -EACCES;
    process->oom_score_adj = adj;
    return 0;
}

static int store_oom_score_adj(const struct proc_subject *subject, const char *text)
{
    int adj, rc = parse_number(text, OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MAX, &adj);
    return rc < 0 ? rc : set_oom_score_adj(subject->process, adj);
}

static int store_oom_adj(const struct proc_subject *subject, const char *text)
{
    int adj, rc = parse_number(text, OOM_ADJ_MIN, OOM_ADJ_MAX, &adj);
    if (rc < 0)
        return rc;
    return set_oom_score_adj(subject->process, adj == OOM_ADJ_MAX
                                                   ? OOM_SCORE_ADJ_MAX
                                                   : adj * OOM_SCORE_ADJ_MAX / -OOM_ADJ_MIN);
}

static void personality_bits(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "00000000\n");
}

static void coredump_filter(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "00000033\n");
}

static void put_limit(FILE *out, uint64_t value)
{
    if (value == UINT64_MAX)
        fprintf(out, "%-20s ", "unlimited");
    else
        fprintf(out, "%-20" PRIu64 " ", value);
}

static void limits(const struct proc_subject *subject, FILE *out)
{
    static const struct {
        const char *name, *unit;
    } rows[] = {{"Max cpu time", "seconds"},     {"Max file size", "bytes"},
                {"Max data size", "bytes"},      {"Max stack size", "bytes"},
                {"Max core file size", "bytes"}, {"Max resident set", "bytes"},
                {"Max processes", "processes"},  {"Max open files", "files"},
                {"Max locked memory", "bytes"},  {"Max address space", "bytes"},
                {"Max file locks", "locks"},     {"Max pending signals", "signals"},
                {"Max msgqueue size", "bytes"},  {"Max nice priority", ""},
                {"Max realtime priority", ""},   {"Max realtime timeout", "us"}};
    fprintf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fprintf(out, "%-25s ", rows[i].name);
        put_limit(out, subject->process->limits[i].cur);
        put_limit(out, subject->process->limits[i].max);
        fprintf(out, *rows[i].unit ? "%-10s\n" : "%s\n", rows[i].unit);
    }
}

void proc_text_fdinfo(const struct proc_subject *subject, FILE *out)
{
    const struct fd_entry *entry = fd_entry(subject->process->fds, subject->fd);
    if (!entry)
        return;
    off_t pos = lseek(entry->host, 0, SEEK_CUR);
    int flags = fcntl(entry->host, F_GETFL);
    fprintf(out, "pos:\t%" PRId64 "\nflags:\t0%o\nmnt_id:\t0\n", pos < 0 ? 0 : (int64_t)pos,
            (unsigned)(flags | (entry->cloexec ? O_CLOEXEC : 0)));
}

const struct proc_file proc_process_files[] = {
    {"auxv", auxv, 0400, NULL},
    {"cgroup", cgroup, 0444, NULL},
    {"cmdline", cmdline, 0444, NULL},
    {"comm", comm, 0644, store_comm},
    {"coredump_filter", coredump_filter, 0644, NULL},
    {"environ", environment, 0400, NULL},
    {"limits", limits, 0444, NULL},
    {"maps", proc_text_maps, 0444, NULL},
    {"oom_adj", oom_adj, 0644, store_oom_adj},
    {"oom_score", oom_score_file, 0444, NULL},
    {"oom_score_adj", oom_score_adj, 0644, store_oom_score_adj},
    {"personality", personality_bits, 0400, NULL},
    {"smaps", proc_text_smaps, 0444, NULL},
    {"smaps_rollup", proc_text_smaps_rollup, 0444, NULL},
    {"stat", stat_line, 0444, NULL},
    {"statm", statm, 0444, NULL},
    {"status", status, 0444, NULL},
    {NULL, NULL, 0, NULL},
};
