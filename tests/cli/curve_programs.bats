# SPDX-License-Identifier: GPL-2.0-or-later
# Curves of real programs: the same number of faults as a replay under LRU at each size.
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
assert min(fast) == 128 * 4096 and max(fast) > 2 * min(fast)
for size in fast:
    least, most = at(every, size + 4 * 4096), at(every, size - 4 * 4096)
    assert 0.999 * least - 1 <= at(fast, size) <= 1.001 * most + 1, size
PY
}
