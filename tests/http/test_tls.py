# SPDX-License-Identifier: BSD-2-Clause
"""TLS end to end: certificates by name, protocols, ALPN, resumption over workers and reloads, plain HTTP on a TLS port, slow and broken handshakes."""

import re
import signal
import socket
import ssl
import time
import unittest

from lib import client, env, servers, site

HOSTS = "server_name %s; ssl_certificate %s.crt; ssl_certificate_key %s.key;"


class Tls(site.Site):
    MAIN = "worker_processes 2;"
    CERTS = [("one", "one.example", "localhost"), ("two", "two.example"), ("wild", "*.wild.example")]
    CONF = """
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:S:1m;
    client_header_timeout 3s;
    server { listen @A@ ssl; %s return 200 one; }
    server { listen @A@ ssl; %s location / { proxy_pass http://@UP@; } }
    server { listen @A@ ssl; %s return 200 wild; }
    """ % tuple(HOSTS % row for row in (("one.example", "one", "one"), ("two.example", "two", "two"), ("*.wild.example", "wild", "wild")))

    def s_client(self, *arguments, stdin=b""):
        """openssl s_client's output."""
        return env.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.ports["A"], *arguments], 15, input=stdin).stdout.decode("utf-8", "replace")

    def test_certificate_by_name(self):
        for name, wanted in (("one.example", "one"), ("two.example", "two"), ("TWO.EXAMPLE", "two"), ("x.wild.example", "wild"), ("unknown.example", "one"), (None, "one")):
            out = self.s_client(*(["-servername", name] if name else ["-noservername"]))
            self.assertRegex(out, r"subject=CN ?= ?%s\b" % wanted, name)

    def test_server_by_name(self):
        for name, body in (("one.example", b"one"), ("two.example", b"GET / 0\n"), ("x.wild.example", b"wild")):
            self.assertEqual(self.get("/", host=name, tls=client.tls_context(), name=name).body, body)

    def test_alpn(self):
        for offered, chosen in (("http/1.1", "http/1.1"), ("h2,http/1.1", None)):
            found = re.search(r"ALPN protocol: (\S+)", self.s_client("-alpn", offered, "-servername", "one.example"))
            self.assertTrue(found, offered)
            if chosen:
                self.assertEqual(found[1], chosen)
        sock = client.tls_context(["h2", "http/1.1"]).wrap_socket(socket.create_connection(self.address, 5), server_hostname="one.example")
        with sock:
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")

    def test_protocols(self):
        self.assertIn("TLSv1.3", self.s_client("-tls1_3", "-servername", "one.example"))
        self.assertIn("TLSv1.2", self.s_client("-tls1_2", "-servername", "one.example"))
        self.assertIn("no peer certificate", self.s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-servername", "one.example"))

    def test_body_over_tls(self):
        body = b"0123456789abcdef" * 60000
        answer = self.get("/p", method="POST", body=body, host="two.example", tls=client.tls_context(), name="two.example")
        self.assertEqual(answer.body, b"POST /p %d\n" % len(body))
        self.assertEqual(self.backend.requests[-1].body, body)

    def test_pipelined_over_tls(self):
        sock = self.connect(tls=client.tls_context(), name="two.example")
        sock.send(b"".join(client.request("/%d" % i, host="two.example") for i in range(50)))
        self.assertEqual([sock.response().body for _ in range(50)], [b"GET /%d 0\n" % i for i in range(50)])

    def test_close_notify(self):
        """The end of a TLS connection is a close_notify, so that nobody can cut an answer unseen."""
        context = client.tls_context()
        with context.wrap_socket(socket.create_connection(self.address, 5), server_hostname="one.example", suppress_ragged_eofs=False) as sock:
            sock.settimeout(5)
            sock.sendall(client.request("/", host="one.example", fields=[("Connection", "close")]))
            data = b""
            while True:
                more = sock.recv(4096)
                if not more:
                    break
                data += more
        self.assertTrue(data.endswith(b"one"))

    def test_plain_http(self):
        answer = self.get("/", host="one.example")
        self.assertEqual(answer.status, 400)
        self.assertIn(b"plain HTTP", answer.body.replace(b"Plain", b"plain").replace(b"The plain", b"plain"))

    def resumptions(self, context, count, name="one.example"):
        """How many of so many second connections resume the session of the first."""
        with context.wrap_socket(socket.create_connection(self.address, 5), server_hostname=name) as sock:
            sock.sendall(client.request("/", host=name, fields=[("Connection", "close")]))
            while sock.recv(4096):
                pass
            session = sock.session
        self.assertTrue(session)
        return sum(self.resumed(context, session, name) for _ in range(count))

    def resumed(self, context, session, name="one.example"):
        with context.wrap_socket(socket.create_connection(self.address, 5), server_hostname=name, session=session) as sock:
            sock.sendall(client.request("/", host=name, fields=[("Connection", "close")]))
            while sock.recv(4096):
                pass
            return bool(sock.session_reused)

    def test_resumption(self):
        """100 of 100 second connections, whatever worker they meet."""
        for maximum in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(self.resumptions(client.tls_context(maximum=maximum), 100), 100, maximum)

    def test_resumption_across_a_reload(self):
        context = client.tls_context(maximum=ssl.TLSVersion.TLSv1_2)
        with context.wrap_socket(socket.create_connection(self.address, 5), server_hostname="one.example") as sock:
            sock.sendall(client.request("/", host="one.example", fields=[("Connection", "close")]))
            while sock.recv(4096):
                pass
            session = sock.session
        self.server.kill(signal.SIGHUP)
        time.sleep(1)
        self.assertEqual(sum(self.resumed(context, session) for _ in range(20)), 20)

    def test_broken_handshakes(self):
        for data in (b"\x16\x03\x01\x00\x02\x01\x00", b"\x16\x03\x01\xff\xff" + b"\x00" * 100, b"\x16", b"\x15\x03\x01\x00\x02\x02\x28", b"\x00" * 100, b"SSH-2.0-x\r\n"):
            sock = self.connect(seconds=10)
            sock.send(data)
            sock.finish()
            sock.read_all(10)
        self.assertEqual(self.get("/", host="one.example", tls=client.tls_context(), name="one.example").status, 200)

    def test_idle_connections_cost_no_time(self):
        held = []
        for _ in range(20):
            sock = self.connect(tls=client.tls_context(), name="two.example")
            sock.ask("/", host="two.example")
            held.append(sock)
        before = self.cpu()
        time.sleep(1)
        self.assertLess(self.cpu() - before, 0.05 * env.SLOW)


class SlowHandshake(site.Site):
    """The handshake has one deadline (client_header_timeout), however often a byte comes."""

    OURS = True
    CERTS = [("local", "localhost")]
    CONF = "server { listen @A@ ssl; client_header_timeout 1s; ssl_certificate local.crt; ssl_certificate_key local.key; return 200 fine; }"

    def test_ends(self):
        sock = self.connect(seconds=20)
        start = time.monotonic()
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 490
        for i in range(len(hello)):
            if time.monotonic() - start > 10 or not sock.send(hello[i:i + 1]) or client.select.select([sock.sock], [], [], 0.1)[0]:
                break
        self.assertLess(time.monotonic() - start, 5 * env.SLOW)

    def test_nothing_sent(self):
        sock = self.connect(seconds=20)
        start = time.monotonic()
        sock.read_all(10)
        self.assertLess(time.monotonic() - start, 5 * env.SLOW)


class Verification(site.Site):
    """curl with the certificate as its authority."""

    CERTS = [("local", "localhost")]
    CONF = "server { listen @A@ ssl; server_name localhost; ssl_certificate local.crt; ssl_certificate_key local.key; return 200 fine; }"

    def test_curl_verifies(self):
        self.assertEqual(self.curl("--cacert", self.folder + "/local.crt", "--resolve", "localhost:%d:127.0.0.1" % self.ports["A"], self.url("/", scheme="https", host="localhost")), b"fine")


class ClientCertificates(site.Site):
    """ssl_verify_client: nobody gets past it without the right certificate, not by another name either."""

    CERTS = [("server", "localhost"), ("good", "good"), ("bad", "bad"), ("other", "other")]
    CONF = """
    ssl_certificate server.crt; ssl_certificate_key server.key;
    server { listen @A@ ssl; server_name open.example; return 200 open; }
    server { listen @A@ ssl; server_name closed.example; ssl_verify_client on; ssl_client_certificate good.crt; return 200 "$ssl_client_verify $ssl_client_s_dn"; }
    server { listen @A@ ssl; server_name optional.example; ssl_verify_client optional; ssl_client_certificate good.crt; return 200 $ssl_client_verify; }
    server { listen @A@ ssl; server_name stranger.example; ssl_verify_client optional_no_ca; ssl_client_certificate good.crt; return 200 $ssl_client_verify; }
    server { listen @A@ ssl; server_name another.example; ssl_verify_client on; ssl_client_certificate other.crt; return 200 another; }
    """

    def ask(self, name, certificate=None, host=None):
        context = client.tls_context()
        if certificate:
            context.load_cert_chain("%s/%s.crt" % (self.folder, certificate), "%s/%s.key" % (self.folder, certificate))
        answer = self.get("/", host=host or name, tls=context, name=name)
        return answer.status, answer.body

    def test_required(self):
        self.assertEqual(self.ask("closed.example", "good"), (200, b"SUCCESS CN=good"))
        self.assertEqual(self.ask("closed.example")[0], 400)
        self.assertEqual(self.ask("closed.example", "bad")[0], 400)

    def test_optional(self):
        self.assertEqual(self.ask("optional.example"), (200, b"NONE"))
        self.assertEqual(self.ask("optional.example", "good"), (200, b"SUCCESS"))
        self.assertEqual(self.ask("optional.example", "bad")[0], 400)

    def test_without_authority(self):
        self.assertEqual(self.ask("stranger.example")[1], b"NONE")
        status, body = self.ask("stranger.example", "bad")
        self.assertEqual((status, body[:7]), (200, b"FAILED:"))

    def test_other_name(self):
        """The certificate was checked under the settings of the name in the handshake, so Host may not lead elsewhere."""
        self.assertEqual(self.ask("open.example", host="open.example")[0], 200)
        self.assertEqual(self.ask("open.example", host="closed.example")[0], 421)
        self.assertEqual(self.ask("open.example", "good", host="closed.example")[0], 421)
        self.assertEqual(self.ask("closed.example", "good", host="another.example")[0], 421)
        self.assertEqual(self.ask("closed.example", "good", host="open.example")[0], 200)


class BadFiles(unittest.TestCase):
    """Certificates and keys that are missing or do not belong together stop the start with their path."""

    def start(self, cert, key):
        server = servers.Wsrpd()
        self.addCleanup(server.stop)
        env.certificate(server.folder, "a")
        env.certificate(server.folder, "b")
        env.certificate(server.folder, "rsa", key="rsa")
        text = "events { }\nhttp { server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; } }\n" % (env.free_port(), cert, key)
        with self.assertRaises(servers.StartFailure) as caught:
            server.start(text, [("127.0.0.1", int(re.search(r"127.0.0.1:(\d+)", text)[1]))])
        return str(caught.exception)

    def setUp(self):
        servers.require(servers.Wsrpd)

    def test_missing(self):
        self.assertIn("none.crt", self.start("none.crt", "a.key"))
        self.assertIn("none.key", self.start("a.crt", "none.key"))

    def test_mismatch(self):
        self.assertRegex(self.start("a.crt", "b.key"), r"b\.key|a\.crt")

    def test_mismatch_of_kinds(self):
        """To OpenSSL a key of another kind is no error; no handshake would succeed."""
        self.assertRegex(self.start("rsa.crt", "a.key"), r"a\.key: .*different key types")
        self.assertRegex(self.start("a.crt", "rsa.key"), r"rsa\.key: .*different key types")
        self.assertRegex(self.start("a.crt; ssl_certificate rsa.crt", "a.key; ssl_certificate_key a.key"), r"a\.key: .*different key types")

    def test_checked_without_start(self):
        server = servers.Wsrpd()
        env.certificate(server.folder, "a")
        env.certificate(server.folder, "rsa", key="rsa")
        for setting, keys in (("ssl_certificate_key", "ssl_certificate rsa.crt; listen 127.0.0.1:1 ssl;"),
                              ("proxy_ssl_certificate_key", "listen 127.0.0.1:1; proxy_ssl_certificate rsa.crt;")):
            for key, status in (("a.key", 1), ("rsa.key", 0)):
                with self.subTest(setting=setting, key=key):
                    table = server.compile("events { }\nhttp { access_log off; server { %s %s %s; location / { proxy_pass https://127.0.0.1:1; } } }\n" % (keys, setting, key))
                    done = env.run([env.WSRPD, "-t", table])
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertIn(b"different key types" if status else b"is fine", done.stderr)

    def test_garbage(self):
        self.assertIn("site.conf", self.start("site.conf", "a.key"))


if __name__ == "__main__":
    unittest.main()
