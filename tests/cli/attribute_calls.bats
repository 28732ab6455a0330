# SPDX-License-Identifier: GPL-2.0-or-later
# pagewalk run --call-graph: which calls led to each event. (attribute.c says who calls whom.)
load attribute

# Faults by the functions from `make_calls` or a thread's first on; `stacks` of the report.
stacks() {
    check <<PY
stacks = {}
for row in rows(region="[anon]", function="fill_pages"):
    names = [c.get("function", "?") for c in calls(row)]
    start = names.index("make_calls") if "make_calls" in names else names.index("in_thread")
    path = ">".join(names[start:])
    stacks[path] = stacks.get(path, 0) + row.get("faults", 0)
$(cat)
PY
}

@test "each event has the calls that led to it: recursion, longjmp, signals, threads, forks" {
    for options in "" "--tlb tiny" "--ram 1M"; do
        # shellcheck disable=SC2086
        pagewalk run -q $options --call-graph --json report -- "$ATTRIBUTE" calls
        [ "$status" -eq 0 ]
        stacks <<'PY'
signal = [p for p in stacks if "on_signal" in p]
assert len(signal) == 1 and "raise" in signal[0] and stacks.pop(signal[0]) == 17, stacks
assert stacks == {
    "make_calls>recurse>recurse>recurse>recurse>use_pages": 11,
    "make_calls>jump_away>use_pages": 13,
    "in_thread>use_pages": 19,
    "make_calls>after_all>use_pages": 46,
}, stacks
row = rows(function="fill_pages")[0]
assert calls(row)[0]["function"] in ("_start", "clone3", "__clone3"), row
assert all(os.path.isabs(c["object"]) for c in calls(row)), row
PY
    done
}

@test "stacks in files are the calls, and add up to the counters" {
    pagewalk run -q --call-graph --attribute=faults --folded folded --speedscope scope --json report -- \
        "$ATTRIBUTE" calls
    [ "$status" -eq 0 ]
    check <<'PY'
counts, name = {}, os.path.basename(os.environ["ATTRIBUTE"])
for line in open("folded"):
    stack, count = line.rsplit(" ", 1)
    counts[stack] = counts.get(stack, 0) + int(count)
assert sum(counts.values()) == report["counters"]["faults"]
line = line_of("line of fill_pages */")
start = f"{name};_start;"
found = {s: n for s, n in counts.items() if ";jump_away;" in s}
(stack, count), = ((s, n) for s, n in found.items() if ";fill_pages;" in s and s.endswith("[anon]"))
assert count == 13 and stack.startswith(start), found
assert stack.endswith(f";main;make_calls;jump_away;use_pages;fill_pages;attribute.c:{line};[anon]"), stack
scope = json.load(open("scope"))
frames, (profile,) = scope["shared"]["frames"], scope["profiles"]
stacks = {}
for sample, weight in zip(profile["samples"], profile["weights"]):
    key = ";".join(frames[f]["name"] for f in sample)
    stacks[key] = stacks.get(key, 0) + weight
assert stacks == counts
PY
}

@test "calls change no count, and the table is as without" {
    pagewalk run --reproducible --ram 1M --attribute --json a -- "$ATTRIBUTE" calls
    grep -v '^  time ' stderr >plain
    pagewalk run --reproducible --ram 1M --attribute --call-graph --json b -- "$ATTRIBUTE" calls
    grep -v '^  time ' stderr | diff plain -
    python3 - <<'PY'
import json
a, b = (json.load(open(name)) for name in "ab")
assert a["counters"] == b["counters"]
PY
}

@test "a stack too deep to be kept whole has its outer part" {
    cat >deep.py <<'PY'
import sys
sys.setrecursionlimit(100000)
compare = type("C", (), {"__eq__": lambda self, other: self.n == 0 or C_at(self.n - 1) == other})
def C_at(n):
    c = compare()
    c.n = n
    return c
print(C_at(3000) == 1)
PY
    pagewalk run -q --call-graph --json report -- /usr/bin/python3 deep.py
    [ "$status" -eq 0 ]
    [ "$(cat stdout)" = True ]
    check <<'PY'
deepest = max(len(calls(r)) for r in rows(region="[stack]"))
assert 3000 < deepest <= 4096, deepest
PY
}
