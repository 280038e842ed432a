# SPDX-License-Identifier: BSD-2-Clause
"""Every row of grammar/directives.def that is compiled, in every place where it may stand: a change of nothing but its argument gives another table.

The arguments are made from the row's signature; PAIRS has those that a signature cannot tell.  What the change does is seen in test_directives.py.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest

from lib import env

sys.path.insert(0, os.path.join(env.TOP, "tools"))
import directive_table  # noqa: E402 (the folder is known only now)

ROWS = directive_table.rows()

# Where a statement stands: text before and behind it.  Each ends in a whole configuration with one server and a proxying location.
REST = "location /rest { proxy_pass http://127.0.0.1:9; }"
PLACES = {
    "main": ("", "events { } http { server { listen 127.0.0.1:1; %s } }" % REST),
    "events": ("events {", "} http { server { listen 127.0.0.1:1; %s } }" % REST),
    "http": ("events { } http {", "server { listen 127.0.0.1:1; %s } }" % REST),
    "server": ("events { } http { server {", "listen 127.0.0.1:1; %s } }" % REST),
    "location": ("events { } http { server { listen 127.0.0.1:1; location /a {", "} } }"),
    "if in server": ("events { } http { server { listen 127.0.0.1:1; if ($host) {", "} } }"),
    "if in location": ("events { } http { server { listen 127.0.0.1:1; location /a { proxy_pass http://127.0.0.1:9; if ($host) {", "} } } }"),
    "upstream": ("events { } http { upstream u { server 127.0.0.1:9;", "} server { listen 127.0.0.1:1; location / { proxy_pass http://u; } } }"),
    "map": ("events { } http { map $host $m {", "\n} server { listen 127.0.0.1:1; return 200 $m; } }"),
    "types": ("events { } http { types {", "} server { listen 127.0.0.1:1; root /srv; } }"),
}

# Statements as a whole: (name, place) or name -> (one, other).
CERTIFICATE = "ssl_certificate a.crt; ssl_certificate_key a.key; "
PAIRS = {
    "include": ("include empty/*.conf;", "include full/*.conf;"),
    "events": ("events { worker_connections 7; }", "events { worker_connections 8; }"),
    "http": ("http { server { listen 127.0.0.1:3; } }", "http { server { listen 127.0.0.1:4; } }"),
    ("server", "http"): ("server { listen 127.0.0.1:3; }", "server { listen 127.0.0.1:4; }"),
    ("server", "upstream"): ("server 127.0.0.1:3 weight=2;", "server 127.0.0.1:3 weight=3;"),
    "location": ("location /a/b { }", "location /a/c { }"),
    "upstream": ("upstream a { server 127.0.0.1:3; }", "upstream a { server 127.0.0.1:4; }"),
    "map": ("map $uri $n { default 1; }", "map $args $n { default 1; }"),
    "types": ("types { a/b c; }", "types { a/b d; }"),
    ("*", "map"): ("a b;", "a c;"),
    ("*", "types"): ("a/b c;", "a/d c;"),
    ("default", "map"): ("default a;", "default b;"),
    ("hostnames", "map"): ("a b;", "hostnames;\na b;"),
    ("volatile", "map"): ("a b;", "volatile;\na b;"),
    ("if", "server"): ("if ($host) { return 200; }", "if ($args) { return 200; }"),
    ("if", "location"): ("if ($host) { return 200; }", "if ($args) { return 200; }"),
    "user": ("user www-data;", "user nobody;"),
    "error_log": ("error_log a.log;", "error_log a.log warn;"),
    "listen": ("listen 127.0.0.1:3;", "listen 127.0.0.1:3 backlog=5;"),
    "server_name": ("server_name a.example.org;", "server_name b.example.org;"),
    "internal": ("", "internal;"),
    "index": ("index a;", "index b;"),
    "try_files": ("try_files /a =404;", "try_files /b =404;"),
    "error_page": ("error_page 404 /a;", "error_page 404 =200 /a;"),
    "expires": ("expires 5s;", "expires modified 5s;"),
    "log_format": ("log_format f a; access_log x f;", "log_format f b; access_log x f;"),
    "access_log": ("access_log off;", "access_log a.log;"),
    "return": ("return 200 a;", "return 200 b;"),
    "rewrite": ("rewrite ^/a /b last;", "rewrite ^/a /b break;"),
    "set": ("set $v a;", "set $v b;"),
    "break": ("", "break;"),
    "redirect": ("redirect 301 /a /b;", "redirect 302 /a /b;"),
    "proxy_pass": ("proxy_pass http://127.0.0.1:3;", "proxy_pass http://127.0.0.1:4;"),
    "proxy_redirect": ("proxy_redirect a b;", "proxy_redirect a c;"),
    "proxy_set_header": ("proxy_set_header A a;", "proxy_set_header A b;"),
    "add_header": ("add_header A a;", "add_header A a always;"),
    "keepalive_timeout": ("keepalive_timeout 5s;", "keepalive_timeout 6s;"),
    "proxy_buffers": ("proxy_buffers 4 4k;", "proxy_buffers 4 8k;"),
    "large_client_header_buffers": ("large_client_header_buffers 4 4k;", "large_client_header_buffers 4 16k;"),
    "proxy_bind": ("proxy_bind off;", "proxy_bind 127.0.0.1;"),
    "proxy_ignore_headers": ("proxy_ignore_headers X-Accel-Expires;", "proxy_ignore_headers X-Accel-Redirect;"),
    "ssl_stapling_verify": ("ssl_stapling on; ssl_stapling_verify on;", "ssl_stapling on; ssl_stapling_verify off;"),
    "ssl_stapling_responder": ("ssl_stapling on; ssl_stapling_responder http://127.0.0.1:1/;", "ssl_stapling on; ssl_stapling_responder http://127.0.0.1:2/;"),
    "set_real_ip_from": ("set_real_ip_from 10.0.0.0/8;", "set_real_ip_from 11.0.0.0/8;"),
    "proxy_next_upstream": ("proxy_next_upstream error;", "proxy_next_upstream error timeout;"),
    "least_conn": ("", "least_conn;"),
    "ip_hash": ("", "ip_hash;"),
    "random": ("", "random;"),
    "hash": ("hash $uri;", "hash $args;"),
    "ssl": (CERTIFICATE + "ssl off;", CERTIFICATE + "ssl on;"),
    "ssl_certificate": ("ssl_certificate_key a.key; ssl_certificate a.crt;", "ssl_certificate_key a.key; ssl_certificate b.crt;"),
    "ssl_certificate_key": ("ssl_certificate a.crt; ssl_certificate_key a.key;", "ssl_certificate a.crt; ssl_certificate_key b.key;"),
    "ssl_session_cache": ("ssl_session_cache off;", "ssl_session_cache shared:a:1m;"),
    "ssl_reject_handshake": ("ssl_reject_handshake on;", CERTIFICATE + "ssl_reject_handshake off;"),
    ("ssl_reject_handshake", "http"): ("ssl_reject_handshake on;", "ssl_reject_handshake off;"),
    "ssl_verify_client": ("ssl_client_certificate ca.crt; ssl_verify_client on;", "ssl_client_certificate ca.crt; ssl_verify_client optional;"),
    "worker_processes": ("worker_processes 2;", "worker_processes auto;"),
    "websocket": ("websocket on;", "websocket only;"),
    "ssl_protocols": ("ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;"),
    "proxy_ssl_protocols": ("proxy_ssl_protocols TLSv1.2;", "proxy_ssl_protocols TLSv1.3;"),
}
SAMPLES = {
    "int": ("{low}", "{next}"), "duration": ("5s", "6s"), "duration s": ("5s", "6s"), "size": ("4k", "8k"), "offset": ("4k", "8k"),
    "path": ("a", "b"), "text": ("a", "b"), "string": ("a", "b"), "url": ("http://127.0.0.1:3", "http://127.0.0.1:4"),
    "absolute url": ("http://a/", "http://b/"), "regex": ("^/a", "^/b"), "variable": ("$v", "$w"), "name": ("a", "b"), "header": ("A", "B"),
    "method": ("GET", "PUT"), "address": ("127.0.0.1:3", "127.0.0.1:4"), "network": ("10.0.0.0/8", "11.0.0.0/8"),
    "condition": ("($host)", "($args)"), "text or ~regex": ("a", "b"), "path or ~regex": ("/a", "/b"),
}


def sample(word, which):
    """One word for one word of a signature."""
    word = word[:-3] if word.endswith("...") else word
    if "=" in word and not word.startswith("<") and not word.startswith("="):
        key, _, rest = word.partition("=")
        return key + "=" + sample(rest, which)
    m = re.match(r"<([a-z~ ]+?)(?: (\d+)\.\.(\d+))?>", word)
    if not m:
        choices = word.split("|")
        return choices[min(which, len(choices) - 1)]
    low = int(m[2] or 1)
    return SAMPLES[m[1]][which].format(low=low, next=low + 1)


def statement(row, which):
    """A statement of a row, made from its signature: what is optional is left out, of alternatives the first is taken."""
    signature = row.signature.split(" | ")[0]
    signature = re.sub(r"\[[^\]]*\]", "", signature)
    words = re.findall(r"(?:[^\s<]|<[^>]*>)+", signature)
    block = words[-2:] == ["{", "}"]
    if block:
        words = words[:-2]
    name = row.name.replace("*", "x")
    return " ".join([name] + [sample(w, which) for w in words]) + (" { }" if block else ";")


def pair(row, place):
    one, other = PAIRS.get((row.name, place), PAIRS.get(row.name, (statement(row, 0), statement(row, 1))))
    if not row.name.startswith("ssl"):
        return one, other
    # TLS settings are seen in a server that listens with TLS and has a certificate
    server = "listen 127.0.0.1:2 ssl; " + ("" if row.name == "ssl_reject_handshake" and place == "server" else CERTIFICATE)
    if row.name in ("ssl_certificate", "ssl_certificate_key", "ssl"):
        server = "listen 127.0.0.1:2%s; " % (" ssl" if row.name != "ssl" else "")
    if place == "server":
        return server + one, server + other
    return one + " server { %s }" % server, other + " server { %s }" % server


class EveryRow(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not os.access(env.WSRPC, os.X_OK):
            raise unittest.SkipTest("wsrpc is not built")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="wsrp-rows-")
        self.addCleanup(shutil.rmtree, self.folder)
        for name, text in (("empty/a.conf", "# nothing\n"), ("full/a.conf", "\n")):
            os.makedirs(os.path.join(self.folder, os.path.dirname(name)))
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(text)

    def compile(self, place, text):
        before, after = PLACES[place]
        conf = os.path.join(self.folder, "a.conf")
        with open(conf, "w") as f:
            f.write(before + "\n" + text + "\n" + after + "\n")
        out = os.path.join(self.folder, "a.bin")
        if os.path.exists(out):
            os.unlink(out)
        done = env.run([env.WSRPC, conf, "-o", out], 60, cwd=self.folder, text=True)
        if done.returncode != 0:
            return None, done.stderr
        with open(out, "rb") as f:
            return f.read(), done.stderr

    def places(self, row):
        return [c for c in row.contexts if c in PLACES]

    def test_effect(self):
        """Rows that are compiled: only the argument differs, and so do the tables; in every place where the row may stand."""
        for row in ROWS:
            if row.verdict not in ("EXACT", "DIFFERS", "OURS") or row.lowering == "none" and row.name != "*":
                continue
            for place in self.places(row):
                if row.name in ("events", "http") and place == "main":
                    continue  # they stand once: see test_blocks
                with self.subTest(row=row.name, place=place):
                    tables = []
                    for text in pair(row, place):
                        table, messages = self.compile(place, text)
                        self.assertIsNotNone(table, text + "\n" + messages)
                        tables.append(table)
                    self.assertNotEqual(tables[0], tables[1], "no effect: %s" % (pair(row, place),))

    def test_blocks(self):
        for name in ("events", "http"):
            rest = {"events": "http { }", "http": "events { }"}[name]
            tables = []
            for text in PAIRS[name]:
                conf = os.path.join(self.folder, "b.conf")
                with open(conf, "w") as f:
                    f.write(text + "\n" + rest + "\n")
                done = env.run([env.WSRPC, conf, "-o", os.path.join(self.folder, "b.bin")], 60, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                with open(os.path.join(self.folder, "b.bin"), "rb") as f:
                    tables.append(f.read())
            self.assertNotEqual(tables[0], tables[1], name)


class Defaults(unittest.TestCase):
    """A default that is written means what it means unwritten."""

    def test_written_default(self):
        folder = tempfile.mkdtemp(prefix="wsrp-defaults-")
        self.addCleanup(shutil.rmtree, folder)

        def meaning(text):
            conf = os.path.join(folder, "a.conf")
            with open(conf, "w") as f:
                f.write("events {\n%s\n}\nhttp {\n%s\nserver { listen 127.0.0.1:1; %s location / { proxy_pass http://127.0.0.1:9; } } }\n" % text)
            done = env.run([env.WSRPC, "dump", conf], 60, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        bare = meaning(("", "", ""))
        for row in ROWS:
            if row.default is None or row.verdict in ("REFUSED", "THIRD_PARTY"):
                continue
            line = "%s %s;" % (row.name, row.default)
            place = [c for c in ("events", "http", "server") if c in row.contexts]
            if not place or row.name in ("listen", "server_name", "proxy_redirect"):
                continue
            with self.subTest(row=row.name):
                text = tuple(line if c == place[0] else "" for c in ("events", "http", "server"))
                self.assertEqual(bare, meaning(text))


if __name__ == "__main__":
    unittest.main()
