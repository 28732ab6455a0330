# SPDX-License-Identifier: GPL-2.0-or-later
# Large pages as a program sees them, and what the counters say of them.
load common

# guest OPTIONS... -- WORD...: the guest large.c; $out is what it printed.
guest() {
    pagewalk run -q --json report "${@:1:$#}"
    [ "$status" -eq 0 ] || { echo "status $status: $out $err"; return 1; }
}

@test "who gets large pages: by configuration, advice and prctl" {
    # page size, words, what is shown
    while read -r size words shown; do
        guest --page-size "$size" -- "$LARGE" ${words//,/ }
        [ "$out" = "${shown//_/ }" ] || { echo "$size $words: $out"; return 1; }
    done <<'TABLE'
4K advise,touch,show 0_0
madvise touch,show 0_0
madvise advise,touch,show 8192_8192
madvise advise,noadvise,touch,show 0_0
thp touch,show 8192_8192
thp noadvise,touch,show 0_0
thp touch,cut,show 0_0
TABLE
}

@test "PR_SET_THP_DISABLE holds for children and new images, and over advice" {
    guest --page-size thp -- "$LARGE" disable advise touch show fork disabled advise show exec disabled touch show
    [ "$out" = "disabled 0
0 0
disabled? 1
0 0
disabled? 1
0 0" ]
    [ "$(counter report large_faults)" -eq 0 ]
}

@test "small pages become large ones in the background, where that is wanted" {
    while read -r size words shown; do
        guest --page-size "$size" -- "$LARGE" ${words//,/ }
        [ "$out" = "${shown//_/ }" ] || { echo "$size $words: $out"; return 1; }
        [ "$(counter report large_collapses)" -eq $((${shown%_*} / 2048)) ]
    done <<'TABLE'
4K advise,every,spin,40,show 0_0
madvise every,spin,40,show 0_0
madvise every,advise,spin,40,show 8192_8192
thp noadvise,every,advise,spin,40,show 8192_8192
thp noadvise,touch,advise,spin,40,show 8192_8192
TABLE
}

@test "with 2M a load makes a large page too, and 2 MiB are paged as one" {
    guest --page-size 2M -- "$LARGE" load show
    [ "$out" = "loaded 0
8192 8192" ]
    pagewalk run --page-size 2M --ram 14M --json report -- "$PAGES" 24 <<<x
    [ "$out" = "ready
all there" ]
    python3 - <<'PY'
import json
c = json.load(open("report"))["counters"]
assert c["large_evictions"] > 5 and c["large_loads"] > 5 and c["large_splits"] == 0, c
# What is not in large pages is little: the ends of the mapping, the program itself.
# Large pages that were not stored to since are not written again.
assert 8 * 512 <= c["swap_pages_out"] <= 512 * c["large_evictions"] + 2 * 1024, c
assert 0 <= c["swap_pages_in"] - 512 * c["large_loads"] <= 2 * 1024, c
assert c["faults_major"] < 3000
PY
}

@test "what large pages waste is counted: a page of 512 is touched" {
    for size in thp 2M; do
        guest --page-size $size -- "$LARGE" touch
        [ "$(counter report large_faults)" -eq 4 ]
        [ "$(counter report large_waste)" -eq $((4 * 511)) ]
        guest --page-size $size -- "$LARGE" every cut
        [ "$(counter report large_splits)" -eq 4 ]
        [ "$(counter report large_waste)" -le 40 ] # of which the low byte of the content is 0
    done
}

@test "/sys says what is configured, and buddyinfo has 19 orders" {
    guest --page-size 4K -- "$LARGE" sys
    grep -qx 'always madvise \[never\]' stdout
    guest --page-size madvise -- "$LARGE" sys
    grep -qx 'always \[madvise\] never' stdout
    grep -qx 'always defer defer+madvise \[madvise\] never' stdout
    guest --page-size thp -- "$LARGE" sys
    grep -qx '\[always\] madvise never' stdout
    [ "$(sed -n 3p stdout)" = 2097152 ]
    [ "$(sed -n 4p stdout | wc -w)" -eq 23 ]
}
