# SPDX-License-Identifier: GPL-2.0-or-later
# The CPython loop that run-bench times: loop.py SIZE. Arithmetic, calls, a dict, a list, attributes.
import sys


class Counter:
    def __init__(self):
        self.total = 0

    def add(self, value):
        self.total += value


def run(size):
    counter, seen, last = Counter(), {}, [0] * 64
    for i in range(size):
        key = i * 7919 % 1009
        seen[key] = seen.get(key, 0) + 1
        last[i & 63] = key * 0.5
        counter.add(last[(i + 7) & 63])
    return counter.total, len(seen), sum(seen.values())


print(*run(int(sys.argv[1])))
