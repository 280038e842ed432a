# SPDX-License-Identifier: BSD-2-Clause
"""Rows of servers, locations, maps and of the client's side."""

import time

from lib import client, env

from . import case, unseen
from .probes import after_silence, answer_within, body, field, received, status

PROXY = "location / { LINE; proxy_pass http://BACKEND; }"
UP = "location / { proxy_pass http://BACKEND; }"
KEPT = "LINE; location / { return 200 x; }"


def speaks_tls(p):
    first = p.connect()
    with first:
        first.send(client.request(fields=[("Connection", "close")]))
        return b"HTTPS" in first.read_all(3) or b" 400 " in first.received[:20]


def second_status(p):
    with p.connect() as link:
        link.ask("/")
        try:
            return link.ask("/").status
        except ConnectionError:
            return "closed"


def whole_body(p):
    """Ask for a large file, read nothing for a while: does the whole file come then?"""
    with p.connect() as link:
        link.send(client.request("/big.bin", fields=[("Connection", "close")]))
        time.sleep(1.5 * env.SLOW)
        total = 0
        try:
            while data := link.sock.recv(1 << 20):
                total += len(data)
        except ConnectionResetError:
            pass
        return total > 16000000


def odd_field(name):
    def probe(p):
        p.get("/", fields=[(name, "here")])
        return dict((key.lower(), value) for key, value in p.backend.requests[-1].fields).get(name.lower())
    return probe


def once(p):
    """One answer without asking for the connection to be closed."""
    with p.connect() as link:
        return link.ask("/")


def idle(p):
    with p.connect() as link:
        link.ask("/")
        try:
            link.read_all(1.5)
            return "closed"
        except TimeoutError:
            return "open"


case("include", "inc-a.conf", "inc-b.conf", "answer", ("a", "b"), body(), server="location / { LINE; }",
     files={"inc-a.conf": "return 200 a;\n", "inc-b.conf": "return 200 b;\n"})
case("server@http", "", None, "answer", ("second", "first"), body(host="second.example"),
     server="server { listen 127.0.0.1:PORT; return 200 first; } LINE { listen 127.0.0.1:PORT; server_name second.example; return 200 second; }")
case("listen", "127.0.0.1:PORT", "127.0.0.1:PORT2", "connection", (True, False), lambda p: env.accepts(("127.0.0.1", p.place("PORT") and p.port)),
     server="LINE; return 200 x;")
case("listen", "127.0.0.1:PORT", "127.0.0.1:PORT ssl", "TLS", (False, True), speaks_tls, title="listen ssl",
     server="LINE; ssl_certificate ec.crt; ssl_certificate_key ec.key; return 200 x;")
case("listen", "127.0.0.1:PORT", "127.0.0.1:PORT default_server", "answer", ("first", "second"), body(host="unknown.example"), title="listen default_server",
     server="server { listen 127.0.0.1:PORT; server_name a.example; return 200 first; } server { LINE; server_name b.example; return 200 second; }")
case("listen", "unix:FOLDER/NAME.sock", "unix:FOLDER/NAME-other.sock", "connection", (True, False), lambda p: env.accepts(p.path(p.name + ".sock")),
     title="listen unix:", server="LINE; return 200 x;")
case("server_name", "a.example", "b.example", "answer", ("named", "default"), body(host="a.example"),
     server="server { listen 127.0.0.1:PORT; return 200 default; } server { listen 127.0.0.1:PORT; LINE; return 200 named; }")
case("location", "/a", "/b", "answer", ("here", "elsewhere"), body("/a/x"), server="LINE { return 200 here; } location / { return 200 elsewhere; }")
case("location", "/a", "= /a", "answer", ("here", "elsewhere"), body("/a/x"), title="location =", server="LINE { return 200 here; } location / { return 200 elsewhere; }")
case("location", "/a", "^~ /a", "answer", ("regex", "here"), body("/a/x"), title="location ^~", server="LINE { return 200 here; } location ~ x$ { return 200 regex; }")
case("location", "~ ^/A", "~* ^/A", "answer", ("elsewhere", "here"), body("/a"), title="location ~*", server="LINE { return 200 here; } location / { return 200 elsewhere; }")
case("map", "$arg_a $NAME_v", "$arg_b $NAME_v", "answer", ("one", "two"), body("/?a=1&b=2"), http="LINE { 1 one; 2 two; }", server='return 200 "$NAME_v";')
case("default@map", "one", "two", "answer", ("one", "two"), body(), http="map $arg_a $NAME_v { LINE; }", server='return 200 "$NAME_v";')
case("hostnames", "", None, "answer", ("yes", "no"), body(host="x.some.example"), http="map $host $NAME_v { LINE; default no; *.some.example yes; }", server='return 200 "$NAME_v";')
case("volatile", "", None, "answer", ("ab", "aa"), body(), http="map $NAME_x $NAME_v { LINE; a a; b b; }",
     server='location / { set $NAME_x a; set $NAME_y $NAME_v; set $NAME_x b; return 200 "$NAME_y$NAME_v"; }')
case("*@map", "~^x one", "~^y one", "answer", ("one", "no"), body("/?a=xyz"), http="map $arg_a $NAME_v { default no; LINE; }", server='return 200 "$NAME_v";')
case("if@server", "($arg_a = x)", "($arg_a = y)", "answer", (403, 200), status("/?a=x"), server="LINE { return 403; } location / { return 200 x; }")
case("if@location", "($arg_a = x)", "($arg_a = y)", "answer", (403, 200), status("/?a=x"), server="location / { LINE { return 403; } return 200 x; }")

case("keepalive_timeout@server", "0", "30s", "answer", ("close", None), lambda p: once(p).get("Connection") if "close" in once(p).tokens("connection") else None,
     server=KEPT)
case("keepalive_timeout@server", "30s", "30s 20s", "answer", (None, "timeout=20"), lambda p: once(p).get("Keep-Alive"), title="keepalive_timeout with a field",
     server=KEPT)
case("keepalive_timeout@server", "300ms", "30s", "time", ("closed", "open"), idle, title="keepalive_timeout, its time", server=KEPT)
case("keepalive_requests@server", "1", "10", "connection", ("closed", 200), second_status, server=KEPT)
case("client_max_body_size", "10", "20", "answer", (413, 200), status(method="POST", body=b"fifteen bytes!!"), server=PROXY)
case("client_body_timeout", "300ms", "30s", "time", ("closed", "open"), after_silence(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive!"), server=PROXY)
case("client_header_timeout", "300ms", "30s", "time", ("closed", "open"), after_silence(b"GET / HTTP/1.1\r\nHost:"), server="LINE; " + UP)
case("send_timeout", "300ms", "30s", "time", (False, True), whole_body, server="root bigroot; LINE;", files={"bigroot/big.bin": b"0123456789abcde\n" * 1100000})
case("client_header_buffer_size", "1k", "8k", "answer", (414, 200), status("/" + "x" * 3000), server="LINE; large_client_header_buffers 2 1k; " + UP)
case("large_client_header_buffers", "4 1k", "4 8k", "answer", (400, 200), status(fields=[("X-Long", "x" * 3000)]), server="LINE; " + UP)
case("merge_slashes", "on", "off", "answer", ("merged", "as it is"), body("/a//b"), server="LINE; location /a/b { return 200 merged; } location / { return 200 'as it is'; }")
case("underscores_in_headers", "on", "off", "upstream request", ("here", None), odd_field("X_Under"), server="LINE; " + UP)
case("ignore_invalid_headers", "on", "off", "upstream request", (None, "here"), odd_field("X.Odd"), server="LINE; " + UP)
unseen("tcp_nodelay", "on", "off", "the option of our own end of the connection; which packets carry the bytes depends on the network too", server="LINE; return 200 x;")
unseen("tcp_nopush", "on", "off", "only how a file is cut into packets", server="LINE; return 200 x;")
case("absolute_redirect", "on", "off", "answer", ("http://localhost:PORT/to", "/to"), field("Location"), server="LINE; return 301 /to;")
case("port_in_redirect", "on", "off", "answer", ("http://localhost:PORT/to", "http://localhost/to"), field("Location"), server="LINE; return 301 /to;")
case("server_name_in_redirect", "on", "off", "answer", ("http://named.example:PORT/to", "http://localhost:PORT/to"), field("Location"),
     server="server_name named.example; LINE; return 301 /to;")
case("server_tokens", "on", "off", "answer", (True, False), lambda p: "/" in p.get("/").get("Server"), server="LINE; return 200 x;")
case("internal", "", None, "answer", (404, 200), status("/x"), server="location / { LINE; root html; try_files /none @x; } location @x { return 200 x; }")
case("resolver@server", "DNS", "DNS2", "answer", (200, 502), status("/", seconds=15), http="map $arg_none $NAME_h { default some.example; }",
     server="server { listen 127.0.0.1:PORT; LINE ipv6=off; location / { proxy_pass http://$NAME_h:PORT2; } } server { listen 127.0.0.1:PORT2; return 200 found; }")
case("resolver_timeout", "300ms", "30s", "time", (502, "nothing yet"), answer_within(2), http="map $arg_none $NAME_h { default some.example; }",
     server="resolver DNS3 ipv6=off; LINE; location / { proxy_pass http://$NAME_h:PORT2; }")
case("allow", "127.0.0.1", "127.0.0.2", "answer", (200, 403), status(), server=PROXY.replace("LINE;", "LINE; deny all;"))
case("deny", "127.0.0.0/8", "10.0.0.0/8", "answer", (403, 200), status(), server=PROXY)
PASSWORD = [("Authorization", "Basic ZGFuOnRlc3Q=")]  # dan:test
USERS = {"users-a": "dan:{PLAIN}test\n", "users-b": "dan:{PLAIN}other\n"}
REAL = PROXY.replace("LINE;", "LINE; proxy_set_header X-Said $remote_addr;")
case("auth_basic", "Members", "off", "answer", ("Basic realm=\"Members\"", None), field("WWW-Authenticate"), server=PROXY.replace("LINE;", "auth_basic_user_file users-a; LINE;"), files=USERS)
case("auth_basic_user_file", "users-a", "users-b", "answer", (200, 401), status(fields=PASSWORD), server=PROXY.replace("LINE;", "auth_basic Members; LINE;"), files=USERS)
case("satisfy", "any", "all", "answer", (200, 403), status(fields=PASSWORD), server=PROXY.replace("LINE;", "auth_basic Members; auth_basic_user_file users-a; deny all; LINE;"), files=USERS)
case("set_real_ip_from", "127.0.0.0/8", "10.0.0.0/8", "upstream request", ("192.0.2.1", "127.0.0.1"), received("X-Said", fields=[("X-Real-IP", "192.0.2.1")]), server=REAL)
case("real_ip_header", "X-One", "X-Two", "upstream request", ("192.0.2.1", "192.0.2.2"), received("X-Said", fields=[("X-One", "192.0.2.1"), ("X-Two", "192.0.2.2")]),
     server=REAL.replace("LINE;", "set_real_ip_from 127.0.0.1; LINE;"))
case("real_ip_recursive", "on", "off", "upstream request", ("192.0.2.1", "127.0.0.2"), received("X-Said", fields=[("X-Forwarded-For", "192.0.2.1, 127.0.0.2")]),
     server=REAL.replace("LINE;", "set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For; LINE;"))
