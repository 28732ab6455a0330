// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What /proc and /sys say of the guest's machine: its memory, its swap, its one processor. Formats:
 * proc(5). Fields that the machine has nothing for are there and 0, as programs look for them by
 * name.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "kernel/collapse.h"
#include "kernel/kernel.h"
#include "kernel/object.h"
#include "kernel/space.h"
#include "linux/clock.h"
#include "linux/msg.h"
#include "linux/proc_text.h"
#include "linux/sem.h"
#include "linux/shm.h"

static uint64_t kb(uint64_t npages)
{
    return npages * (PAGE_SIZE / 1024);
}

/* ---- meminfo ---- */

struct frame_use {
    uint64_t anonymous, file, idle, shared_memory, mapped, dirty;
};

static void count_frames(const struct kernel *kernel, struct frame_use *out)
{
    memset(out, 0, sizeof *out);
    for (pfn_t pfn = 1; pfn < kernel->frames.fresh; pfn++) {
        const struct frame *frame = frame_get(&kernel->frames, pfn);
        uint64_t dev, ino;
        out->anonymous += frame->kind == FRAME_ANON;
        if (frame->kind != FRAME_OBJECT)
            continue;
        bool is_file = object_is_file((const struct object *)frame->owner, &dev, &ino);
        out->file += is_file;
        out->shared_memory += !is_file;
        out->idle += frame_is_idle(frame);
        out->mapped += frame->nmaps > 0;
        out->dirty += is_file && frame->flags & FRAME_DIRTY;
    }
}

/* Large pages of all spaces. */
static uint64_t count_large(const struct kernel *kernel)
{
    uint64_t count = 0;
    for (unsigned i = 1; i < kernel->spaces_end; i++) {
        const struct space *space = kernel->spaces[i];
        count += space ? space->table.large.count : 0;
    }
    return count;
}

static void put_pool(const struct hugetlb_pool *pool, FILE *out)
{
    fprintf(out, "HugePages_Total:   %5" PRIu64 "\n", pool->npages);
    fprintf(out, "HugePages_Free:    %5" PRIu64 "\n", pool->nfree);
    fprintf(out, "HugePages_Rsvd:    %5" PRIu64 "\n", pool->nreserved);
    fprintf(out, "HugePages_Surp:        0\nHugepagesize:       2048 kB\n");
}

static void put(FILE *out, const char *name, uint64_t npages)
{
    fprintf(out, "%-15s %8" PRIu64 " kB\n", name, kb(npages));
}

static void put_zeros(FILE *out, const char *const *names)
{
    for (; *names; names++)
        put(out, *names, 0);
}

static void meminfo(const struct proc_subject *subject, FILE *out)
{
    const struct kernel *kernel = subject->system->kernel;
    struct frame_use use;
    uint64_t slots = kernel->swap ? swapdisk_slots(kernel->swap) : 0;
    uint64_t used = kernel->swap ? swapdisk_used(kernel->swap) : 0;
    count_frames(kernel, &use);
    uint64_t cached = use.file + use.shared_memory;
    put(out, "MemTotal:", kernel->frames.nframes + kernel->frames.nset_aside);
    put(out, "MemFree:", kernel->frames.nfree);
    put(out, "MemAvailable:", kernel->frames.nfree + use.file - use.dirty);
    put(out, "Buffers:", 0);
    put(out, "Cached:", cached);
    put(out, "SwapCached:", 0);
    put(out, "Active:", use.anonymous + cached - use.idle);
    put(out, "Inactive:", use.idle);
    put(out, "Active(anon):", use.anonymous + use.shared_memory);
    put(out, "Inactive(anon):", 0);
    put(out, "Active(file):", use.file - use.idle);
    put(out, "Inactive(file):", use.idle);
    static const char *const unevictable[] = {"Unevictable:", "Mlocked:", NULL};
    put_zeros(out, unevictable);
    put(out, "SwapTotal:", slots);
    put(out, "SwapFree:", slots - used);
    put(out, "Dirty:", use.dirty);
    put(out, "Writeback:", 0);
    put(out, "AnonPages:", use.anonymous);
    put(out, "Mapped:", use.mapped);
    put(out, "Shmem:", use.shared_memory);
    static const char *const slabs[] = {
        "KReclaimable:", "Slab:", "SReclaimable:", "SUnreclaim:", "KernelStack:", NULL};
    put_zeros(out, slabs);
    put(out, "PageTables:", kernel->frames.ntables);
    static const char *const others[] = {
        "SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:", NULL};
    put_zeros(out, others);
    put(out, "CommitLimit:", kernel->commit.limit);
    put(out, "Committed_AS:", kernel->commit.used);
    fprintf(out, "VmallocTotal:   34359738367 kB\n");
    static const char *const vmalloc[] = {"VmallocUsed:", "VmallocChunk:", "Percpu:", NULL};
    put_zeros(out, vmalloc);
    put(out, "AnonHugePages:", count_large(kernel) * FRAME_BLOCK);
    static const char *const huge[] = {
        "ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:", NULL};
    put_zeros(out, huge);
    put_pool(&kernel->hugetlb[HUGETLB_2M], out);
    put(out, "Hugetlb:", kernel->frames.nset_aside);
}

/* ---- the processor ---- */

/* What the CPU engine's CPUID presents (machine/vex/vex_cpuid.c): SSE4.2, no AVX. The clock is the
 * virtual one's, an instruction a nanosecond. */
static void cpuinfo(const struct proc_subject *subject, FILE *out)
{
    fputs("processor\t: 0\n"
          "vendor_id\t: GenuineIntel\n"
          "cpu family\t: 6\n"
          "model\t\t: 44\n"
          "model name\t: pagewalk virtual processor (SSE4.2)\n"
          "stepping\t: 2\n"
          "cpu MHz\t\t: 1000.000\n"
          "cache size\t: 8192 KB\n"
          "physical id\t: 0\n"
          "siblings\t: 1\n"
          "core id\t\t: 0\n"
          "cpu cores\t: 1\n"
          "apicid\t\t: 0\n"
          "initial apicid\t: 0\n"
          "fpu\t\t: yes\n"
          "fpu_exception\t: yes\n"
          "cpuid level\t: 11\n"
          "wp\t\t: yes\n"
          "flags\t\t: fpu de pse tsc msr pae cx8 sep pge cmov pat clflush mmx fxsr sse sse2 "
          "syscall nx lm pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm\n"
          "bugs\t\t:\n"
          "bogomips\t: 2000.00\n"
          "clflush size\t: 64\n"
          "cache_alignment\t: 64\n"
          "address sizes\t: 40 bits physical, 48 bits virtual\n"
          "power management:\n\n",
          out);
}

static void one_cpu(const struct proc_subject *subject, FILE *out)
{
    fputs("0\n", out);
}

static uint64_t uptime_ns(const struct proc_subject *subject)
{
    uint64_t ns = 0;
    clock_now(subject->system, CLOCK_BOOTTIME, &ns);
    return ns;
}

static uint64_t busy_ns(const struct linux_system *system, uint64_t *stime)
{
    uint64_t utime = system->gone_utime_ns;
    *stime = system->gone_stime_ns;
    for (const struct process *p = system->processes; p; p = p->next) {
        uint64_t user, kernel;
        clock_cpu_time(system, p, &user, &kernel);
        utime += user;
        *stime += kernel;
    }
    return utime;
}

static void uptime(const struct proc_subject *subject, FILE *out)
{
    uint64_t centis = uptime_ns(subject) / 10000000;
    fprintf(out, "%" PRIu64 ".%02" PRIu64 " 0.00\n", centis / 100, centis % 100);
}

static void machine_stat(const struct proc_subject *subject, FILE *out)
{
    uint64_t now = 0, stime, utime = busy_ns(subject->system, &stime);
    uint64_t up = uptime_ns(subject), busy = utime + stime, tick = 10000000;
    clock_now(subject->system, CLOCK_REALTIME, &now);
    for (int i = 0; i < 2; i++)
        fprintf(out, "cpu%s %" PRIu64 " 0 %" PRIu64 " %" PRIu64 " 0 0 0 0 0 0\n", i ? "0" : " ",
                utime / tick, stime / tick, up > busy ? (up - busy) / tick : 0);
    fprintf(out, "intr 0\nctxt 0\nbtime %" PRIu64 "\nprocesses %" PRIu64 "\nprocs_running %u\n",
            (now - up) / 1000000000, subject->system->nprocesses, subject->system->nlive);
    fprintf(out, "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

static void loadavg(const struct proc_subject *subject, FILE *out)
{
    const struct linux_system *system = subject->system;
    fprintf(out, "0.00 0.00 0.00 1/%u %d\n", system->ntasks, system->records_last->pid);
}

/* ---- paging ---- */

static void vmstat(const struct proc_subject *subject, FILE *out)
{
    const struct kernel *kernel = subject->system->kernel;
    struct counters sum;
    struct frame_use use;
    count_frames(kernel, &use);
    linux_totals(subject->system, &sum);
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {{"nr_free_pages", kernel->frames.nfree},
                 {"nr_anon_pages", use.anonymous},
                 {"nr_mapped", use.mapped},
                 {"nr_file_pages", use.file + use.shared_memory},
                 {"nr_dirty", use.dirty},
                 {"nr_writeback", 0},
                 {"nr_anon_transparent_hugepages", count_large(kernel)},
                 {"nr_shmem", use.shared_memory},
                 {"nr_page_table_pages", kernel->frames.ntables},
                 {"pgpgin", kb(sum.pages_in)},
                 {"pgpgout", kb(sum.pages_out)},
                 {"pswpin", sum.swap_pages_in},
                 {"pswpout", sum.swap_pages_out},
                 {"pgfault", sum.faults},
                 {"pgmajfault", sum.faults_major},
                 {"pgsteal_direct", sum.reclaims},
                 {"oom_kill", kernel->gauges.oom_kills},
                 {"compact_success", sum.compactions},
                 {"pgmigrate_success", sum.compact_moves},
                 {"thp_fault_alloc", sum.large_faults},
                 {"thp_fault_fallback", sum.large_fragmented},
                 {"thp_collapse_alloc", sum.large_collapses},
                 {"thp_split_page", sum.large_splits}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        fprintf(out, "%s %" PRIu64 "\n", lines[i].name, lines[i].value);
}

/* Linux shows 11 orders, this allocator goes on to 1 GiB. */
static void buddyinfo(const struct proc_subject *subject, FILE *out)
{
    uint64_t nblocks[BUDDY_ORDERS];
    buddy_census(&subject->system->kernel->frames, nblocks);
    fprintf(out, "Node 0, zone %8s ", "Normal");
    for (unsigned order = 0; order < BUDDY_ORDERS; order++)
        fprintf(out, "%6" PRIu64 " ", nblocks[order]);
    fputc('\n', out);
}

static void swaps(const struct proc_subject *subject, FILE *out)
{
    const struct swapdisk *swap = subject->system->kernel->swap;
    fprintf(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    if (swap)
        fprintf(out, "%-39s file\t\t%" PRIu64 "\t\t%" PRIu64 "\t\t-2\n", "/swapfile",
                kb(swapdisk_slots(swap)), kb(swapdisk_used(swap)));
}

static void overcommit_memory(const struct proc_subject *subject, FILE *out)
{
    static const int values[] = {[COMMIT_HEURISTIC] = 0, [COMMIT_ALWAYS] = 1, [COMMIT_NEVER] = 2};
    fprintf(out, "%d\n", values[subject->system->kernel->commit.mode]);
}

static void overcommit_ratio(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "50\n");
}

/* ---- System V shared memory, message queues and semaphores ---- */

static void put_segment(const struct shm_segment *segment, FILE *out)
{
    struct shmid_ds info;
    shm_info(segment, &info);
    fprintf(out, "%10d %10d  %4o %21zu %5d %5d  %5lu %5u %5u %5u %5u %10ld %10ld %10ld",
            info.shm_perm.__key, segment->ipc.id, info.shm_perm.mode, info.shm_segsz, info.shm_cpid,
            info.shm_lpid, info.shm_nattch, info.shm_perm.uid, info.shm_perm.gid,
            info.shm_perm.cuid, info.shm_perm.cgid, info.shm_atime, info.shm_dtime, info.shm_ctime);
    fprintf(out, " %21" PRIu64 " %21" PRIu64 "\n",
            object_resident_pages(segment->object) << PAGE_SHIFT,
            object_swapped(segment->object, 0, UINT64_MAX) << PAGE_SHIFT);
}

static void sysv_shm(const struct proc_subject *subject, FILE *out)
{
    fprintf(out,
            "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  "
            "cuid  cgid      atime      dtime      ctime                   rss"
            "                  swap\n");
    const struct ipc_table *table = shm_entries(subject->system->shm);
    for (unsigned i = 0; i < ipc_end(table); i++) {
        const struct shm_segment *segment = shm_segment(ipc_at(table, i));
        if (segment)
            put_segment(segment, out);
    }
}

static void put_queue(const struct ipc_entry *entry, const struct msqid_ds *info, FILE *out)
{
    fprintf(out, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10ld %10ld %10ld\n",
            entry->perm.__key, entry->id, entry->perm.mode, info->__msg_cbytes, info->msg_qnum,
            info->msg_lspid, info->msg_lrpid, entry->perm.uid, entry->perm.gid, entry->perm.cuid,
            entry->perm.cgid, info->msg_stime, info->msg_rtime, info->msg_ctime);
}

static void sysv_msg(const struct proc_subject *subject, FILE *out)
{
    const struct ipc_table *table = msg_entries(subject->system->msg);
    fprintf(out, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid"
                 "  cgid      stime      rtime      ctime\n");
    for (unsigned i = 0; i < ipc_end(table); i++) {
        struct msqid_ds info;
        struct ipc_entry *entry = ipc_at(table, i);
        if (!entry)
            continue;
        msg_info(msg_queue(entry), &info);
        put_queue(entry, &info, out);
    }
}

static void sysv_sem(const struct proc_subject *subject, FILE *out)
{
    const struct ipc_table *table = sem_entries(subject->system->sem);
    fprintf(out, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime"
                 "      ctime\n");
    for (unsigned i = 0; i < ipc_end(table); i++) {
        struct semid_ds info;
        struct ipc_entry *entry = ipc_at(table, i);
        if (!entry)
            continue;
        sem_info(sem_set(entry), &info);
        fprintf(out, "%10d %10d  %4o %10lu %5u %5u %5u %5u %10ld %10ld\n", entry->perm.__key,
                entry->id, entry->perm.mode, info.sem_nsems, entry->perm.uid, entry->perm.gid,
                entry->perm.cuid, entry->perm.cgid, info.sem_otime, info.sem_ctime);
    }
}

static void msg_max(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", MSG_LEN_MAX);
}

static void msg_queue_bytes(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", MSG_QUEUE_BYTES_MAX);
}

static void msg_queues(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", MSG_QUEUES_MAX);
}

static void sem_limits(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\t%d\t%d\t%d\n", SEM_PER_SET_MAX, SEM_TOTAL_MAX, SEM_OPS_MAX, SEM_SETS_MAX);
}

static void shm_max(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%" PRIu64 "\n", (uint64_t)SHM_LEN_MAX);
}

static void shm_segments(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", SHM_SEGMENTS_MAX);
}

static void zero(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "0\n");
}

/* ---- large pages ---- */

static void put_choice(FILE *out, const char *const *names, unsigned chosen)
{
    for (unsigned i = 0; names[i]; i++)
        fprintf(out, i == chosen ? "%s[%s]" : "%s%s", i ? " " : "", names[i]);
    fputc('\n', out);
}

static void thp_enabled(const struct proc_subject *subject, FILE *out)
{
    static const char *const names[] = {"always", "madvise", "never", NULL};
    static const unsigned chosen[] = {
        [LARGE_NEVER] = 2, [LARGE_MADVISE] = 1, [LARGE_ALWAYS] = 0, [LARGE_WHOLE] = 0};
    put_choice(out, names, chosen[subject->system->kernel->large]);
}

/* What is done for one when RAM is not tidy: see kernel/large.h. */
static void thp_defrag(const struct proc_subject *subject, FILE *out)
{
    static const char *const names[] = {"always",  "defer", "defer+madvise",
                                        "madvise", "never", NULL};
    static const unsigned chosen[] = {
        [LARGE_NEVER] = 4, [LARGE_MADVISE] = 3, [LARGE_ALWAYS] = 3, [LARGE_WHOLE] = 0};
    put_choice(out, names, chosen[subject->system->kernel->large]);
}

static void scan_pages(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", COLLAPSE_SCAN_PAGES);
}

static void ptes_none(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", COLLAPSE_PTES_NONE_MAX);
}

/* An instruction is a nanosecond, as in virtual time. */
static void scan_sleep(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%d\n", COLLAPSE_PERIOD / 1000000);
}

static void pages_collapsed(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%" PRIu64 "\n", subject->system->kernel->collapse.ncollapsed);
}

static void full_scans(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "%" PRIu64 "\n", subject->system->kernel->collapse.nscans);
}

static void thp_shmem(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "always within_size advise [never] deny force\n");
}

static void thp_size(const struct proc_subject *subject, FILE *out)
{
    fprintf(out, "2097152\n");
}

static void put_count(FILE *out, uint64_t n)
{
    fprintf(out, "%" PRIu64 "\n", n);
}

#define POOL_FILES(name, size)                                                                     \
    static void name##_total(const struct proc_subject *subject, FILE *out)                        \
    {                                                                                              \
        put_count(out, subject->system->kernel->hugetlb[size].npages);                             \
    }                                                                                              \
    static void name##_free(const struct proc_subject *subject, FILE *out)                         \
    {                                                                                              \
        put_count(out, subject->system->kernel->hugetlb[size].nfree);                              \
    }                                                                                              \
    static void name##_reserved(const struct proc_subject *subject, FILE *out)                     \
    {                                                                                              \
        put_count(out, subject->system->kernel->hugetlb[size].nreserved);                          \
    }
POOL_FILES(huge, HUGETLB_2M)
POOL_FILES(giant, HUGETLB_1G)

#define HUGE "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define GIANT "/sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define THP "/sys/kernel/mm/transparent_hugepage/"
#define CPU "/sys/devices/system/cpu/"
const struct proc_file proc_machine_files[] = {
    {"/proc/buddyinfo", buddyinfo, 0444, NULL},
    {"/proc/cpuinfo", cpuinfo, 0444, NULL},
    {"/proc/loadavg", loadavg, 0444, NULL},
    {"/proc/meminfo", meminfo, 0444, NULL},
    {"/proc/stat", machine_stat, 0444, NULL},
    {"/proc/swaps", swaps, 0444, NULL},
    {"/proc/uptime", uptime, 0444, NULL},
    {"/proc/vmstat", vmstat, 0444, NULL},
    {"/proc/sys/kernel/msgmax", msg_max, 0444, NULL},
    {"/proc/sys/kernel/msgmnb", msg_queue_bytes, 0444, NULL},
    {"/proc/sys/kernel/msgmni", msg_queues, 0444, NULL},
    {"/proc/sys/kernel/sem", sem_limits, 0444, NULL},
    {"/proc/sys/kernel/shmall", shm_max, 0444, NULL},
    {"/proc/sys/kernel/shmmax", shm_max, 0444, NULL},
    {"/proc/sys/kernel/shmmni", shm_segments, 0444, NULL},
    {"/proc/sysvipc/msg", sysv_msg, 0444, NULL},
    {"/proc/sysvipc/sem", sysv_sem, 0444, NULL},
    {"/proc/sysvipc/shm", sysv_shm, 0444, NULL},
    {"/proc/sys/vm/nr_hugepages", huge_total, 0444, NULL},
    {"/proc/sys/vm/nr_overcommit_hugepages", zero, 0444, NULL},
    {"/proc/sys/vm/overcommit_kbytes", zero, 0444, NULL},
    {"/proc/sys/vm/overcommit_memory", overcommit_memory, 0444, NULL},
    {"/proc/sys/vm/overcommit_ratio", overcommit_ratio, 0444, NULL},
    {CPU "online", one_cpu, 0444, NULL},
    {CPU "possible", one_cpu, 0444, NULL},
    {CPU "present", one_cpu, 0444, NULL},
    {GIANT "free_hugepages", giant_free, 0444, NULL},
    {GIANT "nr_hugepages", giant_total, 0444, NULL},
    {GIANT "nr_overcommit_hugepages", zero, 0444, NULL},
    {GIANT "resv_hugepages", giant_reserved, 0444, NULL},
    {GIANT "surplus_hugepages", zero, 0444, NULL},
    {HUGE "free_hugepages", huge_free, 0444, NULL},
    {HUGE "nr_hugepages", huge_total, 0444, NULL},
    {HUGE "nr_overcommit_hugepages", zero, 0444, NULL},
    {HUGE "resv_hugepages", huge_reserved, 0444, NULL},
    {HUGE "surplus_hugepages", zero, 0444, NULL},
    {THP "defrag", thp_defrag, 0444, NULL},
    {THP "enabled", thp_enabled, 0444, NULL},
    {THP "hpage_pmd_size", thp_size, 0444, NULL},
    {THP "khugepaged/full_scans", full_scans, 0444, NULL},
    {THP "khugepaged/max_ptes_none", ptes_none, 0444, NULL},
    {THP "khugepaged/max_ptes_shared", zero, 0444, NULL},
    {THP "khugepaged/max_ptes_swap", zero, 0444, NULL},
    {THP "khugepaged/pages_collapsed", pages_collapsed, 0444, NULL},
    {THP "khugepaged/pages_to_scan", scan_pages, 0444, NULL},
    {THP "khugepaged/scan_sleep_millisecs", scan_sleep, 0444, NULL},
    {THP "shmem_enabled", thp_shmem, 0444, NULL},
    {THP "use_zero_page", zero, 0444, NULL},
    {NULL, NULL, 0, NULL},
};
