# SPDX-License-Identifier: GPL-2.0-or-later
# pagewalk replay: known answers, formats, and what is said of bad traces.
load common

# faults POLICY FRAMES PAGE...: replays a string of page numbers.
faults() {
    local policy=$1 frames=$2 page
    shift 2
    for page in "$@"; do
        echo $((page * 4096))
    done >string
    pagewalk replay -q --json report --policy "$policy" --ram $((4 * frames))K string
    [ "$status" -eq 0 ] || { echo "$err" >&2; return 1; }
    counter report faults
}

# answers PAGES FRAMES FIFO LRU OPT CLOCK
answers() {
    local pages=$1 frames=$2 i=3 policy got
    for policy in fifo lru opt clock; do
        got=$(faults $policy "$frames" $pages)
        [ "$got" = "${!i}" ] || { echo "$policy, $frames frames: $got, not ${!i}"; return 1; }
        i=$((i + 1))
    done
}

@test "known answers of the textbooks" {
    string="0 1 2 0 1 3 0 3 1 2 1"
    answers "$string" 2 9 9 7 9
    answers "$string" 3 7 5 5 7
    answers "$string" 4 4 4 4 4
    string="1 2 3 4 1 2 5 1 2 3 4 5"
    answers "$string" 3 9 10 7 9
    answers "$string" 4 10 8 6 10
    string="7 0 1 2 0 3 0 4 2 3 0 3 2 1 2 0 1 7 0 1"
    answers "$string" 3 15 12 9 14
    answers "$string" 4 10 8 8 9
    answers "$string" 5 9 7 7 9
    string="0 1 2 3 4 0 1 2 3 4 0 1 2 3 4 0 1 2 3 4"
    answers "$string" 3 20 20 12 20
    answers "$string" 4 20 20 8 20
}

@test "a trace on standard input, with the optimum too" {
    printf '%s\n' 0x1000 'S 0x2000' 'L 4096' 'I 0x5000' >trace
    for policy in clock opt; do
        pagewalk replay --ram 8K --policy $policy --json report - <trace
        [ "$status" -eq 0 ]
        [ -z "$out" ]
        [[ $err == "pagewalk: replay of -"*"page faults"*" 3 "* ]]
        [ "$(awk 'length > 80' stderr)" = "" ]
        [ "$(counter report stores)" = 1 ]
        [ "$(counter report instructions)" = 1 ]
    done
}

@test "what a trace does not tell is absent" {
    echo 0x1000 >trace
    pagewalk replay -q --json report trace
    python3 - <<'PY'
import json
report = json.load(open("report"))
assert list(report) == ["schema", "version", "trace", "format", "config", "counters",
                        "modelled"], list(report)
assert report["schema"] == "pagewalk.replay/1" and report["format"] == "text"
assert report["config"]["ram_bytes"] == 1 << 30 and report["config"]["policy"] == "clock"
for name in ("instructions", "tlb_l1i_hits", "faults_cow", "syscalls", "swap_pages_in"):
    assert name not in report["counters"], name
assert report["counters"]["loads"] == 1 and report["counters"]["faults"] == 1
PY
}

@test "compressed traces" {
    seq 0 4096 4000000 >trace
    gzip -k trace
    xz -k trace
    zstd -q trace
    for suffix in '' .gz .xz .zst; do
        pagewalk replay -q --json - trace$suffix
        grep -q '"faults": 977' stderr
        pagewalk replay -q --json - - <trace$suffix
        grep -q '"faults": 977' stderr
    done
}

# says TEXT ARGUMENT...: replay refuses in one line.
says() {
    local text=$1
    shift
    pagewalk replay "$@"
    [ "$status" -eq 125 ]
    [ "$(wc -l <stderr)" -eq 1 ]
    [[ $err == "pagewalk: "*"$text"* ]] || { echo "$err"; return 1; }
}

@test "bad traces and options" {
    printf '4096\nxyz\n' >bad
    echo 4096 >good
    gzip -k good
    head -c 15 good.gz >cut.gz
    says "bad: line 2, byte 5: the letter is not L, S or I" bad
    says "cut.gz: byte 0: its compressed data ends too early" cut.gz
    says "there is no format 'nonsense'" --format nonsense good
    says "no/such: No such file" no/such
    says ": Is a directory" .
    says "one trace is wanted"
    says "one trace is wanted" good good
    says "too small: the least is 4K" --ram 4095 good
    says "too large: the most is 256G" --ram 257G good
    says "--swap: not an option of this command" --swap none good
    says "unknown option --polcy: did you mean" --polcy lru good
    says "cannot write /no/such" --json /no/such/file good
    pagewalk run --policy opt -- true
    [[ $err == *"there is no policy 'opt' but in replay: choose one of clock"* ]]
    pagewalk run --format text -- true
    [[ $err == *"--format: not an option of this command"* ]]
}

@test "a trace in pages of 2 MiB and 1 GiB" {
    seq 0 65536 1073741823 >trace # each 64 KiB of a GiB
    for size in 4K:16384:4M 2M:512:512M 1G:1:1G; do
        IFS=: read -r page faults ram <<<"$size"
        pagewalk replay -q --page-size "$page" --ram 1G --json report trace
        [ "$(counter report faults)" = "$faults" ]
        [ "$(counter report walks)" = $((2 * faults)) ] || [ "$page" = 4K ]
    done
    pagewalk replay -q --page-size 2M --ram 8M --policy opt --json report trace
    [ "$(counter report faults)" = 512 ]
    seq 0 2097152 20971519 >ten
    cat ten ten ten >thirty
    pagewalk replay -q --page-size 2M --ram 18M --policy lru --json report thirty
    [ "$(counter report faults)" = 30 ]
    pagewalk replay -q --page-size 2M --ram 18M --policy opt --json report thirty
    [ "$(counter report faults)" = "$(faults opt 9 {0..9} {0..9} {0..9})" ]
    says "ram: 1024 KiB is less than one page of 2M" --page-size 2M --ram 1M trace
    says "pages of '3M'" --page-size 3M trace
}

@test "PAGEWALK_OPTS may hold options of run" {
    echo 4096 >good
    PAGEWALK_OPTS="--swap none --ram 8K" pagewalk replay --json - good
    [ "$status" -eq 0 ]
    grep -q '"ram_bytes": 8192' stderr
}
