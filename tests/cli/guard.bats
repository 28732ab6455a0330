# SPDX-License-Identifier: GPL-2.0-or-later
# --read-only and --no-net: a guest that tries to reach more of the host than it may (guard.c), and
# what must still work. Where the tests run with enough rights, a read-only mount judges too.
load common
load guard

# Files to be changed.
lay_files() {
    rm -rf files
    mkdir -p files/d
    echo content >files/f
    ln -s f files/l
    ln -s nothing files/dangling
    mkfifo files/p
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("files/s")'
}

# What a directory's files are, in full.
state_of() {
    (cd "$1" && find . -printf '%p %y %m %U:%G %s %T@ %l\n' | sort && cat f)
}

@test "--read-only: every call that changes a file fails as on a read-only mount" {
    lay_files
    state_of files >before
    (cd files && timeout 60 "$PAGEWALK" run -q --read-only -- "$GUARD" read-only) >ours
    state_of files >after
    diff before after
    diff - <(grep -c EROFS ours) <<<61
    grep -q '^chmod("missing", 0600): ENOENT' ours
    grep -q '^mkdir("d", 0700): EEXIST' ours
    grep -q '^write(memory, "x", 1): 1' ours
    grep -q '^close(open("p", O_RDWR | O_NONBLOCK)): 0' ours
    grep -q '^read-only: 1' ours
    lay_files
    if unshare -m sh -c 'mount --bind files files && mount -o remount,ro,bind files &&
        cd files && "$GUARD" read-only' >native 2>/dev/null; then
        diff native ours
    else
        skip "a read-only mount needs root's rights; the rest passed"
    fi
}

@test "--read-only: output goes where it was sent, and nowhere else" {
    lay_files
    pagewalk run -q --read-only -- sh -c 'echo one; echo two >/dev/stdout; echo three >>/dev/fd/1
        cat </dev/stdin | tr a-z A-Z; echo gone >/dev/null; echo four >files/f || echo refused' <files/f
    [ "$(cat files/f)" = content ]
    # /dev/stdout was truncated by its second use, as always with a file.
    grep -q refused stdout
    grep -q CONTENT stdout
    pagewalk run --read-only --json report.json -o summary -- true
    [ -s report.json ]
    [ -s summary ]
}

@test "message queues are the host's: none below a root, and none made where nothing may change" {
    lay_root
    local name=/pagewalk-guard-$$
    "$GUARD" make-queue "$name" | grep -q ': 0' || skip "this host has no message queues"
    pagewalk run -q --read-only -- "$GUARD" queues "$name"
    mv stdout read-only
    pagewalk run -q --root box -- /guard queues "$name"
    "$GUARD" unlink-queue "$name"
    diff - <(sed 's/.*: //' read-only) <<<$'0\n0\nEEXIST\nEROFS\nEROFS\nEROFS'
    diff - <(sed 's/.*: //' stdout) <<<$'ENOSYS\nENOSYS\nENOSYS\nENOSYS\nEBADF\nENOSYS'
}

@test "--no-net: Unix sockets only, and abstract names of this run only" {
    pagewalk run -q --no-net -- "$GUARD" families
    [ "$(grep -c EAFNOSUPPORT stdout)" -eq 13 ]
    grep -q '^socketpair(AF_UNIX, SOCK_STREAM, 0, pair): 0' stdout
    grep -q '^write(pair\[0\], "x", 1): 1' stdout
    python3 - "$PWD/ready" 3>&- <<'PY' &
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind("\0pagewalk-guard-test")
server.listen()
open(sys.argv[1], "w").close()
server.accept()
server.accept()
PY
    local host=$!
    while [ ! -e ready ]; do sleep 0.1; done
    pagewalk run -q --no-net -- "$GUARD" abstract pagewalk-guard-test
    cp stdout narrowed
    pagewalk run -q -- "$GUARD" abstract pagewalk-guard-test
    cp stdout open
    kill "$host"
    diff - narrowed <<'END'
abstract("name", 4, server, bind): 0
5 bytes: 0 name
listen(server, 1): 0
abstract("nobody", 6, client, connect): ECONNREFUSED
abstract("name", 4, client, connect): 0
abstract(padded, sizeof padded, other, bind): 0
108 bytes: 0 padded
bind(any, (struct sockaddr *)&none, sizeof none.sun_family): 0
6 bytes: 0 00001
abstract(host_name, strlen(host_name), other, connect): ECONNREFUSED
abstract(padded, sizeof padded, socket(AF_UNIX, SOCK_STREAM, 0), bind): ENAMETOOLONG
END
    grep -q '^abstract(host_name.*: 0' open
}

@test "--no-net: a shell has no network, and its processes may still talk" {
    pagewalk run -q --no-net -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/9; echo "connected: $?"
        [ -e /proc/net ] || echo no /proc/net; echo hello | cat'
    [[ $err == *"Address family not supported"* ]]
    [ "$out" = $'connected: 1\nno /proc/net\nhello' ]
}

@test "all three at once, in curve and record too" {
    lay_root
    lay_files
    cp -a files box/files
    pagewalk run -q --root box --read-only --no-net --json report.json -- /guard root /secret
    [ "$status" -eq 0 ]
    grep -q '^symlink("/etc/passwd", "/../../symbolic"): EROFS' stdout
    grep -q '^/tmp/up: "inside"' stdout
    grep -q '"root": "box"' report.json
    grep -q '"read_only": true' report.json
    grep -q '"no_net": true' report.json
    pagewalk curve --root box --read-only -- /guard hello
    [ "$out" = "hello from /guard" ]
    pagewalk record -q -o trace --root box -- /guard hello
    [ "$out" = "hello from /guard" ]
    [ -s trace ]
    pagewalk replay --no-net trace
    [ "$status" -eq 125 ]
    [[ $err == *"--no-net: not an option of this command"* ]]
}
