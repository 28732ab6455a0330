# SPDX-License-Identifier: GPL-2.0-or-later
# pagewalk run --attribute: where the names come from, and where there are none.
load attribute

@test "a program without symbols: the object is known, no function is made up" {
    copy_guest
    strip guest
    pagewalk run -q --attribute --json report -- ./guest walk 300 4
    check <<'PY'
assert total("tlb_l1d_misses", object="guest", region="[anon]") >= 300 * 4
assert all("line" not in r for r in rows(object="guest"))
assert not rows(function="walk_pages")
PY
    pagewalk run --attribute=tlb_l1d_misses -- ./guest walk 300 4
    grep -qE '^ +[0-9.]+ % +1,[0-9]+  - +guest$' stderr
}

@test "debug information in a file of its own" {
    copy_guest
    objcopy --only-keep-debug guest guest.debug
    strip guest
    objcopy --add-gnu-debuglink=guest.debug guest
    pagewalk run -q --attribute --json report -- ./guest walk 300 4
    check <<'PY'
row, = rows(object="guest", function="walk_pages", region="[anon]")
assert row["tlb_l1d_misses"] == 1200 and row["line"] == line_of("line of walk_pages")
PY
}

@test "a program that is gone, or another one now, when the symbols are read" {
    copy_guest
    pagewalk run -q --attribute --json report -- ./guest unlink
    [ "$status" -eq 0 ]
    check <<'PY'
assert total("tlb_l1d_misses", object="guest", region="[anon]") >= 400
assert not rows(object="guest", function="walk_pages")
PY
    copy_guest
    pagewalk run -q --attribute --json report -- sh -c './guest walk 200 2; cp /bin/true new; mv new guest'
    [ "$status" -eq 0 ]
    check <<'PY'
assert total("tlb_l1d_misses", object="guest", region="[anon]") >= 400
assert all("function" not in r for r in rows(object="guest"))
PY
    copy_guest
    pagewalk run -q --attribute --json report -- sh -c './guest walk 200 2; cat /bin/true >guest'
    check <<'PY'
assert all("function" not in r for r in rows(object="guest"))
PY
}

@test "hostile debug information costs names, never the report" {
    copy_guest
    size=$(stat -c %s guest)
    for section in .debug_line .debug_info .debug_abbrev .symtab .strtab .debug_str .debug_aranges; do
        copy_guest
        python3 - "$section" <<'PY'
import random, subprocess, sys
out = subprocess.run(["readelf", "-SW", "guest"], capture_output=True, text=True).stdout
line = next(l for l in out.splitlines() if f" {sys.argv[1]} " in l)
offset, size = (int(x, 16) for x in line.split("]")[1].split()[3:5])
data = bytearray(open("guest", "rb").read())
random.seed(7)
for i in range(offset, offset + size, 3):
    data[i] = random.randrange(256)
open("guest", "r+b").write(data)
PY
        pagewalk run -q --attribute --json report -- ./guest walk 200 2
        [ "$status" -eq 0 ]
        check <<<'assert total("tlb_l1d_misses", object="guest", region="[anon]") >= 400'
    done
    for keep in 99 90 60; do
        copy_guest
        truncate -s $((size * keep / 100)) guest
        pagewalk run -q --attribute --json report -- ./guest walk 200 2
        [ "$status" -eq 0 ] || continue # a part that runs is gone
        check <<<'assert total("tlb_l1d_misses", object="guest", region="[anon]") >= 400'
    done
}
