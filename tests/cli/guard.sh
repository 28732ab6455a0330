#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs below a root of its own (guard.bats).
pwd
ls /tmp/in | { read -r -d '' names; echo $names; }
cat ../../etc/passwd /tmp/abs
cd /tmp/in
pwd
[ /proc/self/exe -ef /bin/cat ] || echo "$(readlink /proc/$$/exe 2>/dev/null || echo /bin/bash)"
for i in 1 2 3; do echo "$i"; done | (n=0; while read -r _; do n=$((n + 1)); done; echo "$n lines")
cat /secret ../../secret 2>/dev/null || echo "no secret"
cat <<END
from a here-document
END
