# SPDX-License-Identifier: GPL-2.0-or-later
# What is told after a run: the summary and the JSON.
load common

@test "the summary is short, aligned and at most 80 columns wide" {
    pagewalk run --ram 4M -- sh -c 'exit 3'
    [ "$status" -eq 3 ]
    for word in "exit status" footprint "RAM in use" "page faults" "paged in" "paged out" \
        "TLB L1 data" "TLB L1 code" "TLB L2" "page walks" instructions time; do
        [[ $err == *"  $word "* ]]
    done
    [[ $err == *"4 MiB of RAM"* ]]
    [ "$(wc -l <stderr)" -le 20 ]
    [ "$(awk 'length > 80' stderr)" = "" ]
    # One column for the values: they end where the first one ends.
    [ "$(grep -c '^  [A-Za-z0-9 ]\{14\}.\{14\}[0-9sB]  ' stderr)" -ge 10 ]
}

@test "a strange command line does not spoil the summary" {
    pagewalk run -- echo -n $'two\nlines \033[31m \377' "$(printf '%0200d' 0)"
    [ "$status" -eq 0 ]
    [ "$(awk 'length > 80' stderr)" = "" ]
    [ "$(LC_ALL=C tr -d '\n -~' <stderr | wc -c)" -eq 0 ]
}

@test "-q, -o and --output" {
    pagewalk run -q -- true
    [ -z "$err" ]
    pagewalk run -o summary -- true
    [ -z "$err" ]
    grep -q '^pagewalk: true$' summary
    pagewalk run --output=summary -- echo
    grep -q '^pagewalk: echo$' summary
    [ "$(ls)" = "stderr
stdout
summary" ]
    fails 125 "cannot write /dev/full" -q --json /dev/full -- true
}

@test "colour only on a terminal, and never with NO_COLOR" {
    pagewalk run -- true
    lacks $'\033' stderr
    command -v script >/dev/null || skip "script(1) is not there"
    TERM=xterm script -qec "'$PAGEWALK' run -- true" /dev/null >terminal </dev/null
    grep -q $'\033\[1m' terminal
    TERM=xterm NO_COLOR=1 script -qec "'$PAGEWALK' run -- true" /dev/null >terminal </dev/null
    grep -q 'page faults' terminal
    lacks $'\033' terminal
    TERM=dumb script -qec "'$PAGEWALK' run -- true" /dev/null >terminal </dev/null
    lacks $'\033' terminal
}

@test "the JSON is valid, complete and consistent" {
    pagewalk run -q --ram 32M --swap 64M --json report -- sh -c 'exit 9'
    [ "$status" -eq 9 ]
    python3 - <<'PY'
import json
report = json.load(open("report"))
assert list(report) == ["schema", "version", "command", "config", "exit", "counters", "processes",
                        "folded", "modelled"]
assert report["schema"] == "pagewalk.run/1"
assert report["command"] == ["sh", "-c", "exit 9"]
assert report["config"] == {"engine": "vex", "ram_bytes": 32 << 20, "page_bytes": 4096, "page_size": "4096",
    "large_pages": False,
    "swap_bytes": 64 << 20, "policy": "clock", "tlb": "skylake", "levels": 4,
    "tlb_reach": {"l1_bytes": 64 << 12, "l2_bytes": 1536 << 12},
    "root": "/", "read_only": False, "no_net": False}, report["config"]
assert report["exit"] == {"status": 9, "signal": 0}
counters = report["counters"]
for name in """instructions loads stores tlb_l1d_hits tlb_l1d_misses tlb_l1i_hits tlb_l1i_misses
        tlb_l2_hits tlb_l2_misses walks walk_reads faults faults_minor faults_major faults_cow
        pages_in pages_out frames_total frames_peak pages_peak processes""".split():
    assert type(counters[name]) is int and counters[name] >= 0, name
assert counters["frames_total"] == 32 << 8
assert counters["processes"] == len(report["processes"]) == 1
assert counters["faults"] >= counters["faults_minor"] + counters["faults_major"] - 1
process = report["processes"][0]
assert set(process) == {"pid", "ppid", "command", "exit", "memory", "counters"}
assert process["memory"]["rss_peak_bytes"] >= process["memory"]["rss_end_bytes"] > 0
assert report["folded"]["processes"] == 0
assert process["exit"] == report["exit"] and process["command"] == report["command"]
for name, value in process["counters"].items():
    assert counters[name] == value, name
assert "pages_peak" not in process["counters"]
PY
}

@test "JSON of a killed guest, and bytes that are not UTF-8" {
    pagewalk run -q --json report -- sh -c 'kill -SEGV $$' $'\377\303\050 \342\202 \355\240\200 ok \303\244 "\\'
    [ "$status" -eq 139 ]
    python3 - <<'PY'
import json
report = json.load(open("report", encoding="ascii"))
assert report["exit"]["signal"] == 11, report["exit"]
assert report["command"][3] == "\ufffd\ufffd( \ufffd\ufffd \ufffd\ufffd\ufffd ok \u00e4 \"\\", report["command"]
PY
}

@test "--json - writes to standard error, other devices are written in place" {
    pagewalk run -q --json - -- echo hello
    [ "$out" = hello ]
    python3 -m json.tool stderr >/dev/null
    mkfifo pipe
    cat pipe >got &
    pagewalk run -q --json pipe -- true
    wait $!
    python3 -m json.tool got >/dev/null
    [ -p pipe ]
}

@test "with --reproducible the same command gives the same bytes" {
    for seed in yes 7; do
        "$PAGEWALK" run -q --reproducible=$seed --ram 2M --json a -- sort -R "$BATS_TEST_FILENAME" >out.a
        sleep 0.1
        "$PAGEWALK" run -q --reproducible=$seed --ram 2M --json b -- sort -R "$BATS_TEST_FILENAME" >out.b
        cmp a b
        cmp out.a out.b
    done
    "$PAGEWALK" run -q --reproducible --json a -- date +%s%N >date.a
    sleep 0.1
    "$PAGEWALK" run -q --reproducible --json b -- date +%s%N >date.b
    cmp date.a date.b
    cmp a b
}

@test "unknown system calls are named once" {
    pagewalk run -- /usr/bin/python3 -c 'import ctypes
for i in range(3): ctypes.CDLL(None).syscall(425, 1, 0)'
    [ "$status" -eq 0 ]
    [ "$(grep -c 'io_uring_setup' stderr)" -eq 1 ]
    [[ $err == *"io_uring_setup (3x)"* ]]
    pagewalk run -q --strict -- /usr/bin/python3 -c 'import ctypes
ctypes.CDLL(None).syscall(425, 1, 0)
print("not reached")'
    [ "$status" -eq 159 ]
    [ -z "$out" ]
    [[ $err == *"io_uring_setup"*"--strict"* ]]
}
