// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The public API in one page: runs a program in half the memory that it needs and says what that
 * cost. Use: example PROGRAM [ARG...]
 *
 * Build: cc -o example example.c $(pkg-config --cflags --libs pagewalk)
 */
#include <inttypes.h>
#include <stdio.h>

#include <pagewalk.h>

extern char **environ;

/* What one run cost. */
struct cost {
    uint64_t footprint; /* pages */
    uint64_t faults;
    uint64_t major_faults;
    struct pw_process_info end;
};

static int fail(const struct pw_error *error)
{
    fprintf(stderr, "example: %s\n", error->message);
    return -1;
}

/* Runs argv in `ram` bytes. Result: 0 and *out, or -1 after a message. */
static int measure(const char *ram, char **argv, struct cost *out)
{
    struct pw_error error;
    struct pw_system *system = NULL;
    struct pw_config *config = pw_config_create();
    int result = pw_config_set(config, "ram", ram, &error);
    if (result == 0)
        result = pw_system_create(config, &system, &error);
    if (result == 0)
        result = pw_spawn(system, argv, environ, &error) > 0 ? 0 : -1;
    if (result == 0)
        result = pw_run(system, &error);
    if (result == 0) {
        out->footprint = pw_counter(system, pw_counter_find("pages_peak"));
        out->faults = pw_counter(system, pw_counter_find("faults"));
        out->major_faults = pw_counter(system, pw_counter_find("faults_major"));
        pw_process(system, 0, &out->end);
        out->end.argv = NULL; /* it goes with the system */
    }
    pw_system_destroy(system);
    pw_config_destroy(config);
    return result == 0 ? 0 : fail(&error);
}

int main(int argc, char **argv)
{
    struct cost ample, half;
    char ram[32];
    if (argc < 2) {
        fprintf(stderr, "usage: example PROGRAM [ARG...]\n");
        return 2;
    }
    if (measure("1G", argv + 1, &ample) < 0)
        return 1;
    uint64_t half_kib = ample.footprint * 4 / 2;
    snprintf(ram, sizeof(ram), "%" PRIu64 "K", half_kib < 256 ? 256 : half_kib); /* the least */
    if (measure(ram, argv + 1, &half) < 0)
        return 1;
    fprintf(stderr,
            "%s: footprint %" PRIu64 " KiB\n"
            "  1G of RAM: %" PRIu64 " faults, %" PRIu64 " of them read a disk\n"
            "  %s of RAM: %" PRIu64 " faults, %" PRIu64 " of them read a disk\n",
            argv[1], ample.footprint * 4, ample.faults, ample.major_faults, ram, half.faults,
            half.major_faults);
    return half.end.status;
}
