# SPDX-License-Identifier: GPL-2.0-or-later
# When RAM and swap are exhausted one process ends, it is said which and why, and the others go on.
load common

# runs SWAP ARGUMENT...: the guest oom.c in 16 MiB of RAM.
runs() {
    local swap=$1
    shift
    pagewalk run --overcommit always --ram 16M --swap "$swap" --json report -- "$OOM" "$@"
    [ "$status" -eq 0 ] || { echo "status $status: $out $err"; return 1; }
}

@test "the largest process ends, not the one that wants memory" {
    for swap in none 4M; do
        runs $swap big 11 10
        [ "$out" = "growing ended with status 0
idle was killed by signal 9" ]
        [ "$(counter report oom_kills)" -eq 1 ]
        tr '\n' ' ' <stderr | tr -s ' ' >line
        grep -q 'process 1001 ([a-z_]*) was killed: out of memory, and of 3 processes' line
        grep -Eq 'badness was the highest, [0-9]+ of [0-9]+ pages: .* oom_score_adj 0' line
    done
}

@test "oom_score_adj makes another the victim" {
    runs none small 11 10 1000
    [ "$out" = "growing was killed by signal 9
idle ended with status 0" ]
    grep -q 'oom_score_adj 1000' stderr
}

@test "shared memory that only the victim maps is given back" {
    runs none shared 11 10
    [ "$out" = "growing ended with status 0
idle was killed by signal 9" ]
}

@test "a robust lock passes on when its owner is killed for memory" {
    runs 4M lock 11 10
    [ "$out" = "growing ended with status 0
idle was killed by signal 9
the lock's owner is dead" ]
}

@test "of a family that copies its memory one ends, and the others keep theirs" {
    runs none fork 6
    [ "$out" = "first ended with status 0
second was killed by signal 9
the parent's memory is right" ]
}

@test "nobody is killed for memory that the dying are about to give back" {
    runs none dying 11 10
    [ "$out" = "idle was killed by signal 9" ]
    [ "$(counter report oom_kills)" -eq 0 ]
}

@test "all that share the victim's memory end with it" {
    runs none vfork 20
    [ "$out" = "parent of a child by vfork was killed by signal 9" ]
    [ "$(counter report oom_kills)" -eq 2 ]
}

@test "nobody ends while there is swap" {
    runs 64M big 11 10
    [ "$out" = "growing ended with status 0
idle ended with status 0" ]
    [ "$(counter report oom_kills)" -eq 0 ]
}
