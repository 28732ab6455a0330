// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of places in this very program, and none where there can be none. */
#include "observe/symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

__attribute__((noinline)) int symbols_marked(int x);

enum { LINE = __LINE__ + 4 };

__attribute__((noinline)) int symbols_marked(int x)
{
    return x * 3 + 1;
}

static char self[4096];

static struct attribution_object object_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (struct attribution_object){.dev = st.st_dev,
                                       .ino = st.st_ino,
                                       .size = (uint64_t)st.st_size,
                                       .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
                                                   st.st_mtim.tv_nsec};
}

/* Where in the file a function of this program is, which lies where it was linked to. */
static uint64_t offset_of(uint64_t address)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    int fd = open(self, O_RDONLY);
    assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
    for (int i = 0; i < header.e_phnum; i++) {
        off_t at = (off_t)header.e_phoff + i * (off_t)sizeof(segment);
        assert_int_equal(pread(fd, &segment, sizeof(segment), at), sizeof(segment));
        if (segment.p_type == PT_LOAD && address - segment.p_vaddr < segment.p_filesz) {
            close(fd);
            return address - segment.p_vaddr + segment.p_offset;
        }
    }
    fail();
    return 0;
}

static void test_own_function(void **state)
{
    uint64_t address = (uint64_t)(uintptr_t)symbols_marked;
    struct attribution_object object = object_of(self);
    struct symbols_place places[3] = {
        {.offset = offset_of(address)}, {.offset = UINT64_MAX - 5}, {.offset = offset_of(address)}};
    struct names names;
    names_create(&names);
    assert_int_not_equal(symbols_marked(1), 0);
    symbols_find(self, &object, places, 3, &names);
    assert_string_equal(names_text(&names, places[0].function), "symbols_marked");
    assert_non_null(strstr(names_text(&names, places[0].source), "test_symbols.c"));
    assert_int_equal(places[0].address, address);
    assert_true(places[0].line >= LINE - 2 && places[0].line <= LINE);
    assert_int_equal(places[1].function, 0); /* no such place */
    assert_int_equal(places[1].address, UINT64_MAX - 5);
    assert_int_equal(places[2].function, places[0].function);
    names_destroy(&names);
}

static void find_nothing(const char *path, const struct attribution_object *object)
{
    struct symbols_place places[2] = {{.offset = 64}, {.offset = 4096}};
    struct names names;
    names_create(&names);
    symbols_find(path, object, places, 2, &names);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(places[i].function, 0);
        assert_int_equal(places[i].source, 0);
        assert_int_equal(places[i].address, places[i].offset);
    }
    assert_int_equal(names.count, 0);
    names_destroy(&names);
}

static void test_another_file(void **state)
{
    struct attribution_object object = object_of(self);
    object.mtime_ns++;
    find_nothing(self, &object);
    object.mtime_ns--;
    object.ino++;
    find_nothing(self, &object);
    object.ino--;
    find_nothing("/nowhere/at/all", &object);
    find_nothing("/", &object);
}

static void test_no_program(void **state)
{
    char path[] = "/tmp/test_symbols.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "\177ELF\2\1\1 and then nothing", 25), 25);
    struct attribution_object object = object_of(path);
    find_nothing(path, &object);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_function),
        cmocka_unit_test(test_another_file),
        cmocka_unit_test(test_no_program),
    };
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
