# SPDX-License-Identifier: BSD-2-Clause
"""Files as they are copied from pages and tables: placeholders left in, no-break spaces, patterns of IIS for whole URLs. What cannot mean anything is refused with
the line; the rest is served. (Shapes that a server judges stand in tests/differential/cases_shapes.py and tests/differential/httpd/cases_shapes.py.)"""

import os
import unittest

from lib import client, env, websocket
from lib.backend import Backend, respond
from lib.servers import Wsrpd

TABLE = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
    <system.webServer>
        <rewrite>
            <rules>
                <rule name="sockets" stopProcessing="true">
                    <match url="^(.+)s://NAME(:443)?/live/(.*)" />
                    <action type="Rewrite" url="{R:1}://BACKEND/live/{R:3}" />
                </rule>
                <rule name="the rest" stopProcessing="true">
                    <match url="^(.+)s://NAME(:443)?/(.*)" />
                    <action type="Rewrite" url="{R:1}://BACKEND/{R:3}" />
                </rule>
            </rules>
        </rewrite>
    </system.webServer>
</configuration>
"""

NGINX = """server {

    listen  80;

    server_name NAME;

    rewrite ^ https://$server_name$request_uri? permanent;

}

server {

      listen 8443;
      server_name NAME;
      location / {
             proxy_pass http://BACKEND;
      }
      location /live {
             proxy_pass http://BACKEND;
             proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade;
             proxy_set_header Connection "upgrade";       \n      }
}
"""

APACHE = """<VirtualHost *:80>
    ServerName NAME
    ProxyPass /live ws://BACKEND/live
    ProxyPass / http://BACKEND/
</VirtualHost>
"""


def script(request):
    if request.target.startswith("/live") and request.get("sec-websocket-key"):
        return [websocket.switching(request), ("echo",)]
    return [respond(200, [("X-Seen", request.target)], b"fine")]


def compiled(text, name, *options):
    """(exit code, messages) of wsrpc on a text."""
    path = env.write(os.path.join(env.scratch("wsrp-shapes"), name), text)
    done = env.run([env.WSRPC, path, "-o", path + ".bin", *options], 30)
    return done.returncode, done.stderr.decode()


class Refused(unittest.TestCase):
    """With what was to be filled in: an error for each place, with its line."""

    def refused(self, text, file, places, check, *options):
        code, said = compiled(text, file, *options)
        self.assertEqual(code, 1, said)
        found = [line for line in said.splitlines() if "error:" in line]
        self.assertEqual([line.split(":")[1] for line in found], places, said)
        for line in found:
            self.assertIn("[%s]" % check, line)

    def test_nginx(self):
        self.refused(NGINX.replace("NAME", "<DNS NAME>").replace("BACKEND", "<TARGET>:<PORT>"), "site.conf", ["5", "14", "16", "16", "19", "19"], "placeholder-left")

    def test_apache(self):
        self.refused(APACHE.replace("NAME", "<DNS NAME>").replace("BACKEND", "<TARGET>:8080"), "site.conf", ["2", "3", "4"], "placeholder-left")

    def test_iis(self):
        self.refused(TABLE.replace("NAME", "&lt;DNS NAME&gt;").replace("BACKEND", "127.0.0.1:1"), "web.config", ["7", "11"], "iis-placeholder", "--listen", "80", "--assume-full-url")
        self.refused(TABLE.replace("NAME", "a.example").replace("BACKEND", "&lt;TARGET&gt;:1"), "web.config", ["8", "12"], "iis-placeholder", "--listen", "80", "--assume-full-url")

    def test_patterns_for_whole_urls(self):
        self.refused(TABLE.replace("NAME", "a\\.example").replace("BACKEND", "127.0.0.1:1"), "web.config", ["7", "11"], "iis-full-url", "--listen", "80")


class Blanks(unittest.TestCase):
    """No-break spaces: nginx's language takes them for blanks and says so once; in Apache's they are part of a word, as for httpd."""

    def spaced(self, text):
        return "".join(line.replace("  ", "\u00a0 ") for line in text.splitlines(True))

    def test_nginx(self):
        code, said = compiled(self.spaced(NGINX).replace("NAME", "talk.example").replace("BACKEND", "127.0.0.1:1"), "site.conf")
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("[invisible-character]"), 1)
        self.assertIn("site.conf:3:1: warning: invisible character U+00A0", said)

    def test_apache(self):
        code, said = compiled(self.spaced(APACHE).replace("NAME", "talk.example").replace("BACKEND", "127.0.0.1:1"), "site.conf")
        self.assertEqual(code, 1, said)
        self.assertIn("site.conf:2:1: error: invisible character U+00A0", said)


class Served(unittest.TestCase):
    """The filled-in files, plain and over TLS, pages and WebSockets."""

    def setUp(self):
        self.backend = Backend(script)
        self.addCleanup(self.backend.stop)
        self.server = Wsrpd()
        self.plain, self.secure = ("127.0.0.1", env.free_port()), ("127.0.0.1", env.free_port())
        self.certificate = env.certificate(self.server.folder, "one", ["talk.example"])

    def serve(self, text, file, *options):
        self.server.compile_options = options
        self.server.start(text.replace("BACKEND", "%s:%d" % self.backend.address), waits=[self.plain, self.secure], file=file)
        self.addCleanup(self.server.stop)

    def link(self, address):
        tls = address == self.secure
        return client.Client(address, tls=client.tls_context() if tls else None, name="talk.example" if tls else None)

    def page(self, address, target, host):
        with self.link(address) as link:
            link.send(client.request(target, host=host))
            answer = link.response()
            return answer.status, answer.get("x-seen") or answer.get("location")

    def echoes(self, address, target, host):
        with self.link(address) as link:
            link.send(websocket.handshake(target, host=host))
            status = link.response().status
            if status == 101:
                message = websocket.frame(b"hello")
                link.send(message)
                self.assertEqual(link.read(len(message)), message)
            return status

    def test_iis_table(self):
        """Patterns that ask for https match there, and only there."""
        self.serve(TABLE.replace("NAME", "talk.example"), "web.config", "--listen", "%s:%d" % self.plain, "--listen", "ssl:%s:%d" % self.secure,
                   "--certificate", self.certificate[0], "--certificate-key", self.certificate[1], "--assume-full-url")
        for host, status in (("talk.example", 200), ("talk.example:443", 200), ("other.example", 404)):
            self.assertEqual(self.page(self.secure, "/a/b?c=d", host), (status, "/a/b?c=d" if status == 200 else None))
            self.assertEqual(self.echoes(self.secure, "/live/7", host), 101 if status == 200 else 404)
            self.assertEqual(self.page(self.plain, "/a/b?c=d", host), (404, None))
            self.assertEqual(self.echoes(self.plain, "/live/7", host), 404)

    def test_nginx_with_no_break_spaces(self):
        text = NGINX.replace("NAME", "talk.example").replace("  80", "  127.0.0.1:%d" % self.plain[1]).replace("8443", "127.0.0.1:%d ssl; ssl_certificate one.crt; ssl_certificate_key one.key" % self.secure[1])
        self.serve("".join(line.replace("  ", "\u00a0 ") for line in text.splitlines(True)), "site.conf")
        self.assertEqual(self.page(self.plain, "/a?b=c", "talk.example"), (301, "https://talk.example/a?b=c"))
        self.assertEqual(self.page(self.secure, "/a?b=c", "talk.example"), (200, "/a?b=c"))
        self.assertEqual(self.page(self.secure, "/live/x", "talk.example"), (200, "/live/x"))
        self.assertEqual(self.echoes(self.secure, "/live/x", "talk.example"), 101)
        self.assertEqual(self.echoes(self.secure, "/other", "talk.example"), 200)


if __name__ == "__main__":
    unittest.main()
