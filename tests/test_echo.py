# SPDX-License-Identifier: BSD-2-Clause
"""wsr-echo itself: tests and benchmarks trust what it says, so it is tested without any proxy in front."""

import json
import os
import socket
import subprocess
import unittest

from lib import env, websocket

PATTERN = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n"


class Echo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(env.ECHO, os.X_OK):
            raise unittest.SkipTest("wsr-echo is not built")
        cls.path = os.path.join(env.scratch("wsr-echo"), "echo.sock")
        cls.process = subprocess.Popen([env.ECHO, "-l", "127.0.0.1:0", "-l", "unix:" + cls.path], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.process.stdout.readline().rpartition(":")[2])
        cls.unix_line = cls.process.stdout.readline()
        cls.ready_line = cls.process.stdout.readline()

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        code = cls.process.wait(10)
        cls.process.stdout.close()
        if code != 0 or os.path.exists(cls.path):
            raise AssertionError("ended with %d, or left its socket" % code)

    def talk(self, data, one_by_one=False, until=None):
        """Send, and read until the other end closes or `until` has come."""
        with socket.create_connection(("127.0.0.1", self.port), 10 * env.SLOW) as s:
            if one_by_one:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(data)):
                    s.send(data[i:i + 1])
            else:
                s.sendall(data)
            got = b""
            while until is None or until not in got:
                part = s.recv(65536)
                if not part:
                    break
                got += part
            return got

    def both_ways(self, data):
        whole = self.talk(data)
        self.assertEqual(whole, self.talk(data, one_by_one=True))
        return whole

    def test_start_lines(self):
        self.assertEqual(self.unix_line, "listening on unix:%s\n" % self.path)
        self.assertEqual(self.ready_line, "ready\n")

    def test_shows_request(self):
        got = self.both_ways(b"GET /x?y HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertIn(b"\r\n\r\nGET /x?y HTTP/1.1\r\nHost: a\r\n\r\nHTTP/1.1 200 OK", got)
        self.assertTrue(got.endswith(b"\r\n\r\nok\n"))

    def test_json_and_chunked_request(self):
        got = self.both_ways(b"POST /json HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                             b"5;x=y\r\nh\xe9\"lo\r\nA\r\n0123456789\r\n0\r\nT: x\r\n\r\n")
        shown = json.loads(got.partition(b"\r\n\r\n")[2])
        self.assertEqual(shown["body"], "h\xe9\"lo0123456789")
        self.assertEqual(shown["body_length"], 15)
        self.assertEqual(shown["fields"], [["Transfer-Encoding", "chunked"], ["Connection", "close"]])

    def test_expect(self):
        got = self.talk(b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nabc")
        self.assertTrue(got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"))
        self.assertTrue(got.endswith(b"\r\n\r\nabc"))

    def test_bodies(self):
        got = self.talk(b"GET /bytes/5000001 HTTP/1.1\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")[2]
        self.assertEqual(got, (PATTERN * 80000)[:5000001])
        got = self.both_ways(b"GET /chunked/70 HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertTrue(got.endswith(b"\r\n\r\n46\r\n" + (PATTERN * 2)[:70] + b"\r\n0\r\n\r\n"))
        got = self.both_ways(b"HEAD /bytes/5 HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertTrue(got.endswith(b"Content-Length: 5\r\n\r\n"))
        body = os.urandom(900000)
        got = self.talk(b"POST /mirror HTTP/1.1\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n" + body)
        self.assertTrue(got.endswith(b"\r\n\r\n" + body))

    def test_slow_and_late(self):
        got = self.talk(b"GET /slow/3 HTTP/1.0\r\n\r\nx")
        self.assertEqual(got.count(b"a line every 100 ms\n"), 3)
        got = self.talk(b"GET /delay/50 HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertTrue(got.endswith(b"late as asked\n"))

    def test_refuses_what_is_ambiguous(self):
        for bad in (b"GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                    b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                    b"GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", b"GET / HTTP/1.1\r\nX y: z\r\n\r\n", b"GET  / HTTP/1.1\r\n\r\n",
                    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\x10\r\n"):
            self.assertTrue(self.talk(bad).startswith(b"HTTP/1.1 400 "), bad)

    def test_websocket(self):
        data = websocket.handshake("/greet", fields=[("Sec-WebSocket-Protocol", "chat, x")])
        big = os.urandom(300000)
        data += websocket.frame(b"hi") + websocket.frame(b"", websocket.PING) + websocket.frame(b"a", websocket.BINARY, final=False)
        data += websocket.frame(b"b" * 200, 0) + websocket.frame(big, websocket.BINARY) + websocket.frame(b"\x03\xe8bye", websocket.CLOSE)
        got = self.talk(data)
        head, _, frames = got.partition(b"\r\n\r\n")
        self.assertIn(b"Sec-WebSocket-Protocol: chat\r\n", head + b"\r\n")
        self.assertIn(websocket.accept("dGhlIHNhbXBsZSBub25jZQ==").encode(), head)
        seen = []
        while frames:
            opcode, payload, final, used = websocket.take_frame(frames)
            seen.append((opcode, payload, final))
            frames = frames[used:]
        self.assertEqual(seen, [(1, b"hello", True), (1, b"hi", True), (10, b"", True), (2, b"a", False), (0, b"b" * 200, True),
                                (2, big, True), (8, b"\x03\xe8bye", True)])

    def test_websocket_commands(self):
        got = self.talk(websocket.handshake("/a") + websocket.frame(b"?head") + websocket.frame(b"?close 4001"), until=b"\x88\x02\x0f\xa1")
        self.assertIn(b"GET /a HTTP/1.1\r\nHost: localhost\r\n", got.partition(b"\r\n\r\n")[2])
        with self.assertRaises(ConnectionResetError):
            self.talk(websocket.handshake("/a") + websocket.frame(b"?abort"))

    def test_websocket_refusals(self):
        self.assertTrue(self.talk(websocket.handshake().replace(b"Version: 13", b"Version: 12")).startswith(b"HTTP/1.1 426 "))
        got = self.talk(websocket.handshake() + websocket.frame(b"x", mask=False), until=b"\x88\x02\x03\xea")
        self.assertTrue(got.endswith(b"\x88\x02\x03\xea"))


if __name__ == "__main__":
    unittest.main()
