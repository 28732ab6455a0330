// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The system as a whole: creation and end, what it has to tell the user, and randomness. Processes
 * are in process.c, the loop that runs them in run.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/xalloc.h"
#include "linux/futex_table.h"
#include "linux/hostsig.h"
#include "linux/mq.h"
#include "linux/msg.h"
#include "linux/oom.h"
#include "linux/process.h"
#include "linux/schedule.h"
#include "linux/sem.h"
#include "linux/shm.h"
#include "linux/task.h"
#include "linux/tty.h"
#include "linux/unix_name.h"
#include "machine/machine.h"

enum {
    FIRST_PID = 1000,
    QUANTUM_DEFAULT = 1000000, /* instructions; about a millisecond */
};

/* splitmix64, to spread a seed over the generator's state (Steele, Lea and Flood, "Fast Splittable
 * Pseudorandom Number Generators"). */
static uint64_t spread(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators"). */
static uint64_t next_random(uint64_t s[4])
{
    uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void fill_from_seed(struct linux_system *system, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        uint64_t word = next_random(system->random_state);
        size_t n = len < sizeof word ? len : sizeof word;
        memcpy(bytes, &word, n);
        bytes += n;
        len -= n;
    }
}

void linux_random(struct linux_system *system, void *bytes, size_t len)
{
    uint8_t *at = bytes;
    if (system->options.reproducible) {
        fill_from_seed(system, at, len);
        return;
    }
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        CHECK(n > 0);
        at += n;
        len -= (size_t)n;
    }
}

void linux_note(struct linux_system *system, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < system->nnotes; i++)
        if (strcmp(system->notes[i], text) == 0)
            return;
    system->notes = x_realloc(system->notes, (system->nnotes + 1) * sizeof *system->notes);
    system->notes[system->nnotes++] = x_strdup(text);
}

void linux_set_progress(struct linux_system *system, double seconds, void (*progress)(void *arg),
                        void *arg)
{
    system->progress = progress;
    system->progress_arg = arg;
    system->progress_every = seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
    system->progress_next = 0;
}

void linux_totals(const struct linux_system *system, struct counters *sum)
{
    *sum = system->folded.counters;
    for (const struct process *process = system->records; process; process = process->record_next)
        process_add_counters(sum, &process->counters);
}

int linux_create(struct machine *machine, struct kernel *kernel,
                 const struct linux_options *options, struct linux_system **out)
{
    struct linux_system *system = x_calloc(1, sizeof *system);
    system->machine = machine;
    system->kernel = kernel;
    system->options = *options;
    if (system->options.quantum == 0)
        system->options.quantum = QUANTUM_DEFAULT;
    system->next_pid = FIRST_PID;
    radix_create(&system->pids);
    radix_create(&system->tids);
    clock_create(options->reproducible, &system->clock);
    uint64_t seed = options->seed;
    for (int i = 0; i < 4; i++)
        system->random_state[i] = spread(&seed);
    int rc = hostsig_create(system);
    if (rc < 0) {
        free(system);
        return rc;
    }
    sched_create(system);
    system->futexes = futex_table_create();
    system->shm = shm_table_create(kernel);
    system->sem = sem_table_create();
    system->unix_names = unix_names_create();
    system->msg = msg_table_create();
    oom_create(system);
    *out = system;
    return 0;
}

void linux_destroy(struct linux_system *system)
{
    for (struct process *process = system->processes; process; process = process->next)
        process_exit(process, (struct process_exit){.signal = SIGKILL});
    process_reap(system);
    CHECK(!system->processes);
    system->kernel->rescue.make_room = NULL;
    while (system->records) {
        struct process *process = system->records;
        system->records = process->record_next;
        process_destroy(process);
    }
    tty_destroy(system);
    radix_destroy(&system->pids);
    radix_destroy(&system->tids);
    futex_table_destroy(system->futexes);
    shm_table_destroy(system->shm);
    sem_table_destroy(system->sem);
    unix_names_destroy(system->unix_names);
    msg_table_destroy(system->msg);
    mq_forget_all(system);
    sched_destroy(system);
    hostsig_destroy(system);
    for (size_t i = 0; i < system->nnotes; i++)
        free(system->notes[i]);
    free(system->notes);
    free(system);
}
