# SPDX-License-Identifier: GPL-2.0-or-later
# Replacement policies from shared objects: the examples of docs/policy, and those that do wrong.
load common

# build SOURCE OBJECT FLAG...
build() {
    local source=$1 object=$2
    shift 2
    cc -Wall -Wextra -Wno-unused-parameter -Werror -shared -fPIC -I "$INCLUDE" "$@" -o "$object" \
        "$source"
}

# wrong MISTAKE: policy.c, built to make it, as ./wrong.so.
wrong() {
    build "$POLICY" wrong.so -DWRONG="$1"
}

# stops TEXT COMMAND ARGUMENT...: pagewalk says one line with TEXT, ends with 125 and leaves no
# results.
stops() {
    local text=$1 command=$2
    shift 2
    pagewalk "$command" --json report "$@"
    [ "$status" -eq 125 ] || { echo "status $status: $err"; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line: $err"; return 1; }
    [[ $err == "pagewalk: "*"$text"* ]] || { echo "'$err' does not say '$text'"; return 1; }
    [ ! -e report ]
}

# Round and round through 100 pages.
loops() {
    for round in 1 2 3 4 5 6 7 8; do
        seq 4096 4096 409600
    done >loops
}

@test "first in, first out from a shared object is what the one inside is" {
    build "$EXAMPLES/fifo.c" fifo.so
    for ram in 1M 3M; do
        for policy in fifo ./fifo.so; do
            pagewalk run -q --reproducible --ram $ram --policy $policy --json report -- "$PAGES" 6 \
                <<<go
            [ "$status" -eq 0 ]
            [[ $out == *"all there" ]]
            python3 -c 'import json; print(json.load(open("report"))["counters"])' >"counts.$ram"
            [ "$policy" = fifo ] && mv "counts.$ram" inside
        done
        cmp inside "counts.$ram"
    done
    grep -q "'swap_pages_in': [1-9]" inside
    pagewalk record -q -o trace --ram 3M --policy fifo.so -- "$PAGES" 2 <<<go
    [ "$status" -eq 0 ]
    for ram in 256K 1M; do
        for policy in fifo fifo.so; do # without a slash it is in the working directory
            pagewalk replay -q --ram $ram --policy $policy --json report trace
            counter report faults >"faults.$policy"
        done
        cmp faults.fifo faults.fifo.so
    done
    pagewalk curve -q --json curve --policies fifo,./fifo.so --trace trace
    python3 - <<'PY'
import json
policies = json.load(open("curve"))["policies"]
assert policies["fifo"] == policies["./fifo.so"] and len(policies["fifo"]) > 5
PY
}

@test "most recently used is near the optimum on a loop" {
    build "$EXAMPLES/mru.c" mru.so
    loops
    for policy in opt ./mru.so lru; do
        pagewalk replay -q --ram 200K --policy $policy --json report loops
        eval "$(basename $policy .so)=$(counter report faults)"
    done
    [ "$lru" -eq 800 ]
    [ "$opt" -lt "$mru" ]
    [ "$mru" -lt 550 ]
    # A program that runs under it asks the TLB for the time of last uses.
    pagewalk run -q --ram 3M --policy ./mru.so --json report -- "$PAGES" 3 <<<go
    [[ $out == *"all there" ]]
    grep -q '"policy": "./mru.so"' report
}

@test "objects that cannot be used" {
    loops
    echo 'not an object' >text.so
    echo 'int other;' >other.c
    build other.c other.so
    refused() { # TEXT FILE
        stops "--policy: $1" run --policy "$2" -- touch ran
        stops "--policy: $1" replay --policy "$2" loops
        stops "--policies: policy: $1" curve --policies "fifo,$2" -- touch ran
        [ ! -e ran ]
    }
    refused "./absent.so: cannot open shared object file" ./absent.so
    refused "./absent.so: cannot open shared object file" absent.so
    refused "./text.so: " ./text.so
    refused "$PWD/: cannot read file data" "$PWD/"
    refused "./other.so: it defines no pagewalk_policy" ./other.so
    wrong BAD_VERSION
    refused "./wrong.so: pagewalk_policy.version is 77, and this pagewalk reads 1" ./wrong.so
    wrong BAD_FLAGS
    refused "./wrong.so: pagewalk_policy.flags has unknown bits: 0x50" ./wrong.so
    wrong NO_VICTIM
    refused "./wrong.so: pagewalk_policy.victim is missing" ./wrong.so
    wrong NO_USE
    refused "./wrong.so: pagewalk_policy.use is missing" ./wrong.so
    wrong CREATE_FAILS
    stops "./wrong.so: its create() failed: Numerical argument" run --policy ./wrong.so -- touch ran
    stops "./wrong.so: its create() failed: Numerical argument" replay --policy ./wrong.so loops
    [ ! -e ran ]
}

@test "one that needs the future is for replays" {
    loops
    wrong OPTIMUM
    pagewalk replay -q --ram 200K --policy ./wrong.so --json report loops
    [ "$status" -eq 0 ]
    pagewalk replay -q --ram 200K --policy opt --json optimum loops
    [ "$(counter report faults)" = "$(counter optimum faults)" ]
    rm report
    stops "there is no policy './wrong.so' but in replay" run --policy ./wrong.so -- true
}

@test "objects that do what they may not end the run, and the replay" {
    loops
    misbehaves() { # MISTAKE TEXT
        wrong "$1"
        stops "policy ./wrong.so: $2" run --ram 1M --policy ./wrong.so -- "$PAGES" 4 <<<go
        stops "policy ./wrong.so: $2" replay --ram 200K --policy ./wrong.so loops
        stops "policy ./wrong.so: $2" curve --csv csv --policies ./wrong.so --trace loops
        [ ! -e csv ]
    }
    misbehaves NAMES_NONE "call 1 of victim() named none of its "
    misbehaves NAMES_ABSENT "call 1 of victim() named frame "
    misbehaves ASKS_ABSENT "it asked is_dirty() of frame 4294967295, which is not one of its pages"
    # The frame of the last victim, before it holds another page.
    wrong NAMES_OUT
    stops "call 2 of victim() named frame " run --ram 1M --policy ./wrong.so -- "$PAGES" 4 <<<go
    # A locked page.
    wrong NAMES_GONE
    stops "which holds no page that may be evicted" run --ram 12M --policy ./wrong.so -- python3 -c '
import ctypes, mmap
memory = mmap.mmap(-1, 65536)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
memory[:] = b"x" * len(memory)
assert ctypes.CDLL(None).mlock(ctypes.c_void_p(address), len(memory)) == 0
print(len(bytearray(16 << 20)))'
}

@test "one that names the same page always is helped out" {
    wrong NAMES_SAME
    for swap in 64M 3M; do
        pagewalk run -q --ram 1M --swap $swap --policy ./wrong.so -- "$PAGES" 3 <<<go
        [ "$status" -eq 0 ]
        [[ $out == *"all there" ]]
    done
}

@test "an instruction whose pages are evicted for each other is helped out" {
    wrong NOTHING
    pagewalk run -q --ram 256K --policy ./wrong.so -- "$PAGES" 2 <<<go
    [ "$status" -eq 0 ]
    [[ $out == *"all there" ]]
    # lfu: a page that has just come in was used less than all others.
    pagewalk run -q --ram 256K --levels 5 --page-size thp --policy lfu -- awk 'BEGIN { print 6 * 7 }'
    [ "$out" = 42 ]
}

@test "a failed run leaves no trace behind" {
    wrong NAMES_ABSENT
    stops "call 1 of victim()" record -o trace --ram 1M --policy ./wrong.so -- "$PAGES" 4 <<<go
    [ -z "$(ls trace* 2>/dev/null)" ]
}
