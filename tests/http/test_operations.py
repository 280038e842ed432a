# SPDX-License-Identifier: BSD-2-Clause
"""Running the daemon: reload in two steps, signals, the control socket, logs, a second instance, overload, a worker that dies."""

import glob
import os
import resource
import re
import shutil
import signal
import socket
import threading
import time
import unittest

from lib import backend, client, env, servers, site, websocket

CERT = [("local", "localhost")]


class Daemon(site.Site):
    """Each test has a daemon of its own."""

    OURS = True

    @classmethod
    def setUpClass(cls):
        if cls is Daemon:
            raise unittest.SkipTest("only a fixture")
        servers.require(servers.Wsrpd)

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        kind = type(self)
        super(Daemon, kind).setUpClass()
        super().setUp()

    def tearDown(self):
        kind = type(self)
        super(Daemon, kind).tearDownClass()

    def recompile(self, text):
        """Put the table of another configuration in its place."""
        self.server.compile(self.expand(text))

    def status(self):
        done = self.server.control("status")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def generation(self):
        return int(re.search(r"generation: (\d+)", self.status())[1])

    def counter(self, name):
        return sum(int(value) for value in re.findall(r"\b%s (\d+)" % name, self.status()))

    def hup(self):
        before = self.generation()
        self.server.kill(signal.SIGHUP)
        self.soon(lambda: self.generation() > before, "the next generation", 5)


def conf(body, more="", main="worker_processes 2;"):
    return "%s\nevents { worker_connections 512; }\nhttp { access_log off; %s\nserver { listen @A@; %s } }\n" % (main, more, body)


class Reload(Daemon):
    MAIN = "worker_processes 2;"
    CONF = "server { listen @A@; location / { return 200 first; } location /ws { websocket on; proxy_pass http://@UP@; } }"

    def test_by_signal(self):
        self.recompile(conf("return 200 second;"))
        self.assertEqual(self.get("/").body, b"first")
        self.hup()
        self.assertEqual({self.get("/").body for _ in range(20)}, {b"second"})

    def test_by_command(self):
        self.recompile(conf("return 200 second;"))
        done = self.server.control("reload")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual({self.get("/").body for _ in range(20)}, {b"second"}, "when the command ends, every worker has committed")

    def test_workers_stay(self):
        before = self.server.children()
        self.recompile(conf("return 200 second;"))
        self.server.control("reload")
        self.assertEqual(self.server.children(), before)

    def test_garbage_is_refused(self):
        for data in (b"garbage", b"", b"WSRP" + b"\0" * 4096):
            env.write(self.server.table, data)
            self.assertEqual(self.get("/").body, b"first", "writing over the file changes nothing")
            done = self.server.control("reload")
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.strip() + done.stdout.strip(), "the reason is said")
            self.assertEqual({self.get("/").body for _ in range(10)}, {b"first"})

    def test_garbage_copied_over_the_file(self):
        garbage = env.write(os.path.join(self.folder, "garbage"), os.urandom(100000))
        env.run(["cp", garbage, self.server.table])
        self.assertEqual({self.get("/").body for _ in range(10)}, {b"first"})
        self.server.kill(signal.SIGHUP)
        time.sleep(0.5)
        self.assertEqual({self.get("/").body for _ in range(10)}, {b"first"})

    def test_table_copied_over_the_file(self):
        first = self.server.table
        other = servers.Wsrpd(self.folder)
        second = other.compile(self.expand(conf("return 200 second;")), "second.conf", "second.bin")
        shutil.copyfile(second, first)
        time.sleep(0.2)
        self.assertEqual({self.get("/").body for _ in range(10)}, {b"first"})
        self.hup()
        self.assertEqual({self.get("/").body for _ in range(10)}, {b"second"})

    def test_bit_flips_are_refused(self):
        with open(self.server.table, "rb") as handle:
            good = handle.read()
        for place in range(0, len(good), max(1, len(good) // 40)):
            env.write(self.server.table, good[:place] + bytes([good[place] ^ 0x40]) + good[place + 1:])
            self.assertEqual(self.server.control("reload").returncode, 1, "byte %d" % place)
        env.write(self.server.table, good)
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(self.get("/").body, b"first")

    def replace_workers(self):
        before = self.server.children()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        self.soon(lambda: len(self.server.children()) == len(before) and not set(before) & set(self.server.children()), "new workers")
        self.soon(lambda: "workers: 2" in self.status(), "both at work")

    def test_new_workers_get_the_table_that_is_served(self):
        """Whatever lies in the file by now: from the table of the start, and from a reloaded one."""
        for served in (b"first", b"second"):
            if served == b"second":
                self.recompile(conf("return 200 second;"))
                self.assertEqual(self.server.control("reload").returncode, 0)
            env.write(self.server.table, b"garbage")
            self.replace_workers()
            self.assertEqual({self.get("/").body for _ in range(10)}, {served})

    def test_settings_of_the_start_are_named(self):
        """What only a start can change goes on as it is, and the answer to the reload says so."""
        for main, word in (("user root;", "user"), ("worker_rlimit_nofile 333;", "worker_rlimit_nofile")):
            with self.subTest(word):
                if word == "user" and os.geteuid() != 0:
                    continue  # it means nothing there
                self.recompile(conf("return 200 second;", main="worker_processes 2; " + main))
                done = self.server.control("reload")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn('"%s" takes effect at the next start' % word, done.stderr.decode())
                self.assertIn('"%s" takes effect at the next start' % word, self.server.errors())
                self.recompile(conf("return 200 second;"))
                self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(self.server.control("reload").stderr, b"")

    def test_missing_certificate_is_refused(self):
        self.recompile(conf("listen @B@ ssl; ssl_certificate none.crt; ssl_certificate_key none.key; return 200 second;"))
        done = self.server.control("reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.crt", (done.stderr + done.stdout).decode())
        self.assertEqual(self.get("/").body, b"first")

    def test_new_and_old_listeners(self):
        self.recompile(conf("listen @B@; return 200 second;"))
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(self.get("/", at="B").body, b"second")
        self.recompile(conf("return 200 third;").replace("@A@", "@B@"))
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(self.get("/", at="B").body, b"third")
        self.soon(lambda: not env.accepts(self.address), "the end of the old listener")

    def test_kept_alive_connection(self):
        """The next request on a connection sees the new table."""
        sock = self.connect()
        self.assertEqual(sock.ask("/").body, b"first")
        self.recompile(conf("return 200 second;"))
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(sock.ask("/").body, b"second")

    def test_tunnel_survives(self):
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]
        sock = self.connect()
        sock.send(websocket.handshake("/ws"))
        self.assertEqual(sock.response().status, 101)
        for number in range(5):
            self.recompile(conf("return 200 %d;" % number))
            self.assertEqual(self.server.control("reload").returncode, 0)
            sock.send(b"still %d" % number)
            self.assertEqual(sock.read(7), b"still %d" % number)

    def test_under_load(self):
        """No request fails while tables are swapped."""
        failures, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                try:
                    answer = self.get("/")
                    if answer.status != 200:
                        failures.append(answer.status)
                except (OSError, ConnectionError, TimeoutError) as bad:
                    failures.append(repr(bad))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(15):
            self.recompile(conf("return 200 %d;" % number))
            self.assertEqual(self.server.control("reload").returncode, 0)
        stop.set()
        for thread in threads:
            thread.join(20)
        self.assertFalse(failures, failures[:5])

    def test_memory_and_descriptors_stay(self):
        def descriptors():
            return sum(len(os.listdir("/proc/%d/fd" % pid)) for pid in [self.server.process.pid] + self.server.children())

        for _ in range(3):
            self.assertEqual(self.server.control("reload").returncode, 0)
        time.sleep(0.3)
        count, memory = descriptors(), self.memory()
        for _ in range(30):
            self.assertEqual(self.server.control("reload").returncode, 0)
        self.soon(lambda: descriptors() <= count + 2, "no descriptors of old generations: %d, now %d" % (count, descriptors()))
        self.assertLess(self.memory() - memory, 3000 * env.SLOW)


class Control(Daemon):
    MAIN = "worker_processes 2;"
    CONF = "server { listen @A@; location / { proxy_pass http://@UP@; } location /dead { proxy_pass http://@DEAD@; } location /ws { websocket on; proxy_pass http://@UP@; } }"

    def test_status(self):
        text = self.status()
        for word in ("identity", "origin", "generation", "uptime", "worker 0", "worker 1"):
            self.assertIn(word, text)
        self.soon(lambda: self.counter("connections") == 0, "the end of the connections that saw the start")
        accepted = self.counter("accepted")
        self.get("/")
        self.get("/dead")
        self.soon(lambda: self.counter("requests") >= 2, "the requests in the counters")
        self.assertEqual(self.counter("accepted"), accepted + 2)
        self.assertEqual(self.counter("answers_2xx"), 1)
        self.assertEqual(self.counter("answers_5xx"), 1)
        self.assertGreaterEqual(self.counter("upstream_failures"), 1)
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]
        sock = self.connect()
        sock.send(websocket.handshake("/ws"))
        sock.response()
        self.soon(lambda: self.counter("tunnels") == 1, "the tunnel in the counters")
        sock.close()
        self.soon(lambda: self.counter("tunnels") == 0 and self.counter("connections") == 0, "no connection in the counters")

    def test_identity_is_logged(self):
        identity = re.search(r"identity: (\S+)", self.status())[1]
        self.assertIn(identity[:12], self.server.errors())

    def test_socket_is_private(self):
        path = os.path.join(self.folder, "wsrpd.sock")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_stop(self):
        process = self.server.process
        self.assertEqual(self.server.control("stop").returncode, 0)
        self.assertEqual(process.wait(5), 0)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "wsrpd.pid")))

    def test_more_and_fewer_workers(self):
        """The outcome is told and the connection closed, although workers are started meanwhile: they hold nothing of who asks."""
        for count in (4, 1, 2):
            with self.subTest(count=count):
                self.recompile(conf("return 200;", main="worker_processes %d;" % count))
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(20 * env.SLOW)
                    sock.connect(os.path.join(self.folder, "wsrpd.sock"))
                    sock.sendall(b"reload\n")
                    self.assertEqual(b"".join(iter(lambda: sock.recv(1000), b"")), b"ok\n")
                self.assertIn("workers: %d\n" % count, self.status())

    def test_new_worker_keeps_no_listener(self):
        """A worker that is started while a reload gives an address up does not hold it: who comes is refused, not left waiting."""
        for count, addresses in ((3, "AB"), (4, "A")):
            listens = " ".join("listen @%s@;" % name for name in addresses)
            self.recompile(conf("return 200;", main="worker_processes %d;" % count).replace("listen @A@;", listens))
            self.assertEqual(self.server.control("reload").returncode, 0)
        self.soon(lambda: not env.accepts(("127.0.0.1", self.ports["B"])), "nobody at the address given up", 5)
        for worker in self.server.children():
            sockets = [os.readlink(path) for path in glob.glob("/proc/%d/fd/*" % worker) if os.path.islink(path)]
            sockets = [target for target in sockets if target.startswith("socket:")]
            self.assertEqual(len(sockets), 2, "the channel and one listener: %r" % sockets)

    def test_no_daemon(self):
        self.server.stop()
        done = self.server.control("status")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr)

    def test_pid_file(self):
        self.assertEqual(int(env.read(os.path.join(self.folder, "wsrpd.pid"))), self.server.process.pid)

    def test_unknown_command(self):
        self.assertEqual(self.server.control("dance").returncode, 2)


class Pid(Daemon):
    """The pid file and the control socket beside it follow the table."""

    MAIN = "pid a.pid;\nworker_processes 1;"
    CONF = "server { listen @A@; return 200 first; }"

    def present(self):
        return {name for name in os.listdir(self.folder) if name.endswith((".pid", ".sock"))} - {"up.sock"}

    def change(self, pid):
        self.recompile(conf("return 200 second;", main="%s\nworker_processes 1;" % (pid and "pid %s;" % pid)))

    def reload(self):
        """By signal, which finds the master whatever the table on disk says."""
        seen = self.server.errors().count("generation ")
        self.server.kill(signal.SIGHUP)
        self.soon(lambda: self.server.errors().count("generation ") > seen, "the reload", 5)

    def test_moves(self):
        for pid, files in (("b.pid", {"b.pid", "b.sock"}), ("c", {"c", "c.sock"}), ("c.pid", {"c.pid", "c.sock"}), ("", {"site.bin.pid", "site.bin.sock"})):
            with self.subTest(pid=pid):
                self.change(pid)
                self.reload()
                self.assertEqual(self.present() | {"c"} & set(os.listdir(self.folder)), files)
                self.assertEqual(int(env.read(os.path.join(self.folder, min(files - {"c.sock", "b.sock"})))), self.server.process.pid)
                self.status()
        self.server.stop()
        self.assertEqual(self.present(), set())

    def test_command_before_the_move(self):
        """-s goes by the table on disk; without an answer there it looks beside the table, and then it says what else can be done."""
        self.change("b.pid")
        done = self.server.control("reload")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr.decode(), r"no master answers at \S*/b\.sock.*-o pid=")
        self.assertEqual(env.run([env.WSRPD, "-o", "pid=" + os.path.join(self.folder, "a.pid"), "-s", "reload"]).returncode, 0)
        self.change("")
        self.reload()
        self.change("b.pid")
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(self.present(), {"b.pid", "b.sock"})

    def test_impossible(self):
        """The reload goes on; the master stays where it was."""
        self.change("none/b.pid")
        self.reload()
        self.assertEqual(self.present(), {"a.pid", "a.sock"})
        self.assertIn("none/b.pid", self.server.errors())
        self.assertEqual(env.run([env.WSRPD, "-o", "pid=" + os.path.join(self.folder, "a.pid"), "-s", "status"]).returncode, 0)

    def test_somebody_else(self):
        """A running master's files are not taken from it."""
        other = servers.Wsrpd(self.folder)
        other.pid_option = []
        self.addCleanup(other.stop)
        other.ready = None
        other.start("pid b.pid;\n" + conf("return 200 other;", main="").replace("@A@", "127.0.0.1:%d" % self.ports["B"]), [("127.0.0.1", self.ports["B"])], "other.conf")
        self.change("b.pid")
        self.reload()
        self.assertIn("another wsrpd answers", self.server.errors())
        self.assertEqual(int(env.read(os.path.join(self.folder, "b.pid"))), other.process.pid)


class Signals(Daemon):
    MAIN = "worker_processes 2;"
    CONF = "server { listen @A@; location / { proxy_pass http://@UP@; } location /ws { websocket on; proxy_pass http://@UP@; } }"

    def test_term_and_int(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process, workers = self.server.process, self.server.children()
            process.send_signal(number)
            self.assertEqual(process.wait(5 * env.SLOW), 0)
            self.assertFalse([pid for pid in workers if os.path.exists("/proc/%d" % pid)])
            self.server.serve(self.waits)

    def test_quit_drains(self):
        """SIGQUIT: what runs is finished, nothing new is taken."""
        self.backend.script = lambda request: [("pause", 1.0)] + backend.default_script(request)
        sock = self.connect()
        sock.send(client.request("/slow"))
        self.soon(lambda: self.backend.requests, "the request at the upstream")
        process = self.server.process
        process.send_signal(signal.SIGQUIT)
        self.soon(lambda: not env.accepts(self.address), "the listener's end")
        answer = sock.response()
        self.assertEqual(answer.status, 200)
        self.assertIn("close", answer.tokens("connection"))
        self.assertEqual(process.wait(5 * env.SLOW), 0)

    def test_quit_with_an_idle_connection(self):
        sock = self.connect()
        sock.ask("/")
        process = self.server.process
        process.send_signal(signal.SIGQUIT)
        self.assertEqual(process.wait(5 * env.SLOW), 0)
        self.assertEqual(sock.read_all(2), b"")

    def test_dead_worker_is_replaced(self):
        self.soon(lambda: "workers: 2" in self.status(), "both workers")
        workers = self.server.children()
        self.assertEqual(len(workers), 2)
        os.kill(workers[0], signal.SIGKILL)
        self.soon(lambda: len(self.server.children()) == 2 and workers[0] not in self.server.children(), "a new worker")
        self.soon(lambda: all(self.get("/%d" % i).status == 200 for i in range(20)), "answers")
        self.assertIn(str(workers[0]), self.server.errors())
        self.assertEqual(self.server.control("reload").returncode, 0)

    def test_master_death_ends_the_workers(self):
        workers = self.server.children()
        process, self.server.process = self.server.process, None
        process.kill()
        process.wait()
        self.soon(lambda: not [pid for pid in workers if os.path.exists("/proc/%d" % pid) and " Z " not in env.read("/proc/%d/stat" % pid)], "the workers' end", 5)

    def test_worker_rights(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to drop rights")
        for pid in self.server.children():
            text = env.read("/proc/%d/status" % pid)
            self.assertNotIn("0", re.search(r"Uid:\s+(.*)", text)[1].split())
            self.assertEqual(re.search(r"Groups:\s*(.*)", text)[1].split(), [re.search(r"Gid:\s+(\d+)", text)[1]])
            self.assertEqual(int(re.search(r"CapEff:\s+(\S+)", text)[1], 16), 0)
            self.assertEqual(re.search(r"NoNewPrivs:\s+(\d)", text)[1], "1")


class SecondInstance(Daemon):
    MAIN = "worker_processes 2;"
    CONF = "server { listen @A@; return 200 first; }"

    def test_address_in_use(self):
        other = servers.Wsrpd()
        self.addCleanup(other.stop)
        with self.assertRaises(servers.StartFailure) as caught:
            other.start(self.text, self.waits)
        self.assertRegex(str(caught.exception).lower(), r"address (already )?in use")
        self.assertEqual({self.get("/").body for _ in range(20)}, {b"first"})

    def test_address_of_somebody_else(self):
        with socket.create_server(("127.0.0.1", self.ports["B"])):
            self.recompile(conf("listen @B@; return 200 second;"))
            done = self.server.control("reload")
            self.assertEqual(done.returncode, 1)
            self.assertIn("in use", (done.stderr + done.stdout).decode())
        self.assertEqual(self.get("/").body, b"first")

    def test_check_only(self):
        done = env.run([env.WSRPD, "-t", self.server.table])
        self.assertEqual(done.returncode, 0, done.stderr)
        garbage = env.write(os.path.join(self.folder, "garbage.bin"), "garbage")
        for content, said in (("garbage", b"not a wsrp table"), ("", b"the file is empty")):
            env.write(garbage, content)
            done = env.run([env.WSRPD, "-t", garbage])
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"garbage.bin: " + said, done.stderr)
        self.assertIn(b"directory", env.run([env.WSRPD, "-t", self.folder]).stderr)


class Logs(Daemon):
    MAIN = "worker_processes 1;\nerror_log logs/error.log info;"
    FILES = {"logs/.keep": ""}
    CONF = """
    log_format own '$remote_addr "$request" $status $body_bytes_sent $bytes_sent $request_length "$http_user_agent" $upstream_addr $upstream_status $wsrp_rule';
    log_format times '$request_time $upstream_response_time $msec $time_iso8601';
    log_format json escape=json '{"request":"$request","agent":"$http_user_agent"}';
    access_log logs/combined.log;
    server {
        listen @A@;
        location / { access_log logs/own.log own; access_log logs/times.log times; access_log logs/json.log json; proxy_pass http://@UP@; }
        location /combined { return 200 text; }
        location /off { access_log off; return 200 quiet; }
        location /dead { proxy_pass http://@DEAD@; }
        location /ws { access_log logs/own.log own; websocket on; proxy_pass http://@UP@; }
    }"""

    def log(self, name, wanted=1):
        path = os.path.join(self.folder, "logs", name)
        self.soon(lambda: len(env.read(path).splitlines()) >= wanted, "%d lines in %s: %r" % (wanted, name, env.read(path)))
        return env.read(path).splitlines()

    def test_combined(self):
        self.get("/combined", fields=[("User-Agent", "me"), ("Referer", "http://r/")])
        self.assertRegex(self.log("combined.log")[0], r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /combined HTTP/1\.1" 200 4 "http://r/" "me"$')

    def test_own_format(self):
        self.get("/x?y", fields=[("User-Agent", 'a"b\\c')])
        line = self.log("own.log")[0]
        self.assertRegex(line, r'^127\.0\.0\.1 "GET /x\?y HTTP/1\.1" 200 11 \d+ \d+ "a\\x22b\\x5Cc" 127\.0\.0\.1:%d 200 \S*site\.conf:\d+$' % self.backend.port)
        self.assertRegex(self.log("times.log")[0], r"^\d+\.\d{3} \d+\.\d{3} \d+\.\d{3} \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$")
        self.assertEqual(self.log("json.log")[0], '{"request":"GET /x?y HTTP/1.1","agent":"a\\"b\\\\c"}')

    def test_off(self):
        self.get("/off")
        self.get("/combined")
        self.assertEqual(len(self.log("combined.log")), 1)

    def test_bad_request_is_logged(self):
        sock = self.connect()
        sock.send(b"BAD\r\n\r\n")
        sock.read_all()
        self.assertRegex(self.log("combined.log")[0], r'"BAD" 400 ')

    def test_tunnel_is_logged_at_its_end(self):
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]
        sock = self.connect()
        sock.send(websocket.handshake("/ws"))
        sock.response()
        sock.send(b"12345")
        sock.read(5)
        sock.close()
        line = self.log("own.log")[0]
        self.assertIn('"GET /ws HTTP/1.1" 101 5 ', line)

    def test_errors_name_their_rule(self):
        self.assertEqual(self.get("/dead").status, 502)
        path = os.path.join(self.folder, "logs", "error.log")
        self.soon(lambda: "rule: " in env.read(path), "a rule in the error log")
        number = 1 + [i for i, line in enumerate(self.text.splitlines()) if "location /dead" in line][0]
        self.assertRegex(env.read(path), r"\[error\].*refused.*rule: \S*site\.conf:%d" % number)

    def test_no_control_characters(self):
        sock = self.connect()
        sock.send(b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.read_all()
        self.log("combined.log")
        for name in ("combined.log", "error.log"):
            self.assertNotIn("\x1b", env.read(os.path.join(self.folder, "logs", name)))

    def test_reopen(self):
        self.get("/combined")
        self.log("combined.log")
        for how in ("signal", "command"):
            old, new = (os.path.join(self.folder, "logs", name) for name in ("old.log", "combined.log"))
            os.rename(new, old)
            before = env.read(old)
            if how == "signal":
                self.server.kill(signal.SIGUSR1)
                self.soon(lambda: os.path.exists(new), "a new file")
                time.sleep(0.2)
            else:
                self.assertEqual(self.server.control("reopen").returncode, 0)
            self.get("/combined")
            self.assertEqual(len(self.log("combined.log")), 1)
            self.assertEqual(env.read(old), before)


class Overload(Daemon):
    MAIN = "worker_processes 1;"
    CONF = """
    upstream group { server @UP@; server unix:@UNIX@; }
    server { listen @A@; location / { proxy_pass http://@UP@; } location /group { proxy_pass http://group; } location /ws { websocket on; proxy_pass http://@UP@; } }"""

    def test_connections(self):
        """At worker_connections idle kept-alive connections give way, and who still finds no place waits and is served later."""
        self.server.stop()
        self.server.serve(self.waits, ["-o", "worker_connections=20"])
        idle = []
        for number in range(40):
            sock = self.connect()
            self.assertEqual(sock.ask("/%d" % number).status, 200)
            idle.append(sock)
        self.backend.script = lambda request: [("pause", 0.6)] + backend.default_script(request)
        busy = [self.connect(seconds=20) for _ in range(40)]
        for sock in busy:
            sock.send(client.request("/slow", fields=[("Connection", "close")]))
        self.assertEqual([sock.response().status for sock in busy], [200] * 40)
        lines = [line for line in self.server.errors().splitlines() if "worker_connections" in line or "connections" in line]
        self.assertTrue(lines, "overload is logged")
        self.assertLess(len(lines), 30, "at most once a second")

    def limited(self, count):
        """Start anew with so few descriptors."""
        self.server.stop()
        command = ["prlimit", "--nofile=%d:%d" % (count, count)]
        self.server.launch(command + [env.WSRPD, "-p", self.folder, *self.server.pid_option, self.server.table], self.waits)

    def surprised(self, count):
        """The worker, with our own rights, started with enough descriptors; now there are only so many."""
        self.server.stop()
        self.server.serve(self.waits, ["-o", "user=root"] if os.geteuid() == 0 else [])
        for pid in self.server.children():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, count))

    def full(self):
        """Connections that take the worker's last descriptors."""
        held = [self.connect() for _ in range(100)]
        self.soon(lambda: "not accepting" in self.server.errors(), "the pause")
        return held

    def test_every_worker_refuses(self):
        """The second refusal of one table comes when the reload has failed already: nobody is punished for it."""
        self.recompile(conf("return 200;"))
        self.surprised(64)
        workers = self.server.children()
        self.assertEqual(len(workers), 2)
        held = [self.connect() for _ in range(400)]
        self.soon(lambda: {int(pid) for pid in re.findall(r" (\d+)#\d+: .*not accepting", self.server.errors())} == set(workers), "the pause of both")
        for _ in range(3):
            self.assertEqual(self.server.control("reload").returncode, 1)
        self.assertEqual(self.server.children(), workers)
        self.assertNotIn("killed", self.server.errors())
        for sock in held:
            sock.close()

    def test_descriptors_for_upstreams_are_kept(self):
        """With few descriptors fewer clients are accepted, and each that is gets its upstream; a reload finds room too."""
        self.limited(96)
        self.assertIn("96 file descriptors", self.server.errors())
        self.backend.script = lambda request: [("pause", 0.3)] + backend.default_script(request)
        busy = [self.connect(seconds=30) for _ in range(100)]
        for sock in busy:
            sock.send(client.request("/slow", fields=[("Connection", "close")]))
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual([sock.response().status for sock in busy], [200] * 100)
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]
        tunnels = []
        for _ in range(20):
            tunnels.append(self.connect())
            tunnels[-1].send(websocket.handshake("/ws"))
            self.assertEqual(tunnels[-1].response().status, 101)

    def test_reload_without_descriptors(self):
        """A worker that has no room for a new table's descriptors refuses it and lives on."""
        self.surprised(64)
        workers = self.server.children()
        self.backend.script = lambda request: [websocket.switching(request), ("echo",)]
        tunnel = self.connect()
        tunnel.send(websocket.handshake("/ws"))
        self.assertEqual(tunnel.response().status, 101)
        held = self.full()
        for _ in range(3):
            done = self.server.control("reload")
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"descriptors", done.stderr)
        self.assertEqual(self.server.control("reopen").returncode, 0)
        self.assertIn("logs are not reopened", self.server.errors())
        tunnel.send(b"still")
        self.assertEqual(tunnel.read(5), b"still")
        self.assertEqual(self.server.children(), workers)
        for sock in held:
            sock.close()
        self.soon(lambda: self.server.control("reload").returncode == 0, "a reload", 5)
        tunnel.send(b"again")
        self.assertEqual(tunnel.read(5), b"again")
        self.assertEqual(self.server.children(), workers)

    def test_upstreams_without_descriptors(self):
        """That no socket could be made says nothing about the servers of a group."""
        self.surprised(64)
        held = self.full()
        held[0].send(client.request("/group"))
        self.assertEqual(held[0].response().status, 500)
        for sock in held:
            sock.close()
        self.soon(lambda: self.counter("connections") == 0, "the end of the connections")
        self.assertEqual([self.get("/group").status for _ in range(4)], [200] * 4)

    def test_descriptors(self):
        """Out of descriptors the listener pauses instead of spinning, and goes on when some are free."""
        self.surprised(64)
        self.backend.script = lambda request: [("pause", 1.0)] + backend.default_script(request)
        busy = [self.connect(seconds=30) for _ in range(100)]
        for sock in busy:
            sock.send(client.request("/slow", fields=[("Connection", "close")]))
        time.sleep(0.3)
        before = self.cpu()
        time.sleep(0.5)
        self.assertLess(self.cpu() - before, 0.2 * env.SLOW, "it spins")
        statuses = []
        for sock in busy:
            try:
                statuses.append(sock.response().status)
            except (ConnectionError, OSError):
                statuses.append(None)
        self.assertTrue(set(statuses) <= {200, 500, 502, 503, None}, statuses)
        self.assertGreater(len(statuses) - statuses.count(None), 20, "clients are answered, be it with an error where no descriptor is left for the upstream")
        self.backend.script = backend.default_script
        self.soon(lambda: self.get("/after").status == 200, "answers afterwards")


class ClientLimits(Daemon):
    """Slow clients."""

    MAIN = "worker_processes 1;"
    CONF = """
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    send_timeout 1s;
    server { listen @A@; location / { proxy_pass http://@UP@; } }"""

    def ends(self, data, low=0.5, high=4.0):
        sock = self.connect()
        start = time.monotonic()
        sock.send(data)
        sock.read_all(8)
        took = time.monotonic() - start
        self.assertTrue(low < took < high * env.SLOW, "ended after %.2f s" % took)
        return sock.received

    def test_nothing(self):
        self.ends(b"")

    def test_half_a_head(self):
        got = self.ends(b"GET / HTTP/1.1\r\nHos")
        self.assertTrue(got == b"" or b" 408 " in got.split(b"\r\n")[0], got)

    def test_half_a_body(self):
        got = self.ends(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        self.assertTrue(got == b"" or b" 408 " in got.split(b"\r\n")[0], got)
        self.assertEqual(self.backend.requests, [])

    def test_idle(self):
        got = self.ends(client.request("/"))
        self.assertTrue(got.startswith(b"HTTP/1.1 200"))

    def test_dripping_head(self):
        """The time for a head is one bound, not one for each byte."""
        sock = self.connect()
        start = time.monotonic()
        for byte in b"GET /" + b"a" * 200:
            if not sock.send(bytes([byte])) or client.select.select([sock.sock], [], [], 0.2)[0]:
                break
        self.assertLess(time.monotonic() - start, 5 * env.SLOW)

    def test_not_reading(self):
        self.backend.script = lambda request: [backend.respond(200, [], b"x" * (32 << 20))]
        sock = self.connect(rcvbuf=4096)
        sock.send(client.request("/large"))
        self.soon(lambda: self.counter("connections") == 0, "the end of the connection that is not read", 6)
        sock.close()


if __name__ == "__main__":
    unittest.main()
