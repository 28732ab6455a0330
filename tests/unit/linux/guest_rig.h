// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One guest process without a CPU that executes anything: a machine, a kernel and a system, and a
 * process whose system calls a test makes by hand with rig_call(). Arguments in the guest's memory
 * lie in one anonymous mapping, `rig->data` of RIG_DATA_LEN bytes, read and written with rig_get()
 * and rig_put(). The task's registers are a plain struct.
 */
#ifndef TESTS_UNIT_LINUX_GUEST_RIG_H
#define TESTS_UNIT_LINUX_GUEST_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "linux/pid.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/syscall.h"
#include "linux/user.h"
#include "machine/machine.h"

enum { RIG_FRAMES = 4096, RIG_DATA_LEN = 1 << 20 };

/* ---- a CPU that is only its registers ---- */

struct cpu {
    struct cpu_regs regs;
};

int cpu_create(struct machine *machine, struct cpu **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : -ENOMEM;
}

int cpu_clone(struct cpu *cpu, struct cpu **out)
{
    int rc = cpu_create(NULL, out);
    if (rc == 0)
        **out = *cpu;
    return rc;
}

void cpu_destroy(struct cpu *cpu)
{
    free(cpu);
}

void cpu_reset(struct cpu *cpu)
{
    memset(cpu, 0, sizeof *cpu);
}

void cpu_get_regs(const struct cpu *cpu, struct cpu_regs *regs)
{
    *regs = cpu->regs;
}

void cpu_set_regs(struct cpu *cpu, const struct cpu_regs *regs)
{
    cpu->regs = *regs;
}

void cpu_get_xsave(const struct cpu *cpu, uint8_t area[CPU_XSAVE_LEN])
{
    memset(area, 0, CPU_XSAVE_LEN);
}

void cpu_set_xsave(struct cpu *cpu, const uint8_t *area, size_t len)
{
}

uint64_t cpu_syscall_number(const struct cpu *cpu)
{
    return cpu->regs.rax;
}

void cpu_syscall_args(const struct cpu *cpu, uint64_t args[6])
{
    const struct cpu_regs *r = &cpu->regs;
    const uint64_t values[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
    memcpy(args, values, sizeof values);
}

void cpu_set_result(struct cpu *cpu, uint64_t rax)
{
    cpu->regs.rax = rax;
}

uint64_t cpu_stack_pointer(const struct cpu *cpu)
{
    return cpu->regs.rsp;
}

uint64_t cpu_pc(const struct cpu *cpu)
{
    return cpu->regs.rip;
}

void cpu_set_pc(struct cpu *cpu, uint64_t rip)
{
    cpu->regs.rip = rip;
}

void cpu_set_fs_base(struct cpu *cpu, uint64_t base)
{
    cpu->regs.fs_base = base;
}

void cpu_set_gs_base(struct cpu *cpu, uint64_t base)
{
    cpu->regs.gs_base = base;
}

void cpu_set_debug(struct cpu *cpu, const struct cpu_debug *debug)
{
}

void cpu_run(struct cpu *cpu, struct mmu_root root, uint64_t budget, struct cpu_exit *why)
{
    abort();
}

void cpu_kick(struct machine *machine)
{
}

/* ---- the rig ---- */

struct rig {
    struct machine machine;
    struct counters counters;
    struct tlb_front front[TLB_FRONT_SLOTS];
    struct tlb_ifront ifront[TLB_IFRONT_SLOTS];
    struct kernel *kernel;
    struct linux_system *system;
    struct process *process;
    struct task *task;
    uint64_t data; /* address of RIG_DATA_LEN bytes in the guest */
    char dir[64];  /* a temporary directory, also the guest's own */
};

static inline int64_t rig_call6(struct rig *rig, long number, uint64_t a, uint64_t b, uint64_t c,
                                uint64_t d, uint64_t e, uint64_t f)
{
    const uint64_t args[6] = {a, b, c, d, e, f};
    const struct syscall_entry *entry = syscall_entry((uint64_t)number);
    assert_non_null(entry->fn);
    int64_t result = entry->fn(rig->task, args);
    sched_end_call(rig->task);
    return result;
}

#define rig_call(rig, number, ...) rig_call_list(rig, number, (const uint64_t[6]){__VA_ARGS__})

static inline int64_t rig_call_list(struct rig *rig, long number, const uint64_t args[6])
{
    return rig_call6(rig, number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static inline void rig_put(struct rig *rig, uint64_t addr, const void *src, size_t len)
{
    assert_int_equal(user_write(rig->task, addr, src, len), 0);
}

static inline void rig_get(struct rig *rig, void *dst, uint64_t addr, size_t len)
{
    assert_int_equal(user_read(rig->task, dst, addr, len), 0);
}

/* Puts a string at data + at. Result: its address. */
static inline uint64_t rig_string(struct rig *rig, uint64_t at, const char *text)
{
    rig_put(rig, rig->data + at, text, strlen(text) + 1);
    return rig->data + at;
}

static inline void rig_machine_create(struct rig *rig)
{
    struct tlb_spec spec;
    const char *why;
    struct kernel_options options = {.policy = policy_find("clock"), .seed = 1};
    rig->machine.now = &rig->counters;
    rig->machine.levels = 4;
    assert_int_equal(ram_create(RIG_FRAMES, &rig->machine.ram), 0);
    assert_int_equal(tlb_spec_parse("tiny", &spec, &why), 0);
    assert_int_equal(tlb_create(&spec, rig->machine.ram, rig->front, rig->ifront, &rig->machine.now,
                                &rig->machine.tlb),
                     0);
    assert_int_equal(kernel_create(&rig->machine, &options, &rig->kernel), 0);
}

static inline void rig_process_create(struct rig *rig)
{
    struct process *process = process_make(rig->system, pid_take(rig->system));
    process->pgid = process->sid = process->pid;
    process->made_by = INIT_PID;
    process->fs = fs_state_create(open(rig->dir, O_PATH | O_CLOEXEC), rig->dir, 022);
    process->exe = x_strdup("/bin/true");
    process->cmdline = x_strdup("true");
    process->cmdline_len = 5;
    process->environ = x_strdup("A=b");
    process->environ_len = 4;
    assert_int_equal(space_create(rig->kernel, &process->space), 0);
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        process_set_limit(process, i, i == RLIMIT_NOFILE ? 1024 : UINT64_MAX, UINT64_MAX);
    assert_int_equal(fd_table_create(&process->fds), 0);
    process->actions = signal_actions_create();
    rig->process = process;
    assert_int_equal(task_create(process, process->pid, &rig->task), 0);
    strcpy(rig->task->comm, "true");
    rig->system->current = rig->task;
}

static inline int rig_setup(void **state)
{
    struct rig *rig = x_calloc(1, sizeof *rig);
    struct linux_options options = {.strict = false};
    strcpy(rig->dir, "/tmp/pagewalk-rig-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    rig_machine_create(rig);
    assert_int_equal(linux_create(&rig->machine, rig->kernel, &options, &rig->system), 0);
    rig_process_create(rig);
    rig->data = (uint64_t)rig_call(rig, SYS_mmap, 0, RIG_DATA_LEN, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
    assert_int_equal(rig->data & PAGE_MASK, 0);
    rig_put(rig, rig->data, "", 1); /* resident, as it is the buffer of most tests */
    *state = rig;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *rig = *state;
    char command[128];
    linux_destroy(rig->system);
    assert_true(kernel_is_valid(rig->kernel));
    kernel_destroy(rig->kernel);
    tlb_destroy(rig->machine.tlb);
    ram_destroy(rig->machine.ram);
    snprintf(command, sizeof command, "rm -rf %s", rig->dir);
    assert_int_equal(system(command), 0);
    free(rig);
    return 0;
}

/* A file of the rig's directory with this content, made behind the guest's back. */
static inline void rig_host_file(struct rig *rig, const char *name, const char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", rig->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static inline int64_t rig_open(struct rig *rig, const char *path, int flags)
{
    uint64_t addr = rig_string(rig, RIG_DATA_LEN - 8192, path);
    return rig_call(rig, SYS_openat, (uint64_t)AT_FDCWD, addr, (uint64_t)flags, 0644);
}

/* Reads the whole of a file through the guest's calls. Result: its length; `out` is NUL-terminated.
 */
static inline size_t rig_slurp(struct rig *rig, const char *path, char *out, size_t size)
{
    int64_t fd = rig_open(rig, path, O_RDONLY);
    size_t len = 0;
    assert_true(fd >= 0);
    for (;;) {
        int64_t n = rig_call(rig, SYS_read, (uint64_t)fd, rig->data, 1000);
        assert_true(n >= 0);
        if (n == 0)
            break;
        assert_true(len + (size_t)n < size);
        rig_get(rig, out + len, rig->data, (size_t)n);
        len += (size_t)n;
    }
    out[len] = 0;
    assert_int_equal(rig_call(rig, SYS_close, (uint64_t)fd), 0);
    return len;
}

#define RIG_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

#endif
