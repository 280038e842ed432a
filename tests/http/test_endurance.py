# SPDX-License-Identifier: BSD-2-Clause
"""Long runs in short: memory over many requests and reloads, traffic of many clients across reloads, workers killed under load, many idle clients, ends with tunnels open.

The load comes from pipelined requests that the daemon answers itself or proxies to itself, so that the tests measure it and not the test's backend.
"""

import hashlib
import os
import random
import re
import resource
import signal
import threading
import time
import unittest

from lib import backend, client, env, websocket
from test_operations import Daemon

CONF = """
server {
    listen @A@;
    listen [::1]:@A.port@;
    listen unix:@DIR@/front.sock;
    root @DIR@;
    keepalive_requests 1000000;
    location / { return 200 "own $request_uri"; }
    location /to { proxy_pass http://unix:@DIR@/front.sock:/from; }
    location /file { try_files $uri =404; }
    location /moved { return 301 https://$host$request_uri; }
    location ~ ^/re/(.*)$ { rewrite ^ /own/$1 last; }
    location /up { client_max_body_size 0; proxy_pass http://@UP@; }
    location /ws { websocket on; proxy_pass http://@UP@; }
}"""
PLAIN = env.SLOW == 1


class Load(Daemon):
    FILES = {"file": "a file's content\n" * 100}
    CONF = CONF

    def front(self, kind):
        """The three kinds of listeners."""
        port = self.ports["A"]
        return {"4": ("127.0.0.1", port), "6": ("::1", port), "unix": os.path.join(self.folder, "front.sock")}[kind]

    def requests(self, targets, rounds, kind="4", fields=()):
        """Pipelined requests on one connection; every answer's status and own body are checked. Returns how many."""
        with client.Client(self.front(kind), seconds=30) as sock:
            for _ in range(rounds):
                sock.send(b"".join(client.request(target, fields=fields) for target in targets))
                for target in targets:
                    answer = sock.response()
                    self.assertEqual(answer.status, 301 if target.startswith("/moved") else 200, target)
                    if target.startswith(("/to", "/own")):
                        self.assertEqual(answer.body, b"own " + target.replace("/to", "/from").encode())
        return rounds * len(targets)

    def together(self, *jobs):
        """Run functions side by side; the first failure of any is the test's."""
        problems = []

        def guarded(job):
            try:
                job()
            except Exception as problem:  # handed over to the test's thread
                problems.append(problem)

        threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 * env.SLOW)
        if problems:
            raise problems[0]

    def echo(self):
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]


class Memory(Load):
    MAIN = "worker_processes 1;"

    def test_settles(self):
        """After the first rounds neither requests nor reloads add to the resident memory."""
        targets = ["/own/%d" % i for i in range(20)] + ["/to/%d" % i for i in range(16)] + ["/file"] * 8 + ["/moved"] * 3 + ["/re/x"] * 3
        rounds = 50 if PLAIN else 4
        seen = []
        done = 0
        for _ in range(20):
            done += self.requests(targets, rounds)
            self.recompile(self.text)
            self.assertEqual(self.server.control("reload").returncode, 0)
            seen.append(self.memory())
        self.assertEqual(done, 1000 * rounds)
        if PLAIN:  # a sanitizer keeps what was freed; there the leak check at the end counts
            self.assertLess(max(seen[10:]) - seen[9], 256, seen)


class Reloads(Load):
    MAIN = "worker_processes 2;"
    BYTES = 1 << 20

    def tunnel(self, number, stop):
        """Bytes of this client's own come back, and nothing else; how many."""
        source = random.Random(number)
        with client.Client(self.front(("4", "6", "unix")[number % 3]), seconds=30) as sock:
            sock.send(websocket.handshake("/ws"))
            self.assertEqual(sock.response().status, 101)
            while not stop.is_set():
                data = source.randbytes(source.choice((1, 100, 5000, 70000)))
                sock.send(data)
                self.assertEqual(sock.read(len(data)), data)

    def upload(self, number, stop):
        """The upstream tells what it received."""
        source = random.Random(-1 - number)
        with client.Client(self.front(("4", "6", "unix")[number % 3]), seconds=30) as sock:
            while not stop.is_set():
                data = source.randbytes(self.BYTES)
                sock.send(b"PUT /up/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (number, len(data)))
                for at in range(0, len(data), 100000):
                    sock.send(data[at:at + 100000])
                answer = sock.response()
                self.assertEqual((answer.status, answer.body.decode()), (200, "/up/%d %s" % (number, hashlib.sha256(data).hexdigest())))

    def test_traffic_in_flight(self):
        """Tunnels and uploads of many clients go on across reloads, each with its own bytes."""
        def script(request):
            if request.target.startswith("/ws"):
                return [websocket.switching(request), ("echo",)]
            return [backend.respond(200, [], ("%s %s" % (request.target, hashlib.sha256(request.body).hexdigest())).encode())]

        self.backend.script = script
        stop = threading.Event()

        def reloads():
            try:
                for _ in range(10):
                    time.sleep(0.1)
                    done = self.server.control("reload")
                    self.assertEqual(done.returncode, 0, done.stderr)
            finally:
                stop.set()

        self.together(reloads, *[lambda n=n: self.tunnel(n, stop) for n in range(12)], *[lambda n=n: self.upload(n, stop) for n in range(6)])
        self.assertEqual(self.generation(), 11)
        self.assertEqual(self.backend.take_violations(), [])


class Killed(Load):
    MAIN = "worker_processes 2;"

    def test_under_load(self):
        """A killed worker takes its own connections with it and no others; its place and its counts are taken over."""
        self.echo()
        tunnels = []
        for _ in range(40):
            sock = self.connect()
            sock.send(websocket.handshake("/ws"))
            self.assertEqual(sock.response().status, 101)
            tunnels.append(sock)
        self.soon(lambda: self.counter("tunnels") == 40, "the tunnels in the counters")
        shares = [int(n) for n in re.findall(r"\btunnels (\d+)", self.status())]
        victim = 0 if shares[0] else 1
        pids = [int(pid) for pid in re.findall(r"worker \d+: pid (\d+)", self.status())]
        broken = []

        def load():
            end = time.monotonic() + 2 * env.SLOW
            while time.monotonic() < end:
                try:
                    self.requests(["/own", "/to"] * 5, 1)
                except (OSError, ConnectionError) as problem:
                    broken.append(problem)
                    time.sleep(0.01)

        def kill():
            time.sleep(0.3)
            os.kill(pids[victim], signal.SIGKILL)

        self.together(kill, load, load, load)
        self.assertLess(len(broken), 10, "only what the worker had accepted ends with it")
        alive = 0
        for sock in tunnels:
            sock.send(b"still")
            try:
                alive += sock.read(5, 5) == b"still"
            except OSError:
                pass
        self.assertEqual(alive, shares[1 - victim])
        self.soon(lambda: self.counter("tunnels") == alive and "workers: 2" in self.status(), "the new worker with counts of its own", 5)
        for sock in tunnels:
            sock.close()
        self.soon(lambda: self.counter("connections") <= 8, "no connection in the counters but the daemon's own, kept alive")
        process = self.server.process
        process.send_signal(signal.SIGQUIT)
        self.assertEqual(process.wait(5 * env.SLOW), 0)


class Idle(Load):
    MAIN = "worker_processes 1;"
    COUNT = 2000

    def test_many_idle(self):
        """Thousands of idle clients cost little memory and no time, and are served when they ask."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < self.COUNT + 200:
            self.skipTest("needs %d descriptors" % (self.COUNT + 200))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server.stop()
        self.server.serve(self.waits, ["-o", "worker_connections=%d" % (2 * self.COUNT)])
        before = self.memory()
        clients = [self.connect() for _ in range(self.COUNT)]
        for number, sock in enumerate(clients):
            if number % 2:
                self.assertEqual(sock.ask("/own/%d" % number).body, b"own /own/%d" % number)
        self.soon(lambda: self.counter("connections") == self.COUNT, "all connections")
        if PLAIN:
            self.assertLess((self.memory() - before) * 1024 / self.COUNT, 2048)
        used = self.cpu()
        time.sleep(0.5)
        self.assertLess(self.cpu() - used, 0.05 * env.SLOW)
        for number, sock in enumerate(clients):
            sock.send(client.request("/own/%d" % number))
        for number, sock in enumerate(clients):
            self.assertEqual(sock.response().body, b"own /own/%d" % number)
        self.requests(["/to"] * 20, 20)
        for sock in clients:
            sock.close()
        self.soon(lambda: self.counter("connections") <= 8, "the end of all", 5)
        if env.SLOW == 1:  # a sanitizer keeps back what is freed and surrounds what is not
            self.assertLess(self.memory() - before, 3000)


class Quit(Load):
    MAIN = "worker_processes 2; worker_shutdown_timeout 1s;"

    def open(self):
        self.echo()
        sock = self.connect()
        sock.send(websocket.handshake("/ws"))
        self.assertEqual(sock.response().status, 101)
        return sock

    def test_tunnel_is_cut_in_the_end(self):
        """New clients are refused at once, and know it; a tunnel has the time that the configuration gives it."""
        sock = self.open()
        process = self.server.process
        start = time.monotonic()
        process.send_signal(signal.SIGQUIT)
        self.soon(lambda: not any(env.accepts(self.front(kind)) for kind in ("4", "6", "unix")), "the listeners' end", 0.5)
        sock.send(b"still")
        self.assertEqual(sock.read(5), b"still")
        self.assertEqual(process.wait(5 * env.SLOW), 0)
        self.assertGreater(time.monotonic() - start, 0.9)
        sock.read_all(2)

    def test_tunnel_that_ends(self):
        sock = self.open()
        process = self.server.process
        process.send_signal(signal.SIGQUIT)
        self.soon(lambda: not env.accepts(self.address), "the listener's end")
        start = time.monotonic()
        sock.close()
        self.assertEqual(process.wait(5 * env.SLOW), 0)
        self.assertLess(time.monotonic() - start, 0.8 * env.SLOW)


    def test_while_a_reload_is_under_way(self):
        """The reload is given up: no worker is started behind the end."""
        tunnels = [self.open() for _ in range(20)]  # both workers have some, so that neither ends before it has looked at the new table
        self.recompile("worker_processes 4;\nevents { }\nhttp { access_log off; %s }" % CONF)
        process = self.server.process
        for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGQUIT, signal.SIGCONT):
            process.send_signal(number)
        self.soon(lambda: not env.accepts(self.address), "the listener's end")
        for sock in tunnels:
            sock.close()
        self.assertEqual(process.wait(5 * env.SLOW), 0)
        self.assertNotIn("generation 2", self.server.errors())


class Kinds(Load):
    MAIN = "worker_processes 2;"

    def test_listeners(self):
        """IPv4, IPv6 and unix listeners side by side under load."""
        count = 40 if PLAIN else 5
        self.together(*[lambda k=k: self.requests(["/own", "/to/%s" % k, "/file", "/moved"] * 5, count, k) for k in ("4", "6", "unix") * 3])


if __name__ == "__main__":
    unittest.main()
