# SPDX-License-Identifier: GPL-2.0-or-later
# Files that no program maps any more stay cached: to run a program again reads no disk.
load common

# trues N OPTION...: a shell runs /bin/true N times.
trues() {
    local n=$1
    shift
    pagewalk run -q --json report "$@" -- bash -c "for ((i = 0; i < $n; i++)); do /bin/true; done"
    [ "$status" -eq 0 ] || { echo "$err"; return 1; }
}

@test "200 times /bin/true read the disk as often as two" {
    trues 2 --reproducible
    major=$(counter report faults_major) minor=$(counter report faults_minor)
    footprint=$(counter report pages_peak)
    trues 200 --reproducible
    echo "# 2 times: $major major, $minor minor; 200 times: $(counter report faults_major) and" \
        "$(counter report faults_minor)" >&3
    [ "$(counter report faults_major)" -eq "$major" ]
    [ "$(counter report faults_minor)" -gt "$((20 * minor))" ]
    # What is cached is no part of the footprint.
    [ "$(counter report pages_peak)" -le "$((footprint + 16))" ]
}

@test "cached files never keep a RAM from being enough" {
    trues 20 --swap none
    ram=$(($(counter report pages_peak) + 48)) # pages; page tables are not in the footprint
    trues 20 --swap none --ram $((ram * 4))K
    [ "$(counter report oom_kills)" -eq 0 ]
    # One program after another, each with files of its own.
    for i in 1 2 3 4 5 6 7 8; do
        cp /bin/true "true$i"
        head -c 400K /dev/urandom >"file$i"
        echo "./true$i; /usr/bin/python3 -I -S -c \"
import mmap
f = open('file$i')
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
print(sum(m[::4096]) > 0)\""
    done >script
    pagewalk run -q --json report --swap none -- sh script
    ram=$(($(counter report pages_peak) + 80))
    pagewalk run -q --json report --swap none --ram $((ram * 4))K -- sh script
    [ "$status" -eq 0 ]
    [ "$(grep -c True stdout)" -eq 8 ]
    [ "$(counter report oom_kills)" -eq 0 ]
    [ "$(counter report pages_peak)" -lt "$ram" ]
}

@test "cached files are in Cached, and not in MemAvailable's way" {
    head -c 4M /dev/urandom >file
    pagewalk run -q --ram 64M -- /usr/bin/python3 -I -S -c "
import mmap
def field(name):
    return [int(line.split()[1]) for line in open('/proc/meminfo') if line.startswith(name + ':')][0]
def fields():
    return [field(name) for name in ('Cached', 'Inactive(file)', 'MemFree', 'MemAvailable')]
before = fields()
f = open('file')
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
sum(m[::4096])
m.close()
after = fields()
print([a - b for a, b in zip(after, before)])"
    [ "$status" -eq 0 ]
    python3 - "$out" <<'PY'
import json, sys
cached, idle, free, available = json.loads(sys.argv[1])
assert 4096 <= cached < 4400, cached
assert 4096 <= idle < 4400, idle
assert -4400 < free <= -4096, free
assert -300 < available <= 0, available
PY
}

@test "a host's file that changes between two runs of it is seen" {
    printf '#!/bin/sh\necho one\n' >prog
    chmod +x prog
    mkfifo go
    pagewalk run -q -- sh -c './prog; ./prog; read x <go; ./prog' &
    printf '#!/bin/sh\necho two\n' >new
    chmod +x new
    { until [ "$(cat stdout)" = "one
one" ]; do sleep 0.05; done; mv new prog; } 2>/dev/null
    echo >go
    wait $!
    [ "$(cat stdout)" = "one
one
two" ]
}

# native_faults PROGRAM...: the page faults that it and its children have on this machine.
native_faults() {
    /usr/bin/python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt)' "$@"
}

@test "children of a fork fault about as often as natively" {
    forks=(bash -c 'for ((i = 0; i < 40; i++)); do (:); done')
    native=$(native_faults "${forks[@]}")
    pagewalk run -q --json report -- "${forks[@]}"
    faults=$(counter report faults_minor)
    echo "# 40 subshells of bash: $faults minor faults, natively $native" >&3
    [ "$((10 * faults))" -lt "$((16 * native))" ]
    [ "$((16 * faults))" -gt "$((10 * native))" ]
}
