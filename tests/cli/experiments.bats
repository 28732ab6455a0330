# SPDX-License-Identifier: GPL-2.0-or-later
# Claims about many processes, with figures.
load common

@test "overcommit: a tebibyte is promised, a thousand pages are used, in 16 MiB" {
    pagewalk run --ram 16M --json report -- "$COMMIT" map 1048576 noreserve
    [ "$out" = "map: fine
charged: 0 kB
fork: fine" ]
    pages=$(counter report pages_peak)
    echo "# 1 TiB mapped: $pages pages existed, $(counter report tables_peak) frames of page tables" >&3
    [ "$pages" -ge 1000 ]
    [ "$pages" -lt 1400 ]
    pagewalk run -q --ram 16M -- "$COMMIT" map 1048576
    [[ $out == "map: ENOMEM"* ]]
    pagewalk run -q --ram 16M --overcommit always -- "$COMMIT" map 1048576
    [ "$out" = "map: fine
charged: 1073741824 kB
fork: fine" ]
}

@test "overcommit: never promises no more than half of RAM and all of swap" {
    pagewalk run -q --ram 16M --swap 8M --overcommit never -- "$COMMIT" map 1048576 noreserve
    [[ $out == "map: ENOMEM"* ]]
    pagewalk run -q --ram 16M --swap 8M --overcommit never -- "$COMMIT" limit
    [ "$out" = "map: fine
map: ENOMEM
map: ENOMEM
left: 0 kB
fork: ENOMEM" ]
    # What the heuristic lets pass is a fork of nearly all memory; never does not.
    pagewalk run -q --ram 16M --swap none -- "$COMMIT" map 12
    [[ $out == *"fork: fine" ]]
    pagewalk run -q --ram 16M --swap none --overcommit never -- "$COMMIT" map 6
    [[ $out == *"fork: ENOMEM" ]]
}

@test "shared libraries: eight interpreters use frames by their part, not by what each has" {
    pagewalk run --ram 256M --json report -- /usr/bin/python3 "$EIGHT"
    [ "$status" -eq 0 ]
    read -r rss pss tables cached used <<<"$out"
    echo "# nine python3: resident $rss kB, proportional $pss kB, page tables $tables kB, frames in" \
        "use $used kB, $cached kB of them cached files that none maps" >&3
    [ "$((rss * 10))" -gt "$((pss * 15))" ]
    # All that is in use is accounted for, to a page for each process.
    others=$((used - pss - tables - cached))
    [ "$others" -ge -40 ]
    [ "$others" -le 40 ]
}
