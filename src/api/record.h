// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Recording: every access of every process becomes a page reference, for a trace or a curve. What
 * is recorded has happened: an instruction that faults is not, until it is executed again.
 */
#ifndef API_RECORD_H
#define API_RECORD_H

#include "machine/machine.h"
#include "observe/trace.h"
#include "pagewalk.h"

struct recorder;

/* Who gets the references; NULL: nobody, and nothing is recorded. */
void recorder_set_sink(struct recorder *recorder,
                       void (*sink)(void *context, const struct trace_ref *ref), void *context);

struct recorder *recorder_create(void);
/* A file that was begun and not ended leaves nothing behind. NULL is fine. */
void recorder_destroy(struct recorder *recorder);

/* What cpu_options.log takes; the context is the recorder. => recorder_attach() was called */
void recorder_log(void *context, uint16_t space, const uint64_t *words, const uint64_t *end);
/* Whose accesses they are. => the machine outlives the recorder's use */
void recorder_attach(struct recorder *recorder, const struct machine *machine);

/* What struct kernel_watch takes, with the recorder as context. */
void recorder_gone(void *context, uint16_t space, vaddr_t va, uint64_t npages);
void recorder_flushed(void *context, uint16_t space, vaddr_t va, uint64_t npages);
void recorder_read_only(void *context, uint16_t space, vaddr_t va);
void recorder_kernel_access(void *context, uint16_t space, vaddr_t va, enum mmu_access access);

#endif
