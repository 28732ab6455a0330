// SPDX-License-Identifier: GPL-2.0-or-later
/* What guest programs with threads share. */
#ifndef THREAD_H
#define THREAD_H

#include <pthread.h>

#include "guest.h"

/* Waits until the thread sleeps in the kernel, however busy the machine is; at most five seconds.
 */
static inline void until_asleep(int tid)
{
    char path[64], text[512];

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    for (int i = 0; i < 5000; i++) {
        FILE *file = fopen(path, "r");
        size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (file)
            fclose(file);
        text[n] = '\0';
        const char *state = strrchr(text, ')');
        if (state && state[2] == 'S')
            return;
        usleep(1000);
    }
    printf("a thread does not sleep\n");
}

/* Waits until *value is at least `least`; at most five seconds. */
static inline void until_least(const volatile int *value, int least)
{
    for (int i = 0; i < 5000 && *value < least; i++)
        usleep(1000);
}

static inline pthread_t start(void *(*fn)(void *), void *argument)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, fn, argument);

    if (error) {
        printf("pthread_create: %s\n", strerrorname_np(error));
        exit(1);
    }
    return thread;
}

static inline long join(pthread_t thread)
{
    void *result = NULL;
    int error = pthread_join(thread, &result);

    if (error)
        printf("pthread_join: %s\n", strerrorname_np(error));
    return (long)result;
}

#endif
