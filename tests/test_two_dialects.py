# SPDX-License-Identifier: BSD-2-Clause
"""One site written in nginx's language and in Apache's: both tables answer every request alike and ask the backend for the same."""

import unittest

from lib import client, env, websocket
from lib.backend import Backend, respond
from lib.servers import Wsrpd

NGINX = """
server {
    listen ADDRESS;
    server_name www.example.org;
    add_header X-Frame-Options DENY always;
    location /api/ { proxy_pass http://BACKEND/v1/; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto http; }
    location = /ws { websocket on; proxy_pass http://BACKEND/socket; }
    location /old { return 301 http://www.example.org/new; }
    location /private { deny all; proxy_pass http://BACKEND; }
    location /gone { return 410; }
    location ~ ^/item/([0-9]+)$ { proxy_pass http://BACKEND/items?id=$1; proxy_set_header Host $http_host; }
    location / { return 404; }
}
server {
    listen ADDRESS;
    server_name other.example.org *.other.example.org;
    return 302 http://www.example.org/other;
}
"""

APACHE = """
Listen ADDRESS
<VirtualHost ADDRESS>
    ServerName www.example.org
    ProxyPreserveHost On
    Header always set X-Frame-Options DENY
    RequestHeader set X-Forwarded-Proto http "expr=%{REQUEST_URI} =~ m#^/api/#"
    ProxyPass /api/ http://BACKEND/v1/
    ProxyPassMatch ^/ws$ ws://BACKEND/socket
    RewriteEngine On
    RewriteRule ^/item/([0-9]+)$ http://BACKEND/items?id=$1 [P]
    RedirectMatch 301 ^/old http://www.example.org/new
    RedirectMatch 410 ^/gone
    <Location /private>
        Require all denied
    </Location>
</VirtualHost>
<VirtualHost ADDRESS>
    ServerName other.example.org
    ServerAlias *.other.example.org
    RedirectMatch 302 .* http://www.example.org/other
</VirtualHost>
"""

REQUESTS = [(host, target, method) for host, targets in (
    ("www.example.org", ("/api/a", "/api/a%20b?x=1", "/api/", "/old", "/old/x", "/private/x", "/gone/y", "/item/42", "/item/x", "/", "/none")),
    ("WWW.example.ORG:80", ("/api/a", "/none")),
    ("other.example.org", ("/", "/api/a")), ("a.b.other.example.org", ("/x",)), ("unknown.example", ("/api/a", "/none"))) for target in targets
    for method in ("GET", "POST") if not (method == "POST" and target == "/none")]


def script(request):
    if request.target.startswith("/socket"):
        return [websocket.switching(request), ("echo",)]
    return [respond(200, [("X-Seen", "%s %s" % (request.method, request.target))], b"body of " + request.target.encode())]


class TwoDialects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.backend = Backend(script)
        cls.servers = []
        for text, name in ((NGINX, "site.conf"), (APACHE, "site.apache.conf")):
            address, server = ("127.0.0.1", env.free_port()), Wsrpd()
            cls.servers.append((server, address))
            server.start(text.replace("ADDRESS", "%s:%d" % address).replace("BACKEND", "%s:%d" % cls.backend.address), waits=[address], file=name)

    @classmethod
    def tearDownClass(cls):
        try:
            for server, _ in cls.servers:
                server.stop()
        finally:
            cls.backend.stop()

    def result(self, address, host, target, method):
        self.backend.clear()
        answer = client.get(address, target, method=method, host=host, body=b"data" if method == "POST" else b"")
        # the text of our own pages is the same; their fields, too, but for how the two servers order and name connections
        asked = [(seen.method, seen.target, seen.get("host"), seen.get("x-forwarded-proto"), seen.body) for seen in self.backend.requests]
        return answer.status, answer.get("location"), answer.get("x-frame-options"), answer.get("x-seen"), answer.body, asked

    def test_same_answers(self):
        for host, target, method in REQUESTS:
            with self.subTest("%s %s%s" % (method, host, target)):
                first, second = [self.result(address, host, target, method) for _, address in self.servers]
                self.assertEqual(first, second)

    def test_not_all_alike(self):
        """The comparison above would see a difference."""
        statuses = {self.result(self.servers[0][1], *request)[0] for request in REQUESTS}
        self.assertEqual(statuses, {200, 301, 302, 403, 404, 410})

    def test_websocket(self):
        for _, address in self.servers:
            with client.Client(address) as c:
                c.send(websocket.handshake("/ws", host="www.example.org"))
                self.assertEqual(c.response().status, 101)
                message = websocket.frame(b"hello")
                c.send(message)
                self.assertEqual(c.read(len(message)), message)


if __name__ == "__main__":
    unittest.main()
