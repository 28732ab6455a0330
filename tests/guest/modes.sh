# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by the drivers of guest and program tests. Runs a shell command natively and under pagewalk
# in several modes, each in a fresh copy of one folder, and compares standard output and exit status.
#
# In the command, $RUN stands before the program that is to run under pagewalk: it is empty in the
# native run. The native run, done at test time, is the only judge.
#
#   ample      the default RAM; its JSON gives pages_peak, the program's footprint
#   NN         NN % of pages_peak as RAM, but at least 64 frames
#   tiny       default RAM, a TLB of two entries
#   SIZE-MODE  one of these with --page-size SIZE, as in thp-ample, 2M-25, thp-tiny

PAGE=4096
MIN_FRAMES=64
: "${MODE_TIMEOUT:=300}"

# modes_frames PERCENT PAGES: frames of RAM for a mode.
modes_frames() {
    frames=$(($1 * $2 / 100))
    [ "$frames" -ge "$MIN_FRAMES" ] || frames=$MIN_FRAMES
    echo "$frames"
}

# modes_counter NAME FILE: a counter of the whole system from the JSON of a run.
modes_counter() {
    grep -o "\"$1\": *[0-9]*" "$2" | head -n 1 | grep -o '[0-9]*$'
}

# modes_once DIR COMMAND: runs COMMAND in a copy of DIR/base; DIR/out and DIR/status are its result.
modes_once() {
    rm -rf "$1/cwd"
    cp -a "$1/base" "$1/cwd"
    status=0
    (cd "$1/cwd" && exec timeout -k 5 "$MODE_TIMEOUT" sh -c "$2") <"$1/cwd/.stdin" >"$1/out" \
        2>"$1/err" || status=$?
    echo "$status" >"$1/status"
}

# modes_run DIR NAME MODE COMMAND: one mode, compared with the native run in DIR/native.*; prints one
# line. Result: 0 if both agree.
modes_run() {
    options=
    [ "${3%-*}" = "$3" ] || options="--page-size ${3%-*} "
    case ${3##*-} in
    ample) ;;
    tiny) options="$options--tlb tiny" ;;
    *)
        pages=$(modes_counter pages_peak "$1/ample.json" 2>/dev/null) || pages=
        [ -n "$pages" ] || {
            echo "FAILED $2 at $3: no pages_peak from the run with ample RAM"
            return 1
        }
        options="$options--ram $(($(modes_frames "${3##*-}" "$pages") * PAGE))"
        ;;
    esac
    begin=$(date +%s%N)
    RUN="$PAGEWALK run -q --json $1/$3.json $options --" modes_once "$1" "$4"
    spent=$((($(date +%s%N) - begin) / 1000000))
    said="$2 at $3 ($options${options:+, }${spent} ms)"
    if ! cmp -s "$1/status" "$1/native.status"; then
        echo "FAILED $said: exit status $(cat "$1/status"), natively $(cat "$1/native.status")"
    elif ! cmp -s "$1/out" "$1/native.out"; then
        echo "FAILED $said: output differs from native"
        diff -a "$1/native.out" "$1/out" | head -n 10 | cut -c 1-200
    else
        echo "ok     $said"
        return 0
    fi
    tail -n 5 "$1/err" | cut -c 1-300
    return 1
}

# modes_compare DIR NAME COMMAND MODE...: natively, then each mode; DIR/base holds the input. Prints
# a line for each mode; counts in $passed and $failed.
modes_compare() {
    dir=$1 name=$2 command=$3
    shift 3
    [ -e "$dir/base/.stdin" ] || : >"$dir/base/.stdin"
    RUN='' modes_once "$dir" "$command"
    mv "$dir/out" "$dir/native.out"
    mv "$dir/status" "$dir/native.status"
    for mode in "$@"; do
        if modes_run "$dir" "$name" "$mode" "$command"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
        fi
    done
}
