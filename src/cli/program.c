// SPDX-License-Identifier: GPL-2.0-or-later
/* Running a program from its start to its report: see program.h. */
#include "cli/program.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/message.h"
#include "pagewalk.h"

extern char **environ;

/* Ends pagewalk by the signal that killed the guest, without a core file of pagewalk. */
static int die_of(int signal_number)
{
    const struct rlimit no_core = {0, 0};
    sigset_t set;
    setrlimit(RLIMIT_CORE, &no_core);
    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
    return 128 + signal_number; /* one that does not kill */
}

static int spawn_status(const struct pw_error *error)
{
    switch (error->code) {
    case ENOENT:
        return EXIT_NOT_FOUND;
    case EACCES:
    case ENOEXEC:
    case E2BIG:
        return EXIT_NOT_EXECUTABLE;
    default:
        return EXIT_PAGEWALK;
    }
}

/* Runs the program and reports. Result: the exit status; *killed_by is set to its signal. */
static int run_program(struct pw_system *system, const struct options *options,
                       const struct program_work *work, char **argv, int *killed_by)
{
    struct pw_error error;
    struct pw_process_info process;
    struct report_times before = report_times_now();
    if (pw_spawn(system, argv, environ, &error) < 0) {
        message_error("%s", error.message);
        return spawn_status(&error);
    }
    if (pw_run(system, &error) < 0)
        return message_error("%s", error.message);
    struct report report = {.system = system,
                            .config = options->config,
                            .argv = argv,
                            .times = report_times_since(before)};
    if (work->end(options, system, &report, work->arg) != 0)
        return EXIT_PAGEWALK;
    if (!pw_process(system, 0, &process))
        return 0;
    *killed_by = process.signal;
    return process.status;
}

int program_run(const struct options *options, const struct program_work *work, char **argv)
{
    struct pw_error error;
    struct pw_system *system;
    int killed_by = 0;
    if (report_check_files(options))
        return EXIT_PAGEWALK;
    if (pw_system_create(options->config, &system, &error) < 0)
        return message_error("--%s", error.message);
    int status = work->begin ? work->begin(system, work->arg) : 0;
    if (status == 0)
        status = run_program(system, options, work, argv, &killed_by);
    pw_system_destroy(system);
    return killed_by ? die_of(killed_by) : status;
}
