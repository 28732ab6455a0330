# SPDX-License-Identifier: GPL-2.0-or-later
# How a run ends: as the guest did.
load common

@test "the exit status is the guest's" {
    for code in 0 1 42 124 255; do
        pagewalk run -q -- sh -c "exit $code"
        [ "$status" -eq "$code" ]
        [ -z "$err" ]
    done
}

@test "a guest killed by a signal makes pagewalk die of the same signal" {
    for name in TERM SEGV KILL USR1 ABRT; do
        python3 - "$PAGEWALK" $name <<'PY'
import signal, subprocess, sys
run = subprocess.run([sys.argv[1], "run", "-q", "--", "sh", "-c", f"kill -{sys.argv[2]} $$"])
assert run.returncode == -getattr(signal, "SIG" + sys.argv[2]), run.returncode
PY
    done
}

@test "no core file is left of pagewalk" {
    ulimit -c unlimited || skip "core files cannot be enabled"
    pagewalk run -q -- sh -c 'kill -SEGV $$'
    [ "$status" -eq 139 ]
    [ -z "$(find . -name 'core*')" ]
}

@test "the summary of a killed guest names the signal" {
    pagewalk run -- sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    [[ $err == *"signal 15, Terminated"* ]]
    [[ $err == *"page faults"* ]]
}

@test "Ctrl-C goes to the guest, and the summary still appears" {
    # A guest that handles it goes on; one that does not dies of it.
    python3 - "$PAGEWALK" <<'PY'
import signal, subprocess, sys
def start(script):
    run = subprocess.Popen([sys.argv[1], "run", "--", "sh", "-c", script], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGINT)
    return run
run = start("echo ready; read line; echo not reached")
out, err = run.communicate(timeout=60)
assert run.returncode == -signal.SIGINT, run.returncode
assert out == "", out
assert "signal 2, Interrupt" in err and "page faults" in err, err
run = start("trap 'echo caught; exit 5' INT; echo ready; read line; exit 6")
out, err = run.communicate(timeout=60)
assert out == "caught\n" and run.returncode == 5, (out, run.returncode)
assert "page faults" in err, err
PY
}

@test "127: there is no such program" {
    fails 127 "no-such-program: no such program in PATH" -- no-such-program
    fails 127 "./nothing: No such file" -- ./nothing
    fails 127 "no such program" -- ""
    status=0
    env PATH=/nowhere "$PAGEWALK" run -- ls 2>stderr || status=$?
    [ "$status" -eq 127 ]
    [ "$(cat stderr)" = "pagewalk: ls: no such program in PATH" ]
}

@test "126: the program cannot be executed" {
    touch plain
    fails 126 "Permission denied" -- ./plain
    fails 126 "is a directory" -- /tmp
    mkdir bin
    touch bin/tool
    status=0
    env PATH="$PWD/bin" "$PAGEWALK" run -- tool 2>stderr || status=$?
    [ "$status" -eq 126 ]
    [ "$(cat stderr)" = "pagewalk: tool: found in PATH, but not executable" ]
}

@test "125: pagewalk itself failed" {
    fails 125 "no program given"
    fails 125 "no program given" --
    fails 125 "unknown option" --no-such-option -- true
}
