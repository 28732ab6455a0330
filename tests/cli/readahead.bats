# SPDX-License-Identifier: GPL-2.0-or-later
# Swap readahead: it saves faults where memory is used in order, and costs where it is not.
load common

# measure HOW KIND: counters of a run, as HOW.KIND.
measure() {
    pagewalk run -q --reproducible --ram 2M --swap-readahead "$2" --json "$1.$2" -- "$ACCESS" "$1" \
        1000 8000
    [ "$status" -eq 0 ]
}

@test "what readahead does to sequential, uniform and skewed access" {
    for how in sequential uniform skewed; do
        for kind in none cluster adaptive; do
            measure $how $kind
            echo "$how $out" >>outputs
        done
    done
    [ "$(sort -u outputs | wc -l)" -eq 3 ] # the same answers, whatever was read ahead
    python3 - <<'PY'
import json

def counters(how, kind):
    return json.load(open(f"{how}.{kind}"))["counters"]

for how in ("sequential", "uniform", "skewed"):
    for kind in ("none", "cluster", "adaptive"):
        c = counters(how, kind)
        print(how, kind, c["faults_major"], c["swap_pages_in"], c["swap_pages_out"],
              c["readahead_pages"], c["readahead_hits"], c["readahead_wasted"])
        assert (c["readahead_pages"] > 0) == (kind != "none")
        assert c["readahead_hits"] + c["readahead_wasted"] <= c["readahead_pages"]
for kind in ("cluster", "adaptive"):
    # Less than a fifth of the faults, and hardly a page more.
    none, c = counters("sequential", "none"), counters("sequential", kind)
    assert c["faults_major"] < none["faults_major"] / 5, kind
    assert c["swap_pages_in"] < none["swap_pages_in"] * 1.05, kind
    assert c["readahead_wasted"] < c["readahead_pages"] / 20, kind
for how in ("uniform", "skewed"):
    # Four times the pages and more, no fault fewer, and pages that are needed go for those read.
    none, c = counters(how, "none"), counters(how, "cluster")
    assert c["swap_pages_in"] > none["swap_pages_in"] * 3, how
    assert c["faults_major"] > none["faults_major"] * 0.95, how
    assert c["swap_pages_out"] > none["swap_pages_out"] * 1.2, how
    assert c["readahead_wasted"] > c["readahead_pages"] / 2, how
    # The window closes when nothing in it is used.
    c = counters(how, "adaptive")
    assert c["readahead_pages"] < none["swap_pages_in"] / 50, how
assert counters("skewed", "cluster")["faults_major"] > counters("skewed", "none")["faults_major"]
PY
}

@test "it is said in the summary, and wrong values are refused" {
    pagewalk run --ram 2M --swap-readahead cluster -- "$ACCESS" sequential 1000 2000
    grep -q '^  read ahead  *[1-9][0-9,]*  pages; [0-9,]* were used, [0-9,]* evicted before$' stderr
    pagewalk run --ram 2M -- "$ACCESS" sequential 1000 2000
    lacks 'read ahead' stderr
    fails 125 "--swap-readahead: 'linux' is not none, cluster or adaptive" --swap-readahead linux \
        -- touch ran
    [ ! -e ran ]
    # With no swap there is nothing to read.
    pagewalk run -q --swap none --swap-readahead cluster --json report -- true
    [ "$status" -eq 0 ]
    [ "$(counter report readahead_pages)" -eq 0 ]
}
