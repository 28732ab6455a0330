# SPDX-License-Identifier: GPL-2.0-or-later
# --root: a guest that tries to get out of its directory (guard.c), and what must still work there.
# Where the tests run with enough rights, chroot(2) judges too.
load common
load guard

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
    pagewalk run -q --root box -- /guard moving 1000
    kill "$mover"
    [ "$out" = "entered 1, found 0" ]
    [ "$(stat -c %a secret outside/secret)" = $'644\n644' ]
}

@test "--root: descriptors do not pile up" {
    lay_root
    ulimit -n 2000
    pagewalk run -q --root box -- /guard many 400
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
