# SPDX-License-Identifier: BSD-2-Clause
"""Servers from Apache configuration, end to end: what a failing, slow or missing backend leads to, balancers with sessions, which answers close, tunnels.

What is expected is what httpd 2.4.71 does with the same text.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

from directives import pki
from lib import backend, client, env, servers, websocket

TEXT = """
<VirtualHost 127.0.0.1:%(port)d>
    ServerName localhost
    Timeout 5
    ProxyTimeout 1
    SSLProxyEngine On
    ProxyPass /dead http://127.0.0.1:%(dead)d/
    ProxyPass /later http://127.0.0.1:%(later)d/ retry=1
    ProxyPass /tls https://127.0.0.1:%(one)d/
    ProxyPass /patient http://127.0.0.1:%(one)d/patient timeout=4
    <Location /own>
        ProxyPass http://127.0.0.1:%(one)d/own
        ProxyErrorOverride On 404 503
        ErrorDocument 404 "own page"
    </Location>
    ProxyPass /even/ balancer://even/
    ProxyPass /spare/ balancer://spare/
    ProxyPass /session/ balancer://session/ stickysession=SID nofailover=On
    ProxyPass /traffic/ balancer://traffic/ lbmethod=bytraffic
    ProxyPass /ws ws://127.0.0.1:%(one)d/ws
    ProxyPass / http://127.0.0.1:%(one)d/
    <Proxy balancer://even>
        BalancerMember http://127.0.0.1:%(one)d loadfactor=2
        BalancerMember http://127.0.0.1:%(two)d
    </Proxy>
    <Proxy balancer://spare>
        BalancerMember http://127.0.0.1:%(dead)d
        BalancerMember http://127.0.0.1:%(two)d status=+H
    </Proxy>
    <Proxy balancer://session>
        BalancerMember http://127.0.0.1:%(dead)d route=gone
        BalancerMember http://127.0.0.1:%(two)d route=two
    </Proxy>
    <Proxy balancer://traffic>
        BalancerMember http://127.0.0.1:%(one)d
        BalancerMember http://127.0.0.1:%(two)d
    </Proxy>
</VirtualHost>
"""

HANDSHAKE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]


def script(name):
    """A backend that does what the last segment of the target says."""
    def play(request):
        what = request.target.partition("?")[0].rpartition("/")[2]
        if what == "close":
            return [("close",)]
        if what == "tunnel":
            return [websocket.switching(request), ("echo",)]
        if what == "slow":
            return [("pause", 2.0), backend.respond(200, [], b"slow")]
        if what == "large":
            return [backend.respond(200, [("X-From", name)], b"x" * 50000)]
        if what == "fields":
            return [backend.respond(200, [("X-A", "a" * 7000), ("X-B", "b" * 7000)], b"ok")]
        if what.isdigit():
            return [backend.respond(int(what), [], b"status")]
        return [backend.respond(200, [("X-From", name), ("X-Host", request.get("host"))], b"ok")]
    return play


class Apache(unittest.TestCase):
    """One site for all tests; those that mark a backend as failed use one that nobody else asks."""

    @classmethod
    def setUpClass(cls):
        cls.one, cls.two = backend.Backend(script("one")), backend.Backend(script("two"))
        cls.port, cls.dead, cls.later = env.free_port(), env.free_port(), env.free_port()
        cls.server = servers.Wsrpd()
        text = TEXT % {"port": cls.port, "dead": cls.dead, "later": cls.later, "one": cls.one.port, "two": cls.two.port}
        try:
            cls.server.start(text, [("127.0.0.1", cls.port)])
        except Exception:
            cls.one.stop()
            cls.two.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.one.stop()
        cls.two.stop()
        cls.server.stop()

    def connect(self):
        made = client.Client(("127.0.0.1", self.port))
        self.addCleanup(made.close)
        return made

    def get(self, target, **more):
        return client.get(("127.0.0.1", self.port), target, **more)

    def test_dead_backend_is_503_and_closes(self):
        c = self.connect()
        answer = c.ask("/dead/x")
        self.assertEqual((answer.status, answer.get("connection")), (503, "close"))
        self.assertEqual(c.read_all(2), b"")

    def test_backend_is_asked_again_after_retry(self):
        self.assertEqual(self.get("/later/x").status, 503)
        late = backend.Backend(script("late"), port=self.later)
        self.addCleanup(late.stop)
        self.assertEqual(self.get("/later/x").status, 503)  # still marked
        time.sleep(1.3)
        self.assertEqual(self.get("/later/x").status, 200)

    def test_failed_handshake_is_500(self):
        self.assertEqual(self.get("/tls/x").status, 500)

    def test_time_out_is_502_and_marks_nobody(self):
        begin = time.monotonic()
        self.assertEqual(self.get("/slow").status, 502)
        self.assertLess(time.monotonic() - begin, 1.9)
        self.assertEqual(self.get("/x").status, 200)
        self.assertEqual(self.get("/patient/slow").body, b"slow")

    def test_silent_backend(self):
        self.assertEqual(self.get("/close").status, 502)
        c = self.connect()
        self.assertEqual(c.ask("/x").status, 200)
        c.send(client.request("/close"))
        self.assertEqual(c.read_all(3), b"")  # the client is to try again

    def test_statuses_that_close(self):
        for status, closes in ((400, True), (404, False), (408, True), (500, True), (502, False), (503, True), (504, False)):
            with self.subTest(status=status):
                answer = self.connect().ask("/%d" % status)
                self.assertEqual((answer.status, answer.get("connection") == "close"), (status, closes))

    def test_error_override(self):
        self.assertEqual(self.get("/own/404").body, b"own page")
        self.assertNotEqual(self.get("/own/503").body, b"status")
        self.assertEqual(self.get("/own/500").body, b"status")

    def test_weights_and_host_of_members(self):
        answers = [self.get("/even/x") for _ in range(6)]
        self.assertEqual([a.get("x-from") for a in answers], ["one", "two", "one"] * 2)
        self.assertEqual({a.get("x-host") for a in answers}, {"127.0.0.1:%d" % self.one.port, "127.0.0.1:%d" % self.two.port})

    def test_hot_standby(self):
        self.assertEqual([self.get("/spare/x").get("x-from") for _ in range(3)], ["two"] * 3)

    def test_sessions(self):
        two = [("Cookie", "a=b; SID=x.two")]
        self.assertEqual([self.get("/session/x", fields=two).get("x-from") for _ in range(3)], ["two"] * 3)
        self.assertEqual(self.get("/session/x", fields=[("Cookie", "SID=x.gone")]).status, 503)
        self.assertEqual(self.get("/session/x").get("x-from"), "two")

    def test_large_head(self):
        self.assertEqual(len(self.get("/fields").get("x-b")), 7000)

    def test_traffic(self):
        first = self.get("/traffic/large").get("x-from")
        self.assertEqual({self.get("/traffic/x").get("x-from") for _ in range(4)}, {"one", "two"} - {first})

    def test_refused_handshake_is_an_ordinary_answer(self):
        c = self.connect()
        answer = c.ask("/ws/echo", fields=HANDSHAKE)
        self.assertEqual(answer.status, 200)
        self.assertEqual(c.ask("/x").status, 200)


SECURE = """
%s
<VirtualHost 127.0.0.1:%d>
    ServerName localhost
    SSLEngine On
    SSLCertificateFile ec.crt
    SSLCertificateKeyFile %s
    %s
    Redirect / https://e.example/
</VirtualHost>
"""


class Alone(unittest.TestCase):
    """Rows whose effect shows over several starts, at the end of the daemon, or in no answer at all: each test has daemons of its own."""

    def start(self, text, port, folder=None):
        server = servers.Wsrpd(folder)
        self.addCleanup(server.stop)
        server.start(text, [("127.0.0.1", port)])
        return server

    def secure(self, host="", main="", key="ec.key"):
        """A folder with certificates, the text and its port."""
        folder, port = env.scratch("wsrp-apache"), env.free_port()
        pki.make(folder)
        return folder, SECURE % (main, port, key, host), port

    def resumed(self, folder, text, port):
        """Is a session taken up again by a daemon that was started after it was made?"""
        session, context = None, client.tls_context(maximum=ssl.TLSVersion.TLSv1_2)
        for _ in range(2):
            server = self.start(text, port, folder)
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                again, session = sock.session_reused, sock.session
            server.stop()
        return again

    def test_tickets_of_an_earlier_daemon(self):
        folder, text, port = self.secure("SSLSessionTicketKeyFile tickets.key")
        env.write(os.path.join(folder, "tickets.key"), bytes(range(48)))
        self.assertTrue(self.resumed(folder, text, port))
        self.assertFalse(self.resumed(folder, text.replace("SSLSessionTicketKeyFile tickets.key", ""), port))

    def test_a_reload_reads_folders_again(self):
        folder, text, port = self.secure("SSLVerifyClient require\n    SSLCACertificatePath cas\n    SSLCARevocationCheck chain\n    SSLCARevocationPath crls")
        for name, file in (("cas", "root.crt"), ("crls", "empty.crl")):
            os.mkdir(os.path.join(folder, name))
            shutil.copy(os.path.join(folder, file), os.path.join(folder, name, "one.pem"))
            pki.openssl(folder, "rehash", name)
        server = self.start(text, port, folder)

        def let_in():
            context = client.tls_context(maximum=ssl.TLSVersion.TLSv1_2)
            context.load_cert_chain(os.path.join(folder, "direct.crt"), os.path.join(folder, "direct.key"))
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain):
                    return True
            except ssl.SSLError:
                return False

        self.assertTrue(let_in())
        shutil.copy(os.path.join(folder, "revoked.crl"), os.path.join(folder, "crls", "one.pem"))
        self.assertTrue(let_in())
        self.assertEqual(server.control("reload").returncode, 0)
        self.assertFalse(let_in())
        shutil.rmtree(os.path.join(folder, "crls"))
        self.assertIn(b"crls", server.control("reload").stderr)
        self.assertFalse(let_in())

    def test_nobody_is_asked_for_a_phrase(self):
        folder, text, port = self.secure(main="SSLPassPhraseDialog builtin", key="locked.key")
        with self.assertRaises(servers.StartFailure):
            self.start(text, port, folder)
        self.start(text.replace("locked.key", "ec.key"), port, folder)

    def test_end_of_a_daemon_with_an_open_tunnel(self):
        """GracefulShutdownTimeout 1: the tunnel holds the daemon for that long."""
        for line, ends in (("GracefulShutdownTimeout 1", True), ("", False)):
            port = env.free_port()
            with backend.Backend(script("one")) as one:
                server = self.start("%s\n<VirtualHost 127.0.0.1:%d>\nProxyPass / ws://127.0.0.1:%d/\n</VirtualHost>\n" % (line, port, one.port), port)
                link = client.Client(("127.0.0.1", port))
                self.addCleanup(link.close)
                self.assertEqual(link.ask("/tunnel", fields=HANDSHAKE).status, 101)
                server.kill(signal.SIGQUIT)
                try:
                    server.process.wait(3 * env.SLOW)
                    ended = True
                except subprocess.TimeoutExpired:
                    ended = False
                self.assertEqual(ended, ends, line)


if __name__ == "__main__":
    unittest.main()
