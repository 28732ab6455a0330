# SPDX-License-Identifier: GPL-2.0-or-later
# Files that are not programs for us: one clear line and 126 or 127, never a crash.
load common

# Writes an ELF header of the given class, machine and type, then zeros.
elf() { # FILE CLASS MACHINE TYPE
    python3 - "$@" <<'PY'
import os, struct, sys
name, elf_class, machine, kind = sys.argv[1], *map(int, sys.argv[2:])
head = b"\x7fELF" + bytes([elf_class, 1, 1, 0]) + bytes(8) + struct.pack("<HHI", kind, machine, 1)
open(name, "wb").write(head + bytes(4096))
os.chmod(name, 0o755)
PY
}

@test "files that are no programs" {
    printf 'just text\n' >text
    : >empty
    printf '\177EL' >short
    chmod +x text empty short
    fails 126 "text" -- ./text
    fails 126 "empty" -- ./empty
    fails 126 "short" -- ./short
}

@test "programs for other machines" {
    elf arm 2 183 2
    elf i386 1 3 2
    elf object 2 62 1
    elf core 2 62 4
    fails 126 "arm" -- ./arm
    fails 126 "i386" -- ./i386
    fails 126 "object" -- ./object
    fails 126 "core" -- ./core
}

@test "truncated programs" {
    size=$(stat -c %s "$PAGES")
    for len in 4 16 40 63 64 100 200 1000 $((size / 2)); do
        head -c "$len" "$PAGES" >cut
        chmod +x cut
        pagewalk run -q -- ./cut
        case $status in
        126) [ "$(wc -l <stderr)" -eq 1 ] ;;
        139 | 135) ;; # loads, and dies of SIGSEGV or SIGBUS where the file ends, as natively
        *) echo "length $len: status $status: $err"; false ;;
        esac
        [ "$len" -gt 1000 ] || [ "$status" -eq 126 ]
    done
}

@test "unreadable programs" {
    [ "$(id -u)" -ne 0 ] || skip "root reads everything"
    cp "$(command -v true)" secret
    chmod 111 secret
    fails 126 "secret" -- ./secret
}

@test "scripts run through their interpreter" {
    printf '#!/bin/sh\necho "script $0 $1"\nexit 3\n' >script
    chmod +x script
    pagewalk run -q -- ./script word
    [ "$status" -eq 3 ]
    [ "$out" = "script ./script word" ]
    printf '#!/usr/bin/env -S sh -e\nfalse\necho not reached\n' >env-script
    chmod +x env-script
    pagewalk run -q -- ./env-script
    [ "$status" -eq 1 ]
    [ -z "$out" ]
}

@test "scripts whose interpreter is missing, or no program" {
    printf '#!/no/such/interpreter\n' >lost
    printf '#!/dev/null\n' >null
    printf '#!\n' >bare
    printf '#!./loop\n' >loop
    chmod +x lost null bare loop
    fails 127 "/no/such/interpreter" -- ./lost
    fails 126 "" -- ./null
    fails 126 "" -- ./bare
    fails 126 "" -- ./loop
}

@test "ld.so that is missing" {
    # The interpreter's path in a copy of a real program, changed to one that does not exist.
    python3 - "$(command -v ls)" <<'PY'
import os, sys
data = open(sys.argv[1], "rb").read()
assert b"/lib64/ld-linux-x86-64.so.2" in data
open("lost", "wb").write(data.replace(b"/lib64/ld-linux-x86-64.so.2", b"/lib64/no-linux-x86-64.so.2"))
os.chmod("lost", 0o755)
PY
    fails 127 "/lib64/no-linux-x86-64.so.2" -- ./lost
}

@test "too little RAM to run in is said, or enough" {
    for ram in 256K 300K 512K 1M; do
        pagewalk run -q --ram $ram -- true
        case $status in
        0) [ -z "$err" ] ;;
        125) [ "$(wc -l <stderr)" -eq 1 ] ;;
        *) echo "$ram: status $status: $err"; false ;;
        esac
    done
    [ "$status" -eq 0 ]
}
