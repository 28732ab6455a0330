# SPDX-License-Identifier: GPL-2.0-or-later
# A guest: eight interpreters live at once. Prints, in kB: what they and this one have resident, their
# proportional sizes, their page tables, what is cached but mapped by nobody, and what is in use.
import subprocess
import sys


def field(path, name):
    with open(path) as lines:
        for line in lines:
            if line.startswith(name + ":"):
                return int(line.split()[1])


children = [subprocess.Popen([sys.executable, "-S", "-E", "-c",
                              "import json, re; print('ready', flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE) for i in range(8)]
for child in children:
    assert child.stdout.readline() == b"ready\n"
who = ["/proc/%s/" % child.pid for child in children] + ["/proc/self/"]
print(sum(field(one + "smaps_rollup", "Rss") for one in who),
      sum(field(one + "smaps_rollup", "Pss") for one in who),
      sum(field(one + "status", "VmPTE") for one in who),
      field("/proc/meminfo", "Cached") - field("/proc/meminfo", "Mapped"),
      field("/proc/meminfo", "MemTotal") - field("/proc/meminfo", "MemFree"))
for child in children:
    child.communicate(b"\n")
sys.exit(any(child.returncode for child in children))
