// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * execve in two halves. A plan opens, reads and judges files, maps everything into a new address
 * space and builds the stack; all of it can be thrown away. Then exec_commit() takes it over and
 * cannot fail.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/elf.h"
#include "linux/exec.h"
#include "linux/path.h"
#include "linux/pid.h"
#include "linux/process.h"
#include "linux/signal_frame.h"
#include "linux/stack.h"
#include "linux/timer.h"
#include "linux/userfault.h"

#define PIE_BASE ((uint64_t)0x555555554000) /* where Linux without ASLR puts programs */

enum {
    SCRIPT_DEPTH_MAX = 5,  /* "#!" interpreters in a row */
    SCRIPT_LINE_MAX = 256, /* bytes of a script that are looked at */
    GUEST_CLK_TCK = 100,
    /* CPUID leaf 1, edx: FPU to CLFLUSH, MMX, FXSR, SSE, SSE2. */
    GUEST_HWCAP = 0x078bfbff,
};

struct exec_file {
    int fd;     /* -1: not open */
    char *path; /* absolute, for /proc/PID/exe and maps */
    struct elf_image image;
    uint64_t bias;
};

struct exec_plan {
    struct task *task;
    char *name;  /* of the program as called: AT_EXECFN */
    char **argv; /* owned, with its strings */
    char *const *envp;
    struct exec_file program, interp; /* interp.fd -1: none */
    struct space *space;
    struct stack_image stack;
    char why[256]; /* what was wrong, for the user */
};

static int fail(struct exec_plan *plan, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct exec_plan *plan, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(plan->why, sizeof plan->why, format, args);
    va_end(args);
    return error;
}

/* ---- argument vectors ---- */

static size_t vector_len(char *const *vector)
{
    size_t n = 0;
    while (vector && vector[n])
        n++;
    return n;
}

static void vector_free(char **vector)
{
    for (size_t i = 0; vector && vector[i]; i++)
        free(vector[i]);
    free(vector);
}

/* A copy; an empty one gets one empty string, as Linux does for argv. */
static char **vector_copy(char *const *vector)
{
    size_t n = vector_len(vector);
    char **copy = x_calloc(n + 2, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = x_strdup(vector[i]);
    if (n == 0)
        copy[0] = x_strdup("");
    return copy;
}

/* argv[0] becomes: interpreter, its one argument if any, script. */
static void vector_prepend(char ***argv, const char *interp, const char *argument,
                           const char *script)
{
    size_t n = vector_len(*argv), at = 0;
    char **longer = x_calloc(n + 3, sizeof *longer);
    longer[at++] = x_strdup(interp);
    if (argument)
        longer[at++] = x_strdup(argument);
    longer[at++] = x_strdup(script);
    if (n > 0) {
        free((*argv)[0]);
        memcpy(longer + at, *argv + 1, (n - 1) * sizeof *longer);
    }
    free(*argv);
    *argv = longer;
}

/* ---- files ---- */

static void file_close(struct exec_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    elf_release(&file->image);
    file->fd = -1;
    file->path = NULL;
}

static char *path_of_fd(const struct task *task, int fd)
{
    char path[PATH_MAX];
    int len = guard_name(&task->process->system->options.guard, fd, path);
    return x_strdup(len < 0 ? "" : path);
}

/* A regular file with an execute bit for us. The descriptor is asked, so that it cannot be another
 * file than the one that is then read. */
static int check_executable(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (!S_ISREG(st.st_mode) || faccessat(AT_FDCWD, link, X_OK, AT_EACCESS) < 0)
        return -EACCES;
    return 0;
}

static int file_open(struct task *task, int dirfd, const char *path, int flags,
                     struct exec_file *file)
{
    int fd = path_open_program(task, dirfd, path, flags);
    if (fd < 0)
        return fd;
    int rc = check_executable(fd);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    file->fd = fd;
    file->path = path_of_fd(task, fd);
    return 0;
}

/* ---- scripts ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/*
 * Splits "#! interp argument" in place. The argument is the rest of the line without blanks at its
 * ends. Result: false if the interpreter's name is missing or cut off.
 */
static bool script_parse(char line[SCRIPT_LINE_MAX + 1], size_t len, char **interp, char **argument)
{
    line[len] = '\0';
    char *end = memchr(line, '\n', len);
    bool cut = !end && len == SCRIPT_LINE_MAX;
    if (!end)
        end = line + strnlen(line, len);
    *end = '\0';
    char *at = line + 2;
    while (is_blank(*at))
        at++;
    *interp = at;
    while (*at && !is_blank(*at))
        at++;
    if (at == *interp || (cut && at == end))
        return false;
    while (end > at && is_blank(end[-1]))
        *--end = '\0';
    if (*at)
        *at++ = '\0';
    while (is_blank(*at))
        at++;
    *argument = *at ? at : NULL;
    return true;
}

/* If the open program is a script, makes its interpreter the program. Result: 1 if it did. */
static int script_step(struct exec_plan *plan, const char **path, char line[SCRIPT_LINE_MAX + 1])
{
    ssize_t len = pread(plan->program.fd, line, SCRIPT_LINE_MAX, 0);
    if (len < 0)
        return fail(plan, -errno, "%s: %s", *path, strerror(errno));
    if (len < 2 || line[0] != '#' || line[1] != '!')
        return 0;
    char *interp, *argument;
    if (!script_parse(line, (size_t)len, &interp, &argument))
        return fail(plan, -ENOEXEC, "%s: its first line names no interpreter", *path);
    vector_prepend(&plan->argv, interp, argument, *path);
    *path = plan->argv[0];
    return 1;
}

/* Opens the program, through as many scripts as Linux allows. */
static int open_program(struct exec_plan *plan, int dirfd, const char *path, int flags)
{
    char line[SCRIPT_LINE_MAX + 1];
    const char *name = plan->name;
    for (int depth = 0; depth <= SCRIPT_DEPTH_MAX; depth++) {
        file_close(&plan->program);
        int rc = file_open(plan->task, dirfd, path, flags, &plan->program);
        if (rc < 0)
            return depth ? fail(plan, rc, "%s: its interpreter %s: %s", plan->name, name,
                                strerror(-rc))
                         : fail(plan, rc, "%s: %s", name, strerror(-rc));
        rc = script_step(plan, &name, line);
        if (rc <= 0)
            return rc;
        dirfd = AT_FDCWD;
        path = name;
        flags = 0;
    }
    return fail(plan, -ELOOP, "%s: too many scripts interpreted by scripts", plan->name);
}

/* ---- loading ---- */

static int read_program(struct exec_plan *plan)
{
    const char *why = "";
    int rc = elf_read(plan->program.fd, &plan->program.image, &why);
    if (rc < 0)
        return fail(plan, rc, "%s: %s", plan->program.path, *why ? why : strerror(-rc));
    const char *interp = plan->program.image.interp;
    if (!interp)
        return 0;
    rc = file_open(plan->task, AT_FDCWD, interp, 0, &plan->interp);
    if (rc < 0)
        return fail(plan, rc, "%s: its interpreter %s: %s", plan->name, interp, strerror(-rc));
    rc = elf_read(plan->interp.fd, &plan->interp.image, &why);
    if (rc < 0)
        return fail(plan, rc == -ENOEXEC ? -ELIBBAD : rc, "%s: its interpreter %s: %s", plan->name,
                    interp, *why ? why : strerror(-rc));
    return 0;
}

static int no_room(struct exec_plan *plan, int error)
{
    const struct kernel *kernel = plan->task->process->system->kernel;
    return fail(plan, error, "not enough memory to start it (RAM is %llu KiB)",
                (unsigned long long)kernel->machine->ram->nframes * (PAGE_SIZE / 1024));
}

static int map_file(struct exec_plan *plan, struct exec_file *file, uint64_t want)
{
    struct kernel *kernel = plan->task->process->system->kernel;
    struct object *object;
    int rc = object_file(kernel, file->fd, false, &object);
    if (rc < 0)
        return fail(plan, rc == -ENODEV ? -EACCES : rc, "%s cannot be mapped: %s", file->path,
                    strerror(-rc));
    rc = elf_place(plan->space, &file->image, want, &file->bias);
    if (rc == 0)
        rc = elf_map(plan->space, &file->image, file->bias, object, file->path);
    object_put(kernel, object);
    return rc < 0 ? no_room(plan, rc) : 0;
}

/* The break starts behind the program, whatever comes first there. */
static void place_break(struct exec_plan *plan)
{
    uint64_t end = plan->program.image.high + plan->program.bias;
    plan->space->brk_start = plan->space->brk_end = vaddr(end);
}

static uint64_t run_address(const struct exec_file *file)
{
    return file->image.entry + file->bias;
}

static void build_stack(struct exec_plan *plan)
{
    const struct elf_image *image = &plan->program.image;
    const struct exec_file *interp = &plan->interp;
    const uint64_t auxv[][2] = {
        {AT_MINSIGSTKSZ, SIGNAL_FRAME_LEN_MAX},
        {AT_HWCAP, GUEST_HWCAP},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, GUEST_CLK_TCK},
        {AT_PHDR, image->phdr ? image->phdr + plan->program.bias : 0},
        {AT_PHENT, ELF_PHENTSIZE},
        {AT_PHNUM, image->phnum},
        {AT_BASE, interp->fd >= 0 ? interp->image.low + interp->bias : 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, run_address(&plan->program)},
        {AT_UID, getuid()},
        {AT_EUID, geteuid()},
        {AT_GID, getgid()},
        {AT_EGID, getegid()},
        {AT_SECURE, 0},
        {AT_HWCAP2, 0},
    };
    struct stack_request request = {
        .execfn = plan->name,
        .argv = plan->argv,
        .envp = plan->envp,
        .auxv = auxv,
        .nauxv = sizeof auxv / sizeof auxv[0],
    };
    linux_random(plan->task->process->system, request.random, sizeof request.random);
    stack_build(&request, SPACE_END, &plan->stack);
}

static int check_strings(struct exec_plan *plan)
{
    struct stack_request request = {.execfn = plan->name, .argv = plan->argv, .envp = plan->envp};
    int rc = stack_check(&request, plan->task->process->limits[RLIMIT_STACK].cur);
    return rc < 0 ? fail(plan, rc, "%s: %s", plan->name, strerror(-rc)) : 0;
}

static void set_space_limits(const struct process *process, struct space *space)
{
    space->limit_as = process->limits[RLIMIT_AS].cur;
    space->limit_data = process->limits[RLIMIT_DATA].cur;
    space->limit_stack = process->limits[RLIMIT_STACK].cur;
    space->limit_memlock = process_lock_limit(process);
}

/* prctl(2), PR_SET_THP_DISABLE: it outlives execve. */
static void inherit_settings(const struct process *process, struct space *space)
{
    space->no_large_pages = process->space && process->space->no_large_pages;
}

static int build_image(struct exec_plan *plan)
{
    struct process *process = plan->task->process;
    int rc = space_create(process->system->kernel, &plan->space);
    if (rc < 0)
        return no_room(plan, rc);
    set_space_limits(process, plan->space);
    inherit_settings(process, plan->space);
    if (!process->exe) /* who observes wants to know whom the pages are for */
        process->exe = x_strdup(plan->program.path);
    rc = map_file(plan, &plan->program, PIE_BASE);
    if (rc == 0 && plan->interp.fd >= 0)
        rc = map_file(plan, &plan->interp, 0);
    if (rc < 0)
        return rc;
    place_break(plan);
    build_stack(plan); /* says where the files lie */
    rc = stack_map(plan->space, &plan->stack, plan->program.image.exec_stack,
                   process->limits[RLIMIT_STACK].cur);
    return rc < 0 ? no_room(plan, rc) : 0;
}

static int plan_make(struct exec_plan *plan, int dirfd, const char *path, int flags)
{
    int rc = check_strings(plan);
    if (rc == 0)
        rc = open_program(plan, dirfd, path, flags);
    if (rc == 0)
        rc = check_strings(plan); /* a script added some */
    if (rc == 0)
        rc = read_program(plan);
    if (rc == 0)
        rc = build_image(plan);
    return rc;
}

/* Gives back what the plan still owns. */
static void plan_release(struct exec_plan *plan)
{
    file_close(&plan->program);
    file_close(&plan->interp);
    if (plan->space)
        space_put(plan->space);
    stack_release(&plan->stack);
    vector_free(plan->argv);
    free(plan->name);
}

/* ---- the point of no return ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The bytes of the image from `start` to `end`, as /proc shows them. */
static char *stack_copy(const struct stack_image *stack, uint64_t start, uint64_t end, size_t *len)
{
    *len = end - start;
    char *copy = x_malloc(*len + 1);
    memcpy(copy, stack->bytes + (start - stack->sp), *len);
    copy[*len] = '\0';
    return copy;
}

static void commit_stack(struct process *process, const struct stack_image *stack)
{
    free(process->cmdline);
    free(process->environ);
    process->cmdline = stack_copy(stack, stack->arg_start, stack->arg_end, &process->cmdline_len);
    process->environ = stack_copy(stack, stack->env_start, stack->env_end, &process->environ_len);
    static_assert(sizeof process->auxv == sizeof stack->auxv, "both hold PROCESS_AUXV_MAX pairs");
    memcpy(process->auxv, stack->auxv, sizeof process->auxv);
    process->auxv_words = stack->auxv_words;
    process->stack_top = vaddr(stack->sp);
    process->arg_start = vaddr(stack->arg_start);
    process->arg_end = vaddr(stack->arg_end);
    process->env_start = vaddr(stack->env_start);
    process->env_end = vaddr(stack->env_end);
}

static void commit_bounds(struct process *process, const struct exec_file *program)
{
    process->start_code = process->start_data = vaddr(UINT64_MAX);
    process->end_code = process->end_data = vaddr(0);
    for (unsigned i = 0; i < program->image.nsegments; i++) {
        const struct elf_segment *segment = &program->image.segments[i];
        uint64_t start = segment->vaddr + program->bias, end = start + segment->filesz;
        bool code = segment->prot & PROT_MASK_X;
        if (code && start < process->start_code.v)
            process->start_code = vaddr(start);
        if (code && end > process->end_code.v)
            process->end_code = vaddr(end);
        if (!code && start < process->start_data.v)
            process->start_data = vaddr(start);
        if (!code && end > process->end_data.v)
            process->end_data = vaddr(end);
    }
}

static void commit_signals(struct task *task)
{
    struct process *process = task->process;
    if (process->actions->refs > 1) {
        struct signal_actions *own = signal_actions_copy(process->actions);
        signal_actions_put(process->actions);
        process->actions = own;
    }
    signal_actions_reset(process->actions);
    task->signals.altstack_base = task->signals.altstack_len = 0;
    task->signals.altstack_flags = 0;
    timers_exec(process);
}

static void commit_task(struct task *task, const struct exec_plan *plan)
{
    const struct exec_file *start = plan->interp.fd >= 0 ? &plan->interp : &plan->program;
    struct cpu_regs regs = {
        .rsp = plan->stack.sp, .rip = run_address(start), .rflags = SIGNAL_RFLAGS_INITIAL};
    cpu_reset(task->cpu);
    cpu_set_regs(task->cpu, &regs);
    snprintf(task->comm, sizeof task->comm, "%s", base_name(plan->name));
    task->fs_base = 0;
    task->clear_child_tid = vaddr(0);
    task->robust_list = vaddr(0);
    task->robust_list_len = 0;
    task->restart_fn = NULL;
    task->fault = (struct cpu_fault_record){0};
    caps_exec(&task->caps);
}

static void plan_commit(struct exec_plan *plan)
{
    struct task *task = plan->task;
    struct process *process = task->process;
    task_exit_others(task);
    pid_change_task(task, process->pid);
    if (process->space) {
        task_leave_memory(task);
        uint64_t peak = process_rss_peak(process);
        process->rss_peak = peak;
        if (process->space->refs == 1)
            userfaults_forget(process->system, process->space);
        space_put(process->space);
    }
    process_end_vfork(process);
    process->space = plan->space;
    plan->space = NULL;
    vector_free(process->argv);
    process->argv = plan->argv;
    plan->argv = NULL;
    free(process->exe);
    process->exe = plan->program.path;
    plan->program.path = NULL;
    process->undumpable = false;
    commit_stack(process, &plan->stack);
    commit_bounds(process, &plan->program);
    commit_signals(task);
    commit_task(task, plan);
    process->has_execed = true;
    process->exit_signal = SIGCHLD;
    process_unshare_fds(process);
    fd_close_on_exec(process->fds);
}

int exec_load_at(struct task *task, int dirfd, const char *path, int flags, const char *name,
                 char *const argv[], char *const envp[])
{
    static char *const none[] = {NULL};
    struct linux_system *system = task->process->system;
    struct counters *was = system->machine->now;
    system->machine->now = &task->process->counters;
    struct exec_plan plan = {.task = task,
                             .name = x_strdup(name),
                             .argv = vector_copy(argv),
                             .envp = envp ? envp : none,
                             .program = {.fd = -1},
                             .interp = {.fd = -1}};
    int rc = plan_make(&plan, dirfd, path, flags);
    if (rc == 0 && task->exiting) /* it was killed for the memory that this took (oom.c) */
        rc = -EINTR;
    if (rc == 0)
        plan_commit(&plan);
    else if (!task->process->space)
        snprintf(system->message, sizeof system->message, "%s", plan.why);
    plan_release(&plan);
    system->machine->now = was;
    return rc;
}

int exec_load(struct task *task, const char *path, char *const argv[], char *const envp[])
{
    return exec_load_at(task, AT_FDCWD, path, 0, path, argv, envp);
}
