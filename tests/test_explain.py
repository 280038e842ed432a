# SPDX-License-Identifier: BSD-2-Clause
"""`wsrpc explain`: which rule answers and why, in both forms of output; what it says of an upstream's request and of answers is what wsrpd does."""

import json
import os
import re
import unittest

from lib import backend, client, env, servers

CONF = """events { }
http {
    access_log off;
    upstream group { server BACKEND; server BACKEND; }
    map $http_x_kind $kind { default none; ~^a alpha; }
    server {
        listen 127.0.0.1:PORT;
        listen 127.0.0.1:PORT2 ssl;
        ssl_certificate ec.crt; ssl_certificate_key ec.key;
        server_name exact.example;
        root www;
        location / { index index.html; }
        location = /exact { return 200 exact; }
        location ^~ /strong/ { proxy_pass http://group; }
        location /proxy/ { proxy_pass http://BACKEND/base/; proxy_set_header X-Host $host; proxy_set_header X-Kind $kind; add_header X-Added one always; }
        location ~ \\.re$ { return 403; }
        location /chat { proxy_pass http://BACKEND; websocket on; }
        rewrite ^/old/(.*)$ /proxy/$1 last;
        location /inner { rewrite ^/inner/(.*)$ /sub/$1 break; return 302 /never; }
        redirect 308 /moved /proxy;
        location /refused { deny all; }
        location /named { try_files /absent @named; }
        location @named { return 200 named; }
        location /gone { return 301 https://$host/new$request_uri; }
        location /plain { proxy_pass http://BACKEND; }
        location /closed { return 444; }
        error_page 410 =200 /exact;
        location /page { return 410; }
    }
    server { listen 127.0.0.1:PORT; server_name *.wild.example; return 200 wild; }
    server { listen 127.0.0.1:PORT; server_name www.*; return 200 www; }
    server { listen 127.0.0.1:PORT; server_name ~^r\\d+\\.example$; return 204; }
}
"""


def line_of(text):
    """site.conf:N of the first line of CONF that contains a text."""
    return "site.conf:%d" % (CONF[:CONF.index(text)].count("\n") + 1)


class Explain(unittest.TestCase):
    """One table, explained and served."""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        cls.backend = backend.Backend()
        cls.server = servers.Wsrpd()
        cls.port, cls.tls_port = env.free_port(), env.free_port()
        env.certificate(cls.server.folder, "ec", ["exact.example"])
        cls.server.file("www/index.html", "the index\n")
        cls.server.file("www/there.txt", "there\n")
        cls.server.file("www/sub/x", "below\n")
        cls.place = "127.0.0.1:%d" % cls.backend.port
        text = CONF.replace("PORT2", str(cls.tls_port)).replace("PORT", str(cls.port)).replace("BACKEND", cls.place)
        cls.server.start(text, [("127.0.0.1", cls.port)])

    @classmethod
    def tearDownClass(cls):
        cls.backend.stop()
        cls.server.stop()

    def url(self, target="/", host="exact.example", scheme="http"):
        return "%s://%s:%d%s" % (scheme, host, self.tls_port if scheme in ("https", "wss") else self.port, target)

    def explain(self, url, *options, status=0):
        done = self.server.explain(url, *options)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stdout.decode() if status == 0 else done.stderr.decode()

    def json(self, target="/", *options, host="exact.example", scheme="http"):
        return json.loads(self.explain(self.url(target, host, scheme), "--json", *options))

    def decided(self, target, *options, host="exact.example", **wanted):
        found = self.json(target, *options, host=host)
        self.assertEqual({name: found.get(name) for name in wanted}, wanted, target)
        return found

    def what(self, found):
        return [step["what"] for step in found["steps"]]

    # --- listener, server, location

    def test_listener(self):
        self.assertEqual(self.json("/")["listener"], "127.0.0.1:%d" % self.port)
        self.assertEqual(self.json("/", scheme="https")["listener"], "127.0.0.1:%d" % self.tls_port)
        self.assertEqual(self.json("/", "--listen", "127.0.0.1:%d" % self.tls_port)["listener"], "127.0.0.1:%d" % self.tls_port)

    def test_server(self):
        first = line_of("    server {\n")
        for host, name, rule, why in (
                ("exact.example", "exact.example", first, "server by name"), ("EXACT.example", "exact.example", first, "server by name"),
                ("a.b.wild.example", "*.wild.example", line_of("*.wild"), "server by leading wildcard"), ("www.x", "www.*", line_of("www.*"), "server by trailing wildcard"),
                ("r12.example", "~^r\\d+\\.example$", line_of("~^r"), "server by expression"), ("other.example", "exact.example", first, "default server")):
            found = self.decided("/exact", host=host, server=name, server_rule=rule)
            self.assertEqual(found["steps"][0]["what"], why, host)

    def test_host_field_wins(self):
        self.decided("/", "-H", "Host: a.wild.example", server="*.wild.example")

    def test_locations(self):
        for target, location, place, why in (
                ("/there.txt", "prefix /", "location / {", "longest prefix"), ("/exact", "exact /exact", "location = /exact", "chosen"),
                ("/strong/x.re", "prefix /strong/", "location ^~", "longest prefix, expressions are not tried"),
                ("/proxy/x.re", "regex \\.re$", "location ~ ", "longest prefix"), ("/proxy/x", "prefix /proxy/", "location /proxy/", "longest prefix"),
                ("/named", "named @named", "location @named", "longest prefix")):
            found = self.decided(target, location=location, location_rule=line_of(place))
            self.assertIn(why, self.what(found), target)
        self.decided("/", host="a.wild.example", location="the server itself", decision="answer", status=200)

    # --- decisions

    def test_rewrite(self):
        found = self.decided("/old/x?q=1", location="prefix /proxy/", decision="proxy")
        self.assertEqual([step for step in found["steps"] if step["what"] == "rewritten"],
                         [{"rule": line_of("rewrite ^/old"), "what": "rewritten", "detail": "/proxy/x"}])
        self.assertEqual(found["upstream"]["target"], "/base/x?q=1")
        self.decided("/inner/x", location="prefix /inner", decision="file", file="www/sub/x")

    def test_answers(self):
        self.decided("/exact", decision="answer", status=200, rule=line_of("location = /exact"))
        self.decided("/refused", decision="answer", status=403)
        self.decided("/closed", decision="close")
        self.decided("/page", decision="answer", status=200)
        found = self.decided("/gone?a=b", decision="answer", status=301)
        self.assertIn(["Location", "https://exact.example/new/gone?a=b"], found["response_headers"])
        found = self.decided("/moved/z?q", decision="answer", status=308, rule=line_of("redirect 308"))
        self.assertIn(["Location", self.url("/proxy/z?q")], found["response_headers"])

    def test_files(self):
        self.decided("/there.txt", decision="file", file="www/there.txt", status=200)
        self.decided("/", decision="file", file="www/index.html", status=200)
        self.decided("/absent.txt", decision="answer", status=404)
        found = self.decided("/sub", decision="answer", status=301)
        self.assertIn(["Location", self.url("/sub/")], found["response_headers"])
        folder = env.scratch()
        env.write(os.path.join(folder, "www/elsewhere.txt"), "x")
        self.decided("/elsewhere.txt", decision="answer", status=404)
        self.decided("/elsewhere.txt", "-p", folder, decision="file")

    def test_upstream(self):
        found = self.decided("/proxy/a%20b", "-H", "X-Kind: abc", "-X", "DELETE", decision="proxy")["upstream"]
        self.assertEqual((found["address"], found["method"], found["target"], found["version"]), ("http://" + self.place, "DELETE", "/base/a%20b", "HTTP/1.1"))
        self.assertIn(["X-Host", "exact.example"], found["headers"])
        self.assertIn(["X-Kind", "alpha"], found["headers"])
        self.assertEqual(self.decided("/strong/x")["upstream"]["address"], "http://group")

    def test_websocket(self):
        found = self.json("/chat", scheme="wss")
        self.assertEqual((found["decision"], found["status"]), ("tunnel", 101))
        self.assertIn(["Upgrade", "websocket"], found["upstream"]["headers"])
        self.assertEqual(self.json("/plain", scheme="wss")["decision"], "proxy")
        self.assertEqual(self.json("/chat")["decision"], "proxy")

    def test_response_of_the_upstream(self):
        answer = ("--upstream-status", "302", "--upstream-header", "Location: http://%s/base/z" % self.place, "--upstream-header", "X-Powered-By: it")
        fields = self.decided("/proxy/x", *answer, status=302)["response_headers"]
        self.assertIn(["Location", self.url("/proxy/z")], fields)
        self.assertIn(["X-Added", "one"], fields)
        self.assertIn(["X-Powered-By", "it"], fields)
        self.assertNotIn(["X-Added", "one"], self.decided("/plain", *answer, status=302)["response_headers"])

    def test_other_client(self):
        self.assertIn(["X-Host", "exact.example"], self.json("/proxy/x", "--client", "10.1.2.3")["upstream"]["headers"])
        found = self.json("/plain", "--body-length", "12", "-X", "POST")["upstream"]["headers"]
        self.assertIn(["Content-Length", "12"], found)
        self.decided("/plain", "--body-length", "2000000", "-X", "POST", status=413)

    # --- text, and what is refused

    def test_text(self):
        out = self.explain(self.url("/old/x"))
        for line in ("request   GET " + self.url("/old/x"), "listener  127.0.0.1:%d  (%s)" % (self.port, line_of("listen 127")),
                     'server    "exact.example"  (%s)' % line_of("    server {\n"), "location  prefix /proxy/  (%s)" % line_of("location /proxy/"),
                     "decision  proxy to http://" + self.place, "rule      " + line_of("location /proxy/"), "upstream request", "    GET /base/x HTTP/1.1",
                     "    X-Host: exact.example", "answer, if the upstream says 200", "    X-Added: one"):
            self.assertIn(line + "\n", out)
        self.assertRegex(out, r"(?m)^ +\d+\. %s +rewritten: /proxy/x$" % re.escape(line_of("rewrite ^/old")))
        self.assertIn("decision  answer 308, Location: %s\n" % self.url("/proxy"), self.explain(self.url("/moved")))
        self.assertIn("a verified 101 opens a tunnel", self.explain(self.url("/chat", scheme="wss")))
        self.assertIn("decision  file www/there.txt\n", self.explain(self.url("/there.txt")))
        self.assertIn("decision  close without an answer\n", self.explain(self.url("/closed")))

    def test_refused(self):
        self.assertIn("refused with 400", self.explain(self.url("/"), "-H", "Bad Name: x", status=1))
        self.assertIn("refused with 400", self.explain(self.url("/"), "-H", "Host: a", "-H", "Host: b", status=1))
        said = self.explain("http://exact.example:1/", status=1)
        self.assertIn("nobody listens", said)
        self.assertIn("127.0.0.1:%d (TLS)" % self.tls_port, said)
        self.assertIn("nobody listens", self.explain(self.url("/"), "--listen", "127.0.0.1:1", status=1))

    def test_usage(self):
        for arguments in (["explain"], ["explain", self.server.table], ["explain", self.server.table, "ftp://x/"], ["explain", self.server.table + ".none", self.url("/")],
                          ["explain", self.server.table, self.url("/"), "--no-such"], ["explain", self.server.table, self.url("/"), "--upstream-status", "9"],
                          ["explain", self.server.table, self.url("/"), "-H", "no colon"]):
            done = env.run([env.WSRPC, *arguments])
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)
            self.assertTrue(done.stderr, arguments)
        self.assertEqual(env.run([env.WSRPC, "explain", "--help"]).returncode, 0)

    # --- the daemon does the same

    def test_upstream_request_as_sent(self):
        """The head in explain's words is the head that the backend got."""
        for target, method, fields, body in (
                ("/proxy/a/../b%41?x=%20", "GET", [], b""), ("/old/x?q", "GET", [("X-Kind", "a"), ("Accept", "*/*"), ("Cookie", "a=b; c=d")], b""),
                ("/plain//x/./y", "POST", [("Content-Type", "text/plain"), ("X-Forwarded-For", "10.0.0.1")], b"twelve bytes"),
                ("/strong/x", "HEAD", [("User-Agent", "some/1")], b""), ("/chat", "GET", [("Upgrade", "h2c"), ("Connection", "Upgrade")], b""),
                ("/plain", "DELETE", [("TE", "trailers"), ("Connection", "te, x-hop"), ("X-Hop", "1")], b"")):
            options = ["-X", method] + [part for name, value in fields for part in ("-H", "%s: %s" % (name, value))]
            options += ["--body-length", str(len(body))] if body else []
            with self.subTest(target=target):
                told = self.json(target, *options)["upstream"]
                self.backend.clear()
                with client.Client(("127.0.0.1", self.port)) as link:
                    link.ask(target, method, fields, body, host="exact.example:%d" % self.port)
                got = self.backend.requests[-1]
                self.assertEqual((told["method"], told["target"], told["version"]), (got.method, got.target, "HTTP/1.%d" % got.minor))
                self.assertEqual([tuple(pair) for pair in told["headers"]], got.fields)

    def test_answers_as_sent(self):
        """Our own answers: status and fields, but for those of the connection and the clock."""
        for target, host in (("/exact", "exact.example"), ("/moved/x", "exact.example"), ("/refused", "exact.example"), ("/absent", "exact.example"), ("/sub", "exact.example"),
                             ("/gone", "exact.example"), ("/page", "exact.example"), ("/named", "exact.example"), ("/", "r1.example"), ("/", "a.wild.example")):
            with self.subTest(target=target, host=host):
                told = self.json(target, host=host)
                with client.Client(("127.0.0.1", self.port)) as link:
                    got = link.ask(target, host="%s:%d" % (host, self.port))
                self.assertEqual(told["status"], got.status)
                known = [pair for pair in got.fields if pair[0] not in ("Date", "Connection", "Keep-Alive")]
                self.assertEqual([tuple(pair) for pair in told["response_headers"]], known)


APACHE = """<VirtualHost *:PORT>
    ServerName first.example
    ProxyPass /ws ws://BACKEND/socket
    ProxyPass / http://BACKEND/
    ProxyErrorOverride On
    ErrorDocument 404 "not here"
    <Location /inner>
        Require all denied
    </Location>
    <Location /login>
        AuthType Basic
        AuthName n
        AuthUserFile users
        Require valid-user
    </Location>
    <Location /moved>
        Redirect 308 http://e.example/
    </Location>
</VirtualHost>
<VirtualHost *:PORT>
    ServerName second.example
    RewriteEngine On
    RewriteRule ^/gone - [G]
    RewriteRule ^/(.*)$ http://BACKEND/second/$1 [P]
</VirtualHost>
<VirtualHost *:PORT2>
    ServerName first.example
    SSLEngine On
    SSLCertificateFile ec.crt
    SSLCertificateKeyFile ec.key
    Redirect / http://first.example/
</VirtualHost>
<VirtualHost *:PORT2>
    ServerName certified.example
    SSLEngine On
    SSLCertificateFile ec.crt
    SSLCertificateKeyFile ec.key
    SSLVerifyClient require
    SSLCACertificateFile ec.crt
    Redirect / http://second.example/
</VirtualHost>
"""


class ExplainApache(unittest.TestCase):
    """The line of Apache's text that decides. (What it says of whole requests is compared in tests/differential/httpd.)"""

    @classmethod
    def setUpClass(cls):
        servers.require(servers.Wsrpd)
        cls.server = servers.Wsrpd()
        env.certificate(cls.server.folder, "ec", ["first.example", "certified.example"])
        cls.server.file("users", "ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
        cls.server.table = cls.server.compile(APACHE.replace("PORT2", "8443").replace("PORT", "8080").replace("BACKEND", "127.0.0.1:9"))

    def said(self, url, *options):
        done = self.server.explain(url, "--json", *options)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return json.loads(done.stdout)

    def decided(self, url, line, decision, status, *options):
        found = self.said(url, *options)
        place = "site.conf:%d" % (APACHE[:APACHE.index(line)].count("\n") + 1)
        self.assertEqual((found["rule"], found["decision"], found["status"]), (place, decision, status), url)
        return found

    def test_lines(self):
        self.decided("http://first.example:8080/a", "ProxyPass / ", "proxy", 200)
        self.decided("ws://first.example:8080/ws/a", "ProxyPass /ws", "tunnel", 101)
        self.decided("http://first.example:8080/inner/a", "Require all denied", "answer", 403)
        self.decided("http://first.example:8080/moved", "Redirect 308", "answer", 308)
        self.decided("http://second.example:8080/gone", "RewriteRule ^/gone", "answer", 410)
        self.assertEqual(self.decided("http://second.example:8080/a?b", "RewriteRule ^/(", "proxy", 200)["upstream"]["target"], "/second/a?b")

    def test_password(self):
        self.decided("http://first.example:8080/login", "Require valid-user", "answer", 401)
        self.decided("http://first.example:8080/login", "Require valid-user", "answer", 401, "-H", "Authorization: Basic YW5uOndyb25n")
        self.decided("http://first.example:8080/login", "ProxyPass / ", "proxy", 200, "-H", "Authorization: Basic YW5uOnBhc3N3b3Jk")

    def test_page_in_place_of_an_error(self):
        found = self.decided("http://first.example:8080/a", "ProxyPass / ", "proxy", 404, "--upstream-status", "404")
        self.assertEqual(found["answer_rule"], "site.conf:6")
        self.assertIn(["Content-Type", "text/html; charset=iso-8859-1"], found["response_headers"])
        self.assertEqual(self.said("http://second.example:8080/a", "--upstream-status", "404")["status"], 404)

    def test_address_of_a_wildcard(self):
        self.assertEqual(self.said("http://first.example/a", "--listen", "192.0.2.1:8080")["rule"], "site.conf:4")
        self.assertEqual(self.server.explain("http://first.example/a", "--listen", "192.0.2.1:81").returncode, 1)

    def test_handshake(self):
        self.decided("https://first.example:8443/", "Redirect / http://first", "answer", 302)
        done = self.server.explain("https://certified.example:8443/")
        self.assertEqual((done.returncode, b"handshake is refused" in done.stderr), (1, True))
        self.decided("https://certified.example:8443/", "Redirect / http://second", "answer", 302, "--client-certificate")
        self.assertEqual(self.said("https://certified.example:8443/", "--client-certificate", "--sni", "first.example")["status"], 421)
        self.assertEqual(self.said("http://first.example/", "--listen", "127.0.0.1:8443")["status"], 400)


if __name__ == "__main__":
    unittest.main()
