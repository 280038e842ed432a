# SPDX-License-Identifier: BSD-2-Clause
"""Rows of proxying and tunnels."""

import time

from lib import backend, client, env

from . import case, unseen
from .probes import WEBSOCKET, answer_within, body, field, received, status, tunnel

UP = "location / { LINE; proxy_pass http://BACKEND; }"
# A TLS server beside the case's own, as its upstream.
TLS_UP = """server { listen 127.0.0.1:PORT; location / { %s proxy_pass https://127.0.0.1:PORT2; } }
server { listen 127.0.0.1:PORT2 ssl; keepalive_timeout 0; %s }"""
EC = "ssl_certificate ec.crt; ssl_certificate_key ec.key; "


def tls_up(front, behind):
    return TLS_UP % (front, behind)


def first_fails(pause):
    """The status when the first server of the group answers with 503."""
    def probe(p):
        p.backend.script = lambda request: [("pause", pause * env.SLOW), backend.respond(503, [], b"first", "Busy")]
        return p.get("/").status
    return probe


def large_post(p):
    """A large body to an upstream that reads nothing for a while: the status that comes in time."""
    with p.connect() as link:
        p.backend.early = lambda head: [("pause", 2.5 * env.SLOW), ("close",)]
        link.sock.settimeout(0.3)
        data = client.request("/", "POST", [("Content-Length", "24000000")])
        link.send(data)
        end, block = time.monotonic() + 1.8 * env.SLOW, b"x" * 65536
        while time.monotonic() < end:
            try:
                link.sock.send(block)
            except TimeoutError:
                pass
            except OSError:
                break
        try:
            return link.response(seconds=0.3).status
        except TimeoutError:
            return "nothing yet"
        except ConnectionError:
            return "closed"


def logged_status(p):
    """The status in the access log for a client that has gone before a slow upstream answered."""
    with p.connect() as link:
        link.send(client.request("/slow"))
        env.wait_until(lambda: p.backend.requests, 3)
    lines = p.lines(p.name + ".log", seconds=3)
    return lines[0] if lines else None


def named_elsewhere(p):
    """The body when the upstream names another place to be sent."""
    p.backend.script = lambda request: [backend.respond(200, [("X-Accel-Redirect", "/kept")], b"own")]
    return p.get("/").body.decode()


def tunnel_after_silence(p):
    with p.connect() as link:
        assert link.ask("/chat", fields=WEBSOCKET).status == 101
        try:
            link.read_all(1.5)
            return "closed"
        except TimeoutError:
            return "open"


def stalled_client(p):
    """How much of a large answer the upstream gets rid of while the client reads nothing."""
    sent = []

    def large(_request):
        yield backend.respond(200, [("Content-Length", "64000000")], b"", length=False)
        for _ in range(1000):
            yield b"x" * 64000
            sent.append(64000)
    p.backend.script = large
    with p.connect(rcvbuf=4096) as link:
        link.send(client.request("/"))
        time.sleep(1.0 * env.SLOW)
        return sum(sent) > 24000000


case("proxy_pass", "http://BACKEND", "http://BACKEND/base/", "upstream request", ("/a/x", "/base/x"), received(".target", "/a/x"), server="location /a/ { LINE; }")
case("proxy_http_version", "1.0", "1.1", "upstream request", (0, 1), received(".minor"), server=UP)
case("proxy_set_header", "X-Set one", "X-Set $uri", "upstream request", ("one", "/x"), received("X-Set", "/x"), server=UP)
case("proxy_redirect", "default", "off", "answer", ("http://localhost:PORT/a/x", "http://BACKEND/base/x"),
     lambda p: field("Location", "/a/moved?to=http://%s/base/x" % p.place("BACKEND"))(p).replace(p.place("BACKEND"), "BACKEND"),
     server="location /a/ { proxy_pass http://BACKEND/base/; LINE; }")
case("proxy_redirect", "http://one.example/ /1/", "http://two.example/ /2/", "answer", ("http://localhost:PORT/1/x", "http://one.example/x"),
     field("Location", "/moved?to=http://one.example/x"), title="proxy_redirect of a prefix", server=UP)
case("proxy_read_timeout", "300ms", "30s", "time", (504, 200), status("/slow"), server=UP)
case("proxy_send_timeout", "300ms", "30s", "time", (504, "nothing yet"), large_post, server="client_max_body_size 0; proxy_request_buffering off; " + UP)
case("proxy_connect_timeout", "300ms", "30s", "time", (504, "nothing yet"), answer_within(1.5), server="location / { LINE; proxy_pass http://HOLE; }")
unseen("proxy_buffering", "on", "off", "both read ahead as far as proxy_buffers and pass each piece on at once", server=UP)
unseen("proxy_request_buffering", "on", "off", "both pass each piece on at once", server=UP)
case("proxy_buffer_size", "1k", "8k", "answer", (502, 200), status("/large"), server=UP)
case("proxy_pass_request_headers", "on", "off", "upstream request", ("here", None), received("X-Some", fields=[("X-Some", "here")]), server=UP)
case("proxy_pass_request_body", "on", "off", "upstream request", (b"body", b""), received(".body", method="POST", body=b"body"),
     server=UP)
case("proxy_ignore_client_abort", "on", "off", "log", ("200", "499"), logged_status, http="log_format NAME_f $status;", server="access_log NAME.log NAME_f; " + UP)
case("proxy_intercept_errors", "on", "off", "answer", ("page", "upstream status404"), body("/status404"),
     server="error_page 404 =200 @page; location @page { return 200 page; } " + UP)
case("proxy_next_upstream", "http_503", "off", "answer", (200, 503), first_fails(0), http="upstream NAME { server BACKEND; server BACKEND2; }",
     server="location / { LINE; proxy_pass http://NAME; }")
case("proxy_next_upstream_tries", "1", "2", "answer", (503, 200), first_fails(0), http="upstream NAME { server BACKEND; server BACKEND2; }",
     server="location / { proxy_next_upstream http_503; LINE; proxy_pass http://NAME; }")
case("proxy_next_upstream_timeout", "200ms", "30s", "answer", (503, 200), first_fails(0.5), http="upstream NAME { server BACKEND; server BACKEND2; }",
     server="location / { proxy_next_upstream http_503; LINE; proxy_pass http://NAME; }")
case("proxy_method", "PUT", "DELETE", "upstream request", ("PUT", "DELETE"), received(".method"), server=UP)
case("proxy_bind", "127.0.0.7", "127.0.0.8", "upstream request", ("127.0.0.7", "127.0.0.8"), body(),
     server="server { listen 127.0.0.1:PORT; location / { LINE; proxy_pass http://127.0.0.1:PORT2; } } server { listen 127.0.0.1:PORT2; return 200 $remote_addr; }")
case("proxy_ignore_headers", "X-Accel-Redirect", "X-Accel-Expires", "answer", ("own", "kept"), named_elsewhere, server=UP + " location /kept { internal; return 200 kept; }")
case("proxy_hide_header", "X-Shown", "X-Other", "answer", (None, "1"), field("X-Shown", "/fields"), server=UP)
case("proxy_pass_header", "X-Pad", "X-Other", "answer", ("pad", None), field("X-Pad", "/fields"), server=UP)
case("proxy_ssl_verify", "on", "off", "answer", (502, 200), status(), server=tls_up("LINE; proxy_ssl_trusted_certificate other.crt; proxy_ssl_name localhost;", EC + "return 200 x;"))
case("proxy_ssl_verify_depth", "0", "1", "answer", (502, 200), status(),
     server=tls_up("proxy_ssl_verify on; proxy_ssl_trusted_certificate root.crt; proxy_ssl_name localhost; LINE;",
                   "ssl_certificate chain.crt; ssl_certificate_key leaf.key; return 200 x;"))
case("proxy_ssl_name", "localhost", "stranger.example", "answer", (200, 502), status(),
     server=tls_up("proxy_ssl_verify on; proxy_ssl_trusted_certificate ec.crt; LINE;", EC + "return 200 x;"))
case("proxy_ssl_server_name", "on", "off", "upstream request", ("some.example", ""), body(), server=tls_up("proxy_ssl_name some.example; LINE;", EC + "return 200 $ssl_server_name;"))
case("proxy_ssl_trusted_certificate", "ec.crt", "other.crt", "answer", (200, 502), status(),
     server=tls_up("proxy_ssl_verify on; proxy_ssl_name localhost; LINE;", EC + "return 200 x;"))
case("proxy_ssl_crl", "empty.crl", "revoked.crl", "answer", (200, 502), status(),
     server=tls_up("proxy_ssl_verify on; proxy_ssl_trusted_certificate root.crt; proxy_ssl_name localhost; LINE;",
                   "ssl_certificate direct.crt; ssl_certificate_key direct.key; return 200 x;"))
OUR_KEY = EC + "ssl_verify_client optional_no_ca; return 200 $ssl_client_s_dn;"
case("proxy_ssl_certificate", "other.crt", "other2.crt", "upstream request", ("CN=other", "no start"), lambda p: "no start" if p.started else body()(p), dead=True,
     main="events { } http { access_log off; %s }" % tls_up("LINE; proxy_ssl_certificate_key other.key;", OUR_KEY))
case("proxy_ssl_certificate_key", "other.key", "other2.key", "process", ("CN=other", "no start"), lambda p: "no start" if p.started else body()(p), dead=True,
     main="events { } http { access_log off; %s }" % tls_up("proxy_ssl_certificate other.crt; LINE;", OUR_KEY))
case("proxy_ssl_ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "TLS", ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"), body(),
     server=tls_up("proxy_ssl_protocols TLSv1.2; LINE;", EC + "return 200 $ssl_cipher;"))
case("proxy_ssl_protocols", "TLSv1.2", "TLSv1.3", "TLS", ("TLSv1.2", "TLSv1.3"), body(), server=tls_up("LINE;", EC + "return 200 $ssl_protocol;"))
case("proxy_ssl_session_reuse", "on", "off", "TLS", ("r", "."), lambda p: [body()(p), time.sleep(0.1), body()(p)][-1],
     server=tls_up("proxy_ssl_protocols TLSv1.2; LINE;", EC + "return 200 $ssl_session_reused;"))
case("add_header", "X-Add one", "X-Add two", "answer", ("one", "two"), field("X-Add"), server="LINE; return 200 x;")
case("add_header", "X-Add one", "X-Add one always", "answer", (None, "one"), field("X-Add"), title="add_header always", server="LINE; return 404;")
case("websocket", "on", "off", "answer", ((101, True), 200), tunnel(), server=UP)
case("websocket", "on", "only", "answer", (200, 426), status(), title="websocket only", server=UP)
case("upgrade_protocols", "websocket", "websocket other", "answer", (200, (101, True)), tunnel(fields=(("Upgrade", "other"), ("Connection", "Upgrade"))), server="websocket on; " + UP)


case("websocket_idle_timeout", "300ms", "30s", "time", ("closed", "open"), tunnel_after_silence, server="websocket on; " + UP)


case("proxy_buffers", "4 8k", "4096 8k", "connection", (False, True), stalled_client, server=UP)
