# SPDX-License-Identifier: GPL-2.0-or-later
# Options: what is refused, before anything runs, and where the mistake stands.
load common

@test "sizes that do not parse, overflow or are out of range" {
    fails 125 "--ram: '12Q' is not a size" --ram 12Q -- true
    fails 125 "--ram: '' is not a size" --ram= -- true
    fails 125 "--ram: '-4M' is not a size" --ram -4M -- true
    fails 125 "too large" --ram 99999999999999999999G -- true
    fails 125 "too large" --ram 8388608T -- true
    fails 125 "too large: the most is 1T" --ram 2T -- true
    fails 125 "too small: the least is 256K" --ram 255K -- true
    fails 125 "--swap: '12Q' is not a size" --swap 12Q -- true
    fails 125 "too small" --swap 1 -- true
    fails 125 "too large" --swap 99999T -- true
}

@test "unknown policies, TLBs, page sizes, engines and modes" {
    fails 125 "--policy: there is no policy 'opt' but in replay: choose one of clock" --policy opt -- true
    fails 125 "--tlb: 'skylark'" --tlb skylark -- true
    fails 125 "--tlb: 'l1d=64:5,l1i=64:8': l1d: ways" --tlb l1d=64:5,l1i=64:8 -- true
    fails 125 "--tlb: 'l1d=64:4': l1i is missing" --tlb l1d=64:4 -- true
    fails 125 "l1d: the policy must be lru" --tlb l1d=64:4:mru,l1i=64:8 -- true
    fails 125 "pwc: expected CACHE:ENTRIES:WAYS" --tlb l1d=64:4,l1i=64:8,pwc=32 -- true
    fails 125 "--levels: '3' is not 4 or 5" --levels 3 -- true
    fails 125 "--page-size: pages of '1G'" --page-size 1G -- true
    fails 125 "--engine: the kvm engine is not built" --engine kvm -- true
    fails 125 "--overcommit: 'maybe'" --overcommit maybe -- true
    fails 125 "--reproducible: 'x'" --reproducible=x -- true
    fails 125 "--code-cache: '5'" --code-cache 5 -- true
}

@test "values that are missing or not wanted" {
    fails 125 "--ram needs a value" --ram
    fails 125 "-o needs a value" -o
    fails 125 "--json needs a value" --json -- true
    fails 125 "-o needs a value" -o -- true
    fails 125 "--strict takes no value" --strict=yes -- true
    fails 125 "--quiet takes no value" --quiet=1 -- true
    fails 125 "--json: the file name is empty" --json= -- true
    fails 125 "short for several" --s -- true
}

@test "swap that cannot be made" {
    fails 125 "--swap: cannot use /no/such/place/swap: No such file" \
        --swap /no/such/place/swap:1M -- true
    fails 125 "--swap: cannot use" --swap "$PWD:1M" -- true
    export TMPDIR=/no/such/place
    fails 125 "--swap: no temporary file in /no/such/place: No such file" --swap 1M -- true
}

@test "results that could not be written are refused before the run" {
    fails 125 "--json: cannot write /no/such/place/f: No such file" \
        --json /no/such/place/f -- touch ran
    fails 125 "--json: cannot write" --json . -- touch ran
    fails 125 "--output: cannot write /no/such/place/f: No such file" \
        -o /no/such/place/f -- touch ran
    fails 125 "--strace: cannot write /no/such/place/f: No such file" \
        --strace=/no/such/place/f -- touch ran
    [ ! -e ran ]
}

@test "PAGEWALK_OPTS comes first, and the command line has the last word" {
    export PAGEWALK_OPTS="-q --ram 8M --policy lru '--tlb=tiny' --json 'my report.json'"
    pagewalk run -- true
    [ "$status" -eq 0 ]
    [ -z "$err" ]
    [ "$(counter 'my report.json' frames_total)" -eq 2048 ]
    pagewalk run --ram 16M --json other.json -- true
    [ "$(counter other.json frames_total)" -eq 4096 ]
    grep -q '"policy": "lru"' other.json
    grep -q '"tlb": "tiny"' other.json
    PAGEWALK_OPTS=
    pagewalk run -- true
    [ "$status" -eq 0 ]
    [ -n "$err" ]
}

@test "mistakes in PAGEWALK_OPTS are said to be there" {
    export PAGEWALK_OPTS
    PAGEWALK_OPTS="--ram 12Q"
    fails 125 "PAGEWALK_OPTS: --ram: '12Q' is not a size" -- true
    PAGEWALK_OPTS="--wibble"
    fails 125 "PAGEWALK_OPTS: unknown option --wibble" -- true
    PAGEWALK_OPTS="--ram"
    fails 125 "PAGEWALK_OPTS: --ram needs a value" -- true
    PAGEWALK_OPTS="--ram 8M ls"
    fails 125 "PAGEWALK_OPTS: 'ls' is not an option" -- true
    PAGEWALK_OPTS="--ram '8M"
    fails 125 "PAGEWALK_OPTS: a quote is not closed" -- true
}

@test "options end at the program, and may be shortened" {
    pagewalk run -q --ram=8M --pol fifo -- echo -q --ram 4K --help
    [ "$out" = "-q --ram 4K --help" ]
    pagewalk run -q echo -n --version
    [ "$out" = "--version" ]
}

@test "--strace writes the calls to a file or to standard error" {
    pagewalk run -q --strace=calls -- echo hello
    [ "$status" -eq 0 ]
    [ "$out" = hello ]
    [ -z "$err" ]
    grep -q 'write(1, "hello' calls
    grep -q 'exit_group(0' calls
    pagewalk run -q --strace -- echo hello
    [ "$out" = hello ]
    [[ $err == *'write(1, "hello'* ]]
}

@test "page tables have 4 or 5 levels, and every walk without walk caches reads as many entries" {
    for levels in 4 5; do
        pagewalk run -q --levels $levels --tlb tiny --json walks.json -- true
        [ "$status" -eq 0 ]
        python3 - "$levels" <<'PY'
import json, sys
report = json.load(open("walks.json"))
counters, levels = report["counters"], int(sys.argv[1])
assert report["config"]["levels"] == levels
# Walks that find a table missing end early.
assert levels - 0.5 < counters["walk_reads"] / counters["walks"] <= levels
assert counters["tlb_flushes"] == sum(counters["tlb_flushes_" + k] for k in ("page", "space", "all"))
PY
    done
}

@test "large pages are made with --page-size thp only, and shown" {
    cat >fill.awk <<'AWK'
BEGIN { for (i = 0; i < 300000; i++) s = s "0123456789abcdef"; print length(s) }
AWK
    pagewalk run --page-size thp --json thp.json -- awk -f fill.awk
    [ "$out" = 4800000 ]
    [[ $err == *"large pages"*"of 2 MiB; "*" split; "*" never filled"* ]]
    pagewalk run --json small.json -- awk -f fill.awk
    [ "$out" = 4800000 ]
    lacks "large pages" stderr
    python3 - <<'PY'
import json
thp, small = (json.load(open(f))["counters"] for f in ("thp.json", "small.json"))
assert thp["large_faults"] > 0 and small["large_faults"] == 0
assert thp["faults"] < small["faults"] and thp["walks"] < small["walks"]
PY
}
