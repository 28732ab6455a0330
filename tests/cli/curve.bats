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
    [[ $err == *"The TLB reaches 6 MiB, its first level 256 KiB; 0 % of the time"* ]]
    grep -v I trace >data
    pagewalk curve -q --tau 1K --tlb l1d=4:4,l1i=4:4,l2=219:3 --working-set set.csv --json set.json \
        --trace data
    [ "$(sed -n 1p set.csv)" = instructions,working_set_bytes ]
    [ "$(wc -l <set.csv)" -gt 10 ]
    python3 - <<'PY'
import csv, json
sizes = [int(row["working_set_bytes"]) for row in csv.DictReader(open("set.csv"))]
told = json.load(open("set.json"))["working_set"]
assert told["tlb_reach_l1_bytes"] == 4 << 12 and told["tlb_reach_bytes"] == 219 << 12
assert told["tau"] == 1000 and told["most_bytes"] == max(sizes)
assert abs(told["mean_bytes"] - sum(sizes) / len(sizes)) < 1
assert told["beyond_reach"] == sum(s > 219 << 12 for s in sizes) / len(sizes)
assert 0 < told["beyond_reach"] < 1, told
PY
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
    # The program's has page tables in its RAM, and faults that no reference tells of, in every RAM.
    python3 - <<'PY'
import csv
live, trace = ([[int(x) for x in row.values()] for row in csv.DictReader(open(name))]
               for name in ("live.csv", "trace.csv"))
assert len(live) == len(trace) > 50
more = {tuple(a - b for a, b in zip(*rows)) for rows in zip(live, trace)}
assert len(more) == 1, more
ram, faults, *kinds = more.pop()
assert ram % 4096 == 0 and 6 * 4096 <= ram < 40 * 4096 and sum(kinds) == faults, (ram, faults, kinds)
PY
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
    python3 - $SAME <<'PY'
import json, sys
run, live, replay = (json.load(open(name + ".json"))["counters"] for name in ("run", "live", "replay"))
for name in sys.argv[1:]:
    assert run[name] == live[name] == replay[name], (name, run[name], live[name], replay[name])
# Stores to pages that were there, but read-only, are counted apart.
assert live["faults"] == replay["faults"] + replay["faults_cow"], (live["faults"], replay)
PY
}

@test "a replay counts what the run counted" {
    seq 500 | shuf --random-source=<(yes) >numbers
    for tlb in skylake l1d=4:4:fifo,l1i=3:3:tree-plru,l2=20:5:random; do
        replays_as_run $tlb /usr/bin/sort -n numbers
    done
    replays_as_run tiny sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done'
    replays_as_run skylake /usr/bin/python3 -I -S -c pass
}

@test "and of instructions that fault when a part of them is done" {
    for tlb in skylake zen4 tiny l1d=4:4:fifo,l1i=3:3:tree-plru,l2=20:5:random,pwc=pd:4:4; do
        replays_as_run $tlb "$STRINGS"
    done
}

@test "a curve estimated from a sample of the pages" {
    pagewalk record -q --reproducible -o trace -- /usr/bin/python3 -c '
import random
random.seed(1)
d = {random.randrange(20000): [i] * 5 for i in range(20000)}
print(sum(len(v) for v in d.values()))'
    pagewalk curve -q --csv exact.csv --json exact.json --trace trace
    pagewalk curve -q --sample 1 --csv all.csv --trace trace
    cmp exact.csv all.csv
    pagewalk curve --sample 20% --csv part.csv --trace trace
    [[ $(tr -s " \n" " " <stderr) == *"estimated from 20 % of the pages, with a standard error of at most "* ]]
    [ "$(head -n 1 part.csv)" = "$(head -n 1 exact.csv),error" ]
    # From 64 pages on: how far off the miss ratio is on average, and what the errors say of it.
    python3 - <<'PY'
import csv
def read(name):
    rows = list(csv.DictReader(open(name)))
    return [(int(row["ram_bytes"]), int(row["faults"]), float(row.get("error", 0))) for row in rows]
def at(rows, size):
    return [row for row in rows if row[0] <= size][-1] if rows[0][0] <= size else rows[0]
exact, part = read("exact.csv"), read("part.csv")
sizes = [s for s in (64 * 4096 * 5 ** i // 4 ** i for i in range(60)) if s < exact[-1][0]]
references = exact[0][1]
off = [abs(at(exact, s)[1] - at(part, s)[1]) for s in sizes]
within = sum(o <= 3 * at(part, s)[2] for o, s in zip(off, sizes))
assert sum(off) / len(off) / references < 0.01, (off, references)
assert within >= len(sizes) / 2, (within, len(sizes))
PY
    pagewalk curve --sample 2 --trace trace
    [ "$status" -eq 125 ] && [[ $err == *"--sample: '2' is not a share from 0.000001 to 1"* ]]
    refuses "--sample is for a trace, or with --every-access" curve --sample 1% -- touch ran
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
    says "it has version 255; this pagewalk reads version 3" newer
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
    refuses "--cost: 'read=-1us' is neither" curve --cost read=-1us -- touch ran
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

@test "the reuse distances are those of a plain LRU stack" {
    a_trace >trace
    pagewalk curve --reuse --json curve.json --trace trace
    [ "$status" -eq 0 ]
    [ "$(awk 'length > 80' stderr)" = "" ]
    python3 - <<'PY'
import json
stack, uses, first = [], {}, 0
for line in open("trace"):
    kind, page = line[0], int(line[2:]) // 4096
    if page in stack:
        depth = len(stack) - stack.index(page)
        stack.remove(page)
        to = 1 << (depth - 1).bit_length()
        count = uses.setdefault(to * 4096, {"loads": 0, "stores": 0, "fetches": 0})
        count[{"L": "loads", "S": "stores", "I": "fetches"}[kind]] += 1
    else:
        first += 1
    stack.append(page)
report = json.load(open("curve.json"))
for bucket in report["reuse"]:
    expected = uses.pop(bucket["to_bytes"], {"loads": 0, "stores": 0, "fetches": 0})
    assert {k: bucket[k] for k in expected} == expected, (bucket, expected)
    assert bucket["uses"] == sum(expected.values())
assert not uses and first == report["points"][-1][1]
PY
    grep -qE '^ +to 128 KiB +[0-9,]+ ' stderr
    grep -qE '^ +first use +221 ' stderr
    pagewalk curve --reuse --json curve.json -- "$PAGES" 40
    grep -qE '^ +to 512 KiB +[0-9,]+ +99[.0-9]* %$' stderr
}

@test "regions: what is used all the time is hot, what was used once is cold" {
    head -c 400000 /dev/zero >data
    pagewalk curve --regions --tau 100K --json curve.json -- "$ATTRIBUTE" once data
    [ "$status" -eq 0 ]
    [ "$(awk 'length > 80' stderr)" = "" ]
    python3 - <<'PY'
import json, os
parts = json.load(open("curve.json"))["regions"]
data, = [p for p in parts if os.path.basename(p["region"]) == "data"]
assert data["file"] and data["used_bytes"] == data["cold_bytes"] == 98 * 4096, data
assert data["idle"] > 0.9 and data["hot_bytes"] == data["returns"] == 0, data
assert data["ranges"] == [[0, 98 * 4096, "cold"]], data
anon, = [p for p in parts if p["region"] == "[anon]" and p["program"].endswith("test_cli_attribute")]
assert not anon["file"] and anon["hot_bytes"] >= 300 * 4096 > anon["used_bytes"] - 100000, anon
assert anon["idle"] < 0.1 and anon["returns"] >= 300 * 1990, anon
assert any(r[1] >= 300 * 4096 and r[2] == "hot" for r in anon["ranges"]), anon
assert 270 * 4096 < anon["in_use_bytes"] < 330 * 4096, anon
for p in parts:
    assert sum(r[1] for r in p["ranges"]) == p["used_bytes"] >= p["hot_bytes"] + p["cold_bytes"]
    for heat in "hot", "cold":
        assert sum(r[1] for r in p["ranges"] if r[2] == heat) == p[heat + "_bytes"]
PY
    grep -qE '^  data +392 KiB +0 B +392 KiB ' stderr
    grep -qE '^  all +' stderr
    pagewalk curve -q --json curve.json -- /bin/true
    lacks -q '"regions"' curve.json
    pagewalk curve --regions --every-access -- /bin/true
    [ "$err" = "pagewalk: --regions: not with --every-access, --policies or --working-set" ]
    pagewalk curve --regions --trace data
    [ "$status" -eq 125 ]
}

@test "the plot falls from the left above to the right below, as wide as the terminal" {
    a_trace >trace
    pagewalk curve --plot --policies fifo,opt --trace trace
    [ "$status" -eq 0 ]
    [ "$(awk 'length > 80' stderr)" = "" ]
    grep -qE '^  page faults, \* lru$' stderr
    grep -qE '^ +a fifo$' stderr
    grep -E '^[ 0-9,]{11} [|+]' stderr | grep -v -- '+---' >area
    [ "$(wc -l <area)" -eq 16 ]
    python3 - <<'PY'
lines = [line.rstrip("\n")[13:] for line in open("area")]
top = {}
for y, line in enumerate(lines):
    for x, c in enumerate(line):
        if c == "*":
            top.setdefault(x, y)
heights = [top[x] for x in sorted(top)]
assert heights == sorted(heights) and heights[0] < 3 and len(lines[15]) >= 66, heights
assert len(heights) > 50 and any("a" in line for line in lines) and any("b" in line for line in lines)
PY
    grep -qE '^ +\+-+$' stderr
    grep -qE '\^ enough|enough \^' stderr
    echo "L 4096" >one
    pagewalk curve --plot --trace one
    [ "$status" -eq 0 ]
    : >none
    pagewalk curve --plot --trace none
    [ "$status" -eq 0 ]
    for columns in 60 130; do
        script -qec "stty cols $columns; $PAGEWALK curve --plot --trace trace" /dev/null </dev/null >wide
        tr -d '\r' <wide | awk '/^ +\+-+$/ { print length }' >width
        [ "$(cat width)" -eq $((columns - 1)) ]
    done
}
