// SPDX-License-Identifier: GPL-2.0-or-later
/* A library that touches the pages it is given, in a function that the build names. */
void use_pages(volatile char *pages, long npages);

__attribute__((noinline)) static void WORKER(volatile char *pages, long npages)
{
    for (long i = 0; i < npages; i++)
        pages[i * 4096] = 1; /* line of the worker */
}

void use_pages(volatile char *pages, long npages)
{
    WORKER(pages, npages);
}
