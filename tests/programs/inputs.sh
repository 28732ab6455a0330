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

# Shell programs: what bash and dash do the same, what only bash has, and busybox's own tools.
shell_program() {
    cat <<'SHELL'
count() { wc -l | tr -d ' '; }
seq 300 | sed 's/1/one/' | grep -v 7 | sort -r | count
(exit 4) || echo "failed with $?"
x=$(echo inner; (echo deeper) | cat; exit 3); echo "$x $?"
for i in 1 2 3; do (echo "job $i" >job$i; exit $i) & done
wait; cat job1 job2 job3
for s in HUP INT TERM; do trap "echo trapped $s" $s; done
kill -TERM $$; kill -HUP $$
(trap 'echo leaving' EXIT; echo inside)
trap - TERM # else the child may catch it before it is sleep
sleep 10 & kill $!; wait $! 2>/dev/null; echo "killed: $?"
sh -c 'kill -KILL $$'; echo "child: $?"
{ echo to stdout; echo to stderr >&2; } 2>&1 | sort
while read -r a b; do echo "$b $a"; done <<END
one two
three four
END
i=0; while [ $i -lt 60 ]; do i=$((i + 1)); /bin/true || echo no; done; echo $i
mkfifo pipe; (echo through the fifo >pipe) & cat pipe; wait
exec 3<job2; read line <&3; echo "$line"; exec 3<&-
umask 027; touch made; ls -l made | cut -c1-10
cd / && pwd; (cd /tmp && pwd); pwd
exit 5
SHELL
}

bash_program() {
    cat <<'BASH'
set -o pipefail
declare -A map=([one]=1 [two]=2); for k in "${!map[@]}"; do echo "$k=${map[$k]}"; done | sort
diff <(seq 5) <(seq 2 6); echo "diff: $?"
echo hello | tee >(tr a-z A-Z >upper) >lower; for i in {1..50}; do [ -s upper ] && break; sleep 0.1; done; cat upper lower
coproc cat; echo to coproc >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; kill "$COPROC_PID"
wait 2>/dev/null
false | true | cat; echo "${PIPESTATUS[@]}"
trap 'echo "usr1"' USR1; (kill -USR1 $$); kill -USR1 $$
trap 'echo "error at line $LINENO"' ERR; false; trap - ERR
set -m; sleep 100 & jobs | sed 's/&//'; kill -STOP %1; kill -CONT %1; kill %1; wait %1; echo "job: $?"
set +m; mapfile -t lines < <(seq 3); echo "${#lines[@]} ${lines[2]}"
time_it() { local TIMEFORMAT=; time true; }; time_it; echo "timed: $?"
printf '%s\n' {a..c}{1..2} | xargs -n2 -P1 echo
(ulimit -n 20; ulimit -n); echo "${BASH_SUBSHELL} $(echo "$BASH_SUBSHELL")"
trap 'echo bye' EXIT
kill -INT $$; echo "not reached"
BASH
}

busybox_program() {
    cat <<'SHELL'
busybox seq 200 | busybox awk '{s+=$1} END {print s}'
busybox find / -maxdepth 1 -name 'pr*' | busybox sort
for i in 1 2 3 4; do busybox sh -c "exit $i"; busybox echo $?; done
busybox yes | busybox head -n 1000 | busybox uniq -c
echo text | busybox gzip | busybox gunzip | busybox sha1sum
busybox sleep 0.1 & wait $!; echo $?
SHELL
}

# c_project: a Makefile and eight C files of it.
c_project() {
    local i
    for i in 1 2 3 4 5 6 7 8; do
        printf 'int f%d(int x);\nint f%d(int x)\n{\n    int s = %d;\n' $i $i $i
        echo '    for (int i = 0; i < x; i++) s = s * 31 + i;'
        printf '    return s;\n}\n'
    done >all.c
    for i in 1 2 3 4 5 6 7 8; do sed -n "/int f$i(int x);/,/^}/p" all.c >part$i.c; done
    {
        echo 'int printf(const char *, ...);'
        for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int);"; done
        echo 'int main(void) { printf("%d\n", f1(1) ^ f2(2) ^ f3(3) ^ f4(4) ^ f5(5) ^ f6(6) ^ f7(7) ^ f8(8)); }'
    } >main.c
    rm all.c
    printf 'OBJECTS := main.o $(patsubst %%,part%%.o,1 2 3 4 5 6 7 8)\nprogram: $(OBJECTS)\n' >Makefile
    printf '\t$(CC) -o $@ $^\n%%.o: %%.c\n\t$(CC) -O1 -c -o $@ $<\n' >>Makefile
}

# repository: three commits, the same in every run.
repository() {
    export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a \
        GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' \
        GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
    git init -q -b main repo
    local i
    for i in 1 2 3; do
        text $((i * 400)) >repo/file$i
        text $((i * 30)) >repo/common
        git -C repo add .
        git -C repo commit -q -m "Commit $i"
    done
}

python_processes() {
    cat <<'PYTHON'
import multiprocessing, os, queue, signal, subprocess, sys, threading
def square(x):
    return x * x
def produce(q, n):
    for i in range(n):
        q.put(i * n)
def add(value, lock):
    for _ in range(200):
        with lock:
            value.value += 1
if __name__ == "__main__":
    with multiprocessing.Pool(3) as pool:
        print(pool.map(square, range(30)), pool.apply(sum, [range(100)]))
    q = multiprocessing.Queue()
    makers = [multiprocessing.Process(target=produce, args=(q, n)) for n in (10, 20, 30)]
    for p in makers: p.start()
    print(sum(q.get() for _ in range(60)))
    for p in makers: p.join()
    print([p.exitcode for p in makers])
    value, lock = multiprocessing.Value("i", 0), multiprocessing.Lock()
    adders = [multiprocessing.Process(target=add, args=(value, lock)) for _ in range(4)]
    for p in adders: p.start()
    for p in adders: p.join()
    print(value.value)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.Process(target=lambda: there.send({"pid": os.getpid() > 0}))
    child.start(); print(here.recv()); child.join()
    print(subprocess.run(["sh", "-c", "cat; exit 3"], input=b"fed", capture_output=True))
    try:
        subprocess.run(["sleep", "10"], timeout=0.2)
    except subprocess.TimeoutExpired:
        print("timed out")
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
}

python_shared_memory() {
    cat <<'PYTHON'
import mmap, os
from multiprocessing import Process, shared_memory
def write(name):
    memory = shared_memory.SharedMemory(name)
    memory.buf[:5] = b"hello"
    memory.close()
if __name__ == "__main__":
    memory = shared_memory.SharedMemory(create=True, size=100000)
    child = Process(target=write, args=(memory.name,))
    child.start(); child.join()
    print(bytes(memory.buf[:5]), child.exitcode)
    memory.close(); memory.unlink()
    anonymous = mmap.mmap(-1, 8192)
    for i in range(5):
        if os.fork() == 0:
            anonymous[i * 1000] = i + 1
            os._exit(0)
    for i in range(5): os.wait()
    print([anonymous[i * 1000] for i in range(5)])
PYTHON
}

python_asyncio() {
    cat <<'PYTHON'
import asyncio
async def handle(reader, writer):
    while line := await reader.readline():
        writer.write(line[::-1].strip() + b"\n")
        await writer.drain()
    writer.close()
async def talk(port, n):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for i in range(5):
        writer.write(b"client %d line %d\n" % (n, i))
        answers.append((await reader.readline()).decode().strip())
    writer.close()
    return answers
async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for answers in await asyncio.gather(*[talk(port, n) for n in range(8)]):
        print(answers)
    server.close()
    process = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE,
                                                   stdout=asyncio.subprocess.PIPE)
    print(await process.communicate(b"to a child"), process.returncode)
    print(await asyncio.gather(*[asyncio.sleep(0.01 * (5 - i), i) for i in range(5)]))
    print(await asyncio.to_thread(sum, range(1000)))
asyncio.run(main())
PYTHON
}

python_threads() {
    cat <<'PYTHON'
import concurrent.futures, hashlib, queue, threading
q, out, lock = queue.Queue(5), [], threading.Lock()
def work():
    while (item := q.get()) is not None:
        digest = hashlib.sha256(b"%d" % item * 3000).hexdigest()
        with lock:
            out.append((item, digest[:8]))
threads = [threading.Thread(target=work) for _ in range(6)]
for t in threads: t.start()
for i in range(60): q.put(i)
for t in threads: q.put(None)
for t in threads: t.join()
print(sorted(out))
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda x: x ** 3, range(20))))
event, barrier = threading.Event(), threading.Barrier(3)
waiters = [threading.Thread(target=lambda: (event.wait(), barrier.wait())) for _ in range(2)]
for t in waiters: t.start()
event.set(); barrier.wait()
for t in waiters: t.join()
print("over", threading.active_count())
PYTHON
}

# A server that saves in a child, and clients; all in one folder.
redis_program() {
    cat <<'SHELL'
redis-server --port 0 --unixsocket "$PWD/socket" --save '' --daemonize no --dir "$PWD" >log 2>&1 &
server=$!
cli() { redis-cli -s "$PWD/socket" "$@"; }
for i in $(seq 100); do [ "$(cli ping 2>/dev/null)" = PONG ] && break; sleep 0.1; done
cli set a 1; cli incr a; cli lpush l x y z; cli lrange l 0 -1
redis-benchmark -s "$PWD/socket" -q -n 500 -c 10 -t set,get,lpush 2>/dev/null | tr '\r' '\n' | grep -c 'requests per second, p50'
cli debug jmap 2>/dev/null >/dev/null
cli bgsave; for i in $(seq 100); do cli info persistence | grep -q 'rdb_bgsave_in_progress:0' && break; sleep 0.1; done
cli info persistence | grep -o 'rdb_last_bgsave_status:[a-z]*'
cli shutdown nosave; wait $server; echo "server: $?"; test -s dump.rdb && echo saved
SHELL
}

node_program() {
    cat <<'JS'
const http = require('http'), { spawnSync } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');
if (!isMainThread) {
    let s = 0;
    for (let i = 0; i < 1e5; i++) s = (s * 31 + i) | 0;
    parentPort.postMessage(s);
} else {
    const server = http.createServer((q, r) => r.end('ok ' + q.url)).listen(0, '127.0.0.1', async () => {
        const port = server.address().port;
        const get = (i) => new Promise((done) => http.get({ port, host: '127.0.0.1', path: '/' + i },
            (r) => { let t = ''; r.on('data', (d) => t += d); r.on('end', () => done(t)); }));
        console.log((await Promise.all([...Array(8).keys()].map(get))).join(', '));
        server.close();
        const child = spawnSync('sh', ['-c', 'echo from a child; exit 4']);
        console.log(child.status, child.stdout.toString().trim());
        new Worker(__filename).on('message', (m) => console.log('worker', m));
    });
}
JS
}

java_program() {
    cat <<'JAVA'
import java.util.*;
import java.util.concurrent.*;
public class Main {
    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Integer>> parts = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            final int k = i;
            parts.add(pool.submit(() -> { int s = 0; for (int j = 0; j < 50000; j++) s = s * 31 + j * k; return s; }));
        }
        long total = 0;
        for (Future<Integer> part : parts) total += part.get();
        pool.shutdown();
        System.out.println(total);
        Process child = new ProcessBuilder("sh", "-c", "echo from a child; exit 3").inheritIO().start();
        System.out.println(child.waitFor());
        byte[][] kept = new byte[20][];
        for (int i = 0; i < 600; i++) kept[i % 20] = new byte[100000];
        System.gc();
        System.out.println(kept.length);
    }
}
JAVA
}
