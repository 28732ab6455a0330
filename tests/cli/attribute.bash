# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of attribution share.
load common

# A module for the checks below: rows of the report that have these fields, and their sum of an event.
setup_file() {
    cat >"$BATS_FILE_TMPDIR/rows.py" <<'PY'
import json, os
report = json.load(open("report"))
EVENTS = ["faults", "faults_minor", "faults_major", "faults_cow", "walks", "tlb_l1d_misses",
          "tlb_l1i_misses"]
def rows(**fields):
    return [r for r in report["attribution"]
            if all(os.path.basename(str(r.get(k, ""))) == v for k, v in fields.items())]
def total(event, **fields):
    return sum(r.get(event, 0) for r in rows(**fields))
def line_of(text, path=os.environ["ATTRIBUTE_SOURCE"]):
    return 1 + next(i for i, line in enumerate(open(path)) if text in line)
def calls(row):
    stack, found = row.get("stack"), []
    while stack:
        found.insert(0, report["attribution_stacks"][stack - 1])
        stack = found[0].get("outer")
    return found
for event in EVENTS:
    assert total(event) == report["counters"][event] , event
PY
}

check() {
    PYTHONPATH=$BATS_FILE_TMPDIR python3 -c "from rows import *
$(cat)"
}

# A copy of the guest that may be changed or removed.
copy_guest() {
    cp "$ATTRIBUTE" guest
}
