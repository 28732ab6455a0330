# SPDX-License-Identifier: GPL-2.0-or-later
# Curves of real programs: the same number of faults as a replay under LRU at each size; and as a
# run in a RAM of that size.
load common

# same_as_replay PROGRAM...: its curve is what replays of its trace give, at sizes of every kind.
same_as_replay() {
    pagewalk record -q -o trace -- "$@"
    [ "$status" -eq 0 ]
    pagewalk curve -q --csv all.csv --trace trace
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import csv, json, os, subprocess
changes = {int(row["ram_bytes"]): int(row["faults"]) for row in csv.DictReader(open("all.csv"))}
pages = max(changes) // 4096
for frames in {9, pages // 3, pages - 1}:
    expected = changes[max(size for size in changes if size <= frames * 4096)]
    run = subprocess.run([os.environ["PAGEWALK"], "replay", "-q", "--json", "/dev/stdout", "--policy",
                          "lru", "--ram", str(frames * 4096), "trace"], capture_output=True,
                         check=True)
    faults = json.loads(run.stdout)["counters"]["faults"]
    assert faults == expected, (frames, faults, expected)
PY
}

@test "curves of sort, sqlite3, python3 and of a shell with children are what replays give" {
    seq 1000 -1 1 >numbers
    same_as_replay sort numbers
    same_as_replay sqlite3 :memory: "create table t(a); insert into t values (1), (2), (3);
        select sum(x.a * y.a) from t x, t y"
    same_as_replay python3 -I -S -c pass
    same_as_replay sh -c 'ls | wc -l; true & wait'
}

@test "a curve watched beyond the pages used last is that of every access, but for four frames" {
    seq 30000 | awk '{ print $1 * 7919 % 30011 }' >numbers
    pagewalk curve -q --reproducible --csv fast.csv -- sort numbers
    [ "$status" -eq 0 ]
    pagewalk curve -q --reproducible --every-access --csv every.csv -- sort numbers
    [ "$status" -eq 0 ]
    python3 - <<'PY'
import csv
fast, every = ({int(row["ram_bytes"]): int(row["faults"]) for row in csv.DictReader(open(name))}
               for name in ("fast.csv", "every.csv"))
def at(curve, size):
    return curve[max(s for s in curve if s <= size)]
assert min(fast) == min(every) + 127 * 4096 and max(fast) > 2 * min(fast)
for size in fast:
    least, most = at(every, size + 4 * 4096), at(every, size - 4 * 4096)
    assert 0.999 * least - 1 <= at(fast, size) <= 1.001 * most + 1, size
PY
}

# same_as_runs PROGRAM...: at six sizes of RAM a run under LRU has as many faults as its curve says,
# to 1 %; and with RAM to spare, exactly.
same_as_runs() {
    python3 - "$@" <<'PY'
import csv, json, os, subprocess, sys
def pagewalk(*options): # always in the same environment, which is on the stack
    subprocess.run([os.environ["PAGEWALK"], *options, "-q", "--reproducible", "--", *sys.argv[1:]],
                   check=True, stdout=subprocess.DEVNULL, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
pagewalk("curve", "--csv", "curve.csv")
curve = {int(row["ram_bytes"]): int(row["faults"]) for row in csv.DictReader(open("curve.csv"))}
def run(ram):
    pagewalk("run", "--json", "report", "--policy", "lru", "--ram", str(ram))
    return json.load(open("report"))["counters"]["faults"]
least, most = min(curve), max(curve)
for part in 0.15, 0.3, 0.5, 0.7, 0.9, 1:
    ram = int(least + part * (most - least)) // 4096 * 4096
    faults, expected = run(ram), curve[max(size for size in curve if size <= ram)]
    print(f"# {sys.argv[1]} in {ram // 1024} KiB: {faults} faults, by the curve {expected}")
    assert abs(faults - expected) <= 0.01 * expected, (ram, faults, expected)
assert run(most + 40960) == curve[most]
PY
}

@test "runs of sort, sqlite3 and python3 under lru have the faults of their curves" {
    seq 30000 | awk '{ print $1 * 7919 % 30011 }' >numbers
    same_as_runs sort -S 20M numbers >&3 # which asks how much RAM there is, if it is not told
    same_as_runs sqlite3 :memory: "create table t(a, b);
        with recursive c(i) as (select 1 union all select i + 1 from c where i < 12000)
        insert into t select i * 7919 % 12007, hex(i) from c; create index x on t(a);
        select sum(a) from (select a from t order by b)" >&3
    same_as_runs /usr/bin/python3 -I -S -c "
d = {i * 7919 % 20011: str(i) for i in range(20000)}
print(sum(len(d[i * 31 % 20000]) for i in range(20000) if i * 31 % 20000 in d))
print(len(sorted(d.values())))" >&3
}
