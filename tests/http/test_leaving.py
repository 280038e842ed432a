# SPDX-License-Identifier: BSD-2-Clause
"""Clients that leave in the middle: what the upstream and the access log see of it, as with nginx where nginx has the same situation.

WSRP_SUBJECT=nginx runs the tests that are not ours alone on nginx.
"""

import os
import socket
import time
import unittest

from lib import backend, client, env, site

CONF = """
log_format ends '$request_uri $status';
access_log @DIR@/ends.log ends;
server {
    listen @A@;
    location / { proxy_pass http://@UP@; }
    location /ignore { proxy_ignore_client_abort on; proxy_pass http://@UP@; }
    location /stream { proxy_request_buffering off; client_max_body_size 0; proxy_pass http://@UP@; }
    location /local { return 200 local; }
    location /file { root @DIR@; }
}"""


class Leaving(site.Site):
    MAIN = "worker_processes 1;"
    CONF = CONF
    FILES = {"file": "content"}

    def lines(self, target):
        return [line.split()[1] for line in env.read(os.path.join(self.folder, "ends.log")).splitlines() if line.split()[0] == target]

    def logged(self, target):
        return self.soon(lambda: self.lines(target), "the access log's line of " + target, 5)[0]

    def slowly(self, seconds=1.0):
        self.backend.script = lambda request: [("pause", seconds)] + backend.default_script(request)


class HalfClose(Leaving):
    """FIN behind a whole request: what is at hand is sent, an upstream is not waited for unless it is told to."""

    def ask(self, target, method="GET", body=b""):
        sock = self.connect()
        sock.send(client.request(target, method, body=body))
        if target.startswith(("/slow", "/ignore")):
            self.soon(lambda: self.backend.requests, "the request at the upstream")
        sock.finish()
        return sock.read_all(5)

    def test_slow_upstream(self):
        self.slowly()
        for target, method, body in (("/slow", "GET", b""), ("/slow-post", "POST", b"x" * 1000)):
            with self.subTest(target):
                self.backend.clear()
                self.assertEqual(self.ask(target, method, body), b"")
                self.assertEqual(self.logged(target), "499")
        self.soon(lambda: all(record.closed for record in self.backend.records), "the end of the upstream connections", 4)

    def test_ignored(self):
        self.slowly(0.3)
        self.assertIn(b"GET /ignore 0", self.ask("/ignore"))
        self.assertEqual(self.logged("/ignore"), "200")

    def test_own_answers(self):
        self.assertTrue(self.ask("/local").endswith(b"local"))
        self.assertTrue(self.ask("/file").endswith(b"content"))


class Reset(Leaving):
    """RST while the client is not being read, since the upstream takes no more: noticed at once, nothing stays open."""

    OURS = True

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.server.children()[0]))

    def stuck_upload(self, head):
        """A client that can send no more, because the upstream does not read."""
        self.backend.early = lambda head: [("pause", 8)]
        sock = self.connect()
        sock.sock.sendall(head)
        sock.sock.settimeout(0.4)
        try:
            while True:
                sock.sock.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except socket.timeout:
            return sock

    def test_upload(self):
        for head in (b"POST /stream/%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"PUT /stream/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"):
            with self.subTest(head):
                before = self.descriptors()
                clients = [self.stuck_upload(head % number) for number in range(3)]
                self.assertGreaterEqual(self.descriptors(), before + 5)
                start = time.monotonic()
                for sock in clients:
                    sock.abort()
                self.soon(lambda: self.descriptors() <= before, "the end of both connections", 1)
                self.assertLess(time.monotonic() - start, 1.5 * env.SLOW)

    def test_behind_data(self):
        """The reset comes with the data that makes the upstream full."""
        before = self.descriptors()
        self.backend.early = lambda head: [("pause", 8)]
        for _ in range(20):
            sock = self.connect()
            sock.sock.setblocking(False)
            data = b"PUT /stream/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n" + bytes(8 << 20)
            try:
                while data:
                    data = data[sock.sock.send(data):]
            except BlockingIOError:
                pass
            sock.abort()
        self.soon(lambda: self.descriptors() <= before, "the end of all connections", 2)

    def test_pipelined(self):
        """Input that waits behind a request being served does not hide the reset."""
        before = self.descriptors()
        self.slowly(6)
        sock = self.connect()
        sock.send(client.request("/first") + client.request("/second"))
        self.soon(lambda: self.backend.requests, "the request at the upstream")
        self.assertGreater(self.descriptors(), before)
        sock.abort()
        self.soon(lambda: self.descriptors() <= before, "the end of both connections", 1)
        self.assertEqual([request.target for request in self.backend.requests], ["/first"])


if __name__ == "__main__":
    unittest.main()
