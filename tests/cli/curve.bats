# SPDX-License-Identifier: GPL-2.0-or-later
# pagewalk record and curve: traces of programs, and what their curves say.
load common

# An access loop over a few pages, then over many: a curve with a cliff.
a_trace() {
    python3 - <<'PY'
for i in range(300):
    for page in range(20):
        print("S" if page % 3 == 0 else "L", (page + 100) * 4096)
    if i % 10 == 0:
        for page in range(200):
            print("L", (page + 1000) * 4096)
    print("I", 4096)
PY
}

@test "the curve is what replays give at every size, for other policies too" {
    a_trace >trace
    pagewalk curve -q --csv all.csv --json curve.json --policies fifo,opt --trace trace
    [ "$status" -eq 0 ]
    [ -z "$out$err" ]
    cat >check.py <<'PY'
import csv, json, subprocess, os, sys
def replay(policy, bytes):
    run = subprocess.run([os.environ["PAGEWALK"], "replay", "-q", "--json", "/dev/stdout", "--policy",
                          policy, "--ram", str(bytes), "trace"], capture_output=True, check=True)
    return json.loads(run.stdout)["counters"]["faults"]
rows = list(csv.DictReader(open("all.csv")))
changes = {int(row["ram_bytes"]): int(row["faults"]) for row in rows}
for row in rows:
    assert int(row["faults"]) == sum(int(row["faults_" + k]) for k in ("load", "store", "fetch"))
assert min(changes) == 4096 and changes[max(changes)] == 221
for frames in (1, 2, 3, 19, 20, 21, 22, 50, 219, 220, 221, 222, 400):
    expected = changes[max(size for size in changes if size <= frames * 4096)]
    assert replay("lru", frames * 4096) == expected, frames
curve = json.load(open("curve.json"))
assert curve["schema"] == "pagewalk.curve/1" and curve["pages"] == 221
assert len(curve["points"]) == len(rows)
for policy in "fifo", "opt":
    assert len(curve["policies"][policy]) > 5
    for bytes, faults in curve["policies"][policy]:
        assert replay(policy, bytes) == faults, (policy, bytes)
PY
    python3 check.py
}

@test "table, picture and advice" {
    a_trace >trace
    pagewalk curve --ram 40K --cost disk --svg picture.svg --trace trace
    [ "$status" -eq 0 ]
    [[ $err == "pagewalk: curve of trace"*" RAM "*faults*"884 KiB"* ]]
    [[ $err == *"is the least RAM within 5 % of the best"*"in 40 KiB it takes"*"modelled"* ]]
    [ "$(awk 'length > 80' stderr)" = "" ]
    python3 -c 'import xml.dom.minidom as m; assert m.parse("picture.svg").getElementsByTagName("path")'
    [[ $err == *"The working set of 10,000,000 instructions is"* ]]
    grep -v I trace >data
    pagewalk curve -q --tau 1K --working-set set.csv --trace data
    [ "$(sed -n 1p set.csv)" = instructions,working_set_bytes ]
    [ "$(wc -l <set.csv)" -gt 10 ]
    fails_tau=$(pagewalk curve --tau 1X --trace trace; cat stderr)
    [[ $fails_tau == *"--tau: '1X' is not a number of instructions"* ]]
    pagewalk curve -o table --policies lru,clock --trace trace
    [ -z "$err" ]
    # LRU by replay is LRU by stack distances.
    awk 'NR > 2 && $3 ~ /^[0-9,]+$/ && $3 != $4 { exit 1 }' table
}

@test "a trace with nothing in it has a curve without sizes" {
    : >empty
    pagewalk curve --svg s.svg --csv c.csv --json j.json --policies clock --trace empty
    [ "$status" -eq 0 ]
    [[ $err == *"No page was used."* ]]
}

@test "what is recorded is what the program did" {
    pagewalk record -q --reproducible --json live.json -o trace -- \
        sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done; echo $i; exit 3'
    [ "$status" -eq 3 ]
    [ "$out" = 300 ]
    pagewalk replay -q --json replay.json trace
    [ "$status" -eq 0 ]
    for name in instructions loads stores; do
        [ "$(counter live.json $name)" = "$(counter replay.json $name)" ]
    done
    pagewalk run -q --reproducible --json run.json -- \
        sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done; echo $i; exit 3'
    [ "$(counter live.json instructions)" = "$(counter run.json instructions)" ]
    pagewalk curve -q --every-access --reproducible --csv live.csv -- \
        sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done; echo $i; exit 3'
    [ "$status" -eq 3 ]
    pagewalk curve -q --csv trace.csv --trace trace
    cmp live.csv trace.csv
    [ "$(ls)" = "$(ls | grep -v '\.....*\.')" ] # no temporary file is left
}

# What a replay counts as the run did, if RAM is ample and the TLB is the same.
SAME="instructions loads stores tlb_l1d_hits tlb_l1d_misses tlb_l1i_hits tlb_l1i_misses
    tlb_l2_hits tlb_l2_misses tlb_flushes tlb_flushes_page tlb_flushes_space walks walk_reads
    pwc_pd_hits pwc_pdpt_hits pwc_pml4_hits tables_peak"

# replays_as_run TLB PROGRAM...: as recorded, and as run without recording.
replays_as_run() {
    local tlb=$1
    shift
    pagewalk record -q --reproducible --ram 256M --tlb "$tlb" --json live.json -o trace -- "$@"
    pagewalk run -q --reproducible --ram 256M --tlb "$tlb" --json run.json -- "$@"
    pagewalk replay -q --ram 256M --tlb "$tlb" --json replay.json trace
    for name in $SAME; do
        [ "$(counter live.json $name)" = "$(counter replay.json $name)" ] &&
            [ "$(counter live.json $name)" = "$(counter run.json $name)" ] ||
            { echo "$tlb $1 $name: $(counter run.json $name) $(counter live.json $name)" \
                "$(counter replay.json $name)"; return 1; }
    done
    # Stores to pages that were there, but read-only, are counted apart.
    [ "$(counter live.json faults)" = \
        $(($(counter replay.json faults) + $(counter replay.json faults_cow))) ]
}

@test "a replay counts what the run counted" {
    seq 3000 | shuf --random-source=<(yes) >numbers
    for tlb in skylake tiny golden-cove l1d=4:4:fifo,l1i=3:3:tree-plru,l2=20:5:random; do
        replays_as_run $tlb /usr/bin/sort -n numbers
    done
    replays_as_run zen4 sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done'
}

@test "parts of a trace" {
    pagewalk record -q --reproducible --json live.json -o trace -- \
        /usr/bin/python3 -c 'print(sum(i * i for i in range(100000)))'
    local all middle=40000000 name part
    all=$(counter live.json instructions)
    [ "$all" -gt 81000000 ]
    pagewalk replay -q --to 40M --json 1.json trace
    pagewalk replay -q --from 40M --json 2.json trace
    [ "$(counter 1.json instructions)" = $middle ]
    for name in instructions loads stores; do
        [ $(($(counter 1.json $name) + $(counter 2.json $name))) = "$(counter live.json $name)" ]
    done
    # The same without going there, from standard input.
    pagewalk replay -q --from 80M --to 80001K --json file.json trace
    pagewalk replay -q --from 80M --to 80001K --json stream.json - <trace
    [ "$(counter file.json instructions)" = 1000 ]
    for name in loads stores faults walks; do
        [ "$(counter file.json $name)" = "$(counter stream.json $name)" ]
    done
    pagewalk curve -q --from 40M --csv part.csv --trace trace
    [ "$(counter 2.json faults)" = "$(tail -n 1 part.csv | cut -d, -f 2)" ]
    pagewalk replay -q --from 9G --json none.json trace
    [ "$status" -eq 0 ] && [ "$(counter none.json faults)" = 0 ]
    seq 0 4096 400000 >text
    pagewalk replay -q --from 10 --to 20 --json text.json text
    [ "$(counter text.json faults)" = 10 ]
    # Damage is met only where it lies, and named with its place.
    { head -c 5000 trace; printf X; tail -c +5002 trace; } >damaged
    says "the block at byte 12 is damaged" damaged
    pagewalk replay -q --from 80M damaged
    [ "$status" -eq 0 ]
    head -c -3 trace >cut
    pagewalk replay -q --from 80M cut
    [ "$status" -eq 125 ] && [[ $err == *"the end of the trace is damaged or missing"* ]]
    pagewalk replay --from X trace
    [ "$status" -eq 125 ] && [[ $err == *"--from: 'X' is not a place in a trace, as in 10M"* ]]
    refuses "--from and --to are for a trace" curve --from 1M -- touch ran
}

@test "a trace that is cut, damaged or foreign" {
    pagewalk record -q -o trace -- true
    head -c 1000 trace >cut
    says "byte 1000: the trace ends too early" cut
    { head -c 500 trace; printf X; tail -c +502 trace; } >damaged
    says "the block at byte 12 is damaged: its checksum differs" damaged
    { cat trace; echo; } >longer
    says "something follows the end of the trace" longer
    printf 'pagewalk\377\0\0\0' >newer
    says "it has version 255; this pagewalk reads version 2" newer
    zstd -q trace
    pagewalk replay trace.zst
    [ "$status" -eq 0 ]
}

# says TEXT TRACE: curve and replay refuse it in one line.
says() {
    for command in "replay" "curve --trace"; do
        pagewalk $command "$2"
        [ "$status" -eq 125 ]
        [ "$(wc -l <stderr)" -eq 1 ]
        [[ $err == "pagewalk: $2: "*"$1"* ]] || { echo "$err"; return 1; }
    done
}

# refuses TEXT COMMAND...: in one line, and nothing is run.
refuses() {
    local text=$1
    shift
    pagewalk "$@"
    [ "$status" -eq 125 ]
    [ "$(wc -l <stderr)" -eq 1 ]
    [[ $err == *"$text"* ]] || { echo "$err"; return 1; }
    [ ! -e ran ]
}

@test "options of record and curve that are wrong" {
    refuses "where should the trace go? -o FILE" record -- touch ran
    refuses "no program given" record -o trace
    refuses "cannot write /no/such/trace: No such file" record -o /no/such/trace -- touch ran
    refuses "no program given" curve
    refuses "not both" curve --trace trace -- touch ran
    refuses "there is no policy 'clocks'" curve --policies lru,clocks -- touch ran
    refuses "--cost: 'tape' is neither a device" curve --cost tape -- touch ran
    refuses "--cost: 'major=-1us' is neither" curve --cost major=-1us -- touch ran
    refuses "--csv: cannot write /no/such/c: No such file" curve --csv /no/such/c -- touch ran
    refuses "--trace: not an option of this command" run --trace x -- touch ran
    refuses "needs a trace that can be read again" curve --policies lru --trace -
    echo 1 >trace
    pagewalk record -q -o trace -- false
    [ "$status" -eq 1 ]
    pagewalk record -o other -- /no/such/program
    [ "$status" -eq 127 ]
    [ ! -e other ] && [ "$(ls)" = "stderr
stdout
trace" ]
}
