# SPDX-License-Identifier: BSD-2-Clause
"""Servers from Apache configuration where they deliberately do other than httpd, for safety, and no differential case shows it.

known.BESIDE names these tests; docs/APACHE.md lists them with their reasons.
"""

import base64
import os
import unittest

from lib import backend, client, env, servers, websocket

TEXT = """
<VirtualHost 127.0.0.1:%(port)d>
    ServerName localhost
    DocumentRoot %(folder)s/html
    <Directory %(folder)s/html>
        Require all granted
    </Directory>
    ProxyPass /ws ws://127.0.0.1:%(backend)d/ws
    ProxyPass /up http://127.0.0.1:%(backend)d/up
</VirtualHost>
<VirtualHost 127.0.0.1:%(port)d>
    ServerName glued.example
    ProxyPass / http://127.0.0.1:%(backend)d
</VirtualHost>
<VirtualHost 127.0.0.1:%(port)d>
    ServerName query.example
    RewriteEngine On
    RewriteRule ^/(.*)$ http://127.0.0.1:%(backend)d/q?r=$1 [P,NE]
</VirtualHost>
<VirtualHost 127.0.0.1:%(port)d>
    ServerName asks.example
    DocumentRoot %(folder)s/html
    <If "-U '/a' || -U '/b' || -F '%(folder)s/html/ht.txt'">
        Header always set X-Asked yes
    </If>
</VirtualHost>
<VirtualHost 127.0.0.1:%(port)d>
    ServerName pages.example
    ErrorDocument 404 /page
    ProxyPass /page http://127.0.0.1:%(backend)d/page
</VirtualHost>
<VirtualHost 127.0.0.1:%(port)d>
    ServerName claims.example
    DocumentRoot %(folder)s/html
    RewriteEngine On
    RewriteCond %%{LA-U:REMOTE_USER} (.+)
    RewriteRule ^ - [E=WHO:%%1]
    Header always set X-Who "%%{WHO}e"
    <Directory %(folder)s/html>
        AuthType Basic
        AuthName a
        AuthUserFile %(folder)s/users
        Require valid-user
    </Directory>
</VirtualHost>
"""

HANDSHAKE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]


def play(request):
    """A backend that does what the last segment of the target says."""
    what = request.target.rpartition("/")[2]
    if what in ("forged", "keyless"):
        accept = b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n" if what == "forged" else b""
        return [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + accept + b"\r\n", ("echo",)]
    if what == "tunnel" and request.tokens("upgrade") == ["websocket"]:
        return [websocket.switching(request), ("echo",)]
    if what == "first" and request is not request.connection.requests[0]:
        return [("close",)]
    return [backend.respond(200, [], b"ok")]


class Safety(unittest.TestCase):
    """One site for all tests."""

    @classmethod
    def setUpClass(cls):
        cls.backend = backend.Backend(play)
        cls.port = env.free_port()
        cls.server = servers.Wsrpd()
        for name in (".htaccess", ".htpasswd", ".HTold", "ht.txt"):
            env.write(os.path.join(cls.server.folder, "html", name), "secret\n")
        env.write(os.path.join(cls.server.folder, "users"), "user:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n")
        try:
            cls.server.start(TEXT % {"port": cls.port, "folder": cls.server.folder, "backend": cls.backend.port}, [("127.0.0.1", cls.port)])
        except Exception:
            cls.backend.stop()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.backend.stop()
        cls.server.stop()

    def get(self, target, **more):
        return client.get(("127.0.0.1", self.port), target, **more)

    def test_a_section_that_asks_about_itself_ends(self):
        """Every subrequest asks three more: they are counted."""
        for target in ("/ht.txt", "/a", "/none/x"):
            answer = self.get(target, host="asks.example")
            self.assertIn(answer.status, (200, 404))
            self.assertEqual(answer.get("X-Asked"), "yes")

    def test_a_claimed_name_is_nobody_s(self):
        for password, status, who in (("pass", 200, "user"), ("wrong", 401, "(null)")):
            claim = base64.b64encode(b"user:" + password.encode()).decode()
            answer = self.get("/ht.txt", host="claims.example", fields=[("Authorization", "Basic " + claim)])
            self.assertEqual((answer.status, answer.get("X-Who")), (status, who))

    def connect(self):
        made = client.Client(("127.0.0.1", self.port))
        self.addCleanup(made.close)
        return made

    def test_a_101_without_the_right_key_opens_no_tunnel(self):
        self.assertEqual(self.connect().ask("/ws/tunnel", fields=HANDSHAKE).status, 101)
        for target in ("/ws/forged", "/ws/keyless"):
            self.assertEqual(self.connect().ask(target, fields=HANDSHAKE).status, 502, target)

    def test_only_get_opens_a_tunnel(self):
        for method in ("POST", "PUT", "FOO"):
            answer = self.connect().ask("/ws/tunnel", method=method, fields=HANDSHAKE)
            self.assertEqual((answer.status, answer.body), (200, b"ok"), method)
            self.assertEqual(self.backend.requests[-1].tokens("upgrade"), [], method)

    def test_http_1_0_opens_no_tunnel(self):
        c = self.connect()
        c.send(client.request("/ws/tunnel", fields=HANDSHAKE, version="1.0"))
        answer = c.response("GET", 3)
        self.assertEqual((answer.status, answer.body), (200, b"ok"))
        self.assertEqual(self.backend.requests[-1].tokens("upgrade"), [])

    def test_a_path_never_becomes_a_part_of_the_host(self):
        self.assertEqual(self.get("/", host="glued.example").status, 200)
        self.backend.mark()
        for target in ("/@127.0.0.1:1/x", "/.example.org/x", "/1/x", "/:1/x"):
            answer = self.get(target, host="glued.example")
            self.assertGreaterEqual(answer.status, 400, target)
        self.assertEqual(self.backend.requests, [])

    def test_a_hash_is_sent_encoded(self):
        self.assertEqual(self.get("/a%23b", host="query.example").status, 200)
        self.assertEqual(self.backend.requests[-1].target, "/q?r=a%23b")

    def test_the_body_of_a_failed_request_goes_nowhere(self):
        for method, body, said in (("PUT", b"abcd", b"ok"), ("HEAD", b"", b"")):
            c = self.connect()
            answer = c.ask("/none", method, [("Connection", "close")], body, host="pages.example")
            self.assertEqual((answer.status, answer.body + c.read_all(3)), (200, said))  # the page's own status, as in httpd
            got = self.backend.requests[-1]
            self.assertEqual((got.method, got.target, got.body, got.get("content-length")), ("GET", "/page", b"", None))

    def test_a_connection_that_went_stale_is_replaced_once(self):
        c = self.connect()
        self.assertEqual(c.ask("/up/first").status, 200)
        self.assertEqual(c.ask("/up/first").status, 200)
        self.assertEqual(len({id(request.connection) for request in self.backend.requests[-2:]}), 2)

    def test_ambiguous_requests_are_refused(self):
        self.backend.mark()
        for fields in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"X-A: 1\nX-B: 2\r\n", b"X-A: 1\r\n folded\r\n", b"X A: 1\r\n", b"Transfer-Encoding: gzip\r\n"):
            c = self.connect()
            c.send(b"POST /up/x HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n0\r\n\r\n")
            self.assertIn(c.response("POST", 3).status, (400, 501), fields)
            c.read_all(3)  # ends: the connection is closed
        self.assertEqual(self.backend.requests, [])

    def test_access_files_are_not_sent(self):
        for name in (".htaccess", ".htpasswd", ".HTold"):
            self.assertEqual(self.get("/" + name).status, 403, name)
        self.assertEqual(self.get("/ht.txt").body, b"secret\n")


if __name__ == "__main__":
    unittest.main()
