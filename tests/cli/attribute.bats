# SPDX-License-Identifier: GPL-2.0-or-later
# pagewalk run --attribute: each event has its place, and all of them are there.
load attribute

@test "misses and faults are those of the lines that made them, to the last one" {
    pagewalk run -q --attribute --json report -- "$ATTRIBUTE" walk 300 20
    [ "$status" -eq 0 ]
    [ -z "$err" ]
    check <<'PY'
assert total("tlb_l1d_misses", function="walk_pages", region="[anon]") == 300 * 20
row, = rows(function="walk_pages", region="[anon]")
assert row["line"] == line_of("line of walk_pages"), row
assert os.path.samefile(row["source"], os.environ["ATTRIBUTE_SOURCE"]), row
assert os.path.samefile(row["object"], os.environ["ATTRIBUTE"])
assert os.path.samefile(row["program"], os.environ["ATTRIBUTE"])
assert total("faults_minor", function="fill_pages", region="[anon]") == 300
assert total("tlb_l1d_misses", function="fill_pages", region="[anon]") == 600 # each store twice
row, = [r for r in rows(function="fill_pages", region="[anon]")]
assert row["line"] == line_of("line of fill_pages")
assert total("faults", function="walk_pages", region="[anon]") == 0
PY
}

@test "with little RAM, huge pages, no second level, every policy: nothing is lost" {
    for options in "--ram 512K" "--tlb tiny --ram 1M --policy lru" "--page-size thp" \
        "--levels 5 --tlb zen4" "--tlb l1d=4:4,l1i=4:4"; do
        # shellcheck disable=SC2086
        pagewalk run -q $options --attribute --json report -- "$ATTRIBUTE" walk 600 3
        [ "$status" -eq 0 ]
        check <<<''
    done
    pagewalk run -q --ram 600K --attribute --json report -- "$ATTRIBUTE" walk 600 3
    check <<'PY'
assert total("faults_major", function="walk_pages", region="[anon]") >= 600
PY
}

@test "processes, forked and executed, each with their own program" {
    cp "$ATTRIBUTE" other
    pagewalk run -q --attribute --json report -- bash -c "$ATTRIBUTE fork; ./other walk 200 2 | cat"
    [ "$status" -eq 0 ]
    check <<'PY'
name = os.path.basename(os.environ["ATTRIBUTE"])
assert total("tlb_l1d_misses", function="walk_pages", program=name, region="[anon]") == 100 + 480
assert total("tlb_l1d_misses", function="walk_pages", program="other", region="[anon]") == 400
assert total("faults", program="cat") > 50 and total("walks", program="bash") > 100
assert total("faults_cow", program="bash") > 10
PY
}

@test "a library's code is the library's, even where another one lay before" {
    pagewalk run -q --attribute --json report -- "$ATTRIBUTE" library "$LIBRARY_A" "$LIBRARY_B" \
        "$LIBRARY_A"
    [ "$status" -eq 0 ]
    [ "$(sort -u stdout | wc -l)" -eq 1 ] # they did lie at the same place
    check <<'PY'
a, b = (os.path.basename(os.environ[k]) for k in ("LIBRARY_A", "LIBRARY_B"))
assert total("faults", object=a, function="worker_a", region="[anon]") == 128
assert total("faults", object=b, function="worker_b", region="[anon]") == 64
assert not rows(object=a, function="worker_b") and not rows(object=b, function="worker_a")
line = line_of("line of the worker", os.environ["LIBRARY_SOURCE"])
assert {r["line"] for r in rows(object=a, region="[anon]") if r["faults"]} == {line}
PY
}

@test "regions: file, heap, stack; code made at run time" {
    head -c 400000 /dev/zero >data
    pagewalk run -q --attribute --json report -- "$ATTRIBUTE" file data
    check <<'PY'
assert total("faults", function="read_file", region="data") == 98
assert total("faults", region="[stack]") > 0
PY
    pagewalk run -q --attribute --json report -- "$ATTRIBUTE" jit
    check <<'PY'
assert total("faults", object="[anon]", region="[anon]") == 64
assert all("function" not in r for r in rows(object="[anon]"))
PY
    pagewalk run -q --attribute --json report -- bash -c :
    check <<'PY'
assert total("faults", region="[heap]") > 10
PY
}

@test "the table: shares, functions, lines, memory" {
    pagewalk run --attribute=tlb_l1d_misses,faults_major -- "$ATTRIBUTE" walk 300 20
    [ "$status" -eq 0 ]
    line=$(grep -n 'line of walk_pages \*/' "$ATTRIBUTE_SOURCE" | cut -d: -f1)
    grep -qE "^  where tlb_l1d_misses come from: [0-9,]+ data lookups that missed" stderr
    grep -qE "^ +[789][0-9]\.[0-9]{2} % +6,00[0-9]  walk_pages +[^ ]+ +attribute.c:$line\$" stderr
    grep -qE "^ +[0-9.]+ % +[0-9,]+  \[anon\]$" stderr
    grep -q 'where faults_major come from' stderr
    [ "$(awk 'length > 80' stderr)" = "" ]
    pagewalk run --ram 2M --attribute -- sh -c 'ls /usr/bin | sort | tail -1'
    [ "$(awk 'length > 80' stderr)" = "" ]
    grep -qE '^ +share +count +function +program +object +hottest line$' stderr
    pagewalk run -- /bin/true
    lacks -q 'come from' stderr
}

@test "folded stacks and speedscope hold what the report does" {
    pagewalk run -q --attribute=tlb_l1d_misses,faults --folded folded --speedscope scope --json report \
        -- "$ATTRIBUTE" walk 300 20
    [ "$status" -eq 0 ]
    check <<'PY'
counts, name = {}, os.path.basename(os.environ["ATTRIBUTE"])
for line in open("folded"):
    stack, count = line.rsplit(" ", 1)
    assert stack not in counts
    counts[stack] = int(count)
assert sum(counts.values()) == report["counters"]["tlb_l1d_misses"]
line = line_of("line of walk_pages */")
assert counts[f"{name};{name};walk_pages;attribute.c:{line};[anon]"] == 6000
scope = json.load(open("scope"))
assert scope["$schema"] == "https://www.speedscope.app/file-format-schema.json"
frames = scope["shared"]["frames"]
assert [p["name"] for p in scope["profiles"]] == ["tlb_l1d_misses", "faults"]
for p in scope["profiles"]:
    assert p["type"] == "sampled" and p["unit"] == "none" and p["startValue"] == 0
    assert sum(p["weights"]) == p["endValue"] == report["counters"][p["name"]]
    assert len(p["samples"]) == len(p["weights"])
    assert all(0 <= f < len(frames) for s in p["samples"] for f in s)
stacks = {";".join(frames[f]["name"] for f in s): w for p in scope["profiles"][:1]
          for s, w in zip(p["samples"], p["weights"])}
assert stacks == counts
assert any(f.get("line") == line and f["file"].endswith("attribute.c") for f in frames)
PY
    pagewalk run -q --folded folded -- /bin/true
    [ "$status" -eq 0 ]
    grep -q '^true;ld-linux-x86-64.so.2;' folded
}

@test "what is not an event, and files that cannot be written, are refused" {
    fails 125 "--attribute: there is no event 'x': choose from faults, faults_minor" --attribute=x -- true
    fails 125 "there is no event ''" --attribute=faults, -- true
    fails 125 "--folded: cannot write /nowhere/x" --folded /nowhere/x -- true
    fails 125 "--speedscope: cannot write" --speedscope . -- true
}

@test "the same command gives the same rows" {
    for i in 1 2; do
        pagewalk run -q --reproducible --ram 4M --attribute --json report$i --folded folded$i -- \
            bash -c 'for i in 1 2 3; do ls -l /usr/lib | sort | tail -1; done'
    done
    cmp report1 report2
    cmp folded1 folded2
}

@test "a trace is recorded as without, and its events have places too" {
    pagewalk record -q -o trace --attribute --json report -- "$ATTRIBUTE" walk 100 3
    [ "$status" -eq 0 ]
    check <<'PY'
assert total("tlb_l1d_misses", function="walk_pages", region="[anon]") == 300
PY
}
