# SPDX-License-Identifier: BSD-2-Clause
"""What a proxy does beside choosing: fields to the backend, workers, balancers, reverse mapping, WebSocket, failures."""

from judge import HttpdCase, backend, get, harness, head, post, raw, redirecting, upgrade, vhost, vhosts

CLIENT_FIELDS = ([("X-Forwarded-For", "1.1.1.1")], [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")], [("X-Forwarded-Host", "h.example"), ("X-Forwarded-Server", "s.example"), ("X-Forwarded-Proto", "https"), ("X-Real-IP", "9.9.9.9"), ("Forwarded", "for=1.1.1.1")],
                 [("Cookie", "a=1"), ("Cookie", "b=2")], [("X-A", "1"), ("X-A", "2"), ("x-a", "3")], [("Connection", "close, X-Named"), ("X-Named", "gone"), ("X-Kept", "kept")], [("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "trailers"), ("Trailer", "X-T")],
                 [("Proxy-Authorization", "Basic eDp5"), ("Proxy", "http://evil/"), ("Authorization", "Basic YTpi")], [("Via", "1.0 old")], [("Accept-Encoding", "gzip"), ("Accept", "*/*"), ("User-Agent", "test/1")], [("X-Empty", "")], [("X_Under", "1"), ("X.Dot", "2")],
                 [("Max-Forwards", "3")], [("If-None-Match", "\"x\"")])

HttpdCase("fields", "request fields", vhost("    ProxyPass / http://@UP@/ # drop"), [get("/", fields=fields) for fields in CLIENT_FIELDS]
          + [post("/"), post("/", body=b"5\r\nhello\r\n0\r\n\r\n", fields=[("Transfer-Encoding", "chunked")]), post("/", body=b""), post("/", fields=[("Content-Type", "text/x"), ("Expect", "100-continue")]), get("/", version="1.0"), get("/", version="1.0", host=None),
             get("/", method="PUT", body=b"x" * 70000), get("/", method="PATCH", body=b"p"), get("/", method="PROPFIND"), get("/", method="ODD"), head("/"), get("/", host="LOCALhost:81"), get("/", host="localhost."),
             get("/", fields=[("Upgrade", "websocket"), ("Connection", "Upgrade")]), get("/", fields=[("Content-Length", "0")])],
          early=lambda request: [b"HTTP/1.1 100 Continue\r\n\r\n"] if request.get("expect") else None)

HttpdCase("fields", "ProxyPreserveHost, ProxyAddHeaders and ProxyVia", vhosts("""
    ServerName preserve
    ProxyPreserveHost On # drop
    ProxyPass / http://@UP@/""", """
    ServerName plain
    ProxyAddHeaders Off # drop
    ProxyPass / http://@UP@/""", """
    ServerName via
    ProxyVia On # drop
    ProxyPass / http://@UP@/""", """
    ServerName block
    ProxyVia Block # drop
    ProxyPass / http://@UP@/""", """
    ServerName scopes
    ProxyPass / http://@UP@/
    <Location /keep> # drop
        ProxyPreserveHost On
    </Location>
    <Location /bare> # drop
        ProxyAddHeaders Off
    </Location>
    <Proxy http://@UP@/proxied> # drop
        RequestHeader set X-In-Proxy yes
    </Proxy>"""), [get("/x", host=host, fields=fields) for host in ("preserve", "plain", "via", "block") for fields in ([], [("Via", "1.0 old"), ("X-Forwarded-For", "1.1.1.1")])]
          + [get("/x", host="PREserve:8080"), get("/x", host="preserve."), get("/x", version="1.0", host="preserve")] + [get(uri, host="scopes") for uri in ("/keep/x", "/bare/x", "/proxied/x", "/x")])


def relocating(request):
    """A redirect to the place that the query names, so that one case shows many."""
    where = request.target.partition("?")[2].replace("UP", "127.0.0.1:%d" % request.connection_port)
    fields = [("Location", where), ("Content-Location", where), ("URI", where), ("Refresh", "0; url=" + where), ("Link", "<%s>" % where)]
    return [backend.respond(201 if "/created" in request.target else 302, fields, b"moved")]


def with_port(script):
    """The script, told which port the backend listens on by the Host field of the request."""
    def told(request):
        request.connection_port = int((request.get("host") or "").rpartition(":")[2] or 0)
        return script(request)

    return told


HttpdCase("reverse", "ProxyPassReverse", vhost("""
    ProxyPass /one http://@UP@/one
    ProxyPassReverse /one http://@UP@/one # drop
    ProxyPass /two http://@UP@/
    ProxyPassReverse /two http://@UP@/ # drop
    ProxyPass /three http://@UP@/three
    ProxyPassReverse /three /x/ # drop
    <Location /loc>
        ProxyPass http://@UP@/loc
        ProxyPassReverse http://alias.example/inside # drop
    </Location>
    ProxyPass /ws ws://@UP@/ws
    ProxyPassReverse /ws ws://@UP@/ws # drop
"""), [get(uri) for uri in ("/one/a?http://UP/one/b", "/one/a?http://UP/one", "/one/a?http://UP/onex", "/one/a?http://UP/out", "/one/a?http://UP", "/one/a?http://UP/", "/two/a?http://UP/one/b", "/two/a?/relative", "/two/a?relative", "/two/a?https://UP/one", "/two/a?HTTP://UP/one/x",
                           "/two/a?http://localhost/one", "/three/a?/x/y", "/three/a?/xy", "/loc/a?http://alias.example/inside/x", "/loc/a?http://UP/loc/x", "/one/created?http://UP/one/new", "/one/a?//UP/one/b", "/one/a?http://UP/one/b?c=d%23e", "/ws/a?ws://UP/ws/x", "/ws/a?http://UP/ws/x")]
          + [get("/one/a?http://UP/one/b", host="name.example:8080"), get("/one/a?http://UP/one/b", version="1.0", host=None), head("/one/a?http://UP/one/b")], script=with_port(relocating))


def own_name(request):
    """A redirect to the name and port that the request has, or to those of the query; the scheme is http."""
    where = request.target.partition("?")[2] or request.get("host")
    return [backend.respond(int(request.target[1:4]), [("Location", "http://%s/login" % where), ("X-Seen-Host", request.get("host"))], b"moved", reason="Moved")]


HttpdCase("reverse", "redirects of backends", vhosts("""
    ServerName preserve.example
    ProxyPreserveHost On # drop
    ProxyPass / http://@UP@/
    ProxyPassReverse / http://@UP@/""", """
    ServerName both.example
    ProxyPreserveHost On
    ProxyPass / http://@UP@/
    ProxyPassReverse /in/ http://both.example/ # drop""", """
    ServerName plain.example
    ProxyPass / http://@UP@/
    ProxyPassReverse / http://@UP@/ # drop""", """
    ServerName bare.example
    ProxyPass / http://@UP@
    ProxyPassReverse / http://@UP@""", """
    ServerName deep.example
    ProxyPass / http://@UP@/
    <Location /302>
        ProxyPassReverse http://@UP@/ # drop
    </Location>""", """
    ServerName upper.example
    ProxyPass / http://@UP@/
    ProxyPassReverse / HTTP://@UP@/ # drop"""),
          [get("/302", host=name + ".example") for name in ("preserve", "both", "plain", "bare", "deep", "upper")] + [get("/302?" + where, host=name + ".example") for name in ("preserve", "plain") for where in ("localhost:1", "other.example", "both.example")]
          + [get("/%d" % status, host="plain.example") for status in (200, 201, 301, 303, 307, 308, 404, 503)] + [get("/302", host="plain.example:8443"), get("/302", host="both.example:8443"), get("/302", host="PLAIN.example"), get("/302", host="plain.example", version="1.0")],
          script=own_name)

COOKIES = redirecting(("Set-Cookie", "a=1; Path=/app; Domain=backend.example; Secure; HttpOnly"), ("Set-Cookie", "b=2; path=/app/deep"), ("Set-Cookie", "c=3; Domain=other.example"), ("Set-Cookie", "d=4"), ("Set-Cookie", "e=5; Path=/application"), ("Set-Cookie", "f=6; domain=.backend.example;path=/"))
HttpdCase("reverse", "ProxyPassReverseCookie", vhosts("""
    ServerName domain
    ProxyPass / http://@UP@/
    ProxyPassReverseCookieDomain backend.example front.example # drop""", """
    ServerName path
    ProxyPass / http://@UP@/
    ProxyPassReverseCookiePath /app / # drop""", """
    ServerName both
    ProxyPass / http://@UP@/
    ProxyPassReverseCookieDomain .backend.example .front.example # drop
    <Location /in> # drop
        ProxyPassReverseCookiePath / /in/
    </Location>
    ProxyPassReverseCookiePath /app /never
    ProxyPassReverseCookiePath /app/deep /never2"""), [get(uri, host=host) for host in ("domain", "path", "both") for uri in ("/", "/in/x")], script=COOKIES)

HttpdCase("worker", "workers are shared by their URL", vhost("""
    ProxyPass /plain http://@UP@/x # drop
    ProxyPass /up http://@UP@/x upgrade=websocket
    ProxyPass /top http://@UP2@/ upgrade=websocket # drop
    ProxyPass /topsub http://@UP2@/sub
"""), [upgrade(uri) for uri in ("/plain/a", "/up/a", "/top/a", "/topsub/a")] + [get("/up/a"), get("/topsub/a")])


def slow(request):
    """Waits as long as the target says before it answers."""
    found = request.target.partition("wait=")[2]
    return ([("pause", float(found))] if found else []) + list(harness.answer(request))


HttpdCase("worker", "timeouts", vhosts("""
    ServerName host
    ProxyTimeout 1 # drop
    ProxyPass /short http://@UP@/short
    ProxyPass /long http://@UP@/long timeout=5 # drop""", """
    ServerName main
    Timeout 1 # drop
    ProxyPass / http://@UP2@/""", """
    ServerName worker
    ProxyPass / http://@UP2@/w timeout=1 # drop"""), [get("/short?wait=1.7", host="host"), get("/long?wait=1.7", host="host"), get("/?wait=1.7", host="main"), get("/x?wait=1.7", host="worker"), get("/short", host="host")], script=slow, differs=["time out"])

HttpdCase("worker", "dead backends", vhosts("""
    ServerName dead
    ProxyPass / http://@DEAD@/ # drop""", """
    ServerName retry
    ProxyPass / http://@DEAD@/retry retry=0 # drop""", """
    ServerName status
    ProxyPass /disabled http://@UP@/ status=+D # drop
    ProxyPass / http://@UP2@/"""), [get("/a", host="dead"), get("/b", host="dead"), head("/c", host="dead"), post("/d", host="dead"), get("/a", host="retry"), get("/b", host="retry"), get("/disabled/x", host="status"), get("/x", host="status")])


def failing(request):
    """Closes, sends garbage or a status, as the last segment says."""
    what = request.target.rpartition("/")[2]
    if what == "close":
        return [("close",)]
    if what == "garbage":
        return [b"garbage\r\n\r\n", ("close",)]
    if what == "half":
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", ("close",)]
    if what == "head":
        return [b"HTTP/1.1 200 OK\r\nX-Half", ("close",)]
    if what.isdigit():
        return [backend.respond(int(what), [("X-From", "backend")], b"status %s" % what.encode() if what not in ("204", "304") else b"")]
    if what == "chunked":
        return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
    if what == "old":
        return [b"HTTP/1.0 200 OK\r\nX-Old: 1\r\n\r\nold body", ("close",)]
    if what == "early":
        return [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", backend.respond(200, [], b"late")]
    return harness.answer(request)


HttpdCase("worker", "answers of the backend", vhost("    ProxyPass / http://@UP@/ # drop"), [get("/" + what) for what in ("close", "half", "head", "chunked", "old", "204", "304", "400", "401", "403", "404", "408", "413", "500", "502", "503", "504", "299", "599")]
          + [head("/404"), get("/x"), get("/404", keep=True), get("/x", keep=True), get("/500"), get("/chunked", version="1.0")], script=failing)

HttpdCase("balancer", "byrequests, bytraffic, bybusyness and loadfactor", vhost("""
    <Proxy balancer://even>
        BalancerMember http://@UP@ # drop
        BalancerMember http://@UP2@ # drop
    </Proxy>
    ProxyPass /even balancer://even/
    <Proxy "balancer://weighted">
        BalancerMember http://@UP@/w loadfactor=3 # drop
        BalancerMember http://@UP2@/w
    </Proxy>
    ProxyPass /weighted balancer://weighted
    <Proxy balancer://busy>
        BalancerMember http://@UP@/b
        BalancerMember http://@UP2@/b
        ProxySet lbmethod=bybusyness
    </Proxy>
    ProxyPass /busy balancer://busy
    <Proxy balancer://standby>
        BalancerMember http://@DEAD@/s
        BalancerMember http://@UP2@/s status=+H # drop
    </Proxy>
    ProxyPass /standby balancer://standby
    <Proxy balancer://disabled>
        BalancerMember http://@UP@/d status=+D
        BalancerMember http://@UP2@/d
    </Proxy>
    ProxyPass /disabled balancer://disabled
    BalancerMember balancer://outside http://@UP@/o # drop
    ProxyPass /outside balancer://outside/deep
    ProxyPassReverse /outside balancer://outside/deep
    ProxyPass /named balancer://set/n
    <Proxy balancer://set>
        BalancerMember http://@UP@/p
        BalancerMember http://@UP2@/p lbset=1
        ProxySet lbmethod=bytraffic
    </Proxy>
"""), [get("/even/%d" % i) for i in range(6)] + [get("/weighted/%d" % i) for i in range(8)] + [get("/busy/%d" % i) for i in range(4)] + [get("/standby/%d" % i) for i in range(2)] + [get("/disabled/%d" % i) for i in range(2)] + [get("/outside/x?y"), get("/outside"), get("/named/x"), get("/named/y"), get("/even"), get("/weighted")])

HttpdCase("balancer", "stickysession and route", vhost("""
    <Proxy balancer://sticky>
        BalancerMember http://@UP@ route=one # drop
        BalancerMember http://@UP2@ route=two # drop
        ProxySet stickysession=SID|sid # drop
    </Proxy>
    ProxyPass / balancer://sticky/
    <Proxy balancer://delimited>
        BalancerMember http://@UP@/d route=one
        BalancerMember http://@UP2@/d route=two
    </Proxy>
    <Location /delimited>
        ProxyPass balancer://delimited stickysession=JSESSIONID scolonpathdelim=On # drop
    </Location>
    <Proxy balancer://failover>
        BalancerMember http://@DEAD@/f route=one
        BalancerMember http://@UP2@/f route=two
        ProxySet stickysession=SID nofailover=On # drop
    </Proxy>
    <Location /failover>
        ProxyPass balancer://failover
    </Location>
    Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED # drop
"""), [get("/x", fields=[("Cookie", "SID=abc.%s" % route)]) for route in ("one", "two", "two", "one", "two")] + [get("/x?sid=abc.two"), get("/x;sid=abc.two"), get("/x", fields=[("Cookie", "other=1; SID=z.two; x=y")]), get("/x", fields=[("Cookie", "SID=abc.none")]),
      get("/delimited/x;JSESSIONID=q.two"), get("/delimited/x;JSESSIONID=q.two?z"), get("/failover/x", fields=[("Cookie", "SID=a.one")]), get("/failover/x", fields=[("Cookie", "SID=a.two")])])

HttpdCase("upgrade", "ws targets", vhost("""
    ProxyPass /ws ws://@UP@/ws # drop
    ProxyPass /up http://@UP@/up upgrade=websocket # drop
    ProxyPass /any http://@UP2@/any upgrade=ANY # drop
    ProxyPass /plain http://@UP2@/plain
    <Location /loc>
        ProxyPass ws://@UP@/loc # drop
    </Location>
    Header set X-Set yes # drop
    Header always set X-Always yes # drop
"""), [upgrade(uri) for uri in ("/ws", "/ws/x?y=z", "/up", "/any/x", "/plain", "/loc/x")] + [get(uri) for uri in ("/ws", "/up/x", "/any", "/loc")] + [get("/ws", fields=[("Upgrade", value), ("Connection", "Upgrade")]) for value in ("foo/1", "foo, websocket", "WebSocket")]
          + [get("/any", fields=[("Upgrade", "foo/1"), ("Connection", "Upgrade")]), get("/up", fields=[("Upgrade", "foo/1"), ("Connection", "Upgrade")]), get("/ws", fields=[("Upgrade", "websocket")]), post("/ws"), head("/ws"),
             upgrade("/ws", fields=[("Sec-WebSocket-Protocol", "chat"), ("Origin", "http://localhost"), ("Cookie", "a=1")])])


def refusing(request):
    """Refuses handshakes as the last segment says."""
    what = request.target.rpartition("/")[2]
    return [backend.respond(int(what), [("X-Refused", "yes")] + ([("Location", "http://e.example/")] if what == "302" else []), b"refused")] if what.isdigit() else harness.answer(request)


HttpdCase("upgrade", "refused handshakes and the order of rules", vhost("""
    ProxyPass / http://@UP2@/ # drop
    ProxyPass /chat ws://@UP@/chat
    Header always set X-Always yes # drop
"""), [upgrade("/chat/x"), upgrade("/" + "403"), upgrade("/302"), upgrade("/426"), get("/403")], script=refusing)

HttpdCase("upgrade", "the recipe with RewriteRule", vhost("""
    RewriteEngine On
    RewriteCond %{HTTP:Upgrade} websocket [NC] # drop
    RewriteCond %{HTTP:Connection} upgrade [NC]
    RewriteRule ^/?(.*) "ws://@UP@/$1" [P,L] # drop
    ProxyPass / http://@UP2@/ # drop
    ProxyPassReverse / http://@UP2@/
"""), [upgrade("/"), upgrade("/chat/room?x=y"), get("/"), get("/x?y"), post("/x"), get("/x", fields=[("Upgrade", "websocket")]), get("/x", fields=[("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]), upgrade("/a%20b"), get("/x", fields=[("Upgrade", "foo"), ("Connection", "Upgrade")])])

HttpdCase("upgrade", "the old tunnel", vhosts("""
    ServerName off
    ProxyWebsocketFallbackToProxyHttp Off # drop
    ProxyPass /ws ws://@UP@/ws
    ProxyPass / http://@UP2@/""", """
    ServerName on
    ProxyPass /ws ws://@UP@/ws # drop
    ProxyPass / http://@UP2@/"""), [row for host in ("off", "on") for row in (upgrade("/ws/x", host=host), get("/ws/x", host=host), get("/ws/x", host=host, fields=[("Upgrade", "foo"), ("Connection", "Upgrade")]))])


def tls_version(request):
    """The page tells what the connection is encrypted with."""
    if request.backend != "tls" or request.tokens("upgrade"):
        return harness.answer(request)
    return [backend.respond(200, [("X-Upstream", "tls")], request.connection.tls_version.encode())]


HttpdCase("backend tls", "https and wss targets", vhosts("""
    ServerName plain
    SSLProxyEngine On # drop
    ProxyPass /s https://localhost:@TLS.port@/s # drop
    ProxyPass /w wss://localhost:@TLS.port@/w # drop""", """
    ServerName ip
    SSLProxyEngine On
    ProxyPass /s https://127.0.0.1:@TLS.port@/ip
    ProxyPass /t https://127.0.0.1:@TLS.port@/ip""", """
    ServerName off
    ProxyPass /s https://localhost:@TLS.port@/off""", """
    ServerName verified
    SSLProxyEngine On
    SSLProxyVerify require
    SSLProxyCACertificateFile @DIR@/upstream.crt # drop
    SSLProxyVerifyDepth 1
    ProxyPass / https://localhost:@TLS.port@/v""", """
    ServerName wrong
    SSLProxyEngine On
    SSLProxyVerify require # drop
    SSLProxyCACertificateFile @DIR@/other.crt
    ProxyPass / https://localhost:@TLS.port@/wrong""", """
    ServerName name
    SSLProxyEngine On
    SSLProxyVerify require
    SSLProxyCACertificateFile @DIR@/upstream.crt
    SSLProxyCheckPeerName off # drop
    ProxyPreserveHost On
    ProxyPass / https://127.0.0.1:@TLS.port@/name""", """
    ServerName version
    SSLProxyEngine On
    SSLProxyProtocol TLSv1.2 # drop
    SSLProxyCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256 # drop
    RequestHeader set X-Peer none
    ProxyPass / https://localhost:@TLS.port@/version"""), [get("/s/x", host="plain"), upgrade("/w/x", host="plain"), get("/w/x", host="plain"), get("/s/x", host="off"), get("/s/x", host="ip"), get("/", host="verified"), get("/", host="wrong"), get("/", host="name"), get("/", host="version")],
          certs=[("other", "other.example")], script=tls_version)
