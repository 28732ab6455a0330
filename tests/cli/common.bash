# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of the command share. PAGEWALK, and PAGES (pages.c) and the
# like for the guests here, are set by the build.

setup() {
    unset PAGEWALK_OPTS NO_COLOR
    cd "$BATS_TEST_TMPDIR"
}

# Runs pagewalk with the output and error kept apart, in $out and $err; the status is in $status.
pagewalk() {
    status=0
    timeout 60 "$PAGEWALK" "$@" >stdout 2>stderr || status=$?
    out=$(cat stdout)
    err=$(cat stderr)
}

# fails STATUS TEXT OPTION...: `pagewalk run OPTION...` says one line that holds TEXT, and nothing
# was run.
fails() {
    local expected=$1 text=$2
    shift 2
    pagewalk run "$@"
    [ "$status" -eq "$expected" ] || { echo "status $status: $err"; return 1; }
    [ "$(wc -l <stderr)" -eq 1 ] || { echo "not one line: $err"; return 1; }
    [ -z "$out" ] || { echo "output: $out"; return 1; }
    case $err in
    "pagewalk: "*"$text"*) ;;
    *) echo "'$err' does not say '$text'"; return 1 ;;
    esac
}

# counter FILE NAME: a counter of a JSON report.
counter() {
    python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["counters"][sys.argv[2]])' "$@"
}

# lacks GREP-ARGUMENT...: nothing matches. (A plain "! grep" would not fail a test.)
lacks() {
    if grep "$@"; then
        return 1
    fi
}
