# SPDX-License-Identifier: GPL-2.0-or-later
# The guest's streams are the caller's, byte for byte.
load common

@test "standard input, output and error pass through untouched" {
    head -c 300000 /dev/urandom >random
    "$PAGEWALK" run -q -- cat <random >copy 2>error
    cmp random copy
    [ ! -s error ]
    "$PAGEWALK" run -q -- sh -c 'exec cat >&2' <random >copy 2>error
    cmp random error
    [ ! -s copy ]
}

@test "the summary goes to standard error only" {
    pagewalk run -- echo hello
    [ "$out" = hello ]
    [[ $err == "pagewalk: echo hello"* ]]
}

@test "the guest takes from a shared input only what it reads" {
    printf 'one\ntwo\nthree\n' >lines
    { "$PAGEWALK" run -q -- sh -c 'read line; echo "guest $line"'; read -r rest; } <lines >out
    [ "$(cat out)" = "guest one" ]
    [ "$rest" = two ]
}

@test "a closed stream is closed for the guest, and no file of ours takes its place" {
    status=0
    "$PAGEWALK" run -q --swap 1M --json j --strace=s -- sh -c 'echo x' >&- 2>err || status=$?
    [ "$status" -ne 0 ]
    grep -q 'Bad file descriptor\|I/O error' err
    python3 -m json.tool j >/dev/null
    "$PAGEWALK" run -q --swap 1M -- sh -c 'read x || echo no input' <&- >out 2>err
    [ "$(cat out)" = "no input" ]
}

@test "a reader that goes away kills the guest as usual" {
    # yes dies of SIGPIPE, natively and here.
    python3 - "$PAGEWALK" <<'PY'
import signal, subprocess, sys
run = subprocess.Popen([sys.argv[1], "run", "-q", "--", "yes"], stdout=subprocess.PIPE,
                       restore_signals=True)
run.stdout.read(10)
run.stdout.close()
assert run.wait(timeout=60) == -signal.SIGPIPE, run.returncode
PY
}

@test "the environment and the working directory are the caller's" {
    mkdir place
    cd place
    GREETING=hi "$PAGEWALK" run -q -- sh -c 'pwd; echo $GREETING' >../out
    [ "$(cat ../out)" = "$(pwd)
hi" ]
}
