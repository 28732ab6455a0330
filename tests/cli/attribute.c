// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest whose page faults and TLB misses come from known lines: attribute WHAT...
 *   walk PAGES ROUNDS   walk_pages() uses one word of each page, all pages one after the other,
 *                       after fill_pages() has stored to them
 *   file FILE           reads FILE's pages through a mapping, in read_file()
 *   once FILE           the same, and then walks 300 pages 2000 times
 *   library LIB...      opens each library, calls its use_pages(), which touches 64 fresh pages,
 *                       and closes it: the next may lie where it was
 *   jit                 the same from code in anonymous memory
 *   unlink              removes its own program, then walks
 *   fork                a child walks too, then executes `attribute walk`
 *   calls               walks from several functions: see there
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096 };

static void *pages_of(long npages)
{
    void *pages = mmap(NULL, (size_t)npages * PAGE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        exit(2);
    return pages;
}

__attribute__((noinline)) static void fill_pages(volatile char *pages, long npages)
{
    for (long i = 0; i < npages; i++)
        pages[i * PAGE] = 1; /* line of fill_pages */
}

__attribute__((noinline)) static void walk_pages(volatile char *pages, long npages, long rounds)
{
    for (long r = 0; r < rounds; r++)
        for (long i = 0; i < npages; i++)
            pages[i * PAGE]; /* line of walk_pages */
}

static void walk(long npages, long rounds)
{
    void *pages = pages_of(npages);
    fill_pages(pages, npages);
    walk_pages(pages, npages, rounds);
}

__attribute__((noinline)) static void read_file(const volatile char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += PAGE)
        bytes[at];
}

static void map_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        exit(2);
    read_file(mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0), (size_t)st.st_size);
}

static void call_library(const char *path)
{
    void *library = dlopen(path, RTLD_NOW);
    void (*use)(char *pages, long npages) =
        library ? (void (*)(char *, long))(size_t)dlsym(library, "use_pages") : NULL;
    if (!use)
        exit(2);
    use(pages_of(64), 64);
    printf("%p\n", (void *)(size_t)use);
    dlclose(library);
}

/* mov byte [rdi], 1; add rdi, 4096; dec esi; jnz back; ret */
static void run_jit(void)
{
    static const unsigned char code[] = {0xc6, 0x07, 0x01, 0x48, 0x81, 0xc7, 0x00, 0x10,
                                         0x00, 0x00, 0xff, 0xce, 0x75, 0xf2, 0xc3};
    void *made =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(made, code, sizeof(code));
    ((void (*)(char *, int))made)(pages_of(64), 64);
}

static void fork_and_execute(const char *self)
{
    pid_t child = fork();
    if (child == 0) {
        walk(100, 1);
        execl(self, self, "walk", "160", "3", (char *)NULL);
        _exit(2);
    }
    waitpid(child, NULL, 0);
}

/* ---- calls ---- */

#define FUNCTION __attribute__((noinline)) static
#define NO_TAIL_CALL __asm__ volatile("")

static jmp_buf back;
static volatile char *fresh; /* pages that nobody has used */

FUNCTION void use_pages(long npages)
{
    fill_pages(fresh, npages);
    fresh += npages * PAGE;
}

FUNCTION void recurse(int depth)
{
    if (depth > 0)
        recurse(depth - 1);
    else
        use_pages(11);
    NO_TAIL_CALL;
}

FUNCTION void jump_away(void)
{
    use_pages(13);
    longjmp(back, 1);
}

FUNCTION void on_signal(int signal)
{
    use_pages(17 + 0 * signal);
    NO_TAIL_CALL;
}

FUNCTION void *in_thread(void *pointer)
{
    ((void (*)(long))pointer)(19);
    return NULL;
}

FUNCTION void after_all(void)
{
    use_pages(23);
    NO_TAIL_CALL;
}

static void make_calls(void)
{
    pthread_t thread;
    fresh = pages_of(200);
    recurse(3);
    if (!setjmp(back))
        jump_away();
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    pthread_create(&thread, NULL, in_thread, (void *)(size_t)use_pages);
    pthread_join(thread, NULL);
    after_all();
    if (fork() == 0) {
        after_all();
        _exit(0);
    }
    wait(NULL);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "walk") == 0)
        walk(atol(argv[2]), atol(argv[3]));
    else if (argc == 3 && strcmp(argv[1], "file") == 0)
        map_file(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "once") == 0)
        map_file(argv[2]), walk(300, 2000);
    else if (argc > 2 && strcmp(argv[1], "library") == 0)
        for (int i = 2; i < argc; i++)
            call_library(argv[i]);
    else if (argc == 2 && strcmp(argv[1], "jit") == 0)
        run_jit();
    else if (argc == 2 && strcmp(argv[1], "unlink") == 0)
        unlink(argv[0]), walk(200, 2);
    else if (argc == 2 && strcmp(argv[1], "fork") == 0)
        fork_and_execute(argv[0]);
    else if (argc == 2 && strcmp(argv[1], "calls") == 0)
        make_calls();
    else
        return 2;
    return 0;
}
