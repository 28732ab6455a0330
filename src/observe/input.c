// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two buffers: `raw` holds bytes of the file that are not decompressed yet, `out` those that the
 * reader has not skipped. A decoder moves bytes from one to the other; without compression it
 * copies.
 */
#include "observe/input.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/xalloc.h"

enum { RAW_LEN = 128 << 10, OUT_LEN = 256 << 10, XZ_MEMORY_MAX = 512 << 20 };

enum coding { CODING_NONE, CODING_GZIP, CODING_XZ, CODING_ZSTD };

struct input {
    int fd;
    enum coding coding;
    z_stream gzip;
    lzma_stream xz;
    ZSTD_DStream *zstd;
    bool raw_ended;  /* the file is read to its end */
    bool is_inside;  /* in the middle of compressed data: the end may not come now */
    bool ended;      /* nothing will be added to `out` any more */
    uint64_t offset; /* of out[out_first] */
    size_t raw_first, raw_end, out_first, out_end;
    char failure[120]; /* empty: none */
    uint8_t raw[RAW_LEN], out[OUT_LEN];
};

static void fail(struct input *input, const char *why)
{
    strncpy(input->failure, why, sizeof(input->failure) - 1);
    input->ended = true;
}

static int open_file(const char *path, int *fd)
{
    struct stat st;
    *fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd < 0)
        return -errno;
    if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(*fd);
        return -EISDIR;
    }
    return 0;
}

/* Reads more of the file behind what is there. */
static void read_raw(struct input *input)
{
    if (input->raw_first == input->raw_end)
        input->raw_first = input->raw_end = 0;
    while (input->raw_end < RAW_LEN && !input->raw_ended) {
        ssize_t n = read(input->fd, input->raw + input->raw_end, RAW_LEN - input->raw_end);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(input, strerror(errno));
        input->raw_ended = n <= 0;
        input->raw_end += n > 0 ? (size_t)n : 0;
        return;
    }
}

static bool begins(const struct input *input, const char *magic, size_t len)
{
    return input->raw_end >= len && memcmp(input->raw, magic, len) == 0;
}

static int start_decoder(struct input *input)
{
    static const lzma_stream no_xz = LZMA_STREAM_INIT;
    input->xz = no_xz;
    if (begins(input, "\x1f\x8b", 2)) {
        input->coding = CODING_GZIP;
        return inflateInit2(&input->gzip, 15 + 16) == Z_OK ? 0 : -ENOMEM; /* 16: gzip only */
    }
    if (begins(input,
               "\xfd"
               "7zXZ",
               6)) {
        input->coding = CODING_XZ;
        return lzma_stream_decoder(&input->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK
                   ? 0
                   : -ENOMEM;
    }
    if (begins(input, "\x28\xb5\x2f\xfd", 4)) {
        input->coding = CODING_ZSTD;
        input->zstd = ZSTD_createDStream();
        return input->zstd ? 0 : -ENOMEM;
    }
    return 0;
}

int input_open(const char *path, struct input **out)
{
    int fd, error = open_file(path, &fd);
    if (error)
        return error;
    struct input *input = x_calloc(1, sizeof(*input));
    input->fd = fd;
    while (!input->raw_ended && input->raw_end < 6)
        read_raw(input);
    error = start_decoder(input);
    if (error)
        input_close(input);
    else
        *out = input;
    return error;
}

void input_close(struct input *input)
{
    if (!input)
        return;
    if (input->coding == CODING_GZIP)
        inflateEnd(&input->gzip);
    if (input->coding == CODING_XZ)
        lzma_end(&input->xz);
    ZSTD_freeDStream(input->zstd);
    close(input->fd);
    free(input);
}

/* ---- decoders: from raw to out, as far as both go ---- */

static size_t raw_len(const struct input *input)
{
    return input->raw_end - input->raw_first;
}

static void copy(struct input *input)
{
    size_t room = OUT_LEN - input->out_end, len = raw_len(input) < room ? raw_len(input) : room;
    memcpy(input->out + input->out_end, input->raw + input->raw_first, len);
    input->raw_first += len;
    input->out_end += len;
}

static void decode_gzip(struct input *input)
{
    z_stream *z = &input->gzip;
    z->next_in = input->raw + input->raw_first;
    z->avail_in = (uInt)raw_len(input);
    z->next_out = input->out + input->out_end;
    z->avail_out = (uInt)(OUT_LEN - input->out_end);
    int result = inflate(z, Z_NO_FLUSH);
    input->raw_first = input->raw_end - z->avail_in;
    input->out_end = OUT_LEN - z->avail_out;
    input->is_inside = result != Z_STREAM_END;
    if (result == Z_STREAM_END)
        inflateReset(z); /* another member may follow */
    else if (result != Z_OK && result != Z_BUF_ERROR)
        fail(input, "its gzip data is damaged");
}

static void decode_xz(struct input *input)
{
    lzma_stream *x = &input->xz;
    x->next_in = input->raw + input->raw_first;
    x->avail_in = raw_len(input);
    x->next_out = input->out + input->out_end;
    x->avail_out = OUT_LEN - input->out_end;
    lzma_ret result = lzma_code(x, input->raw_ended ? LZMA_FINISH : LZMA_RUN);
    input->raw_first = input->raw_end - x->avail_in;
    input->out_end = OUT_LEN - x->avail_out;
    input->is_inside = result != LZMA_STREAM_END;
    if (result == LZMA_STREAM_END)
        input->ended = true;
    else if (result == LZMA_MEMLIMIT_ERROR)
        fail(input, "its xz data needs more than 512 MiB to decode");
    else if (result != LZMA_OK && result != LZMA_BUF_ERROR)
        fail(input, "its xz data is damaged");
}

static void decode_zstd(struct input *input)
{
    ZSTD_inBuffer in = {input->raw + input->raw_first, raw_len(input), 0};
    ZSTD_outBuffer out = {input->out + input->out_end, OUT_LEN - input->out_end, 0};
    size_t result = ZSTD_decompressStream(input->zstd, &out, &in);
    input->raw_first += in.pos;
    input->out_end += out.pos;
    if (ZSTD_isError(result))
        fail(input, "its zstd data is damaged");
    else
        input->is_inside = result != 0;
}

static void decode(struct input *input)
{
    switch (input->coding) {
    case CODING_NONE:
        copy(input);
        break;
    case CODING_GZIP:
        decode_gzip(input);
        break;
    case CODING_XZ:
        decode_xz(input);
        break;
    case CODING_ZSTD:
        decode_zstd(input);
        break;
    }
}

/* ---- what lies ahead ---- */

static void make_room(struct input *input)
{
    memmove(input->out, input->out + input->out_first, input->out_end - input->out_first);
    input->out_end -= input->out_first;
    input->out_first = 0;
}

/* One step: reads, decodes, or finds that this is the end. */
static void advance(struct input *input)
{
    size_t before = input->out_end, raw_before = raw_len(input);
    if (raw_len(input) == 0)
        read_raw(input);
    if (input->ended)
        return;
    if (raw_len(input) > 0 || input->coding == CODING_XZ || input->is_inside)
        decode(input);
    bool moved = input->out_end != before || raw_len(input) != raw_before;
    if (moved || input->ended || !input->raw_ended)
        return;
    if (input->is_inside)
        fail(input, "its compressed data ends too early");
    input->ended = true;
}

const uint8_t *input_ahead(struct input *input, size_t want, size_t *have)
{
    if (input->out_first + want > OUT_LEN / 2)
        make_room(input);
    while (input->out_end - input->out_first < want && !input->ended)
        advance(input);
    *have = input->out_end - input->out_first;
    return input->out + input->out_first;
}

void input_skip(struct input *input, size_t len)
{
    input->out_first += len;
    input->offset += len;
}

bool input_size(const struct input *input, uint64_t *size)
{
    struct stat st;
    if (input->coding != CODING_NONE || fstat(input->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    *size = (uint64_t)st.st_size;
    return true;
}

int input_seek(struct input *input, uint64_t offset)
{
    if (lseek(input->fd, (off_t)offset, SEEK_SET) < 0)
        return -errno;
    input->raw_first = input->raw_end = input->out_first = input->out_end = 0;
    input->raw_ended = input->ended = false;
    input->offset = offset;
    return 0;
}

uint64_t input_offset(const struct input *input)
{
    return input->offset;
}

const char *input_failure(const struct input *input)
{
    return input->failure[0] ? input->failure : NULL;
}
