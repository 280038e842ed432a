# SPDX-License-Identifier: BSD-2-Clause
"""tools/quickstart.sh: serves the page and the echo, says so, refuses a taken port, and leaves nothing running."""

import os
import re
import signal
import socket
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request

from lib import env, processes, servers, websocket

SCRIPT = os.path.join(env.TOP, "tools", "quickstart.sh")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Quickstart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        cls.https, cls.http, cls.echo = env.free_port(), env.free_port(), env.free_port()
        cls.folder = env.scratch("quickstart")
        cls.environ = dict(os.environ, QUICKSTART_DIR=cls.folder, QUICKSTART_HTTPS_PORT=str(cls.https), QUICKSTART_HTTP_PORT=str(cls.http),
                           QUICKSTART_ECHO_PORT=str(cls.echo))
        cls.log = os.path.join(cls.folder, "out")
        with open(cls.log, "wb") as out:
            cls.process = subprocess.Popen([SCRIPT, env.BUILD], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=cls.environ,
                                           process_group=0)
        try:
            env.wait_until(lambda: cls.process.poll() is not None or "Stop with" in env.read(cls.log), 60, "quickstart")
        except TimeoutError:
            cls.stop()
            raise
        if cls.process.poll() is not None:
            raise AssertionError("quickstart ended:\n" + env.read(cls.log))

    @classmethod
    def stop(cls):
        return processes.end(cls.process, signal.SIGTERM, 20 * env.SLOW)

    @classmethod
    def tearDownClass(cls):
        problem = cls.stop()
        if problem:
            raise AssertionError("quickstart " + problem)

    def get(self, url):
        trusted = ssl.create_default_context(cafile=os.path.join(self.folder, "localhost.crt"))
        opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=trusted))
        try:
            answer = opener.open(url, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read().decode()

    def test_says_where(self):
        text = env.read(self.log)
        self.assertIn("https://localhost:%d/" % self.https, text)
        self.assertIn("http://localhost:%d/" % self.http, text)
        self.assertIn("kill %d" % self.process.pid, text)

    def test_redirect(self):
        status, headers, _ = self.get("http://localhost:%d/a/b?c" % self.http)
        self.assertEqual((status, headers["Location"]), (301, "https://localhost:%d/a/b?c" % self.https))

    def test_page(self):
        for name in ("localhost", "127.0.0.1"):
            status, headers, text = self.get("https://%s:%d/" % (name, self.https))
            self.assertEqual((status, headers["Content-Type"]), (200, "text/html"))
            for element in ("url", "connect", "message", "send", "log", "protocol", "rule", "state"):
                self.assertIn('id="%s"' % element, text)
        for link in re.findall(r'(?:src|href)="([a-z.]+\.(?:js|css|svg))"', text):
            status, headers, _ = self.get("https://localhost:%d/%s" % (self.https, link))
            self.assertEqual(status, 200, link)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_echo(self):
        status, _, text = self.get("https://localhost:%d/echo/some/path?x=1" % self.https)
        self.assertEqual(status, 200)
        self.assertTrue(text.startswith("GET /some/path?x=1 HTTP/1.1\r\n"), text)
        self.assertRegex(text, r"(?mi)^x-wsrp-rule: quickstart\.conf:\d+\r$")
        status, headers, _ = self.get("https://localhost:%d/old/x" % self.https)
        self.assertEqual((status, headers["Location"].rpartition("/echo/")[2]), (302, "x"))

    def test_websocket(self):
        self.assertEqual(self.get("https://localhost:%d/ws" % self.https)[0], 426)
        trusted = ssl.create_default_context(cafile=os.path.join(self.folder, "localhost.crt"))
        with socket.create_connection(("127.0.0.1", self.https), 10 * env.SLOW) as plain, \
                trusted.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(websocket.handshake(fields=[("Sec-WebSocket-Protocol", "echo.v1, chat")]) + websocket.frame(b"?head")
                        + websocket.frame(b"last"))
            got = b""
            while not got.endswith(b"last"):
                part = tls.recv(65536)
                self.assertTrue(part, got)
                got += part
        head, _, rest = got.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        self.assertIn(b"sec-websocket-protocol: echo.v1", head.lower())
        self.assertRegex(rest, rb"(?i)x-wsrp-rule: quickstart\.conf:\d+\r\n")

    def test_taken_port(self):
        done = subprocess.run([SCRIPT, env.BUILD], capture_output=True, text=True, timeout=120, check=False, env=self.environ)
        self.assertEqual(done.returncode, 1)
        self.assertIn("port %d is taken" % self.https, done.stderr)


if __name__ == "__main__":
    unittest.main()
