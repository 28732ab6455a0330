# SPDX-License-Identifier: GPL-2.0-or-later
# What guard.bats and guard_root.bats share.

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
