# SPDX-License-Identifier: GPL-2.0-or-later
# MAP_HUGETLB and its pool as a program sees them (huge.c).
load common

# huge STATUS OUTPUT WORD...: the guest with a pool of 8 pages; the output's lines joined by commas.
huge() {
    pagewalk run -q --json report --hugepages 2M:8 -- "$HUGE" "${@:3}"
    [ "$status" -eq "$1" ] || { echo "status $status: $out $err"; return 1; }
    [ "$(paste -sd, stdout)" = "$2" ] || { echo "$out"; return 1; }
}

@test "without a pool MAP_HUGETLB fails with ENOMEM" {
    pagewalk run -q -- "$HUGE" show map 1
    [ "$out" = "0 0 0
12" ]
    # Where nothing is promised, the first touch finds it empty.
    pagewalk run -q -- "$HUGE" noreserve 1 touch 1
    [ "$status" -eq 135 ]
}

@test "pages are promised at mmap, taken when touched, and given back" {
    huge 0 "8 8 0,0,8 8 3,8 6 1,8 6 1,2048 4096 0 0,right,0,8 8 0" \
        show map 3 show touch 2 show sys smaps check unmap show
    [ "$(counter report hugetlb_faults)" -eq 2 ]
    # A load takes one too, and the store after it finds it.
    huge 0 "0,read 0,8 5 5,right,8 0 0" map 8 read 3 show touch 8 check show
    [ "$(counter report hugetlb_faults)" -eq 8 ]
}

@test "what is not to be had: more than the pool, other sizes" {
    huge 0 "12,0,12,0,8 8 8" map 9 map 8 map 1 noreserve 9 show
    # 1 GiB, of which the pool is empty, a size that is none, MAP_GROWSDOWN
    huge 0 "12,22,22" flags 78000000 flags 40000000 flags 100
    huge 135 "0,8 0 0" noreserve 9 touch 8 show touch 9
}

@test "a child copies what it stores to; with an empty pool it gets SIGBUS" {
    huge 0 "0,child status 7,right,8 5 0" map 3 touch 3 fork check show
    [ "$(counter report faults_cow)" -ge 1 ]
    huge 0 "0,child signal 7,right,8 0 0" map 8 touch 8 fork check show
    # The parent takes its page from the child then.
    huge 0 "0,kept status 1,parent 55,8 7 0" map 1 touch 1 keep show
    huge 0 "0,kept signal 7,parent 55,8 0 0" map 8 touch 8 keep show
}

@test "shared huge pages are the same for a child, and outlive neither" {
    # The child's 99 is there, so what touch stored is not.
    huge 0 "0,8 8 3,8 6 1,2048 4096 0 0,child status 7,wrong,8 6 1,0,8 8 0" \
        shared 3 show touch 2 show smaps fork check show unmap show
    huge 0 "0,kept status 55,parent 55,8 0 0,12" shared 8 touch 8 keep show shared 1
    huge 0 "0,22 22 22 22 22 22 22 22,moved 1,right,0,right,8 6 1" shared 3 touch 2 odd move check drop check show
}

@test "no call cuts a huge page; whole ones can be moved and dropped" {
    huge 0 "0,22 22 22 22 22 22 22 22,right" map 3 touch 2 odd check
    huge 0 "0,moved 1,8 6 1,right,0,8 7 1,0,8 8 0" map 3 touch 2 move show check drop show unmap show
}

@test "RAM under pressure: the pool is neither evicted nor used" {
    pagewalk run -q --ram 24M --hugepages 4 --json report -- sh -c \
        '"$HUGE" map 4 touch 4 check & "$PAGES" 24 <&0; wait' <<<x
    [ "$status" -eq 0 ]
    [[ "$out" = *right* && "$out" = *"all there"* ]] || { echo "$out $err"; return 1; }
    [ "$(counter report swap_pages_out)" -gt 1000 ]
}

@test "one walk fills one entry of 2 MiB" {
    huge 0 "0,right" map 8 touch 8 check
    local once=$(counter report walks)
    huge 0 "0,right,right" map 8 touch 8 check check
    [ $(($(counter report walks) - once)) -lt 256 ] # of 4096 with pages of 4 KiB
}

@test "--hugepages: what is not a number of pages, and what does not fit" {
    fails 125 "not a number of huge pages" --hugepages 4K:1 true
    fails 125 "not a number of huge pages" --hugepages -1 true
    fails 125 "more than any RAM has" --hugepages 99999999999 true
    fails 125 "16 MiB of them do not fit into RAM of 16384K" --ram 16M --hugepages 8 true
    fails 125 "3072 MiB of them do not fit into RAM of 2097152K" --ram 2G --hugepages 1G:3 true
    fails 125 "1026 MiB of them do not fit" --ram 1027M --hugepages 1G:1,2M:1 true
    pagewalk run -q --ram 1028M --hugepages 1G:1,2M:1 --json report -- true
    [ "$status" -eq 0 ]
    [ "$(counter report frames_total)" -eq $((1028 << 8)) ]
}

# giant STATUS OUTPUT WORD...: as huge, with a pool of 2 pages of 1 GiB.
giant() {
    pagewalk run -q --json report --ram 2100M --hugepages 1G:2 -- "$HUGE" giant "${@:3}"
    [ "$status" -eq "$1" ] || { echo "status $status: $out $err"; return 1; }
    [ "$(paste -sd, stdout)" = "$2" ] || { echo "$out"; return 1; }
}

@test "pages of 1 GiB: promised, taken, moved, dropped, given back" {
    giant 0 "0,2 2 2,2 0 0,1048576 2097152 0 0,right,22 22 22 22 22 22 22 22,moved 1,right,0,2 1 0,0,2 2 0" \
        map 2 sys touch 2 sys smaps check odd move check drop sys unmap sys
    [ "$(counter report hugetlb_faults)" -eq 4 ] # two of them after the move
    giant 0 "12,0,12,0 0 0" map 3 map 2 map 1 show
    giant 135 "0,2 0 0" noreserve 9 touch 2 sys touch 3
    # Pages of both sizes at once.
    pagewalk run -q --ram 1040M --hugepages 1G:1,2M:4 -- "$HUGE" map 4 touch 2 check giant map 1 touch 1 check
    [ "$(paste -sd, stdout)" = "0,right,0,right" ]
}

@test "pages of 1 GiB: a child's copy, and shared ones" {
    giant 0 "0,child status 7,right,2 1 0" map 1 touch 1 fork check sys
    giant 0 "0,kept signal 7,parent 55,2 0 0" map 2 touch 2 keep sys
    giant 0 "0,2 2 1,child status 7,wrong,2 1 0,0,2 2 0" shared 1 sys touch 1 fork check sys unmap sys
}

@test "segments of huge pages" {
    huge 0 "0,8 8 3,8 6 1,2048 4096 0 0,child status 7,wrong" segment 3 show touch 2 show smaps fork check
    huge 0 "12" segment 9
    huge 0 "0,0,1024" segment 3 rss touch 2 rss
    giant 0 "0,2 1 0,right" segment 1 touch 1 sys check
    # A child that ends, and a segment that nobody has any more, leave the pool whole.
    pagewalk run -q --hugepages 8 -- sh -c '"$HUGE" segment 3 touch 3; "$HUGE" segment 8 touch 8 check'
    [ "$(paste -sd, stdout)" = "0,0,right" ]
}

@test "one walk fills one entry of 1 GiB, and memory that is not used costs none" {
    giant 0 "0,right" map 2 touch 2 check
    [ "$(counter report walks)" -lt 2000 ] # 200,000 pages of 4 KiB are looked at
    (ulimit -v 9000000; giant 0 "0" map 2 touch 2)
    [ "$(counter report frames_peak)" -gt $((2 << 18)) ]
}
