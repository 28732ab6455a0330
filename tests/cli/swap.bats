# SPDX-License-Identifier: GPL-2.0-or-later
# The swap device: what it holds comes back right or not at all, and it goes away again.
load common

@test "memory of many times the RAM comes back from swap" {
    pagewalk run --ram 1M --json report -- "$PAGES" 12 <<<go
    [ "$status" -eq 0 ]
    [[ $out == *"all there" ]]
    [ "$(counter report swap_pages_out)" -gt 2500 ]
    [ "$(counter report swap_pages_in)" -gt 2500 ]
    [ "$(counter report frames_peak)" -le 256 ]
    [ "$(counter report pages_peak)" -gt 3072 ]
}

@test "a swap file that was made is removed, the temporary one is never seen" {
    pagewalk run -q --ram 1M --swap "$PWD/swap:32M" -- "$PAGES" 4 <<<go
    [ "$status" -eq 0 ]
    [ ! -e swap ]
    mkdir tmp
    TMPDIR=$PWD/tmp pagewalk run -q --ram 1M --swap 32M -- "$PAGES" 4 <<<go
    [ "$status" -eq 0 ]
    [ -z "$(ls tmp)" ]
    # Nor is it left when the guest is killed, when exec fails, or when an option is wrong.
    pagewalk run -q --ram 1M --swap "$PWD/swap:32M" -- sh -c 'kill -KILL $$'
    [ ! -e swap ]
    pagewalk run -q --ram 1M --swap "$PWD/swap:32M" -- no-such-program
    [ ! -e swap ]
    pagewalk run -q --swap "$PWD/swap:32M" --strace=/no/such/place/f -- true
    [ ! -e swap ]
}

@test "an existing file is used in place and stays" {
    head -c 40000000 /dev/zero >swap
    pagewalk run -q --ram 1M --swap "$PWD/swap:32M" -- "$PAGES" 4 <<<go
    [ "$status" -eq 0 ]
    [ "$(stat -c %s swap)" -eq 40000000 ]
}

@test "without room in RAM and swap the program is killed with a message" {
    for swap in none 1M; do
        pagewalk run --overcommit always --ram 2M --swap $swap -- "$PAGES" 16 <<<go
        [ "$status" -eq 137 ]
        [ -z "$out" ]
        grep -q 'killed: out of memory' stderr
        grep -q 'page faults' stderr
        # What memory there is can be used to the end, and is refused beforehand if it is not.
        pagewalk run -q --ram 2M --swap $swap -- "$PAGES" 16 <<<go
        [ "$status" -eq 3 ]
    done
}

# Runs a guest that has swapped most of its memory out, changes one byte in every page of the swap
# file that is not zero, and lets the guest go on.
damage_swap() {
    python3 - "$PAGEWALK" "$PAGES" <<'PY'
import subprocess, sys
run = subprocess.Popen([sys.argv[1], "run", "--ram", "1M", "--swap", "./swap:32M", "--", sys.argv[2],
                        "8"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
assert run.stdout.readline() == b"ready\n"
changed = 0
with open("swap", "r+b") as swap:
    while page := swap.read(4096):
        if any(page):
            swap.seek(-4096 + 1234, 1)
            swap.write(bytes([page[1234] ^ 0x10]))
            swap.seek(4096 - 1235, 1)
            changed += 1
assert changed > 1000, changed
out, err = run.communicate(b"go\n", timeout=60)
print(run.returncode)
print(out.decode() + err.decode())
PY
}

@test "a damaged slot is noticed: SIGBUS and a message, never wrong data" {
    damage_swap >result
    [ "$(head -n 1 result)" -eq -7 ]
    lacks 'wrong data\|all there' result
    grep -q 'swap.*slot [0-9]* is damaged' result
    [ ! -e swap ]
}

@test "a full disk under the swap file costs no data, only room" {
    mkdir disk
    unshare -m mount -t tmpfs -o size=3M none disk 2>/dev/null || skip "no right to mount"
    export PAGEWALK PAGES
    unshare -m sh -c 'mount -t tmpfs -o size=3M none disk
        echo go | "$PAGEWALK" run --overcommit always --ram 2M --swap disk/swap:32M -- "$PAGES" 4 >small
        echo $? >>small
        echo go | "$PAGEWALK" run --overcommit always --ram 2M --swap disk/swap:32M -- "$PAGES" 16 >large
        echo $? >>large
        ls disk >left' 2>stderr || true
    [ "$(tail -n 2 small)" = "all there
0" ]
    [ "$(cat large)" = 137 ]
    tr -s ' \n' ' ' <stderr | grep -q 'disk/swap cannot be written: No space left on device'
    [ ! -s left ]
}

@test "an unusable swap device is refused" {
    fails 125 "--swap: cannot use /dev/full: Block device required" --swap /dev/full:32M -- true
}
