# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by run-programs: makes the input of the cases. The same on every machine and every run.

# text LINES: lines of pseudo-random words; compresses about as prose does.
text() {
    awk -v lines="$1" 'BEGIN {
        seed = 1
        for (i = 0; i < 500; i++) {
            word = ""
            for (j = 0; j <= i % 9; j++) {
                seed = (seed * 1103515245 + 12345) % 2147483648
                word = word substr("etaoinshrdlucmfwypvbgkqjxz", int(seed / 65536) % 26 + 1, 1)
            }
            words[i] = word
        }
        for (i = 0; i < lines; i++) {
            line = ""
            for (j = 0; j < 9; j++) {
                seed = (seed * 1103515245 + 12345) % 2147483648
                line = line " " words[int(seed / 65536) % (100 + 40 * j)]
            }
            print i line
        }
    }'
}

# numbers LINES: two pseudo-random numbers on each line.
numbers() {
    awk -v lines="$1" 'BEGIN {
        seed = 7
        for (i = 0; i < lines; i++) {
            seed = (seed * 1103515245 + 12345) % 2147483648
            printf "%d ", seed
            seed = (seed * 1103515245 + 12345) % 2147483648
            printf "%d\n", int(seed / 65536) % 5000
        }
    }'
}

# tree: a folder with files of many sizes, and links.
tree() {
    mkdir -p tree/a/b tree/empty
    for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
        text $((i * i)) >"tree/file$i"
        text $((i * 20)) >"tree/a/b/deep$i"
    done
    ln -s ../file3 tree/a/link
    find tree -exec touch -h -d @1000000000 {} +
}

lua_program() {
    cat <<'LUA'
local t, s = {}, 0
for i = 1, 30000 do t[i] = (i * 7919) % 10007 end
table.sort(t)
for i, v in ipairs(t) do s = (s * 31 + v) % 1000000007 end
print(s, #t)
local words = {}
for i = 1, 3000 do words[#words + 1] = string.format("%05d:%x:%.5f", i, i * i, i / 7) end
local text = table.concat(words, " ")
print(#text, select(2, text:gsub("%d+", "")), text:find("2999"), text:sub(-20))
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(fib(20), math.sin(1) ^ 2 + math.cos(1) ^ 2, 7 // 2, 2 ^ 53)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i * i) end end)
print(co(), co(), co())
print(pcall(error, "caught"))
LUA
}

sql_program() {
    cat <<'SQL'
CREATE TABLE t(a INTEGER, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
  INSERT INTO t SELECT i * 7919 % 10007, printf('row-%05d-%s', i, hex(i * i)), i / 7.0 FROM n;
CREATE INDEX tb ON t(b);
CREATE INDEX ta ON t(a);
UPDATE t SET b = upper(b) || 'x' WHERE a % 3 = 0;
DELETE FROM t WHERE a % 11 = 5;
SELECT count(*), sum(a), min(b), max(b), round(avg(c), 6) FROM t;
SELECT a % 10 AS k, count(*), group_concat(substr(b, 5, 2), '') FROM t WHERE a < 900 GROUP BY k ORDER BY k;
SELECT x.a, y.b FROM t x JOIN t y ON x.a = y.a + 1 WHERE x.b LIKE 'ROW-00%' ORDER BY 1, 2 LIMIT 50;
VACUUM;
SELECT count(DISTINCT b) FROM t;
SQL
}

sql_million() {
    cat <<'SQL'
PRAGMA cache_size = -200000;
CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER, c TEXT);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
  INSERT INTO t SELECT i, i * 7919 % 1000003, 'row ' || i FROM n;
CREATE INDEX tb ON t(b);
COMMIT;
SELECT count(*), sum(a), sum(b), sum(length(c)) FROM t;
SELECT count(*), sum(a) FROM t WHERE b BETWEEN 5000 AND 9000;
SELECT c FROM t WHERE b IN (1, 77777, 500000, 999999) ORDER BY b;
SQL
}

python_program() {
    cat <<'PYTHON'
import collections, json, math, re, sys
data = {"n%d" % i: {"square": i * i, "root": math.sqrt(i), "list": list(range(i % 9))} for i in range(1500)}
text = json.dumps(data, sort_keys=True)
back = json.loads(text)
print(len(text), back == data, hash(len(text)))
print(collections.Counter(re.findall(r"[0-9]{3}", text)).most_common(7))
print(re.sub(r"(\w+)-(\w+)", r"\2+\1", "alpha-beta gamma-delta"))
print(math.factorial(200) % 10**40, 3**500 % 10**30, sum(math.sin(i) for i in range(999)))
print(sorted(back, key=lambda k: (back[k]["square"] % 97, k))[:10])
class Node:
    def __init__(self, depth):
        self.children = [Node(depth - 1) for _ in range(3)] if depth else []
    def count(self):
        return 1 + sum(child.count() for child in self.children)
print(Node(6).count())
def deep(n):
    return n and 1 + deep(n - 1)
print(deep(900))
try:
    deep(100000)
except RecursionError as error:
    print(type(error).__name__)
print("%.17g %s %r" % (0.1, 1e22, -0.0), sys.maxsize, "gr\u00fc\u00df".encode())
PYTHON
}

c_program() {
    cat <<'C'
typedef unsigned long size_t;
int printf(const char *, ...);
void *malloc(size_t);
struct node { struct node *left, *right; long key; };
static struct node *insert(struct node *node, long key)
{
    if (!node) {
        node = malloc(sizeof(*node));
        node->left = node->right = 0;
        node->key = key;
    } else if (key < node->key)
        node->left = insert(node->left, key);
    else
        node->right = insert(node->right, key);
    return node;
}
static long sum(struct node *node, int depth)
{
    return node ? node->key * depth + sum(node->left, depth + 1) + sum(node->right, depth + 1) : 0;
}
C
    for i in 1 2 3 4 5 6 7 8; do
        echo "static double f$i(double x, int n) { double s = 0; for (int i = 0; i < n; i++)" \
            "{ switch (i % 5) { case 0: s += x * $i; break; case 1: s -= x / (i + $i); break;" \
            "case 2: s *= 1.0001; break; default: s += i & $i; } } return s; }"
    done
    cat <<'C'
int main(void)
{
    struct node *root = 0;
    for (long i = 0; i < 1000; i++)
        root = insert(root, i * 7919 % 1009);
    printf("%ld %.6f %.6f\n", sum(root, 1), f1(2, 100) + f7(3, 50) + f8(1, 9), f4(0.5, 1000));
    return 0;
}
C
}
