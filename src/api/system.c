// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes a system out of a configuration: swap disk, machine, kernel, Linux, each on the one before,
 * and takes it down in the opposite order. Says in one line what the host refused and what to do.
 */
#include "api/system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/attribute.h"
#include "api/config.h"
#include "api/error.h"
#include "api/policy_file.h"
#include "api/program.h"
#include "api/record.h"
#include "base/xalloc.h"

const char *pw_version(void)
{
    return PW_VERSION;
}

static int open_strace(const struct pw_config *config, FILE **out, struct pw_error *error)
{
    const char *path = config->strace_path;
    if (!path)
        return 0;
    int fd = strcmp(path, "-") == 0
                 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return error_set(error, errno, "strace: cannot write %.300s: %s", path, strerror(errno));
    FILE *file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        return error_set(error, ENOMEM, "strace: out of memory");
    }
    setvbuf(file, NULL, _IOLBF, 0);
    *out = file;
    return 0;
}

/* The directory is opened once; what guests name is looked up from there. */
static int open_root(const char *path, struct guard *guard, struct pw_error *error)
{
    guard->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (guard->root < 0)
        return error_set(error, errno, "root: cannot use %.300s: %s", path, strerror(errno));
    guard->has_root = true;
    int result = guard_check_root(guard->root);
    if (result == 0)
        return 0;
    return error_set(error, -result,
                     "root: this host cannot keep a program inside a directory: openat2(2) with "
                     "RESOLVE_IN_ROOT, of Linux 5.6, says %s",
                     strerror(-result));
}

static int create_guard(const struct pw_config *config, struct guard *guard, struct pw_error *error)
{
    guard->read_only = config->read_only;
    guard->no_net = config->no_net;
    return config->root_path ? open_root(config->root_path, guard, error) : 0;
}

static int create_swap(const struct pw_config *config, struct swapdisk **out,
                       struct pw_error *error)
{
    if (config->swap == CONFIG_SWAP_NONE)
        return 0;
    int result = swapdisk_create(config->swap_path, config->swap_len, out);
    if (result == 0)
        return 0;
    if (config->swap == CONFIG_SWAP_PATH)
        return error_set(error, -result, "swap: cannot use %.300s: %s", config->swap_path,
                         strerror(-result));
    const char *dir = getenv("TMPDIR");
    return error_set(error, -result,
                     "swap: no temporary file in %.200s: %s; give PATH:SIZE or none",
                     dir && *dir ? dir : "/var/tmp", strerror(-result));
}

/* How many frames the machine has: pools of huge pages lie behind the others. */
static int lay_out(const struct pw_config *config, uint64_t *nframes, struct pw_error *error)
{
    struct hugetlb_layout layout;
    uint64_t ram = config->ram_len >> PAGE_SHIFT, mib = 0;
    if (ram < RAM_FRAMES_MIN)
        return error_set(error, EINVAL, "ram: too small for a program: the least is %uK",
                         RAM_FRAMES_MIN * PAGE_SIZE >> 10);
    if (hugetlb_layout(ram, config->hugepages, &layout)) {
        *nframes = layout.end;
        return 0;
    }
    for (enum hugetlb_size size = 0; size < HUGETLB_SIZES; size++)
        mib += config->hugepages[size] * (hugetlb_len(size) >> 20);
    return error_set(
        error, EINVAL,
        "hugepages: %llu MiB of them do not fit into RAM of %lluK, of which 2 MiB are for "
        "other pages",
        (unsigned long long)mib, (unsigned long long)(config->ram_len >> 10));
}

static int create_machine(const struct pw_config *config, struct recorder *recorder,
                          struct machine **out, struct pw_error *error)
{
    struct machine_options options = {
        .levels = config->levels,
        .tlb = config->tlb,
        .cpu = {.engine = CPU_ENGINE_VEX,
                .code_cache_len = config->code_cache_len,
                .reproducible = config->reproducible,
                .calls = config->call_graph,
                .log = recorder ? recorder_log : NULL,
                .log_context = recorder},
    };
    if (lay_out(config, &options.nframes, error) < 0)
        return -1;
    int result = machine_create(&options, out);
    if (result == 0 && recorder)
        recorder_attach(recorder, *out);
    if (result == 0)
        return 0;
    if (result == -ENOMEM)
        return error_set(error, ENOMEM,
                         "ram: the host cannot reserve address space for %llu MiB: give less",
                         (unsigned long long)(config->ram_len >> 20));
    return error_set(error, -result, "cannot create the machine: %s", strerror(-result));
}

/* Swap disk and kernel; the kernel owns the disk once it exists. */
static int create_kernel(const struct pw_config *config, struct machine *machine,
                         struct kernel **out, struct pw_error *error)
{
    struct kernel_options options = {.policy = config->policy,
                                     .seed = config->seed,
                                     .readahead = config->readahead,
                                     .overcommit = config->overcommit,
                                     .large = config->large,
                                     .nframes = config->ram_len >> PAGE_SHIFT};
    memcpy(options.hugepages, config->hugepages, sizeof(options.hugepages));
    if (create_swap(config, &options.swap, error) < 0)
        return -1;
    int result = kernel_create(machine, &options, out);
    if (result == 0)
        return 0;
    if (options.swap)
        swapdisk_destroy(options.swap);
    if (policy_refused(config->policy, result, error) < 0)
        return -1;
    return error_set(error, -result, "cannot create the kernel: %s", strerror(-result));
}

static int create_linux(const struct pw_config *config, struct pw_system *system,
                        struct pw_error *error)
{
    struct linux_options options = {.strict = config->strict,
                                    .reproducible = config->reproducible,
                                    .seed = config->seed,
                                    .strace = system->strace,
                                    .guard = system->guard};
    int result = linux_create(system->machine, system->kernel, &options, &system->linux_system);
    if (result < 0)
        return error_set(error, -result, "cannot create the system: %s", strerror(-result));
    return 0;
}

int pw_system_create(const struct pw_config *config, struct pw_system **out, struct pw_error *error)
{
    struct pw_system *system = x_calloc(1, sizeof(*system));
    if (config->use == PW_RECORD || (config->use == PW_CURVE && config->every_access))
        system->recorder = recorder_create();
    system->tau = config->tau;
    system->sample = config->sample;
    system->regions = config->regions;
    if (open_strace(config, &system->strace, error) < 0 ||
        create_guard(config, &system->guard, error) < 0 ||
        create_machine(config, system->recorder, &system->machine, error) < 0 ||
        create_kernel(config, system->machine, &system->kernel, error) < 0 ||
        create_linux(config, system, error) < 0) {
        pw_system_destroy(system);
        return -1;
    }
    if (system->recorder)
        system->kernel->watch = (struct kernel_watch){.access = recorder_kernel_access,
                                                      .gone = recorder_gone,
                                                      .context = system->recorder,
                                                      .flushed = recorder_flushed,
                                                      .read_only = recorder_read_only};
    if (config->attribute || config->call_graph)
        system->attributor = attributor_create(system, config->call_graph);
    *out = system;
    return 0;
}

void pw_system_destroy(struct pw_system *system)
{
    if (!system)
        return;
    if (system->linux_system)
        linux_destroy(system->linux_system);
    if (system->kernel)
        kernel_destroy(system->kernel);
    if (system->machine)
        machine_destroy(system->machine);
    recorder_destroy(system->recorder);
    attributor_destroy(system->attributor);
    pw_curve_destroy(system->curve);
    if (system->strace)
        fclose(system->strace);
    if (system->guard.has_root)
        close(system->guard.root);
    free(system);
}

/* exec refused the program. Everything that is about its format or its interpreter is ENOEXEC. */
static int spawn_failed(struct pw_system *system, const char *name, int code,
                        struct pw_error *error)
{
    const char *message = system->linux_system->message;
    bool bad_format = code == ELIBBAD || code == ELOOP || code == EINVAL;
    if (*message)
        return error_set(error, bad_format ? ENOEXEC : code, "%s", message);
    return error_set(error, bad_format ? ENOEXEC : code, "%.300s: %s", name, strerror(code));
}

int pw_spawn(struct pw_system *system, char *const argv[], char *const envp[],
             struct pw_error *error)
{
    if (!argv[0])
        return error_set(error, EINVAL, "no program given");
    char *path;
    struct process *process;
    if (program_find(&system->guard, argv[0], envp, &path, error) < 0)
        return -1;
    int result = process_spawn(system->linux_system, path, argv, envp, &process);
    free(path);
    return result < 0 ? spawn_failed(system, argv[0], -result, error) : process->pid;
}

static void call_progress(void *arg)
{
    struct pw_system *system = arg;
    system->progress(system, system->progress_arg);
}

void pw_set_progress(struct pw_system *system, double seconds,
                     void (*progress)(struct pw_system *system, void *arg), void *arg)
{
    system->progress = progress;
    system->progress_arg = arg;
    linux_set_progress(system->linux_system, seconds, progress ? call_progress : NULL, system);
}

int pw_run(struct pw_system *system, struct pw_error *error)
{
    int result = linux_run(system->linux_system);
    if (result < 0)
        return error_set(error, -result, "%s", system->linux_system->message);
    return 0;
}
