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
