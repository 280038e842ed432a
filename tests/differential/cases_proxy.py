# SPDX-License-Identifier: BSD-2-Clause
"""Proxying: where requests go, with which target and fields, and what comes back."""

import time

from harness import Case, answer, get, head, post, raw, site, upgrade
from lib import backend

PATHS = ["/", "/a", "/a/", "/a/b?c=d", "/api", "/api/", "/api/x", "/apix", "/api/x?y=1&z=%20", "//api", "/api//x", "/api/./x", "/api/../a", "/%61pi/x",
         "/api/%2Fx", "/api/a%20b", "/api/%C3%A9", "/API/x", "/api?x", "/api/x;y=1", "/a+b", "/a%2Bb", "/api/%25"]

Case("proxy_pass without a URI part", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /api { # drop
            proxy_pass http://@UP2@; # drop
        }
    }"""), [get(path) for path in PATHS] + [head("/api/x"), post("/api/x"), post("/a", b""), get("/api", fields=[("X-A", "1"), ("X-A", "2")])])

Case("proxy_pass with a URI part", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@/; }
        location /api { proxy_pass http://@UP2@/; } # drop
        location /api/ { proxy_pass http://@UP2@/base; } # drop
        location /deep/er/ { proxy_pass http://@UP2@/x/y/; } # drop
        location /query { proxy_pass http://@UP2@/q?fixed=1; } # drop
    }"""), [get(path) for path in PATHS + ["/deep/er/", "/deep/er/z", "/deep/er", "/query", "/query?a=b", "/query/x"]])

Case("proxy_pass with variables", site("""
    server {
        listen @A@;
        set $u @UP@; # drop
        set $v @UP2@; # drop
        set $p /set; # drop
        location / { proxy_pass http://$u; }
        location /uri { proxy_pass http://$u/fixed; } # drop
        location /var { proxy_pass http://$u$p; } # drop
        location /request { proxy_pass http://$v$request_uri; } # drop
        location ~ ^/cap/(.*)$ { proxy_pass http://$u/$1; } # drop
        location ~ ^/args/(.*)$ { proxy_pass http://$u/$1$is_args$args; } # drop
    }"""), [get(path) for path in ["/", "/a?b=c", "/uri", "/uri/x?y", "/var", "/var/x?y=z", "/request", "/request/x?y=z", "/request/%41", "/cap/",
                                   "/cap/x", "/cap/x?y=z", "/cap/a%20b", "/args/x", "/args/x?y=z", "/args/a%2Fb?c"]], differs=["escaped again"])

Case("proxy_set_header and its inheritance", site("""
    proxy_set_header X-Http http; # drop
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /own {
            proxy_set_header X-Own own; # drop
            proxy_pass http://@UP@;
        }
        location /empty {
            proxy_set_header X-Client ""; # drop
            proxy_set_header Accept-Encoding ""; # drop
            proxy_pass http://@UP@;
        }
        location /many {
            proxy_set_header Host $host; # drop
            proxy_set_header X-Real-IP $remote_addr; # drop
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; # drop
            proxy_set_header X-Forwarded-Proto $scheme; # drop
            proxy_set_header X-Uri "$uri|$request_uri|$args|$is_args"; # drop
            proxy_set_header X-Names "$server_name|$host|$http_host|$server_port|$proxy_host"; # drop
            proxy_set_header X-Client "$http_user_agent $arg_a $cookie_c"; # drop
            proxy_pass http://@UP@;
        }
        location /host { proxy_set_header Host $http_host; proxy_pass http://@UP@; }
        location /fixed { proxy_set_header Host fixed.example; proxy_pass http://@UP@; }
    }
    server {
        listen @A@;
        server_name inherits.example;
        proxy_set_header X-Server server; # drop
        location / { proxy_pass http://@UP@; }
    }"""), [get("/"), get("/", host="inherits.example"), get("/own"), get("/empty", fields=[("X-Client", "c"), ("Accept-Encoding", "gzip")]), get("/many"),
            get("/many/%41?a=1&b=2", fields=[("User-Agent", "ua"), ("Cookie", "b=1; c=2")]), get("/many", fields=[("X-Forwarded-For", "10.0.0.1")]),
            get("/many", host="Other.Example:81"), get("/many", fields=[("X-Forwarded-For", "10.0.0.1, 10.0.0.2"), ("X-Real-IP", "9.9.9.9")]),
            get("/host", host="localhost:8080"), get("/host"), get("/fixed"), get("/host", version="1.0", host=None), get("/many", version="1.0", host=None)], differs=["always a host"])

Case("request fields that pass and that do not", site("""
    server { listen @A@; location / { proxy_pass http://@UP@; } }"""),
     [get(fields=[pair]) for pair in [("X-A", "1"), ("X_Under", "1"), ("X.Dot", "1"), ("Cookie", "a=b; c=d"), ("Authorization", "Basic eDp5"), ("Accept", "*/*"),
                                      ("If-None-Match", "\"x\""), ("Range", "bytes=0-1"), ("Expect", "100-continue"), ("Via", "1.0 x"), ("Forwarded", "for=1.2.3.4"),
                                      ("Keep-Alive", "timeout=5"), ("TE", "trailers"), ("Trailer", "X-T"), ("Proxy-Authorization", "x"), ("Upgrade", "foo"),
                                      ("Content-Type", "text/x"), ("X-Empty", ""), ("X-Long", "a" * 3000), ("Referer", "http://x/")]]
     + [get(fields=[("Connection", "X-Named"), ("X-Named", "1")]), get(fields=[("Cookie", "a=b"), ("Cookie", "c=d")]), get(host="LOCALHOST"), get(host="localhost:99")],
     differs=["listed in connection"])

Case("proxy_http_version and a keep-alive group", site("""
    upstream kept { # drop
        server @UP@;
        keepalive 4; # drop
    }
    server {
        listen @A@;
        location / {
            proxy_http_version 1.1; # drop
            proxy_set_header Connection ""; # drop
            proxy_pass http://kept;
        }
    }"""), [get("/1"), get("/2", keep=True), get("/3"), post("/4"), get("/5")])

Case("websocket recipe", site("""
    map $http_upgrade $connection_upgrade { # drop
        default upgrade; # drop
        '' close; # drop
    }
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /ws {
            proxy_pass http://@UP@;
            proxy_http_version 1.1; # drop
            proxy_set_header Upgrade $http_upgrade; # drop
            proxy_set_header Connection $connection_upgrade; # drop
            proxy_set_header Host $http_host; # drop
        }
        location /literal {
            proxy_pass http://@UP@;
            proxy_http_version 1.1; # drop
            proxy_set_header Upgrade $http_upgrade; # drop
            proxy_set_header Connection "upgrade"; # drop
        }
    }"""), [upgrade("/ws"), upgrade("/literal"), upgrade("/"), get("/ws"), get("/literal"), post("/ws"), upgrade("/ws", [("Sec-WebSocket-Protocol", "chat")]),
            upgrade("/ws/deeper?x=y", [("Origin", "http://localhost"), ("Cookie", "a=b")])], differs=["upgrade recipe"])


PLACES = ["http://UP/x?y", "/x", "http://other.example/z", "http://UP/two/x", "x/y", "https://UP/x", "http://UP", "HTTP://UP/x", "//UP/x"]


def redirects(request):
    """Location and Refresh as the target asks for."""
    if not request.target.startswith("/to/"):
        return answer(request)
    where = PLACES[int(request.target[4:])].replace("UP", request.get("host"))
    return [backend.respond(302, [("Location", where), ("Refresh", "5; url=" + where), ("X-Other", where)], b"moved")]


Case("proxy_redirect", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@/; }
        location /sub/ { proxy_pass http://@UP@/; }
        location /off/ {
            proxy_pass http://@UP@/;
            proxy_redirect off; # drop
        }
        location /own/ {
            proxy_pass http://@UP@/;
            proxy_redirect http://other.example/ /mine/; # drop
            proxy_redirect http://@UP@/two/ http://$host/second/; # drop
        }
        location /regex/ {
            proxy_pass http://@UP@/;
            proxy_redirect ~^http://([^/]+)/(.*)$ https://$1.moved/$2; # drop
        }
        location /default/ {
            proxy_pass http://@UP@/;
            proxy_redirect http://other.example/ /mine/; # drop
            proxy_redirect default; # drop
        }
    }"""), [get("%sto/%d" % (place, where)) for place in ("/", "/sub/", "/off/", "/own/", "/regex/", "/default/")
            for where in range(len(PLACES))], script=redirects)


def odd_answers(request):
    """Statuses, repeated and special fields."""
    status = int(request.target[1:4]) if request.target[1:4].isdigit() else 200
    fields = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Powered-By", "test"), ("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT"), ("ETag", "\"up\""),
              ("Cache-Control", "no-store"), ("Expires", "0"), ("Via", "1.1 x"), ("Vary", "Accept")]
    if request.target.startswith("/accel"):
        fields += [("X-Accel-Expires", "5"), ("X-Accel-Buffering", "no"), ("X-Pad", "a")]
    if request.target == "/chunked":
        return [backend.respond(200, fields + [("Transfer-Encoding", "chunked")], b"5\r\nhello\r\n0\r\n\r\n", length=False)]
    if request.target == "/until-close":
        return [backend.respond(200, fields + [("Connection", "close")], b"hello", length=False), ("close",)]
    if request.target == "/1.0":
        return [backend.respond(200, fields, b"hello", version="1.0"), ("close",)]
    body = b"" if status in (204, 304) or request.method == "HEAD" else b"body of %d" % status
    return [backend.respond(status, fields, body, "Reason Of Ours")]


Case("answers of the upstream", site("""
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
    }"""), [get("/%d" % status) for status in (200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 418, 429, 451, 500, 502, 503, 504)]
     + [get("/accel"), get("/chunked"), get("/until-close"), get("/1.0"), head("/200"), head("/404"), get("/200", version="1.0")], script=odd_answers)

Case("add_header", site("""
    add_header X-Http http; # drop
    server {
        listen @A@;
        location / { proxy_pass http://@UP@; }
        location /own {
            add_header X-Own "$uri $arg_a"; # drop
            add_header X-Always always always; # drop
            add_header Cache-Control public; # drop
            proxy_pass http://@UP@;
        }
        location /return { add_header X-Return r; return 200 text; }
        location /moved { add_header X-Moved m; return 301 /x; }
        location /gone { add_header X-Gone g; add_header X-Gone-Always g always; return 410 gone; }
        location /empty { add_header X-Empty ""; proxy_pass http://@UP@; }
        location /proxied/ { add_header X-Sometimes s; add_header X-Always a always; proxy_pass http://@UP@/; }
    }"""), [get(path) for path in ("/", "/own?a=1", "/return", "/moved", "/gone", "/empty", "/proxied/200", "/proxied/201", "/proxied/204", "/proxied/206", "/proxied/301",
                                   "/proxied/302", "/proxied/303", "/proxied/304", "/proxied/307", "/proxied/308", "/proxied/404", "/proxied/500", "/own", "/404")]
     + [head("/own"), head("/return"), get("/return", version="1.0")], script=odd_answers)


def by_target(request):
    """What the time-outs, sizes and buffering cases ask for."""
    if request.target == "/late":
        return [("pause", 1.6)] + answer(request)
    if request.target == "/stalls":
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ("pause", 1.6), b"world"]
    if request.target == "/halves":
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ("pause", 0.6), b"world"]
    if request.target.startswith("/head/"):
        return [backend.respond(200, [("X-Long", "a" * int(request.target[6:]))], b"long head")]
    if request.target == "/large":
        return [backend.respond(200, [], b"0123456789abcdef" * (1 << 19))]
    return answer(request)


def not_reading(request):
    """The upstream that does not read a large body."""
    return [("pause", 3.5), ("close",)] if request.target == "/not-read" else None


Case("time-outs towards the upstream", site("""
    client_max_body_size 50m;
    server {
        listen @A@;
        proxy_read_timeout 1s; # drop
        location / { proxy_pass http://@UP@; }
        location = /full {
            proxy_connect_timeout 1s; # drop
            proxy_pass http://@FULL@;
        }
        location = /dead { proxy_pass http://@DEAD@; } # drop
        location = /not-read {
            proxy_send_timeout 1s; # drop
            proxy_read_timeout 10s;
            proxy_pass http://@UP@;
        }
    }"""), [get("/"), get("/late"), get("/stalls"), get("/full"), get("/dead"), post("/dead"), post("/not-read", b"x" * 20000000), head("/late")],
     script=by_target, early=not_reading)

Case("buffers", site("""
    server {
        listen @A@;
        location / {
            proxy_buffer_size 2k; # drop
            proxy_buffers 8 4k;
            proxy_busy_buffers_size 8k;
            proxy_pass http://@UP@;
        }
        location = /halves {
            proxy_buffering off; # drop
            proxy_pass http://@UP@;
        }
        location = /large {
            send_timeout 1s; # drop
            proxy_pass http://@UP@;
        }
    }"""), [get("/head/100"), get("/head/1000"), get("/head/3000"), get("/halves", timing=True), get("/large"), get("/large", slow=2.2)], script=by_target)

Case("body limits and time-outs towards the client", site("""
    server {
        listen @A@;
        client_max_body_size 1k; # drop
        client_header_timeout 1s; # drop
        client_body_timeout 1s; # drop
        location / { proxy_pass http://@UP@; }
        location /more { client_max_body_size 4k; proxy_pass http://@UP@; } # drop
        location /any { client_max_body_size 0; proxy_pass http://@UP@; } # drop
        location /text { return 200 text; }
    }"""), [post("/", b"a" * 1024), post("/", b"a" * 1025), post("/more", b"a" * 4096), post("/more", b"a" * 4097), post("/any", b"a" * 2000000), post("/text", b"a" * 1025),
            post("/", b"3e8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n", fields=[("Transfer-Encoding", "chunked")]),
            post("/", b"401\r\n" + b"a" * 1025 + b"\r\n0\r\n\r\n", fields=[("Transfer-Encoding", "chunked")]),
            post("/", b"", fields=[("Content-Length", "2000")]), raw(b"GET / HTTP/1.1\r\nHost: localh", wait=2), raw(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc", wait=2),
            get("/")], differs=["time out answer"])

Case("groups and weights", site("""
    upstream two {
        server @UP@ weight=3; # drop
        server @UP2@; # drop
    }
    upstream spare {
        server @DEAD@;
        server @UP2@; # drop
    }
    upstream down {
        server @UP@ down;
        server @UP2@;
    }
    upstream backup {
        server @UP@;
        server @UP2@ backup;
    }
    upstream unix { server unix:@UNIX@; } # drop
    server {
        listen @A@;
        location / { proxy_pass http://two; }
        location /spare { proxy_pass http://spare; }
        location /down { proxy_pass http://down; }
        location /backup { proxy_pass http://backup; }
        location /unix { proxy_pass http://unix; }
        location /direct { proxy_pass http://unix:@UNIX@:/prefix; } # drop
    }"""), [get("/%d" % i) for i in range(12)] + [get("/spare"), get("/spare"), post("/spare"), get("/down"), get("/down"), get("/backup"), get("/backup"), get("/unix"),
            get("/unix/x?y"), get("/direct"), get("/direct/x")])

Case("names of an upstream group in fields", site("""
    upstream some.group { server @UP@; } # drop
    server {
        listen @A@;
        location / { proxy_pass http://some.group/x/; }
        location /host { proxy_set_header X-Proxy "$proxy_host $proxy_port"; proxy_pass http://some.group; }
    }"""), [get("/"), get("/a"), get("/host"), get("/host", host="x.example")])

Case("a member that fails is passed over", site("""
    upstream group {
        server @DEAD@ max_fails=1 fail_timeout=30s;
        server @UP@;
    }
    server { listen @A@; location / { proxy_pass http://group; } }"""), [get("/%d" % i) for i in range(6)] + [post("/p"), get("/7")])


def broken(request):
    """Upstream faults by target."""
    time.sleep(0)
    if request.target == "/nothing":
        return [("close",)]
    if request.target == "/reset":
        return [("reset",)]
    if request.target == "/half-head":
        return [b"HTTP/1.1 200 OK\r\nContent-Le", ("close",)]
    if request.target == "/half-body":
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", ("close",)]
    if request.target == "/early-hints":
        return [b"HTTP/1.1 100 Continue\r\n\r\n"] + answer(request)
    return answer(request)


Case("upstream faults", site("""
    server { listen @A@; location / { proxy_pass http://@UP@; } }"""),
     [get("/nothing"), get("/reset"), get("/half-head"), get("/half-body"), get("/early-hints"), post("/nothing"), post("/reset"), head("/nothing"), get("/")], script=broken)
