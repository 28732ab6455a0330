# SPDX-License-Identifier: GPL-2.0-or-later
# What the command says of many processes, and what they cost the host.
load common

# peak COMMAND...: the most KiB of memory that pagewalk had, running it quietly. By time(1), which is
# small itself: a program inherits the peak of who executes it. In the host's small pages: how many
# huge ones there are to be had changes from minute to minute.
peak() {
    python3 "$SMALL_PAGES" time -f %M -o peak "$PAGEWALK" run -q -- "$@" >/dev/null
    cat peak
}

@test "the JSON has the tree of processes, and totals are sums over it" {
    pagewalk run -q --json report -- bash -c 'echo a | cat >/dev/null; (/bin/true; exit 7); kill -KILL $BASHPID'
    [ "$status" -eq 137 ]
    python3 - <<'PY'
import json
report = json.load(open("report"))
processes = report["processes"]
assert len(processes) == report["counters"]["processes"] >= 4, len(processes)
first = processes[0]
assert first["ppid"] == 1 and first["exit"] == {"status": 0, "signal": 9} == report["exit"]
pids = [p["pid"] for p in processes]
assert pids == sorted(pids) and len(set(pids)) == len(pids)
for p in processes[1:]:
    assert p["ppid"] in pids[:pids.index(p["pid"])], p
commands = [p["command"][0] for p in processes]
assert "cat" in commands and "/bin/true" in commands, commands
assert [p["exit"]["status"] for p in processes].count(7) == 1
for name, value in first["counters"].items():
    assert sum(p["counters"][name] for p in processes) == report["counters"][name], name
for p in processes:
    memory = p["memory"]
    assert memory["rss_peak_bytes"] >= memory["rss_end_bytes"] >= memory["pss_end_bytes"], memory
PY
}

@test "the summary has a line for each process, below the one that made it" {
    pagewalk run -- bash -c '(/bin/true; exit 3)'
    grep -qE '^ +1000 +3 .* bash -c' stderr
    grep -qE '^ +1001 +3 .*    bash -c' stderr
    grep -qE '^ +1002 +0 .*      /bin/true$' stderr
    [ "$(awk '{ if (length > 80) print }' stderr)" = "" ]
    pagewalk run -- "$FORKS" 60
    grep -q 'and 37 more; --json has all' stderr
    pagewalk run -- /bin/true
    lacks -q 'peak RSS' stderr
}

@test "old processes are folded into one, and nothing is lost" {
    pagewalk run -q --json report -- "$FORKS" 1500
    [ "$out" = 1500 ]
    python3 - <<'PY'
import json
report = json.load(open("report"))
processes, folded = report["processes"], report["folded"]
assert folded["processes"] == 501 and len(processes) == 1000, (folded["processes"], len(processes))
assert report["counters"]["processes"] == 1501
assert processes[0]["ppid"] == 1
for name, value in folded["counters"].items():
    total = value + sum(p["counters"][name] for p in processes)
    assert total == report["counters"][name], name
assert folded["counters"]["faults"] > 500
PY
}

# A finished process may leave 58 bytes; what is kept of the last thousand settles long before 5,000.
@test "forty thousand processes, one after the other, take no more memory than five thousand" {
    few=$(peak "$FORKS" 5000)
    many=$(peak "$FORKS" 40000)
    echo "# memory of the host at most: $few KiB for 5,000 forks, $many KiB for 40,000" >&3
    [ "$many" -lt $((few + 2048)) ]
}

@test "a thousand live processes" {
    pagewalk run --json report -- "$FORKS" 1000 live
    [ "$out" = 1000 ]
    [ "$(counter report processes)" -eq 1001 ]
}

@test "the run ends when the last process does, with the status of the first" {
    pagewalk run -q -- bash -c 'setsid bash -c "sleep 0.3; echo the last" & exit 4'
    [ "$status" -eq 4 ]
    [ "$out" = "the last" ]
}

@test "processes are numbered and counted the same in every reproducible run" {
    for i in 1 2; do
        pagewalk run -q --reproducible --json report$i -- \
            bash -c 'for i in 1 2 3; do (echo $BASHPID; exec /bin/true) & done; wait; echo $RANDOM | wc -c'
        cp stdout out$i
    done
    cmp out1 out2
    cmp report1 report2
}
