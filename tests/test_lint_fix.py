# SPDX-License-Identifier: BSD-2-Clause
"""`wsrpc lint --fix`, `--dry-run` and `--json`: what is written, what is left alone and why, and that a cured site does what was meant."""

import json
import os
import re
import shutil
import stat
import subprocess
import time
import unittest

from lib import client, env, websocket
from lib.backend import Backend, respond
from lib.servers import Wsrpd

SHADOWED = """<VirtualHost *:80>
    ServerName a.example
    ProxyPass / http://BACKEND/
    ProxyPassReverse / http://BACKEND/

    # sockets
    ProxyPass /ws ws://BACKEND/
    ProxyPassReverse /ws ws://BACKEND/
    ProxyPass /files !
    Alias /files /srv/files
</VirtualHost>
"""

# name, file before, file after: nothing is left to cure or to warn of
CURED = [
    ("a rule behind one that takes its requests, a doubled slash, a late exclusion", SHADOWED.replace("BACKEND", "127.0.0.1:9"), """<VirtualHost *:80>
    ServerName a.example
    ProxyPass /files !
    ProxyPass /ws ws://127.0.0.1:9
    ProxyPass / http://127.0.0.1:9/
    ProxyPassReverse / http://127.0.0.1:9/

    # sockets
    ProxyPassReverse /ws ws://127.0.0.1:9
    Alias /files /srv/files
</VirtualHost>
"""),
    ("a target without its slash", """<VirtualHost *:80>
    Redirect /old/ "https://b.example"
    ProxyPass /x/ http://127.0.0.1:9/y
    ProxyPass /z/ http://127.0.0.1:8
</VirtualHost>
""", """<VirtualHost *:80>
    Redirect /old/ "https://b.example/"
    ProxyPass /x/ http://127.0.0.1:9/y/
    ProxyPass /z/ http://127.0.0.1:8/
</VirtualHost>
"""),
    ("one field in both tables", """<VirtualHost *:80>
    Header set X-First "a b"
    Header always set X-First "a b"
    Header always set x-second c
    Header set X-Second c
</VirtualHost>
""", """<VirtualHost *:80>
    Header onsuccess unset X-First
    Header always set X-First "a b"
    Header always set x-second c
    Header onsuccess unset X-Second
</VirtualHost>
"""),
    ("versions without a sign, text behind a tag", """<VirtualHost *:8443> # the site
    SSLEngine on
    SSLCertificateFile a.pem
    SSLProtocol TLSv1.2 TLSv1.3
    <Location /a>\t# all
        Require all granted
    </Location>
</VirtualHost>
""", """<VirtualHost *:8443>
    SSLEngine on
    SSLCertificateFile a.pem
    SSLProtocol TLSv1.2 +TLSv1.3
    <Location /a>
        Require all granted
    </Location>
</VirtualHost>
"""),
    ("certificates without SSLEngine", """<VirtualHost *:443>
  ServerName a.example
  SSLCertificateFile a.pem
</VirtualHost>
""", """<VirtualHost *:443>
  SSLEngine on
  ServerName a.example
  SSLCertificateFile a.pem
</VirtualHost>
"""),
    ("invisible letters", "<VirtualHost *:80>\n\u00a0\u00a0ServerName\u00a0a.example\n</VirtualHost>\n", "<VirtualHost *:80>\n  ServerName a.example\n</VirtualHost>\n"),
    ("nginx: invisible characters, obsolete ssl, a port in a name", """events { }
http {
    error_log off;
    server {
    \u00a0   listen 443;
        listen 8443 ssl;
        server_name https://a.example:443/ b.example;
        ssl on;
        ssl_certificate a.pem;
        ssl_certificate_key a.key; # "\u00a0" stays here
        add_header X-A \u201ca b\u201d;
        return 200 "\u00a0";
    }
}
""", """events { }
http {
    error_log /dev/null crit;
    server {
        listen 443 ssl;
        listen 8443 ssl;
        server_name a.example b.example;
        ssl_certificate a.pem;
        ssl_certificate_key a.key; # "\u00a0" stays here
        add_header X-A "a b";
        return 200 "\u00a0";
    }
}
"""),
    ("nginx: clear text on 443", "events { }\nhttp { server { listen 443; ssl_certificate a.pem; ssl_certificate_key a.key; return 200; } }\n",
     "events { }\nhttp { server { listen 443 ssl; ssl_certificate a.pem; ssl_certificate_key a.key; return 200; } }\n"),
]

# What needs a decision is told, and left.
LEFT = [
    ("two values of one field", "<VirtualHost *:80>\n    Header set X-A b\n    Header always set X-A c\n</VirtualHost>\n", "header-twice"),
    ("two rules for one path", "<VirtualHost *:80>\n    ProxyPass /a http://127.0.0.1:9/x\n    ProxyPass /a http://127.0.0.1:8/x\n</VirtualHost>\n", "proxy-pass-shadowed"),
    ("a slash of the target that means something", "<VirtualHost *:80>\n    ProxyPass /a http://127.0.0.1:9/b/\n</VirtualHost>\n", "path-slash-mismatch"),
    ("versions with all", "<VirtualHost *:8443>\n    SSLEngine on\n    SSLCertificateFile a.pem\n    SSLProtocol all TLSv1.2\n</VirtualHost>\n", "tls-protocol-reset"),
]


def lint(*arguments, cwd=None):
    """(exit code, standard output, messages)"""
    done = env.run([env.WSRPC, "lint", *arguments], 30, cwd=cwd)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def patched(text, diff):
    """What a unified diff makes of a text; the lines that it expects must be there."""
    lines, out, at = text.splitlines(True), [], 0
    for head, body in re.findall(r"(?m)^@@ -(\d+),\d+ \+\d+,\d+ @@\n((?:[ +-].*\n|\\.*\n)*)", diff):
        start = int(head) - 1
        out += lines[at:start]
        at = start
        sign = None
        for line in body.splitlines(True):
            if line[0] == "\\":
                out[-1] = out[-1].rstrip("\n") if sign != "-" else out[-1]
                continue
            sign = line[0]
            if line[0] != "+":
                assert lines[at].rstrip("\n") == line[1:].rstrip("\n"), (lines[at], line)
                at += 1
            if line[0] != "-":
                out.append(line[1:])
    return "".join(out + lines[at:])


def edited(text, messages):
    """What the edits of JSON messages make of a text: those that do not touch others, in order."""
    data, edits = text.encode(), []
    for one in messages:
        new = [(edit["start"], edit["end"], edit["text"].encode()) for edit in one.get("fix", ())]
        if not any(a < d and c < b for a, b, _ in new for c, d, _ in edits):
            edits += new
    for start, end, put in sorted(edits, key=lambda edit: edit[0], reverse=True):
        data = data[:start] + put + data[end:]
    return data.decode()


class Cures(unittest.TestCase):
    def setUp(self):
        self.folder = env.scratch("wsrp-lint")
        self.path = os.path.join(self.folder, "site.conf")

    def put(self, text, name="site.conf"):
        return env.write(os.path.join(self.folder, name), text)

    def text(self, name="site.conf"):
        with open(os.path.join(self.folder, name), encoding="utf-8", newline="") as file:
            return file.read()

    def test_cured(self):
        for name, before, after in CURED:
            with self.subTest(name=name):
                self.put(before)
                said = lint(self.path)[2]
                self.assertRegex(said, r"(?m)^ +error|^ +warning|: (error|warning):")
                self.assertIn("= write", said)
                code, diff, _ = lint("--fix", "--dry-run", self.path)
                self.assertEqual((code, self.text(), patched(before, diff)), (0, before, after))
                code, written, said = lint("--fix", self.path)
                self.assertEqual((code, self.text(), written), (0, after, diff), said)
                self.assertNotRegex(said, "error|warning")
                self.assertEqual(lint("--fix", self.path)[:2], (0, ""))

    def test_left(self):
        for name, text, check in LEFT:
            with self.subTest(name=name):
                self.put(text)
                code, diff, said = lint("--fix", self.path)
                self.assertEqual((diff, self.text()), ("", text))
                self.assertIn("[%s]" % check, said)
                self.assertNotIn("= write", said)
                self.assertEqual(code, 0)

    def test_no_newline_at_the_end(self):
        self.put("events { }\nerror_log off;")
        code, diff, _ = lint("--fix", self.path)
        self.assertEqual((code, self.text()), (0, "events { }\nerror_log /dev/null crit;"))
        self.assertEqual(diff.count("\\ No newline at end of file"), 2)
        self.assertEqual(patched("events { }\nerror_log off;", diff), self.text())

    def test_far_apart(self):
        """Two hunks; the lines between them are not shown."""
        lines = ["# line %d\n" % i for i in range(60)]
        lines[3], lines[50] = "error_log off;\n", "events { }\n"
        lines[55] = "http { server { listen 443; ssl_certificate a.pem; ssl_certificate_key a.key; } }\n"
        self.put("".join(lines))
        code, diff, said = lint("--fix", self.path)
        self.assertEqual((code, diff.count("@@ -")), (0, 2), said)
        self.assertNotIn("# line 20", diff)
        self.assertEqual(patched("".join(lines), diff), self.text())

    def test_json(self):
        for name, before, _ in CURED:
            with self.subTest(name=name):
                self.put(before)
                code, out, said = lint("--json", self.path)
                messages = json.loads(out)
                self.assertEqual(said, "")
                self.assertEqual(code, 1 if any(one["level"] == "error" for one in messages) else 0)
                self.assertTrue(all(one["line"] > 0 and one["column"] > 0 and os.path.basename(one["file"]) == "site.conf" for one in messages))
                self.assertTrue(any("fix" in one for one in messages))
                self.put(edited(before, messages))
                left = json.loads(lint("--json", self.path)[1])
                self.assertFalse([one for one in left if one["level"] != "note" and "fix" not in one], left)

    def test_json_of_several_files(self):
        self.put("error_log off;\nevents { }\n")
        self.put("server { listen ; }", "other.conf")
        code, out, _ = lint("--json", self.path, os.path.join(self.folder, "other.conf"))
        messages = json.loads(out)
        self.assertEqual(code, 1)
        self.assertEqual({os.path.basename(one["file"]) for one in messages}, {"site.conf", "other.conf"})
        first = messages[0]
        self.assertEqual((first["check"], first["level"], first["line"], first["column"], first["end_column"], first["fix"][0]["text"]),
                         ("log-off-misspelt", "warning", 1, 11, 14, "/dev/null crit"))

    def test_mode_and_links_stay(self):
        os.mkdir(os.path.join(self.folder, "enabled"))
        self.put("events { }\nerror_log off;\n", "real.conf")
        os.chmod(os.path.join(self.folder, "real.conf"), 0o640)
        link = os.path.join(self.folder, "enabled", "site.conf")
        os.symlink("../real.conf", link)
        self.assertEqual(lint("--fix", link)[0], 0)
        self.assertTrue(os.path.islink(link))
        self.assertEqual(self.text("real.conf"), "events { }\nerror_log /dev/null crit;\n")
        self.assertEqual(stat.S_IMODE(os.stat(link).st_mode), 0o640)
        self.assertEqual(sorted(os.listdir(self.folder)), ["enabled", "real.conf"])

    def test_included_files(self):
        inside, outside = "error_log off;\n", os.path.join(env.scratch("wsrp-lint"), "away.conf")
        env.write(outside, inside)
        self.put(inside, "inc/one.conf")
        self.put("server { listen 81; include twice.inc; }\nserver { listen 82; include twice.inc; }\n", "inc/http.inc")
        self.put(inside, "twice.inc")
        self.put("events { }\ninclude inc/*.conf;\nhttp { include inc/http.inc; server { listen 83; include %s; } }\n" % outside)
        code, diff, said = lint("--fix", self.path)
        self.assertEqual(code, 0, said)
        self.assertEqual(self.text("inc/one.conf"), "error_log /dev/null crit;\n")
        self.assertEqual((self.text("twice.inc"), env.read(outside)), (inside, inside))
        self.assertIn("twice.inc is left as it is: it is included more than once", said)
        self.assertIn("away.conf is left as it is: it is outside of the folder", said)
        self.assertEqual(diff.count("+++"), 1)
        self.assertEqual(lint("--fix", "site.conf", cwd=self.folder)[1], "")

    def test_read_only(self):
        """As somebody who may read the file only: root is made one."""
        self.put("events { }\nerror_log off;\n")
        os.chmod(self.path, 0o444)
        os.chmod(self.folder, 0o755)
        program = shutil.copy(env.WSRPC, self.folder)  # where the checkout is, others may not look
        rights = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        done = env.run([*rights, program, "lint", "--fix", self.path], 30)
        self.assertEqual((done.returncode, done.stdout, self.text()), (0, b"", "events { }\nerror_log off;\n"))
        self.assertIn(b"cannot be written", done.stderr)

    def test_changed_in_the_meantime(self):
        """Somebody else saves the file while it is looked at: a pipe among its includes holds the program up when it has read the file."""
        theirs, pipe = "events { }\nerror_log off;\n# saved by somebody else\n", os.path.join(self.folder, "pipe.inc")
        self.put("events { }\nerror_log off;\ninclude pipe.inc;\n")
        os.mkfifo(pipe)
        with subprocess.Popen([env.WSRPC, "lint", "--fix", self.path], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.addCleanup(process.kill)
            end = time.monotonic() + 20 * env.SLOW
            while process.poll() is None and time.monotonic() < end:
                try:
                    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)  # fails while nobody reads
                except OSError:
                    time.sleep(0.01)
                    continue
                self.put(theirs)
                os.write(writer, b"# nothing\n")
                os.close(writer)
            self.assertEqual(process.poll(), 2)
            self.assertEqual((process.stdout.read(), self.text()), (b"", theirs))
            self.assertIn(b"site.conf was changed in the meantime: it is left as it is", process.stderr.read())

    def test_usage(self):
        self.put("events { }\n")
        for arguments in (["lint", "--dry-run", self.path], ["lint", "--fix", "--json", self.path], ["lint", "--fix", "-"], [self.path, "--fix", "-o", self.path + ".bin"], [self.path, "--json", "-o", self.path + ".bin"]):
            done = env.run([env.WSRPC, *arguments], 30)
            self.assertEqual((done.returncode, done.stdout), (2, b""), arguments)


def script(request):
    if request.tokens("upgrade") == ["websocket"]:
        return [websocket.switching(request), ("echo",)]
    return [respond(200, [("X-Seen", request.target)], b"")]


class Behaviour(unittest.TestCase):
    """The site before and after: no WebSocket, then one, with the path that was meant."""

    def test_websocket_arrives(self):
        backend, server, address = Backend(script), Wsrpd(), ("127.0.0.1", env.free_port())
        self.addCleanup(backend.stop)
        text = SHADOWED.replace("BACKEND", "%s:%d" % backend.address).replace("*:80", "%s:%d" % address)
        seen = []
        for _ in range(2):
            server.start(text, [address])
            backend.clear()
            with client.Client(address) as link:
                link.send(websocket.handshake("/ws/room", host="a.example"))
                status = link.response().status
            seen.append((status, backend.requests[-1].target, client.get(address, "/files/x", host="a.example").get("x-seen"), client.get(address, "/page", host="a.example").get("x-seen")))
            server.stop()
            lint("--fix", os.path.join(server.folder, "site.conf"))
            text = env.read(os.path.join(server.folder, "site.conf"))
        self.assertEqual(seen, [(200, "/ws/room", "/files/x", "/page"), (101, "/room", None, "/page")])


if __name__ == "__main__":
    unittest.main()
