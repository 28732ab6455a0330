// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The curve as a picture made of letters, as wide as the terminal:
 *
 *     faults |*
 *            |***
 *            |   ****
 *            |       *******
 *            +--------------
 *             RAM     ^ ^
 *
 * Both axes are logarithmic. LRU is drawn with stars, at every column; other policies with letters,
 * at the sizes of the table.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/curve.h"
#include "cli/human.h"

enum { LINES = 16, LABEL = 13, COLUMNS_MIN = 40, COLUMNS_MAX = 200, LABELS_APART = 12 };

struct plot {
    const struct curve_view *view;
    int columns; /* of the area within the axes */
    double x0, x1, y0, y1;
    char cells[LINES][COLUMNS_MAX + 1];
};

/* Of the terminal that is written to; else 80. */
static int width_of(const struct curve_view *view)
{
    struct winsize size;
    if (view->options->output_path || !isatty(STDERR_FILENO) ||
        ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return HUMAN_WIDTH;
    return size.ws_col < COLUMNS_MIN   ? COLUMNS_MIN
           : size.ws_col > COLUMNS_MAX ? COLUMNS_MAX
                                       : size.ws_col;
}

static double log_of(uint64_t faults)
{
    return log10((double)(faults ? faults : 1));
}

static int column_of(const struct plot *plot, uint64_t frames)
{
    double share = (log2((double)frames) - plot->x0) / (plot->x1 - plot->x0);
    return (int)lround(share * (plot->columns - 1));
}

static uint64_t frames_at(const struct plot *plot, int column)
{
    double share = (double)column / (plot->columns - 1);
    return (uint64_t)llround(exp2(plot->x0 + share * (plot->x1 - plot->x0)));
}

/* 0 on top. */
static int line_of(const struct plot *plot, uint64_t faults)
{
    double share = (log_of(faults) - plot->y0) / (plot->y1 - plot->y0);
    int line = (int)lround((1 - share) * (LINES - 1));
    return line < 0 ? 0 : line >= LINES ? LINES - 1 : line;
}

static uint64_t faults_at_line(const struct plot *plot, int line)
{
    double share = 1 - (double)line / (LINES - 1);
    return (uint64_t)llround(pow(10, plot->y0 + share * (plot->y1 - plot->y0)));
}

static uint64_t most_faults(const struct curve_view *view)
{
    struct pw_curve_point point;
    pw_curve_at(view->curve, view->rows[0], &point);
    uint64_t most = point.faults;
    for (size_t i = 0; i < view->npolicies; i++)
        if (view->policies[i].faults[0] > most)
            most = view->policies[i].faults[0];
    return most;
}

static void set_axes(struct plot *plot)
{
    const struct curve_view *view = plot->view;
    struct pw_curve_point least;
    pw_curve_at(view->curve, pw_curve_pages(view->curve), &least);
    plot->x0 = log2((double)view->rows[0]);
    plot->x1 = log2((double)pw_curve_pages(view->curve));
    plot->y0 = log_of(least.faults);
    plot->y1 = log_of(most_faults(view));
    if (plot->x1 - plot->x0 < 1e-9)
        plot->x1 = plot->x0 + 1;
    if (plot->y1 - plot->y0 < 1e-9)
        plot->y1 = plot->y0 + 1;
}

/* A fall from one column to the next is drawn in the second. */
static void draw_lru(struct plot *plot)
{
    int before = -1;
    for (int column = 0; column < plot->columns; column++) {
        struct pw_curve_point point;
        pw_curve_at(plot->view->curve, frames_at(plot, column), &point);
        int line = line_of(plot, point.faults);
        for (int at = before < 0 || before == line ? line : before + 1; at <= line; at++)
            plot->cells[at][column] = '*';
        before = line;
    }
}

static void draw_policies(struct plot *plot)
{
    const struct curve_view *view = plot->view;
    for (size_t i = 0; i < view->npolicies; i++)
        for (size_t row = 0; row < view->nrows; row++)
            plot->cells[line_of(plot, view->policies[i].faults[row])]
                       [column_of(plot, view->rows[row])] = (char)('a' + i);
}

static void put_area(FILE *out, const struct plot *plot)
{
    char label[HUMAN_LEN];
    for (int line = 0; line < LINES; line++) {
        bool is_labelled = line % 5 == 0;
        const char *cells = plot->cells[line];
        int len = plot->columns;
        while (len > 0 && cells[len - 1] == ' ')
            len--;
        fprintf(out, "  %*s %c%.*s\n", LABEL - 4,
                is_labelled ? human_count(faults_at_line(plot, line), label) : "",
                is_labelled ? '+' : '|', len, cells);
    }
}

/* Text into a line of the plot's width, its middle below a column, as far as there is room. */
static void put_below(char *line, int columns, int column, const char *text)
{
    int len = (int)strlen(text), at = column - len / 2;
    if (at + len > columns)
        at = columns - len;
    if (at < 0)
        at = 0;
    memcpy(line + at, text, (size_t)len);
}

static void put_line(FILE *out, char *line, int columns)
{
    line[columns] = '\0';
    while (columns > 0 && line[columns - 1] == ' ')
        line[--columns] = '\0';
    fprintf(out, "%*s%s\n", LABEL, "", line);
}

static void put_axis(FILE *out, const struct plot *plot)
{
    char line[COLUMNS_MAX + 1], size[HUMAN_LEN];
    int labels = plot->columns / LABELS_APART;
    fprintf(out, "%*s+", LABEL - 1, "");
    for (int i = 0; i < plot->columns; i++)
        fputc('-', out);
    fputc('\n', out);
    memset(line, ' ', sizeof(line));
    for (int i = 0; i <= labels; i++) {
        int column = i * (plot->columns - 1) / labels;
        put_below(line, plot->columns, column, human_size(frames_at(plot, column) * 4096, size));
    }
    put_line(out, line, plot->columns);
}

/* An arrow at a size, with its meaning beside it. */
static void put_mark(FILE *out, const struct plot *plot, uint64_t frames, const char *text)
{
    char line[COLUMNS_MAX + 1];
    memset(line, ' ', sizeof(line));
    int column = column_of(plot, frames), len = (int)strlen(text);
    if (frames < plot->view->rows[0] || column >= plot->columns)
        return;
    line[column] = '^';
    if (column + 2 + len <= plot->columns)
        memcpy(line + column + 2, text, (size_t)len);
    else if (column - 1 - len >= 0)
        memcpy(line + column - 1 - len, text, (size_t)len);
    put_line(out, line, plot->columns);
}

void curve_plot(FILE *out, const struct curve_view *view)
{
    if (view->nrows == 0)
        return;
    struct plot *plot = calloc(1, sizeof(*plot));
    if (!plot)
        return;
    plot->view = view;
    plot->columns = width_of(view) - LABEL - 1;
    memset(plot->cells, ' ', sizeof(plot->cells));
    set_axes(plot);
    draw_lru(plot);
    draw_policies(plot);
    fprintf(out, "  page faults%s\n", view->npolicies ? ", * lru" : "");
    for (size_t i = 0; i < view->npolicies; i++)
        fprintf(out, "  %*s%c %s\n", LABEL, "", (char)('a' + i), view->policies[i].name);
    put_area(out, plot);
    put_axis(out, plot);
    put_mark(out, plot, view->cliff, "twice the time, and more to the left");
    put_mark(out, plot, view->best, "enough");
    free(plot);
}
