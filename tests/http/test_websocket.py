# SPDX-License-Identifier: BSD-2-Clause
"""WebSocket tunnels end to end: the websockets library on both sides, and raw sockets where a library would hide what happens."""

import asyncio
import contextlib
import os
import socket
import threading
import time
import unittest

from lib import client, env, site, websocket

try:
    import websockets
except ImportError:
    websockets = None

RECIPE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $http_host;"
MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"


class LibraryServer:
    """An echo by the websockets library on a thread of its own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.codes = []
        self.paths = []
        threading.Thread(target=self.run, daemon=True).start()
        self.ready.wait(10)

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.main())

    async def main(self):
        self.stopping = asyncio.Event()
        async with websockets.serve(self.echo, "127.0.0.1", 0, max_size=None, subprotocols=["chat"], compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.stopping.wait()

    async def echo(self, peer, path):
        self.paths.append(path)
        try:
            async for message in peer:
                if message == "close 4001":
                    await peer.close(4001, "as asked")
                elif message == "drop":
                    peer.transport.abort()
                elif message == "parts":
                    await peer.send(["a", "b", "c"])
                else:
                    await peer.send(message)
        except websockets.ConnectionClosed:
            pass
        self.codes.append(peer.close_code)

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopping.set)


class Library(site.Site):
    """Two ends of the websockets library with the server between them, plain and over TLS."""

    CERTS = [("local", "localhost")]
    CONF = MAP + """
    server {
        listen @A@;
        listen @B@ ssl;
        ssl_certificate local.crt;
        ssl_certificate_key local.key;
        location / { proxy_pass http://127.0.0.1:@WS@; """ + RECIPE + """ }
    }"""

    @classmethod
    def setUpClass(cls):
        if websockets is None:
            raise unittest.SkipTest("python3-websockets is not installed")
        cls.far = LibraryServer()
        super().setUpClass()

    @classmethod
    def expand(cls, text):
        return super().expand(text.replace("@WS@", str(cls.far.port)))

    @classmethod
    def tearDownClass(cls):
        cls.far.stop()
        super().tearDownClass()

    def each(self, talk, **more):
        """Run a coroutine function with a connection, once plain and once over TLS."""
        async def one(url, context):
            async with websockets.connect(url, ssl=context, max_size=None, compression=None, **more) as peer:
                await asyncio.wait_for(talk(peer), 20 * env.SLOW)

        asyncio.run(one("ws://127.0.0.1:%d/chat?x=1" % self.ports["A"], None))
        asyncio.run(one("wss://127.0.0.1:%d/chat?x=1" % self.ports["B"], client.tls_context()))

    def echoes(self, *messages):
        async def talk(peer):
            for message in messages:
                await peer.send(message)
                self.assertEqual(await peer.recv(), message)

        self.each(talk)

    def test_text(self):
        self.echoes("hello", "", "\u00e9\u4e2d\U0001f600", "x" * 125, "x" * 126, "x" * 65536)
        self.assertEqual(self.far.paths[-1], "/chat?x=1")

    def test_binary(self):
        self.echoes(b"", bytes(range(256)), os.urandom(70000))

    def test_megabyte(self):
        self.echoes(os.urandom(1 << 20), "y" * (1 << 20))

    def test_fragments(self):
        async def talk(peer):
            await peer.send(["one ", "two ", "three"])
            self.assertEqual(await peer.recv(), "one two three")
            await peer.send("parts")
            self.assertEqual(await peer.recv(), "abc")

        self.each(talk)

    def test_ping(self):
        async def talk(peer):
            for _ in range(3):
                await asyncio.wait_for(await peer.ping(b"are you there"), 5)

        self.each(talk)

    def test_subprotocol(self):
        async def talk(peer):
            self.assertEqual(peer.subprotocol, "chat")

        self.each(talk, subprotocols=["chat", "other"])

    def test_close_codes(self):
        async def from_client(peer):
            await peer.close(4002, "bye")

        self.each(from_client)
        self.soon(lambda: self.far.codes[-2:] == [4002, 4002], "the client's close code at the server")

        async def from_server(peer):
            await peer.send("close 4001")
            with self.assertRaises(websockets.ConnectionClosed) as closed:
                await peer.recv()
            self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (4001, "as asked"))

        self.each(from_server)

    def test_abrupt_end_of_the_server(self):
        async def talk(peer):
            await peer.send("drop")
            start = time.monotonic()
            with self.assertRaises(websockets.ConnectionClosed):
                await peer.recv()
            self.assertLess(time.monotonic() - start, 1 * env.SLOW)

        self.each(talk)

    def test_many_at_once(self):
        async def one(number):
            async with websockets.connect("ws://127.0.0.1:%d/" % self.ports["A"], compression=None) as peer:
                for i in range(10):
                    await peer.send("%d %d" % (number, i))
                    self.assertEqual(await peer.recv(), "%d %d" % (number, i))

        async def everybody():
            await asyncio.wait_for(asyncio.gather(*[one(number) for number in range(50)]), 30 * env.SLOW)

        asyncio.run(everybody())


def tunnel_script(request):
    """A 101 and the echo; other answers by target."""
    if request.target == "/greets":
        return [websocket.switching(request) + websocket.frame(b"early bird", mask=False), ("echo",)]
    if request.target == "/late":
        return [("pause", 0.5), websocket.switching(request), ("echo",)]
    if request.target == "/leaves":
        return [websocket.switching(request) + b"last words", ("close",)]
    if request.target == "/resets":
        return [websocket.switching(request), ("pause", 0.2), ("reset",)]
    if request.target == "/silent":
        return [websocket.switching(request), ("pause", 30)]
    if request.target == "/refuses":
        return [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"]
    return [websocket.switching(request), ("echo",)]


class Raw(site.Site):
    """Byte by byte."""

    OURS = True
    CONF = """
    server {
        listen @A@;
        websocket on;
        websocket_idle_timeout 30s;
        location / { proxy_pass http://@UP@; }
        location /idle { proxy_pass http://@UP@; websocket_idle_timeout 1s; proxy_read_timeout 20s; }
        location /short-read { proxy_pass http://@UP@; proxy_read_timeout 1s; }
        location /off { proxy_pass http://@UP@; websocket off; }
        location /only { proxy_pass http://@UP@; websocket only; }
        location /wider { proxy_pass http://@UP@; upgrade_protocols websocket chat/2; }
        location /recipe { proxy_pass http://@UP@; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; websocket off; }
        location /ws-scheme { proxy_pass ws://@UP@; }
    }"""

    def setUp(self):
        super().setUp()
        self.backend.script = tunnel_script

    def open(self, target="/", data=b"", **more):
        sock = self.connect(**more)
        sock.send(websocket.handshake(target) + data)
        self.answer = sock.response()
        return sock

    def test_fields(self):
        self.open("/x?y")
        self.assertEqual(self.answer.status, 101)
        self.assertEqual(self.answer.get("sec-websocket-accept"), websocket.accept("dGhlIHNhbXBsZSBub25jZQ=="))
        self.assertEqual(self.answer.tokens("upgrade"), ["websocket"])
        self.assertEqual(self.answer.tokens("connection"), ["upgrade"])
        request = self.backend.requests[-1]
        self.assertEqual((request.target, request.tokens("upgrade"), request.tokens("connection")), ("/x?y", ["websocket"], ["upgrade"]))

    def test_data_with_the_handshake(self):
        sock = self.open(data=b"at once")
        self.assertEqual(sock.read(7), b"at once")

    def test_data_while_the_handshake_is_answered(self):
        sock = self.open("/late", b"x" * 20000)
        self.assertEqual(sock.read(20000), b"x" * 20000)

    def test_data_with_the_answer(self):
        sock = self.open("/greets")
        self.assertIn(b"early bird", sock.read(12))

    def test_large_data_with_the_handshake(self):
        data = os.urandom(300000)
        sock = self.connect()
        threading.Thread(target=lambda: sock.sock.sendall(websocket.handshake("/") + data), daemon=True).start()
        self.assertEqual(sock.response().status, 101)
        self.assertEqual(sock.read(len(data)), data)

    def test_close_of_the_client(self):
        sock = self.open()
        sock.send(b"bye")
        sock.finish()
        self.assertEqual(sock.read_all(3), b"bye")
        self.soon(lambda: all(record.closed for record in self.backend.records), "the upstream's end", 2)

    def test_abrupt_end_of_the_client(self):
        sock = self.open()
        sock.abort()
        self.soon(lambda: all(record.closed for record in self.backend.records), "the upstream's end", 2)

    def test_close_of_the_upstream(self):
        sock = self.open("/leaves")
        start = time.monotonic()
        self.assertEqual(sock.read_all(3), b"last words")
        self.assertLess(time.monotonic() - start, 1 * env.SLOW)

    def test_abrupt_end_of_the_upstream(self):
        sock = self.open("/resets")
        start = time.monotonic()
        sock.read_all(3)
        self.assertLess(time.monotonic() - start, 1 * env.SLOW)

    def test_ends_release_descriptors(self):
        """Whichever side ends a tunnel, and however, no socket of it stays."""
        pid = self.server.children()[0]

        def sockets():
            count = 0
            for name in os.listdir("/proc/%d/fd" % pid):
                with contextlib.suppress(FileNotFoundError):
                    count += os.readlink("/proc/%d/fd/%s" % (pid, name)).startswith("socket:")
            return count

        before = sockets()
        for target, end in (("/", client.Client.finish), ("/", client.Client.close), ("/", client.Client.abort), ("/leaves", client.Client.finish),
                            ("/leaves", client.Client.close), ("/resets", client.Client.finish)):
            with self.subTest(target=target, end=end.__name__):
                for _ in range(5):
                    sock = self.open(target)
                    end(sock)
                    if end is client.Client.finish:
                        sock.read_all(3)
                        sock.close()
                self.soon(lambda: sockets() <= before, "no sockets of ended tunnels", 2)

    def test_idle_time_out(self):
        sock = self.open("/idle")
        start = time.monotonic()
        sock.read_all(6)
        self.assertTrue(0.7 < time.monotonic() - start < 3 * env.SLOW)

    def test_traffic_keeps_it_open(self):
        sock = self.open("/idle")
        for _ in range(5):
            time.sleep(0.5)
            sock.send(b"x")
            self.assertEqual(sock.read(1), b"x")

    def test_not_ended_by_the_read_time_out(self):
        """An idle tunnel has a time-out of its own, from the moment of the 101."""
        sock = self.open("/short-read")
        time.sleep(1.6)
        sock.send(b"still here")
        self.assertEqual(sock.read(10), b"still here")

    def test_refused_by_the_upstream(self):
        sock = self.open("/refuses")
        self.assertEqual((self.answer.status, self.answer.body), (403, b"no"))
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]
        self.assertEqual(sock.ask("/").status, 200)

    def test_no_tunnel_before_a_valid_101(self):
        """What the client sends early does not reach an upstream that refuses."""
        sock = self.open("/refuses", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(self.answer.status, 403)
        time.sleep(0.2)
        for record in self.backend.records:
            self.assertNotIn(b"/smuggled", record.data.partition(b"\r\n\r\n")[2].partition(b"GET /smuggled")[0] or b"")
            self.assertLessEqual(len(record.requests), 2)
        sock.close()

    def test_off(self):
        self.backend.script = None
        self.backend.script = lambda request: [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"]
        for target in ("/off", "/recipe"):
            self.open(target)
            self.assertEqual(self.answer.status, 200, target)
            self.assertFalse(self.backend.requests[-1].tokens("upgrade"), target)

    def test_only(self):
        self.assertEqual(self.get("/only").status, 426)
        sock = self.open("/only", b"x")
        self.assertEqual(sock.read(1), b"x")

    def test_other_protocol(self):
        def script(request):
            return [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat/2\r\nConnection: Upgrade\r\n\r\n", ("echo",)] if request.tokens("upgrade") else [
                b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage"]

        self.backend.script = script
        for target, status in (("/wider", 101), ("/", 200)):
            sock = self.connect()
            sock.send(b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: chat/2\r\nConnection: Upgrade\r\n\r\n" % target.encode())
            self.assertEqual(sock.response().status, status, target)

    def test_ws_scheme(self):
        sock = self.open("/ws-scheme", b"x")
        self.assertEqual(sock.read(1), b"x")

    def test_back_pressure(self):
        """A client that does not read stops the upstream; nothing piles up between them."""
        before = self.memory()
        stop = threading.Event()
        self.addCleanup(stop.set)
        sent = [0]

        def flood(request):
            yield websocket.switching(request)
            block = b"z" * 65536
            while sent[0] < (64 << 20) and not stop.is_set():
                yield block
                sent[0] += len(block)

        self.backend.script = flood
        sock = self.open("/flood", rcvbuf=65536)
        time.sleep(1)
        first = sent[0]
        time.sleep(0.5)
        self.assertEqual(sent[0], first, "the upstream is still being read")
        self.assertLess(self.memory() - before, 8192 * env.SLOW)
        stop.set()
        sock.close()

    def test_idle_tunnels_cost_no_time(self):
        with contextlib.ExitStack() as held:
            for _ in range(50):
                held.callback(self.open().close)
            before = self.cpu()
            time.sleep(1)
            self.assertLess(self.cpu() - before, 0.05 * env.SLOW)

    def test_half_close(self):
        """The upstream may go on sending after the client's FIN."""
        self.backend.script = lambda request: [websocket.switching(request), ("read", 3), ("pause", 0.3), b"answer after FIN", ("close",)]
        sock = self.open()
        sock.send(b"end")
        sock.sock.shutdown(socket.SHUT_WR)
        self.assertEqual(sock.read_all(5), b"answer after FIN")


if __name__ == "__main__":
    unittest.main()
