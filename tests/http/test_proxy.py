# SPDX-License-Identifier: BSD-2-Clause
"""Proxying end to end: curl, bodies both ways with back-pressure, interim answers, trailers, keep-alive, retries, kinds of upstreams."""

import hashlib
import os
import socket
import threading
import time
import unittest

from lib import backend, client, env, site

LARGE = 20 << 20


class Sink:
    """A backend for large bodies: reads each request without keeping it, at a given pace, and answers with its digest; or sends a large answer."""

    def __init__(self, pace=0.0, answer_bytes=0):
        self.pace, self.answer_bytes = pace, answer_bytes
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self.listener.getsockname()[1]
        self.sent = self.received = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with sock:
            try:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += sock.recv(65536)
                head, _, rest = data.partition(b"\r\n\r\n")
                if self.answer_bytes:
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.answer_bytes)
                    block = bytes(range(256)) * 256
                    while self.sent < self.answer_bytes:
                        self.sent += sock.send(block[:self.answer_bytes - self.sent])
                    return
                chunked = b"chunked" in head.lower()
                length = None if chunked else int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                digest = hashlib.sha256()
                buffer = bytearray(rest)
                total = 0
                while True:
                    if chunked:
                        line, found, _ = bytes(buffer[:40]).partition(b"\r\n")
                        size = int(line.split(b";")[0], 16) if found else None
                        if size is not None and len(buffer) >= len(line) + 2 + size + 2:
                            digest.update(buffer[len(line) + 2:len(line) + 2 + size])
                            total += size
                            del buffer[:len(line) + size + 4]
                            if size == 0:
                                break
                            continue
                    else:
                        digest.update(buffer)
                        total += len(buffer)
                        buffer.clear()
                        if total >= length:
                            break
                    if self.pace:
                        time.sleep(self.pace)
                    more = sock.recv(65536)
                    if not more:
                        return
                    self.received += len(more)
                    buffer += more
                sock.sendall(backend.respond(200, [("Connection", "close")], ("%d %s" % (total, digest.hexdigest())).encode()))
            except (OSError, ValueError, IndexError):
                return

    def stop(self):
        self.listener.close()


class Curl(site.Site):
    """What curl does every day."""

    CONF = "server { listen @A@; location / { proxy_pass http://@UP@; client_max_body_size 50m; } }"

    def test_get(self):
        self.assertEqual(self.curl(self.url("/a?b")), b"GET /a?b 0\n")

    def test_head(self):
        self.assertIn(b"200 OK", self.curl("-I", self.url("/a")).splitlines()[0])

    def test_post(self):
        self.assertEqual(self.curl("-d", "x" * 5000, self.url("/p")), b"POST /p 5000\n")

    def test_put_chunked(self):
        self.assertEqual(self.curl("-X", "PUT", "-H", "Transfer-Encoding: chunked", "-d", "hello", self.url("/p")), b"PUT /p 5\n")
        self.assertEqual(self.backend.requests[-1].body, b"hello")

    def test_upload_with_expect(self):
        path = env.write(os.path.join(self.folder, "upload"), b"y" * 2000000)
        self.assertEqual(self.curl("-T", path, "-H", "Expect: 100-continue", self.url("/up")), b"PUT /up 2000000\n")

    def test_keep_alive(self):
        out = self.curl("-v", self.url("/1"), self.url("/2"), self.url("/3"), "-w", "%{num_connects}\n")
        self.assertEqual([int(line) for line in out.split(b"\n") if line.isdigit()], [1, 0, 0])

    def test_http10(self):
        self.assertEqual(self.curl("-0", self.url("/old")), b"GET /old 0\n")

    def test_many_at_once(self):
        urls = [self.url("/%d" % i) for i in range(50)]
        out = self.curl("--parallel", "--parallel-max", "20", *urls)
        self.assertEqual(sorted(out.splitlines()), sorted(b"GET /%d 0" % i for i in range(50)))


class Bodies(site.Site):
    """Large bodies in both directions, with a slow side; the worker's memory stays bounded."""

    CONF = """
    client_max_body_size 100m;
    send_timeout 20s;
    server {
        listen @A@;
        proxy_max_temp_file_size 0;
        location / { proxy_pass http://@UP@; }
        location /sink { proxy_pass http://127.0.0.1:@SINK@; }
        location /source { proxy_pass http://127.0.0.1:@SOURCE@; }
    }"""
    BOUND = 8192 * env.SLOW  # kilobytes that a transfer may add

    @classmethod
    def setUpClass(cls):
        cls.sink, cls.source = Sink(pace=0.002), Sink(answer_bytes=LARGE)
        super().setUpClass()

    @classmethod
    def expand(cls, text):
        return super().expand(text.replace("@SINK@", str(cls.sink.port)).replace("@SOURCE@", str(cls.source.port)))

    @classmethod
    def tearDownClass(cls):
        cls.sink.stop()
        cls.source.stop()
        super().tearDownClass()

    def upload(self, head, pieces):
        """Send pieces to a slow sink, watching the memory; returns (answer, most memory added)."""
        before = self.memory()
        peak = 0
        sock = self.connect(seconds=60)
        sock.send(head)
        for number, piece in enumerate(pieces):
            sock.sock.sendall(piece)
            if number % 16 == 0:
                peak = max(peak, self.memory())
        return sock.response(seconds=60), peak - before

    def test_upload_with_length(self):
        block = os.urandom(65536)
        count = LARGE // len(block)
        answer, added = self.upload(b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE, [block] * count)
        self.assertEqual(answer.body.decode(), "%d %s" % (LARGE, hashlib.sha256(block * count).hexdigest()))
        self.assertLess(added, self.BOUND)

    def test_upload_in_chunks(self):
        block = os.urandom(65536)
        count = LARGE // len(block)
        chunk = b"10000\r\n" + block + b"\r\n"
        answer, added = self.upload(b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", [chunk] * count + [b"0\r\n\r\n"])
        self.assertEqual(answer.body.decode(), "%d %s" % (LARGE, hashlib.sha256(block * count).hexdigest()))
        self.assertLess(added, self.BOUND)

    def test_slow_reader(self):
        """The upstream is not read ahead of the client."""
        self.source.sent = 0
        before = self.memory()
        sock = self.connect(seconds=60, rcvbuf=65536)
        sock.send(client.request("/source"))
        time.sleep(1)
        sent = self.source.sent
        self.sleep(0.5)
        self.assertEqual(self.source.sent, sent, "the upstream is still being read although nobody takes its bytes")
        self.assertLess(sent, LARGE - (4 << 20))
        self.assertLess(self.memory() - before, self.BOUND)
        answer = sock.response(seconds=60)
        self.assertEqual(len(answer.body), LARGE)
        self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(bytes(range(256)) * (LARGE // 256)).digest())

    def test_small_chunks(self):
        """Many chunks, each passed on as it comes."""
        count = 300
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] + [b"5\r\nhello\r\n"] * count + [b"0\r\n\r\n"]
        self.assertEqual(self.get("/chunks").body, b"hello" * count)

    def test_first_part_before_the_last(self):
        """A streamed answer reaches the client while the upstream is still sending."""
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n", ("pause", 1.5), b"4\r\nlast\r\n0\r\n\r\n"]
        if self.server.name == "nginx":
            self.skipTest("nginx buffers by default")
        sock = self.connect()
        sock.send(client.request("/stream"))
        start = time.monotonic()
        got = b""
        while b"first" not in got:
            got += sock.read(1, 3)
        self.assertLess(time.monotonic() - start, 1.0)
        sock.buffer = bytearray(got) + sock.buffer
        self.assertEqual(sock.response().body, b"firstlast")

    def test_request_streams(self):
        """A chunked request reaches the upstream before its end."""
        if self.server.name == "nginx":
            self.skipTest("nginx buffers by default")
        sock = self.connect()
        sock.send(b"POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.soon(lambda: any(b"hello" in record.data for record in self.backend.records), "the first chunk at the upstream")
        sock.send(b"0\r\n\r\n")
        self.assertEqual(sock.response().status, 200)

    def test_answer_before_the_body_ends(self):
        """An early error is passed on; the connection is not used for another request with half a body on it."""
        self.backend.early = lambda head: [backend.respond(413, [("Connection", "close")], b"no"), ("close",)] if head.target == "/early" else None
        sock = self.connect()
        sock.send(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        if self.server.name == "nginx":
            sock.send(b"x" * 999000)
        self.assertEqual(sock.response().status, 413)


class Interim(site.Site):
    """1xx, Expect, trailers, HTTP/1.0."""

    CONF = "server { listen @A@; location / { proxy_pass http://@UP@; } }"

    def test_expect_is_answered_before_the_body(self):
        sock = self.connect()
        sock.send(b"POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        if self.server.name == "wsrpd":
            # Whoever says it, the upstream or wsrpd: the client must not have to send first.
            self.backend.early = lambda head: [b"HTTP/1.1 100 Continue\r\n\r\n"]
        self.assertEqual(sock.response(seconds=5).status, 100)
        sock.send(b"hello")
        answer = sock.response()
        self.assertEqual((answer.status, self.backend.requests[-1].body), (200, b"hello"))

    def test_expect_with_the_body_at_once(self):
        sock = self.connect()
        answer = sock.ask("/e", "POST", [("Expect", "100-continue")], b"hello")
        self.assertEqual(answer.status, 200)
        self.assertLessEqual([one.status for one in sock.interim], [100])

    def test_no_continue_for_http10(self):
        sock = self.connect()
        sock.send(client.request("/e", "POST", [("Expect", "100-continue")], b"hello", version="1.0"))
        self.assertEqual(sock.response().status, 200)

    def test_early_hints(self):
        self.backend.script = lambda request: [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"] + backend.default_script(request)
        sock = self.connect()
        answer = sock.ask("/h")
        self.assertEqual(answer.status, 200)
        if self.server.name == "wsrpd":
            self.assertEqual([one.status for one in sock.interim], [103])

    def test_no_interim_for_http10(self):
        self.backend.script = lambda request: [b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"] + backend.default_script(request)
        sock = self.connect()
        sock.send(client.request("/h", version="1.0"))
        self.assertTrue(sock.read_all().startswith(b"HTTP/1."))
        self.assertIn(b" 200 OK", sock.received.split(b"\r\n")[0])

    def test_http10_gets_no_chunks(self):
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
        sock = self.connect()
        sock.send(client.request("/c", version="1.0"))
        head, _, body = sock.read_all().partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head.lower())
        self.assertEqual(body, b"hello")

    def test_http10_keep_alive(self):
        sock = self.connect()
        for number in range(3):
            sock.send(client.request("/%d" % number, fields=[("Connection", "keep-alive")], version="1.0"))
            answer = sock.response()
            self.assertIn("keep-alive", answer.tokens("connection"))
        self.assertEqual(answer.body, b"GET /2 0\n")

    def test_trailers(self):
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n"]
        answer = self.get("/t", fields=[("TE", "trailers")])
        self.assertEqual(answer.body, b"hello")
        self.assertIn(answer.trailers, ([], [("X-Sum", "9")]))

    def test_pipeline(self):
        sock = self.connect()
        sock.send(b"".join(client.request("/%d" % i) for i in range(30)))
        self.assertEqual([sock.response().body for _ in range(30)], [b"GET /%d 0\n" % i for i in range(30)])


class Connections(site.Site):
    """The pool of upstream connections, and what is tried again."""

    CONF = """
    upstream kept { server @UP@; keepalive 4; }
    server { listen @A@; location / { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ""; } }"""

    def test_reuse(self):
        for number in range(5):
            self.assertEqual(self.get("/%d" % number).status, 200)
        self.assertEqual(len({request.connection.number for request in self.backend.requests}), 1)

    def test_dead_connection_is_replaced(self):
        """The upstream closed an idle connection: the next request, GET or POST, is answered all the same."""
        for method, body in (("GET", b""), ("POST", b"hello")):
            self.assertEqual(self.get("/first").status, 200)
            self.backend.drop()
            time.sleep(0.05)
            self.assertEqual(self.get("/second", method=method, body=body).status, 200)

    def test_retry_when_the_request_killed_it(self):
        """The upstream closes at the second request on a connection: an idempotent one is sent once more, a POST is not."""
        self.backend.script = lambda request: backend.default_script(request) if len(request.connection.requests) == 1 else [("close",)]
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            self.assertEqual(self.get("/warm").status, 200)
            self.assertEqual(self.get("/again", method=method).status, 200, method)
        self.assertEqual(self.get("/warm").status, 200)
        self.backend.clear()
        self.assertEqual(self.get("/post", method="POST", body=b"hello").status, 502)
        self.assertEqual(len([one for one in self.backend.requests if one.target == "/post"]), 1)

    def test_no_retry_after_bytes(self):
        self.assertEqual(self.get("/warm").status, 200)
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nContent-Le", ("close",)]
        self.backend.clear()
        self.assertEqual(self.get("/half", method="POST", body=b"x").status, 502)
        self.assertEqual(len(self.backend.requests), 1)

    def test_close_is_obeyed(self):
        self.backend.script = lambda request: [backend.respond(200, [("Connection", "close")], b"bye"), ("close",)]
        for _ in range(5):
            self.assertEqual(self.get("/").body, b"bye")

    def test_unsolicited_bytes(self):
        """Bytes that come on an idle connection are not an answer to the next request."""
        self.backend.script = lambda request: backend.default_script(request) + [("pause", 0.05), backend.respond(200, [], b"stale")]
        for number in range(4):
            self.assertEqual(self.get("/%d" % number).body, b"GET /%d 0\n" % number)
            self.soon(lambda: self.backend.playing == 0, "the bytes that nobody asked for", 5)
            time.sleep(0.1)


class Targets(site.Site):
    """Kinds of upstreams, and those that cannot be reached."""

    CONF = """
    resolver 127.0.0.1:1 ipv6=off;
    resolver_timeout 1s;
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /unix { proxy_pass http://unix:@UNIX@; }
        location /localhost { proxy_pass http://localhost:@UP.port@; }
        location /dead { proxy_pass http://@DEAD@; }
        location /variable { set $name does-not-exist.invalid; proxy_pass http://$name; }
    }"""

    def test_unix(self):
        self.assertEqual(self.get("/unix/x").body, b"GET /unix/x 0\n")
        self.assertEqual(self.unix.requests[-1].get("host"), "localhost")

    def test_localhost(self):
        self.assertEqual(self.get("/localhost").status, 200)

    def test_dead(self):
        start = time.monotonic()
        self.assertEqual(self.get("/dead").status, 502)
        self.assertLess(time.monotonic() - start, 2 * env.SLOW)

    def test_unknown_name_in_a_variable(self):
        self.assertIn(self.get("/variable").status, (502, 504))

    def test_client_leaves(self):
        """A client that leaves ends the upstream request."""
        self.backend.script = lambda request: [("pause", 0.5), b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"] + [b"x" * 65536] * 200 + [("pause", 5)]
        sock = self.connect()
        sock.send(client.request("/leave"))
        self.soon(lambda: self.backend.requests, "the request at the upstream")
        sock.abort()
        self.soon(lambda: all(record.closed for record in self.backend.records if record.requests), "the end of the upstream connection", 4)


class UnknownName(site.Site):
    """A name that does not resolve is a 502, not a failure to start."""

    OURS = True
    CONF = """
    server {
        listen @A@;
        location / { proxy_pass http://does-not-exist.invalid; }
        location /fine { proxy_pass http://@UP@; }
    }"""

    def test_answers(self):
        self.assertEqual(self.get("/fine").status, 200)
        self.assertIn(self.get("/", seconds=20).status, (502, 504))
        self.assertIn("does-not-exist.invalid", self.server.errors())


class UpstreamTls(site.Site):
    """https upstreams: verified or not, with and without a name."""

    CERTS = [("up", "up.example"), ("other", "other.example")]
    CONF = """
    server {
        listen @A@;
        location / { proxy_pass https://127.0.0.1:@SECURE@; }
        location /verified {
            proxy_pass https://127.0.0.1:@SECURE@; proxy_ssl_verify on; proxy_ssl_trusted_certificate up.crt; proxy_ssl_name up.example; proxy_ssl_server_name on;
        }
        location /wrong-name { proxy_pass https://127.0.0.1:@SECURE@; proxy_ssl_verify on; proxy_ssl_trusted_certificate up.crt; proxy_ssl_name else.example; }
        location /wrong-ca { proxy_pass https://127.0.0.1:@SECURE@; proxy_ssl_verify on; proxy_ssl_trusted_certificate other.crt; proxy_ssl_name up.example; }
        location /plain { proxy_pass http://127.0.0.1:@SECURE@; }
        location /not-tls { proxy_pass https://@UP@; }
    }"""

    @classmethod
    def setUpClass(cls):
        cls.secure = backend.Backend(tls=lambda: backend.tls_context(os.path.join(cls.folder, "up")))
        super().setUpClass()

    @classmethod
    def expand(cls, text):
        return super().expand(text.replace("@SECURE@", str(cls.secure.port)))

    @classmethod
    def tearDownClass(cls):
        cls.secure.stop()
        super().tearDownClass()

    def test_answers(self):
        self.assertEqual(self.get("/x").body, b"GET /x 0\n")
        self.assertEqual(self.get("/p", method="POST", body=b"a" * 200000).body, b"POST /p 200000\n")

    def test_verified(self):
        self.assertEqual(self.get("/verified").status, 200)
        self.assertEqual(self.secure.requests[-1].connection.tls_name, "up.example")

    def test_refused(self):
        for target in ("/wrong-name", "/wrong-ca", "/not-tls"):
            self.assertEqual(self.get(target).status, 502, target)

    def test_large_answer(self):
        self.secure.script = lambda request: [backend.respond(200, [], b"0123456789abcdef" * 300000)]
        self.addCleanup(setattr, self.secure, "script", backend.default_script)
        self.assertEqual(self.get("/large").body, b"0123456789abcdef" * 300000)


if __name__ == "__main__":
    unittest.main()
