# SPDX-License-Identifier: GPL-2.0-or-later
# --root, --read-only and --no-net: a guest that tries to reach more of the host than it may
# (guard.c), and what must still work. Where the tests run with enough rights, chroot(2) and a
# read-only mount judge too.
load common

# A root directory with links that lead out of it; what must not be reached lies beside it.
lay_root() {
    rm -rf box
    mkdir -p box/etc box/tmp/in/deep box/dev box/moving/in outside
    chmod 644 secret outside/secret 2>/dev/null || true
    echo outside >secret
    echo outside >outside/secret
    echo inside >box/etc/passwd
    ln -s /etc/passwd box/tmp/abs
    ln -s ../../../../etc/passwd box/tmp/up
    ln -s "$PWD/secret" box/tmp/out
    ln -s ../../secret box/tmp/out-up
    ln -s "$PWD/outside" box/tmp/outdir
    ln -s loop box/tmp/loop
    ln -s /tmp/made box/tmp/create
    ln -s ../out box/tmp/in/out
    ln -s / box/tmp/in/top
    ln -s "$PWD/secret-socket" box/tmp/out-socket
    ln -s /proc/self/root box/tmp/proc-root
    ln -s /proc/self/fd box/dev/fd
    printf '#!/tmp/out\n' >box/tmp/script-out
    printf '#!/guard hello\n' >box/tmp/script-in
    chmod 755 box/tmp/script-out box/tmp/script-in
    cp "$GUARD" box/guard
}

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

# A program with the libraries that it needs, in box.
install_in_box() {
    local file
    mkdir -p "box$(dirname "$1")"
    cp "$1" "box$1"
    for file in $(ldd "$1" | grep -o '/[^ ]*'); do
        mkdir -p "box$(dirname "$file")"
        cp -L "$file" "box$file"
    done
}

@test "--root: nothing outside is reached, and all else is as with chroot" {
    lay_root
    pagewalk run -q --root box -- /guard root "$PWD/secret"
    [ "$status" -eq 0 ]
    lacks '"outside"' stdout
    grep -q '^/tmp/out: ENOENT' stdout
    grep -q '^../../secret: ENOENT' stdout
    grep -q '^/tmp/up: "inside"' stdout
    grep -q '^the real path: ENOENT' stdout
    grep -q '^the real path from above: ENOENT' stdout
    grep -q '^server: /tmp/in/../server' stdout
    grep -q '^ask from client' stdout
    grep -q '^answer' stdout
    grep -q '^exec /tmp/out: ENOENT' stdout
    grep -q '^exec /tmp/script-out: ENOENT' stdout
    grep -q '^hello from /guard' stdout
    [ "$(grep -c '^60 levels' stdout)" -eq 1 ]
    [ "$(cat secret outside/secret)" = $'outside\noutside' ]
    [ "$(ls)" = $'box\noutside\nsecret\nstderr\nstdout' ]
    mv stdout ours
    lay_root
    if chroot box /guard root "$PWD/secret" >native; then
        diff native ours
    else
        skip "chroot needs root's rights; the rest passed"
    fi
}

@test "--root: /proc neither leads out nor tells of the outside" {
    lay_root
    exec 9<outside
    pagewalk run -q --root box -- /guard proc "$PWD" <secret
    exec 9<&-
    diff - stdout <<'END'
link /proc/self/exe: /guard
link /proc/self/cwd: /
link /proc/self/root: /
link /proc/self/fd/0: (unreachable)
link /proc/self/fd/N of /tmp: /tmp
fd of tmp, up: ENOENT
fd of tmp, out: ENOENT
readlink(path, text, sizeof text): EINVAL
by /dev/fd: "inside"
/proc/self/root/secret: ENOENT
/proc/self/root/../secret: ENOENT
/proc/self/root/etc/passwd: "inside"
/proc/self/cwd/../secret: ENOENT
/tmp/proc-root/etc/passwd: "inside"
/tmp/proc-root/secret: ENOENT
/proc/1/root/secret: ENOENT
/proc/self/fd/9/secret: ENOENT
9: secret: EBADF
fchdir(9): EBADF
chdir("/proc/self"): 0
../../secret: ENOENT
../../../etc/../secret: ENOENT
root/etc/../secret: ENOENT
/proc/mounts: ENOENT
/proc/self/mountinfo: ENOENT
/proc/net/unix: ENOENT
chdir("/"): 0
maps tell of the outside: no
mknod("/tmp/null", S_IFCHR | 0600, makedev(1, 3)): EPERM
mknod("/tmp/disk", S_IFBLK | 0600, makedev(8, 0)): EPERM
END
}

@test "--root: a directory that is moved out meanwhile does not lead out" {
    lay_root
    "$GUARD" move "$PWD/box/moving/in" "$PWD/outside/in" 3>&- &
    local mover=$!
    pagewalk run -q --root box -- /guard moving 2000
    kill "$mover"
    [ "$out" = "entered 1, found 0" ]
    [ "$(stat -c %a secret outside/secret)" = $'644\n644' ]
}

@test "--root: descriptors do not pile up" {
    lay_root
    ulimit -n 2000
    pagewalk run -q --root box -- /guard many 1500
    [ "$out" = '/tmp/up: "inside"' ]
}

@test "--root: a shell and its libraries, scripts, pipes and globs" {
    lay_root
    install_in_box /bin/bash
    install_in_box /bin/cat
    install_in_box /bin/ls
    cp "$BATS_TEST_DIRNAME/guard.sh" box/tmp/script
    sed -i '1s,.*,#!/bin/bash,' box/tmp/script
    chmod 755 box/tmp/script
    pagewalk run -q --root box -- bash /tmp/script
    diff - stdout <<'END'
/
deep out top
inside
inside
/tmp/in
/bin/bash
3 lines
no secret
from a here-document
END
    [ -z "$err" ]
    pagewalk run -q --root box -- /tmp/script
    [ "$(wc -l <stdout)" -eq 9 ]
}

@test "--root: the program is looked up there, and what is wrong is said in one line" {
    lay_root
    fails 127 "no such program in PATH" --root box -- guard.c
    fails 127 "/bin/true: No such file or directory" --root box -- /bin/true
    fails 126 "/etc/passwd: Permission denied" --root box -- /etc/passwd
    fails 127 "/tmp/out: No such file or directory" --root box -- /tmp/out
    fails 127 "/tmp/script-out: its interpreter /tmp/out: No such file" --root box -- /tmp/script-out
    fails 125 "root: cannot use nothing: No such file or directory" --root nothing -- true
    fails 125 "root: cannot use secret: Not a directory" --root secret -- true
    fails 125 "--root: the directory name is empty" --root= -- true
    PATH=/:/bin pagewalk run -q --root box -- guard hello
    [ "$out" = "hello from guard" ]
    pagewalk run -q --root / -- cat secret
    [ "$out" = outside ]
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

@test "--no-net: python sees no network, and its own processes may talk" {
    pagewalk run -q --no-net -- python3 - <<'PY'
import os, socket
try:
    socket.create_connection(("127.0.0.1", 80), timeout=5)
    print("connected")
except OSError as error:
    print(type(error).__name__)
a, b = socket.socketpair()
if os.fork() == 0:
    b.send(b"from the child")
    os._exit(0)
os.wait()
print(a.recv(100).decode())
print(os.path.exists("/proc/net"))
PY
    [ "$out" = $'OSError\nfrom the child\nFalse' ]
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
