# SPDX-License-Identifier: GPL-2.0-or-later
# The cost model: modelled times are the counts times what each costs.
load common

@test "modelled times are the counters times the costs" {
    pagewalk run --ram 1M --cost zram,instruction=1ns,l2-hit=2ns,walk-read=3ns,minor=1us,copy=4us,write=5us \
        --json report -- "$PAGES" 3 < <(echo)
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import json
report = json.load(open("report"))
c, costs, time = report["counters"], report["modelled"]["costs_ns"], report["modelled"]["time_ns"]
assert abs(costs.pop("read") - 4096 / 1.82) < 0.01
assert costs == {"instruction": 1, "l2-hit": 2, "walk-read": 3, "minor": 1000, "copy": 4000, "write": 5000}
assert time["work"] == c["instructions"]
assert time["translation"] == 2 * c["tlb_l2_hits"] + 3 * c["walk_reads"] > 0
assert time["faults"] == 1000 * c["faults"] + 4000 * c["faults_cow"] > 0
assert abs(time["paging"] - c["pages_in"] * 4096 / 1.82 - 5000 * c["pages_out"]) < 1
assert c["pages_out"] > 300
assert abs(time["total"] - sum(time[k] for k in ("work", "translation", "faults", "paging"))) < 1
PY
    grep -qE '^  modelled time +[0-9.]+ m?s  .* work, .* TLB misses, ' stderr
    [ "$(awk 'length > 80' stderr)" = "" ]
}

@test "a file of costs, which may name a device and other files" {
    printf '# of our own\nsata-ssd\nminor=2us, copy=1us\t# both\n./more\n' >costs
    echo 'instruction=7ns' >more
    pagewalk run -q --cost ./costs,minor=3us --json report -- /bin/true
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import json
costs = json.load(open("report"))["modelled"]["costs_ns"]
assert costs["minor"] == 3000 and costs["copy"] == 1000 and costs["instruction"] == 7, costs
assert abs(costs["read"] - 1e9 / 13000) < 0.01 and costs["l2-hit"] == 3.6
PY
    echo './loop' >loop
    fails 125 "--cost: cannot read ./loop: Too many levels" --cost ./loop -- true
}

@test "costs that are wrong are refused before anything runs" {
    fails 125 "--cost: 'tape' is neither a device (nvme, sata-ssd" --cost tape -- true
    fails 125 "--cost: 'minor=-1us' is neither" --cost minor=-1us -- true
    fails 125 "--cost: 'minor=1' is neither" --cost minor=1 -- true
    fails 125 "--cost: 'minor=nanns' is neither" --cost minor=nanns -- true
    fails 125 "--cost: '' is neither" --cost nvme, -- true
    fails 125 "--cost: cannot read ./none: No such file" --cost ./none -- true
    fails 125 "--cost: cannot read /: Is a directory" --cost / -- true
}

@test "a replay and a curve have modelled times too; help shows where the figures are from" {
    printf 'L 4096\nS 8192\nL 4096\n' >trace
    pagewalk replay --cost instruction=1us,minor=1ms --json report trace
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import json
time = json.load(open("report"))["modelled"]["time_ns"]
assert time["work"] == 3000 and time["faults"] == 2e6
PY
    grep -q '^  modelled time' stderr
    pagewalk curve --cost instruction=1us,minor=1ms,read=1s --json report --trace trace
    python3 -c 'import json; assert json.load(open("report"))["modelled_ns"] == {"instruction": 1000, "minor": 1e6, "major": 1.001e9}'
    pagewalk help cost
    [ "$status" -eq 0 ]
    [ "$(awk 'length > 80' stdout)" = "" ]
    for key in instruction l2-hit walk-read minor copy nvme sata-ssd disk zram far-memory; do
        grep -A1 -E "^  $key +[0-9.]+ [a-z]+s" stdout | grep -qE '^ {15}[^ ]' # and its source
    done
}
