# SPDX-License-Identifier: BSD-2-Clause
"""OCSP stapling, end to end: what clients are shown of what a responder says, in both dialects, with nginx and httpd beside.

The responder answers over HTTP with what the openssl program makes of the question; it counts, and can be slow, silent, wrong or gone.
"""

import http.server
import os
import re
import threading
import time
import unittest

from directives import pki
from lib import env, servers

APACHE = """
SSLStaplingCache shmcb:%(folder)s/staples(64000)
%(main)s
<VirtualHost 127.0.0.1:%(port)d>
    ServerName localhost
    SSLEngine On
    SSLCertificateFile %(folder)s/%(certificate)s.crt
    SSLCertificateKeyFile %(folder)s/site.key
    SSLUseStapling On
    %(lines)s
    Redirect / https://e.example/
</VirtualHost>
"""
NGINX = """
events { }
http {
    server {
        listen 127.0.0.1:%(port)d ssl;
        ssl_certificate %(folder)s/%(certificate)s.crt;
        ssl_certificate_key %(folder)s/site.key;
        ssl_stapling on;
        %(lines)s
        return 200 x;
    }
}
"""


def authority(folder):
    """root; site by root, with its issuer behind it in full.crt; other, an authority of its own; signer, whom root lets answer; index.txt for openssl ocsp."""
    for name in ("root", "other"):
        pki.openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".crt")
    for number, (name, extension) in enumerate((("site", "subjectAltName=DNS:localhost"), ("signer", "extendedKeyUsage=OCSPSigning"), ("plain", "subjectAltName=DNS:localhost"))):
        env.write(os.path.join(folder, name + ".ext"), extension + "\n")
        pki.openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        pki.openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", str(16 + number), "-days", "30", "-extfile", name + ".ext", "-out", name + ".crt")
    with open(os.path.join(folder, "full.crt"), "w", encoding="ascii") as out:
        for name in ("site.crt", "root.crt"):
            out.write(env.read(os.path.join(folder, name)))
    index(folder, "V")


def index(folder, status):
    env.write(os.path.join(folder, "index.txt"), "%s\t350101000000Z\t%s\t10\tunknown\t/CN=site\n" % (status, "260101000000Z" if status == "R" else ""))


class Responder:
    """One on a port of loopback."""

    def __init__(self, folder):
        self.folder, self.asked, self.signer, self.delay, self.answer, self.hosts, self.lock = folder, 0, "root", 0, None, [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.respond(self, self.rfile.read(int(self.headers["Content-Length"])))

            def do_GET(self):
                outer.respond(self, None)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d/ocsp" % self.port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def made(self):
        """The response about site, in DER."""
        with self.lock:
            pki.openssl(self.folder, "ocsp", "-index", "index.txt", "-CA", "root.crt", "-issuer", "root.crt", "-cert", "site.crt", "-rsigner", self.signer + ".crt",
                        "-rkey", self.signer + ".key", "-nmin", "60", "-no_nonce", "-noverify", "-respout", "response.der")
            with open(os.path.join(self.folder, "response.der"), "rb") as handle:
                return handle.read()

    def respond(self, request, _body):
        self.asked += 1
        self.hosts.append(request.headers["Host"])
        time.sleep(self.delay)
        status, body = self.answer or (200, self.made())
        try:
            request.send_response(status)
            request.send_header("Content-Type", "application/ocsp-response")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass  # who asked does not wait any longer

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def shown(port):
    """What a client is shown: none, the status of the response, or that of the certificate."""
    text = env.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-status"], 10).stdout.decode()
    if "no response sent" in text:
        return "none"
    certificate = re.search(r"Cert Status: (\w+)", text)
    return certificate[1] if certificate else re.search(r"OCSP Response Status: (\w+)", text)[1]


class Stapling(unittest.TestCase):
    def setUp(self):
        self.folder = env.scratch("wsrp-staple")
        authority(self.folder)
        self.responder = Responder(self.folder)
        self.addCleanup(self.responder.close)

    def start(self, server, text, lines, certificate="full", main="", url=None):
        forced = ("ssl_stapling_responder %s;" if text is NGINX else "SSLStaplingForceURL %s") % (url or self.responder.url)
        port = env.free_port()
        one = server()
        self.addCleanup(one.stop)
        self.server = one
        text = "error_log stderr;\n" + text if text is NGINX and server is servers.Wsrpd else text
        one.start(text % {"folder": self.folder, "port": port, "lines": "\n".join([forced, *lines]), "certificate": certificate, "main": main}, [("127.0.0.1", port)])
        return port

    def sees(self, port, wanted, seconds=5):
        """Is it shown soon? The first handshakes may come before the responder has answered."""
        end = time.monotonic() + seconds * env.SLOW
        while (seen := shown(port)) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(seen, wanted)

    def both(self, dialect, lines, wanted, **more):
        """The judge and wsrpd show the same, after the first handshake and after a few more."""
        text, judge = (NGINX, servers.Nginx) if dialect == "nginx" else (APACHE, servers.Httpd)
        for server in (judge, servers.Wsrpd):
            if server is judge and not judge.available():
                continue
            with self.subTest(server=server.__name__):
                port = self.start(server, text, lines, **more)
                shown(port)
                self.sees(port, wanted)
                time.sleep(0.3)
                self.assertEqual(shown(port), wanted)

    # --- what is shown ---------------------------------------------------------------------------------------------------

    def test_good(self):
        self.both("nginx", [], "good")
        self.both("apache", [], "good")
        self.assertIn("127.0.0.1:%d" % self.responder.port, self.responder.hosts)

    def test_answer_by_whom_the_issuer_allows_it(self):
        self.responder.signer = "signer"
        self.both("nginx", [], "good")
        self.both("apache", [], "good")

    def test_answer_by_somebody_else(self):
        """httpd passes it on; no client would take it."""
        for signer in ("other", "plain"):
            self.responder.signer = signer
            port = self.start(servers.Wsrpd, NGINX, [])
            env.wait_until(lambda: "not signed by the issuer or for it" in self.server.errors(), 5)
            self.assertEqual(shown(port), "none")

    def test_revoked(self):
        index(self.folder, "R")
        self.both("nginx", [], "none")
        self.both("apache", [], "revoked")
        self.both("apache", ["SSLStaplingReturnResponderErrors Off"], "revoked")

    def test_responder_in_trouble(self):
        self.responder.answer = (500, b"")
        self.both("nginx", [], "none")
        self.both("apache", [], "trylater")
        self.both("apache", ["SSLStaplingFakeTryLater Off"], "none")
        self.both("apache", ["SSLStaplingReturnResponderErrors Off"], "trylater")

    def test_responder_that_refuses(self):
        self.responder.answer = (200, bytes.fromhex("30030a0106"))
        self.both("nginx", [], "none")
        self.both("apache", [], "unauthorized")
        self.both("apache", ["SSLStaplingReturnResponderErrors Off"], "none")

    def test_garbage(self):
        self.responder.answer = (200, b"\x30\x82\xff\xffgarbage")
        self.both("nginx", [], "none")
        self.responder.answer = (200, b"x" * 200000)
        port = self.start(servers.Wsrpd, NGINX, [])
        env.wait_until(lambda: "OCSP staple" in self.server.errors(), 5)
        self.assertEqual(shown(port), "none")

    def test_chain_of_the_responder(self):
        self.both("nginx", ["ssl_stapling_verify on;", "ssl_trusted_certificate %s/root.crt;" % self.folder], "good")
        self.responder.signer = "signer"
        self.both("nginx", ["ssl_stapling_verify on;", "ssl_trusted_certificate %s/other.crt;" % self.folder], "none")

    def test_issuer_among_the_authorities(self):
        self.both("nginx", ["ssl_trusted_certificate %s/root.crt;" % self.folder], "good", certificate="site")
        self.both("apache", ["SSLCACertificateFile %s/root.crt" % self.folder], "good", certificate="site")
        self.both("apache", ["SSLCertificateChainFile %s/root.crt" % self.folder], "good", certificate="site")
        port = self.start(servers.Wsrpd, NGINX, [], certificate="site")
        self.assertEqual(shown(port), "none")
        self.assertEqual(self.server.errors().count("its issuer is neither"), 1)

    def test_file(self):
        env.write(os.path.join(self.folder, "staple.der"), self.responder.made())
        asked = self.responder.asked
        self.both("nginx", ["ssl_stapling_file %s/staple.der;" % self.folder], "good")
        self.assertEqual(self.responder.asked, asked)
        env.write(os.path.join(self.folder, "staple.der"), "no response")
        with self.assertRaisesRegex(servers.StartFailure, "no OCSP response in DER"):
            self.start(servers.Wsrpd, NGINX, ["ssl_stapling_file %s/staple.der;" % self.folder])

    def test_url_of_the_certificate(self):
        env.write(os.path.join(self.folder, "site.ext"), "authorityInfoAccess=OCSP;URI:http://localhost:%d/a\n" % self.responder.port)
        pki.openssl(self.folder, "x509", "-req", "-in", "site.csr", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", "16", "-days", "30", "-extfile", "site.ext", "-out", "own.crt")
        with open(os.path.join(self.folder, "own.crt"), "a", encoding="ascii") as out:
            out.write(env.read(os.path.join(self.folder, "root.crt")))
        port = env.free_port()
        server = servers.Wsrpd()
        self.addCleanup(server.stop)
        server.start(NGINX % {"folder": self.folder, "port": port, "lines": "", "certificate": "own"}, [("127.0.0.1", port)])
        self.sees(port, "good")
        self.assertIn("localhost:%d" % self.responder.port, self.responder.hosts)

    # --- when it is asked ------------------------------------------------------------------------------------------------

    def test_nobody_waits_and_failures_are_told_once(self):
        self.responder.delay = 3
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingResponderTimeout 1", "SSLStaplingErrorCacheTimeout 1"], main="LogLevel notice")
        before = time.monotonic()
        self.assertEqual(shown(port), "none")
        self.assertLess(time.monotonic() - before, 0.9 * env.SLOW)
        self.sees(port, "trylater")
        seen = self.responder.asked
        env.wait_until(lambda: shown(port) and self.responder.asked > seen, 5)
        time.sleep(1.2)
        self.assertEqual(self.server.errors().count("OCSP staple"), 1, self.server.errors())
        self.assertIn("timed out", self.server.errors())
        self.responder.delay = 0
        self.sees(port, "good", 8)
        self.assertIn("the responder answers again", self.server.errors())

    def test_it_is_asked_again_in_time(self):
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingStandardCacheTimeout 1"])
        self.sees(port, "good")
        first = self.responder.asked
        index(self.folder, "R")
        self.sees(port, "revoked")
        self.assertGreater(self.responder.asked, first)

    def test_good_news_outlive_a_dead_responder(self):
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingStandardCacheTimeout 1"])
        self.sees(port, "good")
        self.responder.answer = (503, b"")
        env.wait_until(lambda: shown(port) == "good" and "OCSP staple" in self.server.errors(), 8)
        self.assertEqual(shown(port), "good")

    def test_old_answers(self):
        old = self.responder.made()
        self.responder.answer = (200, old)
        time.sleep(2.2)
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingResponseMaxAge 1", "SSLStaplingResponseTimeSkew 0", "SSLStaplingReturnResponderErrors Off"])
        env.wait_until(lambda: "not valid at this time" in self.server.errors(), 5)
        self.assertEqual(shown(port), "none")
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingResponseMaxAge 1", "SSLStaplingResponseTimeSkew 60"])
        self.sees(port, "good")

    def test_a_reload_keeps_answers(self):
        port = self.start(servers.Wsrpd, NGINX, [])
        self.sees(port, "good")
        asked = self.responder.asked
        self.responder.answer = (503, b"")
        self.assertEqual(self.server.control("reload").returncode, 0)
        self.assertEqual(shown(port), "good")
        self.assertEqual(self.responder.asked, asked)

    def test_host_that_does_not_exist(self):
        port = self.start(servers.Wsrpd, APACHE, ["SSLStaplingResponderTimeout 1"], url="http://responder.invalid/")
        env.wait_until(lambda: "responder.invalid:80" in self.server.errors(), 10)
        self.assertEqual(shown(port), "trylater")


if __name__ == "__main__":
    unittest.main()
